"""Showing that one row is in the log, to somebody who has nothing but a checkpoint.

A proof is the row in its canonical form, the hashes beside its way up the tree, and the checkpoint.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from kursdocs.core.audit.chain import AuditEvent, AuditLeaf, canonical

_HASHES_A_PAGE = 20_000


@dataclass(frozen=True)
class Proof:
    """Row ``seq`` is number ``index`` (from 0) of the ``size`` leaves of the checkpoint's tree."""

    row: dict[str, str]
    hash: str
    index: int
    size: int
    path: Sequence[bytes]
    note: str

    def written(self) -> dict[str, Any]:
        """For a file that a program of a few lines can check."""
        return {
            "row": self.row,
            "hash": self.hash,
            "index": self.index,
            "size": self.size,
            "path": [base64.b64encode(part).decode() for part in self.path],
            "checkpoint": self.note,
        }


def row(session: Session, seq: int) -> tuple[dict[str, str], str] | None:
    """The row in its canonical form, and its hash; ``None`` when it is not (or no longer) there."""
    event = session.get(AuditEvent, seq)
    return (canonical(event.model_dump()), event.hash) if event else None


def hashes(session: Session, *, after: int) -> list[bytes]:
    """The next hashes of rows and leaves behind a row, in order; empty at the end."""
    through = after + _HASHES_A_PAGE
    rows = select(AuditEvent.seq, AuditEvent.hash).where(
        AuditEvent.seq > after, AuditEvent.seq <= through
    )
    leaves = select(AuditLeaf.seq, AuditLeaf.hash).where(
        AuditLeaf.seq > after, AuditLeaf.seq <= through
    )
    # What goes by rule between the two is found twice.
    found = {**dict(session.exec(rows).all()), **dict(session.exec(leaves).all())}
    return [bytes.fromhex(found[seq]) for seq in sorted(found)]


def told(
    session: Session,
    *,
    after: int,
    limit: int,
    municipality_id: UUID | None = None,
    agency_id: UUID | None = None,
) -> Sequence[AuditEvent]:
    """The next rows behind ``after`` of that municipality or agency, or of all, oldest first."""
    query = select(AuditEvent).where(AuditEvent.seq > after)
    if municipality_id is not None:
        query = query.where(AuditEvent.municipality_id == municipality_id)
    if agency_id is not None:
        query = query.where(AuditEvent.agency_id == agency_id)
    return session.exec(query.order_by(col(AuditEvent.seq)).limit(limit)).all()
