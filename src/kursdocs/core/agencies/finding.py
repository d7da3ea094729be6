"""Looking municipalities and agencies up: by slug, by id, by what an actor may reach."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select, update

from kursdocs.catalogue import AgencyKind
from kursdocs.core.access import Actor, Permission
from kursdocs.core.agencies.tables import Agency, Municipality
from kursdocs.core.errors import Invalid, NotFound


def listing(session: Session) -> Sequence[tuple[Agency, str]]:
    """Every agency, closed ones too, and the slug of its municipality; by these slugs."""
    query = select(Agency, Municipality.slug).join(
        Municipality, col(Municipality.id) == Agency.municipality_id
    )
    return session.exec(query.order_by(Municipality.slug, Agency.slug)).all()


def of_municipality(session: Session, actor: Actor) -> Sequence[Agency]:
    """Every agency of the actor's municipality, closed ones too, by name."""
    query = select(Agency).where(Agency.municipality_id == actor.municipality)
    return session.exec(query.order_by(Agency.name, Agency.slug)).all()


def municipality_by_slug(session: Session, slug: str) -> Municipality:
    """The municipality; raises ``Invalid`` (``municipality_unknown``)."""
    found = session.exec(select(Municipality).where(Municipality.slug == slug)).first()
    if found is None:
        raise Invalid("municipality_unknown", field="municipality")
    return found


def municipality_of(session: Session, actor: Actor, *, for_update: bool = False) -> Municipality:
    """The actor's municipality; ``for_update`` locks it until the end of the transaction."""
    query = select(Municipality).where(Municipality.id == actor.municipality)
    return session.exec(query.with_for_update() if for_update else query).one()


def town_of(session: Session, slug: str) -> Municipality:
    """The municipality of that agency, open or closed; raises ``NotFound``."""
    query = select(Municipality).join(Agency).where(Agency.slug == slug)
    found = session.exec(query).first()
    if found is None:
        raise NotFound
    return found


def municipality_of_agency(session: Session, agency: Agency) -> Municipality:
    """The municipality to which an agency belongs."""
    return session.get_one(Municipality, agency.municipality_id)


def by_slug(session: Session, slug: str, *, closed_too: bool = False) -> Agency:
    """The agency, if it is open or ``closed_too``; raises ``Invalid`` (``agency_unknown``)."""
    query = select(Agency).where(Agency.slug == slug)
    if not closed_too:
        query = query.where(col(Agency.closed_at).is_(None))
    found = session.exec(query).first()
    if found is None:
        raise Invalid("agency_unknown", field="agency")
    return found


def in_charge(session: Session, actor: Actor, slug: str, *, for_update: bool = False) -> Agency:
    """The agency, open or closed, if its settings are the actor's to change.

    They are for its head, and for whoever manages its municipality. Raises ``NotFound`` for every
    other one, foreign or unknown. ``for_update`` locks it until the end of the transaction.
    """
    query = select(Agency).where(Agency.slug == slug)
    if actor.may(Permission.MUNICIPALITY_MANAGE):
        query = query.where(Agency.municipality_id == actor.municipality)
    else:
        query = query.where(Agency.id == actor.acting.id)
    found = session.exec(query.with_for_update() if for_update else query).first()
    if found is None:
        raise NotFound
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


def without_mailbox(session: Session) -> Sequence[str]:
    """Slugs of the open agencies that nobody can remind, in all municipalities."""
    query = select(Agency.slug).where(Agency.mailbox == "", col(Agency.closed_at).is_(None))
    return session.exec(query.order_by(Agency.slug)).all()


def get(session: Session, agency_id: UUID) -> Agency:
    """The agency with that id, which is known to exist."""
    return session.get_one(Agency, agency_id)


def names_of(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    """Names of agencies by id."""
    query = select(Agency.id, Agency.name).where(col(Agency.id).in_(list(ids)))
    return dict(session.exec(query).all())


def note_look(session: Session, agency_id: UUID, *, now: datetime) -> None:
    """Remember that somebody of the agency looked into its inbox, to the hour."""
    looked_in_at = col(Agency.looked_in_at)
    is_older = sa.or_(looked_in_at.is_(None), looked_in_at < now - timedelta(hours=1))
    session.exec(
        update(Agency).where(col(Agency.id) == agency_id, is_older).values(looked_in_at=now)
    )
