"""Sending what stands in the outbox: claim, commit, render, send, mark, commit.

A digest is planned anew when it is sent, so it says what is true then: what was taken over
meanwhile is not mentioned, and a mail with nothing to say is dropped. What was told is written into
the ledger in the transaction that marks the mail as sent.
"""

from dataclasses import dataclass
from uuid import UUID

import structlog

from kursdocs.core import outbox
from kursdocs.core.outbox import OutboxMail
from kursdocs.core.ports import MailRefused, MailUnavailable
from kursdocs.core.reminders import ledger
from kursdocs.core.reminders.plan import Digest
from kursdocs.operations import letters
from kursdocs.operations.reminding import due_digest
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
        digest = due_digest(services, address=mail.address)
        if digest is None:
            with services.transaction() as session:
                outbox.drop(session, mail.id)
        elif _deliver(services, mail, digest):
            sent += 1
        else:
            failed += 1
    return Mailed(sent, failed)


def _deliver(services: Services, mail: OutboxMail, digest: Digest) -> bool:
    message_id = _message_id(services, mail.id)
    public_url = services.settings.public_url
    letter = letters.letter(
        digest,
        services.catalogue,
        public_url=public_url,
        message_id=message_id,
        now=services.clock(),
    )
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
        now = services.clock()
        if outbox.mark_sent(session, mail.id, now=now):
            ledger.note(session, digest, mail_id=mail.id, now=now)
    return True


def _message_id(services: Services, mail_id: UUID) -> str:
    """The same for every attempt, so that relays and clients can drop a double."""
    domain = services.settings.mail_from.rpartition("@")[2]
    return f"<{mail_id}@{domain}>"
