"""A migrated folder for rehearsals: one for all tests of a process, copied for each."""

import shutil
from pathlib import Path

import pytest
from tests.operations.house import make_settings

from kursdocs import bootstrap


@pytest.fixture(scope="session")
def _migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("migrated")
    bootstrap.migrate(make_settings(folder))
    return folder


@pytest.fixture
def stage(tmp_path: Path, _migrated: Path) -> Path:
    """A folder with migrated SQLite files."""
    for name in ("database.sqlite", "keys.sqlite"):
        shutil.copy(_migrated / name, tmp_path / name)
    return tmp_path
