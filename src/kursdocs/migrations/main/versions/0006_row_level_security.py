"""Row-level security: on PostgreSQL each transaction reaches the rows of its scope alone.

Revision 0006. Nothing on SQLite, which has no such thing. The scope is told by ``core.scopes`` at
the beginning of a transaction; one that tells none reaches nothing. Who is party to a document
stands in a table of its own, which triggers keep: policies of documents and deliveries that asked
each other would never end. Not reversible.
"""

# ruff: noqa: S608 - statements of our own names
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Each in a query of its own, so that it is asked once for a statement and not for every row.
_SCOPE = "(SELECT current_setting('kursdocs.scope', true))"
_AGENCY = "(SELECT NULLIF(current_setting('kursdocs.agency', true), '')::uuid)"
_TOWN = "(SELECT NULLIF(current_setting('kursdocs.town', true), '')::uuid)"

_IN_TOWN = f"municipality_id = {_TOWN}"
_AGENCY_IN_TOWN = f"(SELECT id FROM agency WHERE {_IN_TOWN})"


def _is_party(document: str) -> str:
    return (
        "EXISTS (SELECT 1 FROM document_party"
        f" WHERE document_party.document_id = {document} AND document_party.agency_id = {_AGENCY})"
    )


_OF_DELIVERY = (
    "EXISTS (SELECT 1 FROM delivery JOIN document_party"
    " ON document_party.document_id = delivery.document_id"
    f" WHERE delivery.id = search_token.delivery_id AND document_party.agency_id = {_AGENCY})"
)

_OWN = f"agency_id = {_AGENCY}"
_SENT = f"sender_agency_id = {_AGENCY}"
_ADDRESSED = _is_party("delivery.document_id")
_FOLLOWS = _is_party("follow_up.document_id")
_ASKED = f"requester_agency_id = {_AGENCY} OR provider_agency_id = {_AGENCY}"

# By table: what an agency reaches, what it may write (nobody becomes party to a paper by saying
# so), and what its municipality reads.
_POLICIES = {
    "document": (f"{_SENT} OR {_is_party('document.id')}", "", _IN_TOWN),
    "delivery": (
        f"recipient_agency_id = {_AGENCY} OR {_SENT} OR {_ADDRESSED}",
        f"{_SENT} OR {_ADDRESSED}",
        f"sender_agency_id IN {_AGENCY_IN_TOWN}",
    ),
    "search_token": (f"{_OWN} OR {_OF_DELIVERY}", _OF_DELIVERY, ""),
    "draft": (_OWN, "", ""),
    "idempotency_key": (_OWN, "", ""),
    "paper_request": (_ASKED, "", _IN_TOWN),
    "follow_up": (f"{_OWN} OR {_FOLLOWS}", _FOLLOWS, _IN_TOWN),
}


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    _parties()
    for table, (reached, written, town) in _POLICIES.items():
        _lock(table)
        op.execute(
            f"CREATE POLICY {table}_scope ON {table}"
            f" USING ({_SCOPE} = 'everything' OR {reached})"
            f" WITH CHECK ({_SCOPE} = 'everything' OR {written or reached})"
        )
        _readable(table, town)
    _log()


def _lock(table: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    # The program's role owns the tables, and an owner passes by otherwise.
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def _readable(table: str, town: str) -> None:
    """What is read and not changed: by the system all, by a municipality its own."""
    condition = f"{_SCOPE} = 'system'" + (f" OR {town}" if town else "")
    op.execute(f"CREATE POLICY {table}_reading ON {table} FOR SELECT USING ({condition})")


def _log() -> None:
    """Everybody adds to the log: what was refused to nobody is told there, too."""
    _lock("audit_event")
    op.execute("CREATE POLICY audit_event_adding ON audit_event FOR INSERT WITH CHECK (true)")
    op.execute(
        f"CREATE POLICY audit_event_scope ON audit_event USING ({_SCOPE} = 'everything')"
        " WITH CHECK (false)"
    )
    own = f"{_OWN} OR {_is_party('audit_event.document_id')}"
    _readable("audit_event", f"{own} OR {_IN_TOWN}")


def _parties() -> None:
    op.execute(
        "CREATE TABLE document_party ("
        " document_id uuid NOT NULL, agency_id uuid NOT NULL,"
        " CONSTRAINT pk_document_party PRIMARY KEY (document_id, agency_id))"
    )
    op.execute(
        "INSERT INTO document_party SELECT id, sender_agency_id FROM document"
        " UNION SELECT document_id, recipient_agency_id FROM delivery"
    )
    for table, document, agency in (
        ("document", "id", "sender_agency_id"),
        ("delivery", "document_id", "recipient_agency_id"),
    ):
        op.execute(
            f"CREATE FUNCTION {table}_note_party() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" INSERT INTO document_party VALUES (NEW.{document}, NEW.{agency})"
            " ON CONFLICT DO NOTHING; RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {table}_note_party AFTER INSERT OR UPDATE OF {agency} ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION {table}_note_party()"
        )
