"""Copies of the whole installation, as the operations that make and restore them see the outside:
the databases as a whole, the folder of copies, and what seals them. Values and ports; no rows.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO, Protocol
from uuid import UUID

from sqlmodel import Session

_STAMP = "%Y%m%dT%H%M%SZ"
_IS_STAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")


class BackupRefused(Exception):
    """Nothing was done, or it was broken off; the message says to the operator why and what to do.

    It names no document and nobody.
    """


def stamp_of(moment: datetime) -> str:
    """The name of a copy: its moment in UTC, to the second, such that names sort by time."""
    return moment.astimezone(UTC).strftime(_STAMP)


def is_stamp(text: str) -> bool:
    """Whether it is the name of a copy."""
    return _IS_STAMP.fullmatch(text) is not None


def moment_of(stamp: str) -> datetime:
    """The moment of a copy; raises ``ValueError`` for what is no stamp."""
    return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)


@dataclass(frozen=True)
class Manifest:
    """What one copy consists of. It is sealed with it.

    ``rows`` counts by table; ``log_seq`` and ``log_hash`` are the end of the audit log,
    ``checkpoint`` its newest signed statement (empty without one). ``sums_sha256`` is that of the
    list of all files with theirs. ``keys_rows`` counts the document keys copied after it.
    ``lost_objects`` and ``lost_keys`` are what was not there although a row needed it: names of
    objects, ids of documents.
    """

    stamp: str
    instance: UUID
    kind: str
    revision: str
    version: str
    rows: Mapping[str, int]
    log_seq: int
    log_hash: str
    checkpoint: str
    keys_rows: Mapping[str, int] = field(default_factory=dict)
    objects: int = 0
    object_bytes: int = 0
    sums_sha256: str = ""
    lost_objects: Sequence[str] = ()
    lost_keys: Sequence[str] = ()

    @property
    def is_complete(self) -> bool:
        """Whether everything that a row needed was there."""
        return not (self.lost_objects or self.lost_keys)


class Frozen(Protocol):
    """A database at one moment, whatever others write meanwhile. ``revision`` is its schema's."""

    session: Session
    revision: str

    def rows(self) -> Mapping[str, int]:
        """How many rows each table has."""

    def opened(self) -> AbstractContextManager[BinaryIO]:
        """The dump, to be read to its end; raises ``BackupRefused`` unless it is whole."""


class Dump(Protocol):
    """A database as a whole. ``kind`` is ``sqlite`` or ``postgresql``: copies fit their own."""

    kind: str

    def frozen(self) -> AbstractContextManager[Frozen]:
        """Hold one moment of it; raises ``BackupRefused`` when it cannot be read in full."""

    def is_empty(self) -> bool:
        """Whether nothing at all is there; raises ``BackupRefused`` when it does not answer."""

    def filling(self) -> AbstractContextManager[BinaryIO]:
        """Put a dump into the empty database: all of it when the block ends well, else nothing."""

    def rows(self) -> Mapping[str, int]:
        """How many rows each table has now."""


class Sealer(Protocol):
    """Seals for recipients whose own keys are elsewhere."""

    def seal(self, plain: BinaryIO, sealed: BinaryIO) -> None:
        """Read ``plain`` to its end and write it sealed."""


class Opener(Protocol):
    """Opens what was sealed for one of its identities."""

    def open(self, sealed: BinaryIO, plain: BinaryIO) -> None:
        """Write the plain bytes; raises ``BackupRefused`` when it cannot or they were altered.

        What was written until then must not be used.
        """


class Copies(Protocol):
    """The folder of all copies of one installation.

    Objects lie there once for all copies, sealed as they are in the store. A copy begins under
    another name and is there when it is ``finished``. Raises ``BackupRefused`` whenever the folder
    cannot be read or written.
    """

    def alone(self) -> AbstractContextManager[None]:
        """Nobody else changes the folder as long as the block lasts."""

    def stamps(self) -> Sequence[str]:
        """The copies of the database that are whole, oldest first."""

    def keys_stamps(self) -> Sequence[str]:
        """The copies of the document keys, oldest first."""

    def begin(self, stamp: str) -> None:
        """Make room for a copy; clears away what an interrupted one left."""

    def write(self, stamp: str, name: str, fill: Callable[[BinaryIO], None]) -> str:
        """Make a file of the begun copy, durably; returns the SHA-256 of what was written."""

    def write_keys(self, stamp: str, fill: Callable[[BinaryIO], None]) -> str:
        """Make the copy of the keys, whole or not at all; returns its SHA-256."""

    def size_of_object(self, name: str) -> int | None:
        """How long a kept object is; ``None`` when there is none."""

    def put_object(self, name: str, data: bytes) -> None:
        """Keep an object, in place of one of the same name."""

    def object(self, name: str) -> bytes:
        """The bytes of a kept object; raises ``Tampered`` for one that cannot be read."""

    def finish(self, stamp: str) -> None:
        """Make the begun copy one of the copies, durably."""

    def opened(self, stamp: str, name: str) -> AbstractContextManager[BinaryIO]:
        """A file of a copy, for reading."""

    def opened_keys(self, stamp: str) -> AbstractContextManager[BinaryIO]:
        """A copy of the keys, for reading."""

    def remove(self, stamp: str) -> None:
        """Remove a copy of the database; its objects stay until nothing names them."""

    def remove_keys(self, stamp: str) -> None:
        """Remove a copy of the keys."""

    def keep_only(self, names: set[str]) -> int:
        """Remove every object that is none of these; returns how many."""
