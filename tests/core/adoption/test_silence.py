"""Who fell silent: nobody was there, although papers are to be expected."""

from datetime import date, timedelta

import pytest
from tests.core.adoption.town import local, put
from tests.factories import JOBCENTER, NOW, OFFICE, PROVIDER, make_agency, make_municipality

from kursdocs.adapters.database import Database
from kursdocs.core.adoption import Count, Silent, silent
from kursdocs.core.adoption.disclosure import FEW
from kursdocs.core.agencies import Agency

Town = dict[str, Agency]


@pytest.fixture
def town(town: Town, database: Database) -> Town:
    """The same town, in which everybody looked in this morning."""
    with database.transaction() as session:
        for agency in town.values():
            agency.created_at = NOW - timedelta(days=365)
            agency.looked_in_at = NOW
            session.add(agency)
    return town


def quiet(database: Database, town: Town, slug: str, looked_in: str | None) -> None:
    with database.transaction() as session:
        town[slug].looked_in_at = local(looked_in) if looked_in else None
        session.add(town[slug])


def found(database: Database, town: Town) -> list[Silent]:
    with database.transaction() as session:
        town_id = town[OFFICE].municipality_id
        return list(silent(session, town_id, after_days=7, now=NOW))


def test_where_somebody_looked_in_nobody_is_silent(database: Database, town: Town) -> None:
    with database.transaction() as session:
        put(session, town[PROVIDER], town[OFFICE], "2026-11-02 09:00", count=9)

    assert found(database, town) == []


def test_seven_days_without_a_look_are_silence_six_are_not(database: Database, town: Town) -> None:
    """Now is Monday, 23 November."""
    with database.transaction() as session:
        put(session, town[PROVIDER], town[OFFICE], "2026-11-03 09:00", count=9)
        put(session, town[PROVIDER], town[JOBCENTER], "2026-11-03 09:00", count=9)
    quiet(database, town, OFFICE, "2026-11-16 23:30")
    quiet(database, town, JOBCENTER, "2026-11-17 00:30")

    (one,) = found(database, town)

    assert (one.agency.slug, one.since, one.is_new) == (OFFICE, date(2026, 11, 16), False)
    assert (one.waiting, one.oldest_on) == (Count(9), date(2026, 11, 3))


def test_of_a_few_papers_only_that_they_are_few_is_told(database: Database, town: Town) -> None:
    with database.transaction() as session:
        put(session, town[PROVIDER], town[OFFICE], "2026-11-03 09:00", count=4)
    quiet(database, town, OFFICE, "2026-11-10 09:00")

    (one,) = found(database, town)

    assert (one.waiting, one.oldest_on) == (FEW, None)


def test_who_expects_nothing_may_be_silent(database: Database, town: Town) -> None:
    quiet(database, town, OFFICE, "2026-11-10 09:00")

    assert found(database, town) == []


def test_whose_own_papers_were_taken_over_lately_expects_others(
    database: Database, town: Town
) -> None:
    with database.transaction() as session:
        put(session, town[PROVIDER], town[OFFICE], "2026-10-13 09:00", "2026-10-14 09:00")
        put(session, town["sprachwerk"], town[OFFICE], "2026-06-09 09:00", "2026-06-10 09:00")
    quiet(database, town, PROVIDER, "2026-11-10 09:00")
    quiet(database, town, "sprachwerk", "2026-11-10 09:00")

    (one,) = found(database, town)

    assert (one.agency.slug, one.waiting) == (PROVIDER, Count(0))


def test_what_a_program_takes_over_is_no_silence(database: Database, town: Town) -> None:
    with database.transaction() as session:
        put(session, town[PROVIDER], town[OFFICE], "2026-11-02 09:00", count=9)
        put(session, town[PROVIDER], town[OFFICE], "2026-11-19 09:00", "2026-11-20 09:00")
    quiet(database, town, OFFICE, None)

    assert found(database, town) == []


def test_who_was_never_there_is_silent_since_its_opening_longest_first(
    database: Database, town: Town
) -> None:
    with database.transaction() as session:
        for slug in (OFFICE, JOBCENTER):
            put(session, town[PROVIDER], town[slug], "2026-11-03 09:00")
    quiet(database, town, OFFICE, "2026-11-10 09:00")
    quiet(database, town, JOBCENTER, None)

    never, lately = found(database, town)

    assert (never.agency.slug, never.is_new) == (JOBCENTER, True)
    assert lately.agency.slug == OFFICE


def test_closed_and_foreign_agencies_are_not_called(database: Database, town: Town) -> None:
    with database.transaction() as session:
        make_municipality(session, "fernstadt")
        far = make_agency(session, "fern", town[OFFICE].kind, municipality="fernstadt")
        far.created_at = NOW - timedelta(days=99)
        session.add(far)
        session.flush()
        put(session, town[PROVIDER], far, "2026-11-02 09:00", count=9)
        put(session, town[PROVIDER], town[OFFICE], "2026-11-02 09:00", count=9)
        town[OFFICE].closed_at = NOW
        session.add(town[OFFICE])
    quiet(database, town, OFFICE, "2026-11-02 09:00")

    assert found(database, town) == []
