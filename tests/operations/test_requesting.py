"""The run over requests: what nobody answered ends, and what is over forgets its person."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlmodel import Session
from tests.factories import JOBCENTER, PROVIDER, make_catalogue
from tests.operations.house import House

from kursdocs.core.audit import Happening
from kursdocs.core.requests import asking, reading, retention
from kursdocs.core.requests.asking import RequestForm
from kursdocs.core.requests.reading import RequestView
from kursdocs.core.requests.tables import RequestState
from kursdocs.operations import requesting

DAY = timedelta(days=1)
IDLE = {"lapsed": 0, "forgotten": 0}


def ask(house: House, given_names: str = "Probefried") -> UUID:
    form = RequestForm(
        kind="registration_confirmation_ik",
        provider=PROVIDER,
        family_name="Mustermann",
        given_names=given_names,
        birth_date="1987-06-05",
    )
    with house.services.transaction() as session:
        actor, now = house.actors[JOBCENTER], house.clock()
        return asking.ask(session, actor, make_catalogue(), form, now=now)


def cancel(house: House, request_id: UUID) -> None:
    with house.services.transaction() as session:
        asking.cancel(session, house.actors[JOBCENTER], request_id, now=house.clock())


def see(house: House, request_id: UUID) -> RequestView:
    with house.services.transaction() as session:
        return reading.view(session, house.actors[JOBCENTER], request_id)


def test_a_request_that_nobody_answers_ends_and_forgets_its_person_later(house: House) -> None:
    request_id, other = ask(house), ask(house, "Anna")
    cancel(house, other)
    assert requesting.tidy(house.services) == IDLE

    house.clock.advance(31 * DAY)
    assert requesting.tidy(house.services) == {"lapsed": 0, "forgotten": 1}
    assert see(house, other).family_name == ""
    assert see(house, request_id).state is RequestState.OPEN

    house.clock.advance(60 * DAY)
    assert requesting.tidy(house.services) == {"lapsed": 1, "forgotten": 0}
    assert see(house, request_id).family_name == "Mustermann"
    assert see(house, request_id).state is RequestState.LAPSED
    assert requesting.tidy(house.services) == IDLE

    house.clock.advance(31 * DAY)
    assert requesting.tidy(house.services) == {"lapsed": 0, "forgotten": 1}
    assert see(house, request_id).birth_date is None
    assert len(house.events(Happening.PAPER_REQUEST_LAPSED)) == 1


def test_more_than_one_round_holds_are_all_done(
    embedded: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requesting, "BATCH", 2)
    for name in ("Anna", "Berta", "Clara", "Dora", "Emma"):
        ask(embedded, name)

    embedded.clock.advance(200 * DAY)

    assert requesting.tidy(embedded.services) == {"lapsed": 5, "forgotten": 0}


def test_what_is_settled_in_between_is_left_alone(
    embedded: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = ask(embedded)
    embedded.clock.advance(200 * DAY)
    real = retention.lapse

    def lapse(session: Session, found: UUID, *, duty: str, now: datetime) -> bool:
        asking.cancel(session, embedded.actors[JOBCENTER], found, now=embedded.clock())
        return real(session, found, duty=duty, now=now)

    monkeypatch.setattr(retention, "lapse", lapse)

    assert requesting.tidy(embedded.services) == IDLE
    assert see(embedded, request_id).state is RequestState.CANCELLED
