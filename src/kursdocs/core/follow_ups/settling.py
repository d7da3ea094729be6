"""Settling by people: "this is settled, because …", and taking that back on the same day.

Anybody of the agency may, for all of it. Rows are locked before the log is written.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, select

from kursdocs.catalogue import Catalogue
from kursdocs.core import accounts, audit
from kursdocs.core.access import Actor
from kursdocs.core.audit import Happening
from kursdocs.core.errors import Conflict, Invalid, NotFound
from kursdocs.core.follow_ups.fulfilling import end
from kursdocs.core.follow_ups.tables import FollowUp, FollowUpState
from kursdocs.core.workdays import local_date

AT_ONCE_MAX = 200


def settle(
    session: Session,
    actor: Actor,
    ids: Collection[UUID],
    *,
    reason: str,
    catalogue: Catalogue,
    now: datetime,
) -> int:
    """End these follow-ups with a reason of the catalogue's list; returns how many were open.

    Those that have ended meanwhile stay as they are. Raises ``NotFound`` when one is not the acting
    agency's, ``Invalid`` (``reason_unknown``, ``follow_up_missing``, ``follow_ups_too_many``),
    ``Conflict`` (``follow_up_over`` with when and, if known, who) when none was open.
    """
    rows = _locked(session, actor, ids)
    if catalogue.settle_reason(reason) is None:
        raise Invalid("reason_unknown", field="reason")
    still_open = [row for row in rows if row.state is FollowUpState.OPEN]
    if not still_open:
        raise _over(session, rows[0])
    for row in still_open:
        end(row, FollowUpState.SETTLED, now=now)
        row.reason = reason
        row.ended_by_user_id = actor.user_id
        session.add(row)
    for row in still_open:
        audit.record(
            session,
            actor,
            Happening.FOLLOW_UP_SETTLED,
            now=now,
            document_id=row.document_id,
            delivery_id=row.delivery_id,
            follow_up=str(row.id),
            reason=reason,
        )
    return len(still_open)


def reopen(session: Session, actor: Actor, ids: Collection[UUID], *, now: datetime) -> int:
    """Take the settling of these follow-ups back; returns how many are open again.

    Raises as :func:`settle` does, ``Conflict`` (``follow_up_not_settled_today``) when none of them
    was settled on the local day of ``now``.
    """
    today = local_date(now)
    rows = [
        row
        for row in _locked(session, actor, ids)
        if row.state is FollowUpState.SETTLED
        and row.ended_at is not None
        and local_date(row.ended_at) == today
    ]
    if not rows:
        raise Conflict("follow_up_not_settled_today")
    for row in rows:
        row.state = FollowUpState.OPEN
        row.ended_at = row.ended_by_user_id = None
        row.reason = ""
        session.add(row)
    for row in rows:
        audit.record(
            session,
            actor,
            Happening.FOLLOW_UP_REOPENED,
            now=now,
            document_id=row.document_id,
            delivery_id=row.delivery_id,
            follow_up=str(row.id),
        )
    return len(rows)


def _locked(session: Session, actor: Actor, ids: Collection[UUID]) -> Sequence[FollowUp]:
    wanted = set(ids)
    if not wanted:
        raise Invalid("follow_up_missing", field="follow_up")
    if len(wanted) > AT_ONCE_MAX:
        raise Invalid("follow_ups_too_many", field="follow_up", limit=AT_ONCE_MAX)
    query = (
        select(FollowUp)
        .where(col(FollowUp.id).in_(wanted), FollowUp.agency_id == actor.acting.id)
        .order_by(col(FollowUp.id))
        .with_for_update()
    )
    rows = session.exec(query.execution_options(populate_existing=True)).all()
    if len(rows) < len(wanted):
        raise NotFound
    return rows


def _over(session: Session, row: FollowUp) -> Conflict:
    by = accounts.names_of(session, [row.ended_by_user_id])
    ended_at = row.ended_at.isoformat(timespec="milliseconds") if row.ended_at else ""
    return Conflict(
        "follow_up_over",
        state=row.state.value,
        at=ended_at.replace("+00:00", "Z"),
        by=next(iter(by.values()), ""),
    )
