"""The next days off in each Land."""

from datetime import date

from kursdocs.core.agencies.lands import LANDS, next_free_days


def test_the_next_free_days_are_those_of_the_land_and_of_the_working_week() -> None:
    start = date(2026, 12, 20)

    assert next_free_days("BY", start, 3) == [
        (date(2026, 12, 25), "Erster Weihnachtstag"),
        (date(2027, 1, 1), "Neujahr"),
        (date(2027, 1, 6), "Heilige Drei Könige"),
    ]
    assert [day for day, _ in next_free_days("BE", start, 3)] == [
        date(2026, 12, 25),
        date(2027, 1, 1),
        date(2027, 3, 8),
    ]
    assert next_free_days("", start, 3)[2] == (date(2027, 3, 26), "Karfreitag")


def test_every_land_has_days_off_within_a_year() -> None:
    for land in LANDS:
        assert len(next_free_days(land, date(2026, 12, 27), 4)) == 4, land
