"""The plan of reminders: who is told on which day, from nothing but data and the moment."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.core.reminders.planning import (
    CENTRE,
    COORDINATOR,
    DEPUTY,
    DESK,
    FRIDAY,
    HEAD,
    MONDAY,
    OFFICE,
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
from kursdocs.core.reminders.digest import Digest, Reach
from kursdocs.core.reminders.groups import Group
from kursdocs.core.reminders.overdue import overdue
from kursdocs.core.reminders.plan import digests
from kursdocs.core.reminders.state import State
from kursdocs.core.reminders.tables import Clock
from kursdocs.core.reminders.times import SPREAD_SECONDS
from kursdocs.core.tables import new_id
from kursdocs.core.workdays import Workdays

RULES = make_catalogue()
TUESDAY = date(2026, 3, 10)


def mails(found: State, now: datetime, *, at_any_time: bool = False) -> list[Digest]:
    return digests(RULES, found, now=now, at_any_time=at_any_time)


def goes_back(found: State, now: datetime) -> bool:
    return bool(list(overdue(RULES, found, now=now)))


# -- when --------------------------------------------------------------------------------------


def test_what_arrives_on_a_friday_evening_is_told_on_monday() -> None:
    arrived = state(waiting(FRIDAY, hour=20))

    told_at = [
        moment
        for moment in (
            at(FRIDAY, 20, 1),
            at(date(2026, 3, 7)),
            at(date(2026, 3, 8)),
            at(MONDAY, 6, 59),
            at(MONDAY, 7),
            at(MONDAY, 19, 59),
            at(MONDAY, 20),
        )
        if mails(arrived, moment)
    ]

    assert told_at == [at(MONDAY, 7), at(MONDAY, 19, 59)]


def test_what_comes_before_the_agencys_hour_stands_in_todays_mail() -> None:
    assert mails(state(waiting(MONDAY, hour=6)), at(MONDAY, 7))


def test_what_comes_after_the_agencys_hour_stands_in_the_next_mail_and_is_not_lost() -> None:
    late = state(waiting(MONDAY, hour=7), desks=(desk(hour=7),))

    assert [mails(late, at(MONDAY, hour)) for hour in range(7, 20)] == [[]] * 13
    (digest,) = mails(late, at(TUESDAY, 7))
    (said,) = digest.sections
    assert topic(said, Clock.WAITING).new == 1


def test_a_mail_that_goes_out_late_speaks_of_what_it_would_have_said_in_the_morning() -> None:
    found = state(waiting(FRIDAY), waiting(MONDAY, hour=9))

    said = planned(found, at(MONDAY, 15))[DESK]

    assert topic(said, Clock.WAITING).count == 1
    assert len(said.told) == 1


def test_an_approval_opens_the_days_mail_at_any_minute() -> None:
    """§ 8 Abs. 3 IntV wants such reports at once; nobody approves what nobody knows of."""
    report = state(group(Clock.APPROVAL, MONDAY, hour=14, kind=PROMPT), waiting(MONDAY, hour=9))

    assert mails(report, at(MONDAY, 6, 59)) == []
    (digest,) = mails(report, at(MONDAY, 14, 1))
    assert mails(report, at(MONDAY, 20)) == []
    assert digest.due_at < at(MONDAY, 14, 1)
    assert [one.clock for one in digest.sections[0].topics] == [Clock.APPROVAL]


@pytest.mark.parametrize(("land", "is_told"), [("BY", False), ("BE", True)])
def test_epiphany_is_a_day_like_any_other_in_berlin_and_none_in_bavaria(
    land: str, is_told: bool
) -> None:
    epiphany = date(2026, 1, 6)
    arrived = state(waiting(date(2026, 1, 5)), desks=(desk(workdays=Workdays(land)),))

    assert bool(mails(arrived, at(epiphany))) is is_told
    assert mails(arrived, at(date(2026, 1, 7)))


@pytest.mark.parametrize("monday", [date(2026, 3, 30), date(2026, 10, 26)])
def test_both_changes_of_the_clocks_leave_the_hour_as_it_is(monday: date) -> None:
    arrived = state(waiting(days_after(monday, -3)))

    assert mails(arrived, at(monday, 6, 59)) == []
    (digest, *_) = mails(arrived, at(monday, 7))
    assert digest.lapses_at == at(monday, 20)
    assert at(monday, 7) <= digest.due_at < at(monday, 7, 15)


@pytest.mark.parametrize("sunday", [date(2026, 3, 29), date(2026, 10, 25)])
def test_in_the_night_of_the_change_the_cut_is_still_the_agencys_hour(sunday: date) -> None:
    """For an agency that works on that Sunday's Monday at five, four o'clock is early enough."""
    early = (desk(hour=5),)
    monday = days_after(sunday, 1)

    assert mails(state(waiting(monday, hour=4), desks=early), at(monday, 5))
    assert not mails(state(waiting(monday, hour=5), desks=early), at(monday, 5))
    assert mails(state(waiting(sunday, hour=3), desks=early), at(monday, 5))


def test_a_pause_of_the_agency_is_kept() -> None:
    closed = desk(workdays=Workdays("NW", ((MONDAY, MONDAY + timedelta(days=4)),)))
    arrived = state(waiting(FRIDAY), desks=(closed,))

    assert mails(arrived, at(MONDAY)) == []
    back = planned(arrived, at(date(2026, 3, 16)))
    assert topic(back[DESK], Clock.WAITING).days == 1


def test_the_eves_are_kept_where_the_town_keeps_them() -> None:
    arrived = state(waiting(date(2026, 12, 23)), desks=(desk(workdays=Workdays("NW", (), True)),))

    told = [day for day in range(23, 32) if mails(arrived, at(date(2026, 12, day), 13))]

    assert told == [28, 29, 30]


def test_the_demo_may_tell_at_any_time() -> None:
    sunday = at(date(2026, 3, 8), 23)

    (digest,) = mails(state(waiting(date(2026, 3, 8), hour=22)), sunday, at_any_time=True)

    assert (digest.address, digest.due_at) == (DESK, sunday)
    assert digest.lapses_at > sunday


def test_the_mails_of_an_hour_are_spread_and_each_address_keeps_its_minute() -> None:
    desks = [desk(new_id(), slug=f"s{n}", mailbox=f"s{n}@town.example") for n in range(60)]
    papers = [waiting(FRIDAY, agency_id=one.id) for one in desks]

    first = mails(state(*papers, desks=desks), at(MONDAY, 7))
    later = mails(state(*papers, desks=desks), at(TUESDAY, 11))

    offsets = [(one.due_at - at(MONDAY, 7)).total_seconds() for one in first]
    assert [(one.due_at - at(TUESDAY, 7)).total_seconds() for one in later] == offsets
    assert 0 <= min(offsets) < max(offsets) < SPREAD_SECONDS
    assert len(set(offsets)) > 50


# -- the ladder --------------------------------------------------------------------------------


def test_a_forgotten_document_climbs_step_by_step_and_goes_back() -> None:
    found = state(waiting(FRIDAY, hour=6))
    seen: dict[int, set[str]] = {}
    for waited in range(17):
        now = at(WORKDAYS.after(FRIDAY, waited))
        if plan := mails(found, now):
            seen[waited] = {one.address for one in plan}
            found = told_after(found, plan)
        assert goes_back(found, now) is (waited == 16)

    assert seen == {
        0: {DESK},
        2: {DESK},
        5: {DESK, DEPUTY},
        10: {DESK, DEPUTY, HEAD},
        15: {DESK, DEPUTY, HEAD, COORDINATOR},
    }


def test_a_ladder_climbs_as_its_agency_and_town_have_set_it() -> None:
    quick = desk(paces=paces(standard__desk=1, standard__deputy=2))
    untold = state(waiting(FRIDAY, {Addressee.DESK: 0}), desks=(quick,))

    assert set(planned(untold, at(MONDAY))) == {DESK}
    assert set(planned(untold, at(TUESDAY))) == {DESK, DEPUTY}


@pytest.mark.parametrize(
    ("told", "since", "is_back"),
    [
        ({}, None, False),  # nobody was ever told: no worker, no mail server
        ({Addressee.DESK: 10}, 12, False),  # not of the last step
        ({Addressee.DESK: 15}, 2, False),  # of all at once, the day before yesterday
        ({Addressee.DESK: 15}, 3, True),
        ({Addressee.HEAD: 15}, 12, False),  # the desk never heard of it
    ],
)
def test_nothing_goes_back_of_which_nobody_heard_in_time(
    told: dict[Addressee, int], since: int | None, is_back: bool
) -> None:
    late = 30
    today = WORKDAYS.after(FRIDAY, late)
    told_since = None if since is None else WORKDAYS.after(FRIDAY, late - since)
    paper = waiting(FRIDAY, told, told_since=told_since)

    assert goes_back(state(paper), at(today)) is is_back


@pytest.mark.parametrize(
    "changes",
    [
        {"is_closed": True},
        {"mailbox": "", "head_mailbox": "", "deputy_mailbox": ""},
        {"refused_mailboxes": frozenset({DESK})},
    ],
)
def test_where_nobody_can_be_told_papers_go_back_all_the_same(changes: dict[str, Any]) -> None:
    found = state(waiting(FRIDAY), desks=(desk(**changes),))

    assert goes_back(found, at(WORKDAYS.after(FRIDAY, 16)))
    assert not goes_back(found, at(WORKDAYS.after(FRIDAY, 15)))


def test_what_goes_back_is_known_by_group_and_days() -> None:
    paper = waiting(FRIDAY, {Addressee.DESK: 15}, told_since=FRIDAY, count=3)

    (late,) = overdue(RULES, state(paper), now=at(WORKDAYS.after(FRIDAY, 18)))

    assert (late.desk.slug, late.group, late.waited) == ("abh", paper, 18)


def test_a_report_with_consequences_climbs_faster() -> None:
    report = state(waiting(FRIDAY, {Addressee.DESK: 0}, kind=PROMPT))

    assert set(planned(report, at(MONDAY))) == {DESK}
    assert set(planned(report, at(TUESDAY))) == {DESK, DEPUTY}


def test_after_an_outage_of_weeks_there_is_one_mail_with_the_last_step() -> None:
    found = planned(state(waiting(FRIDAY)), at(WORKDAYS.after(FRIDAY, 11)))

    steps = {address: topic(section, Clock.WAITING).step for address, section in found.items()}
    assert steps == {DESK: 10, DEPUTY: 10, HEAD: 10}


def test_nothing_is_said_when_nothing_is_new() -> None:
    assert mails(state(waiting(FRIDAY, {Addressee.DESK: 0})), at(MONDAY)) == []
    assert mails(state(), at(MONDAY)) == []


def test_a_digest_tells_everything_that_waits_when_one_thing_is_new() -> None:
    old = waiting(date(2026, 3, 2), {Addressee.DESK: 2})
    found = planned(state(old, waiting(FRIDAY)), at(MONDAY))

    said = topic(found[DESK], Clock.WAITING)
    assert (said.count, said.new, said.days) == (2, 1, 5)
    assert [(one.kind, one.count, one.days) for one in said.kinds] == [(STANDARD, 2, 5)]


def test_a_mail_mentions_only_what_the_ledger_then_remembers() -> None:
    old = waiting(date(2026, 3, 5), {Addressee.DESK: 0})
    new = waiting(FRIDAY)

    found = planned(state(old, new), at(MONDAY))

    assert {(told.subject_id, told.step) for told in found[DESK].told} == {
        (old.subject_ids[0], 2),
        (new.subject_ids[0], 0),
    }


# -- to whom -----------------------------------------------------------------------------------


def test_whoever_is_desk_and_head_gets_one_mail() -> None:
    alone = desk(head_mailbox=DESK.upper(), deputy_mailbox="")
    found = state(waiting(FRIDAY), desks=(alone,))

    plan = mails(found, at(WORKDAYS.after(FRIDAY, 10)))

    assert [(one.address, len(one.sections)) for one in plan] == [(DESK, 1)]
    assert {told.addressee for told in plan[0].sections[0].told} == {
        Addressee.DESK,
        Addressee.HEAD,
    }


def test_two_agencies_with_one_mailbox_get_one_mail_with_two_sections() -> None:
    shared = (desk(), desk(CENTRE, mailbox=DESK))
    other = waiting(FRIDAY, agency_id=CENTRE)

    (digest,) = mails(state(waiting(FRIDAY), other, desks=shared), at(MONDAY))

    assert [section.agency_id for section in digest.sections] == [OFFICE, CENTRE]


def test_agencies_with_one_mailbox_do_not_starve_each_other() -> None:
    """One mail a day for the address: the earliest hour with news opens it for all."""
    shared = (desk(), desk(CENTRE, mailbox=DESK, hour=9))
    early, late = waiting(FRIDAY), waiting(FRIDAY, agency_id=CENTRE)

    def told(*groups: Group, hour: int) -> list[list[UUID]]:
        found = mails(state(*groups, desks=shared), at(MONDAY, hour))
        return [[section.agency_id for section in one.sections] for one in found]

    assert told(early, late, hour=6) == []
    assert told(early, late, hour=7) == [[OFFICE, CENTRE]]
    assert told(late, hour=7) == []
    assert told(late, hour=9) == [[CENTRE]]


def test_who_shares_a_mailbox_and_does_not_work_today_is_not_spoken_of() -> None:
    closed = Workdays("NW", ((MONDAY, MONDAY),))
    shared = (desk(), desk(CENTRE, mailbox=DESK, workdays=closed))
    other = waiting(FRIDAY, agency_id=CENTRE)

    (digest,) = mails(state(waiting(FRIDAY), other, desks=shared), at(MONDAY))

    assert [section.agency_id for section in digest.sections] == [OFFICE]


def test_of_a_closed_agency_nobody_is_told_but_its_papers_go_back() -> None:
    closed = state(waiting(FRIDAY), desks=(desk(is_closed=True),))

    for waited in range(17):
        now = at(WORKDAYS.after(FRIDAY, waited))
        assert mails(closed, now) == []
        assert goes_back(closed, now) is (waited == 16)


def test_a_deputy_whose_time_is_over_is_not_told() -> None:
    monday = at(WORKDAYS.after(FRIDAY, 5))
    untold = waiting(FRIDAY, {Addressee.DESK: 5})
    until_today = desk(deputy_until=monday.date())
    until_yesterday = desk(deputy_until=days_after(monday.date(), -1))

    assert planned(state(untold, desks=(until_today,)), monday)
    assert mails(state(untold, desks=(until_yesterday,)), monday) == []


def test_without_a_mailbox_the_head_is_told() -> None:
    found = state(waiting(FRIDAY), desks=(desk(mailbox=""),))

    assert set(planned(found, at(MONDAY))) == {HEAD}


@pytest.mark.parametrize(
    ("changes", "reach"),
    [
        ({"mailbox": "", "head_mailbox": "", "deputy_mailbox": ""}, Reach.NO_MAILBOX),
        ({"refused_mailboxes": frozenset({DESK})}, Reach.REFUSED),
    ],
)
def test_of_an_agency_that_no_mail_reaches_the_coordinator_is_told_at_once(
    changes: dict[str, Any], reach: Reach
) -> None:
    found = state(waiting(FRIDAY), desks=(desk(**changes),))

    section = planned(found, at(MONDAY))[COORDINATOR]

    said = topic(section, Clock.WAITING)
    assert section.reach is reach
    assert (said.count, said.kinds) == (1, ())


def test_the_coordinator_sees_counts_and_no_kinds() -> None:
    told = {Addressee.DESK: 15, Addressee.DEPUTY: 15, Addressee.HEAD: 15}

    plan = mails(state(waiting(FRIDAY, told)), at(WORKDAYS.after(FRIDAY, 15)))

    assert [one.address for one in plan] == [COORDINATOR]
    (section,) = plan[0].sections
    said = topic(section, Clock.WAITING)
    assert (said.count, said.days, said.kinds, said.new) == (1, 15, (), 0)


def test_the_coordinator_is_told_when_the_town_works_and_not_before_its_hour() -> None:
    told = {Addressee.DESK: 15, Addressee.DEPUTY: 15, Addressee.HEAD: 15}
    paper, day = waiting(FRIDAY, told), WORKDAYS.after(FRIDAY, 15)
    late_desk = (desk(hour=11),)

    assert mails(state(paper, desks=late_desk), at(day, 6, 59)) == []
    assert set(planned(state(paper, desks=late_desk), at(day, 7))) == {COORDINATOR}


# -- a plan of one's own -----------------------------------------------------------------------


PLANNING = desk(plan_days=(2, 4), announces_on_plan_days=True)


def test_what_is_merely_new_waits_for_the_agencys_own_days() -> None:
    found = state(waiting(FRIDAY, {}), desks=(PLANNING,))

    assert mails(found, at(MONDAY)) == []
    section = planned(found, at(TUESDAY))[DESK]
    assert section.own_plan is not None
    assert section.own_plan.is_today


def test_a_reminder_does_not_wait_but_takes_the_news_along() -> None:
    """The report is reminded of on Monday; the paper of Friday would have waited for Tuesday."""
    report = waiting(FRIDAY, {Addressee.DESK: 0}, kind=PROMPT)

    section = planned(state(report, waiting(FRIDAY), desks=(PLANNING,)), at(MONDAY))[DESK]

    assert topic(section, Clock.WAITING).count == 2
    assert len(section.told) == 2
    assert section.own_plan is not None
    assert not section.own_plan.is_today


def test_a_day_of_the_plan_that_is_a_holiday_is_made_up_for() -> None:
    """Thursday 14 May 2026 is Ascension Day: the news comes on Friday, not the next Tuesday."""
    found = state(waiting(date(2026, 5, 13), hour=12), desks=(PLANNING,))
    only_tuesdays = replace(PLANNING, plan_days=(2,))
    other = state(waiting(date(2026, 5, 13), hour=12), desks=(only_tuesdays,))

    assert [day for day in range(14, 18) if mails(found, at(date(2026, 5, day)))] == [15]
    assert [day for day in range(14, 18) if mails(other, at(date(2026, 5, day)))] == []


def test_without_the_wish_the_plan_is_only_quoted() -> None:
    found = state(waiting(FRIDAY), desks=(desk(plan_days=(2,)),))

    section = planned(found, at(MONDAY))[DESK]

    assert section.own_plan is not None
    assert section.own_plan.weekdays == (2,)


def test_the_same_state_gives_the_same_plan() -> None:
    found = state(waiting(FRIDAY), group(Clock.RETURNED, FRIDAY))

    assert mails(found, at(MONDAY)) == mails(found, at(MONDAY))
