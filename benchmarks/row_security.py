"""Measures what row-level security costs: ``python -m benchmarks.row_security [DELIVERIES]``.

The inbox of ``benchmarks.inbox`` on PostgreSQL (10,000 deliveries unless given). Prints how long
each question takes without the policies, and within the scope of the agency that asks: the quickest
of many, because the machine does other things as well. See ``README.md``.
"""

import contextvars
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa
from benchmarks.inbox import NOW, fill, opened
from sqlmodel import Session, col, select
from tests.factories import acting, make_document
from tests.servers import running_postgres

from kursdocs.core import audit, scopes
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.documents import inbox, reading
from kursdocs.core.documents.inbox import Filter
from kursdocs.core.documents.tables import Delivery
from kursdocs.core.requests import reading as requests
from kursdocs.services import Services

RUNS = 41
Question = Callable[[Session], object]


def questions(
    services: Services, office: Actor, provider: Actor
) -> Mapping[str, tuple[Actor, Question]]:
    """By name: who asks, and what."""
    with services.transaction() as session:
        delivered = select(Delivery.document_id).order_by(col(Delivery.id).desc())
        known = session.exec(delivered).first()
    assert known is not None
    new = Filter(now=NOW)
    return {
        "inbox, 51 rows": (office, lambda s: inbox.rows(s, office, new, limit=51)),
        "inbox, counters": (office, lambda s: inbox.counts(s, office)),
        "inbox, search": (office, lambda s: inbox.rows(s, office, new, name="moh", limit=51)),
        "inbox, kinds and senders": (office, lambda s: inbox.counts_by(s, office, new)),
        "sent, 51 rows": (provider, lambda s: reading.sent(s, provider, limit=51)),
        "requests, counter": (office, lambda s: requests.open_count(s, office)),
        "log, 101 rows": (office, lambda s: audit.page(s, office, limit=101)),
        "one document": (office, lambda s: reading.view(s, office, known)),
        "sending one, without bytes": (
            provider,
            lambda s: make_document(s, provider, "office", now=NOW),
        ),
        "an empty transaction": (office, lambda s: s.execute(sa.text("SELECT 1"))),
    }


def measured(services: Services, actor: Actor | None, question: Question) -> float:
    """Milliseconds of a transaction with the question, the quickest of many."""

    def ask() -> float:
        scopes.enter(actor.scope if actor else scopes.EVERYTHING)
        times = []
        for _ in range(RUNS):
            began = time.perf_counter()
            with services.transaction() as session:
                question(session)
            times.append(time.perf_counter() - began)
        return min(times) * 1_000

    return contextvars.copy_context().run(ask)


def set_policies(services: Services, deed: str) -> None:
    """Switch row-level security off or on again."""
    with services.transaction() as session:
        tables = session.scalars(
            sa.text(
                "SELECT DISTINCT relname FROM pg_policy JOIN pg_class ON pg_class.oid = polrelid"
            )
        ).all()
        for table in tables:
            session.execute(sa.text(f"ALTER TABLE {table} {deed} ROW LEVEL SECURITY"))


def main(count: int) -> None:
    """Fill, measure, print."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_postgres() as postgres,
        opened(Path(folder), postgres.new_database()) as services,
    ):
        office = fill(services, count)
        with services.transaction() as session:
            sender = session.exec(select(Agency).where(Agency.slug == "pr-0")).one()
        provider = replace(office, agency=acting(sender))
        print(f"{f'quickest of {RUNS}, ms':30} {'off':>8} {'on':>8}")
        for name, (actor, question) in questions(services, office, provider).items():
            set_policies(services, "DISABLE")
            before = measured(services, None, question)
            set_policies(services, "ENABLE")
            print(f"{name:30} {before:8.2f} {measured(services, actor, question):8.2f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
