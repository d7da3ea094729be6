"""Working days: what is counted, and in whose time zone the counting starts."""

from datetime import UTC, date, datetime

import pytest

from kursdocs.core.documents.deadlines import add_working_days, due_on


@pytest.mark.parametrize(
    ("start", "days", "due"),
    [
        ("2026-11-23", 0, "2026-11-23"),  # nothing to count
        ("2026-11-23", 1, "2026-11-24"),  # Monday: the day itself is not counted
        ("2026-11-27", 1, "2026-11-30"),  # Friday
        ("2026-11-28", 1, "2026-11-30"),  # Saturday
        ("2026-11-29", 1, "2026-11-30"),  # Sunday
        ("2026-11-23", 5, "2026-11-30"),  # a whole week
        ("2025-10-02", 1, "2025-10-06"),  # 3 October was a Friday: to Monday
        ("2025-10-03", 1, "2025-10-06"),  # starting on it
        ("2026-12-23", 6, "2027-01-04"),  # Christmas, a weekend, 31 December, New Year
        ("2026-12-24", 1, "2026-12-28"),  # both days of Christmas are Friday and Saturday
        ("2026-04-02", 2, "2026-04-08"),  # Good Friday and Easter Monday
        ("2026-04-30", 1, "2026-05-04"),  # 1 May
        ("2026-05-13", 1, "2026-05-15"),  # Ascension
        ("2026-05-22", 1, "2026-05-26"),  # Whit Monday
        ("2026-06-03", 1, "2026-06-04"),  # Corpus Christi is not kept everywhere
    ],
)
def test_only_days_on_which_offices_work_are_counted(start: str, days: int, due: str) -> None:
    assert add_working_days(date.fromisoformat(start), days) == date.fromisoformat(due)


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        (datetime(2026, 11, 23, 22, 59, tzinfo=UTC), date(2026, 11, 24)),  # still Monday here
        (datetime(2026, 11, 23, 23, 1, tzinfo=UTC), date(2026, 11, 25)),  # already Tuesday
        (datetime(2026, 7, 6, 22, 1, tzinfo=UTC), date(2026, 7, 8)),  # the same in summer
    ],
)
def test_the_day_of_delivery_is_the_offices_own(moment: datetime, due: date) -> None:
    assert due_on(moment, 1) == due
