"""Many deliveries at once: each on its own, and for each an answer."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from tests.factories import JOBCENTER, OFFICE, make_catalogue, make_document, make_person_actor
from tests.operations.house import House

from kursdocs.core import agencies
from kursdocs.core.access import Actor
from kursdocs.core.accounts import User
from kursdocs.core.audit import Happening
from kursdocs.core.documents import inbox, lifecycle, settling
from kursdocs.core.documents.inbox import InboxState
from kursdocs.core.errors import Invalid
from kursdocs.operations.settling import DELIVERIES_MAX, DONE, settle_many, undo_many


def arrive(house: House, count: int, recipient: str = OFFICE) -> list[UUID]:
    """Papers for the office, without bytes; their deliveries."""
    with house.services.transaction() as session:
        made = [make_document(session, house.sender, recipient) for _ in range(count)]
        return [lifecycle.deliveries_of(session, one)[0].id for one in made]


def colleague_of(house: House) -> Actor:
    with house.services.transaction() as session:
        office = agencies.by_slug(session, OFFICE)
        colleague = make_person_actor(session, office, subject="nora.probe")
        session.get_one(User, colleague.user_id).display_name = "Nora Probe"
        return colleague


def counts(house: House) -> dict[str, int]:
    with house.services.transaction() as session:
        found = inbox.counts(session, house.recipient)
    return {state.value: count for state, count in found.items() if count}


def test_each_is_settled_or_says_who_was_quicker(house: House) -> None:
    fresh, taken, claimed = arrive(house, 3)
    (foreign,) = arrive(house, 1, JOBCENTER)
    colleague, now = colleague_of(house), house.clock()
    with house.services.transaction() as session:
        settling.take_over(session, colleague, taken, catalogue=make_catalogue(), now=now)
        until = settling.claim(session, colleague, claimed, now=now)

    outcomes = settle_many(house.services, house.recipient, [fresh, taken, claimed, foreign, fresh])

    assert [(one.delivery_id, one.code) for one in outcomes] == [
        (fresh, DONE),
        (taken, "already_taken_over"),
        (claimed, "claimed_by_colleague"),
        (foreign, "not_found"),
    ]
    assert [one.is_done for one in outcomes] == [True, False, False, False]
    assert [one.by for one in outcomes] == ["", "Nora Probe", "Nora Probe", ""]
    assert outcomes[1].at == lifecycle.utc(now)
    assert outcomes[2].at == lifecycle.utc(until)
    assert counts(house) == {InboxState.NEW: 1, InboxState.TAKEN_OVER: 2}

    (again,) = settle_many(house.services, house.recipient, [claimed], despite_claim=True)
    assert again.is_done


def test_all_are_given_back_with_one_reason_and_taken_back_at_once(house: House) -> None:
    ids = arrive(house, 3)

    given = settle_many(house.services, house.recipient, ids, reason="illegible")
    assert counts(house) == {InboxState.RETURNED: 3}
    house.clock.advance(timedelta(seconds=9))
    undone = undo_many(house.services, house.recipient, ids)

    assert {one.code for one in (*given, *undone)} == {DONE}
    assert counts(house) == {InboxState.NEW: 3}
    assert len(house.events(Happening.DELIVERY_RETURNED, Happening.DELIVERY_REOPENED)) == 6
    house.clock.advance(timedelta(seconds=20))
    assert {one.code for one in undo_many(house.services, house.recipient, ids)} == {
        "undo_too_late"
    }


def test_bad_input_settles_nothing(embedded: House) -> None:
    (one,) = arrive(embedded, 1)

    for ids, reason, code in (
        ([], "", "deliveries_missing"),
        ([one, *(uuid4() for _ in range(DELIVERIES_MAX))], "", "deliveries_too_many"),
        ([one], "no such reason", "reason_unknown"),
    ):
        with pytest.raises(Invalid) as refused:
            settle_many(embedded.services, embedded.recipient, ids, reason=reason)
        assert refused.value.code == code
    assert counts(embedded) == {InboxState.NEW: 1}
