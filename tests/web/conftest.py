"""The running application, once per worker process, for all tests of the web layer."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.web.house import METRICS_TOKEN, House, open_house


@pytest.fixture(scope="session")
def quick_folder() -> Iterator[Path]:
    """A folder in memory where the machine has one: these tests commit some thousand times."""
    memory = Path("/dev/shm")  # noqa: S108 - made with a name of its own below
    folder = Path(tempfile.mkdtemp(prefix="kursdocs-", dir=memory if memory.is_dir() else None))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def house(quick_folder: Path) -> Iterator[House]:
    """The demo, running. Tests leave its people and agencies as they are."""
    with open_house(quick_folder / "house", metrics_token=METRICS_TOKEN) as opened:
        yield opened
