"""Sending what stands in the outbox: claim, commit, render, send, mark, commit.

A digest is planned anew when it is sent, so it says what is true then: what was taken over
meanwhile is not mentioned, and a mail with nothing to say is dropped. What was told is written into
the ledger in the transaction that marks the mail as sent. What comes back is noted from the mailbox
for it (:func:`look_for_bounces`).
"""

import threading
from dataclasses import dataclass, replace
from uuid import UUID

import structlog

from kursdocs.core import outbox
from kursdocs.core.agencies import Municipality
from kursdocs.core.audit import AuditCheckpoint, checkpoints
from kursdocs.core.errors import Unavailable
from kursdocs.core.outbox import OutboxMail, Purpose
from kursdocs.core.ports import Bounce, Letter, MailRefused, MailUnavailable
from kursdocs.core.reminders import ledger
from kursdocs.core.reminders.digest import Digest
from kursdocs.core.workdays import local_date
from kursdocs.operations import alarming, checkpointing, letters
from kursdocs.operations.letters import trial
from kursdocs.operations.reminding import due_digest
from kursdocs.services import Services

MAILS_A_RUN = 200
_UNKNOWN_STATUS = "5.0.0"  # RFC 3463: it failed, and nobody says why

_log = structlog.get_logger()


@dataclass(frozen=True)
class Mailed:
    """What one run did."""

    sent: int
    failed: int


@dataclass(frozen=True)
class _Ready:
    """A letter, and the digest it was written from, if it was."""

    letter: Letter
    digest: Digest | None


def deliver_due(services: Services, stop: threading.Event | None = None) -> Mailed:
    """Send every mail that is due now, at most ``MAILS_A_RUN``; none is begun after ``stop``."""
    sent = failed = 0
    for _ in range(MAILS_A_RUN):
        if stop is not None and stop.is_set():
            break
        with services.transaction() as session:
            mail = outbox.claim(session, now=services.clock())
        if mail is None:
            break
        ready = _ready(services, mail)
        if ready is None:
            with services.transaction() as session:
                outbox.drop(session, mail.id, now=services.clock())
        elif _deliver(services, mail, ready):
            sent += 1
        else:
            failed += 1
    return Mailed(sent, failed)


def _ready(services: Services, mail: OutboxMail) -> _Ready | None:
    """What the mail says at this moment, with what others keep of the log; ``None``: nothing."""
    with services.transaction() as session:
        checkpoint = checkpoints.newest(session)
    ready = _written(services, mail, checkpoint)
    if ready is None:
        return None
    return replace(ready, letter=checkpointing.with_checkpoint(ready.letter, checkpoint))


def _written(
    services: Services, mail: OutboxMail, checkpoint: AuditCheckpoint | None
) -> _Ready | None:
    message_id = _message_id(services, mail.id)
    public_url, now = services.settings.public_url, services.clock()
    if mail.purpose is Purpose.TEST:
        trial_letter = trial.test_letter(
            _place(services, mail),
            address=mail.address,
            public_url=public_url,
            message_id=message_id,
            now=now,
        )
        return _Ready(trial_letter, None)
    if mail.purpose is Purpose.ALARM:
        alarm_letter = alarming.written(services, mail, message_id=message_id)
        return _Ready(alarm_letter, None) if alarm_letter else None
    digest = due_digest(services, address=mail.address)
    if digest is None:
        return None
    letter = letters.letter(
        digest,
        services.catalogue,
        public_url=public_url,
        message_id=message_id,
        now=now,
        signed=(checkpoint.size, local_date(checkpoint.signed_at)) if checkpoint else None,
    )
    return _Ready(letter, digest)


def _place(services: Services, mail: OutboxMail) -> str:
    with services.transaction() as session:
        return session.get_one(Municipality, mail.municipality_id).name


def _deliver(services: Services, mail: OutboxMail, ready: _Ready) -> bool:
    try:
        services.mailer.send(ready.letter)
    except (MailRefused, MailUnavailable) as error:
        final = isinstance(error, MailRefused)
        _log.warning("mail.failed", mail=str(mail.id), final=final, attempt=mail.attempts)
        with services.transaction() as session:
            outbox.mark_failed(
                session,
                mail.id,
                error=str(error),
                final=final,
                now=services.clock(),
                code=error.code,
            )
        return False
    with services.transaction() as session:
        now = services.clock()
        if outbox.mark_sent(session, mail.id, now=now) and ready.digest is not None:
            ledger.note(session, ready.digest, mail_id=mail.id, now=now)
    return True


def _message_id(services: Services, mail_id: UUID) -> str:
    """The same for every attempt, so that relays and clients can drop a double."""
    return f"<{mail_id}@{_domain(services)}>"


def _domain(services: Services) -> str:
    return services.settings.mail_from.rpartition("@")[2]


# -- what comes back -----------------------------------------------------------------------------


def look_for_bounces(services: Services) -> int:
    """Note which mails came back; returns how many did that was not known yet.

    A report leaves the mailbox only after it was written down, so that none is lost, and one that
    is read twice changes nothing. Raises ``Unavailable``.
    """
    reports = services.bounces.fetch()
    new = sum(_note(services, report) for report in reports if report.is_final)
    services.bounces.done(reports)
    if new:
        _log.info("mail.bounced", mails=new)
    return new


def _note(services: Services, report: Bounce) -> bool:
    mail_id = UUID(report.message_id.strip("<>").rpartition("@")[0])
    code = report.status or _UNKNOWN_STATUS
    with services.transaction() as session:
        is_new = outbox.mark_bounced(session, mail_id, code=code, now=services.clock())
        if is_new:
            ledger.undelivered(session, mail_id)
    return is_new


# -- what keeps it going ---------------------------------------------------------------------------


def check_server(services: Services) -> None:
    """Greet the mail server and sign in there; raises ``Unavailable`` (``mail_unavailable``).

    A password that was changed is noticed so, also while there is nothing to send.
    """
    try:
        services.mailer.check()
    except MailUnavailable as error:
        raise Unavailable("mail_unavailable", reason=str(error)) from None


def forget_old(services: Services) -> int:
    """Remove from the outbox what was sent or given up long ago; returns how many mails."""
    with services.transaction() as session:
        return outbox.forget_old(session, now=services.clock())
