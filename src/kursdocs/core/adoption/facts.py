"""Counting in the database: columns only, grouped, so that a hundred thousand papers are quick.

What is counted is a delivery: one paper on its way to one agency. What an agency handed on counts
as sent by it. The rows of deliveries outlive their content, so that numbers of past weeks stay.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlmodel import Session, col

from kursdocs.core.documents.tables import Delivery, DeliveryState, Document, DocumentState


class _Seconds(sa.sql.functions.GenericFunction[int]):
    """Whole seconds since 1970 of a moment: cheaper to fetch by the hundred thousand."""

    type = sa.BigInteger()
    inherit_cache = True
    name = "kursdocs_seconds"


@compiles(_Seconds, "sqlite")
def _on_sqlite(element: _Seconds, compiler: Any, **options: Any) -> str:
    return f"CAST(strftime('%s', {compiler.process(element.clauses, **options)}) AS INTEGER)"


@compiles(_Seconds, "postgresql")
def _on_postgresql(element: _Seconds, compiler: Any, **options: Any) -> str:
    moment = compiler.process(element.clauses, **options)
    return f"CAST(floor(extract(epoch FROM {moment})) AS BIGINT)"


def seconds(moment: object) -> sa.ColumnElement[int]:
    """A column of moments as whole seconds since 1970."""
    return _Seconds(col(moment))


SENDER = sa.func.coalesce(col(Delivery.forwarded_by_agency_id), col(Delivery.sender_agency_id))
"""Who sent this delivery: for a forwarded one the agency that handed it on."""


def part(moment: object, bounds: Sequence[datetime]) -> sa.ColumnElement[int]:
    """In which part of a period a moment within it lies, from 0 on."""
    inner = bounds[1:-1]
    if not inner:
        return sa.literal(0)
    return sa.case(*((col(moment) < end, n) for n, end in enumerate(inner)), else_=len(inner))


def _within(moment: object, bounds: Sequence[datetime]) -> sa.ColumnElement[bool]:
    return sa.and_(col(moment) >= bounds[0], col(moment) < bounds[-1])


Exchange = tuple[UUID, UUID, int, int]
"""Sender, recipient, number of the part, how many."""


def exchanged(
    session: Session, agency_ids: Collection[UUID], bounds: Sequence[datetime]
) -> Sequence[Exchange]:
    """What was delivered to or from these agencies, by sender, recipient and part of the period."""
    ids = list(agency_ids)
    number = part(Delivery.delivered_at, bounds).label("number")
    mine = sa.or_(col(Delivery.recipient_agency_id).in_(ids), SENDER.in_(ids))
    query = (
        sa.select(SENDER, col(Delivery.recipient_agency_id), number, sa.func.count())
        .where(_within(Delivery.delivered_at, bounds), mine)
        .group_by(SENDER, col(Delivery.recipient_agency_id), number)
    )
    return [(row[0], row[1], row[2], row[3]) for row in session.execute(query)]


Spans = Mapping[UUID, Sequence[Sequence[tuple[int, int]]]]
"""By recipient and part of the period: when each was delivered and taken over, in seconds."""


def taken_over(session: Session, agency_ids: Collection[UUID], bounds: Sequence[datetime]) -> Spans:
    """What these agencies took over in each part of the period, whenever it had come."""
    pair = _digits(Delivery.delivered_at) + "-" + _digits(Delivery.taken_over_at)
    # One row for each agency: a hundred thousand of them would take a second to arrive.
    query = (
        sa.select(col(Delivery.recipient_agency_id), sa.func.aggregate_strings(pair, " "))
        .where(
            col(Delivery.recipient_agency_id).in_(list(agency_ids)),
            col(Delivery.state) == DeliveryState.TAKEN_OVER,
            _within(Delivery.taken_over_at, bounds),
        )
        .group_by(col(Delivery.recipient_agency_id))
    )
    found: dict[UUID, list[list[tuple[int, int]]]] = {
        id_: [[] for _ in bounds[1:]] for id_ in agency_ids
    }
    inner = [int(bound.timestamp()) for bound in bounds[1:-1]]
    for agency_id, pairs in session.execute(query):
        parts = found[agency_id]
        for both in pairs.split(" "):
            start, end = map(int, both.split("-"))
            parts[bisect_right(inner, end)].append((start, end))
    return found


def _digits(moment: object) -> sa.ColumnElement[str]:
    return sa.cast(seconds(moment), sa.String(12))


def active(session: Session, agency_ids: Collection[UUID], bounds: Sequence[datetime]) -> set[UUID]:
    """Those of the agencies that sent or took over anything in the period."""
    sent = sa.select(SENDER).where(_within(Delivery.delivered_at, bounds))
    took = sa.select(col(Delivery.recipient_agency_id)).where(
        _within(Delivery.taken_over_at, bounds)
    )
    found = {*session.scalars(sent.distinct()), *session.scalars(took.distinct())}
    return found & set(agency_ids)


def waiting(
    session: Session, agency_ids: Iterable[UUID]
) -> Mapping[UUID, Sequence[tuple[int, int]]]:
    """What waits at each agency now: the hour in which it came, and how many came in it.

    Hours are counted since 1970; a local day is made of whole ones.
    """
    hour = (seconds(Delivery.delivered_at) // 3600).label("hour")
    query = (
        sa.select(col(Delivery.recipient_agency_id), hour, sa.func.count())
        .join(Document, col(Document.id) == Delivery.document_id)
        .where(
            col(Delivery.recipient_agency_id).in_(list(agency_ids)),
            col(Delivery.state) == DeliveryState.NEW,
            col(Delivery.delivered_at).is_not(None),
            col(Document.state) == DocumentState.LIVE,
        )
        .group_by(col(Delivery.recipient_agency_id), hour)
    )
    found: dict[UUID, list[tuple[int, int]]] = {}
    for agency_id, since, count in session.execute(query):
        found.setdefault(agency_id, []).append((since, count))
    return found
