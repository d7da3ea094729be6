"""What came in for an agency: its list, narrowed and searched, and how much stands in it.

Only what was addressed to the acting agency can be found. Lists read columns, page by key.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.documents.counting import COUNT_CAP
from kursdocs.core.documents.names import tokens
from kursdocs.core.documents.tables import (
    Delivery,
    DeliveryState,
    Document,
    DocumentState,
    SearchToken,
)


class InboxState(StrEnum):
    """The tabs of an inbox. ``withdrawn`` and ``erased`` list traces, without the person."""

    NEW = "new"
    TAKEN_OVER = "taken_over"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"


_TRACES = {
    DocumentState.WITHDRAWN: InboxState.WITHDRAWN,
    DocumentState.ERASED: InboxState.ERASED,
}


@dataclass(frozen=True)
class InboxRow:
    """One delivery in the recipient's list."""

    id: UUID
    document_id: UUID
    kind: str
    family_name: str
    given_names: str
    birth_date: date | None
    sender: str
    sender_name: str
    state: InboxState
    due_on: date
    delivered_at: datetime
    opened_at: datetime | None
    taken_over_at: datetime | None
    returned_at: datetime | None
    withdrawn_at: datetime | None
    withdrawal_reason: str
    delete_on: date | None
    erased_at: datetime | None
    byte_size: int
    page_count: int


_INBOX_COLUMNS: tuple[Any, ...] = (
    col(Delivery.id),
    col(Document.id).label("document_id"),
    col(Document.kind),
    col(Document.state).label("document_state"),
    col(Document.family_name),
    col(Document.given_names),
    col(Document.birth_date),
    col(Agency.slug).label("sender"),
    col(Agency.name).label("sender_name"),
    col(Delivery.state),
    col(Delivery.due_on),
    col(Delivery.delivered_at),
    col(Delivery.opened_at),
    col(Delivery.taken_over_at),
    col(Delivery.returned_at),
    col(Document.withdrawn_at),
    col(Document.end_reason).label("withdrawal_reason"),
    col(Document.delete_on),
    col(Document.erased_at),
    col(Document.byte_size),
    col(Document.page_count),
)


def rows(
    session: Session,
    actor: Actor,
    state: InboxState,
    *,
    after: UUID | None = None,
    limit: int = 50,
    name: str = "",
) -> list[InboxRow]:
    """The acting agency's deliveries in one state, newest first, from the key ``after`` on.

    ``name`` narrows to people whose folded name parts or numbers start with each of its words;
    without a single letter or digit it finds nobody.
    """
    words = tokens([name])
    if name.strip() and not words:
        return []
    query = (
        sa.select(*_INBOX_COLUMNS)
        .join(Document, col(Document.id) == Delivery.document_id)
        .join(Agency, col(Agency.id) == Delivery.sender_agency_id)
        .where(*_in_inbox(actor, state))
        .order_by(col(Delivery.id).desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(col(Delivery.id) < after)
    for token in words:
        query = query.where(
            sa.exists()
            .where(col(SearchToken.agency_id) == actor.acting.id)
            .where(col(SearchToken.delivery_id) == Delivery.id)
            .where(col(SearchToken.token).startswith(token, autoescape=True))
        )
    return [_inbox_row(row) for row in session.execute(query)]


def _in_inbox(actor: Actor, state: InboxState) -> tuple[sa.ColumnElement[bool], ...]:
    mine = (
        col(Delivery.recipient_agency_id) == actor.acting.id,
        col(Delivery.delivered_at).is_not(None),
    )
    for ended, trace in _TRACES.items():
        if state is trace:
            return (*mine, col(Document.state) == ended)
    settled = DeliveryState(state.value)
    return (*mine, col(Document.state) == DocumentState.LIVE, col(Delivery.state) == settled)


def _inbox_row(row: sa.Row[Any]) -> InboxRow:
    values = dict(row._mapping)
    trace = _TRACES.get(values.pop("document_state"))
    values["state"] = trace or InboxState(values["state"].value)
    if trace:
        values.update(family_name="", given_names="", birth_date=None)
    return InboxRow(**values)


def counts(session: Session, actor: Actor) -> dict[InboxState, int]:
    """How many deliveries stand in each tab, counted up to ``COUNT_CAP``."""
    counts = {}
    for state in InboxState:
        capped = (
            sa.select(col(Delivery.id))
            .join(Document, col(Document.id) == Delivery.document_id)
            .where(*_in_inbox(actor, state))
            .limit(COUNT_CAP)
            .subquery()
        )
        counts[state] = session.scalar(sa.select(sa.func.count()).select_from(capped)) or 0
    return counts


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
