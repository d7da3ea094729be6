"""The monthly note: exactly that month, as the clocks on the walls of the offices show it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import pytest
from tests.core.adoption.town import local, put
from tests.factories import JOBCENTER, NOW, OFFICE, PROVIDER, make_agency, make_municipality

from kursdocs.adapters.database import Database
from kursdocs.catalogue import AgencyKind
from kursdocs.core.adoption import MonthNumbers, monthly
from kursdocs.core.agencies import Agency
from kursdocs.core.workdays import Workdays

OCTOBER = date(2026, 10, 1)
EMPTY = MonthNumbers(OCTOBER, 0, 0, 0, None, 0, 4)


@pytest.fixture
def town(town: dict[str, Agency], database: Database) -> dict[str, Agency]:
    """The same town, which was there already when these papers went through it."""
    with database.transaction() as session:
        for agency in town.values():
            agency.created_at = NOW - timedelta(days=365)
            session.add(agency)
    return town


def october(database: Database, town: Mapping[str, Agency], slug: str) -> MonthNumbers:
    ids = [agency.id for agency in town.values()]
    with database.transaction() as session:
        days = dict.fromkeys(ids, Workdays("NW"))
        return monthly(session, ids, first_day=OCTOBER, workdays=days)[town[slug].id]


def test_a_month_without_anything_has_numbers_too(
    database: Database, town: dict[str, Agency]
) -> None:
    assert october(database, town, PROVIDER) == EMPTY


def test_a_month_ends_with_the_local_midnight_after_the_clocks_have_changed(
    database: Database, town: dict[str, Agency]
) -> None:
    """30 September 23:59 is summer time, 31 October 23:59 is not."""
    with database.transaction() as session:
        for moment in (
            "2026-09-30 23:59",
            "2026-10-01 00:00",
            "2026-10-31 23:59",
            "2026-11-01 00:00",
        ):
            put(session, town[PROVIDER], town[OFFICE], moment)

    assert october(database, town, PROVIDER) == replace(EMPTY, sent=2, active_agencies=1)
    assert october(database, town, OFFICE).received == 2


def test_the_median_is_of_working_hours_over_the_weekend_of_the_clock_change(
    database: Database, town: dict[str, Agency]
) -> None:
    """Friday 15:00 to Monday 10:00 are three hours, though the night was one hour longer."""
    with database.transaction() as session:
        put(session, town[PROVIDER], town[OFFICE], "2026-10-23 15:00", "2026-10-26 10:00", count=5)

    numbers = october(database, town, OFFICE)

    assert (numbers.taken_over, numbers.median_hours) == (5, 3.0)
    assert numbers.active_agencies == 2


def test_four_papers_have_no_median(database: Database, town: dict[str, Agency]) -> None:
    with database.transaction() as session:
        put(session, town[PROVIDER], town[OFFICE], "2026-10-12 09:00", "2026-10-12 10:00", count=4)

    assert october(database, town, OFFICE).median_hours is None


def test_what_is_handed_on_counts_for_who_handed_it_on(
    database: Database, town: dict[str, Agency]
) -> None:
    with database.transaction() as session:
        put(
            session,
            town[PROVIDER],
            town[JOBCENTER],
            "2026-10-12 09:00",
            forwarded_by=town[OFFICE],
        )

    assert october(database, town, PROVIDER).sent == 0
    assert october(database, town, OFFICE).sent == 1


def test_another_municipality_neither_adds_papers_nor_agencies(
    database: Database, town: dict[str, Agency]
) -> None:
    with database.transaction() as session:
        make_municipality(session, "fernstadt")
        far = [
            make_agency(
                session, slug, kind, municipality="fernstadt", now=local("2026-01-05 08:00")
            )
            for slug, kind in (
                ("fern-1", AgencyKind.JOBCENTER),
                ("fern-2", AgencyKind.COURSE_PROVIDER),
            )
        ]
        session.flush()
        put(session, far[1], far[0], "2026-10-12 09:00", "2026-10-12 10:00", count=9)

    assert october(database, town, JOBCENTER) == EMPTY


def test_agencies_that_came_later_or_had_closed_do_not_count_as_missing(
    database: Database, town: dict[str, Agency]
) -> None:
    with database.transaction() as session:
        town[JOBCENTER].created_at = local("2026-11-02 08:00")
        town["sprachwerk"].closed_at = local("2026-10-30 08:00")
        session.add_all([town[JOBCENTER], town["sprachwerk"]])

    assert october(database, town, PROVIDER).all_agencies == 2
