"""What every SQLite file of ours needs: the write-ahead log, also when several open it at once.

And, for the file of a program that serves, a lock that keeps a second one away.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_WAIT_SECONDS = 10.0
_PAUSE_SECONDS = 0.02


def use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log (the file remembers it).

    SQLite does not wait for others here, whatever its busy time-out says; so we do. Raises
    ``sqlite3.OperationalError`` when they take longer than ten seconds.
    """
    end = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not is_busy or time.monotonic() > end:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def empty_log(connection: sqlite3.Connection) -> bool:
    """Move the write-ahead log into the file and cut it to nothing; ``False``: it is in use.

    Rows that were changed or deleted stand in it as they were before, for as long as it is not
    overwritten. Raises ``sqlite3.Error``.
    """
    row = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return row is not None and row[0] == 0


@contextmanager
def held_alone(path: Path) -> Iterator[None]:
    """Keep others who ask likewise away from the file as long as the block lasts.

    The lock lies beside the file, because closing any other handle of a file takes SQLite's own
    locks away. It ends with the process, however that ends. Raises ``ValueError`` when another
    process has it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".lock")
    handle = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise ValueError(
            "another process of kursdocs runs on this SQLite file; several need PostgreSQL"
        ) from None
    try:
        yield
    finally:
        os.close(handle)
