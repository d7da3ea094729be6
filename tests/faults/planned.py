"""Injects each fault at each point of each deed, then judges the installation by the ledger.

A first run of a deed without a fault records its points. Then at each of them, or at a sample that
leaves no point out, one of four things happens:

KILL   the process gets SIGKILL there
ERROR  the part fails there: before the call, or after it, when only its answer is lost
HANG   the call stands still longer than any limit; the sweeper works meanwhile; then it goes on
SPOIL  what goes to the object store arrives with other bytes

Afterwards the sweeper works, the client tries again, a day passes, and ``oracle`` judges.
"""

import os
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast
from unittest import mock

from sqlalchemy.orm import configure_mappers
from tests.engines import sharing_compiled_statements
from tests.faults import ledger, oracle
from tests.faults.bugs import BUGS
from tests.faults.deeds import ANSWERS, DEEDS, SECOND, Job, Scene
from tests.faults.oracle import Finding
from tests.faults.registry import failing
from tests.faults.stable import Stable, for_good, stabled
from tests.operations.house import OTHER_PAPER, PAPER, Clock, House, SharedPapers, load_once
from tests.operations.points import probed, probing_put

from kursdocs import bootstrap, catalogue
from kursdocs.adapters.identity import OidcProvider
from kursdocs.adapters.papers import Limits
from kursdocs.core.checks import Depth
from kursdocs.core.documents.lifecycle import INTAKE_LIMIT, TOMBSTONE_AGE
from kursdocs.core.ports import ObjectStore
from kursdocs.operations import sweeping
from kursdocs.services import Services

TOGETHER = 20
"""So many faults are recovered from at once, each with a document of its own."""


class Kind(StrEnum):
    """What happens at a point."""

    KILL = "kill"
    ERROR = "error"
    HANG = "hang"
    SPOIL = "spoil"


@dataclass(frozen=True)
class Case:
    """One fault: where (the number of the point in its deed, from 0) and what."""

    deed: str
    number: int
    point: str
    kind: Kind

    def __str__(self) -> str:
        return f"{self.deed}|{self.kind}|{self.number}|{self.point}".replace(" ", "_")


@dataclass
class Report:
    """What a campaign did, and what was wrong."""

    hit: list[Case] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    points: dict[str, Sequence[str]] = field(default_factory=dict)

    @property
    def words(self) -> set[oracle.Fault]:
        """The promises that were broken."""
        return {finding.fault for finding in self.findings}


# -- what is to be done ----------------------------------------------------------------------------


def cases(deed: str, points: Sequence[str]) -> Iterator[Case]:
    """Every fault that is possible at these points."""
    for number, point in enumerate(points):
        yield Case(deed, number, point, Kind.KILL)
        if failing(point) is not None:
            yield Case(deed, number, point, Kind.ERROR)
        if point != "answered":
            yield Case(deed, number, point, Kind.HANG)
        if point == "store.put begins":
            yield Case(deed, number, point, Kind.SPOIL)


def sample(every: Sequence[Case], share: float, dice: random.Random) -> list[Case]:
    """That share of them, in order, with every kind and every point's name at least once."""
    chosen = set(dice.sample(every, round(len(every) * share)))
    for names in ("point", "kind"):
        for name in sorted({getattr(case, names) for case in every}):
            those = [case for case in every if getattr(case, names) == name]
            if not chosen.intersection(those):
                chosen.add(dice.choice(those))
    return [case for case in every if case in chosen]


# -- doing it --------------------------------------------------------------------------------------


@contextmanager
def killable() -> Iterator[Stable[Job]]:
    """Processes in which deeds are done and die; for any number of campaigns, one at a time."""
    with TemporaryDirectory() as folder:
        log = Path(folder) / "processes.log"
        with stabled(_warm_up, _live, log) as stable:
            yield stable


def campaign(
    house: House,
    folder: Path,
    stable: Stable[Job],
    *,
    deeds: Sequence[str] = tuple(DEEDS),
    seed: int = 1,
    share: float = 1.0,
    bug: str = "",
) -> Report:
    """All faults, or a share of them, in these deeds; with a seeded bug if one is named."""
    scene, report = Scene(house, folder / "client.ledger"), Report()
    dice = random.Random(f"{seed} {bug}")  # noqa: S311 - dice, not secrets
    for deed in deeds:
        recorded = scene.job(deed, f"{deed}|recorded")
        report.points[deed] = _recorded(scene, recorded)
        _recover(scene, [recorded], report)
        rehearsed = scene.job(deed, f"{deed}|rehearsed")
        stable.rehearse(rehearsed)
        _recover(scene, [rehearsed], report)
    with BUGS[bug].patched() if bug else nullcontext():
        scene.bug = bug
        for deed in deeds:
            chosen = sample(list(cases(deed, report.points[deed])), share, dice)
            _inject_all(scene, stable, chosen, report)
        house.sweep(TOMBSTONE_AGE + SECOND)
        house.sweep(TOMBSTONE_AGE + SECOND)
    report.findings += oracle.judge(house.services, ledger.read([scene.ledger]))
    report.odd += oracle.witness(house.services, Depth.DEEP)
    return report


def _recorded(scene: Scene, job: Job) -> list[str]:
    points: list[str] = []
    with probing_put(points.append):
        _do(probed(_with_scanner(scene.house.services, job), points.append), job)
        points.append("answered")
    return points


def _do(services: Services, job: Job) -> None:
    DEEDS[job.deed].do(services, job)


def _with_scanner(services: Services, job: Job) -> Services:
    scanner = DEEDS[job.deed].scanner
    return services if scanner is None else replace(services, scanner=scanner)


def _inject_all(scene: Scene, stable: Stable[Job], chosen: Sequence[Case], report: Report) -> None:
    waiting: list[Job] = []
    for case in chosen:
        job = scene.job(case.deed, str(case))
        if case.kind is Kind.KILL:
            _kill(stable, replace(job, kill_at=case.number), case, report)
        else:
            with suppress(*ANSWERS):
                _fail(scene, job, case)
        report.hit.append(case)
        waiting.append(job)
        if DEEDS[case.deed].is_alone or len(waiting) == TOGETHER:
            _recover(scene, waiting, report)
            waiting = []
    _recover(scene, waiting, report)


def _kill(stable: Stable[Job], job: Job, case: Case, report: Report) -> None:
    code = stable.wait(stable.begin(job))
    if code != -signal.SIGKILL:
        report.odd.append(f"{case} was not hit: {code}")


def _recover(scene: Scene, jobs: Sequence[Job], report: Report) -> None:
    """What is kept must be whole at once; then the sweeper comes, and everything is tried again."""
    known = ledger.read([scene.ledger])
    report.findings += oracle.unreadable(scene.house.services, known, {job.key for job in jobs})
    if jobs and DEEDS[jobs[0].deed].is_alone:
        for job in jobs:
            DEEDS[job.deed].again(scene, job)
    scene.house.sweep(INTAKE_LIMIT + SECOND)
    if jobs and not DEEDS[jobs[0].deed].is_alone:
        for job in jobs:
            DEEDS[job.deed].again(scene, job)


# -- faults within this process --------------------------------------------------------------------


def _fail(scene: Scene, job: Job, case: Case) -> None:
    house = scene.house
    services = _with_scanner(house.services, job)
    if case.kind is Kind.SPOIL:
        _do(replace(services, store=cast("ObjectStore", _Spoiling(services.store))), job)
        return
    probe = _Once(case.number, _raise if case.kind is Kind.ERROR else partial(_hang, house))
    with probing_put(probe):
        _do(probed(services, probe), job)


class _Once:
    """A probe that does one thing at one point, and nothing while it does it.

    With a seeded bug the point of that number may be another than it was without.
    """

    def __init__(self, number: int, do: Callable[[str], None]) -> None:
        self._left, self._do = number, do

    def __call__(self, point: str) -> None:
        self._left -= 1
        if self._left == -1:
            self._do(point)


def _raise(point: str) -> None:
    if (failure := failing(point)) is not None:
        raise failure()


def _hang(house: House, point: str) -> None:
    """The limit passes and the sweeper comes by; within a transaction it would wait for us."""
    house.clock.advance(INTAKE_LIMIT + SECOND)
    if point != "commit begins":
        sweeping.sweep(house.services)


class _Spoiling:
    """A store to which the bytes come with one of them changed."""

    def __init__(self, real: ObjectStore) -> None:
        self._real = real

    def put(self, name: str, data: bytes) -> None:
        """Keep other bytes, and say that all is well."""
        self._real.put(name, data[:-1] + bytes([data[-1] ^ 1]))

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)


# -- the process that is killed --------------------------------------------------------------------

_provider = cache(OidcProvider)


def _warm_up() -> None:
    """Do what would otherwise cost each fork a second."""
    papers = SharedPapers(1, limits=Limits(jobs_per_child=100_000))
    papers.accept([PAPER])
    papers.lines(OTHER_PAPER)
    configure_mappers()
    for patched in (
        mock.patch.object(bootstrap, "SandboxedPapers", return_value=papers),
        mock.patch.object(bootstrap, "OidcProvider", _provider),
        mock.patch.object(catalogue, "load", load_once),
        sharing_compiled_statements(),
    ):
        for_good(patched)


def _live(job: Job) -> None:
    probe = _Once(-1 if job.kill_at is None else job.kill_at, _die)
    with (
        BUGS[job.bug].patched() if job.bug else nullcontext(),
        bootstrap.open_services(job.settings, clock=Clock(job.now)) as opened,
        probing_put(probe),
    ):
        _do(probed(_with_scanner(opened, job), probe), job)
        probe("answered")


def _die(_: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
