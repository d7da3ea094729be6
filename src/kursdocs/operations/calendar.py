"""The local day: deadlines and "today" are those of the offices, in Europe/Berlin."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("Europe/Berlin")


def local_date(moment: datetime) -> date:
    """The day on which this moment falls in the offices."""
    return moment.astimezone(LOCAL).date()
