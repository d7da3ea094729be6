"""Writing down what was told, in the transaction in which its mail counts as sent.

What became of it is written down later, by ``outcomes``. Entry points: :func:`note`,
:func:`undelivered`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from kursdocs.core.reminders.digest import Digest, Told
from kursdocs.core.reminders.tables import Outcome, Reminder
from kursdocs.core.tables import new_id

_AT_ONCE = 500

_Key = tuple[UUID | None, UUID, str, str, int]


def note(session: Session, digest: Digest, *, mail_id: UUID, now: datetime) -> int:
    """One row for each thing told; returns how many.

    What is in the ledger already, because the mail that told it came back, is told anew.
    """
    told = list({_key_of(one): one for section in digest.sections for one in section.told}.values())
    known = _known(session, told)
    again = {
        "mail_id": mail_id,
        "sent_at": now,
        "outcome": Outcome.OPEN,
        "done_at": None,
        "done_after_minutes": None,
    }
    updates = [{"id": known[_key_of(one)], **again} for one in told if _key_of(one) in known]
    inserts = [_row(one, mail_id, now) for one in told if _key_of(one) not in known]
    if updates:
        session.execute(sa.update(Reminder), updates)
    if inserts:
        session.execute(sa.insert(Reminder), inserts)
    return len(told)


def _row(one: Told, mail_id: UUID, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "mail_id": mail_id,
        "agency_id": one.agency_id,
        "addressee": one.addressee,
        "clock": one.clock,
        "subject_id": one.subject_id,
        "kind": one.kind,
        "step": one.step,
        "sent_at": now,
        "outcome": Outcome.OPEN,
    }


def _key_of(one: Told) -> _Key:
    return (one.subject_id, one.agency_id, one.clock, one.addressee, one.step)


def _known(session: Session, told: Sequence[Told]) -> Mapping[_Key, UUID]:
    """The rows that tell the same already; a silence or a month has no subject to be known by."""
    subjects = sorted({one.subject_id for one in told if one.subject_id is not None})
    some = (subjects[first : first + _AT_ONCE] for first in range(0, len(subjects), _AT_ONCE))
    return {
        (row.subject_id, row.agency_id, row.clock, row.addressee, row.step): row.id
        for ids in some
        for row in session.exec(select(Reminder).where(col(Reminder.subject_id).in_(ids)))
    }


def undelivered(session: Session, mail_id: UUID) -> int:
    """What that mail told was told nobody, because it came back; returns how much it was.

    It is news again, and goes into the next mail. What was done meanwhile was not done because of
    it.
    """
    query = select(Reminder.id).where(
        Reminder.mail_id == mail_id, col(Reminder.outcome) != Outcome.UNDELIVERED
    )
    nothing = {"outcome": Outcome.UNDELIVERED, "done_at": None, "done_after_minutes": None}
    rows = [{"id": id_, **nothing} for id_ in session.exec(query)]
    if rows:
        session.execute(sa.update(Reminder), rows)
    return len(rows)
