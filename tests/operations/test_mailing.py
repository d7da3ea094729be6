"""Mailing on a real SMTP server: one digest an address and day, true when sent, of nobody."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import pytest
from sqlmodel import select
from tests.factories import JOBCENTER, OFFICE, PROVIDER, make_agency, make_catalogue, make_form
from tests.operations.post import DESK, PUBLIC_URL, SENDER, Post, addressed, texts_of, through
from tests.servers import Letter, Stage

from kursdocs import bootstrap
from kursdocs.catalogue import AgencyKind
from kursdocs.core.documents import lifecycle
from kursdocs.core.documents.tables import Delivery
from kursdocs.core.outbox import LEASE
from kursdocs.operations import mailing, reminding
from kursdocs.operations.mailing import Mailed
from kursdocs.operations.reminding import Reminded

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
FRIDAY = date(2026, 11, 27)
PLAIN_TAGS = {
    *("doctype", "html", "head", "meta", "title", "style", "body", "div", "p", "h1", "h2"),
    *("ul", "li", "a", "strong", "table", "tr", "td"),
}
"""Nothing that loads, runs or is filled in."""


def subjects(letters: list[Letter]) -> list[str]:
    return [str(letter.message["Subject"]) for letter in letters]


# -- one digest a day ----------------------------------------------------------------------


def test_each_recipient_is_told_once_a_day_however_much_arrives(any_post: Post) -> None:
    any_post.at(MONDAY).arrive(OFFICE, JOBCENTER)
    assert addressed(any_post.work()) == [DESK, f"{JOBCENTER}@post.example"]

    for _ in range(3):
        any_post.later(hours=2).arrive()
        assert any_post.work() == []

    any_post.look_in(OFFICE, JOBCENTER)
    (letter,) = any_post.at(TUESDAY).work()
    assert letter.recipients == (DESK,)
    assert "4 Papiere warten auf Ihre Stelle, 3 davon neu" in texts_of(letter)["plain"]


def test_without_anything_new_nobody_is_told_anything(post: Post) -> None:
    assert post.at(MONDAY).work() == []
    post.arrive()
    post.work()

    assert post.at(TUESDAY).work() == []


def test_a_mail_says_what_is_true_when_it_is_sent(post: Post) -> None:
    """Planned, then one of three papers is taken over, one withdrawn, and one more comes."""
    post.at(MONDAY)
    first, second = post.arrive(), post.arrive()
    post.arrive()
    post.remind()
    post.take_over(first)
    with post.services.transaction() as session:
        lifecycle.withdraw(
            session,
            post.house.actors[PROVIDER],
            second,
            reason="misaddressed",
            catalogue=make_catalogue(),
            now=post.house.clock(),
        )
    post.arrive()

    assert post.deliver() == Mailed(sent=1, failed=0)

    (letter,) = post.smtp.letters
    assert subjects([letter]) == ["kursdocs: 2 Papiere warten, alle seit heute"]
    assert len(post.told()) == 2


def test_what_is_settled_before_the_mail_goes_out_brings_none(post: Post) -> None:
    document = post.at(MONDAY).arrive()
    post.remind()
    post.take_over(document)

    assert post.deliver() == Mailed(sent=0, failed=0)

    assert (post.smtp.letters, list(post.mails()), list(post.told())) == ([], [], [])


def test_a_mail_that_was_dropped_is_not_the_one_of_its_day(post: Post) -> None:
    """What came early but only now got through the scanner is told today all the same."""
    document = post.at(MONDAY).arrive()
    post.remind()
    post.take_over(document)
    post.deliver()

    post.later(hours=1).arrive(hours_ago=4)

    assert len(post.work()) == 1


def test_a_mail_planned_in_the_last_minute_is_not_sent_at_night(post: Post) -> None:
    post.at(MONDAY, 19).later(minutes=59).arrive(hours_ago=14)
    assert post.remind() == Reminded(mails=1, returned=0)

    assert post.later(minutes=1).work() == []
    assert post.at(TUESDAY, 6).work() == []

    assert len(post.at(TUESDAY, 8).work()) == 1


# -- what a mail says ----------------------------------------------------------------------


def test_a_mail_says_nothing_of_anybody(post: Post) -> None:
    """Sent for real: whatever the form, the file or the log knows is in no part of any mail."""
    post.staff()
    post.at(MONDAY)
    view = post.house.send(sending=post.house.sending(OFFICE, JOBCENTER))
    form = make_form(OFFICE, JOBCENTER)
    born = date.fromisoformat(form.birth_date)
    with post.services.transaction() as session:
        deliveries = session.exec(select(Delivery)).all()
    secrets = {
        *re.split(r"[\s-]+", f"{form.family_name} {form.given_names} {form.original_at}"),
        *form.fields.values(),
        *(f"{born:{style}}" for style in ("%Y-%m-%d", "%d.%m.%Y", "%Y%m%d", "%d/%m/%Y")),
        *(str(value) for value in (view.id, view.sha256, view.received_sha256)),
        *(value.hex for value in (view.id, *(delivery.id for delivery in deliveries))),
        *(str(delivery.id) for delivery in deliveries),
        *(str(delivery.recipient_agency_id) for delivery in deliveries),
        *(str(actor.user_id) for actor in post.house.actors.values()),
        post.house.actors["sprachwerk"].display_name,
    }
    assert len(secrets) > 20
    letters = post.work()
    for day in (date(2026, 11, 30), date(2026, 12, 7), date(2026, 12, 14), date(2026, 12, 15)):
        letters += post.at(day).work()
    assert len(letters) > 8

    sender = post.house.actors[PROVIDER].acting
    for letter in letters:
        is_own = letter.recipients == (f"{sender.slug}@post.example",)
        hidden = secrets if is_own else {*secrets, sender.name}
        for text in everything(letter):
            flat = re.sub(r"=\r?\n", "", text).lower()
            assert [secret for secret in hidden if secret.lower() in flat] == []


def everything(letter: Letter) -> list[str]:
    """All that a mail says: as it travelled, and each part and header decoded."""
    headers = (f"{name}: {value}" for name, value in letter.message.items())
    return [letter.message.as_string(), *texts_of(letter).values(), *headers]


def test_a_mail_loads_nothing_and_leads_to_the_lists_only(post: Post) -> None:
    post.staff()
    post.at(MONDAY).arrive(OFFICE, JOBCENTER)
    letters = post.work()
    for day in (date(2026, 12, 14), date(2026, 12, 15), date(2026, 12, 16)):
        letters += post.at(day).work()
    allowed = {
        f"{PUBLIC_URL}/lists/{slug}/{shown}"
        for slug in post.house.actors
        for shown in ("waiting", "returned", "leaving", "agencies")
    }

    links = set()
    for letter in letters:
        parts = texts_of(letter)
        tags = {tag.lower() for tag in re.findall(r"</?!?([a-zA-Z0-9]+)", parts["html"])}
        assert tags <= PLAIN_TAGS
        assert not re.search(r"\bsrc=|url\(|@import|background=|<img|<link|<script", parts["html"])
        links |= set(re.findall(r"https?://[^\s\"'<>]+", parts["html"] + " " + parts["plain"]))

    assert links <= allowed
    assert {f"{PUBLIC_URL}/lists/{OFFICE}/{shown}" for shown in ("waiting", "agencies")} <= links
    assert f"{PUBLIC_URL}/lists/{PROVIDER}/returned" in links


def test_a_mail_is_from_the_installation_and_asks_for_no_automatic_answer(post: Post) -> None:
    post.at(MONDAY).arrive()

    (letter,) = post.work()

    (mail,) = post.mails()
    assert letter.sender == letter.message["From"] == SENDER
    assert letter.message["Auto-Submitted"] == "auto-generated"
    assert letter.message["Message-ID"] == f"<{mail.id}@musterstadt.example>"
    assert {*letter.message.keys()} == {
        "Subject",
        "From",
        "To",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    }


# -- when the server fails -----------------------------------------------------------------


def stopped(post: Post) -> Post:
    """Nobody listens."""
    post.smtp.stop()
    return post


def refusing(stage: Stage, reply: str = "") -> Callable[[Post], Post]:
    """The server says no at this stage."""

    def refuse(post: Post) -> Post:
        post.smtp.refuse(stage, reply)
        return post

    return refuse


def without_tls(post: Post) -> Post:
    """The settings want STARTTLS, the server does not offer it."""
    return through(post, f"smtp://127.0.0.1:{post.smtp.port}?tls=starttls")


def without_sign_in(post: Post) -> Post:
    """The settings have a user, the server lets nobody sign in."""
    return through(post, f"smtp://kursdocs@127.0.0.1:{post.smtp.port}?tls=off", "erfunden")


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (stopped, "ConnectionRefusedError"),
        (refusing("connect", "421 4.3.2 closing"), "SMTPConnectError 421"),
        (refusing("connect", "554 5.7.1 not you"), "SMTPConnectError 554"),
        (refusing("helo", "450 4.3.2 later"), "SMTPHeloError 450"),
        (refusing("helo", "550 5.7.1 who are you"), "SMTPHeloError 550"),
        (without_tls, "SMTPNotSupportedError"),
        (without_sign_in, "SMTPNotSupportedError"),
        (refusing("mail", "451 4.3.0 later"), "sender refused with 451"),
        (refusing("mail", "550 5.7.1 not from you"), "sender refused with 550"),
        (refusing("rcpt", "451 4.7.1 greylisted"), "recipient refused with 451"),
        (refusing("rcpt", "530 5.7.0 sign in first"), "recipient refused with 530"),
        (refusing("data", "452 4.3.1 full"), "content refused with 452"),
        (refusing("after_data"), "SMTPServerDisconnected"),
    ],
)
def test_whatever_may_pass_is_tried_again_until_it_is_one_mail(
    post: Post, trouble: Callable[[Post], Post], error: str
) -> None:
    post.at(MONDAY).arrive()
    troubled = trouble(post)
    post.remind()

    assert troubled.deliver() == Mailed(sent=0, failed=1)
    assert troubled.deliver() == Mailed(sent=0, failed=0), "not before its time"

    (mail,) = post.mails()
    assert (mail.last_error, mail.attempts, list(post.told())) == (error, 1, [])
    post.smtp.behave()
    post.smtp.start()
    post.smtp.letters.clear()
    assert post.later(minutes=2).deliver() == Mailed(sent=1, failed=0)
    assert post.later(hours=1).work() == []
    assert len(post.smtp.letters) == len(post.told()) == 1


def test_a_lost_answer_repeats_the_mail_under_the_same_message_id(post: Post) -> None:
    post.at(MONDAY).arrive()
    post.smtp.refuse("after_data")
    post.work()
    post.smtp.behave()

    post.later(seconds=LEASE.total_seconds()).work()

    assert len(post.smtp.letters) == 2
    assert len({letter.message["Message-ID"] for letter in post.smtp.letters}) == 1


@pytest.mark.parametrize(
    ("stage", "reply", "error"),
    [
        ("rcpt", "550 5.1.1 no such box", "recipient refused with 550"),
        ("data", "554 5.6.0 not that", "content refused with 554"),
    ],
)
def test_a_final_no_ends_the_mail_of_the_day_and_the_next_day_tries_anew(
    post: Post, stage: Stage, reply: str, error: str
) -> None:
    post.at(MONDAY).arrive()
    post.smtp.refuse(stage, reply)
    assert post.work() == []
    post.smtp.behave()

    assert post.later(hours=9).work() == []

    (mail,) = post.mails()
    assert (mail.last_error, mail.dead_at is not None) == (error, True)
    (letter,) = post.at(TUESDAY).work()
    assert subjects([letter]) == ["kursdocs: 1 Papier wartet seit 1 Arbeitstag"]


def test_one_refused_address_keeps_no_other_from_its_mail(post: Post) -> None:
    """The box of one agency is gone: an address without a plain form never reaches the server."""
    post.change(OFFICE, mailbox="abh @post.example")
    post.at(MONDAY).arrive(OFFICE, JOBCENTER)

    assert addressed(post.work()) == [f"{JOBCENTER}@post.example"]

    (dead,) = [mail for mail in post.mails() if mail.dead_at is not None]
    assert dead.last_error == "the recipient is not one plain address"


def test_a_server_that_is_down_for_hours_brings_one_mail_the_same_day(post: Post) -> None:
    post.at(MONDAY, 7).arrive(OFFICE, JOBCENTER)
    post.smtp.stop()
    for _ in range(40):
        assert post.work() == []
        post.later(minutes=15)
    post.smtp.start()

    post.later(hours=1).work()

    assert len(post.smtp.letters) == 2


def test_a_server_that_is_down_on_friday_brings_one_digest_on_monday(post: Post) -> None:
    post.at(FRIDAY, 7).arrive()
    post.smtp.stop()
    for _ in range(28):
        post.later(minutes=30).work()
    post.smtp.start()
    post.look_in(OFFICE)

    for _ in range(60):
        assert not post.later(hours=1).work() or post.today.weekday() == 0

    (letter,) = post.smtp.letters
    assert subjects([letter]) == ["kursdocs: 1 Papier wartet seit 1 Arbeitstag"]
    assert [mail.sent_at is None for mail in post.mails()] == [True, False]
    assert len(post.told()) == 1


# -- several workers -----------------------------------------------------------------------


@pytest.mark.parametrize("settings", ["servers"], indirect=True)
def test_several_workers_at_once_send_each_mail_once(any_post: Post) -> None:
    slugs = [f"abh-{number}" for number in range(12)]
    with any_post.services.transaction() as session:
        for slug in slugs:
            make_agency(session, slug, AgencyKind.IMMIGRATION_OFFICE)
    any_post.at(MONDAY).arrive(*slugs)
    start = threading.Barrier(5)

    def work() -> int:
        settings = any_post.services.settings
        with bootstrap.open_services(settings, clock=any_post.house.clock) as services:
            start.wait(20)
            reminding.remind(services)
            return mailing.deliver_due(services).sent

    with ThreadPoolExecutor(5) as pool:
        sent = [future.result(60) for future in [pool.submit(work) for _ in range(5)]]

    assert sum(sent) == 12
    assert addressed(any_post.smtp.letters) == sorted(f"{slug}@post.example" for slug in slugs)
    assert len(any_post.told()) == 12


def test_whoever_oversleeps_its_lease_does_not_tell_twice_in_the_ledger(post: Post) -> None:
    """The mail is doubled, which nobody can prevent; what was told is written down once."""
    post.at(MONDAY).arrive()
    post.remind()
    real = post.services.mailer

    class Sleeping:
        def send(self, letter: object) -> None:
            real.send(letter)  # type: ignore[arg-type]  # a letter
            post.later(seconds=LEASE.total_seconds())
            assert post.deliver() == Mailed(sent=1, failed=0)

        def check(self) -> None:
            """Always there."""

    mailing.deliver_due(replace(post.services, mailer=Sleeping()))

    assert len(post.smtp.letters) == 2
    assert len(post.told()) == 1


# -- what a run leaves for the next --------------------------------------------------------


def test_more_mails_than_a_run_sends_are_sent_by_the_next(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailing, "MAILS_A_RUN", 1)
    post.at(MONDAY).arrive(OFFICE, JOBCENTER)
    post.remind()

    assert [post.deliver().sent for _ in range(3)] == [1, 1, 0]
