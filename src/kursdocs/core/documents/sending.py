"""What a sender wants to send: checked against the catalogue before a byte of the file is read.

Entry points: :class:`SendingForm` (as typed), :func:`check` (raises every mistake at once) and
:class:`Sending` (what :mod:`kursdocs.operations.intake` then carries out).
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlmodel import Session

from kursdocs.catalogue import (
    Catalogue,
    DateFormat,
    Field,
    FieldFormat,
    Kind,
    KindField,
    Need,
    Route,
    Text,
    TextFormat,
)
from kursdocs.catalogue.fields import validate_fields
from kursdocs.core import agencies
from kursdocs.core.access import Actor
from kursdocs.core.documents.tables import NAME_LENGTH_MAX, ORIGINAL_AT_LENGTH_MAX, ReleaseForm
from kursdocs.core.errors import Invalid, InvalidForm

RECIPIENTS_MAX = 20
COMMON_FIELDS = ("family_name", "given_names", "birth_date", "release_given_on", "original_at")
_EARLIEST_BIRTH = date(1900, 1, 1)
_UNMET = {
    Need.OBLIGING_BODY: ("obliging_body", "obliging_body_missing"),
    Need.ISSUING_BODY: ("obliging_body", "issuing_body_missing"),
    Need.PRIOR_REQUEST: ("recipient", "prior_request_missing"),
}
"""Field and code of the mistake when a need towards one recipient is not met."""


@dataclass(frozen=True)
class SendingForm:
    """The fields of a sending as they were typed, page or API alike.

    ``request`` is the id of the request that the paper answers, where somebody came by way of it.
    """

    kind: str = ""
    recipients: Sequence[str] = ()
    family_name: str = ""
    given_names: str = ""
    birth_date: str = ""
    original_at: str = ""
    released: bool = False
    release_given_on: str = ""
    release_form: str = ""
    obliging_bodies: Sequence[str] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    request: str = ""


@dataclass(frozen=True)
class Addressed:
    """One recipient, the route on which the document may go there, and the need that is met."""

    agency_id: UUID
    route: Route
    need: Need


@dataclass(frozen=True)
class Sending:
    """A checked sending: nothing in it can be refused for its form any more."""

    kind: Kind
    addressed: Sequence[Addressed]
    family_name: str
    given_names: str
    birth_date: date
    fields: Mapping[str, str]
    original_at: str
    release_given_on: date | None
    release_form: ReleaseForm | None
    release_as_typed: str = ""
    request_id: UUID | None = None
    # The document that this one corrects, and why; both or neither.
    replaces_id: UUID | None = None
    correction_reason: str = ""

    def content_hash(self, received_sha256: str) -> str:
        """One hash of fields and bytes, so that a repeated key can be told from a reused one."""
        said = {
            "kind": self.kind.code,
            "to": sorted(f"{a.agency_id} {a.need}" for a in self.addressed),
            # As typed: "today" said again after midnight is still the same sending.
            "release": [self.release_as_typed, self.release_form],
            "person": [self.family_name, self.given_names, self.birth_date.isoformat()],
            "fields": dict(self.fields),
            "original_at": self.original_at,
            "received": received_sha256,
        }
        if self.replaces_id is not None:
            said["replaces"] = [str(self.replaces_id), self.correction_reason]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def common_fields(today: date) -> tuple[KindField, ...]:
    """The fields every document has, in the form's order; nothing lies after ``today``."""
    past = DateFormat(earliest=_EARLIEST_BIRTH, latest=today)
    return (
        _field("family_name", "Familienname", "Family name", TextFormat(NAME_LENGTH_MAX)),
        _field("given_names", "Vornamen", "Given names", TextFormat(NAME_LENGTH_MAX)),
        _field("birth_date", "Geburtsdatum", "Date of birth", past),
        _field("release_given_on", "Freigegeben am", "Released on", past, required=False),
        _field(
            "original_at",
            "Wo liegt das Original?",
            "Where is the original kept?",
            TextFormat(ORIGINAL_AT_LENGTH_MAX),
            required=False,
        ),
    )


def _field(
    name: str, german: str, english: str, format_: FieldFormat, *, required: bool = True
) -> KindField:
    return KindField(Field(name, Text(german, english), None, format_), required)


def check(
    session: Session,
    actor: Actor,
    catalogue: Catalogue,
    form: SendingForm,
    *,
    today: date,
    requested: Collection[str] = (),
) -> Sending:
    """Check a form against catalogue and agencies; raises ``InvalidForm`` with every mistake.

    ``requested`` are the recipients (slugs) that lawfully asked the acting agency for this paper.
    """
    mistakes: list[Invalid] = []
    kind = _kind(actor, catalogue, form, mistakes)
    if kind is None:
        raise InvalidForm(mistakes)
    addressed = _addressed(session, actor, catalogue, kind, form, requested, mistakes)
    common = {name: getattr(form, name) for name in COMMON_FIELDS}
    asked = (*common_fields(today), *kind.fields)
    values, wrong = validate_fields(asked, {**form.fields, **common})
    mistakes += [Invalid(m.code, field=m.field, **m.details) for m in wrong]
    release_form = _release(form, addressed, mistakes)
    if mistakes:
        raise InvalidForm(mistakes)
    given_on = values.get("release_given_on")
    return Sending(
        kind=kind,
        addressed=addressed,
        family_name=values["family_name"],
        given_names=values["given_names"],
        birth_date=date.fromisoformat(values["birth_date"]),
        fields={name: value for name, value in values.items() if name not in common},
        original_at=values.get("original_at", ""),
        release_given_on=_given_on(given_on, today) if release_form else None,
        release_form=release_form,
        release_as_typed=form.release_given_on.strip(),
    )


def _given_on(typed: str | None, today: date) -> date:
    return date.fromisoformat(typed) if typed else today


def _kind(
    actor: Actor, catalogue: Catalogue, form: SendingForm, mistakes: list[Invalid]
) -> Kind | None:
    if not form.kind:
        mistakes.append(Invalid("field_missing", field="kind"))
        return None
    if catalogue.excluded_paper(form.kind):
        mistakes.append(Invalid("kind_excluded", field="kind", kind=form.kind))
        return None
    kind = catalogue.kind(form.kind)
    if kind is None:
        mistakes.append(Invalid("kind_unknown", field="kind"))
    elif kind not in catalogue.sendable_by(actor.acting.kind):
        mistakes.append(Invalid("kind_not_yours", field="kind", kind=form.kind))
        return None
    return kind


def _addressed(
    session: Session,
    actor: Actor,
    catalogue: Catalogue,
    kind: Kind,
    form: SendingForm,
    requested: Collection[str],
    mistakes: list[Invalid],
) -> list[Addressed]:
    slugs = list(dict.fromkeys(form.recipients))
    if not slugs or len(slugs) > RECIPIENTS_MAX:
        code = "recipients_too_many" if slugs else "recipient_missing"
        mistakes.append(Invalid(code, field="recipient"))
        return []
    known = {agency.slug: agency for agency in agencies.recipients(session, actor)}
    addressed = []
    for slug in slugs:
        agency = known.get(slug)
        if agency is None:
            mistakes.append(Invalid("recipient_unknown", field="recipient", recipient=slug[:60]))
            continue
        route = catalogue.route(kind, actor.acting.kind, agency.kind)
        if route is None:
            mistakes.append(
                Invalid("recipient_not_allowed", field="recipient", recipient=slug, kind=kind.code)
            )
            continue
        addressed.append(Addressed(agency.id, route, _need(slug, route, form, requested, mistakes)))
    return addressed


def _need(
    slug: str,
    route: Route,
    form: SendingForm,
    requested: Collection[str],
    mistakes: list[Invalid],
) -> Need:
    """The first of the route's needs that is met; when none is, the usual one, as a mistake.

    A missing release is no mistake here: it is told once for all recipients.
    """
    for need in route.needs:
        if _is_met(need, slug, form, requested):
            return need
    if route.need in _UNMET:
        field, code = _UNMET[route.need]
        mistakes.append(Invalid(code, field=field, recipient=slug))
    return route.need


def _is_met(need: Need, slug: str, form: SendingForm, requested: Collection[str]) -> bool:
    """Whether what the need asks for towards this recipient is there.

    Who obliged the person and who issued the entitlement stand in the same field of the form.
    """
    if need is Need.PRIOR_REQUEST:
        return slug in requested
    if need is Need.RELEASE:
        return _says_released(form)
    if need in (Need.OBLIGING_BODY, Need.ISSUING_BODY):
        return slug in form.obliging_bodies
    return need is Need.NONE


def _says_released(form: SendingForm) -> bool:
    return bool(form.released or form.release_given_on.strip() or form.release_form)


def _release(
    form: SendingForm, addressed: Sequence[Addressed], mistakes: list[Invalid]
) -> ReleaseForm | None:
    """How the person released it; ``released`` alone means today and in person.

    A release covers exactly the recipients named.
    """
    if not _says_released(form):
        if any(one.need is Need.RELEASE for one in addressed):
            mistakes.append(Invalid("release_missing", field="released"))
        return None
    try:
        return ReleaseForm(form.release_form or ReleaseForm.IN_PERSON)
    except ValueError:
        mistakes.append(Invalid("field_choice", field="release_form"))
        return None
