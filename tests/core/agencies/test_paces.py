"""Paces of reminders in the database: what is set, refused, fallen back to, and logged."""

from collections.abc import Mapping

import pytest
from sqlmodel import select
from tests.factories import (
    JOBCENTER,
    NOW,
    OFFICE,
    PROVIDER,
    TESTS,
    make_agency,
    make_catalogue,
    make_municipality,
)

from kursdocs.adapters.database import Database
from kursdocs.catalogue import AgencyKind
from kursdocs.core import agencies
from kursdocs.core.agencies import Agency, Municipality
from kursdocs.core.agencies.tables import AgencyPace, MunicipalityPace
from kursdocs.core.audit import AuditEvent
from kursdocs.core.errors import Invalid, InvalidForm

Town = dict[str, Agency]


def town_sets(database: Database, typed: Mapping[str, str]) -> list[str]:
    with database.transaction() as session:
        row = session.exec(select(Municipality).where(Municipality.slug == "musterstadt")).one()
        return list(
            agencies.change_municipality_paces(
                session, TESTS, make_catalogue(), row, typed, now=NOW
            )
        )


def agency_sets(database: Database, agency: Agency, typed: Mapping[str, str]) -> list[str]:
    with database.transaction() as session:
        row = session.get_one(Agency, agency.id)
        return list(
            agencies.change_agency_paces(session, TESTS, make_catalogue(), row, typed, now=NOW)
        )


def days(database: Database, agency: Agency, *rules: str) -> list[int]:
    with database.transaction() as session:
        found = agencies.paces_of(session, make_catalogue(), [agency.id])[agency.id]
    return [found.days(rule) for rule in rules]


def refused(error: pytest.ExceptionInfo[Exception]) -> list[tuple[str, str]]:
    made = error.value.mistakes if isinstance(error.value, InvalidForm) else [error.value]
    return [(one.field, one.code) for one in made if isinstance(one, Invalid)]


def test_what_a_municipality_and_an_agency_set_holds_there_only(
    database: Database, town: Town
) -> None:
    with database.transaction() as session:
        make_municipality(session, "beispielstadt")
        foreign = make_agency(
            session, "fremd", AgencyKind.JOBCENTER, municipality="beispielstadt", mailbox=""
        )

    town_sets(database, {"standard.desk": "3"})
    agency_sets(database, town[OFFICE], {"standard.desk": "1"})

    assert days(database, town[OFFICE], "standard.desk") == [1]
    assert days(database, town[PROVIDER], "standard.desk") == [3]
    assert days(database, foreign, "standard.desk") == [2]
    with database.transaction() as session:
        asked = [each.id for each in (*town.values(), foreign)]
        assert set(agencies.paces_of(session, make_catalogue(), asked)) == set(asked)


def test_an_empty_field_falls_back_and_a_missing_one_stays(database: Database, town: Town) -> None:
    town_sets(database, {"standard.desk": "3", "silence": "5", "silence.least": "4"})
    agency_sets(database, town[OFFICE], {"standard.desk": "1", "standard.deputy": "4"})

    assert town_sets(database, {"silence": " ", "silence.least": ""}) == ["silence"]
    assert agency_sets(database, town[OFFICE], {"standard.desk": ""}) == ["standard.desk"]
    assert agency_sets(database, town[OFFICE], {"standard.desk": ""}) == []
    rules = ("standard.desk", "standard.deputy", "silence")
    assert days(database, town[OFFICE], *rules) == [3, 4, 7]
    with database.transaction() as session:
        assert [row.rule for row in session.exec(select(MunicipalityPace))] == ["standard.desk"]
        assert [row.rule for row in session.exec(select(AgencyPace))] == ["standard.deputy"]


@pytest.mark.parametrize(
    ("typed", "mistakes"),
    [
        ({"silence": "x"}, [("silence", "pace_not_a_number")]),
        ({"silence": "1,5"}, [("silence", "pace_not_a_number")]),
        ({"silence": "-1"}, [("silence", "pace_not_a_number")]),
        ({"silence": "٣"}, [("silence", "pace_not_a_number")]),
        ({"silence": "None"}, [("silence", "pace_not_a_number")]),
        ({"silence": "0"}, [("silence", "pace_out_of_range")]),
        ({"silence": "61"}, [("silence", "pace_out_of_range")]),
        ({"request.before": "0"}, []),
        (
            {"silence.least": "9", "silence.most": "8"},
            [("silence.most", "pace_limits_order")],
        ),
        ({"silence.least": "8"}, [("silence.least", "pace_outside_limits")]),
        ({"silence.most": "6"}, [("silence.most", "pace_outside_limits")]),
        ({"standard.desk": "6"}, [("standard.desk", "pace_order")]),
        (
            {"standard.desk": "6", "standard.deputy": "5"},
            [("standard.deputy", "pace_order")],
        ),
        (
            {"standard.deputy": "11", "standard.return_after": "14"},
            [("standard.deputy", "pace_order"), ("standard.return_after", "pace_order")],
        ),
        ({"standard.return_after": "14"}, [("standard.return_after", "pace_order")]),
        (
            {"silence": "0", "standard.desk": "61", "standard.head": "?", "request.desk": "9"},
            [
                ("standard.desk", "pace_out_of_range"),
                ("standard.head", "pace_not_a_number"),
                ("request.desk", "pace_order"),
                ("silence", "pace_out_of_range"),
            ],
        ),
    ],
)
def test_a_municipality_is_told_what_is_wrong_before_anything_is_set(
    database: Database, town: Town, typed: Mapping[str, str], mistakes: list[tuple[str, str]]
) -> None:
    if not mistakes:
        assert town_sets(database, typed) == list(typed)
        return
    with pytest.raises((Invalid, InvalidForm)) as error:
        town_sets(database, {"prompt.head": "4", **typed})

    assert refused(error) == mistakes
    with database.transaction() as session:
        assert session.exec(select(MunicipalityPace)).all() == []


def test_a_step_out_of_order_is_told_with_the_names_of_both(database: Database, town: Town) -> None:
    with pytest.raises(Invalid) as error:
        town_sets(database, {"standard.deputy": "11"})

    assert error.value.details == {"earlier": "deputy", "later": "head"}


def test_an_agency_stays_within_the_limits_of_its_municipality(
    database: Database, town: Town
) -> None:
    town_sets(database, {"standard.head.most": "12", "standard.head.least": "9"})

    for typed, code in (("8", "pace_out_of_range"), ("13", "pace_out_of_range")):
        with pytest.raises(Invalid) as error:
            agency_sets(database, town[OFFICE], {"standard.head": typed})
        assert (error.value.code, error.value.details) == (code, {"min": 9, "max": 12})
    assert agency_sets(database, town[OFFICE], {"standard.head": "12"}) == ["standard.head"]
    with pytest.raises(Invalid) as later:
        agency_sets(database, town[JOBCENTER], {"standard.deputy": "6"})
    assert later.value.details == {"min": 1, "max": 5}


def test_an_agency_keeps_its_steps_in_order(database: Database, town: Town) -> None:
    with pytest.raises(Invalid) as error:
        agency_sets(database, town[OFFICE], {"standard.deputy": "1"})

    assert refused(error) == [("standard.deputy", "pace_order")]
    assert error.value.details == {"earlier": "desk", "later": "deputy"}


def test_limits_narrowed_later_bend_the_value_and_block_nobody(
    database: Database, town: Town
) -> None:
    agency_sets(database, town[OFFICE], {"standard.head": "9", "silence": "3"})

    town_sets(database, {"standard.head": "7"})

    assert days(database, town[OFFICE], "standard.head") == [7]
    typed = {"standard.head": "9", "silence": "2"}
    assert agency_sets(database, town[OFFICE], typed) == ["silence"]
    with database.transaction() as session:
        row = session.get_one(AgencyPace, (town[OFFICE].id, "standard.head"))
        assert row.days == 9


def test_rules_of_an_older_catalogue_are_ignored(database: Database, town: Town) -> None:
    with database.transaction() as session:
        office = town[OFFICE]
        session.add(AgencyPace(agency_id=office.id, rule="gone.desk", days=3))
        session.add(
            MunicipalityPace(municipality_id=office.municipality_id, rule="gone.head", days=3)
        )

    assert days(database, office, "standard.desk") == [2]
    assert agency_sets(database, office, {"gone.desk": "5", "silence": "3"}) == ["silence"]


def test_the_log_names_rules_and_no_values(database: Database, town: Town) -> None:
    town_sets(database, {"standard.desk": "3", "silence.least": "2"})
    agency_sets(database, town[OFFICE], {"silence": "4"})
    agency_sets(database, town[OFFICE], {"silence": "4"})

    with database.transaction() as session:
        query = select(AuditEvent).where(AuditEvent.happening == "paces.changed")
        told = session.exec(query.order_by(AuditEvent.seq)).all()  # type: ignore[arg-type]  # a column
    assert [(event.agency_id, event.detail) for event in told] == [
        (None, {"slug": "musterstadt", "rules": "standard.desk silence"}),
        (town[OFFICE].id, {"slug": OFFICE, "rules": "silence"}),
    ]
