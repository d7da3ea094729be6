"""How mail goes out, for those who watch it: the worker, the mail server, returned mail.

What is looked at are signs of life and the outbox; nobody is asked. :func:`watch` tells of the
installation, :func:`looked_at` of the mailboxes of a place, :func:`try_box` and :func:`send_again`
put a mail into the outbox.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlmodel import Session, select

from kursdocs.catalogue import Addressee
from kursdocs.core import agencies, audit, heartbeats, outbox
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency, Municipality
from kursdocs.core.audit import Happening
from kursdocs.core.errors import NotFound
from kursdocs.core.heartbeats import Heartbeat
from kursdocs.core.outbox import OutboxMail, Standing, Unreached

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


# -- mailboxes ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Box:
    """A mailbox of a place, and whose it is there. The municipality's own has no ``agency``."""

    place: str
    name: str
    addressee: Addressee
    address: str
    municipality_id: UUID
    agency: Agency | None = None


@dataclass(frozen=True)
class Seen:
    """A mailbox, the last mail to it, what became of that, and since when it takes none."""

    box: Box
    mail: OutboxMail | None
    standing: Standing | None
    unreached: Unreached | None

    @property
    def can_be_sent_again(self) -> bool:
        """Whether its last mail failed."""
        return self.standing in outbox.FAILED


def boxes_of(session: Session, actor: Actor) -> Sequence[Box]:
    """The mailboxes that the actor watches: of the own agency, or of a whole municipality.

    Of agencies those that are open, by name; the municipality's own comes first.
    """
    if actor.agency is not None:
        return list(boxes_of_agency(agencies.get(session, actor.agency.id)))
    town = agencies.municipality_of(session, actor)
    open_ones = (one for one in agencies.of_municipality(session, actor) if one.closed_at is None)
    return [*_of_town(town), *(box for agency in open_ones for box in boxes_of_agency(agency))]


def boxes_of_agency(agency: Agency) -> Iterator[Box]:
    """Its mailboxes, as far as it has any."""
    for addressee, address in (
        (Addressee.DESK, agency.mailbox),
        (Addressee.DEPUTY, agency.deputy_mailbox),
        (Addressee.HEAD, agency.head_mailbox),
    ):
        if address:
            town = agency.municipality_id
            yield Box(agency.slug, agency.name, addressee, address, town, agency)


def _of_town(town: Municipality) -> Sequence[Box]:
    if not town.mailbox:
        return []
    return [Box(town.slug, town.name, Addressee.COORDINATOR, town.mailbox, town.id)]


def looked_at(session: Session, boxes: Collection[Box], *, now: datetime) -> Sequence[Seen]:
    """What became of the last mail to each."""
    if not boxes:
        return []
    last = outbox.latest(session, {box.address for box in boxes})
    unreached = outbox.unreached_addresses(session, now=now)
    found = []
    for box in boxes:
        mail = last.get(box.address.lower())
        standing = outbox.standing(mail, now) if mail else None
        found.append(Seen(box, mail, standing, unreached.get(box.address.lower())))
    return found


def every_box(session: Session) -> Sequence[Box]:
    """All mailboxes of the installation, by place; for the operator."""
    found: list[Box] = []
    for town in session.exec(select(Municipality).order_by(Municipality.slug)):
        found += _of_town(town)
    open_ones = (agency for agency, _ in agencies.listing(session) if agency.closed_at is None)
    return [*found, *(box for agency in open_ones for box in boxes_of_agency(agency))]


def box_at(boxes: Collection[Box], place: str, addressee: str) -> Box:
    """The one of that place and addressee; raises ``NotFound``."""
    for box in boxes:
        if (box.place, box.addressee) == (place, addressee):
            return box
    raise NotFound


def try_box(session: Session, actor: Actor, box: Box, *, now: datetime) -> None:
    """Put a test mail into the outbox; raises as :func:`kursdocs.core.outbox.put_test` does."""
    outbox.put_test(session, address=box.address, municipality_id=box.municipality_id, now=now)
    agency_id = box.agency.id if box.agency else None
    audit.record(
        session, actor, Happening.MAIL_TESTED, now=now, agency_id=agency_id, place=box.place
    )


def send_again(
    session: Session, actor: Actor, boxes: Collection[Box], mail_id: UUID, *, now: datetime
) -> None:
    """Put a mail that failed there once more; raises as :func:`kursdocs.core.outbox.resend` does.

    ``NotFound`` unless it went to one of these mailboxes.
    """
    mail = session.get(OutboxMail, mail_id)
    to = {box.address.lower(): box for box in boxes}
    if mail is None or mail.address.lower() not in to:
        raise NotFound
    outbox.resend(session, mail_id, now=now)
    agency = to[mail.address.lower()].agency
    audit.record(
        session,
        actor,
        Happening.MAIL_RESENT,
        now=now,
        agency_id=agency.id if agency else None,
        mail=str(mail_id),
    )
