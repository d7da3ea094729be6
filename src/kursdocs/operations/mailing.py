"""Sending what stands in the outbox: claim, commit, render, send, mark, commit.

A letter says counts and a link that leads through the sign-in, nothing else (rule 5). It is
rendered when it is sent, so it says what is true then.
"""

from dataclasses import dataclass
from html import escape
from uuid import UUID

import structlog

from kursdocs.core import agencies, outbox
from kursdocs.core.documents import reading
from kursdocs.core.outbox import OutboxMail
from kursdocs.core.ports import Letter, MailRefused, MailUnavailable
from kursdocs.services import Services

MAILS_A_RUN = 200

_log = structlog.get_logger()


@dataclass(frozen=True)
class Mailed:
    """What one run did."""

    sent: int
    failed: int


def deliver_due(services: Services) -> Mailed:
    """Send every mail that is due now, at most ``MAILS_A_RUN``."""
    sent = failed = 0
    for _ in range(MAILS_A_RUN):
        with services.transaction() as session:
            mail = outbox.claim(session, now=services.clock())
        if mail is None:
            break
        if _deliver(services, mail):
            sent += 1
        else:
            failed += 1
    return Mailed(sent, failed)


def _deliver(services: Services, mail: OutboxMail) -> bool:
    letter = _letter(services, mail)
    if letter is None:
        _drop_settled(services, mail)
        return True
    try:
        services.mailer.send(letter)
    except (MailRefused, MailUnavailable) as error:
        final = isinstance(error, MailRefused)
        _log.warning("mail.failed", mail=str(mail.id), final=final, attempt=mail.attempts)
        with services.transaction() as session:
            outbox.mark_failed(
                session, mail.id, error=str(error), final=final, now=services.clock()
            )
        return False
    with services.transaction() as session:
        outbox.mark_sent(session, mail.id, now=services.clock())
    return True


def _drop_settled(services: Services, mail: OutboxMail) -> None:
    """Forget the mail, unless something arrived since it was looked at: then it is due again."""
    with services.transaction() as session:
        current = outbox.locked(session, mail.id)
        if reading.waiting(session, mail.agency_id) == 0:
            outbox.drop(session, mail.id)
        else:
            current.due_at = services.clock()
            session.add(current)


def _letter(services: Services, mail: OutboxMail) -> Letter | None:
    """The letter as it is true now, or ``None`` when nothing waits any more."""
    with services.transaction() as session:
        agency = agencies.get(session, mail.agency_id)
        count = reading.waiting(session, mail.agency_id)
    if count == 0 or not agency.mailbox:
        return None
    link = f"{services.settings.public_url}/inbox?state=new"
    return Letter(
        to=agency.mailbox,
        subject=_documents(count) + " in kursdocs",
        text=_text(count, link),
        html=_html(count, link),
        message_id=_message_id(services, mail.id),
    )


def _documents(count: int) -> str:
    return "Ein neues Dokument" if count == 1 else f"{count} neue Dokumente"


def _text(count: int, link: str) -> str:
    verb = "wartet" if count == 1 else "warten"
    return (
        f"Guten Tag,\n\n{_documents(count)} {verb} in kursdocs auf Ihre Stelle.\n\n"
        f"Zum Eingang (mit Anmeldung): {link}\n\n"
        "Sobald jemand aus Ihrer Stelle die Dokumente übernimmt, ist das für alle erledigt.\n\n"
        f"—\n{count} new document(s) wait for your agency in kursdocs. Sign in: {link}\n"
    )


def _html(count: int, link: str) -> str:
    """The same sentences, with the address as a link."""
    address = escape(link)
    anchor = f'<a href="{address}">{address}</a>'
    paragraphs = "".join(
        f"<p>{escape(part).replace(address, anchor)}</p>"
        for part in _text(count, link).strip().split("\n\n")
    )
    return f'<!doctype html><html lang="de"><body>{paragraphs}</body></html>'


def _message_id(services: Services, mail_id: UUID) -> str:
    """The same for every attempt, so that relays and clients can drop a double."""
    domain = services.settings.mail_from.rpartition("@")[2]
    return f"<{mail_id}@{domain}>"
