"""The worker: duties at their times, none of which can end it, and an end when it is asked."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import pytest
from sqlmodel import Session
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from tests.factories import NOW

from kursdocs import worker
from kursdocs.adapters.database import Database, DatabaseUnavailable
from kursdocs.core import heartbeats
from kursdocs.core.errors import Unavailable
from kursdocs.services import Services
from kursdocs.worker import Duty


@dataclass
class OnlyDatabase:
    """As much of the bundle as the worker itself looks into; duties of these tests need none."""

    transaction: Callable[[], AbstractContextManager[Session]]
    clock: Callable[[], datetime] = lambda: NOW


@pytest.fixture
def bundle(database: Database) -> Services:
    return cast(Services, OnlyDatabase(database.transaction))


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def fail(_services: Services) -> None:
    raise ZeroDivisionError


def unavailable(_services: Services) -> None:
    raise Unavailable("store_unavailable")


def test_a_duty_that_fails_ends_neither_the_worker_nor_the_next_duty(
    bundle: Services, monkeypatch: pytest.MonkeyPatch, stop: threading.Event
) -> None:
    runs: list[str] = []

    def last(_services: Services) -> None:
        runs.append("last")
        if len(runs) == 2:
            stop.set()

    duties = (Duty("a", 1, fail), Duty("b", 1, unavailable), Duty("c", 1, last))
    monkeypatch.setattr(worker, "DUTIES", duties)

    with capture_logs([merge_contextvars]) as log:
        worker.run(bundle, stop)

    assert runs == ["last", "last"]
    assert [(e["event"], e["duty"], e["log_level"]) for e in log[:2]] == [
        ("duty.failed", "a", "error"),
        ("duty.unavailable", "b", "warning"),
    ]
    assert log[1]["code"] == "store_unavailable"


def test_a_duty_waits_for_its_time(
    bundle: Services, monkeypatch: pytest.MonkeyPatch, stop: threading.Event
) -> None:
    runs: list[str] = []

    def often(_services: Services) -> None:
        runs.append("often")
        if runs.count("often") == 2:
            stop.set()

    duties = (Duty("rare", 3600, lambda _: runs.append("rare")), Duty("often", 1, often))
    monkeypatch.setattr(worker, "DUTIES", duties)

    worker.run(bundle, stop)

    assert runs == ["rare", "often", "often"]


def test_a_worker_that_is_asked_to_stop_begins_nothing_more(
    bundle: Services, monkeypatch: pytest.MonkeyPatch, stop: threading.Event
) -> None:
    runs: list[str] = []

    def first(_services: Services) -> None:
        runs.append("first")
        stop.set()

    duties = (Duty("first", 1, first), Duty("second", 1, lambda _: runs.append("second")))
    monkeypatch.setattr(worker, "DUTIES", duties)
    began = time.monotonic()

    worker.run(bundle, stop)

    assert runs == ["first"]
    assert time.monotonic() - began < 3


def test_a_worker_that_is_stopped_before_it_begins_does_nothing(stop: threading.Event) -> None:
    stop.set()

    worker.run(cast(Services, None), stop)


def test_every_run_leaves_a_sign_of_life_or_is_counted_as_failed(
    bundle: Services, monkeypatch: pytest.MonkeyPatch, stop: threading.Event
) -> None:
    with bundle.transaction() as session:
        heartbeats.beat(session, "gone", every_seconds=5, succeeded=True, now=NOW)
    duties = (Duty("a", 7, fail), Duty("b", 60, lambda _: stop.set()))
    monkeypatch.setattr(worker, "DUTIES", duties)

    with capture_logs():
        worker.run(bundle, stop)

    with bundle.transaction() as session:
        told = {
            beat.duty: (beat.every_seconds, beat.runs, beat.failures, beat.beaten_at)
            for beat in heartbeats.latest(session)
        }
    assert told == {"a": (7, 1, 1, None), "b": (60, 1, 0, NOW)}


def test_a_worker_outlives_a_database_that_is_away(
    monkeypatch: pytest.MonkeyPatch, stop: threading.Event
) -> None:
    def away() -> AbstractContextManager[Session]:
        raise DatabaseUnavailable

    monkeypatch.setattr(worker, "DUTIES", (Duty("a", 5, lambda _: stop.set()),))

    with capture_logs() as log:
        worker.run(cast(Services, OnlyDatabase(away)), stop)

    assert [line["event"] for line in log] == ["worker.unavailable", "heartbeat.unavailable"]


def test_the_duties_are_done_this_often() -> None:
    assert {duty.name: duty.every_seconds for duty in worker.DUTIES} == {
        "checkpointing": 60,
        "rescanning": 10,
        "scanner": 3600,
        "follow_ups": 3600,
        "reminding": 60,
        "mailing": 5,
        "mail_server": 300,
        "bounces": 300,
        "outbox": 3600,
        "ledger": 300,
        "sweeping": 60,
        "shortening": 300,
        "checking": 3600,
        "retention": 3600,
    }


def test_in_the_demo_nobody_waits_long_for_a_mail() -> None:
    paces = {d.name: (d.pause(is_demo=False), d.pause(is_demo=True)) for d in worker.DUTIES}

    assert paces["reminding"] == (60, 2)
    assert paces["mailing"] == (5, 2)
    assert paces["retention"] == (3600, 3600)
