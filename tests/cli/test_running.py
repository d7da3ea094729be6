"""Running it by commands: demo and worker; serving has real processes of its own."""

import json
import multiprocessing
import os
import signal
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from structlog.testing import capture_logs
from tests.cli.commands import Ran, Run

from kursdocs import worker
from kursdocs.cli import running
from kursdocs.services import Services
from kursdocs.worker import Duty


def test_the_demo_refuses_an_address_beyond_this_machine(run: Run, tmp_path: Path) -> None:
    var = tmp_path / "var"

    done = run("demo", "--var", str(var), PUBLIC_URL="https://kursdocs.example")

    assert done.code == 2
    assert "KURSDOCS_DEMO: " in done.err
    assert "KURSDOCS_PUBLIC_URL must be loopback" in done.err
    assert not list(var.glob("*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_ends_when_it_is_asked_to(
    run: Run, settings: dict[str, object], number: signal.Signals
) -> None:
    run("migrate", **settings)
    started = threading.Event()
    results: list[Ran] = []

    def work() -> None:
        results.append(run("worker", **settings))

    thread = threading.Thread(target=work)
    before = {child.pid for child in multiprocessing.active_children()}
    thread.start()
    for _ in range(300):
        started.wait(0.05)
        new = [c for c in multiprocessing.active_children() if c.pid not in before]
        if new and _is_prepared(new[0].pid or 0):
            os.kill(new[0].pid or 0, number)
            break
    thread.join(30)

    (done,) = results
    said = [json.loads(line)["event"] for line in done.err.splitlines()]
    assert (done.code, said) == (0, ["worker.started", "worker.ended"])


def _is_prepared(pid: int) -> bool:
    """Whether the process has a handler of its own for SIGTERM, as /proc says."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def test_a_duty_that_does_not_end_holds_the_process_no_longer_than_its_grace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    never, begun = threading.Event(), threading.Event()

    def hang(_services: Services) -> None:
        begun.set()
        never.wait(60)

    monkeypatch.setattr(worker, "DUTIES", (Duty("hanging", 1, hang),))
    monkeypatch.setattr(running, "GRACE_SECONDS", 0.3)
    services = cast(Services, SimpleNamespace(settings=SimpleNamespace(demo=False)))

    with capture_logs() as log:
        with running._worker_beside(services, threading.Event()) as thread:
            assert begun.wait(10)
        was_alive = thread.is_alive()
        never.set()
        thread.join(10)

    assert was_alive
    assert not thread.is_alive()
    assert "worker.cut_off" in [line["event"] for line in log]


def test_a_start_says_when_the_database_does_not_keep_agencies_apart() -> None:
    problem = "the role 'postgres' passes by row-level security"
    for found in (problem, ""):
        state = SimpleNamespace(missing_lock=lambda found=found: found)
        with capture_logs() as said:
            running._tell_of_missing_lock(cast(Services, SimpleNamespace(database=state)))

        assert [(one["event"], one["log_level"], one["problem"]) for one in said] == (
            [("database.second_lock_missing", "warning", problem)] if found else []
        )
