"""What is to be sent: files and what was said about them, judged before the first byte leaves."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FILE_BYTES_MAX = 32 * 1024 * 1024
_TYPES = {
    b"%PDF-": "application/pdf",
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
}


@dataclass(frozen=True)
class Mistake:
    """Something to mend before anything is sent. ``line`` is that of the list, or 0."""

    file: str
    line: int
    field: str
    reason: str


class Mistaken(Exception):
    """Nothing was sent, because of these mistakes."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__(f"{len(mistakes)} mistakes")
        self.mistakes = tuple(mistakes)


class FileRefused(Exception):
    """A file that the server would not take, or that cannot be read; the message says why."""


@dataclass(frozen=True)
class Entry:
    """A file and its fields as they were typed; ``line`` is that of the list, or 0."""

    path: Path
    kind: str
    recipients: tuple[str, ...]
    line: int = 0
    released: bool = False
    obliging_bodies: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)

    def mistake(self, name: str, reason: str) -> Mistake:
        """A mistake of this entry."""
        return Mistake(str(self.path), self.line, name, reason)


@dataclass(frozen=True)
class File:
    """A file as it was when it was looked at."""

    data: bytes
    media_type: str

    @property
    def sha256(self) -> str:
        """The hash that the server's receipt shows as that of what it received."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Paper:
    """A checked entry: what is left is to send it. ``key`` tells it from every other sending."""

    path: Path
    line: int
    form: Mapping[str, str | Sequence[str]]
    sha256: str
    byte_size: int
    key: str


def read_file(path: Path) -> File:
    """The bytes of a PDF, JPEG or PNG; raises :class:`FileRefused`."""
    try:
        with path.open("rb") as opened:
            data = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise FileRefused(f"cannot be read: {error.strerror}") from error
    if not data:
        raise FileRefused("is empty; was the scan complete?")
    if len(data) > FILE_BYTES_MAX:
        raise FileRefused("is larger than 32 MiB; scan it with a lower resolution")
    for start, media_type in _TYPES.items():
        if data.startswith(start):
            return File(data, media_type)
    raise FileRefused("is no PDF, JPEG or PNG, whatever its name says; save it as PDF")


def paper_of(entry: Entry, form: Mapping[str, str | Sequence[str]], file: File) -> Paper:
    """The entry with its checked form, and the key that follows from its content.

    The key covers the bytes themselves, not their hash: who finds it together with the hash in a
    ledger cannot try out names and birthdays.
    """
    said = json.dumps(form, sort_keys=True, ensure_ascii=False)
    key = hashlib.sha256(said.encode() + b"\0" + file.data).hexdigest()
    return Paper(
        path=entry.path,
        line=entry.line,
        form=form,
        sha256=file.sha256,
        byte_size=len(file.data),
        key=f"push-{key}",
    )
