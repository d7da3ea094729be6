"""What came of reminders: found out afterwards and written into the ledger.

A paper that was taken over, a request that was answered: each clock knows what ends it. What asks
nobody to do anything ends by itself: a monthly note when it was sent, a mailbox that refuses when
it takes mails again, an announced deletion when it has happened or was called off, a returned paper
when its sender takes it back or after a month. ``done_after_minutes`` are working minutes of the
agency, and only there where it was the agency that did it. What was undone opens its rows again.
Entry point: :func:`close`.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from kursdocs.core import agencies
from kursdocs.core.agencies import Agency
from kursdocs.core.documents.reasons import UNTOUCHED
from kursdocs.core.documents.tables import Delivery, DeliveryState, Document, DocumentState
from kursdocs.core.follow_ups.tables import FollowUp, FollowUpState
from kursdocs.core.reminders.groups import FOLLOW_UPS, RETURNED_DAYS, is_awaiting_approval
from kursdocs.core.reminders.state import refused_since
from kursdocs.core.reminders.tables import Clock, Outcome, Reminder
from kursdocs.core.requests.standing import is_open, is_over
from kursdocs.core.requests.tables import PaperRequest, RequestState

CLOSED_AT_ONCE = 1000
"""So many rows of one clock are written in one transaction."""

UNDONE_WITHIN = timedelta(days=1)
"""So long after a paper was taken over or returned its rows are looked at again."""

BY_THE_AGENCY = frozenset(
    {
        Outcome.TAKEN_OVER,
        Outcome.RETURNED,
        Outcome.ANSWERED,
        Outcome.DECLINED,
        Outcome.APPROVED,
        Outcome.FULFILLED,
        Outcome.SETTLED,
        Outcome.LOOKED_IN,
    }
)
"""What the agency itself did, so that it says something how long it took."""

_Rows = sa.Select[*tuple[Any, ...]]


def close(session: Session, *, now: datetime, limit: int = CLOSED_AT_ONCE) -> int:
    """Write down what came of open reminders, at most ``limit`` a clock; returns how many rows.

    Does it again until it returns 0; doing it once more changes nothing.
    """
    changed = _reopen(session, now, limit)
    for query in _ended(session, now):
        rows = session.execute(query.limit(limit)).all()
        changed += _write(session, rows, now)
    return changed


def _write(session: Session, rows: Sequence[Any], now: datetime) -> int:
    workdays = agencies.workdays_of(session, {row.agency_id for row in rows})
    changes = []
    for row in rows:
        outcome, done_at = Outcome(row.result), row.at or now
        minutes = None
        if outcome in BY_THE_AGENCY:
            minutes = workdays[row.agency_id].minutes(row.sent_at, done_at)
        changes.append(
            {"id": row.id, "outcome": outcome, "done_at": done_at, "done_after_minutes": minutes}
        )
    if changes:
        session.execute(sa.update(Reminder), changes)
    return len(changes)


# ── What ended ───────────────────────────────────────────────────────────────────────────────


def _ended(session: Session, now: datetime) -> Iterator[_Rows]:
    yield _waiting()
    yield _requests()
    yield _approvals()
    for clock in FOLLOW_UPS:
        yield _follow_ups(clock)
    yield _silence()
    yield _returned(now)
    yield _deletions()
    yield _refusals(session, now)
    yield _rows(Clock.MONTHLY, sa.literal(Outcome.ENDED.value), Reminder.sent_at)


def _rows(clock: Clock, result: object, at: object) -> _Rows:
    """Open rows of one clock, with what came of them and when (none: found out only now)."""
    columns = (Reminder.id, Reminder.agency_id, Reminder.sent_at)
    return sa.select(
        *(col(column) for column in columns),
        result.label("result"),  # type: ignore[attr-defined]  # an expression
        col(at).label("at") if not isinstance(at, sa.ColumnElement) else at.label("at"),
    ).where(col(Reminder.clock) == clock, col(Reminder.outcome) == Outcome.OPEN)


def _first(results: Mapping[Outcome, sa.ColumnElement[bool]], otherwise: Outcome) -> Any:
    whens = [(condition, outcome.value) for outcome, condition in results.items()]
    return sa.case(*whens, else_=otherwise.value)


def _of_deliveries(clock: Clock, result: object, at: object) -> _Rows:
    rows = _rows(clock, result, at).join_from(
        Reminder, Delivery, col(Delivery.id) == Reminder.subject_id
    )
    return rows.join(Document, col(Document.id) == Delivery.document_id)


_WITHDRAWN = col(Document.state) == DocumentState.WITHDRAWN
_BLOCKED_AT = sa.case((col(Document.state) == DocumentState.BLOCKED, col(Document.scanned_at)))


def _waiting() -> _Rows:
    is_returned = col(Delivery.state) == DeliveryState.RETURNED
    result = _first(
        {
            Outcome.TAKEN_OVER: col(Delivery.state) == DeliveryState.TAKEN_OVER,
            Outcome.GONE_BACK: sa.and_(is_returned, col(Delivery.return_reason) == UNTOUCHED),
            Outcome.RETURNED: is_returned,
            Outcome.WITHDRAWN: _WITHDRAWN,
        },
        Outcome.ENDED,
    )
    at = sa.func.coalesce(
        col(Delivery.taken_over_at),
        col(Delivery.returned_at),
        col(Document.withdrawn_at),
        _BLOCKED_AT,
        col(Document.erased_at),
    )
    return _of_deliveries(Clock.WAITING, result, at).where(
        sa.or_(col(Delivery.state) != DeliveryState.NEW, col(Document.state) != DocumentState.LIVE)
    )


def _requests() -> _Rows:
    state = col(PaperRequest.state)
    result = _first(
        {
            Outcome.ANSWERED: state == RequestState.ANSWERED,
            Outcome.DECLINED: state == RequestState.DECLINED,
            Outcome.CANCELLED: state == RequestState.CANCELLED,
        },
        Outcome.ENDED,
    )
    return (
        _rows(Clock.REQUEST, result, PaperRequest.ended_at)
        .join_from(Reminder, PaperRequest, col(PaperRequest.id) == Reminder.subject_id)
        .where(is_over())
    )


def _approvals() -> _Rows:
    result = _first(
        {Outcome.APPROVED: col(Document.approved_at).is_not(None), Outcome.WITHDRAWN: _WITHDRAWN},
        Outcome.ENDED,
    )
    at = sa.func.coalesce(
        col(Document.approved_at), col(Document.withdrawn_at), _BLOCKED_AT, col(Document.erased_at)
    )
    return (
        _rows(Clock.APPROVAL, result, at)
        .join_from(Reminder, Document, col(Document.id) == Reminder.subject_id)
        .where(sa.not_(is_awaiting_approval()))
    )


def _follow_ups(clock: Clock) -> _Rows:
    state = col(FollowUp.state)
    result = _first(
        {
            Outcome.FULFILLED: state == FollowUpState.FULFILLED,
            Outcome.SETTLED: state == FollowUpState.SETTLED,
        },
        Outcome.ENDED,
    )
    return (
        _rows(clock, result, FollowUp.ended_at)
        .join_from(Reminder, FollowUp, col(FollowUp.id) == Reminder.subject_id)
        .where(state != FollowUpState.OPEN)
    )


def _silence() -> _Rows:
    return (
        _rows(Clock.SILENCE, sa.literal(Outcome.LOOKED_IN.value), Agency.looked_in_at)
        .join_from(Reminder, Agency, col(Agency.id) == Reminder.agency_id)
        .where(col(Agency.looked_in_at) > col(Reminder.sent_at))
    )


def _returned(now: datetime) -> _Rows:
    result = _first({Outcome.WITHDRAWN: _WITHDRAWN}, Outcome.ENDED)
    return _of_deliveries(Clock.RETURNED, result, Document.withdrawn_at).where(
        sa.or_(
            col(Document.state) != DocumentState.LIVE,
            col(Delivery.state) != DeliveryState.RETURNED,
            col(Delivery.returned_at) <= now - timedelta(days=RETURNED_DAYS),
        )
    )


def _deletions() -> _Rows:
    """Those whose paper is gone, or of which another day was announced since, or none."""
    ended = sa.literal(Outcome.ENDED.value)
    return _of_deliveries(Clock.DELETION, ended, Document.erased_at).where(
        sa.or_(
            col(Document.erased_at).is_not(None),
            col(Document.deletion_noticed_at).is_(None),
            col(Document.deletion_noticed_at) > col(Reminder.sent_at),
        )
    )


def _refusals(session: Session, now: datetime) -> _Rows:
    refused = list(refused_since(session, now=now))
    boxes = (Agency.mailbox, Agency.deputy_mailbox)
    return (
        _rows(Clock.REFUSED, sa.literal(Outcome.ENDED.value), sa.null())
        .join_from(Reminder, Agency, col(Agency.id) == Reminder.agency_id)
        .where(*(sa.func.lower(col(box)).not_in(refused) for box in boxes))
    )


# ── What was undone ──────────────────────────────────────────────────────────────────────────


def _reopen(session: Session, now: datetime, limit: int) -> int:
    """Open the rows again of what is open again: undone at once, or an answer that was taken back.

    What came back undelivered stays so.
    """
    found = [id_ for query in _undone(now) for id_ in session.execute(query.limit(limit)).scalars()]
    rows = [_opened(id_) for id_ in found]
    if rows:
        session.execute(sa.update(Reminder), rows)
    return len(rows)


def _opened(id_: UUID) -> dict[str, Any]:
    return {"id": id_, "outcome": Outcome.OPEN, "done_at": None, "done_after_minutes": None}


def _undone(now: datetime) -> Iterator[_Rows]:
    waiting = _closed(Clock.WAITING).join_from(
        Reminder, Delivery, col(Delivery.id) == Reminder.subject_id
    )
    yield waiting.join(Document, col(Document.id) == Delivery.document_id).where(
        col(Reminder.done_at) > now - UNDONE_WITHIN,
        col(Delivery.state) == DeliveryState.NEW,
        col(Document.state) == DocumentState.LIVE,
    )
    requests = _closed(Clock.REQUEST).join_from(
        Reminder, PaperRequest, col(PaperRequest.id) == Reminder.subject_id
    )
    yield requests.where(is_open())
    for clock in FOLLOW_UPS:
        follow_ups = _closed(clock).join_from(
            Reminder, FollowUp, col(FollowUp.id) == Reminder.subject_id
        )
        yield follow_ups.where(col(FollowUp.state) == FollowUpState.OPEN)


def _closed(clock: Clock) -> _Rows:
    return sa.select(col(Reminder.id)).where(
        col(Reminder.clock) == clock,
        col(Reminder.outcome).not_in([Outcome.OPEN, Outcome.UNDELIVERED]),
    )
