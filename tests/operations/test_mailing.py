"""Mailing end to end: a paper is sent, the recipients' mailboxes hear of it, and of nobody."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlmodel import select
from tests.factories import (
    ISSUER,
    JOBCENTER,
    NOW,
    OFFICE,
    PROVIDER,
    make_form,
    make_person_actor,
    make_town,
)
from tests.servers import SmtpServer

from kursdocs import bootstrap
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.documents import lifecycle
from kursdocs.core.documents.reading import DocumentView
from kursdocs.core.outbox import LEASE, OutboxMail
from kursdocs.demo.papers import sample_paper
from kursdocs.operations import intake, mailing
from kursdocs.operations.mailing import Mailed
from kursdocs.services import Services
from kursdocs.settings import Settings

PUBLIC_URL = "https://kursdocs.musterstadt.example"
LINK = f"{PUBLIC_URL}/inbox?state=new"
SENDER = "kursdocs@musterstadt.example"


@dataclass
class Clock:
    """A clock that the test moves."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Post:
    """A town whose provider can send papers and whose worker can mail."""

    services: Services
    clock: Clock
    town: dict[str, Agency]
    actors: dict[str, Actor]

    def send(self, *recipients: str, number: int = 1) -> DocumentView:
        """Send a paper of an invented person for real: stored, sealed, delivered, announced."""
        form = make_form(*recipients)
        sending = intake.prepare(self.services, self.actors[PROVIDER], form)
        pdf = sample_paper("Zulassung", form.family_name, form.given_names, number)
        return intake.store(self.services, self.actors[PROVIDER], sending, [pdf], key="")

    def deliver(self) -> Mailed:
        return mailing.deliver_due(self.services)

    def take_over(self, agency: str, document: DocumentView) -> None:
        with self.services.transaction() as session:
            for delivery in lifecycle.deliveries_of(session, document.id):
                if delivery.recipient_agency_id == self.town[agency].id:
                    lifecycle.take_over(session, self.actors[agency], delivery.id, now=self.clock())

    def mails(self) -> list[OutboxMail]:
        with self.services.transaction() as session:
            return list(session.exec(select(OutboxMail)).all())


@pytest.fixture
def settings(database_url: str, tmp_path: Path, smtp: SmtpServer) -> Settings:
    keys = tmp_path / "master.keys"
    keys.write_text("k1:" + base64.b64encode(bytes(range(32))).decode() + "\n")
    keys.chmod(0o600)
    return Settings(
        database_url=database_url,
        keys_url=f"sqlite:///{tmp_path / 'keys.sqlite'}",
        store_url=f"folder:{tmp_path / 'objects'}",
        master_key_file=keys,
        public_url=PUBLIC_URL,
        oidc_issuer=ISSUER,
        oidc_client_id="kursdocs",
        oidc_client_secret=SecretStr("erfunden"),
        smtp_url=smtp.url,
        mail_from=SENDER,
        clamd="off",
    )


@pytest.fixture
def post(settings: Settings) -> Iterator[Post]:
    bootstrap.migrate(settings)
    with bootstrap.open_services(settings) as opened:
        clock = Clock()
        services = replace(opened, clock=clock)
        with services.transaction() as session:
            town = make_town(session)
            actors = {slug: make_person_actor(session, town[slug], subject=slug) for slug in town}
        yield Post(services, clock, town, actors)


def texts_of(message: EmailMessage) -> list[str]:
    """Everything a mail says: as it travelled, and each part and header decoded."""
    parts = [str(part.get_content()) for part in message.walk() if not part.is_multipart()]
    return [message.as_string(), *parts, *(f"{name}: {value}" for name, value in message.items())]


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


# -- what a mail says ----------------------------------------------------------------------


def test_each_recipient_gets_one_mail_with_a_count_and_a_link(post: Post, smtp: SmtpServer) -> None:
    post.send(OFFICE, JOBCENTER)

    assert post.deliver() == Mailed(sent=2, failed=0)

    assert sorted(letter.recipients for letter in smtp.letters) == [
        (f"{OFFICE}@post.example",),
        (f"{JOBCENTER}@post.example",),
    ]
    for letter in smtp.letters:
        assert letter.message["Subject"] == "Ein neues Dokument in kursdocs"
        assert "Ein neues Dokument wartet" in text_of(letter.message)
        assert f"{LINK}\n" in text_of(letter.message)


def test_the_count_is_the_one_at_the_time_of_sending(post: Post, smtp: SmtpServer) -> None:
    first = post.send(OFFICE)
    post.send(OFFICE, number=2)
    post.send(OFFICE, number=3)
    post.take_over(OFFICE, first)

    post.deliver()

    (letter,) = smtp.letters
    assert letter.message["Subject"] == "2 neue Dokumente in kursdocs"
    assert "2 neue Dokumente warten" in text_of(letter.message)


def test_a_mail_says_nothing_of_anybody(post: Post, smtp: SmtpServer) -> None:
    document = post.send(OFFICE, JOBCENTER)
    form = make_form(OFFICE, JOBCENTER)
    born = date.fromisoformat(form.birth_date)
    secrets = {
        *re.split(r"[\s-]+", f"{form.family_name} {form.given_names} {form.original_at}"),
        *form.fields.values(),
        *(f"{born:{style}}" for style in ("%Y-%m-%d", "%d.%m.%Y", "%Y%m%d", "%d/%m/%Y")),
        *(str(value) for value in (document.id, document.sha256, document.received_sha256)),
        *(str(delivery.id) for delivery in document.deliveries),
        *(str(actor.user_id) for actor in post.actors.values()),
        *(actor.display_name for slug, actor in post.actors.items() if slug == PROVIDER),
        post.town[PROVIDER].name,
    }
    assert len(secrets) > 15

    post.deliver()

    assert len(smtp.letters) == 2
    for letter in smtp.letters:
        for text in texts_of(letter.message):
            flat = re.sub(r"=\r?\n", "", text).lower()
            assert [secret for secret in secrets if secret.lower() in flat] == []


def test_the_only_address_in_a_mail_leads_to_the_sign_in(post: Post, smtp: SmtpServer) -> None:
    post.send(OFFICE)

    post.deliver()

    (letter,) = smtp.letters
    said = " ".join(texts_of(letter.message)[1:])
    assert set(re.findall(r"https?://[^\s\"<>]+", said)) == {LINK}


# -- when a mail goes out ------------------------------------------------------------------


def test_a_day_brings_one_mail_however_much_arrives(post: Post, smtp: SmtpServer) -> None:
    for number in (1, 2):
        post.send(OFFICE, number=number)
        post.deliver()
        post.clock.now += timedelta(hours=2)
    assert len(smtp.letters) == 1

    post.clock.now += timedelta(days=1)
    post.send(OFFICE, number=3)
    post.deliver()

    assert [letter.message["Subject"][:2] for letter in smtp.letters] == ["Ei", "3 "]


def test_what_is_settled_before_the_mail_goes_out_brings_none(post: Post, smtp: SmtpServer) -> None:
    document = post.send(OFFICE)
    post.take_over(OFFICE, document)

    post.deliver()
    post.clock.now += timedelta(days=30)
    post.deliver()

    assert smtp.letters == []


def test_what_arrives_while_a_mail_is_found_empty_is_announced_after_all(
    post: Post, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = post.send(OFFICE)
    post.take_over(OFFICE, document)
    found_empty = mailing._drop_settled

    def arrive_meanwhile(services: Services, mail: OutboxMail) -> None:
        monkeypatch.undo()
        post.send(OFFICE, number=2)
        found_empty(services, mail)

    monkeypatch.setattr(mailing, "_drop_settled", arrive_meanwhile)

    post.deliver()
    post.deliver()

    assert len(smtp.letters) == 1


def test_what_is_withdrawn_before_the_mail_goes_out_brings_none(
    post: Post, smtp: SmtpServer
) -> None:
    document = post.send(OFFICE, JOBCENTER)
    with post.services.transaction() as session:
        lifecycle.withdraw(
            session, post.actors[PROVIDER], document.id, reason="misaddressed", now=post.clock()
        )

    post.deliver()

    assert smtp.letters == []


# -- when the server fails -----------------------------------------------------------------


def test_refused_then_accepted_is_one_mail(post: Post, smtp: SmtpServer) -> None:
    post.send(OFFICE)
    (mail,) = post.mails()
    smtp.refuse("rcpt", "451 4.7.1 greylisted")
    assert post.deliver() == Mailed(sent=0, failed=1)
    assert post.deliver() == Mailed(sent=0, failed=0)
    smtp.behave()
    post.clock.now += LEASE

    assert post.deliver() == Mailed(sent=1, failed=0)
    post.clock.now += timedelta(days=30)
    assert post.deliver() == Mailed(sent=0, failed=0)

    (letter,) = smtp.letters
    assert letter.message["Message-ID"] == f"<{mail.id}@musterstadt.example>"


def test_a_lost_answer_repeats_the_mail_under_the_same_message_id(
    post: Post, smtp: SmtpServer
) -> None:
    post.send(OFFICE)
    smtp.refuse("after_data")
    assert post.deliver() == Mailed(sent=0, failed=1)
    smtp.behave()
    post.clock.now += LEASE

    assert post.deliver() == Mailed(sent=1, failed=0)

    assert len(smtp.letters) == 2
    assert len({letter.message["Message-ID"] for letter in smtp.letters}) == 1


def test_a_final_no_ends_the_mail_and_no_other(post: Post, smtp: SmtpServer) -> None:
    post.send(OFFICE)
    smtp.refuse("rcpt", "550 5.1.1 no such box")
    assert post.deliver() == Mailed(sent=0, failed=1)
    smtp.behave()
    post.send(JOBCENTER, number=2)
    post.clock.now += timedelta(days=30)

    assert post.deliver() == Mailed(sent=1, failed=0)

    (letter,) = smtp.letters
    assert letter.recipients == (f"{JOBCENTER}@post.example",)
    dead = [mail for mail in post.mails() if mail.dead_at is not None]
    assert [(mail.agency_id, mail.last_error) for mail in dead] == [
        (post.town[OFFICE].id, "recipient refused with 550")
    ]


def test_a_server_that_is_down_for_hours_loses_nothing(post: Post, smtp: SmtpServer) -> None:
    post.send(OFFICE, JOBCENTER)
    smtp.stop()
    for _ in range(4):
        post.deliver()
        post.clock.now += timedelta(hours=1)
    smtp.start()

    assert post.deliver() == Mailed(sent=2, failed=0)

    assert len(smtp.letters) == 2


def test_a_worker_that_died_while_sending_is_followed_by_another(
    post: Post, smtp: SmtpServer
) -> None:
    class Died(BaseException):
        """What no handler may catch, like the end of a process."""

    def clock_of_one_who_dies_after_sending() -> datetime:
        if smtp.letters:
            raise Died
        return post.clock()

    post.send(OFFICE)
    with pytest.raises(Died):
        mailing.deliver_due(replace(post.services, clock=clock_of_one_who_dies_after_sending))
    assert post.deliver() == Mailed(sent=0, failed=0)
    post.clock.now += LEASE

    assert post.deliver() == Mailed(sent=1, failed=0)

    (mail,) = post.mails()
    assert mail.sent_at == NOW + LEASE
    ids = [letter.message["Message-ID"] for letter in smtp.letters]
    assert ids == [f"<{mail.id}@musterstadt.example>"] * 2
