"""What an agency's monthly note says: what it exchanged, and how many take part beside it."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from kursdocs.core.adoption import facts, spans
from kursdocs.core.adoption.periods import month_bounds
from kursdocs.core.agencies import Agency
from kursdocs.core.workdays import Workdays


@dataclass(frozen=True)
class MonthNumbers:
    """One month of one agency.

    ``first_day`` is the first of that month. ``sent``, ``received`` and ``taken_over`` count
    papers on their way to one agency each. ``median_hours``: working hours from arrival to
    take-over; ``None`` where fewer than five were taken over. ``active_agencies`` of
    ``all_agencies`` of its municipality sent or took over at least one paper.
    """

    first_day: date
    sent: int
    received: int
    taken_over: int
    median_hours: float | None
    active_agencies: int
    all_agencies: int


def monthly(
    session: Session,
    agency_ids: Collection[UUID],
    *,
    first_day: date,
    workdays: Mapping[UUID, Workdays],
) -> Mapping[UUID, MonthNumbers]:
    """The numbers of these agencies for the month of ``first_day``, one entry for each.

    ``workdays`` says when each of them works.
    """
    bounds = month_bounds(first_day)
    towns = _towns(session, agency_ids)
    active, everybody = _taking_part(session, set(towns.values()), bounds)
    rows = facts.exchanged(session, agency_ids, bounds)
    taken = facts.taken_over(session, agency_ids, bounds)
    found = {}
    for id_ in agency_ids:
        waited = spans.minutes(workdays[id_], taken[id_][0])
        found[id_] = MonthNumbers(
            first_day=first_day.replace(day=1),
            sent=sum(count for sender, _, _, count in rows if sender == id_),
            received=sum(count for _, recipient, _, count in rows if recipient == id_),
            taken_over=len(waited),
            median_hours=spans.median_hours(waited),
            active_agencies=active.get(towns[id_], 0),
            all_agencies=everybody.get(towns[id_], 0),
        )
    return found


def _towns(session: Session, agency_ids: Collection[UUID]) -> Mapping[UUID, UUID]:
    query = sa.select(col(Agency.id), col(Agency.municipality_id)).where(
        col(Agency.id).in_(list(agency_ids))
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _taking_part(
    session: Session, town_ids: Collection[UUID], bounds: tuple[datetime, datetime]
) -> tuple[Mapping[UUID, int], Mapping[UUID, int]]:
    """By municipality: agencies that sent or took over something, and all that were open."""
    _, end = bounds
    query = sa.select(col(Agency.id), col(Agency.municipality_id)).where(
        col(Agency.municipality_id).in_(list(town_ids)),
        col(Agency.created_at) < end,
        sa.or_(col(Agency.closed_at).is_(None), col(Agency.closed_at) >= end),
    )
    towns = {row[0]: row[1] for row in session.execute(query)}
    active = facts.active(session, towns, bounds)
    return Counter(towns[id_] for id_ in active), Counter(towns.values())
