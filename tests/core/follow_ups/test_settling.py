"""Settling with a reason, taking that back, and what colleagues and others find."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlmodel import select
from tests.core.follow_ups.conftest import SPRACHWERK, Desks, later, morning
from tests.core.follow_ups.test_opening import ONE
from tests.factories import PROVIDER

from kursdocs.core.accounts import User
from kursdocs.core.audit import AuditEvent, Happening
from kursdocs.core.errors import Conflict, Invalid, NotFound
from kursdocs.core.follow_ups import reading, settling
from kursdocs.core.follow_ups.opening import Refreshed
from kursdocs.core.follow_ups.tables import FollowUpState


def settle(desks: Desks, *ids: UUID, who: str = PROVIDER, reason: str = "on_paper") -> int:
    done: int = desks.do(
        settling.settle,
        who,
        ids,
        reason=reason,
        catalogue=desks.catalogue,
        now=morning(later(7)),
    )
    return done


def reopen(desks: Desks, *ids: UUID, who: str = PROVIDER, day: int = 7) -> int:
    done: int = desks.do(settling.reopen, who, ids, now=morning(later(day)))
    return done


@pytest.fixture
def two(desks: Desks) -> list[UUID]:
    """Two open ones of the provider."""
    desks.oblige()
    desks.oblige(family_name="Beispiel")
    assert desks.refresh(later(7)).opened == 2
    return [one.id for one in desks.open()]


def test_settled_it_leaves_the_list_of_everybody_and_stays_so(
    desks: Desks, two: list[UUID]
) -> None:
    assert settle(desks, two[0]) == 1

    assert [one.id for one in desks.open()] == two[1:]
    assert desks.refresh(later(30)) == Refreshed(0, 0)
    (row,) = [row for row in desks.rows() if row.id == two[0]]
    assert (row.state, row.reason) == (FollowUpState.SETTLED, "on_paper")
    assert row.ended_by_user_id == desks.clerks[PROVIDER].user_id


def test_each_of_many_is_in_the_log_with_its_paper_and_reason(
    desks: Desks, two: list[UUID]
) -> None:
    assert settle(desks, *two, reason="course_runs") == 2

    with desks.database.transaction() as session:
        query = select(AuditEvent).where(AuditEvent.happening == Happening.FOLLOW_UP_SETTLED)
        events = session.exec(query).all()
    assert {event.detail["follow_up"] for event in events} == {str(id_) for id_ in two}
    assert {event.detail["reason"] for event in events} == {"course_runs"}
    assert {event.document_id for event in events} == {row.document_id for row in desks.rows()}


def test_who_comes_second_learns_when_and_by_whom(desks: Desks, two: list[UUID]) -> None:
    with desks.database.transaction() as session:
        user = session.get_one(User, desks.clerks[PROVIDER].user_id)
        user.display_name = "Amina Muster"
        session.add(user)
    settle(desks, two[0])

    with pytest.raises(Conflict) as refused:
        settle(desks, two[0])

    assert refused.value.code == "follow_up_over"
    assert refused.value.details == {
        "state": "settled",
        "at": "2026-11-09T08:00:00.000Z",
        "by": "Amina Muster",
    }


@ONE
def test_of_many_those_are_settled_that_still_are_open(desks: Desks, two: list[UUID]) -> None:
    settle(desks, two[0], reason="course_runs")

    assert settle(desks, *two) == 1
    assert {row.reason for row in desks.rows()} == {"course_runs", "on_paper"}


@ONE
def test_what_is_foreign_is_unknown_and_nothing_else_is_done(desks: Desks, two: list[UUID]) -> None:
    for ids, who in (([*two], SPRACHWERK), ([two[0], uuid4()], PROVIDER)):
        with pytest.raises(NotFound):
            settle(desks, *ids, who=who)
        with pytest.raises(NotFound):
            reopen(desks, *ids, who=who)
    assert len(desks.open()) == 2


@ONE
@pytest.mark.parametrize(
    ("ids", "reason", "code"),
    [
        (1, "", "reason_unknown"),
        (1, "bored", "reason_unknown"),
        (0, "on_paper", "follow_up_missing"),
        (settling.AT_ONCE_MAX + 1, "on_paper", "follow_ups_too_many"),
    ],
)
def test_what_was_not_chosen_is_said(
    desks: Desks, two: list[UUID], ids: int, reason: str, code: str
) -> None:
    some = [*two, *(uuid4() for _ in range(300))][:ids]

    with pytest.raises(Invalid) as refused:
        settle(desks, *some, reason=reason)

    assert refused.value.code == code


def test_on_the_same_day_it_can_be_taken_back(desks: Desks, two: list[UUID]) -> None:
    settle(desks, *two)
    today: Any = desks.do(reading.settled_today, PROVIDER, now=morning(later(7)))
    assert {one.id for one in today} == set(two)

    assert reopen(desks, *two) == 2

    assert [one.id for one in desks.open()] == two
    assert desks.do(reading.settled_today, PROVIDER, now=morning(later(7))) == []
    with desks.database.transaction() as session:
        query = select(AuditEvent).where(AuditEvent.happening == Happening.FOLLOW_UP_REOPENED)
        assert len(session.exec(query).all()) == 2


@ONE
def test_on_the_next_day_it_stays_settled(desks: Desks, two: list[UUID]) -> None:
    settle(desks, *two)

    with pytest.raises(Conflict) as refused:
        reopen(desks, two[0], day=8)

    assert refused.value.code == "follow_up_not_settled_today"
    assert desks.do(reading.settled_today, PROVIDER, now=morning(later(8))) == []


@ONE
def test_what_a_paper_fulfilled_nobody_opens_by_hand(desks: Desks, two: list[UUID]) -> None:
    desks.register(later(7))
    (over,) = set(two) - {one.id for one in desks.open()}

    with pytest.raises(Conflict):
        reopen(desks, over)
    with pytest.raises(Conflict) as refused:
        settle(desks, over)
    assert (refused.value.details["state"], refused.value.details["by"]) == ("fulfilled", "")
