"""What the paces of reminders come to in the calendar of those who set them. Pure.

Each example names its steps by the last part of their rules' codes, with the day on which they
come.
"""

from collections.abc import Sequence
from datetime import date, timedelta

from kursdocs.catalogue import Ladder, Steps
from kursdocs.core.agencies.cascade import RETURN
from kursdocs.core.workdays import Workdays

Example = Sequence[tuple[str, date]]


def of_ladder(ladder: Ladder, workdays: Workdays, arrival: date) -> Example:
    """When who is told of a paper that came on that day and that nobody takes over.

    It goes back when the last day of the ladder is over.
    """
    steps = [(str(who), workdays.after(arrival, days)) for days, who in ladder.steps]
    return [*steps, (RETURN, workdays.after(arrival, ladder.return_after + 1))]


def of_request(steps: Steps, workdays: Workdays, due: date) -> Example:
    """When who is told of a paper that should be there on that day."""
    ahead = [("before", _ahead(workdays, due, steps.before))] if steps.before else []
    return [*ahead, *((str(who), workdays.after(due, days)) for days, who in steps.steps)]


def of_silence(days: int, workdays: Workdays, looked: date) -> Example:
    """When an agency is asked to look in that last did so on that day."""
    return [("silence", workdays.after(looked + timedelta(days=days - 1), 1))]


def _ahead(workdays: Workdays, due: date, days: int) -> date:
    """The last working day from which on so many of them are left until that day."""
    day = due
    while not (workdays.includes(day) and workdays.between(day, due) >= days):
        day -= timedelta(days=1)
    return day
