"""Signs of life of the recurring duties, seen by every process.

Workers write them (:func:`beat`), readiness and metrics read them. A row says itself how often its
duty is meant to run, so that a reader can tell when it is late without knowing the duties.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel, col, delete, select, update

# What a slow run, a restart or a rolling upgrade may take without anything being wrong.
_PATIENCE = timedelta(minutes=5)
_RUNS_MISSED = 3


class Heartbeat(SQLModel, table=True):
    """When a duty last ran to its end in any worker, and how often it ran and failed in all."""

    __tablename__ = "heartbeat"
    __table_args__ = (
        sa.CheckConstraint("every_seconds > 0", name="every_some_time"),
        sa.CheckConstraint("failures >= 0 AND runs >= failures", name="counts_fit"),
    )

    duty: str = Field(primary_key=True, max_length=40)
    every_seconds: int
    beaten_at: datetime | None = None
    runs: int = Field(default=0, sa_type=sa.BigInteger)
    failures: int = Field(default=0, sa_type=sa.BigInteger)

    def is_late(self, now: datetime) -> bool:
        """Whether the duty has not run to its end for much longer than it is meant to."""
        if self.beaten_at is None:
            return True
        return (
            now - self.beaten_at > timedelta(seconds=self.every_seconds * _RUNS_MISSED) + _PATIENCE
        )


def beat(
    session: Session, duty: str, *, every_seconds: int, succeeded: bool, now: datetime
) -> None:
    """Count a run of the duty; when it ran to its end, that is its newest sign of life."""
    if _counted(session, duty, every_seconds, succeeded, now):
        return
    try:
        with session.begin_nested():
            session.add(Heartbeat(duty=duty, every_seconds=every_seconds))
            session.flush()
    except sa.exc.IntegrityError:
        # Another worker did it for the first time at the same moment.
        session.expire_all()
    _counted(session, duty, every_seconds, succeeded, now)


def _counted(
    session: Session, duty: str, every_seconds: int, succeeded: bool, now: datetime
) -> bool:
    """In the database itself, so that workers that run at once lose no count."""
    values: dict[str, object] = {
        "every_seconds": every_seconds,
        "runs": col(Heartbeat.runs) + 1,
        "failures": col(Heartbeat.failures) + int(not succeeded),
    }
    if succeeded:
        values["beaten_at"] = now
    done = session.exec(update(Heartbeat).where(col(Heartbeat.duty) == duty).values(values))
    return bool(done.rowcount)


def latest(session: Session) -> Sequence[Heartbeat]:
    """All duties that any worker ever tried, by name."""
    return session.exec(select(Heartbeat).order_by(Heartbeat.duty)).all()


def keep_only(session: Session, duties: Collection[str]) -> None:
    """Forget duties that there are no more, so that nobody waits for their signs of life."""
    session.exec(delete(Heartbeat).where(col(Heartbeat.duty).not_in(list(duties))))
