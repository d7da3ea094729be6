"""What the planner looks at: desks and towns, and in groups what is open there and what was told.

``load`` reads all of it, ``groups`` counts what is open in the database. Entry point: :func:`load`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from kursdocs.catalogue import Addressee, Catalogue
from kursdocs.core import adoption, agencies, outbox
from kursdocs.core.adoption import MonthNumbers
from kursdocs.core.agencies import Agency, Municipality, Paces, PlanTime
from kursdocs.core.documents.tables import Delivery
from kursdocs.core.reminders import groups
from kursdocs.core.reminders.digest import OwnPlan, Reach
from kursdocs.core.reminders.groups import Group
from kursdocs.core.reminders.tables import Clock, Outcome, Reminder
from kursdocs.core.workdays import Workdays, local_date

EXPECTS_ANSWERS = timedelta(days=90)
"""How long after an agency's own paper was taken over it may expect papers in return."""

MONTHLY_UNTIL = 15
"""After this day of a month nobody is told of the month before any more."""


@dataclass(frozen=True)
class Desk:
    """An agency as the planner sees it. Addresses are empty where there is none.

    Nobody of a closed one is told anything; what waits there still goes back in the end.
    ``refused_mailboxes`` are those of its addresses that take no mails at present. ``plan_days``
    are ISO weekdays; with ``announces_on_plan_days`` what is merely new waits for them. ``month``
    is what the monthly note says, if it is still to be sent.
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
    paces: Paces
    is_closed: bool = False
    refused_mailboxes: frozenset[str] = field(default=frozenset())
    plan_days: tuple[int, ...] = ()
    plan_time: PlanTime | None = None
    announces_on_plan_days: bool = False
    month: MonthNumbers | None = None

    def address(self, addressee: Addressee, today: date) -> str:
        """Where this addressee is reached today; a desk without a mailbox by its head's."""
        if addressee is Addressee.DESK:
            return self.mailbox or self.head_mailbox
        if addressee is Addressee.DEPUTY:
            is_over = self.deputy_until is not None and self.deputy_until < today
            return "" if is_over else self.deputy_mailbox
        return self.head_mailbox if addressee is Addressee.HEAD else ""

    @property
    def reach(self) -> Reach:
        """Whether mails reach its desk at all."""
        address = self.mailbox or self.head_mailbox
        if not address:
            return Reach.NO_MAILBOX
        return Reach.REFUSED if address.lower() in self.refused_mailboxes else Reach.REACHED

    def own_plan(self, today: date) -> OwnPlan | None:
        """When it means to look in, if it said so."""
        if not self.plan_days:
            return None
        return OwnPlan(self.plan_days, self.plan_time, today.isoweekday() in self.plan_days)


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
class State:
    """Everything that may be told now."""

    desks: Mapping[UUID, Desk]
    towns: Mapping[UUID, Town]
    groups: Sequence[Group]


def load(session: Session, catalogue: Catalogue, *, now: datetime, address: str = "") -> State:
    """What is open now: counted; with an ``address`` only what may be told there, with its ids.

    Closed agencies are part of the whole, but are told nothing anywhere.
    """
    found = _agencies(session, address)
    ids = [agency.id for agency in found]
    open_groups = groups.open_at(session, ids, now=now, with_ids=bool(address))
    told = _told(session, ids)
    waiting = {group.agency_id for group in open_groups if group.clock is Clock.WAITING}
    facts = _Facts(
        workdays=agencies.workdays_of(session, ids),
        paces=agencies.paces_of(session, catalogue, ids),
        expecting=waiting | _expecting_answers(session, ids, now=now),
        silence=told.silence,
        refused=refused_since(session, now=now),
    )
    facts.months = _months(session, found, facts.workdays, told.month, today=local_date(now))
    desks = {agency.id: _desk(agency, facts) for agency in found}
    refusals = [
        group
        for agency in found
        for group in _refusals(desks[agency.id], facts, told.refused, today=local_date(now))
    ]
    return State(desks, _towns(session), [*open_groups, *refusals])


@dataclass
class _Facts:
    """What is known of all agencies at once."""

    workdays: Mapping[UUID, Workdays]
    paces: Mapping[UUID, Paces]
    expecting: set[UUID]
    silence: Mapping[UUID, datetime]
    refused: Mapping[str, datetime]
    months: Mapping[UUID, MonthNumbers] = field(default_factory=dict)


def _desk(agency: Agency, facts: _Facts) -> Desk:
    boxes = (agency.mailbox, agency.deputy_mailbox, agency.head_mailbox)
    return Desk(
        id=agency.id,
        slug=agency.slug,
        name=agency.name,
        municipality_id=agency.municipality_id,
        workdays=facts.workdays[agency.id],
        hour=agency.digest_hour,
        mailbox=agency.mailbox,
        deputy_mailbox=agency.deputy_mailbox,
        deputy_until=agency.deputy_until,
        head_mailbox=agency.head_mailbox,
        created_at=agency.created_at,
        looked_in_at=agency.looked_in_at,
        expects_papers=agency.id in facts.expecting,
        silence_told_at=facts.silence.get(agency.id),
        paces=facts.paces[agency.id],
        is_closed=agency.closed_at is not None,
        refused_mailboxes=frozenset({box.lower() for box in boxes} & set(facts.refused)),
        plan_days=tuple(int(digit) for digit in agency.plan_days),
        plan_time=PlanTime(agency.plan_time) if agency.plan_time else None,
        announces_on_plan_days=agency.announces_on_plan_days,
        month=facts.months.get(agency.id),
    )


def _towns(session: Session) -> Mapping[UUID, Town]:
    return {
        town.id: Town(
            town.id, town.slug, town.name, town.mailbox, agencies.town_workdays(session, town)
        )
        for town in session.exec(select(Municipality))
    }


# ── Agencies ─────────────────────────────────────────────────────────────────────────────────


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


def _expecting_answers(session: Session, ids: Sequence[UUID], *, now: datetime) -> set[UUID]:
    """Agencies whose own papers were taken over lately."""
    lately = (
        select(Delivery.id)
        .where(
            col(Delivery.sender_agency_id) == col(Agency.id),
            col(Delivery.taken_over_at) > now - EXPECTS_ANSWERS,
        )
        .exists()
    )
    return set(session.exec(select(Agency.id).where(col(Agency.id).in_(ids), lately)))


def refused_since(session: Session, *, now: datetime) -> Mapping[str, datetime]:
    """The addresses that take no mails at present, in small letters, and since when.

    Each morning's new attempt makes nothing good before it has arrived.
    """
    found = outbox.unreached_addresses(session, now=now, until_one_arrives=True)
    return {address: unreached.since for address, unreached in found.items()}


# ── What was told of the agency itself ───────────────────────────────────────────────────────


@dataclass
class _Told:
    """By agency: when silence was told last, of which month, and which refusal."""

    silence: dict[UUID, datetime] = field(default_factory=dict)
    month: dict[UUID, int] = field(default_factory=dict)
    refused: dict[UUID, int] = field(default_factory=dict)


def _told(session: Session, ids: Sequence[UUID]) -> _Told:
    clocks = (Clock.SILENCE, Clock.MONTHLY, Clock.REFUSED)
    query = (
        sa.select(
            col(Reminder.agency_id),
            col(Reminder.clock),
            sa.func.max(col(Reminder.sent_at)),
            sa.func.max(col(Reminder.step)),
        )
        .where(
            col(Reminder.clock).in_(clocks),
            col(Reminder.agency_id).in_(ids),
            col(Reminder.outcome) != Outcome.UNDELIVERED,
        )
        .group_by(col(Reminder.agency_id), col(Reminder.clock))
    )
    told = _Told()
    for agency_id, clock, sent_at, step in session.execute(query):
        if clock is Clock.SILENCE:
            told.silence[agency_id] = sent_at
        else:
            (told.month if clock is Clock.MONTHLY else told.refused)[agency_id] = step
    return told


def _months(
    session: Session,
    found: Sequence[Agency],
    workdays: Mapping[UUID, Workdays],
    told: Mapping[UUID, int],
    *,
    today: date,
) -> Mapping[UUID, MonthNumbers]:
    """The month before, for those whose note of it is still to be sent and would say something."""
    first_day = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    untold = [
        agency.id
        for agency in found
        if agency.monthly_note
        and agency.closed_at is None
        and today.day <= MONTHLY_UNTIL
        and told.get(agency.id, 0) < month_step(first_day)
        and workdays[agency.id].includes(today)
    ]
    if not untold:
        return {}
    numbers = adoption.monthly(session, untold, first_day=first_day, workdays=workdays)
    return {id_: one for id_, one in numbers.items() if one.sent or one.received or one.taken_over}


def month_step(first_day: date) -> int:
    """How the ledger counts months."""
    return first_day.year * 12 + first_day.month


def _refusals(
    desk: Desk, facts: _Facts, told: Mapping[UUID, int], *, today: date
) -> Sequence[Group]:
    """The mailboxes of the desk and its deputy that take no mails, for the head to hear of."""
    of_others = {desk.mailbox.lower(), desk.address(Addressee.DEPUTY, today).lower()}
    refused = (of_others & desk.refused_mailboxes) - {desk.head_mailbox.lower()}
    if not refused:
        return ()
    since = max(facts.refused[box] for box in refused).replace(minute=0, second=0, microsecond=0)
    known = {Addressee.HEAD: told[desk.id]} if desk.id in told else {}
    return [Group(desk.id, Clock.REFUSED, "", since, told=known, count=len(refused))]
