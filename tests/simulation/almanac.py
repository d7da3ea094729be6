"""The calendar of the simulated months, written by hand from printed ones: the oracle's own.

It knows nothing of the program's calendar, of the library ``holidays``, nor of a database of time
zones: days are listed, and the two changes of the clocks are two constants. Covered are 1 October
2025 to 30 April 2026. :class:`Calendar` is one agency's (or the town's), :func:`local` and
:func:`moment` go from UTC to the clocks on the walls and back.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

FIRST_DAY, LAST_DAY = date(2025, 9, 1), date(2026, 5, 31)

WINTER_BEGINS = datetime(2025, 10, 26, 1, tzinfo=UTC)
"""The last Sunday in October, 3:00: the clocks go back to 2:00."""

SUMMER_BEGINS = datetime(2026, 3, 29, 1, tzinfo=UTC)
"""The last Sunday in March, 2:00: the clocks go forward to 3:00."""

_SUMMER, _WINTER = timezone(timedelta(hours=2)), timezone(timedelta(hours=1))

EVERYWHERE = frozenset(
    {
        date(2025, 10, 3),  # Friday, German Unity Day
        date(2025, 12, 25),  # Thursday, Christmas
        date(2025, 12, 26),  # Friday
        date(2026, 1, 1),  # Thursday, New Year
        date(2026, 4, 3),  # Good Friday
        date(2026, 4, 6),  # Easter Monday
        date(2026, 5, 1),  # Friday, Labour Day
        date(2026, 5, 14),  # Thursday, Ascension
        date(2026, 5, 25),  # Whit Monday
    }
)
_REFORMATION = date(2025, 10, 31)  # Friday
_ALL_SAINTS = date(2025, 11, 1)  # Saturday
_REPENTANCE = date(2025, 11, 19)  # Wednesday, in Sachsen alone
_EPIPHANY = date(2026, 1, 6)  # Tuesday
_WOMEN = date(2026, 3, 8)  # Sunday
OF_LANDS = {
    "NW": frozenset({_ALL_SAINTS}),
    "NI": frozenset({_REFORMATION}),
    "SN": frozenset({_REFORMATION, _REPENTANCE}),
    "BY": frozenset({_ALL_SAINTS, _EPIPHANY}),
    "BW": frozenset({_ALL_SAINTS, _EPIPHANY}),
    "ST": frozenset({_REFORMATION, _EPIPHANY}),
    "BE": frozenset({_WOMEN}),
}
EVES = frozenset({date(2025, 12, 24), date(2025, 12, 31)})

NIGHT = 20
"""From this hour on nobody is to be mailed any more that day."""

_BEGIN, _END = 8, 16
"""The working day in hours, for measuring how long people took."""


def local(utc: datetime) -> datetime:
    """What the clocks on the walls show at that moment."""
    is_winter = WINTER_BEGINS <= utc < SUMMER_BEGINS
    return utc.astimezone(_WINTER if is_winter else _SUMMER)


def moment(day: date, hour: int, minute: int = 0) -> datetime:
    """When the clocks on the walls show that, by day; in UTC."""
    is_winter = date(2025, 10, 26) <= day < date(2026, 3, 29)
    zone = _WINTER if is_winter else _SUMMER
    return datetime.combine(day, time(hour, minute), zone).astimezone(UTC)


def days(first: date, last: date) -> Iterator[date]:
    """Every day from the first to the last, both included."""
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


Span = tuple[date, date]


@dataclass(frozen=True)
class Calendar:
    """When one agency works; ``closed`` are its pauses and the town's closing days."""

    land: str
    closed: tuple[Span, ...] = ()
    keeps_eves: bool = True

    def works(self, day: date) -> bool:
        """Whether that is a working day here."""
        if not FIRST_DAY <= day <= LAST_DAY:
            raise ValueError(f"this calendar does not know {day}")
        is_free = day in EVERYWHERE or day in OF_LANDS[self.land]
        is_eve = self.keeps_eves and day in EVES
        is_closed = any(first <= day <= last for first, last in self.closed)
        return day.weekday() < 5 and not (is_free or is_eve or is_closed)

    def after(self, day: date, count: int) -> date:
        """The working day that comes ``count`` working days after that day."""
        while count:
            day += timedelta(days=1)
            count -= self.works(day)
        return day

    def next(self, day: date) -> date:
        """That day if it is a working day, else the first one after it."""
        return day if self.works(day) else self.after(day, 1)

    def waited(self, since: date, until: date) -> int:
        """How many working days lie after ``since``, up to and including ``until``."""
        return sum(self.works(day) for day in days(since + timedelta(days=1), until))

    def hours(self, start: datetime, end: datetime) -> float:
        """Working hours from one moment to another, eight a working day."""
        worked = timedelta(0)
        for day in days(local(start).date(), local(end).date()):
            if self.works(day):
                first, last = moment(day, _BEGIN), moment(day, _END)
                worked += max(timedelta(0), min(end, last) - max(start, first))
        return worked / timedelta(hours=1)
