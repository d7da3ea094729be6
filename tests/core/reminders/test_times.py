"""The rules of time, held against a whole year of invented arrivals, takings over and outages."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.reminders.planning import BERLIN, DESK, PROMPT, STANDARD, TOWN, at, desk
from tests.factories import make_catalogue

from kursdocs.catalogue import Addressee
from kursdocs.core.reminders import times
from kursdocs.core.reminders.groups import Group
from kursdocs.core.reminders.plan import digests
from kursdocs.core.reminders.state import Desk, State, Town
from kursdocs.core.reminders.tables import Clock
from kursdocs.core.tables import new_id
from kursdocs.core.workdays import Workdays

RULES = make_catalogue()
YEAR = 2026
# North Rhine-Westphalia, the summer pause of the agency, and the eves: written down, not computed.
PAUSE = (date(2026, 7, 20), date(2026, 7, 31))
FREE = {
    date(2026, month, day)
    for month, day in (
        *((1, 1), (4, 3), (4, 6), (5, 1), (5, 14), (5, 25), (6, 4), (10, 3), (11, 1)),
        *((12, 24), (12, 25), (12, 26), (12, 31)),
    )
}
STEPS = {STANDARD: (0, 2, 5, 10, 15), PROMPT: (0, 1, 2, 5, 10)}
HOUR = 7


def works(day: date) -> bool:
    """Whether the agency works that day, by the list above."""
    return day.weekday() < 5 and day not in FREE and not PAUSE[0] <= day <= PAUSE[1]


def following(day: date, *, itself: bool) -> date:
    """The next day on which it works."""
    day = day if itself else day + timedelta(days=1)
    while not works(day):
        day += timedelta(days=1)
    return day


@dataclass
class Paper:
    """One paper, when it arrived (whole hours) and when somebody took it over."""

    id: UUID
    kind: str
    arrived: datetime
    taken: datetime
    told: dict[Addressee, int] = field(default_factory=dict)

    def first_day(self) -> date:
        """The first working day whose hour comes after it: its announcement."""
        local = self.arrived.astimezone(BERLIN)
        return following(local.date(), itself=local.hour < HOUR)

    def waited(self, day: date) -> int:
        """Working days after the day of its arrival, counted one by one."""
        arrived = self.arrived.astimezone(BERLIN).date()
        return sum(works(arrived + timedelta(days=n)) for n in range(1, (day - arrived).days + 1))


@dataclass
class Mail:
    """What went out: when, to whom, and the (paper, step) it told of."""

    at: datetime
    address: str
    told: list[tuple[UUID, Addressee, int]]


@dataclass
class Year:
    """A worker that looks several times a day, except while it is out of order."""

    papers: list[Paper]
    outages: list[tuple[date, date]]
    minutes: random.Random
    mails: list[Mail] = field(default_factory=list)
    desk: Desk = field(
        default_factory=lambda: desk(workdays=Workdays("NW", (PAUSE,), True), hour=HOUR)
    )

    def live(self) -> None:
        """Every day of the year, at six, at the hour, at two odd moments and in the evening."""
        day = date(YEAR, 1, 1)
        while day.year == YEAR:
            odd = sorted(self.minutes.randrange(60 * HOUR + 15, 60 * 24) for _ in range(2))
            for minute in (6 * 60, HOUR * 60, *odd):
                if not any(first <= day <= last for first, last in self.outages):
                    self.look(at(day, minute // 60, minute % 60))
            day += timedelta(days=1)

    def look(self, now: datetime) -> None:
        """Plan, and send what is due to whoever had no mail today."""
        waiting = [paper for paper in self.papers if paper.arrived <= now < paper.taken]
        town = Town(TOWN, "m", "M", "", self.desk.workdays)
        state = State({self.desk.id: self.desk}, {TOWN: town}, list(map(self._group, waiting)))
        today = now.astimezone(BERLIN).date()
        had = {mail.address for mail in self.mails if mail.at.astimezone(BERLIN).date() == today}
        papers = {paper.id: paper for paper in waiting}
        for digest in digests(RULES, state, now=now):
            if digest.address in had:
                continue
            told = [
                (one.subject_id, one.addressee, one.step)
                for section in digest.sections
                for one in section.told
                if one.subject_id is not None
            ]
            for id_, addressee, step in told:
                papers[id_].told[addressee] = step
            self.mails.append(Mail(now, digest.address, told))

    def _group(self, paper: Paper) -> Group:
        since = paper.arrived.replace(minute=0)
        return Group(
            self.desk.id, Clock.WAITING, paper.kind, since, told=dict(paper.told),
            subject_ids=[paper.id],
        )  # fmt: skip

    def day_of(self, mail: Mail) -> date:
        """The local day of a mail."""
        return mail.at.astimezone(BERLIN).date()


def a_year(seed: int, *, papers: int = 40, outages: int = 0) -> Year:
    """Papers at random hours of the year, some taken over soon, some never."""
    chance = random.Random(seed)  # noqa: S311 (a repeatable year, no secret)
    made = []
    for _ in range(papers):
        arrived = datetime(YEAR, 1, 2, tzinfo=UTC) + timedelta(
            hours=chance.randrange(360 * 24), minutes=chance.randrange(60)
        )
        hours = chance.choice((3, 20, 30, 100, 250, 600, 1500))
        kind = chance.choice((STANDARD, PROMPT))
        made.append(Paper(new_id(), kind, arrived, arrived + timedelta(hours=hours)))
    first_days = [date(YEAR, 1, 5) + timedelta(days=chance.randrange(340)) for _ in range(outages)]
    away = [(day, day + timedelta(days=chance.randrange(1, 12))) for day in first_days]
    year = Year(made, away, random.Random(seed + 1))  # noqa: S311 (as above)
    year.live()
    return year


def own(year: Year) -> Iterator[Mail]:
    return (mail for mail in year.mails if mail.address == DESK)


@settings(max_examples=2, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), outages=st.integers(0, 6))
def test_in_a_year_nobody_is_mailed_twice_a_day_nor_on_a_day_off_nor_at_night(
    seed: int, outages: int
) -> None:
    year = a_year(seed, outages=outages)

    assert len(year.mails) > 20
    assert max(Counter((mail.address, year.day_of(mail)) for mail in year.mails).values()) == 1
    assert all(works(year.day_of(mail)) for mail in year.mails)
    assert all(HOUR <= mail.at.astimezone(BERLIN).hour < 20 for mail in year.mails)


@settings(max_examples=2, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6))
def test_in_a_year_the_desk_hears_of_each_step_once_on_the_first_day_possible(seed: int) -> None:
    """A step is due on a working day; what is told then is the highest step of that day."""
    year = a_year(seed)
    told: dict[UUID, list[tuple[date, int]]] = {paper.id: [] for paper in year.papers}
    for mail in own(year):
        for id_, addressee, step in mail.told:
            if addressee is Addressee.DESK:
                told[id_].append((year.day_of(mail), step))

    for paper in year.papers:
        assert told[paper.id] == expected(paper), paper


def expected(paper: Paper) -> list[tuple[date, int]]:
    """By hand: on each working day from the first on, the highest step reached, if it is new."""
    found: list[tuple[date, int]] = []
    day = paper.first_day()
    while day.year == YEAR and at(day, HOUR) < paper.taken:
        step = max(step for step in STEPS[paper.kind] if step <= paper.waited(day))
        if not found or found[-1][1] < step:
            found.append((day, step))
        day = following(day, itself=False)
    return found


@settings(max_examples=2, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), outages=st.integers(1, 6))
def test_in_a_year_nothing_is_told_after_take_over_nor_twice_and_nothing_is_forgotten(
    seed: int, outages: int
) -> None:
    year = a_year(seed, outages=outages)
    papers = {paper.id: paper for paper in year.papers}
    told = Counter(row for mail in year.mails for row in mail.told)

    assert max(told.values()) == 1
    assert all(mail.at < papers[id_].taken for mail in year.mails for id_, *_ in mail.told)
    known = {id_ for mail in own(year) for id_, *_ in mail.told}
    for paper in year.papers:
        day = paper.first_day()
        is_away = any(first <= day <= last for first, last in year.outages)
        if not is_away and day.year == YEAR and at(day, HOUR) < paper.taken:
            assert paper.id in known, paper


def test_after_an_outage_there_is_one_mail_for_everything() -> None:
    papers = [
        Paper(new_id(), STANDARD, at(date(2026, 3, day), 12), at(date(2026, 5, 1)))
        for day in range(2, 14)
    ]
    year = Year(papers, [(date(2026, 3, 1), date(2026, 3, 15))], random.Random(1))  # noqa: S311 (as above)

    year.live()

    first, *_ = own(year)
    assert year.day_of(first) == date(2026, 3, 16)
    assert len({id_ for id_, *_ in first.told}) == 12


# -- single rules ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (at(date(2026, 3, 6), 6, 59), at(date(2026, 3, 6), 7)),
        (at(date(2026, 3, 6), 7), at(date(2026, 3, 9), 7)),
        (at(date(2026, 3, 28), 23), at(date(2026, 3, 30), 7)),
        (at(date(2026, 7, 17), 12), at(date(2026, 8, 3), 7)),
        (at(date(2026, 12, 23), 12), at(date(2026, 12, 28), 7)),
    ],
)
def test_the_next_mail_may_go_out_on_the_next_working_day(
    now: datetime, expected: datetime
) -> None:
    workdays = Workdays("NW", (PAUSE,), True)

    assert times.next_opening(workdays, 7, now) == expected


def test_a_pause_is_told_from_a_holiday_and_a_weekend() -> None:
    workdays = Workdays("NW", (PAUSE,), True)

    assert times.is_paused(workdays, date(2026, 7, 22))
    assert not times.is_paused(workdays, date(2026, 7, 25))
    assert not times.is_paused(workdays, date(2026, 12, 24))
    assert not times.is_paused(workdays, date(2026, 7, 17))


def test_the_next_day_of_the_plan_is_the_next_on_which_the_agency_works() -> None:
    tuesdays = desk(
        plan_days=(2,), announces_on_plan_days=True, workdays=Workdays("NW", (PAUSE,), True)
    )

    assert times.next_plan_day(tuesdays, at(date(2026, 7, 14), 6)) == at(date(2026, 7, 14), 7)
    # Both Tuesdays lie in the pause: on the Monday after it the news is told.
    assert times.next_plan_day(tuesdays, at(date(2026, 7, 14), 8)) == at(date(2026, 8, 3), 7)
    assert times.next_plan_day(replace(tuesdays, plan_days=()), at(date(2026, 7, 14), 8)) == at(
        date(2026, 7, 15), 7
    )
