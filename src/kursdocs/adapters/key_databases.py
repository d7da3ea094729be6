"""The databases of the key store: how SQLite and PostgreSQL must be opened for it.

Knows nothing of keys. Entry points: :func:`parsed`, :func:`make_file`,
:func:`open_engine`.
"""

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from kursdocs.adapters.sqlite import use_write_ahead_log

BUSY_SECONDS = 5
"""So long may one wait for a free connection, and in everyday work for a statement or a lock."""

_CONNECTIONS_MAX = 16


def parsed(url: str) -> sa.URL:
    """The URL's parts; raises ``ValueError`` with a sentence, and repeats nothing of it."""
    # Neither the URL nor the cause is shown: both may hold a password.
    try:
        found = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError("The key store URL cannot be understood.") from None
    backend = found.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise ValueError("The key store URL must be sqlite:///PATH or postgresql://….")
    if backend == "sqlite" and found.database in (None, "", ":memory:"):
        raise ValueError("The key store URL names no file: keys must outlive the program.")
    return found


def make_file(url: sa.URL) -> None:
    """Make the file of an SQLite key store, and its folder, closed to other users.

    Raises :class:`OSError`.
    """
    if url.get_backend_name() != "sqlite":
        return
    path = Path(url.database or "")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # SQLite itself would leave the mode to the umask; its side files follow this one.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def open_engine(url: sa.URL, *, wait_seconds: int) -> sa.Engine:
    """Connections on demand; opens none yet.

    ``wait_seconds`` bounds how long a statement or a lock may take.
    """
    if url.get_backend_name() == "sqlite":
        return _sqlite(Path(url.database or "").absolute(), wait_seconds)
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        hide_parameters=True,  # They would show wrapped keys in error messages.
        pool_pre_ping=True,
        pool_size=_CONNECTIONS_MAX,
        pool_timeout=BUSY_SECONDS,
        connect_args={
            "connect_timeout": 3,
            "tcp_user_timeout": 1000 * wait_seconds,
            "application_name": "kursdocs-keys",
            "options": f"-c statement_timeout={wait_seconds}s -c timezone=UTC"
            " -c idle_in_transaction_session_timeout=60s",
        },
    )


def _sqlite(path: Path, wait_seconds: int) -> sa.Engine:
    def connect() -> sqlite3.Connection:
        # Only ``migrate`` may make the file: a missing one must not look like an empty store.
        uri = f"file:{quote(str(path))}?mode=rw"
        return sqlite3.connect(uri, uri=True, timeout=wait_seconds, check_same_thread=False)

    engine = sa.create_engine(
        "sqlite://",
        creator=connect,
        poolclass=sa.QueuePool,
        hide_parameters=True,
        pool_size=_CONNECTIONS_MAX,
        pool_timeout=BUSY_SECONDS,
    )
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    # The driver must not begin transactions of its own beside those of ``_begin_sqlite``.
    connection.isolation_level = None
    use_write_ahead_log(connection)
    for pragma in (
        "synchronous = FULL",
        "secure_delete = ON",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A reader that turns writer inside a transaction would fail at once with "locked".
    is_writing = connection.get_execution_options().get("is_writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")
