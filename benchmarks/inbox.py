"""Measures the inbox: ``python -m benchmarks.inbox [DELIVERIES]``.

One office received ``DELIVERIES`` papers (10,000 unless given) from ten providers: half are new,
the others taken over, a few returned or withdrawn. Prints, for SQLite and PostgreSQL, how long a
clerk waits for a page of fifty, its counters and a search; see ``README.md``. Then, on SQLite, how
much memory a ZIP of two hundred papers takes.
"""

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from benchmarks.intake import paper_of_a_scanner
from sqlmodel import Session
from tests.factories import make_agency, make_municipality, make_person_actor, make_sending
from tests.operations.house import Clock, make_settings
from tests.servers import running_postgres

from kursdocs import bootstrap
from kursdocs.catalogue import AgencyKind
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.documents import inbox, names
from kursdocs.core.documents.inbox import Due, Filter, InboxState
from kursdocs.core.documents.tables import (
    Delivery,
    DeliveryState,
    Document,
    DocumentState,
    SearchToken,
)
from kursdocs.core.tables import new_id
from kursdocs.core.workdays import local_moment
from kursdocs.operations import bundling, intake
from kursdocs.services import Services

NOW = local_moment(date(2026, 11, 24), 8)
PROVIDERS, BATCH, RUNS = 10, 5_000, 15
KINDS = ("admission_ik_jc", "registration_confirmation_ik", "attendance_certificate_ik")
_FIRST = ("Mo", "Ha", "Ah", "Yu", "Ole", "Kha", "Nat", "Ser", "An", "Wo", "Ma", "Fa", "Sche", "Dmi")
_LAST = ("hammed", "lid", "san", "suf", "ksandr", "na", "talia", "gej", "drij", "tro", "wtschenko")


def fill(services: Services, count: int) -> Actor:
    """The town and its papers; who looks at them."""
    with services.transaction() as session:
        make_municipality(session, now=NOW)
        providers = [
            make_agency(session, f"pr-{number}", AgencyKind.COURSE_PROVIDER, now=NOW)
            for number in range(PROVIDERS)
        ]
        office = make_agency(session, "office", AgencyKind.IMMIGRATION_OFFICE, now=NOW)
        session.flush()
        clerk = make_person_actor(session, office, now=NOW)
    chance = random.Random(7)  # noqa: S311 - the same papers each time
    for first in range(0, count, BATCH):
        with services.transaction() as session:
            _insert(session, range(first, min(first + BATCH, count)), providers, office, chance)
    with services.transaction() as session:
        session.connection().exec_driver_sql("ANALYZE")
    return clerk


def _insert(
    session: Session, numbers: range, providers: list[Agency], office: Agency, chance: random.Random
) -> None:
    documents, deliveries, tokens = list[dict[str, Any]](), list[dict[str, Any]](), []
    for number in numbers:
        at = NOW - timedelta(minutes=5 * (numbers.stop - number))
        sender = providers[chance.randrange(PROVIDERS)]
        documents.append(_document(number, sender, at, chance))
        deliveries.append(_delivery(number, documents[-1], office, at))
        person = (
            documents[-1]["family_name"],
            documents[-1]["given_names"],
            str(4_000_000 + number),
        )
        if documents[-1]["state"] is DocumentState.LIVE:
            tokens += [
                {"agency_id": office.id, "token": token, "delivery_id": deliveries[-1]["id"]}
                for token in names.index_tokens(person)
            ]
    session.execute(sa.insert(Document), documents)
    session.execute(sa.insert(Delivery), deliveries)
    session.execute(sa.insert(SearchToken), tokens)


def _person(chance: random.Random) -> str:
    return (chance.choice(_FIRST) + chance.choice(_LAST) + chance.choice(_LAST)).title()


def _document(number: int, sender: Agency, at: datetime, chance: random.Random) -> dict[str, Any]:
    document_id, withdrawn = new_id(), number % 100 == 0
    return {
        "id": document_id,
        "kind": KINDS[number % len(KINDS)],
        "state": DocumentState.WITHDRAWN if withdrawn else DocumentState.LIVE,
        "municipality_id": sender.municipality_id,
        "sender_agency_id": sender.id,
        "family_name": _person(chance),
        "given_names": _person(chance),
        "fields": {},
        "object_name": document_id.hex,
        "received_sha256": "0" * 64,
        "sha256": "0" * 64,
        "byte_size": 1,
        "page_count": 1,
        "created_at": at,
        "stored_at": at,
        "withdrawn_at": at if withdrawn else None,
    }


def _delivery(
    number: int, document: dict[str, Any], office: Agency, at: datetime
) -> dict[str, Any]:
    state = (DeliveryState.NEW, DeliveryState.TAKEN_OVER)[number % 2]
    state = DeliveryState.RETURNED if number % 50 == 1 else state
    return {
        "id": new_id(),
        "document_id": document["id"],
        "sender_agency_id": document["sender_agency_id"],
        "recipient_agency_id": office.id,
        "ground": "§ 7",
        "need": "none",
        "state": state,
        "due_on": (at + timedelta(days=7)).date(),
        "delivered_at": at,
        "taken_over_at": at if state is DeliveryState.TAKEN_OVER else None,
        "returned_at": at if state is DeliveryState.RETURNED else None,
        "change_id": new_id(),
    }


def measure(services: Services, clerk: Actor) -> None:
    """Each question several times; the median, in milliseconds."""
    new, taken = Filter(now=NOW), Filter(state=InboxState.TAKEN_OVER, now=NOW)

    def page(filter_: Filter, **how: Any) -> Callable[[Session], object]:
        return lambda session: inbox.rows(session, clerk, filter_, limit=51, **how)

    def deep(session: Session) -> str:
        row = inbox.rows(session, clerk, new, limit=2_000)[-1]
        return inbox.cursor(row, new)

    with services.transaction() as session:
        after = deep(session)
    asked: dict[str, Callable[[Session], object]] = {
        "new, by due date": page(new),
        "new, page 41": page(new, after=after),
        "taken over, newest first": page(taken),
        "new, one kind and one sender": page(Filter(kind=KINDS[0], sender="pr-3", now=NOW)),
        "new, overdue": page(Filter(due=Due.OVERDUE, now=NOW)),
        "taken over, mine (none)": page(Filter(state=InboxState.TAKEN_OVER, mine=True, now=NOW)),
        "withdrawn": page(Filter(state=InboxState.WITHDRAWN)),
        "erased (none)": page(Filter(state=InboxState.ERASED)),
        "search: Mohammed": page(new, name="Mohammed"),
        "search: Schewtschenko Ole": page(new, name="Schewtschenko Ole"),
        "search: a": page(new, name="a"),
        "search: number": page(new, name="4000123"),
        "counters of all tabs": lambda session: inbox.counts(session, clerk),
        "counters of one filter": lambda session: inbox.counts_by(session, clerk, new),
        "mine, overdue, to acknowledge": lambda session: (
            inbox.mine_count(session, clerk, now=NOW),
            inbox.overdue_count(session, clerk, now=NOW),
            inbox.to_acknowledge_count(session, clerk),
        ),
        "any news?": lambda session: inbox.version(session, clerk),
    }
    for name, ask in asked.items():
        print(f"{name:<32} | {_median(services, ask):8.1f} ms")


def _median(services: Services, ask: Callable[[Session], object]) -> float:
    times = []
    for _ in range(RUNS):
        with services.transaction() as session:
            began = time.perf_counter()
            ask(session)
            times.append(time.perf_counter() - began)
    return sorted(times)[len(times) // 2] * 1000


def bundle(services: Services, count: int = 200) -> None:
    """A ZIP of so many scanned papers: how long, and what it adds to the memory at most."""
    with services.transaction() as session:
        make_municipality(session, now=NOW)
        sender = make_agency(session, "pr-0", AgencyKind.COURSE_PROVIDER, now=NOW)
        office = make_agency(session, "auslaenderbehoerde", now=NOW)
        session.flush()
        people = [make_person_actor(session, a, subject=a.slug, now=NOW) for a in (sender, office)]
    ids = []
    for number in range(count):
        with services.transaction() as session:
            sending = make_sending(session, people[0], today=NOW.date())
        paper = paper_of_a_scanner(number)
        ids.append(intake.store(services, people[0], sending, [paper], "").deliveries[0].id)
    began, before = time.perf_counter(), _resident()
    made = bundling.bundle(services, people[1], ids)
    ready, most, got = time.perf_counter(), before, 0
    for chunk in made.chunks:
        got += len(chunk)
        most = max(most, _resident())
    assert got == made.length
    ended = time.perf_counter()
    print(
        f"ZIP of {count} papers, {got / 2**20:.0f} MiB: checked after {ready - began:.1f} s, sent"
        f" after {ended - began:.1f} s, {(most - before) / 2**20:.1f} MiB more memory"
    )


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def opened(folder: Path, database_url: str = "") -> Iterator[Services]:
    """A migrated installation."""
    changes = {"database_url": database_url} if database_url else {}
    settings = make_settings(folder, **changes)
    bootstrap.migrate(settings)
    with bootstrap.open_services(settings, clock=Clock(NOW)) as services:
        yield services


def main(count: int) -> None:
    """Fill, measure, print; then the ZIP."""
    with tempfile.TemporaryDirectory() as folder, running_postgres() as postgres:
        for number, url in enumerate(("", postgres.new_database())):
            place = Path(folder) / str(number)
            place.mkdir()
            print(f"── {'PostgreSQL' if url else 'SQLite'}, {count} deliveries")
            with opened(place, url) as services:
                measure(services, fill(services, count))
        place = Path(folder) / "zip"
        place.mkdir()
        with opened(place) as services:
            bundle(services)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
