"""The database: the engine, and the only place where transactions begin and end.

SQLite (one process; WAL, synchronous=FULL) or PostgreSQL (psycopg 3), by URL. On SQLite every
transaction is BEGIN IMMEDIATE under a process-wide lock: otherwise a read that is followed by an
audit row fails at once with "database is locked".
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlmodel import Session

from kursdocs.adapters.sqlite import use_write_ahead_log
from kursdocs.core.errors import Unavailable

_CONNECT_SECONDS = 3
_STATEMENT_MILLISECONDS = 15_000
_POOL_SIZE = 20
_LOCK_SECONDS = 15.0


class DatabaseUnavailable(Unavailable):
    """The database did not answer; the transaction was rolled back."""

    def __init__(self) -> None:
        super().__init__("database_unavailable")


class Database:
    """Hands out transactions. Safe to use from many threads."""

    def __init__(self, url: str) -> None:
        """``url`` is a URL of a SQLite file or of PostgreSQL; raises ``ValueError`` otherwise."""
        parsed = _parsed(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self._lock: threading.Lock | None = threading.Lock() if self.is_sqlite else None
        self.engine = _sqlite(parsed) if self.is_sqlite else _postgresql(parsed)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction: commits at the end of the block, rolls back when it raises.

        Raises :class:`DatabaseUnavailable` when the database does not answer.
        """
        if self._lock is not None and not self._lock.acquire(timeout=_LOCK_SECONDS):
            raise DatabaseUnavailable
        try:
            yield from self._session()
        except (OperationalError, InterfaceError, PoolTimeoutError) as error:
            raise DatabaseUnavailable from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise DatabaseUnavailable from error
            raise
        finally:
            if self._lock is not None:
                self._lock.release()

    def _session(self) -> Iterator[Session]:
        with Session(self.engine, expire_on_commit=False) as session:
            yield session
            session.commit()

    def check(self) -> None:
        """Raise :class:`DatabaseUnavailable` unless the database answers now."""
        with self.transaction() as session:
            session.execute(sa.text("SELECT 1"))

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def _parsed(url: str) -> sa.URL:
    """The URL's parts; no message repeats them, because a password may be among them."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ValueError("the database's URL cannot be understood") from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise ValueError("the database must be sqlite:///PATH or postgresql://…")
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise ValueError("the database's URL names no file: write sqlite:///PATH")
    return parsed


def _sqlite(url: sa.URL) -> sa.Engine:
    _make_private(Path(url.database or ""))
    engine = sa.create_engine(
        url,
        pool_size=_POOL_SIZE,
        # Values of people must not reach the log through the text of an error.
        hide_parameters=True,
        connect_args={"timeout": 10, "check_same_thread": False},
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        # SQLAlchemy's own BEGIN is emitted below; the driver must not add one of its own.
        connection.isolation_level = None
        use_write_ahead_log(connection)
        for pragma in (
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
            "cache_size = -65536",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _make_private(path: Path) -> None:
    """A new database file is for its owner alone; SQLite gives its companions the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _postgresql(url: sa.URL) -> sa.Engine:
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_size=_POOL_SIZE,
        max_overflow=_POOL_SIZE,
        pool_timeout=5,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": _CONNECT_SECONDS,
            "options": f"-c statement_timeout={_STATEMENT_MILLISECONDS} -c timezone=UTC"
            " -c idle_in_transaction_session_timeout=60000",
        },
    )


# Any number, as long as all processes of all versions agree on it.
_MIGRATION_LOCK = 7_145_501


def migrate(database: Database) -> None:
    """Bring the schema to the newest revision; harmless when it is, or when two do it at once.

    Raises :class:`DatabaseUnavailable` when the database does not answer, ``ValueError`` when its
    schema is of a newer version.
    """
    try:
        with database.engine.begin() as connection:
            if not database.is_sqlite:
                connection.execute(
                    sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK}
                )
            command.upgrade(_alembic(connection), "head")
    except (OperationalError, InterfaceError) as error:
        raise DatabaseUnavailable from error
    except CommandError as error:
        raise ValueError(f"the database cannot be brought to this version: {error}") from error


def is_migrated(database: Database) -> bool:
    """Whether the schema is at the newest revision; raises :class:`DatabaseUnavailable`."""
    try:
        with database.engine.begin() as connection:
            newest = ScriptDirectory.from_config(_alembic(connection)).get_current_head()
            return MigrationContext.configure(connection).get_current_revision() == newest
    except (OperationalError, InterfaceError) as error:
        raise DatabaseUnavailable from error


def _alembic(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "kursdocs:migrations/main")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
