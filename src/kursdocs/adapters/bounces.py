"""The mailbox to which mails come back that could not be delivered, read over IMAP.

:func:`open_bounces` is the entry point. What a machine wrote about one of our mails is removed
from the mailbox, but only when its reader is done with it; everything else stays there untouched
and unread, for people. Nothing of a message and no address ever reaches a log or an error.
"""

import re
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from imaplib import IMAP4, IMAP4_SSL
from typing import Any

from kursdocs.adapters import delivery_reports, mail_servers
from kursdocs.adapters.delivery_reports import READ_BYTES
from kursdocs.adapters.mail_servers import MailServer, Tls
from kursdocs.core.ports import Bounce, BounceReader, BouncesUnavailable

TIMEOUT_SECONDS = 10.0
LOOKED_AT_MAX = 200
"""So many messages are looked at in one run; the newest first, the others in the next."""

LOOKED_BACK = timedelta(days=30)
"""Servers give up after days. What is older has nothing to say any more."""

_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,100}")
_NUMBER = re.compile(rb"[0-9]{1,10}")


def open_bounces(url: str, password: str, sender: str) -> BounceReader:
    """The reader of ``imap://USER@HOST:PORT/FOLDER?tls=on|starttls|implicit|off``.

    ``sender`` is the address that our mails come from; an empty ``url`` is no mailbox at all.
    ``tls=on`` (also when left out) is implicit TLS on port 993 and enforced STARTTLS on any other.
    Opens no connection. Raises ``ValueError``, with a sentence, for anything else.
    """
    if not url:
        if password:
            raise ValueError("there is a password for a mailbox, but no address of it")
        return NoMailbox()
    server, path = mail_servers.read(url, password, mail_servers.IMAP)
    if not server.user:
        raise ValueError(mail_servers.IMAP.wanted)
    folder = path or "INBOX"
    if not _FOLDER.fullmatch(folder):
        raise ValueError("the folder of the mailbox has letters, digits and . _ / - only")
    return ImapMailbox(server, folder, sender.rpartition("@")[2])


class NoMailbox:
    """None is set up: nothing ever comes back."""

    def fetch(self) -> Sequence[Bounce]:
        """Nothing."""
        return ()

    def done(self, bounces: Sequence[Bounce]) -> None:
        """Nothing to be done with."""

    def check(self) -> None:
        """Nothing to be wrong."""


@dataclass(frozen=True)
class ImapMailbox:
    """See :class:`kursdocs.core.ports.BounceReader`; one connection for each call.

    Remembers, as long as the process lives, what it was not about one of our mails, so that
    it is not fetched again and again. Certificates are verified as for outgoing mail.
    """

    server: MailServer
    folder: str
    domain: str
    timeout_seconds: float = TIMEOUT_SECONDS
    _foreign: set[str] = field(default_factory=set, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def fetch(self) -> Sequence[Bounce]:
        """See :class:`kursdocs.core.ports.BounceReader`."""
        with self._lock, self._opened(readonly=True) as mailbox:
            return list(self._read(mailbox))

    def done(self, bounces: Sequence[Bounce]) -> None:
        """See :class:`kursdocs.core.ports.BounceReader`."""
        if not bounces:
            return
        with self._lock, self._opened(readonly=False) as mailbox:
            age = _age(mailbox)
            # Of a mailbox that was made anew, the numbers mean other messages.
            known = [bounce.report for bounce in bounces if bounce.report.startswith(f"{age}:")]
            if known:
                _remove(mailbox, ",".join(report.partition(":")[2] for report in known))

    def check(self) -> None:
        """See :class:`kursdocs.core.ports.BounceReader`; it must be one we may delete from."""
        with self._opened(readonly=False):
            pass

    def _read(self, mailbox: IMAP4) -> Iterator[Bounce]:
        age = _age(mailbox)
        present = [f"{age}:{number}" for number in _numbers(mailbox)]
        self._foreign.intersection_update(present)
        new = [report for report in present if report not in self._foreign]
        looked_at, refused = new[-LOOKED_AT_MAX:][::-1], list[_Refused]()
        for report in looked_at:
            try:
                content = _beginning(mailbox, report.partition(":")[2])
            except _Refused as error:
                # A damaged message must not hide all others; the next run asks for it again.
                refused.append(error)
                continue
            found = delivery_reports.read(content, domain=self.domain)
            if found is None:
                self._foreign.add(report)
            else:
                yield Bounce(report, found.message_id, found.status, found.is_final)
        if refused and len(refused) == len(looked_at):
            raise refused[0]

    @contextmanager
    def _opened(self, *, readonly: bool) -> Iterator[IMAP4]:
        """The folder, on a protected and signed-in line; translates whatever goes wrong."""
        try:
            with self._signed_in() as mailbox:
                _well(mailbox.select(_quoted(self.folder), readonly=readonly), "folder")
                yield mailbox
        except (OSError, IMAP4.error, ValueError) as error:
            # Hides the server's words, which may quote addresses, and ours, which may quote the
            # password.
            raise BouncesUnavailable(_reason(error)) from None

    @contextmanager
    def _signed_in(self) -> Iterator[IMAP4]:
        mailbox = self._greeted()
        try:
            if self.server.tls is Tls.STARTTLS:
                mailbox.starttls(ssl_context=ssl.create_default_context())
            try:
                mailbox.login(_quoted(self.server.user), self.server.password)
            except IMAP4.abort:
                raise
            except IMAP4.error:
                raise _Refused("sign-in") from None
            yield mailbox
        finally:
            # A failing farewell changes nothing; a second end of the line fails.
            with suppress(OSError, IMAP4.error):
                mailbox.logout()
            with suppress(OSError):
                mailbox.shutdown()

    def _greeted(self) -> IMAP4:
        host, port, wait = self.server.host, self.server.port, self.timeout_seconds
        if self.server.tls is Tls.IMPLICIT:
            return IMAP4_SSL(host, port, timeout=wait, ssl_context=ssl.create_default_context())
        return IMAP4(host, port, timeout=wait)


class _Refused(IMAP4.error):
    """The server said no to a step; its words are left out."""


def _reason(error: Exception) -> str:
    return f"{error} refused" if isinstance(error, _Refused) else type(error).__name__


def _well(answer: tuple[str, list[Any]], step: str) -> list[Any]:
    """What the library handed out of the server's answer, unless that was no."""
    status, data = answer
    if status != "OK":
        raise _Refused(step)
    return data


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _age(mailbox: IMAP4) -> str:
    """UIDVALIDITY: it changes when the numbers of messages begin to mean others."""
    _, found = mailbox.response("UIDVALIDITY")
    return found[0].decode("ascii") if found and isinstance(found[0], bytes) else ""


def _numbers(mailbox: IMAP4) -> list[str]:
    since = datetime.now(UTC) - LOOKED_BACK
    when = f"{since.day}-{_MONTHS[since.month - 1]}-{since.year}"
    found = _well(mailbox.uid("SEARCH", "UNDELETED", "SINCE", when), "search")
    listed = b" ".join(part for part in found if isinstance(part, bytes))
    return [number.decode("ascii") for number in _NUMBER.findall(listed)]


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _beginning(mailbox: IMAP4, number: str) -> bytes:
    """Of a huge one no more than is looked at; empty when it is gone meanwhile. Marks nothing."""
    wanted = f"(BODY.PEEK[]<0.{READ_BYTES}>)"
    for part in _well(mailbox.uid("FETCH", number, wanted), "fetch"):
        if isinstance(part, tuple) and isinstance(part[1], bytes):
            return part[1]
    return b""


def _remove(mailbox: IMAP4, numbers: str) -> None:
    _well(mailbox.uid("STORE", numbers, "+FLAGS.SILENT", r"(\Deleted)"), "removal")
    # Without UIDPLUS (RFC 4315) everything that anybody marked would go; marked is enough for us.
    # What a server offers it says in full only after the sign-in.
    offered = b" ".join(_well(mailbox.capability(), "capabilities")).upper().split()
    if b"UIDPLUS" in offered:
        _well(mailbox.uid("EXPUNGE", numbers), "removal")
