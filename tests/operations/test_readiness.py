"""Whether everything we depend on answers: each part that is away is named by its code."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.operations.house import House
from tests.operations.outages import cut_off, moved_away, stopped
from tests.servers import PostgresServer, S3Server

from kursdocs.core.errors import Unavailable
from kursdocs.operations.readiness import check_stores


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(Unavailable) as refused:
        act()
    return refused.value.code


def test_when_everything_answers_nothing_is_raised(house: House) -> None:
    check_stores(house.services)


@pytest.mark.parametrize("part", ["database", "keys"])
def test_a_database_that_is_away_is_named_until_it_is_back(
    at_servers: House, postgres: PostgresServer, part: str
) -> None:
    services = at_servers.services
    urls = {"database": services.settings.database_url, "keys": services.settings.keys_url}

    with cut_off(postgres, urls[part]):
        assert code_of(lambda: check_stores(services)) == f"{part}_unavailable"

    check_stores(services)


def test_an_s3_server_that_is_away_is_named_until_it_is_back(
    at_servers: House, s3: S3Server
) -> None:
    with stopped(s3, at_servers.services.store):
        assert code_of(lambda: check_stores(at_servers.services)) == "store_unavailable"

    check_stores(at_servers.services)


def test_a_folder_that_is_away_is_named_until_it_is_back(embedded: House, tmp_path: Path) -> None:
    with moved_away(tmp_path / "objects"):
        assert code_of(lambda: check_stores(embedded.services)) == "store_unavailable"

    check_stores(embedded.services)


def test_a_look_changes_nothing(house: House) -> None:
    before = house.events()

    check_stores(house.services)

    assert house.events() == before
    assert (house.objects(), house.keys()) == ([], [])
