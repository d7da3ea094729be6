"""The numbers of one agency, for its own people: nothing of it is hidden from them.

Beside them stands how fast the municipality is as a whole, and never how fast another agency is:
that median is there only where it is one of at least three others. Entry point: :func:`own`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from kursdocs.core import agencies
from kursdocs.core.adoption import facts, spans
from kursdocs.core.adoption.numbers import Speed, by_age
from kursdocs.core.adoption.periods import Period, Week
from kursdocs.core.agencies import Agency
from kursdocs.core.workdays import local_date

OTHERS_MIN = 3
"""With fewer other agencies behind it, the municipality's median would tell of one of them."""


@dataclass(frozen=True)
class OwnWeek:
    """One week; ``town_median`` in working hours is ``None`` where it would tell of one agency."""

    week: Week
    sent: int
    received: int
    taken_over: int
    speed: Speed
    town_median: float | None


@dataclass(frozen=True)
class OwnNumbers:
    """What an agency sees of itself; ``by_age`` in the classes of ``numbers.AGES``."""

    period: Period
    sent: int
    received: int
    taken_over: int
    speed: Speed
    town_median: float | None
    weeks: Sequence[OwnWeek]
    waiting: int
    by_age: Sequence[int]

    @property
    def not_carried(self) -> int:
        """Papers that nobody had to carry: sent or received in here."""
        return self.sent + self.received


def own(session: Session, agency_id: UUID, shown: Period, *, now: datetime) -> OwnNumbers:
    """The numbers of the agency for the period; what waits is that of now."""
    ids = _of_its_town(session, agency_id)
    workdays = agencies.workdays_of(session, ids)
    spans_of = facts.taken_over(session, ids, shown.bounds)
    minutes = {id_: [spans.minutes(workdays[id_], w) for w in spans_of[id_]] for id_ in ids}
    mine, columns = minutes[agency_id], len(shown.weeks)
    sent, received = [0] * columns, [0] * columns
    for sender, recipient, at, count in facts.exchanged(session, [agency_id], shown.bounds):
        sent[at] += count if sender == agency_id else 0
        received[at] += count if recipient == agency_id else 0
    weeks = [
        OwnWeek(
            week,
            sent[at],
            received[at],
            len(mine[at]),
            _speed(mine[at]),
            _town(minutes, [at], agency_id),
        )
        for at, week in enumerate(shown.weeks)
    ]
    hours = facts.waiting(session, [agency_id]).get(agency_id, ())
    every = [one for week in mine for one in week]
    return OwnNumbers(
        period=shown,
        sent=sum(sent),
        received=sum(received),
        taken_over=len(every),
        speed=_speed(every),
        town_median=_town(minutes, range(columns), agency_id),
        weeks=weeks,
        waiting=sum(count for _, count in hours),
        by_age=by_age(hours, workdays[agency_id], today=local_date(now)),
    )


def _of_its_town(session: Session, agency_id: UUID) -> Sequence[UUID]:
    mine = sa.select(col(Agency.municipality_id)).where(col(Agency.id) == agency_id)
    query = sa.select(col(Agency.id)).where(col(Agency.municipality_id) == mine.scalar_subquery())
    return session.scalars(query).all()


def _speed(minutes: Sequence[int]) -> Speed:
    return Speed(spans.median_hours(minutes), spans.percentile_hours(minutes))


def _town(
    minutes: Mapping[UUID, Sequence[Sequence[int]]], weeks: Sequence[int], agency_id: UUID
) -> float | None:
    """The median of all agencies in these weeks, where it tells of none alone."""
    of_each = {id_: [one for at in weeks for one in rows[at]] for id_, rows in minutes.items()}
    others = [id_ for id_, found in of_each.items() if found and id_ != agency_id]
    if len(others) < OTHERS_MIN:
        return None
    return spans.median_hours([one for found in of_each.values() for one in found])
