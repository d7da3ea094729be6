"""Mails that are to go out: written with the change that causes them, sent by the worker.

A row holds the occasion, not the text: the letter is rendered when it is sent and says what is
true then. At least once: a crash between the server's acceptance and the mark repeats the mail,
with the same Message-ID. Entry points: :func:`announce_arrivals`, :func:`claim`, :func:`mark_sent`,
:func:`mark_failed`.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel, col, select

from kursdocs.core.tables import new_id, one_of, stored_as_value

LEASE = timedelta(minutes=5)
ATTEMPTS_MAX = 8
_BACKOFF = timedelta(minutes=2)
_LOCAL = ZoneInfo("Europe/Berlin")


class Occasion(StrEnum):
    """Why a mail is sent."""

    ARRIVALS = "arrivals"


class OutboxMail(SQLModel, table=True):
    """One mail to one agency's functional mailbox."""

    __tablename__ = "outbox_mail"
    __table_args__ = (
        one_of("occasion", Occasion),
        sa.CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        sa.Index("ix_outbox_mail_due_at", "due_at", sqlite_where=sa.text("sent_at IS NULL")),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    dedupe: str = Field(max_length=120, unique=True)
    occasion: Occasion = Field(sa_type=stored_as_value(Occasion))
    agency_id: UUID = Field(foreign_key="agency.id", ondelete="RESTRICT")
    created_at: datetime
    due_at: datetime
    attempts: int = 0
    sent_at: datetime | None = None
    dead_at: datetime | None = None
    last_error: str = Field(default="", max_length=60)


def announce_arrivals(session: Session, *, agency_id: UUID, now: datetime) -> None:
    """Tell an agency that something arrived: at most one mail per agency and local day."""
    dedupe = f"{Occasion.ARRIVALS}:{agency_id}:{now.astimezone(_LOCAL).date()}"
    # Locked, so that a worker cannot drop it as having nothing to say at this very moment.
    if session.exec(
        select(OutboxMail).where(OutboxMail.dedupe == dedupe).with_for_update()
    ).first():
        return
    mail = OutboxMail(
        dedupe=dedupe,
        occasion=Occasion.ARRIVALS,
        agency_id=agency_id,
        created_at=now,
        due_at=now,
    )
    try:
        with session.begin_nested():
            session.add(mail)
            session.flush()
    except sa.exc.IntegrityError:
        # Another sender announced the same day's arrivals at the same moment.
        return


def claim(session: Session, *, now: datetime) -> OutboxMail | None:
    """The next due mail, leased: if its sender dies, it is due again when the lease ends."""
    query = (
        select(OutboxMail)
        .where(
            col(OutboxMail.sent_at).is_(None),
            col(OutboxMail.dead_at).is_(None),
            OutboxMail.due_at <= now,
            # A mail that kills whoever sends it never comes to be marked as failed.
            OutboxMail.attempts < ATTEMPTS_MAX,
        )
        .order_by(col(OutboxMail.due_at))
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    mail = session.exec(query).first()
    if mail is None:
        return None
    mail.attempts += 1
    mail.due_at = now + LEASE
    session.add(mail)
    return mail


def mark_sent(session: Session, mail_id: UUID, *, now: datetime) -> None:
    """The server has accepted it."""
    mail = session.get_one(OutboxMail, mail_id)
    mail.sent_at = now
    mail.last_error = ""
    session.add(mail)


def locked(session: Session, mail_id: UUID) -> OutboxMail:
    """The mail, locked against announcements that count on it."""
    return session.exec(select(OutboxMail).where(OutboxMail.id == mail_id).with_for_update()).one()


def drop(session: Session, mail_id: UUID) -> None:
    """Forget a mail that has nothing to say any more: everything was settled before it went out.

    What arrives later the same day is then announced after all.
    """
    session.delete(session.get_one(OutboxMail, mail_id))


def mark_failed(session: Session, mail_id: UUID, *, error: str, final: bool, now: datetime) -> None:
    """Try again later, ever more slowly; after ``ATTEMPTS_MAX`` or a final refusal, give up."""
    mail = session.get_one(OutboxMail, mail_id)
    mail.last_error = error[:60]
    if final or mail.attempts >= ATTEMPTS_MAX:
        mail.dead_at = now
    else:
        mail.due_at = now + _BACKOFF * 2 ** (mail.attempts - 1)
    session.add(mail)
