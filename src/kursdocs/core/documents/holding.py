"""Held documents: stored, but delivered to nobody yet.

One waits for the scanner's verdict, and where the catalogue asks for four eyes also for a second
person of the sender; it goes out when both are there, in whichever order they come. Entry points:
:func:`pass_scan`, :func:`block`, :func:`approve`, :func:`decline`, :func:`end_unapproved`.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, select

from kursdocs.catalogue import Catalogue
from kursdocs.core import accounts, audit
from kursdocs.core.access import Actor, ActorKind
from kursdocs.core.audit import Happening
from kursdocs.core.documents import lifecycle, retention
from kursdocs.core.documents.deadlines import due_dates
from kursdocs.core.documents.reasons import UNAPPROVED
from kursdocs.core.documents.tables import Document, DocumentState
from kursdocs.core.errors import Conflict, Forbidden, NotFound


def awaiting_scan(session: Session, *, after: UUID | None, limit: int) -> Sequence[Document]:
    """Documents that wait for the scanner, by id."""
    query = select(Document).where(
        Document.state == DocumentState.HELD, col(Document.scanned_at).is_(None)
    )
    if after is not None:
        query = query.where(Document.id > after)
    return session.exec(query.order_by(col(Document.id)).limit(limit)).all()


def note_signatures(session: Session, document_id: UUID, signatures: str) -> None:
    """Keep with which signatures the scanner found the document clean as it came in."""
    document = session.get_one(Document, document_id)
    document.scan_signatures = signatures
    session.add(document)


def pass_scan(
    session: Session,
    actor: Actor,
    document_id: UUID,
    *,
    signatures: str = "",
    catalogue: Catalogue,
    now: datetime,
) -> bool:
    """Note that the scanner found a held document clean; returns whether it went out.

    Raises ``Conflict`` (``not_held``) when it does not wait for that (any more).
    """
    document = _unscanned(session, document_id)
    document.scanned_at, document.scan_signatures = now, signatures
    if not _go_out(session, actor, document, catalogue=catalogue, now=now):
        return False
    audit.record(session, actor, Happening.DOCUMENT_RELEASED, now=now, document_id=document_id)
    return True


def block(
    session: Session,
    actor: Actor,
    document_id: UUID,
    *,
    reason: str,
    signatures: str = "",
    catalogue: Catalogue,
    now: datetime,
) -> None:
    """Never deliver what was held: the scanner found something.

    Raises as :func:`pass_scan` does.
    """
    document = _unscanned(session, document_id)
    document.scanned_at, document.scan_signatures = now, signatures
    document.state = DocumentState.BLOCKED
    document.end_reason = reason
    retention.refresh(session, document, catalogue)
    audit.record(
        session, actor, Happening.DOCUMENT_BLOCKED, now=now, document_id=document_id, reason=reason
    )


def _unscanned(session: Session, document_id: UUID) -> Document:
    lifecycle.lock_replaced(session, document_id)
    document = lifecycle.locked(session, document_id)
    if document is None or document.state is not DocumentState.HELD:
        raise Conflict("not_held")
    if document.scanned_at is not None:
        raise Conflict("not_held")
    return document


def _go_out(
    session: Session, actor: Actor, document: Document, *, catalogue: Catalogue, now: datetime
) -> bool:
    """Deliver the (locked, held) document if nothing is missing; returns whether it was.

    The recipients have their working days from now on, not from when it was stored. What it
    replaces is withdrawn.
    """
    is_approved = document.approved_at is not None or not document.approval_needed
    if document.scanned_at is None or not is_approved:
        retention.refresh(session, document, catalogue)
        return False
    kind = catalogue.kind(document.kind)
    days = kind.due_working_days if kind else lifecycle.DUE_WORKING_DAYS
    document.state = DocumentState.LIVE
    session.add(document)
    deliveries = lifecycle.deliveries_of(session, document.id)
    due_on = due_dates(session, [one.recipient_agency_id for one in deliveries], days, now=now)
    for delivery in deliveries:
        delivery.delivered_at = now
        delivery.due_on = due_on[delivery.recipient_agency_id]
        session.add(delivery)
    session.flush()
    lifecycle.end_replaced(session, actor, document, catalogue=catalogue, now=now)
    retention.refresh(session, document, catalogue)
    return True


# ── The second person ────────────────────────────────────────────────────────────────────────


def approve(
    session: Session, actor: Actor, document_id: UUID, *, catalogue: Catalogue, now: datetime
) -> bool:
    """Let a report with consequences go out, as the second person; returns whether it went.

    ``False``: the scanner has not spoken yet, and it goes out when it has.

    Raises ``NotFound`` for what the actor's agency did not send, ``Forbidden``
    (``approval_by_program``, ``approval_by_sender``), ``Conflict`` (``already_approved`` with when
    and who, ``not_awaiting_approval``).
    """
    document = _awaiting(session, actor, document_id)
    document.approved_at = now
    document.approved_by_user_id = actor.user_id
    goes_out = _go_out(session, actor, document, catalogue=catalogue, now=now)
    audit.record(
        session,
        actor,
        Happening.DOCUMENT_APPROVED,
        now=now,
        document_id=document_id,
        delivered=int(goes_out),
    )
    return goes_out


def decline(
    session: Session,
    actor: Actor,
    document_id: UUID,
    *,
    reason: str,
    catalogue: Catalogue,
    now: datetime,
) -> None:
    """End a report as the second person: it is withdrawn without having been delivered.

    ``reason`` is one of :data:`~kursdocs.core.documents.reasons.DECLINE_REASONS`. Raises as
    :func:`approve` does.
    """
    document = _awaiting(session, actor, document_id)
    lifecycle.end_withdrawn(session, document, reason=reason, catalogue=catalogue, now=now)
    audit.record(
        session,
        actor,
        Happening.DOCUMENT_DECLINED,
        now=now,
        document_id=document_id,
        reason=reason,
    )


def _awaiting(session: Session, actor: Actor, document_id: UUID) -> Document:
    """The locked document, if this actor may decide on it now."""
    lifecycle.lock_replaced(session, document_id)
    document = lifecycle.locked(session, document_id)
    if document is None or document.sender_agency_id != actor.acting.id:
        raise NotFound
    if document.state in (DocumentState.PENDING, DocumentState.ABANDONED):
        raise NotFound
    if actor.kind is not ActorKind.PERSON or actor.user_id is None:
        raise Forbidden("approval_by_program")
    if document.approved_at is not None:
        raise Conflict(
            "already_approved",
            at=lifecycle.utc(document.approved_at),
            by=_approver(session, document),
        )
    if document.state is not DocumentState.HELD or not document.approval_needed:
        raise Conflict("not_awaiting_approval", state=document.state.value)
    if document.sent_by_user_id == actor.user_id:
        raise Forbidden("approval_by_sender")
    return document


def _approver(session: Session, document: Document) -> str:
    names = accounts.names_of(session, [document.approved_by_user_id])
    return next(iter(names.values()), "")


def end_unapproved(
    session: Session, actor: Actor, document_id: UUID, *, catalogue: Catalogue, now: datetime
) -> bool:
    """End what nobody approved in time; its sender sees it as withdrawn, with that reason.

    Returns whether it was ended; ``False`` when somebody decided meanwhile.
    """
    document = lifecycle.locked(session, document_id)
    if document is None or not is_awaiting_approval(document):
        return False
    lifecycle.end_withdrawn(session, document, reason=UNAPPROVED, catalogue=catalogue, now=now)
    audit.record(
        session,
        actor,
        Happening.DOCUMENT_WITHDRAWN,
        now=now,
        document_id=document_id,
        reason=UNAPPROVED,
    )
    return True


def is_awaiting_approval(document: Document) -> bool:
    """Whether a second person must still decide."""
    is_held = document.state is DocumentState.HELD
    return is_held and document.approval_needed and document.approved_at is None
