"""What must be true of the mails, judged without the planner: by almanac, mailbox and papers.

:func:`violations` returns a sentence for each thing that is wrong. The rules, one function each:
:func:`crowded`, :func:`ill_timed`, :func:`untrue`, :func:`needless`, :func:`missing`,
:func:`unmentioned`, :func:`stuck` and :func:`unanswered`.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from tests.simulation.almanac import NIGHT, Calendar, local, moment
from tests.simulation.mailserver import Accepted
from tests.simulation.papers import LADDERS, RETURN_AFTER, Paper
from tests.simulation.running import Plan, Record
from tests.simulation.town import COORDINATOR, COORDINATOR_HOUR, REFUSING, Place

PUNCTUAL = timedelta(minutes=25)
"""So long after its hour a mail has come, where nothing went wrong."""
MORE = "more"
TOO_LATE_TO_RETRY = 18
"""A mail server that is down until later than this hour has failed that day."""


def violations(record: Record) -> list[str]:
    """All that is wrong; empty when all is well."""
    judge = _Judge(record)
    rules = (crowded, ill_timed, untrue, needless, missing, unmentioned, stuck, unanswered)
    return [*record.faults, *(said for rule in rules for said in rule(judge))]


@dataclass(frozen=True)
class _Judge:
    """The record, arranged for looking things up."""

    record: Record

    @property
    def plan(self) -> Plan:
        return self.record.plan

    @cached_property
    def places(self) -> Mapping[str, Place]:
        return {place.slug: place for place in self.plan.places}

    @cached_property
    def papers_at(self) -> Mapping[str, Sequence[Paper]]:
        found = defaultdict(list)
        for paper in self.record.papers:
            found[paper.recipient].append(paper)
        return found

    @cached_property
    def told(self) -> Mapping[tuple[str, str, str], Sequence[datetime]]:
        """When an address was told something of an agency: by address, agency, topic."""
        found = defaultdict(list)
        for mail, said in self.record.mails:
            for slug, topics in said.sections.items():
                for topic in topics:
                    found[mail.address, slug, topic].append(mail.at)
            if said.more:
                found[mail.address, MORE, MORE].append(mail.at)
        return found

    @cached_property
    def troubled(self) -> set[tuple[date, str]]:
        """Days on which an attempt for that address failed, or (empty) a worker was killed."""
        found = {(local(at).date(), address) for at, address in self.record.troubles}
        return found | {(local(at).date(), "") for at in self.record.kills}

    def was_told(
        self, address: str, slug: str, topic: str, since: datetime, until: datetime
    ) -> bool:
        """Whether the address got a mail with that topic in that time.

        Where agencies are only counted at the end of a list, any of them may be meant.
        """
        for name in (slug, MORE):
            times = self.told.get((address, name, topic if name == slug else MORE), ())
            if bisect_right(times, until) > bisect_right(times, since - timedelta(seconds=1)):
                return True
        return False

    def latest(self, address: str, calendar: Calendar, due: datetime) -> datetime:
        """Until when a mail due at that moment must have come, for all that went wrong."""
        day = local(due).date()
        while self._is_lost(day, due):
            day = calendar.after(day, 1)
            due = moment(day, local(due).hour)
        calm = not (self._is_touched(due) or self.troubled & {(day, address), (day, "")})
        return due + PUNCTUAL if calm else moment(day, NIGHT)

    def _is_touched(self, due: datetime) -> bool:
        return any(first <= due + PUNCTUAL and due <= last for first, last in self.plan.outages)

    def _is_lost(self, day: date, due: datetime) -> bool:
        """Whether the mail server was down from then until too late in the day."""
        late = moment(day, TOO_LATE_TO_RETRY)
        return any(
            first <= due + PUNCTUAL and last >= late > first for first, last in self.plan.outages
        )


# ── Never too many ───────────────────────────────────────────────────────────────────────────


def crowded(judge: _Judge) -> Iterator[str]:
    """At most one mail an address and day; copies of it only after a crash or a lost answer."""
    by_day: dict[tuple[str, date], set[str]] = defaultdict(set)
    copies, excused = Counter[str](), Counter[str](judge.record.crashed)
    for mail, _ in judge.record.mails:
        by_day[mail.address.lower(), mail.day].add(mail.message_id)
        copies[mail.message_id] += 1
        excused[mail.message_id] += not mail.is_answered
    for (address, day), ids in by_day.items():
        if len(ids) > 1:
            yield f"{day}: {len(ids)} mails to {address}"
    for message_id, count in copies.items():
        if count - 1 > excused[message_id]:
            yield f"{message_id} came {count} times, with {excused[message_id]} crashes"


def ill_timed(judge: _Judge) -> Iterator[str]:
    """None on a day without work, before the agency's hour, or at night."""
    for mail, said in judge.record.mails:
        if not said.sections:
            yield f"{_named(mail)}: about nobody"
            continue
        hours = [
            COORDINATOR_HOUR if mail.address == COORDINATOR else judge.places[slug].hour
            for slug in said.sections
        ]
        if not min(hours) <= local(mail.at).hour < NIGHT:
            yield f"{_named(mail)}: not by day, or before its hour"
        for slug in said.sections:
            calendar = judge.places[slug].calendar
            if mail.address == COORDINATOR:
                calendar = judge.plan.town_calendar
            if not calendar.works(mail.day):
                yield f"{_named(mail)}: no working day for {slug}"


# ── Never untrue, never needless ─────────────────────────────────────────────────────────────


def untrue(judge: _Judge) -> Iterator[str]:
    """What is counted is what waits, but for what came after the hour; silence is as long."""
    for mail, said in judge.record.mails:
        for slug, topics in said.sections.items():
            if not topics:
                yield f"{_named(mail)}: nothing said of {slug}"
            for topic, count in (
                ("waiting", _waiting(judge, mail, slug)),
                ("approval", _unapproved(judge, mail, slug)),
                ("silent", _silent_days(judge, mail, slug)),
            ):
                if topics.get(topic, count) != count:
                    said_count = f"it says {topics[topic]} {topic} at {slug}"
                    yield f"{_named(mail)}: {said_count}, there are {count}"


def _waiting(judge: _Judge, mail: Accepted, slug: str) -> int:
    hour = COORDINATOR_HOUR if mail.address == COORDINATOR else judge.places[slug].hour
    cut_off = moment(mail.day, hour)
    return sum(
        paper.waits(mail.at) and paper.waits_since(cut_off) for paper in judge.papers_at[slug]
    )


def _unapproved(judge: _Judge, mail: Accepted, slug: str) -> int:
    return sum(p.sender == slug and p.awaits_approval(mail.at) for p in judge.record.papers)


def _silent_days(judge: _Judge, mail: Accepted, slug: str) -> int:
    looks = [at for at in judge.record.looks[slug] if at < mail.at]
    return (mail.day - (local(looks[-1]).date() if looks else judge.plan.first)).days


def needless(judge: _Judge) -> Iterator[str]:
    """A mail has a reason: since the last one something came, or reached the next step."""
    last: dict[tuple[str, str], Accepted] = {}
    for mail, said in judge.record.mails:
        roles = {place.slug: role for place, role in judge.plan.roles(mail.address)}
        for slug, topics in said.sections.items():
            before = last.get((mail.address, slug))
            if before is not None and before.message_id == mail.message_id:
                continue
            last[mail.address, slug] = mail
            if set(topics) != {"waiting"} or slug not in roles:
                continue
            if not any(
                _is_news(judge, paper, roles[slug], before, mail)
                for paper in judge.papers_at[slug]
                if paper.waits(mail.at)
            ):
                yield f"{_named(mail)}: nothing new at {slug}"


def _is_news(
    judge: _Judge, paper: Paper, role: str, before: Accepted | None, mail: Accepted
) -> bool:
    place = judge.places[paper.recipient]
    if before is None or (paper.arrived is not None and paper.arrived > before.at):
        return True
    if role == "coordinator" and place.desk_address in ("", REFUSING):
        role = "desk"
    for _, due in _steps(paper, place, role):
        # At the town's hour and on the town's days, it may come a few days later.
        slack = timedelta(days=5 if role == "coordinator" else 0)
        if before.day < due <= mail.day or (slack and before.day < due + slack and due <= mail.day):
            return True
    return False


# ── Never too few ────────────────────────────────────────────────────────────────────────────


def missing(judge: _Judge) -> Iterator[str]:
    """Each step is told to whom it concerns, punctually, unless somebody settled the paper."""
    for paper in judge.record.papers:
        for address, role, calendar, since, due in _owed(judge, paper):
            latest = judge.latest(address, calendar, due)
            if latest >= judge.plan.end or _is_void(paper, role, latest):
                continue
            if not judge.was_told(address, paper.recipient, "waiting", since, latest):
                yield f"{local(due):%Y-%m-%d %H}: {role} of {paper.recipient} not told of {paper}"


def _is_void(paper: Paper, role: str, latest: datetime) -> bool:
    if paper.settled is None or paper.settled > latest:
        return False
    # Going back excuses nothing: the coordinator is to know of it before.
    return not (role == "coordinator" and paper.how == "gone back")


def _owed(judge: _Judge, paper: Paper) -> Iterator[tuple[str, str, Calendar, datetime, datetime]]:
    """To whom, in which role, since when it may and at which moment it is to be told."""
    if paper.arrived is None:
        return
    place = judge.places[paper.recipient]
    for role, address in (
        ("desk", place.desk_address or place.head_address),
        ("deputy", place.deputy_address),
        ("head", place.head_address),
    ):
        for step, day in _steps(paper, place, role):
            is_over = role == "deputy" and place.deputy_until and place.deputy_until < day
            if address and address != REFUSING and not is_over:
                due = moment(day, place.hour)
                # In a mailbox that agencies share, the mail of the day comes at the earliest hour.
                opens = moment(day, place.cut_off)
                yield address, role, place.calendar, opens if step else paper.arrived, due
    town = judge.plan.town_calendar
    role = "desk" if _is_unreachable(judge, place, paper.arrived) else "coordinator"
    for step, day in _steps(paper, place, role):
        due = moment(town.next(day), COORDINATOR_HOUR)
        yield COORDINATOR, "coordinator", town, due if step else paper.arrived, due


def _is_unreachable(judge: _Judge, place: Place, at: datetime) -> bool:
    """Whether no mail reached its desk by then, so that the coordinator is told in its stead."""
    if place.desk_address == REFUSING:
        since = judge.record.refused_at
        return since is not None and since < at
    return not (place.desk_address or place.head_address)


def _steps(paper: Paper, place: Place, role: str) -> Iterator[tuple[int, date]]:
    """The steps of its ladder and the days on which they are due."""
    if paper.arrived is None:
        return
    arrived = local(paper.arrived)
    for step in LADDERS[paper.ladder][role]:
        if step:
            yield step, place.calendar.after(arrived.date(), step)
        else:
            is_early = arrived.hour < place.cut_off
            day = arrived.date() if is_early else arrived.date() + timedelta(days=1)
            yield step, place.calendar.next(day)


def unmentioned(judge: _Judge) -> Iterator[str]:
    """A report that nobody approves is told to its own agency, a refusing mailbox to its head."""
    for paper in judge.record.papers:
        place = judge.places[paper.sender]
        address = place.desk_address or place.head_address
        if not paper.is_report or not address or address == REFUSING:
            continue
        latest = _next_morning(judge, place, address, paper.sent)
        was_told = judge.was_told(address, place.slug, "approval", paper.sent, latest)
        if latest < judge.plan.end and paper.awaits_approval(latest) and not was_told:
            yield f"{local(paper.sent):%Y-%m-%d %H}: {paper.sender} not told to approve {paper}"
    since = judge.record.refused_at
    for place in judge.plan.places:
        if place.desk_address != REFUSING or not place.head_address or since is None:
            continue
        latest = _next_morning(judge, place, place.head_address, since)
        was_told = judge.was_told(place.head_address, place.slug, "refused", since, latest)
        if latest < judge.plan.end and not was_told:
            yield f"{local(since):%Y-%m-%d %H}: head of {place.slug} not told that it refuses"


def _next_morning(judge: _Judge, place: Place, address: str, since: datetime) -> datetime:
    day = place.calendar.after(local(since).date(), 1)
    return judge.latest(address, place.calendar, moment(day, place.hour))


# ── Never lost ───────────────────────────────────────────────────────────────────────────────


def stuck(judge: _Judge) -> Iterator[str]:
    """What nobody takes over goes back when its last day is over: neither before nor later."""
    for paper in judge.record.papers:
        if paper.arrived is None:
            continue
        place = judge.places[paper.recipient]
        arrived = local(paper.arrived).date()
        due = moment(place.calendar.after(arrived, RETURN_AFTER + 1), place.hour)
        if paper.how == "gone back" and paper.settled is not None and paper.settled < due:
            yield f"{local(paper.settled):%Y-%m-%d %H:%M}: given back too early: {paper}"
        last_told = moment(place.calendar.after(arrived, RETURN_AFTER), place.hour)
        calm = judge.latest(place.desk_address, place.calendar, last_told) == last_told + PUNCTUAL
        latest = judge.latest(place.desk_address, place.calendar, due)
        if not calm:
            latest = moment(place.calendar.after(local(due).date(), 3), NIGHT)
        if latest < judge.plan.end and (paper.settled is None or paper.settled > latest):
            yield f"{local(due):%Y-%m-%d %H}: not given back: {paper}"


def unanswered(judge: _Judge) -> Iterator[str]:
    """What came back is told to its sender by the next working day."""
    for paper in judge.record.papers:
        if paper.settled is None or paper.how not in ("gone back", "returned"):
            continue
        place = judge.places[paper.sender]
        address = place.desk_address or place.head_address
        if not address or address == REFUSING:
            continue
        latest = _next_morning(judge, place, address, paper.settled)
        was_told = judge.was_told(address, place.slug, "returned", paper.settled, latest)
        if latest < judge.plan.end and not was_told:
            yield f"{local(paper.settled):%Y-%m-%d %H}: {paper.sender} not told back: {paper}"


def _named(mail: Accepted) -> str:
    return f"{local(mail.at):%Y-%m-%d %H:%M} to {mail.address}"
