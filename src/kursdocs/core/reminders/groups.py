"""What is open at the agencies, counted in the database: in groups of what is told alike.

A town may have a hundred thousand open papers; hardly any two of one hour, kind and agency are told
differently, so that groups are few. The hour, not the moment, is enough: the hours of the agencies'
mails are whole ones, and so is every difference to Europe/Berlin. Entry points: :func:`open_at`,
:func:`ids_of`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from kursdocs.catalogue import Addressee, FollowUpClock
from kursdocs.core.adoption.facts import seconds
from kursdocs.core.documents.tables import Delivery, DeliveryState, Document, DocumentState
from kursdocs.core.follow_ups.tables import FollowUp, FollowUpState
from kursdocs.core.reminders.tables import Clock, Outcome, Reminder
from kursdocs.core.requests.standing import is_open
from kursdocs.core.requests.tables import PaperRequest
from kursdocs.core.workdays import local_date

RETURNED_DAYS = 30
"""So long a paper that came back may still be told of."""

FOLLOW_UPS = (Clock.LAPSING, Clock.PROOF, Clock.START)
"""What should follow a paper."""

_HOUR = 3600


@dataclass(frozen=True)
class Group:
    """Things of one clock that came up at one agency in the same hour and were told alike so far.

    ``kind`` is that of the papers, for what should follow one the code of its rule. ``since`` is
    the hour in which they arrived, came back, were asked for, opened. ``due`` is by when, where a
    day is set. ``told`` is the highest step told so far to each addressee, ``told_since`` the day
    on which the desk first heard. ``subject_ids`` are there only if they were asked for.
    """

    agency_id: UUID
    clock: Clock
    kind: str
    since: datetime
    due: date | None = None
    told: Mapping[Addressee, int] = field(default_factory=dict)
    told_since: date | None = None
    count: int = 1
    subject_ids: Sequence[UUID] = ()


def open_at(
    session: Session, agency_ids: Sequence[UUID], *, now: datetime, with_ids: bool
) -> list[Group]:
    """Everything that runs at these agencies now, by clock."""
    read = _listed if with_ids else _counted
    found: list[Group] = []
    for clock, query in (
        (Clock.WAITING, _waiting(agency_ids)),
        (Clock.REQUEST, _requests(agency_ids)),
        (Clock.APPROVAL, _approvals(agency_ids)),
        *((clock, _follow_ups(agency_ids, clock, local_date(now))) for clock in FOLLOW_UPS),
    ):
        found += read(session, clock, query)
    found += _by_document(session, Clock.RETURNED, [_returned(agency_ids, now=now)])
    return found + _by_document(session, Clock.DELETION, _leaving(agency_ids))


def ids_of(session: Session, group: Group) -> Sequence[UUID]:
    """The deliveries in a group of papers that wait, the oldest first."""
    until = group.since + timedelta(hours=1)
    query = _waiting([group.agency_id]).where(
        col(Document.kind) == group.kind,
        col(Delivery.delivered_at) >= group.since,
        col(Delivery.delivered_at) < until,
    )
    told = (group.told, group.told_since)
    return [
        id_
        for one in _listed(session, Clock.WAITING, query)
        if (one.told, one.told_since) == told
        for id_ in one.subject_ids
    ]


# ── What is open, one row each ───────────────────────────────────────────────────────────────

_Rows = sa.Select[*tuple[Any, ...]]


def _row(id_: object, owner: object, kind: object, *, moment: object, due: object = None) -> _Rows:
    return sa.select(
        col(id_).label("id"),
        col(owner).label("agency_id"),
        col(kind).label("kind"),
        (seconds(moment) // _HOUR).label("hour"),
        (sa.cast(sa.null(), sa.Date) if due is None else col(due)).label("due"),
    )


def _deliveries(owner: object, *, moment: object) -> _Rows:
    rows = _row(Delivery.id, owner, Document.kind, moment=moment)
    return rows.join_from(Delivery, Document, col(Document.id) == Delivery.document_id)


def _waiting(agency_ids: Sequence[UUID]) -> _Rows:
    return _deliveries(Delivery.recipient_agency_id, moment=Delivery.delivered_at).where(
        col(Delivery.state) == DeliveryState.NEW,
        col(Delivery.delivered_at).is_not(None),
        col(Document.state) == DocumentState.LIVE,
        col(Delivery.recipient_agency_id).in_(agency_ids),
    )


def _requests(agency_ids: Sequence[UUID]) -> _Rows:
    """What was asked of them. One that is open again counts from when it was made."""
    return _row(
        PaperRequest.id,
        PaperRequest.provider_agency_id,
        PaperRequest.kind,
        moment=PaperRequest.created_at,
        due=PaperRequest.due_on,
    ).where(col(PaperRequest.provider_agency_id).in_(agency_ids), is_open())


def _approvals(agency_ids: Sequence[UUID]) -> _Rows:
    return _row(
        Document.id, Document.sender_agency_id, Document.kind, moment=Document.stored_at
    ).where(is_awaiting_approval(), col(Document.sender_agency_id).in_(agency_ids))


def is_awaiting_approval() -> sa.ColumnElement[bool]:
    """A second person of the sender must still decide."""
    return sa.and_(
        col(Document.state) == DocumentState.HELD,
        col(Document.approval_needed).is_(True),
        col(Document.approved_at).is_(None),
    )


def _follow_ups(agency_ids: Sequence[UUID], clock: Clock, today: date) -> _Rows:
    return _row(
        FollowUp.id,
        FollowUp.agency_id,
        FollowUp.rule,
        moment=FollowUp.created_at,
        due=FollowUp.due_on,
    ).where(
        col(FollowUp.state) == FollowUpState.OPEN,
        col(FollowUp.clock) == FollowUpClock(clock.value),
        col(FollowUp.opens_on) <= today,
        col(FollowUp.agency_id).in_(agency_ids),
    )


def _returned(agency_ids: Sequence[UUID], *, now: datetime) -> _Rows:
    """What came back lately, for the senders, until they were told of it."""
    was_told = _telling(Clock.RETURNED, Delivery.id, Delivery.sender_agency_id)
    return (
        _deliveries(Delivery.sender_agency_id, moment=Delivery.returned_at)
        .add_columns(col(Delivery.document_id).label("document_id"))
        .where(
            col(Delivery.state) == DeliveryState.RETURNED,
            col(Delivery.returned_at) > now - timedelta(days=RETURNED_DAYS),
            col(Document.state) == DocumentState.LIVE,
            col(Delivery.sender_agency_id).in_(agency_ids),
            ~was_told.exists(),
        )
    )


def _leaving(agency_ids: Sequence[UUID]) -> list[_Rows]:
    """What will be deleted soon, for those who have it, until they were told since the notice.

    The sender has it, and who took it over.
    """
    taken_over = (
        col(Delivery.state) == DeliveryState.TAKEN_OVER,
        col(Document.state) == DocumentState.LIVE,
    )
    owners = ((Delivery.sender_agency_id, ()), (Delivery.recipient_agency_id, taken_over))
    return [
        _deliveries(owner, moment=Document.deletion_noticed_at)
        .add_columns(col(Delivery.document_id).label("document_id"))
        .where(
            col(Document.deletion_noticed_at).is_not(None),
            col(Document.erased_at).is_(None),
            col(owner).in_(agency_ids),
            ~_telling(Clock.DELETION, Delivery.id, owner)
            .where(col(Reminder.sent_at) >= col(Document.deletion_noticed_at))
            .exists(),
            *more,
        )
        for owner, more in owners
    ]


def _telling(clock: Clock, subject: object, owner: object) -> _Rows:
    """The rows of the ledger in which the desk was told of this."""
    return sa.select(col(Reminder.id)).where(
        col(Reminder.subject_id) == col(subject),
        col(Reminder.agency_id) == col(owner),
        col(Reminder.clock) == clock,
        col(Reminder.addressee) == Addressee.DESK,
        col(Reminder.outcome) != Outcome.UNDELIVERED,
    )


# ── With what was told of it ─────────────────────────────────────────────────────────────────


def _counted(session: Session, clock: Clock, query: _Rows) -> list[Group]:
    """In groups, counted by the database."""
    rows, columns = _with_told(clock, query)
    counted = rows.with_only_columns(*columns, sa.func.count()).group_by(*columns)
    made = _Making(clock)
    return [made.group(row[:-1], count=row[-1]) for row in session.execute(counted)]


def _listed(session: Session, clock: Clock, query: _Rows) -> list[Group]:
    """In the same groups, with the ids of what is in them."""
    rows, _ = _with_told(clock, query)
    found: dict[Any, list[UUID]] = {}
    for id_, *alike in session.execute(rows.order_by(sa.text("1"))):
        found.setdefault(tuple(alike), []).append(id_)
    made = _Making(clock)
    return [made.group(alike, count=len(ids), ids=ids) for alike, ids in found.items()]


def _with_told(clock: Clock, query: _Rows) -> tuple[_Rows, list[sa.ColumnElement[Any]]]:
    """The same rows with what was told of each, and the columns in which a group is alike."""
    base = query.cte("open_things")
    told = _told(clock, base)
    columns: list[sa.ColumnElement[Any]] = [
        base.c.agency_id,
        base.c.kind,
        base.c.hour,
        base.c.due,
        *(told.c[who.value] for who in Addressee),
        told.c.since,
    ]
    is_same = sa.and_(told.c.subject_id == base.c.id, told.c.agency_id == base.c.agency_id)
    return sa.select(base.c.id, *columns).select_from(base).outerjoin(told, is_same), columns


def _told(clock: Clock, base: sa.CTE) -> sa.Subquery:
    """The highest step told to each addressee, and the hour in which the desk first heard."""
    is_to = {who: col(Reminder.addressee) == who for who in Addressee}
    return (
        sa.select(
            col(Reminder.subject_id).label("subject_id"),
            col(Reminder.agency_id).label("agency_id"),
            *(
                sa.func.max(col(Reminder.step)).filter(is_to[who]).label(who.value)
                for who in Addressee
            ),
            sa.func.min(seconds(Reminder.sent_at) // _HOUR)
            .filter(is_to[Addressee.DESK])
            .label("since"),
        )
        .where(
            col(Reminder.clock) == clock,
            col(Reminder.outcome) != Outcome.UNDELIVERED,
            col(Reminder.subject_id).in_(sa.select(base.c.id)),
        )
        .group_by(col(Reminder.subject_id), col(Reminder.agency_id))
        .subquery("told")
    )


class _Making:
    """Makes groups of rows; what many have in common is made once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._moments: dict[int, datetime] = {}
        self._told: dict[Any, Mapping[Addressee, int]] = {}

    def group(self, alike: Sequence[Any], *, count: int, ids: Sequence[UUID] = ()) -> Group:
        """One group of these columns."""
        agency_id, kind, hour, due, *steps, since = alike
        return Group(
            agency_id,
            self._clock,
            kind,
            self._moment(hour),
            due,
            self._steps(tuple(steps)),
            None if since is None else local_date(self._moment(since)),
            count,
            ids,
        )

    def _moment(self, hour: int) -> datetime:
        if hour not in self._moments:
            self._moments[hour] = datetime.fromtimestamp(hour * _HOUR, UTC)
        return self._moments[hour]

    def _steps(self, steps: tuple[int | None, ...]) -> Mapping[Addressee, int]:
        if steps not in self._told:
            pairs = zip(Addressee, steps, strict=True)
            self._told[steps] = {who: step for who, step in pairs if step is not None}
        return self._told[steps]


def _by_document(session: Session, clock: Clock, queries: Iterable[_Rows]) -> list[Group]:
    """What is told once of a paper, however many recipients it has. Few, so ids are always there.

    A paper belongs to the hour of its first news; what else there is of it is told with that.
    """
    papers: dict[tuple[UUID, UUID, str], list[tuple[int, UUID]]] = {}
    for query in queries:
        for id_, agency_id, kind, hour, _, document_id in session.execute(query):
            papers.setdefault((agency_id, document_id, kind), []).append((hour, id_))
    alike: dict[tuple[UUID, str, int], list[list[UUID]]] = {}
    for (agency_id, _, kind), found in papers.items():
        first, _ = min(found)
        alike.setdefault((agency_id, kind, first), []).append(sorted(id_ for _, id_ in found))
    return [
        Group(
            agency_id,
            clock,
            kind,
            datetime.fromtimestamp(hour * _HOUR, UTC),
            count=len(each),
            subject_ids=[id_ for ids in each for id_ in ids],
        )
        for (agency_id, kind, hour), each in alike.items()
    ]
