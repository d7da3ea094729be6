"""Measures the log: ``python -m benchmarks.audit [ROWS]``.

Eight writers append at once, each row in a transaction of its own; then the log is filled up to
``ROWS`` (1,000,000 unless given) with a chain that fits, signed, verified, proved and shortened, on
SQLite and PostgreSQL; see ``README.md``.
"""

import resource
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import sqlalchemy as sa
from tests.evidence import Keeper
from tests.factories import NOW, TESTS
from tests.servers import running_postgres

from kursdocs.adapters.database import Database, migrate
from kursdocs.core import audit
from kursdocs.core.audit import AuditEvent, AuditHead, Happening
from kursdocs.core.audit.chain import hash_of
from kursdocs.core.tables import new_id
from kursdocs.operations import auditing, checkpointing

WRITERS = 8
SECONDS = 10


def main(url: str, rows: int) -> None:
    """Measure and print."""
    database = Database(url)
    migrate(database)
    print(f"{database.engine.dialect.name}, {rows:,} rows", flush=True)
    print(f"  appends with {WRITERS} writers: {appends(database):,.0f} a second", flush=True)
    fill(database, rows)
    keeper = Keeper(database.transaction, now=NOW + timedelta(days=1))
    began = time.perf_counter()
    assert checkpointing.sign(keeper.services, keeper.log_signer)  # type: ignore[arg-type]
    print(f"  first checkpoint: {time.perf_counter() - began:.1f} s", flush=True)
    keeper.write(1000)
    began = time.perf_counter()
    note = keeper.sign().note
    print(f"  checkpoint after 1,000 more: {time.perf_counter() - began:.2f} s", flush=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    verified = auditing.verify(keeper.services, held=[note])
    seconds = time.perf_counter() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert verified.is_whole
    print(f"  verified {verified.rows:,} in {seconds:.1f} s, +{grown:.0f} MB", flush=True)
    began = time.perf_counter()
    auditing.prove(keeper.services, rows // 2)
    print(f"  a row proved: {time.perf_counter() - began:.1f} s", flush=True)
    keeper.now += timedelta(days=400)
    began = time.perf_counter()
    gone = checkpointing.shorten(keeper.services)
    print(f"  shortened by {gone:,}: {gone / (time.perf_counter() - began):,.0f} a second")
    assert auditing.verify(keeper.services, held=[note]).is_whole


def appends(database: Database) -> float:
    """Rows a second, each in a transaction of its own, by eight writers at once."""
    stop = threading.Event()

    def write(_: int) -> int:
        count = 0
        while not stop.is_set():
            with database.transaction() as session:
                audit.record(session, TESTS, Happening.SENT_LISTED, now=NOW, count=count)
            count += 1
        return count

    with ThreadPoolExecutor(WRITERS) as threads:
        writers = threads.map(write, range(WRITERS))
        time.sleep(SECONDS)
        stop.set()
        return sum(writers) / SECONDS


def fill(database: Database, rows: int) -> None:
    """Put rows behind those that are there."""
    with database.engine.begin() as connection:
        head = connection.execute(sa.select(AuditHead.seq, AuditHead.hash)).one()
    before, municipality, agency = head.hash, new_id(), new_id()
    for start in range(head.seq, rows, 10_000):
        made = []
        for seq in range(start + 1, min(start + 10_000, rows) + 1):
            row = {
                "seq": seq,
                "id": new_id(),
                "at": NOW + timedelta(seconds=seq % 50_000),
                "happening": Happening.DOCUMENT_PREVIEWED,
                "actor_kind": "person",
                "user_id": agency,
                "service_account_id": None,
                "municipality_id": municipality,
                "agency_id": agency,
                "document_id": new_id(),
                "delivery_id": None,
                "detail": {"page": seq % 9},
                "previous_hash": before,
            }
            row["hash"] = before = hash_of(row)
            made.append(row)
        with database.engine.begin() as connection:
            connection.execute(sa.insert(AuditEvent), made)
            connection.execute(sa.update(AuditHead).values(seq=made[-1]["seq"], hash=before))


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        main(f"sqlite:///{folder}/audit.sqlite", wanted)
    with running_postgres() as server:
        main(server.new_database(), wanted)
