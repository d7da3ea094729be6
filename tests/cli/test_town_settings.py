"""Changing the settings of a town and its agencies by commands."""

from datetime import UTC, datetime, timedelta

from sqlmodel import select
from tests.cli.commands import Run, set_up_town

from kursdocs.adapters.database import Database
from kursdocs.core import agencies
from kursdocs.core.agencies import Agency, Municipality

TODAY = datetime.now(UTC).date()


def test_settings_are_changed_and_told_by_name(
    run: Run, settings: dict[str, object], inside: Database
) -> None:
    set_up_town(run, settings)
    mailboxes = ("--mailbox", "kurse@vhs.example", "--head-mailbox", "leitung@vhs.example")

    first = run("agency", "set", "vhs", *mailboxes, "--hour", "8", "--land", "NW", **settings)
    again = run("agency", "set", "vhs", "--hour", "8", **settings)
    cleared = run("agency", "set", "vhs", "--mailbox", "", **settings)
    town = run("municipality", "set", "musterstadt", "--land", "BY", "--name", "Amt", **settings)

    told = "vhs: mailbox, digest_hour, head_mailbox, land changed.\n"
    assert (first.code, first.out, first.err) == (0, told, "")
    assert again.out == "vhs: nothing to change.\n"
    assert (cleared.code, cleared.err) == (0, "vhs has no mailbox: nobody there is reminded.\n")
    assert town.out == "musterstadt: name, land changed.\n"
    with inside.transaction() as session:
        agency = session.exec(select(Agency)).one()
        assert (agency.digest_hour, agency.land, agency.mailbox) == (8, "NW", "")
        row = session.exec(select(Municipality)).one()
        assert (row.name, row.land) == ("Amt", "BY")


def test_of_several_mistakes_each_is_named_and_nothing_is_changed(
    run: Run, settings: dict[str, object], inside: Database
) -> None:
    set_up_town(run, settings)
    wrong = ("--mailbox", "a@b.example\nBcc: c@d.example", "--land", "XX", "--hour", "19")

    refused = run("agency", "set", "vhs", *wrong, "--name", "Neu", **settings)
    unknown = run("agency", "set", "nirgends", "--hour", "9", **settings)

    assert refused.code == 1
    for code in ("mailbox_invalid", "land_unknown", "hour_out_of_range"):
        assert code in refused.err
    assert (unknown.code, "agency_unknown" in unknown.err) == (1, True)
    with inside.transaction() as session:
        agency = session.exec(select(Agency)).one()
        assert (agency.name, agency.digest_hour, agency.land) == ("VHS", 7, "")


def test_an_agency_pauses_and_works_again(
    run: Run, settings: dict[str, object], inside: Database
) -> None:
    set_up_town(run, settings)
    first, last = TODAY + timedelta(days=10), TODAY + timedelta(days=12)

    paused = run("agency", "pause", "vhs", str(first), f"{last:%d.%m.%Y}", **settings)
    twice = run("agency", "pause", "vhs", str(first), str(last), **settings)
    resumed, gone = (run("agency", "resume", "vhs", str(first), **settings) for _ in range(2))

    assert (paused.code, paused.out) == (0, f"vhs pauses from {first} to {last}.\n")
    assert (twice.code, "pause_overlaps" in twice.err) == (1, True)
    assert resumed.code == 0
    assert (gone.code, "no pause that begins" in gone.err) == (1, True)
    with inside.transaction() as session:
        agency = session.exec(select(Agency)).one()
        assert agencies.pauses_of(session, [agency.id]) == {}


def test_a_closed_agency_is_opened_again(run: Run, settings: dict[str, object]) -> None:
    set_up_town(run, settings)
    run("agency", "close", "vhs", **settings)

    reopened, again = (run("agency", "reopen", "vhs", **settings) for _ in range(2))

    assert (reopened.code, reopened.out) == (0, "Agency vhs is open again.\n")
    assert (again.code, "agency_open" in again.err) == (1, True)
