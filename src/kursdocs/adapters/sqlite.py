"""What every SQLite file of ours needs: the write-ahead log, also when several open it at once."""

import sqlite3
import time

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
