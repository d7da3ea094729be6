"""The key store: its installation, the master keys it has seen, one wrapped key per document.

Not reversible: dropping ``document_key`` would destroy every document.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "key_store_info",
        sa.Column("id", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("instance", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_store_info")),
        sa.CheckConstraint("id = 1", name=op.f("ck_key_store_info_single")),
    )
    op.create_table(
        "master_key",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("check_value", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_master_key")),
    )
    op.create_table(
        "document_key",
        sa.Column("document_id", sa.Uuid, nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
        sa.Column("master_key_id", sa.String(32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_document_key")),
        sa.ForeignKeyConstraint(
            ["master_key_id"], ["master_key.id"], name=op.f("fk_document_key_master_key_id")
        ),
        sa.CheckConstraint(
            "length(wrapped_key) = 60", name=op.f("ck_document_key_wrapped_key_length")
        ),
    )


def downgrade() -> None:
    """Refuse: without the keys every document is lost."""
    raise NotImplementedError("the key store cannot be taken back without losing all documents")
