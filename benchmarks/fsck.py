"""Measures the check that nothing is lost: ``python -m benchmarks.fsck [PAPERS] [MEGABYTES]``.

Two towns for each combination of real parts (SQLite and a folder; PostgreSQL and S3, both started
for it): one with many small papers (100,000 unless said otherwise, a fifth of it on S3) for the
fast check, which compares rows, keys, names and the log; one with so many megabytes (1,000, on S3
300) in papers of one megabyte for the deep check, which reads, opens and compares them all. Prints
one table; see ``README.md``.
"""

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr
from sqlmodel import select
from tests.factories import OFFICE, PROVIDER, make_town
from tests.operations.house import make_settings
from tests.servers import running_postgres, running_seaweedfs

from kursdocs import bootstrap
from kursdocs.adapters.key_store import document_key
from kursdocs.adapters.master_keys import MasterKeys
from kursdocs.core.access import ActorKind
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import AuditEvent, AuditHead, Happening
from kursdocs.core.audit.chain import hash_of
from kursdocs.core.checks import Depth, Health
from kursdocs.core.documents.names import index_tokens
from kursdocs.core.documents.tables import (
    Delivery,
    DeliveryState,
    Document,
    DocumentState,
    SearchToken,
)
from kursdocs.core.tables import new_id
from kursdocs.operations import fsck
from kursdocs.operations.sealing import seal
from kursdocs.services import Services
from kursdocs.settings import Settings

BATCH, WRITERS, MEGABYTE = 1_000, 8, 1_000_000
SHARE_S3 = {"papers": 5, "megabytes": 3}
_FOLDER, _S3 = "SQLite + folder", "PostgreSQL + S3"


@dataclass(frozen=True)
class Result:
    """One check: which, of what, how long it took, of which so long at work."""

    parts: str
    what: str
    seconds: float
    processor_seconds: float
    per_second: str


def fill(services: Services, settings: Settings, count: int, size: int) -> None:
    """A town whose papers were all sent; written past the ports where these would be slow."""
    with services.transaction() as session:
        town = make_town(session)
    masters = MasterKeys.load(settings.master_key_file)
    key_store = sa.create_engine(settings.keys_url)
    with ThreadPoolExecutor(WRITERS) as writers:
        for start in range(0, count, BATCH):
            papers = [_Paper(os.urandom(size)) for _ in range(min(BATCH, count - start))]
            list(writers.map(lambda paper: _write(services, settings, paper), papers))
            with key_store.begin() as connection:
                keys = [paper.key_row(masters) for paper in papers]
                connection.execute(document_key.insert(), keys)
            _insert(services, town, papers)
    key_store.dispose()


class _Paper:
    """One paper, sealed."""

    def __init__(self, plain: bytes) -> None:
        self.id, self.key, self.size = new_id(), os.urandom(32), len(plain)
        self.sha256 = hashlib.sha256(plain).hexdigest()
        self.sealed = seal(self.key, self.id, plain)
        self.stored_sha256 = hashlib.sha256(self.sealed).hexdigest()
        self.object_name = os.urandom(16).hex()

    def key_row(self, masters: MasterKeys) -> dict[str, object]:
        return {
            "document_id": self.id,
            "wrapped_key": masters.wrap(self.key, b"KDK1" + self.id.bytes),
            "master_key_id": masters.active_id,
            "created_at": datetime.now(UTC),
        }


def _write(services: Services, settings: Settings, paper: _Paper) -> None:
    if not settings.store_url.startswith("folder:"):
        services.store.put(paper.object_name, paper.sealed)
    else:
        root = Path(settings.store_url.removeprefix("folder:"))
        (root / paper.object_name[:2] / paper.object_name).write_bytes(paper.sealed)
    paper.sealed = b""


def _insert(services: Services, town: dict[str, Agency], papers: Sequence[_Paper]) -> None:
    now, sender, office = datetime.now(UTC), town[PROVIDER], town[OFFICE]
    words = index_tokens(["Muster", "Mia"])
    documents, deliveries, tokens = list[dict[str, Any]](), list[dict[str, Any]](), []
    for paper in papers:
        documents.append(
            {
                "id": paper.id,
                "kind": "admission_ik_jc",
                "state": DocumentState.LIVE,
                "municipality_id": sender.municipality_id,
                "sender_agency_id": sender.id,
                "family_name": "Muster",
                "given_names": "Mia",
                "fields": {},
                "object_name": paper.object_name,
                "received_sha256": paper.sha256,
                "sha256": paper.sha256,
                "stored_sha256": paper.stored_sha256,
                "byte_size": paper.size,
                "page_count": 1,
                "created_at": now,
                "stored_at": now,
            }
        )
        deliveries.append(
            {
                "id": new_id(),
                "document_id": paper.id,
                "sender_agency_id": sender.id,
                "recipient_agency_id": office.id,
                "ground": "§ 7",
                "need": "none",
                "state": DeliveryState.NEW,
                "due_on": now.date(),
                "delivered_at": now,
                "change_id": new_id(),
            }
        )
        tokens += [
            {"agency_id": office.id, "token": word, "delivery_id": deliveries[-1]["id"]}
            for word in words
        ]
    with services.transaction() as session:
        session.execute(sa.insert(Document), documents)
        session.execute(sa.insert(Delivery), deliveries)
        session.execute(sa.insert(SearchToken), tokens)
        head = session.exec(select(AuditHead)).one()
        session.execute(sa.insert(AuditEvent), _chained(head, papers, sender, now))
        session.add(head)


def _chained(
    head: AuditHead, papers: Sequence[_Paper], sender: Agency, now: datetime
) -> list[dict[str, Any]]:
    """What the log says of them, as ``audit.record`` would write it."""
    rows = []
    for paper in papers:
        event = AuditEvent(
            seq=head.seq + 1,
            at=now,
            happening=Happening.DOCUMENT_SENT,
            actor_kind=ActorKind.SYSTEM,
            municipality_id=sender.municipality_id,
            agency_id=sender.id,
            document_id=paper.id,
            detail={"kind": "admission_ik_jc", "recipients": 1, "bytes": paper.size},
            previous_hash=head.hash,
            hash="",
        )
        row = {name: getattr(event, name) for name in AuditEvent.model_fields}
        row["hash"] = hash_of(row)
        head.seq, head.hash = event.seq, row["hash"]
        rows.append(row)
    return rows


@contextmanager
def towns(folder: Path) -> Iterator[dict[str, list[Settings]]]:
    """Settings of two empty installations for each combination of real parts."""
    with ExitStack() as stack:
        postgres = stack.enter_context(running_postgres())
        s3 = stack.enter_context(running_seaweedfs(_made(folder / "s3")))
        embedded = [make_settings(_made(folder / name)) for name in ("small", "large")]
        servers = [
            make_settings(
                _made(folder / f"servers-{name}"),
                database_url=postgres.new_database(),
                keys_url=postgres.new_database(),
                store_url=s3.bucket_url(s3.new_bucket()),
                s3_access_key=s3.access_key,
                s3_secret_key=SecretStr(s3.secret_key),
            )
            for name in ("small", "large")
        ]
        yield {_FOLDER: embedded, _S3: servers}


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def measure(
    parts: str, settings: Settings, depth: Depth, count: int, size: int
) -> Iterator[Result]:
    """Fill one town and check it; nothing may be found."""
    bootstrap.migrate(settings)
    with bootstrap.open_services(settings) as services:
        fill(services, settings, count, size)
        passed, worked = time.perf_counter(), time.process_time()
        report = fsck.check(services, depth)
        seconds, processor = time.perf_counter() - passed, time.process_time() - worked
    assert report.health is Health.CLEAN, dict(report.found)
    if depth is Depth.FAST:
        yield Result(parts, f"fast, {count} papers", seconds, processor, f"{count / seconds:.0f}")
    else:
        read = report.looked_at["bytes_read"] / MEGABYTE
        yield Result(parts, f"deep, {read:.0f} MB", seconds, processor, f"{read / seconds:.0f} MB")


def main(papers: int = 100_000, megabytes: int = 1_000) -> None:
    """Print the table."""
    print("| parts | check | s | processor s | per second |\n|---|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder, towns(Path(folder)) as found:
        for parts, (small, large) in found.items():
            share = SHARE_S3 if parts == _S3 else dict.fromkeys(SHARE_S3, 1)
            counts = papers // share["papers"], megabytes // share["megabytes"]
            for result in (
                *measure(parts, small, Depth.FAST, counts[0], 200),
                *measure(parts, large, Depth.DEEP, counts[1], MEGABYTE),
            ):
                print(
                    f"| {result.parts} | {result.what} | {result.seconds:.1f}"
                    f" | {result.processor_seconds:.1f} | {result.per_second} |",
                    flush=True,
                )


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
