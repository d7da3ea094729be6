"""Runs the key store's migrations inside the transaction that the caller began and locked.

Knows no URL and no settings: connection and tables are handed in by ``adapters.key_store``.
"""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes["metadata"],
    # A name of its own: nothing breaks when somebody puts both histories into one database.
    version_table="key_store_version",
    transactional_ddl=True,
)

with context.begin_transaction():
    context.run_migrations()
