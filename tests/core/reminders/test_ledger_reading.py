"""The ledger as pages read it: counts by mail, one's own only, and nothing of single papers."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.factories import (
    JOBCENTER,
    NOW,
    OFFICE,
    PROVIDER,
    make_agency,
    make_municipality,
    make_person_actor,
)

from kursdocs.adapters.database import Database
from kursdocs.catalogue import Addressee, AgencyKind
from kursdocs.core.access import Actor, Role
from kursdocs.core.agencies import Agency
from kursdocs.core.errors import Forbidden
from kursdocs.core.reminders import ledger_reading
from kursdocs.core.reminders.ledger_reading import Entry, LedgerPage, Reminded, Wanted
from kursdocs.core.reminders.tables import Clock, Outcome, Reminder
from kursdocs.core.tables import new_id
from kursdocs.core.workdays import local_date

DAY = timedelta(days=1)
ALWAYS = Wanted(NOW - 365 * DAY)


@pytest.fixture
def town(database: Database) -> dict[str, Agency]:
    """Three agencies of one town, and one of another."""
    with database.transaction() as session:
        make_municipality(session)
        make_municipality(session, "anderstadt")
        own = {slug: make_agency(session, slug) for slug in (OFFICE, JOBCENTER, PROVIDER)}
        kind = AgencyKind.JOBCENTER
        other = make_agency(session, "jobcenter-anderstadt", kind, municipality="anderstadt")
        return {**own, "other": other}


def note(database: Database, agency: Agency, *, days_ago: int = 0, **changes: Any) -> UUID:
    """One row of the ledger; the id of its mail."""
    values: dict[str, Any] = {
        "mail_id": new_id(),
        "agency_id": agency.id,
        "addressee": Addressee.DESK,
        "clock": Clock.WAITING,
        "subject_id": new_id(),
        "kind": "admission_ik_jc",
        "step": 2,
        "sent_at": NOW - days_ago * DAY,
    }
    row = Reminder(**{**values, **changes})
    with database.transaction() as session:
        session.add(row)
        session.flush()
        return row.mail_id


def actor(database: Database, agency: Agency, role: Role) -> Actor:
    with database.transaction() as session:
        return make_person_actor(session, agency, role)


@pytest.fixture
def ines(database: Database, town: dict[str, Agency]) -> Actor:
    """The coordinator."""
    return actor(database, town[OFFICE], Role.COORDINATOR)


@pytest.fixture
def karin(database: Database, town: dict[str, Agency]) -> Actor:
    """The head of the immigration office."""
    return actor(database, town[OFFICE], Role.HEAD)


def page(
    database: Database,
    reader: Actor,
    wanted: Wanted = ALWAYS,
    *,
    after: UUID | None = None,
    mails: int = 9,
) -> LedgerPage:
    with database.transaction() as session:
        return ledger_reading.page(session, reader, wanted, after=after, mails=mails)


def whole(database: Database, reader: Actor, wanted: Wanted = ALWAYS) -> list[Entry]:
    with database.transaction() as session:
        return list(ledger_reading.whole(session, reader, wanted))


def test_the_coordinator_reads_counts_by_mail_without_kinds(
    database: Database, town: dict[str, Agency], ines: Actor
) -> None:
    done: dict[str, Any] = {"outcome": Outcome.TAKEN_OVER, "done_at": NOW + DAY}
    mail_id = note(database, town[OFFICE], **done, done_after_minutes=100)
    same: dict[str, Any] = {"mail_id": mail_id}
    note(database, town[OFFICE], **same, **done, done_after_minutes=201, kind="entitlement_ik")
    note(database, town[OFFICE], **same)

    found = page(database, ines).entries

    shared = (local_date(NOW), mail_id, town[OFFICE].name, Addressee.DESK, Clock.WAITING, "", 2)
    assert sorted(found, key=lambda one: one.count) == [
        Entry(*shared, Outcome.OPEN, 1, None),
        Entry(*shared, Outcome.TAKEN_OVER, 2, 150),
    ]
    assert whole(database, ines) == list(found)


def test_the_head_reads_the_same_of_the_own_agency_with_kinds(
    database: Database, town: dict[str, Agency], karin: Actor
) -> None:
    mail_id = note(database, town[OFFICE])
    note(database, town[OFFICE], mail_id=mail_id, kind="entitlement_ik")
    note(database, town[JOBCENTER], mail_id=mail_id)

    found = page(database, karin).entries

    assert sorted((one.kind, one.count) for one in found) == [
        ("admission_ik_jc", 1),
        ("entitlement_ik", 1),
    ]
    assert {one.agency_name for one in whole(database, karin)} == {town[OFFICE].name}


def test_another_towns_reminders_are_not_there(
    database: Database, town: dict[str, Agency], ines: Actor
) -> None:
    mail_id = note(database, town["other"])
    note(database, town[OFFICE], days_ago=3)

    assert [one.agency_name for one in whole(database, ines)] == [town[OFFICE].name]
    assert len(page(database, ines, after=mail_id).entries) == 1, "begins from the start"


def test_clerks_and_auditors_read_none(database: Database, town: dict[str, Agency]) -> None:
    for role in (Role.CLERK, Role.AUDITOR):
        with pytest.raises(Forbidden):
            page(database, actor(database, town[OFFICE], role))


def test_the_ledger_is_turned_mail_by_mail_and_none_is_left_out(
    database: Database, town: dict[str, Agency], ines: Actor
) -> None:
    for days_ago in (0, 0, 1, 2, 2):
        mail_id = note(database, town[OFFICE], days_ago=days_ago)
        note(database, town[OFFICE], days_ago=days_ago, mail_id=mail_id, step=5)
    seen: list[Entry] = []
    after: UUID | None = None

    for _ in range(3):
        shown = page(database, ines, after=after, mails=2)
        seen += shown.entries
        after = shown.following

    assert after is None
    assert seen == whole(database, ines)
    assert len({one.mail_id for one in seen}) == 5
    assert [one.day for one in seen] == sorted((one.day for one in seen), reverse=True)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(NOW - 10 * DAY), 3),
        (Wanted(NOW - 40 * DAY), 4),
        (Wanted(NOW - 40 * DAY, agency=JOBCENTER), 1),
        (Wanted(NOW - 40 * DAY, clock=Clock.REQUEST), 1),
        (Wanted(NOW - 40 * DAY, outcome=Outcome.TAKEN_OVER), 1),
        (Wanted(NOW - 40 * DAY, agency="nirgends"), 0),
    ],
)
def test_what_is_wanted_narrows_page_and_whole_alike(
    wanted: Wanted, expected: int, database: Database, town: dict[str, Agency], ines: Actor
) -> None:
    note(database, town[OFFICE])
    note(database, town[OFFICE], clock=Clock.REQUEST, kind="")
    note(database, town[JOBCENTER])
    done: dict[str, Any] = {"outcome": Outcome.TAKEN_OVER, "done_at": NOW, "done_after_minutes": 5}
    note(database, town[OFFICE], days_ago=30, **done)

    assert len(page(database, ines, wanted).entries) == expected
    assert len(whole(database, ines, wanted)) == expected


# -- one paper or request ------------------------------------------------------------------


def reminded(database: Database, clock: Clock, *subject_ids: UUID) -> object:
    with database.transaction() as session:
        return ledger_reading.reminded(session, clock, subject_ids)


def test_days_are_counted_on_which_the_agency_was_reminded_whoever_of_it_was_told(
    database: Database, town: dict[str, Agency]
) -> None:
    subject, office = new_id(), town[OFFICE]
    about: dict[str, Any] = {"subject_id": subject}
    note(database, office, **about, days_ago=10, step=0)
    note(database, office, **about, days_ago=8, step=2)
    note(database, office, **about, days_ago=5, step=5)
    note(database, office, **about, days_ago=5, step=5, addressee=Addressee.DEPUTY)
    note(database, office, **about, days_ago=1, step=10, outcome=Outcome.UNDELIVERED)
    note(database, office, **about, days_ago=0, step=15, addressee=Addressee.COORDINATOR)
    note(database, office, **about, days_ago=0, clock=Clock.DELETION)
    note(database, office, days_ago=0)

    found = reminded(database, Clock.WAITING, subject)

    assert found == {subject: Reminded(2, local_date(NOW - 5 * DAY))}


def test_that_something_came_is_no_reminder_but_what_is_told_ahead_of_a_day_is_one(
    database: Database, town: dict[str, Agency]
) -> None:
    paper, request = new_id(), new_id()
    note(database, town[OFFICE], subject_id=paper, step=0)
    note(database, town[PROVIDER], subject_id=request, clock=Clock.REQUEST, step=-2)
    assert reminded(database, Clock.REQUEST, request) == {}
    note(database, town[PROVIDER], subject_id=request, clock=Clock.REQUEST, step=-1)

    assert reminded(database, Clock.WAITING, paper) == {}
    assert reminded(database, Clock.REQUEST, request) == {request: Reminded(1, date(2026, 11, 23))}
    assert reminded(database, Clock.REQUEST) == {}
