"""The list of what was sent, so that a run that was broken off goes on where it stopped.

One JSON object a line: file name, hash, document id, time, and the key of the sending. The file's
name is the only thing in it that a person wrote. A line is on the disk before the next file is
sent; what is lost all the same is stored once, because the server knows the key too.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

_NAMES = {"server", "client_id", "key", "file", "sha256", "document", "at"}
# How each of our lines begins: what else stands at the end of the file is not ours to take away.
_START = b'{"server": "'


class LedgerError(Exception):
    """The ledger cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Sent:
    """One file that the server has confirmed. ``at`` is the time it said, in UTC."""

    server: str
    client_id: str
    key: str
    file: str
    sha256: str
    document: str
    at: str


class Ledger:
    """An open ledger; nobody else writes to it meanwhile."""

    def __init__(self, path: Path, descriptor: int, lines: list[Sent]) -> None:
        """Use :func:`open_ledger`."""
        self.path = path
        self._descriptor = descriptor
        self._known = {_identity(sent): sent for sent in lines}

    def find(self, server: str, client_id: str, key: str) -> Sent | None:
        """What was sent under this key to this server by this program."""
        return self._known.get((server, client_id, key))

    def note(self, sent: Sent) -> None:
        """Write a line; it is on the disk afterwards. Raises :class:`LedgerError`."""
        line = json.dumps(asdict(sent), ensure_ascii=False).encode() + b"\n"
        end = os.fstat(self._descriptor).st_size
        try:
            if os.write(self._descriptor, line) != len(line):
                raise OSError(0, "no space left")
            os.fsync(self._descriptor)
        except OSError as error:
            os.ftruncate(self._descriptor, end)
            raise LedgerError(
                f"the ledger {self.path} cannot be written: {error.strerror}. The last file was"
                " sent all the same; the same command again stores nothing twice"
            ) from error
        self._known[_identity(sent)] = sent


@contextmanager
def open_ledger(path: Path) -> Iterator[Ledger]:
    """The ledger at ``path``, made when there is none, for its owner alone.

    Raises :class:`LedgerError`: cannot be opened, damaged, or in use by another run.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        raise LedgerError(f"the ledger {path} cannot be opened: {error.strerror}") from error
    try:
        _lock(path, descriptor)
        lines = _read(path, descriptor)
        _keep_to_oneself(path, descriptor)
        yield Ledger(path, descriptor, lines)
    finally:
        os.close(descriptor)


def _lock(path: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise LedgerError(
            f"another run is using the ledger {path}; wait for it, or name another with --ledger"
        ) from error


def _read(path: Path, descriptor: int) -> list[Sent]:
    """Every line; a last one of ours that was broken off in the middle is taken away."""
    with os.fdopen(os.dup(descriptor), "rb") as opened:
        opened.seek(0)
        data = opened.read()
    whole, newline, rest = data.rpartition(b"\n")
    lines = whole.split(b"\n") if newline else []
    read = [_line(path, number, line) for number, line in enumerate(lines, start=1)]
    if rest[: len(_START)] != _START[: len(rest)]:
        raise _damaged(path, len(lines) + 1)
    if rest:
        os.ftruncate(descriptor, len(whole) + len(newline))
    return read


def _line(path: Path, number: int, line: bytes) -> Sent:
    try:
        found = json.loads(line)
        if found.keys() == _NAMES and all(isinstance(value, str) for value in found.values()):
            return Sent(**found)
    except (ValueError, AttributeError):
        pass
    raise _damaged(path, number)


def _damaged(path: Path, number: int) -> LedgerError:
    return LedgerError(
        f"the ledger {path} is damaged in line {number}. Move it away and run the command again:"
        " the server knows what it has, and stores nothing twice"
    )


def _identity(sent: Sent) -> tuple[str, str, str]:
    return sent.server, sent.client_id, sent.key


def _keep_to_oneself(path: Path, descriptor: int) -> None:
    """For its owner alone, and there to stay: a new file is, when its folder is on the disk."""
    try:
        os.fchmod(descriptor, 0o600)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise LedgerError(f"the ledger {path} cannot be kept safe: {error.strerror}") from error
