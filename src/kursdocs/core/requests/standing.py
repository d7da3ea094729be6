"""Whether a request is open: what its row says, and what became of the paper that answered it.

An answer counts as long as the paper is with the requester. Withdrawn, blocked, returned, or not
through its check yet: then the request is open (again), whoever did it and however. So nothing is
reopened anywhere; it is found out here, for lists, counters and the need of a prior request alike.
"""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from kursdocs.core.access import Actor
from kursdocs.core.documents.tables import Delivery, DeliveryState, Document, DocumentState
from kursdocs.core.errors import Conflict, NotFound
from kursdocs.core.requests.tables import PaperRequest, RequestState

# Made once: making an alias takes longer than the query that it stands in.
_Answer = aliased(Document)


def has_paper() -> sa.ColumnElement[bool]:
    """The paper that answered it is with the requester, or the one that this paper corrects.

    An erased one was, unless it had ended otherwise before.
    """
    answer = _Answer
    corrected = (
        sa.select(col(answer.replaces_id))
        .where(col(answer.id) == col(PaperRequest.document_id))
        .correlate(PaperRequest)
        .scalar_subquery()
    )
    is_there = sa.or_(
        col(Document.state) == DocumentState.LIVE,
        sa.and_(col(Document.state) == DocumentState.ERASED, col(Document.end_reason) == ""),
    )
    return (
        sa.exists()
        .where(
            sa.or_(col(Document.id) == col(PaperRequest.document_id), col(Document.id) == corrected)
        )
        .where(col(Delivery.document_id) == col(Document.id))
        .where(col(Delivery.recipient_agency_id) == col(PaperRequest.requester_agency_id))
        .where(col(Delivery.delivered_at).is_not(None))
        .where(col(Delivery.state) != DeliveryState.RETURNED)
        .where(is_there)
        .correlate(PaperRequest)
    )


def is_open() -> sa.ColumnElement[bool]:
    """Nobody has ended it, or the paper that did is gone. What is forgotten is over for good."""
    return sa.or_(
        col(PaperRequest.state) == RequestState.OPEN,
        sa.and_(
            col(PaperRequest.state) == RequestState.ANSWERED,
            col(PaperRequest.forgotten_at).is_(None),
            sa.not_(has_paper()),
        ),
    )


def is_over() -> sa.ColumnElement[bool]:
    """It has ended, one way or the other."""
    return sa.not_(is_open())


# ── One row ──────────────────────────────────────────────────────────────────────────────────


def locked(session: Session, request_id: UUID, *mine: sa.ColumnElement[bool]) -> PaperRequest:
    """The open request, locked until the transaction ends.

    Raises ``NotFound`` when it does not fit ``mine``, ``Conflict`` (``request_over``) when it has
    ended. Requests are locked before documents, and both before the log.
    """
    query = select(PaperRequest).where(PaperRequest.id == request_id, *mine).with_for_update()
    paper = session.exec(query.execution_options(populate_existing=True)).first()
    if paper is None:
        raise NotFound
    if not is_still_open(session, request_id):
        raise Conflict("request_over", state=paper.state.value)
    return paper


def is_still_open(session: Session, request_id: UUID) -> bool:
    """Whether it is open now, whatever this session has read before."""
    return session.scalar(sa.select(is_open()).where(col(PaperRequest.id) == request_id)) is True


def end(paper: PaperRequest, state: RequestState, actor: Actor, *, now: datetime) -> None:
    """End a (locked) request."""
    paper.state = state
    paper.ended_at = now
    paper.ended_by_user_id = actor.user_id
