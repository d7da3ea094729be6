"""Weeks and months as the offices live them: Monday to Sunday, in Europe/Berlin.

A moment belongs to the week of its local day, whatever the clocks do in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from kursdocs.core.workdays import local_date, local_moment

WEEKS_SHOWN = 12
"""Whole weeks of a page; the running one stands beside them."""
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Week:
    """A week by its Monday. ``is_running``: it is not over yet."""

    first_day: date
    is_running: bool = False

    @property
    def last_day(self) -> date:
        """Its Sunday."""
        return self.first_day + timedelta(days=6)

    @property
    def number(self) -> int:
        """The number of the week in its year, as DIN EN 28601 counts it."""
        return self.first_day.isocalendar().week


@dataclass(frozen=True)
class Period:
    """Some weeks in a row, the oldest first."""

    weeks: Sequence[Week]

    @property
    def first_day(self) -> date:
        """The first Monday."""
        return self.weeks[0].first_day

    @property
    def last_day(self) -> date:
        """The last Sunday."""
        return self.weeks[-1].last_day

    @property
    def bounds(self) -> Sequence[datetime]:
        """Where each week begins, and in the end where the last one ends."""
        return [local_moment(day, 0) for day in (*(w.first_day for w in self.weeks), self._end)]

    @property
    def _end(self) -> date:
        return self.last_day + timedelta(days=1)


def monday(day: date) -> date:
    """The Monday of the week in which that day lies."""
    return day - timedelta(days=day.weekday())


def period(now: datetime, *, last: date | None = None, weeks: int = WEEKS_SHOWN) -> Period:
    """So many whole weeks up to the week of the day ``last``.

    Without ``last``, or when its week is not over yet, up to the last whole one, with the running
    week after them.
    """
    running = monday(local_date(now))
    end = running if last is None else min(monday(last), running)
    first = end - (weeks if end == running else weeks - 1) * WEEK
    count = (end - first).days // 7 + 1
    mondays = [first + n * WEEK for n in range(count)]
    return Period([Week(day, is_running=day == running) for day in mondays])


def month_bounds(first_day: date) -> tuple[datetime, datetime]:
    """Where the month of that day begins and where it ends."""
    first = first_day.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return local_moment(first, 0), local_moment(following, 0)
