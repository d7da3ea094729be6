"""The plan of reminders: what is due to whom on which day, from nothing but data and the moment."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from kursdocs.catalogue import Addressee, Catalogue, load
from kursdocs.core.reminders.plan import Digest, Section, digests, overdue, postponed
from kursdocs.core.reminders.state import Desk, Item, State, Town
from kursdocs.core.reminders.tables import Clock
from kursdocs.core.tables import new_id
from kursdocs.core.workdays import Workdays

BERLIN = ZoneInfo("Europe/Berlin")
TOWN, OFFICE, CENTRE = new_id(), new_id(), new_id()
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
STANDARD, PROMPT = "admission_ik_jc", "nonattendance_report_ik"
DESK, DEPUTY, HEAD, COORDINATOR = (
    "abh@town.example",
    "vertretung@town.example",
    "leitung@town.example",
    "koordination@town.example",
)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load()


def at(day: date, hour: int = 8, minute: int = 0) -> datetime:
    local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=BERLIN)
    return local.astimezone(UTC)


def desk(id_: UUID = OFFICE, **changes: object) -> Desk:
    found = Desk(
        id=id_,
        slug="abh" if id_ == OFFICE else "jc",
        name="Ausländerbehörde" if id_ == OFFICE else "Jobcenter",
        municipality_id=TOWN,
        workdays=Workdays("NW"),
        hour=7,
        mailbox=DESK if id_ == OFFICE else "jc@town.example",
        deputy_mailbox=DEPUTY if id_ == OFFICE else "",
        deputy_until=None,
        head_mailbox=HEAD if id_ == OFFICE else "",
        created_at=LONG_AGO,
        looked_in_at=None,
        expects_papers=False,
        silence_told_at=None,
    )
    return replace(found, **changes)  # type: ignore[arg-type]  # a test's own changes


def waiting(
    day: date, told: Mapping[Addressee, int] | None = None, *, kind: str = STANDARD
) -> Item:
    return item(Clock.WAITING, day, told or {}, kind=kind)


def item(
    clock: Clock,
    day: date,
    told: Mapping[Addressee, int] | None = None,
    *,
    kind: str = STANDARD,
    agency_id: UUID = OFFICE,
) -> Item:
    return Item(new_id(), new_id(), agency_id, clock, kind, day, told or {})


def state(*items: Item, desks: tuple[Desk, ...] = (), mailbox: str = COORDINATOR) -> State:
    found = {one.id: one for one in desks or (desk(),)}
    town = Town(TOWN, "musterstadt", "Musterstadt", mailbox, Workdays("NW"))
    return State(found, {TOWN: town}, items)


def by_address(found: list[Digest]) -> dict[str, Section]:
    return {one.address: section for one in found for section in one.sections}


FRIDAY = date(2026, 3, 6)
MONDAY = date(2026, 3, 9)


# -- when --------------------------------------------------------------------------------------


def test_what_arrives_on_a_friday_evening_is_told_on_monday(catalogue: Catalogue) -> None:
    arrived = state(waiting(FRIDAY))

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
        if digests(catalogue, arrived, now=moment)
    ]

    assert told_at == [at(MONDAY, 7), at(MONDAY, 19, 59)]


@pytest.mark.parametrize(("land", "is_told"), [("BY", False), ("BE", True)])
def test_epiphany_is_a_day_like_any_other_in_berlin_and_none_in_bavaria(
    land: str, is_told: bool, catalogue: Catalogue
) -> None:
    epiphany = date(2026, 1, 6)
    arrived = state(waiting(date(2026, 1, 5)), desks=(desk(workdays=Workdays(land)),))

    assert bool(digests(catalogue, arrived, now=at(epiphany))) is is_told
    assert bool(digests(catalogue, arrived, now=at(date(2026, 1, 7))))


@pytest.mark.parametrize("monday", [date(2026, 3, 30), date(2026, 10, 26)])
def test_both_changes_of_the_clocks_leave_the_hour_as_it_is(
    monday: date, catalogue: Catalogue
) -> None:
    arrived = state(waiting(monday - timedelta(days=3)))

    assert digests(catalogue, arrived, now=at(monday, 6, 59)) == []
    (digest, *_) = digests(catalogue, arrived, now=at(monday, 7))
    assert digest.lapses_at == at(monday, 20)


def test_a_pause_of_the_agency_is_kept(catalogue: Catalogue) -> None:
    closed = desk(workdays=Workdays("NW", ((MONDAY, MONDAY + timedelta(days=4)),)))
    arrived = state(waiting(FRIDAY), desks=(closed,))

    assert digests(catalogue, arrived, now=at(MONDAY)) == []
    back = by_address(digests(catalogue, arrived, now=at(date(2026, 3, 16))))
    assert back[DESK].oldest == 1


def test_the_demo_may_tell_at_any_time(catalogue: Catalogue) -> None:
    sunday = at(date(2026, 3, 8), 23)

    (digest,) = digests(catalogue, state(waiting(FRIDAY)), now=sunday, at_any_time=True)

    assert digest.address == DESK
    assert digest.lapses_at > sunday


# -- the ladder --------------------------------------------------------------------------------


def test_a_forgotten_document_climbs_step_by_step_and_goes_back(catalogue: Catalogue) -> None:
    told: dict[Addressee, int] = {}
    paper = waiting(FRIDAY)
    seen: dict[int, set[str]] = {}
    days = Workdays("NW")
    for waited in range(17):
        now = at(days.after(FRIDAY, waited))
        found = state(replace(paper, told=dict(told), told_since=FRIDAY if told else None))
        if plan := digests(catalogue, found, now=now):
            seen[waited] = {one.address for one in plan}
            told |= {t.addressee: t.step for one in plan for s in one.sections for t in s.told}
        assert bool(overdue(catalogue, found, now=now)) is (waited == 16)

    assert seen == {
        0: {DESK},
        2: {DESK},
        5: {DESK, DEPUTY},
        10: {DESK, DEPUTY, HEAD},
        15: {DESK, DEPUTY, HEAD, COORDINATOR},
    }


@pytest.mark.parametrize(
    ("told", "since", "goes_back"),
    [
        ({}, None, False),  # nobody was ever told: no worker, no mail server
        ({Addressee.DESK: 10}, 12, False),  # not of the last step
        ({Addressee.DESK: 15}, 2, False),  # of all at once, the day before yesterday
        ({Addressee.DESK: 15}, 3, True),
        ({Addressee.HEAD: 15}, 12, False),  # the desk never heard of it
    ],
)
def test_nothing_goes_back_of_which_nobody_heard_in_time(
    told: dict[Addressee, int], since: int | None, goes_back: bool, catalogue: Catalogue
) -> None:
    days, late = Workdays("NW"), 30
    today = days.after(FRIDAY, late)
    told_since = None if since is None else days.after(FRIDAY, late - since)
    paper = replace(waiting(FRIDAY, told), told_since=told_since)

    assert bool(overdue(catalogue, state(paper), now=at(today))) is goes_back


@pytest.mark.parametrize(
    "changes", [{"is_closed": True}, {"mailbox": "", "head_mailbox": "", "deputy_mailbox": ""}]
)
def test_where_nobody_can_be_told_papers_go_back_all_the_same(
    changes: dict[str, Any], catalogue: Catalogue
) -> None:
    found = state(waiting(FRIDAY), desks=(replace(desk(), **changes),))

    assert overdue(catalogue, found, now=at(Workdays("NW").after(FRIDAY, 16)))
    assert not overdue(catalogue, found, now=at(Workdays("NW").after(FRIDAY, 15)))


def test_a_report_with_consequences_climbs_faster(catalogue: Catalogue) -> None:
    report = waiting(FRIDAY, {Addressee.DESK: 0}, kind=PROMPT)

    assert set(by_address(digests(catalogue, state(report), now=at(MONDAY)))) == {DESK}
    tuesday = digests(catalogue, state(report), now=at(MONDAY + timedelta(days=1)))
    assert set(by_address(tuesday)) == {DESK, DEPUTY}


def test_after_an_outage_of_weeks_there_is_one_mail_with_the_last_step(
    catalogue: Catalogue,
) -> None:
    late = at(Workdays("NW").after(FRIDAY, 11))

    found = by_address(digests(catalogue, state(waiting(FRIDAY)), now=late))

    assert {address: section.step for address, section in found.items()} == {
        DESK: 10,
        DEPUTY: 10,
        HEAD: 10,
    }


def test_nothing_is_said_when_nothing_is_new(catalogue: Catalogue) -> None:
    told = state(waiting(FRIDAY, {Addressee.DESK: 0}))

    assert digests(catalogue, told, now=at(MONDAY)) == []
    assert digests(catalogue, state(), now=at(MONDAY)) == []


def test_a_digest_tells_everything_that_waits_when_one_thing_is_new(catalogue: Catalogue) -> None:
    old = waiting(date(2026, 3, 2), {Addressee.DESK: 2})
    found = by_address(digests(catalogue, state(old, waiting(FRIDAY)), now=at(MONDAY)))

    section = found[DESK]
    assert (section.waiting, section.new, section.oldest) == (2, 1, 5)
    assert [(one.kind, one.count, one.oldest) for one in section.kinds] == [(STANDARD, 2, 5)]


def test_a_mail_mentions_only_what_the_ledger_then_remembers(catalogue: Catalogue) -> None:
    old = waiting(date(2026, 3, 5), {Addressee.DESK: 0})
    new = waiting(FRIDAY)

    found = by_address(digests(catalogue, state(old, new), now=at(MONDAY)))

    assert {(t.delivery_id, t.step) for t in found[DESK].told} == {
        (old.delivery_id, 2),
        (new.delivery_id, 0),
    }


# -- to whom -----------------------------------------------------------------------------------


def test_whoever_is_desk_and_head_gets_one_mail(catalogue: Catalogue) -> None:
    alone = desk(head_mailbox=DESK.upper(), deputy_mailbox="")
    found = state(waiting(FRIDAY), desks=(alone,))

    plan = digests(catalogue, found, now=at(Workdays("NW").after(FRIDAY, 10)))

    assert [(one.address, len(one.sections)) for one in plan] == [(DESK, 1)]
    assert {t.addressee for t in plan[0].sections[0].told} == {Addressee.DESK, Addressee.HEAD}


def test_two_agencies_with_one_mailbox_get_one_mail_with_two_sections(
    catalogue: Catalogue,
) -> None:
    shared = (desk(), desk(CENTRE, mailbox=DESK))
    other = item(Clock.WAITING, FRIDAY, agency_id=CENTRE)

    (digest,) = digests(catalogue, state(waiting(FRIDAY), other, desks=shared), now=at(MONDAY))

    assert [section.agency_id for section in digest.sections] == [OFFICE, CENTRE]


def test_agencies_with_one_mailbox_do_not_starve_each_other(catalogue: Catalogue) -> None:
    """One mail a day for the address: the earliest hour with news opens it for all."""
    shared = (desk(), desk(CENTRE, mailbox=DESK, hour=9))
    early, late = waiting(FRIDAY), item(Clock.WAITING, FRIDAY, agency_id=CENTRE)

    def told(*items: Item, hour: int) -> list[list[UUID]]:
        found = digests(catalogue, state(*items, desks=shared), now=at(MONDAY, hour))
        return [[section.agency_id for section in one.sections] for one in found]

    assert told(early, late, hour=6) == []
    assert told(early, late, hour=7) == [[OFFICE, CENTRE]]
    assert told(late, hour=7) == []
    assert told(late, hour=9) == [[CENTRE]]
    waits = postponed(catalogue, state(early, late, desks=shared), now=at(MONDAY, 7))
    assert waits == {}


def test_who_shares_a_mailbox_and_does_not_work_today_is_not_spoken_of(
    catalogue: Catalogue,
) -> None:
    closed = Workdays("NW", ((MONDAY, MONDAY),))
    shared = (desk(), desk(CENTRE, mailbox=DESK, workdays=closed))
    other = item(Clock.WAITING, FRIDAY, agency_id=CENTRE)

    (digest,) = digests(catalogue, state(waiting(FRIDAY), other, desks=shared), now=at(MONDAY))

    assert [section.agency_id for section in digest.sections] == [OFFICE]


def test_of_a_closed_agency_nobody_is_told_but_its_papers_go_back(catalogue: Catalogue) -> None:
    closed = state(waiting(FRIDAY), desks=(desk(is_closed=True),))
    days = Workdays("NW")

    for waited in range(17):
        now = at(days.after(FRIDAY, waited))
        assert digests(catalogue, closed, now=now) == []
        assert postponed(catalogue, closed, now=now) == {}
        assert bool(overdue(catalogue, closed, now=now)) is (waited == 16)


def test_a_deputy_whose_time_is_over_is_not_told(catalogue: Catalogue) -> None:
    monday = at(Workdays("NW").after(FRIDAY, 5))
    untold = waiting(FRIDAY, {Addressee.DESK: 5})
    until_today = desk(deputy_until=monday.date())
    until_yesterday = desk(deputy_until=monday.date() - timedelta(days=1))

    assert by_address(digests(catalogue, state(untold, desks=(until_today,)), now=monday))
    assert digests(catalogue, state(untold, desks=(until_yesterday,)), now=monday) == []


def test_without_a_mailbox_the_head_is_told(catalogue: Catalogue) -> None:
    found = state(waiting(FRIDAY), desks=(desk(mailbox=""),))

    assert set(by_address(digests(catalogue, found, now=at(MONDAY)))) == {HEAD}


def test_of_an_agency_that_no_mail_reaches_the_coordinator_is_told_at_once(
    catalogue: Catalogue,
) -> None:
    mute = desk(mailbox="", head_mailbox="", deputy_mailbox="")
    found = state(waiting(FRIDAY), desks=(mute,))

    section = by_address(digests(catalogue, found, now=at(MONDAY)))[COORDINATOR]

    assert section.unreachable
    assert (section.waiting, section.kinds) == (1, ())
    assert postponed(catalogue, found, now=at(MONDAY)) == {OFFICE: "no_mailbox"}


def test_the_coordinator_sees_counts_and_no_kinds(catalogue: Catalogue) -> None:
    told = {Addressee.DESK: 15, Addressee.DEPUTY: 15, Addressee.HEAD: 15}
    found = state(waiting(FRIDAY, told))

    plan = digests(catalogue, found, now=at(Workdays("NW").after(FRIDAY, 15)))

    assert [one.address for one in plan] == [COORDINATOR]
    (section,) = plan[0].sections
    assert (section.waiting, section.oldest, section.kinds) == (1, 15, ())


# -- what else is told -------------------------------------------------------------------------


def test_the_sender_hears_once_what_came_back(catalogue: Catalogue) -> None:
    back = item(Clock.RETURNED, FRIDAY)

    section = by_address(digests(catalogue, state(back), now=at(MONDAY)))[DESK]
    again = replace(back, told={Addressee.DESK: 0})

    assert (section.returned, section.waiting) == (1, 0)
    assert digests(catalogue, state(again), now=at(MONDAY)) == []


@pytest.mark.parametrize("clock", [Clock.DELETION, Clock.RETURNED])
def test_a_document_for_two_recipients_counts_once(catalogue: Catalogue, clock: Clock) -> None:
    one = item(clock, FRIDAY)
    other = replace(one, delivery_id=new_id())

    section = by_address(digests(catalogue, state(one, other), now=at(MONDAY)))[DESK]

    assert section.leaving + section.returned == 1
    assert len(section.told) == 2


def test_a_deletion_is_told_once_for_each_notice(catalogue: Catalogue) -> None:
    """A new date is announced anew (files were deleted unwarned where it was not)."""
    noticed = item(Clock.DELETION, FRIDAY)
    told = digests(catalogue, state(noticed), now=at(MONDAY))[0].sections[0].told[0]
    known = replace(noticed, told={told.addressee: told.step})

    assert digests(catalogue, state(known), now=at(MONDAY)) == []
    anew = replace(known, day=FRIDAY + timedelta(days=1))
    assert by_address(digests(catalogue, state(anew), now=at(MONDAY)))[DESK].leaving == 1


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
    looked_in: int | None, told: int | None, expects: bool, days: int, catalogue: Catalogue
) -> None:
    def ago(count: int | None) -> datetime | None:
        return None if count is None else at(MONDAY) - timedelta(days=count)

    quiet = desk(looked_in_at=ago(looked_in), silence_told_at=ago(told), expects_papers=expects)
    found = by_address(digests(catalogue, state(desks=(quiet,)), now=at(MONDAY)))

    assert (found[DESK].silent_days if found else 0) == days


@pytest.mark.parametrize(
    ("moment", "reason"),
    [
        (at(date(2026, 3, 8)), "not_a_working_day"),
        (at(MONDAY, 6), "before_its_hour"),
        (at(MONDAY, 21), "after_the_last_hour"),
    ],
)
def test_a_dry_run_can_say_why_nobody_is_mailed_now(
    moment: datetime, reason: str, catalogue: Catalogue
) -> None:
    found = state(waiting(FRIDAY))

    assert postponed(catalogue, found, now=moment) == {OFFICE: reason}
    assert postponed(catalogue, found, now=at(MONDAY)) == {}


def test_the_same_state_gives_the_same_plan(catalogue: Catalogue) -> None:
    found = state(waiting(FRIDAY), item(Clock.RETURNED, FRIDAY))

    assert digests(catalogue, found, now=at(MONDAY)) == digests(catalogue, found, now=at(MONDAY))
