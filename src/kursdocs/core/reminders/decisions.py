"""What the plan decides for every addressee of every agency, and why; also why not. Pure.

For whoever wants to know who is mailed next. Entry point: :func:`decisions`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from kursdocs.catalogue import Addressee, Catalogue
from kursdocs.core.reminders import times
from kursdocs.core.reminders.digest import Decision, Section, Why
from kursdocs.core.reminders.groups import Group
from kursdocs.core.reminders.plan import Listener, by_address, by_agency, listeners, news, opening
from kursdocs.core.reminders.state import Desk, State
from kursdocs.core.reminders.tables import Clock
from kursdocs.core.reminders.topics import View
from kursdocs.core.workdays import LOCAL, local_date, local_moment

_DAYS_AHEAD = 30
_OF_TOWN = (Clock.WAITING, Clock.REQUEST)


def decisions(
    catalogue: Catalogue, state: State, *, now: datetime, over: Collection[str] = ()
) -> list[Decision]:
    """One for each addressee who has an address, or of whose agency something is open.

    ``over`` are the addresses (in small letters) whose mail of the day went out or was given up.
    The coordinator appears beside the agencies at which something is open.
    """
    deciding = _Deciding(catalogue, state, now, over)
    groups = by_agency(state)
    found = [
        decision
        for listener in listeners(catalogue, state, now)
        if (decision := deciding.decide(listener)) is not None
    ]
    closed = [
        _decision(desk, Addressee.DESK, desk.address(Addressee.DESK, local_date(now)), Why.CLOSED)
        for desk in state.desks.values()
        if desk.is_closed and groups.get(desk.id)
    ]
    return [*found, *closed]


def _decision(
    desk: Desk,
    addressee: Addressee,
    address: str,
    why: Why,
    said: Section | None = None,
    at: datetime | None = None,
) -> Decision:
    return Decision(why, desk.id, desk.slug, desk.name, addressee, address, said, at)


class _Deciding:
    """All that one moment's decisions have in common."""

    def __init__(
        self, catalogue: Catalogue, state: State, now: datetime, over: Collection[str]
    ) -> None:
        self._catalogue, self._now, self._over = catalogue, now, over
        self._today = local_date(now)
        mails = by_address(news(catalogue, state, now))
        self._hours: Mapping[str, int] = {to: opening(each) for to, each in mails.items()}

    def decide(self, listener: Listener) -> Decision | None:
        """What is decided for this one; ``None`` for whom there is nothing to say about."""
        if not listener.address:
            return self._without_address(listener)
        if listener.addressee is Addressee.COORDINATOR and not _has_open(listener.view):
            return None
        why, said, at = self._why(listener)
        return _decision(listener.desk, listener.addressee, listener.address, why, said, at)

    def _without_address(self, listener: Listener) -> Decision | None:
        said = self._timeless(listener).section()
        is_needed = listener.addressee in (Addressee.DESK, Addressee.COORDINATOR)
        if not is_needed or (said is None and not listener.view.groups):
            return None
        if said is None and listener.addressee is Addressee.COORDINATOR:
            return None
        return _decision(listener.desk, listener.addressee, "", Why.NO_MAILBOX, said)

    def _why(self, listener: Listener) -> tuple[Why, Section | None, datetime | None]:
        following = times.next_opening(listener.workdays, listener.hour, self._now)
        if not listener.workdays.includes(self._today):
            said = self._timeless(listener).section()
            paused = times.is_paused(listener.workdays, self._today)
            why = Why.PAUSED if paused else Why.NOT_A_WORKING_DAY
            return (why, said, following) if said else self._nothing_new(listener)
        if said := listener.section(may_announce=listener.is_plan_day):
            return self._said(listener, said, following)
        if said := listener.section():
            return Why.WAITS_FOR_PLAN_DAY, said, times.next_plan_day(listener.desk, self._now)
        if said := self._timeless(listener).section():
            return Why.AFTER_THE_CUT_OFF, said, following
        return self._nothing_new(listener)

    def _said(
        self, listener: Listener, said: Section, following: datetime | None
    ) -> tuple[Why, Section, datetime | None]:
        address = listener.address.lower()
        if address in self._over:
            is_refused = address in listener.desk.refused_mailboxes
            return Why.REFUSED if is_refused else Why.TOLD_TODAY, said, following
        hour = self._hours.get(address, listener.hour)
        if self._now.astimezone(LOCAL).hour >= times.LAST_HOUR:
            return Why.AFTER_THE_LAST_HOUR, said, following
        is_early = not times.is_time(hour, self._now)
        why = Why.BEFORE_ITS_HOUR if is_early else Why.DUE
        return why, said, times.due_at(address, self._today, hour)

    def _nothing_new(self, listener: Listener) -> tuple[Why, Section | None, datetime | None]:
        """When the next step comes, if nothing else happens."""
        compact, view = _compact(listener.view), listener.view
        for ahead in range(1, _DAYS_AHEAD):
            day = self._today + timedelta(days=ahead)
            if listener.workdays.includes(day):
                then = View(self._catalogue, view.desk, compact, day, None)
                if replace(listener, view=then).section():
                    return Why.NOTHING_NEW, None, local_moment(day, listener.hour)
        return Why.NOTHING_NEW, None, None

    def _timeless(self, listener: Listener) -> Listener:
        """The same, as if what comes late today were in time."""
        view = listener.view
        return replace(
            listener,
            view=View(self._catalogue, view.desk, view.groups, self._today, None),
        )


def _has_open(view: View) -> bool:
    return any(group.clock in _OF_TOWN for group in view.groups)


def _compact(view: View) -> Sequence[Group]:
    """Groups of days instead of hours: enough to look ahead, and far fewer."""
    return list(_by_day(view))


def _by_day(view: View) -> Iterator[Group]:
    known = set()
    for group in view.groups:
        told = tuple(sorted(group.told.items()))
        key = (group.clock, group.kind, view.day(group.since), group.due, told)
        if key not in known:
            known.add(key)
            yield group
