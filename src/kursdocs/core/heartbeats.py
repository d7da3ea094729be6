"""Signs of life of the recurring duties, seen by every process."""

from datetime import datetime

from sqlmodel import Field, Session, SQLModel, select


class Heartbeat(SQLModel, table=True):
    """When a duty last ran to its end, in any worker."""

    __tablename__ = "heartbeat"

    duty: str = Field(primary_key=True, max_length=40)
    beaten_at: datetime


def beat(session: Session, duty: str, *, now: datetime) -> None:
    """Note that the duty has just run to its end."""
    session.merge(Heartbeat(duty=duty, beaten_at=now))


def latest(session: Session) -> dict[str, datetime]:
    """When each duty last ran to its end; duties that never ran are missing."""
    return {beat.duty: beat.beaten_at for beat in session.exec(select(Heartbeat))}
