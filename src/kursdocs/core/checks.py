"""What reconciliations of rows, keys, objects, mails and the log have found: one row a run.

The looking itself is ``operations.fsck``; here is what remains of it, for readiness, metrics, the
page of the coordinator and the next run. Ids of documents, never anything of a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel, col, delete, select

from kursdocs.core.tables import new_id, one_of, stored_as_value

UNCHECKED = timedelta(days=2)
"""So long after the newest run nobody knows any more whether all is well."""

KEPT = 400
"""So many runs are remembered: a year of daily ones."""


class Depth(StrEnum):
    """Rows, names and sizes alone; also the bytes of a few; the bytes of all."""

    FAST = "fast"
    SAMPLE = "sample"
    DEEP = "deep"


class Health(StrEnum):
    """Nothing found; only what can be mended; something is lost or wrong."""

    CLEAN = "clean"
    REPAIRABLE = "repairable"
    LOSS = "loss"


class Phase(StrEnum):
    """What a row asks of the stores: nothing yet, its object and key, or that neither is there."""

    BEGUN = "begun"
    KEPT = "kept"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a row says of the stores, whichever noun it belongs to.

    ``due`` is by when the phase must have come to its end: an intake finished or given up, what is
    over removed. ``None``: it may last. ``swept_at`` is since when nothing can be left by our own
    word. Hashes are empty where the row does not know them; ``byte_size`` is that of the plain PDF.
    """

    id: UUID
    phase: Phase
    object_name: str
    byte_size: int
    sha256: str = ""
    stored_sha256: str = ""
    due: datetime | None = None
    swept_at: datetime | None = None


class CheckRun(SQLModel, table=True):
    """One run. ``looked_at`` counts by what (documents, objects, bytes …), ``found`` by damage.

    ``examples`` are some of what was found: damage, subject (an id or an object's name).
    """

    __tablename__ = "check_run"
    __table_args__ = (one_of("depth", Depth), one_of("verdict", Health))

    id: UUID = Field(default_factory=new_id, primary_key=True)
    depth: Depth = Field(sa_type=stored_as_value(Depth))
    started_at: datetime
    ended_at: datetime
    verdict: Health = Field(sa_type=stored_as_value(Health))
    looked_at: dict[str, int] = Field(sa_type=sa.JSON)
    found: dict[str, int] = Field(sa_type=sa.JSON)
    examples: list[Any] = Field(sa_type=sa.JSON)


def keep(session: Session, run: CheckRun) -> None:
    """Remember a run, and forget those of long ago."""
    session.add(run)
    session.flush()
    newest = select(CheckRun.id).order_by(col(CheckRun.id).desc()).limit(KEPT)
    session.exec(delete(CheckRun).where(col(CheckRun.id).not_in(newest)))


def newest(session: Session) -> CheckRun | None:
    """The newest run, if there was one."""
    return next(iter(latest(session)), None)


def newest_reading(session: Session) -> CheckRun | None:
    """The newest run that also read bytes of papers."""
    query = select(CheckRun).where(CheckRun.depth != Depth.FAST)
    return session.exec(query.order_by(col(CheckRun.id).desc()).limit(1)).first()


def latest(session: Session, *, limit: int = 1) -> Sequence[CheckRun]:
    """The newest runs, newest first."""
    return session.exec(select(CheckRun).order_by(col(CheckRun.id).desc()).limit(limit)).all()
