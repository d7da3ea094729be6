"""Measures planning on PostgreSQL: ``python -m benchmarks.reminders [OPEN]``.

``OPEN`` deliveries (100,000 unless given) wait at 40 offices, sent by 10 providers over the last 15
days; most were announced before. As many were taken over before. Prints how
long it takes to read that state, to plan from it, and a whole run of the worker; see ``README.md``.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session
from tests.factories import make_agency, make_municipality
from tests.operations.house import Clock, make_settings
from tests.servers import running_postgres

from kursdocs import bootstrap
from kursdocs.catalogue import Addressee, AgencyKind
from kursdocs.core.agencies import Agency
from kursdocs.core.documents.tables import Delivery, DeliveryState, Document, DocumentState
from kursdocs.core.reminders import plan, state
from kursdocs.core.reminders import tables as ledger
from kursdocs.core.tables import new_id
from kursdocs.core.workdays import local_moment
from kursdocs.operations import reminding
from kursdocs.services import Services

NOW = local_moment(date(2026, 11, 24), 8)
OPEN, SETTLED_FOR_EACH = 100_000, 1
PROVIDERS, OFFICES = 10, 40
BATCH = 5_000
KINDS = ("admission_ik_jc", "registration_confirmation_ik", "attendance_certificate_ik")


def fill(services: Services, count: int) -> None:
    """The town, its papers and what was told of them."""
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
    settled = count * SETTLED_FOR_EACH
    for first in range(0, count + settled, BATCH):
        numbers = range(first, first + BATCH)
        with services.transaction() as session:
            _insert(session, numbers, providers, offices, is_open=numbers[0] < count)
    with services.transaction() as session:
        session.connection().exec_driver_sql("ANALYZE")


def _insert(
    session: Session,
    numbers: Sequence[int],
    providers: Sequence[Agency],
    offices: Sequence[Agency],
    *,
    is_open: bool,
) -> None:
    documents, deliveries, told = list[dict[str, Any]](), list[dict[str, Any]](), []
    for number in numbers:
        sender, recipient = providers[number % PROVIDERS], offices[number % OFFICES]
        at = NOW - timedelta(minutes=7 * (number % 3000), days=0 if is_open else 30)
        documents.append(_document(number, sender, at))
        deliveries.append(_delivery(documents[-1], recipient, at, is_open=is_open))
        if is_open and number % 10:
            told.append(_told(deliveries[-1], recipient, at))
    session.execute(sa.insert(Document), documents)
    session.execute(sa.insert(Delivery), deliveries)
    if told:
        session.execute(sa.insert(ledger.Reminder), told)


def _document(number: int, sender: Agency, at: datetime) -> dict[str, Any]:
    document_id = new_id()
    return {
        "id": document_id,
        "kind": KINDS[number % len(KINDS)],
        "state": DocumentState.LIVE,
        "municipality_id": sender.municipality_id,
        "sender_agency_id": sender.id,
        "fields": {},
        "object_name": document_id.hex,
        "received_sha256": "0" * 64,
        "sha256": "0" * 64,
        "byte_size": 1,
        "page_count": 1,
        "created_at": at,
        "stored_at": at,
    }


def _delivery(
    document: dict[str, Any], recipient: Agency, at: datetime, *, is_open: bool
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "document_id": document["id"],
        "sender_agency_id": document["sender_agency_id"],
        "recipient_agency_id": recipient.id,
        "ground": "§ 7",
        "need": "none",
        "state": DeliveryState.NEW if is_open else DeliveryState.TAKEN_OVER,
        "due_on": at.date(),
        "delivered_at": at,
        "taken_over_at": None if is_open else at,
    }


def _told(delivery: dict[str, Any], recipient: Agency, at: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "mail_id": new_id(),
        "agency_id": recipient.id,
        "addressee": Addressee.DESK,
        "clock": ledger.Clock.WAITING,
        "delivery_id": delivery["id"],
        "step": 0,
        "sent_at": at,
    }


def measured(name: str, act: Callable[[], Any]) -> Any:
    """Do it three times; print the quickest, in seconds."""
    times, answer = list[float](), None
    for _ in range(3):
        began = time.perf_counter()
        answer = act()
        times.append(time.perf_counter() - began)
    print(f"{name:<42} | {min(times):6.2f} s")
    return answer


@contextmanager
def filled(count: int) -> Iterator[Services]:
    """An installation with all that in it, thrown away afterwards."""
    with running_postgres() as postgres, tempfile.TemporaryDirectory() as folder:
        settings = make_settings(Path(folder), database_url=postgres.new_database())
        bootstrap.migrate(settings)
        with bootstrap.open_services(settings, clock=Clock(NOW)) as services:
            fill(services, count)
            yield services


def main(count: int) -> None:
    """Fill, measure, print."""
    with filled(count) as services:

        def load() -> state.State:
            with services.transaction() as session:
                return state.load(session, now=NOW)

        found = measured("read the state", load)
        digests = measured("plan", lambda: plan.digests(services.catalogue, found, now=NOW))
        told = sum(len(section.told) for digest in digests for section in digest.sections)
        print(f"{'mails, things told':<42} | {len(digests)}, {told}")
        measured("a whole run of the worker", lambda: reminding.remind(services))
        address = digests[0].address
        measured("one mail, planned anew", lambda: reminding.due_digest(services, address=address))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else OPEN)
