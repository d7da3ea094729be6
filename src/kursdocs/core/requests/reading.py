"""Looking at requests: lists, counts, one of them. Only requester and asked agency find any.

What a row says is what counts now: an answer that was withdrawn or returned leaves it open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.documents.counting import COUNT_CAP
from kursdocs.core.documents.tables import Delivery, Document, DocumentState
from kursdocs.core.errors import NotFound
from kursdocs.core.requests.retention import forget_on
from kursdocs.core.requests.standing import is_open
from kursdocs.core.requests.tables import PaperRequest, RequestState


class Side(StrEnum):
    """Requests that came to the acting agency, or that it made."""

    RECEIVED = "received"
    MADE = "made"


class Shown(StrEnum):
    """Which requests a list shows; overdue ones are open, too."""

    OPEN = "open"
    OVERDUE = "overdue"
    ENDED = "ended"


class Fallen(StrEnum):
    """Why an answered request is open: what became of the paper that answered it."""

    HELD = "held"
    WITHDRAWN = "withdrawn"
    BLOCKED = "blocked"
    RETURNED = "returned"


@dataclass(frozen=True)
class RequestView:
    """A request as requester or asked agency may see it.

    ``fallen`` says why it is open although it was answered. ``document_id`` is there when the
    acting agency can look at the paper. From ``forget_on`` on the person is not named any more.
    """

    id: UUID
    kind: str
    state: RequestState
    side: Side
    requester: str
    requester_name: str
    provider: str
    provider_name: str
    family_name: str
    given_names: str
    birth_date: date | None
    fields: Mapping[str, str]
    ground: str
    person_asked_on: date | None
    due_on: date
    created_at: datetime
    asked_by_user_id: UUID | None
    opened_at: datetime | None
    document_id: UUID | None
    answered_at: datetime | None
    fallen: Fallen | None
    ended_at: datetime | None
    ended_by_user_id: UUID | None
    end_reason: str
    forget_on: date | None
    forgotten_at: datetime | None

    def days_overdue(self, today: date) -> int:
        """Since how many days it is overdue; 0 when it is not, or not open."""
        is_late = self.state is RequestState.OPEN and self.due_on < today
        return (today - self.due_on).days if is_late else 0


@dataclass(frozen=True)
class RequestEvent:
    """One thing that happened to a request, for people: code, when, and at whose desk."""

    code: str
    at: datetime
    agency_name: str
    reason: str = ""


_Requester, _Provider = aliased(Agency), aliased(Agency)
_COLUMNS: tuple[Any, ...] = (
    PaperRequest,
    is_open().label("is_open"),
    col(_Requester.slug),
    col(_Requester.name),
    col(_Provider.slug),
    col(_Provider.name),
    Document,
    Delivery,
)


def rows(
    session: Session,
    actor: Actor,
    side: Side,
    shown: Shown,
    *,
    today: date,
    after: UUID | None = None,
    limit: int = 50,
) -> list[RequestView]:
    """The acting agency's requests, most urgent first; ended ones the other way round.

    The list goes on after the request ``after``, which must be one of them.
    """
    is_last_first = shown is Shown.ENDED
    key = (col(PaperRequest.due_on), col(PaperRequest.id))
    order = [column.desc() if is_last_first else column for column in key]
    query = _select().where(_is_on(actor, side), *_is_shown(shown, today))
    if after is not None:
        known = sa.select(col(PaperRequest.due_on)).where(
            col(PaperRequest.id) == after, _is_on(actor, side)
        )
        due_on = session.scalar(known)
        if due_on is None:
            raise NotFound
        here, last = sa.tuple_(*key), sa.tuple_(sa.literal(due_on), sa.literal(after))
        query = query.where(here < last if is_last_first else here > last)
    return [_view(row, actor) for row in session.execute(query.order_by(*order).limit(limit))]


def view(session: Session, actor: Actor, request_id: UUID) -> RequestView:
    """One request; raises ``NotFound`` for whoever neither made nor got it."""
    query = _select().where(
        col(PaperRequest.id) == request_id,
        sa.or_(_is_on(actor, Side.RECEIVED), _is_on(actor, Side.MADE)),
    )
    row = session.execute(query.execution_options(populate_existing=True)).first()
    if row is None:
        raise NotFound
    return _view(row, actor)


def counts(session: Session, actor: Actor, side: Side, *, today: date) -> dict[Shown, int]:
    """How many requests stand in each list, counted up to ``COUNT_CAP``."""
    return {
        shown: _count(session, _is_on(actor, side), *_is_shown(shown, today)) for shown in Shown
    }


def open_count(session: Session, actor: Actor) -> int:
    """How many requests wait for an answer of the acting agency."""
    return _count(session, _is_on(actor, Side.RECEIVED), is_open())


def overdue_count(session: Session, actor: Actor, *, today: date) -> int:
    """How many papers that the acting agency asked for have not come in time."""
    return _count(session, _is_on(actor, Side.MADE), *_is_shown(Shown.OVERDUE, today))


def timeline(request: RequestView) -> Sequence[RequestEvent]:
    """What happened to a request, oldest first."""
    asked_by, asked = request.requester_name, request.provider_name
    is_told = request.state in (RequestState.OPEN, RequestState.ANSWERED)
    ended_at = None if is_told else request.ended_at
    ended_by = {RequestState.DECLINED: asked, RequestState.CANCELLED: asked_by}
    steps = (
        ("made", request.created_at, asked_by, ""),
        ("opened", request.opened_at, asked, ""),
        ("answered", request.answered_at, asked, ""),
        (request.state.value, ended_at, ended_by.get(request.state, ""), request.end_reason),
        ("forgotten", request.forgotten_at, "", ""),
    )
    events = [RequestEvent(code, at, name, reason) for code, at, name, reason in steps if at]
    return sorted(events, key=lambda event: event.at)


def _select() -> sa.Select[Any]:
    answers = sa.and_(
        col(Delivery.document_id) == col(PaperRequest.document_id),
        col(Delivery.recipient_agency_id) == col(PaperRequest.requester_agency_id),
    )
    return (
        sa.select(*_COLUMNS)
        .select_from(PaperRequest)
        .join(_Requester, col(_Requester.id) == col(PaperRequest.requester_agency_id))
        .join(_Provider, col(_Provider.id) == col(PaperRequest.provider_agency_id))
        .outerjoin(Document, col(Document.id) == col(PaperRequest.document_id))
        .outerjoin(Delivery, answers)
    )


def _is_on(actor: Actor, side: Side) -> sa.ColumnElement[bool]:
    own = (
        col(PaperRequest.provider_agency_id)
        if side is Side.RECEIVED
        else col(PaperRequest.requester_agency_id)
    )
    return own == actor.acting.id


def _is_shown(shown: Shown, today: date) -> tuple[sa.ColumnElement[bool], ...]:
    if shown is Shown.OVERDUE:
        return (is_open(), col(PaperRequest.due_on) < today)
    return (is_open() if shown is Shown.OPEN else sa.not_(is_open()),)


def _count(session: Session, *conditions: sa.ColumnElement[bool]) -> int:
    found = sa.select(col(PaperRequest.id)).where(*conditions).limit(COUNT_CAP).subquery()
    return session.scalar(sa.select(sa.func.count()).select_from(found)) or 0


def _view(row: sa.Row[Any], actor: Actor) -> RequestView:
    paper, is_open_now, requester, requester_name = tuple(row)[:4]
    provider, provider_name, answer, delivery = tuple(row)[4:]
    side = Side.MADE if paper.requester_agency_id == actor.acting.id else Side.RECEIVED
    is_delivered = delivery is not None and delivery.delivered_at is not None
    names = set(RequestView.__dataclass_fields__) & set(PaperRequest.model_fields)
    values = {name: getattr(paper, name) for name in names}
    values["fields"] = {name: str(value) for name, value in paper.fields.items()}
    values["state"] = RequestState.OPEN if is_open_now else paper.state
    values["document_id"] = _reachable(answer, side, is_delivered=is_delivered)
    return RequestView(
        **values,
        side=side,
        requester=requester,
        requester_name=requester_name,
        provider=provider,
        provider_name=provider_name,
        # The requester learns of a paper when it has it, not while it is checked.
        answered_at=_answered_at(paper, delivery, side),
        fallen=_fallen(paper, answer, delivery, side) if is_open_now else None,
        forget_on=None if is_open_now or paper.forgotten_at else forget_on(paper),
    )


def _answered_at(paper: PaperRequest, delivery: Delivery | None, side: Side) -> datetime | None:
    if paper.document_id is None:
        return None
    delivered_at = delivery.delivered_at if delivery is not None else None
    return paper.ended_at if side is Side.RECEIVED and delivered_at is None else delivered_at


_ENDS = {
    DocumentState.HELD: Fallen.HELD,
    DocumentState.WITHDRAWN: Fallen.WITHDRAWN,
    DocumentState.ERASED: Fallen.WITHDRAWN,
    DocumentState.BLOCKED: Fallen.BLOCKED,
}


def _fallen(
    paper: PaperRequest, answer: Document | None, delivery: Delivery | None, side: Side
) -> Fallen | None:
    if answer is None:
        return None
    if delivery is not None and delivery.returned_at is not None:
        return Fallen.RETURNED
    found = _ENDS.get(answer.state)
    is_unseen = side is Side.MADE and (delivery is None or delivery.delivered_at is None)
    return None if is_unseen else found


def _reachable(answer: Document | None, side: Side, *, is_delivered: bool) -> UUID | None:
    """What the acting agency can look at, as ``documents`` decides it."""
    if answer is None:
        return None
    theirs = (DocumentState.LIVE, DocumentState.ERASED)
    is_there = side is Side.RECEIVED or (is_delivered and answer.state in theirs)
    return answer.id if is_there else None
