"""Puts invented papers of past weeks where the numbers count them, past the doors of the domain."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from kursdocs.core.agencies import Agency
from kursdocs.core.documents.tables import Delivery, DeliveryState, Document, DocumentState
from kursdocs.core.tables import new_id
from kursdocs.core.workdays import LOCAL


def local(text: str) -> datetime:
    """A moment as the clock on the wall shows it: ``2026-11-23 09:30``."""
    return datetime.fromisoformat(text).replace(tzinfo=LOCAL)


def put(
    session: Session,
    sender: Agency,
    recipient: Agency,
    delivered: str,
    taken_over: str = "",
    *,
    count: int = 1,
    returned: str = "",
    forwarded_by: Agency | None = None,
    state: DocumentState = DocumentState.LIVE,
) -> None:
    """So many papers that went the same way at the same moments."""
    papers = [_document(sender, local(delivered), state) for _ in range(count)]
    way = _state(taken_over, returned)
    deliveries = [
        {
            "id": new_id(),
            "document_id": paper["id"],
            "sender_agency_id": sender.id,
            "recipient_agency_id": recipient.id,
            "ground": "§ 7",
            "need": "none",
            "state": way,
            "due_on": local(delivered).date(),
            "delivered_at": local(delivered),
            "taken_over_at": local(taken_over) if taken_over else None,
            "returned_at": local(returned) if returned else None,
            "forwarded_by_agency_id": forwarded_by.id if forwarded_by else None,
            "change_id": new_id(),
        }
        for paper in papers
    ]
    insert(session, Document, papers)
    insert(session, Delivery, deliveries)


def insert(session: Session, table: Any, rows: Iterable[dict[str, Any]]) -> None:
    """All rows at once."""
    if listed := list(rows):
        session.execute(sa.insert(table), listed)


def _state(taken_over: str, returned: str) -> DeliveryState:
    if taken_over:
        return DeliveryState.TAKEN_OVER
    return DeliveryState.RETURNED if returned else DeliveryState.NEW


def _document(sender: Agency, at: datetime, state: DocumentState) -> dict[str, Any]:
    document_id = new_id()
    return {
        "id": document_id,
        "kind": "admission_ik_jc",
        "state": state,
        "municipality_id": sender.municipality_id,
        "sender_agency_id": sender.id,
        "fields": {},
        "object_name": document_id.hex,
        "received_sha256": "0" * 64,
        "sha256": "0" * 64,
        "byte_size": 1,
        "page_count": 1,
        "created_at": at,
        "stored_at": at,
        "withdrawn_at": at if state is DocumentState.WITHDRAWN else None,
    }
