"""Whether a paper counts: the one a follow-up hangs on, and the one that fulfils it.

Like requests, a follow-up notices by itself what became of papers: withdrawn, blocked, returned or
replaced ones do not count, whoever did it and however.
"""

from collections.abc import Callable, Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import col

from kursdocs.core.documents.tables import Delivery, DeliveryState, Document, DocumentState
from kursdocs.core.follow_ups.tables import FollowUp

# Made once: making an alias takes longer than the query that it stands in.
_Paper, _Way = aliased(Document), aliased(Delivery)


def is_there() -> tuple[sa.ColumnElement[bool], ...]:
    """For a query of deliveries and documents: the paper is with its recipient."""
    return (
        col(Document.state) == DocumentState.LIVE,
        col(Delivery.delivered_at).is_not(None),
        col(Delivery.state) != DeliveryState.RETURNED,
    )


def has_paper(when_taken_over: Collection[str] = ()) -> sa.ColumnElement[bool]:
    """The paper that the follow-up hangs on is there.

    For the rules ``when_taken_over`` somebody must also have taken it over, still.
    """
    return _exists(
        col(FollowUp.document_id),
        lambda document, delivery: (
            col(document.state) == DocumentState.LIVE,
            sa.or_(
                col(FollowUp.rule).not_in(list(when_taken_over)),
                col(delivery.state) == DeliveryState.TAKEN_OVER,
            ),
        ),
    )


def is_fulfilled() -> sa.ColumnElement[bool]:
    """The paper that fulfilled it is there; one that was erased was, unless it had ended before."""
    return _exists(
        col(FollowUp.fulfilled_by_document_id),
        lambda document, _: (
            sa.or_(
                col(document.state) == DocumentState.LIVE,
                sa.and_(
                    col(document.state) == DocumentState.ERASED, col(document.end_reason) == ""
                ),
            ),
        ),
    )


def _exists(
    document_id: Any, conditions: Callable[[Any, Any], tuple[sa.ColumnElement[bool], ...]]
) -> sa.ColumnElement[bool]:
    """That document is so, and was delivered from or to the follow-up's agency and not returned."""
    document, delivery = _Paper, _Way
    return (
        sa.exists()
        .where(col(document.id) == document_id)
        .where(col(delivery.document_id) == col(document.id))
        .where(
            sa.or_(
                col(delivery.sender_agency_id) == col(FollowUp.agency_id),
                col(delivery.recipient_agency_id) == col(FollowUp.agency_id),
            )
        )
        .where(col(delivery.delivered_at).is_not(None))
        .where(col(delivery.state) != DeliveryState.RETURNED)
        .where(*conditions(document, delivery))
        .correlate(FollowUp)
    )
