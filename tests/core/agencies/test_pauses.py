"""Pauses of an agency: their days, their limits, and who learns of them."""

from datetime import date

import pytest
from sqlmodel import select
from tests.factories import NOW, OFFICE, PROVIDER, TESTS

from kursdocs.adapters.database import Database
from kursdocs.core import agencies
from kursdocs.core.agencies import Agency, AgencyPause
from kursdocs.core.audit import AuditEvent
from kursdocs.core.errors import Invalid, InvalidForm, NotFound

Town = dict[str, Agency]


def add(database: Database, agency: Agency, first: str, last: str) -> AgencyPause:
    typed = {"first_day": first, "last_day": last}
    with database.transaction() as session:
        row = session.get_one(Agency, agency.id)
        return agencies.add_pause(session, TESTS, row, typed, now=NOW)


def test_pauses_are_found_by_agency_and_taken_away_again(database: Database, town: Town) -> None:
    later = add(database, town[OFFICE], "2027-01-04", "2027-01-05")
    sooner = add(database, town[OFFICE], "24.12.2026", "31.12.2026")
    ids = [town[OFFICE].id, town[PROVIDER].id]

    with database.transaction() as session:
        found = agencies.pauses_of(session, ids)
        agencies.remove_pause(session, TESTS, town[OFFICE], sooner.id, now=NOW)
    with database.transaction() as session:
        left = agencies.pauses_of(session, ids)

    assert list(found) == [town[OFFICE].id]
    days = [(pause.first_day, pause.last_day) for pause in found[town[OFFICE].id]]
    assert days[0] == (date(2026, 12, 24), date(2026, 12, 31))
    assert [pause.id for pause in left[town[OFFICE].id]] == [later.id]
    with database.transaction() as session:
        events = session.exec(select(AuditEvent).order_by("seq")).all()[-3:]
        assert [event.happening.value for event in events] == [
            "agency.pause_added",
            "agency.pause_added",
            "agency.pause_removed",
        ]
        assert {event.agency_id for event in events} == {town[OFFICE].id}
        assert events[-1].detail == {
            "slug": OFFICE,
            "first_day": "2026-12-24",
            "last_day": "2026-12-31",
        }


def test_a_pause_of_another_agency_is_not_found(database: Database, town: Town) -> None:
    pause = add(database, town[OFFICE], "2027-01-04", "2027-01-05")

    with pytest.raises(NotFound), database.transaction() as session:
        agencies.remove_pause(session, TESTS, town[PROVIDER], pause.id, now=NOW)


# Today is Monday, 23 November 2026; from 4 January to 12 February 2027 are 30 working days.
REFUSED = (
    ("", "", "first_day", "form"),
    ("morgen", "24.12.2026", "first_day", "field_date_impossible"),
    ("30.02.2027", "03.03.2027", "first_day", "field_date_impossible"),
    ("24.12.2026", "23.12.2026", "last_day", "pause_order"),
    ("16.11.2026", "20.11.2026", "last_day", "pause_over"),
    ("24.12.2030", "27.12.2030", "first_day", "form"),
    ("04.01.2027", "15.02.2027", "last_day", "pause_too_long"),
    ("30.11.2026", "04.12.2026", "first_day", "pause_overlaps"),
    ("04.12.2026", "04.12.2026", "first_day", "pause_overlaps"),
    ("01.12.2026", "03.12.2026", "first_day", "pause_overlaps"),
)


@pytest.mark.parametrize(("first", "last", "field", "code"), REFUSED)
def test_what_is_no_pause_is_refused(
    database: Database, town: Town, first: str, last: str, field: str, code: str
) -> None:
    add(database, town[OFFICE], "02.12.2026", "04.12.2026")

    with pytest.raises((Invalid, InvalidForm)) as refused:
        add(database, town[OFFICE], first, last)

    if code == "form":
        assert isinstance(refused.value, InvalidForm)
        assert [m.field for m in refused.value.mistakes] == ["first_day", "last_day"]
    else:
        assert isinstance(refused.value, Invalid)
        assert (refused.value.field, refused.value.code) == (field, code)


def test_a_pause_counts_working_days_of_the_land_only(database: Database, town: Town) -> None:
    with database.transaction() as session:
        row = session.get_one(Agency, town[OFFICE].id)
        row.land = "BY"
        session.add(row)

    # Epiphany is a holiday in Bavaria: the thirty-first day is none.
    add(database, town[OFFICE], "04.01.2027", "15.02.2027")
    add(database, town[PROVIDER], "04.01.2027", "14.02.2027")
    with pytest.raises(Invalid):
        add(database, town[PROVIDER], "15.02.2027", "16.02.2027")


def test_pauses_without_a_working_day_between_count_as_one(database: Database, town: Town) -> None:
    add(database, town[OFFICE], "11.01.2027", "05.02.2027")
    add(database, town[OFFICE], "04.01.2027", "08.01.2027")
    add(database, town[OFFICE], "08.02.2027", "12.02.2027")

    for first, last in (("15.02.2027", "15.02.2027"), ("30.12.2026", "30.12.2026")):
        with pytest.raises(Invalid) as refused:
            add(database, town[OFFICE], first, last)
        assert refused.value.code == "pause_too_long"

    add(database, town[OFFICE], "16.02.2027", "17.02.2027")
