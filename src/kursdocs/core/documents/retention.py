"""How long the content of a document is kept, and why: kursdocs is a transport store (rule 8).

The file of record is elsewhere: at the immigration office (§ 68 AufenthV), in the Jobcenter's
e-file, at the BAMF (§ 8 Abs. 6 IntV, § 26 Abs. 3 DeuFöV), with the provider. So a copy that was
handed over is kept no longer than somebody may still ask for it (Art. 5 Abs. 1 lit. e DSGVO).

:func:`leaving` is the rule itself, without a database. :func:`refresh` is the one function that
writes its answer to a document; every change of a state calls it. :func:`noticed_count` and
:func:`noticed` tell an agency what will go next.
"""

import calendar
import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from kursdocs.catalogue import Catalogue, Kind
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.documents.tables import Delivery, DeliveryState, Document, DocumentState
from kursdocs.core.workdays import local_date

NOTICE_DAYS = 7
"""So many days before its content goes, a document is announced as leaving."""

SETTLED_DAYS_MIN = 30
"""No class ends earlier than so many days after the last recipient settled it: a certificate that
was old when it was sent must not vanish on arrival, and who returned or took over by mistake needs
time to notice. It is also the time that R1 gives."""

UNTOUCHED_DAYS = 60
"""What nobody settled for so long goes back at the latest. The reminders end much earlier."""

ENDED_DAYS = 30
"""Withdrawn, blocked or returned by everybody: nobody needs the content for a purpose any more.
The sender may need to see what it had sent to whom (Art. 33 DSGVO: 72 hours), no longer."""

APPROVAL_DAYS = 30
"""What no second person approved for so long is over: it is withdrawn without being delivered."""

UNKNOWN_MONTHS_MAX = 6
"""For a kind that the catalogue does not know any more: the shortest class's maximum."""

WITH_CONTENT = (
    DocumentState.HELD,
    DocumentState.LIVE,
    DocumentState.WITHDRAWN,
    DocumentState.BLOCKED,
)
"""The states in which there is content that a rule must end."""


class LeavingReason(StrEnum):
    """Why content goes on its day."""

    SETTLED = "settled"
    JUST_SETTLED = "just_settled"
    VALIDITY_END = "validity_end"
    COURSE_END = "course_end"
    MAXIMUM = "maximum"
    UNTOUCHED = "untouched"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"
    BLOCKED = "blocked"
    UNAPPROVED = "unapproved"


@dataclass(frozen=True)
class Leaving:
    """The first local day without the content, and why it is that day."""

    delete_on: date
    reason: LeavingReason


def leaving(
    kind: Kind | None, document: Document, deliveries: Sequence[Delivery]
) -> Leaving | None:
    """When the content goes; ``None`` for a document that has none to lose.

    Periods are those of §§ 187, 188 BGB: the day of the event is not counted, the last day is
    kept to its end, and a month without that day ends on its last one. Days are local.
    """
    if document.state not in WITH_CONTENT:
        return None
    if document.state is DocumentState.WITHDRAWN:
        since = local_date(document.withdrawn_at or document.created_at)
        return _after(since + timedelta(days=ENDED_DAYS), LeavingReason.WITHDRAWN)
    if document.state is DocumentState.BLOCKED:
        # Malware may be found long after it was stored: its sender still needs to see of what.
        since = local_date(document.scanned_at) if document.scanned_at else _stored(document)
        return _after(since + timedelta(days=ENDED_DAYS), LeavingReason.BLOCKED)
    if document.state is DocumentState.HELD:
        return _of_held(kind, document)
    return _of_live(kind, document, deliveries)


def _after(last_day: date, reason: LeavingReason) -> Leaving:
    return Leaving(last_day + timedelta(days=1), reason)


def _stored(document: Document) -> date:
    return local_date(document.stored_at or document.created_at)


def _maximum(kind: Kind | None, document: Document) -> date:
    months = kind.retention.max_months if kind else UNKNOWN_MONTHS_MAX
    return add_months(_stored(document), months)


def _of_held(kind: Kind | None, document: Document) -> Leaving:
    """Without approval it ends by itself, and then as withdrawn; without a verdict it waits."""
    if document.approval_needed and document.approved_at is None:
        days = timedelta(days=APPROVAL_DAYS + ENDED_DAYS)
        return _after(_stored(document) + days, LeavingReason.UNAPPROVED)
    return _after(_maximum(kind, document), LeavingReason.MAXIMUM)


def _of_live(kind: Kind | None, document: Document, deliveries: Sequence[Delivery]) -> Leaving:
    settled = _last_settled(deliveries)
    if settled is not None and all(d.state is DeliveryState.RETURNED for d in deliveries):
        return _after(settled + timedelta(days=ENDED_DAYS), LeavingReason.RETURNED)
    last_day, reason = _by_class(kind, document, settled)
    maximum = _maximum(kind, document)
    if last_day is None or maximum < last_day:
        last_day, reason = maximum, LeavingReason.MAXIMUM
    # The least time is worth more than the maximum, which it can exceed by that time at most.
    least, why = _least(document, deliveries, settled)
    return _after(least, why) if least > last_day else _after(last_day, reason)


def _last_settled(deliveries: Sequence[Delivery]) -> date | None:
    """The day on which the last delivery was settled; ``None`` while one is untouched."""
    moments = [delivery.taken_over_at or delivery.returned_at for delivery in deliveries]
    known = [moment for moment in moments if moment is not None]
    return local_date(max(known)) if known and len(known) == len(moments) else None


def _by_class(
    kind: Kind | None, document: Document, settled: date | None
) -> tuple[date | None, LeavingReason]:
    """The last day by the period of the kind's class; ``None`` when it has not begun.

    A class that starts with a date of the paper (R2, R3) counts from the field the kind names.
    Nobody tells kursdocs so far when a case is closed or something is revoked (R4, R5): these
    count from the last settling, as R1 does, because then every recipient has it in its own file.
    """
    if kind is None:
        return None, LeavingReason.MAXIMUM
    retention = kind.retention
    if not retention.start.is_a_date_of_the_paper:
        return _plus(settled, retention.months, retention.days), LeavingReason.SETTLED
    written = document.fields.get(kind.kept_from)
    start = date.fromisoformat(written) if written else None
    return _plus(start, retention.months, retention.days), LeavingReason(retention.start.value)


def _plus(start: date | None, months: int, days: int) -> date | None:
    return None if start is None else add_months(start, months) + timedelta(days=days)


def _least(
    document: Document, deliveries: Sequence[Delivery], settled: date | None
) -> tuple[date, LeavingReason]:
    """The day before which nothing goes: time after settling, or to be settled and given back."""
    if settled is not None:
        return settled + timedelta(days=SETTLED_DAYS_MIN), LeavingReason.JUST_SETTLED
    moments = [delivery.delivered_at for delivery in deliveries if delivery.delivered_at]
    since = local_date(max(moments)) if moments else _stored(document)
    return since + timedelta(days=UNTOUCHED_DAYS + SETTLED_DAYS_MIN), LeavingReason.UNTOUCHED


def add_months(day: date, months: int) -> date:
    """The same day so many months later, or the last one of a shorter month (§ 188 Abs. 3 BGB)."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def fingerprint(catalogue: Catalogue) -> str:
    """What a catalogue says of keeping, as a hash: when it changes, all days are found out anew."""
    kinds = sorted((*catalogue.kinds, *catalogue.ended), key=lambda kind: kind.code)
    said = [(k.code, k.kept_from, *dataclasses.astuple(k.retention)[:5]) for k in kinds]
    return hashlib.sha256(repr(said).encode()).hexdigest()


def refresh(session: Session, document: Document, catalogue: Catalogue) -> None:
    """Write to the (locked) document when its content goes, as its state says now.

    An announcement counts for the day it named: when that changes, it is made anew.
    """
    query = select(Delivery).where(Delivery.document_id == document.id)
    deliveries = session.exec(query.execution_options(populate_existing=True)).all()
    found = leaving(catalogue.kind(document.kind), document, deliveries)
    delete_on = found.delete_on if found else None
    if delete_on != document.delete_on:
        document.deletion_noticed_at = None
    document.delete_on = delete_on
    document.delete_reason = found.reason.value if found else ""
    session.add(document)


# ── What an agency is told ───────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class LeavingRow:
    """One document whose content goes soon, as its sender or a recipient sees it."""

    id: UUID
    kind: str
    family_name: str
    given_names: str
    is_own: bool
    sender_name: str
    delete_on: date
    delete_reason: str


def noticed_count(session: Session, agency_id: UUID, *, today: date) -> int:
    """How many documents that the agency sent or received lose their content in the next days.

    Counted are those whose day is at most ``NOTICE_DAYS`` after ``today``.
    """
    found = _noticed(agency_id, today).subquery()
    return session.scalar(sa.select(sa.func.count()).select_from(found)) or 0


def noticed(
    session: Session, actor: Actor, *, today: date, after: UUID | None = None, limit: int = 50
) -> list[LeavingRow]:
    """The same documents of the acting agency, newest first, from the key ``after`` on."""
    agency_id = actor.acting.id
    query = _noticed(agency_id, today).order_by(col(Document.id).desc()).limit(limit)
    if after is not None:
        query = query.where(col(Document.id) < after)
    return [
        LeavingRow(
            id=row.id,
            kind=row.kind,
            family_name=row.family_name,
            given_names=row.given_names,
            is_own=row.sender_agency_id == agency_id,
            sender_name=row.sender_name,
            delete_on=row.delete_on,
            delete_reason=row.delete_reason,
        )
        for row in session.execute(query)
    ]


_LEAVING_COLUMNS: tuple[Any, ...] = (
    col(Document.id),
    col(Document.kind),
    col(Document.family_name),
    col(Document.given_names),
    col(Document.sender_agency_id),
    col(Document.delete_on),
    col(Document.delete_reason),
    col(Agency.name).label("sender_name"),
)


def _noticed(agency_id: UUID, today: date) -> sa.Select[Any]:
    received = (
        sa.exists()
        .where(col(Delivery.document_id) == Document.id)
        .where(col(Delivery.recipient_agency_id) == agency_id)
        .where(col(Delivery.delivered_at).is_not(None))
    )
    return (
        sa.select(*_LEAVING_COLUMNS)
        .join(Agency, col(Agency.id) == Document.sender_agency_id)
        .where(
            col(Document.delete_on) <= today + timedelta(days=NOTICE_DAYS),
            sa.or_(
                sa.and_(
                    col(Document.sender_agency_id) == agency_id,
                    col(Document.state).in_(WITH_CONTENT),
                ),
                sa.and_(col(Document.state) == DocumentState.LIVE, received),
            ),
        )
    )


def is_due(document: Document, *, today: date) -> bool:
    """Whether its day has come and was announced ``NOTICE_DAYS`` before."""
    noticed_at: datetime | None = document.deletion_noticed_at
    if document.delete_on is None or noticed_at is None:
        return False
    announced = local_date(noticed_at) + timedelta(days=NOTICE_DAYS)
    return max(document.delete_on, announced) <= today
