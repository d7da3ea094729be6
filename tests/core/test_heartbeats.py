"""Signs of life: counted in the database, and late by what the row itself says."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlmodel import Session
from tests.factories import NOW

from kursdocs.adapters.database import Database
from kursdocs.core import heartbeats
from kursdocs.core.heartbeats import Heartbeat


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.transaction() as opened:
        yield opened


def test_each_run_is_counted_and_only_a_successful_one_is_a_sign_of_life(session: Session) -> None:
    for minute, succeeded in enumerate((False, True, False, True, False)):
        now = NOW + timedelta(minutes=minute)
        heartbeats.beat(session, "mailing", every_seconds=5, succeeded=succeeded, now=now)

    (beat,) = heartbeats.latest(session)
    session.refresh(beat)
    assert (beat.duty, beat.every_seconds, beat.runs, beat.failures) == ("mailing", 5, 5, 3)
    assert beat.beaten_at == NOW + timedelta(minutes=3)


def test_a_duty_is_late_after_three_missed_runs_and_some_patience() -> None:
    beat = Heartbeat(duty="sweeping", every_seconds=60, beaten_at=NOW)

    assert not beat.is_late(NOW + timedelta(minutes=8))
    assert beat.is_late(NOW + timedelta(minutes=8, seconds=1))


def test_a_duty_that_never_ran_to_its_end_is_late() -> None:
    assert Heartbeat(duty="sweeping", every_seconds=60).is_late(NOW)


def test_duties_that_there_are_no_more_are_forgotten(session: Session) -> None:
    for duty in ("mailing", "sweeping", "singing"):
        heartbeats.beat(session, duty, every_seconds=5, succeeded=True, now=NOW)

    heartbeats.keep_only(session, ["mailing", "sweeping"])

    assert [beat.duty for beat in heartbeats.latest(session)] == ["mailing", "sweeping"]


def test_workers_that_begin_at_once_lose_no_count(database: Database) -> None:
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        with database.transaction() as session:
            heartbeats.beat(session, "mailing", every_seconds=5, succeeded=True, now=NOW)

    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(work) for _ in range(8)]:
            done.result()

    with database.transaction() as session:
        assert [beat.runs for beat in heartbeats.latest(session)] == [8]
