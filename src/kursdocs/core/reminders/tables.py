"""The ledger of reminders: what was told to whom, about what, and when."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from kursdocs.catalogue import Addressee
from kursdocs.core.tables import new_id, one_of, stored_as_value


class Clock(StrEnum):
    """What runs until somebody acts, or is told once."""

    WAITING = "waiting"
    RETURNED = "returned"
    SILENCE = "silence"
    DELETION = "deletion"


class Reminder(SQLModel, table=True):
    """One thing told to one addressee, in a mail that the server has accepted.

    ``step`` is in working days since the delivery; 0 is the announcement. For a deletion it is the
    number of the day of its notice, so that a new date is told anew.
    """

    __tablename__ = "reminder"
    __table_args__ = (
        one_of("addressee", Addressee),
        one_of("clock", Clock),
        sa.UniqueConstraint("delivery_id", "agency_id", "clock", "addressee", "step"),
        sa.Index("ix_reminder_agency_id_clock_sent_at", "agency_id", "clock", "sent_at"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    mail_id: UUID
    agency_id: UUID = Field(foreign_key="agency.id", ondelete="CASCADE")
    addressee: Addressee = Field(sa_type=stored_as_value(Addressee))
    clock: Clock = Field(sa_type=stored_as_value(Clock))
    delivery_id: UUID | None = Field(default=None, foreign_key="delivery.id", ondelete="CASCADE")
    step: int = 0
    sent_at: datetime
