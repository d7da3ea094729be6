"""The table of follow-ups. It holds no person: the paper does, as long as it is kept."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from kursdocs.catalogue import FollowUpClock
from kursdocs.core.tables import new_id, one_of, stored_as_value


class FollowUpState(StrEnum):
    """Open, or how it ended; ``GONE`` when the paper it hangs on is no longer there."""

    OPEN = "open"
    FULFILLED = "fulfilled"
    SETTLED = "settled"
    GONE = "gone"


class FollowUp(SQLModel, table=True):
    """One task of one agency: what should follow the paper of this delivery.

    ``rule`` is a code of the catalogue. ``opens_on`` is the first day on which it is told,
    ``due_on`` the last day on which it would be in time. ``reason`` says why it was settled.
    """

    __tablename__ = "follow_up"
    __table_args__ = (
        one_of("clock", FollowUpClock),
        one_of("state", FollowUpState),
        sa.UniqueConstraint("delivery_id", "agency_id", "rule"),
        sa.CheckConstraint("(state = 'open') = (ended_at IS NULL)", name="ended_has_time"),
        sa.CheckConstraint("(state = 'settled') = (reason <> '')", name="settled_has_reason"),
        sa.Index("ix_follow_up_agency_id_state_due_on", "agency_id", "state", "due_on"),
        sa.Index("ix_follow_up_document_id", "document_id"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    municipality_id: UUID = Field(foreign_key="municipality.id", ondelete="RESTRICT")
    agency_id: UUID = Field(foreign_key="agency.id", ondelete="RESTRICT")
    document_id: UUID = Field(foreign_key="document.id", ondelete="RESTRICT")
    delivery_id: UUID = Field(foreign_key="delivery.id", ondelete="RESTRICT")
    clock: FollowUpClock = Field(sa_type=stored_as_value(FollowUpClock))
    rule: str = Field(max_length=60)
    state: FollowUpState = Field(default=FollowUpState.OPEN, sa_type=stored_as_value(FollowUpState))
    opens_on: date
    due_on: date
    created_at: datetime
    ended_at: datetime | None = None
    # Plain values like those of the log: they stay known when the account or the paper goes.
    ended_by_user_id: UUID | None = None
    reason: str = Field(default="", max_length=60)
    fulfilled_by_document_id: UUID | None = None
