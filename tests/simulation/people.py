"""How the simulated people behave: the assumptions, each as one named number.

Nobody has measured these numbers; they are guesses of a rather sluggish town, printed with every
result. Their draws depend on the seed, the agency and the day alone, never on what happened
before, so that a run with reminders and one without see the same people on the same days.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tests.simulation.almanac import Calendar, days, local, moment
from tests.simulation.town import CLOSING, Place


@dataclass(frozen=True)
class Habit:
    """How likely somebody of an agency looks in: on a working day by itself, and after a mail."""

    by_itself: float
    after_mail: float


HABITS = {
    "diligent": Habit(0.50, 0.90),
    "average": Habit(0.15, 0.70),
    "forgetful": Habit(0.04, 0.45),
    "asleep": Habit(0.00, 0.00),
}
DEPUTY_ACTS, HEAD_ACTS = 0.60, 0.75
"""How likely a deputy looks in after a mail, or a head sees to it that somebody does."""
COORDINATOR_CALLS = 0.50
"""How likely somebody looks in on the working day after the coordinator was mailed."""
BACK_AGAIN = 0.80
"""How likely somebody looks in on the first day after an illness or holidays."""
ILL = 0.010
"""How likely an illness begins on a working day; the whole desk is then away."""
ILL_DAYS = (2, 8)
"""How many days an illness takes, at least and at most."""
TAKES, RETURNS = 0.85, 0.02
"""Of the papers that lie there when somebody looks in: taken over, sent back; the rest waits on."""
REACTION_HOURS = (0.2, 5.0)
"""How long after a mail somebody looks in, in hours; after closing time on the next day."""
WITHDRAWN = 0.01
"""How many papers their sender withdraws on the next day, if they still wait."""
OPENS, CLOSES = 8, 16
"""The hours in which people work."""


def assumptions() -> Iterator[str]:
    """The same, to be read."""
    yield "somebody looks in on a working day by habit, and within hours after a mail:"
    for name, habit in HABITS.items():
        yield f"  {name:<9} {habit.by_itself:>4.0%} by habit, {habit.after_mail:>4.0%} after a mail"
    yield f"a deputy acts on {DEPUTY_ACTS:.0%} of the mails, a head on {HEAD_ACTS:.0%}"
    yield f"a coordinator's call brings somebody on the next day in {COORDINATOR_CALLS:.0%}"
    yield f"a desk falls ill on {ILL:.0%} of the days, for {ILL_DAYS[0]} to {ILL_DAYS[1]} days"
    yield f"who comes back from illness or holidays looks in that day in {BACK_AGAIN:.0%}"
    yield f"of what lies there {TAKES:.0%} is taken over, {RETURNS:.0%} returned, the rest left"
    yield "without mails people look in only by habit and when they come back"


def dice(*key: object) -> random.Random:
    """Random numbers that depend on this key alone."""
    return random.Random("/".join(map(str, key)))  # noqa: S311 - a model, not a secret


@dataclass
class Staff:
    """The people of one agency."""

    seed: int
    place: Place
    first: date
    last: date

    def __post_init__(self) -> None:
        """Draw the illnesses, on which nothing else has any influence."""
        self._away = {day for span in self.place.holidays for day in days(*span)}
        self.ill_days = set[date]()
        for day in days(self.first, self.last):
            rolled = dice(self.seed, self.place.slug, day, "ill")
            if self.place.calendar.works(day) and rolled.random() < ILL:
                until = day + timedelta(days=rolled.randint(*ILL_DAYS) - 1)
                self.ill_days |= set(days(day, until))
        self._away |= self.ill_days

    def is_there(self, day: date) -> bool:
        """Whether anybody is at the desk that day."""
        return self.place.calendar.works(day) and day not in self._away

    def looks_by_itself(self, day: date) -> datetime | None:
        """When somebody looks in that day without a mail, if at all."""
        if not self.is_there(day):
            return None
        rolled = dice(self.seed, self.place.slug, day, "habit")
        habit = HABITS[self.place.habit]
        chance = BACK_AGAIN if self._is_back(day) else habit.by_itself
        if rolled.random() >= chance:
            return None
        return moment(day, OPENS) + timedelta(minutes=rolled.randrange((CLOSES - OPENS) * 60))

    def _is_back(self, day: date) -> bool:
        """Whether this is the first day after an absence, entered or not."""
        usual = Calendar(self.place.land, (CLOSING,))
        before = next(d for n in range(1, 15) if usual.works(d := day - timedelta(days=n)))
        return before >= self.first and not self.is_there(before) and self.place.habit != "asleep"

    def looks_after_mail(self, at: datetime, role: str) -> datetime | None:
        """When somebody looks in because a mail came in that role, if at all."""
        day = local(at).date()
        if role == "coordinator":
            day = self.place.calendar.after(day, 1)
        rolled = dice(self.seed, self.place.slug, day, "mail", role)
        if rolled.random() >= self._chance(day, role) or not self.place.calendar.works(day):
            return None
        delay = timedelta(hours=rolled.uniform(*REACTION_HOURS))
        then = max(at, moment(day, OPENS)) + delay
        if then < moment(day, CLOSES):
            return then
        day = self.place.calendar.after(day, 1)
        is_fit = role == "deputy" or self.is_there(day)
        return moment(day, OPENS) + delay / 4 if is_fit else None

    def _chance(self, day: date, role: str) -> float:
        if self.place.habit == "asleep":
            return 0.0
        if role == "deputy":
            return DEPUTY_ACTS
        if not self.is_there(day):
            return 0.0
        chances = {"head": HEAD_ACTS, "coordinator": COORDINATOR_CALLS}
        return chances.get(role, HABITS[self.place.habit].after_mail)

    def does_with(self, number: int, day: date) -> str:
        """What becomes of that paper when somebody looks in that day: a word, empty for nothing."""
        drawn = dice(self.seed, number, day, "settle").random()
        if drawn < TAKES:
            return "taken over"
        return "returned" if drawn < TAKES + RETURNS else ""
