"""Settling a delivery: taking it over or giving it back, once for a whole agency.

Each function locks document and delivery, refuses what is settled already, finds out anew when the
content goes (``retention``), and leaves its trace in the audit log. :func:`undo` takes a slip of
the hand back; :func:`claim` lets colleagues see who is on it.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import Session, select

from kursdocs.catalogue import Catalogue
from kursdocs.core import accounts, audit
from kursdocs.core.access import Actor, ActorKind
from kursdocs.core.audit import Happening
from kursdocs.core.documents import lifecycle, retention
from kursdocs.core.documents.reasons import UNTOUCHED
from kursdocs.core.documents.tables import (
    Delivery,
    DeliveryState,
    Document,
    DocumentState,
)
from kursdocs.core.errors import Conflict, Forbidden, NotFound

UNDO_SECONDS = 10
"""So long a page offers to undo."""
UNDO_SECONDS_ACCEPTED = 15
"""So long it is done: what was clicked in time may take a while to arrive."""
CLAIM_MINUTES = 30
"""So long a claim holds, unless it is renewed: who is called away blocks nobody."""


def take_over(
    session: Session,
    actor: Actor,
    delivery_id: UUID,
    *,
    catalogue: Catalogue,
    now: datetime,
    despite_claim: bool = False,
) -> UUID:
    """Make the delivery the agency's own, once for all in it; returns the document's id.

    Raises ``NotFound`` when it is not addressed to the acting agency, ``Conflict``
    (``already_taken_over``, ``already_returned``) with when and who, and unless ``despite_claim``
    ``claimed_by_colleague`` with who and until when.
    """
    delivery = _untouched(session, actor, delivery_id)
    if not despite_claim:
        _check_unclaimed(session, actor, delivery, now)
    _end_claim(delivery)
    delivery.state = DeliveryState.TAKEN_OVER
    delivery.taken_over_at = now
    delivery.taken_over_by_user_id = actor.user_id
    delivery.taken_over_by_service_account_id = actor.service_account_id
    session.add(delivery)
    retention.refresh(session, session.get_one(Document, delivery.document_id), catalogue)
    _record(session, actor, Happening.DELIVERY_TAKEN_OVER, delivery, now=now)
    return delivery.document_id


def return_(
    session: Session,
    actor: Actor,
    delivery_id: UUID,
    *,
    reason: str,
    catalogue: Catalogue,
    now: datetime,
    despite_claim: bool = False,
) -> UUID:
    """Send the delivery back with a reason of the catalogue's list; returns the document's id.

    Raises as :func:`take_over` does.
    """
    delivery = _untouched(session, actor, delivery_id)
    if not despite_claim:
        _check_unclaimed(session, actor, delivery, now)
    _give_back(session, actor, delivery, reason=reason, catalogue=catalogue, now=now)
    return delivery.document_id


def return_untouched(
    session: Session,
    actor: Actor,
    delivery_id: UUID,
    *,
    catalogue: Catalogue,
    now: datetime,
) -> bool:
    """Give back to its sender what nobody took over (rule 4: untouched never means lost).

    Returns whether it was given back; ``False`` when somebody settled it meanwhile, or the
    document is not on its way any more.
    """
    delivery = _on_its_way(session, delivery_id)
    if delivery is None or delivery.state is not DeliveryState.NEW:
        return False
    _give_back(session, actor, delivery, reason=UNTOUCHED, catalogue=catalogue, now=now)
    return True


# ── Taking it back ───────────────────────────────────────────────────────────────────────────


def undo(
    session: Session, actor: Actor, delivery_id: UUID, *, catalogue: Catalogue, now: datetime
) -> UUID:
    """Make new again what the same person (or program) settled a moment ago; the document's id.

    Raises ``NotFound`` as :func:`take_over` does, ``Conflict``: ``undo_not_yours`` when somebody
    else settled it, ``undo_too_late`` after ``UNDO_SECONDS_ACCEPTED`` or when it is new already.
    """
    delivery = _on_its_way(session, delivery_id)
    if delivery is None or delivery.recipient_agency_id != actor.acting.id:
        raise NotFound
    settled_at = delivery.taken_over_at or delivery.returned_at
    if settled_at is None:
        raise Conflict("undo_too_late")
    if not _settled_by(delivery, actor):
        raise Conflict("undo_not_yours")
    if now - settled_at > timedelta(seconds=UNDO_SECONDS_ACCEPTED):
        raise Conflict("undo_too_late")
    delivery.state = DeliveryState.NEW
    delivery.taken_over_at = delivery.returned_at = None
    delivery.taken_over_by_user_id = delivery.taken_over_by_service_account_id = None
    delivery.returned_by_user_id = None
    delivery.return_reason = ""
    session.add(delivery)
    retention.refresh(session, session.get_one(Document, delivery.document_id), catalogue)
    _record(session, actor, Happening.DELIVERY_REOPENED, delivery, now=now)
    return delivery.document_id


def _settled_by(delivery: Delivery, actor: Actor) -> bool:
    """Whether this very person or program did it. What a program gave back is noted of nobody."""
    people = (delivery.taken_over_by_user_id, delivery.returned_by_user_id)
    if actor.user_id is not None and actor.user_id in people:
        return True
    program = actor.service_account_id
    return program is not None and program == delivery.taken_over_by_service_account_id


# ── "I am on it" ─────────────────────────────────────────────────────────────────────────────


def claim(
    session: Session, actor: Actor, delivery_id: UUID, *, now: datetime, take: bool = False
) -> datetime:
    """Let the colleagues see that this person works on it; returns until when that holds.

    Doing it again renews it. It stops no reminder and ends with settling. Raises as
    :func:`take_over` does, unless ``take`` also ``Conflict`` (``claimed_by_colleague``) with who
    and until when; ``Forbidden`` (``claim_by_program``) for anything but a person.
    """
    delivery = _untouched(session, actor, delivery_id)
    if actor.kind is not ActorKind.PERSON or actor.user_id is None:
        raise Forbidden("claim_by_program")
    if not take:
        _check_unclaimed(session, actor, delivery, now)
    until = now + timedelta(minutes=CLAIM_MINUTES)
    delivery.working_user_id, delivery.working_until = actor.user_id, until
    session.add(delivery)
    _record(session, actor, Happening.DELIVERY_CLAIMED, delivery, now=now)
    return until


def unclaim(session: Session, actor: Actor, delivery_id: UUID, *, now: datetime) -> None:
    """End the own claim, or one that ran out; raises as :func:`claim` does."""
    delivery = _untouched(session, actor, delivery_id)
    if actor.kind is not ActorKind.PERSON or actor.user_id is None:
        raise Forbidden("claim_by_program")
    _check_unclaimed(session, actor, delivery, now)
    _end_claim(delivery)
    session.add(delivery)
    _record(session, actor, Happening.DELIVERY_UNCLAIMED, delivery, now=now)


def _check_unclaimed(session: Session, actor: Actor, delivery: Delivery, now: datetime) -> None:
    """Raise ``Conflict`` while somebody else is on it."""
    who, until = delivery.working_user_id, delivery.working_until
    if who is None or until is None or who == actor.user_id or until <= now:
        return
    name = accounts.names_of(session, [who]).get(who, "")
    raise Conflict("claimed_by_colleague", by=name, until=lifecycle.utc(until))


def _end_claim(delivery: Delivery) -> None:
    delivery.working_user_id = delivery.working_until = None


# ── What all share ───────────────────────────────────────────────────────────────────────────


def _on_its_way(session: Session, delivery_id: UUID) -> Delivery | None:
    """The locked delivery of a live document.

    Everything that locks both takes the document first, so that nobody waits in a circle.
    """
    known = session.exec(select(Delivery.document_id).where(Delivery.id == delivery_id)).first()
    document = lifecycle.locked(session, known) if known is not None else None
    if document is None or document.state is not DocumentState.LIVE:
        return None
    query = select(Delivery).where(Delivery.id == delivery_id).with_for_update()
    return session.exec(query.execution_options(populate_existing=True)).one()


def _give_back(
    session: Session,
    actor: Actor,
    delivery: Delivery,
    *,
    reason: str,
    catalogue: Catalogue,
    now: datetime,
) -> None:
    _end_claim(delivery)
    delivery.state = DeliveryState.RETURNED
    delivery.returned_at = now
    delivery.returned_by_user_id = actor.user_id
    delivery.return_reason = reason
    session.add(delivery)
    retention.refresh(session, session.get_one(Document, delivery.document_id), catalogue)
    _record(session, actor, Happening.DELIVERY_RETURNED, delivery, now=now, reason=reason)


def _record(
    session: Session,
    actor: Actor,
    happening: Happening,
    delivery: Delivery,
    *,
    now: datetime,
    **detail: str,
) -> None:
    ids = {"document_id": delivery.document_id, "delivery_id": delivery.id}
    audit.record(session, actor, happening, now=now, **ids, **detail)  # type: ignore[arg-type]  # ids and details keep their names


def _untouched(session: Session, actor: Actor, delivery_id: UUID) -> Delivery:
    delivery = _on_its_way(session, delivery_id)
    if delivery is None or delivery.recipient_agency_id != actor.acting.id:
        raise NotFound
    if delivery.state is DeliveryState.TAKEN_OVER and delivery.taken_over_at is not None:
        raise Conflict(
            "already_taken_over",
            at=lifecycle.utc(delivery.taken_over_at),
            by=_colleague(session, delivery),
        )
    if delivery.state is DeliveryState.RETURNED and delivery.returned_at is not None:
        names = accounts.names_of(session, [delivery.returned_by_user_id])
        by = next(iter(names.values()), "")
        raise Conflict("already_returned", at=lifecycle.utc(delivery.returned_at), by=by)
    return delivery


def _colleague(session: Session, delivery: Delivery) -> str:
    """Who of the own agency took it over: a person's name, or a program's client id."""
    people = accounts.names_of(session, [delivery.taken_over_by_user_id])
    programs = accounts.services_of(session, [delivery.taken_over_by_service_account_id])
    return next(iter((people | programs).values()), "")
