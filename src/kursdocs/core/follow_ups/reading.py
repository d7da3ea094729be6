"""Looking at follow-ups: the acting agency's own, most urgent first. What is foreign is not found.

The person is read from the paper, as long as that is there; a row whose paper has gone is not
listed, whether or not anybody has ended it yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from kursdocs.catalogue import AgencyKind, Catalogue, FollowUpClock
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.documents.counting import COUNT_CAP
from kursdocs.core.documents.tables import Delivery, Document
from kursdocs.core.errors import NotFound
from kursdocs.core.follow_ups.standing import is_there
from kursdocs.core.follow_ups.tables import FollowUp, FollowUpState
from kursdocs.core.workdays import local_date, local_moment


@dataclass(frozen=True)
class FollowUpView:
    """A follow-up as its agency sees it; ``other`` is the other agency of the paper."""

    id: UUID
    clock: FollowUpClock
    rule: str
    state: FollowUpState
    opens_on: date
    due_on: date
    document_id: UUID
    kind: str
    family_name: str
    given_names: str
    birth_date: date | None
    other: str
    other_name: str
    other_kind: AgencyKind
    reason: str
    ended_at: datetime | None
    ended_by_user_id: UUID | None
    fulfilled_by_document_id: UUID | None

    def days_left(self, today: date) -> int:
        """Calendar days until it is due; negative when that is past."""
        return (self.due_on - today).days


_OWN = (
    "id",
    "clock",
    "rule",
    "state",
    "opens_on",
    "due_on",
    "document_id",
    "reason",
    "ended_at",
    "ended_by_user_id",
    "fulfilled_by_document_id",
)


def clocks_of(catalogue: Catalogue, kind: AgencyKind) -> tuple[FollowUpClock, ...]:
    """Which follow-ups an agency of this kind can have at all, in the order of the list."""
    known = {rule.clock for rule in catalogue.follow_ups if kind in rule.agency_kinds}
    return tuple(clock for clock in FollowUpClock if clock in known)


def listing(
    session: Session,
    actor: Actor,
    *,
    clock: FollowUpClock | None = None,
    after: UUID | None = None,
    limit: int = 50,
) -> list[FollowUpView]:
    """What is open, most urgent first, from the follow-up ``after`` on.

    Raises ``NotFound`` when ``after`` is not one of the acting agency's.
    """
    key = (col(FollowUp.due_on), col(FollowUp.id))
    query = _select(actor).where(*_is_open(), *_of(clock))
    if after is not None:
        last = session.scalar(
            sa.select(col(FollowUp.due_on)).where(
                col(FollowUp.id) == after, col(FollowUp.agency_id) == actor.acting.id
            )
        )
        if last is None:
            raise NotFound
        query = query.where(sa.tuple_(*key) > sa.tuple_(sa.literal(last), sa.literal(after)))
    return _views(session, query.order_by(*key).limit(limit))


def settled_today(
    session: Session, actor: Actor, *, now: datetime, limit: int = 50
) -> list[FollowUpView]:
    """What people of the agency settled on the local day of ``now``, the last one first."""
    query = _select(actor).where(
        col(FollowUp.state) == FollowUpState.SETTLED,
        col(FollowUp.ended_at) >= local_moment(local_date(now), 0),
        *is_there(),
    )
    return _views(session, query.order_by(col(FollowUp.ended_at).desc()).limit(limit))


def of_document(session: Session, actor: Actor, document_id: UUID) -> list[FollowUpView]:
    """What of the acting agency is open about this paper."""
    query = _select(actor).where(*_is_open(), col(FollowUp.document_id) == document_id)
    return _views(session, query.order_by(col(FollowUp.due_on)))


def view(session: Session, actor: Actor, follow_up_id: UUID) -> FollowUpView:
    """One of the acting agency's; raises ``NotFound``."""
    query = _select(actor).where(col(FollowUp.id) == follow_up_id)
    found = _views(session, query.execution_options(populate_existing=True))
    if not found:
        raise NotFound
    return found[0]


def waiting(session: Session, agency_id: UUID) -> Mapping[FollowUpClock, int]:
    """How many are open, by clock, together up to ``COUNT_CAP``; no entry where none is."""
    some = (
        sa.select(col(FollowUp.clock))
        .join(Delivery, col(Delivery.id) == col(FollowUp.delivery_id))
        .join(Document, col(Document.id) == col(FollowUp.document_id))
        .where(col(FollowUp.agency_id) == agency_id, *_is_open())
        .limit(COUNT_CAP)
        .subquery()
    )
    query = sa.select(some.c.clock, sa.func.count()).group_by(some.c.clock)
    return {row[0]: row[1] for row in session.execute(query)}


def _is_open() -> tuple[sa.ColumnElement[bool], ...]:
    return (col(FollowUp.state) == FollowUpState.OPEN, *is_there())


def _of(clock: FollowUpClock | None) -> tuple[sa.ColumnElement[bool], ...]:
    return () if clock is None else (col(FollowUp.clock) == clock,)


def _select(actor: Actor) -> sa.Select[Any]:
    other_id = sa.case(
        (
            col(Delivery.sender_agency_id) == actor.acting.id,
            col(Delivery.recipient_agency_id),
        ),
        else_=col(Delivery.sender_agency_id),
    )
    names = (Document.kind, Document.family_name, Document.given_names, Document.birth_date)
    others = (Agency.slug, Agency.name, Agency.kind)
    return (
        sa.select(
            *(getattr(FollowUp, name) for name in _OWN),
            *(col(column) for column in names),
            *(col(column) for column in others),
        )
        .select_from(FollowUp)
        .join(Delivery, col(Delivery.id) == col(FollowUp.delivery_id))
        .join(Document, col(Document.id) == col(FollowUp.document_id))
        .join(Agency, col(Agency.id) == other_id)
        .where(col(FollowUp.agency_id) == actor.acting.id)
    )


_FOUND = (
    *_OWN,
    "kind",
    "family_name",
    "given_names",
    "birth_date",
    "other",
    "other_name",
    "other_kind",
)


def _views(session: Session, query: sa.Select[Any]) -> list[FollowUpView]:
    return [FollowUpView(**dict(zip(_FOUND, row, strict=True))) for row in session.execute(query)]
