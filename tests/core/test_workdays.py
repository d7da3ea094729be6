"""Working days: each Land's own holidays, pauses, and nights on which the clocks change."""

from datetime import UTC, date, datetime, timedelta

import pytest

from kursdocs.core.workdays import LOCAL, Workdays, local_date, local_moment

EPIPHANY = date(2026, 1, 6)  # a Tuesday


@pytest.mark.parametrize(
    ("land", "works"),
    [("BY", False), ("BW", False), ("ST", False), ("BE", True), ("NW", True), ("", True)],
)
def test_epiphany_is_a_holiday_where_the_land_keeps_it(land: str, works: bool) -> None:
    assert Workdays(land).includes(EPIPHANY) is works


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 3, 6), True),  # Friday
        (date(2026, 3, 7), False),
        (date(2026, 3, 8), False),
        (date(2026, 4, 3), False),  # Good Friday
        (date(2026, 4, 6), False),  # Easter Monday
        (date(2026, 12, 24), True),  # no holiday by law
        (date(2026, 12, 25), False),
    ],
)
def test_weekends_and_nationwide_holidays_are_free_everywhere(day: date, works: bool) -> None:
    assert Workdays().includes(day) is works


def test_the_first_day_is_not_counted() -> None:
    friday, monday = date(2026, 3, 6), date(2026, 3, 9)

    assert Workdays().between(friday, friday) == 0
    assert Workdays().between(friday, date(2026, 3, 8)) == 0
    assert Workdays().between(friday, monday) == 1
    assert Workdays().after(friday, 1) == monday


@pytest.mark.parametrize(
    ("start", "days", "due"),
    [
        ("2026-11-23", 0, "2026-11-23"),  # nothing to count
        ("2026-11-28", 1, "2026-11-30"),  # Saturday
        ("2026-11-23", 5, "2026-11-30"),  # a whole week
        ("2025-10-02", 1, "2025-10-06"),  # 3 October was a Friday: to Monday
        ("2026-12-23", 6, "2027-01-04"),  # Christmas, a weekend, 31 December, New Year
        ("2026-04-02", 2, "2026-04-08"),  # Good Friday and Easter Monday
        ("2026-05-22", 1, "2026-05-26"),  # Whit Monday
        ("2026-06-03", 1, "2026-06-04"),  # Corpus Christi is not kept everywhere
    ],
)
def test_deadlines_skip_what_all_of_germany_keeps(start: str, days: int, due: str) -> None:
    assert Workdays().after(date.fromisoformat(start), days) == date.fromisoformat(due)


def test_a_pause_counts_for_nothing() -> None:
    closed = Workdays("NW", ((date(2026, 3, 9), date(2026, 3, 13)),))

    assert not closed.includes(date(2026, 3, 11))
    assert closed.after(date(2026, 3, 6), 1) == date(2026, 3, 16)
    assert closed.between(date(2026, 3, 6), date(2026, 3, 16)) == 1


def test_counting_forward_and_back_agree_through_a_whole_year() -> None:
    days = Workdays("BY")
    start = date(2026, 1, 2)

    for count in range(1, 240):
        assert days.between(start, days.after(start, count)) == count


@pytest.mark.parametrize(
    ("day", "utc_hour"),
    [
        (date(2026, 3, 28), 6),  # the day before summer time
        (date(2026, 3, 29), 5),
        (date(2026, 10, 24), 5),
        (date(2026, 10, 25), 6),  # the day on which it ends
    ],
)
def test_seven_o_clock_is_seven_o_clock_on_both_changes_of_the_clocks(
    day: date, utc_hour: int
) -> None:
    assert local_moment(day, 7).astimezone(UTC).hour == utc_hour


def test_the_local_day_begins_at_local_midnight() -> None:
    assert local_date(datetime(2026, 7, 1, 21, 59, tzinfo=UTC)) == date(2026, 7, 1)
    assert local_date(datetime(2026, 7, 1, 22, 0, tzinfo=UTC)) == date(2026, 7, 2)
    assert local_date(datetime(2026, 12, 1, 22, 59, tzinfo=UTC)) == date(2026, 12, 1)
    assert local_date(datetime(2026, 12, 1, 23, 0, tzinfo=UTC)) == date(2026, 12, 2)


def test_free_days_are_the_holidays_on_which_one_would_else_work() -> None:
    free = list(Workdays("NW").free_days(date(2026, 5, 1), date(2026, 6, 30)))

    assert free == [date(2026, 5, 1), date(2026, 5, 14), date(2026, 5, 25), date(2026, 6, 4)]


@pytest.mark.parametrize(("keeps", "works"), [(True, False), (False, True)])
@pytest.mark.parametrize("day", [date(2026, 12, 24), date(2026, 12, 31)])
def test_the_eves_are_free_where_the_municipality_keeps_them(
    day: date, keeps: bool, works: bool
) -> None:
    assert Workdays("NW", keeps_eves=keeps).includes(day) is works


def berlin(day: int, hour: int, minute: int = 0, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=LOCAL).astimezone(UTC)


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        (berlin(2, 9), berlin(2, 11), 2),  # a Monday
        (berlin(2, 6), berlin(2, 23), 8),
        (berlin(2, 15), berlin(3, 9), 2),
        (berlin(6, 15), berlin(9, 9), 2),  # over the weekend
        (berlin(7, 10), berlin(8, 10), 0),
        (berlin(2, 9), berlin(6, 9), 32),
        (berlin(27, 15), berlin(30, 9), 2),  # over the night without an hour
        (berlin(23, 15, month=10), berlin(26, 9, month=10), 2),  # and the one with an hour more
        (berlin(2, 12, month=4), berlin(7, 12, month=4), 8),  # Easter: Friday and Monday are free
    ],
)
def test_working_time_is_eight_hours_of_each_working_day(
    start: datetime, end: datetime, hours: int
) -> None:
    assert Workdays("NW").minutes(start, end) == hours * 60


def test_working_time_is_cut_to_whole_minutes_and_never_negative() -> None:
    start = berlin(2, 9)

    assert Workdays().minutes(start, start + timedelta(seconds=119)) == 1
    assert Workdays().minutes(start, start - timedelta(hours=3)) == 0
    assert Workdays().minutes(start, start - timedelta(days=9)) == 0


def test_a_pause_takes_its_days_out_of_the_working_time() -> None:
    closed = Workdays("NW", ((date(2026, 3, 3), date(2026, 3, 5)),))

    assert closed.minutes(berlin(2, 12), berlin(6, 12)) == 8 * 60
