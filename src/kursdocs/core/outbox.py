"""Mails that are to go out: one row for an address and a day, sent by the worker.

A row holds when and to where, not the text: the letter is made when it is sent and says what is
true then. At least once: a crash between the server's acceptance and the mark repeats the mail,
with the same Message-ID. A mail that could not go out on its day lapses; what it was to tell is
told by the next one. Entry points: :func:`put`, :func:`claim`, :func:`mark_sent`,
:func:`mark_failed`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel, col, select

from kursdocs.core.tables import new_id

LEASE = timedelta(minutes=5)
ATTEMPTS_MAX = 8
_BACKOFF = timedelta(minutes=2)


class OutboxMail(SQLModel, table=True):
    """One mail to one functional mailbox."""

    __tablename__ = "outbox_mail"
    __table_args__ = (
        sa.CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        sa.CheckConstraint("lapses_at > created_at", name="lapses_later"),
        sa.Index("ix_outbox_mail_due_at", "due_at", sqlite_where=sa.text("sent_at IS NULL")),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    dedupe: str = Field(max_length=300, unique=True)
    address: str = Field(max_length=254)
    created_at: datetime
    due_at: datetime
    lapses_at: datetime
    attempts: int = 0
    sent_at: datetime | None = None
    dead_at: datetime | None = None
    last_error: str = Field(default="", max_length=60)


def put(
    session: Session, *, dedupe: str, address: str, now: datetime, lapses_at: datetime
) -> UUID | None:
    """Put a mail into the outbox; ``None`` when one with that ``dedupe`` is, or was, there."""
    if session.exec(select(OutboxMail.id).where(OutboxMail.dedupe == dedupe)).first():
        return None
    mail = OutboxMail(
        dedupe=dedupe, address=address, created_at=now, due_at=now, lapses_at=lapses_at
    )
    try:
        with session.begin_nested():
            session.add(mail)
            session.flush()
    except sa.exc.IntegrityError:
        # Another worker put the same mail there at the same moment.
        return None
    return mail.id


def claim(session: Session, *, now: datetime) -> OutboxMail | None:
    """The next due mail, leased: if its sender dies, it is due again when the lease ends."""
    query = (
        select(OutboxMail)
        .where(
            *_open(),
            OutboxMail.due_at <= now,
            OutboxMail.lapses_at > now,
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


def _open() -> Sequence[sa.ColumnElement[bool]]:
    return (col(OutboxMail.sent_at).is_(None), col(OutboxMail.dead_at).is_(None))


def mark_sent(session: Session, mail_id: UUID, *, now: datetime) -> None:
    """The server has accepted it."""
    mail = session.get_one(OutboxMail, mail_id)
    mail.sent_at = now
    mail.last_error = ""
    session.add(mail)


def drop(session: Session, mail_id: UUID) -> None:
    """Forget a mail that has nothing to say any more: everything was settled before it went out.

    What comes up later the same day is then told after all.
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


def oldest_waiting(session: Session, *, now: datetime) -> datetime | None:
    """When the oldest mail that could still go out was put there; ``None`` when none waits."""
    query = select(sa.func.min(OutboxMail.created_at)).where(*_open(), OutboxMail.lapses_at > now)
    return session.exec(query).one()


def counts(session: Session, *, now: datetime) -> tuple[int, int]:
    """How many mails wait to go out, and how many were given up."""
    waiting = sa.func.count().filter(*_open(), OutboxMail.lapses_at > now)
    dead = sa.func.count().filter(col(OutboxMail.dead_at).is_not(None))
    row = session.exec(select(waiting, dead).select_from(OutboxMail)).one()
    return row[0], row[1]
