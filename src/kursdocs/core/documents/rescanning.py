"""Documents that the scanner judged with other signatures than it has now.

What was clean that day may not be so today: what new signatures find in a document that is out
ends it for everybody, with a trace. Entry points: :func:`outdated`, :func:`confirm`,
:func:`doubt`, :func:`forget`, :func:`block`.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select, update

from kursdocs.catalogue import Catalogue
from kursdocs.core import audit
from kursdocs.core.access import Actor
from kursdocs.core.audit import Happening
from kursdocs.core.documents import lifecycle, retention
from kursdocs.core.documents.reasons import INFECTED
from kursdocs.core.documents.tables import Document, DocumentState

_DOUBT = "?"
_AGAIN = "!"
_STATES = (DocumentState.HELD, DocumentState.LIVE, DocumentState.WITHDRAWN)


def outdated(session: Session, signatures: str, *, limit: int) -> Sequence[Document]:
    """Documents whose content can be read and was judged with other signatures, oldest first.

    Those on which the scanner could not decide with these ones wait for the next.
    """
    return session.exec(
        select(Document).where(*_is_outdated(signatures)).order_by(col(Document.id)).limit(limit)
    ).all()


def outdated_count(session: Session, signatures: str) -> int:
    """How many there are."""
    query = sa.select(sa.func.count()).select_from(Document).where(*_is_outdated(signatures))
    return session.scalar(query) or 0


def _is_outdated(signatures: str) -> tuple[sa.ColumnElement[bool], ...]:
    # "Before or behind" instead of "is not", so that an index finds quickly that there is nothing.
    known, doubted = col(Document.scan_signatures), _DOUBT + signatures
    return (
        col(Document.state).in_(_STATES),
        col(Document.scanned_at).is_not(None),
        sa.or_(known < signatures, known > signatures),
        sa.or_(known < doubted, known > doubted),
    )


def doubtful_count(session: Session, signatures: str) -> int:
    """How many the scanner could not judge with these signatures, held ones included."""
    query = sa.select(sa.func.count()).where(
        col(Document.state).in_(_STATES), col(Document.scan_signatures) == _DOUBT + signatures
    )
    return session.scalar(query) or 0


def is_in_doubt(document: Document, signatures: str) -> bool:
    """Whether the scanner could not judge it with these signatures."""
    return document.scan_signatures == _DOUBT + signatures


def forget(session: Session, *, after: UUID | None, limit: int, now: datetime) -> Sequence[UUID]:
    """Take away with which signatures documents were judged, so that they are looked at again.

    Of those whose content can be read and that were judged at all, by id from ``after`` on; returns
    which. The scanner tells of its own signatures only, not of such that somebody added.
    """
    judged = (col(Document.state).in_(_STATES), col(Document.scanned_at).is_not(None))
    page = select(Document.id).where(*judged).order_by(col(Document.id)).limit(limit)
    if after is not None:
        page = page.where(Document.id > after)
    ids = session.exec(page).all()
    # Unlike any mark before, so that who judged them a moment ago does not write over it.
    _note(session, ids, f"{_AGAIN}{now.isoformat()}")
    return ids


def confirm(
    session: Session,
    ids: Collection[UUID],
    signatures: str,
    *,
    judged: Collection[str] | None = None,
) -> None:
    """Note that these signatures find nothing in the documents.

    Only of those that are marked as they were when they were listed (``judged``), if that is said.
    """
    _note(session, ids, signatures, judged)


def doubt(
    session: Session,
    ids: Collection[UUID],
    signatures: str,
    *,
    judged: Collection[str] | None = None,
) -> None:
    """Note that the scanner answers, but cannot judge these; other signatures will be asked."""
    _note(session, ids, _DOUBT + signatures, judged)


def _note(
    session: Session, ids: Collection[UUID], mark: str, judged: Collection[str] | None = None
) -> None:
    rows = [col(Document.id).in_(list(ids)), col(Document.state).in_(_STATES)]
    if judged is not None:
        rows.append(col(Document.scan_signatures).in_(list(judged)))
    session.exec(update(Document).where(*rows).values(scan_signatures=mark))


def block(
    session: Session,
    actor: Actor,
    document_id: UUID,
    *,
    signatures: str,
    catalogue: Catalogue,
    now: datetime,
) -> bool:
    """End a document in which the scanner has found malware; returns whether it was out.

    Nobody can open it any more, its sender included. To whomever it was delivered, the trace says
    why, and they must take note: a copy may lie there, also where they gave it back. A corrected
    one that waits to replace it goes its own way. ``False`` also when it has ended meanwhile.
    """
    document = lifecycle.locked(session, document_id)
    if document is None or document.state not in _STATES:
        return False
    was_out = False
    for delivery in lifecycle.deliveries_of(session, document_id):
        if delivery.delivered_at is None:
            continue
        was_out = True
        delivery.acknowledge_since = now
        delivery.acknowledged_at = delivery.acknowledged_by_user_id = None
        session.add(delivery)
    document.was_withdrawn_at, document.withdrawn_at = document.withdrawn_at, None
    document.state, document.end_reason = DocumentState.BLOCKED, INFECTED
    document.scanned_at, document.scan_signatures = now, signatures
    lifecycle.forget_words(session, document_id)
    retention.refresh(session, document, catalogue)
    audit.record(
        session,
        actor,
        Happening.DOCUMENT_BLOCKED,
        now=now,
        document_id=document_id,
        reason=INFECTED,
    )
    return was_out
