"""The running application, once for all tests of the client."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.push.house import Desk, desk_at
from tests.web.house import House, open_house


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The demo town, as ``kursdocs demo`` serves it."""
    with open_house(tmp_path_factory.mktemp("push") / "var") as opened:
        yield opened


@pytest.fixture
def desk(house: House, tmp_path: Path) -> Desk:
    """The program of a course provider."""
    return desk_at(house, tmp_path)
