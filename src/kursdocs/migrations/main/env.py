"""Alembic's entry for the main database. The caller brings the connection (and its lock)."""

from alembic import context

from kursdocs.core import (
    accounts,
    agencies,
    audit,
    checks,
    heartbeats,
    installation,
    instructions,
    invitations,
    outbox,
    tables,
)
from kursdocs.core.documents import tables as documents
from kursdocs.core.drafts import tables as drafts
from kursdocs.core.follow_ups import tables as follow_ups
from kursdocs.core.reminders import tables as reminders
from kursdocs.core.requests import tables as requests

# The tables are known to the metadata once their modules are imported.
NOUNS = (
    *(
        agencies,
        audit,
        checks,
        heartbeats,
        installation,
        outbox,
        accounts,
        instructions,
        invitations,
    ),
    *(documents, drafts, requests, follow_ups, reminders),
)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    transaction_per_migration=False,
    compare_type=True,
)
context.run_migrations()
