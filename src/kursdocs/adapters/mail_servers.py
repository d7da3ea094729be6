"""The addresses of mail servers as settings give them, and how the line to them is protected.

:func:`read` is the entry point; the outgoing and the incoming server are written alike.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit


class Tls(StrEnum):
    """How the line to the server is protected. ``OFF`` is for this machine itself only."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    OFF = "off"


@dataclass(frozen=True)
class MailServer:
    """Where a mail server is and how to sign in there; ``user`` may be empty."""

    host: str
    port: int
    tls: Tls
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Manner:
    """What an address of one protocol looks like; ``wanted`` says it in the sentence of an error.

    On ``implicit_port`` the line is protected from its first byte on.
    """

    scheme: str
    implicit_port: int
    server: str
    wanted: str
    takes_path: bool = False


SMTP = Manner(
    scheme="smtp",
    implicit_port=465,
    server="mail server",
    wanted="mail goes to smtp://[USER@]HOST:PORT?tls=on or folder:PATH",
)
IMAP = Manner(
    scheme="imap",
    implicit_port=993,
    server="mailbox's server",
    wanted="bounces are read from imap://USER@HOST:PORT/FOLDER?tls=on",
    takes_path=True,
)


def read(url: str, password: str, manner: Manner) -> tuple[MailServer, str]:
    """The server and the path behind it: ``SCHEME://[USER@]HOST:PORT[/PATH]?tls=on``.

    ``tls=on`` (also when left out) is implicit TLS on the protocol's port for it and enforced
    STARTTLS on any other; ``off`` is allowed on the loopback alone. Raises ``ValueError``, with a
    sentence, for anything else.
    """
    parts = _parts(url, manner)
    host, port = str(parts.hostname), int(parts.port or 0)
    user = unquote(parts.username or "")
    _check_sign_in(user, password, manner)
    tls = _tls(parts.query, host, port, manner)
    return MailServer(host, port, tls, user, password), unquote(parts.path.strip("/"))


def _parts(url: str, manner: Manner) -> SplitResult:
    try:
        parts = urlsplit(url)
        has_server = bool(parts.hostname and parts.port)
        (parts.hostname or "").encode("idna")
    except ValueError:
        raise ValueError(f"the {manner.server} has an impossible host name or port") from None
    if parts.scheme != manner.scheme or not has_server:
        raise ValueError(manner.wanted)
    if parts.password is not None:
        raise ValueError("the mail password does not belong in the address; it has its own setting")
    if parts.fragment or (parts.path.strip("/") and not manner.takes_path):
        raise ValueError(f"the {manner.server}'s address has nothing after the port but ?tls=…")
    return parts


def _tls(query: str, host: str, port: int, manner: Manner) -> Tls:
    options = dict(parse_qsl(query, keep_blank_values=True))
    wanted = options.pop("tls", "on")
    if options:
        raise ValueError(f"the {manner.server}'s address takes no option but tls")
    if wanted == "on":
        return Tls.IMPLICIT if port == manner.implicit_port else Tls.STARTTLS
    if wanted not in set(Tls):
        raise ValueError(f"the {manner.server}'s option tls is on, starttls, implicit or off")
    if wanted == Tls.OFF and not _is_loopback(host):
        raise ValueError(f"tls=off is allowed only when the {manner.server} runs on this machine")
    return Tls(wanted)


def _check_sign_in(user: str, password: str, manner: Manner) -> None:
    if bool(user) != bool(password):
        missing = "password" if user else "user name"
        raise ValueError(f"signing in at the {manner.server} needs a {missing} too")
    if not (user + password).isascii() or not (user + password).isprintable():
        raise ValueError(f"user name and password of the {manner.server} must be plain ASCII")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
