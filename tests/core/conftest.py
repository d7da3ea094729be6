"""A migrated database of each kind, with the demo's town in it."""

import pytest
from tests.factories import make_town

from kursdocs.adapters.database import Database
from kursdocs.core.agencies import Agency


@pytest.fixture
def town(database: Database) -> dict[str, Agency]:
    """The four agencies of the demo's town, by slug; their rows are committed."""
    with database.transaction() as session:
        return make_town(session)
