"""The course of the simulated months: papers, people and worker, in the order of time.

:func:`run` moves one clock through everything that happens and returns the :class:`Record` that
``oracle`` judges. Without a mirror and a worker it is the same town without reminders.
"""

import heapq
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial

from tests.simulation import papers as drawing
from tests.simulation.almanac import (
    NIGHT,
    SUMMER_BEGINS,
    WINTER_BEGINS,
    Calendar,
    days,
    local,
    moment,
)
from tests.simulation.letters import Read, read
from tests.simulation.mailserver import FAILS, Accepted, FailingServer, Outage
from tests.simulation.mirror import Mirror, name_of
from tests.simulation.papers import APPROVED_HOURS, Paper
from tests.simulation.people import WITHDRAWN, Staff, dice
from tests.simulation.town import (
    AGENCIES,
    CLOSING,
    COORDINATOR,
    COORDINATOR_HOUR,
    LAND,
    OPERATOR,
    Place,
)
from tests.simulation.worker import UNMARKED, Kill, Tick, Ticked, Ticking, given_back, unmarked


@dataclass(frozen=True)
class Plan:
    """What is simulated; the same plan repeats the same months."""

    seed: int
    first: date
    last: date
    places: Sequence[Place] = AGENCIES
    kills: int = 0
    outages: Sequence[Outage] = ()
    fails: float = FAILS

    @property
    def begin(self) -> datetime:
        """The first moment."""
        return moment(self.first, 0)

    @property
    def end(self) -> datetime:
        """The moment after the last."""
        return moment(self.last + timedelta(days=1), 0)

    @property
    def town_calendar(self) -> Calendar:
        """When the coordinator works."""
        return Calendar(LAND, (CLOSING,))

    def roles(self, address: str) -> Iterator[tuple[Place, str]]:
        """Whom of which agencies that address reaches; the desk's first."""
        for place in self.places:
            if address == COORDINATOR:
                yield place, "coordinator"
            elif address == (place.desk_address or place.head_address):
                yield place, "desk"
            elif address == place.deputy_address:
                yield place, "deputy"
            elif address == place.head_address:
                yield place, "head"


@dataclass
class Record:
    """What happened: all that the oracle looks at."""

    plan: Plan
    papers: list[Paper]
    mails: list[tuple[Accepted, Read]] = field(default_factory=list)
    looks: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    kills: list[datetime] = field(default_factory=list)
    crashed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    troubles: list[tuple[datetime, str]] = field(default_factory=list)
    attempts: int = 0
    refused: int = 0
    refused_at: datetime | None = None
    ticks: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass
class Course:
    """The loop: a heap of things to happen, each with the function that does it."""

    record: Record
    mirror: Mirror | None
    ticking: Ticking | None
    server: FailingServer | None
    _heap: list[tuple[datetime, int, Callable[[datetime], None]]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _ticks: set[datetime] = field(default_factory=set)
    _armed: list[Kill] = field(default_factory=list)
    _looking: set[tuple[str, datetime]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Staff the agencies and put everything on the heap that is known beforehand."""
        plan = self.record.plan
        self._staff = {
            place.slug: Staff(plan.seed, place, plan.first, plan.last) for place in plan.places
        }
        for paper in self.record.papers:
            self._put(_apart(paper.sent), partial(self._send, paper))
        for slug, staff in self._staff.items():
            for day in days(plan.first, plan.last):
                self._look_later(slug, staff.looks_by_itself(day))
        if self.ticking is not None:
            for at in wakings(plan):
                if plan.begin <= at < plan.end:
                    self._tick_at(at)
            for number in range(plan.kills):
                rolled = dice(plan.seed, "kill", number)
                at = plan.begin + rolled.random() * (plan.end - plan.begin)
                self._put(at, partial(self._arm, _kill(plan.seed, number)))

    def run(self) -> Record:
        """Let everything happen."""
        while self._heap:
            at, _, happen = heapq.heappop(self._heap)
            if at < self.record.plan.end:
                happen(at)
        if self.server is not None:
            self.record.attempts, self.record.refused = self.server.attempts, self.server.refused
            self.record.troubles = self.server.troubles
            self.record.refused_at = self.server.refused_at
        return self.record

    def _put(self, at: datetime, happen: Callable[[datetime], None]) -> None:
        heapq.heappush(self._heap, (at, next(self._numbers), happen))

    # -- people ----------------------------------------------------------------------------

    def _send(self, paper: Paper, at: datetime) -> None:
        paper.sent = at
        if self.mirror:
            self.mirror.send(paper, at)
        rolled = dice(self.record.plan.seed, paper.number, "fate")
        if paper.is_report:
            hours = rolled.uniform(*APPROVED_HOURS)
            self._put(_apart(at + timedelta(hours=hours)), partial(self._approve, paper))
        else:
            paper.arrived = at
        if rolled.random() < WITHDRAWN:
            self._put(_apart(at + timedelta(days=1)), partial(self._withdraw, paper))

    def _approve(self, paper: Paper, at: datetime) -> None:
        if paper.settled is None:
            paper.arrived = at
            if self.mirror:
                self.mirror.approve(paper, at)

    def _withdraw(self, paper: Paper, at: datetime) -> None:
        if paper.settled is None:
            paper.settled, paper.how = at, "withdrawn"
            if self.mirror:
                self.mirror.withdraw(paper, at)

    def _look_later(self, slug: str, at: datetime | None) -> None:
        if at is not None and (slug, at) not in self._looking:
            self._looking.add((slug, at))
            self._put(_apart(at), partial(self._look, slug))

    def _look(self, slug: str, at: datetime) -> None:
        self.record.looks[slug].append(at)
        done: dict[str, list[Paper]] = {"taken over": [], "returned": []}
        for paper in self.record.papers:
            if paper.recipient == slug and paper.waits(at):
                how = self._staff[slug].does_with(paper.number, local(at).date())
                if how:
                    paper.settled, paper.how = at, how
                    done[how].append(paper)
        if self.mirror:
            self.mirror.look_in(slug, at)
            self.mirror.take_over(done["taken over"], at)
            self.mirror.give_back(done["returned"], at)

    def _react(self, mail: Accepted, said: Read) -> None:
        """Everybody whom the mail reaches may look in because of it."""
        for place, role in self.record.plan.roles(mail.address):
            if place.slug in said.sections:
                self._look_later(
                    place.slug, self._staff[place.slug].looks_after_mail(mail.at, role)
                )

    # -- the worker ------------------------------------------------------------------------

    def _arm(self, kill: Kill, _at: datetime) -> None:
        """The next worker to come by that point dies there."""
        self._armed.append(kill)

    def _tick_at(self, at: datetime) -> None:
        if at not in self._ticks:
            self._ticks.add(at)
            self._put(at, self._tick)

    def _tick(self, at: datetime) -> None:
        if self.ticking is None or self.server is None or self.mirror is None:
            return
        self.record.ticks += 1
        self.server.now = at
        before = len(self.server.accepted)
        kill = self._armed[0] if self._armed else None
        done = self.ticking(Tick(at, kill))
        fresh = [mail for mail in self.server.accepted[before:] if mail.address != OPERATOR]
        if done.died:
            self._armed.pop(0)
            done = self._after_a_kill(at, fresh)
        self.record.faults += done.faults
        self._note_given_back(done, at)
        names = {name_of(place): place.slug for place in self.record.plan.places}
        for mail in fresh:
            said = read(mail.letter, names)
            self.record.mails.append((mail, said))
            self._react(mail, said)
        if done.next_due is not None:
            self._tick_at(_on_grid(done.next_due))

    def _after_a_kill(self, at: datetime, fresh: Sequence[Accepted]) -> Ticked:
        """Look at what the dead one left; a new one starts a minute later."""
        self.record.kills.append(at)
        self._tick_at(at + timedelta(minutes=1))
        self._tick_at(at + timedelta(minutes=6))
        if self.mirror is None:
            return Ticked()
        with self.mirror.services.transaction() as session:
            for one in unmarked(session, [mail.message_id for mail in fresh]):
                self.record.crashed[one] += 1
            return Ticked(given_back=given_back(session, at))

    def _note_given_back(self, done: Ticked, at: datetime) -> None:
        back = set(done.given_back)
        for paper in self.record.papers if back else ():
            if paper.ids and paper.ids[1] in back and paper.settled != at:
                if paper.settled is not None:
                    self.record.faults.append(f"paper {paper.number} was given back when settled")
                paper.settled, paper.how = at, "gone back"


def _apart(at: datetime) -> datetime:
    """People never act at the very moment of a tick, which is always a full second."""
    return at.replace(second=30, microsecond=500_000)


def _on_grid(at: datetime) -> datetime:
    """The next full five minutes, so that the mails of an hour share a few ticks."""
    return at + (datetime.min.replace(tzinfo=UTC) - at) % timedelta(minutes=5)


def _kill(seed: int, number: int) -> Kill:
    """Every second one dies between the server's acceptance of a mail and the commit."""
    rolled = dice(seed, "point", number)
    if number % 2:
        return Kill(rolled.randrange(UNMARKED), mail=rolled.randrange(2))
    return Kill(rolled.randrange(24))


def wakings(plan: Plan) -> Iterator[datetime]:
    """When the worker is looked at: the hours at which agencies are told, others, some at night.

    Between them it is woken when the outbox says that a mail is due.
    """
    hours = sorted({place.hour for place in plan.places} | {COORDINATOR_HOUR})
    for day in days(plan.first, plan.last):
        times = [(0, 30)]
        if day.weekday() < 5:
            times += [(hour, minute) for hour in hours for minute in (0, 15)]
            times += [(12, 30), (17, 0), (NIGHT, 0)]
        else:
            times += [(8, 30)]
        yield from (moment(day, *time) for time in times)
    for changed in (WINTER_BEGINS, SUMMER_BEGINS):
        # By UTC, as one hour is there twice and one is missing.
        yield from (changed + number * timedelta(minutes=30) for number in range(-4, 14))


def run(
    plan: Plan,
    mirror: Mirror | None = None,
    ticking: Ticking | None = None,
    server: FailingServer | None = None,
) -> Record:
    """Simulate it all; without the last three, what people do when nobody reminds them."""
    drawn = drawing.drawn(plan.seed, plan.places, plan.first, plan.last)
    return Course(Record(plan, drawn), mirror, ticking, server).run()
