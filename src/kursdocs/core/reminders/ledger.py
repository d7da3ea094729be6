"""Writing down what was told, in the transaction in which its mail counts as sent."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from kursdocs.core.reminders.plan import Digest
from kursdocs.core.reminders.tables import Reminder


def note(session: Session, digest: Digest, *, mail_id: UUID, now: datetime) -> int:
    """One row for each thing told; returns how many."""
    told = [one for section in digest.sections for one in section.told]
    for one in told:
        session.add(
            Reminder(
                mail_id=mail_id,
                agency_id=one.agency_id,
                addressee=one.addressee,
                clock=one.clock,
                subject_id=one.delivery_id,
                step=one.step,
                sent_at=now,
            )
        )
    session.flush()
    return len(told)
