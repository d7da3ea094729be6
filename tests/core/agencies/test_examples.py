"""What paces come to in a calendar, compared with days counted by hand."""

from datetime import date

from tests.factories import make_catalogue

from kursdocs.catalogue import Addressee, Ladder, Steps
from kursdocs.core.agencies.examples import of_ladder, of_request, of_silence
from kursdocs.core.workdays import Workdays

# Monday before Easter 2026; Good Friday is 3 April, Easter Monday the 6th.
MONDAY = date(2026, 3, 30)
BAVARIA = Workdays("BY", (), keeps_eves=True)


def test_the_steps_of_a_ladder_skip_holidays_and_it_goes_back_after_its_last_day() -> None:
    ladder = Ladder("x", ((2, Addressee.DESK), (4, Addressee.HEAD)), return_after=5)

    assert of_ladder(ladder, BAVARIA, MONDAY) == [
        ("desk", date(2026, 4, 1)),
        ("head", date(2026, 4, 7)),
        ("return_after", date(2026, 4, 9)),
    ]


def test_days_off_of_the_town_move_the_steps() -> None:
    ladder = Ladder("x", ((2, Addressee.DESK),), return_after=2)
    closed = Workdays("BY", ((date(2026, 3, 31), date(2026, 4, 1)),))

    assert of_ladder(ladder, closed, MONDAY)[0] == ("desk", date(2026, 4, 7))


def test_a_request_is_told_ahead_and_after_its_day() -> None:
    steps = Steps(((1, Addressee.DESK), (3, Addressee.DEPUTY)), before=2)

    assert of_request(steps, BAVARIA, date(2026, 4, 7)) == [
        ("before", date(2026, 4, 1)),
        ("desk", date(2026, 4, 8)),
        ("deputy", date(2026, 4, 10)),
    ]
    assert of_request(Steps(steps.steps), BAVARIA, MONDAY)[0] == ("desk", date(2026, 3, 31))


def test_silence_counts_days_and_is_told_on_a_working_day() -> None:
    assert of_silence(7, BAVARIA, MONDAY) == [("silence", date(2026, 4, 7))]
    assert of_silence(1, BAVARIA, MONDAY) == [("silence", date(2026, 3, 31))]


def test_the_shipped_ladders_can_be_shown() -> None:
    for ladder in make_catalogue().ladders:
        days = [day for _, day in of_ladder(ladder, BAVARIA, MONDAY)]
        assert days == sorted(days)
