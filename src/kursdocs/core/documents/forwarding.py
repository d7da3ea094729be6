"""Handing a paper on: a recipient passes it to a third agency, where the catalogue allows it.

It stays one document with one more delivery, so that a withdrawal or a correction reaches everybody
who has it. Who hands it on sees that delivery beside its own; the sender sees all of them; the new
recipient sees the sender and who handed it on. Entry points: :func:`ways`, :func:`check`,
:func:`forward`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlmodel import Session, select

from kursdocs.catalogue import Catalogue, Need, Route
from kursdocs.catalogue.fields import validate_fields
from kursdocs.core import agencies, audit
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import Happening
from kursdocs.core.documents import lifecycle
from kursdocs.core.documents.reading import DocumentView
from kursdocs.core.documents.sending import common_fields
from kursdocs.core.documents.tables import (
    Delivery,
    DeliveryState,
    Document,
    DocumentState,
    ReleaseForm,
)
from kursdocs.core.errors import Conflict, Invalid, InvalidForm, NotFound


@dataclass(frozen=True)
class Way:
    """An agency that the paper may be handed on to, and the route there."""

    agency: Agency
    route: Route


@dataclass(frozen=True)
class ForwardForm:
    """Handing on as it was typed, page or API alike; ``released`` alone: today and in person."""

    recipient: str = ""
    released: bool = False
    release_given_on: str = ""
    release_form: str = ""


@dataclass(frozen=True)
class Forward:
    """Checked: to whom, on which route, and the release for it where the route needs one."""

    way: Way
    release_given_on: date | None
    release_form: ReleaseForm | None


def ways(session: Session, actor: Actor, catalogue: Catalogue, document: Document) -> Sequence[Way]:
    """To whom the acting agency may hand this document on, by name.

    Who has it already is not left out: what is missing from the list would tell of it.
    """
    found = _ways(session, actor, catalogue, document.kind)
    return [way for way in found if way.agency.id != document.sender_agency_id]


def can_forward(
    session: Session, actor: Actor, catalogue: Catalogue, document: DocumentView
) -> bool:
    """Whether there is any agency that this document may go on to."""
    found = _ways(session, actor, catalogue, document.kind)
    return any(way.agency.slug != document.sender for way in found)


def _ways(session: Session, actor: Actor, catalogue: Catalogue, kind: str) -> list[Way]:
    routes = [
        (agency, catalogue.forward_route(kind, actor.acting.kind, agency.kind))
        for agency in agencies.recipients(session, actor)
    ]
    return [Way(agency, route) for agency, route in routes if route is not None]


def held(session: Session, actor: Actor, delivery_id: UUID) -> tuple[Document, Delivery]:
    """The locked rows of a delivery that the acting agency received and may hand on.

    Raises ``NotFound`` when it is not addressed to the acting agency or no longer there,
    ``Conflict`` (``already_returned`` with when) for what it gave back.
    """
    known = session.exec(select(Delivery.document_id).where(Delivery.id == delivery_id)).first()
    document = lifecycle.locked(session, known) if known is not None else None
    if document is None or document.state is not DocumentState.LIVE:
        raise NotFound
    query = select(Delivery).where(Delivery.id == delivery_id).with_for_update()
    delivery = session.exec(query.execution_options(populate_existing=True)).one()
    if delivery.recipient_agency_id != actor.acting.id or delivery.delivered_at is None:
        raise NotFound
    if delivery.state is DeliveryState.RETURNED and delivery.returned_at is not None:
        raise Conflict("already_returned", at=lifecycle.utc(delivery.returned_at))
    return document, delivery


def check(form: ForwardForm, offered: Sequence[Way], *, today: date) -> Forward:
    """Check what was typed against the ways there are; raises ``InvalidForm``."""
    mistakes: list[Invalid] = []
    way = next((way for way in offered if way.agency.slug == form.recipient), None)
    if way is None:
        code = "forward_not_possible" if form.recipient else "recipient_missing"
        raise InvalidForm([Invalid(code, field="recipient")])
    if way.route.need is not Need.RELEASE:
        return Forward(way, None, None)
    given_on = _given_on(form, today, mistakes)
    release_form = _release_form(form, mistakes)
    if mistakes:
        raise InvalidForm(mistakes)
    return Forward(way, given_on, release_form)


def _given_on(form: ForwardForm, today: date, mistakes: list[Invalid]) -> date | None:
    asked = tuple(one for one in common_fields(today) if one.field.name == "release_given_on")
    values, wrong = validate_fields(asked, {"release_given_on": form.release_given_on})
    mistakes += [Invalid(one.code, field=one.field, **one.details) for one in wrong]
    if typed := values.get("release_given_on"):
        return date.fromisoformat(typed)
    if not (form.released or form.release_form) and not wrong:
        mistakes.append(Invalid("forward_release_missing", field="release_given_on"))
    return today


def _release_form(form: ForwardForm, mistakes: list[Invalid]) -> ReleaseForm | None:
    try:
        return ReleaseForm(form.release_form or ReleaseForm.IN_PERSON)
    except ValueError:
        mistakes.append(Invalid("field_choice", field="release_form"))
        return None


def forward(
    session: Session,
    actor: Actor,
    delivery_id: UUID,
    form: ForwardForm,
    *,
    catalogue: Catalogue,
    today: date,
    now: datetime,
) -> Delivery:
    """Hand a received paper on to one more agency; returns its new delivery.

    Raises as :func:`held` and :func:`check` do, ``Conflict`` (``not_forwardable``) when there is no
    agency that it may go on to, and ``InvalidForm`` for one that has it:
    ``forwarded_already`` when the acting agency handed it on there itself, else
    ``forward_not_possible``. That sentence is the one for every agency that cannot get it, and each
    attempt is in the log: who else has a paper is nobody's business but its sender's.
    """
    document, _ = held(session, actor, delivery_id)
    offered = ways(session, actor, catalogue, document)
    if not offered:
        raise Conflict("not_forwardable")
    checked = check(form, offered, today=today)
    agency, route = checked.way.agency, checked.way.route
    for known in lifecycle.deliveries_of(session, document.id):
        if known.recipient_agency_id == agency.id:
            is_ours = known.forwarded_by_agency_id == actor.acting.id
            code = "forwarded_already" if is_ours else "forward_not_possible"
            raise InvalidForm([Invalid(code, field="recipient")])
    delivery = Delivery(
        document_id=document.id,
        sender_agency_id=document.sender_agency_id,
        recipient_agency_id=agency.id,
        ground=route.ground,
        need=route.need.value,
        due_on=today,
        forwarded_by_agency_id=actor.acting.id,
        forward_release_given_on=checked.release_given_on,
        forward_release_form=checked.release_form,
    )
    lifecycle.hand_on(session, document, delivery, catalogue=catalogue, now=now)
    audit.record(
        session,
        actor,
        Happening.DELIVERY_FORWARDED,
        now=now,
        document_id=document.id,
        delivery_id=delivery.id,
        recipient=agency.slug,
    )
    return delivery
