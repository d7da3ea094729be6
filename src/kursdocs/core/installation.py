"""Which installation this is: one id, which object store and key store are bound to.

So two installations cannot share a bucket or a key store by mistake.
"""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel, select

from kursdocs.core.tables import new_id


class Installation(SQLModel, table=True):
    """The one row that says who we are."""

    __tablename__ = "installation"
    __table_args__ = (sa.CheckConstraint("position = 1", name="single"),)

    position: int = Field(default=1, primary_key=True)
    id: UUID = Field(default_factory=new_id)
    created_at: datetime
    bound_at: datetime | None = None
    # When the newest backup was begun; None while nobody ever made one with kursdocs.
    backed_up_at: datetime | None = None
    # By which rules the days of deletion were found out, as a fingerprint.
    retention_rules: str = Field(default="", max_length=64, sa_column_kwargs={"server_default": ""})


def known(session: Session) -> Installation | None:
    """The installation, unless it was never started."""
    return session.exec(select(Installation)).first()


def identity(session: Session, *, now: datetime) -> Installation:
    """The installation; made at the first call."""
    found = known(session)
    if found is None:
        found = Installation(created_at=now)
        session.add(found)
        session.flush()
    return found


def mark_bound(session: Session, *, now: datetime) -> None:
    """Note that object store and key store are bound to this installation.

    From now on an empty store is a fault (a disk that is not mounted), not a fresh start.
    """
    found = identity(session, now=now)
    found.bound_at = found.bound_at or now
    session.add(found)


def follow_rules(session: Session, rules: str, *, now: datetime) -> bool:
    """Note the rules of retention that count from now on; whether they replace others."""
    found = identity(session, now=now)
    before, found.retention_rules = found.retention_rules, rules
    session.add(found)
    return before not in ("", rules)


def mark_backed_up(session: Session, *, at: datetime) -> None:
    """Note the moment of which there is a copy now."""
    found = session.exec(select(Installation)).one()
    found.backed_up_at = at
    session.add(found)
