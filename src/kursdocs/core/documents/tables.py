"""The tables of the aggregate: a document, its deliveries, what finds and what repeats them.

What the database can guard, it guards: states are closed lists, a delivery's recipient differs
from its sender, its sender is the document's sender, and no user's deletion reaches a document.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from kursdocs.core.documents.names import TOKEN_LENGTH_MAX
from kursdocs.core.tables import new_id, one_of, stored_as_value

NAME_LENGTH_MAX = 120
ORIGINAL_AT_LENGTH_MAX = 120


class DocumentState(StrEnum):
    """``pending`` and ``held`` are seen by the sender only; the last four are ends."""

    PENDING = "pending"
    HELD = "held"
    LIVE = "live"
    WITHDRAWN = "withdrawn"
    BLOCKED = "blocked"
    ERASED = "erased"
    ABANDONED = "abandoned"


class DeliveryState(StrEnum):
    """Untouched, or one of the two ways in which an agency settles a delivery."""

    NEW = "new"
    TAKEN_OVER = "taken_over"
    RETURNED = "returned"


class ReleaseForm(StrEnum):
    """How the person released the document (they choose whom it is given to)."""

    IN_PERSON = "in_person"
    IN_WRITING = "in_writing"
    ELECTRONIC = "electronic"


class Document(SQLModel, table=True):
    """One paper as its sender's agency holds it; the person is only fields of it (rule 10)."""

    __tablename__ = "document"
    __table_args__ = (
        one_of("state", DocumentState),
        one_of("release_form", ReleaseForm),
        sa.CheckConstraint(
            "state NOT IN ('held', 'live', 'withdrawn') OR stored_at IS NOT NULL",
            name="stored_when_kept",
        ),
        sa.CheckConstraint(
            "(state = 'withdrawn') = (withdrawn_at IS NOT NULL)", name="withdrawn_has_time"
        ),
        sa.CheckConstraint("byte_size >= 0 AND page_count >= 0", name="sizes_not_negative"),
        sa.CheckConstraint(
            "(release_given_on IS NULL) = (release_form IS NULL)", name="release_whole"
        ),
        # Lets a delivery prove that its sender is this document's sender.
        sa.UniqueConstraint("id", "sender_agency_id"),
        sa.Index("ix_document_sender_agency_id_id", "sender_agency_id", "id"),
        sa.Index("ix_document_state_created_at", "state", "created_at"),
        # Hardly any replaces another one: with all rows in it, SQLite takes it for useless.
        sa.Index(
            "ix_document_replaces_id",
            "replaces_id",
            sqlite_where=sa.text("replaces_id IS NOT NULL"),
            postgresql_where=sa.text("replaces_id IS NOT NULL"),
        ),
        sa.Index("ix_document_delete_on", "delete_on"),
        sa.Index("ix_document_state_scan_signatures", "state", "scan_signatures", "id"),
        sa.Index("ix_document_deletion_noticed_at", "deletion_noticed_at"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    kind: str = Field(max_length=60)
    state: DocumentState = Field(sa_type=stored_as_value(DocumentState))
    municipality_id: UUID = Field(foreign_key="municipality.id", ondelete="RESTRICT")
    sender_agency_id: UUID = Field(foreign_key="agency.id", ondelete="RESTRICT")
    sent_by_user_id: UUID | None = Field(
        default=None, foreign_key="app_user.id", ondelete="SET NULL"
    )
    sent_by_service_account_id: UUID | None = Field(
        default=None, foreign_key="service_account.id", ondelete="SET NULL"
    )
    family_name: str = Field(default="", max_length=NAME_LENGTH_MAX)
    given_names: str = Field(default="", max_length=NAME_LENGTH_MAX)
    birth_date: date | None = None
    fields: dict[str, Any] = Field(default_factory=dict, sa_type=sa.JSON)
    release_given_on: date | None = None
    release_form: ReleaseForm | None = Field(default=None, sa_type=stored_as_value(ReleaseForm))
    is_copy: bool = True
    original_at: str = Field(default="", max_length=ORIGINAL_AT_LENGTH_MAX)
    object_name: str = Field(max_length=32, unique=True)
    received_sha256: str = Field(max_length=64)
    sha256: str = Field(max_length=64)
    stored_sha256: str = Field(default="", max_length=64)
    byte_size: int
    page_count: int
    created_at: datetime
    stored_at: datetime | None = None
    withdrawn_at: datetime | None = None
    end_reason: str = Field(default="", max_length=60)
    swept_at: datetime | None = None
    # Held until the scanner has spoken and, where the catalogue asks for four eyes, a second person
    # of the sender has approved.
    scanned_at: datetime | None = None
    # With which signatures the scanner spoke last, behind a question mark when it could not decide;
    # others since then ask for another look. Of a blocked one ``scanned_at`` is since when.
    scan_signatures: str = Field(
        default="", max_length=120, sa_column_kwargs={"server_default": ""}
    )
    approval_needed: bool = Field(default=False, sa_column_kwargs={"server_default": sa.false()})
    approved_at: datetime | None = None
    # A plain value like those of the log: who approved stays known when the account is deleted.
    approved_by_user_id: UUID | None = None
    # The first day without the content, why, and when its end was announced.
    delete_on: date | None = None
    delete_reason: str = Field(default="", max_length=40, sa_column_kwargs={"server_default": ""})
    deletion_noticed_at: datetime | None = None
    erased_at: datetime | None = None
    # Of an erased or blocked one: when it had been withdrawn, if it had; the row tells it longer
    # than the log.
    was_withdrawn_at: datetime | None = None
    # A corrected paper names what it replaces. Rows of documents are never deleted.
    replaces_id: UUID | None = None
    # Why, by the catalogue's list; the replaced one is withdrawn with it when this one goes out.
    correction_reason: str = Field(
        default="", max_length=60, sa_column_kwargs={"server_default": ""}
    )


class Delivery(SQLModel, table=True):
    """A document on its way to one recipient agency. ``opened_at`` stands beside the state."""

    __tablename__ = "delivery"
    __table_args__ = (
        one_of("state", DeliveryState),
        sa.UniqueConstraint("document_id", "recipient_agency_id"),
        sa.ForeignKeyConstraint(
            ["document_id", "sender_agency_id"],
            ["document.id", "document.sender_agency_id"],
            ondelete="RESTRICT",
        ),
        sa.CheckConstraint("recipient_agency_id <> sender_agency_id", name="not_to_oneself"),
        sa.CheckConstraint(
            "(state = 'taken_over') = (taken_over_at IS NOT NULL)", name="taken_over_has_time"
        ),
        sa.CheckConstraint(
            "(state = 'returned') = (returned_at IS NOT NULL)", name="returned_has_time"
        ),
        sa.CheckConstraint(
            "state = 'new' OR delivered_at IS NOT NULL", name="settled_after_delivery"
        ),
        sa.Index("ix_delivery_recipient_agency_id_state_id", "recipient_agency_id", "state", "id"),
        sa.Index(
            "ix_delivery_recipient_agency_id_state_due_on_id",
            "recipient_agency_id",
            "state",
            "due_on",
            "id",
        ),
        sa.Index("ix_delivery_recipient_agency_id_change_id", "recipient_agency_id", "change_id"),
        sa.Index("ix_delivery_sender_agency_id_state", "sender_agency_id", "state"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    document_id: UUID = Field(index=True)
    sender_agency_id: UUID
    recipient_agency_id: UUID = Field(foreign_key="agency.id", ondelete="RESTRICT")
    ground: str = Field(max_length=200)
    need: str = Field(max_length=40)
    state: DeliveryState = Field(default=DeliveryState.NEW, sa_type=stored_as_value(DeliveryState))
    due_on: date
    delivered_at: datetime | None = None
    opened_at: datetime | None = None
    taken_over_at: datetime | None = None
    taken_over_by_user_id: UUID | None = Field(
        default=None, foreign_key="app_user.id", ondelete="SET NULL"
    )
    taken_over_by_service_account_id: UUID | None = Field(
        default=None, foreign_key="service_account.id", ondelete="SET NULL"
    )
    returned_at: datetime | None = None
    # People below are plain values like those of the log: they stay known when the account goes.
    returned_by_user_id: UUID | None = None
    return_reason: str = Field(default="", max_length=60)
    # "I am on it": who of the recipient works on it, and until when that holds.
    working_user_id: UUID | None = None
    working_until: datetime | None = None
    # A recipient handed it on to this one, because the person released it for that.
    forwarded_by_agency_id: UUID | None = None
    forward_release_given_on: date | None = None
    forward_release_form: ReleaseForm | None = Field(
        default=None, sa_type=stored_as_value(ReleaseForm)
    )
    # Since when the recipient must acknowledge that the paper was withdrawn or replaced.
    acknowledge_since: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by_user_id: UUID | None = None
    # Another one with every change of the row, whoever makes it, so that open lists notice news.
    change_id: UUID = Field(
        default_factory=new_id, sa_column_kwargs={"server_default": "0" * 32, "onupdate": new_id}
    )


class SearchToken(SQLModel, table=True):
    """What finds one delivery within one agency (``names.tokens``); goes with the delivery."""

    __tablename__ = "search_token"

    agency_id: UUID = Field(primary_key=True, foreign_key="agency.id", ondelete="RESTRICT")
    # Compared letter by letter, whatever language the database speaks, so that the key finds what
    # begins with a text.
    token: str = Field(
        primary_key=True,
        sa_type=sa.String(TOKEN_LENGTH_MAX).with_variant(
            sa.String(TOKEN_LENGTH_MAX, collation="C"), "postgresql"
        ),
    )
    delivery_id: UUID = Field(
        primary_key=True, foreign_key="delivery.id", ondelete="CASCADE", index=True
    )


class IdempotencyKey(SQLModel, table=True):
    """A sender's key for one sending, tied to the document that came of it."""

    __tablename__ = "idempotency_key"

    agency_id: UUID = Field(primary_key=True, foreign_key="agency.id", ondelete="RESTRICT")
    key: str = Field(primary_key=True, max_length=200)
    content_hash: str = Field(max_length=64)
    document_id: UUID = Field(foreign_key="document.id", ondelete="RESTRICT", unique=True)
    created_at: datetime
