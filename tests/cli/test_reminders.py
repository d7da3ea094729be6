"""Reminding by command: looking ahead without a trace, and taking the demo to another day."""

import json
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
import typer
from sqlmodel import Session, col, select
from tests.cli.commands import Run
from tests.factories import (
    JOBCENTER,
    OFFICE,
    PROVIDER,
    make_document,
    make_person_actor,
    make_town,
)

from kursdocs.adapters.database import Database
from kursdocs.cli.options import moment_of
from kursdocs.core import agencies
from kursdocs.core.documents.tables import Delivery
from kursdocs.core.tables import metadata
from kursdocs.core.workdays import LOCAL, local_moment

MONDAY = date(2026, 3, 2)
TUESDAY, WEDNESDAY = "2026-03-03", "2026-03-04T07:30"
DESK = f"{OFFICE}@post.example"
OPENED = {"installation"}
"""Written by whoever opens an installation first."""


@pytest.fixture
def waiting(run: Run, settings: dict[str, object], inside: Database) -> dict[str, object]:
    """Settings of a town in which one paper has waited for the office since a Monday morning."""
    run("migrate", **settings)
    with inside.transaction() as session:
        town = make_town(session, now=local_moment(MONDAY, 8))
        sender = make_person_actor(session, town[PROVIDER])
        make_document(session, sender, OFFICE, now=local_moment(MONDAY, 10))
        agencies.note_look(session, town[OFFICE].id, now=local_moment(MONDAY, 8))
    return settings


def in_demo(settings: dict[str, object]) -> dict[str, object]:
    return {**settings, "DEMO": "true"}


def change(database: Database, slug: str, **values: object) -> None:
    with database.transaction() as session:
        agency = agencies.by_slug(session, slug)
        for name, value in values.items():
            setattr(agency, name, value)
        session.add(agency)


def rows(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table but those that opening writes."""

    def of(session: Session, name: str) -> list[tuple[object, ...]]:
        return sorted(map(tuple, session.connection().execute(tables[name].select())), key=repr)

    tables = {table.name: table for table in metadata.sorted_tables if table.name not in OPENED}
    with database.transaction() as session:
        return {name: of(session, name) for name in tables}


def mails(settings: dict[str, object]) -> list[EmailMessage]:
    """What lies in the folder, oldest first."""
    folder = Path(str(settings["SMTP_URL"]).removeprefix("folder:"))
    found = sorted(folder.glob("*.eml"))
    return [message_from_bytes(path.read_bytes(), policy=default) for path in found]


# -- looking -------------------------------------------------------------------------------


def test_a_dry_run_explains_each_mail_in_a_sentence_and_changes_nothing(
    run: Run, waiting: dict[str, object], inside: Database
) -> None:
    before = rows(inside)

    done = run("remind", "--dry-run", "--at", TUESDAY, **waiting)

    assert (done.code, done.err) == (0, "")
    (told,) = [line for line in done.out.splitlines() if "is reminded" in line]
    assert told.startswith(f"{OFFICE}: The desk is reminded (on Tuesday, 3 March, at 7:")
    assert "1 paper" in told
    assert f"{JOBCENTER}: The desk is not reminded because there is nothing new." in done.out
    assert rows(inside) == before
    assert mails(waiting) == []


def test_a_dry_run_answers_programs_in_json(run: Run, waiting: dict[str, object]) -> None:
    done = run("remind", "--dry-run", "--json", "--at", "2026-03-24", **waiting)

    told = [one["why"] for one in json.loads(done.out) if one["to"] == OFFICE]
    assert done.code == 0
    assert told[0].startswith("The desk is reminded (on Tuesday, 24 March, at 7:")


@pytest.mark.parametrize(
    ("moment", "why"),
    [
        ("2026-03-07", "because nobody works there today"),
        ("2026-03-03T06:59", "because the hour that was set has not come"),
        ("2026-03-03T20:00", "because no mail goes out so late"),
        ("2026-03-02T20:00", "because the news came after the hour that was set"),
    ],
)
def test_a_dry_run_says_why_nobody_is_mailed_then(
    run: Run, waiting: dict[str, object], moment: str, why: str
) -> None:
    done = run("remind", "--dry-run", "--at", moment, **waiting)

    assert done.code == 0
    assert done.out.startswith(f"{OFFICE}: The desk is not reminded ")
    assert why in done.out.splitlines()[0]


def test_an_agency_with_something_due_and_no_mailbox_is_named(
    run: Run, waiting: dict[str, object], inside: Database
) -> None:
    change(inside, OFFICE, mailbox="")

    done = run("remind", "--dry-run", "--at", TUESDAY, **waiting)

    assert done.out.startswith(f"{OFFICE}: The desk cannot be reminded because no mailbox is set.")


def test_a_dry_run_of_nothing_says_so(run: Run, settings: dict[str, object]) -> None:
    run("migrate", **settings)

    assert run("remind", "--dry-run", **settings).out == "Nothing is due.\n"
    assert json.loads(run("remind", "--dry-run", "--json", **settings).out) == []


# -- moments -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-12-01", datetime(2026, 12, 1, 11, tzinfo=UTC)),
        ("2026-07-01", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ("2026-12-01T07:30", datetime(2026, 12, 1, 6, 30, tzinfo=UTC)),
        ("2026-12-01 07:30", datetime(2026, 12, 1, 6, 30, tzinfo=UTC)),
        ("2026-12-01T07:30Z", datetime(2026, 12, 1, 7, 30, tzinfo=UTC)),
        ("2026-12-01T07:30+02:00", datetime(2026, 12, 1, 5, 30, tzinfo=UTC)),
        # Twice there that night: the first of them. Never there: as if the clocks had stayed.
        ("2026-10-25T02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2026-03-29T02:30", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        ("", datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_moment_is_local_unless_it_names_its_zone(text: str, moment: datetime) -> None:
    assert moment_of(text, datetime(2026, 1, 1, tzinfo=UTC)).astimezone(UTC) == moment


@pytest.mark.parametrize(
    "text", ["morgen", "01.12.2026", "2026-13-01", "2026-02-30", "2026-12-01T25:00", "7", "12345"]
)
def test_what_is_no_moment_is_refused_with_an_example(
    run: Run, waiting: dict[str, object], text: str
) -> None:
    with pytest.raises(typer.BadParameter, match="write it like 2026-12-01"):
        moment_of(text, datetime.now(LOCAL))
    if text == "morgen":
        done = run("remind", "--dry-run", "--at", text, **waiting)
        assert (done.code, done.out) == (2, "")
        assert "'morgen' is no moment" in done.err


# -- doing ---------------------------------------------------------------------------------


def test_real_papers_are_never_taken_to_another_day(
    run: Run, waiting: dict[str, object], inside: Database
) -> None:
    before = rows(inside)

    done = run("remind", "--at", TUESDAY, **waiting)

    assert (done.code, done.out) == (2, "")
    assert "another moment than now needs --dry-run" in done.err
    assert rows(inside) == before
    assert mails(waiting) == []


def test_in_the_demo_another_day_is_planned_and_delivered(
    run: Run, waiting: dict[str, object], inside: Database
) -> None:
    demo = in_demo(waiting)

    done = run("remind", "--at", TUESDAY, **demo)
    again = run("remind", "--at", TUESDAY, "--json", **demo)
    later = run("remind", "--at", WEDNESDAY, "--json", **demo)

    assert (done.code, done.out.splitlines()[-1]) == (
        0,
        "Mails sent: 1, not accepted: 0. Deliveries given back to their senders: 0.",
    )
    assert json.loads(again.out) == {"returned": 0, "sent": 0, "failed": 0}
    assert json.loads(later.out) == {"returned": 0, "sent": 1, "failed": 0}
    assert [(mail["To"], mail["Subject"]) for mail in mails(waiting)] == [
        (DESK, "kursdocs: 1 Papier wartet seit 1 Arbeitstag"),
        (DESK, "kursdocs: 1 Papier wartet seit 2 Arbeitstagen"),
    ]


def test_in_the_demo_the_end_of_the_ladder_can_be_seen(
    run: Run, waiting: dict[str, object], inside: Database
) -> None:
    told_of_all = run("remind", "--at", "2026-03-23", "--json", **in_demo(waiting))
    explained = run("remind", "--dry-run", "--at", "2026-03-26", **in_demo(waiting))
    done = run("remind", "--at", "2026-03-26", "--json", **in_demo(waiting))

    assert json.loads(told_of_all.out)["returned"] == 0, "nobody had heard of it before"
    back = "One paper goes back to its sender, untouched for 18 working days."
    assert f"{OFFICE}: {back}" in explained.out
    assert json.loads(done.out)["returned"] == 1
    with inside.transaction() as session:
        assert session.exec(select(col(Delivery.state))).one() == "returned"
    run("remind", "--at", "2026-03-27", **in_demo(waiting))
    told = {mail["To"]: mail["Subject"] for mail in mails(waiting)}
    assert told[f"{PROVIDER}@post.example"] == "kursdocs: 1 Papier zurückgekommen"


def test_taken_to_another_day_the_demo_keeps_office_hours(
    run: Run, waiting: dict[str, object]
) -> None:
    run("remind", "--at", "2026-03-07", **in_demo(waiting))

    assert mails(waiting) == []


def test_mails_that_are_not_accepted_make_the_command_fail(
    run: Run, waiting: dict[str, object], tmp_path: Path
) -> None:
    (tmp_path / "mail").write_text("no folder")

    done = run("remind", "--at", TUESDAY, **in_demo(waiting))

    assert done.code == 1
    assert done.out.startswith("Mails sent: 0, not accepted: 1.")


def test_now_is_the_moment_where_none_is_given(
    run: Run, waiting: dict[str, object], inside: Database
) -> None:
    """Outside the demo, and whatever day it is: everything lies far in the past by now."""
    change(inside, JOBCENTER, mailbox="")

    done = run("remind", "--json", **waiting)

    assert done.code == 0
    assert set(json.loads(done.out)) == {"returned", "sent", "failed"}


def test_a_folder_without_a_demo_is_told_how_to_start_one(run: Run, tmp_path: Path) -> None:
    done = run("remind", "--dry-run", "--var", str(tmp_path / "nothing"))

    assert done.code == 2
    assert "there is no demo in" in done.err
