"""Measures the key store with many keys: ``python -m benchmarks.keys [KEYS]``.

100,000 keys unless said otherwise, on SQLite and on PostgreSQL, which is started for it and stopped
afterwards: rotate, rewrap all of them page by page as ``kursdocs keys rewrap`` does, look through
them as ``kursdocs fsck`` does, and read single ones meanwhile. Prints one table; see ``README.md``.
"""

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa
from tests.servers import running_postgres

from kursdocs.adapters.key_store import SqlKeyStore, document_key, migrate
from kursdocs.adapters.master_keys import MasterKeys
from kursdocs.core.tables import new_id

PAGE = 1000
INSTANCE = UUID(int=1)


def filled(url: str, folder: Path, count: int) -> SqlKeyStore:
    """A key store with so many keys, made past the commit of each."""
    migrate(url)
    masters = MasterKeys.create(folder / f"{len(list(folder.iterdir()))}.keys")
    store = SqlKeyStore(url, masters)
    store.claim(INSTANCE)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for start in range(0, count, PAGE):
            ids = [new_id() for _ in range(min(PAGE, count - start))]
            rows = [_row(masters, document_id) for document_id in ids]
            connection.execute(document_key.insert(), rows)
    return store


def _row(masters: MasterKeys, document_id: UUID) -> dict[str, object]:
    return {
        "document_id": document_id,
        "wrapped_key": masters.wrap(bytes(32), b"KDK1" + document_id.bytes),
        "master_key_id": masters.active_id,
        "created_at": datetime.now(UTC),
    }


def rewrap(store: SqlKeyStore) -> int:
    """All pages; how many keys were done."""
    page = store.rewrap(None, PAGE)
    done = page.done
    while page.after is not None:
        page = store.rewrap(page.after, PAGE)
        done += page.done
    return done


def examine(store: SqlKeyStore) -> int:
    """All pages; how many keys can be read."""
    readable, after = 0, None
    while page := store.examine(after, PAGE):
        readable += sum(state.is_readable for state in page)
        after = page[-1].document_id
    return readable


@contextmanager
def others_working(store: SqlKeyStore) -> Iterator[list[float]]:
    """One who makes, reads and destroys keys meanwhile: milliseconds for the three together."""
    times: list[float] = []
    is_over = threading.Event()

    def work() -> None:
        while not is_over.is_set():
            document_id, began = new_id(), time.perf_counter()
            store.create(document_id)
            store.get(document_id)
            store.destroy(document_id)
            times.append(1000 * (time.perf_counter() - began))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield times
    finally:
        is_over.set()
        thread.join()


def seconds(what: Callable[[SqlKeyStore], int], store: SqlKeyStore, expected: int) -> float:
    """How long it took; wrong work is no measurement."""
    began = time.perf_counter()
    counted = what(store)
    if counted < expected:
        raise SystemExit(f"{what.__name__}: {counted} instead of {expected}")
    return time.perf_counter() - began


def measure(name: str, url: str, folder: Path, count: int) -> None:
    """Print one column of the table, as lines."""
    store = filled(url, folder, count)
    store.rotate()
    with others_working(store) as times:
        rewrapped = seconds(rewrap, store, count)
    examined = seconds(examine, store, count)
    print(f"{name}: {count} keys")
    print(f"  rewrapped in {rewrapped:.1f} s, while others made, read and destroyed {len(times)}")
    median, worst = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    print(f"  one key made, read, destroyed meanwhile, ms: median {median:.0f}, 95 % {worst:.0f}")
    print(f"  all examined in {examined:.1f} s")
    store.close()


def main() -> None:
    """Both databases, one after the other."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory(prefix="kursdocs-keys-") as name:
        folder = Path(name)
        measure("SQLite", f"sqlite:///{folder}/keys.sqlite", folder, count)
        with running_postgres() as server:
            measure("PostgreSQL", server.new_database(), folder, count)


if __name__ == "__main__":
    main()
