"""The hourly run over follow-ups, and the ways on which a paper goes out that ends them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlmodel import select
from tests.factories import OFFICE, PROVIDER, make_catalogue, make_document
from tests.operations.house import House
from tests.scanners import undecided

from kursdocs.core.documents import settling
from kursdocs.core.documents.tables import Delivery
from kursdocs.core.follow_ups.opening import Refreshed
from kursdocs.core.follow_ups.tables import FollowUp, FollowUpState
from kursdocs.operations import following_up

REGISTRATION: dict[str, Any] = {
    "kind": "registration_confirmation_ik",
    "fields": {"issued_on": "2026-11-20", "planned_start_on": "2026-12-01"},
}


def oblige(house: House) -> None:
    """The office obliges somebody, and the provider takes the paper over."""
    office, provider, now = house.actors[OFFICE], house.actors[PROVIDER], house.clock()
    with house.services.transaction() as session:
        sent = make_document(session, office, PROVIDER, now=now, kind="obligation_ik_abh")
        delivery = session.exec(select(Delivery.id).where(Delivery.document_id == sent)).one()
        settling.take_over(session, provider, delivery, catalogue=make_catalogue(), now=now)


def states(house: House) -> list[FollowUpState]:
    with house.services.transaction() as session:
        return [row.state for row in session.exec(select(FollowUp))]


def test_the_run_opens_what_is_due_and_a_sent_paper_ends_it(house: House) -> None:
    oblige(house)
    assert following_up.refresh(house.services) == Refreshed(0, 0)

    house.clock.advance(timedelta(days=7))
    assert following_up.refresh(house.services) == Refreshed(1, 0)
    assert following_up.refresh(house.services) == Refreshed(0, 0)

    house.send(sending=house.sending(OFFICE, **REGISTRATION))
    assert states(house) == [FollowUpState.FULFILLED]


def test_what_the_scanner_lets_through_late_ends_it_then(house: House) -> None:
    oblige(house)
    house.clock.advance(timedelta(days=7))
    following_up.refresh(house.services)

    slow = replace(house.services, scanner=undecided())
    house.send(services=slow, sending=house.sending(OFFICE, **REGISTRATION))
    assert states(house) == [FollowUpState.OPEN]

    assert house.sweep().released == 1
    assert states(house) == [FollowUpState.FULFILLED]
