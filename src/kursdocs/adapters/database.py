"""The database: the engine, and the only place where transactions begin and end.

SQLite (one process; WAL, synchronous=FULL) or PostgreSQL (psycopg 3), by URL. On SQLite every
transaction is BEGIN IMMEDIATE under a process-wide lock: otherwise a read that is followed by an
audit row fails at once with "database is locked".
"""

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

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

from kursdocs.adapters import sqlite
from kursdocs.core import scopes
from kursdocs.core.errors import Unavailable
from kursdocs.core.ports import Pool, Schema

_CONNECT_SECONDS = 3
_STATEMENT_MILLISECONDS = 15_000
_POOL_SIZE = 20
_OVERFLOW = 20
_LOCK_SECONDS = 15.0


_PASSING_ROLE = (
    "SELECT rolname FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls)"
)
# Every table with a policy must be locked, for its owner as well.
_LOOSE_TABLES = (
    "SELECT DISTINCT relname FROM pg_policy JOIN pg_class ON pg_class.oid = polrelid"
    " WHERE NOT (relrowsecurity AND relforcerowsecurity) ORDER BY relname"
)


class DatabaseUnavailable(Unavailable):
    """The database did not answer; the transaction was rolled back."""

    def __init__(self) -> None:
        super().__init__("database_unavailable")


@contextmanager
def held_alone(url: str) -> Iterator[None]:
    """Be the only process that serves from an SQLite file; PostgreSQL is for any number.

    Raises ``ValueError`` when another process does.
    """
    parsed = url_parts(url)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    with sqlite.held_alone(Path(parsed.database or "")) if is_sqlite else nullcontext():
        yield


class Database:
    """Hands out transactions. Safe to use from many threads."""

    def __init__(self, url: str) -> None:
        """``url`` is a URL of a SQLite file or of PostgreSQL; raises ``ValueError`` otherwise."""
        parsed = url_parts(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self._lock: threading.Lock | None = threading.Lock() if self.is_sqlite else None
        self._file = Path(parsed.database or "").absolute() if self.is_sqlite else None
        self.engine = _postgresql(parsed) if self._file is None else _sqlite(parsed, self._file)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction: commits at the end of the block, rolls back when it raises.

        Raises :class:`DatabaseUnavailable` when the database does not answer.
        """
        with self._alone():
            try:
                yield from self._session()
            except (OperationalError, InterfaceError, PoolTimeoutError) as error:
                raise DatabaseUnavailable from error
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise DatabaseUnavailable from error
                raise

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """On SQLite nobody else of this process is in a transaction meanwhile."""
        if self._lock is not None and not self._lock.acquire(timeout=_LOCK_SECONDS):
            raise DatabaseUnavailable
        try:
            yield
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

    def make_file(self) -> None:
        """Make SQLite's file when it is missing, for its owner alone; its companions follow it."""
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))

    def schema(self) -> Schema:
        """Whether the schema is this version's; raises :class:`DatabaseUnavailable`."""
        if self._file is not None and not self._file.exists():
            return Schema.BEHIND
        with self.transaction() as session:
            found = MigrationContext.configure(session.connection()).get_current_revision()
        known = known_revisions()
        if found == known[0]:
            return Schema.CURRENT
        return Schema.BEHIND if found is None or found in known else Schema.AHEAD

    def missing_lock(self) -> str:
        """See :class:`kursdocs.core.ports.DatabaseState`."""
        if self.is_sqlite:
            return ""
        with self.transaction() as session:
            if (role := session.scalar(sa.text(_PASSING_ROLE))) is not None:
                return (
                    f"the role {role!r} passes by row-level security: take one that owns the"
                    " database and is neither superuser nor has BYPASSRLS"
                )
            loose = session.scalars(sa.text(_LOOSE_TABLES)).all()
        if not loose:
            return ""
        return (
            f"row-level security is off for {', '.join(loose)}: restore it from a backup's schema"
        )

    def pool(self) -> Pool:
        """The connections of this process; asks nobody."""
        pool = self.engine.pool
        if not isinstance(pool, sa.QueuePool):
            raise TypeError(f"no pool of connections: {type(pool).__name__}")
        return Pool(
            in_use=pool.checkedout(),
            open=pool.checkedin() + pool.checkedout(),
            limit=_POOL_SIZE + _OVERFLOW,
        )

    def empty_log(self) -> bool:
        """See :class:`kursdocs.core.ports.DatabaseState`."""
        if not self.is_sqlite:
            return True
        with self._alone():
            try:
                pooled = self.engine.raw_connection()
                try:
                    return sqlite.empty_log(cast("sqlite3.Connection", pooled.driver_connection))
                finally:
                    pooled.close()
            except (sqlite3.Error, OperationalError) as error:
                raise DatabaseUnavailable from error

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def url_parts(url: str) -> sa.URL:
    """The URL's parts; raises ``ValueError``, and repeats nothing: a password may be in it."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ValueError("the database's URL cannot be understood") from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise ValueError("the database must be sqlite:///PATH or postgresql://…")
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise ValueError("the database's URL names no file: write sqlite:///PATH")
    return parsed


def _sqlite(url: sa.URL, path: Path) -> sa.Engine:
    def connect() -> sqlite3.Connection:
        # Only ``migrate`` may make the file: looking at a mistyped place must leave nothing there.
        uri = f"file:{quote(str(path))}?mode=rw"
        return sqlite3.connect(uri, uri=True, timeout=10, check_same_thread=False)

    engine = sa.create_engine(
        url,
        creator=connect,
        pool_size=_POOL_SIZE,
        max_overflow=_OVERFLOW,
        # Values of people must not reach the log through the text of an error.
        hide_parameters=True,
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        # SQLAlchemy's own BEGIN is emitted below; the driver must not add one of its own.
        connection.isolation_level = None
        sqlite.use_write_ahead_log(connection)
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


def _postgresql(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_size=_POOL_SIZE,
        max_overflow=_OVERFLOW,
        pool_timeout=5,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": _CONNECT_SECONDS,
            "options": f"-c statement_timeout={_STATEMENT_MILLISECONDS} -c timezone=UTC"
            " -c idle_in_transaction_session_timeout=60000",
        },
    )
    # Whoever opens a transaction, here or by the engine: it reaches what the present scope does.
    sa.event.listen(engine, "begin", scopes.tell)
    return engine


# Any number, as long as all processes of all versions agree on it.
_MIGRATION_LOCK = 7_145_501


def migrate(database: Database) -> None:
    """Bring the schema to the newest revision; harmless when it is, or when two do it at once.

    Raises :class:`DatabaseUnavailable` when the database does not answer, ``ValueError`` when its
    schema is of a newer version.
    """
    database.make_file()
    try:
        with database.engine.begin() as connection:
            if not database.is_sqlite:
                _take_time(connection)
            command.upgrade(_alembic(connection), "head")
    except (OperationalError, InterfaceError) as error:
        raise DatabaseUnavailable from error
    except CommandError as error:
        raise ValueError(f"the database cannot be brought to this version: {error}") from error


def _take_time(connection: sa.Connection) -> None:
    """Be the only one who migrates, for as long as that takes; wait for nobody's rows, though."""
    connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
    connection.execute(sa.text(f"SET LOCAL lock_timeout = {_STATEMENT_MILLISECONDS}"))


VERSION_TABLE = "alembic_version"
"""Where the schema's revision stands."""


def migrate_hidden(database: Database, revision: str) -> None:
    """Bring a restored database of that revision to the newest; nobody takes it for ready yet.

    Raises :class:`DatabaseUnavailable` when the database does not answer.
    """
    versions = sa.table(VERSION_TABLE, sa.column("version_num"))
    try:
        with database.engine.begin() as connection:
            connection.execute(sa.delete(versions))
            connection.execute(sa.insert(versions).values(version_num=revision))
            if not database.is_sqlite:
                _take_time(connection)
            command.upgrade(_alembic(connection), "head")
            connection.execute(sa.delete(versions))
    except (OperationalError, InterfaceError) as error:
        raise DatabaseUnavailable from error


def show(database: Database) -> None:
    """End the hiding: from now on the database is one of the newest revision."""
    versions = sa.table(VERSION_TABLE, sa.column("version_num"))
    with database.transaction() as session:
        session.execute(sa.insert(versions).values(version_num=known_revisions()[0]))


@cache
def known_revisions() -> Sequence[str]:
    """The revisions that this version of the program knows, the newest first."""
    scripts = ScriptDirectory.from_config(_alembic())
    return [script.revision for script in scripts.walk_revisions()]


def _alembic(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", "kursdocs:migrations/main")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
