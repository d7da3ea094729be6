"""The chain of the audit log: its rows, each bound to the one before; adding and listing."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel, col, select

from kursdocs.core.access import Actor, ActorKind
from kursdocs.core.audit.happenings import DETAIL_KEYS, Happening
from kursdocs.core.tables import new_id, one_of, stored_as_value


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


class AuditLeaf(SQLModel, table=True):
    """What remains of a row that was deleted by rule: its hash, so that the proof still holds.

    Insert only; the database lets a row of the log go only when its leaf is here.
    """

    __tablename__ = "audit_leaf"

    seq: int = Field(
        primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False}
    )
    hash: str = Field(max_length=64)


class AuditCheckpoint(SQLModel, table=True):
    """A signed statement of how long the log is and what is in it (C2SP tlog-checkpoint).

    ``root`` is the RFC 6962 tree head over the hashes of rows 1 to ``size`` in base64, ``signer``
    the verifier key, ``note`` the whole signed note. Insert only.
    """

    __tablename__ = "audit_checkpoint"

    size: int = Field(
        primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False}
    )
    root: str = Field(max_length=64)
    signer: str = Field(max_length=200)
    note: str = Field(max_length=1000)
    # The tree as it was then (``tree.Frontier``), so that the next one need not begin at row 1.
    frontier: str = Field(max_length=3000)
    signed_at: datetime


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
    return hash_of({name: getattr(event, name) for name in _SAID_OF})


_SAID_OF = tuple(name for name in AuditEvent.model_fields if name != "hash")
_AS_IT_IS = tuple(name for name in _SAID_OF if name not in ("at", "detail"))


def canonical(said: Mapping[str, Any]) -> dict[str, str]:
    """Everything a row says but its own hash, as text. ``said`` is by the names of the columns."""
    found = {name: str(said[name]) for name in _AS_IT_IS}
    found["at"] = said["at"].astimezone(UTC).isoformat()
    found["detail"] = json.dumps(said["detail"], sort_keys=True)
    return found


def hash_of(said: Mapping[str, Any]) -> str:
    """SHA-256 over the previous hash and everything the row says, in a canonical form."""
    return hashlib.sha256(json.dumps(canonical(said), sort_keys=True).encode()).hexdigest()


def end_of(session: Session) -> tuple[int, str]:
    """Number and hash of the last row, as the end of the chain says now; without one, of none."""
    return session.exec(select(AuditHead.seq, AuditHead.hash)).first() or (0, "")


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
