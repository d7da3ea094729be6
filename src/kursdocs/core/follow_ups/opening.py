"""Opening and ending follow-ups by the day: from the papers that are here, as often as one likes.

Entry points: :func:`refresh`, and its parts :func:`tidy` and :func:`look_at`. They notice what no
transaction told: a day has come, a paper was withdrawn, returned, replaced or erased, the one that
fulfilled it is gone again.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select, update

from kursdocs.catalogue import TAKEN_OVER, Catalogue, FollowUpRule, Side, Unit
from kursdocs.core import agencies
from kursdocs.core.agencies import Agency
from kursdocs.core.documents.tables import Delivery, DeliveryState, Document, DocumentState
from kursdocs.core.follow_ups.fulfilling import Subject, found, subject_columns
from kursdocs.core.follow_ups.standing import has_paper, is_fulfilled, is_there
from kursdocs.core.follow_ups.tables import FollowUp, FollowUpState
from kursdocs.core.tables import new_id
from kursdocs.core.workdays import Workdays, local_date, local_moment

LATE_DAYS = 30
"""What should have been told for the last time longer ago is not opened any more: a fresh
installation, or one whose rules changed, does not begin with the tasks of last year."""

KEPT_DAYS = 7
"""So long an ended row outlives the content of its paper: reminders still note what came of it."""


@dataclass(frozen=True)
class Refreshed:
    """What one run changed: how many tasks there are more, and how many less."""

    opened: int
    ended: int

    def __add__(self, other: "Refreshed") -> "Refreshed":
        return Refreshed(self.opened + other.opened, self.ended + other.ended)


def refresh(
    session: Session,
    catalogue: Catalogue,
    *,
    now: datetime,
    agency_ids: Collection[UUID] | None = None,
) -> Refreshed:
    """Open what is due to be told from today on, and end what is over; of these agencies or all.

    Idempotent. Of two at once, one opens; the other leaves that to it.
    """
    done = tidy(session, catalogue, now=now, agency_ids=agency_ids)
    for rule in catalogue.follow_ups:
        done += look_at(session, rule, now=now, agency_ids=agency_ids)
    return done


def tidy(
    session: Session,
    catalogue: Catalogue,
    *,
    now: datetime,
    agency_ids: Collection[UUID] | None = None,
) -> Refreshed:
    """The first part of it: forget what is long over, end what hangs on nothing any more."""
    mine = _of(agency_ids)
    _forget(session, mine, now=now)
    return Refreshed(0, _end_gone(session, catalogue, mine, now=now))


def look_at(
    session: Session,
    rule: FollowUpRule,
    *,
    now: datetime,
    agency_ids: Collection[UUID] | None = None,
) -> Refreshed:
    """The rest, for one rule: so that no transaction is longer than one rule takes."""
    back, over = _look_again(session, rule, _of(agency_ids), now=now)
    return Refreshed(back + _open(session, rule, _desks(session, agency_ids), now=now), over)


def _of(agency_ids: Collection[UUID] | None) -> sa.ColumnElement[bool]:
    return sa.true() if agency_ids is None else col(FollowUp.agency_id).in_(list(agency_ids))


def _forget(session: Session, mine: sa.ColumnElement[bool], *, now: datetime) -> None:
    """Delete what hung on papers whose content is gone."""
    erased = select(Document.id).where(Document.state == DocumentState.ERASED)
    session.exec(
        delete(FollowUp).where(
            mine,
            col(FollowUp.document_id).in_(erased),
            col(FollowUp.ended_at) < now - timedelta(days=KEPT_DAYS),
        )
    )


def _end_gone(
    session: Session, catalogue: Catalogue, mine: sa.ColumnElement[bool], *, now: datetime
) -> int:
    """End what hangs on a paper that is not there any more, or on a rule that is no more."""
    is_over = sa.or_(
        col(FollowUp.rule).not_in([rule.code for rule in catalogue.follow_ups]),
        sa.not_(has_paper(_when_taken_over(catalogue.follow_ups))),
    )
    gone = sa.select(col(FollowUp.id)).where(
        mine, col(FollowUp.state) == FollowUpState.OPEN, is_over
    )
    return _move(session, session.scalars(gone).all(), FollowUpState.OPEN, FollowUpState.GONE, now)


def _when_taken_over(rules: Iterable[FollowUpRule]) -> list[str]:
    return [rule.code for rule in rules if rule.counted_from == TAKEN_OVER]


# ── What is in the table ─────────────────────────────────────────────────────────────────────


def _look_again(
    session: Session, rule: FollowUpRule, mine: sa.ColumnElement[bool], *, now: datetime
) -> tuple[int, int]:
    """Compare what is open, or was, with the papers; returns how many opened again and ended.

    What somebody settled stays so.
    """
    was_ended = sa.or_(
        col(FollowUp.state) == FollowUpState.GONE,
        sa.and_(col(FollowUp.state) == FollowUpState.FULFILLED, sa.not_(is_fulfilled())),
    )
    owner = (col(FollowUp.agency_id), col(FollowUp.document_id))
    rows = session.execute(
        sa.select(col(FollowUp.id), col(FollowUp.state), *owner, *subject_columns())
        .join(Document, col(Document.id) == col(FollowUp.document_id))
        .where(
            mine,
            col(FollowUp.rule) == rule.code,
            sa.or_(col(FollowUp.state) == FollowUpState.OPEN, was_ended),
            has_paper(_when_taken_over([rule])),
        )
        .order_by(col(FollowUp.id))
    ).all()
    subjects = {
        id_: Subject.awaiting(*names, stored_at=stored_at, issued_on=issued_on)
        for id_, _, *names, stored_at, issued_on in rows
    }
    by = found(session, rule, list(subjects.values()))
    fulfilled_by = {id_: by.get((one.document_id, one.agency_id)) for id_, one in subjects.items()}
    return _settle_all(session, {row[0]: row[1] for row in rows}, fulfilled_by, now=now)


def _settle_all(
    session: Session,
    states: Mapping[UUID, FollowUpState],
    fulfilled_by: Mapping[UUID, UUID | None],
    *,
    now: datetime,
) -> tuple[int, int]:
    back = ended = 0
    for id_, before in states.items():
        by = fulfilled_by[id_]
        if by is not None:
            values: dict[str, Any] = {"state": FollowUpState.FULFILLED, "ended_at": now}
            values["fulfilled_by_document_id"] = by
        elif before is not FollowUpState.OPEN:
            values = {"state": FollowUpState.OPEN, "ended_at": None}
            values["fulfilled_by_document_id"] = None
        else:
            continue
        done = session.exec(
            update(FollowUp)
            .where(col(FollowUp.id) == id_, col(FollowUp.state) == before)
            .values(**values)
        )
        is_back = by is None
        back += done.rowcount if is_back else 0
        ended += done.rowcount if before is FollowUpState.OPEN else 0
    return back, ended


def _move(
    session: Session,
    ids: Sequence[UUID],
    before: FollowUpState,
    after: FollowUpState,
    now: datetime,
) -> int:
    if not ids:
        return 0
    done = session.exec(
        update(FollowUp)
        .where(col(FollowUp.id).in_(ids), col(FollowUp.state) == before)
        .values(state=after, ended_at=now)
    )
    return done.rowcount


# ── What is new ──────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Desk:
    """Whose task it may be, and when they work."""

    agency: Agency
    workdays: Workdays


def _desks(session: Session, agency_ids: Collection[UUID] | None) -> Mapping[UUID, _Desk]:
    query = select(Agency).where(col(Agency.closed_at).is_(None))
    if agency_ids is not None:
        query = query.where(col(Agency.id).in_(list(agency_ids)))
    known = session.exec(query).all()
    workdays = agencies.workdays_of(session, [agency.id for agency in known])
    return {agency.id: _Desk(agency, workdays[agency.id]) for agency in known}


@dataclass(frozen=True)
class _Task:
    subject: Subject
    delivery_id: UUID
    opens_on: date
    due_on: date


def _open(
    session: Session, rule: FollowUpRule, desks: Mapping[UUID, _Desk], *, now: datetime
) -> int:
    mine = {id_: desk for id_, desk in desks.items() if desk.agency.kind in rule.agency_kinds}
    if not mine:
        return 0
    tasks = list(_tasks(session, rule, mine, today=local_date(now)))
    fulfilled = found(session, rule, [task.subject for task in tasks])
    rows = [
        {
            "id": new_id(),
            "municipality_id": mine[task.subject.agency_id].agency.municipality_id,
            "agency_id": task.subject.agency_id,
            "document_id": task.subject.document_id,
            "delivery_id": task.delivery_id,
            "clock": rule.clock,
            "rule": rule.code,
            "state": FollowUpState.OPEN,
            "opens_on": task.opens_on,
            "due_on": task.due_on,
            "created_at": now,
            "reason": "",
        }
        for task in tasks
        if (task.subject.document_id, task.subject.agency_id) not in fulfilled
    ]
    return _insert(session, rows)


def _insert(session: Session, rows: Sequence[dict[str, Any]]) -> int:
    if not rows:
        return 0
    try:
        with session.begin_nested():
            session.execute(sa.insert(FollowUp), rows)
    except IntegrityError:
        # Another worker opened the same ones at this moment; what it did not is done next time.
        return 0
    return len(rows)


def _tasks(
    session: Session, rule: FollowUpRule, desks: Mapping[UUID, _Desk], *, today: date
) -> Iterator[_Task]:
    """What is to be told by now, and has no row yet; for each paper and agency once."""
    known = set[tuple[UUID, UUID]]()
    # Many papers begin on the same day, and counting working days takes long.
    days_from = cache(lambda agency_id, start: _days(rule, start, desks[agency_id].workdays))
    for delivery_id, start, agency_id, document_id, *names, stored_at, issued_on in session.execute(
        _candidates(rule, desks, today)
    ):
        begins = local_date(start) if isinstance(start, datetime) else date.fromisoformat(start)
        opens_on, last, due_on = days_from(agency_id, begins)
        is_told_now = opens_on <= today <= last + timedelta(days=LATE_DAYS)
        if is_told_now and (document_id, agency_id) not in known:
            known.add((document_id, agency_id))
            subject = Subject.awaiting(
                agency_id, document_id, *names, stored_at=stored_at, issued_on=issued_on
            )
            yield _Task(subject, delivery_id, opens_on, due_on)


def _days(rule: FollowUpRule, start: date, workdays: Workdays) -> tuple[date, date, date]:
    """When it is told first and last, and when it is due."""
    first, last, due = (
        on(rule, days, start, workdays) for days in (rule.days[0], rule.days[-1], rule.due)
    )
    return first, last, due


def on(rule: FollowUpRule, days: int, start: date, workdays: Workdays) -> date:
    """The day so many days of the rule's unit after its start; negative ones lie before it."""
    if rule.unit is Unit.DAYS:
        return start + timedelta(days=days)
    if days >= 0:
        return workdays.after(start, days)
    day, left = start, -days
    while left > 0:
        day -= timedelta(days=1)
        left -= workdays.includes(day)
    return day


def _candidates(rule: FollowUpRule, desks: Mapping[UUID, _Desk], today: date) -> sa.Select[Any]:
    """The papers of the rule whose start lies so that something may be told now."""
    owner = col(
        Delivery.sender_agency_id if rule.side is Side.SENDER else Delivery.recipient_agency_id
    )
    earliest, latest = _window(rule, today)
    if rule.counted_from == TAKEN_OVER:
        start: Any = col(Delivery.taken_over_at)
        is_in_time: tuple[sa.ColumnElement[bool], ...] = (
            col(Delivery.state) == DeliveryState.TAKEN_OVER,
            start >= local_moment(earliest, 0),
            start < local_moment(latest + timedelta(days=1), 0),
        )
    else:
        start = col(Document.fields)[rule.counted_from].as_string()
        is_in_time = (start.between(earliest.isoformat(), latest.isoformat()),)
    is_known = (
        sa.exists()
        .where(col(FollowUp.document_id) == col(Document.id))
        .where(col(FollowUp.agency_id) == owner)
        .where(col(FollowUp.rule) == rule.code)
    )
    return (
        sa.select(col(Delivery.id), start, owner, col(Document.id), *subject_columns())
        .select_from(sa.join(Delivery, Document, col(Delivery.document_id) == Document.id))
        .where(
            col(Document.kind).in_(rule.kinds),
            owner.in_(list(desks)),
            *is_there(),
            *is_in_time,
            sa.not_(is_known),
        )
        .order_by(col(Delivery.id))
    )


def _window(rule: FollowUpRule, today: date) -> tuple[date, date]:
    """Between which days the start must lie; with working days generously, they are counted later.

    What was taken over late, or lies far ahead, is left out before its person is read.
    """
    first, last = rule.days[0], rule.days[-1]
    slack = 0 if rule.unit is Unit.DAYS else 60 + 2 * max(abs(first), abs(last))
    earliest = today - timedelta(days=last + LATE_DAYS + slack)
    return earliest, today - timedelta(days=first - (slack if first < 0 else 0))
