"""The ledger of reminders: what was told to whom, about what, when, and what came of it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel, col

from kursdocs.catalogue import Addressee
from kursdocs.core.tables import new_id, one_of, stored_as_value

ASKED, AHEAD = -2, -1
"""Steps of a request before its day: that there is one, and that the day is near."""


class Clock(StrEnum):
    """What runs until somebody acts, or is told once.

    ``WAITING``: nobody took a delivery over. ``RETURNED``: it came back. ``DELETION``: it will be
    deleted. ``REQUEST``: a paper was asked for. ``APPROVAL``: a second person has to approve.
    ``LAPSING``, ``PROOF``, ``START``: something should have followed a paper. ``SILENCE``: nobody
    looked in. ``REFUSED``: a mailbox of the agency takes no mails. ``MONTHLY``: the monthly note.
    """

    WAITING = "waiting"
    RETURNED = "returned"
    SILENCE = "silence"
    DELETION = "deletion"
    REQUEST = "request"
    APPROVAL = "approval"
    LAPSING = "lapsing"
    PROOF = "proof"
    START = "start"
    REFUSED = "refused"
    MONTHLY = "monthly"


class Outcome(StrEnum):
    """What came of a reminder. ``ENDED`` is what was not to be done but passed by itself."""

    OPEN = "open"
    TAKEN_OVER = "taken_over"
    RETURNED = "returned"
    GONE_BACK = "gone_back"
    WITHDRAWN = "withdrawn"
    ANSWERED = "answered"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    APPROVED = "approved"
    FULFILLED = "fulfilled"
    SETTLED = "settled"
    LOOKED_IN = "looked_in"
    ENDED = "ended"
    UNDELIVERED = "undelivered"


class Reminder(SQLModel, table=True):
    """One thing told to one addressee, in a mail that the server has accepted.

    ``step`` is in working days since the delivery (0 is the announcement), or what else tells one
    reminder of a subject from the next. ``subject_id`` is a delivery, a request, a document or a
    follow-up, without a foreign key: the ledger outlives them. ``done_after_minutes`` are working
    minutes of the agency from the reminder to what was done.
    """

    __tablename__ = "reminder"
    __table_args__ = (
        one_of("addressee", Addressee),
        one_of("clock", Clock),
        one_of("outcome", Outcome),
        sa.UniqueConstraint("subject_id", "agency_id", "clock", "addressee", "step"),
        sa.CheckConstraint(
            "done_after_minutes IS NULL OR done_at IS NOT NULL", name="done_has_time"
        ),
        sa.Index("ix_reminder_agency_id_clock_sent_at", "agency_id", "clock", "sent_at"),
        sa.Index("ix_reminder_outcome_clock", "outcome", "clock"),
        sa.Index("ix_reminder_mail_id", "mail_id"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    mail_id: UUID
    agency_id: UUID = Field(foreign_key="agency.id", ondelete="CASCADE")
    addressee: Addressee = Field(sa_type=stored_as_value(Addressee))
    clock: Clock = Field(sa_type=stored_as_value(Clock))
    subject_id: UUID | None = None
    kind: str = Field(default="", max_length=60)
    step: int = 0
    sent_at: datetime
    outcome: Outcome = Field(default=Outcome.OPEN, sa_type=stored_as_value(Outcome))
    done_at: datetime | None = None
    done_after_minutes: int | None = None


def is_announcement() -> sa.ColumnElement[bool]:
    """A row that only says that something came: a paper, a request. That is no reminder yet."""
    clock, step = col(Reminder.clock), col(Reminder.step)
    return sa.or_(
        sa.and_(clock == Clock.WAITING, step == 0), sa.and_(clock == Clock.REQUEST, step == ASKED)
    )
