"""Mail by command: what became of it, a test mail, sending again what failed."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select
from tests.cli.commands import Run
from tests.factories import OFFICE, PROVIDER, make_town

from kursdocs.adapters.database import Database
from kursdocs.core import agencies, heartbeats, outbox
from kursdocs.core.audit import AuditEvent, Happening
from kursdocs.core.outbox import OutboxMail, Purpose

DESK = f"{OFFICE}@post.example"


@pytest.fixture
def town(run: Run, settings: dict[str, object], inside: Database) -> dict[str, object]:
    """Settings of a town whose coordinator and immigration office have mailboxes."""
    run("migrate", **settings)
    with inside.transaction() as session:
        make_town(session)
        agencies.municipality_by_slug(session, "musterstadt").mailbox = "koord@post.example"
        agencies.by_slug(session, PROVIDER).mailbox = ""
    return settings


def now() -> datetime:
    return datetime.now(UTC)


def works(database: Database) -> None:
    """The worker is well and the mail server answers it."""
    with database.transaction() as session:
        for duty in ("reminding", "mailing", "mail_server"):
            heartbeats.beat(session, duty, every_seconds=60, succeeded=True, now=now())


def refused(database: Database, address: str = DESK) -> OutboxMail:
    """A mail that its server did not take, some minutes ago."""
    moment = now() - timedelta(minutes=10)
    mail = OutboxMail(
        dedupe=f"digest:{address}:x",
        address=address,
        created_at=moment,
        due_at=moment,
        lapses_at=moment + timedelta(hours=1),
        dead_at=moment,
        last_error="recipient refused with 550",
        bounce_code="5.1.1",
    )
    with database.transaction() as session:
        session.add(mail)
    return mail


def mails(database: Database) -> Sequence[OutboxMail]:
    with database.transaction() as session:
        return session.exec(select(OutboxMail).order_by(col(OutboxMail.created_at))).all()


def happenings(database: Database) -> list[tuple[Happening, dict[str, object]]]:
    with database.transaction() as session:
        found = session.exec(select(AuditEvent).order_by(col(AuditEvent.seq))).all()
        return [(event.happening, dict(event.detail)) for event in found]


def test_when_all_is_well_the_status_says_so(
    run: Run, town: dict[str, object], inside: Database
) -> None:
    works(inside)

    ran = run("mail", "status", **town)

    assert ran.code == 0, ran.err
    assert "worker: well\nmail server: well\nreturned mail: off\nmails waiting: 0\n" in ran.out
    rows = [line.split() for line in ran.out.splitlines()]
    assert ["musterstadt", "coordinator", "koord@post.example", *"----"] in rows
    assert [OFFICE, "desk", DESK, *"----"] in rows


def test_without_a_worker_or_with_a_refusal_the_status_fails(
    run: Run, town: dict[str, object], inside: Database
) -> None:
    assert run("mail", "status", **town).code == 1
    works(inside)
    refused(inside)

    ran = run("mail", "status", "--json", **town)

    told = json.loads(ran.out)
    (row,) = [row for row in told["mailboxes"] if row["address"] == DESK]
    assert (ran.code, told["worker"], row["last_mail"], row["code"]) == (
        1,
        "well",
        "refused",
        "5.1.1",
    )


def test_a_test_mail_is_put_there_and_written_down(
    run: Run, town: dict[str, object], inside: Database
) -> None:
    ran = run("mail", "test", OFFICE, **town)
    coordinator = run("mail", "test", "musterstadt", **town)

    assert ran.out == f"A test mail goes to {DESK}.\n"
    assert coordinator.out == "A test mail goes to koord@post.example.\n"
    assert {(mail.address, mail.purpose) for mail in mails(inside)} == {
        (DESK, Purpose.TEST),
        ("koord@post.example", Purpose.TEST),
    }
    assert (Happening.MAIL_TESTED, {"place": OFFICE}) in happenings(inside)

    again = run("mail", "test", OFFICE, **town)

    assert again.code == 1
    assert "[mail_asked_lately]" in again.err
    assert "5 minutes" in again.err


@pytest.mark.parametrize("place", ["nirgends", PROVIDER])
def test_a_place_without_a_mailbox_gets_none(
    run: Run, town: dict[str, object], inside: Database, place: str
) -> None:
    ran = run("mail", "test", place, **town)

    assert (ran.code, mails(inside)) == (1, [])


def test_what_failed_is_sent_again_and_what_did_not_is_not(
    run: Run, town: dict[str, object], inside: Database
) -> None:
    assert "[mail_not_failed]" in run("mail", "resend", OFFICE, **town).err
    failed = refused(inside)

    ran = run("mail", "resend", OFFICE, **town)

    assert ran.out == f"The mail to {DESK} is sent once more.\n"
    assert len(mails(inside)) == 2
    assert (Happening.MAIL_RESENT, {"mail": str(failed.id)}) in happenings(inside)
    with inside.transaction() as session:
        assert outbox.unreached_addresses(session, now=now()) == {}
    assert run("mail", "resend", OFFICE, **town).code == 1
