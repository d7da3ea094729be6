"""What is open at the agencies, counted in the database: in groups of what is told alike.

A town may have a hundred thousand open papers; hardly any two of one day, kind and agency are told
differently, so that groups are few. Of earlier days the local day is enough, of today the hour: the
hours of the agencies' mails are whole ones, and so is every difference to Europe/Berlin. Entry
points: :func:`open_at`, :func:`ids_of`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
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
from kursdocs.core.workdays import LOCAL, local_date, local_moment

RETURNED_DAYS = 30
"""So long a paper that came back may still be told of."""

FOLLOW_UPS = (Clock.LAPSING, Clock.PROOF, Clock.START)
"""What should follow a paper."""

_HOUR = 3600
_YEARS_BACK = 2
_FIRST_DAY = date(1970, 1, 1)


@dataclass(frozen=True)
class Group:
    """Things of one clock that came up at one agency together and were told alike so far.

    ``kind`` is that of the papers, for what should follow one the code of its rule. ``since`` is
    when they arrived, came back, were asked for, opened: today's hour, or the beginning of an
    earlier day. ``due`` is by when, where a
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
    read = _Reading(session, agency_ids, now=now, with_ids=with_ids)
    found: list[Group] = []
    for clock, query in (
        (Clock.WAITING, _waiting()),
        (Clock.REQUEST, _requests()),
        (Clock.APPROVAL, _approvals()),
        *((clock, _follow_ups(clock, local_date(now))) for clock in FOLLOW_UPS),
    ):
        found += read.groups(clock, query)
    found += read.by_document(Clock.RETURNED, [_returned(now)])
    return found + read.by_document(Clock.DELETION, _leaving())


def ids_of(session: Session, group: Group, *, now: datetime) -> Sequence[UUID]:
    """The deliveries in a group of papers that wait, the oldest first."""
    until = group.since + timedelta(hours=25)
    query = _waiting().where(
        col(Document.kind) == group.kind,
        col(Delivery.delivered_at) >= group.since,
        col(Delivery.delivered_at) < until,
    )
    alike = (group.since, group.told, group.told_since)
    read = _Reading(session, [group.agency_id], now=now, with_ids=True)
    return [
        id_
        for one in read.groups(Clock.WAITING, query)
        if (one.since, one.told, one.told_since) == alike
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


def _waiting() -> _Rows:
    return _deliveries(Delivery.recipient_agency_id, moment=Delivery.delivered_at).where(
        col(Delivery.state) == DeliveryState.NEW,
        col(Delivery.delivered_at).is_not(None),
        col(Document.state) == DocumentState.LIVE,
    )


def _requests() -> _Rows:
    """What was asked of them. One that is open again counts from when it was made."""
    return _row(
        PaperRequest.id,
        PaperRequest.provider_agency_id,
        PaperRequest.kind,
        moment=PaperRequest.created_at,
        due=PaperRequest.due_on,
    ).where(is_open())


def _approvals() -> _Rows:
    return _row(
        Document.id, Document.sender_agency_id, Document.kind, moment=Document.stored_at
    ).where(is_awaiting_approval())


def is_awaiting_approval() -> sa.ColumnElement[bool]:
    """A second person of the sender must still decide."""
    return sa.and_(
        col(Document.state) == DocumentState.HELD,
        col(Document.approval_needed).is_(True),
        col(Document.approved_at).is_(None),
    )


def _follow_ups(clock: Clock, today: date) -> _Rows:
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
    )


def _returned(now: datetime) -> _Rows:
    """What came back lately, for the senders, until they were told of it."""
    was_told = _telling(Clock.RETURNED, Delivery.id, Delivery.sender_agency_id)
    return (
        _deliveries(Delivery.sender_agency_id, moment=Delivery.returned_at)
        .add_columns(col(Delivery.document_id).label("document_id"))
        .where(
            col(Delivery.state) == DeliveryState.RETURNED,
            col(Delivery.returned_at) > now - timedelta(days=RETURNED_DAYS),
            col(Document.state) == DocumentState.LIVE,
            ~was_told.exists(),
        )
    )


def _leaving() -> list[_Rows]:
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


# ── Into groups ──────────────────────────────────────────────────────────────────────────────


class _Reading:
    """Reads rows of some agencies as groups; what many have in common is made once."""

    def __init__(
        self, session: Session, agency_ids: Sequence[UUID], *, now: datetime, with_ids: bool
    ) -> None:
        self._session, self._agency_ids, self._with_ids = session, agency_ids, with_ids
        self._today = local_moment(local_date(now), 0)
        self._moments: dict[int, datetime] = {}
        self._told: dict[Any, Mapping[Addressee, int]] = {}

    def groups(self, clock: Clock, query: _Rows) -> list[Group]:
        """Counted by the database, or with the ids of what is in them."""
        rows = self._with_told(clock, query)
        alike = [column for column in rows.c if column.name != "id"]
        if not self._with_ids:
            counted = sa.select(*alike, sa.func.count()).group_by(*alike)
            return [
                self._group(clock, row[:-1], row[-1], ()) for row in self._session.execute(counted)
            ]
        found: dict[Any, list[UUID]] = {}
        listed = sa.select(rows.c.id, *alike).order_by(rows.c.id)
        for id_, *key in self._session.execute(listed):
            found.setdefault(tuple(key), []).append(id_)
        return [self._group(clock, key, len(ids), ids) for key, ids in found.items()]

    def _with_told(self, clock: Clock, query: _Rows) -> sa.Subquery:
        """The same rows with the highest step told of each to each addressee.

        And with the hour in which the desk first heard.
        """
        base = self._of_agencies(query)
        is_to = {who: col(Reminder.addressee) == who for who in Addressee}
        steps = (
            sa.func.max(col(Reminder.step)).filter(is_to[who]).label(who.value) for who in Addressee
        )
        heard = sa.func.min(seconds(Reminder.sent_at) // _HOUR).filter(is_to[Addressee.DESK])
        columns = (base.c.id, base.c.agency_id, base.c.kind, base.c.due)
        hour = _hour_or_day(base.c.hour, self._today)
        return (
            sa.select(*columns, hour.label("hour"), *steps, heard.label("heard"))
            .select_from(base)
            .outerjoin(
                Reminder,
                sa.and_(
                    col(Reminder.subject_id) == base.c.id,
                    col(Reminder.agency_id) == base.c.agency_id,
                    col(Reminder.clock) == clock,
                    col(Reminder.outcome) != Outcome.UNDELIVERED,
                ),
            )
            .group_by(*columns, base.c.hour)
            .subquery("told")
        )

    def _of_agencies(self, query: _Rows) -> sa.Subquery:
        owner = query.selected_columns["agency_id"]
        return query.where(owner.in_(self._agency_ids)).subquery("open_things")

    def _group(self, clock: Clock, key: Sequence[Any], count: int, ids: Sequence[UUID]) -> Group:
        agency_id, kind, due, hour, *steps, heard = key
        since = None if heard is None else local_date(self._moment(heard))
        told = self._steps(tuple(steps))
        return Group(agency_id, clock, kind, self._moment(hour), due, told, since, count, ids)

    def _moment(self, hour: int) -> datetime:
        """The moment of an hour, or the beginning of a day (see :func:`_hour_or_day`)."""
        if hour not in self._moments:
            self._moments[hour] = (
                datetime.fromtimestamp(hour * _HOUR, UTC)
                if hour > 0
                else local_moment(_FIRST_DAY - timedelta(days=hour), 0).astimezone(UTC)
            )
        return self._moments[hour]

    def _steps(self, steps: tuple[int | None, ...]) -> Mapping[Addressee, int]:
        if steps not in self._told:
            pairs = zip(Addressee, steps, strict=True)
            self._told[steps] = {who: step for who, step in pairs if step is not None}
        return self._told[steps]

    def by_document(self, clock: Clock, queries: Iterable[_Rows]) -> list[Group]:
        """What is told once of a paper, however many recipients it has. Few: ids always there.

        A paper belongs to the hour of its first news; what else there is of it is told with that.
        """
        papers: dict[tuple[UUID, UUID, str], list[tuple[int, UUID]]] = {}
        for query in queries:
            rows = self._session.execute(sa.select(self._of_agencies(query)))
            for id_, agency_id, kind, hour, _, document_id in rows:
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
                self._moment(hour),
                count=len(each),
                subject_ids=[id_ for ids in each for id_ in ids],
            )
            for (agency_id, kind, hour), each in alike.items()
        ]


def _hour_or_day(hour: sa.ColumnElement[int], today: datetime) -> sa.ColumnElement[int]:
    """Hours of today (its beginning is given) as they are, for earlier ones minus the local day.

    Both are counted since 1970. Of the changes of the clocks those of the last years are looked at:
    what has waited longer may be a day older or younger, if it came in the hour before midnight.
    """
    offsets = _offsets(today)
    ahead = sa.case(
        *((hour >= first, hours) for first, hours in offsets[:-1]), else_=offsets[-1][1]
    )
    return sa.case((hour >= _hours(today), hour), else_=-((hour + ahead) // 24))


def _hours(moment: datetime) -> int:
    return int(moment.timestamp()) // _HOUR


@lru_cache(maxsize=8)
def _offsets(today: datetime) -> Sequence[tuple[int, int]]:
    """From which hour on the offices were how many hours ahead of UTC, the latest first."""
    found = list[tuple[int, int]]()
    for back in range(_YEARS_BACK * 366):
        first = (today - timedelta(days=back)).astimezone(UTC)
        ahead = _ahead(first)
        if found and found[-1][1] != ahead:
            # The clocks were changed in the day that begins there.
            after = (first + timedelta(hours=n) for n in range(1, 30))
            found[-1] = (
                _hours(next(each for each in after if _ahead(each) != ahead)),
                found[-1][1],
            )
            found.append((_hours(first), ahead))
        elif found:
            found[-1] = (_hours(first), ahead)
        else:
            found.append((_hours(first), ahead))
    return found


def _ahead(moment: datetime) -> int:
    return int((moment.astimezone(LOCAL).utcoffset() or timedelta()).total_seconds()) // _HOUR
