"""Measures the hourly run over follow-ups: ``python -m benchmarks.follow_ups [DOCUMENTS]``.

``DOCUMENTS`` papers (100,000 unless given) lie in one town: obligations that providers took over
lately, the registrations that prove most of them, entitlements, some of which lapse soon. Prints
how long the first run takes, which opens what is due, and the one an hour later, on SQLite and on
PostgreSQL; see ``README.md``.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from tests.factories import make_agency, make_catalogue, make_municipality
from tests.operations.house import Clock, make_settings
from tests.servers import running_postgres

from kursdocs import bootstrap
from kursdocs.catalogue import AgencyKind
from kursdocs.core.agencies import Agency
from kursdocs.core.documents.tables import Delivery, DeliveryState, Document, DocumentState
from kursdocs.core.follow_ups import opening
from kursdocs.core.tables import new_id
from kursdocs.core.workdays import local_moment
from kursdocs.services import Services

NOW = local_moment(date(2026, 11, 24), 8)
DOCUMENTS, BATCH = 100_000, 5_000
PROVIDERS, OFFICES = 10, 40
DAYS = 300
"""Over so many days the papers came; one in ten is due to be looked at by some rule."""


def fill(services: Services, count: int) -> None:
    """The town and its papers, three for each person."""
    with services.transaction() as session:
        make_municipality(session, now=NOW)
        providers, offices = (
            [make_agency(session, f"{kind.value[:2]}-{n}", kind, now=NOW) for n in range(number)]
            for kind, number in (
                (AgencyKind.COURSE_PROVIDER, PROVIDERS),
                (AgencyKind.IMMIGRATION_OFFICE, OFFICES),
            )
        )
        session.flush()
    for first in range(0, count, BATCH):
        made = [paper(number, providers, offices) for number in range(first, first + BATCH)]
        with services.transaction() as session:
            session.execute(sa.insert(Document), [document for document, _ in made])
            session.execute(sa.insert(Delivery), [delivery for _, delivery in made])
    with services.transaction() as session:
        session.connection().exec_driver_sql("ANALYZE")


def paper(
    number: int, providers: list[Agency], offices: list[Agency]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """One of the three papers of a person: obligation, its proof (of most), entitlement."""
    person, which = divmod(number, 3)
    provider, office = providers[person % PROVIDERS], offices[person % OFFICES]
    at = NOW - timedelta(days=person % DAYS)
    kind = ("obligation_ik_abh", "registration_confirmation_ik", "entitlement_ik")[which]
    is_proof = which == 1
    sender, recipient = (provider, office) if is_proof else (office, provider)
    is_somebody_else = is_proof and person % 10 == 0
    fields = {
        "issued_on": at.date().isoformat(),
        "expires_on": (at + timedelta(days=365)).date().isoformat(),
        "planned_start_on": (at + timedelta(days=30)).date().isoformat(),
    }
    document = {
        "id": new_id(),
        "kind": kind,
        "state": DocumentState.LIVE,
        "municipality_id": sender.municipality_id,
        "sender_agency_id": sender.id,
        "family_name": f"Muster {person % 977}",
        "given_names": f"Probe{person}" if is_somebody_else else f"Probe {person}",
        "birth_date": date(1950, 1, 1) + timedelta(days=person % 20_000),
        "fields": fields,
        "object_name": new_id().hex,
        "received_sha256": "0" * 64,
        "sha256": "0" * 64,
        "byte_size": 1,
        "page_count": 1,
        "created_at": at,
        "stored_at": at,
    }
    delivery = {
        "id": new_id(),
        "document_id": document["id"],
        "sender_agency_id": sender.id,
        "recipient_agency_id": recipient.id,
        "ground": "§ 7 IntV",
        "need": "release",
        "state": DeliveryState.TAKEN_OVER,
        "due_on": at.date(),
        "delivered_at": at,
        "taken_over_at": at,
    }
    return document, delivery


def measure(name: str, services: Services) -> None:
    """Two runs, each in a transaction of its own."""
    for what, now in (("first run", NOW), ("an hour later", NOW + timedelta(hours=1))):
        started = time.perf_counter()
        with services.transaction() as session:
            done = opening.refresh(session, make_catalogue(), now=now)
        seconds = time.perf_counter() - started
        print(f"{name}, {what}: {seconds:.2f} s ({done.opened} opened, {done.ended} ended)")


@contextmanager
def filled(count: int, url: str) -> Iterator[Services]:
    """An installation on that database, with the town in it."""
    with tempfile.TemporaryDirectory() as folder:
        settings = make_settings(Path(folder), database_url=url)
        bootstrap.migrate(settings)
        with bootstrap.open_services(settings, clock=Clock(NOW)) as services:
            fill(services, count)
            yield services


def main() -> None:
    """Fill and measure both databases."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENTS
    with running_postgres() as postgres, tempfile.TemporaryDirectory() as folder:
        urls = {
            "SQLite": f"sqlite:///{Path(folder) / 'database.sqlite'}",
            "PostgreSQL": postgres.new_database(),
        }
        for name, url in urls.items():
            with filled(count, url) as services:
                measure(name, services)


if __name__ == "__main__":
    main()
