"""The key store: one wrapped key per document, in a database of its own, so that a key destroyed
here also closes the copies in old backups of the main database and the object store.

SQLite or PostgreSQL, by URL. Knows nothing of documents but their ids. Entry points in reading
order: :func:`migrate` (makes the schema), :class:`SqlKeyStore` (used after ``claim``).

What "destroyed" means: on SQLite the row is overwritten with zeros and the write-ahead log is
emptied before ``destroy`` returns. PostgreSQL keeps dead rows until its vacuum and in its own log;
there it is true once those and the backups of the key store have expired.
"""

import contextlib
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import cast
from urllib.parse import quote
from uuid import UUID

import sqlalchemy as sa
import structlog
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from kursdocs.adapters.master_keys import MasterKeys
from kursdocs.adapters.sqlite import empty_log, use_write_ahead_log
from kursdocs.core.ports import ForeignInstance, KeyMissing, KeysUnavailable, Tampered

_KEY_BYTES = 32
_WRAPPED_BYTES = 12 + _KEY_BYTES + 16
_BUSY_SECONDS = 5
_MIGRATION_WAIT_SECONDS = 60
_CONNECTIONS_MAX = 16
# Any number, as long as all processes of all versions agree on it.
_LOCK = 7_145_502

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

key_store_info = sa.Table(
    "key_store_info",
    metadata,
    sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("instance", sa.Uuid, nullable=False),
    sa.CheckConstraint("id = 1", name="single"),
)

master_key = sa.Table(
    "master_key",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("check_value", sa.LargeBinary, nullable=False),
)

document_key = sa.Table(
    "document_key",
    metadata,
    sa.Column("document_id", sa.Uuid, primary_key=True),
    sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
    sa.Column("master_key_id", sa.String(32), sa.ForeignKey("master_key.id"), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint(f"length(wrapped_key) = {_WRAPPED_BYTES}", name="wrapped_key_length"),
)

log = structlog.get_logger(__name__)


def migrate(url: str) -> None:
    """Bring the schema to the newest revision; harmless when it is, or when several do it at once.

    Makes the file of an SQLite key store, and its folder, closed to other users. Raises
    :class:`KeysUnavailable`, and :class:`ValueError` with a sentence for a URL that names no
    usable database or one that a newer version of the program has migrated.
    """
    parsed = _parse(url)
    _make_file(parsed)
    engine = _engine(parsed, wait_seconds=_MIGRATION_WAIT_SECONDS)
    try:
        with _errors("migrate"), engine.execution_options(is_writing=True).begin() as connection:
            _lock(connection)
            command.upgrade(_alembic(connection), "head")
    except CommandError as error:
        raise ValueError(f"The key store cannot be brought to this version: {error}.") from error
    finally:
        engine.dispose()


class SqlKeyStore:
    """Document keys, wrapped by the active master key and bound to their document's id."""

    def __init__(
        self,
        url: str,
        master_keys: MasterKeys,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Open nothing yet; raises :class:`ValueError` for a URL that names no usable database.

        ``now`` gives the present time in UTC.
        """
        self._engine = _engine(_parse(url), wait_seconds=_BUSY_SECONDS)
        self._writing = self._engine.execution_options(is_writing=True)
        self._master_keys = master_keys
        self._now = now

    def create(self, document_id: UUID) -> bytes:
        """A fresh key, committed; raises :class:`ValueError` if the document has one already."""
        key = secrets.token_bytes(_KEY_BYTES)
        row = {
            "document_id": document_id,
            "wrapped_key": self._master_keys.wrap(key, _document(document_id)),
            "master_key_id": self._master_keys.active_id,
            "created_at": self._now(),
        }
        with _errors("create"):
            try:
                with self._writing.begin() as connection:
                    connection.execute(document_key.insert().values(row))
            except IntegrityError:
                if self._find(document_id):
                    raise ValueError("This document has a key already.") from None
                raise
        return key

    def get(self, document_id: UUID) -> bytes:
        """The key; raises :class:`KeyMissing` and :class:`Tampered`."""
        with _errors("get"):
            found = self._find(document_id)
        if found is None:
            raise KeyMissing
        try:
            return self._master_keys.unwrap(*found, _document(document_id))
        except KeyError as error:
            raise _unavailable("get", "a master key is not in the file") from error

    def destroy(self, document_id: UUID) -> None:
        """Forget the key for ever; silent when there is none.

        When it raises, the key may be gone for every reader but not from the disk: repeat it.
        """
        with _errors("destroy"):
            with self._writing.begin() as connection:
                connection.execute(document_key.delete().where(_is(document_id)))
            if self._engine.dialect.name == "sqlite":
                self._empty_log()

    def made_between(
        self, start: datetime, end: datetime, *, after: UUID | None, limit: int
    ) -> Sequence[UUID]:
        """Documents whose key was made in ``[start, end)`` (UTC), by id, at most ``limit``.

        ``after`` is the last id of the page before; it is not returned again.
        """
        made = document_key.c.created_at
        chosen = sa.select(document_key.c.document_id).where(made >= start, made < end)
        if after is not None:
            chosen = chosen.where(document_key.c.document_id > after)
        with _errors("made_between"), self._engine.begin() as connection:
            page = chosen.order_by(document_key.c.document_id).limit(limit)
            return list(connection.scalars(page))

    def claim(self, instance: UUID) -> None:
        """Bind the store to installation and master key; raises :class:`ForeignInstance`.

        A new active master key is accepted when the file still holds every key that wrapped what
        is there.
        """
        with _errors("claim"), self._writing.begin() as connection:
            _lock(connection)
            self._claim_instance(connection, instance)
            self._claim_master_keys(connection, instance)

    def claimed_by(self) -> UUID | None:
        """Which installation it is bound to, if any; raises :class:`KeysUnavailable`."""
        with _errors("claimed_by"), self._engine.begin() as connection:
            return connection.scalar(sa.select(key_store_info.c.instance))

    def check(self) -> None:
        """Raise :class:`KeysUnavailable` unless the claimed key store answers now."""
        with _errors("check"), self._engine.begin() as connection:
            if connection.scalar(sa.select(key_store_info.c.id)) is None:
                raise _unavailable("check", "not claimed yet")

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    def _find(self, document_id: UUID) -> tuple[str, bytes] | None:
        """The id of the master key and the wrapped key."""
        columns = sa.select(document_key.c.master_key_id, document_key.c.wrapped_key)
        with self._engine.begin() as connection:
            found = connection.execute(columns.where(_is(document_id))).first()
        return (found.master_key_id, found.wrapped_key) if found else None

    def _empty_log(self) -> None:
        """Move the write-ahead log into the file and cut it to nothing; it held the key."""
        give_up = time.monotonic() + _BUSY_SECONDS
        connection = self._engine.raw_connection()
        try:
            # Readers are waited for by SQLite, another checkpoint is not: hence the repetition.
            while self._is_log_in_use(connection):
                if time.monotonic() > give_up:
                    raise _unavailable("destroy", "readers keep the write-ahead log")
                time.sleep(0.01)
        finally:
            connection.close()

    def _is_log_in_use(self, connection: sa.PoolProxiedConnection) -> bool:
        try:
            return not empty_log(cast("sqlite3.Connection", connection.driver_connection))
        except sqlite3.Error as error:
            raise _unavailable("destroy", type(error).__name__) from error

    def _claim_instance(self, connection: sa.Connection, instance: UUID) -> None:
        found = connection.scalar(sa.select(key_store_info.c.instance))
        if found is None:
            connection.execute(key_store_info.insert().values(id=1, instance=instance))
        elif found != instance:
            raise ForeignInstance("The key store belongs to another installation.")

    def _claim_master_keys(self, connection: sa.Connection, instance: UUID) -> None:
        rows = connection.execute(sa.select(master_key))
        known: dict[str, bytes] = {row.id: row.check_value for row in rows}
        mine = [key_id for key_id in known if key_id in self._master_keys.ids]
        if known and not mine:
            raise ForeignInstance("The key store was made with another master key.")
        for key_id in mine:
            try:
                self._master_keys.unwrap(key_id, known[key_id], _check(instance, key_id))
            except Tampered as error:
                raise ForeignInstance(f"The master key {key_id} is not the right one.") from error
        for key_id in set(known) - set(mine):
            used = sa.select(document_key.c.document_id).where(
                document_key.c.master_key_id == key_id
            )
            if connection.execute(used.limit(1)).first():
                raise ForeignInstance(f"The master key file lacks {key_id}, which is in use.")
        if (active := self._master_keys.active_id) not in known:
            value = self._master_keys.wrap(b"", _check(instance, active))
            connection.execute(master_key.insert().values(id=active, check_value=value))


# --- What a sealed value is bound to -------------------------------------------------------------


def _document(document_id: UUID) -> bytes:
    return b"KDK1" + document_id.bytes


def _check(instance: UUID, key_id: str) -> bytes:
    return b"KDM1" + instance.bytes + key_id.encode("ascii")


# --- Statements and errors -----------------------------------------------------------------------


def _is(document_id: UUID) -> sa.ColumnElement[bool]:
    return document_key.c.document_id == document_id


def _lock(connection: sa.Connection) -> None:
    """Let one process at a time pass until its transaction ends; on SQLite BEGIN does that."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


@contextlib.contextmanager
def _errors(action: str) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise _unavailable(action, _reason(error)) from error


def _reason(error: SQLAlchemyError) -> str:
    """The kind of error, never its text: that can hold addresses and values."""
    original = getattr(error, "orig", None)
    code = getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None)
    return f"{type(error).__name__} {code}" if code else type(error).__name__


def _unavailable(action: str, reason: str) -> KeysUnavailable:
    log.warning("key store unavailable", action=action, reason=reason)
    return KeysUnavailable()


# --- Engines -------------------------------------------------------------------------------------


def _parse(url: str) -> sa.URL:
    # Neither the URL nor the cause is shown: both may hold a password.
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError("The key store URL cannot be understood.") from None
    backend = parsed.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise ValueError("The key store URL must be sqlite:///PATH or postgresql://….")
    if backend == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise ValueError("The key store URL names no file: keys must outlive the program.")
    return parsed


def _engine(url: sa.URL, *, wait_seconds: int) -> sa.Engine:
    """``wait_seconds`` bounds how long a statement or a lock may take."""
    if url.get_backend_name() == "sqlite":
        return _sqlite(Path(url.database or "").absolute(), wait_seconds)
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        hide_parameters=True,  # They would show wrapped keys in error messages.
        pool_pre_ping=True,
        pool_size=_CONNECTIONS_MAX,
        pool_timeout=_BUSY_SECONDS,
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
        pool_timeout=_BUSY_SECONDS,
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


def _make_file(url: sa.URL) -> None:
    if url.get_backend_name() != "sqlite":
        return
    path = Path(url.database or "")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite itself would leave the mode to the umask; its side files follow this one.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise _unavailable("migrate", error.strerror or "the file cannot be made") from error


def _alembic(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "kursdocs:migrations/keys")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["metadata"] = metadata
    return config
