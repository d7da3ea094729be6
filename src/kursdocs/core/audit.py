"""The audit log: what happened, who did it, which document it touched. Ids, never names.

Reading is an event like any other (rule 7). Rows are chained by hash and the database refuses to
change or remove them, so that the log cannot be altered unseen; each row is written in the
transaction of what it tells. Entry points: :func:`record`, :func:`page`, :func:`verify`.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel, col, select

from kursdocs.core.access import Actor, ActorKind
from kursdocs.core.tables import new_id, one_of, stored_as_value


class Happening(StrEnum):
    """The closed list of what can happen: noun, then what happened to it."""

    SIGN_IN_SUCCEEDED = "sign_in.succeeded"
    SIGN_IN_ENDED = "sign_in.ended"
    SIGN_IN_ENDED_BY_PROVIDER = "sign_in.ended_by_provider"
    SIGN_IN_ENDED_EVERYWHERE = "sign_in.ended_everywhere"
    AGENCY_SWITCHED = "agency.switched"
    REQUEST_REFUSED = "request.refused"
    INBOX_LISTED = "inbox.listed"
    SENT_LISTED = "sent.listed"
    LEAVING_LISTED = "leaving.listed"
    NUMBERS_LISTED = "numbers.listed"
    LOG_LISTED = "log.listed"
    DOCUMENT_SENT = "document.sent"
    DOCUMENT_HELD = "document.held"
    DOCUMENT_RELEASED = "document.released"
    DOCUMENT_BLOCKED = "document.blocked"
    DOCUMENT_ABANDONED = "document.abandoned"
    DOCUMENT_WITHDRAWN = "document.withdrawn"
    DOCUMENT_APPROVED = "document.approved"
    DOCUMENT_DECLINED = "document.declined"
    DOCUMENT_DELETION_NOTICED = "document.deletion_noticed"
    DOCUMENT_ERASED = "document.erased"
    DOCUMENT_VIEWED = "document.viewed"
    DOCUMENT_EVENTS_LISTED = "document.events_listed"
    DOCUMENT_PREVIEWED = "document.previewed"
    DOCUMENT_DOWNLOADED = "document.downloaded"
    RECEIPT_VIEWED = "receipt.viewed"
    DELIVERY_TAKEN_OVER = "delivery.taken_over"
    DELIVERY_RETURNED = "delivery.returned"
    DOCUMENT_CORRECTED = "document.corrected"
    DELIVERY_REOPENED = "delivery.reopened"
    DELIVERY_CLAIMED = "delivery.claimed"
    DELIVERY_UNCLAIMED = "delivery.unclaimed"
    DELIVERY_FORWARDED = "delivery.forwarded"
    DELIVERY_ACKNOWLEDGED = "delivery.acknowledged"
    DRAFT_KEPT = "draft.kept"
    DRAFT_PREVIEWED = "draft.previewed"
    DRAFT_DISCARDED = "draft.discarded"
    PAPER_REQUESTED = "paper_request.made"
    PAPER_REQUEST_ANSWERED = "paper_request.answered"
    PAPER_REQUEST_DECLINED = "paper_request.declined"
    PAPER_REQUEST_CANCELLED = "paper_request.cancelled"
    PAPER_REQUEST_LAPSED = "paper_request.lapsed"
    PAPER_REQUEST_VIEWED = "paper_request.viewed"
    PAPER_REQUESTS_LISTED = "paper_requests.listed"
    FOLLOW_UPS_LISTED = "follow_ups.listed"
    FOLLOW_UP_SETTLED = "follow_up.settled"
    FOLLOW_UP_REOPENED = "follow_up.reopened"
    NUMBERS_EXPORTED = "numbers.exported"
    REMINDERS_LISTED = "reminders.listed"
    REMINDERS_EXPORTED = "reminders.exported"
    MAIL_LISTED = "mail.listed"
    MAIL_TESTED = "mail.tested"
    MAIL_RESENT = "mail.resent"
    PACES_CHANGED = "paces.changed"
    MUNICIPALITY_CLOSING_ADDED = "municipality.closing_added"
    MUNICIPALITY_CLOSING_REMOVED = "municipality.closing_removed"
    MUNICIPALITY_CREATED = "municipality.created"
    MUNICIPALITY_CHANGED = "municipality.changed"
    CLAIMS_TRIED = "claims.tried"
    AGENCY_OPENED = "agency.opened"
    AGENCY_CHANGED = "agency.changed"
    AGENCY_PAUSE_ADDED = "agency.pause_added"
    AGENCY_PAUSE_REMOVED = "agency.pause_removed"
    AGENCY_CLOSED = "agency.closed"
    AGENCY_REOPENED = "agency.reopened"
    MEMBERSHIP_GRANTED = "membership.granted"
    MEMBERSHIP_ENDED = "membership.ended"
    MEMBERSHIP_LIMITED = "membership.limited"
    MEMBERS_LISTED = "members.listed"
    INVITATION_CREATED = "invitation.created"
    INVITATION_REVOKED = "invitation.revoked"
    INVITATION_ACCEPTED = "invitation.accepted"
    INSTRUCTION_CONFIRMED = "instruction.confirmed"
    SERVICE_ACCOUNT_CREATED = "service_account.created"
    SERVICE_ACCOUNT_ENDED = "service_account.ended"


# The exact keys each happening carries beside who, when and which document.
DETAIL_KEYS: Mapping[Happening, frozenset[str]] = {
    happening: frozenset(keys.split())
    for happening, keys in {
        Happening.SIGN_IN_SUCCEEDED: "memberships",
        Happening.SIGN_IN_ENDED: "",
        Happening.SIGN_IN_ENDED_BY_PROVIDER: "sessions",
        Happening.SIGN_IN_ENDED_EVERYWHERE: "sessions",
        Happening.AGENCY_SWITCHED: "",
        Happening.REQUEST_REFUSED: "route code",
        # Which filters, by codes; empty where there was none, or nothing to read.
        Happening.INBOX_LISTED: "state kind sender count",
        Happening.SENT_LISTED: "count",
        Happening.LEAVING_LISTED: "count",
        Happening.NUMBERS_LISTED: "count",
        Happening.LOG_LISTED: "count",
        Happening.DOCUMENT_SENT: "kind recipients bytes",
        Happening.DOCUMENT_HELD: "kind recipients bytes",
        Happening.DOCUMENT_RELEASED: "",
        Happening.DOCUMENT_BLOCKED: "reason",
        Happening.DOCUMENT_ABANDONED: "reason",
        Happening.DOCUMENT_WITHDRAWN: "reason",
        Happening.DOCUMENT_APPROVED: "delivered",
        Happening.DOCUMENT_DECLINED: "reason",
        Happening.DOCUMENT_DELETION_NOTICED: "delete_on reason",
        Happening.DOCUMENT_ERASED: "reason",
        Happening.DOCUMENT_VIEWED: "",
        Happening.DOCUMENT_EVENTS_LISTED: "count",
        Happening.DOCUMENT_PREVIEWED: "page",
        Happening.DOCUMENT_DOWNLOADED: "",
        Happening.RECEIPT_VIEWED: "",
        Happening.DELIVERY_TAKEN_OVER: "",
        Happening.DELIVERY_RETURNED: "reason",
        Happening.DOCUMENT_CORRECTED: "replaces",
        Happening.DELIVERY_REOPENED: "",
        Happening.DELIVERY_CLAIMED: "",
        Happening.DELIVERY_UNCLAIMED: "",
        Happening.DELIVERY_FORWARDED: "recipient",
        Happening.DELIVERY_ACKNOWLEDGED: "",
        Happening.DRAFT_KEPT: "draft bytes",
        Happening.DRAFT_PREVIEWED: "draft page",
        Happening.DRAFT_DISCARDED: "draft reason",
        Happening.PAPER_REQUESTED: "paper_request kind",
        Happening.PAPER_REQUEST_ANSWERED: "paper_request",
        Happening.PAPER_REQUEST_DECLINED: "paper_request reason",
        Happening.PAPER_REQUEST_CANCELLED: "paper_request",
        Happening.PAPER_REQUEST_LAPSED: "paper_request",
        Happening.PAPER_REQUEST_VIEWED: "paper_request",
        Happening.PAPER_REQUESTS_LISTED: "count",
        Happening.FOLLOW_UPS_LISTED: "count",
        Happening.FOLLOW_UP_SETTLED: "follow_up reason",
        Happening.FOLLOW_UP_REOPENED: "follow_up",
        Happening.NUMBERS_EXPORTED: "rows",
        Happening.REMINDERS_LISTED: "count",
        Happening.REMINDERS_EXPORTED: "rows",
        Happening.MAIL_LISTED: "count",
        Happening.MAIL_TESTED: "place",
        Happening.MAIL_RESENT: "mail",
        Happening.PACES_CHANGED: "slug rules",
        Happening.MUNICIPALITY_CLOSING_ADDED: "slug first_day last_day",
        Happening.MUNICIPALITY_CLOSING_REMOVED: "slug first_day last_day",
        Happening.MUNICIPALITY_CREATED: "slug",
        Happening.MUNICIPALITY_CHANGED: "slug fields",
        Happening.CLAIMS_TRIED: "rules",
        Happening.AGENCY_OPENED: "slug kind",
        Happening.AGENCY_CHANGED: "slug fields",
        Happening.AGENCY_PAUSE_ADDED: "slug first_day last_day",
        Happening.AGENCY_PAUSE_REMOVED: "slug first_day last_day",
        Happening.AGENCY_CLOSED: "slug",
        Happening.AGENCY_REOPENED: "slug",
        Happening.MEMBERSHIP_GRANTED: "membership user agency role source",
        Happening.MEMBERSHIP_ENDED: "membership user agency role source",
        Happening.MEMBERSHIP_LIMITED: "membership user agency until",
        Happening.MEMBERS_LISTED: "agency count",
        Happening.INVITATION_CREATED: "invitation agency role days",
        Happening.INVITATION_REVOKED: "invitation agency role",
        Happening.INVITATION_ACCEPTED: "invitation agency role",
        Happening.INSTRUCTION_CONFIRMED: "version",
        Happening.SERVICE_ACCOUNT_CREATED: "",
        Happening.SERVICE_ACCOUNT_ENDED: "",
    }.items()
}


class AuditEvent(SQLModel, table=True):
    """One row of the log. Insert only; the migration's triggers refuse anything else."""

    __tablename__ = "audit_event"
    # The list of happenings grows with every version; the code guards it, not the database.
    __table_args__ = (
        one_of("actor_kind", ActorKind),
        sa.Index("ix_audit_event_agency_id_seq", "agency_id", "seq"),
        sa.Index("ix_audit_event_municipality_id_seq", "municipality_id", "seq"),
        sa.Index("ix_audit_event_document_id_seq", "document_id", "seq"),
    )

    seq: int = Field(
        primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False}
    )
    id: UUID = Field(default_factory=new_id, unique=True)
    at: datetime
    happening: Happening = Field(sa_type=stored_as_value(Happening))
    actor_kind: ActorKind = Field(sa_type=stored_as_value(ActorKind))
    # Plain values without foreign keys: the log outlives what it speaks of.
    user_id: UUID | None = None
    service_account_id: UUID | None = None
    municipality_id: UUID | None = None
    agency_id: UUID | None = None
    document_id: UUID | None = None
    delivery_id: UUID | None = None
    detail: dict[str, Any] = Field(sa_type=sa.JSON)
    previous_hash: str = Field(max_length=64)
    hash: str = Field(max_length=64)


class AuditHead(SQLModel, table=True):
    """The end of the chain: one row, locked while the next one is written."""

    __tablename__ = "audit_head"
    __table_args__ = (sa.CheckConstraint("id = 1", name="single"),)

    id: int = Field(default=1, primary_key=True)
    seq: int = Field(default=0, sa_type=sa.BigInteger)
    hash: str = Field(default="", max_length=64)


def record(
    session: Session,
    actor: Actor,
    happening: Happening,
    *,
    now: datetime,
    agency_id: UUID | None = None,
    document_id: UUID | None = None,
    delivery_id: UUID | None = None,
    **detail: str | int,
) -> AuditEvent:
    """Append to the log, in the transaction of what happened.

    ``agency_id`` is the agency in whose log it stands when nobody of that agency did it; else it
    is the one acted for.

    Call it after the changes it tells of: it locks the end of the chain, and a transaction that
    takes its locks in one order cannot deadlock with another. Raises ``ValueError`` when the
    details are not exactly those the happening declares.
    """
    if set(detail) != DETAIL_KEYS[happening]:
        raise ValueError(
            f"{happening} carries {sorted(DETAIL_KEYS[happening])}, not {sorted(detail)}"
        )
    session.flush()
    head = session.exec(select(AuditHead).with_for_update()).one()
    event = AuditEvent(
        seq=head.seq + 1,
        at=now,
        happening=happening,
        actor_kind=actor.kind,
        user_id=actor.user_id,
        service_account_id=actor.service_account_id,
        municipality_id=actor.municipality_id,
        agency_id=actor.agency.id if actor.agency else agency_id,
        document_id=document_id,
        delivery_id=delivery_id,
        detail=detail,
        previous_hash=head.hash,
        hash="",
    )
    event.hash = _hash(event)
    head.seq, head.hash = event.seq, event.hash
    session.add(event)
    session.flush()
    return event


def _hash(event: AuditEvent) -> str:
    """SHA-256 over the previous hash and everything the row says, in a canonical form."""
    said = {
        name: str(getattr(event, name))
        for name in AuditEvent.model_fields
        if name not in ("hash", "detail", "at")
    }
    said["at"] = event.at.astimezone(UTC).isoformat()
    said["detail"] = json.dumps(event.detail, sort_keys=True)
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def verify(session: Session) -> int | None:
    """The ``seq`` of the first row that was altered, removed or inserted; ``None`` when whole."""
    # The end first: others may append while this reads, and each row comes together with its end.
    end = _end(session)
    expected, seq = "", 0
    known = select(AuditEvent).where(AuditEvent.seq <= end[0])
    for event in session.exec(known.order_by(col(AuditEvent.seq))):
        seq += 1
        if event.seq != seq or event.previous_hash != expected or event.hash != _hash(event):
            return seq
        expected = event.hash
    if end != (seq, expected):
        return seq + 1
    last = session.exec(select(sa.func.max(AuditEvent.seq))).one() or 0
    return None if last <= _end(session)[0] else end[0] + 1


def _end(session: Session) -> tuple[int, str]:
    """Number and hash of the last row, as the end of the chain says now."""
    return session.exec(select(AuditHead.seq, AuditHead.hash)).one()


def page(
    session: Session,
    actor: Actor,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[AuditEvent]:
    """The newest rows first: the agency's own for its head, the municipality's for the auditor.

    ``since`` and ``until`` bound the time, ``before`` is the ``seq`` of the last row of the page
    before.
    """
    query = select(AuditEvent).order_by(col(AuditEvent.seq).desc()).limit(limit)
    if actor.agency is not None:
        query = query.where(AuditEvent.agency_id == actor.agency.id)
    else:
        query = query.where(AuditEvent.municipality_id == actor.municipality)
    if since is not None:
        query = query.where(AuditEvent.at >= since)
    if until is not None:
        query = query.where(AuditEvent.at < until)
    if before is not None:
        query = query.where(AuditEvent.seq < before)
    return list(session.exec(query))
