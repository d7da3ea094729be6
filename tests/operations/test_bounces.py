"""What comes back, from a real SMTP server out to a real IMAP mailbox: noted once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlmodel import Session
from structlog.testing import capture_logs
from tests.factories import OFFICE
from tests.operations.post import DESK, SENDER, Post, through
from tests.returned_mail import delayed, exchange, exim, human, out_of_office, postfix
from tests.servers import Letter, free_port
from tests.servers_dovecot import PASSWORD, DovecotServer, Mailbox

from kursdocs.adapters.bounces import open_bounces
from kursdocs.core import outbox
from kursdocs.core.errors import Unavailable
from kursdocs.core.outbox import Purpose, Standing, Unreached
from kursdocs.core.ports import BouncesUnavailable
from kursdocs.core.reminders.tables import Outcome
from kursdocs.operations import mailing
from kursdocs.operations.mailing import Mailed

MONDAY = date(2026, 11, 23)


@pytest.fixture
def mailbox(dovecot: DovecotServer) -> Mailbox:
    return dovecot.new_mailbox()


def reading(post: Post, mailbox: Mailbox) -> Post:
    """The same town, with a mailbox for returned mail."""
    bounces = open_bounces(mailbox.url, PASSWORD, SENDER)
    return replace(
        post, house=replace(post.house, services=replace(post.services, bounces=bounces))
    )


def put_digest(post: Post, address: str = DESK) -> None:
    """A mail whose text matters to nobody here."""
    now = post.house.clock()
    with post.services.transaction() as session:
        outbox.put(
            session,
            dedupe=f"digest:{address}:{now}",
            address=address,
            now=now,
            lapses_at=now + timedelta(hours=10),
            purpose=Purpose.TEST,
            municipality_id=post.house.actors[OFFICE].municipality,
        )


def sent(post: Post) -> Letter:
    """A mail that the server has taken just now."""
    put_digest(post)
    assert post.deliver() == Mailed(sent=1, failed=0)
    return post.smtp.letters[-1]


def id_of(letter: Letter) -> str:
    return str(letter.message["Message-ID"])


def unreached(post: Post) -> dict[str, Unreached]:
    with post.services.transaction() as session:
        return dict(outbox.unreached_addresses(session, now=post.house.clock()))


# -- what comes back -----------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "code"), [(postfix, "5.1.1"), (exim, "550"), (exchange, "5.2.2")])
def test_a_mail_that_comes_back_makes_its_address_unreached(
    post: Post, mailbox: Mailbox, form: object, code: str
) -> None:
    post = reading(post.at(MONDAY), mailbox)
    letter = sent(post)
    mailbox.put(form(id_of(letter)))  # type: ignore[operator]  # a sample

    assert mailing.look_for_bounces(post.later(minutes=3).services) == 1

    (mail,) = post.mails()
    assert outbox.standing(mail, post.house.clock()) is Standing.RETURNED
    assert unreached(post) == {DESK: Unreached(post.house.clock(), code)}
    assert mailbox.flags() == []
    assert mailing.look_for_bounces(post.services) == 0


def test_what_did_not_come_back_changes_nothing(post: Post, mailbox: Mailbox) -> None:
    post = reading(post.at(MONDAY), mailbox)
    message_id = id_of(sent(post))
    mailbox.put(delayed(message_id), out_of_office(message_id), human(message_id))

    assert mailing.look_for_bounces(post.services) == 0

    assert unreached(post) == {}
    assert len(mailbox.flags()) == 1, "the answer of a person stays"


def test_what_a_returned_mail_told_counts_as_told_to_nobody(
    any_post: Post, mailbox: Mailbox
) -> None:
    post = reading(any_post.at(MONDAY), mailbox)
    post.arrive()
    post.later(hours=24).look_in(OFFICE)
    letters = post.at(date(2026, 11, 24)).work()
    (letter,) = [one for one in letters if one.recipients == (DESK,)]
    mailbox.put(postfix(id_of(letter)))

    mailing.look_for_bounces(post.services)

    outcomes = {row.outcome for row in post.told() if str(row.mail_id) in id_of(letter)}
    assert outcomes == {Outcome.UNDELIVERED}


def test_a_crash_between_reading_and_removing_loses_and_doubles_nothing(
    post: Post, mailbox: Mailbox
) -> None:
    post = reading(post.at(MONDAY), mailbox)
    mailbox.put(postfix(id_of(sent(post))))
    real = post.services.bounces

    class Crashing:
        """Dies when all is written down, before anything was removed."""

        def fetch(self) -> object:
            return real.fetch()

        def done(self, bounces: object) -> None:
            raise BouncesUnavailable("gone")

        def check(self) -> None:
            """Not asked."""

    with pytest.raises(Unavailable):
        mailing.look_for_bounces(replace(post.services, bounces=Crashing()))  # type: ignore[arg-type]  # as a reader
    assert len(mailbox.flags()) == 1
    noted = unreached(post)

    assert mailing.look_for_bounces(post.later(minutes=5).services) == 0

    assert unreached(post) == noted
    assert mailbox.flags() == []


def test_a_report_is_kept_when_it_cannot_be_written_down(post: Post, mailbox: Mailbox) -> None:
    post = reading(post.at(MONDAY), mailbox)
    mailbox.put(postfix(id_of(sent(post))))

    def away() -> AbstractContextManager[Session]:
        raise Unavailable("database_unavailable")

    with pytest.raises(Unavailable):
        mailing.look_for_bounces(replace(post.services, transaction=away))

    assert len(mailbox.flags()) == 1
    assert mailing.look_for_bounces(post.services) == 1


@pytest.mark.parametrize("settings", ["servers"], indirect=True)
def test_several_workers_note_a_return_once(any_post: Post, mailbox: Mailbox) -> None:
    post = reading(any_post.at(MONDAY), mailbox)
    ids = []
    for number in range(6):
        put_digest(post, f"amt-{number}@post.example")
    post.deliver()
    ids = [id_of(letter) for letter in post.smtp.letters]
    mailbox.put(*(postfix(message_id) for message_id in ids))
    start = threading.Barrier(4)

    def work() -> int:
        services = replace(post.services, bounces=open_bounces(mailbox.url, PASSWORD, SENDER))
        start.wait(10)
        return mailing.look_for_bounces(services)

    with ThreadPoolExecutor(4) as pool:
        noted = [one.result(30) for one in [pool.submit(work) for _ in range(4)]]

    assert (sum(noted), len(unreached(post))) == (6, 6)
    assert mailbox.flags() == []


def test_a_return_is_logged_without_an_address(post: Post, mailbox: Mailbox) -> None:
    post = reading(post.at(MONDAY), mailbox)
    mailbox.put(postfix(id_of(sent(post))))

    with capture_logs() as log:
        mailing.look_for_bounces(post.services)

    assert [line["event"] for line in log] == ["mail.bounced"]
    assert "@" not in str(log)


# -- test mails, and the way out -------------------------------------------------------------------


def test_a_test_mail_names_the_town_and_nothing_else(post: Post) -> None:
    town = post.house.actors[OFFICE].municipality
    assert town is not None
    with post.services.transaction() as session:
        outbox.put_test(session, address=DESK, municipality_id=town, now=post.house.clock())

    post.deliver()

    (letter,) = post.smtp.letters
    assert letter.message["Subject"] == "kursdocs: Testmail (Musterstadt)"
    assert "es ist nichts zu tun" in letter.message.as_string().replace("=\n", "")
    assert list(post.told()) == [], "it tells of nothing"
    assert (post.mails()[0].purpose, unreached(post)) == (Purpose.TEST, {})


def test_a_test_mail_goes_out_at_night_and_on_holidays_too(post: Post) -> None:
    post.at(date(2026, 12, 25), 23)

    assert sent(post).recipients == (DESK,)


def test_a_worker_that_is_told_to_stop_begins_no_further_mail(post: Post) -> None:
    for number in range(3):
        put_digest(post, f"amt-{number}@post.example")
    stop, real = threading.Event(), post.services.mailer

    class Stopping:
        """Is told to stop while the first mail goes out."""

        def send(self, letter: object) -> None:
            real.send(letter)  # type: ignore[arg-type]  # a letter
            stop.set()

        def check(self) -> None:
            """Not asked."""

    done = mailing.deliver_due(replace(post.services, mailer=Stopping()), stop)

    assert done == Mailed(sent=1, failed=0)
    assert [mail.attempts for mail in post.mails() if mail.sent_at is None] == [0, 0]


def test_a_mail_server_that_does_not_let_us_in_fails_the_check(post: Post) -> None:
    mailing.check_server(post.services)
    shut = through(post, f"smtp://127.0.0.1:{free_port()}?tls=off")

    with pytest.raises(Unavailable) as refused:
        mailing.check_server(shut.services)

    assert refused.value.code == "mail_unavailable"
    assert refused.value.details == {"reason": "ConnectionRefusedError"}


def test_old_mails_are_forgotten_but_not_what_they_told(post: Post) -> None:
    post.at(MONDAY).arrive()
    post.at(date(2026, 11, 24)).work()
    told = len(post.told())
    assert told

    post.later(days=89)
    assert mailing.forget_old(post.services) == 0
    assert mailing.forget_old(post.later(days=2).services) >= 1

    assert (list(post.mails()), len(post.told())) == ([], told)


def test_a_refused_digest_that_is_sent_again_arrives_with_what_is_true_now(post: Post) -> None:
    post.at(MONDAY).arrive()
    post.at(date(2026, 11, 24))
    post.smtp.refuse("rcpt", "550 5.1.1 no such box")
    assert post.work() == []
    post.smtp.behave()
    (refused,) = [mail for mail in post.mails() if mail.address == DESK]
    assert set(unreached(post)) == {DESK}

    with post.services.transaction() as session:
        outbox.resend(session, refused.id, now=post.later(minutes=10).house.clock())
    again = post.work()

    assert [letter.recipients for letter in again] == [(DESK,)]
    assert unreached(post) == {}
    assert {row.outcome for row in post.told()} == {Outcome.OPEN}
    assert post.later(minutes=10).work() == [], "a day has one"
