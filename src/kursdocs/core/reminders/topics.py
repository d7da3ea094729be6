"""What one addressee of one agency is told: its clocks, most urgent first. Pure.

A section is made only when there is something new to say: an arrival, a further step, a paper that
came back, one that will be deleted, a silence. It then says everything that runs on each clock that
concerns the addressee at all. Entry points: :func:`section`, :func:`merged`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import attrgetter

from kursdocs.catalogue import Addressee, Catalogue, Ladder, Unit
from kursdocs.core.reminders.digest import KindCount, Section, Told, Topic
from kursdocs.core.reminders.groups import FOLLOW_UPS, Group
from kursdocs.core.reminders.state import Desk, month_step
from kursdocs.core.reminders.tables import AHEAD, ASKED, Clock
from kursdocs.core.workdays import Workdays, local_date

SOON_DAYS = 7
"""What should follow a paper within so many days does not wait for a day of the plan."""

_ONCE = (Clock.RETURNED, Clock.DELETION, Clock.REFUSED)
"""What is told once and then no more spoken of."""

_HEARS = {
    Addressee.DESK: (
        Clock.WAITING,
        Clock.REQUEST,
        Clock.APPROVAL,
        *FOLLOW_UPS,
        Clock.RETURNED,
        Clock.DELETION,
    ),
    Addressee.DEPUTY: (Clock.WAITING, Clock.REQUEST, Clock.APPROVAL),
    Addressee.HEAD: (Clock.WAITING, Clock.REQUEST, Clock.APPROVAL, Clock.REFUSED),
    Addressee.COORDINATOR: (Clock.WAITING, Clock.REQUEST),
}


class View:
    """One agency on one day, with what runs there; what is asked for again is counted once.

    ``cut_off``: what came up from then on is told another day. Approvals are not, as they are
    urgent, nor is a refusal: the next day has one of its own, from after the hour again.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        desk: Desk,
        groups: Sequence[Group],
        today: date,
        cut_off: datetime | None,
    ) -> None:
        self.catalogue, self.desk, self.groups, self.today = catalogue, desk, groups, today
        self.cut_off = cut_off
        self.ages = Ages(desk.workdays, today)
        self._ladders: dict[str, Ladder] = {}
        self._local_days: dict[datetime, date] = {}

    def ladder(self, kind: str) -> Ladder:
        """The steps of that kind of paper, as they hold for this agency."""
        if kind not in self._ladders:
            found = self.catalogue.kind(kind)
            usual = found.ladder if found else self.catalogue.ladders[0]
            self._ladders[kind] = self.desk.paces.ladder(usual)
        return self._ladders[kind]

    def day(self, moment: datetime) -> date:
        """The local day of that hour."""
        if moment not in self._local_days:
            self._local_days[moment] = local_date(moment)
        return self._local_days[moment]

    def is_visible(self, group: Group) -> bool:
        """Whether it came up in time for today's mail."""
        is_late = self.cut_off is not None and group.since >= self.cut_off
        return not is_late or group.clock in (Clock.APPROVAL, Clock.REFUSED)


class Ages:
    """Working days from a day until today, negative until one to come; each is counted once."""

    def __init__(self, workdays: Workdays, today: date) -> None:
        self._workdays, self._today = workdays, today
        self._known: dict[date, int] = {}

    def of(self, day: date) -> int:
        """How many working days lie after that day, up to and including today."""
        if day not in self._known:
            if day <= self._today:
                self._known[day] = self._workdays.between(day, self._today)
            else:
                self._known[day] = -self._workdays.between(self._today, day)
        return self._known[day]


# ── How far each clock has run ───────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Heard:
    """A group, the topic's days of it, the step it has reached, and whether that is to be told."""

    group: Group
    days: int
    step: int | None
    is_due: bool


def _reached(view: View, group: Group, rung: Addressee) -> tuple[int, int | None]:
    """The topic's days, and the step that this group has reached for whoever stands there."""
    if group.clock is Clock.WAITING:
        waited = view.ages.of(view.day(group.since))
        return waited, view.ladder(group.kind).step(rung, waited)
    if group.clock is Clock.APPROVAL:
        waited = view.ages.of(view.day(group.since))
        return waited, view.catalogue.clocks.approval.step(rung, waited)
    if group.clock is Clock.REQUEST and group.due is not None:
        return _request(view, group.due, rung)
    if group.clock in FOLLOW_UPS and group.due is not None:
        return _follow_up(view, group.kind, group.due)
    if group.clock is Clock.RETURNED:
        return 0, 0
    # A new notice and a new refusal are told anew.
    return 0, view.day(group.since).toordinal()


def _request(view: View, due: date, rung: Addressee) -> tuple[int, int | None]:
    passed = view.ages.of(due)
    steps = view.desk.paces.request(view.catalogue.clocks.request)
    step = steps.step(rung, passed)
    if step is None and rung is Addressee.DESK:
        is_near = steps.before > 0 and -steps.before <= passed
        step = AHEAD if is_near else ASKED
    return -passed, step


def _follow_up(view: View, code: str, due: date) -> tuple[int, int | None]:
    """The steps are counted: 0 at the first of the rule's days, 1 at the second."""
    rule = view.catalogue.follow_up(code)
    left = (due - view.today).days
    if rule is None:
        return left, None
    passed = view.ages.of(due) if rule.unit is Unit.WORKING_DAYS else -left
    reached = [step for step, days in enumerate(rule.days) if days - rule.due <= passed]
    return left, max(reached, default=None)


def _heard(view: View, addressee: Addressee, *, instead_of_desk: bool) -> Iterator[_Heard]:
    rung = Addressee.DESK if instead_of_desk else addressee
    clocks = _HEARS[addressee]
    for group in view.groups:
        if group.clock in clocks and view.is_visible(group):
            days, step = _reached(view, group, rung)
            told = group.told.get(addressee)
            yield _Heard(group, days, step, step is not None and (told is None or told < step))


# ── Sections ─────────────────────────────────────────────────────────────────────────────────


def section(
    view: View, addressee: Addressee, *, may_announce: bool = True, instead_of_desk: bool = False
) -> Section | None:
    """What this addressee is told now, or ``None`` when there is nothing new to say.

    ``may_announce``: what is merely new is reason enough. ``instead_of_desk``: the desk cannot be
    reached, so that the coordinator is told as soon as the desk would be.
    """
    desk, heard = view.desk, list(_heard(view, addressee, instead_of_desk=instead_of_desk))
    by_clock = groupby(sorted(heard, key=lambda one: one.group.clock), lambda one: one.group.clock)
    topics = [topic for clock, each in by_clock if (topic := _topic(clock, list(each), addressee))]
    told = [row for one in heard if one.is_due for row in _rows(one, addressee)]
    month = None
    if addressee is Addressee.DESK:
        if silent := _silence(view):
            topics.append(Topic(Clock.SILENCE, 1, 1, silent))
            told.append(Told(desk.id, addressee, Clock.SILENCE, "", None, 0))
        if month := desk.month:
            topics.append(Topic(Clock.MONTHLY, 1, 1))
            step = month_step(month.first_day)
            told.append(Told(desk.id, addressee, Clock.MONTHLY, "", None, step))
    if not told or not (may_announce or _is_urgent(view, heard, topics)):
        return None
    return Section(
        agency_id=desk.id,
        agency_slug=desk.slug,
        agency_name=desk.name,
        addressee=addressee,
        topics=sorted(topics, key=urgency),
        told=told,
        reach=desk.reach,
        own_plan=desk.own_plan(view.today) if addressee is Addressee.DESK else None,
        month=month,
    )


def _topic(clock: Clock, heard: Sequence[_Heard], addressee: Addressee) -> Topic | None:
    """Everything that runs on one clock, if it concerns this addressee yet."""
    if clock in _ONCE:
        heard = [one for one in heard if one.is_due]
    elif clock in FOLLOW_UPS:
        heard = [one for one in heard if one.step is not None]
    if not any(one.step is not None for one in heard):
        return None
    is_town = addressee is Addressee.COORDINATOR
    news = sum(one.group.count for one in heard if one.is_due and not one.group.told)
    steps = [one.step for one in heard if one.is_due and one.step is not None]
    return Topic(
        clock=clock,
        count=sum(one.group.count for one in heard),
        new=0 if is_town else news,
        days=_most_urgent(clock, [one.days for one in heard]),
        step=0 if clock in _ONCE else max([0, *steps]),
        kinds=() if is_town else _kinds(clock, heard),
    )


def _most_urgent(clock: Clock, days: Sequence[int]) -> int:
    """The most days waited, or the fewest left."""
    is_waiting = clock in (Clock.WAITING, Clock.APPROVAL)
    return max(days) if is_waiting else min(days)


def _kinds(clock: Clock, heard: Iterable[_Heard]) -> Sequence[KindCount]:
    """How many of each kind, the most urgent first."""
    found = [
        KindCount(
            kind, sum(one.group.count for one in each), _most_urgent(clock, [o.days for o in each])
        )
        for kind, each in _by_kind(heard)
    ]
    sign = 1 if clock in (Clock.WAITING, Clock.APPROVAL) else -1
    return sorted(found, key=lambda one: (-sign * one.days, -one.count, one.kind))


def _by_kind(heard: Iterable[_Heard]) -> Iterator[tuple[str, Sequence[_Heard]]]:
    kind = attrgetter("group.kind")
    for code, each in groupby(sorted(heard, key=kind), kind):
        yield code, list(each)


def _rows(one: _Heard, addressee: Addressee) -> Iterator[Told]:
    """What the ledger gets; nothing where the ids were not asked for but one for the group."""
    group, step = one.group, one.step or 0
    for id_ in group.subject_ids or (None,):
        yield Told(group.agency_id, addressee, group.clock, group.kind, id_, step)


def _silence(view: View) -> int:
    """For how many days nobody has looked in; 0 when that is not to be told (again) yet.

    Counted in days, so that neither the minute nor a change of the clocks moves it.
    """
    desk, limit = view.desk, timedelta(days=view.desk.paces.days("silence"))
    silent = view.today - local_date(desk.looked_in_at or desk.created_at)
    told_at = desk.silence_told_at
    is_told = told_at is not None and view.today - local_date(told_at) < limit
    if not desk.expects_papers or is_told or silent < limit:
        return 0
    return silent.days


def _is_urgent(view: View, heard: Iterable[_Heard], topics: Iterable[Topic]) -> bool:
    """Whether there is more than what is merely new: a step, a day that is near, a silence."""
    if any(topic.clock is Clock.SILENCE for topic in topics):
        return True
    return any(one.is_due and not _can_wait(one) for one in heard)


def _can_wait(one: _Heard) -> bool:
    if one.group.clock in FOLLOW_UPS:
        return one.step == 0 and one.days > SOON_DAYS
    if one.group.clock is Clock.REQUEST:
        return one.step == ASKED
    return one.group.clock is Clock.RETURNED or (one.group.clock is Clock.WAITING and not one.step)


# ── Order ────────────────────────────────────────────────────────────────────────────────────


def urgency(topic: Topic) -> tuple[int, str]:
    """Where a topic stands in a mail: what a clerk should do first comes first."""
    return _ORDER[topic.clock, _is_pressing(topic)], topic.clock


def _is_pressing(topic: Topic) -> bool:
    """Overdue, or reminded of already."""
    if topic.clock is Clock.WAITING:
        return topic.step > 0
    return topic.clock in (Clock.REQUEST, *FOLLOW_UPS) and topic.days < 0


_ORDER = {
    key: place
    for place, keys in enumerate(
        (
            ((Clock.APPROVAL, False),),
            ((Clock.REQUEST, True),),
            ((Clock.WAITING, True),),
            ((Clock.REQUEST, False),),
            tuple((clock, True) for clock in FOLLOW_UPS),
            ((Clock.RETURNED, False),),
            ((Clock.WAITING, False),),
            tuple((clock, False) for clock in FOLLOW_UPS),
            ((Clock.DELETION, False),),
            ((Clock.SILENCE, False),),
            ((Clock.REFUSED, False),),
            ((Clock.MONTHLY, False),),
        )
    )
    for key in keys
}


def merged(first: Section, second: Section) -> Section:
    """One section of two for the same agency: whoever is desk and head is told once."""
    topics = {topic.clock: topic for topic in second.topics}
    for topic in first.topics:
        other = topics.get(topic.clock)
        step = max(topic.step, other.step) if other else topic.step
        topics[topic.clock] = replace(topic, step=step)
    return replace(
        first,
        topics=sorted(topics.values(), key=urgency),
        told=[*first.told, *second.told],
        own_plan=first.own_plan or second.own_plan,
        month=first.month or second.month,
    )
