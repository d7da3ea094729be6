"""Who is mailed now, and why: pure, from catalogue, state and the moment alone.

At most one digest for an address and a local day. An addressee is mailed when there is something
new to say: an arrival, a further step of the ladder, a paper that came back, one that will be
deleted, or a silence. The digest then says everything that waits. Nothing goes out on a day on
which the agency does not work, before its hour or after :data:`LAST_HOUR`; what was due then is
still due on its next working day. Where agencies share a mailbox, the earliest hour among those
with news opens its one mail of the day for all of them. Entry points: :func:`digests`,
:func:`overdue`, :func:`postponed`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from kursdocs.catalogue import Addressee, Catalogue, Ladder
from kursdocs.core.reminders.state import Desk, Item, State, Town
from kursdocs.core.reminders.tables import Clock
from kursdocs.core.workdays import LOCAL, Workdays, local_date, local_moment

LAST_HOUR = 20
"""From this local hour on nothing is mailed any more that day."""


@dataclass(frozen=True)
class Told:
    """One row that the ledger gets when the mail was accepted."""

    agency_id: UUID
    addressee: Addressee
    clock: Clock
    delivery_id: UUID | None
    step: int


@dataclass(frozen=True)
class KindCount:
    """So many of one kind wait, the oldest for so many working days."""

    kind: str
    count: int
    oldest: int


@dataclass(frozen=True)
class Section:
    """What one addressee of one agency is told.

    ``waiting`` counts everything that waits for the agency, ``new`` of it was never told before.
    ``step`` is the highest step of the ladder that this mail tells of (0: only announcements).
    ``silent_days`` is how long nobody has looked in, 0 where that is not told. ``unreachable``:
    the agency has no mailbox, so that only the coordinator can be told.
    """

    agency_id: UUID
    agency_slug: str
    agency_name: str
    addressee: Addressee
    waiting: int
    new: int
    oldest: int
    step: int
    kinds: Sequence[KindCount]
    returned: int
    leaving: int
    silent_days: int
    told: Sequence[Told]
    unreachable: bool = False


@dataclass(frozen=True)
class Digest:
    """One mail: to one address, on one day, with a section for each agency and role it has."""

    address: str
    day: date
    lapses_at: datetime
    sections: Sequence[Section]


@dataclass(frozen=True)
class Overdue:
    """A delivery that goes back to its sender now."""

    delivery_id: UUID
    municipality_id: UUID
    agency_slug: str
    waited: int


def digests(
    catalogue: Catalogue, state: State, *, now: datetime, at_any_time: bool = False
) -> list[Digest]:
    """The mails that are due at this moment, by address.

    ``at_any_time`` is for the demo, where nobody wants to wait until tomorrow at seven.
    """
    today, by_address = local_date(now), dict[str, list[_News]]()
    for news in _news(catalogue, state, now, at_any_time=at_any_time):
        by_address.setdefault(news.address.lower(), []).append(news)
    # In the demo a day may be over already.
    lapses_at = max(local_moment(today, LAST_HOUR), now + timedelta(hours=1))
    return [
        Digest(address, today, lapses_at, _once([one.section for one in found]))
        for address, found in sorted(by_address.items())
        if at_any_time or _is_time(min(one.hour for one in found), now)
    ]


def _is_time(hour: int, now: datetime) -> bool:
    return hour <= now.astimezone(LOCAL).hour < LAST_HOUR


@dataclass(frozen=True)
class _News:
    """Something new to say at an address, and from which hour of today on."""

    address: str
    hour: int
    section: Section


def _news(
    catalogue: Catalogue, state: State, now: datetime, *, at_any_time: bool
) -> Iterator[_News]:
    today = local_date(now)
    for desk, items in _by_desk(state):
        if desk.is_closed or not (at_any_time or desk.workdays.includes(today)):
            continue
        for addressee in (Addressee.DESK, Addressee.DEPUTY, Addressee.HEAD):
            address = desk.address(addressee, today)
            section = _section(catalogue, desk, items, addressee, today) if address else None
            if section is not None:
                yield _News(address, desk.hour, section)
    for town in state.towns.values():
        if town.mailbox and (at_any_time or town.workdays.includes(today)):
            for section in _for_coordinator(catalogue, state, town, today):
                yield _News(town.mailbox, town.hour, section)


def _once(sections: Sequence[Section]) -> list[Section]:
    """One section an agency: whoever is desk and head in one mailbox is told once."""
    kept: dict[UUID, Section] = {}
    for section in sections:
        first = kept.get(section.agency_id)
        if first is None:
            kept[section.agency_id] = section
        else:
            kept[section.agency_id] = _merged(first, section)
    return list(kept.values())


def _merged(first: Section, second: Section) -> Section:
    both = {**vars(first), "told": [*first.told, *second.told]}
    both["step"] = max(first.step, second.step)
    return Section(**both)


def _by_desk(state: State) -> Iterator[tuple[Desk, Sequence[Item]]]:
    items: dict[UUID, list[Item]] = {}
    for item in state.items:
        items.setdefault(item.agency_id, []).append(item)
    for desk in state.desks.values():
        yield desk, items.get(desk.id, ())


def _ladder(catalogue: Catalogue, item: Item) -> Ladder:
    kind = catalogue.kind(item.kind)
    return kind.ladder if kind else catalogue.ladders[0]


@dataclass(frozen=True)
class _Waiting:
    """One waiting delivery, how long it waited, and the step to tell now, if any."""

    item: Item
    waited: int
    due: int | None


def _waiting(
    catalogue: Catalogue,
    desk: Desk,
    items: Iterable[Item],
    addressee: Addressee,
    today: date,
    instead_of_desk: bool = False,
) -> list[_Waiting]:
    waited = _Ages(desk.workdays, today)
    rung = Addressee.DESK if instead_of_desk else addressee
    found = []
    for item in items:
        if item.clock is Clock.WAITING:
            days = waited.of(item.day)
            step = _ladder(catalogue, item).step(rung, days)
            is_due = step is not None and step > item.told.get(addressee, -1)
            found.append(_Waiting(item, days, step if is_due else None))
    return found


class _Ages:
    """Working days from a day until today; each day is counted out once."""

    def __init__(self, workdays: Workdays, today: date) -> None:
        self._workdays, self._today = workdays, today
        self._known: dict[date, int] = {}

    def of(self, day: date) -> int:
        if day not in self._known:
            self._known[day] = self._workdays.between(day, self._today)
        return self._known[day]


def _section(
    catalogue: Catalogue, desk: Desk, items: Sequence[Item], addressee: Addressee, today: date
) -> Section | None:
    """What this addressee is told now, or ``None`` when there is nothing new to say."""
    waiting = _waiting(catalogue, desk, items, addressee, today)
    told = [
        Told(desk.id, addressee, Clock.WAITING, one.item.delivery_id, one.due)
        for one in waiting
        if one.due is not None
    ]
    returned, leaving, silent = _others(catalogue, desk, items, addressee, today)
    told += [
        Told(desk.id, addressee, item.clock, item.delivery_id, _single_step(item))
        for item in (*returned, *leaving)
    ]
    if silent:
        told.append(Told(desk.id, addressee, Clock.SILENCE, None, 0))
    if not told:
        return None
    return Section(
        agency_id=desk.id,
        agency_slug=desk.slug,
        agency_name=desk.name,
        addressee=addressee,
        waiting=len(waiting),
        new=sum(1 for one in waiting if one.due is not None and not one.item.told),
        oldest=max((one.waited for one in waiting), default=0),
        step=max((one.due for one in waiting if one.due is not None), default=0),
        kinds=_kinds(waiting),
        returned=len({item.document_id for item in returned}),
        leaving=len({item.document_id for item in leaving}),
        silent_days=silent,
        told=told,
    )


def _others(
    catalogue: Catalogue, desk: Desk, items: Sequence[Item], addressee: Addressee, today: date
) -> tuple[list[Item], list[Item], int]:
    """What the desk alone is told beside what waits: came back, will be deleted, silence."""
    if addressee is not Addressee.DESK:
        return [], [], 0
    untold = [item for item in items if item.told.get(addressee, -1) < _single_step(item)]
    returned = [item for item in untold if item.clock is Clock.RETURNED]
    leaving = [item for item in untold if item.clock is Clock.DELETION]
    return returned, leaving, _silence(catalogue, desk, today)


def _single_step(item: Item) -> int:
    """The one step of what is told once; a deletion with each notice, as its date may move."""
    return item.day.toordinal() if item.clock is Clock.DELETION else 0


def _silence(catalogue: Catalogue, desk: Desk, today: date) -> int:
    """For how many days nobody has looked in; 0 when that is not to be told (again) yet.

    Counted in days, so that neither the minute nor a change of the clocks moves it.
    """
    limit = timedelta(days=catalogue.silent_after_days)
    silent = today - local_date(desk.looked_in_at or desk.created_at)
    told_at = desk.silence_told_at
    is_told = told_at is not None and today - local_date(told_at) < limit
    if not desk.expects_papers or is_told or silent < limit:
        return 0
    return silent.days


def _kinds(waiting: Iterable[_Waiting]) -> list[KindCount]:
    """How many of each kind wait, the longest waiting first."""
    by_kind = sorted(waiting, key=lambda one: one.item.kind)
    counts = []
    for kind, group in groupby(by_kind, key=lambda one: one.item.kind):
        waited = [one.waited for one in group]
        counts.append(KindCount(kind, len(waited), max(waited)))
    return sorted(counts, key=attrgetter("oldest", "count"), reverse=True)


def _for_coordinator(
    catalogue: Catalogue, state: State, town: Town, today: date
) -> Iterator[Section]:
    """Of each agency only how many papers nobody took over to the end, never which (rule 9).

    Of an agency that no mail can reach, everything that waits there, from the first day on.
    """
    for desk, items in _by_desk(state):
        if desk.municipality_id != town.id or desk.is_closed:
            continue
        unreachable = not desk.address(Addressee.DESK, today)
        waiting = _waiting(catalogue, desk, items, Addressee.COORDINATOR, today, unreachable)
        told = [
            Told(desk.id, Addressee.COORDINATOR, Clock.WAITING, one.item.delivery_id, one.due)
            for one in waiting
            if one.due is not None
        ]
        if told:
            yield Section(
                agency_id=desk.id,
                agency_slug=desk.slug,
                agency_name=desk.name,
                addressee=Addressee.COORDINATOR,
                waiting=len(waiting),
                new=0,
                oldest=max(one.waited for one in waiting),
                step=max(one.due for one in waiting if one.due is not None),
                kinds=(),
                returned=0,
                leaving=0,
                silent_days=0,
                told=told,
                unreachable=unreachable,
            )


def overdue(catalogue: Catalogue, state: State, *, now: datetime) -> list[Overdue]:
    """What nobody took over to the end of its ladder: it goes back to the sender.

    Only while the agency works, so that the last day of the ladder is over when it happens; and
    only what its desk was told of to the last step, not just now but for as long as the ladder
    waits before it reminds at all. After an outage, papers do not go back of which nobody ever
    heard. A closed agency's papers go back too, and those of one that no mail can reach.
    """
    today, found = local_date(now), list[Overdue]()
    for desk, items in _by_desk(state):
        if not (desk.workdays.includes(today) and _is_time(desk.hour, now)):
            continue
        ages = _Ages(desk.workdays, today)
        for item in items:
            if item.clock is Clock.WAITING:
                waited, ladder = ages.of(item.day), _ladder(catalogue, item)
                is_told = not desk.address(Addressee.DESK, today) or _was_told(item, ladder, ages)
                if waited > ladder.return_after and (desk.is_closed or is_told):
                    found.append(Overdue(item.delivery_id, desk.municipality_id, desk.slug, waited))
    return found


def _was_told(item: Item, ladder: Ladder, ages: _Ages) -> bool:
    """Whether the desk heard of it to the last step, and long enough ago to have acted."""
    last, _ = ladder.steps[-1]
    patience, _ = ladder.steps[0]
    if item.told.get(Addressee.DESK, -1) < last or item.told_since is None:
        return False
    return ages.of(item.told_since) > patience


def postponed(catalogue: Catalogue, state: State, *, now: datetime) -> Mapping[UUID, str]:
    """Why agencies with something to be told are not mailed at this moment: a code for each.

    ``not_a_working_day``, ``before_its_hour``, ``after_the_last_hour`` or ``no_mailbox``.
    """
    today, found = local_date(now), dict[UUID, str]()
    told = {
        section.agency_id
        for digest in digests(catalogue, state, now=now)
        for section in digest.sections
        if section.addressee is not Addressee.COORDINATOR
    }
    for desk, items in _by_desk(state):
        if desk.is_closed or desk.id in told:
            continue
        if _section(catalogue, desk, items, Addressee.DESK, today) is None:
            continue
        if not desk.address(Addressee.DESK, today):
            found[desk.id] = "no_mailbox"
        elif not desk.workdays.includes(today):
            found[desk.id] = "not_a_working_day"
        else:
            is_early = now.astimezone(LOCAL).hour < desk.hour
            found[desk.id] = "before_its_hour" if is_early else "after_the_last_hour"
    return found
