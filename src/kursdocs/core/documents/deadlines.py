"""Working days: by when a recipient should have taken a document over."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import holidays

_LOCAL = ZoneInfo("Europe/Berlin")


def due_on(delivered_at: datetime, working_days: int) -> date:
    """The last day of a deadline that starts with a delivery, on the offices' own calendar."""
    return add_working_days(delivered_at.astimezone(_LOCAL).date(), working_days)


def add_working_days(start: date, days: int) -> date:
    """The day that lies ``days`` working days after ``start``; ``start`` itself is not counted.

    Working days are Monday to Friday without the holidays that all of Germany keeps.
    """
    free = holidays.country_holidays("DE")
    day = start
    while days > 0:
        day += timedelta(days=1)
        if day.weekday() < 5 and day not in free:
            days -= 1
    return day
