"""The local day and the working days of an agency: Monday to Friday without its holidays.

Deadlines and "today" are those of the offices, in Europe/Berlin. Holidays are those of the
agency's *Land* (library ``holidays``); an agency adds days of its own as pauses.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

LOCAL = ZoneInfo("Europe/Berlin")


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
    """When an agency works. ``pauses`` are closed intervals of days on which it does not."""

    land: str = ""
    pauses: tuple[tuple[date, date], ...] = field(default=())

    def includes(self, day: date) -> bool:
        """Whether that day is a working day here."""
        if day.weekday() >= 5 or day in _holidays(self.land, day.year):
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

    def free_days(self, start: date, until: date) -> Iterable[date]:
        """The holidays of the Land in this time that would else be working days."""
        day = start
        while day <= until:
            if day.weekday() < 5 and day in _holidays(self.land, day.year):
                yield day
            day += timedelta(days=1)
