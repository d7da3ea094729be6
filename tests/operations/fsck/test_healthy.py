"""No false alarm: not in any state a paper can be in, and not while everybody is at work."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import pytest
from sqlmodel import Session
from tests.evidence import make_log_key
from tests.factories import REPORT, make_catalogue
from tests.operations.fsck.wreckage import begin, change_a_state_without_the_log
from tests.operations.house import House
from tests.operations.test_drafting import keep
from tests.scanners import undecided

from kursdocs.core.checks import Depth, Health
from kursdocs.core.documents import checking as documents
from kursdocs.core.documents import erasing, lifecycle
from kursdocs.core.documents.lifecycle import INTAKE_LIMIT, TOMBSTONE_AGE
from kursdocs.core.documents.sending import Sending
from kursdocs.core.errors import Conflict, Unavailable
from kursdocs.operations import checkpointing, drafting, fsck
from kursdocs.operations.fsck import Damage
from kursdocs.operations.sweeping import bury_tombstones, sweep

WRITERS = 4
SECONDS = 3.0
CHECKS_MIN = 3


def withdraw(house: House, document_id: UUID) -> None:
    with house.services.transaction() as session:
        lifecycle.withdraw(
            session,
            house.sender,
            document_id,
            reason="wrong_person",
            catalogue=make_catalogue(),
            now=house.clock(),
        )


def erase(house: House, document_id: UUID) -> None:
    """Forget person and content, as on its last day; stores are cleared by the sweeper."""
    document = house.document(document_id)
    with house.services.transaction() as session:
        actor = lifecycle.system_of(document, "tests")
        assert erasing.forget_without_key(
            session, actor, document_id, reason="probe", now=house.clock()
        )


def clean(house: House) -> None:
    report = fsck.check(house.services, Depth.DEEP)
    assert (report.health, dict(report.found), list(report.named)) == (Health.CLEAN, {}, [])


def test_every_state_of_papers_and_drafts_is_healthy_at_every_moment(house: House) -> None:
    house.send()
    withdraw(house, house.send().id)
    house.send(services=replace(house.services, scanner=undecided()))
    house.send(sending=house.sending(**REPORT))
    erase(house, house.send().id)
    begin(house)
    keep(house)
    keep(house, key="gone")
    drafting.discard(house.services, house.sender, keep(house, key="discarded").id)
    clean(house)

    for step in (INTAKE_LIMIT, timedelta(minutes=1), timedelta(minutes=50)):
        house.clock.advance(step)
        clean(house)
    house.sweep()
    clean(house)
    # Held for long is told of as such, so let the scanner have spoken by now.
    assert "held" in house.states()
    for _ in range(3):
        house.sweep(TOMBSTONE_AGE / 2)
        clean(house)


@dataclass
class Town:
    """Four who send, one with a desk, one who withdraws, somebody who erases, and the sweeper."""

    house: House
    sending: Sending
    stop: threading.Event = field(default_factory=threading.Event)
    made: list[UUID] = field(default_factory=list)

    def work(self) -> Sequence[Callable[[], None]]:
        """What goes on at the same time."""
        works = (*(self.send,) * WRITERS, self.draft, self.end, self.sweep)
        return [partial(self.until_stopped, work) for work in works]

    def until_stopped(self, work: Callable[[], None]) -> None:
        """Again and again; that two meet is their business."""
        while not self.stop.is_set():
            with suppress(Conflict, Unavailable):
                work()

    def send(self) -> None:
        self.made.append(self.house.send(sending=self.sending).id)

    def draft(self) -> None:
        house, key = self.house, str(time.monotonic_ns())
        drafts = [keep(house, key=f"{key}-{number}").id for number in range(2)]
        joined = drafting.join(house.services, house.sender, drafts)
        drafting.discard(house.services, house.sender, joined.id)

    def end(self) -> None:
        if self.made:
            document_id = self.made.pop()
            withdraw(self.house, document_id)
            erase(self.house, document_id)
            bury_tombstones(self.house.services)

    def sweep(self) -> None:
        sweep(self.house.services)


def test_while_everybody_works_nothing_healthy_is_called_damaged(house: House) -> None:
    for _ in range(3):
        house.send()
    town = Town(house, house.sending())
    works = town.work()
    reports: list[fsck.Report] = []
    with ThreadPoolExecutor(len(works)) as threads:
        running = [threads.submit(work) for work in works]
        give_up = time.monotonic() + SECONDS
        try:
            while time.monotonic() < give_up or len(reports) < CHECKS_MIN:
                reports.append(fsck.check(house.services, Depth.DEEP))
        finally:
            town.stop.set()
        for one in running:
            one.result()

    assert [dict(report.found) for report in reports] == [{}] * len(reports)
    assert all(report.looked_at["papers_read"] >= 3 for report in reports)
    house.sweep(INTAKE_LIMIT + timedelta(seconds=1))
    house.sweep()
    clean(house)
    assert house.faults() == []


def test_a_log_that_was_shortened_by_rule_tells_enough(house: House) -> None:
    """Of papers whose beginning went with it nothing is missed; of younger ones all is asked."""
    withdraw(house, house.send().id)
    house.send()
    house.clock.advance(timedelta(days=400))
    services = replace(house.services, log_signer=make_log_key())
    checkpointing.run(services)
    assert checkpointing.shorten(services) > 0
    house.clock.advance(timedelta(days=2))
    younger = house.send().id

    assert Damage.LOG_GAP not in fsck.check(services).found
    change_a_state_without_the_log(house, younger)
    report = fsck.check(services)

    assert [one.subject for one in report.named if one.damage is Damage.LOG_GAP] == [str(younger)]
    assert Damage.LOG_ALTERED not in report.found


def test_the_first_shortening_while_it_is_checked_is_no_gap(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    withdraw(house, house.send().id)
    house.clock.advance(timedelta(days=400))
    services = replace(house.services, log_signer=make_log_key())
    checkpointing.run(services)
    complete_since, transaction = documents.complete_since, services.transaction
    asked: list[datetime | None] = []
    gone: list[int] = []

    def asking(session: Session) -> datetime | None:
        asked.append(complete_since(session))
        return asked[-1]

    @contextmanager
    def afterwards() -> Iterator[Session]:
        if asked and not gone:
            gone.append(0)
            gone[0] = checkpointing.shorten(services)
        with transaction() as session:
            yield session

    monkeypatch.setattr(documents, "complete_since", asking)

    found = fsck.check(replace(services, transaction=afterwards)).found

    assert Damage.LOG_GAP not in found
    assert asked[0] is None
    assert gone[0] > 0
