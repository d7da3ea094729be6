"""Telling the operator, at any hour of any day: this is no reminder.

:func:`alarm` puts one mail a day and kind into the outbox; what it says is found out when it goes
(:func:`written`), so that it is true then. It goes to ``KURSDOCS_OPERATOR_MAIL``, or else to the
coordinators' mailboxes.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlmodel import Session, col, select

from kursdocs.core import checks, outbox
from kursdocs.core.agencies import Municipality
from kursdocs.core.checks import Health
from kursdocs.core.documents import counting
from kursdocs.core.outbox import OutboxMail, Purpose
from kursdocs.core.ports import Letter
from kursdocs.core.workdays import local_date
from kursdocs.operations import last_backup
from kursdocs.operations.letters.alarms import Alarm, alarm_letter
from kursdocs.services import Services

__all__ = ["HELD_ALARM", "Alarm", "alarm", "alarm_within", "told_until", "written"]

HELD_ALARM = timedelta(days=1)
"""How long a paper may wait for the scanner before the operator is told by mail."""

_LASTS = timedelta(days=2)

_log = structlog.get_logger()


def alarm(services: Services, kind: Alarm, *, now: datetime) -> int:
    """Have the operator told; returns how many mails that makes: none when today's was put before.

    It opens a transaction of its own: not to be called within one (:func:`alarm_within`). Raises
    ``Unavailable``.
    """
    with services.transaction() as session:
        return alarm_within(services, session, kind, now=now)


def alarm_within(services: Services, session: Session, kind: Alarm, *, now: datetime) -> int:
    """The same together with what it is about, so that there is never one without the other."""
    _log.error("alarm", kind=kind.value)
    addresses = _addresses(session, services.settings.operator_mail)
    if not addresses:
        _log.error("alarm.reaches_nobody", kind=kind.value)
    made = [
        outbox.put(
            session,
            dedupe=f"{_PREFIX}{kind.value}|{local_date(now)}|{address.lower()}",
            address=address,
            now=now,
            lapses_at=now + _LASTS,
            purpose=Purpose.ALARM,
        )
        for address in addresses
    ]
    return sum(mail is not None for mail in made)


_PREFIX = "alarm|"


def told_until(session: Session, kind: Alarm, *, now: datetime) -> datetime:
    """Until when all that happened is told, at least until two days ago.

    A mail that waits says what is true when it goes: then until ``now``.
    """
    mails = session.exec(
        select(OutboxMail).where(
            col(OutboxMail.dedupe).startswith(f"{_PREFIX}{kind.value}|", autoescape=True),
            col(OutboxMail.lapses_at) > now - _LASTS,
        )
    ).all()
    if any(
        mail.sent_at is None and mail.dead_at is None and mail.lapses_at > now for mail in mails
    ):
        return now
    return max([now - _LASTS, *(mail.sent_at for mail in mails if mail.sent_at is not None)])


def _addresses(session: Session, operator_mail: str) -> Sequence[str]:
    if operator_mail:
        return [operator_mail]
    query = select(Municipality.mailbox).where(Municipality.mailbox != "").distinct()
    return session.exec(query.order_by(col(Municipality.mailbox))).all()


def written(services: Services, mail: OutboxMail, *, message_id: str) -> Letter | None:
    """What an alarm says at this moment; ``None`` when its reason is gone."""
    now = services.clock()
    with services.transaction() as session:
        kind = _kind_of(session, mail)
        if kind is None:
            return None
        counter = _COUNTERS.get(kind)
        count = counter(session, now) if counter else 1
    if not count:
        return None
    return alarm_letter(
        kind,
        count,
        address=mail.address,
        public_url=services.settings.public_url,
        message_id=message_id,
        now=now,
    )


def _kind_of(session: Session, mail: OutboxMail) -> Alarm | None:
    """One that is sent again carries the name of the first one instead of its kind."""
    known: OutboxMail | None = mail
    while known is not None and known.dedupe.startswith(outbox.AGAIN):
        known = session.get(OutboxMail, UUID(known.dedupe.removeprefix(outbox.AGAIN)))
    parts = known.dedupe.split("|") if known is not None else []
    return Alarm(parts[1]) if len(parts) > 1 and parts[1] in set(Alarm) else None


def _held_long(session: Session, now: datetime) -> int:
    return counting.unscanned_since(session, now - HELD_ALARM)


def _malware_delivered(session: Session, now: datetime) -> int:
    return counting.blocked_since(session, now - _LASTS)


def _integrity_lost(session: Session, now: datetime) -> int:
    newest = checks.newest(session)
    return int(newest is not None and newest.verdict is Health.LOSS)


def _backup_late(session: Session, now: datetime) -> int:
    return int(last_backup.is_late(session, now))


def _backup_incomplete(session: Session, now: datetime) -> int:
    return int(last_backup.is_incomplete(session))


_COUNTERS: Mapping[Alarm, Callable[[Session, datetime], int]] = {
    Alarm.HELD_LONG: _held_long,
    Alarm.MALWARE_DELIVERED: _malware_delivered,
    Alarm.INTEGRITY_LOSS: _integrity_lost,
    Alarm.BACKUP_LATE: _backup_late,
    Alarm.BACKUP_INCOMPLETE: _backup_incomplete,
}
