"""Settling a delivery: taking it over or giving it back, once for a whole agency.

Each function locks document and delivery, refuses what is settled already, finds out anew when the
content goes (``retention``), and leaves its trace in the audit log.
"""

from datetime import datetime
from uuid import UUID

from sqlmodel import Session, select

from kursdocs.catalogue import Catalogue
from kursdocs.core import accounts, audit
from kursdocs.core.access import Actor
from kursdocs.core.audit import Happening
from kursdocs.core.documents import lifecycle, retention
from kursdocs.core.documents.reasons import UNTOUCHED
from kursdocs.core.documents.tables import (
    Delivery,
    DeliveryState,
    Document,
    DocumentState,
)
from kursdocs.core.errors import Conflict, NotFound


def take_over(
    session: Session, actor: Actor, delivery_id: UUID, *, catalogue: Catalogue, now: datetime
) -> UUID:
    """Make the delivery the agency's own, once for all in it; returns the document's id.

    Raises ``NotFound`` when it is not addressed to the acting agency, ``Conflict``
    (``already_taken_over``, ``already_returned``) with when and who.
    """
    delivery = _untouched(session, actor, delivery_id)
    delivery.state = DeliveryState.TAKEN_OVER
    delivery.taken_over_at = now
    delivery.taken_over_by_user_id = actor.user_id
    delivery.taken_over_by_service_account_id = actor.service_account_id
    session.add(delivery)
    retention.refresh(session, session.get_one(Document, delivery.document_id), catalogue)
    audit.record(
        session,
        actor,
        Happening.DELIVERY_TAKEN_OVER,
        now=now,
        document_id=delivery.document_id,
        delivery_id=delivery_id,
    )
    return delivery.document_id


def return_(
    session: Session,
    actor: Actor,
    delivery_id: UUID,
    *,
    reason: str,
    catalogue: Catalogue,
    now: datetime,
) -> UUID:
    """Send the delivery back with a reason of the catalogue's list; returns the document's id.

    Raises as :func:`take_over` does.
    """
    delivery = _untouched(session, actor, delivery_id)
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
    delivery.state = DeliveryState.RETURNED
    delivery.returned_at = now
    delivery.return_reason = reason
    session.add(delivery)
    retention.refresh(session, session.get_one(Document, delivery.document_id), catalogue)
    audit.record(
        session,
        actor,
        Happening.DELIVERY_RETURNED,
        now=now,
        document_id=delivery.document_id,
        delivery_id=delivery.id,
        reason=reason,
    )


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
        raise Conflict("already_returned", at=lifecycle.utc(delivery.returned_at))
    return delivery


def _colleague(session: Session, delivery: Delivery) -> str:
    """Who of the own agency took it over: a person's name, or a program's client id."""
    people = accounts.names_of(session, [delivery.taken_over_by_user_id])
    programs = accounts.services_of(session, [delivery.taken_over_by_service_account_id])
    return next(iter((people | programs).values()), "")
