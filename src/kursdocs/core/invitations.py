"""Invitations by link: whoever opens one and signs in gets the role that stands in it, once."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from kursdocs.core.access import Role
from kursdocs.core.tables import new_id, one_of, stored_as_value


class Invitation(SQLModel, table=True):
    """One role for whoever holds the link; only the hash of its secret lies here."""

    __tablename__ = "invitation"
    __table_args__ = (
        one_of("role", Role),
        sa.CheckConstraint(
            "(role IN ('clerk', 'head')) = (agency_id IS NOT NULL)", name="agency_by_role"
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    token_hash: str = Field(max_length=64, unique=True)
    municipality_id: UUID = Field(foreign_key="municipality.id", ondelete="RESTRICT")
    agency_id: UUID | None = Field(
        default=None, foreign_key="agency.id", ondelete="RESTRICT", index=True
    )
    role: Role = Field(sa_type=stored_as_value(Role))
    note: str = Field(default="", max_length=60)
    created_by_user_id: UUID | None = Field(
        default=None, foreign_key="app_user.id", ondelete="SET NULL"
    )
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None = None
    accepted_by_user_id: UUID | None = Field(
        default=None, foreign_key="app_user.id", ondelete="SET NULL"
    )
    revoked_at: datetime | None = None
