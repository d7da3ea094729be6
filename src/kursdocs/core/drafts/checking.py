"""What drafts say of the stores, for those who check whether it is true. Changes nothing."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from kursdocs.core.checks import Claim, Phase
from kursdocs.core.documents.lifecycle import INTAKE_LIMIT, TOMBSTONE_AGE
from kursdocs.core.drafts.tables import Draft, DraftState

_COLUMNS = (
    col(Draft.id),
    col(Draft.state),
    col(Draft.object_name),
    col(Draft.byte_size),
    col(Draft.sha256),
    col(Draft.created_at),
    col(Draft.expires_at),
    col(Draft.gone_at),
)


def claims(
    session: Session, *, after: UUID | None, until: UUID | None, limit: int
) -> Sequence[Claim]:
    """What drafts say, by id from ``after`` (not again) to ``until`` (too)."""
    query = sa.select(*_COLUMNS)
    if after is not None:
        query = query.where(col(Draft.id) > after)
    if until is not None:
        query = query.where(col(Draft.id) <= until)
    rows = session.execute(query.order_by(col(Draft.id)).limit(limit))
    return [_claim(row) for row in rows]


def claim_of(session: Session, draft_id: UUID) -> Claim | None:
    """What one draft says now."""
    row = session.execute(sa.select(*_COLUMNS).where(col(Draft.id) == draft_id)).first()
    return _claim(row) if row else None


def _claim(row: sa.Row[Any]) -> Claim:
    phase, due = {
        DraftState.PENDING: (Phase.BEGUN, row.created_at + INTAKE_LIMIT),
        DraftState.READY: (Phase.KEPT, row.expires_at),
        DraftState.GONE: (Phase.OVER, (row.gone_at or row.created_at) + TOMBSTONE_AGE),
    }[row.state]
    return Claim(row.id, phase, row.object_name, row.byte_size, row.sha256, due=due)


def named(session: Session, object_names: Collection[str]) -> set[str]:
    """Those of the objects that a row names."""
    query = select(Draft.object_name).where(col(Draft.object_name).in_(list(object_names)))
    return set(session.exec(query))
