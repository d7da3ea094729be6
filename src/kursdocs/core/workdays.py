"""The local day and the working days of an agency: Monday to Friday without its holidays.

Deadlines and "today" are those of the offices, in Europe/Berlin. Holidays are those of the
agency's *Land* (library ``holidays``); a municipality adds closing days, an agency its pauses.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

LOCAL = ZoneInfo("Europe/Berlin")
DAY_START, DAY_END = 8, 16
"""Between these local hours a working day is counted: eight working hours."""


def local_date(moment: datetime) -> date:
    """The day on which this moment falls in the offices."""
    return moment.astimezone(LOCAL).date()


def local_moment(day: date, hour: int) -> datetime:
    """The full hour of that local day, whatever the clocks do at night."""
    return datetime.combine(day, time(hour), LOCAL)


@lru_cache(maxsize=512)
def _holidays(land: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("DE", subdiv=land or None, years=year))


@dataclass(frozen=True)
class Workdays:
    """When an agency works. ``pauses`` are closed intervals of days on which it does not.

    ``keeps_eves``: 24 and 31 December are no working days (§ 6 Abs. 3 TVöD and local custom).
    """

    land: str = ""
    pauses: tuple[tuple[date, date], ...] = field(default=())
    keeps_eves: bool = False

    def includes(self, day: date) -> bool:
        """Whether that day is a working day here."""
        if day.weekday() >= 5 or day in _holidays(self.land, day.year):
            return False
        if self.keeps_eves and day.month == 12 and day.day in (24, 31):
            return False
        return not any(first <= day <= last for first, last in self.pauses)

    def after(self, start: date, days: int) -> date:
        """The day that lies ``days`` working days after ``start``, which is not counted itself."""
        day = start
        while days > 0:
            day += timedelta(days=1)
            days -= self.includes(day)
        return day

    def between(self, start: date, end: date) -> int:
        """How many working days lie after ``start``, up to and including ``end``."""
        span = (end - start).days
        return sum(self.includes(start + timedelta(days=n)) for n in range(1, span + 1))

    def minutes(self, start: datetime, end: datetime) -> int:
        """Working minutes between two moments: those between 8 and 16 o'clock on working days."""
        first, last = local_date(start), local_date(end)
        whole = self.between(first, last - timedelta(days=1)) if first < last else 0
        edges = {first, last} if first <= last else set()
        seconds = sum(_within(day, start, end) for day in edges if self.includes(day))
        return whole * (DAY_END - DAY_START) * 60 + round(seconds // 60)

    def free_days(self, start: date, until: date) -> Iterable[date]:
        """The holidays of the Land in this time that would else be working days."""
        day = start
        while day <= until:
            if day.weekday() < 5 and day in _holidays(self.land, day.year):
                yield day
            day += timedelta(days=1)


def _within(day: date, start: datetime, end: datetime) -> float:
    """How many seconds of that day's working time lie between two moments."""
    opens, closes = local_moment(day, DAY_START), local_moment(day, DAY_END)
    # Compared as moments: on days when the clocks change, the night is longer or shorter.
    return max(0.0, min(end, closes).timestamp() - max(start, opens).timestamp())
