"""Municipalities and their agencies: who can be written to.

An agency has one kind and belongs to one municipality; a body with two functions is two agencies.
Entry points: :func:`create_municipality`, :func:`open_agency`, :func:`close_agency`,
:func:`recipients`, :func:`listing`.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel, col, select, update

from kursdocs.catalogue import AgencyKind
from kursdocs.core import audit
from kursdocs.core.access import Actor
from kursdocs.core.audit import Happening
from kursdocs.core.errors import Conflict, Invalid
from kursdocs.core.tables import new_id, one_of, stored_as_value
from kursdocs.core.workdays import Workdays

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")
_MAILBOX = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}")
NAME_LENGTH_MAX = 120


class Municipality(SQLModel, table=True):
    """A town, city or Kreis."""

    __tablename__ = "municipality"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    slug: str = Field(max_length=60, unique=True)
    name: str = Field(max_length=NAME_LENGTH_MAX)
    created_at: datetime
    land: str = Field(default="", max_length=2, sa_column_kwargs={"server_default": ""})
    mailbox: str = Field(default="", max_length=254, sa_column_kwargs={"server_default": ""})


class Agency(SQLModel, table=True):
    """A body that sends and receives.

    ``mailbox`` is its functional address for reminders, ``deputy_mailbox`` and ``head_mailbox``
    are told when papers stay untouched. ``land`` says whose holidays it keeps; empty means those
    of all of Germany only. ``digest_hour`` is local time. ``looked_in_at`` is when anybody of it
    last listed its inbox.
    """

    __tablename__ = "agency"
    __table_args__ = (
        one_of("kind", AgencyKind),
        sa.CheckConstraint("digest_hour BETWEEN 5 AND 18", name="digest_hour_by_day"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    municipality_id: UUID = Field(foreign_key="municipality.id", ondelete="RESTRICT", index=True)
    slug: str = Field(max_length=60, unique=True)
    name: str = Field(max_length=NAME_LENGTH_MAX)
    kind: AgencyKind = Field(sa_type=stored_as_value(AgencyKind))
    mailbox: str = Field(default="", max_length=254)
    created_at: datetime
    closed_at: datetime | None = None
    land: str = Field(default="", max_length=2, sa_column_kwargs={"server_default": ""})
    digest_hour: int = Field(default=7, sa_column_kwargs={"server_default": "7"})
    deputy_mailbox: str = Field(default="", max_length=254, sa_column_kwargs={"server_default": ""})
    deputy_until: date | None = None
    head_mailbox: str = Field(default="", max_length=254, sa_column_kwargs={"server_default": ""})
    file_name_pattern: str = Field(
        default="", max_length=120, sa_column_kwargs={"server_default": ""}
    )
    looked_in_at: datetime | None = None


class AgencyPause(SQLModel, table=True):
    """Days on which an agency does not work: no mails, and no deadline counts them."""

    __tablename__ = "agency_pause"
    __table_args__ = (sa.CheckConstraint("last_day >= first_day", name="in_order"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    agency_id: UUID = Field(foreign_key="agency.id", ondelete="CASCADE", index=True)
    first_day: date
    last_day: date


def create_municipality(
    session: Session, actor: Actor, *, slug: str, name: str, now: datetime
) -> Municipality:
    """Make a municipality; raises ``Invalid`` for a bad slug or name, ``Conflict`` if taken."""
    _check_name(slug, name)
    if session.exec(select(Municipality.id).where(Municipality.slug == slug)).first():
        raise Conflict("slug_taken", slug=slug)
    municipality = Municipality(slug=slug, name=name.strip(), created_at=now)
    session.add(municipality)
    audit.record(session, actor, Happening.MUNICIPALITY_CREATED, now=now, slug=slug)
    return municipality


def open_agency(
    session: Session,
    actor: Actor,
    *,
    municipality: str,
    slug: str,
    name: str,
    kind: AgencyKind,
    mailbox: str,
    now: datetime,
) -> Agency:
    """Open an agency of the municipality with that slug.

    Raises ``Invalid`` for a bad slug, name, mailbox or an unknown municipality, ``Conflict`` when
    the slug is taken.
    """
    _check_name(slug, name)
    if mailbox and not _MAILBOX.fullmatch(mailbox):
        raise Invalid("mailbox_invalid", field="mailbox")
    owner = municipality_by_slug(session, municipality)
    if session.exec(select(Agency.id).where(Agency.slug == slug)).first():
        raise Conflict("slug_taken", slug=slug)
    agency = Agency(
        municipality_id=owner.id,
        slug=slug,
        name=name.strip(),
        kind=kind,
        mailbox=mailbox,
        created_at=now,
    )
    session.add(agency)
    audit.record(session, actor, Happening.AGENCY_OPENED, now=now, slug=slug, kind=kind.value)
    return agency


def close_agency(session: Session, actor: Actor, agency: Agency, *, now: datetime) -> None:
    """Close the agency now: its people and programs lose access with their next request.

    Nobody can write to it any more. What it sent and what waits for it stays as it is.
    """
    agency.closed_at = now
    session.add(agency)
    by = replace(actor, municipality_id=agency.municipality_id)
    audit.record(session, by, Happening.AGENCY_CLOSED, now=now, slug=agency.slug)


def listing(session: Session) -> Sequence[tuple[Agency, str]]:
    """Every agency, closed ones too, and the slug of its municipality; by these slugs."""
    query = select(Agency, Municipality.slug).join(
        Municipality, col(Municipality.id) == Agency.municipality_id
    )
    return session.exec(query.order_by(Municipality.slug, Agency.slug)).all()


def _check_name(slug: str, name: str) -> None:
    if not _SLUG.fullmatch(slug):
        raise Invalid("slug_invalid", field="slug")
    if not 1 <= len(name.strip()) <= NAME_LENGTH_MAX:
        raise Invalid("name_invalid", field="name", limit=NAME_LENGTH_MAX)


def municipality_by_slug(session: Session, slug: str) -> Municipality:
    """The municipality; raises ``Invalid`` (``municipality_unknown``)."""
    found = session.exec(select(Municipality).where(Municipality.slug == slug)).first()
    if found is None:
        raise Invalid("municipality_unknown", field="municipality")
    return found


def by_slug(session: Session, slug: str) -> Agency:
    """The open agency; raises ``Invalid`` (``agency_unknown``)."""
    query = select(Agency).where(Agency.slug == slug, col(Agency.closed_at).is_(None))
    found = session.exec(query).first()
    if found is None:
        raise Invalid("agency_unknown", field="agency")
    return found


def recipients(
    session: Session, actor: Actor, *, kinds: Collection[AgencyKind] | None = None
) -> Sequence[Agency]:
    """The open agencies of the actor's municipality that can be written to, by name.

    The acting agency itself is left out; ``kinds`` narrows to agencies of these kinds.
    """
    query = (
        select(Agency)
        .where(Agency.municipality_id == actor.municipality_id, col(Agency.closed_at).is_(None))
        .order_by(Agency.name)
    )
    if actor.agency is not None:
        query = query.where(Agency.id != actor.agency.id)
    if kinds is not None:
        query = query.where(col(Agency.kind).in_(list(kinds)))
    return session.exec(query).all()


def workdays_of(session: Session, ids: Collection[UUID]) -> dict[UUID, Workdays]:
    """When each of these agencies works: the holidays of its Land, its own pauses."""
    pauses: dict[UUID, list[tuple[date, date]]] = {}
    query = select(AgencyPause).where(col(AgencyPause.agency_id).in_(list(ids)))
    for pause in session.exec(query.order_by(col(AgencyPause.first_day))):
        pauses.setdefault(pause.agency_id, []).append((pause.first_day, pause.last_day))
    lands = session.exec(select(Agency.id, Agency.land).where(col(Agency.id).in_(list(ids))))
    return {id_: Workdays(land, tuple(pauses.get(id_, ()))) for id_, land in lands}


def note_look(session: Session, agency_id: UUID, *, now: datetime) -> None:
    """Remember that somebody of the agency looked into its inbox, to the hour."""
    looked_in_at = col(Agency.looked_in_at)
    is_older = sa.or_(looked_in_at.is_(None), looked_in_at < now - timedelta(hours=1))
    session.exec(
        update(Agency).where(col(Agency.id) == agency_id, is_older).values(looked_in_at=now)
    )


def get(session: Session, agency_id: UUID) -> Agency:
    """The agency with that id, which is known to exist."""
    return session.get_one(Agency, agency_id)


def names_of(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    """Names of agencies by id."""
    query = select(Agency.id, Agency.name).where(col(Agency.id).in_(list(ids)))
    return dict(session.exec(query).all())
