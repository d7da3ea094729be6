"""What can be mended is mended, by what is known of it; nothing is deleted that nobody explains."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import update
from tests.factories import NOW
from tests.operations.fsck import wreckage
from tests.operations.fsck.wreckage import A_NAME, LONG, mails
from tests.operations.house import PAPER, House
from tests.operations.test_drafting import keep
from tests.servers import S3Server

from kursdocs.core import outbox
from kursdocs.core.checks import Health
from kursdocs.core.documents import inbox
from kursdocs.core.documents.inbox import Filter
from kursdocs.core.outbox import ATTEMPTS_MAX, OutboxMail
from kursdocs.core.tables import new_id
from kursdocs.operations import fsck
from kursdocs.operations.fsck import Damage
from kursdocs.operations.sealing import seal


def test_an_object_that_nobody_knows_is_set_aside_with_its_bytes(embedded: House) -> None:
    wreckage.put_a_stranger(embedded, embedded.send().id)

    fsck.check(embedded.services, repair=True)

    root = Path(embedded.services.settings.store_url.removeprefix("folder:"))
    assert A_NAME not in embedded.objects()
    assert (root / "quarantine" / A_NAME).read_bytes() == b"nobody knows of this"


def test_the_key_to_an_object_that_nobody_knows_is_kept(house: House) -> None:
    """As after a database was put back that is older than object store and key store."""
    stranger = new_id()
    key = house.services.keys.create(stranger)
    house.services.store.put(A_NAME, seal(key, stranger, PAPER))
    house.clock.advance(LONG)

    first = fsck.check(house.services, repair=True)
    second = fsck.check(house.services, repair=True)

    assert dict(first.mended) == {Damage.UNTRACKED_OBJECT: 1}
    assert dict(second.found) == {Damage.KEY_UNUSED: 1}
    assert house.services.keys.get(stranger) == key


def test_the_key_of_a_paper_whose_row_vanished_is_kept(house: House) -> None:
    paper = house.send().id
    key = house.services.keys.get(paper)
    wreckage.delete_the_row(house, paper, is_thorough=False)
    house.clock.advance(LONG)

    report = fsck.check(house.services, repair=True)

    assert dict(report.found) == {Damage.DOCUMENT_VANISHED: 1}
    assert house.services.keys.get(paper) == key


def test_a_paper_that_nobody_found_is_found_again(house: House) -> None:
    paper = house.send().id
    wreckage.forget_the_words(house, paper)

    def found() -> int:
        with house.services.transaction() as session:
            return len(inbox.rows(session, house.recipient, Filter(), name="Mustermann"))

    assert found() == 0
    fsck.check(house.services, repair=True)
    assert found() == 1


def test_a_paper_that_the_scanner_did_not_answer_for_goes_out(house: House) -> None:
    wreckage.hold_for_long(house, house.send().id)

    fsck.check(house.services, repair=True)

    assert house.states() == ["live", "live"]


def test_a_paper_stays_held_while_the_scanner_does_not_answer(embedded: House) -> None:
    services = wreckage.without_a_verdict(embedded)
    wreckage.hold_for_long(embedded, embedded.send().id)

    report = fsck.check(services, repair=True)

    assert (dict(report.found), dict(report.mended)) == ({Damage.HELD_OLD: 1}, {})
    assert report.health is Health.REPAIRABLE
    assert embedded.states() == ["live", "held"]


@pytest.mark.parametrize(
    ("changes", "is_due_now"),
    [
        ({}, True),
        ({"attempts": 1, "due_at": NOW + 100 * LONG}, True),
        ({"attempts": ATTEMPTS_MAX, "due_at": NOW + LONG - timedelta(minutes=1)}, False),
    ],
    ids=["nobody took it up", "a clock went wrong", "its sender dies of it"],
)
def test_a_stuck_mail_is_due_now_or_given_up(
    embedded: House, changes: dict[str, object], is_due_now: bool
) -> None:
    wreckage.stick_a_mail(embedded, embedded.send().id)
    if changes:
        with embedded.services.transaction() as session:
            session.exec(update(OutboxMail).values(**changes))

    report = fsck.check(embedded.services, repair=True)

    [mail] = mails(embedded)
    assert dict(report.mended) == {Damage.MAIL_STUCK: 1}
    assert (mail.due_at == embedded.clock()) is is_due_now
    assert (mail.dead_at is None) is is_due_now


def test_mails_on_their_way_are_left_alone(embedded: House) -> None:
    now = embedded.clock()
    with embedded.services.transaction() as session:
        for hours in (1, 30):
            outbox.put(
                session,
                dedupe=f"later-{hours}",
                address="post@musterstadt.example",
                now=now,
                due_at=now + timedelta(hours=hours),
                lapses_at=now + 2 * LONG,
            )

    assert fsck.check(embedded.services).health is Health.CLEAN
    embedded.clock.advance(timedelta(hours=20))
    assert fsck.check(embedded.services).health is Health.CLEAN


def test_an_old_draft_and_its_bytes_are_named_and_removed(house: House) -> None:
    keep(house)
    house.clock.advance(LONG)

    found = fsck.check(house.services)
    mended = fsck.check(house.services, repair=True)

    assert dict(found.found) == dict(mended.mended) == {Damage.PENDING_OLD: 1}
    assert (mended.health, house.objects(), house.keys()) == (Health.CLEAN, [], [])


def test_a_draft_without_its_object_is_a_loss(house: House) -> None:
    keep(house)
    [name] = house.objects()
    house.services.store.delete(name)

    report = fsck.check(house.services, repair=True)

    assert (report.health, dict(report.found)) == (Health.LOSS, {Damage.LOST_OBJECT: 1})
    assert [draft.state for draft in house.drafts()] == ["ready"]


# -- what began to be written and was never ended --------------------------------------------------


def days_later(house: House) -> None:
    """Of the real time, because that is what a store notes."""
    house.clock.now = datetime.now(UTC) + timedelta(days=2)


def test_files_of_a_killed_write_are_named_and_removed(embedded: House) -> None:
    root = Path(embedded.services.settings.store_url.removeprefix("folder:"))
    left = root / "incoming" / f"{A_NAME}.0011223344556677"
    left.write_bytes(b"half")
    embedded.clock.now = datetime.now(UTC)
    assert fsck.check(embedded.services).health is Health.CLEAN
    days_later(embedded)

    found = fsck.check(embedded.services)
    mended = fsck.check(embedded.services, repair=True)

    assert [(one.damage, one.subject) for one in found.named] == [
        (Damage.UNFINISHED_OLD, left.name)
    ]
    assert (found.health, mended.health) == (Health.REPAIRABLE, Health.CLEAN)
    assert not left.exists()


def test_multipart_uploads_that_nobody_ended_are_named_and_aborted(
    at_servers: House, s3: S3Server
) -> None:
    bucket = at_servers.services.settings.store_url.rsplit("/", 1)[1].partition("?")[0]
    with s3.client() as client:
        client._create_multipart_upload(bucket, A_NAME, {})
    days_later(at_servers)

    found = fsck.check(at_servers.services)
    mended = fsck.check(at_servers.services, repair=True)

    assert dict(found.found) == dict(mended.mended) == {Damage.UNFINISHED_OLD: 1}
    assert at_servers.services.store.unfinished() == []
