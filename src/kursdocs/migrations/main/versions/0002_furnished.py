"""The house furnished: reminders, retention, settings of agencies, invitations, instruction.

Revision 0002. Columns are only added, so that a database file of revision 0001 is brought along
without being rewritten. Mails that wait in the old outbox are dropped: each of them only said that
something had arrived, and the first digest says so again. Not reversible.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _outbox()
    _tables()
    _columns()
    # What is delivered was scanned; only what is held still waits for its verdict.
    op.execute("UPDATE document SET scanned_at = stored_at WHERE state IN ('live', 'withdrawn')")


def _outbox() -> None:
    op.drop_table("outbox_mail")
    op.create_table(
        "outbox_mail",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("dedupe", sa.String(length=300), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lapses_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dead_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(length=60), nullable=False),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_outbox_mail_attempts_not_negative")),
        sa.CheckConstraint("lapses_at > created_at", name=op.f("ck_outbox_mail_lapses_later")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_mail")),
        sa.UniqueConstraint("dedupe", name=op.f("uq_outbox_mail_dedupe")),
    )
    op.create_index(
        "ix_outbox_mail_due_at",
        "outbox_mail",
        ["due_at"],
        sqlite_where=sa.text("sent_at IS NULL"),
    )


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), server_default="", nullable=False)


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=True)


def _columns() -> None:
    for table, column in (
        ("municipality", _text("land", 2)),
        ("municipality", _text("mailbox", 254)),
        ("agency", _text("land", 2)),
        ("agency", _text("deputy_mailbox", 254)),
        ("agency", sa.Column("deputy_until", sa.Date(), nullable=True)),
        ("agency", _text("head_mailbox", 254)),
        ("agency", _text("file_name_pattern", 120)),
        ("agency", _moment("looked_in_at")),
        ("sign_in", _text("provider_sid", 255)),
        ("installation", _text("retention_rules", 64)),
        ("sign_in", _moment("issued_at")),
        ("app_user", _moment("signed_out_at")),
        ("service_account", _text("subject", 255)),
        ("document", _moment("scanned_at")),
        (
            "document",
            sa.Column("approval_needed", sa.Boolean(), server_default=sa.false(), nullable=False),
        ),
        ("document", _moment("approved_at")),
        ("document", sa.Column("approved_by_user_id", sa.Uuid(), nullable=True)),
        ("document", sa.Column("delete_on", sa.Date(), nullable=True)),
        ("document", _text("delete_reason", 40)),
        ("document", _moment("deletion_noticed_at")),
        ("document", _moment("erased_at")),
    ):
        op.add_column(table, column)
    op.create_index("ix_document_delete_on", "document", ["delete_on"])
    op.create_index("ix_document_deletion_noticed_at", "document", ["deletion_noticed_at"])
    op.create_index("ix_delivery_sender_agency_id_state", "delivery", ["sender_agency_id", "state"])
    _digest_hour()


def _digest_hour() -> None:
    """SQLite adds a check only together with its column, which Alembic cannot say."""
    op.execute(
        "ALTER TABLE agency ADD COLUMN digest_hour INTEGER DEFAULT '7' NOT NULL"
        " CONSTRAINT ck_agency_digest_hour_by_day CHECK (digest_hour BETWEEN 5 AND 18)"
    )


def _tables() -> None:  # one statement a table; splitting them would only scatter the schema
    op.create_table(
        "heartbeat",
        sa.Column("duty", sa.String(length=40), nullable=False),
        sa.Column("every_seconds", sa.Integer(), nullable=False),
        sa.Column("beaten_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("runs", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("every_seconds > 0", name=op.f("ck_heartbeat_every_some_time")),
        sa.CheckConstraint(
            "failures >= 0 AND runs >= failures", name=op.f("ck_heartbeat_counts_fit")
        ),
        sa.PrimaryKeyConstraint("duty", name=op.f("pk_heartbeat")),
    )
    op.create_table(
        "agency_pause",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.CheckConstraint("last_day >= first_day", name=op.f("ck_agency_pause_in_order")),
        sa.ForeignKeyConstraint(
            ["agency_id"], ["agency.id"], name=op.f("fk_agency_pause_agency_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agency_pause")),
    )
    op.create_index("ix_agency_pause_agency_id", "agency_pause", ["agency_id"], unique=False)
    op.create_table(
        "instruction",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("text_version", sa.String(length=40), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id"], ["agency.id"], name=op.f("fk_instruction_agency_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_instruction_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(
            "user_id", "agency_id", "text_version", name=op.f("pk_instruction")
        ),
    )
    op.create_table(
        "invitation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("municipality_id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("note", sa.String(length=60), nullable=False),
        sa.Column("created_by_user_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_by_user_id", sa.Uuid(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(role IN ('clerk', 'head')) = (agency_id IS NOT NULL)",
            name=op.f("ck_invitation_agency_by_role"),
        ),
        sa.CheckConstraint(
            "role IN ('clerk', 'head', 'coordinator', 'auditor')",
            name=op.f("ck_invitation_role_known"),
        ),
        sa.ForeignKeyConstraint(
            ["accepted_by_user_id"],
            ["app_user.id"],
            name=op.f("fk_invitation_accepted_by_user_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["agency_id"], ["agency.id"], name=op.f("fk_invitation_agency_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["created_by_user_id"],
            ["app_user.id"],
            name=op.f("fk_invitation_created_by_user_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["municipality_id"],
            ["municipality.id"],
            name=op.f("fk_invitation_municipality_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitation_token_hash")),
    )
    op.create_index("ix_invitation_agency_id", "invitation", ["agency_id"], unique=False)
    op.create_table(
        "reminder",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("mail_id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("addressee", sa.String(length=40), nullable=False),
        sa.Column("clock", sa.String(length=40), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=True),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "addressee IN ('desk', 'deputy', 'head', 'coordinator')",
            name=op.f("ck_reminder_addressee_known"),
        ),
        sa.CheckConstraint(
            "clock IN ('waiting', 'returned', 'silence', 'deletion')",
            name=op.f("ck_reminder_clock_known"),
        ),
        sa.ForeignKeyConstraint(
            ["agency_id"], ["agency.id"], name=op.f("fk_reminder_agency_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["delivery.id"],
            name=op.f("fk_reminder_delivery_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder")),
        sa.UniqueConstraint(
            "delivery_id",
            "agency_id",
            "clock",
            "addressee",
            "step",
            name=op.f("uq_reminder_delivery_id_agency_id_clock_addressee_step"),
        ),
    )
    op.create_index(
        "ix_reminder_agency_id_clock_sent_at",
        "reminder",
        ["agency_id", "clock", "sent_at"],
        unique=False,
    )
