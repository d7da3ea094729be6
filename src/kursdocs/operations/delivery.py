"""How mail goes out, for those who watch it: the worker, the mail server, returned mail.

Reads only. What it looks at are signs of life and the outbox; nobody is asked. Entry points:
:func:`watch`, :func:`is_failing`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session

from kursdocs.core import heartbeats, outbox
from kursdocs.core.heartbeats import Heartbeat

SERVER_DUTY, BOUNCES_DUTY = "mail_server", "bounces"
"""The duties whose signs of life say whether mail can go out, and whether returned mail is read."""

OUTSIDE = frozenset({SERVER_DUTY, BOUNCES_DUTY})
"""These fail when others are in trouble, while the worker itself is well."""

_PLANNING, _MAILING = "reminding", "mailing"


class Health(StrEnum):
    """How one thing is. ``UNKNOWN``: it was never looked at, or nobody looks any more."""

    WELL = "well"
    FAILING = "failing"
    UNKNOWN = "unknown"
    OFF = "off"


@dataclass(frozen=True)
class Watch:
    """How mail goes out at a moment.

    The moments are those of the last success: of planning, of sending what was due, of greeting
    the mail server, of reading returned mail.
    """

    oldest_at: datetime | None
    waiting: int
    worker: Health
    planned_at: datetime | None
    server: Health
    server_at: datetime | None
    bounces: Health
    bounces_at: datetime | None

    @property
    def is_well(self) -> bool:
        """Nothing of it is for anybody to mend."""
        return {self.worker, self.server, self.bounces} <= {Health.WELL, Health.OFF}


def watch(session: Session, *, now: datetime, reads_bounces: bool) -> Watch:
    """How mail goes out now; ``reads_bounces`` says whether there is a mailbox to be read."""
    beats = {beat.duty: beat for beat in heartbeats.latest(session)}
    waiting, _ = outbox.counts(session, now=now)
    server, bounces = beats.get(SERVER_DUTY), beats.get(BOUNCES_DUTY)
    planning = beats.get(_PLANNING)
    works = _works(beats.get(_MAILING), now) and _works(planning, now)
    return Watch(
        oldest_at=outbox.oldest_waiting(session, now=now),
        waiting=waiting,
        worker=_health(works=works, seen=bool(beats)),
        planned_at=planning.beaten_at if planning else None,
        server=_outside(server, works=works, now=now),
        server_at=server.beaten_at if server else None,
        bounces=_outside(bounces, works=works, now=now) if reads_bounces else Health.OFF,
        bounces_at=bounces.beaten_at if bounces else None,
    )


def is_failing(session: Session, duty: str, now: datetime) -> bool:
    """Whether a duty of :data:`OUTSIDE` fails although the worker is there to do it."""
    beats = {beat.duty: beat for beat in heartbeats.latest(session)}
    works = _works(beats.get(_MAILING), now)
    return _outside(beats.get(duty), works=works, now=now) is Health.FAILING


def _works(beat: Heartbeat | None, now: datetime) -> bool:
    return beat is not None and not beat.is_late(now)


def _health(*, works: bool, seen: bool) -> Health:
    if works:
        return Health.WELL
    return Health.FAILING if seen else Health.UNKNOWN


def _outside(beat: Heartbeat | None, *, works: bool, now: datetime) -> Health:
    if beat is None or not works:
        return Health.UNKNOWN
    return Health.FAILING if beat.is_late(now) else Health.WELL
