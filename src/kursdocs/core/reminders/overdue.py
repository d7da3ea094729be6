"""What nobody took over to the end of its ladder: it goes back to the sender. Pure.

Untouched never means lost (rule 4), and nothing goes back of which nobody ever heard. Entry point:
:func:`overdue`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from kursdocs.catalogue import Addressee, Catalogue, Ladder
from kursdocs.core.reminders import times
from kursdocs.core.reminders.digest import Reach
from kursdocs.core.reminders.groups import Group
from kursdocs.core.reminders.plan import by_agency
from kursdocs.core.reminders.state import Desk, State
from kursdocs.core.reminders.tables import Clock
from kursdocs.core.reminders.topics import Ages, View
from kursdocs.core.workdays import local_date


@dataclass(frozen=True)
class Late:
    """Papers that go back now, untouched for ``waited`` working days."""

    desk: Desk
    group: Group
    waited: int


def overdue(catalogue: Catalogue, state: State, *, now: datetime) -> Iterator[Late]:
    """What goes back at this moment.

    Only while the agency works, so that the last day of the ladder is over when it happens; and
    only what its desk was told of to the last step, not just now but for as long as the ladder
    waits before it reminds at all. After an outage, papers do not go back of which nobody ever
    heard. A closed agency's papers go back too, and those of one that no mail can reach.
    """
    today, groups = local_date(now), by_agency(state)
    for desk in state.desks.values():
        if not (desk.workdays.includes(today) and times.is_time(desk.hour, now)):
            continue
        view = View(catalogue, desk, groups.get(desk.id, ()), today, None)
        for group in view.groups:
            if group.clock is Clock.WAITING and _is_late(view, group):
                yield Late(desk, group, view.ages.of(view.day(group.since)))


def _is_late(view: View, group: Group) -> bool:
    desk, ladder = view.desk, view.ladder(group.kind)
    if view.ages.of(view.day(group.since)) <= ladder.return_after:
        return False
    is_out_of_reach = desk.is_closed or desk.reach is not Reach.REACHED
    return is_out_of_reach or _was_told(group, ladder, view.ages)


def _was_told(group: Group, ladder: Ladder, ages: Ages) -> bool:
    """Whether the desk heard of it to the last step, and long enough ago to have acted."""
    last, _ = ladder.steps[-1]
    patience, _ = ladder.steps[0]
    if group.told.get(Addressee.DESK, -1) < last or group.told_since is None:
        return False
    return ages.of(group.told_since) > patience
