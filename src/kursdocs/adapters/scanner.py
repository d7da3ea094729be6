"""Asks ClamAV's daemon about malware: the port ``Scanner``. Knows nothing of documents.

Fails closed: only the exact answer ``stream: OK`` to all of the bytes is clean. The daemon being
away, slow, confused or over one of its own limits is ``UNSCANNABLE``, and nothing is released on
that. It is one layer of two: the own checks (``papers_pdf``) have opened the file before and
refuse what ClamAV is known to miss, containers and embedded files above all.

Each verdict says with which signatures it was found. clamd is asked for them before it is given the
bytes: should it load others in between, the verdict seems older than it is, and is found once more.

Entry point: :func:`open_scanner`.
"""

import logging
import re
import socket
import struct
import time
from datetime import UTC, datetime

from kursdocs.core.errors import Unavailable
from kursdocs.core.ports import Scan, Scanner, Signatures, Verdict

OFF = "off"

_LOG = logging.getLogger(__name__)
_LENGTH = struct.Struct("!I")
_CHUNK_BYTES = 256 * 1024
_ANSWER_BYTES_MAX = 4096
_CONNECT_SECONDS = 3.0
_TELL_SECONDS = 5.0  # it looks at nothing for that, and readiness and metrics wait for it
_FOUND = re.compile(rb"stream: [^\0]+ FOUND\Z")
# "ClamAV 1.4.6/27800/Sat Nov 21 09:26:36 2026"; without ClamAV's own daily signatures only the
# first part.
_VERSION = re.compile(r"(ClamAV [!-.0-~]{1,60}(?:/\d{1,10})?)(?:/([A-Za-z0-9: ]{10,40}))?")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MADE = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d) (\d{4})")


class OwnChecksOnly:
    """The explicit choice ``off``: no scanner runs, and everything counts as clean.

    What reaches a scanner has passed the own checks; whoever chooses ``off`` says that these
    suffice (a demonstration, a scanner elsewhere). Pages show a banner while this is chosen.
    """

    def scan(self, data: bytes) -> Scan:
        """Always ``CLEAN``; nobody has looked for malware."""
        del data
        return Scan(Verdict.CLEAN)

    def signatures(self) -> Signatures:
        """None."""
        return Signatures("")

    def check(self) -> None:
        """Never fails: nothing is needed."""


class ClamdScanner:
    """A ``clamd`` behind a socket; one connection per question, safe for many threads.

    ``address`` is ``unix:/path/of/socket`` or ``host:port``. Files over ``bytes_max`` are not
    even sent; set it to no more than clamd's ``StreamMaxLength`` and ``MaxFileSize`` (what is over
    the latter alone, clamd calls OK without having looked). One verdict takes at most
    ``seconds`` in all, which should be longer than clamd's ``MaxScanTime``.
    """

    def __init__(
        self, address: str, bytes_max: int = 60 * 1024 * 1024, *, seconds: float = 30.0
    ) -> None:
        self._address = _parsed(address)
        self._bytes_max = bytes_max
        self._seconds = seconds

    def scan(self, data: bytes) -> Scan:
        """The verdict on these bytes; never raises."""
        if len(data) > self._bytes_max:
            _LOG.warning("clamd was not asked: %s bytes are too many", len(data))
            return Scan(Verdict.UNSCANNABLE)
        deadline = self._deadline()
        try:
            known = self._version(deadline)
            answer, has_heard_all = self._ask(deadline, b"INSTREAM", data)
        except OSError as error:
            _LOG.warning("clamd gave no verdict: %r", error)
            return Scan(Verdict.UNSCANNABLE)
        if answer == b"stream: OK" and has_heard_all:
            return Scan(Verdict.CLEAN, known.version)
        _LOG.warning("clamd says %r, has heard all: %s", answer, has_heard_all)
        is_found = _FOUND.match(answer) is not None
        return Scan(Verdict.INFECTED if is_found else Verdict.UNSCANNABLE, known.version)

    def signatures(self) -> Signatures:
        """What clamd has loaded; raises :class:`Unavailable` (``scanner_unavailable``).

        clamd writes the time by its own clock on the wall, which counts as UTC here: the age is
        right to within half a day.
        """
        try:
            return self._version(self._soon())
        except OSError as error:
            raise Unavailable("scanner_unavailable") from error

    def _deadline(self) -> float:
        return time.monotonic() + self._seconds

    def _soon(self) -> float:
        return time.monotonic() + min(self._seconds, _TELL_SECONDS)

    def _version(self, deadline: float) -> Signatures:
        """Raises ``OSError``, also when the answer is none of clamd's."""
        answer, _ = self._ask(deadline, b"VERSION")
        said = _VERSION.fullmatch(answer.decode("ascii", "replace"))
        if said is None:
            raise OSError(f"no version: {answer[:80]!r}")
        return Signatures(said[1], _moment(said[2] or ""))

    def check(self) -> None:
        """Raise :class:`Unavailable` (``scanner_unavailable``) unless clamd answers now."""
        try:
            answer, _ = self._ask(self._soon(), b"PING")
        except OSError as error:
            raise Unavailable("scanner_unavailable") from error
        if answer != b"PONG":
            raise Unavailable("scanner_unavailable")

    def _ask(
        self, deadline: float, command: bytes, data: bytes | None = None
    ) -> tuple[bytes, bool]:
        """The answer, and whether all that we had to say was taken."""
        line = _Line(self._address, deadline)
        try:
            has_heard_all = _told(line, command, data)
            return line.answer(), has_heard_all
        finally:
            line.close()


def open_scanner(setting: str) -> Scanner:
    """The scanner that a setting names: ``off``, ``unix:/path`` or ``host:port``.

    Raises :class:`ValueError` on anything else, an empty setting included: leaving malware
    unscanned must be said, never forgotten.
    """
    return OwnChecksOnly() if setting == OFF else ClamdScanner(setting)


def _moment(text: str) -> datetime | None:
    """The time as C writes it, whatever language this process speaks."""
    said = _MADE.fullmatch(text)
    if said is None or said[1] not in _MONTHS:
        return None
    day, hour, minute, second, year = (int(said[n]) for n in (2, 3, 4, 5, 6))
    try:
        return datetime(year, _MONTHS.index(said[1]) + 1, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def _parsed(address: str) -> str | tuple[str, int]:
    """A path of a local socket, or host and port."""
    if address.startswith("unix:/"):
        return address.removeprefix("unix:")
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"neither 'off' nor 'unix:/path' nor 'host:port': {address!r}")
    return host.strip("[]"), int(port)


class _Line:
    """A connection on which everything together has to be over at one point in time."""

    def __init__(self, address: str | tuple[str, int], deadline: float) -> None:
        self._deadline = deadline
        connect_seconds = min(_CONNECT_SECONDS, self._left())
        if isinstance(address, tuple):
            self._socket = socket.create_connection(address, connect_seconds)
            return
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(connect_seconds)
        try:
            self._socket.connect(address)
        except OSError:
            self._socket.close()
            raise

    def say(self, data: bytes | memoryview) -> None:
        self._socket.settimeout(self._left())
        self._socket.sendall(data)

    def answer(self) -> bytes:
        """All that comes until the other side hangs up, without the zero byte at its end.

        Raises ``OSError`` when that is missing or the answer does not end.
        """
        heard = b""
        while len(heard) <= _ANSWER_BYTES_MAX:
            self._socket.settimeout(self._left())
            piece = self._heard()
            heard += piece
            if not piece and heard.endswith(b"\0"):
                return heard[:-1]
            if not piece:
                break
        raise OSError(f"no complete answer: {heard[:80]!r}")

    def _heard(self) -> bytes:
        try:
            return self._socket.recv(_ANSWER_BYTES_MAX)
        except ConnectionResetError:
            return b""  # it hung up without having heard us out

    def close(self) -> None:
        self._socket.close()

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no answer in time")
        return left


def _told(line: _Line, command: bytes, data: bytes | None) -> bool:
    """Say the command, then the bytes piece by piece; false when the other side hung up before."""
    try:
        # "z": command and answer end with a zero byte, so a cut answer is noticed.
        line.say(b"z" + command + b"\0")
        if data is not None:
            rest = memoryview(data)
            while rest:
                piece, rest = rest[:_CHUNK_BYTES], rest[_CHUNK_BYTES:]
                line.say(_LENGTH.pack(len(piece)))
                line.say(piece)
            line.say(_LENGTH.pack(0))
    except (BrokenPipeError, ConnectionResetError):
        # clamd hangs up when a stream is over its limit. Its answer says so and is still there.
        return False
    return True
