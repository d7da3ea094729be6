"""Killing an intake with SIGKILL at every point, and failing it there: nothing lost, nothing left.

A first run without a kill records the points (before and after each call of a port, each begin
and commit of a transaction, and the steps inside the object store's ``put``); then every one of
them gets its own kill; on servers ``tests/faults`` kills at a sample of them. After each, the
installation is opened anew and must show:

- what was acknowledged is live and comes back byte for byte;
- after the sweeper's two visits there is no object and no key without a row that needs it, no
  pending row, and one row in the log for the end of each (``House.faults``);
- a retry with the same key stores exactly once.

Seen red with each of these bugs built in: the object put before its row; the row made live before
the object; the log written outside the transaction; a sweeper that forgets the keys of the dead,
their objects, keys without a row, or pending rows; a sender's key that stays taken; a repeated key
that is ignored; an intake that clears up what is live already, or nothing at all. One that survives
here, a sweeper that forgets tombstones, is caught by ``test_sweeping``.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import pytest
from tests.operations.house import PAPER, House
from tests.operations.intake_child import Job
from tests.operations.killing import Run, running_jobs
from tests.operations.points import probed
from tests.scanners import deadly, undecided

from kursdocs import bootstrap
from kursdocs.core.documents.lifecycle import INTAKE_LIMIT, TOMBSTONE_AGE
from kursdocs.core.documents.tables import Document, IdempotencyKey
from kursdocs.core.errors import Unavailable
from kursdocs.core.ports import KeysUnavailable, StoreUnavailable
from kursdocs.core.tables import new_id

TOO_LATE = INTAKE_LIMIT + timedelta(seconds=1)


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Does a job in a process of its own."""
    with running_jobs() as runner:
        yield runner


@dataclass
class Trial:
    """One installation, in which one job after the other ends badly, each with its own key.

    ``stored`` counts the documents that must be live.
    """

    house: House
    stored: int = 0
    faults: list[str] = field(default_factory=list)

    def judge(self, where: str, key: str = "", acknowledged: UUID | None = None) -> None:
        """Look at what is left, let the sweeper work, try again; note what is wrong."""
        found = self._acknowledged(acknowledged) if acknowledged else []
        self.house.sweep(TOO_LATE)
        self.house.sweep(TOMBSTONE_AGE)
        if key in self.house.idempotency_keys() and not self._is_live(key):
            found.append("its key is not free again")
        found += self.house.faults()
        if key:
            found += self._retry(key, acknowledged)
        live = self.house.states().count("live")
        if live != self.stored:
            found.append(f"{live} live documents instead of {self.stored}")
        self.faults += [f"{where}: {fault}" for fault in found]

    def _acknowledged(self, document_id: UUID) -> list[str]:
        if self.house.document(document_id).state != "live":
            return ["acknowledged, but not live"]
        if self.house.read(document_id) != PAPER:
            return ["acknowledged, but not the same bytes"]
        return []

    def _is_live(self, key: str) -> bool:
        with self.house.services.transaction() as session:
            taken = session.get_one(IdempotencyKey, (self.house.sender.acting.id, key))
            return session.get_one(Document, taken.document_id).state == "live"

    def _retry(self, key: str, acknowledged: UUID | None) -> list[str]:
        view = self.house.send(key=key)
        self.stored += 1
        found = [] if acknowledged in (None, view.id) else ["stored twice"]
        if self.house.read(view.id) != PAPER:
            found.append("the retry did not store the bytes")
        return found


def kill_everywhere(
    trial: Trial,
    run: Run,
    name: str,
    *,
    prepare: Callable[[Trial], None] = lambda _: None,
) -> int:
    """Kill the job at each of its points; returns how many there were."""
    house, settings = trial.house, trial.house.services.settings

    def job(kill_at: int | None) -> Job:
        prepare(trial)
        key = f"{name} {kill_at}"
        return Job(name, settings, house.clock(), house.sender, house.sending(), key, kill_at)

    whole = run(job(None))
    assert whole.code == 0
    trial.stored += whole.acknowledged is not None
    trial.judge(f"{name}, not killed")
    for number, point in enumerate(whole.points):
        killed = job(number)
        outcome = run(killed)
        assert outcome.code == -signal.SIGKILL, f"{point} ({number}) was not hit"
        assert outcome.points == whole.points[: number + 1]
        with bootstrap.open_services(settings, clock=house.clock) as services:
            trial.house = replace(house, services=services)
            key = killed.key if name == "store" else ""
            trial.judge(f"{name}, killed when {point} ({number})", key, outcome.acknowledged)
    return len(whole.points)


# -- killed ---------------------------------------------------------------------------------------


def test_an_intake_killed_at_any_point_loses_nothing_and_leaves_nothing(
    embedded: House, run: Run
) -> None:
    trial = Trial(embedded)

    count = kill_everywhere(trial, run, "store")

    assert trial.faults == []
    assert count > 25


def test_an_intake_killed_while_it_clears_up_leaves_nothing(embedded: House, run: Run) -> None:
    trial = Trial(embedded)

    count = kill_everywhere(trial, run, "refuse")

    assert trial.faults == []
    assert count > 25


def litter(trial: Trial) -> None:
    """A dead intake, a key without a row and a held document, all old enough for the sweeper.

    Beside them lies the tombstone of the time before.
    """
    house = trial.house
    with suppress(KeyboardInterrupt):
        house.send(services=replace(house.services, scanner=deadly()))
    house.services.keys.create(new_id())
    house.send(services=replace(house.services, scanner=undecided()))
    trial.stored += 1  # the held one will be released
    house.clock.advance(TOO_LATE)


def test_a_sweeper_killed_at_any_point_is_continued_by_the_next(embedded: House, run: Run) -> None:
    trial = Trial(embedded)

    count = kill_everywhere(trial, run, "sweep", prepare=litter)

    assert trial.faults == []
    assert count > 25


# -- failed ---------------------------------------------------------------------------------------

PARTS = {"papers": "papers", "keys": "keys", "store": "store", "transaction": "database"}
PARTS["commit"] = PARTS["transaction"]
ERRORS: dict[str, Callable[[], Unavailable]] = {
    "papers": lambda: Unavailable("papers_busy"),
    "keys": KeysUnavailable,
    "store": StoreUnavailable,
    "database": lambda: Unavailable("database_unavailable"),
}


def part_of(point: str) -> str | None:
    """The part that may fail at this point; a scanner never raises."""
    return PARTS.get(point.replace(".", " ").split()[0])


@dataclass
class Failing:
    """A probe: the part fails at one point, once or from then on. Without a number it records."""

    at: int | None = None
    for_good: bool = False
    passed: list[str] = field(default_factory=list)

    def __call__(self, point: str) -> None:
        self.passed.append(point)
        if self.at is None or len(self.passed) <= self.at:
            return
        part = part_of(self.passed[self.at])
        is_now = len(self.passed) - 1 == self.at
        is_still = self.for_good and point.endswith("begins") and part_of(point) == part
        if part and (is_now or is_still):
            error = ERRORS[part]()
            raise error


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "from then on"])
def test_a_part_that_fails_at_any_point_loses_nothing_and_leaves_nothing(
    house: House, for_good: bool
) -> None:
    trial, record = Trial(house), Failing()
    house.send(key="recorded", services=probed(house.services, record))
    trial.stored += 1

    for number, point in enumerate(record.passed):
        if (part := part_of(point)) is None:
            continue
        where, key = f"{part} failed when {point} ({number})", f"k{number}"
        failing = probed(house.services, Failing(number, for_good))
        with pytest.raises(Unavailable) as refused:
            house.send(key=key, services=failing)
        assert refused.value.code == ERRORS[part]().code, where
        if not for_good and "pending" in house.states():
            trial.faults.append(f"{where}: not cleared up at once")
        trial.judge(where, key)

    assert trial.faults == []
    assert len(record.passed) > 18
