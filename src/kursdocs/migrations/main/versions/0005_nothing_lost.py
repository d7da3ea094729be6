"""Nothing lost: verdicts with their signatures, checks, checkpoints, a log that may be shortened.

Revision 0005. Only adds. A row of the log can be removed from now on, but only when its hash stands
among the leaves, which nobody can change or remove. Not reversible.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_NO_CHANGE = "the audit log cannot be altered"
_APPEND_ONLY = ("audit_leaf", "audit_checkpoint")


def upgrade() -> None:
    _columns()
    _check_run()
    _log_tables()
    if op.get_bind().dialect.name == "sqlite":
        _guard_in_sqlite()
    else:
        _guard_in_postgresql()


def _columns() -> None:
    op.add_column(
        "document",
        sa.Column("scan_signatures", sa.String(length=120), server_default="", nullable=False),
    )
    op.create_index(
        "ix_document_state_scan_signatures", "document", ["state", "scan_signatures", "id"]
    )
    # Only the log said it of erased ones, and the log may be shortened from now on.
    op.add_column(
        "document", sa.Column("was_withdrawn_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.execute(
        "UPDATE document SET was_withdrawn_at = (SELECT min(at) FROM audit_event"
        " WHERE audit_event.document_id = document.id"
        " AND happening IN ('document.withdrawn', 'document.declined')) WHERE state = 'erased'"
    )
    op.add_column(
        "installation", sa.Column("backed_up_at", sa.DateTime(timezone=True), nullable=True)
    )


def _check_run() -> None:
    op.create_table(
        "check_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("depth", sa.String(length=40), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verdict", sa.String(length=40), nullable=False),
        sa.Column("looked_at", sa.JSON(), nullable=False),
        sa.Column("found", sa.JSON(), nullable=False),
        sa.Column("examples", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "depth IN ('fast', 'sample', 'deep')", name=op.f("ck_check_run_depth_known")
        ),
        sa.CheckConstraint(
            "verdict IN ('clean', 'repairable', 'loss')", name=op.f("ck_check_run_verdict_known")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_run")),
    )


def _log_tables() -> None:
    op.create_table(
        "audit_leaf",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_leaf")),
    )
    op.create_table(
        "audit_checkpoint",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("signer", sa.String(length=200), nullable=False),
        sa.Column("note", sa.String(length=1000), nullable=False),
        sa.Column("frontier", sa.String(length=3000), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_audit_checkpoint")),
    )


def _guard_in_sqlite() -> None:
    op.execute("DROP TRIGGER audit_event_no_delete")
    known = "SELECT 1 FROM audit_leaf WHERE seq = OLD.seq AND hash = OLD.hash"
    op.execute(
        "CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_event"
        f" WHEN NOT EXISTS ({known}) BEGIN SELECT RAISE(ABORT, '{_NO_CHANGE}'); END"
    )
    for table in _APPEND_ONLY:
        key = "seq" if table == "audit_leaf" else "size"
        for action in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, '{_NO_CHANGE}'); END"
            )
        known = f"SELECT 1 FROM {table} WHERE {key} = NEW.{key}"  # noqa: S608 - our own names
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}"
            f" WHEN EXISTS ({known}) BEGIN SELECT RAISE(ABORT, '{_NO_CHANGE}'); END"
        )


def _guard_in_postgresql() -> None:
    op.execute("DROP TRIGGER audit_event_no_change ON audit_event")
    op.execute(
        "CREATE TRIGGER audit_event_no_change BEFORE UPDATE OR TRUNCATE ON audit_event"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_event_refuse()"
    )
    known = "SELECT 1 FROM audit_leaf WHERE seq = OLD.seq AND hash = OLD.hash"
    op.execute(
        "CREATE FUNCTION audit_event_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF EXISTS ({known}) THEN RETURN OLD; END IF;"
        f" RAISE EXCEPTION '{_NO_CHANGE}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_event"
        " FOR EACH ROW EXECUTE FUNCTION audit_event_keep()"
    )
    for table in _APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION audit_event_refuse()"
        )
