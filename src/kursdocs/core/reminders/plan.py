"""Who is mailed now: pure, from catalogue, state and the moment alone.

At most one digest for an address and a local day, on working days between the agency's hour and
:data:`~kursdocs.core.reminders.times.LAST_HOUR`. What was due on a day off is still due on the next
working day. Where agencies share a mailbox, the earliest hour among those with news opens its one
mail of the day for all of them. ``topics`` decides what is said. Entry point: :func:`digests`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from kursdocs.catalogue import Addressee, Catalogue
from kursdocs.core.reminders import times
from kursdocs.core.reminders.digest import Digest, Reach, Section
from kursdocs.core.reminders.groups import Group
from kursdocs.core.reminders.state import Desk, State
from kursdocs.core.reminders.topics import View, merged, section
from kursdocs.core.workdays import Workdays, local_date, local_moment


def digests(
    catalogue: Catalogue, state: State, *, now: datetime, at_any_time: bool = False
) -> list[Digest]:
    """The mails that are due at this moment, by address.

    ``at_any_time`` is for the demo, where nobody wants to wait until tomorrow at seven.
    """
    found = news(catalogue, state, now, at_any_time=at_any_time)
    today = local_date(now)
    return [
        _digest(address, today, now, each, at_any_time=at_any_time)
        for address, each in sorted(by_address(found).items())
        if at_any_time or times.is_time(min(one.hour for one in each), now)
    ]


def _digest(
    address: str, today: date, now: datetime, found: Sequence["News"], *, at_any_time: bool
) -> Digest:
    due_at, lapses_at = times.due_at(address, today, opening(found)), times.lapses_at(today)
    if at_any_time:
        # In the demo a day may be over already.
        due_at, lapses_at = now, max(lapses_at, now + timedelta(hours=1))
    return Digest(address, today, due_at, lapses_at, _once([one.section for one in found]))


@dataclass(frozen=True)
class News:
    """Something new to say at an address, and from which hour of today on."""

    address: str
    hour: int
    section: Section


def opening(found: Sequence[News]) -> int:
    """The hour that opens the mail of the day."""
    return min(one.hour for one in found)


def by_address(found: Iterator[News]) -> Mapping[str, Sequence[News]]:
    """Together what goes into one mail."""
    addresses = dict[str, list[News]]()
    for one in found:
        addresses.setdefault(one.address.lower(), []).append(one)
    return addresses


def news(
    catalogue: Catalogue, state: State, now: datetime, *, at_any_time: bool = False
) -> Iterator[News]:
    """What is new to each addressee who is at work today."""
    today = local_date(now)
    for listener in listeners(catalogue, state, now, at_any_time=at_any_time):
        if listener.address and (at_any_time or listener.workdays.includes(today)):
            said = listener.section(may_announce=at_any_time or listener.is_plan_day)
            if said is not None:
                yield News(listener.address, listener.hour, said)


def _once(sections: Sequence[Section]) -> list[Section]:
    """One section an agency: whoever is desk and head in one mailbox is told once."""
    kept: dict[UUID, Section] = {}
    for one in sections:
        first = kept.get(one.agency_id)
        kept[one.agency_id] = one if first is None else merged(first, one)
    return list(kept.values())


# ── Whom there is to tell ────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Listener:
    """One addressee of one agency today: where, from which hour on, and what of."""

    desk: Desk
    addressee: Addressee
    address: str
    hour: int
    workdays: Workdays
    view: View
    is_plan_day: bool = True

    def section(self, *, may_announce: bool = True) -> Section | None:
        """What would be said, if there is something new."""
        is_town = self.addressee is Addressee.COORDINATOR
        instead_of_desk = is_town and self.desk.reach is not Reach.REACHED
        return section(
            self.view, self.addressee, may_announce=may_announce, instead_of_desk=instead_of_desk
        )


def listeners(
    catalogue: Catalogue, state: State, now: datetime, *, at_any_time: bool = False
) -> Iterator[Listener]:
    """All addressees of all open agencies, the agencies' own first; addresses may be empty."""
    today, groups = local_date(now), by_agency(state)
    desks = [desk for desk in state.desks.values() if not desk.is_closed]
    views = {
        (desk.id, hour): View(
            catalogue,
            desk,
            groups.get(desk.id, ()),
            today,
            None if at_any_time else local_moment(today, hour),
        )
        for desk in desks
        for hour in {desk.hour, state.towns[desk.municipality_id].hour}
    }
    for desk in desks:
        view, is_plan_day = views[desk.id, desk.hour], times.is_plan_day(desk, today)
        for addressee in (Addressee.DESK, Addressee.DEPUTY, Addressee.HEAD):
            address = desk.address(addressee, today)
            yield Listener(
                desk, addressee, address, desk.hour, desk.workdays, view, is_plan_day=is_plan_day
            )
    for desk in desks:
        town = state.towns[desk.municipality_id]
        view, who = views[desk.id, town.hour], Addressee.COORDINATOR
        yield Listener(desk, who, town.mailbox, town.hour, town.workdays, view)


def by_agency(state: State) -> Mapping[UUID, Sequence[Group]]:
    """What runs at each agency; none where nothing does."""
    found: dict[UUID, list[Group]] = {}
    for group in state.groups:
        found.setdefault(group.agency_id, []).append(group)
    return found
