"""Asking another agency for a paper, and taking that back.

Who may ask whom for what follows from the catalogue: where a route brings a kind from them to us,
we may ask them for it, unless the kind says ``on_request = false``. A request is no permission: the
need of the route stands as before. Only where the law has the agency ask the person first
(§ 14 Abs. 6 Satz 4 bis 7 IntV) does a request that says when that was replace the release.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from kursdocs.catalogue import (
    AgencyKind,
    Catalogue,
    DateFormat,
    Field,
    FieldFormat,
    Kind,
    KindField,
    Route,
    Text,
)
from kursdocs.catalogue.fields import validate_fields
from kursdocs.core import agencies, audit
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import Happening
from kursdocs.core.documents import sending
from kursdocs.core.documents.names import is_same_name
from kursdocs.core.errors import Conflict, Invalid, InvalidForm
from kursdocs.core.requests.standing import end, is_open, locked
from kursdocs.core.requests.tables import PaperRequest, RequestState
from kursdocs.core.workdays import local_date

OPEN_MAX = 200
"""So many requests of one agency may be open. More is no request, but a list of people."""

DUE_DAYS_MAX = 180
ASKED_DAYS_MAX = 366
_PERSON = ("family_name", "given_names", "birth_date")


@dataclass(frozen=True)
class RequestForm:
    """The fields of a request as they were typed, page or API alike."""

    kind: str = ""
    provider: str = ""
    family_name: str = ""
    given_names: str = ""
    birth_date: str = ""
    due_on: str = ""
    person_asked_on: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Offer:
    """An agency that can be asked for a kind, the route on which it would come, its usual day."""

    agency: Agency
    route: Route
    due_on: date


def can_take_part(catalogue: Catalogue, kind: AgencyKind) -> bool:
    """Whether this kind of agency can ask for anything, or be asked."""
    return bool(catalogue.requestable_by(kind) or catalogue.askable_of(kind))


def is_mostly_asked(catalogue: Catalogue, kind: AgencyKind) -> bool:
    """Whether this kind of agency is asked for more kinds of papers than it can ask for."""
    return len(catalogue.askable_of(kind)) > len(catalogue.requestable_by(kind))


def offers(
    session: Session, actor: Actor, catalogue: Catalogue, kind: Kind, *, now: datetime
) -> list[Offer]:
    """Whom the acting agency may ask for this kind, by name; empty when nobody."""
    if not kind.on_request:
        return []
    found = agencies.recipients(session, actor)
    routes = ((agency, kind.route(agency.kind, actor.acting.kind)) for agency in found)
    usual = [(agency, route) for agency, route in routes if route is not None]
    workdays = agencies.workdays_of(session, [agency.id for agency, _ in usual])
    today, days = local_date(now), catalogue.answer_working_days
    return [Offer(agency, route, workdays[agency.id].after(today, days)) for agency, route in usual]


def ask(
    session: Session, actor: Actor, catalogue: Catalogue, form: RequestForm, *, now: datetime
) -> UUID:
    """Ask another agency for a paper; returns the request's id.

    Raises ``InvalidForm`` with every mistake, ``Conflict`` (``request_repeated`` with the id of
    the open one, ``requests_too_many``).
    """
    kind = _kind(actor, catalogue, form)
    mistakes: list[Invalid] = []
    offer = _offer(session, actor, catalogue, kind, form, mistakes, now=now)
    is_two_step = _is_two_step(actor, kind, offer)
    values = _values(kind, form, mistakes, is_two_step=is_two_step, today=local_date(now))
    asked_on = _day(values.get("person_asked_on"))
    _check_time_of_person(catalogue, asked_on, mistakes, today=local_date(now))
    if mistakes or offer is None:
        raise InvalidForm(mistakes)
    _lock(session, actor)
    paper = PaperRequest(
        kind=kind.code,
        municipality_id=actor.municipality,
        requester_agency_id=actor.acting.id,
        provider_agency_id=offer.agency.id,
        family_name=values["family_name"],
        given_names=values["given_names"],
        birth_date=date.fromisoformat(values["birth_date"]),
        fields={name: values[name] for name in _names(kind) if name in values},
        ground=offer.route.ground,
        person_asked_on=asked_on,
        due_on=_day(values.get("due_on")) or offer.due_on,
        created_at=now,
        asked_by_user_id=actor.user_id,
    )
    _refuse_repeated(session, paper)
    session.add(paper)
    audit.record(
        session,
        actor,
        Happening.PAPER_REQUESTED,
        now=now,
        paper_request=str(paper.id),
        kind=kind.code,
    )
    return paper.id


def cancel(session: Session, actor: Actor, request_id: UUID, *, now: datetime) -> None:
    """Take an own request back.

    Raises ``NotFound`` for every request that the acting agency did not make, ``Conflict``
    (``request_over``) when it has ended.
    """
    mine = col(PaperRequest.requester_agency_id) == actor.acting.id
    paper = locked(session, request_id, mine)
    end(paper, RequestState.CANCELLED, actor, now=now)
    session.add(paper)
    audit.record(
        session, actor, Happening.PAPER_REQUEST_CANCELLED, now=now, paper_request=str(paper.id)
    )


def _kind(actor: Actor, catalogue: Catalogue, form: RequestForm) -> Kind:
    kind = catalogue.kind(form.kind)
    if not form.kind:
        raise InvalidForm([Invalid("field_missing", field="kind")])
    if catalogue.excluded_paper(form.kind):
        raise InvalidForm([Invalid("kind_excluded", field="kind", kind=form.kind)])
    if kind is None:
        raise InvalidForm([Invalid("kind_unknown", field="kind")])
    if kind not in catalogue.requestable_by(actor.acting.kind):
        raise InvalidForm([Invalid("kind_not_requestable", field="kind", kind=kind.code)])
    return kind


def _offer(
    session: Session,
    actor: Actor,
    catalogue: Catalogue,
    kind: Kind,
    form: RequestForm,
    mistakes: list[Invalid],
    *,
    now: datetime,
) -> Offer | None:
    if not form.provider:
        mistakes.append(Invalid("field_choice", field="provider"))
        return None
    found = {offer.agency.slug: offer for offer in offers(session, actor, catalogue, kind, now=now)}
    if form.provider in found:
        return found[form.provider]
    known = {agency.slug for agency in agencies.recipients(session, actor)}
    code = "provider_not_askable" if form.provider in known else "recipient_unknown"
    mistakes.append(Invalid(code, field="provider", recipient=form.provider[:60]))
    return None


def _is_two_step(actor: Actor, kind: Kind, offer: Offer | None) -> bool:
    """As long as nobody usable is chosen: whether it may come to that."""
    if offer is not None:
        return offer.route.is_two_step
    mine = actor.acting.kind
    return any(route.is_two_step for route in kind.routes if mine in route.recipients)


def _values(
    kind: Kind,
    form: RequestForm,
    mistakes: list[Invalid],
    *,
    is_two_step: bool,
    today: date,
) -> dict[str, str]:
    typed = {name: getattr(form, name) for name in (*_PERSON, "due_on")} | dict(form.fields)
    asked = [one for one in sending.common_fields(today) if one.field.name in _PERSON]
    later = DateFormat(today + timedelta(days=1), today + timedelta(days=DUE_DAYS_MAX))
    asked.append(_field("due_on", "Frist", "Due", later, required=False))
    if is_two_step:
        past = DateFormat(today - timedelta(days=ASKED_DAYS_MAX), today)
        asked.append(_field("person_asked_on", "Person aufgefordert am", "Person asked on", past))
    if is_two_step or form.person_asked_on.strip():
        typed["person_asked_on"] = form.person_asked_on
    values, wrong = validate_fields((*asked, *kind.request_fields), typed)
    mistakes += [Invalid(m.code, field=m.field, **m.details) for m in wrong]
    return values


def _names(kind: Kind) -> Sequence[str]:
    return [asked.field.name for asked in kind.request_fields]


def _field(
    name: str, german: str, english: str, format_: FieldFormat, *, required: bool = True
) -> KindField:
    return KindField(Field(name, Text(german, english), None, format_), required)


def _day(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None


def _check_time_of_person(
    catalogue: Catalogue, asked_on: date | None, mistakes: list[Invalid], *, today: date
) -> None:
    """The person must have had time to hand it in (§ 14 Abs. 6 Satz 4 bis 7 IntV)."""
    days = catalogue.person_has_days
    if asked_on is not None and asked_on + timedelta(days=days) > today:
        first = (asked_on + timedelta(days=days)).isoformat()
        mistakes.append(
            Invalid("person_asked_lately", field="person_asked_on", days=days, min=first)
        )


def _lock(session: Session, actor: Actor) -> None:
    """One request of an agency after the other, so that two colleagues see each other's.

    Papers of the agency go on meanwhile: they only refer to the row.
    """
    row = select(Agency.id).where(Agency.id == actor.acting.id)
    session.exec(row.with_for_update(key_share=True)).one()


def _refuse_repeated(session: Session, paper: PaperRequest) -> None:
    own = select(PaperRequest).where(
        PaperRequest.requester_agency_id == paper.requester_agency_id, is_open()
    )
    same = own.where(
        PaperRequest.provider_agency_id == paper.provider_agency_id,
        PaperRequest.kind == paper.kind,
        PaperRequest.birth_date == paper.birth_date,
    )
    for other in session.exec(same):
        if is_same_name(paper, other):
            raise Conflict("request_repeated", request=str(other.id))
    count = sa.select(sa.func.count()).select_from(own.limit(OPEN_MAX).subquery())
    if (session.scalar(count) or 0) >= OPEN_MAX:
        raise Conflict("requests_too_many", limit=OPEN_MAX)
