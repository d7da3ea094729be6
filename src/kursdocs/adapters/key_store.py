"""The key store: one wrapped key per document, in a database of its own, so that a key destroyed
here also closes the copies in old backups of the main database and the object store.

SQLite or PostgreSQL, by URL. Knows nothing of documents but their ids. Entry points in reading
order: :func:`migrate` (makes the schema), :class:`SqlKeyStore` (used after ``claim``).

What "destroyed" means: on SQLite the row is overwritten with zeros and the write-ahead log is
emptied before ``destroy`` returns. PostgreSQL keeps dead rows until its vacuum and in its own log;
there it is true once those and the backups of the key store have expired.
"""

import contextlib
import secrets
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import cast
from uuid import UUID

import sqlalchemy as sa
import structlog
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from kursdocs.adapters import key_databases
from kursdocs.adapters.master_keys import MasterKeys
from kursdocs.adapters.sqlite import empty_log
from kursdocs.core.ports import (
    ForeignInstance,
    KeyMissing,
    KeyState,
    KeysUnavailable,
    MasterKeyInUse,
    MasterState,
    Rewrapped,
    Tampered,
)

_KEY_BYTES = 32
_WRAPPED_BYTES = 12 + _KEY_BYTES + 16

_MIGRATION_WAIT_SECONDS = 60

# Once more when the master key was retired between reading the file and writing the key.
_TRIES = 2

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
    sa.Column("had_row", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.CheckConstraint(f"length(wrapped_key) = {_WRAPPED_BYTES}", name="wrapped_key_length"),
)

log = structlog.get_logger(__name__)


def migrate(url: str) -> None:
    """Bring the schema to the newest revision; harmless when it is, or when several do it at once.

    Makes the file of an SQLite key store, and its folder, closed to other users. Raises
    :class:`KeysUnavailable`, and :class:`ValueError` with a sentence for a URL that names no
    usable database or one that a newer version of the program has migrated.
    """
    parsed = key_databases.parsed(url)
    try:
        key_databases.make_file(parsed)
    except OSError as error:
        raise _unavailable("migrate", error.strerror or "the file cannot be made") from error
    engine = key_databases.open_engine(parsed, wait_seconds=_MIGRATION_WAIT_SECONDS)
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
        self._engine = key_databases.open_engine(
            key_databases.parsed(url), wait_seconds=key_databases.BUSY_SECONDS
        )
        self._writing = self._engine.execution_options(is_writing=True)
        self._master_keys = master_keys
        self._instance: UUID | None = None
        self._now = now

    def create(self, document_id: UUID) -> bytes:
        """A fresh key, committed; raises :class:`ValueError` if the document has one already."""
        key = secrets.token_bytes(_KEY_BYTES)
        with _errors("create"):
            for _ in range(_TRIES):
                try:
                    if self._insert(document_id, key):
                        return key
                except IntegrityError:
                    if self._find(document_id):
                        raise ValueError("This document has a key already.") from None
        raise _unavailable("create", "no master key of the file is known, or still in use")

    def prove(self, document_id: UUID, key: bytes) -> None:
        """Note that a row needs the key, if it comes out again as it was made.

        Read from the database and unwrapped with the file as it is now. Raises
        :class:`KeyMissing`, and :class:`KeysUnavailable` when it does not; then nothing is noted.
        """
        masters = self._on_disk("prove")
        with _errors("prove"), self._writing.begin() as connection:
            noted = document_key.update().where(_is(document_id)).values(had_row=True)
            row = connection.execute(noted.returning(*document_key.c)).first()
            if row is None:
                raise KeyMissing
            if row.master_key_id not in self._proven(connection, masters):
                raise _unavailable("prove", f"nobody else can read by {row.master_key_id}")
            try:
                found = masters.unwrap(row.master_key_id, row.wrapped_key, _document(document_id))
            except Tampered as error:
                raise _unavailable("prove", "the key does not come out again") from error
            if found != key:
                raise _unavailable("prove", "another key came out")

    def get(self, document_id: UUID) -> bytes:
        """The key; raises :class:`KeyMissing` and :class:`Tampered`."""
        with _errors("get"):
            found = self._find(document_id)
        if found is None:
            raise KeyMissing
        return self._unwrap("get", document_id, *found)

    def destroy(self, document_id: UUID, *, unless_needed: bool = False) -> None:
        """Forget the key for ever; silent when there is none.

        ``unless_needed``: not one that was noted as needed meanwhile. When it raises, the key may
        be gone for every reader but not from the disk: repeat it.
        """
        spared = (sa.not_(document_key.c.had_row),) if unless_needed else ()
        with _errors("destroy"):
            with self._writing.begin() as connection:
                connection.execute(document_key.delete().where(_is(document_id), *spared))
            self._empty_log("destroy")

    def made_between(
        self,
        start: datetime,
        end: datetime,
        *,
        after: UUID | None,
        limit: int,
        never_needed: bool = False,
    ) -> Sequence[UUID]:
        """Documents whose key was made in ``[start, end)`` (UTC), by id, at most ``limit``.

        ``after`` is the last id of the page before; it is not returned again. ``never_needed``:
        only those of which nobody has noted that a row needs them.
        """
        made = document_key.c.created_at
        chosen = sa.select(document_key.c.document_id).where(made >= start, made < end)
        if after is not None:
            chosen = chosen.where(document_key.c.document_id > after)
        if never_needed:
            chosen = chosen.where(sa.not_(document_key.c.had_row))
        with _errors("made_between"), self._engine.begin() as connection:
            page = chosen.order_by(document_key.c.document_id).limit(limit)
            return list(connection.scalars(page))

    def note_needed(self, document_ids: Collection[UUID]) -> None:
        """Note that there are rows that need these keys; silent about keys that there are not."""
        these = document_key.c.document_id.in_(list(document_ids))
        with _errors("note_needed"), self._writing.begin() as connection:
            connection.execute(document_key.update().where(these).values(had_row=True))

    def newest_needed(self, limit: int) -> Sequence[UUID]:
        """The newest keys that a row needed, by our own note; their ids are in order of time."""
        newest = (
            sa.select(document_key.c.document_id)
            .where(document_key.c.had_row)
            .order_by(document_key.c.document_id.desc())
            .limit(limit)
        )
        with _errors("newest_needed"), self._engine.begin() as connection:
            return list(connection.scalars(newest))

    def examine(self, after: UUID | None, limit: int) -> Sequence[KeyState]:
        """Every key, by document from ``after`` on, at most ``limit``; each is unwrapped."""
        self._reread()
        with _errors("examine"):
            rows = self._page(after, limit)
        return [
            KeyState(row.document_id, _utc(row.created_at), self._is_readable(row), row.had_row)
            for row in rows
        ]

    def rewrap(self, after: UUID | None, limit: int) -> Rewrapped:
        """Wrap up to ``limit`` keys, from ``after`` on, with the active master key.

        On SQLite the old wrapping is off the disk when the last page returns.
        """
        masters = self._reread()
        with _errors("rewrap"):
            rows = self._page(after, limit, document_key.c.master_key_id != masters.active_id)
            changes = [change for row in rows if (change := self._wrapped_anew(masters, row))]
            done = self._exchange(masters, changes) if changes else 0
            if len(rows) < limit:
                self._empty_log("rewrap")
        going_on = rows[-1].document_id if len(rows) == limit else None
        return Rewrapped(done, len(rows) - len(changes), going_on)

    def masters(self) -> Sequence[MasterState]:
        """All master keys of database and file, in the order of the file, the active one first."""
        mine = self._reread()
        wrapped = sa.func.count(document_key.c.document_id).label("keys_wrapped")
        counted = (
            sa.select(master_key.c.id, wrapped)
            .outerjoin(document_key, document_key.c.master_key_id == master_key.c.id)
            .group_by(master_key.c.id)
            .order_by(master_key.c.id)
        )
        with _errors("masters"), self._engine.begin() as connection:
            known = {row.id: row.keys_wrapped for row in connection.execute(counted)}
        return [
            MasterState(
                key_id,
                keys=known.get(key_id, 0),
                is_active=key_id == mine.active_id,
                is_here=key_id in mine.ids,
                is_retired=key_id not in known,
            )
            for key_id in dict.fromkeys([*mine.ids, *known])
        ]

    def rotate(self) -> str:
        """Put a fresh master key first into the file, known to the database; returns its id."""
        with _errors("rotate"), self._writing.begin() as connection:
            instance = self._locked_instance(connection, "rotate")
            self._claim_master_keys(connection, instance, self._reread())
            # The file comes first: a key that the database knows and no file has would be noise,
            # one that only the file has wraps nothing until a start makes it known.
            with self._master_keys.with_fresh() as fresh:
                self._register(connection, instance, fresh)
        self._master_keys = fresh
        return fresh.active_id

    def retire(self, master_key_id: str) -> None:
        """Let nobody wrap with it any more; raises :class:`MasterKeyInUse`, silent when retired.

        A process that has not read the file since will be refused by the database when it makes a
        key, reads the file and uses the new one.
        """
        if master_key_id == self._reread().active_id:
            raise MasterKeyInUse(
                f"The master key {master_key_id} wraps new keys: it is the first in the file."
            )
        with _errors("retire"):
            try:
                with self._writing.begin() as connection:
                    _lock(connection)
                    connection.execute(master_key.delete().where(master_key.c.id == master_key_id))
            except IntegrityError as error:
                # Also what another process had wrapped but not yet committed when we began.
                raise MasterKeyInUse(
                    f"The master key {master_key_id} still wraps document keys:"
                    " run kursdocs keys rewrap first."
                ) from error

    def claim(self, instance: UUID) -> None:
        """Bind the store to installation and master key; raises :class:`ForeignInstance`.

        A new active master key is accepted when the file still holds every key that wrapped what
        is there.
        """
        with _errors("claim"), self._writing.begin() as connection:
            _lock(connection)
            self._claim_instance(connection, instance)
            self._claim_master_keys(connection, instance, self._reread())
        self._instance = instance

    def claimed_by(self) -> UUID | None:
        """Which installation it is bound to, if any; raises :class:`KeysUnavailable`."""
        with _errors("claimed_by"), self._engine.begin() as connection:
            return connection.scalar(sa.select(key_store_info.c.instance))

    def check(self) -> None:
        """Raise :class:`KeysUnavailable` unless the claimed key store answers now."""
        with _errors("check"), self._engine.begin() as connection:
            if connection.scalar(sa.select(key_store_info.c.id)) is None:
                raise _unavailable("check", "not claimed yet")
            connection.execute(sa.select(document_key).limit(1))  # no old copy put back beneath us

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    def _find(self, document_id: UUID) -> tuple[str, bytes] | None:
        """The id of the master key and the wrapped key."""
        columns = sa.select(document_key.c.master_key_id, document_key.c.wrapped_key)
        with self._engine.begin() as connection:
            found = connection.execute(columns.where(_is(document_id))).first()
        return (found.master_key_id, found.wrapped_key) if found else None

    def _page(
        self, after: UUID | None, limit: int, *conditions: sa.ColumnElement[bool]
    ) -> Sequence[sa.Row[tuple[UUID, bytes, str, datetime]]]:
        """Rows by document, from ``after`` on."""
        chosen = sa.select(document_key).where(*conditions)
        if after is not None:
            chosen = chosen.where(document_key.c.document_id > after)
        with self._engine.begin() as connection:
            return connection.execute(
                chosen.order_by(document_key.c.document_id).limit(limit)
            ).all()

    def _insert(self, document_id: UUID, key: bytes) -> bool:
        masters = self._on_disk("create")
        with self._writing.begin() as connection:
            wrapping = self._wrapping(connection, masters)
            if wrapping is None:
                return False
            row = {
                "document_id": document_id,
                "wrapped_key": masters.wrap(key, _document(document_id), by=wrapping),
                "master_key_id": wrapping,
                "created_at": self._now(),
                "had_row": False,
            }
            connection.execute(document_key.insert().values(row))
        return True

    def _unwrap(self, action: str, document_id: UUID, key_id: str, wrapped: bytes) -> bytes:
        masters = self._master_keys
        if key_id not in masters.ids:
            masters = self._reread()
        try:
            return masters.unwrap(key_id, wrapped, _document(document_id))
        except KeyError as error:
            raise _unavailable(action, "a master key is not in the file") from error

    def _is_readable(self, row: sa.Row[tuple[UUID, bytes, str, datetime]]) -> bool:
        try:
            self._master_keys.unwrap(row.master_key_id, row.wrapped_key, _document(row.document_id))
        except (KeyError, Tampered):
            return False
        return True

    def _wrapped_anew(
        self, masters: MasterKeys, row: sa.Row[tuple[UUID, bytes, str, datetime]]
    ) -> dict[str, object] | None:
        """The change of one row; none for a key that cannot be read, which stays as it is."""
        bound_to = _document(row.document_id)
        try:
            key = masters.unwrap(row.master_key_id, row.wrapped_key, bound_to)
        except (KeyError, Tampered):
            return None
        return {
            "this": row.document_id,
            "before": row.wrapped_key,
            "after": masters.wrap(key, bound_to),
        }

    def _exchange(self, masters: MasterKeys, changes: Sequence[dict[str, object]]) -> int:
        """How many were still as they were read: what was destroyed meanwhile stays so."""
        same = (document_key.c.document_id == sa.bindparam("this")) & (
            document_key.c.wrapped_key == sa.bindparam("before")
        )
        change = (
            document_key.update()
            .where(same)
            .values(wrapped_key=sa.bindparam("after"), master_key_id=masters.active_id)
        )
        with self._writing.begin() as connection:
            if masters.active_id not in self._proven(connection, masters):
                raise _unavailable("rewrap", f"nobody else can read by {masters.active_id}")
            return connection.execute(change, changes).rowcount

    # -- master keys ------------------------------------------------------------------------------

    def _reread(self) -> MasterKeys:
        """The master keys as the file has them now; those of before while it is wrong."""
        try:
            self._master_keys = self._master_keys.reread()
        except ValueError as error:
            log.warning("master keys not read again", reason=str(error))
        return self._master_keys

    def _on_disk(self, action: str) -> MasterKeys:
        """The master keys as the file has them now; no key may be made with what it lacks.

        Raises :class:`KeysUnavailable` for a file that is wrong. One that was taken away, as one
        may after a start, is in a safe place.
        """
        try:
            self._master_keys = self._master_keys.reread()
        except ValueError as error:
            raise _unavailable(action, str(error)) from error
        return self._master_keys

    def _wrapping(self, connection: sa.Connection, masters: MasterKeys) -> str | None:
        """The first master key of the file by which others can read as well, if there is one."""
        proven = self._proven(connection, masters)
        chosen = next((key_id for key_id in masters.ids if key_id in proven), None)
        if chosen != masters.active_id:
            log.error(
                "first master key not used",
                reason="it is not known to the key store, retired, or another key of that name",
                first=masters.active_id,
                used=chosen,
            )
        return chosen

    def _proven(self, connection: sa.Connection, masters: MasterKeys) -> set[str]:
        """Those that the database knows by the same key, not by the name alone.

        None when it is not the one that this process has claimed: that of another town was put in
        its place, and may even have the same master key.
        """
        instance = sa.select(key_store_info.c.instance).scalar_subquery()
        columns = master_key.c.id, master_key.c.check_value, instance
        known = connection.execute(sa.select(*columns).where(master_key.c.id.in_(masters.ids)))
        return {
            key_id
            for key_id, value, town in known
            if town == (self._instance or town) and _is_same(masters, key_id, value, town)
        }

    def _locked_instance(self, connection: sa.Connection, action: str) -> UUID:
        _lock(connection)
        instance: UUID | None = connection.scalar(sa.select(key_store_info.c.instance))
        if instance is None:
            raise _unavailable(action, "not claimed yet")
        return instance

    def _register(self, connection: sa.Connection, instance: UUID, masters: MasterKeys) -> None:
        """Make the active one known to the database, so that it may wrap."""
        value = masters.wrap(b"", _check(instance, masters.active_id))
        connection.execute(master_key.insert().values(id=masters.active_id, check_value=value))

    # -- the disk ---------------------------------------------------------------------------------

    def _empty_log(self, action: str) -> None:
        """On SQLite move the write-ahead log, which holds what was before, into the file."""
        if self._engine.dialect.name != "sqlite":
            return
        give_up = time.monotonic() + key_databases.BUSY_SECONDS
        connection = self._engine.raw_connection()
        try:
            # Readers are waited for by SQLite, another checkpoint is not: hence the repetition.
            while self._is_log_in_use(connection, action):
                if time.monotonic() > give_up:
                    raise _unavailable(action, "readers keep the write-ahead log")
                time.sleep(0.01)
        finally:
            connection.close()

    def _is_log_in_use(self, connection: sa.PoolProxiedConnection, action: str) -> bool:
        try:
            return not empty_log(cast("sqlite3.Connection", connection.driver_connection))
        except sqlite3.Error as error:
            raise _unavailable(action, type(error).__name__) from error

    def _claim_instance(self, connection: sa.Connection, instance: UUID) -> None:
        found = connection.scalar(sa.select(key_store_info.c.instance))
        if found is None:
            connection.execute(key_store_info.insert().values(id=1, instance=instance))
        elif found != instance:
            raise ForeignInstance("The key store belongs to another installation.")

    def _claim_master_keys(
        self, connection: sa.Connection, instance: UUID, masters: MasterKeys
    ) -> None:
        rows = connection.execute(sa.select(master_key))
        known: dict[str, bytes] = {row.id: row.check_value for row in rows}
        mine = [key_id for key_id in known if key_id in masters.ids]
        if known and not mine:
            raise ForeignInstance("The key store was made with another master key.")
        for key_id in mine:
            try:
                masters.unwrap(key_id, known[key_id], _check(instance, key_id))
            except Tampered as error:
                raise ForeignInstance(f"The master key {key_id} is not the right one.") from error
        for key_id in set(known) - set(mine):
            used = sa.select(document_key.c.document_id).where(
                document_key.c.master_key_id == key_id
            )
            if connection.execute(used.limit(1)).first():
                raise ForeignInstance(f"The master key file lacks {key_id}, which is in use.")
        if masters.active_id not in known:
            self._register(connection, instance, masters)


# --- What a sealed value is bound to -------------------------------------------------------------


def _document(document_id: UUID) -> bytes:
    return b"KDK1" + document_id.bytes


def _check(instance: UUID, key_id: str) -> bytes:
    return b"KDM1" + instance.bytes + key_id.encode("ascii")


def _is_same(masters: MasterKeys, key_id: str, proof: bytes, instance: UUID) -> bool:
    """Whether the file has, by that name, the key of which the database keeps the proof."""
    try:
        masters.unwrap(key_id, proof, _check(instance, key_id))
    except Tampered:
        return False
    return True


# --- Statements and errors -----------------------------------------------------------------------


def _is(document_id: UUID) -> sa.ColumnElement[bool]:
    return document_key.c.document_id == document_id


def _lock(connection: sa.Connection) -> None:
    """Let one process at a time pass until its transaction ends; on SQLite BEGIN does that."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _utc(moment: datetime) -> datetime:
    """SQLite gives back what it was given, without its zone."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


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


def _alembic(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "kursdocs:migrations/keys")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["metadata"] = metadata
    return config
