"""Removing old rows of the log by rule, so that what remains still proves everything.

Of each row its hash stays, which is all that the chain and the tree need. Only what a checkpoint
covers may go, and only what is as it was written: removing an altered row would remove the trace.
"""

from datetime import datetime
from itertools import takewhile
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from kursdocs.core.access import Actor, ActorKind
from kursdocs.core.audit import checkpoints, verifying
from kursdocs.core.audit.chain import AuditEvent, AuditHead, AuditLeaf, record
from kursdocs.core.audit.happenings import Happening
from kursdocs.core.audit.verifying import Found, Walk

BATCH = 1_000


class LogAltered(Exception):
    """What was to go is not as it was written; nothing was removed."""

    def __init__(self, found: Found) -> None:
        super().__init__(f"{found.what.value} at {found.seq}")
        self.found = found


def shorten(
    session: Session, municipalities: list[UUID], *, before: datetime, now: datetime
) -> int:
    """Remove the oldest rows, at most :data:`BATCH`, written before that moment; returns how many.

    What went is told in the log (of each municipality), which is how verifying knows that it went
    by rule. Raises :class:`LogAltered`.
    """
    # First, so that of two who shorten one finds nothing left to do.
    session.exec(select(AuditHead.seq).with_for_update()).one()
    newest = checkpoints.newest(session)
    oldest = select(AuditEvent.seq, AuditEvent.at).order_by(col(AuditEvent.seq)).limit(BATCH)
    rows = list(session.exec(oldest))
    covered = newest.size if newest else 0
    gone = [row[0] for row in takewhile(lambda row: row[0] <= covered and row[1] < before, rows)]
    if not gone:
        return 0
    page = verifying.entries(session, after=gone[0] - 1, through=gone[-1])
    walk = Walk.from_row(gone[0])
    walk.go(page)
    if walk.found:
        raise LogAltered(walk.found[0])
    session.execute(sa.insert(AuditLeaf), [{"seq": one.seq, "hash": one.hash} for one in page])
    session.execute(sa.delete(AuditEvent).where(col(AuditEvent.seq) <= gone[-1]))
    for municipality_id in municipalities or (None,):
        kursdocs = Actor(
            kind=ActorKind.SYSTEM, display_name="shortening", municipality_id=municipality_id
        )
        day = before.date().isoformat()
        record(session, kursdocs, Happening.LOG_SHORTENED, now=now, through=gone[-1], before=day)
    return len(gone)


def is_shortened(session: Session) -> bool:
    """Whether rows were ever removed."""
    return session.exec(select(AuditLeaf.seq).limit(1)).first() is not None
