"""What a mail says of each clock: who hears of it, from when on, how often, and in which order."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from tests.core.reminders.planning import (
    COORDINATOR,
    DEPUTY,
    DESK,
    FRIDAY,
    HEAD,
    LONG_AGO,
    MONDAY,
    PROMPT,
    STANDARD,
    WORKDAYS,
    at,
    days_after,
    desk,
    group,
    paces,
    planned,
    state,
    told_after,
    topic,
    waiting,
)
from tests.factories import make_catalogue

from kursdocs.catalogue import Addressee
from kursdocs.core.adoption import MonthNumbers
from kursdocs.core.reminders.digest import Topic
from kursdocs.core.reminders.groups import Group
from kursdocs.core.reminders.plan import digests
from kursdocs.core.reminders.state import State
from kursdocs.core.reminders.tables import AHEAD, Clock
from kursdocs.core.reminders.tables import ASKED as NEW_REQUEST
from kursdocs.core.reminders.topics import urgency
from kursdocs.core.tables import new_id

RULES = make_catalogue()


def told_days(found: State, first: date, last: date) -> dict[str, list[tuple[date, int]]]:
    """Who is told on which day from the first to the last, and which step of the ledger."""
    seen: dict[str, list[tuple[date, int]]] = {}
    for day in (days_after(first, n) for n in range((last - first).days + 1)):
        plan = digests(RULES, found, now=at(day))
        for mail in plan:
            steps = {told.step for section in mail.sections for told in section.told}
            seen.setdefault(mail.address, []).append((day, max(steps)))
        found = told_after(found, plan)
    return seen


# -- what came back, what will be deleted ------------------------------------------------------


def test_the_sender_hears_once_what_came_back() -> None:
    back = group(Clock.RETURNED, FRIDAY)

    section = planned(state(back), at(MONDAY))[DESK]
    again = replace(back, told={Addressee.DESK: 0})

    assert [one.clock for one in section.topics] == [Clock.RETURNED]
    assert topic(section, Clock.RETURNED).count == 1
    assert planned(state(again), at(MONDAY)) == {}


@pytest.mark.parametrize("clock", [Clock.DELETION, Clock.RETURNED])
def test_a_document_for_two_recipients_counts_once(clock: Clock) -> None:
    one = group(clock, FRIDAY, count=1, subject_ids=[new_id(), new_id()])

    section = planned(state(one), at(MONDAY))[DESK]

    assert topic(section, clock).count == 1
    assert len(section.told) == 2


def test_a_deletion_is_told_once_for_each_notice() -> None:
    """A new date is announced anew (files were deleted unwarned where it was not)."""
    noticed = group(Clock.DELETION, FRIDAY)
    told = planned(state(noticed), at(MONDAY))[DESK].told[0]
    known = replace(noticed, told={told.addressee: told.step})

    assert planned(state(known), at(MONDAY)) == {}
    anew = replace(known, since=known.since + timedelta(days=1))
    assert topic(planned(state(anew), at(MONDAY))[DESK], Clock.DELETION).count == 1


# -- silence -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("looked_in", "told", "expects", "days"),
    [
        (8, None, True, 8),
        (6, None, True, 0),
        (8, None, False, 0),
        (20, 3, True, 0),
        (20, 8, True, 20),
        (None, None, True, (at(MONDAY) - LONG_AGO).days),
    ],
)
def test_who_expects_papers_and_does_not_look_in_is_asked_to(
    looked_in: int | None, told: int | None, expects: bool, days: int
) -> None:
    def ago(count: int | None) -> datetime | None:
        return None if count is None else at(MONDAY) - timedelta(days=count)

    quiet = desk(looked_in_at=ago(looked_in), silence_told_at=ago(told), expects_papers=expects)
    found = planned(state(desks=(quiet,)), at(MONDAY))

    assert (topic(found[DESK], Clock.SILENCE).days if found else 0) == days


def test_how_long_silence_may_last_is_for_the_town_to_say() -> None:
    quiet = desk(looked_in_at=at(days_after(MONDAY, -4)), expects_papers=True)

    assert planned(state(desks=(quiet,)), at(MONDAY)) == {}
    quick = replace(quiet, paces=paces(silence=3))
    assert topic(planned(state(desks=(quick,)), at(MONDAY))[DESK], Clock.SILENCE).days == 4


# -- requests ----------------------------------------------------------------------------------

ASKED = date(2026, 3, 2)
DUE = date(2026, 3, 16)


def request(told: Mapping[Addressee, int] | None = None, due: date = DUE) -> Group:
    return group(Clock.REQUEST, ASKED, told, due=due)


def test_a_request_is_told_when_it_is_new_ahead_of_its_day_and_then_up_the_ladder() -> None:
    """Asked on a Monday for the Monday in two weeks; nobody answers."""
    assert told_days(state(request()), ASKED, date(2026, 4, 1)) == {
        DESK: [
            (date(2026, 3, 3), NEW_REQUEST),
            (date(2026, 3, 12), AHEAD),
            (date(2026, 3, 17), 1),
            (date(2026, 3, 19), 3),
            (date(2026, 3, 23), 5),
            (date(2026, 3, 30), 10),
        ],
        DEPUTY: [(date(2026, 3, 19), 3), (date(2026, 3, 23), 5), (date(2026, 3, 30), 10)],
        HEAD: [(date(2026, 3, 23), 5), (date(2026, 3, 30), 10)],
        COORDINATOR: [(date(2026, 3, 30), 10)],
    }


@pytest.mark.parametrize(
    ("today", "days"),
    [
        (date(2026, 3, 12), 2),
        (date(2026, 3, 13), 1),
        (DUE, 0),
        (date(2026, 3, 17), -1),
        (date(2026, 3, 30), -10),
    ],
)
def test_a_request_says_how_many_working_days_are_left_or_over(today: date, days: int) -> None:
    section = planned(state(request()), at(today))[DESK]

    said = topic(section, Clock.REQUEST)
    assert (said.days, said.kinds[0].days) == (days, days)
    assert said.step == max(0, max(told.step for told in section.told))


def test_a_request_that_is_due_soon_names_the_others_too() -> None:
    far = request(due=date(2026, 5, 4))

    said = topic(planned(state(request(), far), at(date(2026, 3, 12)))[DESK], Clock.REQUEST)

    assert (said.count, said.new, said.days) == (2, 2, 2)
    known = replace(far, told={Addressee.DESK: NEW_REQUEST})
    assert planned(state(known), at(date(2026, 3, 12))) == {}


def test_how_long_ahead_of_its_day_is_for_the_agency_to_say() -> None:
    early = desk(paces=paces(request__before=4))

    known = request({Addressee.DESK: NEW_REQUEST})

    assert planned(state(known, desks=(early,)), at(date(2026, 3, 10)))
    assert not planned(state(known, desks=(early,)), at(date(2026, 3, 9)))


def test_a_new_request_may_wait_for_a_day_of_the_plan_but_not_one_that_is_due_soon() -> None:
    tuesdays = desk(plan_days=(2,), announces_on_plan_days=True)
    wednesday, tuesday = date(2026, 3, 4), date(2026, 3, 10)
    late = request(due=date(2026, 3, 6))

    assert planned(state(request(), desks=(tuesdays,)), at(wednesday)) == {}
    assert planned(state(request(), desks=(tuesdays,)), at(tuesday))
    assert planned(state(late, desks=(tuesdays,)), at(wednesday))


def test_a_new_pace_does_not_tell_again_what_was_told_ahead() -> None:
    early = desk(paces=paces(request__before=4))

    told = request({Addressee.DESK: AHEAD})

    assert planned(state(told, desks=(early,)), at(date(2026, 3, 13))) == {}


# -- approvals ---------------------------------------------------------------------------------


def test_an_approval_is_told_at_once_and_the_next_day_to_the_head_too() -> None:
    report = group(Clock.APPROVAL, MONDAY, hour=6, kind=PROMPT)

    assert told_days(state(report), MONDAY, date(2026, 3, 20)) == {
        DESK: [(MONDAY, 0), (date(2026, 3, 10), 1)],
        HEAD: [(date(2026, 3, 10), 1)],
    }


def test_the_head_is_not_told_of_what_it_need_not_do_yet() -> None:
    report = group(Clock.APPROVAL, FRIDAY, kind=PROMPT)

    found = planned(state(report, waiting(FRIDAY)), at(MONDAY))

    assert [one.clock for one in found[HEAD].topics] == [Clock.APPROVAL]
    assert [one.clock for one in found[DESK].topics] == [Clock.APPROVAL, Clock.WAITING]


# -- what should follow a paper ----------------------------------------------------------------


def follow_up(code: str, due: date, told: Mapping[Addressee, int] | None = None) -> Group:
    clock = Clock(code.partition("_")[0])
    return group(clock, date(2026, 1, 2), told, kind=code, due=due)


@pytest.mark.parametrize(
    ("code", "due", "days"),
    [
        # Five and ten working days after it was taken over; due at the first.
        ("proof_ik", date(2026, 3, 13), [date(2026, 3, 13), date(2026, 3, 20)]),
        # Five and six weeks after the registration, due at the second; Saturdays move to Monday.
        ("start_ik", date(2026, 4, 20), [date(2026, 4, 13), date(2026, 4, 20)]),
        ("start_ik", date(2026, 3, 21), [date(2026, 3, 16), date(2026, 3, 23)]),
        # Sixty and twenty-one days before an entitlement lapses.
        ("lapsing_ik", date(2026, 5, 8), [date(2026, 3, 9), date(2026, 4, 17)]),
        # The first day lay at a weekend, the second is Good Friday.
        ("lapsing_bsk", date(2026, 4, 10), [date(2026, 3, 20), date(2026, 4, 7)]),
    ],
)
def test_what_should_follow_a_paper_is_told_on_each_day_of_its_rule(
    code: str, due: date, days: list[date]
) -> None:
    found = state(follow_up(code, due))

    assert told_days(found, date(2026, 2, 2), date(2026, 5, 29)) == {
        DESK: [(day, step) for step, day in enumerate(days)]
    }


@pytest.mark.parametrize(
    ("today", "days"), [(date(2026, 4, 13), 7), (date(2026, 4, 20), 0), (date(2026, 4, 22), -2)]
)
def test_what_should_follow_says_how_many_days_are_left(today: date, days: int) -> None:
    section = planned(state(follow_up("start_ik", date(2026, 4, 20))), at(today))[DESK]

    assert topic(section, Clock.START).days == days


def test_a_rule_that_the_catalogue_no_longer_has_is_told_nobody() -> None:
    assert planned(state(follow_up("proof_of_old", FRIDAY)), at(MONDAY)) == {}


def test_what_lapses_in_two_months_waits_for_a_day_of_the_plan_and_what_is_near_does_not() -> None:
    own = desk(plan_days=(2,), announces_on_plan_days=True)
    far = follow_up("lapsing_ik", days_after(MONDAY, 60))
    near = follow_up("start_ik", days_after(MONDAY, 7))

    assert planned(state(far, desks=(own,)), at(MONDAY)) == {}
    assert planned(state(far, desks=(own,)), at(days_after(MONDAY, 1)))
    assert planned(state(near, desks=(own,)), at(MONDAY))


# -- mailboxes that refuse ---------------------------------------------------------------------


def test_the_head_hears_once_that_a_mailbox_refuses_mails_and_again_when_it_does_again() -> None:
    refusing = desk(refused_mailboxes=frozenset({DESK}))
    failed = group(Clock.REFUSED, FRIDAY, kind="", subject_ids=())

    section = planned(state(failed, desks=(refusing,)), at(MONDAY))[HEAD]
    told = section.told[0]
    known = replace(failed, told={Addressee.HEAD: told.step})

    assert topic(section, Clock.REFUSED).count == 1
    assert (told.subject_id, told.addressee) == (None, Addressee.HEAD)
    assert planned(state(known, desks=(refusing,)), at(MONDAY)) == {}
    again = replace(known, since=at(MONDAY, 6))
    assert HEAD in planned(state(again, desks=(refusing,)), at(MONDAY))


def test_while_its_mailbox_refuses_the_coordinator_hears_of_overdue_requests_too() -> None:
    refusing = desk(refused_mailboxes=frozenset({DESK}))

    section = planned(state(request(), desks=(refusing,)), at(date(2026, 3, 12)))[COORDINATOR]

    assert topic(section, Clock.REQUEST) == Topic(Clock.REQUEST, 1, days=2)


# -- the month before --------------------------------------------------------------------------


def test_the_month_before_is_told_to_the_desk() -> None:
    month = MonthNumbers(date(2026, 2, 1), 3, 4, 4, None, 2, 3)

    section = planned(state(desks=(desk(month=month),)), at(date(2026, 3, 2)))[DESK]

    assert section.month == month
    assert [one.clock for one in section.topics] == [Clock.MONTHLY]
    assert [told.step for told in section.told] == [2026 * 12 + 2]


# -- order -------------------------------------------------------------------------------------


def test_what_a_clerk_should_do_first_stands_first() -> None:
    said = [
        Topic(Clock.APPROVAL, 1),
        Topic(Clock.REQUEST, 1, days=-1),
        Topic(Clock.WAITING, 1, step=2),
        Topic(Clock.REQUEST, 1, days=0),
        Topic(Clock.PROOF, 1, days=-1),
        Topic(Clock.RETURNED, 1),
        Topic(Clock.WAITING, 1),
        Topic(Clock.LAPSING, 1, days=20),
        Topic(Clock.DELETION, 1),
        Topic(Clock.SILENCE, 1, days=7),
        Topic(Clock.REFUSED, 1),
        Topic(Clock.MONTHLY, 1),
    ]

    mixed = [*said[6:], *said[:6]]

    assert sorted(mixed, key=urgency) == said


def test_kinds_stand_by_urgency_too() -> None:
    found = planned(
        state(
            waiting(FRIDAY, count=5),
            waiting(date(2026, 3, 5), kind=PROMPT),
            waiting(date(2026, 3, 4)),
        ),
        at(MONDAY),
    )

    kinds = topic(found[DESK], Clock.WAITING).kinds
    assert [(one.kind, one.count, one.days) for one in kinds] == [(STANDARD, 6, 3), (PROMPT, 1, 2)]


@pytest.mark.parametrize("alone", [{"head_mailbox": DESK}, {"head_mailbox": DESK.upper()}])
def test_whoever_is_desk_and_head_reads_each_clock_once(alone: dict[str, Any]) -> None:
    report = group(Clock.APPROVAL, FRIDAY, kind=PROMPT)
    both = desk(deputy_mailbox="", **alone)

    (mail,) = digests(RULES, state(report, waiting(FRIDAY), desks=(both,)), now=at(MONDAY))

    (section,) = mail.sections
    assert [one.clock for one in section.topics] == [Clock.APPROVAL, Clock.WAITING]
    assert {told.addressee for told in section.told if told.clock is Clock.APPROVAL} == {
        Addressee.DESK,
        Addressee.HEAD,
    }


def test_days_are_counted_by_the_agencys_own_calendar() -> None:
    """Good Friday and Easter Monday 2026 lie between."""
    paper = waiting(date(2026, 4, 2))

    said = topic(
        planned(state(paper), at(WORKDAYS.after(date(2026, 4, 2), 2)))[DESK], Clock.WAITING
    )

    assert (said.days, said.step) == (2, 2)
