"""The write-ahead log is switched on even while somebody else holds the file."""

import sqlite3
import threading
from pathlib import Path

from kursdocs.adapters.sqlite import use_write_ahead_log


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
