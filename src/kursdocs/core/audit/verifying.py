"""Going along the log and saying whatever does not hold: bodies, links, leaves, signed heads.

Rows are read in pages of columns and forgotten again, so a long log takes no more memory than a
short one. :func:`entries` reads a page, :class:`Walk` goes along it.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from kursdocs.core.audit.chain import AuditEvent, AuditLeaf, end_of
from kursdocs.core.audit.checkpoints import Statement
from kursdocs.core.audit.happenings import Happening
from kursdocs.core.audit.tree import Frontier

PAGE = 2_000
FOUND_MAX = 100
"""Who altered more than that is told the first ones."""


class Tampering(StrEnum):
    """What does not hold."""

    ROW_ALTERED = "row_altered"
    LINK_BROKEN = "link_broken"
    ROWS_MISSING = "rows_missing"
    END_MOVED = "end_moved"
    LEAF_UNEXPLAINED = "leaf_unexplained"
    LEAF_BESIDE_ROW = "leaf_beside_row"
    CHECKPOINT_FORGED = "checkpoint_forged"
    CHECKPOINT_CONTRADICTS = "checkpoint_contradicts"
    CHECKPOINT_BEYOND_END = "checkpoint_beyond_end"


@dataclass(frozen=True)
class Found:
    """One thing that does not hold: from which row on, or at a checkpoint of how many rows.

    ``is_held`` when a checkpoint that somebody kept elsewhere says so.
    """

    what: Tampering
    seq: int
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the log, or what remains of it; ``raw`` is ``None`` for a leaf.

    ``raw`` is what the database gave, so that whatever somebody wrote past us can be looked at.
    """

    seq: int
    hash: str
    raw: Sequence[Any] | None


_TABLE: sa.Table = AuditEvent.metadata.tables["audit_event"]
_NAMES = tuple(_TABLE.c.keys())
_SEQ, _HASH, _PREVIOUS, _HAPPENING, _DETAIL = (
    _NAMES.index(name) for name in ("seq", "hash", "previous_hash", "happening", "detail")
)
_COLUMNS = [
    sa.cast(column, sa.Text) if column.name == "detail" else sa.type_coerce(column, sa.String)
    for column in _TABLE.c
]


def entries(session: Session, *, after: int, through: int) -> list[Entry]:
    """The rows and leaves with numbers from ``after`` + 1 to ``through``, in order."""
    leaves = select(AuditLeaf.seq, AuditLeaf.hash).where(
        AuditLeaf.seq > after, AuditLeaf.seq <= through
    )
    found = [Entry(seq, digest, None) for seq, digest in session.exec(leaves)]
    rows = sa.select(*_COLUMNS).where(_TABLE.c.seq > after, _TABLE.c.seq <= through)
    raw: Sequence[Sequence[Any]] = session.connection().execute(rows).all()
    found += [Entry(row[_SEQ], row[_HASH], row) for row in raw]
    if len(found) < through - after:
        # On PostgreSQL each statement has a moment of its own: what went by rule between these two
        # is a leaf by now.
        known = {entry.seq for entry in found}
        found += [
            Entry(seq, digest, None) for seq, digest in session.exec(leaves) if seq not in known
        ]
    return sorted(found, key=lambda entry: (entry.seq, entry.raw is None))


# ── The canonical form of ``chain``, straight from what the database gave: a third of the time ───


def _id(value: object) -> str:
    """SQLite keeps ids as 32 letters, PostgreSQL's come as such."""
    if isinstance(value, str) and len(value) == _ID_LENGTH:
        return f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"
    return str(value)


_ID_LENGTH = 32


def _moment(value: object) -> str:
    """SQLite keeps moments as text in UTC, always with microseconds."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    day, _, clock = str(value).partition(" ")
    return f"{day}T{clock.removesuffix('.000000')}+00:00"


@lru_cache(maxsize=4096)
def _detail(text: str) -> str:
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except (ValueError, TypeError, RecursionError):
        return text  # altered: nothing that was written looks like this


_FORMS: Mapping[str, Callable[[Any], str]] = {
    **{column.name: _id for column in _TABLE.c if isinstance(column.type, sa.Uuid)},
    "at": _moment,
    "detail": _detail,
}
_PLAN = [
    (f'"{name}": ', _NAMES.index(name), _FORMS.get(name, str))
    for name in sorted(_NAMES)
    if name != "hash"
]


_escaped = json.JSONEncoder().encode


def hash_of_raw(raw: Sequence[Any]) -> str:
    """The same as ``chain.hash_of`` of that row."""
    said = [start + _escaped(form(raw[index])) for start, index, form in _PLAN]
    return hashlib.sha256(f"{{{', '.join(said)}}}".encode()).hexdigest()


class Walk:
    """What was seen of the log so far, and what of it does not hold.

    ``signed`` are statements by the number of rows they are about, with whether somebody kept them
    elsewhere. It may begin behind a tree that is known (``known``) and the hash of its last row.
    """

    def __init__(
        self,
        signed: Sequence[tuple[Statement, bool]] = (),
        *,
        known: Frontier | None = None,
        last_hash: str | None = "",
    ) -> None:
        self.tree = known or Frontier()
        self.seq = self.tree.size
        self.found: list[Found] = []
        self.first_row: int | None = None
        self._last_hash = last_hash
        self._is_whole = True
        self._leaves_through = self._shortened_through = 0
        self._signed: defaultdict[int, list[tuple[Statement, bool]]] = defaultdict(list)
        for statement, is_held in signed:
            self._signed[statement.size].append((statement, is_held))
        self._compare()

    @classmethod
    def from_row(cls, seq: int) -> "Walk":
        """One that looks at rows and links from there on, and at no tree."""
        walk = cls(last_hash=None)
        walk.seq, walk._is_whole = seq - 1, False
        return walk

    def go(self, page: Sequence[Entry]) -> None:
        """Go along these, which follow what was seen."""
        for entry in page:
            if entry.seq == self.seq:
                # Only whoever wants to remove a row later puts a leaf beside it.
                self._tell(Tampering.LEAF_BESIDE_ROW, entry.seq)
                continue
            if entry.seq != self.seq + 1:
                self._tell(Tampering.ROWS_MISSING, self.seq + 1)
                self._is_whole, self._last_hash = False, None
            self.seq = entry.seq
            self._look_at(entry)
            self._grow(entry)

    def _look_at(self, entry: Entry) -> None:
        if entry.raw is None:
            self._leaves_through = entry.seq
        else:
            self._look_at_row(entry.seq, entry.raw)
        self._last_hash = entry.hash

    def _look_at_row(self, seq: int, raw: Sequence[Any]) -> None:
        self.first_row = self.first_row or seq
        if self._last_hash is not None and raw[_PREVIOUS] != self._last_hash:
            self._tell(Tampering.LINK_BROKEN, seq)
        if hash_of_raw(raw) != raw[_HASH]:
            self._tell(Tampering.ROW_ALTERED, seq)
        elif raw[_HAPPENING] == Happening.LOG_SHORTENED:
            through = json.loads(raw[_DETAIL])["through"]
            self._shortened_through = max(self._shortened_through, through)

    def _grow(self, entry: Entry) -> None:
        try:
            leaf = bytes.fromhex(entry.hash)
        except (ValueError, TypeError):
            self._is_whole = False
            return
        if self._is_whole:
            self.tree.append(leaf)
            self._compare()

    def _compare(self) -> None:
        for statement, is_held in self._signed.pop(self.tree.size, ()):
            if statement.root != self.tree.root():
                self._tell(Tampering.CHECKPOINT_CONTRADICTS, statement.size, is_held=is_held)

    def end(self, seq: int, digest: str, *, has_more: bool, covered: int | None = None) -> None:
        """The log ends here by its own account: with this row and hash.

        ``has_more`` says whether there are rows behind it, ``covered`` how many rows are signed.
        What is signed must lie before the end, and what is gone must have gone by rule.
        """
        if self.seq < seq:
            self._tell(Tampering.ROWS_MISSING, self.seq + 1)
        elif has_more or (self._last_hash is not None and self._last_hash != digest):
            self._tell(Tampering.END_MOVED, seq + 1)
        explained = self._shortened_through
        if covered is not None:
            explained = min(explained, covered)
        if self._leaves_through > explained:
            self._tell(Tampering.LEAF_UNEXPLAINED, explained + 1)
        for size in sorted(self._signed):
            for _, is_held in self._signed[size] if size > seq else ():
                self._tell(Tampering.CHECKPOINT_BEYOND_END, size, is_held=is_held)

    def _tell(self, what: Tampering, seq: int, *, is_held: bool = False) -> None:
        if len(self.found) < FOUND_MAX:
            self.found.append(Found(what, seq, is_held))


def steps(after: int, end: int) -> Iterator[tuple[int, int]]:
    """The pages of the log from behind ``after`` to ``end``: behind which row, through which."""
    for start in range(after, end, PAGE):
        yield start, min(start + PAGE, end)


def has_rows_behind_end(session: Session) -> bool:
    """Whether there are rows of which the end of the log knows nothing.

    The rows first: others append, and each row comes together with its end.
    """
    newest = select(AuditEvent.seq).order_by(col(AuditEvent.seq).desc()).limit(1)
    last = session.exec(newest).first()
    return last is not None and last > end_of(session)[0]


def verify(session: Session) -> int | None:
    """The ``seq`` of the first row that was altered, removed or put in; ``None`` when whole.

    In one transaction, for short logs; nothing signed is looked at.
    """
    walk = Walk()
    seq, digest = end_of(session)
    for after, through in steps(0, seq):
        walk.go(entries(session, after=after, through=through))
    walk.end(seq, digest, has_more=has_rows_behind_end(session))
    return min((found.seq for found in walk.found), default=None)
