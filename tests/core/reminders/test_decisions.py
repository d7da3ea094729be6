"""Why somebody is mailed at a moment, and why not: one reason for each, and when next."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

import pytest
from tests.core.reminders.planning import (
    CENTRE,
    DESK,
    FRIDAY,
    MONDAY,
    at,
    days_after,
    desk,
    group,
    state,
    waiting,
)
from tests.factories import make_catalogue

from kursdocs.catalogue import Addressee
from kursdocs.core.reminders.decisions import decisions
from kursdocs.core.reminders.digest import Decision, Why
from kursdocs.core.reminders.state import State
from kursdocs.core.reminders.tables import Clock
from kursdocs.core.workdays import Workdays

TUESDAY = days_after(MONDAY, 1)


def decided(
    found: State,
    now: datetime,
    addressee: Addressee = Addressee.DESK,
    over: Collection[str] = (),
) -> Decision:
    """The one decision about that addressee."""
    every = decisions(make_catalogue(), found, now=now, over=over)
    (one,) = (one for one in every if one.addressee is addressee)
    return one


@pytest.mark.parametrize(
    ("now", "why", "following"),
    [
        (at(date(2026, 3, 8)), Why.NOT_A_WORKING_DAY, at(MONDAY, 7)),
        (at(MONDAY, 6), Why.BEFORE_ITS_HOUR, None),
        (at(MONDAY, 12), Why.DUE, None),
        (at(MONDAY, 21), Why.AFTER_THE_LAST_HOUR, at(TUESDAY, 7)),
    ],
)
def test_the_time_of_the_day_is_a_reason(
    now: datetime, why: Why, following: datetime | None
) -> None:
    found = decided(state(waiting(FRIDAY)), now)

    assert found.why is why
    assert found.section is not None
    if following is None:
        assert found.at is not None
        assert at(MONDAY, 7) <= found.at < at(MONDAY, 7, 15)
    else:
        assert found.at == following


def test_a_pause_is_a_reason_of_its_own() -> None:
    away = desk(workdays=Workdays("NW", ((MONDAY, days_after(MONDAY, 4)),)))

    found = decided(state(waiting(FRIDAY), desks=(away,)), at(MONDAY))

    assert (found.why, found.at) == (Why.PAUSED, at(date(2026, 3, 16), 7))


def test_what_came_after_the_hour_waits_for_the_next_mail() -> None:
    found = decided(state(waiting(MONDAY, hour=9)), at(MONDAY, 12))

    assert (found.why, found.at) == (Why.AFTER_THE_CUT_OFF, at(TUESDAY, 7))
    assert found.section is not None


def test_nothing_new_names_the_day_of_the_next_step() -> None:
    told = waiting(FRIDAY, {Addressee.DESK: 0})

    found = decided(state(told), at(MONDAY))

    assert (found.why, found.section, found.at) == (Why.NOTHING_NEW, None, at(TUESDAY, 7))
    assert decided(state(), at(MONDAY)).at is None


def test_news_that_waits_for_a_day_of_the_plan_says_so() -> None:
    own = desk(plan_days=(4,), announces_on_plan_days=True)
    back = group(Clock.RETURNED, FRIDAY)

    found = decided(state(back, desks=(own,)), at(MONDAY))

    assert (found.why, found.at) == (Why.WAITS_FOR_PLAN_DAY, at(date(2026, 3, 12), 7))


@pytest.mark.parametrize(
    ("changes", "why"),
    [({}, Why.TOLD_TODAY), ({"refused_mailboxes": frozenset({DESK})}, Why.REFUSED)],
)
def test_after_todays_mail_the_next_comes_tomorrow(changes: dict[str, Any], why: Why) -> None:
    found = decided(state(waiting(FRIDAY), desks=(desk(**changes),)), at(MONDAY, 12), over=[DESK])

    assert (found.why, found.at) == (why, at(TUESDAY, 7))


def test_who_has_no_mailbox_is_named_where_something_is_open() -> None:
    mute = desk(mailbox="", deputy_mailbox="", head_mailbox="")

    assert decided(state(waiting(FRIDAY), desks=(mute,)), at(MONDAY)).why is Why.NO_MAILBOX
    assert decisions(make_catalogue(), state(desks=(mute,)), now=at(MONDAY)) == []


def test_a_closed_agency_is_named_where_something_is_open() -> None:
    closed = desk(is_closed=True)

    assert decided(state(waiting(FRIDAY), desks=(closed,)), at(MONDAY)).why is Why.CLOSED
    assert decisions(make_catalogue(), state(desks=(closed,)), now=at(MONDAY)) == []


def test_there_is_one_decision_for_each_addressee_with_an_address() -> None:
    found = decisions(make_catalogue(), state(waiting(FRIDAY)), now=at(MONDAY))

    assert [one.addressee for one in found] == list(Addressee)
    assert len({one.address for one in found}) == 4


def test_at_a_shared_mailbox_the_earliest_hour_counts() -> None:
    shared = (desk(), desk(CENTRE, mailbox=DESK, hour=9, head_mailbox=""))
    both = state(waiting(FRIDAY), waiting(FRIDAY, agency_id=CENTRE), desks=shared)
    late = state(waiting(FRIDAY, agency_id=CENTRE), desks=shared)

    def centre(found: State) -> Decision:
        every = decisions(make_catalogue(), found, now=at(MONDAY, 7))
        return next(one for one in every if one.agency_id == CENTRE)

    assert centre(both).why is Why.DUE
    assert centre(late).why is Why.BEFORE_ITS_HOUR
