"""Municipalities and agencies begin and end here."""

import re
import unicodedata
from datetime import datetime

from sqlmodel import Session, select

from kursdocs.catalogue import AgencyKind
from kursdocs.core import audit
from kursdocs.core.access import Actor
from kursdocs.core.agencies import checks
from kursdocs.core.agencies.finding import municipality_by_slug
from kursdocs.core.agencies.settings import acting_on
from kursdocs.core.agencies.tables import Agency, Municipality
from kursdocs.core.audit import Happening
from kursdocs.core.errors import Conflict, Invalid

_DIGRAPHS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o", "ł": "l", "’": "-", "'": "-"}
)
_SLUG_LENGTH_MAX = 60


def create_municipality(
    session: Session,
    actor: Actor,
    *,
    slug: str,
    name: str,
    land: str = "",
    mailbox: str = "",
    now: datetime,
) -> Municipality:
    """Make a municipality; ``mailbox`` is its coordinator's, ``land`` what its agencies get.

    Raises ``Invalid`` or ``InvalidForm`` for a bad slug, name, Land or mailbox, ``Conflict`` if the
    slug is taken.
    """
    checks.raise_if(
        checks.found(
            checks.slug(slug), checks.name(name), checks.land(land), checks.mailbox(mailbox)
        )
    )
    if session.exec(select(Municipality.id).where(Municipality.slug == slug)).first():
        raise Conflict("slug_taken", slug=slug)
    municipality = Municipality(
        slug=slug, name=name.strip(), land=land, mailbox=mailbox, created_at=now
    )
    session.add(municipality)
    by = acting_on(actor, municipality)
    audit.record(session, by, Happening.MUNICIPALITY_CREATED, now=now, slug=slug)
    return municipality


def opening_mistakes(
    *, slug: str, name: str, mailbox: str, land: str | None, digest_hour: str
) -> list[Invalid]:
    """What is wrong with these values of a new agency, in the order of the form."""
    return checks.found(
        checks.name(name),
        checks.slug(slug),
        checks.mailbox(mailbox),
        checks.hour(digest_hour),
        checks.land(land or ""),
    )


def open_agency(  # noqa: PLR0913 (the values of a form; all by name)
    session: Session,
    actor: Actor,
    *,
    municipality: str,
    slug: str,
    name: str,
    kind: AgencyKind,
    mailbox: str,
    land: str | None = None,
    digest_hour: int = 7,
    now: datetime,
) -> Agency:
    """Open an agency of the municipality with that slug, in its Land unless another is given.

    Raises ``Invalid`` or ``InvalidForm`` for a bad slug, name, mailbox, Land, hour or an unknown
    municipality, ``Conflict`` when the slug is taken.
    """
    checks.raise_if(
        opening_mistakes(
            slug=slug, name=name, mailbox=mailbox, land=land, digest_hour=str(digest_hour)
        )
    )
    owner = municipality_by_slug(session, municipality)
    if session.exec(select(Agency.id).where(Agency.slug == slug)).first():
        raise Conflict("slug_taken", slug=slug)
    agency = Agency(
        municipality_id=owner.id,
        slug=slug,
        name=name.strip(),
        kind=kind,
        mailbox=mailbox,
        land=owner.land if land is None else land,
        digest_hour=digest_hour,
        created_at=now,
    )
    session.add(agency)
    # Of the town's log alone: nobody of the agency was there yet.
    by = acting_on(actor, owner)
    audit.record(session, by, Happening.AGENCY_OPENED, now=now, slug=slug, kind=kind.value)
    return agency


def close_agency(session: Session, actor: Actor, agency: Agency, *, now: datetime) -> None:
    """Close the agency now: its people and programs lose access with their next request.

    Nobody can write to it any more. What it sent and what waits for it stays as it is. Raises
    ``Conflict`` (``agency_closed``) when it is closed already.
    """
    if agency.closed_at is not None:
        raise Conflict("agency_closed", slug=agency.slug)
    agency.closed_at = now
    session.add(agency)
    by = acting_on(actor, agency)
    audit.record(session, by, Happening.AGENCY_CLOSED, now=now, slug=agency.slug)


def reopen_agency(session: Session, actor: Actor, agency: Agency, *, now: datetime) -> None:
    """Open a closed agency again: whoever still has a role or program there may come in again.

    Raises ``Conflict`` (``agency_open``) when it is not closed.
    """
    if agency.closed_at is None:
        raise Conflict("agency_open", slug=agency.slug)
    agency.closed_at = None
    session.add(agency)
    by = acting_on(actor, agency)
    audit.record(session, by, Happening.AGENCY_REOPENED, now=now, slug=agency.slug)


def slug_from(name: str) -> str:
    """A slug made from a name; empty when the name has nothing to make one of."""
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_DIGRAPHS))
    ascii_only = plain.encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:_SLUG_LENGTH_MAX].strip("-")
