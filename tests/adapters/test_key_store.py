"""The key store on both databases, then what is special to each, then the master key file."""

import base64
import multiprocessing
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
import sqlalchemy as sa
import structlog
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from tests.servers import PostgresServer, free_port

from kursdocs.adapters import key_store
from kursdocs.adapters.key_store import SqlKeyStore, migrate
from kursdocs.adapters.master_keys import MasterKeys
from kursdocs.core.ports import (
    ForeignInstance,
    KeyMissing,
    KeyStore,
    KeysUnavailable,
    Tampered,
)

INSTANCE = UUID("00000000-0000-4000-8000-000000000001")
OTHER_INSTANCE = UUID("00000000-0000-4000-8000-000000000002")
DOCUMENT = UUID("00000000-0000-7000-8000-000000000001")
OTHER_DOCUMENT = UUID("00000000-0000-7000-8000-000000000002")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

FIRST, SECOND = bytes(range(32)), bytes(range(1, 33))
MASTER = MasterKeys({"first": FIRST})

Open = Callable[..., SqlKeyStore]


@pytest.fixture
def open_store(database_url: str) -> Iterator[Open]:
    """Opens the migrated key store again and again, as several processes would."""
    migrate(database_url)
    opened: list[SqlKeyStore] = []

    def open_it(
        master_keys: MasterKeys = MASTER, now: Callable[[], datetime] = lambda: NOON
    ) -> SqlKeyStore:
        opened.append(SqlKeyStore(database_url, master_keys, now=now))
        return opened[-1]

    yield open_it
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Open) -> SqlKeyStore:
    opened = open_store()
    opened.claim(INSTANCE)
    return opened


def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    """Look at the database past the adapter, or spoil it."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        result = connection.exec_driver_sql(statement)
        return [tuple(row) for row in result] if result.returns_rows else []


def every_method(store: KeyStore) -> dict[str, Callable[[], object]]:
    return {
        "create": lambda: store.create(uuid4()),
        "get": lambda: store.get(DOCUMENT),
        "destroy": lambda: store.destroy(DOCUMENT),
        "made_between": lambda: store.made_between(NOON, NOON, after=None, limit=10),
        "prove": lambda: store.prove(DOCUMENT, bytes(32)),
        "note_needed": lambda: store.note_needed([DOCUMENT]),
        "newest_needed": lambda: store.newest_needed(1),
        "claim": lambda: store.claim(INSTANCE),
        "claimed_by": store.claimed_by,
        "check": store.check,
    }


# --- Keys ----------------------------------------------------------------------------------------


def test_a_key_comes_back_as_it_was_made(store: SqlKeyStore, open_store: Open) -> None:
    key = store.create(DOCUMENT)

    assert len(key) == 32
    assert store.get(DOCUMENT) == key
    assert open_store().get(DOCUMENT) == key


def test_every_document_has_a_key_of_its_own(store: SqlKeyStore) -> None:
    keys = {store.create(uuid4()) for _ in range(20)}

    assert len(keys) == 20


def test_a_key_that_was_never_made_is_missing(store: SqlKeyStore) -> None:
    with pytest.raises(KeyMissing):
        store.get(DOCUMENT)


def test_a_key_is_never_replaced(store: SqlKeyStore) -> None:
    key = store.create(DOCUMENT)

    with pytest.raises(ValueError, match="has a key already"):
        store.create(DOCUMENT)

    assert store.get(DOCUMENT) == key


def test_a_destroyed_key_is_missing_and_destroying_twice_is_silent(store: SqlKeyStore) -> None:
    store.create(DOCUMENT)
    kept = store.create(OTHER_DOCUMENT)

    store.destroy(DOCUMENT)
    store.destroy(DOCUMENT)

    with pytest.raises(KeyMissing):
        store.get(DOCUMENT)
    assert store.get(OTHER_DOCUMENT) == kept


def test_neither_a_plain_key_nor_the_master_key_is_in_the_database(
    store: SqlKeyStore, database_url: str
) -> None:
    key = store.create(DOCUMENT)

    tables = ("document_key", "master_key", "key_store_info")
    values = [
        value
        for table in tables
        for row in execute(database_url, f"SELECT * FROM {table}")  # noqa: S608
        for value in row
        if isinstance(value, bytes)
    ]

    assert len(values) == 2
    assert not any(secret in value for value in values for secret in (key, FIRST))


def test_a_key_moved_to_another_document_is_noticed(store: SqlKeyStore, database_url: str) -> None:
    store.create(DOCUMENT)
    store.create(OTHER_DOCUMENT)

    _swap_keys(database_url)

    for document in (DOCUMENT, OTHER_DOCUMENT):
        with pytest.raises(Tampered):
            store.get(document)


def _swap_keys(url: str) -> None:
    table = key_store.document_key
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        found = {row.document_id: row.wrapped_key for row in connection.execute(sa.select(table))}
        for document, other in ((DOCUMENT, OTHER_DOCUMENT), (OTHER_DOCUMENT, DOCUMENT)):
            change = table.update().where(table.c.document_id == document)
            connection.execute(change.values(wrapped_key=found[other]))


def test_keys_of_a_time_are_listed_by_id_page_by_page(open_store: Open) -> None:
    moment = NOON
    store = open_store(now=lambda: moment)
    store.claim(INSTANCE)
    documents = [UUID(int=number, version=4) for number in range(1, 8)]
    for document in documents:
        store.create(document)
        moment += timedelta(hours=1)
    start, end = NOON + timedelta(hours=1), NOON + timedelta(hours=6)

    first = store.made_between(start, end, after=None, limit=3)
    second = store.made_between(start, end, after=first[-1], limit=3)

    assert (first, second) == (documents[1:4], documents[4:6])
    assert store.made_between(end, end + timedelta(hours=1), after=None, limit=3) == [documents[6]]


def test_many_threads_share_a_key_store(store: SqlKeyStore) -> None:
    def live_and_die(document: UUID) -> bool:
        key = store.create(document)
        is_same = store.get(document) == key
        store.destroy(document)
        return is_same

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(live_and_die, [uuid4() for _ in range(40)]))

    assert store.made_between(NOON, NOON + timedelta(1), after=None, limit=100) == []


# --- Claims --------------------------------------------------------------------------------------


def test_an_installation_may_claim_its_key_store_again(store: SqlKeyStore) -> None:
    key = store.create(DOCUMENT)

    store.claim(INSTANCE)

    assert store.get(DOCUMENT) == key
    store.check()


def test_one_may_look_who_claimed_the_key_store(open_store: Open) -> None:
    assert open_store().claimed_by() is None

    open_store().claim(INSTANCE)

    assert open_store().claimed_by() == INSTANCE


def test_another_installation_may_not_claim_the_key_store(
    store: SqlKeyStore, open_store: Open
) -> None:
    with pytest.raises(ForeignInstance):
        open_store().claim(OTHER_INSTANCE)

    store.claim(INSTANCE)


@pytest.mark.parametrize(
    "wrong", [{"first": SECOND}, {"second": SECOND}, {"second": SECOND, "first": SECOND[::-1]}]
)
def test_a_wrong_master_key_is_noticed_at_the_claim(
    store: SqlKeyStore, open_store: Open, wrong: dict[str, bytes]
) -> None:
    with pytest.raises(ForeignInstance):
        open_store(MasterKeys(wrong)).claim(INSTANCE)

    store.claim(INSTANCE)


def test_of_eight_installations_that_claim_at_once_exactly_one_wins(open_store: Open) -> None:
    start = threading.Barrier(8)
    stores = [open_store() for _ in range(8)]

    def claim(store: SqlKeyStore) -> bool:
        start.wait()
        try:
            store.claim(uuid4())
        except ForeignInstance:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(claim, stores)) == [False] * 7 + [True]


def test_after_a_rotation_old_keys_are_read_and_new_ones_use_the_new_master_key(
    store: SqlKeyStore, open_store: Open, database_url: str
) -> None:
    old = store.create(DOCUMENT)
    rotated = open_store(MasterKeys({"second": SECOND, "first": FIRST}))

    rotated.claim(INSTANCE)
    new = rotated.create(OTHER_DOCUMENT)

    assert (rotated.get(DOCUMENT), rotated.get(OTHER_DOCUMENT)) == (old, new)
    used = execute(database_url, "SELECT master_key_id FROM document_key ORDER BY document_id")
    assert used == [("first",), ("second",)]


def test_a_master_key_may_leave_the_file_only_when_it_wraps_nothing_any_more(
    store: SqlKeyStore, open_store: Open
) -> None:
    store.create(DOCUMENT)
    open_store(MasterKeys({"second": SECOND, "first": FIRST})).claim(INSTANCE)
    without = open_store(MasterKeys({"second": SECOND}))

    with pytest.raises(ForeignInstance):
        without.claim(INSTANCE)
    with pytest.raises(KeysUnavailable):
        without.get(DOCUMENT)

    store.destroy(DOCUMENT)
    without.claim(INSTANCE)


# --- Not answering -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["create", "check"])
def test_a_key_store_that_nobody_claimed_is_unavailable(open_store: Open, method: str) -> None:
    with pytest.raises(KeysUnavailable):
        every_method(open_store())[method]()


def test_a_key_store_without_tables_is_unavailable(database_url: str) -> None:
    store = SqlKeyStore(database_url, MASTER)

    for method in every_method(store).values():
        with pytest.raises(KeysUnavailable):
            method()

    store.close()


def test_an_sqlite_file_that_has_gone_is_unavailable_and_is_not_made_again(tmp_path: Path) -> None:
    store = SqlKeyStore(f"sqlite:///{tmp_path / 'keys.sqlite'}", MASTER)

    for method in every_method(store).values():
        with pytest.raises(KeysUnavailable):
            method()

    assert list(tmp_path.iterdir()) == []
    store.close()


def test_a_stopped_postgresql_is_unavailable_in_time_and_has_the_keys_afterwards(
    postgres: PostgresServer,
) -> None:
    url = postgres.new_database()
    migrate(url)
    store = SqlKeyStore(url, MASTER)
    store.claim(INSTANCE)
    key = store.create(DOCUMENT)

    postgres.stop()
    try:
        for method in every_method(store).values():
            began = time.monotonic()
            with pytest.raises(KeysUnavailable):
                method()
            assert time.monotonic() - began < 8
        with pytest.raises(KeysUnavailable):
            migrate(url)
    finally:
        postgres.start()

    assert store.get(DOCUMENT) == key
    store.close()


def test_a_row_that_somebody_locks_is_unavailable_in_time(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    migrate(url)
    store = SqlKeyStore(url, MASTER)
    store.claim(INSTANCE)
    store.create(DOCUMENT)

    with psycopg.connect(url.replace("+psycopg", "")) as other:
        other.execute("LOCK TABLE document_key")
        began = time.monotonic()
        with pytest.raises(KeysUnavailable):
            store.destroy(DOCUMENT)
        assert time.monotonic() - began < 8

    store.close()


def test_the_log_holds_neither_password_nor_key(tmp_path: Path) -> None:
    url = f"postgresql://kursdocs:hidden-word@127.0.0.1:{free_port()}/keys"
    store = SqlKeyStore(url, MASTER)

    with structlog.testing.capture_logs() as logged, pytest.raises(KeysUnavailable):
        store.create(DOCUMENT)

    assert [entry["reason"] for entry in logged] == ["OperationalError"]
    store.close()


# --- The schema ----------------------------------------------------------------------------------


def test_the_schema_is_what_the_program_expects(database_url: str) -> None:
    migrate(database_url)
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)

    with engine.begin() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": "key_store_version", "compare_type": True}
        )
        assert compare_metadata(context, key_store.metadata) == []
        inspector = sa.inspect(connection)
        for table in key_store.metadata.tables.values():
            expected = {check.name for check in table.constraints if _is_check(check)}
            assert {check["name"] for check in inspector.get_check_constraints(table.name)} == (
                expected
            )


def _is_check(constraint: sa.Constraint) -> bool:
    return isinstance(constraint, sa.CheckConstraint)


def test_migrating_again_changes_nothing(open_store: Open, database_url: str) -> None:
    store = open_store()
    store.claim(INSTANCE)
    key = store.create(DOCUMENT)

    migrate(database_url)

    assert store.get(DOCUMENT) == key
    assert execute(database_url, "SELECT version_num FROM key_store_version") == [("0002",)]


def test_a_key_store_of_an_older_version_is_unavailable_until_it_is_migrated(
    open_store: Open, database_url: str
) -> None:
    """Somebody put an old copy of it back under a running process."""
    store = open_store()
    store.claim(INSTANCE)
    key = store.create(DOCUMENT)
    execute(database_url, "ALTER TABLE document_key DROP COLUMN had_row")
    execute(database_url, "UPDATE key_store_version SET version_num = '0001'")

    with pytest.raises(KeysUnavailable):
        store.check()

    assert store.get(DOCUMENT) == key
    migrate(database_url)
    store.check()
    assert [(one.document_id, one.had_row) for one in store.examine(None, 9)] == [(DOCUMENT, False)]
    store.prove(DOCUMENT, key)


def test_a_key_store_of_a_newer_version_is_refused_with_a_sentence(
    open_store: Open, database_url: str
) -> None:
    open_store().claim(INSTANCE)
    execute(database_url, "UPDATE key_store_version SET version_num = '9999'")

    with pytest.raises(ValueError, match=r"cannot be brought to this version: .*9999"):
        migrate(database_url)


def test_several_processes_may_migrate_at_once(database_url: str) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=migrate, args=(database_url,)) for _ in range(4)]

    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    assert execute(database_url, "SELECT version_num FROM key_store_version") == [("0002",)]


def test_several_threads_may_migrate_at_once(database_url: str) -> None:
    start = threading.Barrier(6)

    def run(_: int) -> None:
        start.wait()
        migrate(database_url)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(run, range(6)))

    assert execute(database_url, "SELECT version_num FROM key_store_version") == [("0002",)]


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "cannot be understood"),
        ("keys.sqlite", "cannot be understood"),
        ("postgresql://u:hidden@host:port/db", "cannot be understood"),
        ("mysql://u:hidden@host/db", "must be sqlite:///PATH or postgresql://"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
    ],
)
def test_a_url_that_is_wrong_is_refused_with_a_sentence(url: str, complaint: str) -> None:
    for use in (lambda: migrate(url), lambda: SqlKeyStore(url, MASTER)):
        with pytest.raises(ValueError, match=complaint) as refused:
            use()
        assert "hidden" not in str(refused.value)


# --- SQLite alone --------------------------------------------------------------------------------


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    migrate(f"sqlite:///{tmp_path / 'new folder' / 'keys.sqlite'}")
    return tmp_path / "new folder" / "keys.sqlite"


def test_destroyed_keys_leave_no_byte_in_any_file(keys_file: Path) -> None:
    store = SqlKeyStore(f"sqlite:///{keys_file}", MASTER)
    store.claim(INSTANCE)
    documents = [uuid4() for _ in range(200)]
    for document in documents:
        store.create(document)
    with sqlite3.connect(keys_file) as looking:
        wrapped = [row[0] for row in looking.execute("SELECT wrapped_key FROM document_key")]
    looking.close()
    destroyed = set(documents[::3])

    before = _all_bytes(keys_file)
    for document in documents[::3]:
        store.destroy(document)
    after = _all_bytes(keys_file)

    assert all(_any_part(key, before) for key in wrapped)
    left = sum(_any_part(key, after) for key in wrapped)
    assert left == len(documents) - len(destroyed)
    store.close()


def _any_part(key: bytes, data: bytes) -> bool:
    return key[:16] in data or key[22:38] in data or key[44:] in data


def _all_bytes(keys_file: Path) -> bytes:
    return b"".join(path.read_bytes() for path in keys_file.parent.iterdir())


def test_a_key_that_a_reader_keeps_in_the_log_is_not_called_destroyed(keys_file: Path) -> None:
    store = SqlKeyStore(f"sqlite:///{keys_file}", MASTER)
    store.claim(INSTANCE)
    store.create(DOCUMENT)
    reader = sqlite3.connect(keys_file, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM document_key").fetchall()

    with pytest.raises(KeysUnavailable):
        store.destroy(DOCUMENT)
    reader.close()
    store.destroy(DOCUMENT)

    assert keys_file.with_name("keys.sqlite-wal").stat().st_size == 0
    store.close()


def test_commits_are_durable_and_deletions_overwrite(keys_file: Path) -> None:
    store = SqlKeyStore(f"sqlite:///{keys_file}", MASTER)

    with store._engine.connect() as connection:
        settings = {
            pragma: connection.exec_driver_sql(f"PRAGMA {pragma}").scalar()
            for pragma in ("journal_mode", "synchronous", "secure_delete", "foreign_keys")
        }

    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "secure_delete": 1,
        "foreign_keys": 1,
    }
    store.close()


def test_only_the_owner_may_read_the_key_files(keys_file: Path) -> None:
    store = SqlKeyStore(f"sqlite:///{keys_file}", MASTER)
    store.claim(INSTANCE)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in keys_file.parent.iterdir()}

    assert modes == dict.fromkeys(("keys.sqlite", "keys.sqlite-wal", "keys.sqlite-shm"), 0o600)
    assert stat.S_IMODE(keys_file.parent.stat().st_mode) == 0o700
    store.close()


def test_a_file_with_any_characters_in_its_name_is_found(tmp_path: Path) -> None:
    url = sa.URL.create("sqlite", database=str(tmp_path / "Schlüssel ?mode=ro#1 %41.sqlite"))
    migrate(url.render_as_string(hide_password=False))
    store = SqlKeyStore(url.render_as_string(hide_password=False), MASTER)

    store.claim(INSTANCE)

    assert (tmp_path / "Schlüssel ?mode=ro#1 %41.sqlite").stat().st_size > 0
    store.close()


# --- The master key file -------------------------------------------------------------------------


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str | bytes], Path]:
    def write_it(content: str | bytes) -> Path:
        path = tmp_path / "master.keys"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(0o600)
        return path

    return write_it


def line(key_id: str, key: bytes) -> str:
    return f"{key_id}:{base64.b64encode(key).decode()}\n"


def test_a_new_master_key_file_can_be_loaded_and_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "master.keys"

    made = MasterKeys.create(path)
    loaded = MasterKeys.load(path)

    assert loaded.ids == made.ids
    assert loaded.unwrap(made.active_id, made.wrap(b"plain", b"bound"), b"bound") == b"plain"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_master_key_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "master.keys"
    MasterKeys.create(path)
    content = path.read_bytes()

    with pytest.raises(FileExistsError):
        MasterKeys.create(path)

    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_the_first_line_is_the_active_key_and_the_others_can_read(
    write: Callable[[str], Path],
) -> None:
    wrapped = MASTER.wrap(b"plain", b"bound")

    keys = MasterKeys.load(write("# rotated\n\n" + line("second", SECOND) + line("first", FIRST)))

    assert (keys.active_id, keys.ids) == ("second", ("second", "first"))
    assert keys.unwrap("first", wrapped, b"bound") == b"plain"
    with pytest.raises(Tampered):
        keys.unwrap("second", wrapped, b"bound")
    with pytest.raises(Tampered):
        keys.unwrap("first", wrapped, b"bound to something else")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "holds no key"),
        ("# nothing\n\n", "holds no key"),
        (line("first", bytes(31)), "key of 31 bytes; it must have 32"),
        (line("first", bytes(16)), "key of 16 bytes"),
        (line("first", FIRST) + line("first", SECOND), "Line 2 .* is a duplicate"),
        (line("first", FIRST) + line("second", FIRST), "Line 2 .* is a duplicate"),
        ("first\n", "Line 1 .* must be <id>:<base64>"),
        (line("First Key", FIRST), "must be <id>:<base64>"),
        (line("", FIRST), "must be <id>:<base64>"),
        ("first:not base64!\n", "no valid base64"),
        (b"\xff\xfe", "not a text file"),
        ("#" * 70_000, "too large"),
    ],
)
def test_a_master_key_file_that_is_wrong_is_refused_with_a_sentence(
    write: Callable[[str | bytes], Path], content: str | bytes, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        MasterKeys.load(write(content))


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o601, 0o660, 0o666])
def test_a_master_key_file_open_to_others_is_refused(
    write: Callable[[str], Path], mode: int
) -> None:
    path = write(line("first", FIRST))
    path.chmod(mode)

    with pytest.raises(ValueError, match="open to other users"):
        MasterKeys.load(path)


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o440, 0o640])
def test_a_master_key_file_for_its_owner_or_group_is_accepted(
    write: Callable[[str], Path], mode: int
) -> None:
    path = write(line("first", FIRST))
    path.chmod(mode)

    assert MasterKeys.load(path).ids == ("first",)


def test_a_master_key_file_that_is_not_there_is_refused_with_a_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(ValueError, match="cannot be read"):
            MasterKeys.load(path)


def test_master_keys_show_nothing_when_printed() -> None:
    shown = f"{MASTER!r} {MASTER}"

    assert shown == "MasterKeys(first) MasterKeys(first)"
    assert os.fsencode(shown).find(FIRST[:4]) == -1
