"""What a message in the mailbox for returned mail says of one of our mails, if anything.

:func:`read` is the entry point; it is pure. The messages come from strangers: whatever is wrong
with one, it is then no report. Understood are delivery status notifications (RFC 3464) and, from
servers that send none, the answers of a mail daemon that carry a code. An out-of-office answer, a
warning of delay and a confirmation say that nothing came back.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from email.utils import parseaddr
from itertools import chain

READ_BYTES = 256 * 1024
"""So much of a message is looked at. A report names our mail near its beginning."""

# Without its brackets, which stand otherwise in a text of HTML.
_MESSAGE_ID = re.compile(
    r"(?<![\w.-])([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@([a-z0-9.-]{1,190})", re.IGNORECASE
)
# RFC 3463: class, subject and detail.
_ENHANCED = re.compile(r"(?<![0-9.])([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.])")
# RFC 5321: what a server answered, where it gives no more than that.
_BASIC = re.compile(r"(?<![0-9.:])(5[0-5][0-9])(?![0-9.:])")
_DAEMONS = frozenset({"mailer-daemon", "postmaster", "mail-daemon", "mailerdaemon"})
_NOT_SENT_BY_HAND = re.compile(r"auto-(generated|replied|notified)", re.IGNORECASE)
# Where a daemon begins to quote. One dash only: more would be tried in every number (a stranger
# writes thousands of them).
_QUOTE = re.compile(r"^-.*(?:copy|original|returned) ", re.IGNORECASE | re.MULTILINE)
_PARTS_MAX = 100
_UNSPECIFIC = re.compile(r"[245]\.0\.0")


@dataclass(frozen=True)
class Report:
    """A machine's answer to the mail ``message_id``; ``status`` is empty where it gives none."""

    message_id: str
    status: str
    is_final: bool


def read(content: bytes, *, domain: str) -> Report | None:
    """What it says of a mail whose Message-ID is of ``domain``; ``None`` when it is no report.

    A person's answer is none either, even if it quotes the mail.
    """
    try:
        return _read(content[:READ_BYTES], domain.lower())
    except Exception:  # noqa: BLE001  # a stranger's message must not stop the reading of others
        return None


def _read(content: bytes, domain: str) -> Report | None:
    # The older policy hands headers out as they are; the newer one chokes on broken ones.
    message = message_from_bytes(content, policy=compat32)
    parts = list(_parts(message))
    message_id = _ours(message, parts, domain)
    if not message_id:
        return None
    fields = [block for part in parts for block in _recipients(part)]
    if fields:
        failed = [block for block in fields if _is_failure(block)]
        return Report(message_id, _status(failed), is_final=bool(failed))
    if _is_from_daemon(message):
        status = _said(_text(parts))
        is_final = status.startswith("5") or "X-Failed-Recipients" in message
        return Report(message_id, status, is_final)
    if _NOT_SENT_BY_HAND.match(_header(message, "Auto-Submitted")):
        return Report(message_id, "", is_final=False)
    return None


def _parts(message: Message) -> Iterator[Message]:
    """The message and what it consists of, in order, but no more than a sane one has."""
    for number, part in enumerate(message.walk()):
        if number == _PARTS_MAX:
            return
        yield part


# -- which of our mails -------------------------------------------------------------------------


def _ours(message: Message, parts: Sequence[Message], domain: str) -> str:
    """The Message-ID of our mail: of the one that came back, of the one answered, or in a text."""
    returned = (_header(part, "Message-ID") for part in parts[1:])
    quoted = (_content(part) for part in parts if part.get_content_maintype() == "text")
    answered = (_header(message, name) for name in ("In-Reply-To", "References"))
    for text in chain(returned, answered, quoted):
        for found in _MESSAGE_ID.finditer(text):
            if found[2].lower().rstrip(".") == domain:
                return f"<{found[1].lower()}@{domain}>"
    return ""


def _header(message: Message, name: str) -> str:
    return str(message.get(name, ""))


def _content(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode("latin-1") if isinstance(payload, bytes) else ""


# -- a delivery status notification ---------------------------------------------------------------


def _recipients(part: Message) -> Iterator[Message]:
    """The blocks of fields of a delivery status, one for each recipient; the first is of all."""
    if part.get_content_type() not in ("message/delivery-status", "message/global-delivery-status"):
        return
    blocks = part.get_payload()
    for block in blocks if isinstance(blocks, list) else ():
        if isinstance(block, Message) and ("Action" in block or "Status" in block):
            yield block


def _is_failure(block: Message) -> bool:
    """Given up, whatever the status: a server that tried for days says ``failed`` with a 4."""
    action = _header(block, "Action").strip().lower()
    return action == "failed" or (not action and _said(_header(block, "Status")).startswith("5"))


def _status(failed: Sequence[Message]) -> str:
    """Of the first that failed: the status, or what the other server said where that tells more."""
    for block in failed:
        status = _said(_header(block, "Status"))
        said = _said(_header(block, "Diagnostic-Code"))
        return said if said and (not status or _UNSPECIFIC.fullmatch(status)) else status
    return ""


# -- a mail daemon's own words ------------------------------------------------------------------


def _is_from_daemon(message: Message) -> bool:
    _, address = parseaddr(_header(message, "From"))
    is_daemon = address.partition("@")[0].lower() in _DAEMONS
    return is_daemon or "X-Failed-Recipients" in message


def _text(parts: Sequence[Message]) -> str:
    """The daemon's own words: the first text, up to where it quotes what came back."""
    for part in parts:
        if part.get_content_maintype() == "text":
            words = _content(part)
            quoted = _QUOTE.search(words)
            return words[: quoted.start()] if quoted else words
    return ""


def _said(text: str) -> str:
    """The first code in a text, the one that says more if there are both; empty if none."""
    enhanced = _ENHANCED.search(text)
    found = enhanced or _BASIC.search(text)
    return found[1] if found else ""
