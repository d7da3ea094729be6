"""The outbox: one mail an address and day, one worker a mail, ever slower tries, then an end."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import col, select
from tests.factories import NOW

from kursdocs.adapters.database import Database
from kursdocs.core import outbox
from kursdocs.core.errors import Conflict, NotFound
from kursdocs.core.outbox import (
    ASKED_EVERY,
    ATTEMPTS_MAX,
    KEPT,
    LEASE,
    UNREACHED,
    OutboxMail,
    Purpose,
    Standing,
)
from kursdocs.core.tables import new_id
from kursdocs.core.workdays import local_date

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SOON = timedelta(seconds=1)
ADDRESS = "abh@post.example"


def put(
    database: Database,
    day: int = 0,
    *,
    address: str = ADDRESS,
    at: datetime = NOW,
    lasts: timedelta = 90 * DAY,
) -> UUID | None:
    """A digest of a numbered day; it lapses late, unless a test is about that."""
    with database.transaction() as session:
        return outbox.put(
            session,
            dedupe=f"digest:{address}:{day}",
            address=address,
            now=at,
            lapses_at=at + lasts,
        )


def put_many(database: Database, number: int) -> list[UUID]:
    """Mails in the order in which they are due, which is not that in which they were written."""
    moments = [NOW - MINUTE * (position + 1) for position in range(number)]
    made = [put(database, day, at=moment) for day, moment in enumerate(moments)]
    return [mail_id for mail_id in reversed(made) if mail_id is not None]


def claim(database: Database, at: datetime = NOW) -> OutboxMail | None:
    with database.transaction() as session:
        return outbox.claim(session, now=at)


def claimed(database: Database, at: datetime = NOW) -> OutboxMail:
    mail = claim(database, at)
    assert mail is not None
    return mail


def fail(
    database: Database,
    mail: OutboxMail,
    at: datetime = NOW,
    *,
    final: bool = False,
    code: str = "",
) -> None:
    with database.transaction() as session:
        outbox.mark_failed(
            session, mail.id, error="MailUnavailable", final=final, now=at, code=code
        )


def bounce(database: Database, mail_id: UUID | None, at: datetime = NOW) -> bool:
    with database.transaction() as session:
        return outbox.mark_bounced(session, mail_id or new_id(), code="5.1.1", now=at)


def unreached(database: Database, at: datetime = NOW) -> dict[str, tuple[datetime, str]]:
    with database.transaction() as session:
        found = outbox.unreached_addresses(session, now=at)
    return {address: (one.since, one.code) for address, one in found.items()}


def latest(database: Database, *addresses: str) -> dict[str, OutboxMail]:
    with database.transaction() as session:
        return dict(outbox.latest(session, addresses))


def ask_test(database: Database, at: datetime = NOW, address: str = ADDRESS) -> UUID:
    with database.transaction() as session:
        return outbox.put_test(session, address=address, municipality_id=new_id(), now=at)


def resend(database: Database, mail_id: UUID | None, at: datetime = NOW) -> UUID:
    with database.transaction() as session:
        return outbox.resend(session, mail_id or new_id(), now=at)


def send(database: Database, mail: OutboxMail, at: datetime = NOW) -> bool:
    with database.transaction() as session:
        return outbox.mark_sent(session, mail.id, now=at)


def drop(database: Database, mail: OutboxMail) -> None:
    with database.transaction() as session:
        outbox.drop(session, mail.id, now=NOW)


def counts(database: Database, at: datetime = NOW) -> tuple[int, int]:
    with database.transaction() as session:
        return outbox.counts(session, now=at)


def mails(database: Database) -> Sequence[OutboxMail]:
    with database.transaction() as session:
        return session.exec(select(OutboxMail).order_by(col(OutboxMail.due_at))).all()


def only(database: Database) -> OutboxMail:
    (mail,) = mails(database)
    return mail


# -- putting -----------------------------------------------------------------------------------


def test_a_mail_is_put_there_once_however_often_it_is_planned(database: Database) -> None:
    first = put(database)

    assert first is not None
    assert [put(database, at=NOW + HOUR), put(database, at=NOW + DAY)] == [None, None]
    assert only(database).id == first
    assert put(database, 1) is not None
    assert put(database, address="jc@post.example") is not None


def test_what_was_sent_or_given_up_is_not_put_there_again(database: Database) -> None:
    put(database, 0), put(database, 1)
    send(database, claimed(database))
    fail(database, claimed(database), final=True)

    assert [put(database, 0), put(database, 1)] == [None, None]


def test_two_planners_at_once_put_one_mail_and_lose_nothing_else(database: Database) -> None:
    begun, first_has_put = threading.Event(), threading.Event()

    def second_planner() -> UUID | None:
        begun.set()
        first_has_put.wait(5)
        with database.transaction() as session:
            mail_id = outbox.put(
                session, dedupe="same", address=ADDRESS, now=NOW, lapses_at=NOW + DAY
            )
            outbox.put(session, dedupe="other", address=ADDRESS, now=NOW, lapses_at=NOW + DAY)
            return mail_id

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as session:
            second = pool.submit(second_planner)
            begun.wait(5)
            assert outbox.put(session, dedupe="same", address=ADDRESS, now=NOW, lapses_at=NOW + DAY)
            first_has_put.set()
            # Long enough for the second to look, find nothing, and wait for this commit.
            threading.Event().wait(0.3)
        assert second.result(5) is None

    assert sorted(mail.dedupe for mail in mails(database)) == ["other", "same"]


def test_a_mail_that_is_rolled_back_was_never_put(database: Database) -> None:
    def put_and_fail() -> None:
        with database.transaction() as session:
            outbox.put(session, dedupe="d", address=ADDRESS, now=NOW, lapses_at=NOW + DAY)
            raise LookupError

    with pytest.raises(LookupError):
        put_and_fail()

    assert mails(database) == []


def test_the_database_itself_refuses_a_second_mail_of_the_day(database: Database) -> None:
    put(database)
    twin = OutboxMail(**{**only(database).model_dump(), "id": new_id()})

    with pytest.raises(sa.exc.IntegrityError), database.transaction() as session:
        session.add(twin)


def test_the_database_itself_refuses_a_mail_that_lapses_before_it_begins(
    database: Database,
) -> None:
    with pytest.raises(sa.exc.IntegrityError), database.transaction() as session:
        session.add(
            OutboxMail(dedupe="d", address=ADDRESS, created_at=NOW, due_at=NOW, lapses_at=NOW)
        )


# -- claiming ----------------------------------------------------------------------------------


def test_a_claim_is_a_lease(database: Database) -> None:
    put(database)

    first = claimed(database)

    assert first.attempts == 1
    assert only(database).due_at == NOW + LEASE
    assert claim(database, NOW + LEASE - SOON) is None
    again = claimed(database, NOW + LEASE)
    assert (again.id, again.attempts) == (first.id, 2)


def test_the_longest_due_mail_goes_first_and_none_before_its_time(database: Database) -> None:
    expected = put_many(database, 3)
    put(database, 9, at=NOW + MINUTE)

    found = [claimed(database).id for _ in expected]

    assert found == expected
    assert claim(database) is None
    assert claim(database, NOW + MINUTE) is not None


def test_a_mail_that_missed_its_day_lapses(database: Database) -> None:
    put(database, lasts=10 * HOUR)
    fail(database, claimed(database))

    assert claim(database, NOW + 10 * HOUR) is None
    assert claim(database, NOW + DAY) is None
    assert claim(database, NOW + 10 * HOUR - SOON) is not None


def test_a_claim_that_is_rolled_back_was_none(database: Database) -> None:
    put(database)

    def claim_and_fail() -> None:
        with database.transaction() as session:
            assert outbox.claim(session, now=NOW)
            raise LookupError

    with pytest.raises(LookupError):
        claim_and_fail()

    assert claimed(database).attempts == 1


def test_many_workers_never_claim_the_same_mail(database: Database) -> None:
    expected = put_many(database, 30)
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
def test_a_worker_passes_by_what_another_is_claiming(database: Database) -> None:
    first, second = put_many(database, 2)

    with database.transaction() as one, database.transaction() as another:
        found = [outbox.claim(session, now=NOW) for session in (one, another)]
        with database.transaction() as third:
            assert outbox.claim(third, now=NOW) is None

    assert [mail.id for mail in found if mail] == [first, second]


# -- how it ends -------------------------------------------------------------------------------


def test_what_is_sent_is_never_claimed_again(database: Database) -> None:
    put(database)
    mail = claimed(database)
    fail(database, mail)

    assert send(database, mail, NOW + MINUTE)

    assert (only(database).sent_at, only(database).last_error) == (NOW + MINUTE, "")
    assert claim(database, NOW + 30 * DAY) is None


def test_tries_come_ever_more_slowly_and_end_after_the_last(database: Database) -> None:
    put(database)
    now, waits = NOW, []
    for _ in range(ATTEMPTS_MAX):
        fail(database, claimed(database, now), now)
        failed = only(database)
        if failed.dead_at is None:
            assert claim(database, failed.due_at - SOON) is None
            waits.append(failed.due_at - now)
            now = failed.due_at

    assert waits == [MINUTE * minutes for minutes in (2, 4, 8, 16, 32, *[60] * 14)]
    dead = only(database)
    assert (dead.dead_at, dead.attempts, dead.last_error) == (now, 20, "MailUnavailable")
    assert claim(database, now + 30 * DAY) is None


def test_the_tries_outlast_the_longest_working_day(database: Database) -> None:
    """From seven to eight: a server that is back in the evening still gets the day's mails."""
    put(database)
    end = NOW + 13 * HOUR
    while only(database).due_at < end:
        now = only(database).due_at
        fail(database, claimed(database, now), now)

    assert only(database).dead_at is None


def test_a_final_refusal_ends_at_once(database: Database) -> None:
    put(database)
    mail = claimed(database)

    with database.transaction() as session:
        outbox.mark_failed(session, mail.id, error="MailRefused" * 20, final=True, now=NOW)

    assert (only(database).dead_at, len(only(database).last_error)) == (NOW, 60)
    assert claim(database, NOW + 30 * DAY) is None


def test_what_was_dropped_can_be_put_there_again_the_same_day(database: Database) -> None:
    put(database)
    drop(database, claimed(database))
    assert claim(database, NOW + 30 * DAY) is None

    assert put(database) is not None

    assert claim(database) is not None


def test_what_may_have_gone_out_before_makes_no_room_for_a_second_mail(database: Database) -> None:
    """The first sender died: nobody knows whether the server had the mail already."""
    put(database)
    claimed(database)

    drop(database, claimed(database, NOW + LEASE))

    assert put(database) is None
    assert claim(database, NOW + 2 * LEASE) is None


def test_a_mail_that_kills_its_sender_each_time_is_not_tried_for_ever(database: Database) -> None:
    put(database)
    moment = NOW

    for _ in range(ATTEMPTS_MAX):
        assert claim(database, moment) is not None
        moment += LEASE

    assert claim(database, moment) is None


def test_whoever_overslept_its_lease_undoes_nothing(database: Database) -> None:
    """Two workers sent the same mail: the first word stands."""
    put(database)
    slow = claimed(database)
    quick = claimed(database, NOW + LEASE)
    assert send(database, quick, NOW + LEASE)

    fail(database, slow, final=True)
    drop(database, slow)

    assert send(database, slow, NOW + 2 * LEASE) is False
    assert (only(database).sent_at, only(database).dead_at) == (NOW + LEASE, None)


def test_whoever_overslept_and_finds_the_mail_dropped_marks_nothing(database: Database) -> None:
    put(database)
    slow = claimed(database)
    drop(database, claimed(database, NOW + LEASE))

    fail(database, slow)
    drop(database, slow)

    assert send(database, slow, NOW + DAY) is False
    assert (only(database).sent_at, only(database).dead_at) == (NOW, None)


# -- what an operator sees ---------------------------------------------------------------------


def test_the_oldest_waiting_mail_tells_how_late_it_is(database: Database) -> None:
    def oldest(at: datetime) -> datetime | None:
        with database.transaction() as session:
            return outbox.oldest_waiting(session, now=at)

    assert oldest(NOW) is None
    put(database, 0, at=NOW - HOUR, lasts=3 * HOUR)
    put(database, 1)
    assert oldest(NOW) == NOW - HOUR
    assert oldest(NOW + 2 * HOUR) == NOW, "the first has lapsed"
    send(database, claimed(database))
    assert oldest(NOW) == NOW


def test_waiting_mails_are_counted_and_addresses_that_were_not_reached(
    database: Database,
) -> None:
    assert counts(database) == (0, 0)
    put(database, 0, lasts=HOUR)
    put(database, 0, address="jc@post.example", at=NOW + MINUTE)
    assert counts(database, NOW + MINUTE) == (2, 0)

    fail(database, claimed(database, NOW + MINUTE), final=True)

    assert counts(database, NOW + MINUTE) == (1, 1)
    fail(database, claimed(database, NOW + MINUTE), final=True)
    assert counts(database, NOW + MINUTE) == (0, 2)


def test_a_lapsed_mail_counts_as_not_arrived_until_a_later_one_arrives(
    database: Database,
) -> None:
    put(database, 0, lasts=HOUR)
    assert counts(database, NOW + HOUR) == (0, 1)

    put(database, 1, at=NOW + DAY)
    assert counts(database, NOW + DAY) == (1, 1)
    send(database, claimed(database, NOW + DAY), NOW + DAY)

    assert counts(database, NOW + DAY) == (0, 0)


def test_an_address_that_is_not_written_to_any_more_is_forgotten(database: Database) -> None:
    put(database, lasts=HOUR)

    assert counts(database, NOW + UNREACHED - SOON) == (0, 1)
    assert counts(database, NOW + UNREACHED) == (0, 0)


def test_only_what_is_over_is_over(database: Database) -> None:
    put(database, 0), put(database, 1), put(database, 2)
    send(database, claimed(database))
    fail(database, claimed(database), final=True)

    with database.transaction() as session:
        dedupes = [mail.dedupe for mail in session.exec(select(OutboxMail))]
        found = outbox.ended(session, [*dedupes, "never"])

    over = {mail.dedupe for mail in mails(database) if mail.sent_at or mail.dead_at}
    assert (found, len(found)) == (over, 2)


# -- what comes back ---------------------------------------------------------------------------


def test_a_mail_comes_back_once(database: Database) -> None:
    mail_id = put(database)
    send(database, claimed(database))

    assert [bounce(database, mail_id, NOW + HOUR), bounce(database, mail_id)] == [True, False]
    assert bounce(database, new_id()) is False
    mail = only(database)
    assert (mail.sent_at, mail.bounced_at, mail.bounce_code) == (NOW, NOW + HOUR, "5.1.1")


def test_what_came_back_before_it_was_marked_as_sent_is_not_sent_again(database: Database) -> None:
    """Its sender died between the server's acceptance and the mark."""
    put(database)
    mail = claimed(database)

    assert bounce(database, mail.id)

    assert claim(database, NOW + DAY) is None
    assert send(database, mail, NOW + HOUR) is False
    assert outbox.standing(only(database), NOW) is Standing.RETURNED


def test_many_readers_note_a_return_once(database: Database) -> None:
    mail_id = put(database)
    send(database, claimed(database))

    with ThreadPoolExecutor(4) as pool:
        noted = list(pool.map(lambda _: bounce(database, mail_id), range(4)))

    assert sorted(noted) == [False, False, False, True]


def test_an_address_is_unreached_after_a_refusal_or_a_return_until_a_mail_arrives(
    database: Database,
) -> None:
    put(database, 0, address="Refused@post.example"), put(database, 0, at=NOW + MINUTE)
    assert unreached(database) == {}
    fail(database, claimed(database), final=True, code="5.7.1")
    send(database, returned := claimed(database, NOW + MINUTE))
    bounce(database, returned.id, NOW + HOUR)

    assert unreached(database, NOW + DAY) == {
        "refused@post.example": (NOW, "5.7.1"),
        ADDRESS: (NOW + HOUR, "5.1.1"),
    }

    (
        put(database, 1, at=NOW + 2 * HOUR),
        put(database, 1, at=NOW + 2 * HOUR, address="refused@POST.example"),
    )
    send(database, claimed(database, NOW + 2 * HOUR))
    send(database, claimed(database, NOW + 2 * HOUR))

    assert unreached(database, NOW + DAY) == {}


def test_a_mail_on_its_way_gives_an_address_another_chance(database: Database) -> None:
    put(database, 0)
    fail(database, claimed(database), final=True, code="5.1.1")
    put(database, 1, at=NOW + HOUR, lasts=HOUR)
    assert unreached(database, NOW + HOUR) == {}

    fail(database, claimed(database, NOW + HOUR), NOW + HOUR, code="4.2.2")

    assert unreached(database, NOW + HOUR) == {}, "it is still being tried"
    assert unreached(database, NOW + 2 * HOUR) == {ADDRESS: (NOW + 2 * HOUR, "4.2.2")}


def test_for_the_plan_a_mail_on_its_way_makes_nothing_good_until_it_arrives(
    database: Database,
) -> None:
    def refused(at: datetime) -> set[str]:
        with database.transaction() as session:
            return set(outbox.unreached_addresses(session, now=at, until_one_arrives=True))

    put(database, 0)
    fail(database, claimed(database), final=True, code="5.1.1")
    put(database, 1, at=NOW + HOUR)

    assert refused(NOW + HOUR) == {ADDRESS}
    send(database, claimed(database, NOW + HOUR))
    assert refused(NOW + HOUR) == set()


def test_a_mail_server_in_trouble_is_not_the_fault_of_an_address(database: Database) -> None:
    put(database, 0, lasts=HOUR)
    fail(database, claimed(database))

    assert unreached(database, NOW + DAY) == {}
    assert counts(database, NOW + DAY) == (0, 1), "but the operator hears of it"


def test_an_outage_does_not_make_good_for_a_refusal(database: Database) -> None:
    put(database, 0)
    fail(database, claimed(database), final=True, code="5.1.1")
    put(database, 1, at=NOW + HOUR, lasts=HOUR)
    fail(database, claimed(database, NOW + HOUR))

    assert unreached(database, NOW + DAY) == {ADDRESS: (NOW, "5.1.1")}


def test_after_two_weeks_an_address_is_tried_anew(database: Database) -> None:
    put(database)
    fail(database, claimed(database), final=True, code="5.1.1")

    assert list(unreached(database, NOW + UNREACHED - SOON)) == [ADDRESS]
    assert unreached(database, NOW + UNREACHED) == {}


def test_what_came_back_counts_as_not_arrived(database: Database) -> None:
    mail_id = put(database)
    send(database, claimed(database))
    assert counts(database) == (0, 0)

    bounce(database, mail_id)

    assert counts(database) == (0, 1)


def test_the_last_mail_to_an_address_is_known_with_what_became_of_it(database: Database) -> None:
    put(database, 0), put(database, 1, at=NOW + MINUTE, lasts=HOUR)
    later = NOW + MINUTE

    def standing(at: datetime) -> Standing:
        return outbox.standing(latest(database, ADDRESS.upper(), "jc@post.example")[ADDRESS], at)

    assert standing(later) is Standing.WAITING
    assert standing(later + HOUR) is Standing.LAPSED
    send(database, claimed(database, later))
    mail = claimed(database, later)
    fail(database, mail, later)
    assert standing(later) is Standing.TRYING
    fail(database, mail, later, final=True, code="5.1.1")
    assert standing(later) is Standing.REFUSED
    assert latest(database, "jc@post.example") == {}


# -- what people ask for -------------------------------------------------------------------------


def test_a_test_mail_is_asked_for_once_in_a_while(database: Database) -> None:
    ask_test(database)
    for asked in (ADDRESS, ADDRESS.upper()):
        with pytest.raises(Conflict, match="mail_asked_lately"):
            ask_test(database, NOW + ASKED_EVERY - SOON, asked)

    ask_test(database, address="jc@post.example")
    ask_test(database, NOW + ASKED_EVERY)

    assert {mail.purpose for mail in mails(database)} == {Purpose.TEST}
    assert len(mails(database)) == 3


def test_two_clicks_at_once_bring_one_test_mail(database: Database) -> None:
    def ask(_: int) -> bool:
        try:
            ask_test(database)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(ask, range(4))) == [False, False, False, True]


def test_a_test_mail_that_arrives_makes_good_for_what_came_back(database: Database) -> None:
    put(database)
    fail(database, claimed(database), final=True, code="5.1.1")
    ask_test(database, NOW + HOUR)

    send(database, claimed(database, NOW + HOUR))

    assert unreached(database, NOW + HOUR) == {}


@pytest.mark.parametrize("how", ["refused", "returned", "lapsed"])
def test_a_mail_that_failed_can_be_sent_again_as_a_new_one(database: Database, how: str) -> None:
    first = put(database, lasts=HOUR)
    mail = claimed(database)
    if how == "refused":
        fail(database, mail, final=True, code="5.1.1")
    elif how == "returned":
        send(database, mail)
        bounce(database, mail.id)
    later = NOW + 2 * HOUR

    again = resend(database, first, later)

    assert again != first
    assert claimed(database, later).id == again
    assert unreached(database, later) == {}
    with pytest.raises(Conflict, match="mail_not_failed"):
        resend(database, first, later)
    with pytest.raises(Conflict, match="mail_not_failed"):
        resend(database, again, later)


def test_sending_again_takes_the_place_of_the_digest_of_the_day(database: Database) -> None:
    failed = put(database, -1, lasts=HOUR)

    resend(database, failed, NOW + DAY)

    today = outbox.digest_of(ADDRESS, local_date(NOW + DAY))
    with database.transaction() as session:
        planned = outbox.put(
            session, dedupe=today, address=ADDRESS, now=NOW + DAY, lapses_at=NOW + 2 * DAY
        )
    assert planned is None


def test_what_failed_again_can_be_sent_again_but_not_at_once(database: Database) -> None:
    moment = NOW
    mail_id = put(database, lasts=HOUR)
    fail(database, claimed(database), final=True, code="5.1.1")
    mail_id = resend(database, mail_id, moment)
    fail(database, claimed(database), final=True, code="5.1.1")
    mail_id = resend(database, mail_id, moment := NOW + 10 * MINUTE)
    fail(database, claimed(database, moment), moment, final=True, code="5.1.1")

    with pytest.raises(Conflict, match="mail_asked_lately"):
        resend(database, mail_id, moment + MINUTE)

    assert resend(database, mail_id, moment + ASKED_EVERY) != mail_id


def test_only_what_failed_can_be_sent_again(database: Database) -> None:
    waiting = put(database, 0)
    with pytest.raises(Conflict, match="mail_not_failed"):
        resend(database, waiting)
    send(database, claimed(database))
    with pytest.raises(Conflict, match="mail_not_failed"):
        resend(database, waiting)
    with pytest.raises(NotFound):
        resend(database, new_id())


def test_old_mails_are_forgotten_and_younger_ones_are_not(database: Database) -> None:
    put(database, 0, lasts=DAY), put(database, 1, at=NOW + SOON, lasts=DAY)
    put(database, 2, address="long@post.example", lasts=100 * DAY)

    with database.transaction() as session:
        assert outbox.forget_old(session, now=NOW + KEPT) == 0
        assert outbox.forget_old(session, now=NOW + KEPT + SOON) == 1

    assert len(mails(database)) == 2
