"""The demo's municipality: requests that show what the pages can show, made once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from kursdocs import bootstrap
from kursdocs.adapters.master_keys import MasterKeys
from kursdocs.core import agencies
from kursdocs.core.access import ActingAgency, Actor, ActorKind
from kursdocs.core.requests import reading
from kursdocs.core.requests.reading import Side
from kursdocs.core.requests.tables import PaperRequest
from kursdocs.core.workdays import local_date
from kursdocs.demo import town
from kursdocs.services import Services
from kursdocs.settings import Settings


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    settings = Settings(**town.settings_for(tmp_path, 8000))
    MasterKeys.create(settings.master_key_file)
    bootstrap.migrate(settings)
    with bootstrap.open_services(settings) as opened:
        town.set_up(opened)
        yield opened


def asked_of(services: Services, slug: str) -> list[reading.RequestView]:
    with services.transaction() as session:
        agency = agencies.by_slug(session, slug)
        acting = ActingAgency(agency.id, agency.slug, agency.name, agency.kind)
        actor = Actor(kind=ActorKind.SYSTEM, municipality_id=agency.municipality_id, agency=acting)
        today = local_date(services.clock())
        return reading.rows(session, actor, Side.RECEIVED, reading.Shown.OPEN, today=today)


def test_one_provider_has_work_and_something_overdue_and_the_other_has_none(
    services: Services,
) -> None:
    town.ask_samples(services)

    found = asked_of(services, "vhs-musterstadt")
    today = local_date(services.clock())
    assert {one.requester for one in found} == {"jobcenter", "auslaenderbehoerde"}
    assert [one.days_overdue(today) > 0 for one in found] == [True, False, False]
    assert [one.person_asked_on is not None for one in found] == [True, False, False]
    assert asked_of(services, "sprachwerk") == []


def test_started_again_it_asks_for_nothing_more(services: Services) -> None:
    town.ask_samples(services)
    town.ask_samples(services)

    with services.transaction() as session:
        assert len(session.exec(select(PaperRequest.id)).all()) == 3
