"""The daily check: once a day, remembered, seen by readiness, and loud when something is lost."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select
from tests.operations.fsck.wreckage import (
    A_NAME,
    flip_one_bit,
    lose_the_object,
    mails,
    object_of,
    replace_object,
)
from tests.operations.house import House
from tests.operations.outages import moved_away

from kursdocs.core import checks
from kursdocs.core.agencies import Municipality
from kursdocs.core.checks import CheckRun, Depth, Health
from kursdocs.core.errors import Unavailable
from kursdocs.operations import alarming, fsck, last_backup
from kursdocs.operations.fsck import Damage
from kursdocs.operations.readiness import PROBES, Condition, Part

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def remembered(house: House) -> list[CheckRun]:
    """All runs, newest first."""
    with house.services.transaction() as session:
        return list(checks.latest(session, limit=100))


def integrity(house: House) -> Part:
    """What readiness says of it."""
    return PROBES[0](house.services)["integrity"]


def give_the_coordinator_a_mailbox(house: House) -> None:
    with house.services.transaction() as session:
        session.exec(select(Municipality)).one().mailbox = "koordination@musterstadt.example"


def test_it_is_made_once_a_day_and_remembered_with_what_it_looked_at(embedded: House) -> None:
    embedded.send()

    first = fsck.daily(embedded.services)
    embedded.clock.advance(DAY - 2 * HOUR)
    too_soon = fsck.daily(embedded.services)
    embedded.clock.advance(HOUR)
    second = fsck.daily(embedded.services)

    assert (first is None, too_soon, second is None) == (False, None, False)
    newest, oldest = remembered(embedded)
    assert (newest.verdict, newest.depth) == (Health.CLEAN, Depth.SAMPLE)
    assert newest.started_at - oldest.started_at == DAY - HOUR
    assert {"rows", "keys", "objects", "log_rows"} <= set(newest.looked_at)


def test_a_check_by_hand_that_read_no_paper_does_not_stand_for_the_daily_one(
    embedded: House,
) -> None:
    fsck.check(embedded.services)

    assert fsck.daily(embedded.services) is not None
    assert fsck.daily(embedded.services) is None


def test_readiness_knows_the_newest_check_its_age_and_its_loss(embedded: House) -> None:
    paper = embedded.send().id
    assert integrity(embedded) == Part(Condition.UNKNOWN, "integrity_unchecked")

    fsck.daily(embedded.services)
    assert integrity(embedded) == Part(Condition.OK, seconds=0)

    embedded.clock.advance(2 * DAY + HOUR)
    late = integrity(embedded)
    assert (late.condition, late.code) == (Condition.DEGRADED, "integrity_unchecked")

    embedded.services.store.put(A_NAME, b"nobody knows of this")
    fsck.check(embedded.services)
    assert integrity(embedded).condition is Condition.OK

    lose_the_object(embedded, paper)
    fsck.check(embedded.services)
    assert integrity(embedded) == Part(Condition.DEGRADED, "integrity_loss")


def test_loss_is_told_by_mail_once_on_each_day_on_which_it_is_found(embedded: House) -> None:
    give_the_coordinator_a_mailbox(embedded)
    paper = embedded.send().id
    fsck.daily(embedded.services)
    assert mails(embedded) == []

    lose_the_object(embedded, paper)
    for _ in range(3):
        embedded.clock.advance(DAY / 2)
        fsck.daily(embedded.services)

    told = [mail.dedupe.split("|")[1] for mail in mails(embedded)]
    assert told == ["integrity_loss"] * len(told)
    assert 1 <= len(told) <= 2


def test_when_no_check_can_be_made_for_days_that_is_told_too(
    embedded: House, tmp_path: Path
) -> None:
    give_the_coordinator_a_mailbox(embedded)
    fsck.daily(embedded.services)

    with moved_away(tmp_path / "objects"):
        for _ in range(3):
            embedded.clock.advance(DAY)
            with pytest.raises(Unavailable):
                fsck.daily(embedded.services)

    assert [mail.dedupe.split("|")[1] for mail in mails(embedded)] == ["integrity_unchecked"]
    assert len(remembered(embedded)) == 1


def test_a_check_that_reads_less_does_not_make_a_loss_look_mended(embedded: House) -> None:
    paper = embedded.send().id
    embedded.send()
    whole = embedded.services.store.get(object_of(embedded, paper))
    flip_one_bit(embedded, paper)
    assert fsck.check(embedded.services).health is Health.CLEAN
    assert fsck.check(embedded.services, Depth.DEEP).health is Health.LOSS

    for _ in range(2):
        fast = fsck.check(embedded.services)
        assert dict(fast.found) == {Damage.CORRUPT: 1}

    replace_object(embedded, paper, whole)
    assert fsck.check(embedded.services).health is Health.CLEAN


def test_a_loss_that_is_mended_before_the_mail_goes_is_not_told(embedded: House) -> None:
    give_the_coordinator_a_mailbox(embedded)
    paper, services = embedded.send().id, embedded.services
    whole = services.store.get(object_of(embedded, paper))
    lose_the_object(embedded, paper)
    fsck.daily(services)
    [mail] = mails(embedded)
    assert alarming.written(services, mail, message_id="<1@musterstadt.example>") is not None

    services.store.put(object_of(embedded, paper), whole)
    fsck.check(services)

    assert alarming.written(services, mail, message_id="<1@musterstadt.example>") is None


def test_copies_that_are_made_no_more_are_told_by_mail_once_a_day(embedded: House) -> None:
    give_the_coordinator_a_mailbox(embedded)
    with embedded.services.transaction() as session:
        last_backup.mark(session, at=embedded.clock(), is_complete=True)
    embedded.clock.advance(2 * DAY)
    fsck.daily(embedded.services)
    assert mails(embedded) == []

    embedded.clock.advance(HOUR)
    for _ in range(3):
        fsck.daily(embedded.services)

    [mail] = mails(embedded)
    assert mail.dedupe.split("|")[1] == "backup_late"
    # It says what is true when it goes.
    assert alarming.written(embedded.services, mail, message_id="<1@x.example>") is not None
    with embedded.services.transaction() as session:
        last_backup.mark(session, at=embedded.clock(), is_complete=False)
    assert alarming.written(embedded.services, mail, message_id="<1@x.example>") is None
