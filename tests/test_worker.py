"""The worker: duties at their times, none of which can end it, and an end when it is asked."""

import threading
import time
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from kursdocs import worker
from kursdocs.core.errors import Unavailable
from kursdocs.services import Services
from kursdocs.worker import Duty

# No duty of these tests looks into the bundle.
NOTHING: Services = None  # type: ignore[assignment]


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
    monkeypatch: pytest.MonkeyPatch, stop: threading.Event
) -> None:
    runs: list[str] = []

    def last(_services: Services) -> None:
        runs.append("last")
        if len(runs) == 2:
            stop.set()

    duties = (Duty("a", 0, fail), Duty("b", 0, unavailable), Duty("c", 0, last))
    monkeypatch.setattr(worker, "DUTIES", duties)

    with capture_logs() as log:
        worker.run(NOTHING, stop)

    assert runs == ["last", "last"]
    assert [(e["event"], e["duty"], e["log_level"]) for e in log[:2]] == [
        ("duty.failed", "a", "error"),
        ("duty.unavailable", "b", "warning"),
    ]
    assert log[1]["code"] == "store_unavailable"


def test_a_duty_waits_for_its_time(monkeypatch: pytest.MonkeyPatch, stop: threading.Event) -> None:
    runs: list[str] = []

    def often(_services: Services) -> None:
        runs.append("often")
        if runs.count("often") == 2:
            stop.set()

    duties = (Duty("rare", 3600, lambda _: runs.append("rare")), Duty("often", 0, often))
    monkeypatch.setattr(worker, "DUTIES", duties)

    worker.run(NOTHING, stop)

    assert runs == ["rare", "often", "often"]


def test_a_worker_that_is_asked_to_stop_begins_nothing_more(
    monkeypatch: pytest.MonkeyPatch, stop: threading.Event
) -> None:
    runs: list[str] = []

    def first(_services: Services) -> None:
        runs.append("first")
        stop.set()

    duties = (Duty("first", 0, first), Duty("second", 0, lambda _: runs.append("second")))
    monkeypatch.setattr(worker, "DUTIES", duties)
    began = time.monotonic()

    worker.run(NOTHING, stop)

    assert runs == ["first"]
    assert time.monotonic() - began < 3


def test_a_worker_that_is_stopped_before_it_begins_does_nothing(stop: threading.Event) -> None:
    stop.set()

    worker.run(NOTHING, stop)


def test_the_duties_are_mailing_and_sweeping() -> None:
    assert [(duty.name, duty.every_seconds) for duty in worker.DUTIES] == [
        ("mailing", 5),
        ("sweeping", 60),
    ]
