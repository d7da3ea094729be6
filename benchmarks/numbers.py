"""Measures the pages of numbers: ``python -m benchmarks.numbers [DELIVERIES]``.

``DELIVERIES`` papers (100,000 unless given) of twelve weeks between fifteen providers and five
offices, all but a few taken over, each at a minute of its own; half as many older ones lie around
them. Prints, for SQLite and PostgreSQL, how long the coordinator and an agency wait for their
numbers, and how long the processor was at work for it; see ``README.md``.
"""

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from benchmarks.inbox import opened
from sqlmodel import Session
from tests.factories import make_agency, make_municipality
from tests.servers import running_postgres

from kursdocs.catalogue import Addressee, AgencyKind
from kursdocs.core import adoption, agencies
from kursdocs.core.agencies import Agency
from kursdocs.core.documents.tables import Delivery, DeliveryState, Document, DocumentState
from kursdocs.core.reminders import effect
from kursdocs.core.reminders.tables import Clock, Outcome, Reminder
from kursdocs.core.tables import new_id
from kursdocs.core.workdays import local_moment
from kursdocs.services import Services

NOW = local_moment(date(2026, 11, 24), 8)
PROVIDERS, OFFICES, BATCH, RUNS = 15, 5, 10_000, 5
WEEKS, WEEKS_BEFORE = 12, 6


def fill(services: Services, count: int) -> list[Agency]:
    """The town, its papers, and a reminder for every fifth."""
    long_ago = NOW - timedelta(days=365)
    with services.transaction() as session:
        make_municipality(session, now=long_ago)
        kinds = [AgencyKind.COURSE_PROVIDER] * PROVIDERS + [AgencyKind.JOBCENTER] * OFFICES
        town = [make_agency(session, f"a-{n}", kind, now=long_ago) for n, kind in enumerate(kinds)]
        session.flush()
    chance = random.Random(7)  # noqa: S311 - the same papers each time
    for weeks_ago, papers in ((0, count), (WEEKS, count // 2)):
        for first in range(0, papers, BATCH):
            with services.transaction() as session:
                _insert(session, min(BATCH, papers - first), town, chance, weeks_ago)
    with services.transaction() as session:
        session.connection().exec_driver_sql("ANALYZE")
    return town


def _insert(
    session: Session, count: int, town: list[Agency], chance: random.Random, weeks_ago: int
) -> None:
    weeks = WEEKS_BEFORE if weeks_ago else WEEKS
    documents, deliveries, told = [], [], []
    for number in range(count):
        at = NOW - timedelta(weeks=weeks_ago, minutes=chance.randrange(weeks * 7 * 24 * 60))
        done_at = at + timedelta(minutes=chance.randrange(6 * 24 * 60))
        sender, recipient = town[chance.randrange(PROVIDERS)], town[-1 - chance.randrange(OFFICES)]
        documents.append(_document(sender, at))
        done = done_at < NOW and number % 50 > 0
        deliveries.append(
            {
                "id": new_id(),
                "document_id": documents[-1]["id"],
                "sender_agency_id": sender.id,
                "recipient_agency_id": recipient.id,
                "ground": "§ 7",
                "need": "none",
                "state": DeliveryState.TAKEN_OVER if done else DeliveryState.NEW,
                "due_on": at.date(),
                "delivered_at": at,
                "taken_over_at": done_at if done else None,
                "change_id": new_id(),
            }
        )
        if number % 5 == 0:
            told.append(_reminder(deliveries[-1], at, done_at if done else None))
    session.execute(sa.insert(Document), documents)
    session.execute(sa.insert(Delivery), deliveries)
    session.execute(sa.insert(Reminder), told)


def _document(sender: Agency, at: Any) -> dict[str, Any]:
    document_id = new_id()
    return {
        "id": document_id,
        "kind": "admission_ik_jc",
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


def _reminder(delivery: dict[str, Any], at: Any, done_at: Any) -> dict[str, Any]:
    return {
        "id": new_id(),
        "mail_id": new_id(),
        "agency_id": delivery["recipient_agency_id"],
        "addressee": Addressee.DESK,
        "clock": Clock.WAITING,
        "subject_id": delivery["id"],
        "kind": "",
        "step": 2,
        "sent_at": at,
        "outcome": Outcome.TAKEN_OVER if done_at else Outcome.OPEN,
        "done_at": done_at,
        "done_after_minutes": 300 if done_at else None,
    }


def measure(services: Services, town: list[Agency]) -> None:
    """Each question several times; the median, in milliseconds."""
    period, ids = adoption.period(NOW), [agency.id for agency in town]
    municipality = town[0].municipality_id

    def of_town(session: Session) -> None:
        adoption.town(session, municipality, period, paper_reasons=["on_paper"], now=NOW)

    def of_reminders(session: Session) -> None:
        effect.of_town(session, agencies.workdays_of(session, ids), period, now=NOW)

    def of_month(session: Session) -> None:
        days = agencies.workdays_of(session, ids)
        adoption.monthly(session, ids, first_day=date(2026, 10, 1), workdays=days)

    asked: dict[str, Callable[[Session], object]] = {
        "the municipality's numbers": of_town,
        "effect of the reminders": of_reminders,
        "silent agencies": lambda session: adoption.silent(
            session, municipality, after_days=7, now=NOW
        ),
        "an agency's own numbers": lambda session: adoption.own(session, ids[-1], period, now=NOW),
        "the month's notes of all agencies": of_month,
    }
    for name, ask in asked.items():
        wall, busy = _median(services, ask)
        print(f"{name:<34} | {wall:8.0f} ms | {busy:8.0f} ms of processor")


def _median(services: Services, ask: Callable[[Session], object]) -> tuple[float, float]:
    """How long it took, and how long program and database were at work for it."""
    walls, busy = [], []
    for _ in range(RUNS):
        with services.transaction() as session:
            backend = _backend(session)
            began, used = time.perf_counter(), time.process_time() + _used(backend)
            ask(session)
            walls.append(time.perf_counter() - began)
            busy.append(time.process_time() + _used(backend) - used)
    return sorted(walls)[RUNS // 2] * 1000, sorted(busy)[RUNS // 2] * 1000


def _backend(session: Session) -> int:
    """The process that works for this session; 0 where that is our own."""
    if session.get_bind().dialect.name == "sqlite":
        return 0
    return int(session.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar_one())


def _used(process: int) -> float:
    """Seconds of processor that another process has used so far."""
    if not process:
        return 0.0
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(count: int) -> None:
    """Fill, measure, print."""
    with tempfile.TemporaryDirectory() as folder, running_postgres() as postgres:
        for number, url in enumerate(("", postgres.new_database())):
            place = Path(folder) / str(number)
            place.mkdir()
            print(f"── {'PostgreSQL' if url else 'SQLite'}, {count} deliveries in {WEEKS} weeks")
            with opened(place, url) as services:
                measure(services, fill(services, count))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
