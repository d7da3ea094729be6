"""Master keys change while others work: on both databases, with real files."""

import base64
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
import structlog

from kursdocs.adapters import key_store
from kursdocs.adapters.key_store import SqlKeyStore, document_key, migrate
from kursdocs.adapters.master_keys import MasterKeys
from kursdocs.core.ports import (
    ForeignInstance,
    KeyMissing,
    KeyState,
    KeysUnavailable,
    MasterKeyInUse,
)

INSTANCE = UUID("00000000-0000-4000-8000-000000000001")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ALL = 10_000

Process = Callable[[], SqlKeyStore]


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    MasterKeys.create(folder / "master.keys")
    return folder / "master.keys"


@pytest.fixture
def process(keys_url: str, key_file: Path) -> Iterator[Process]:
    """Starts as one more process would: the file is read, the key store claimed."""
    opened: list[SqlKeyStore] = []

    def start() -> SqlKeyStore:
        opened.append(SqlKeyStore(keys_url, MasterKeys.load(key_file), now=lambda: NOON))
        opened[-1].claim(INSTANCE)
        return opened[-1]

    yield start
    for store in opened:
        store.close()


def ids_in(key_file: Path) -> tuple[str, ...]:
    return MasterKeys.load(key_file).ids


def remove_from(key_file: Path, master_key_id: str) -> None:
    """As an operator does with an editor that replaces files."""
    lines = key_file.read_text().splitlines(keepends=True)
    beside = key_file.with_name("edited")
    beside.write_text("".join(line for line in lines if not line.startswith(master_key_id)))
    beside.chmod(0o600)
    beside.rename(key_file)


def rewrap_all(store: SqlKeyStore, limit: int = 7) -> int:
    done, after = 0, None
    while True:
        page = store.rewrap(after, limit)
        assert page.failed == 0
        done, after = done + page.done, page.after
        if after is None:
            return done


def wrapped_by(url: str) -> dict[UUID, str]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        rows = connection.execute(sa.select(document_key))
        return {row.document_id: row.master_key_id for row in rows}


def wrapped_keys(url: str) -> list[bytes]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        return list(connection.scalars(sa.select(document_key.c.wrapped_key)))


def spoil(url: str, document_id: UUID, **values: object) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        this = document_key.c.document_id == document_id
        connection.execute(document_key.update().where(this).values(**values))


# --- A fresh master key --------------------------------------------------------------------------


def test_a_fresh_master_key_stands_first_and_nothing_else_of_the_file_changes(
    process: Process, key_file: Path
) -> None:
    key_file.write_text("# of the town hall\n" + key_file.read_text())
    before = key_file.read_text()
    key_file.chmod(0o440)

    fresh = process().rotate()

    assert key_file.read_text().split("\n", 1)[1] == before
    assert ids_in(key_file)[0] == fresh
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o440
    assert list(key_file.parent.iterdir()) == [key_file]


def test_a_link_to_the_file_stays_a_link(process: Process, key_file: Path) -> None:
    real = key_file.rename(key_file.with_name("real.keys"))
    key_file.symlink_to(real)

    process().rotate()

    assert key_file.is_symlink()
    assert len(ids_in(real)) == 2


def test_who_was_running_reads_and_writes_with_the_fresh_key_at_once(
    process: Process, keys_url: str
) -> None:
    running, other = process(), process()
    old = running.create(first := uuid4())

    fresh = other.rotate()
    new = other.create(second := uuid4())

    assert (running.get(first), running.get(second)) == (old, new)
    assert other.get(first) == old
    running.create(third := uuid4())
    assert wrapped_by(keys_url)[third] == fresh


def test_of_many_who_rotate_at_once_every_key_stays_in_the_file(
    process: Process, key_file: Path
) -> None:
    stores = [process() for _ in range(4)]
    stores[0].create(document := uuid4())
    start = threading.Barrier(4)

    def rotate(store: SqlKeyStore) -> str:
        start.wait()
        return store.rotate()

    with ThreadPoolExecutor(4) as threads:
        made = set(threads.map(rotate, stores))

    assert len(made) == 4
    assert made < set(ids_in(key_file))
    assert {state.id for state in process().masters()} == set(ids_in(key_file))
    assert all(len(store.get(document)) == 32 for store in stores)


def test_a_rotation_that_cannot_write_the_file_changes_nothing(
    process: Process, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = process()
    before = key_file.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kursdocs.adapters.master_keys.replace_file", full)
    with pytest.raises(OSError, match="No space"):
        store.rotate()

    assert key_file.read_bytes() == before
    assert [state.id for state in store.masters()] == list(ids_in(key_file))
    assert len(store.create(uuid4())) == 32


def test_a_wrong_file_is_not_rotated(process: Process, key_file: Path) -> None:
    store = process()
    store.create(uuid4())
    key_file.unlink()
    other = MasterKeys.create(key_file)

    with pytest.raises(ForeignInstance):
        store.rotate()

    assert ids_in(key_file) == other.ids


def put_first(key_file: Path, line: str) -> None:
    """By hand, into the file of one machine."""
    key_file.write_text(line + key_file.read_text())


def test_a_key_put_first_into_the_file_by_hand_is_used_as_soon_as_others_can_know_it(
    process: Process, key_file: Path, keys_url: str
) -> None:
    """``kursdocs keys status`` and every start make it known."""
    running, known = process(), ids_in(key_file)[0]
    put_first(key_file, f"by-hand:{base64.b64encode(bytes(range(32))).decode()}\n")

    with structlog.testing.capture_logs() as logged:
        running.create(before := uuid4())
    status = process()
    running.create(after := uuid4())

    assert (logged[0]["log_level"], logged[0]["first"]) == ("error", "by-hand")
    assert wrapped_by(keys_url) == {before: known, after: "by-hand"}
    assert status.get(before) == running.get(before)
    assert status.get(after) == running.get(after)


def test_a_known_name_with_another_key_wraps_nothing(
    process: Process, key_file: Path, keys_url: str
) -> None:
    """As when the newest line of one machine's file was damaged."""
    running, other = process(), process()
    whole = key_file.read_text()
    first, second = running.rotate(), ids_in(key_file)[1]
    rotated = key_file.read_text()
    key_file.write_text(f"{first}:{base64.b64encode(bytes(32)).decode()}\n{whole}")

    running.create(document := uuid4())

    assert wrapped_by(keys_url) == {document: second}
    with pytest.raises(KeysUnavailable):
        running.rewrap(None, ALL)
    key_file.write_text(rotated)
    assert other.get(document) == running.get(document)


def test_without_a_key_that_others_know_nothing_is_made(
    process: Process, key_file: Path, keys_url: str
) -> None:
    running, name = process(), ids_in(key_file)[0]
    whole = key_file.read_text()
    for wrong in (name, "of-another-town"):
        key_file.write_text(f"{wrong}:{base64.b64encode(bytes(32)).decode()}\n")

        with pytest.raises(KeysUnavailable):
            running.create(uuid4())

    assert wrapped_by(keys_url) == {}
    key_file.write_text(whole)
    assert running.create(uuid4())


def test_a_file_spoiled_under_a_running_process_stops_new_keys_and_no_reading(
    process: Process, key_file: Path
) -> None:
    running = process()
    key = running.create(document := uuid4())
    key_file.write_text("half a li")

    with structlog.testing.capture_logs() as logged:
        assert running.get(document) == key
        with pytest.raises(KeysUnavailable):
            running.create(uuid4())
        with pytest.raises(KeysUnavailable):
            running.prove(document, key)

    assert "Line 1 of the master key file" in logged[0]["reason"]
    key_file.unlink()
    running.prove(document, key)
    assert running.create(uuid4())


def test_nothing_is_made_in_the_key_store_of_another_town_put_in_its_place(
    process: Process, keys_url: str
) -> None:
    """As by a copy for trying things out, which has the same master key."""
    store = process()
    key = store.create(document := uuid4())
    engine = sa.create_engine(keys_url, poolclass=sa.NullPool)
    tables = key_store.metadata.tables
    with engine.begin() as connection:
        connection.execute(document_key.delete())
        connection.execute(tables["master_key"].delete())
        connection.execute(tables["key_store_info"].update().values(instance=uuid4()))
        [other] = connection.scalars(sa.select(tables["key_store_info"].c.instance))
    theirs = SqlKeyStore(keys_url, store._master_keys)
    theirs.claim(other)
    theirs.create(document)
    theirs.close()

    with pytest.raises(KeysUnavailable):
        store.create(uuid4())
    with pytest.raises(KeysUnavailable):
        store.prove(document, key)


# --- Proving -------------------------------------------------------------------------------------


def test_a_key_is_noted_as_needed_when_it_comes_out_as_it_was_made(process: Process) -> None:
    store = process()
    needed, noted, unused = uuid4(), uuid4(), uuid4()
    key, _, _ = (store.create(document) for document in (needed, noted, unused))

    store.prove(needed, key)
    store.note_needed([noted, uuid4()])

    hour = timedelta(hours=1)
    listed = store.made_between(NOON - hour, NOON + hour, after=None, limit=9, never_needed=True)
    assert listed == [unused]
    assert list(store.newest_needed(9)) == sorted([needed, noted], reverse=True)
    assert [state.had_row for state in store.examine(None, ALL) if state.document_id != unused] == [
        True,
        True,
    ]


def test_a_key_that_was_noted_as_needed_is_destroyed_only_by_who_insists(process: Process) -> None:
    store = process()
    needed, unused = uuid4(), uuid4()
    key, _ = (store.create(document) for document in (needed, unused))
    store.prove(needed, key)

    for document in (needed, unused):
        store.destroy(document, unless_needed=True)

    assert store.get(needed) == key
    with pytest.raises(KeyMissing):
        store.get(unused)
    store.destroy(needed)
    with pytest.raises(KeyMissing):
        store.get(needed)


@pytest.mark.parametrize("damage", ["other key", "other master key", "gone"])
def test_a_key_that_does_not_come_out_is_not_proven(
    process: Process, key_file: Path, keys_url: str, damage: str
) -> None:
    store = process()
    key = store.create(document := uuid4())
    if damage == "other key":
        key = bytes(32)
    elif damage == "other master key":
        name = ids_in(key_file)[0]
        key_file.write_text(f"{name}:{base64.b64encode(bytes(32)).decode()}\n")
    else:
        store.destroy(document)

    with pytest.raises(KeyMissing if damage == "gone" else KeysUnavailable):
        store.prove(document, key)

    assert store.newest_needed(9) == []


# --- Rewrapping ----------------------------------------------------------------------------------


def test_rewrapping_goes_page_by_page_and_changes_no_key(process: Process, keys_url: str) -> None:
    store = process()
    keys = {document: store.create(document) for document in (uuid4() for _ in range(30))}
    before = set(wrapped_keys(keys_url))
    fresh = store.rotate()

    assert rewrap_all(store) == 30
    assert rewrap_all(store) == 0

    assert set(wrapped_by(keys_url).values()) == {fresh}
    assert not before & set(wrapped_keys(keys_url))
    assert {document: process().get(document) for document in keys} == keys


def test_rewrapping_that_was_stopped_goes_on_from_the_beginning(
    process: Process, keys_url: str
) -> None:
    store = process()
    for _ in range(20):
        store.create(uuid4())
    store.rotate()
    assert store.rewrap(None, 8).done == 8

    assert rewrap_all(process()) == 12


def test_a_key_destroyed_while_it_is_rewrapped_never_comes_back(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = process(), process()
    documents = [uuid4() for _ in range(4)]
    for document in documents:
        store.create(document)
    store.rotate()
    exchange = SqlKeyStore._exchange

    def overtaken(self: SqlKeyStore, *arguments: object) -> int:
        other.destroy(documents[0])
        return exchange(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(SqlKeyStore, "_exchange", overtaken)

    page = store.rewrap(None, ALL)

    assert (page.done, page.failed, page.after) == (3, 0, None)
    with pytest.raises(KeyMissing):
        store.get(documents[0])


def test_a_key_made_anew_while_the_old_one_is_rewrapped_stays(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = process(), process()
    store.create(document := uuid4())
    store.rotate()
    exchange = SqlKeyStore._exchange
    made: list[bytes] = []

    def overtaken(self: SqlKeyStore, *arguments: object) -> int:
        other.destroy(document)
        made.append(other.create(document))
        return exchange(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(SqlKeyStore, "_exchange", overtaken)

    assert store.rewrap(None, ALL).done == 0
    assert store.get(document) == made[0]


def test_a_damaged_key_is_counted_and_left_as_it_is(process: Process, keys_url: str) -> None:
    store = process()
    store.create(broken := uuid4())
    store.create(uuid4())
    spoil(keys_url, broken, wrapped_key=bytes(60))
    old = wrapped_by(keys_url)[broken]
    store.rotate()

    page = store.rewrap(None, ALL)

    assert (page.done, page.failed, page.after) == (1, 1, None)
    assert wrapped_by(keys_url)[broken] == old


def test_others_make_read_and_destroy_keys_while_all_are_rewrapped_again_and_again(
    process: Process, keys_url: str
) -> None:
    stores = [process() for _ in range(3)]
    kept = {document: stores[0].create(document) for document in (uuid4() for _ in range(60))}
    is_over = threading.Event()
    destroyed: list[UUID] = []
    made: dict[UUID, bytes] = {}

    def work(store: SqlKeyStore) -> int:
        rounds = 0
        while not is_over.is_set():
            new = uuid4()
            made[new] = store.create(new)
            store.create(doomed := uuid4())
            store.destroy(doomed)
            destroyed.append(doomed)
            for document, key in list(kept.items())[rounds % 60 :: 20]:
                assert store.get(document) == key
            rounds += 1
        return rounds

    with ThreadPoolExecutor(2) as threads:
        working = [threads.submit(work, store) for store in stores[:2]]
        rotated: list[str] = []
        for _ in range(4):
            rotated.append(stores[2].rotate())
            rewrap_all(stores[2], limit=16)
        is_over.set()
        assert all(future.result() > 0 for future in working)

    rewrap_all(stores[2])
    assert set(wrapped_by(keys_url)) == {*kept, *made}
    assert set(wrapped_by(keys_url).values()) == {rotated[-1]}
    for document, key in {**kept, **made}.items():
        assert stores[2].get(document) == key


def test_after_rewrapping_no_byte_of_the_old_wrapping_is_in_any_file(
    tmp_path: Path, key_file: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'keys' / 'keys.sqlite'}"
    migrate(url)
    store = SqlKeyStore(url, MasterKeys.load(key_file))
    store.claim(INSTANCE)
    for _ in range(300):
        store.create(uuid4())
    before = wrapped_keys(url)
    store.rotate()

    rewrap_all(store, limit=50)

    left = b"".join(path.read_bytes() for path in (tmp_path / "keys").iterdir())
    assert not [key for key in before if key[:16] in left or key[44:] in left]
    assert all(key in left for key in wrapped_keys(url))
    store.close()


# --- Retiring ------------------------------------------------------------------------------------


def test_a_master_key_is_retired_only_when_it_wraps_nothing(
    process: Process, key_file: Path, keys_url: str
) -> None:
    store, running = process(), process()
    keys = {document: store.create(document) for document in (uuid4() for _ in range(3))}
    (old,) = ids_in(key_file)
    with pytest.raises(MasterKeyInUse, match="first in the file"):
        store.retire(old)
    store.rotate()
    with pytest.raises(MasterKeyInUse, match="still wraps"):
        store.retire(old)
    rewrap_all(store)

    store.retire(old)
    store.retire(old)
    remove_from(key_file, old)

    assert old not in ids_in(key_file)
    for started in (running, process()):
        assert {document: started.get(document) for document in keys} == keys
        started.create(uuid4())


def test_a_key_in_the_making_keeps_its_master_key_from_being_retired(
    process: Process, key_file: Path, keys_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has read the file and comes too late to write is turned away, and uses the new."""
    slow, store = process(), process()
    (old,) = ids_in(key_file)
    reread = MasterKeys.reread
    has_waited: list[bool] = []

    def overtaken(self: MasterKeys) -> MasterKeys:
        found = reread(self)
        if not has_waited:
            has_waited.append(True)
            store.rotate()
            store.retire(old)
        return found

    monkeypatch.setattr(MasterKeys, "reread", overtaken)

    key = slow.create(document := uuid4())

    assert wrapped_by(keys_url) == {document: ids_in(key_file)[0]}
    assert process().get(document) == key


def test_a_retired_key_does_not_come_back_by_an_old_copy_of_the_file(
    process: Process, key_file: Path, keys_url: str
) -> None:
    stale, store = process(), process()
    stale.create(uuid4())
    old = key_file.read_bytes()
    store.rotate()
    rewrap_all(store)
    store.retire(MasterKeys.load(key_file).ids[1])
    key_file.write_bytes(old)

    with structlog.testing.capture_logs() as logged, pytest.raises(KeysUnavailable):
        stale.create(uuid4())

    assert "no master key of the file is known" in logged[-1]["reason"]
    assert len(wrapped_by(keys_url)) == 1
    with pytest.raises(ForeignInstance):
        process()


def test_all_master_keys_are_told_with_what_they_wrap(process: Process, key_file: Path) -> None:
    store = process()
    (first,) = ids_in(key_file)
    for _ in range(3):
        store.create(uuid4())
    second = store.rotate()
    store.create(uuid4())

    def told() -> list[tuple[str, int, bool, bool, bool]]:
        return [(s.id, s.keys, s.is_active, s.is_here, s.is_retired) for s in process().masters()]

    assert told() == [(second, 1, True, True, False), (first, 3, False, True, False)]
    rewrap_all(store)
    store.retire(first)
    assert told() == [(second, 4, True, True, False), (first, 0, False, True, True)]
    remove_from(key_file, first)
    assert told() == [(second, 4, True, True, False)]


# --- Examining -----------------------------------------------------------------------------------


def test_every_key_is_examined_once_page_by_page(process: Process, keys_url: str) -> None:
    store = process()
    documents = sorted(uuid4() for _ in range(5))
    for document in documents:
        store.create(document)
    spoil(keys_url, documents[2], wrapped_key=bytes(60))

    first = store.examine(None, 3)
    second = store.examine(first[-1].document_id, 3)

    assert [*first, *second] == [
        KeyState(document, NOON, is_readable=document != documents[2]) for document in documents
    ]
    assert store.examine(documents[-1], 3) == []


def test_a_key_by_a_master_key_of_nobody_is_not_readable(process: Process, key_file: Path) -> None:
    store = process()
    store.create(uuid4())
    old = ids_in(key_file)[0]
    store.rotate()
    remove_from(key_file, old)

    assert [state.is_readable for state in store.examine(None, ALL)] == [False]
    assert store.rewrap(None, ALL).failed == 1


def test_examining_tells_nothing_of_keys(process: Process) -> None:
    store = process()
    key = store.create(uuid4())

    assert key.hex() not in repr(store.examine(None, ALL))
    assert repr(key) not in repr(store.examine(None, ALL))
