"""A key remembers that a row needed it, so that it outlives a database put back from before.

Of the keys that there are, the sweeper finds out for those of the last days; older ones are never
swept. Reversible: what is forgotten can be found out again as long as the rows are there.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the mark. A version that does not know it goes on making keys beside us."""
    op.add_column(
        "document_key",
        sa.Column("had_row", sa.Boolean, nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    """Forget the marks."""
    op.drop_column("document_key", "had_row")
