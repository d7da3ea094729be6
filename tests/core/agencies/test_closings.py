"""Closings of a municipality: their days, their limits, and whom they reach."""

from collections.abc import Sequence
from datetime import date

import pytest
from sqlmodel import select
from tests.factories import NOW, OFFICE, PROVIDER, TESTS, make_municipality

from kursdocs.adapters.database import Database
from kursdocs.core import agencies
from kursdocs.core.agencies import Agency, Municipality, MunicipalityClosing
from kursdocs.core.audit import AuditEvent
from kursdocs.core.errors import Invalid, InvalidForm, NotFound

Town = dict[str, Agency]
CARNIVAL = date(2027, 2, 8)


def add(
    database: Database, first: str, last: str, name: str = "Rosenmontag", town: str = "musterstadt"
) -> MunicipalityClosing:
    typed = {"first_day": first, "last_day": last, "closing_name": name}
    with database.transaction() as session:
        row = agencies.municipality_by_slug(session, town)
        return agencies.add_closing(session, TESTS, row, typed, now=NOW)


def works(database: Database, agency: Agency, day: date) -> bool:
    with database.transaction() as session:
        return agencies.workdays_of(session, [agency.id])[agency.id].includes(day)


def told(error: pytest.ExceptionInfo[Exception]) -> Sequence[tuple[str, str]]:
    made = error.value.mistakes if isinstance(error.value, InvalidForm) else [error.value]
    return [(one.field, one.code) for one in made if isinstance(one, Invalid)]


def test_a_closing_is_free_for_every_agency_of_its_town_until_it_is_removed(
    database: Database, town: Town
) -> None:
    with database.transaction() as session:
        make_municipality(session, "beispielstadt")
    closing = add(database, "08.02.2027", "2027-02-08", " Rosenmontag ")

    assert [works(database, town[slug], CARNIVAL) for slug in (OFFICE, PROVIDER)] == [False, False]
    with database.transaction() as session:
        own = agencies.municipality_by_slug(session, "musterstadt")
        far = agencies.municipality_by_slug(session, "beispielstadt")
        assert not agencies.town_workdays(session, own).includes(CARNIVAL)
        assert agencies.town_workdays(session, far).includes(CARNIVAL)
        assert [each.name for each in agencies.closings_of(session, own.id)] == ["Rosenmontag"]
        assert agencies.closings_of(session, far.id) == []
        with pytest.raises(NotFound):
            agencies.remove_closing(session, TESTS, far, closing.id, now=NOW)
        agencies.remove_closing(session, TESTS, own, closing.id, now=NOW)
    assert works(database, town[OFFICE], CARNIVAL)


@pytest.mark.parametrize(
    ("first", "last", "name", "mistakes"),
    [
        ("2027-02-09", "2027-02-08", "x", [("last_day", "closing_order")]),
        ("2026-11-19", "2026-11-20", "x", [("last_day", "closing_over")]),
        ("2027-02-06", "2027-02-08", "x", [("first_day", "closing_overlaps")]),
        ("2027-03-01", "2027-03-15", "x", [("last_day", "closing_too_long")]),
        ("31.02.2027", "2027-03-15", "x", [("first_day", "field_date_impossible")]),
        ("2027-03-01", "2027-03-01", "x" * 61, [("closing_name", "closing_name_invalid")]),
        ("2027-03-01", "2027-03-01", "a\nb", [("closing_name", "closing_name_invalid")]),
        (
            "",
            "x",
            " ",
            [
                ("first_day", "field_missing"),
                ("last_day", "field_date_impossible"),
                ("closing_name", "closing_name_invalid"),
            ],
        ),
    ],
)
def test_days_that_make_no_sense_are_refused_and_nothing_is_added(
    database: Database,
    town: Town,
    first: str,
    last: str,
    name: str,
    mistakes: Sequence[tuple[str, str]],
) -> None:
    add(database, "2027-02-08", "2027-02-09")

    with pytest.raises((Invalid, InvalidForm)) as error:
        add(database, first, last, name)

    assert told(error) == mistakes
    with database.transaction() as session:
        assert len(session.exec(select(MunicipalityClosing)).all()) == 1


def test_ten_working_days_are_the_most_and_free_ones_do_not_count(
    database: Database, town: Town
) -> None:
    # 24 and 31 December, Christmas, New Year and the weekends are free anyway.
    assert add(database, "2026-12-21", "2027-01-07").last_day == date(2027, 1, 7)


def test_an_agency_learns_from_the_town_whether_it_keeps_the_eves(
    database: Database, town: Town
) -> None:
    eve = date(2026, 12, 24)
    assert not works(database, town[OFFICE], eve)

    with database.transaction() as session:
        own = session.exec(select(Municipality)).one()
        agencies.change_municipality(session, TESTS, own, {"keeps_eves": "no"}, now=NOW)

    assert works(database, town[OFFICE], eve)


def test_pauses_on_both_sides_of_a_closing_count_as_one(database: Database, town: Town) -> None:
    add(database, "2027-02-08", "2027-02-09")

    def pause(first: str, last: str) -> None:
        typed = {"first_day": first, "last_day": last}
        with database.transaction() as session:
            row = session.get_one(Agency, town[OFFICE].id)
            agencies.add_pause(session, TESTS, row, typed, now=NOW)

    pause("2027-01-11", "2027-02-05")

    with pytest.raises(Invalid) as error:
        pause("2027-02-10", "2027-02-26")
    assert error.value.code == "pause_too_long"


def test_the_log_has_the_days_and_not_the_name(database: Database, town: Town) -> None:
    closing = add(database, "2027-02-08", "2027-02-09")
    with database.transaction() as session:
        own = session.exec(select(Municipality)).one()
        agencies.remove_closing(session, TESTS, own, closing.id, now=NOW)
        found = session.exec(select(AuditEvent).order_by(AuditEvent.seq)).all()[-2:]  # type: ignore[arg-type]  # a column

    days = {"slug": "musterstadt", "first_day": "2027-02-08", "last_day": "2027-02-09"}
    assert [(str(event.happening), event.detail) for event in found] == [
        ("municipality.closing_added", days),
        ("municipality.closing_removed", days),
    ]
