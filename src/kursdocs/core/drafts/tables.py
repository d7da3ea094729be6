"""The table of drafts. Nobody but the person who made one can find it, and only for a day."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from kursdocs.core.tables import new_id, one_of, stored_as_value

FILE_NAME_LENGTH_MAX = 200


class DraftState(StrEnum):
    """``pending`` while its bytes are written, ``gone`` until they are swept."""

    PENDING = "pending"
    READY = "ready"
    GONE = "gone"


class Draft(SQLModel, table=True):
    """One row of the sending desk: a stored PDF and what was typed or proposed for it so far."""

    __tablename__ = "draft"
    __table_args__ = (
        one_of("state", DraftState),
        sa.CheckConstraint("byte_size >= 0 AND page_count >= 0", name="sizes_not_negative"),
        sa.CheckConstraint("expires_at > created_at", name="expires_later"),
        sa.Index("ix_draft_user_id_agency_id_state", "user_id", "agency_id", "state"),
        sa.Index("ix_draft_state_expires_at", "state", "expires_at"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    state: DraftState = Field(default=DraftState.PENDING, sa_type=stored_as_value(DraftState))
    user_id: UUID = Field(foreign_key="app_user.id", ondelete="RESTRICT")
    agency_id: UUID = Field(foreign_key="agency.id", ondelete="RESTRICT")
    # What the browser called this upload, so that a repeated one is stored once.
    upload_key: str = Field(default="", max_length=200)
    file_name: str = Field(default="", max_length=FILE_NAME_LENGTH_MAX)
    # As typed, and as read from the paper: names of the form's fields to text.
    typed: dict[str, Any] = Field(default_factory=dict, sa_type=sa.JSON)
    proposed: dict[str, Any] = Field(default_factory=dict, sa_type=sa.JSON)
    object_name: str = Field(max_length=32, unique=True)
    received_sha256: str = Field(default="", max_length=64)
    sha256: str = Field(default="", max_length=64)
    byte_size: int = 0
    page_count: int = 0
    created_at: datetime
    expires_at: datetime
    gone_at: datetime | None = None
