"""Agencies in which nobody looks any more, although papers are to be expected there."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.sqltypes import UTCDateTime

from kursdocs.core.adoption import facts
from kursdocs.core.adoption.disclosure import FEW, FEW_MAX, Count
from kursdocs.core.agencies import Agency
from kursdocs.core.documents.tables import Delivery
from kursdocs.core.workdays import local_date

EXPECTS_ANSWERS = timedelta(days=90)
"""How long after an agency's own paper was taken over it may expect papers in return."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Silent:
    """An agency that fell silent: since which day nobody was there, what waits, since when.

    ``oldest_on`` is ``None`` where nothing waits, or too little to say more of it.
    """

    agency: Agency
    since: date
    waiting: Count
    oldest_on: date | None

    @property
    def is_new(self) -> bool:
        """Whether nobody was ever there since it was opened."""
        return self.since == local_date(self.agency.created_at)


def silent(
    session: Session, municipality_id: UUID, *, after_days: int, now: datetime
) -> Sequence[Silent]:
    """The open agencies of a municipality that nobody looked into for so many days.

    Only those that may expect papers: something waits, or their own were taken over lately. The
    longest silent first.
    """
    query = select(Agency).where(
        Agency.municipality_id == municipality_id, col(Agency.closed_at).is_(None)
    )
    listed = {agency.id: agency for agency in session.exec(query)}
    since = _since(session, listed)
    quiet = [id_ for id_ in listed if (local_date(now) - since[id_]).days >= after_days]
    waiting = facts.waiting(session, quiet)
    expecting = _expecting_answers(session, quiet, now=now) | set(waiting)
    found = [
        _silent(listed[id_], since[id_], waiting.get(id_, ())) for id_ in quiet if id_ in expecting
    ]
    return sorted(found, key=lambda one: (one.since, one.agency.name))


def _since(session: Session, listed: Mapping[UUID, Agency]) -> Mapping[UUID, date]:
    """When somebody was last there: to look, or to take something over by a program's hand."""
    taken_over_at = sa.func.max(col(Delivery.taken_over_at), type_=UTCDateTime())
    query = (
        sa.select(col(Delivery.recipient_agency_id), taken_over_at)
        .where(
            col(Delivery.recipient_agency_id).in_(list(listed)),
            col(Delivery.taken_over_at).is_not(None),
        )
        .group_by(col(Delivery.recipient_agency_id))
    )
    took = {row[0]: row[1] for row in session.execute(query)}
    return {
        id_: local_date(max(agency.looked_in_at or agency.created_at, took.get(id_, _LONG_AGO)))
        for id_, agency in listed.items()
    }


def _silent(agency: Agency, since: date, hours: Sequence[tuple[int, int]]) -> Silent:
    count = sum(number for _, number in hours)
    if count <= FEW_MAX:
        return Silent(agency, since, FEW if count else Count(0), None)
    oldest = datetime.fromtimestamp(min(hour for hour, _ in hours) * 3600, UTC)
    return Silent(agency, since, Count(count), local_date(oldest))


def _expecting_answers(session: Session, ids: Collection[UUID], *, now: datetime) -> set[UUID]:
    query = sa.select(col(Delivery.sender_agency_id)).where(
        col(Delivery.taken_over_at) > now - EXPECTS_ANSWERS,
        col(Delivery.sender_agency_id).in_(list(ids)),
    )
    return set(session.scalars(query.distinct()))
