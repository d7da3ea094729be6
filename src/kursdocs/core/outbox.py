"""Mails that are to go out: one row for an address and a day, sent by the worker.

A row holds when and to where, not the text: the letter is made when it is sent and says what is
true then. At least once: a crash between the server's acceptance and the mark repeats the mail,
with the same Message-ID. A mail that could not go out on its day lapses; what it was to tell is
told by the next one. Entry points: :func:`put`, :func:`claim`, :func:`mark_sent`,
:func:`mark_failed`, :func:`drop`; what became of mails: :func:`mark_bounced`, :func:`standing`,
:func:`latest`, :func:`unreached_addresses`; asked for by people: :func:`put_test`,
:func:`resend`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel, col, select
from sqlmodel.sql.expression import SelectOfScalar

from kursdocs.core.errors import Conflict, NotFound
from kursdocs.core.tables import new_id, stored_as_value
from kursdocs.core.workdays import local_date

LEASE = timedelta(minutes=5)
ATTEMPTS_MAX = 20
"""More than a working day has room for: a server that is back in the evening gets its mails."""

UNREACHED = timedelta(days=14)
"""How long a mail that was given up counts, unless a later one reached its address."""

ASKED_EVERY = timedelta(minutes=5)
"""How often somebody may have a mail sent to one address."""

KEPT = timedelta(days=90)
"""How long the outbox remembers a mail. What it told stays in the ledger of reminders."""

_TEST_LASTS, _RESENT_LASTS = timedelta(hours=2), timedelta(hours=12)
_BACKOFF, _BACKOFF_MAX = timedelta(minutes=2), timedelta(hours=1)


class Purpose(StrEnum):
    """What a mail is for."""

    DIGEST = "digest"
    TEST = "test"
    ALARM = "alarm"


class OutboxMail(SQLModel, table=True):
    """One mail to one functional mailbox.

    ``municipality_id`` is the place of a test mail. ``bounced_at`` is when an accepted mail came
    back. ``bounce_code`` is why it did, or why its address was refused (RFC 3463, else RFC 5321);
    it is empty when it was not the address's fault.
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


class Standing(StrEnum):
    """What became of a mail. ``REFUSED`` and ``RETURNED`` are the address's fault."""

    WAITING = "waiting"
    TRYING = "trying"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    RETURNED = "returned"
    LAPSED = "lapsed"


@dataclass(frozen=True)
class Unreached:
    """Mails do not arrive at an address: since when, and the code that its server gave."""

    since: datetime
    code: str


def put(
    session: Session,
    *,
    dedupe: str,
    address: str,
    now: datetime,
    lapses_at: datetime,
    due_at: datetime | None = None,
    purpose: Purpose = Purpose.DIGEST,
    municipality_id: UUID | None = None,
) -> UUID | None:
    """Put a mail into the outbox; ``None`` when one with that ``dedupe`` is, or was, there.

    It goes out at ``due_at``, or at once.
    """
    if session.exec(select(OutboxMail.id).where(OutboxMail.dedupe == dedupe)).first():
        return None
    mail = OutboxMail(
        dedupe=dedupe,
        address=address,
        created_at=now,
        due_at=due_at or now,
        lapses_at=lapses_at,
        purpose=purpose,
        municipality_id=municipality_id,
    )
    try:
        with session.begin_nested():
            session.add(mail)
            session.flush()
    except sa.exc.IntegrityError:
        # Another worker put the same mail there at the same moment.
        return None
    return mail.id


def digest_of(address: str, day: date) -> str:
    """The name of the one digest of an address on a day, for :func:`put`."""
    return f"digest:{address}:{day}"


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
    mail.last_error = mail.bounce_code = ""
    session.add(mail)
    return True


def mark_bounced(session: Session, mail_id: UUID, *, code: str, now: datetime) -> bool:
    """The mail came back; ``False`` when that is known already, or there is no such mail.

    Also when nobody marked it as sent: the sender died after the server had accepted it.
    """
    query = select(OutboxMail).where(OutboxMail.id == mail_id, col(OutboxMail.bounced_at).is_(None))
    mail = session.exec(query.with_for_update()).first()
    if mail is None:
        return False
    mail.sent_at = mail.sent_at or now
    mail.bounced_at = now
    mail.bounce_code = code[:20]
    session.add(mail)
    return True


def drop(session: Session, mail_id: UUID, *, now: datetime) -> None:
    """Forget a mail that has nothing to say any more: everything was settled before it went out.

    What comes up later the same day is then told after all. But not if it was tried before: the
    server may have accepted it without our hearing of it, and nobody gets two mails a day.
    """
    mail = _unsent(session, mail_id)
    if mail is None:
        return
    if mail.attempts > 1:
        mail.sent_at = now
        session.add(mail)
    else:
        session.delete(mail)


def mark_failed(
    session: Session, mail_id: UUID, *, error: str, final: bool, now: datetime, code: str = ""
) -> None:
    """Try again later, ever more slowly; after ``ATTEMPTS_MAX`` or a final refusal, give up.

    ``code`` is given when the address was refused, not when the mail server was in trouble.
    """
    mail = _unsent(session, mail_id)
    if mail is None:
        return
    mail.last_error = error[:60]
    mail.bounce_code = code[:20]
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


def stuck(session: Session, *, now: datetime, late: timedelta) -> Sequence[UUID]:
    """Mails that could still go out but that nobody takes up, for so long.

    Nobody tried since they were due; or their next try lies further off than any backoff, after a
    clock went wrong; or their last try was that of a sender that died each time.
    """
    waits = sa.or_(
        col(OutboxMail.due_at) < now - late,
        sa.and_(col(OutboxMail.attempts) > 0, col(OutboxMail.due_at) > now + late),
        sa.and_(col(OutboxMail.attempts) >= ATTEMPTS_MAX, col(OutboxMail.due_at) < now),
    )
    query = select(OutboxMail.id).where(*_open(), OutboxMail.lapses_at > now, waits)
    return session.exec(query.order_by(col(OutboxMail.id)).limit(1_000)).all()


def unstick(session: Session, mail_id: UUID, *, now: datetime) -> bool:
    """Let a stuck mail be tried now, or give it up after its last try; ``False``: it is gone."""
    mail = _unsent(session, mail_id)
    if mail is None or mail.dead_at is not None:
        return False
    if mail.attempts >= ATTEMPTS_MAX:
        mail.dead_at = now
    else:
        mail.due_at = now
    session.add(mail)
    return True


def oldest_waiting(session: Session, *, now: datetime) -> datetime | None:
    """When the oldest mail that could still go out was put there; ``None`` when none waits."""
    query = select(sa.func.min(OutboxMail.created_at)).where(*_open(), OutboxMail.lapses_at > now)
    return session.exec(query).one()


def counts(session: Session, *, now: datetime) -> tuple[int, int]:
    """How many mails wait to go out, and how many addresses their last mail did not reach.

    The second counts what was refused, came back or lapsed in the last days, until a later mail to
    the same address is accepted.
    """
    waiting = select(sa.func.count()).where(*_open(), OutboxMail.lapses_at > now)
    is_over = sa.not_(sa.and_(*_open(), col(OutboxMail.lapses_at) > now))
    last = session.exec(_newest(is_over, col(OutboxMail.created_at) > now - UNREACHED))
    unreached = sum(standing(mail, now) is not Standing.ACCEPTED for mail in last)
    return session.exec(waiting).one(), unreached


def returned(session: Session, *, now: datetime) -> int:
    """How many mails came back in the last days, whatever was done about it since."""
    count = select(sa.func.count()).where(col(OutboxMail.bounced_at) > now - UNREACHED)
    return session.exec(count).one()


def standing(mail: OutboxMail, now: datetime) -> Standing:
    """What became of it so far."""
    if mail.bounced_at is not None:
        return Standing.RETURNED
    if mail.sent_at is not None:
        return Standing.ACCEPTED
    if mail.dead_at is not None or mail.lapses_at <= now:
        return Standing.REFUSED if mail.bounce_code else Standing.LAPSED
    return Standing.TRYING if mail.last_error else Standing.WAITING


def latest(session: Session, addresses: Collection[str]) -> Mapping[str, OutboxMail]:
    """The last mail to each of these addresses, if there was one; keys are in small letters."""
    wanted = {address.lower() for address in addresses}
    is_wanted = sa.func.lower(col(OutboxMail.address)).in_(sorted(wanted))
    return {mail.address.lower(): mail for mail in session.exec(_newest(is_wanted))}


def unreached_addresses(
    session: Session, *, now: datetime, until_one_arrives: bool = False
) -> Mapping[str, Unreached]:
    """Where mails do not arrive: the last one was refused there or came back, in the last days.

    Keys are in small letters. A later mail that is accepted makes good for it, and unless
    ``until_one_arrives`` one that is still on its way; one that lapsed because the mail server was
    in trouble says nothing. After :data:`UNREACHED` without any mail an address is tried anew.
    """
    is_silent = sa.and_(
        col(OutboxMail.sent_at).is_(None),
        col(OutboxMail.bounce_code) == "",
        sa.or_(col(OutboxMail.dead_at).is_not(None), col(OutboxMail.lapses_at) <= now),
    )
    is_open = sa.and_(*_open(), col(OutboxMail.lapses_at) > now)
    told_by = (~is_silent, ~is_open) if until_one_arrives else (~is_silent,)
    last = _newest(*told_by, col(OutboxMail.created_at) > now - UNREACHED)
    return {
        mail.address.lower(): Unreached(
            mail.bounced_at or mail.dead_at or mail.lapses_at, mail.bounce_code
        )
        for mail in session.exec(last)
        if standing(mail, now) in (Standing.REFUSED, Standing.RETURNED)
    }


def _newest(*conditions: sa.ColumnElement[bool]) -> SelectOfScalar[OutboxMail]:
    """The newest mail to each address, of those that fulfil the conditions."""
    place = sa.func.row_number().over(
        partition_by=sa.func.lower(col(OutboxMail.address)),
        order_by=(col(OutboxMail.created_at).desc(), col(OutboxMail.id).desc()),
    )
    ranked = sa.select(col(OutboxMail.id), place.label("place")).where(*conditions).subquery()
    return select(OutboxMail).join(ranked, ranked.c.id == OutboxMail.id).where(ranked.c.place == 1)


# -- what people ask for -------------------------------------------------------------------------


def put_test(session: Session, *, address: str, municipality_id: UUID, now: datetime) -> UUID:
    """A mail that says nothing but that it arrived.

    Raises ``Conflict`` (``mail_asked_lately``) when somebody asked for one to this address just
    now.
    """
    _refuse_if_asked_lately(session, address, now)
    made = put(
        session,
        dedupe=f"test:{address.lower()}:{int(now.timestamp())}",
        address=address,
        now=now,
        lapses_at=now + _TEST_LASTS,
        purpose=Purpose.TEST,
        municipality_id=municipality_id,
    )
    if made is None:
        raise Conflict("mail_asked_lately", minutes=_minutes(ASKED_EVERY))
    return made


def resend(session: Session, mail_id: UUID, *, now: datetime) -> UUID:
    """Put a mail that failed there once more, as a new one with an identity of its own.

    A digest says what is true when it goes out; with nothing left to say, none does. It takes the
    place of today's if that was not planned yet: a day has one. Raises
    ``NotFound``, or ``Conflict``: ``mail_not_failed`` unless it is the last to its address and
    failed, ``mail_asked_lately`` when somebody asked for one just now.
    """
    mail = session.get(OutboxMail, mail_id)
    if mail is None:
        raise NotFound
    last = latest(session, [mail.address])[mail.address.lower()]
    if last.id != mail.id or standing(mail, now) not in FAILED:
        raise Conflict("mail_not_failed")
    _refuse_if_asked_lately(session, mail.address, now)
    names = (digest_of(mail.address, local_date(now)), f"{AGAIN}{mail.id}")
    for dedupe in names if mail.purpose is Purpose.DIGEST else names[1:]:
        made = put(
            session,
            dedupe=dedupe,
            address=mail.address,
            now=now,
            lapses_at=now + _RESENT_LASTS,
            purpose=mail.purpose,
            municipality_id=mail.municipality_id,
        )
        if made is not None:
            return made
    raise Conflict("mail_not_failed")


FAILED = frozenset({Standing.REFUSED, Standing.RETURNED, Standing.LAPSED})
AGAIN = "again:"
"""How the name of a mail begins that is sent once more; the id of the first follows."""


def _refuse_if_asked_lately(session: Session, address: str, now: datetime) -> None:
    asked = select(OutboxMail.id).where(
        sa.func.lower(col(OutboxMail.address)) == address.lower(),
        OutboxMail.created_at > now - ASKED_EVERY,
        sa.or_(col(OutboxMail.purpose) == Purpose.TEST, col(OutboxMail.dedupe).startswith(AGAIN)),
    )
    if session.exec(asked).first() is not None:
        raise Conflict("mail_asked_lately", minutes=_minutes(ASKED_EVERY))


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)


def forget_old(session: Session, *, now: datetime) -> int:
    """Remove mails of long ago; returns how many."""
    old = sa.delete(OutboxMail).where(
        col(OutboxMail.created_at) < now - KEPT, col(OutboxMail.lapses_at) < now
    )
    return int(session.exec(old).rowcount)
