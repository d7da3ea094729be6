"""Opens files of strangers in child processes: the port ``Papers``.

The service itself never parses a PDF or an image. A few children (``papers_child``) wait, warm
and locked in; one job goes to one child. A child that is too slow is killed, one that dies or
misbehaves is replaced, and either way the sender gets a plain refusal. What a child answers is
not trusted: codes are compared with a list, numbers are checked, and an accepted PDF is the very
bytes that came in, never what the child sends back (photographs and rearranged pages apart).

Knows the ports and the words of ``papers_wire``; must not import the parsers, so that neither
their memory nor their faults come into the service.
"""

import hashlib
import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from queue import Empty, Queue
from typing import IO

from kursdocs.adapters import papers_wire
from kursdocs.core.errors import Invalid, NotFound, Unavailable
from kursdocs.core.ports import PageChoice, Paper

_LOG = logging.getLogger(__name__)
_REFUSALS = frozenset(
    (
        "file_active",
        "file_damaged",
        "file_empty",
        "file_encrypted",
        "file_signed",
        "file_too_big_inside",
        "file_too_many_pages",
        "file_type",
        "files_mixed",
    )
)
IMAGES_MAX = 20
PAGES_MAX = 200
LINES_MAX = 400
CELLS_MAX = 12
CELL_LENGTH_MAX = 300
_START_SECONDS = 60.0
_END_SECONDS = 5.0
_GRACE_SECONDS = 1.0  # from the end of a pipe to the end of its process
_CHUNK_BYTES = 1024 * 1024
_REMEMBERED_SECONDS = 600.0
_REMEMBERED_MAX = 1000
_TOO_GREEDY = frozenset((-signal.SIGKILL, -signal.SIGXCPU, -signal.SIGALRM))


@dataclass(frozen=True)
class Limits:
    """What one child may use. ``bytes_max`` bounds a job's files and its answer."""

    job_seconds: int = 20
    memory_bytes: int = 1_500_000_000
    bytes_max: int = 64 * 1024 * 1024
    jobs_per_child: int = 100


class SandboxedPapers:
    """The port ``Papers`` on a fixed number of child processes; safe for many threads.

    The children start at once and get ready in the background. When all are busy, callers wait
    up to ``wait_seconds`` and then get :class:`Unavailable` (``papers_busy``). Call
    :meth:`close` at the end.
    """

    def __init__(
        self, processes: int = 2, *, wait_seconds: float = 15.0, limits: Limits | None = None
    ) -> None:
        self._limits = limits or Limits()
        self._wait_seconds = wait_seconds
        self._undrawable = _Undrawable()
        self._children = [_Child(self._limits) for _ in range(processes)]
        self._idle: Queue[_Child] = Queue()
        for child in self._children:
            self._idle.put(child)

    def accept(self, files: Sequence[bytes]) -> Paper:
        """See the port. ``is_signed`` says that a signature is there, not that it is valid.

        Codes with a limit in ``details``: ``file_too_many_pages`` (``pages``: 200 in a PDF, 20
        images).
        """
        if not files or not all(files):
            raise Invalid("file_empty", "file")
        if len(files) > IMAGES_MAX:
            raise Invalid("file_too_many_pages", "file", pages=IMAGES_MAX)
        if sum(map(len, files)) > self._limits.bytes_max:
            raise Invalid("file_too_big_inside", "file")
        head, body = self._ask({"job": "accept", "sizes": [len(data) for data in files]}, files)
        return _paper(head, body or files[0])

    def arranged(self, pdfs: Sequence[bytes], pages: Sequence[PageChoice]) -> Paper:
        """See the port. ``file_too_many_pages`` names the limit of 200 ``pages``."""
        if len(pages) > PAGES_MAX:
            raise Invalid("file_too_many_pages", "file", pages=PAGES_MAX)
        if sum(map(len, pdfs)) > self._limits.bytes_max:
            raise Invalid("file_too_big_inside", "file")
        job = {
            "job": "arrange",
            "sizes": [len(data) for data in pdfs],
            "pages": [[choice.file, choice.page, choice.turned] for choice in pages],
        }
        head, body = self._ask(job, pdfs)
        return _paper(head, body)

    def lines(self, pdf: bytes) -> Sequence[Sequence[str]]:
        """See the port. At most 400 lines of 12 parts of 300 characters, of the first two pages."""
        _, text = self._ask({"job": "lines"}, [pdf])
        try:
            lines = text.decode().split("\n")[:LINES_MAX]
        except UnicodeDecodeError as error:
            raise Invalid("file_damaged", "file") from error
        return [
            [cell[:CELL_LENGTH_MAX] for cell in line.split("\t")[:CELLS_MAX]]
            for line in lines
            if line
        ]

    def page_image(self, pdf: bytes, page: int, width: int) -> bytes:
        """See the port. ``width`` is kept within 200 and 2000; very long pages are narrower.

        Raises :class:`Invalid` like :meth:`accept` when the page needs more time or memory than
        a child may use; for ten minutes it is then not tried again, or everybody would wait.
        """
        self._undrawable.refuse(pdf, page)
        try:
            _, png = self._ask({"job": "page_image", "page": page, "width": width}, [pdf])
        except Invalid as error:
            if error.code == "file_too_big_inside":
                self._undrawable.remember(pdf, page)
            raise
        if not png.startswith(b"\x89PNG\r\n\x1a\n"):
            raise Invalid("file_damaged", "file")
        return png

    def close(self) -> None:
        """End all children. Jobs under way are refused, later ones get ``papers_closed``."""
        for child in self._children:
            child.kill()
        # A job under way ends at once now and its child comes back here.
        for _ in self._children:
            try:
                child = self._idle.get(timeout=_END_SECONDS)
            except Empty:
                return
            child.clear_away()
            self._idle.put(child)

    def _ask(
        self, head: papers_wire.Head, parts: Sequence[bytes]
    ) -> tuple[dict[str, object], bytes]:
        try:
            child = self._idle.get(timeout=self._wait_seconds)
        except Empty as error:
            raise Unavailable("papers_busy") from error
        try:
            answer, body = child.do(head, parts)
        finally:
            self._idle.put(child)
        if "refused" in answer:
            raise _refusal(answer)
        return answer, body


def _paper(head: dict[str, object], pdf: bytes) -> Paper:
    """What a child says of a PDF, not believed without a look."""
    pages, is_signed = head.get("pages"), head.get("signed")
    if not isinstance(pages, int) or pages < 1 or not isinstance(is_signed, bool):
        raise Invalid("file_damaged", "file")
    if not pdf.startswith(b"%PDF-"):
        raise Invalid("file_damaged", "file")
    return Paper(pdf, pages, is_signed)


def _refusal(answer: dict[str, object]) -> Invalid | NotFound:
    code, details = answer["refused"], answer.get("details")
    if code == "not_found":
        return NotFound()
    if not isinstance(code, str) or code not in _REFUSALS:
        return Invalid("file_damaged", "file")
    pages = details.get("pages") if isinstance(details, dict) else None
    if isinstance(pages, int):
        return Invalid(code, "file", pages=pages)
    return Invalid(code, "file")


class _Undrawable:
    """Pages that cost a child its life or all its time; safe for many threads."""

    def __init__(self) -> None:
        self._until: dict[bytes, float] = {}
        self._lock = threading.Lock()

    def refuse(self, pdf: bytes, page: int) -> None:
        """Raise :class:`Invalid` at once if the page is known to be one of them."""
        with self._lock:
            if not self._until:  # as good as always; nothing to look up, nothing to compute
                return
        digest = self._digest(pdf, page)
        with self._lock:
            if self._until.get(digest, 0.0) > time.monotonic():
                raise Invalid("file_too_big_inside", "file")
            self._until.pop(digest, None)

    def remember(self, pdf: bytes, page: int) -> None:
        """Keep the page in mind for a while; the oldest ones make room."""
        digest, now = self._digest(pdf, page), time.monotonic()
        with self._lock:
            self._until = {known: end for known, end in self._until.items() if end > now}
            if len(self._until) >= _REMEMBERED_MAX:
                del self._until[next(iter(self._until))]
            self._until[digest] = now + _REMEMBERED_SECONDS

    @staticmethod
    def _digest(pdf: bytes, page: int) -> bytes:
        whole = hashlib.blake2b(pdf)
        whole.update(f"page {page}".encode())
        return whole.digest()


class _TooSlow(Exception):
    """The time for this job is over."""


class _Died(Exception):
    """The other end of the pipe is closed."""


class _Child:
    """One place in the pool: a process that is replaced whenever it ends. Used by one thread."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()  # starting against closing; a job itself holds no lock
        self._is_closed = False
        self._is_ready = False
        self._process = self._started()

    def do(self, head: papers_wire.Head, parts: Sequence[bytes]) -> tuple[dict[str, object], bytes]:
        """Have one job done; a child that fails at it is replaced and makes it a refusal."""
        self._make_ready()
        deadline = time.monotonic() + self._limits.job_seconds
        try:
            self._send(head, parts, deadline)
            answer, body = self._receive(deadline)
        except _TooSlow:
            self._process.kill()
            self._replace("was too slow")
            return {"refused": "file_too_big_inside"}, b""
        except papers_wire.BadMessage:
            self._process.kill()
            self._replace("talked nonsense")
            return {"refused": "file_damaged"}, b""
        except _Died:
            greedy = self._replace("died") in _TOO_GREEDY
            return {"refused": "file_too_big_inside" if greedy else "file_damaged"}, b""
        if answer.get("last"):
            self._replace(f"did its last job ({answer.get('broken', 'no fault')!r})")
        return answer, body

    def kill(self) -> None:
        """End the process for good; callable from any thread."""
        with self._lock:
            self._is_closed = True
            self._process.kill()

    def clear_away(self) -> int:
        """Reap the process, close its pipes; returns the exit code (negative: by a signal)."""
        try:
            code = self._process.wait(timeout=_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        return code

    def _make_ready(self) -> None:
        # A child that died while idle (a crash, the system short of memory) is no fault of the
        # next file: it is replaced before the job, once.
        if self._process.poll() is not None:
            self._replace("died while idle")
        if self._is_ready:
            return
        try:
            head, _ = self._receive(time.monotonic() + _START_SECONDS)
        except (_TooSlow, _Died, papers_wire.BadMessage) as error:
            self._process.kill()
            self._replace("did not start")
            raise Unavailable("papers_unavailable") from error
        self._is_ready = True
        if not head.get("caged"):
            _LOG.warning("papers child runs without a system call filter")

    def _replace(self, reason: str) -> int:
        code = self.clear_away()
        _LOG.info("papers child %s, exit code %s", reason, code)
        with self._lock:
            if self._is_closed:
                raise Unavailable("papers_closed")
            try:
                self._process = self._started()
            except OSError as error:
                # The ended process stays in its place, so the next job tries to start again.
                raise Unavailable("papers_unavailable") from error
        return code

    def _send(self, head: papers_wire.Head, parts: Sequence[bytes], deadline: float) -> None:
        sink = _descriptor(self._process.stdin)
        for part in (papers_wire.opening(head, sum(map(len, parts))), *parts):
            rest = memoryview(part)
            while rest:
                _wait(sink, select.POLLOUT, deadline)
                try:
                    rest = rest[os.write(sink, rest[:_CHUNK_BYTES]) :]
                except BlockingIOError:
                    continue
                except BrokenPipeError as error:
                    raise _Died from error

    def _receive(self, deadline: float) -> tuple[dict[str, object], bytes]:
        source = _descriptor(self._process.stdout)
        prefix = _read(source, papers_wire.PREFIX.size, deadline)
        head_bytes, body_bytes = papers_wire.lengths(prefix, self._limits.bytes_max)
        head = papers_wire.head_of(_read(source, head_bytes, deadline))
        return head, _read(source, body_bytes, deadline)

    def _started(self) -> subprocess.Popen[bytes]:
        limits = self._limits
        numbers = (
            limits.memory_bytes,
            limits.job_seconds,
            limits.jobs_per_child,
            limits.bytes_max,
        )
        self._is_ready = False
        process = subprocess.Popen(  # noqa: S603 - our own program, no outside word in it
            [sys.executable, "-I", "-m", "kursdocs.adapters.papers_child", *map(str, numbers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={"LC_ALL": "C.UTF-8"},  # nothing of the service's settings, which hold secrets
            cwd="/",
            start_new_session=True,  # Ctrl-C is for the service; it then hangs up
        )
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
        return process


def _descriptor(pipe: IO[bytes] | None) -> int:
    if pipe is None or pipe.closed:
        raise _Died
    return pipe.fileno()


def _read(source: int, size: int, deadline: float) -> bytes:
    """Exactly ``size`` bytes from a pipe that does not block."""
    data = bytearray(size)
    rest = memoryview(data)
    while rest:
        _wait(source, select.POLLIN, deadline)
        try:
            count = os.readv(source, [rest])
        except BlockingIOError:
            continue
        if count == 0:
            raise _Died
        rest = rest[count:]
    return bytes(data)


def _wait(descriptor: int, event: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise _TooSlow
