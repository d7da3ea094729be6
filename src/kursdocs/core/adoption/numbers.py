"""The numbers of a municipality: by agency and week, with what is too small taken out.

Everything that is shown comes from one reading, so that no two parts of a page can be held against
each other. Entry point: :func:`town`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from kursdocs.core import agencies
from kursdocs.core.adoption import expectation, facts, spans
from kursdocs.core.adoption.disclosure import Count, Table, protect
from kursdocs.core.adoption.expectation import Share
from kursdocs.core.adoption.periods import Period, Week
from kursdocs.core.agencies import Agency
from kursdocs.core.documents.tables import Document
from kursdocs.core.workdays import Workdays, local_date

AGES: Sequence[int] = (2, 5, 10)
"""Upper ends of the ages of what waits, in working days; what is older has no end."""


@dataclass(frozen=True)
class Speed:
    """Working hours from arrival to take-over; ``None`` where too few were taken over."""

    median: float | None
    percentile: float | None


@dataclass(frozen=True)
class Exchange:
    """What was sent and received in a time, what was taken over in it, and how fast."""

    sent: Count
    received: Count
    taken_over: Count
    speed: Speed


@dataclass(frozen=True)
class WeekExchange(Exchange):
    """The same for one week."""

    week: Week


@dataclass(frozen=True)
class Waiting:
    """What waits now; ``by_age`` in the classes of :data:`AGES`."""

    count: Count
    by_age: Sequence[Count]


@dataclass(frozen=True)
class Line:
    """The numbers of an agency, or of all together."""

    whole: Exchange
    weeks: Sequence[WeekExchange]
    waiting: Waiting


@dataclass(frozen=True)
class AgencyLine(Line):
    """The numbers of one agency. ``last_active_at``: it looked in or sent something."""

    agency: Agency
    last_active_at: datetime | None
    share: Share | None


@dataclass(frozen=True)
class TownNumbers:
    """What the coordinator sees.

    ``active`` of the ``open`` agencies sent or took over something in the period. ``total.whole``
    counts each paper once: as sent.
    """

    period: Period
    agencies: Sequence[AgencyLine]
    total: Line
    active: int
    open: int
    share: Share | None


def town(
    session: Session,
    municipality_id: UUID,
    shown: Period,
    *,
    paper_reasons: Collection[str],
    now: datetime,
) -> TownNumbers:
    """The numbers of the period; what waits is always that of now.

    ``paper_reasons`` are the codes with which something is settled that went on paper.
    """
    listed = _agencies(session, municipality_id)
    ids = [agency.id for agency in listed]
    workdays = agencies.workdays_of(session, ids)
    exchange = _exchange(session, ids, shown, workdays)
    waiting = _waiting(session, ids, workdays, today=local_date(now))
    last = _last_active(session, listed)
    on_paper = expectation.on_paper(session, ids, shown, paper_reasons)
    lines = []
    for n, agency in enumerate(listed):
        whole, weeks = exchange.line(n)
        share = expectation.share(
            agency, whole.sent, on_paper.get(agency.id, 0), shown, today=local_date(now)
        )
        lines.append(AgencyLine(whole, weeks, waiting[n], agency, last[agency.id], share))
    whole, weeks = exchange.total()
    open_ids = {agency.id for agency in listed if agency.closed_at is None}
    return TownNumbers(
        period=shown,
        agencies=[one for one in lines if one.agency.closed_at is None or _has_any(one)],
        total=Line(whole, weeks, waiting[-1]),
        active=len(exchange.active & open_ids),
        open=len(open_ids),
        share=expectation.together([one.share for one in lines]),
    )


def _agencies(session: Session, municipality_id: UUID) -> Sequence[Agency]:
    query = select(Agency).where(Agency.municipality_id == municipality_id)
    return session.exec(query.order_by(Agency.name, Agency.slug)).all()


def _has_any(line: Line) -> bool:
    """Whether a closed agency had a part in the period; else it need not be listed."""
    counts = (line.whole.sent, line.whole.received, line.whole.taken_over, line.waiting.count)
    return any(count.value != 0 for count in counts)


# ── Sent, received, taken over ───────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Exchange:
    """The three tables, the working minutes of what was taken over by agency and week.

    ``active``: who sent or took over anything.
    """

    sent: Table
    received: Table
    taken: Table
    minutes: Sequence[Sequence[Sequence[int]]]
    weeks: Sequence[Week]
    active: set[UUID]

    def line(self, n: int) -> tuple[Exchange, Sequence[WeekExchange]]:
        """The numbers of one agency, as a whole and by week."""
        every = [one for week in self.minutes[n] for one in week]
        whole = Exchange(
            self.sent.row_totals[n],
            self.received.row_totals[n],
            self.taken.row_totals[n],
            speed(self.taken.row_totals[n], every),
        )
        return whole, [
            WeekExchange(
                self.sent.cells[n][at],
                self.received.cells[n][at],
                self.taken.cells[n][at],
                speed(self.taken.cells[n][at], self.minutes[n][at]),
                week,
            )
            for at, week in enumerate(self.weeks)
        ]

    def total(self) -> tuple[Exchange, Sequence[WeekExchange]]:
        """The numbers of all of them."""
        by_week = [
            [one for row in self.minutes for one in row[at]] for at in range(len(self.weeks))
        ]
        every = [one for week in by_week for one in week]
        whole = Exchange(
            self.sent.total,
            self.received.total,
            self.taken.total,
            speed(self.taken.total, every),
        )
        return whole, [
            WeekExchange(
                self.sent.column_totals[at],
                self.received.column_totals[at],
                self.taken.column_totals[at],
                speed(self.taken.column_totals[at], by_week[at]),
                week,
            )
            for at, week in enumerate(self.weeks)
        ]


def speed(count: Count, minutes: Sequence[int]) -> Speed:
    """Median and 90th percentile in working hours, where the count itself may be shown."""
    if count.value is None:
        return Speed(None, None)
    return Speed(spans.median_hours(minutes), spans.percentile_hours(minutes))


def _exchange(
    session: Session, ids: Sequence[UUID], shown: Period, workdays: Mapping[UUID, Workdays]
) -> _Exchange:
    place, columns = {id_: n for n, id_ in enumerate(ids)}, len(shown.weeks)
    sent, received = ([[0] * columns for _ in ids] for _ in range(2))
    for sender, recipient, week, count in facts.exchanged(session, ids, shown.bounds):
        sent[place[sender]][week] += count
        received[place[recipient]][week] += count
    taken = facts.taken_over(session, ids, shown.bounds)
    minutes = [[spans.minutes(workdays[id_], week) for week in taken[id_]] for id_ in ids]
    sent_table, received_table = protect(sent, received, columns=columns)
    (taken_table,) = protect([[len(week) for week in row] for row in minutes], columns=columns)
    active = {id_ for n, id_ in enumerate(ids) if any(sent[n]) or any(minutes[n])}
    return _Exchange(sent_table, received_table, taken_table, minutes, shown.weeks, active)


# ── What waits ───────────────────────────────────────────────────────────────────────────────


def _waiting(
    session: Session, ids: Sequence[UUID], workdays: Mapping[UUID, Workdays], *, today: date
) -> Sequence[Waiting]:
    """One for each agency, and in the end that of all."""
    found = facts.waiting(session, ids)
    counts = [by_age(found.get(id_, ()), workdays[id_], today=today) for id_ in ids]
    (table,) = protect(counts, columns=len(AGES) + 1)
    rows = zip(table.row_totals, table.cells, strict=True)
    return [*(Waiting(*row) for row in rows), Waiting(table.total, table.column_totals)]


def by_age(hours: Sequence[tuple[int, int]], workdays: Workdays, *, today: date) -> Sequence[int]:
    """How many of what came in these hours since 1970 are how many working days old."""
    found, ages = [0] * (len(AGES) + 1), dict[date, int]()
    for hour, count in hours:
        day = local_date(datetime.fromtimestamp(hour * 3600, UTC))
        if day not in ages:
            ages[day] = workdays.between(day, today)
        found[sum(ages[day] > end for end in AGES)] += count
    return found


# ── Who is active ────────────────────────────────────────────────────────────────────────────


def _last_active(session: Session, listed: Sequence[Agency]) -> Mapping[UUID, datetime | None]:
    """When somebody of each agency last looked in or sent something."""
    newest = (
        sa.select(col(Document.stored_at))
        .where(col(Document.sender_agency_id) == Agency.id, col(Document.stored_at).is_not(None))
        .order_by(col(Document.id).desc())
        .limit(1)
        .scalar_subquery()
    )
    ids = [agency.id for agency in listed]
    query = sa.select(col(Agency.id), newest).where(col(Agency.id).in_(ids))
    sent = {row[0]: row[1] for row in session.execute(query)}
    return {
        agency.id: max((at for at in (sent[agency.id], agency.looked_in_at) if at), default=None)
        for agency in listed
    }
