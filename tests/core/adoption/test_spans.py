"""Working time of very many spans is the same as that of each one counted out."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.adoption.town import local

from kursdocs.core.adoption import spans
from kursdocs.core.workdays import Workdays

BAVARIA = Workdays("BY", ((date(2026, 3, 30), date(2026, 4, 10)),), keeps_eves=True)
# Over both changes of the clocks, Easter, a pause and the end of the year.
MOMENTS = st.integers(0, 315 * 24 * 3600).map(
    lambda seconds: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@given(st.lists(st.tuples(MOMENTS, MOMENTS), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_many_at_once_are_as_long_as_each_one_counted_out(
    pairs: list[tuple[datetime, datetime]],
) -> None:
    ordered = [tuple(sorted(pair)) for pair in pairs]
    asked = [(int(start.timestamp()), int(end.timestamp())) for start, end in ordered]

    expected = [BAVARIA.minutes(start, end) for start, end in ordered]

    assert spans.minutes(BAVARIA, asked) == expected


def test_a_span_that_ends_before_it_begins_is_none() -> None:
    late, early = local("2026-11-23 12:00"), local("2026-11-23 09:00")

    asked = [(int(late.timestamp()), int(early.timestamp()))]

    assert spans.minutes(Workdays(), asked) == [0]
    assert spans.minutes(Workdays(), []) == []


def test_epiphany_is_a_working_day_in_one_land_and_none_in_the_other() -> None:
    """Tuesday 5 January 12:00 to Thursday 7 January 12:00."""
    start = int(local("2027-01-05 12:00").timestamp())
    end = int((local("2027-01-05 12:00") + timedelta(days=2)).timestamp())

    assert spans.minutes(Workdays("NW"), [(start, end)]) == [16 * 60]
    assert spans.minutes(Workdays("BY"), [(start, end)]) == [8 * 60]


def test_the_median_needs_five_and_the_percentile_ten() -> None:
    assert spans.median_hours([60, 120, 180, 240]) is None
    assert spans.median_hours([60, 120, 180, 240, 3000]) == 3.0
    assert spans.percentile_hours([60] * 9) is None
    assert spans.percentile_hours([60 * n for n in range(1, 11)]) == 9.0
