"""One contract for both object stores, the folder and the S3 server; then each on its own."""

import errno
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, nullcontext
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog
from tests.servers import S3Server, free_port

from kursdocs.adapters.object_store import MARKER, OBJECT_BYTES_MAX, FolderStore, open_store
from kursdocs.core.ports import (
    ForeignInstance,
    ObjectMissing,
    ObjectStore,
    StoreUnavailable,
    Tampered,
)

INSTANCE = UUID("00000000-0000-4000-8000-000000000001")
OTHER_INSTANCE = UUID("00000000-0000-4000-8000-000000000002")
MIB = 1024 * 1024

EVERYDAY = (
    "put", "get", "delete", "names", "entries", "unfinished", "set_aside", "set_aside_names",
    "check",
)  # fmt: skip

Open = Callable[[], ObjectStore]


def name(number: int) -> str:
    """A fixed object name; neighbours lie in different shards."""
    return f"{number:02x}" + hashlib.md5(str(number).encode()).hexdigest()[2:]  # noqa: S324


def every_method(store: ObjectStore) -> dict[str, Callable[[], object]]:
    return {
        "put": lambda: store.put(name(90), b"sealed"),
        "get": lambda: store.get(name(1)),
        "delete": lambda: store.delete(name(1)),
        "names": store.names,
        "entries": store.entries,
        "unfinished": store.unfinished,
        "set_aside": lambda: store.set_aside(name(1)),
        "set_aside_names": store.set_aside_names,
        "claim": lambda: store.claim(INSTANCE),
        "claimed_by": store.claimed_by,
        "check": store.check,
    }


@pytest.fixture(params=["folder", "s3"])
def open_fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same fresh store again and again, as several processes would."""
    if request.param == "folder":
        return lambda: open_store(f"folder:{tmp_path / 'objects'}", "", "")
    s3: S3Server = request.getfixturevalue("s3")
    url = s3.bucket_url(f"test-{uuid4().hex}")
    return lambda: open_store(url, s3.access_key, s3.secret_key)


@pytest.fixture
def store(open_fresh: Open) -> ObjectStore:
    opened = open_fresh()
    opened.claim(INSTANCE)
    return opened


# --- The contract --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 5 * MIB + 1, OBJECT_BYTES_MAX])
def test_an_object_comes_back_as_it_was_put(
    store: ObjectStore, open_fresh: Open, size: int
) -> None:
    data = os.urandom(size)

    store.put(name(1), data)

    assert store.get(name(1)) == data
    assert open_fresh().get(name(1)) == data
    assert store.names() == [name(1)]


def test_an_object_is_never_overwritten(store: ObjectStore) -> None:
    store.put(name(1), b"first")

    with pytest.raises(FileExistsError):
        store.put(name(1), b"second")

    assert store.get(name(1)) == b"first"


def test_of_eight_writers_of_one_name_exactly_one_wins(open_fresh: Open) -> None:
    open_fresh().claim(INSTANCE)
    start = threading.Barrier(8)

    def write(number: int) -> bytes | None:
        data = f"writer {number}".encode()
        writer = open_fresh()
        start.wait()
        try:
            writer.put(name(1), data)
        except FileExistsError:
            return None
        return data

    with ThreadPoolExecutor(8) as threads:
        winners = [data for data in threads.map(write, range(8)) if data is not None]

    assert [open_fresh().get(name(1))] == winners


def test_an_object_that_is_not_there_is_missing(store: ObjectStore) -> None:
    with pytest.raises(ObjectMissing):
        store.get(name(1))


def test_deleting_twice_is_silent_and_the_object_is_gone(store: ObjectStore) -> None:
    store.put(name(1), b"sealed")
    store.put(name(2), b"stays")

    store.delete(name(1))
    store.delete(name(1))

    with pytest.raises(ObjectMissing):
        store.get(name(1))
    assert store.names() == [name(2)]


def test_a_deleted_name_may_be_used_again(store: ObjectStore) -> None:
    store.put(name(1), b"first")
    store.delete(name(1))

    store.put(name(1), b"second")

    assert store.get(name(1)) == b"second"


def test_the_names_are_those_of_all_objects_and_not_the_mark(store: ObjectStore) -> None:
    assert store.names() == []

    for number in (200, 7, 8, 9):
        store.put(name(number), b"sealed")

    assert store.names() == sorted(name(number) for number in (200, 7, 8, 9))


def test_the_entries_tell_name_size_and_time_in_order(store: ObjectStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    store.put(name(2), b"")
    store.put(name(1), b"sealed")

    entries = store.entries()

    assert [(entry.name, entry.byte_size) for entry in entries] == [(name(1), 6), (name(2), 0)]
    assert all(before <= entry.changed_at <= datetime.now(UTC) for entry in entries)


def test_what_is_set_aside_is_no_object_any_more_and_not_lost(store: ObjectStore) -> None:
    store.put(name(1), b"first")
    store.put(name(2), b"stays")

    assert store.set_aside_names() == []
    assert store.set_aside(name(1)) == name(1)
    with pytest.raises(ObjectMissing):
        store.set_aside(name(1))

    assert [entry.name for entry in store.entries()] == store.names() == [name(2)]
    assert store.set_aside_names() == [name(1)]
    with pytest.raises(ObjectMissing):
        store.get(name(1))


def test_setting_aside_never_overwrites_what_was_set_aside_before(store: ObjectStore) -> None:
    for content in (b"first", b"second"):
        store.put(name(1), content)
        store.set_aside(name(1))

    first, second = store.set_aside_names()

    assert first == name(1)
    assert second.startswith(f"{name(1)}.")


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "0" * 31,
        "0" * 33,
        "A" * 32,
        "g" * 32,
        "../" + "0" * 29,
        "0" * 31 + "\n",
        "0" * 32 + "\n",
    ],
)
def test_a_name_of_another_form_is_refused(store: ObjectStore, bad: str) -> None:
    for use in (lambda: store.put(bad, b""), lambda: store.get(bad), lambda: store.delete(bad)):
        with pytest.raises(ValueError, match="32 hexadecimal digits"):
            use()


def test_an_object_that_no_single_request_may_carry_is_refused(store: ObjectStore) -> None:
    with pytest.raises(ValueError, match="at most"):
        store.put(name(1), bytes(OBJECT_BYTES_MAX + 1))

    assert store.names() == []


def test_many_threads_share_a_store(store: ObjectStore) -> None:
    def there_and_back(number: int) -> bool:
        data = os.urandom(20_000)
        store.put(name(number), data)
        return store.get(name(number)) == data

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(there_and_back, range(64)))

    assert len(store.names()) == 64


def test_an_installation_may_claim_its_store_again_and_keeps_its_objects(open_fresh: Open) -> None:
    open_fresh().claim(INSTANCE)
    open_fresh().put(name(1), b"sealed")

    open_fresh().claim(INSTANCE)

    assert open_fresh().get(name(1)) == b"sealed"
    open_fresh().check()


def test_another_installation_may_not_claim_the_store(open_fresh: Open) -> None:
    open_fresh().claim(INSTANCE)

    with pytest.raises(ForeignInstance):
        open_fresh().claim(OTHER_INSTANCE)

    open_fresh().claim(INSTANCE)  # and it left no trace


def test_one_may_look_who_claimed_the_store_and_nothing_is_made(open_fresh: Open) -> None:
    assert open_fresh().claimed_by() is None
    with pytest.raises(StoreUnavailable):
        open_fresh().check()

    open_fresh().claim(INSTANCE)

    assert open_fresh().claimed_by() == INSTANCE


def test_of_eight_installations_that_claim_at_once_exactly_one_wins(open_fresh: Open) -> None:
    start = threading.Barrier(8)

    def claim(instance: UUID) -> UUID | None:
        mine = open_fresh()
        start.wait()
        try:
            mine.claim(instance)
        except ForeignInstance:
            return None
        return instance

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(claim, [uuid4() for _ in range(8)]))

    winners = [instance for instance in results if instance]
    assert len(winners) == 1
    open_fresh().claim(winners[0])


@pytest.mark.parametrize("method", EVERYDAY)
def test_a_store_that_nobody_claimed_is_unavailable_and_is_not_made(
    open_fresh: Open, method: str
) -> None:
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            every_method(open_fresh())[method]()


# --- The folder ----------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    FolderStore(tmp_path / "objects").claim(INSTANCE)
    return tmp_path / "objects"


def _unmount(root: Path) -> None:
    """What is left of a mounted disk when it has gone: the empty folder it was mounted on."""
    shutil.rmtree(root)
    root.mkdir()


def _turn_into_a_file(root: Path) -> None:
    shutil.rmtree(root)
    root.write_bytes(b"")


def test_one_file_that_cannot_be_read_is_damaged_and_the_store_goes_on(root: Path) -> None:
    store = FolderStore(root)
    store.put(name(1), b"sealed")
    store.put(name(2), b"sealed too")
    path = root / name(1)[:2] / name(1)
    path.unlink()
    path.symlink_to(path)  # Says of itself that it cannot be read, as a bad sector does.

    with pytest.raises(Tampered):
        store.get(name(1))
    assert store.get(name(2)) == b"sealed too"

    (root / MARKER).unlink()
    with pytest.raises(StoreUnavailable):
        store.get(name(1))


@pytest.mark.parametrize("calamity", [shutil.rmtree, _unmount, _turn_into_a_file])
@pytest.mark.parametrize("method", EVERYDAY)
def test_a_folder_that_has_gone_is_unavailable_and_is_not_made_again(
    root: Path, method: str, calamity: Callable[[Path], None]
) -> None:
    store = FolderStore(root)
    store.put(name(1), b"sealed")
    calamity(root)

    with pytest.raises(StoreUnavailable):
        every_method(store)[method]()

    assert not root.is_dir() or not any(root.iterdir())


def test_a_folder_whose_place_is_taken_by_a_file_cannot_be_claimed(tmp_path: Path) -> None:
    (tmp_path / "objects").write_bytes(b"")

    with pytest.raises(StoreUnavailable):
        FolderStore(tmp_path / "objects").claim(INSTANCE)


def test_only_the_owner_may_read_anything_in_the_folder(root: Path) -> None:
    FolderStore(root).put(name(1), b"sealed")

    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (root, *root.rglob("*"))}

    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert (root / name(1)[:2] / name(1)).is_file()


def test_a_relative_folder_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("folder:var/objects", "", "")
    store.claim(INSTANCE)
    monkeypatch.chdir("/")

    store.put(name(1), b"sealed")

    assert (tmp_path / "var/objects" / name(1)[:2] / name(1)).read_bytes() == b"sealed"


def test_one_file_with_a_damaged_entry_is_listed_and_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file system says so of everything that is asked about it."""
    (store := FolderStore(tmp_path / "objects")).claim(INSTANCE)
    for number in (1, 2):
        store.put(name(number), b"sealed")
    scandir, opened = os.scandir, Path.open

    class Entry:
        def __init__(self, real: os.DirEntry[str]) -> None:
            self.name, self._real = real.name, real

        def stat(self, *, follow_symlinks: bool) -> os.stat_result:
            refuse(self.name)
            return self._real.stat(follow_symlinks=follow_symlinks)

    def refuse(asked: str) -> None:
        if asked == name(1):
            raise OSError(errno.EUCLEAN, "Structure needs cleaning", asked)

    def listed(folder: Path) -> AbstractContextManager[Sequence[Entry]]:
        with scandir(folder) as found:
            return nullcontext([Entry(entry) for entry in found])

    def open_it(path: Path, *args: Any, **named: Any) -> Any:
        refuse(path.name)
        return opened(path, *args, **named)

    monkeypatch.setattr(os, "scandir", listed)
    monkeypatch.setattr(Path, "open", open_it)

    told = {entry.name: entry.byte_size for entry in store.entries()}

    assert told == {name(1): 0, name(2): 6}
    with pytest.raises(Tampered):
        store.get(name(1))
    assert store.get(name(2)) == b"sealed"


def test_bytes_names_and_folders_are_synced_in_the_order_that_survives_a_power_cut(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[tuple[str, str]] = []
    fsync, link, unlink = os.fsync, os.link, os.unlink

    def spy_fsync(descriptor: int) -> None:
        happened.append(("fsync", os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    def spy_link(source: Path, target: Path) -> None:
        assert source.read_bytes() == b"sealed"
        happened.append(("link", str(target)))
        link(source, target)

    def spy_unlink(path: Path) -> None:
        happened.append(("unlink", str(path)))
        unlink(path)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(os, "link", spy_link)
    monkeypatch.setattr(os, "unlink", spy_unlink)
    store, shard = FolderStore(root), root / name(1)[:2]

    store.put(name(1), b"sealed")
    store.delete(name(1))

    temporary = happened[0][1]
    assert Path(temporary).parent == root / "incoming"
    assert happened == [
        ("fsync", temporary),
        ("link", str(shard / name(1))),
        ("unlink", temporary),
        ("fsync", str(shard)),
        ("fsync", str(root / "incoming")),
        ("unlink", str(shard / name(1))),
        ("fsync", str(shard)),
    ]


def test_the_folders_are_durable_before_the_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def spy_fsync(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    root = tmp_path / "objects"

    FolderStore(root).claim(INSTANCE)

    assert synced[:2] == [str(tmp_path), str(root)]
    assert synced[2].startswith(f"{root}/incoming/kursdocs-instance.")
    assert synced[3:] == [str(root)]


KILLED_IN = """
import os, signal, sys
from pathlib import Path
from uuid import UUID
from kursdocs.adapters.object_store import FolderStore

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

victim, root, name = sys.argv[1:]
setattr(os, victim, die)
FolderStore(Path(root)).put(name, b"x" * 300_000)
"""


@pytest.mark.parametrize(
    ("victim", "is_stored"), [("fsync", False), ("link", False), ("unlink", True)]
)
def test_a_killed_put_leaves_nothing_half_and_nothing_that_delete_overlooks(
    root: Path, victim: str, is_stored: bool
) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED_IN, victim, str(root), name(1)])
    store = FolderStore(root)

    assert ended.returncode == -signal.SIGKILL
    assert store.names() == ([name(1)] if is_stored else [])
    assert len(list((root / "incoming").iterdir())) == 1
    store.delete(name(1))
    assert [path for path in root.rglob("*") if path.is_file()] == [root / "kursdocs-instance"]


def test_a_put_that_is_still_writing_when_its_object_is_deleted_fails(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, fsync = FolderStore(root), os.fsync

    def spy_fsync(descriptor: int) -> None:
        monkeypatch.setattr(os, "fsync", fsync)
        fsync(descriptor)
        store.delete(name(1))  # as the sweeper does with an upload that took too long

    monkeypatch.setattr(os, "fsync", spy_fsync)

    with pytest.raises(StoreUnavailable):
        store.put(name(1), b"sealed")

    assert store.names() == []


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from kursdocs.adapters.object_store import FolderStore
from kursdocs.core.ports import StoreUnavailable

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    FolderStore(Path(sys.argv[1])).put(sys.argv[2], b"x" * 300_000)
except StoreUnavailable as error:
    sys.exit(77)
"""


def test_a_disk_that_takes_no_more_is_unavailable_and_leaves_nothing(root: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", FULL_DISK, str(root), name(1)])

    assert ended.returncode == 77
    assert FolderStore(root).names() == []
    assert list((root / "incoming").iterdir()) == []


def test_a_disk_that_fails_to_sync_is_unavailable(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails)

    with pytest.raises(StoreUnavailable):
        FolderStore(root).put(name(1), b"sealed")

    monkeypatch.undo()
    assert FolderStore(root).names() == []


def test_files_that_are_no_objects_are_not_listed(root: Path) -> None:
    (root / "incoming" / f"{name(1)}.0011223344556677").write_bytes(b"left by a crash")
    (root / "07" / name(8)).write_bytes(b"in the wrong shard")
    (root / "07" / ".nfs0001").write_bytes(b"of the file system")

    assert FolderStore(root).names() == []


def test_set_aside_files_keep_their_bytes_and_are_closed_to_others(root: Path) -> None:
    store = FolderStore(root)
    for content in (b"first", b"second"):
        store.put(name(1), content)
        store.set_aside(name(1))

    kept = [root / "quarantine" / name for name in store.set_aside_names()]

    assert [file.read_bytes() for file in kept] == [b"first", b"second"]
    assert stat.S_IMODE((root / "quarantine").stat().st_mode) == 0o700


def test_unfinished_files_are_told_of_and_can_be_cleared(root: Path) -> None:
    store = FolderStore(root)
    left = f"{name(1)}.0011223344556677"
    (root / "incoming" / left).write_bytes(b"left by a crash")
    store.put(name(2), b"whole")

    assert [(one.name, one.byte_size) for one in store.unfinished()] == [(left, 15)]
    store.clear_unfinished([left, left, f"../{name(2)[:2]}/{name(2)}"])

    assert store.unfinished() == []
    assert store.names() == [name(2)]


def test_a_file_grown_beyond_any_object_is_not_read_into_memory(root: Path) -> None:
    with (root / name(1)[:2] / name(1)).open("wb") as file:
        file.truncate(10**12)

    with pytest.raises(Tampered):
        FolderStore(root).get(name(1))


# --- The S3 server -------------------------------------------------------------------------------


def test_a_stopped_server_is_unavailable_in_time_and_has_everything_afterwards(
    s3: S3Server,
) -> None:
    url = s3.bucket_url(s3.new_bucket())
    store = open_store(url, s3.access_key, s3.secret_key)
    store.claim(INSTANCE)
    store.put(name(1), b"sealed")

    s3.stop()
    try:
        for method in every_method(store).values():
            began = time.monotonic()
            with pytest.raises(StoreUnavailable):
                method()
            assert time.monotonic() - began < 8
    finally:
        s3.start()

    assert store.get(name(1)) == b"sealed"


def test_a_closed_port_is_unavailable() -> None:
    store = open_store(f"s3://127.0.0.1:{free_port()}/bucket?tls=off", "key", "secret")

    with pytest.raises(StoreUnavailable):
        store.claim(INSTANCE)


def test_a_bucket_that_is_missing_or_empty_is_unavailable_with_a_reason_in_the_log(
    s3: S3Server,
) -> None:
    for bucket, reason in (
        (f"test-{uuid4().hex}", "S3 NoSuchBucket"),
        (s3.new_bucket(), "not claimed yet"),
    ):
        store = open_store(s3.bucket_url(bucket), s3.access_key, s3.secret_key)

        with structlog.testing.capture_logs() as logged, pytest.raises(StoreUnavailable):
            store.check()

        assert [entry["reason"] for entry in logged] == [reason]


def test_wrong_keys_are_unavailable_and_the_log_holds_neither_keys_nor_names(s3: S3Server) -> None:
    url = s3.bucket_url(s3.new_bucket())
    store = open_store(url, s3.access_key, "wrong-secret")

    with structlog.testing.capture_logs() as logged:
        for method in every_method(store).values():
            with pytest.raises(StoreUnavailable):
                method()

    assert {entry["reason"] for entry in logged} <= {"S3 SignatureDoesNotMatch", "S3 AccessDenied"}
    assert not any(word in str(logged) for word in ("wrong-secret", name(1), name(90)))


def test_each_object_is_one_request_and_one_object(s3: S3Server) -> None:
    bucket = s3.new_bucket()
    store = open_store(s3.bucket_url(bucket), s3.access_key, s3.secret_key)
    store.claim(INSTANCE)

    store.put(name(1), bytes(OBJECT_BYTES_MAX))

    assert sorted(s3.object_names(bucket)) == sorted([name(1), "kursdocs-instance"])


def test_multipart_uploads_that_nobody_ended_are_told_of_and_can_be_aborted(s3: S3Server) -> None:
    bucket = s3.new_bucket()
    store = open_store(s3.bucket_url(bucket), s3.access_key, s3.secret_key)
    store.claim(INSTANCE)
    with s3.client() as client:
        for key in (name(1), "of/another/tool"):
            client._create_multipart_upload(bucket, key, {})

    begun = store.unfinished()
    store.clear_unfinished([one.name for one in begun] * 2)

    assert [one.name.partition("?")[0] for one in begun] == [name(1), "of/another/tool"]
    assert all(one.byte_size == 0 for one in begun)
    assert datetime.now(UTC) - begun[0].changed_at < timedelta(minutes=1)
    assert store.unfinished() == []


def test_set_aside_objects_keep_their_bytes(s3: S3Server) -> None:
    bucket = s3.new_bucket()
    store = open_store(s3.bucket_url(bucket), s3.access_key, s3.secret_key)
    store.claim(INSTANCE)
    store.put(name(1), b"first")
    store.set_aside(name(1))

    with s3.client() as client, closing(client.get_object(bucket, f"quarantine/{name(1)}")) as kept:
        assert kept.read() == b"first"


class RudeServer(ThreadingHTTPServer):
    """An HTTP server that answers every request as its ``answer`` says; counts the requests."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked.append(self.command)
                answer(self)

            do_GET = do_HEAD = do_PUT = do_DELETE = handle_any  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        asked: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = asked

    @property
    def store(self) -> ObjectStore:
        return open_store(f"s3://127.0.0.1:{self.server_port}/bucket?tls=off", "key", "secret")


@pytest.fixture
def rude() -> Iterator[Callable[[Callable[[BaseHTTPRequestHandler], None]], RudeServer]]:
    servers: list[RudeServer] = []

    def start(answer: Callable[[BaseHTTPRequestHandler], None]) -> RudeServer:
        server = RudeServer(answer)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


Rude = Callable[[Callable[[BaseHTTPRequestHandler], None]], RudeServer]


def say(
    status: int, kind: str, body: bytes, *, length: int | None = None
) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        # Said, so that nobody sends the next request into a line that is about to close.
        handler.send_header("Connection", "close")
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        if status == 307:
            handler.send_header("Location", "http://127.0.0.1:9/elsewhere")
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)
        handler.close_connection = True

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        say(500, "application/xml", b"<Error><Code>InternalError</Code></Error>"),
        say(503, "text/html", b"<h1>try later</h1>"),
        say(502, "text/plain", b"\xff\xfe"),
        say(500, "application/xml", b"<Error><unclosed>"),
        say(409, "application/xml", b""),
        say(307, "application/xml", b""),
        say(403, "application/xml", b"<Error><Code>AccessDenied</Code></Error>"),
    ],
    ids=["500", "html", "not-text", "broken-xml", "409-empty", "redirect", "403"],
)
def test_an_answer_that_is_not_ours_is_unavailable(
    rude: Rude, answer: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    server = rude(answer)

    for method in every_method(server.store).values():
        with pytest.raises(StoreUnavailable):
            method()


def test_a_list_that_makes_no_sense_is_unavailable(rude: Rude) -> None:
    for body in (b"no xml", b"<ListBucketResult><Contents/></ListBucketResult>", b"\xff"):
        server = rude(say(200, "application/xml", body))

        with pytest.raises(StoreUnavailable):
            server.store.names()


def test_an_object_that_ends_too_early_is_unavailable(rude: Rude) -> None:
    server = rude(say(200, "application/octet-stream", b"half", length=8))

    with pytest.raises(StoreUnavailable):
        server.store.get(name(1))


def test_an_object_longer_than_any_that_was_put_is_not_read_into_memory(rude: Rude) -> None:
    server = rude(say(200, "application/octet-stream", bytes(OBJECT_BYTES_MAX + 1)))

    with pytest.raises(Tampered):
        server.store.get(name(1))


def test_a_put_is_never_sent_twice_while_reading_is_tried_again(rude: Rude) -> None:
    server = rude(say(500, "application/xml", b"<Error><Code>InternalError</Code></Error>"))

    with pytest.raises(StoreUnavailable):
        server.store.put(name(1), b"sealed")
    with pytest.raises(StoreUnavailable):
        server.store.get(name(1))

    assert server.asked == ["PUT", "GET", "GET", "GET", "GET"]


def test_a_put_whose_answer_is_lost_is_not_sent_again(rude: Rude) -> None:
    def hang_up(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    server = rude(hang_up)

    with pytest.raises(StoreUnavailable):
        server.store.put(name(1), b"sealed")

    assert server.asked == ["PUT"]


def test_a_server_that_hangs_fails_the_check_soon(rude: Rude) -> None:
    released = threading.Event()

    def hang(_: BaseHTTPRequestHandler) -> None:
        released.wait(20)

    server = rude(hang)
    began = time.monotonic()

    with pytest.raises(StoreUnavailable):
        server.store.check()

    assert time.monotonic() - began < 5
    released.set()


def test_a_server_that_would_overwrite_is_refused_at_the_claim(rude: Rude) -> None:
    mark = say(200, "application/octet-stream", f"{INSTANCE}\n".encode())
    server = rude(mark)  # also says 200 to every PUT, whatever its conditions

    with structlog.testing.capture_logs() as logged, pytest.raises(StoreUnavailable):
        server.store.claim(INSTANCE)

    assert "If-None-Match" in logged[-1]["reason"]


# --- URLs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "must start with folder: or s3://"),
        ("/srv/objects", "must start with folder: or s3://"),
        ("https://s3.example/bucket", "must start with folder: or s3://"),
        ("folder:", "names no folder"),
        ("s3:///bucket", "names no host"),
        ("s3:bucket", "names no host"),
        ("s3://host:9000", "needs one bucket"),
        ("s3://host:9000/", "needs one bucket"),
        ("s3://host:9000/a/b", "needs one bucket"),
        ("s3://host:9000/Bucket", "needs one bucket"),
        ("s3://host:9000/bu..cket", "needs one bucket"),
        ("s3://host:nine/bucket", "valid host and port"),
        ("s3://host:99999/bucket", "valid host and port"),
        ("s3://[::1/bucket", "valid host and port"),
        ("s3://key:hidden@host/bucket", "must not contain a user or password"),
        ("s3://host/bucket#part", "part after #"),
        ("s3://host/bucket?tls=no", "tls=on or tls=off"),
        ("s3://host/bucket?tls=", "give tls once, with a value"),
        ("s3://host/bucket?tls=on&tls=off", "give tls once, with a value"),
        ("s3://host/bucket?secure=on", "only tls and region are known"),
    ],
)
def test_a_store_url_that_is_wrong_is_refused_with_a_sentence(url: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as refused:
        open_store(url, "key", "secret")

    assert "hidden" not in str(refused.value)


def test_a_bucket_without_keys_is_refused() -> None:
    for keys in (("", "secret"), ("key", "")):
        with pytest.raises(ValueError, match="needs an access key and a secret key"):
            open_store("s3://host/bucket", *keys)


def test_bytes_travel_encrypted_unless_it_is_switched_off(rude: Rude) -> None:
    server = rude(say(200, "text/plain", b""))

    for query in ("", "?tls=on", "?region=de-town"):
        url = f"s3://127.0.0.1:{server.server_port}/bucket{query}"
        with pytest.raises(StoreUnavailable):
            open_store(url, "key", "secret").check()

    assert server.asked == []
    server.store.check()
    assert server.asked == ["GET"]
