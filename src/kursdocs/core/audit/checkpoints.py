"""Signed checkpoints: what the log was at a moment, in a form that others keep and hold against it.

The text is that of C2SP tlog-checkpoint: the log's name, how many rows, the tree's head in base64,
a line each. Whoever keeps one sees later whether a row from before was altered, removed or put in.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from kursdocs.core.audit.chain import AuditCheckpoint, AuditHead
from kursdocs.core.audit.tree import Frontier

NOTE_LENGTH_MAX = 1000
_ROOT_BYTES = 32
_SIZE_DIGITS_MAX = 18


@dataclass(frozen=True)
class Statement:
    """What a checkpoint says: the log of that name had ``size`` rows with this head."""

    name: str
    size: int
    root: bytes

    @property
    def root_text(self) -> str:
        """The head in base64."""
        return base64.b64encode(self.root).decode()

    def text(self) -> str:
        """As it is signed."""
        return f"{self.name}\n{self.size}\n{self.root_text}\n"

    @classmethod
    def read(cls, note: str) -> "Statement":
        """What a signed note says; nothing is said about its signature.

        Raises ``ValueError`` unless it is a checkpoint.
        """
        text, blank, _ = note.partition("\n\n")
        name, size, encoded, *_ = [*text.split("\n"), "", "", ""]
        try:
            root = base64.b64decode(encoded, validate=True)
        except binascii.Error as error:
            raise ValueError("the head of the tree is no base64") from error
        is_number = size.isascii() and size.isdigit() and len(size) <= _SIZE_DIGITS_MAX
        is_plain = is_number and str(int(size)) == size
        if not (blank and name and is_plain and len(root) == _ROOT_BYTES):
            raise ValueError("that is no checkpoint")
        return cls(name, int(size), root)


def newest(session: Session) -> AuditCheckpoint | None:
    """The last one, if there is any."""
    query = select(AuditCheckpoint).order_by(col(AuditCheckpoint.size).desc()).limit(1)
    return session.exec(query).first()


def page(session: Session, *, after: int, limit: int) -> Sequence[AuditCheckpoint]:
    """Those of more than ``after`` rows, oldest first."""
    query = select(AuditCheckpoint).where(AuditCheckpoint.size > after)
    return session.exec(query.order_by(col(AuditCheckpoint.size)).limit(limit)).all()


def keep(
    session: Session, tree: Frontier, *, signer: str, note: str, now: datetime
) -> AuditCheckpoint | None:
    """Keep a signed note about ``tree``; ``None`` when somebody else signed as much meanwhile."""
    # The end of the log is what signers queue for too; only one of them comes first.
    session.exec(select(AuditHead.seq).with_for_update()).one()
    last = newest(session)
    if last is not None and last.size >= tree.size:
        return None
    made = AuditCheckpoint(
        size=tree.size,
        root=base64.b64encode(tree.root()).decode(),
        signer=signer,
        note=note,
        frontier=tree.written(),
        signed_at=now,
    )
    session.add(made)
    session.flush()
    return made
