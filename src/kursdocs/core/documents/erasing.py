"""The end of content: what is due, and the steps to it, each in a transaction of its own.

Untouched goes back first, then the end is announced, then the row forgets the person and the
content (``erased``); only after that commit are key and object removed, by whoever comes by, until
it is noted that nothing is left. What remains proves the exchange: kind, agencies, times, states.

Each ``…_due`` lists ids, each step looks again under the lock and says whether it did something.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, delete, select, update

from kursdocs.catalogue import Catalogue
from kursdocs.core import audit
from kursdocs.core.access import Actor
from kursdocs.core.audit import Happening
from kursdocs.core.documents import lifecycle, retention, settling
from kursdocs.core.documents.retention import (
    APPROVAL_DAYS,
    NOTICE_DAYS,
    SETTLED_DAYS_MIN,
    WITH_CONTENT,
)
from kursdocs.core.documents.tables import (
    Delivery,
    DeliveryState,
    Document,
    DocumentState,
    IdempotencyKey,
)
from kursdocs.core.workdays import local_date, local_moment

_HAS_CONTENT = col(Document.state).in_(WITH_CONTENT)
_IS_UNTOUCHED = (
    sa.exists()
    .where(col(Delivery.document_id) == Document.id)
    .where(col(Delivery.state) == DeliveryState.NEW)
    .where(col(Document.state) == DocumentState.LIVE)
)


# ── What is due ──────────────────────────────────────────────────────────────────────────────


def undated(session: Session, *, today: date, limit: int) -> Sequence[UUID]:
    """Documents with content of which nobody has found out yet when it goes."""
    return _ids(session, limit, _HAS_CONTENT, col(Document.delete_on).is_(None))


def undate_all(session: Session) -> None:
    """Forget all days, because the rules that gave them have changed."""
    dated = (_HAS_CONTENT, col(Document.delete_on).is_not(None))
    session.exec(update(Document).where(*dated).values(delete_on=None))


def unapproved_due(session: Session, *, today: date, limit: int) -> Sequence[UUID]:
    """Documents on which no second person decided in time."""
    return _ids(
        session,
        limit,
        col(Document.state) == DocumentState.HELD,
        col(Document.approval_needed).is_(True),
        col(Document.approved_at).is_(None),
        col(Document.stored_at) < local_moment(today - timedelta(days=APPROVAL_DAYS), 0),
    )


def untouched_due(session: Session, *, today: date, limit: int) -> Sequence[UUID]:
    """Live documents that would go soon, although a recipient has not touched them."""
    return _ids(
        session,
        limit,
        _IS_UNTOUCHED,
        col(Document.delete_on) <= today + timedelta(days=SETTLED_DAYS_MIN + 1),
    )


def notice_due(session: Session, *, today: date, limit: int) -> Sequence[UUID]:
    """Documents whose end is near and was not announced yet."""
    return _ids(
        session,
        limit,
        _HAS_CONTENT,
        sa.not_(_IS_UNTOUCHED),
        col(Document.delete_on) <= today + timedelta(days=NOTICE_DAYS),
        col(Document.deletion_noticed_at).is_(None),
    )


def erasing_due(session: Session, *, today: date, limit: int) -> Sequence[UUID]:
    """Documents whose day has come, and whose end was announced long enough ago."""
    announced_before = local_moment(today - timedelta(days=NOTICE_DAYS - 1), 0)
    return _ids(
        session,
        limit,
        _HAS_CONTENT,
        sa.not_(_IS_UNTOUCHED),
        col(Document.delete_on) <= today,
        col(Document.deletion_noticed_at) < announced_before,
    )


def _ids(session: Session, limit: int, *conditions: Any) -> Sequence[UUID]:
    query = select(Document.id).where(*conditions).order_by(col(Document.id)).limit(limit)
    return session.exec(query).all()


# ── Steps ────────────────────────────────────────────────────────────────────────────────────


def set_date(
    session: Session, actor: Actor, document_id: UUID, *, catalogue: Catalogue, now: datetime
) -> bool:
    """Find out when the content goes, for a row that does not say it."""
    document = lifecycle.locked(session, document_id)
    if document is None or document.delete_on is not None:
        return False
    retention.refresh(session, document, catalogue)
    return document.delete_on is not None


def give_back(
    session: Session, actor: Actor, document_id: UUID, *, catalogue: Catalogue, now: datetime
) -> bool:
    """Return every untouched delivery of a document that would go soon."""
    if not _still_due(session, document_id, catalogue, local_date(now), SETTLED_DAYS_MIN + 1):
        return False
    done = [
        settling.return_untouched(session, actor, delivery.id, catalogue=catalogue, now=now)
        for delivery in lifecycle.deliveries_of(session, document_id)
    ]
    return any(done)


def announce(
    session: Session, actor: Actor, document_id: UUID, *, catalogue: Catalogue, now: datetime
) -> bool:
    """Announce that the content goes; a day that is too near is put off."""
    today = local_date(now)
    document = _still_due(session, document_id, catalogue, today, NOTICE_DAYS)
    if document is None or document.delete_on is None or _is_untouched(session, document):
        return False
    if document.deletion_noticed_at is not None:
        return False
    document.delete_on = max(document.delete_on, today + timedelta(days=NOTICE_DAYS))
    document.deletion_noticed_at = now
    session.add(document)
    audit.record(
        session,
        actor,
        Happening.DOCUMENT_DELETION_NOTICED,
        now=now,
        document_id=document_id,
        delete_on=document.delete_on.isoformat(),
        reason=document.delete_reason,
    )
    return True


def _still_due(
    session: Session, document_id: UUID, catalogue: Catalogue, today: date, days: int
) -> Document | None:
    """The locked document, if its content goes in at most so many days by the rules of today.

    A catalogue that keeps a kind longer than the one before is followed here, in the last moment.
    """
    document = lifecycle.locked(session, document_id)
    if document is None or document.state not in WITH_CONTENT:
        return None
    announced, day = document.deletion_noticed_at, document.delete_on
    retention.refresh(session, document, catalogue)
    if announced and day and document.delete_on and document.delete_on < day:
        # It was put off when it was announced: what was said then counts.
        document.delete_on, document.deletion_noticed_at = day, announced
    is_due = document.delete_on is not None and document.delete_on <= today + timedelta(days=days)
    return document if is_due else None


def _is_untouched(session: Session, document: Document) -> bool:
    return document.state is DocumentState.LIVE and any(
        delivery.state is DeliveryState.NEW
        for delivery in lifecycle.deliveries_of(session, document.id)
    )


def erase(
    session: Session, actor: Actor, document_id: UUID, *, catalogue: Catalogue, now: datetime
) -> bool:
    """Forget person and content; what lies in the stores is removed after the commit."""
    document = _still_due(session, document_id, catalogue, local_date(now), 0)
    if document is None or _is_untouched(session, document):
        return False
    if not retention.is_due(document, today=local_date(now)):
        return False
    reason = document.delete_reason
    _forget(session, document, now)
    audit.record(
        session, actor, Happening.DOCUMENT_ERASED, now=now, document_id=document_id, reason=reason
    )
    return True


def forget_without_key(
    session: Session, actor: Actor, document_id: UUID, *, reason: str, now: datetime
) -> bool:
    """Forget a document whose key was destroyed after this (restored) database was copied.

    Its content cannot be read any more, and the person was promised to be forgotten: so no rule
    is asked. ``False`` when there is no content to forget.
    """
    document = lifecycle.locked(session, document_id)
    if document is None or document.state not in WITH_CONTENT:
        return False
    _forget(session, document, now)
    audit.record(
        session, actor, Happening.DOCUMENT_ERASED, now=now, document_id=document_id, reason=reason
    )
    return True


def _forget(session: Session, document: Document, now: datetime) -> None:
    """What remains is the record. The object's name is needed until its object is gone."""
    lifecycle.forget_words(session, document.id)
    session.exec(delete(IdempotencyKey).where(col(IdempotencyKey.document_id) == document.id))
    lifecycle.forget_person(document)
    document.release_given_on = document.release_form = None
    for delivery in lifecycle.deliveries_of(session, document.id):
        delivery.forward_release_given_on = delivery.forward_release_form = None
        session.add(delivery)
    document.stored_sha256 = ""
    document.state = DocumentState.ERASED
    # ``withdrawn_at`` is of withdrawn ones only; the database sees to it.
    document.was_withdrawn_at = document.withdrawn_at or document.was_withdrawn_at
    document.withdrawn_at = None
    document.delete_on = None
    document.erased_at = now
    session.add(document)
