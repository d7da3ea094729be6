"""The table of requests. The person in it is only fields of it, and goes when it is over."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from kursdocs.core.documents.tables import NAME_LENGTH_MAX
from kursdocs.core.tables import new_id, one_of, stored_as_value


class RequestState(StrEnum):
    """Open, or one of the ways in which a request ends."""

    OPEN = "open"
    ANSWERED = "answered"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"


class PaperRequest(SQLModel, table=True):
    """One paper that one agency asks another one for.

    ``person_asked_on`` is the first of the two steps of § 14(6) IntV: the person was asked and did
    not hand the paper in. ``document_id`` is the paper that answered it.
    """

    __tablename__ = "paper_request"
    __table_args__ = (
        one_of("state", RequestState),
        sa.CheckConstraint("requester_agency_id <> provider_agency_id", name="not_to_oneself"),
        sa.CheckConstraint("(state = 'open') = (ended_at IS NULL)", name="ended_has_time"),
        sa.CheckConstraint(
            "state <> 'answered' OR document_id IS NOT NULL", name="answered_by_document"
        ),
        sa.Index(
            "ix_paper_request_provider_agency_id_state_due_on",
            "provider_agency_id",
            "state",
            "due_on",
        ),
        sa.Index(
            "ix_paper_request_requester_agency_id_state_due_on",
            "requester_agency_id",
            "state",
            "due_on",
        ),
        sa.Index("ix_paper_request_ended_at", "ended_at"),
        sa.Index("ix_paper_request_document_id", "document_id"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    kind: str = Field(max_length=60)
    state: RequestState = Field(default=RequestState.OPEN, sa_type=stored_as_value(RequestState))
    municipality_id: UUID = Field(foreign_key="municipality.id", ondelete="RESTRICT")
    requester_agency_id: UUID = Field(foreign_key="agency.id", ondelete="RESTRICT")
    provider_agency_id: UUID = Field(foreign_key="agency.id", ondelete="RESTRICT")
    family_name: str = Field(default="", max_length=NAME_LENGTH_MAX)
    given_names: str = Field(default="", max_length=NAME_LENGTH_MAX)
    birth_date: date | None = None
    fields: dict[str, Any] = Field(default_factory=dict, sa_type=sa.JSON)
    ground: str = Field(default="", max_length=200)
    person_asked_on: date | None = None
    due_on: date
    created_at: datetime
    asked_by_user_id: UUID | None = None
    opened_at: datetime | None = None
    document_id: UUID | None = Field(default=None, foreign_key="document.id", ondelete="RESTRICT")
    ended_at: datetime | None = None
    ended_by_user_id: UUID | None = None
    end_reason: str = Field(default="", max_length=60)
    forgotten_at: datetime | None = None
