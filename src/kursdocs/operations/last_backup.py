"""How things stand with the newest copy of everything: for readiness, alarms and whoever makes one.

Its moment stands with the installation; whether it is complete is told by the signs of life of a
duty of that name, which no worker has: ``kursdocs backup`` does it.
"""

from datetime import datetime, timedelta

from sqlmodel import Session

from kursdocs.core import heartbeats, installation

DUTY = "backup"
"""The duty whose sign of life is the newest complete copy."""

LIMIT = timedelta(days=2)
"""Copies are made daily; what happened since the newest would be lost with the machine."""

_DAY_SECONDS = 86_400


def mark(session: Session, *, at: datetime, is_complete: bool) -> None:
    """Note that there is a copy of that moment."""
    installation.mark_backed_up(session, at=at)
    heartbeats.beat(session, DUTY, every_seconds=_DAY_SECONDS, succeeded=is_complete, now=at)


def moment(session: Session) -> datetime | None:
    """That of the newest copy; ``None`` where nobody makes them with kursdocs."""
    ours = installation.known(session)
    return ours.backed_up_at if ours is not None else None


def is_late(session: Session, now: datetime) -> bool:
    """Whether copies were made, and the newest is too old."""
    made_at = moment(session)
    return made_at is not None and now - made_at > LIMIT


def is_incomplete(session: Session) -> bool:
    """Whether something that documents need was not there when the newest copy was made."""
    made_at = moment(session)
    beat = next((one for one in heartbeats.latest(session) if one.duty == DUTY), None)
    if made_at is None or beat is None:
        return False
    return beat.beaten_at is None or beat.beaten_at < made_at
