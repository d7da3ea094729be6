"""How mail goes out, as coordinator and head see it: in plain words, with what to do."""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta

import pytest
from sqlmodel import col, delete, select
from tests.web.house import OFFICE, VHS, House, Visitor, open_house

from kursdocs.core import agencies, heartbeats
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import AuditEvent, Happening
from kursdocs.core.heartbeats import Heartbeat
from kursdocs.core.outbox import OutboxMail, Purpose
from kursdocs.web.mail import sentence_of, trouble_of

INES, VERA, AMINA, JONAS = "ines.muster", "vera.probe", "amina.muster", "jonas.muster"
REFUSES = "Ein Postfach nimmt keine Mails an"
CODES: Mapping[str, str] = {
    "5.1.1": "Die Adresse gibt es nicht.",
    "5.1.10": "Die Adresse gibt es nicht.",
    "5.1.2": "Den Server hinter der Adresse gibt es nicht.",
    "5.1.3": "Die Adresse ist nicht richtig geschrieben.",
    "5.2.1": "Das Postfach ist abgeschaltet.",
    "4.2.2": "Das Postfach ist voll.",
    "552": "Das Postfach ist voll.",
    "5.3.4": "Die Mail ist dem Server des Postfachs zu groß.",
    "5.7.1": "Der Server des Postfachs lässt Mails von kursdocs nicht durch.",
    "554": "Der Server des Postfachs lässt Mails von kursdocs nicht durch.",
    "4.4.7": "Der Server des Postfachs war lange nicht zu erreichen.",
    "550": "Der Server nimmt für diese Adresse keine Mails an.",
    "450": "Der Server des Postfachs nimmt zurzeit keine Mails an.",
    "5.0.0": "Der Server des Postfachs nimmt die Mails nicht an.",
    "": "Der Server des Postfachs nimmt die Mails nicht an.",
}


@pytest.fixture(scope="module")
def town_hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house of its own, because these tests change its outbox."""
    with ExitStack() as stack:
        yield stack.enter_context(open_house(tmp_path_factory.mktemp("mail") / "var"))


@pytest.fixture(autouse=True)
def quiet(town_hall: House) -> None:
    """No mail was ever sent, and the worker and the mail server are well."""
    with town_hall.services.transaction() as session:
        session.exec(delete(OutboxMail))
        session.exec(delete(Heartbeat))
    for duty in ("reminding", "mailing", "mail_server"):
        beat(town_hall, duty)


def beat(house: House, duty: str, *, succeeded: bool = True) -> None:
    with house.services.transaction() as session:
        if not succeeded:
            session.exec(delete(Heartbeat).where(col(Heartbeat.duty) == duty))
        heartbeats.beat(session, duty, every_seconds=300, succeeded=succeeded, now=house.clock())


def mailbox(house: House, slug: str = VHS) -> str:
    with house.services.transaction() as session:
        return agencies.by_slug(session, slug).mailbox


def mailed(house: House, address: str = "", **changes: object) -> OutboxMail:
    """A mail that the server took half an hour ago, unless it is changed."""
    moment = house.clock() - timedelta(minutes=30)
    values: dict[str, object] = {
        "dedupe": f"digest:{moment}:{changes}",
        "address": address or mailbox(house),
        "created_at": moment,
        "due_at": moment,
        "lapses_at": moment + timedelta(hours=10),
        "attempts": 1,
        "sent_at": moment,
    }
    mail = OutboxMail(**{**values, **changes})  # type: ignore[arg-type]  # as in a row
    with house.services.transaction() as session:
        session.add(mail)
    return mail


def returned(house: House, address: str = "") -> OutboxMail:
    return mailed(house, address, bounced_at=house.clock(), bounce_code="5.1.1")


def last_event(house: House) -> tuple[Happening, dict[str, object]]:
    with house.services.transaction() as session:
        event = session.exec(select(AuditEvent).order_by(col(AuditEvent.seq).desc())).first()
        assert event is not None
        return event.happening, dict(event.detail)


def plain(page: str) -> str:
    """What a page says, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


# -- the coordinator ---------------------------------------------------------------------------


def test_the_coordinator_sees_that_all_is_well(town_hall: House) -> None:
    mailed(town_hall)

    page = plain(town_hall.person(INES).get("/municipality/mail").text)

    assert "Planen und Senden in Ordnung zuletzt" in page
    assert "Mailserver in Ordnung zuletzt" in page
    assert "Warten auf den Versand keine" in page
    assert f"{mailbox(town_hall)} angenommen" in page
    assert "nicht eingerichtet Niemand bemerkt" in page
    happening, detail = last_event(town_hall)
    assert (happening, int(str(detail["count"])) > 3) == (Happening.MAIL_LISTED, True)


def test_a_mail_server_that_lets_nobody_in_is_red_without_any_mail(town_hall: House) -> None:
    beat(town_hall, "mail_server", succeeded=False)

    page = plain(town_hall.person(INES).get("/municipality/mail").text)

    assert "Der Mailserver lässt kursdocs nicht hinein" in page
    assert "Mailserver gestört hat noch nie geantwortet" in page


def test_without_a_worker_it_is_said_that_nobody_sends(town_hall: House) -> None:
    with town_hall.services.transaction() as session:
        session.exec(delete(Heartbeat))

    page = plain(town_hall.person(INES).get("/municipality/mail").text)

    assert "Zurzeit plant und sendet niemand Mails" in page
    assert "Planen und Senden unbekannt noch nie" in page


def test_a_mail_that_waits_too_long_is_told_with_its_age(town_hall: House) -> None:
    mailed(town_hall, sent_at=None, last_error="SMTPAuthenticationError 535", attempts=4)

    page = plain(town_hall.person(INES).get("/municipality/mail").text)

    assert "Warten auf den Versand eine Mail, die älteste seit 30 Minuten" in page
    assert "wird weiter versucht" in page
    assert "Der Mailserver lässt kursdocs nicht hinein: Stimmt das Passwort noch?" in page
    assert "Bisher 4 Versuche." in page


def test_what_came_back_stands_first_with_the_reason_and_what_to_do(town_hall: House) -> None:
    returned(town_hall, mailbox(town_hall, OFFICE))

    page = town_hall.person(INES).get("/municipality/mail").text
    listed = plain(town_hall.person(INES).get("/agencies").text)

    first_place = plain(page.split("<tbody")[1].split("</tbody>")[0])
    assert mailbox(town_hall, OFFICE) in first_place
    assert "zurückgekommen" in first_place
    assert "Die Adresse gibt es nicht. (Meldung 5.1.1)" in first_place
    assert REFUSES in listed
    assert "Prüfen Sie zuerst die Adresse" in listed


def test_the_coordinator_tries_any_mailbox_of_the_town(town_hall: House) -> None:
    ines = town_hall.person(INES)
    with town_hall.services.transaction() as session:
        town = agencies.municipality_by_slug(session, "musterstadt")
    asked = ines.post("/mail/trial", {"place": OFFICE, "addressee": "desk"})
    own = ines.post("/mail/trial", {"place": town.slug, "addressee": "coordinator"})

    assert asked.headers["location"] == own.headers["location"] == "/municipality/mail?done=tested"
    assert (
        "Die Testmail geht in den nächsten Minuten hinaus."
        in ines.get(own.headers["location"]).text
    )
    with town_hall.services.transaction() as session:
        mails = session.exec(select(OutboxMail)).all()
    assert {(mail.address, mail.purpose, mail.municipality_id) for mail in mails} == {
        (mailbox(town_hall, OFFICE), Purpose.TEST, town.id),
        (town.mailbox, Purpose.TEST, town.id),
    }


def test_a_second_test_mail_at_once_is_refused_with_a_reason(town_hall: House) -> None:
    ines = town_hall.person(INES)
    ines.post("/mail/trial", {"place": OFFICE, "addressee": "desk"})
    again = ines.post("/mail/trial", {"place": OFFICE, "addressee": "desk"})

    assert again.status_code == 409
    assert "Bitte warten Sie damit 5 Minuten" in again.text


def test_what_failed_is_sent_again_once(town_hall: House) -> None:
    mail = returned(town_hall)
    ines = town_hall.person(INES)

    sent = ines.post(f"/mail/{mail.id}/resending")
    event = last_event(town_hall)
    again = ines.post(f"/mail/{mail.id}/resending")

    assert sent.headers["location"] == "/municipality/mail?done=resent"
    assert event == (Happening.MAIL_RESENT, {"mail": str(mail.id)})
    assert again.status_code == 409
    assert "es ging schon eine neue an dasselbe Postfach" in again.text


def test_a_mail_that_was_accepted_is_not_offered_again(town_hall: House) -> None:
    mail = mailed(town_hall)

    page = town_hall.person(INES).get("/municipality/mail").text

    assert str(mail.id) not in page
    assert town_hall.person(INES).post(f"/mail/{mail.id}/resending").status_code == 409


# -- head and clerks ---------------------------------------------------------------------------


def test_a_head_finds_the_task_where_work_begins_and_the_mailboxes_in_the_settings(
    town_hall: House,
) -> None:
    vera = town_hall.person(VERA)
    assert REFUSES not in vera.get("/inbox").text
    mail = returned(town_hall)

    inbox, settings = vera.get("/inbox").text, vera.get("/settings").text

    for page in (inbox, settings):
        assert REFUSES in page
        assert mailbox(town_hall) in page
    assert 'href="/settings#mail"' in inbox
    assert f'action="/mail/{mail.id}/resending"' in settings
    assert (
        vera.post(f"/mail/{mail.id}/resending").headers["location"] == "/settings?done=resent#mail"
    )
    assert REFUSES not in vera.get("/settings?done=resent").text


def test_a_head_tries_the_own_mailboxes_and_no_others(town_hall: House) -> None:
    vera = town_hall.person(VERA)

    asked = vera.post("/mail/trial", {"place": VHS, "addressee": "desk"})
    event = last_event(town_hall)
    foreign = vera.post("/mail/trial", {"place": OFFICE, "addressee": "desk"})
    page = vera.get(asked.headers["location"].partition("#")[0]).text

    assert asked.headers["location"] == "/settings?done=tested#mail"
    assert event == (Happening.MAIL_TESTED, {"place": VHS})
    assert foreign.status_code == 404
    assert "Die Testmail geht in den nächsten Minuten hinaus." in page
    assert mailbox(town_hall, OFFICE) not in page


def test_another_agencys_failed_mail_is_nobodys_here(town_hall: House) -> None:
    mail = returned(town_hall, mailbox(town_hall, OFFICE))

    assert town_hall.person(VERA).post(f"/mail/{mail.id}/resending").status_code == 404
    assert REFUSES not in town_hall.person(VERA).get("/inbox").text


def test_clerks_see_nothing_of_it(town_hall: House) -> None:
    returned(town_hall)

    for clerk in (AMINA, JONAS):
        assert REFUSES not in town_hall.person(clerk).get("/inbox").text


def test_it_is_said_in_english_too(town_hall: House) -> None:
    returned(town_hall)
    ines: Visitor = town_hall.newly(INES, "en")

    page = plain(ines.get("/municipality/mail").text)

    assert "Mail delivery" in page
    assert "The address does not exist. (code 5.1.1)" in page
    assert "A mailbox takes no mails" in ines.get("/agencies").text


def test_where_nobody_has_a_mailbox_it_is_said_what_to_do(town_hall: House) -> None:
    with town_hall.services.transaction() as session:
        kept = [
            (agency.slug, agency.mailbox, agency.deputy_mailbox, agency.head_mailbox)
            for agency in session.exec(select(Agency))
        ]
        town = agencies.municipality_by_slug(session, "musterstadt")
        own, town.mailbox = town.mailbox, ""
        for agency in session.exec(select(Agency)):
            agency.mailbox = agency.deputy_mailbox = agency.head_mailbox = ""

    page = town_hall.person(INES).get("/municipality/mail").text

    assert "Noch hat niemand hier ein Postfach" in page
    with town_hall.services.transaction() as session:
        agencies.municipality_by_slug(session, "musterstadt").mailbox = own
        for slug, *boxes in kept:
            agency = agencies.by_slug(session, slug, closed_too=True)
            agency.mailbox, agency.deputy_mailbox, agency.head_mailbox = boxes


# -- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "said"), CODES.items())
def test_a_code_is_said_in_plain_words(code: str, said: str) -> None:
    assert sentence_of(code) == said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("SMTPAuthenticationError 535", "Stimmt das Passwort noch?"),
        ("recipient refused with 530", "Stimmt das Passwort noch?"),
        ("SSLCertVerificationError", "(Zertifikat)"),
        ("sender refused with 550", "nimmt den Absender nicht an"),
        ("ConnectionRefusedError", "nicht zu erreichen"),
        ("TimeoutError", "nicht zu erreichen"),
    ],
)
def test_trouble_with_the_mail_server_is_said_in_plain_words(error: str, said: str) -> None:
    assert said in trouble_of(error)
