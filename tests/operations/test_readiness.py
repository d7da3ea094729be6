"""Whether everything we depend on answers: each part by name, and which of them is worth a stop."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select
from tests.factories import NOW
from tests.operations.fsck.wreckage import delete_the_row
from tests.operations.house import House
from tests.operations.outages import cut_off, moved_away, stopped
from tests.scanners import Saying
from tests.servers import PostgresServer, S3Server, free_port

from kursdocs.adapters.scanner import open_scanner
from kursdocs.core import heartbeats, outbox
from kursdocs.core.documents.tables import Document, DocumentState
from kursdocs.operations import delivery, last_backup
from kursdocs.operations.readiness import PROBES, Condition, Part, Report
from kursdocs.services import Services

NEEDED = {"database", "migrations", "key_store", "object_store"}
WATCHED = {"mail", "bounces", "worker", "held", "scanner", "integrity", "backup"}
OK = Part(Condition.OK)


def look(services: Services) -> Report:
    return Report({name: part for probe in PROBES for name, part in probe(services).items()})


def work_done(house: House) -> None:
    """A worker was there just now."""
    with house.services.transaction() as session:
        heartbeats.beat(
            session, "mailing", every_seconds=5, succeeded=True, now=house.services.clock()
        )


def test_when_everything_answers_every_part_is_well_or_off(house: House) -> None:
    work_done(house)

    report = look(house.services)

    assert report.parts == {
        **dict.fromkeys(NEEDED | WATCHED, OK),
        "scanner": Part(Condition.OFF),
        "bounces": Part(Condition.OFF),
        "backup": Part(Condition.OFF),
        "integrity": Part(Condition.UNKNOWN, "integrity_unchecked"),
    }
    assert (report.is_ready, report.is_degraded) == (True, False)


def test_a_database_that_is_away_is_named_until_it_is_back(
    at_servers: House, postgres: PostgresServer
) -> None:
    services = at_servers.services

    with cut_off(postgres, services.settings.database_url):
        report = look(services)

    assert report.parts["database"] == Part(Condition.DOWN, "database_unavailable")
    assert {n for n, p in report.parts.items() if p.condition is Condition.UNKNOWN} == {
        "migrations",
        "mail",
        "bounces",
        "worker",
        "held",
        "integrity",
        "backup",
    }
    assert not report.is_ready
    assert look(services).is_ready


def test_a_key_store_that_is_away_is_named_until_it_is_back(
    at_servers: House, postgres: PostgresServer
) -> None:
    with cut_off(postgres, at_servers.services.settings.keys_url):
        report = look(at_servers.services)

    assert report.parts["key_store"] == Part(Condition.DOWN, "keys_unavailable")
    assert not report.is_ready
    assert look(at_servers.services).is_ready


def test_a_database_from_before_the_newest_papers_is_worth_an_alarm_but_no_stop(
    embedded: House,
) -> None:
    delete_the_row(embedded, embedded.send().id, is_thorough=False)

    report = look(embedded.services)

    assert report.is_ready
    assert report.parts["key_store"] == Part(Condition.DEGRADED, "database_older_than_keys")


def test_an_s3_server_that_is_away_is_named_until_it_is_back(
    at_servers: House, s3: S3Server
) -> None:
    with stopped(s3, at_servers.services.store):
        report = look(at_servers.services)

    assert report.parts["object_store"] == Part(Condition.DOWN, "store_unavailable")
    assert not report.is_ready
    assert look(at_servers.services).is_ready


def test_a_folder_that_is_away_is_named_until_it_is_back(embedded: House, tmp_path: Path) -> None:
    with moved_away(tmp_path / "objects"):
        report = look(embedded.services)

    assert report.parts["object_store"] == Part(Condition.DOWN, "store_unavailable")
    assert look(embedded.services).is_ready


@pytest.mark.parametrize(
    ("version", "part", "is_ready"),
    [
        ("9999", Part(Condition.DEGRADED, "schema_ahead"), True),
        ("0001", Part(Condition.DOWN, "schema_behind"), False),
    ],
)
def test_an_older_schema_is_no_ground_to_serve_on_but_a_newer_one_is(
    embedded: House, version: str, part: Part, is_ready: bool
) -> None:
    with embedded.services.transaction() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = :v"), {"v": version})

    report = look(embedded.services)

    assert report.parts["migrations"] == part
    assert report.is_ready is is_ready


def put_mail(session: Session, minutes_ago: int) -> None:
    at = NOW - timedelta(minutes=minutes_ago)
    lapses_at = at + timedelta(hours=12)
    outbox.put(session, dedupe="probe", address="post@amt.example", now=at, lapses_at=lapses_at)


@pytest.mark.parametrize(
    ("minutes", "part"),
    [
        (30, Part(Condition.OK, seconds=1800)),
        (31, Part(Condition.DEGRADED, "mail_late", 1860)),
    ],
)
def test_a_mail_that_does_not_go_out_is_worth_an_alarm_but_no_stop(
    house: House, minutes: int, part: Part
) -> None:
    house.clock.now = NOW
    work_done(house)
    with house.services.transaction() as session:
        put_mail(session, minutes)

    report = look(house.services)

    assert report.parts["mail"] == part
    assert report.is_ready
    assert report.is_degraded is (minutes > 30)


def test_a_worker_that_was_never_there_or_is_gone_is_told(house: House) -> None:
    never = look(house.services)
    work_done(house)
    house.clock.advance(timedelta(minutes=6))
    gone = look(house.services)

    assert never.parts["worker"] == Part(Condition.DEGRADED, "worker_never_seen")
    assert gone.parts["worker"] == Part(Condition.DEGRADED, "worker_late", names=["mailing"])
    assert never.is_ready
    assert gone.is_ready


def test_a_mail_server_that_does_not_let_us_in_is_told_without_any_mail(house: House) -> None:
    """A password that was changed overnight must not be found out by missing mails."""
    beat_outside(house, delivery.SERVER_DUTY)

    report = look(house.services)

    assert report.parts["mail"] == Part(Condition.DEGRADED, "mail_server_unavailable")
    assert report.parts["worker"] == OK
    assert report.is_ready


def test_a_mailbox_for_returned_mail_that_cannot_be_read_is_told(house: House) -> None:
    beat_outside(house, delivery.BOUNCES_DUTY)
    services = house.services
    settings = services.settings.model_copy(update={"bounces_url": "imap://a@127.0.0.1:1/x"})

    report = look(replace(services, settings=settings))

    assert report.parts["bounces"] == Part(Condition.DEGRADED, "bounces_unavailable")
    assert report.parts["mail"] == report.parts["worker"] == OK
    assert look(services).parts["bounces"] == Part(Condition.OFF)


def test_where_no_worker_looks_nobody_blames_the_mail_server(house: House) -> None:
    beat_outside(house, delivery.SERVER_DUTY)
    house.clock.advance(timedelta(hours=1))

    report = look(house.services)

    assert report.parts["mail"] == OK
    assert report.parts["worker"] == Part(Condition.DEGRADED, "worker_late", names=["mailing"])


def beat_outside(house: House, duty: str) -> None:
    """The worker is well, but of this duty no run ever succeeded."""
    work_done(house)
    with house.services.transaction() as session:
        heartbeats.beat(
            session, duty, every_seconds=300, succeeded=False, now=house.services.clock()
        )


def test_a_document_that_waits_too_long_for_the_scanner_is_told(house: House) -> None:
    house.send()
    with house.services.transaction() as session:
        document = session.exec(select(Document)).one()
        document.state, document.scanned_at = DocumentState.HELD, None
        session.add(document)
    at_first = look(house.services).parts["held"]
    house.clock.advance(timedelta(hours=4, seconds=1))

    assert at_first.condition is Condition.OK
    assert look(house.services).parts["held"] == Part(
        Condition.DEGRADED, "held_too_long", 4 * 3600 + 1
    )


def test_a_scanner_that_is_away_is_worth_an_alarm_but_no_stop(embedded: House) -> None:
    work_done(embedded)
    nobody = f"127.0.0.1:{free_port()}"
    settings = embedded.services.settings.model_copy(update={"clamd": nobody})
    report = look(replace(embedded.services, settings=settings, scanner=open_scanner(nobody)))

    assert report.parts["scanner"] == Part(Condition.DEGRADED, "scanner_unavailable")
    assert (report.is_ready, report.is_degraded) == (True, True)


@pytest.mark.parametrize(
    ("days", "part"),
    [
        (2, Part(Condition.OK, seconds=2 * 86400)),
        (3.5, Part(Condition.DEGRADED, "signatures_old", 302400)),
        (None, Part(Condition.DEGRADED, "signatures_undated")),
    ],
)
def test_a_scanner_is_as_good_as_its_signatures(
    embedded: House, days: float | None, part: Part
) -> None:
    work_done(embedded)
    made_at = None if days is None else embedded.clock() - timedelta(days=days)
    settings = embedded.services.settings.model_copy(update={"clamd": "127.0.0.1:3310"})
    report = look(replace(embedded.services, settings=settings, scanner=Saying(made_at=made_at)))

    assert report.parts["scanner"] == part
    assert (report.is_ready, report.is_degraded) == (True, part.condition is not Condition.OK)


def test_a_look_changes_nothing(house: House) -> None:
    before = house.events()

    look(house.services)

    assert house.events() == before
    assert (house.objects(), house.keys()) == ([], [])


def test_a_copy_of_everything_that_is_too_old_is_worth_an_alarm(embedded: House) -> None:
    work_done(embedded)
    with embedded.services.transaction() as session:
        last_backup.mark(session, at=embedded.clock(), is_complete=True)

    fresh = look(embedded.services).parts["backup"]
    embedded.clock.advance(timedelta(days=2, seconds=1))
    late = look(embedded.services)

    assert fresh == Part(Condition.OK, seconds=0)
    assert late.parts["backup"] == Part(Condition.DEGRADED, "backup_late", 2 * 86_400 + 1)
    assert late.is_ready
