"""Living reminders: more clocks, follow-ups, paces, closing days, mails that come back.

Revision 0004. The ledger of reminders is written anew, because its list of clocks grows and its
subject may be more than a delivery; nothing of it is lost. Everything else is only added. Not
reversible.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_CLOCKS = (
    "waiting",
    "returned",
    "silence",
    "deletion",
    "request",
    "approval",
    "lapsing",
    "proof",
    "start",
    "refused",
    "monthly",
)
_OUTCOMES = (
    "open",
    "taken_over",
    "returned",
    "gone_back",
    "withdrawn",
    "answered",
    "declined",
    "cancelled",
    "approved",
    "fulfilled",
    "settled",
    "looked_in",
    "ended",
    "undelivered",
)


def upgrade() -> None:
    _columns()
    _places()
    _outbox()
    _ledger()
    _follow_up()


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=True)


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), server_default="", nullable=False)


def _flag(name: str, default: sa.ColumnElement[bool]) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), server_default=default, nullable=False)


def _known(column: str, table: str, values: tuple[str, ...]) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=op.f(f"ck_{table}_{column}_known"))


def _columns() -> None:
    op.add_column("municipality", _flag("keeps_eves", sa.true()))
    for column in (
        _text("plan_days", 7),
        _text("plan_time", 40),
        _flag("announces_on_plan_days", sa.false()),
        _flag("monthly_note", sa.true()),
        sa.Column(
            "expected_per_month",
            sa.Integer(),
            sa.CheckConstraint(
                "expected_per_month >= 0", name=op.f("ck_agency_expected_not_negative")
            ),
            nullable=True,
        ),
    ):
        op.add_column("agency", column)


def _places() -> None:
    op.create_table(
        "municipality_closing",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("municipality_id", sa.Uuid(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.CheckConstraint("last_day >= first_day", name=op.f("ck_municipality_closing_in_order")),
        sa.ForeignKeyConstraint(
            ["municipality_id"],
            ["municipality.id"],
            name=op.f("fk_municipality_closing_municipality_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_municipality_closing")),
    )
    op.create_index(
        "ix_municipality_closing_municipality_id", "municipality_closing", ["municipality_id"]
    )
    op.create_table(
        "municipality_pace",
        sa.Column("municipality_id", sa.Uuid(), nullable=False),
        sa.Column("rule", sa.String(length=80), nullable=False),
        sa.Column("days", sa.Integer(), nullable=True),
        sa.Column("agency_min", sa.Integer(), nullable=True),
        sa.Column("agency_max", sa.Integer(), nullable=True),
        sa.CheckConstraint("agency_min <= agency_max", name=op.f("ck_municipality_pace_in_order")),
        sa.ForeignKeyConstraint(
            ["municipality_id"],
            ["municipality.id"],
            name=op.f("fk_municipality_pace_municipality_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("municipality_id", "rule", name=op.f("pk_municipality_pace")),
    )
    op.create_table(
        "agency_pace",
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("rule", sa.String(length=80), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id"], ["agency.id"], name=op.f("fk_agency_pace_agency_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("agency_id", "rule", name=op.f("pk_agency_pace")),
    )


def _outbox() -> None:
    for column in (
        sa.Column("purpose", sa.String(length=40), server_default="digest", nullable=False),
        sa.Column("municipality_id", sa.Uuid(), nullable=True),
        _moment("bounced_at"),
        _text("bounce_code", 20),
    ):
        op.add_column("outbox_mail", column)
    op.create_index("ix_outbox_mail_address_created_at", "outbox_mail", ["address", "created_at"])


def _ledger() -> None:
    op.rename_table("reminder", "reminder_before")
    op.drop_index("ix_reminder_agency_id_clock_sent_at", "reminder_before")
    if op.get_bind().dialect.name == "postgresql":
        # Names of keys are free again only when they are given up; SQLite keeps them with the table.
        op.execute(
            "ALTER INDEX pk_reminder RENAME TO pk_reminder_before;"
            " ALTER INDEX uq_reminder_delivery_id_agency_id_clock_addressee_step"
            " RENAME TO uq_reminder_before"
        )
    op.create_table(
        "reminder",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("mail_id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("addressee", sa.String(length=40), nullable=False),
        sa.Column("clock", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=40), nullable=False),
        _moment("done_at"),
        sa.Column("done_after_minutes", sa.Integer(), nullable=True),
        _known("addressee", "reminder", ("desk", "deputy", "head", "coordinator")),
        _known("clock", "reminder", _CLOCKS),
        _known("outcome", "reminder", _OUTCOMES),
        sa.CheckConstraint(
            "done_after_minutes IS NULL OR done_at IS NOT NULL",
            name=op.f("ck_reminder_done_has_time"),
        ),
        sa.ForeignKeyConstraint(
            ["agency_id"], ["agency.id"], name=op.f("fk_reminder_agency_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder")),
        sa.UniqueConstraint(
            "subject_id",
            "agency_id",
            "clock",
            "addressee",
            "step",
            name=op.f("uq_reminder_subject_id_agency_id_clock_addressee_step"),
        ),
    )
    op.execute(
        "INSERT INTO reminder (id, mail_id, agency_id, addressee, clock, subject_id, kind, step,"
        " sent_at, outcome)"
        " SELECT r.id, r.mail_id, r.agency_id, r.addressee, r.clock, r.delivery_id,"
        " coalesce(d.kind, ''), r.step, r.sent_at, 'open' FROM reminder_before r"
        " LEFT JOIN delivery v ON v.id = r.delivery_id LEFT JOIN document d ON d.id = v.document_id"
    )
    op.drop_table("reminder_before")
    for name, columns in (
        ("ix_reminder_agency_id_clock_sent_at", ["agency_id", "clock", "sent_at"]),
        ("ix_reminder_outcome_clock", ["outcome", "clock"]),
        ("ix_reminder_mail_id", ["mail_id"]),
    ):
        op.create_index(name, "reminder", columns)


def _follow_up() -> None:
    parents = ("municipality", "agency", "document", "delivery")
    op.create_table(
        "follow_up",
        sa.Column("id", sa.Uuid(), nullable=False),
        *(sa.Column(f"{parent}_id", sa.Uuid(), nullable=False) for parent in parents),
        sa.Column("clock", sa.String(length=40), nullable=False),
        sa.Column("rule", sa.String(length=60), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("opens_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        _moment("ended_at"),
        sa.Column("ended_by_user_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("fulfilled_by_document_id", sa.Uuid(), nullable=True),
        _known("clock", "follow_up", ("lapsing", "proof", "start")),
        _known("state", "follow_up", ("open", "fulfilled", "settled", "gone")),
        sa.CheckConstraint(
            "(state = 'open') = (ended_at IS NULL)", name=op.f("ck_follow_up_ended_has_time")
        ),
        sa.CheckConstraint(
            "(state = 'settled') = (reason <> '')", name=op.f("ck_follow_up_settled_has_reason")
        ),
        *(
            sa.ForeignKeyConstraint(
                [f"{parent}_id"],
                [f"{parent}.id"],
                name=op.f(f"fk_follow_up_{parent}_id"),
                ondelete="RESTRICT",
            )
            for parent in parents
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_up")),
        sa.UniqueConstraint(
            "delivery_id", "agency_id", "rule", name=op.f("uq_follow_up_delivery_id_agency_id_rule")
        ),
    )
    op.create_index(
        "ix_follow_up_agency_id_state_due_on", "follow_up", ["agency_id", "state", "due_on"]
    )
    op.create_index("ix_follow_up_document_id", "follow_up", ["document_id"])
