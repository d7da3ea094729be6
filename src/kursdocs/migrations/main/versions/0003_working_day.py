"""A working day: drafts, requests, corrections, forwarding, "I am on it".

Revision 0003. Tables and columns are only added, so that a database file of revision 0002 is brought
along without being rewritten. Not reversible.
"""

from uuid import UUID

import sqlalchemy as sa
from alembic import op

# How words are folded is decided in one place; a later change of it brings a migration like this.
from kursdocs.core.documents import names

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("document", sa.Column("replaces_id", sa.Uuid(), nullable=True))
    op.add_column(
        "document",
        sa.Column("correction_reason", sa.String(length=60), server_default="", nullable=False),
    )
    are_few = sa.text("replaces_id IS NOT NULL")
    op.create_index(
        "ix_document_replaces_id",
        "document",
        ["replaces_id"],
        sqlite_where=are_few,
        postgresql_where=are_few,
    )
    for column in (
        sa.Column("returned_by_user_id", sa.Uuid(), nullable=True),
        sa.Column("working_user_id", sa.Uuid(), nullable=True),
        _moment("working_until"),
        sa.Column("forward_release_given_on", sa.Date(), nullable=True),
        sa.Column("forward_release_form", sa.String(length=40), nullable=True),
        sa.Column("forwarded_by_agency_id", sa.Uuid(), nullable=True),
        _moment("acknowledge_since"),
        _moment("acknowledged_at"),
        sa.Column("acknowledged_by_user_id", sa.Uuid(), nullable=True),
        sa.Column("change_id", sa.Uuid(), server_default="0" * 32, nullable=False),
    ):
        op.add_column("delivery", column)
    op.create_index(
        "ix_delivery_recipient_agency_id_state_due_on_id",
        "delivery",
        ["recipient_agency_id", "state", "due_on", "id"],
    )
    op.create_index(
        "ix_delivery_recipient_agency_id_change_id",
        "delivery",
        ["recipient_agency_id", "change_id"],
    )
    _search_tokens()
    _draft()
    _paper_request()


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=True)


def _search_tokens() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # Under most other collations the key cannot find what begins with a text.
        op.execute('ALTER TABLE search_token ALTER COLUMN token TYPE VARCHAR(120) COLLATE "C"')
    words = sa.table(
        "search_token",
        sa.column("agency_id", sa.Uuid()),
        sa.column("token", sa.String()),
        sa.column("delivery_id", sa.Uuid()),
    )
    connection, after = op.get_bind(), UUID(int=0)
    while found := connection.execute(_findable(), {"after": after}).all():
        after = found[-1].id
        query = sa.select(words.c.delivery_id, words.c.token)
        ids = [row.id for row in found]
        known = {(k, t) for k, t in connection.execute(query.where(words.c.delivery_id.in_(ids)))}
        new = [
            {"agency_id": row.recipient_agency_id, "token": token, "delivery_id": row.id}
            for row in found
            for token in names.index_tokens(
                [row.family_name, row.given_names, *row.fields.values()]
            )
            if (row.id, token) not in known
        ]
        if new:
            connection.execute(sa.insert(words), new)


def _findable() -> sa.Select[tuple[UUID, UUID, str, str, dict[str, str]]]:
    """Deliveries that are found by words already, in batches: they get those of today as well."""
    delivery = sa.table(
        "delivery",
        sa.column("id", sa.Uuid()),
        sa.column("document_id", sa.Uuid()),
        sa.column("recipient_agency_id", sa.Uuid()),
    )
    document = sa.table(
        "document",
        sa.column("id", sa.Uuid()),
        sa.column("family_name", sa.String()),
        sa.column("given_names", sa.String()),
        sa.column("fields", sa.JSON()),
    )
    words = sa.table("search_token", sa.column("delivery_id", sa.Uuid()))
    return (
        sa.select(
            delivery.c.id,
            delivery.c.recipient_agency_id,
            document.c.family_name,
            document.c.given_names,
            document.c.fields,
        )
        .join(document, document.c.id == delivery.c.document_id)
        .where(
            delivery.c.id > sa.bindparam("after", type_=sa.Uuid()),
            sa.exists().where(words.c.delivery_id == delivery.c.id),
        )
        .order_by(delivery.c.id)
        .limit(500)
    )


def _draft() -> None:
    op.create_table(
        "draft",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("upload_key", sa.String(length=200), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("typed", sa.JSON(), nullable=False),
        sa.Column("proposed", sa.JSON(), nullable=False),
        sa.Column("object_name", sa.String(length=32), nullable=False),
        sa.Column("received_sha256", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("byte_size", sa.Integer(), nullable=False),
        sa.Column("page_count", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        _moment("gone_at"),
        sa.CheckConstraint(
            "state IN ('pending', 'ready', 'gone')", name=op.f("ck_draft_state_known")
        ),
        sa.CheckConstraint(
            "byte_size >= 0 AND page_count >= 0", name=op.f("ck_draft_sizes_not_negative")
        ),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_draft_expires_later")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_draft_user_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["agency_id"], ["agency.id"], name=op.f("fk_draft_agency_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft")),
        sa.UniqueConstraint("object_name", name=op.f("uq_draft_object_name")),
    )
    op.create_index("ix_draft_user_id_agency_id_state", "draft", ["user_id", "agency_id", "state"])
    op.create_index("ix_draft_state_expires_at", "draft", ["state", "expires_at"])


def _paper_request() -> None:
    op.create_table(
        "paper_request",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("municipality_id", sa.Uuid(), nullable=False),
        sa.Column("requester_agency_id", sa.Uuid(), nullable=False),
        sa.Column("provider_agency_id", sa.Uuid(), nullable=False),
        sa.Column("family_name", sa.String(length=120), nullable=False),
        sa.Column("given_names", sa.String(length=120), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("ground", sa.String(length=200), nullable=False),
        sa.Column("person_asked_on", sa.Date(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by_user_id", sa.Uuid(), nullable=True),
        _moment("opened_at"),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        _moment("ended_at"),
        sa.Column("ended_by_user_id", sa.Uuid(), nullable=True),
        sa.Column("end_reason", sa.String(length=60), nullable=False),
        _moment("forgotten_at"),
        sa.CheckConstraint(
            "state IN ('open', 'answered', 'declined', 'cancelled', 'lapsed')",
            name=op.f("ck_paper_request_state_known"),
        ),
        sa.CheckConstraint(
            "requester_agency_id <> provider_agency_id",
            name=op.f("ck_paper_request_not_to_oneself"),
        ),
        sa.CheckConstraint(
            "(state = 'open') = (ended_at IS NULL)", name=op.f("ck_paper_request_ended_has_time")
        ),
        sa.CheckConstraint(
            "state <> 'answered' OR document_id IS NOT NULL",
            name=op.f("ck_paper_request_answered_by_document"),
        ),
        sa.ForeignKeyConstraint(
            ["municipality_id"],
            ["municipality.id"],
            name=op.f("fk_paper_request_municipality_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["requester_agency_id"],
            ["agency.id"],
            name=op.f("fk_paper_request_requester_agency_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["provider_agency_id"],
            ["agency.id"],
            name=op.f("fk_paper_request_provider_agency_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["document.id"],
            name=op.f("fk_paper_request_document_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_request")),
    )
    for name, columns in (
        (
            "ix_paper_request_provider_agency_id_state_due_on",
            ["provider_agency_id", "state", "due_on"],
        ),
        (
            "ix_paper_request_requester_agency_id_state_due_on",
            ["requester_agency_id", "state", "due_on"],
        ),
        ("ix_paper_request_ended_at", ["ended_at"]),
        ("ix_paper_request_document_id", ["document_id"]),
    ):
        op.create_index(name, "paper_request", columns)
