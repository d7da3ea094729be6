"""Measures copying a town and putting it back: ``python -m benchmarks.restore [DOCUMENTS] [KB]``.

Documents are sealed and stored as an upload does it, but not looked into: 10,000 of 100 kB unless
said otherwise. A first copy, a second one with nothing new, a restore into an empty place with all
its checks, and ``fsck --deep`` of what came back. Embedded first, then PostgreSQL and SeaweedFS.
Prints one table; see ``README.md`` for numbers.
"""

import hashlib
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr
from tests.factories import make_sending
from tests.operations.copies import Backups
from tests.operations.house import Clock, House, make_settings, settled
from tests.servers import PostgresServer, S3Server, running_postgres, running_seaweedfs

from kursdocs import bootstrap
from kursdocs.core.checks import Depth
from kursdocs.core.documents import lifecycle
from kursdocs.core.documents.lifecycle import Stored
from kursdocs.core.tables import new_id
from kursdocs.operations import fsck
from kursdocs.operations.sealing import seal
from kursdocs.settings import Settings

THREADS = 8


def fill(house: House, count: int, size: int) -> None:
    """So many live documents of that size."""
    services = house.services
    with services.transaction() as session:
        sending = make_sending(session, house.sender, today=house.clock().date())

    def one(number: int) -> None:
        document_id, name = new_id(), secrets.token_hex(16)
        plain = hashlib.shake_128(b"%d" % number).digest(size)
        digest = hashlib.sha256(plain).hexdigest()
        sealed = seal(services.keys.create(document_id), document_id, plain)
        stored = Stored(name, digest, digest, size, 1)
        now, sender = house.clock(), house.sender
        with services.transaction() as session:
            lifecycle.reserve(
                session, sender, sending, stored, document_id=document_id, key="", now=now
            )
        services.store.put(name, sealed)
        with services.transaction() as session:
            lifecycle.finish(
                session,
                sender,
                sending,
                document_id=document_id,
                stored_sha256=hashlib.sha256(sealed).hexdigest(),
                scanned=True,
                catalogue=services.catalogue,
                now=now,
            )

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(one, range(count)))


def seconds(act: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def measure(settings: Settings, new_place: Callable[[], Settings], folder: Path) -> list[float]:
    """Seconds of each line of the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    size = 1000 * (int(sys.argv[2]) if len(sys.argv) > 2 else 100)
    clock = Clock()
    bootstrap.migrate(settings)
    with settled(settings, clock) as house:
        made = seconds(lambda: fill(house, count, size))
        print(f"{count} documents of {size} bytes in {made:.0f} s", file=sys.stderr)
        backups = Backups.of(house, folder, new_place)
        first = seconds(backups.make)
        clock.advance(timedelta(seconds=1))
        second = seconds(backups.make)
        place = new_place()
        restored = seconds(lambda: backups.put_back(place))
        with backups.opened(place) as again:
            found: list[fsck.Report] = []
            checked = seconds(lambda: found.append(fsck.check(again.services, Depth.DEEP)))
            assert found[0].found == {}, found[0].found
            assert len(again.documents()) == count
    return [first, second, restored, checked]


@contextmanager
def embedded(folder: Path) -> Iterator[tuple[Settings, Callable[[], Settings]]]:
    """SQLite and a folder."""

    def place(name: str) -> Settings:
        (folder / name).mkdir()
        return make_settings(folder / name)

    ours = place("ours")

    def new_place() -> Settings:
        return replace_key(place("restored"), ours)

    yield ours, new_place


@contextmanager
def at_servers(folder: Path) -> Iterator[tuple[Settings, Callable[[], Settings]]]:
    """PostgreSQL and SeaweedFS."""
    with running_postgres() as postgres, running_seaweedfs(folder) as s3:
        ours = on(postgres, s3, folder)
        yield ours, lambda: on(postgres, s3, folder)


def on(postgres: PostgresServer, s3: S3Server, folder: Path) -> Settings:
    """Fresh databases and a fresh bucket, with the master key of the folder."""
    return make_settings(
        folder,
        database_url=postgres.new_database(),
        keys_url=postgres.new_database(),
        store_url=s3.bucket_url(s3.new_bucket()),
        s3_access_key=s3.access_key,
        s3_secret_key=SecretStr(s3.secret_key),
    )


def replace_key(settings: Settings, ours: Settings) -> Settings:
    """The same place with our master key."""
    return settings.model_copy(update={"master_key_file": ours.master_key_file})


def main() -> None:
    """Measure both and print the table."""
    columns = []
    for parts in (embedded, at_servers):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with parts(folder) as (settings, new_place):
                columns.append(measure(settings, new_place, folder))
    lines = ("first copy", "another copy, nothing new", "restore", "fsck --deep of it")
    print("| seconds | SQLite, folder | PostgreSQL, SeaweedFS |\n|---|---:|---:|")
    for line, *times in zip(lines, *columns, strict=True):
        print(f"| {line} | " + " | ".join(f"{each:.1f}" for each in times) + " |")


if __name__ == "__main__":
    main()
