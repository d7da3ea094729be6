"""A start with a key store that is not the one of the papers."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

import pytest
import structlog
from tests.operations.fsck.wreckage import delete_the_row
from tests.operations.house import House

from kursdocs.core.documents import lifecycle
from kursdocs.core.ports import ForeignInstance
from kursdocs.core.tables import new_id
from kursdocs.operations import starting
from kursdocs.services import Services


@pytest.fixture
def house(embedded: House) -> House:
    """Embedded alone: what is looked at does not depend on the parts."""
    return embedded


def send(house: House, count: int) -> list[UUID]:
    return [house.send().id for _ in range(count)]


def lose(house: House, documents: Sequence[UUID]) -> None:
    """As in a key store from before they were sent."""
    for document in documents:
        house.services.keys.destroy(document)


def complaint(house: House, require: Callable[[Services], None] = starting.require_keys) -> str:
    with structlog.testing.capture_logs() as logged:
        try:
            require(house.services)
        except ForeignInstance as error:
            assert logged[0]["log_level"] == "error"
            return str(error)
    return "" if not logged else f"logged: {logged[0]['missing']} of {logged[0]['looked_at']}"


def test_nothing_is_said_of_a_town_without_papers_or_with_all_its_keys(house: House) -> None:
    assert complaint(house) == ""
    send(house, 3)
    assert complaint(house) == ""


def test_a_key_store_older_than_the_papers_is_no_start(house: House) -> None:
    sent = send(house, 8)
    lose(house, sent[2:])

    said = complaint(house)

    assert "6 have no key" in said
    assert "kursdocs restore" in said


def test_a_few_missing_keys_are_loud_and_a_start(house: House) -> None:
    sent = send(house, 7)
    lose(house, sent[3:5])

    assert complaint(house) == "logged: 2 of 7"


def test_a_key_store_that_knows_not_one_of_few_papers_is_no_start(house: House) -> None:
    lose(house, send(house, 2))

    assert "of 2 papers" in complaint(house).lower()


def test_papers_that_were_withdrawn_or_erased_need_no_key(house: House) -> None:
    sent = send(house, 2)
    with house.services.transaction() as session:
        lifecycle.withdraw(
            session,
            house.sender,
            sent[0],
            reason="wrong_person",
            catalogue=house.services.catalogue,
            now=house.clock(),
        )
    lose(house, sent[:1])
    house.clock.advance(timedelta(days=1))

    assert complaint(house) == ""


def test_only_the_ends_are_looked_at(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "SAMPLED", 2)
    sent = send(house, 6)
    lose(house, sent[2:4])

    assert complaint(house) == ""
    lose(house, sent[5:])
    assert complaint(house) == "logged: 1 of 4"


def test_a_database_older_than_the_keys_is_no_start(house: House) -> None:
    sent = send(house, 8)
    assert complaint(house, starting.require_rows) == ""
    for document in sent[2:]:
        delete_the_row(house, document, is_thorough=False)

    said = complaint(house, starting.require_rows)

    assert "Of the 8 newest keys, 6 are of papers that are not in the database" in said
    assert "--despite-missing-papers" in said
    assert complaint(house) == ""


def test_of_few_papers_a_database_that_knows_none_is_no_start(house: House) -> None:
    for document in send(house, 2):
        delete_the_row(house, document, is_thorough=False)

    assert "Of the 2 newest keys, 2" in complaint(house, starting.require_rows)


def test_a_few_rows_that_vanished_are_loud_and_a_start(house: House) -> None:
    sent = send(house, 7)
    for document in sent[3:5]:
        delete_the_row(house, document, is_thorough=False)

    assert complaint(house, starting.require_rows) == "logged: 2 of 7"


def test_keys_of_intakes_that_died_say_nothing_of_the_database(house: House) -> None:
    for _ in range(8):
        house.services.keys.create(new_id())

    assert complaint(house, starting.require_rows) == ""
