"""Deadlines: each recipient's own working days, counted from the offices' own day."""

from datetime import UTC, date, datetime

import pytest
from tests.factories import JOBCENTER, NOW, OFFICE, TESTS, make_town

from kursdocs.adapters.database import Database
from kursdocs.core import agencies
from kursdocs.core.documents.deadlines import due_dates


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        (datetime(2026, 11, 23, 22, 59, tzinfo=UTC), date(2026, 11, 24)),  # still Monday here
        (datetime(2026, 11, 23, 23, 1, tzinfo=UTC), date(2026, 11, 25)),  # already Tuesday
        (datetime(2026, 7, 6, 22, 1, tzinfo=UTC), date(2026, 7, 8)),  # the same in summer
    ],
)
def test_the_day_of_delivery_is_the_offices_own(
    moment: datetime, due: date, database: Database
) -> None:
    with database.transaction() as session:
        office = make_town(session)[OFFICE].id

        assert due_dates(session, [office], 1, now=moment) == {office: due}


def test_each_recipient_has_the_holidays_of_its_land_and_its_own_pauses(
    database: Database,
) -> None:
    with database.transaction() as session:
        town = make_town(session)
        office, jobcenter = town[OFFICE].id, town[JOBCENTER].id
        agencies.get(session, office).land = "BY"
        first, last = date(2026, 1, 7), date(2026, 1, 8)
        session.add(agencies.AgencyPause(agency_id=office, first_day=first, last_day=last))
        session.flush()

        found = due_dates(session, [office, jobcenter], 1, now=datetime(2026, 1, 5, 12, tzinfo=UTC))

    assert found == {office: date(2026, 1, 9), jobcenter: date(2026, 1, 6)}


def test_days_off_of_the_town_and_the_eves_count_for_nobody(database: Database) -> None:
    with database.transaction() as session:
        office = make_town(session)[OFFICE]
        town = agencies.town_of(session, OFFICE)
        typed = {"first_day": "21.12.2026", "last_day": "22.12.2026", "closing_name": "Stadtfest"}
        agencies.add_closing(session, TESTS, town, typed, now=NOW)
        # Friday; free are the 21st and 22nd, the 24th and the first day of Christmas.
        friday = datetime(2026, 12, 18, 12, tzinfo=UTC)
        closed = due_dates(session, [office.id], 2, now=friday)
        agencies.change_municipality(session, TESTS, town, {"keeps_eves": "no"}, now=NOW)
        working_eve = due_dates(session, [office.id], 2, now=friday)

    assert closed == {office.id: date(2026, 12, 28)}
    assert working_eve == {office.id: date(2026, 12, 24)}
