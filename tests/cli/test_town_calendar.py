"""Days off of a town, and after how many days reminders come, by commands."""

import json

from sqlmodel import select
from tests.cli.commands import Run, set_up_town

from kursdocs.adapters.database import Database
from kursdocs.core import agencies
from kursdocs.core.agencies import Agency, Municipality


def test_a_town_is_closed_and_opens_again(run: Run, settings: dict[str, object]) -> None:
    set_up_town(run, settings)
    closing = ("municipality", "closing")
    days = ("musterstadt", "2027-02-08", "08.02.2027", "Rosenmontag")

    added = run(*closing, "add", *days, **settings)
    twice = run(*closing, "add", *days, **settings)
    listed = run(*closing, "list", "musterstadt", "--json", **settings)
    removed, gone = (
        run(*closing, "remove", "musterstadt", "08.02.2027", **settings) for _ in range(2)
    )
    none = run(*closing, "list", "musterstadt", **settings)

    assert (added.code, added.out) == (0, "musterstadt is closed from 2027-02-08 to 2027-02-08.\n")
    assert (twice.code, "closing_overlaps" in twice.err) == (1, True)
    assert json.loads(listed.out) == [
        {"first_day": "2027-02-08", "last_day": "2027-02-08", "name": "Rosenmontag"}
    ]
    assert removed.code == 0
    assert (gone.code, "no days off that begin" in gone.err) == (1, True)
    assert none.out == "There are none.\n"


def test_paces_are_shown_set_and_refused(run: Run, settings: dict[str, object]) -> None:
    set_up_town(run, settings)
    town, vhs = ("municipality", "pace", "musterstadt"), ("agency", "pace", "vhs")

    every = run(*town, **settings)
    set_there = run(*town, "standard.head", "8", "--most", "9", **settings)
    too_late = run(*vhs, "standard.head", "10", **settings)
    set_here = run(*vhs, "standard.head", "9", **settings)
    out_of_order = run(*vhs, "standard.deputy", "1", **settings)
    reset = run(*vhs, "standard.head", "", **settings)
    unknown = run(*vhs, "standard.boss", "1", **settings)

    assert [line.split()[0] for line in every.out.splitlines()[1:3]] == [
        "standard.desk",
        "standard.deputy",
    ]
    assert set_there.out.splitlines()[1].split() == ["standard.head", "8", "municipality", "1-9"]
    assert (too_late.code, "pace_out_of_range" in too_late.err) == (1, True)
    assert set_here.out.splitlines()[1].split() == ["standard.head", "9", "agency", "1-9"]
    assert (out_of_order.code, "pace_order" in out_of_order.err) == (1, True)
    assert "“deputy” must not come before “desk”" in out_of_order.err
    assert reset.out.splitlines()[1].split()[1:3] == ["8", "municipality"]
    assert (unknown.code, "there is no rule" in unknown.err) == (2, True)


def test_plan_note_expectation_and_eves_are_set_and_listed_for_programs(
    run: Run, settings: dict[str, object], inside: Database
) -> None:
    set_up_town(run, settings)
    plan = ("--plan-days", "42", "--plan-time", "after_counter_hours", "--announce-on-plan-days")

    changed = run(
        "agency", "set", "vhs", *plan, "--no-monthly-note", "--expected", "40", **settings
    )
    eves = run("municipality", "set", "musterstadt", "--work-on-eves", **settings)
    run("agency", "pause", "vhs", "2027-02-09", "2027-02-10", **settings)
    run("agency", "pace", "vhs", "silence", "3", **settings)
    (listed,) = json.loads(run("agency", "list", "--json", **settings).out)

    names = "plan_days, plan_time, announces_on_plan_days, monthly_note, expected_per_month"
    assert changed.out == f"vhs: {names} changed.\n"
    assert eves.out == "musterstadt: keeps_eves changed.\n"
    assert listed["plan"] == {
        "days": [2, 4],
        "time": "after_counter_hours",
        "announces_on_plan_days": True,
    }
    assert (listed["monthly_note"], listed["expected_per_month"]) == (False, 40)
    assert (listed["hour"], listed["land"]) == (7, "")
    assert listed["pauses"] == [{"first_day": "2027-02-09", "last_day": "2027-02-10"}]
    assert listed["paces"]["silence"] == {"days": 3, "source": "agency"}
    assert listed["paces"]["standard.desk"] == {"days": 2, "source": "catalogue"}
    with inside.transaction() as session:
        assert not session.exec(select(Municipality)).one().keeps_eves
        agency = session.exec(select(Agency)).one()
        assert agencies.as_typed(agency.announces_on_plan_days) == ("yes",)
