"""Whether everything we depend on answers."""

import sqlalchemy as sa

from kursdocs.services import Services


def check_stores(services: Services) -> None:
    """Raise ``Unavailable`` unless database, key store and object store answer now."""
    with services.transaction() as session:
        session.execute(sa.text("SELECT 1"))
    services.keys.check()
    services.store.check()
