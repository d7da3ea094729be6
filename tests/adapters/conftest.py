"""A key store of each kind, migrated once: making one anew takes longer than most tests."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.servers import PostgresServer

from kursdocs.adapters import key_store


@pytest.fixture(scope="session")
def _keys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "template.sqlite"
    key_store.migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def _keys_database(postgres: PostgresServer) -> str:
    url = postgres.new_database()
    key_store.migrate(url)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def keys_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A key store that nobody has claimed. Whoever changes its schema takes ``database_url``."""
    if request.param == "sqlite":
        copy = shutil.copy(request.getfixturevalue("_keys_file"), tmp_path / "keys.sqlite")
        yield f"sqlite:///{copy}"
        return
    url: str = request.getfixturevalue("_keys_database")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for table in reversed(key_store.metadata.sorted_tables):
            connection.execute(table.delete())
    yield url
