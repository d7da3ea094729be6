"""The end of requests: none stays open for ever, and what is over forgets its person.

``lapse_due`` and ``forget_due`` list ids, ``lapse`` and ``forget`` look again under the lock and
say whether they did something.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from kursdocs.core import audit
from kursdocs.core.access import Actor, ActorKind
from kursdocs.core.audit import Happening
from kursdocs.core.requests.standing import end, is_open, is_still_open
from kursdocs.core.requests.tables import PaperRequest, RequestState
from kursdocs.core.workdays import local_date, local_moment

LAPSE_DAYS = 60
"""So long after its day a request is over without an answer: nobody waits for the paper any more,
or the requester asks again."""

KEPT_DAYS = 30
"""So long after its end a request still names the person, as long as what was sent for it by R1.
Then both agencies have what they need in their own files."""


def forget_on(paper: PaperRequest) -> date | None:
    """The first local day on which an ended request does not name the person any more."""
    if paper.ended_at is None:
        return None
    return local_date(paper.ended_at) + timedelta(days=KEPT_DAYS + 1)


def lapse_due(session: Session, *, today: date, limit: int) -> Sequence[UUID]:
    """Open requests whose day is long past."""
    return _ids(session, limit, is_open(), _is_past(today))


def forget_due(session: Session, *, today: date, limit: int) -> Sequence[UUID]:
    """Requests that ended long enough ago."""
    return _ids(session, limit, *_is_to_forget(today))


def _is_past(today: date) -> sa.ColumnElement[bool]:
    return col(PaperRequest.due_on) < today - timedelta(days=LAPSE_DAYS)


def _is_to_forget(today: date) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        col(PaperRequest.ended_at) < local_moment(today - timedelta(days=KEPT_DAYS), 0),
        col(PaperRequest.forgotten_at).is_(None),
        sa.not_(is_open()),
    )


def _ids(session: Session, limit: int, *conditions: sa.ColumnElement[bool]) -> Sequence[UUID]:
    query = select(PaperRequest.id).where(*conditions)
    return session.exec(query.order_by(col(PaperRequest.id)).limit(limit)).all()


def lapse(session: Session, request_id: UUID, *, duty: str, now: datetime) -> bool:
    """End a request that nobody answered."""
    paper = _locked(session, request_id, _is_past(local_date(now)))
    if paper is None or not is_still_open(session, request_id):
        return False
    actor = Actor(kind=ActorKind.SYSTEM, display_name=duty, municipality_id=paper.municipality_id)
    end(paper, RequestState.LAPSED, actor, now=now)
    session.add(paper)
    audit.record(
        session,
        actor,
        Happening.PAPER_REQUEST_LAPSED,
        now=now,
        agency_id=paper.requester_agency_id,
        paper_request=str(paper.id),
    )
    return True


def forget(session: Session, request_id: UUID, *, now: datetime) -> bool:
    """Blank the person. What remains is kind, agencies, times and outcome."""
    paper = _locked(session, request_id, *_is_to_forget(local_date(now)))
    if paper is None:
        return False
    paper.family_name = paper.given_names = ""
    paper.birth_date = None
    paper.fields = {}
    paper.forgotten_at = now
    session.add(paper)
    return True


def _locked(
    session: Session, request_id: UUID, *conditions: sa.ColumnElement[bool]
) -> PaperRequest | None:
    query = select(PaperRequest).where(PaperRequest.id == request_id, *conditions)
    locked = query.with_for_update().execution_options(populate_existing=True)
    return session.exec(locked).first()
