"""An agency's own numbers: all of its own, and nothing of any other one."""

from datetime import timedelta

import pytest
from tests.core.adoption.town import local, put
from tests.factories import JOBCENTER, NOW, OFFICE, PROVIDER

from kursdocs.adapters.database import Database
from kursdocs.core import adoption
from kursdocs.core.adoption import OwnNumbers
from kursdocs.core.adoption.numbers import Speed
from kursdocs.core.agencies import Agency

Town = dict[str, Agency]
SPRACHWERK = "sprachwerk"
WEDNESDAY = local("2026-10-28 10:00")


@pytest.fixture
def town(town: Town, database: Database) -> Town:
    """The same town, a year old."""
    with database.transaction() as session:
        for agency in town.values():
            agency.created_at = NOW - timedelta(days=365)
            session.add(agency)
    return town


def own(database: Database, agency: Agency) -> OwnNumbers:
    shown = adoption.period(WEDNESDAY, weeks=3)
    with database.transaction() as session:
        return adoption.own(session, agency.id, shown, now=WEDNESDAY)


def test_its_own_counts_are_shown_however_small(database: Database, town: Town) -> None:
    with database.transaction() as session:
        put(session, town[PROVIDER], town[OFFICE], "2026-10-13 09:00", "2026-10-26 10:00", count=2)
        put(session, town[OFFICE], town[PROVIDER], "2026-10-20 09:00")
        put(session, town[PROVIDER], town[OFFICE], "2026-10-26 09:00", count=3)
        put(session, town[PROVIDER], town[JOBCENTER], "2026-10-26 09:00", count=90)

    numbers = own(database, town[OFFICE])

    assert [week.received for week in numbers.weeks] == [0, 2, 0, 3]
    assert [week.sent for week in numbers.weeks] == [0, 0, 1, 0]
    assert [week.taken_over for week in numbers.weeks] == [0, 0, 0, 2]
    assert numbers.not_carried == 6
    assert (numbers.waiting, numbers.by_age) == (3, [3, 0, 0, 0])
    assert numbers.speed == Speed(None, None)


def test_the_municipality_stands_beside_it_only_where_it_tells_of_nobody(
    database: Database, town: Town
) -> None:
    at, quick, slow = "2026-10-26 08:00", "2026-10-26 09:00", "2026-10-27 08:00"
    with database.transaction() as session:
        put(session, town[PROVIDER], town[OFFICE], at, quick, count=5)
        put(session, town[OFFICE], town[PROVIDER], at, slow, count=10)
        put(session, town[OFFICE], town[SPRACHWERK], at, slow, count=10)

    assert own(database, town[OFFICE]).speed.median == 1.0
    assert own(database, town[OFFICE]).town_median is None

    with database.transaction() as session:
        put(session, town[PROVIDER], town[JOBCENTER], at, slow, count=10)

    numbers = own(database, town[OFFICE])
    assert numbers.town_median == 8.0
    assert [week.town_median for week in numbers.weeks] == [None, None, None, 8.0]
