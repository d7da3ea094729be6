"""What the planner looks at, read from the database: desks, what waits there, what was told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from kursdocs.catalogue import Addressee
from kursdocs.core import agencies
from kursdocs.core.agencies import Agency, Municipality
from kursdocs.core.documents.tables import Delivery, DeliveryState, Document, DocumentState
from kursdocs.core.reminders.tables import Clock, Reminder
from kursdocs.core.workdays import Workdays, local_date

EXPECTS_ANSWERS = timedelta(days=90)
"""How long after an agency's own paper was taken over it may expect papers in return."""


@dataclass(frozen=True)
class Desk:
    """An agency as the planner sees it. Addresses are empty where there is none.

    Nobody of a closed one is told anything; what waits there still goes back in the end.
    """

    id: UUID
    slug: str
    name: str
    municipality_id: UUID
    workdays: Workdays
    hour: int
    mailbox: str
    deputy_mailbox: str
    deputy_until: date | None
    head_mailbox: str
    created_at: datetime
    looked_in_at: datetime | None
    expects_papers: bool
    silence_told_at: datetime | None
    is_closed: bool = False

    def address(self, addressee: Addressee, today: date) -> str:
        """Where this addressee is reached today; a desk without a mailbox by its head's."""
        if addressee is Addressee.DESK:
            return self.mailbox or self.head_mailbox
        if addressee is Addressee.DEPUTY:
            is_over = self.deputy_until is not None and self.deputy_until < today
            return "" if is_over else self.deputy_mailbox
        return self.head_mailbox if addressee is Addressee.HEAD else ""


@dataclass(frozen=True)
class Town:
    """A municipality: where its coordinator is reached, and when."""

    id: UUID
    slug: str
    name: str
    mailbox: str
    workdays: Workdays
    hour: int = 7


@dataclass(frozen=True)
class Item:
    """One delivery that a desk is to be told of.

    ``day`` is when it arrived, came back, or was announced for deletion. ``told`` is the highest
    step told so far to each addressee.
    """

    delivery_id: UUID
    document_id: UUID
    agency_id: UUID
    clock: Clock
    kind: str
    day: date
    told: Mapping[Addressee, int]
    told_since: date | None = None


@dataclass(frozen=True)
class State:
    """Everything that may be told now."""

    desks: Mapping[UUID, Desk]
    towns: Mapping[UUID, Town]
    items: Sequence[Item]


def load(session: Session, *, now: datetime, address: str = "") -> State:
    """What is open now; with an ``address`` only what may be told there.

    Closed agencies are part of the whole, but are told nothing anywhere.
    """
    found = _agencies(session, address)
    ids = [agency.id for agency in found]
    workdays = agencies.workdays_of(session, ids)
    told_silent = _silence_told(session, ids)
    waiting = _waiting(session, ids)
    expecting = _expecting_answers(session, ids, now=now) | {item.agency_id for item in waiting}
    desks = {
        agency.id: Desk(
            id=agency.id,
            slug=agency.slug,
            name=agency.name,
            municipality_id=agency.municipality_id,
            workdays=workdays[agency.id],
            hour=agency.digest_hour,
            mailbox=agency.mailbox,
            deputy_mailbox=agency.deputy_mailbox,
            deputy_until=agency.deputy_until,
            head_mailbox=agency.head_mailbox,
            created_at=agency.created_at,
            looked_in_at=agency.looked_in_at,
            expects_papers=agency.id in expecting,
            silence_told_at=told_silent.get(agency.id),
            is_closed=agency.closed_at is not None,
        )
        for agency in found
    }
    towns = {
        town.id: Town(
            town.id, town.slug, town.name, town.mailbox, agencies.town_workdays(session, town)
        )
        for town in session.exec(select(Municipality))
    }
    items = [*waiting, *_returned(session, ids, now=now), *_leaving(session, ids)]
    return State(desks, towns, items)


def _agencies(session: Session, address: str) -> Sequence[Agency]:
    query = select(Agency)
    if address:
        town_of_address = select(Municipality.id).where(_is(Municipality.mailbox, address))
        query = query.where(
            col(Agency.closed_at).is_(None),
            sa.or_(
                *(_is(column, address) for column in _ADDRESSES),
                col(Agency.municipality_id).in_(town_of_address),
            ),
        )
    return session.exec(query.order_by(col(Agency.slug))).all()


_ADDRESSES = (Agency.mailbox, Agency.deputy_mailbox, Agency.head_mailbox)


def _is(column: str, address: str) -> sa.ColumnElement[bool]:
    return sa.func.lower(col(column)) == address.lower()


def _silence_told(session: Session, ids: Sequence[UUID]) -> dict[UUID, datetime]:
    query = (
        select(Reminder.agency_id, sa.func.max(Reminder.sent_at))
        .where(Reminder.clock == Clock.SILENCE, col(Reminder.agency_id).in_(ids))
        .group_by(col(Reminder.agency_id))
    )
    return dict(session.exec(query).all())


def _expecting_answers(session: Session, ids: Sequence[UUID], *, now: datetime) -> set[UUID]:
    """Agencies whose own papers were taken over lately."""
    query = select(Delivery.sender_agency_id).where(
        col(Delivery.taken_over_at) > now - EXPECTS_ANSWERS,
        col(Delivery.sender_agency_id).in_(ids),
    )
    return set(session.exec(query.distinct()))


def _waiting(session: Session, ids: Sequence[UUID]) -> list[Item]:
    query = (
        _deliveries(Delivery.recipient_agency_id, Delivery.delivered_at)
        .where(
            col(Delivery.state) == DeliveryState.NEW,
            col(Delivery.delivered_at).is_not(None),
            col(Document.state) == DocumentState.LIVE,
            col(Delivery.recipient_agency_id).in_(ids),
        )
        .order_by(col(Delivery.delivered_at), col(Delivery.id))
    )
    return _items(session, query, Clock.WAITING)


def _returned(session: Session, ids: Sequence[UUID], *, now: datetime) -> list[Item]:
    """What came back lately, for the senders."""
    query = _deliveries(Delivery.sender_agency_id, Delivery.returned_at).where(
        col(Delivery.state) == DeliveryState.RETURNED,
        col(Delivery.returned_at) > now - timedelta(days=30),
        col(Document.state) == DocumentState.LIVE,
        col(Delivery.sender_agency_id).in_(ids),
    )
    return _items(session, query.order_by(col(Delivery.id)), Clock.RETURNED)


def _leaving(session: Session, ids: Sequence[UUID]) -> list[Item]:
    """What will be deleted soon, for those who have it: the sender and who took it over."""
    found = []
    taken_over = (
        col(Delivery.state) == DeliveryState.TAKEN_OVER,
        col(Document.state) == DocumentState.LIVE,
    )
    for owner, more in (
        (Delivery.sender_agency_id, ()),
        (Delivery.recipient_agency_id, taken_over),
    ):
        query = _deliveries(owner, Document.deletion_noticed_at).where(
            col(Document.deletion_noticed_at).is_not(None),
            col(Document.erased_at).is_(None),
            col(owner).in_(ids),
            *more,
        )
        found += _items(session, query.order_by(col(Delivery.id)), Clock.DELETION)
    return found


_Rows = sa.Select[tuple[UUID, UUID, UUID, str, datetime]]


def _deliveries(owner: object, moment: object) -> _Rows:
    columns = (Delivery.id, Delivery.document_id, owner, Document.kind, moment)
    return sa.select(*columns).join(Document, col(Document.id) == Delivery.document_id)  # type: ignore[call-overload,no-any-return]  # columns of SQLModel classes are typed as their values


def _items(session: Session, query: _Rows, clock: Clock) -> list[Item]:
    rows = session.execute(query).all()
    told = _told(session, clock, {row[2] for row in rows})
    return [
        Item(
            delivery_id=delivery_id,
            document_id=document_id,
            agency_id=agency_id,
            clock=clock,
            kind=kind,
            day=local_date(moment),
            told=told.get((delivery_id, agency_id), _NOTHING).steps,
            told_since=told.get((delivery_id, agency_id), _NOTHING).since,
        )
        for delivery_id, document_id, agency_id, kind, moment in rows
    ]


@dataclass
class _SoFar:
    """What the ledger says of one delivery: the highest step by addressee, the first day."""

    steps: dict[Addressee, int] = field(default_factory=dict)
    since: date | None = None


_NOTHING = _SoFar()


def _told(
    session: Session, clock: Clock, agency_ids: set[UUID]
) -> Mapping[tuple[UUID, UUID], _SoFar]:
    """What was told so far of what is still open, by delivery and agency."""
    query = (
        sa.select(
            col(Reminder.subject_id),
            col(Reminder.agency_id),
            col(Reminder.addressee),
            sa.func.max(col(Reminder.step)),
            sa.func.min(col(Reminder.sent_at)),
        )
        .join(Delivery, col(Delivery.id) == Reminder.subject_id)
        .where(
            col(Reminder.clock) == clock,
            col(Reminder.agency_id).in_(agency_ids),
            _still(clock),
        )
        .group_by(col(Reminder.subject_id), col(Reminder.agency_id), col(Reminder.addressee))
    )
    told: dict[tuple[UUID, UUID], _SoFar] = {}
    for delivery_id, agency_id, addressee, step, first in session.execute(query):
        so_far = told.setdefault((delivery_id, agency_id), _SoFar())
        so_far.steps[addressee] = step
        so_far.since = min(so_far.since or date.max, local_date(first))
    return told


def _still(clock: Clock) -> sa.ColumnElement[bool]:
    if clock is Clock.WAITING:
        return col(Delivery.state) == DeliveryState.NEW
    if clock is Clock.RETURNED:
        return col(Delivery.state) == DeliveryState.RETURNED
    return sa.true()
