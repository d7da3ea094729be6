"""Instruction before first use: who confirmed the purpose binding, for which agency, and when."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel


class Instruction(SQLModel, table=True):
    """A person confirmed this version of the text for this agency."""

    __tablename__ = "instruction"

    user_id: UUID = Field(primary_key=True, foreign_key="app_user.id", ondelete="CASCADE")
    agency_id: UUID = Field(primary_key=True, foreign_key="agency.id", ondelete="CASCADE")
    text_version: str = Field(primary_key=True, max_length=40)
    confirmed_at: datetime
