"""Mails that are to go out: one row for an address and a day, sent by the worker.

A row holds when and to where, not the text: the letter is made when it is sent and says what is
true then. At least once: a crash between the server's acceptance and the mark repeats the mail,
with the same Message-ID. A mail that could not go out on its day lapses; what it was to tell is
told by the next one. Entry points: :func:`put`, :func:`claim`, :func:`mark_sent`,
:func:`mark_failed`, :func:`drop`.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel, col, select

from kursdocs.core.tables import new_id, stored_as_value

LEASE = timedelta(minutes=5)
ATTEMPTS_MAX = 20
"""More than a working day has room for: a server that is back in the evening gets its mails."""

UNREACHED = timedelta(days=14)
"""How long a mail that was given up counts, unless a later one reached its address."""

_BACKOFF, _BACKOFF_MAX = timedelta(minutes=2), timedelta(hours=1)


class Purpose(StrEnum):
    """What a mail is for."""

    DIGEST = "digest"
    TEST = "test"


class OutboxMail(SQLModel, table=True):
    """One mail to one functional mailbox.

    ``municipality_id`` is the place of a test mail. ``bounced_at`` is when an accepted mail came
    back, ``bounce_code`` why (RFC 3463).
    """

    __tablename__ = "outbox_mail"
    __table_args__ = (
        sa.CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        sa.CheckConstraint("lapses_at > created_at", name="lapses_later"),
        sa.Index("ix_outbox_mail_due_at", "due_at", sqlite_where=sa.text("sent_at IS NULL")),
        sa.Index("ix_outbox_mail_address_created_at", "address", "created_at"),
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
    purpose: Purpose = Field(
        default=Purpose.DIGEST,
        sa_type=stored_as_value(Purpose),
        sa_column_kwargs={"server_default": Purpose.DIGEST.value},
    )
    municipality_id: UUID | None = None
    bounced_at: datetime | None = None
    bounce_code: str = Field(default="", max_length=20, sa_column_kwargs={"server_default": ""})


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


def mark_sent(session: Session, mail_id: UUID, *, now: datetime) -> bool:
    """The server has accepted it; ``False`` when another worker marked or dropped it before.

    That happens when a sender sleeps longer than its lease; then the other's word stands.
    """
    mail = _unsent(session, mail_id)
    if mail is None:
        return False
    mail.sent_at = now
    mail.last_error = ""
    session.add(mail)
    return True


def drop(session: Session, mail_id: UUID) -> None:
    """Forget a mail that has nothing to say any more: everything was settled before it went out.

    What comes up later the same day is then told after all.
    """
    if (mail := _unsent(session, mail_id)) is not None:
        session.delete(mail)


def mark_failed(session: Session, mail_id: UUID, *, error: str, final: bool, now: datetime) -> None:
    """Try again later, ever more slowly; after ``ATTEMPTS_MAX`` or a final refusal, give up."""
    mail = _unsent(session, mail_id)
    if mail is None:
        return
    mail.last_error = error[:60]
    if final or mail.attempts >= ATTEMPTS_MAX:
        mail.dead_at = now
    else:
        mail.due_at = now + min(_BACKOFF * 2 ** (mail.attempts - 1), _BACKOFF_MAX)
    session.add(mail)


def _unsent(session: Session, mail_id: UUID) -> OutboxMail | None:
    query = select(OutboxMail).where(OutboxMail.id == mail_id, col(OutboxMail.sent_at).is_(None))
    return session.exec(query.with_for_update()).first()


def ended(session: Session, dedupes: Collection[str]) -> set[str]:
    """Which of these mails were sent or given up: nothing can join them any more."""
    query = select(OutboxMail.dedupe).where(col(OutboxMail.dedupe).in_(list(dedupes)))
    is_over = sa.or_(col(OutboxMail.sent_at).is_not(None), col(OutboxMail.dead_at).is_not(None))
    return set(session.exec(query.where(is_over)))


def oldest_waiting(session: Session, *, now: datetime) -> datetime | None:
    """When the oldest mail that could still go out was put there; ``None`` when none waits."""
    query = select(sa.func.min(OutboxMail.created_at)).where(*_open(), OutboxMail.lapses_at > now)
    return session.exec(query).one()


def counts(session: Session, *, now: datetime) -> tuple[int, int]:
    """How many mails wait to go out, and how many addresses their last mail did not reach.

    The second counts what was refused or lapsed in the last days, until a later mail to the same
    address is accepted.
    """
    waiting = select(sa.func.count()).where(*_open(), OutboxMail.lapses_at > now)
    later = sa.orm.aliased(OutboxMail)
    is_mended = (
        select(later.id)
        .where(
            later.address == OutboxMail.address,
            later.created_at > OutboxMail.created_at,
            col(later.sent_at).is_not(None),
        )
        .exists()
    )
    unreached = select(sa.func.count(sa.distinct(col(OutboxMail.address)))).where(
        col(OutboxMail.sent_at).is_(None),
        sa.or_(col(OutboxMail.dead_at).is_not(None), col(OutboxMail.lapses_at) <= now),
        OutboxMail.created_at > now - UNREACHED,
        ~is_mended,
    )
    return session.exec(waiting).one(), session.exec(unreached).one()
