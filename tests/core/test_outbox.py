"""The outbox: one mail a day and agency, one worker a mail, ever slower tries, then an end."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import select
from tests.factories import JOBCENTER, NOW, OFFICE, make_agency, make_document, make_person_actor

from kursdocs.adapters.database import Database
from kursdocs.core import agencies, outbox
from kursdocs.core.agencies import Agency
from kursdocs.core.documents import lifecycle
from kursdocs.core.outbox import ATTEMPTS_MAX, LEASE, OutboxMail
from kursdocs.core.tables import new_id

MINUTE = timedelta(minutes=1)
Town = dict[str, Agency]


def announce(database: Database, agency: Agency, at: datetime = NOW) -> None:
    with database.transaction() as session:
        outbox.announce_arrivals(session, agency_id=agency.id, now=at)


def enqueue(database: Database, agency: Agency, number: int = 1) -> list[UUID]:
    """Mails of as many past days, in the order in which they are due (not: were written)."""
    for day in range(number):
        announce(database, agency, NOW - timedelta(days=day + 1))
    return [mail.id for mail in mails(database)]


def claim(database: Database, at: datetime = NOW) -> OutboxMail | None:
    with database.transaction() as session:
        return outbox.claim(session, now=at)


def claimed(database: Database, at: datetime = NOW) -> OutboxMail:
    mail = claim(database, at)
    assert mail is not None
    return mail


def mails(database: Database) -> Sequence[OutboxMail]:
    with database.transaction() as session:
        return session.exec(select(OutboxMail).order_by(sa.column("due_at"))).all()


def only(database: Database) -> OutboxMail:
    (mail,) = mails(database)
    return mail


# -- announcing ----------------------------------------------------------------------------


def test_a_day_of_arrivals_is_one_mail_per_agency(database: Database, town: Town) -> None:
    for hours in (0, 1, 8):
        announce(database, town[OFFICE], NOW + timedelta(hours=hours))
    announce(database, town[JOBCENTER])

    assert sorted(mail.agency_id for mail in mails(database)) == sorted(
        [town[OFFICE].id, town[JOBCENTER].id]
    )


@pytest.mark.parametrize(
    ("first", "second", "number"),
    [
        # 23:59 and 0:00 local time, in winter (UTC+1) and in summer (UTC+2).
        ("2026-11-23T22:59:59", "2026-11-23T23:00:00", 2),
        ("2026-11-23T23:00:00", "2026-11-24T22:59:59", 1),
        ("2026-07-06T21:59:59", "2026-07-06T22:00:00", 2),
        ("2026-07-06T22:00:00", "2026-07-07T21:59:59", 1),
        # The night in which the clocks go back has 25 hours.
        ("2026-10-24T22:00:00", "2026-10-25T22:59:59", 1),
    ],
)
def test_the_day_is_the_local_one(
    database: Database, town: Town, first: str, second: str, number: int
) -> None:
    for moment in (first, second):
        announce(database, town[OFFICE], datetime.fromisoformat(moment).replace(tzinfo=UTC))

    assert len(mails(database)) == number


def test_two_senders_at_once_announce_once_and_lose_nothing_else(
    database: Database, town: Town
) -> None:
    begun, first_has_announced = threading.Event(), threading.Event()

    def second_sender() -> None:
        begun.set()
        first_has_announced.wait(5)
        with database.transaction() as session:
            make_agency(session, "zweite-stelle", town[OFFICE].kind)
            outbox.announce_arrivals(session, agency_id=town[OFFICE].id, now=NOW)

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as session:
            second = pool.submit(second_sender)
            begun.wait(5)
            outbox.announce_arrivals(session, agency_id=town[OFFICE].id, now=NOW)
            first_has_announced.set()
            # Long enough for the second to look, find nothing, and wait for this commit.
            threading.Event().wait(0.3)
        second.result(5)

    assert len(mails(database)) == 1
    with database.transaction() as session:
        assert agencies.by_slug(session, "zweite-stelle").slug == "zweite-stelle"


def test_what_is_rolled_back_is_not_announced(database: Database, town: Town) -> None:
    def announce_and_fail() -> None:
        with database.transaction() as session:
            outbox.announce_arrivals(session, agency_id=town[OFFICE].id, now=NOW)
            raise LookupError

    with pytest.raises(LookupError):
        announce_and_fail()

    assert mails(database) == []


def test_a_delivery_announces_itself_to_mailboxes_only(database: Database, town: Town) -> None:
    with database.transaction() as session:
        silent = make_agency(session, "ohne-postfach", town[JOBCENTER].kind, mailbox="")
        sender = make_person_actor(session, town["sprachwerk"])
        make_document(session, sender, OFFICE, silent.slug)

    assert only(database).agency_id == town[OFFICE].id


def test_a_held_document_is_announced_when_it_is_released(database: Database, town: Town) -> None:
    with database.transaction() as session:
        sender = make_person_actor(session, town["sprachwerk"])
        held = make_document(session, sender, OFFICE, scanned=False)
    assert mails(database) == []

    with database.transaction() as session:
        lifecycle.release_held(session, sender, held, working_days=5, now=NOW)

    assert only(database).agency_id == town[OFFICE].id


def test_the_database_itself_refuses_a_second_mail_of_the_day(
    database: Database, town: Town
) -> None:
    announce(database, town[OFFICE])
    first = only(database)
    twin = OutboxMail(**{**first.model_dump(), "id": new_id()})

    with pytest.raises(sa.exc.IntegrityError), database.transaction() as session:
        session.add(twin)


# -- claiming ------------------------------------------------------------------------------


def test_a_claim_is_a_lease(database: Database, town: Town) -> None:
    enqueue(database, town[OFFICE])

    first = claimed(database)

    assert first.attempts == 1
    assert only(database).due_at == NOW + LEASE
    assert claim(database, NOW + LEASE - timedelta(seconds=1)) is None
    again = claimed(database, NOW + LEASE)
    assert (again.id, again.attempts) == (first.id, 2)


def test_the_longest_due_mail_goes_first_and_none_before_its_time(
    database: Database, town: Town
) -> None:
    expected = enqueue(database, town[OFFICE], 3)
    announce(database, town[OFFICE], NOW + MINUTE)

    found = [claimed(database).id for _ in expected]

    assert found == expected
    assert claim(database) is None
    assert claim(database, NOW + MINUTE) is not None


def test_a_claim_that_is_rolled_back_was_none(database: Database, town: Town) -> None:
    enqueue(database, town[OFFICE])

    def claim_and_fail() -> None:
        with database.transaction() as session:
            assert outbox.claim(session, now=NOW)
            raise LookupError

    with pytest.raises(LookupError):
        claim_and_fail()

    assert claimed(database).attempts == 1


def test_many_workers_never_claim_the_same_mail(database: Database, town: Town) -> None:
    expected = enqueue(database, town[OFFICE], 30)
    start = threading.Barrier(6)

    def worker() -> list[UUID]:
        start.wait(5)
        found = []
        while (mail := claim(database)) is not None:
            found.append(mail.id)
        return found

    with ThreadPoolExecutor(6) as pool:
        shares = [future.result(20) for future in [pool.submit(worker) for _ in range(6)]]

    assert sorted(mail for share in shares for mail in share) == sorted(expected)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_worker_passes_by_what_another_is_claiming(database: Database, town: Town) -> None:
    first, second = enqueue(database, town[OFFICE], 2)

    with database.transaction() as one, database.transaction() as another:
        found = [outbox.claim(session, now=NOW) for session in (one, another)]
        with database.transaction() as third:
            assert outbox.claim(third, now=NOW) is None

    assert [mail.id for mail in found if mail] == [first, second]


# -- how it ends ---------------------------------------------------------------------------


def test_what_is_sent_is_never_claimed_again(database: Database, town: Town) -> None:
    enqueue(database, town[OFFICE])
    mail = claimed(database)

    with database.transaction() as session:
        outbox.mark_failed(session, mail.id, error="MailUnavailable", final=False, now=NOW)
        outbox.mark_sent(session, mail.id, now=NOW + MINUTE)

    assert only(database).sent_at == NOW + MINUTE
    assert only(database).last_error == ""
    assert claim(database, NOW + timedelta(days=30)) is None


def test_tries_come_ever_more_slowly_and_end_after_the_last(database: Database, town: Town) -> None:
    enqueue(database, town[OFFICE])
    now, waits = NOW, []
    for _ in range(ATTEMPTS_MAX):
        mail = claimed(database, now)
        with database.transaction() as session:
            outbox.mark_failed(session, mail.id, error="MailUnavailable", final=False, now=now)
        failed = only(database)
        if failed.dead_at is None:
            assert claim(database, failed.due_at - timedelta(seconds=1)) is None
            waits.append(failed.due_at - now)
            now = failed.due_at

    assert waits == [MINUTE * minutes for minutes in (2, 4, 8, 16, 32, 64, 128)]
    dead = only(database)
    assert (dead.dead_at, dead.attempts, dead.last_error) == (now, 8, "MailUnavailable")
    assert claim(database, now + timedelta(days=30)) is None


def test_a_final_refusal_ends_at_once(database: Database, town: Town) -> None:
    enqueue(database, town[OFFICE])
    mail = claimed(database)

    with database.transaction() as session:
        outbox.mark_failed(session, mail.id, error="MailRefused" * 20, final=True, now=NOW)

    assert only(database).dead_at == NOW
    assert only(database).last_error.startswith("MailRefused")
    assert claim(database, NOW + timedelta(days=30)) is None


def test_what_has_nothing_to_say_any_more_is_dropped(database: Database, town: Town) -> None:
    enqueue(database, town[OFFICE])
    mail = claimed(database)

    with database.transaction() as session:
        outbox.drop(session, mail.id)

    assert claim(database, NOW + timedelta(days=30)) is None


def test_what_arrives_after_a_dropped_mail_is_announced_the_same_day(
    database: Database, town: Town
) -> None:
    announce(database, town[OFFICE])
    mail = claimed(database)
    with database.transaction() as session:
        outbox.drop(session, mail.id)

    announce(database, town[OFFICE])

    assert claim(database, NOW) is not None


def test_a_mail_that_kills_its_sender_each_time_is_not_tried_for_ever(
    database: Database, town: Town
) -> None:
    announce(database, town[OFFICE])
    moment = NOW

    for _ in range(outbox.ATTEMPTS_MAX):
        assert claim(database, moment) is not None
        moment += outbox.LEASE

    assert claim(database, moment) is None
