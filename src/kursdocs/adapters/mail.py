"""Handing mails over: to an SMTP server, or into a folder (the demo's mailbox).

:func:`open_mailer` is the entry point. Knows letters only: not whom they are about, nor the
outbox they come from. Addresses and contents never reach a log or the text of an error, which is
why the errors raised here hide what caused them.
"""

import re
import secrets
import smtplib
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from kursdocs.adapters import mail_servers
from kursdocs.adapters.durable_files import check_writable, create_file
from kursdocs.adapters.mail_servers import MailServer, Tls
from kursdocs.core.ports import Letter, Mailer, MailRefused, MailUnavailable

TIMEOUT_SECONDS = 10.0
# One plain address: no name beside it, no quoting, nothing a header could be broken with.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}")
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+>")
# 7bit: no server has to offer 8BITMIME for umlauts to arrive.
_POLICY = SMTP.clone(cte_type="7bit")
# "Sign in first", "wrong password" and the like: the settings are wrong, not this mail.
_SIGN_IN_REPLIES = frozenset({530, 534, 535, 538})
_CLOSING = 421  # at any stage: the server itself goes away
_STATUS = re.compile(r"[45]\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9.])")  # RFC 2034
_NO_ADDRESS = "5.1.3"  # RFC 3463: bad destination mailbox address syntax


def open_mailer(url: str, sender: str, password: str) -> Mailer:
    """The mailer for ``smtp://[USER@]HOST:PORT?tls=on|starttls|implicit|off`` or ``folder:PATH``.

    ``sender`` is the address all mails come from. ``tls=on`` (also when left out) is implicit TLS
    on port 465 and enforced STARTTLS on any other. Opens no connection. Raises ``ValueError``,
    with a sentence, for anything else.
    """
    if not _ADDRESS.fullmatch(sender):
        raise ValueError("the sender of mails must be one plain address, like post@town.example")
    if url.startswith("folder:"):
        if not url.removeprefix("folder:"):
            raise ValueError("the mail folder needs a path: folder:PATH")
        return FolderMailer(Path(url.removeprefix("folder:")).absolute(), sender)
    server, _ = mail_servers.read(url, password, mail_servers.SMTP)
    return SmtpMailer(server, sender)


def _message(letter: Letter, sender: str) -> bytes:
    """The mail as it goes over the wire; raises :class:`MailRefused` for unfit headers."""
    if not _ADDRESS.fullmatch(letter.to):
        raise MailRefused("the recipient is not one plain address", _NO_ADDRESS)
    if not _MESSAGE_ID.fullmatch(letter.message_id):
        raise MailRefused("the Message-ID is malformed")
    message = EmailMessage(policy=_POLICY)
    try:
        message["Subject"] = letter.subject
    except ValueError:
        raise MailRefused("the subject has a line break") from None
    message["From"] = sender
    message["To"] = letter.to
    message["Date"] = format_datetime(letter.written_at.astimezone(UTC))
    message["Message-ID"] = letter.message_id
    # Keeps out-of-office answers from coming back (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    for name, value in letter.headers.items():
        message[name] = value
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    return message.as_bytes()


@dataclass(frozen=True)
class SmtpMailer:
    """Hands mails to an SMTP server, one connection for each. Safe to use from many threads.

    Certificates are verified against the machine's trusted authorities and the host's name.
    ``timeout_seconds`` limits each wait for the server.
    """

    server: MailServer
    sender: str
    timeout_seconds: float = TIMEOUT_SECONDS

    def send(self, letter: Letter) -> None:
        """See :class:`kursdocs.core.ports.Mailer`.

        When the line breaks after the mail's last byte, the server may have accepted it: this
        raises :class:`MailUnavailable`, and the next attempt carries the same Message-ID.
        """
        message = _message(letter, self.sender)
        try:
            with self._connected() as line:
                line.sendmail(self.sender, [letter.to], message)
        except OSError as error:
            raise _translated(error) from None

    def check(self) -> None:
        """See :class:`kursdocs.core.ports.Mailer`; signs in as well, where a user is set."""
        try:
            with self._connected() as line:
                line.ehlo_or_helo_if_needed()
        except OSError as error:
            raise _unavailable(error) from None

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        """A greeted, protected and signed-in line; raises ``OSError`` (smtplib's too are that)."""
        line = self._greeted()
        try:
            if self.server.tls is Tls.STARTTLS:
                line.starttls(context=ssl.create_default_context())
            if self.server.user:
                line.login(self.server.user, self.server.password)
            yield line
            # The mail is handed over already: a failing farewell must not make it fail.
            with suppress(OSError):
                line.quit()
        finally:
            line.close()

    def _greeted(self) -> smtplib.SMTP:
        host, port = self.server.host, self.server.port
        if self.server.tls is Tls.IMPLICIT:
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(host, port, timeout=self.timeout_seconds, context=context)
        return smtplib.SMTP(host, port, timeout=self.timeout_seconds)


def _translated(error: OSError) -> MailRefused | MailUnavailable:
    """Refused for good only when the server says 5xx about recipient or content.

    A refused sender is a mistake in the settings: the mails wait until it is mended.
    """
    words: bytes | str
    match error:
        case smtplib.SMTPRecipientsRefused():
            stage, (code, words) = "recipient", next(iter(error.recipients.values()))
        case smtplib.SMTPDataError():
            stage, code, words = "content", error.smtp_code, error.smtp_error
        case smtplib.SMTPSenderRefused():
            return MailUnavailable(f"sender refused with {error.smtp_code}")
        case _:
            return _unavailable(error)
    reason = f"{stage} refused with {code}"
    if code in _SIGN_IN_REPLIES or code == _CLOSING:
        return MailUnavailable(reason)
    why = _code(code, words)
    return MailRefused(reason, why) if 500 <= code < 600 else MailUnavailable(reason, why)


def _code(code: int, words: bytes | str) -> str:
    """The status that a server put before its words, if it did; else what it answered."""
    said = words.decode("latin-1") if isinstance(words, bytes) else words
    status = _STATUS.match(said)
    return status[0] if status else str(code)


def _unavailable(error: OSError) -> MailUnavailable:
    """Says what kind of trouble it was, without the server's words, which may quote addresses."""
    code = f" {error.smtp_code}" if isinstance(error, smtplib.SMTPResponseException) else ""
    return MailUnavailable(f"{type(error).__name__}{code}")


@dataclass(frozen=True)
class FolderMailer:
    """Puts each mail into ``folder`` as one ``.eml`` file; later ones sort after earlier ones."""

    folder: Path
    sender: str

    def send(self, letter: Letter) -> None:
        """See :class:`kursdocs.core.ports.Mailer`."""
        message = _message(letter, self.sender)
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            create_file(self.folder / f"{name}.eml", message, self.folder / f".{name}.part")
        except OSError as error:
            raise _unavailable(error) from None

    def check(self) -> None:
        """Raise :class:`MailUnavailable` unless the folder can be written to, or be made."""
        try:
            check_writable(self.folder)
        except OSError:
            raise MailUnavailable("the mail folder cannot be written to") from None
