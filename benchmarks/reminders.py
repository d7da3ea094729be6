"""Measures planning: ``python -m benchmarks.reminders [OPEN]``.

``OPEN`` deliveries (100,000 unless given) wait at 40 offices, sent by 10 providers over the last 15
days; as many were taken over before. On PostgreSQL and on SQLite, with a cold ledger (nobody was
told anything yet) and with a full one (everybody was told every step that was due). Prints how
long it takes to read and plan everything, what one mail takes, and closing the ledger, in seconds
of the clock and of this process; see ``README.md``. With ``--explain`` also PostgreSQL's plans.
"""

import os
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
from tests.factories import make_agency, make_catalogue, make_municipality
from tests.operations.house import Clock, make_settings
from tests.servers import running_postgres

from kursdocs import bootstrap
from kursdocs.catalogue import Addressee, AgencyKind
from kursdocs.core.agencies import Agency
from kursdocs.core.documents.tables import Delivery, DeliveryState, Document, DocumentState
from kursdocs.core.reminders import outcomes, plan, state
from kursdocs.core.reminders import tables as ledger
from kursdocs.core.reminders.digest import Digest
from kursdocs.core.tables import new_id
from kursdocs.core.workdays import Workdays, local_date, local_moment
from kursdocs.operations import reminding
from kursdocs.services import Services

NOW = local_moment(date(2026, 11, 24), 8)
OPEN, SETTLED_FOR_EACH = 100_000, 1
PROVIDERS, OFFICES = 10, 40
BATCH = 5_000
MINUTES, SCATTER = 15 * 24 * 60, 7919
"""So that papers of each minute go to many offices: as many groups as there can be."""

WORKDAYS = Workdays()
KINDS = ("admission_ik_jc", "registration_confirmation_ik", "attendance_certificate_ik")


def fill(services: Services, count: int, *, is_told: bool) -> None:
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
        for agency in (*providers, *offices):
            agency.deputy_mailbox, agency.head_mailbox = (
                f"d-{agency.mailbox}",
                f"h-{agency.mailbox}",
            )
            session.add(agency)
        session.flush()
    for first in range(0, count * (1 + SETTLED_FOR_EACH), BATCH):
        numbers = range(first, first + BATCH)
        is_open = numbers[0] < count
        with services.transaction() as session:
            _insert(session, numbers, providers, offices, is_open=is_open, is_told=is_told)
    with services.transaction() as session:
        session.connection().exec_driver_sql("ANALYZE")


def _insert(
    session: Session,
    numbers: Sequence[int],
    providers: Sequence[Agency],
    offices: Sequence[Agency],
    *,
    is_open: bool,
    is_told: bool,
) -> None:
    documents, deliveries, told = list[dict[str, Any]](), list[dict[str, Any]](), []
    for number in numbers:
        sender, recipient = providers[number % PROVIDERS], offices[number % OFFICES]
        minutes = 90 + number * SCATTER % MINUTES
        at = NOW - timedelta(minutes=minutes, days=0 if is_open else 30)
        documents.append(_document(number, sender, at))
        deliveries.append(_delivery(documents[-1], recipient, at, is_open=is_open))
        if is_told:
            told += _told(deliveries[-1], documents[-1]["kind"], recipient, is_open=is_open)
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


def _told(
    delivery: dict[str, Any], kind: str, recipient: Agency, *, is_open: bool
) -> Iterator[dict[str, Any]]:
    """What the ledger has of it: each step up to today; of what was taken over the first."""
    found = make_catalogue().kind(kind)
    steps = [(0, Addressee.DESK), *found.ladder.steps] if found else []
    waited = WORKDAYS.between(local_date(delivery["delivered_at"]), local_date(NOW))
    listening: list[Addressee] = []
    for day, addressee in steps if is_open else steps[:1]:
        if addressee not in listening:
            listening.append(addressee)
        if day > waited and is_open:
            break
        for who in listening:
            yield {
                "id": new_id(),
                "mail_id": new_id(),
                "agency_id": recipient.id,
                "addressee": who,
                "clock": ledger.Clock.WAITING,
                "subject_id": delivery["id"],
                "kind": kind,
                "step": day,
                "sent_at": local_moment(
                    WORKDAYS.after(local_date(delivery["delivered_at"]), day), 7
                ),
                "outcome": ledger.Outcome.OPEN if is_open else ledger.Outcome.TAKEN_OVER,
            }


def measured(name: str, act: Callable[[], Any]) -> Any:
    """Do it three times; print the quickest, in seconds of the clock and of this process."""
    times, answer = list[tuple[float, float]](), None
    for _ in range(3):
        began, used = time.perf_counter(), time.process_time()
        answer = act()
        times.append((time.perf_counter() - began, time.process_time() - used))
    wall, own = min(times)
    print(f"{name:<42} | {wall:6.2f} s | {own:6.2f} s", flush=True)
    return answer


@contextmanager
def filled(count: int, url: Callable[[Path], str], *, is_told: bool) -> Iterator[Services]:
    """An installation with all that in it, thrown away afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        settings = make_settings(Path(folder), database_url=url(Path(folder)))
        bootstrap.migrate(settings)
        with bootstrap.open_services(settings, clock=Clock(NOW)) as services:
            fill(services, count, is_told=is_told)
            yield services


def measure(services: Services) -> None:
    """Everything that the worker does with it."""

    def load() -> state.State:
        with services.transaction() as session:
            return state.load(session, services.catalogue, now=NOW)

    def whole() -> list[Digest]:
        return plan.digests(services.catalogue, load(), now=NOW)

    found = measured("read", load)
    print(f"{'groups':<42} | {len(found.groups)}")
    measured("decide", lambda: plan.digests(services.catalogue, found, now=NOW))
    digests = measured("read and decide", whole)
    told = sum(len(section.told) for digest in digests for section in digest.sections)
    print(f"{'mails, groups told':<42} | {len(digests)}, {told}")
    measured("every decision with its reason", lambda: reminding.decisions(services))
    address = digests[0].address if digests else f"{OFFICES}@post.example"
    measured("one mail, planned anew", lambda: reminding.due_digest(services, address=address))

    def close() -> int:
        with services.transaction() as session:
            return outcomes.close(session, now=NOW)

    measured("looking what the ledger can close", close)


def explain(services: Services) -> None:
    """PostgreSQL's own words about the query that reads what waits."""
    statements: list[str] = []

    @sa.event.listens_for(sa.Engine, "before_cursor_execute")
    def note(_c: Any, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if "open_things" in statement and not statement.startswith("EXPLAIN"):
            cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, SUMMARY ON) {statement}", values)
            statements.append("\n".join(row[0] for row in cursor.fetchall()))

    with services.transaction() as session:
        state.load(session, services.catalogue, now=NOW)
    reminding.due_digest(services, address="im-1@post.example")
    sa.event.remove(sa.Engine, "before_cursor_execute", note)
    print("\n\n".join((statements[0], statements[6])))


def main(count: int, *, with_plans: bool) -> None:
    """Fill, measure, print."""
    with running_postgres() as postgres:
        places: dict[str, Callable[[Path], str]] = {
            "PostgreSQL": lambda _: postgres.new_database(),
            "SQLite": lambda folder: f"sqlite:///{folder / 'database.sqlite'}",
        }
        for name, url in places.items():
            for is_told in (False, True):
                with filled(count, url, is_told=is_told) as services:
                    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
                    print(f"\n{name}, {'full' if is_told else 'cold'} ledger; load {load}")
                    measure(services)
                    if with_plans and name == "PostgreSQL":
                        explain(services)


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:] if argument.isdecimal()]
    main(numbers[0] if numbers else OPEN, with_plans="--explain" in sys.argv)
