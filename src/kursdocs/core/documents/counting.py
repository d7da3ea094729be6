"""Numbers for whoever runs the installation: of all of it, or of one agency; no person, no kind.

Entry points: :func:`by_state`, :func:`untouched_by_age`, :func:`unscanned`,
:func:`unscanned_since`, :func:`blocked_since`, :func:`waiting`, :func:`numbers`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.sqltypes import UTCDateTime

from kursdocs.catalogue import AgencyKind
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.documents.tables import Delivery, DeliveryState, Document, DocumentState

# Nobody reads higher numbers from a page, and counting them takes long.
COUNT_CAP = 1000
# Upper ends of the ages in whole days; what is older stands in the last one, without an end.
AGES_DAYS: Sequence[int] = (1, 3, 7, 14)


@dataclass(frozen=True)
class Unscanned:
    """Documents that wait for the scanner's verdict, and since when the oldest does."""

    count: int
    since: datetime | None


def by_state(session: Session) -> Mapping[DocumentState, int]:
    """How many documents are in each state, none left out."""
    query = select(Document.state, sa.func.count()).group_by(col(Document.state))
    found = dict(session.exec(query).all())
    return {state: found.get(state, 0) for state in DocumentState}


def untouched_by_age(session: Session, *, now: datetime) -> Sequence[int]:
    """Delivered and neither taken over nor returned: one count per age in ``AGES_DAYS``, one rest.

    Ages are days of 24 hours since the delivery.
    """
    delivered_at = col(Delivery.delivered_at)
    age = sa.case(
        *((delivered_at > now - timedelta(days=days), n) for n, days in enumerate(AGES_DAYS)),
        else_=len(AGES_DAYS),
    )
    query = (
        sa.select(age, sa.func.count())
        .select_from(sa.join(Delivery, Document, col(Delivery.document_id) == Document.id))
        .where(
            delivered_at.is_not(None),
            col(Delivery.state) == DeliveryState.NEW,
            col(Document.state) == DocumentState.LIVE,
        )
        .group_by(age)
    )
    found: dict[int, int] = {row[0]: row[1] for row in session.execute(query)}
    return [found.get(n, 0) for n in range(len(AGES_DAYS) + 1)]


def unscanned(session: Session) -> Unscanned:
    """What is stored but has no verdict yet."""
    query = select(sa.func.count(), sa.func.min(Document.stored_at)).where(
        Document.state == DocumentState.HELD, col(Document.scanned_at).is_(None)
    )
    count, since = session.exec(query).one()
    return Unscanned(count, since)


def unscanned_since(session: Session, moment: datetime) -> int:
    """How many documents have waited for the scanner's verdict from before that moment."""
    query = sa.select(sa.func.count()).where(
        col(Document.state) == DocumentState.HELD,
        col(Document.scanned_at).is_(None),
        col(Document.stored_at) <= moment,
    )
    return session.scalar(query) or 0


def blocked_since(session: Session, moment: datetime) -> int:
    """How many documents were blocked after they had been delivered, after that moment."""
    delivered = (
        sa.exists()
        .where(col(Delivery.document_id) == Document.id)
        .where(col(Delivery.delivered_at).is_not(None))
    )
    query = sa.select(sa.func.count()).where(
        col(Document.state) == DocumentState.BLOCKED,
        col(Document.scanned_at) > moment,
        delivered,
    )
    return session.scalar(query) or 0


def waiting(session: Session, agency_id: UUID) -> int:
    """How many delivered documents nobody of the agency has taken over or returned."""
    query = (
        sa.select(sa.func.count())
        .select_from(sa.join(Delivery, Document, col(Delivery.document_id) == Document.id))
        .where(
            col(Delivery.recipient_agency_id) == agency_id,
            col(Delivery.delivered_at).is_not(None),
            col(Delivery.state) == DeliveryState.NEW,
            col(Document.state) == DocumentState.LIVE,
        )
    )
    return session.scalar(query) or 0


@dataclass(frozen=True)
class AgencyNumbers:
    """One agency in the coordinator's list: counts only (rule 9)."""

    slug: str
    name: str
    kind: AgencyKind
    sent_count: int
    received_count: int
    waiting_count: int
    oldest_waiting_days: int | None
    last_sent_at: datetime | None


def numbers(session: Session, actor: Actor, *, now: datetime) -> list[AgencyNumbers]:
    """Per agency of the actor's municipality: sent, received and waiting documents."""
    of_agencies = (
        sa.select(col(Agency.id), col(Agency.slug), col(Agency.name), col(Agency.kind))
        .where(col(Agency.municipality_id) == actor.municipality)
        .order_by(col(Agency.name))
    )
    live = col(Document.state) == DocumentState.LIVE
    is_new = sa.case((col(Delivery.state) == DeliveryState.NEW, 1))
    since = sa.case((col(Delivery.state) == DeliveryState.NEW, col(Delivery.delivered_at)))
    received = {
        row[0]: row[1:]
        for row in session.execute(
            sa.select(
                col(Delivery.recipient_agency_id),
                sa.func.count(),
                sa.func.count(is_new),
                sa.func.min(since, type_=UTCDateTime()),
            )
            .join(Document, col(Document.id) == Delivery.document_id)
            .where(live, col(Document.municipality_id) == actor.municipality)
            .group_by(col(Delivery.recipient_agency_id))
        )
    }
    sent_by = {
        row[0]: row[1:]
        for row in session.execute(
            sa.select(
                col(Document.sender_agency_id),
                sa.func.count(),
                sa.func.max(col(Document.stored_at), type_=UTCDateTime()),
            )
            .where(live, col(Document.municipality_id) == actor.municipality)
            .group_by(col(Document.sender_agency_id))
        )
    }
    found = []
    for agency_id, slug, name, kind in session.execute(of_agencies):
        count, waiting_count, oldest = received.get(agency_id, (0, 0, None))
        days = (now - oldest).days if oldest else None
        sent_count, last_sent_at = sent_by.get(agency_id, (0, None))
        found.append(
            AgencyNumbers(slug, name, kind, sent_count, count, waiting_count, days, last_sent_at)
        )
    return found
