"""By when a recipient should have taken a document over: in its own working days."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from uuid import UUID

from sqlmodel import Session

from kursdocs.core import agencies
from kursdocs.core.workdays import local_date


def due_dates(
    session: Session, recipients: Collection[UUID], working_days: int, *, now: datetime
) -> Mapping[UUID, date]:
    """The last day of a deadline that starts now, for each recipient.

    The holidays of its Land, the days off of its municipality and its own pauses are not counted,
    nor is the day of delivery.
    """
    today, workdays = local_date(now), agencies.workdays_of(session, recipients)
    return {recipient: workdays[recipient].after(today, working_days) for recipient in recipients}
