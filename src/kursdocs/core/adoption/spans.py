"""Working time between two moments, for very many of them at once.

The same measure as :meth:`~kursdocs.core.workdays.Workdays.minutes`, which counts out each span;
here the days are laid out once, and a span is two look-ups.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import ceil
from statistics import median

from kursdocs.core.workdays import DAY_END, DAY_START, Workdays, local_date, local_moment

DAY_MINUTES = (DAY_END - DAY_START) * 60
"""One working day."""
MEDIAN_MIN = 5
"""Of fewer spans nothing is told: a median of three papers is one of them."""
PERCENTILE_MIN = 10
"""Of fewer spans the 90th percentile is simply the slowest paper."""


class WorkingTime:
    """The working time of one agency between two moments, laid out."""

    def __init__(self, workdays: Workdays, start: datetime, end: datetime) -> None:
        day, last = local_date(start), local_date(end)
        self._opens = []
        while day <= last:
            if workdays.includes(day):
                self._opens.append(int(local_moment(day, DAY_START).timestamp()))
            day += timedelta(days=1)

    def minutes(self, start: int, end: int) -> int:
        """Whole working minutes between two moments, in seconds since 1970; never negative."""
        return max(0, self._passed(end) - self._passed(start)) // 60

    def _passed(self, at: int) -> int:
        """Working seconds since the first day."""
        days = bisect_right(self._opens, at)
        if days == 0:
            return 0
        today = min(at - self._opens[days - 1], DAY_MINUTES * 60)
        return (days - 1) * DAY_MINUTES * 60 + today


@lru_cache(maxsize=512)
def _laid_out(workdays: Workdays, first: int, last: int) -> WorkingTime:
    day = 24 * 3600
    start, end = first * day, (last + 1) * day
    return WorkingTime(
        workdays, datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
    )


def minutes(workdays: Workdays, spans: Iterable[tuple[int, int]]) -> list[int]:
    """Working minutes of each span; its ends are in seconds since 1970."""
    listed = list(spans)
    if not listed:
        return []
    day = 24 * 3600
    # By whole days, so that the same calendar is laid out once for all weeks.
    first, last = min(start for start, _ in listed), max(end for _, end in listed)
    measure = _laid_out(workdays, first // day - 1, last // day + 1)
    return [measure.minutes(start, end) for start, end in listed]


def median_hours(found: Sequence[int]) -> float | None:
    """The median of working minutes, in hours; ``None`` below :data:`MEDIAN_MIN`."""
    return median(found) / 60 if len(found) >= MEDIAN_MIN else None


def percentile_hours(found: Sequence[int]) -> float | None:
    """Within how many hours nine in ten were done; ``None`` below :data:`PERCENTILE_MIN`."""
    if len(found) < PERCENTILE_MIN:
        return None
    return sorted(found)[ceil(0.9 * len(found)) - 1] / 60
