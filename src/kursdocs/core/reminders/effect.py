"""Whether reminders help: what was done within two working days after one, read from the ledger.

An announcement of something new is no reminder, and neither is what only informs. Counted is each
thing once for each reminder of it, whoever it went to. Entry points: :func:`of_town`,
:func:`of_agency`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col
from sqlmodel.sql.sqltypes import UTCDateTime

from kursdocs.catalogue import Addressee
from kursdocs.core.adoption.disclosure import Count, protect
from kursdocs.core.adoption.periods import Period
from kursdocs.core.adoption.spans import DAY_MINUTES, MEDIAN_MIN
from kursdocs.core.reminders.tables import Clock, Outcome, Reminder, is_announcement
from kursdocs.core.workdays import Workdays

EFFECT_DAYS = 2
"""Within so many working days a reminder is said to have helped."""
_ASKS_FOR_A_DEED = (
    Clock.WAITING,
    Clock.REQUEST,
    Clock.APPROVAL,
    Clock.LAPSING,
    Clock.PROOF,
    Clock.START,
    Clock.SILENCE,
)
_DONE = (
    Outcome.TAKEN_OVER,
    Outcome.RETURNED,
    Outcome.ANSWERED,
    Outcome.DECLINED,
    Outcome.APPROVED,
    Outcome.FULFILLED,
    Outcome.SETTLED,
    Outcome.LOOKED_IN,
)
# What was taken out of the agency's hands in time, so that nobody can say whether it helped.
_NOT_TO_BE_SAID = (Outcome.WITHDRAWN, Outcome.CANCELLED, Outcome.ENDED, Outcome.UNDELIVERED)


@dataclass(frozen=True)
class Effect:
    """Reminders of a time, and what came of them.

    ``reminders`` are all; ``followed`` by the deed within two working days, ``unheeded`` not,
    ``open`` not to be judged: the two days are not over, or the thing was taken back meanwhile.
    ``median_hours`` are working hours from the reminder to the deed, of what was done at all;
    ``None`` below five.
    """

    reminders: Count
    followed: Count
    unheeded: Count
    open: Count
    median_hours: float | None

    @property
    def share(self) -> float | None:
        """Followed, of those that can be judged; ``None`` where either is hidden or none."""
        if self.followed.value is None or self.unheeded.value is None:
            return None
        judged = self.followed.value + self.unheeded.value
        return self.followed.value / judged if judged else None


def of_town(
    session: Session, workdays: Mapping[UUID, Workdays], shown: Period, *, now: datetime
) -> tuple[Mapping[UUID, Effect], Effect]:
    """The effect in each of these agencies, and in all together; small counts are taken out."""
    ids, found = list(workdays), _found(session, workdays, shown, now=now)
    (table,) = protect([found[id_].counts for id_ in ids], columns=3)
    of_each = {
        id_: _effect(table.row_totals[n], table.cells[n], found[id_].minutes)
        for n, id_ in enumerate(ids)
    }
    minutes = [one for id_ in ids for one in found[id_].minutes]
    return of_each, _effect(table.total, table.column_totals, minutes)


def of_agency(
    session: Session, agency_id: UUID, workdays: Workdays, shown: Period, *, now: datetime
) -> Effect:
    """The effect in one agency, for itself: nothing is hidden from who got the reminders."""
    found = _found(session, {agency_id: workdays}, shown, now=now)[agency_id]
    counts = [Count(one) for one in found.counts]
    return _effect(Count(sum(found.counts)), counts, found.minutes)


def _effect(whole: Count, counts: Sequence[Count], minutes: Sequence[int]) -> Effect:
    hours = median(minutes) / 60 if len(minutes) >= MEDIAN_MIN else None
    followed, unheeded, still_open = counts
    is_shown = whole.value is not None
    return Effect(whole, followed, unheeded, still_open, hours if is_shown else None)


@dataclass
class _Found:
    """Followed, unheeded and open; the working minutes of all that was done."""

    counts: list[int]
    minutes: list[int]


def _found(
    session: Session, workdays: Mapping[UUID, Workdays], shown: Period, *, now: datetime
) -> Mapping[UUID, _Found]:
    found = {id_: _Found([0, 0, 0], []) for id_ in workdays}
    is_late = _Late(workdays, now)
    for agency_id, outcome, minutes, since, count in session.execute(_query(workdays, shown)):
        one = found[agency_id]
        is_late_now = since is not None and is_late(agency_id, since)
        if outcome in _DONE and minutes is not None:
            one.minutes += [minutes] * count
        one.counts[_judged(outcome, minutes, is_late_now)] += count
    return found


def _judged(outcome: Outcome, minutes: int | None, is_late: bool) -> int:
    """In which of the three counts it belongs."""
    if minutes is not None and minutes <= EFFECT_DAYS * DAY_MINUTES:
        if outcome in _NOT_TO_BE_SAID:
            return 2
        return 0 if outcome in _DONE else 1
    if outcome is Outcome.OPEN:
        return 1 if is_late else 2
    return 2 if outcome is Outcome.UNDELIVERED else 1


class _Late:
    """Whether two working days are over since a mail; each moment is counted out once."""

    def __init__(self, workdays: Mapping[UUID, Workdays], now: datetime) -> None:
        self._workdays, self._now = workdays, now
        self._known: dict[tuple[UUID, datetime], bool] = {}

    def __call__(self, agency_id: UUID, sent_at: datetime) -> bool:
        at = (agency_id, sent_at)
        if at not in self._known:
            # A ledger of years need not be counted out: ninety days are over in any calendar.
            is_old = self._now - sent_at > timedelta(days=90)
            minutes = 0 if is_old else self._workdays[agency_id].minutes(sent_at, self._now)
            self._known[at] = is_old or minutes > EFFECT_DAYS * DAY_MINUTES
        return self._known[at]


_Row = tuple[UUID, Outcome, int | None, datetime | None, int]


def _query(ids: Collection[UUID], shown: Period) -> sa.Select[_Row]:
    """Agency, outcome, working minutes, since when it is open, and how many are alike in that."""
    since = sa.case((col(Reminder.outcome) == Outcome.OPEN, col(Reminder.sent_at)))
    # What the desk, its deputy and the head are told of one thing is one reminder of it.
    thing = sa.func.coalesce(col(Reminder.subject_id), col(Reminder.mail_id))
    told = (
        sa.select(
            col(Reminder.agency_id).label("agency_id"),
            col(Reminder.outcome).label("outcome"),
            sa.func.min(col(Reminder.done_after_minutes)).label("minutes"),
            sa.func.min(since, type_=UTCDateTime()).label("since"),
        )
        .where(
            col(Reminder.agency_id).in_(list(ids)),
            col(Reminder.sent_at) >= shown.bounds[0],
            col(Reminder.sent_at) < shown.bounds[-1],
            col(Reminder.addressee) != Addressee.COORDINATOR,
            col(Reminder.clock).in_(_ASKS_FOR_A_DEED),
            sa.not_(is_announcement()),
        )
        .group_by(
            col(Reminder.agency_id),
            col(Reminder.clock),
            col(Reminder.step),
            col(Reminder.outcome),
            thing,
        )
        .subquery()
    )
    alike = (told.c.agency_id, told.c.outcome, told.c.minutes, told.c.since)
    return sa.select(*alike, sa.func.count()).group_by(*alike)
