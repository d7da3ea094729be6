"""What the clients of an installation know for themselves: their ledger, a file of their own.

A client writes what it is about to do before it asks, and what it was told after the answer. Only
what stands here is believed when an installation is judged: never its own rows. A line is written
by one call, so that a client killed at any moment leaves whole lines and at most one that is cut.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from uuid import UUID


class Word(StrEnum):
    """What one line tells."""

    TRY = "TRY"
    """Asks to store the content of this key; the value is its SHA-256."""
    ACK = "ACK"
    """Was told "stored"; the value is the document."""
    KEPT = "KEPT"
    """Was told that the draft (the value) is kept."""
    DROP = "DROP"
    """Asks to withdraw the document (the value)."""
    GONE = "GONE"
    """Was told "withdrawn"; the value is the document."""
    READ = "READ"
    """Was handed the right content of the document (the value)."""
    LOST = "LOST"
    """Was told that an acknowledged document is not there, which nobody asked to withdraw."""
    WRONG = "WRONG"
    """Was handed other content."""
    DUE = "DUE"
    """A mail has to tell something at the address (the value), once."""
    TWICE = "TWICE"
    """It may come a second time: a fault hid that the server had taken it."""
    REFUSED = "REFUSED"
    """The server refused it for good."""
    LATE = "LATE"
    """The document (the value) has to go back to who sent it."""
    LOGGED = "LOGGED"
    """Copied from the log: this (the key) happened to the document (the value)."""
    COPIED = "COPIED"
    """The copy goes to this row (the value); what it covers may go from the log."""
    SWEPT = "SWEPT"
    """The sweeper came through; the value is when it began."""


@dataclass(frozen=True)
class Line:
    """One line: ``key`` is what the client calls its upload."""

    word: Word
    key: str
    value: str = ""


class Ledger:
    """One client's file; each client process has its own."""

    def __init__(self, path: Path) -> None:
        """Goes on where the file ends."""
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        if path.stat().st_size:
            os.write(self._descriptor, b"\n")  # ends a line that a kill has cut

    def note(self, word: Word, key: str, value: object = "") -> None:
        """Write one line; it outlives the process that wrote it."""
        os.write(self._descriptor, f"{word} {key} {value}\n".encode())


class Tail:
    """Follows a file that others write: each look gives the whole lines that came since."""

    def __init__(self, path: Path) -> None:
        """The file need not exist yet."""
        self.path, self._at = path, 0

    def look(self) -> list[Line]:
        """The new lines."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._at)
                new = file.read()
        except FileNotFoundError:
            return []
        whole = new[: new.rfind(b"\n") + 1]
        self._at += len(whole)
        return list(_parsed(whole.decode().splitlines()))


def _parsed(lines: Sequence[str]) -> Iterator[Line]:
    for line in lines:
        word, _, rest = line.partition(" ")
        key, _, value = rest.partition(" ")
        if word in Word.__members__ and key:  # anything else was cut by a kill
            yield Line(Word(word), key, value)


@dataclass
class Known:
    """All ledgers together."""

    tried: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the content, by key."""
    stored: dict[str, UUID] = field(default_factory=dict)
    """Documents acknowledged as stored, by key."""
    kept: dict[str, UUID] = field(default_factory=dict)
    """Drafts acknowledged as kept, by key."""
    doubled: list[str] = field(default_factory=list)
    """Keys that were acknowledged as two documents."""
    dropping: set[UUID] = field(default_factory=set)
    """Documents that somebody asked to withdraw, acknowledged or not."""
    gone: set[UUID] = field(default_factory=set)
    """Documents acknowledged as withdrawn."""
    read: Counter[UUID] = field(default_factory=Counter)
    """How often a document was handed out."""
    due: dict[str, str] = field(default_factory=dict)
    """Addresses that have to be told something, by key."""
    twice: set[str] = field(default_factory=set)
    """Keys whose mail may come twice."""
    refused: set[str] = field(default_factory=set)
    """Keys whose mail the server refused for good."""
    late: set[UUID] = field(default_factory=set)
    """Documents that have to go back."""
    logged: Counter[tuple[str, UUID]] = field(default_factory=Counter)
    """What the copy of the log tells of documents, and how often."""
    copied: int = 0
    """The last row of that copy."""
    complaints: list[Line] = field(default_factory=list)
    """What a reader met that must not be."""

    def note(self, line: Line) -> None:
        """Take in one line."""
        match line.word:
            case Word.TRY:
                self.tried[line.key] = line.value
            case Word.ACK:
                self._once(self.stored, line)
            case Word.KEPT:
                self._once(self.kept, line)
            case Word.LOST | Word.WRONG:
                self.complaints.append(line)
            case Word.DUE | Word.TWICE | Word.REFUSED:
                self._note_mail(line)
            case Word.LOGGED | Word.COPIED:
                self._note_log(line)
            case Word.DROP | Word.GONE | Word.READ | Word.LATE:
                self._note_document(line.word, UUID(line.value))

    def _note_mail(self, line: Line) -> None:
        match line.word:
            case Word.DUE:
                self.due[line.key] = line.value
            case Word.TWICE:
                self.twice.add(line.key)
            case Word.REFUSED:
                self.refused.add(line.key)

    def _note_log(self, line: Line) -> None:
        if line.word is Word.COPIED:
            self.copied = int(line.value)
        else:
            self.logged[line.key, UUID(line.value)] += 1

    def _note_document(self, word: Word, document_id: UUID) -> None:
        match word:
            case Word.DROP:
                self.dropping.add(document_id)
            case Word.GONE:
                self.gone.add(document_id)
            case Word.READ:
                self.read[document_id] += 1
            case Word.LATE:
                self.late.add(document_id)

    def _once(self, known: dict[str, UUID], line: Line) -> None:
        if known.setdefault(line.key, UUID(line.value)) != UUID(line.value):
            self.doubled.append(line.key)

    @property
    def open(self) -> list[str]:
        """Keys that were tried and never acknowledged."""
        return [key for key in self.tried if key not in self.stored]


def read(paths: Sequence[Path]) -> Known:
    """All ledgers together; a complaint about a document that is being withdrawn is none."""
    known = Known()
    for path in paths:
        for line in Tail(path).look():
            known.note(line)
    return known


def fingerprint(content: bytes) -> str:
    """SHA-256 as ledgers and rows carry it."""
    return hashlib.sha256(content).hexdigest()
