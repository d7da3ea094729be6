"""Weeks and months of the offices, by the clock on the wall."""

from datetime import date

from tests.core.adoption.town import local

from kursdocs.core.adoption.periods import Week, month_bounds, period


def test_twelve_whole_weeks_and_the_running_one_stand_until_now() -> None:
    shown = period(local("2026-11-25 10:00"))

    assert (shown.first_day, shown.last_day) == (date(2026, 8, 31), date(2026, 11, 29))
    assert [week.is_running for week in shown.weeks] == [False] * 12 + [True]
    assert (shown.weeks[-1].number, shown.weeks[-1].last_day) == (48, date(2026, 11, 29))


def test_an_earlier_end_shows_twelve_weeks_none_of_them_running() -> None:
    shown = period(local("2026-11-25 10:00"), last=date(2026, 11, 19))

    assert shown.weeks[0] == Week(date(2026, 8, 31))
    assert shown.weeks[-1] == Week(date(2026, 11, 16))
    assert len(shown.weeks) == 12


def test_an_end_that_is_not_over_yet_is_that_of_the_running_week() -> None:
    now = local("2026-11-25 10:00")

    assert period(now, last=date(2030, 1, 1)) == period(now)
    assert period(now, last=date(2026, 11, 23)) == period(now)


def test_a_week_begins_at_the_local_midnight_in_summer_and_in_winter() -> None:
    """The clocks went back on 25 October: that week has one hour more."""
    shown = period(local("2026-11-02 10:00"), last=date(2026, 10, 26), weeks=2)

    summer, between, winter = (moment.utcoffset() for moment in shown.bounds)
    assert [moment.isoformat()[:16] for moment in shown.bounds] == [
        "2026-10-19T00:00",
        "2026-10-26T00:00",
        "2026-11-02T00:00",
    ]
    assert summer != between == winter
    first, second, _ = (moment.timestamp() for moment in shown.bounds)
    assert second - first == (7 * 24 + 1) * 3600


def test_sunday_night_still_belongs_to_the_week() -> None:
    assert period(local("2026-11-22 23:59")).last_day == date(2026, 11, 22)
    assert period(local("2026-11-23 00:00")).last_day == date(2026, 11, 29)


def test_a_month_ends_where_the_next_one_begins_also_at_the_end_of_a_year() -> None:
    first, end = month_bounds(date(2026, 12, 17))

    assert (first, end) == (local("2026-12-01 00:00"), local("2027-01-01 00:00"))
