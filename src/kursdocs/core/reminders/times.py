"""When mails go out: on working days, from an agency's hour on, not in the evening. Pure.

What came up before the hour stands in the mail of that day, what comes later in the next one: so
there is one mail, at the hour that the agency chose. The mails of an hour are spread over its first
quarter, each address always at the same minute.
"""

from datetime import date, datetime, timedelta
from hashlib import sha256

from kursdocs.core.reminders.state import Desk
from kursdocs.core.workdays import LOCAL, Workdays, local_date, local_moment

LAST_HOUR = 20
"""From this local hour on nothing is mailed any more that day."""

SPREAD_SECONDS = 15 * 60
"""Over so long the mails of one hour are spread."""

_DAYS_AHEAD = 60


def is_time(hour: int, now: datetime) -> bool:
    """Whether mails of that hour may go out at this time of the day."""
    return hour <= now.astimezone(LOCAL).hour < LAST_HOUR


def due_at(address: str, day: date, hour: int) -> datetime:
    """When the mail to this address goes out on that day, a little after the full hour."""
    offset = int.from_bytes(sha256(address.lower().encode()).digest()[:4]) % SPREAD_SECONDS
    return local_moment(day, hour) + timedelta(seconds=offset)


def lapses_at(day: date) -> datetime:
    """From when on the mail of that day is too late."""
    return local_moment(day, LAST_HOUR)


def next_opening(workdays: Workdays, hour: int, now: datetime) -> datetime | None:
    """The next full hour at which a mail of the day may go out; ``None`` if that is far away."""
    today = local_date(now)
    if workdays.includes(today) and now < local_moment(today, hour):
        return local_moment(today, hour)
    days = (today + timedelta(days=ahead) for ahead in range(1, _DAYS_AHEAD))
    return next((local_moment(day, hour) for day in days if workdays.includes(day)), None)


def is_paused(workdays: Workdays, day: date) -> bool:
    """Whether only a pause or a closing day makes it a day off."""
    usual = Workdays(workdays.land, (), workdays.keeps_eves)
    return usual.includes(day) and not workdays.includes(day)


def is_plan_day(desk: Desk, day: date) -> bool:
    """Whether the agency is told what is merely new on that day.

    A day of its plan on which it does not work is made up for on the next working day.
    """
    if not (desk.announces_on_plan_days and desk.plan_days):
        return True
    for back in range(_DAYS_AHEAD):
        earlier = day - timedelta(days=back)
        if back and desk.workdays.includes(earlier):
            return False
        if earlier.isoweekday() in desk.plan_days:
            return True
    return False


def next_plan_day(desk: Desk, now: datetime) -> datetime | None:
    """The next hour at which what is merely new may be told."""
    today = local_date(now)
    days = (today + timedelta(days=ahead) for ahead in range(_DAYS_AHEAD))
    for day in days:
        opening = local_moment(day, desk.hour)
        if opening > now and desk.workdays.includes(day) and is_plan_day(desk, day):
            return opening
    return None
