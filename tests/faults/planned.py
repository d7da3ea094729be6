"""Injects each fault at each point of each deed, then judges the installation by the ledger.

A first run of a deed without a fault records its points. Then at each of them, or at a sample that
leaves no point out, one of these happens:

KILL   the process gets SIGKILL there
ERROR  the part fails there: before the call, or after it, when only its answer is lost
HANG   the call stands still longer than any limit; the worker works meanwhile; then it goes on
MEET   another worker does the same at this moment
SPOIL  what goes to the object store arrives with other bytes
LATER  the mail server asks to come again later
NO     the mail server refuses for good

Afterwards the worker works, the client tries again, a day passes, and ``oracle`` judges.
"""

import os
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast
from unittest import mock

from sqlalchemy.orm import configure_mappers
from tests.engines import sharing_compiled_statements
from tests.faults import ledger, oracle
from tests.faults.bugs import BUGS
from tests.faults.cases import Case, Kind, cases, sample, some
from tests.faults.deeds import ANSWERS, DEEDS
from tests.faults.oracle import Finding
from tests.faults.probing import probing_below
from tests.faults.registry import STAGES, failing
from tests.faults.scene import SECOND, Deed, Job, Scene
from tests.faults.stable import Stable, for_good, stabled
from tests.operations.house import OTHER_PAPER, PAPER, Clock, House, SharedPapers, load_once
from tests.operations.points import probed
from tests.servers import SmtpServer

from kursdocs import bootstrap, catalogue
from kursdocs.adapters.identity import OidcProvider
from kursdocs.adapters.papers import Limits
from kursdocs.core.checks import Depth
from kursdocs.core.documents.lifecycle import INTAKE_LIMIT, TOMBSTONE_AGE
from kursdocs.core.ports import ObjectStore
from kursdocs.services import Services

TOGETHER = 20
"""So many faults are recovered from at once, each with a document of its own."""


@dataclass
class Report:
    """What a campaign did, and what was wrong."""

    hit: list[Case] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    points: dict[str, Sequence[str]] = field(default_factory=dict)
    mails: int = 0
    """That the mail server took."""
    doubled: int = 0
    """Of these, how many it had taken already when the program heard of no answer."""

    @property
    def words(self) -> set[oracle.Fault]:
        """The promises that were broken."""
        return {finding.fault for finding in self.findings}


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
    smtp: SmtpServer,
    folder: Path,
    stable: Stable[Job],
    *,
    deeds: Sequence[str] = tuple(DEEDS),
    seed: int = 1,
    share: float = 1.0,
) -> Report:
    """All faults, or a share of them that leaves no point and no kind out, in these deeds."""
    scene, report = _opened(house, smtp, folder, stable, deeds)
    dice = random.Random(seed)  # noqa: S311 - dice, not secrets
    for deed in deeds:
        every = list(cases(deed, report.points[deed]))
        _inject_all(scene, stable, sample(every, share, dice), report)
        DEEDS[deed].finish(scene)
    return _judged(scene, report)


def hunt(
    house: House, smtp: SmtpServer, folder: Path, stable: Stable[Job], bug: str, *, seed: int = 1
) -> Report:
    """Faults under which a seeded bug shows, in a program that has it."""
    seeded = BUGS[bug]
    scene, report = _opened(house, smtp, folder, stable, seeded.deeds)
    scene.bug = bug
    dice = random.Random(f"{seed} {bug}")  # noqa: S311 - dice, not secrets
    with seeded.patched():
        for deed in seeded.deeds:
            every = [c for c in cases(deed, report.points[deed]) if c.kind in seeded.kinds]
            _inject_all(scene, stable, some(every, seeded.share, dice), report)
            DEEDS[deed].finish(scene)
        return _judged(scene, report)


def _opened(
    house: House, smtp: SmtpServer, folder: Path, stable: Stable[Job], deeds: Sequence[str]
) -> tuple[Scene, Report]:
    """Each deed is done once here, to learn its points, and once where it will be killed."""
    scene, report = Scene.opened(house, smtp, folder / "client.ledger"), Report()
    for deed in deeds:
        recorded = _prepared(scene, deed, f"{deed}|recorded")
        report.points[deed] = _recorded(scene, recorded)
        _recover(scene, [recorded], report)
        rehearsed = _prepared(scene, deed, f"{deed}|rehearsed")
        stable.rehearse(rehearsed)
        _recover(scene, [rehearsed], report)
    return scene, report


def _judged(scene: Scene, report: Report) -> Report:
    """A day later, and another one, so that nothing is left which time alone would mend."""
    house, letters = scene.house, scene.smtp.letters
    house.sweep(TOMBSTONE_AGE + SECOND)
    house.sweep(TOMBSTONE_AGE + SECOND)
    known = ledger.read([scene.ledger])
    report.findings += oracle.judge(house.services, known, mailbox=letters)
    report.odd += [*scene.odd, *oracle.witness(house.services, Depth.DEEP)]
    report.mails = len(letters)
    report.doubled = report.mails - len({one.message["Message-ID"] for one in letters})
    return report


def _prepared(scene: Scene, deed: str, key: str) -> Job:
    job = DEEDS[deed].prepare(scene, scene.job(deed, key))
    return replace(job, now=scene.house.clock())


def _recorded(scene: Scene, job: Job) -> list[str]:
    points: list[str] = []
    with probing_below(points.append, job.deed):
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
        deed = DEEDS[case.deed]
        job = _prepared(scene, case.deed, str(case))
        deed.foresee(scene, job, case, report.points[case.deed])
        if case.kind is Kind.KILL:
            _kill(stable, replace(job, kill_at=case.number), case, report)
        else:
            with suppress(*ANSWERS):
                _fail(scene, job, case)
        report.hit.append(case)
        waiting.append(job)
        if deed.is_alone or len(waiting) == TOGETHER:
            _recover(scene, waiting, report)
            waiting = []
    _recover(scene, waiting, report)


def _kill(stable: Stable[Job], job: Job, case: Case, report: Report) -> None:
    code = stable.wait(stable.begin(job))
    if code != -signal.SIGKILL:
        report.odd.append(f"{case} was not hit: {code}")


def _recover(scene: Scene, jobs: Sequence[Job], report: Report) -> None:
    """What is kept must be whole at once; then the sweeper comes, and everything is tried again.

    All are of one deed; where it is the worker's own, it is tried again first.
    """
    if not jobs:
        return
    deed, known = DEEDS[jobs[0].deed], ledger.read([scene.ledger])
    report.findings += oracle.unreadable(scene.house.services, known, {job.key for job in jobs})
    if deed.is_alone:
        for job in jobs:
            deed.again(scene, job)
    if deed.is_swept:
        scene.house.sweep(INTAKE_LIMIT + SECOND)
    if not deed.is_alone:
        for job in jobs:
            deed.again(scene, job)


# -- faults within this process --------------------------------------------------------------------


def _fail(scene: Scene, job: Job, case: Case) -> None:
    services = _with_scanner(scene.house.services, job)
    match case.kind:
        case Kind.SPOIL:
            _do(replace(services, store=cast("ObjectStore", _Spoiling(services.store))), job)
        case Kind.LATER | Kind.NO:
            scene.smtp.refuse(STAGES[case.point], _REPLIES[case.kind])
            try:
                _do(services, job)
            finally:
                scene.smtp.behave()
        case _:
            probe = _Once(case.number, _fault(scene, case))
            with probing_below(probe, case.deed):
                _do(probed(services, probe), job)


_REPLIES = {Kind.LATER: "451 4.3.0 later", Kind.NO: "550 5.1.1 no such box"}


def _fault(scene: Scene, case: Case) -> Callable[[str], object]:
    match case.kind:
        case Kind.HANG:
            return partial(_hang, scene.house, DEEDS[case.deed])
        case Kind.MEET:
            return lambda _: DEEDS[case.deed].meanwhile(scene.house.services)
        case _:
            return _raise


class _Once:
    """A probe that does one thing at one point, and nothing while it does it.

    With a seeded bug the point of that number may be another than it was without.
    """

    def __init__(self, number: int, do: Callable[[str], object]) -> None:
        self._left, self._do = number, do

    def __call__(self, point: str) -> None:
        self._left -= 1
        if self._left == -1:
            self._do(point)


def _raise(point: str) -> None:
    if (failure := failing(point)) is not None:
        raise failure()


def _hang(house: House, deed: Deed, point: str) -> None:
    """The limit passes and a worker comes by; within a transaction it would wait for us."""
    house.clock.advance(deed.limit + SECOND)
    if point != "commit begins":
        deed.meanwhile(house.services)


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
        probing_below(probe, job.deed),
    ):
        _do(probed(_with_scanner(opened, job), probe), job)
        probe("answered")


def _die(_: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
