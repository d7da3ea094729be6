"""The write-ahead log comes on even while others hold the file, and one process serves from it."""

import multiprocessing
import sqlite3
import threading
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from kursdocs.adapters.sqlite import held_alone, use_write_ahead_log

FORK = multiprocessing.get_context("fork")


def test_the_switch_waits_for_whoever_holds_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new.sqlite"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    threading.Timer(0.3, other.execute, ["COMMIT"]).start()

    ours = sqlite3.connect(path, timeout=0, isolation_level=None)
    use_write_ahead_log(ours)

    mode = ours.execute("PRAGMA journal_mode").fetchone()
    ours.close()
    other.close()
    assert mode == ("wal",)


def test_a_file_is_held_by_one_process_until_it_ends_however_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "var" / "main.sqlite"
    other = FORK.Process(target=hold, args=(path, held := FORK.Event()))
    other.start()
    assert held.wait(10)

    with pytest.raises(ValueError, match="another process"), held_alone(path):
        pytest.fail("must not be let in")
    other.kill()
    other.join()

    with held_alone(path):
        assert path.with_name("main.sqlite.lock").stat().st_mode & 0o077 == 0


def hold(path: Path, held: Event) -> None:
    with held_alone(path):
        held.set()
        time.sleep(60)  # until it is killed
