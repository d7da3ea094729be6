"""Kills processes of a busy installation at random, then judges what its clients were told.

:func:`play` is the whole run: writers, a slow one, one who withdraws and erases, a reader and a
sweeper work at once on the same database, key store and object store; one of them after the other
is killed with SIGKILL at a random moment and replaced. The clock runs fast and jumps by days, so
that intakes are given up under the hands of living writers, and withdrawn papers come to be erased.
In the end everybody is killed, the sweeper works until it finds nothing, and ``oracle`` judges.
"""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from unittest import mock

from sqlalchemy.orm import configure_mappers
from tests.engines import sharing_compiled_statements
from tests.faults import ledger, oracle
from tests.faults.clients import WRITERS, KnownPapers, Life, Role, Town, ledgers_of, live, rehearse
from tests.faults.clocks import SharedClock
from tests.faults.ledger import Tail, Word
from tests.faults.oracle import Finding
from tests.faults.stable import Stable, for_good, stabled
from tests.operations.house import House, load_once, settled

from kursdocs import bootstrap, catalogue
from kursdocs.core.checks import Depth
from kursdocs.core.documents.lifecycle import INTAKE_LIMIT, TOMBSTONE_AGE
from kursdocs.operations import retention, sweeping
from kursdocs.services import Services
from kursdocs.settings import Settings

SECOND = timedelta(seconds=1)
WITHDRAWN_FOR, NOTICED_FOR = timedelta(days=31), timedelta(days=8)
"""After these days what was withdrawn is announced, and then erased."""
JUMP = timedelta(hours=20)
"""Under the hands of whoever is at work; an upload lives through one at most, so that it ends
before its tombstone does."""
BLACKOUT = timedelta(days=2)
"""Nobody is at work; shorter than the sweeper looks back for keys that nobody needs."""
_W, _S = Role.WRITER, Role.SLOW
TOGETHER: Sequence[Sequence[Role]] = (
    (_W, _W, _W, _S, Role.READER, Role.SWEEPER),
    (Role.DROPPER,),
)
"""One process that serves and works, as on SQLite, beside one of the command line."""
APART: Sequence[Sequence[Role]] = (
    (_W,),
    (_W,),
    (_W, Role.READER),
    (_S, _S),
    (Role.DROPPER,),
    (Role.SWEEPER,),
)
"""Any number of processes, as on PostgreSQL."""


@dataclass(frozen=True)
class Plan:
    """How much is done; the same seed kills the same roles after as many uploads."""

    seed: int
    uploads: int
    kills: int
    speed: float = 160.0
    """Seconds of the clock in one of ours: an intake is dead after 1.5 of ours."""
    jumps: int = 0
    """How often the clock jumps by ``JUMP`` in all processes."""
    blackouts: int = 0
    """How often everybody is killed at once, and begins again days later."""
    seconds_max: float = 7_200.0


@dataclass
class Outcome:
    """What one run did, and what was wrong."""

    seed: int
    uploads: int = 0
    withdrawn: int = 0
    erased: int = 0
    given_up: int = 0
    reads: int = 0
    unanswered: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    jumps: int = 0
    blackouts: int = 0
    odd: list[str] = field(default_factory=list)
    """Processes that ended although nobody killed them."""
    findings: Sequence[Finding] = ()
    seconds: float = 0.0
    judged_seconds: float = 0.0

    @property
    def is_well(self) -> bool:
        """Nothing was wrong."""
        return not (self.odd or self.findings)


def play(settings: Settings, folder: Path, plan: Plan) -> Outcome:
    """Do it on a migrated, empty installation; ledgers and the processes' log go to ``folder``."""
    outcome, began = Outcome(plan.seed), time.monotonic()
    clock = SharedClock.make(folder / "clock", plan.speed)
    with (
        mock.patch.object(bootstrap, "SandboxedPapers", KnownPapers),
        mock.patch.object(catalogue, "load", load_once),
        settled(settings, clock) as house,
    ):
        town = _town(house, folder, plan.speed)
        with stabled(
            partial(_warm_up, town), partial(live, town), folder / "processes.log"
        ) as stable:
            _Run(stable, town, plan, clock, outcome).until_done()
        outcome.seconds = time.monotonic() - began
        known = ledger.read(sorted(folder.glob("*.ledger")))
        outcome.reads, outcome.unanswered = known.read.total(), len(known.open)
        settle(house.services, clock, INTAKE_LIMIT, TOMBSTONE_AGE)
        findings = oracle.judge(house.services, known)
        _count(house, outcome)
        # What was withdrawn is erased in these days; what remains was read already.
        settle(house.services, clock, WITHDRAWN_FOR, NOTICED_FOR, TOMBSTONE_AGE)
        outcome.findings = findings + oracle.judge(house.services, known, with_contents=False)
        outcome.odd += oracle.witness(house.services, Depth.FAST)
    outcome.judged_seconds = time.monotonic() - began - outcome.seconds
    return outcome


def _town(house: House, folder: Path, speed: float) -> Town:
    fields = {"bamf_person_no": "4711081", "issued_on": "2026-10-12", "expires_on": "2028-10-12"}
    sending = house.sending(fields=fields)
    return Town(house.services.settings, house.sender, house.recipient, sending, folder, speed)


def _warm_up(town: Town) -> None:
    """Once, in the process of which all others are forked."""
    mock.patch.object(bootstrap, "SandboxedPapers", KnownPapers).start()
    mock.patch.object(catalogue, "load", load_once).start()
    for_good(sharing_compiled_statements())
    configure_mappers()
    rehearse(town)


class _Run:
    """The crew at work, one process killed after the other."""

    def __init__(
        self, stable: Stable[Life], town: Town, plan: Plan, clock: SharedClock, outcome: Outcome
    ) -> None:
        self._stable, self._town, self._plan = stable, town, plan
        self._clock, self._outcome = clock, outcome
        self._dice = random.Random(plan.seed)  # noqa: S311 - dice, not secrets
        is_sqlite = town.settings.database_url.startswith("sqlite")
        self._crew = TOGETHER if is_sqlite else APART
        self._pids: dict[int, int] = {}
        """Process ids by place."""
        self._lives = 0
        self._tails = [
            Tail(path)
            for place, roles in enumerate(self._crew)
            for path in ledgers_of(town.folder, place, roles)
        ]
        self._jumped_to: datetime | None = None
        self._busy: set[Tail] = set()
        """Writers that may still be at what they began before the last jump."""

    def until_done(self) -> None:
        """Until there are enough uploads, kills and jumps; then nobody lives any more."""
        for place in range(len(self._crew)):
            self._begin(place)
        plan, give_up = self._plan, time.monotonic() + self._plan.seconds_max
        deeds = self._deeds()
        while self._outcome.uploads < plan.uploads or deeds:
            if time.monotonic() > give_up:
                self._outcome.odd.append(f"not done after {plan.seconds_max:.0f} s")
                break
            time.sleep(self._dice.uniform(0.001, 0.03))
            self._listen()
            self._notice_dead()
            if deeds and self._outcome.uploads >= deeds[0][0] and deeds[0][1]():
                deeds.pop(0)
        for pid in self._pids.values():
            self._stable.kill(pid)
        self._listen()

    def _deeds(self) -> list[tuple[int, Callable[[], bool]]]:
        """What is done after how many uploads, in order."""
        plan = self._plan
        deeds: list[Callable[[], bool]] = [self._kill_one] * plan.kills
        deeds += [self._jump] * plan.jumps
        deeds += [self._blackout] * plan.blackouts
        moments = [(self._dice.randrange(1, plan.uploads), deed) for deed in deeds]
        return sorted(moments, key=lambda moment: moment[0])

    def _listen(self) -> None:
        for tail in self._tails:
            for line in tail.look():
                if line.word is Word.TRY:
                    self._busy.discard(tail)
                if line.word is Word.ACK:
                    self._outcome.uploads += 1
                if line.word is Word.SWEPT and self._waits_for_sweep_after(line.value):
                    self._jumped_to = None

    def _waits_for_sweep_after(self, began: str) -> bool:
        return self._jumped_to is not None and datetime.fromisoformat(began) > self._jumped_to

    def _pass(self, span: timedelta) -> bool:
        """Let the time pass; not before a sweeper came through since the last time."""
        if self._jumped_to is not None:
            return False
        self._clock.advance(span)
        self._jumped_to = self._clock()
        return True

    def _jump(self) -> bool:
        """Whoever is at work is late now; nobody was at the same work at the last jump."""
        if self._busy or not self._pass(JUMP):
            return False
        self._busy = {tail for tail in self._tails if tail.path.stem.startswith(tuple(WRITERS))}
        self._outcome.jumps += 1
        return True

    def _blackout(self) -> bool:
        """Everybody dies, and begins again days later."""
        if self._jumped_to is not None:
            return False
        for place in self._pids:
            self._kill(place)
        self._pass(BLACKOUT)
        for place in self._pids:
            self._begin(place)
        self._outcome.blackouts += 1
        return True

    def _begin(self, place: int) -> None:
        self._lives += 1
        seed = self._plan.seed * 1_000_000 + self._lives
        self._pids[place] = self._stable.begin(Life(place, self._crew[place], seed))

    def _kill_one(self) -> bool:
        place = self._dice.randrange(len(self._crew))
        self._kill(place)
        self._begin(place)
        return True

    def _kill(self, place: int) -> None:
        code = self._stable.kill(self._pids[place])
        name = "+".join(Counter(self._crew[place]))
        if code == -signal.SIGKILL:
            self._outcome.kills[name] += 1
        else:
            self._outcome.odd.append(f"{name} ended by itself with {code}")

    def _notice_dead(self) -> None:
        for pid, code in self._stable.ended().items():
            for place in [place for place, mine in self._pids.items() if mine == pid]:
                name = "+".join(Counter(self._crew[place]))
                self._outcome.odd.append(f"{name} ended by itself with {code}")
                self._begin(place)


def settle(services: Services, clock: SharedClock, *spans: timedelta) -> None:
    """Let the worker do what it would do after each of these spans, until nothing is left to do."""
    for span in spans:
        clock.advance(span + SECOND)
        retention.run(services)
        while any(vars(sweeping.sweep(services)).values()):
            pass


def _count(house: House, outcome: Outcome) -> None:
    states = Counter(house.states())
    outcome.withdrawn, outcome.erased = states["withdrawn"], states["erased"]
    outcome.given_up = states["abandoned"]
