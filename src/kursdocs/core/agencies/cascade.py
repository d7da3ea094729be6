"""How the paces of reminders cascade: catalogue, then municipality, then agency. Pure.

What a level has not set falls back to the level above. An agency keeps within the limits of its
municipality; a value that lies outside, because the limits were narrowed later, counts as the
nearest that is allowed. The steps of a ladder stay in order whatever is set: a step that would come
before the one it follows is lifted to it.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise

from kursdocs.catalogue import Catalogue, Ladder, Pace, Steps

AHEAD = "request.before"
"""The one pace that runs the other way: more days mean that people are told sooner."""
RETURN = "return_after"
"""The step at which a paper goes back. It is no reminder, and it is the sender's concern."""


class Source(StrEnum):
    """Which level set what holds."""

    CATALOGUE = "catalogue"
    MUNICIPALITY = "municipality"
    AGENCY = "agency"


@dataclass(frozen=True)
class Choice:
    """What a municipality has set of one rule; ``None`` is what it has not.

    ``least`` and ``most`` are how far its agencies may go.
    """

    days: int | None = None
    least: int | None = None
    most: int | None = None


@dataclass(frozen=True)
class Effective:
    """What holds of one rule, who set it, and between which values an agency may set it.

    ``above`` is what would hold if the innermost level had set nothing; ``own`` is what that level
    has set, also where it does not hold as it stands.
    """

    days: int
    source: Source
    least: int
    most: int
    above: int
    own: int | None = None

    @property
    def is_bent(self) -> bool:
        """Whether something else holds than was set: by limits, or by the order of the steps."""
        return self.own is not None and self.own != self.days

    @property
    def is_fixed(self) -> bool:
        """Whether an agency may not set it otherwise."""
        return self.least == self.most


@dataclass(frozen=True)
class Paces:
    """All that holds for one agency, or for a municipality itself, by the code of the rule."""

    effective: Mapping[str, Effective] = field(default_factory=dict)

    def days(self, rule: str) -> int:
        """The number of days of a rule of the catalogue."""
        return self.effective[rule].days

    def ladder(self, ladder: Ladder) -> Ladder:
        """The ladder with the steps that hold here."""
        return replace(
            ladder,
            steps=tuple((self._or(f"{ladder.code}.{who}", day), who) for day, who in ladder.steps),
            return_after=self._or(f"{ladder.code}.{RETURN}", ladder.return_after),
        )

    def request(self, steps: Steps) -> Steps:
        """The steps of a request that hold here."""
        return replace(
            steps,
            steps=tuple((self._or(f"request.{who}", day), who) for day, who in steps.steps),
            before=self._or(AHEAD, steps.before),
        )

    def _or(self, rule: str, usual: int) -> int:
        found = self.effective.get(rule)
        return usual if found is None else found.days


def cascade(catalogue: Catalogue, town: Mapping[str, Choice], own: Mapping[str, int]) -> Paces:
    """What holds for an agency; codes that are no rule of the catalogue count for nothing."""
    above = _of_town(catalogue, town)
    return Paces(
        _in_order(
            catalogue,
            {code: _of_agency(each, own.get(code)) for code, each in above.items()},
        )
    )


def of_town(catalogue: Catalogue, town: Mapping[str, Choice]) -> Paces:
    """What holds in a municipality wherever an agency sets nothing, with the limits for them."""
    return Paces(_of_town(catalogue, town))


def sequences(catalogue: Catalogue) -> Sequence[Sequence[str]]:
    """The rules that must follow each other: the steps of each ladder, and those of requests."""
    ladders = [
        [*(f"{ladder.code}.{who}" for _, who in ladder.steps), f"{ladder.code}.{RETURN}"]
        for ladder in catalogue.ladders
    ]
    return [*ladders, [f"request.{who}" for _, who in catalogue.clocks.request.steps]]


def out_of_order(
    catalogue: Catalogue, days: Mapping[str, int], changed: Set[str]
) -> Sequence[tuple[str, str]]:
    """Pairs of neighbouring steps of which the later one comes first and one has just changed."""
    return [
        (earlier, later)
        for steps in sequences(catalogue)
        for earlier, later in pairwise(steps)
        if days[later] < days[earlier] and {earlier, later} & changed
    ]


def freedom(pace: Pace, days: int, choice: Choice) -> tuple[int, int]:
    """Between which values an agency may set a rule where its municipality has so many days.

    Where the municipality drew no limits: sooner yes, later no; and when a paper goes back is not
    for the one who has it to say.
    """
    if pace.code == AHEAD:
        least, most = days, pace.most
    elif pace.code.endswith(f".{RETURN}"):
        least, most = days, days
    else:
        least, most = pace.least, days
    return (
        least if choice.least is None else choice.least,
        most if choice.most is None else choice.most,
    )


def _of_town(catalogue: Catalogue, town: Mapping[str, Choice]) -> Mapping[str, Effective]:
    paces = catalogue.paces
    values = {
        code: _town_value(pace, town.get(code, Choice()).days) for code, pace in paces.items()
    }
    ordered = _in_order(catalogue, values)
    return {
        code: _with_limits(paces[code], each, town.get(code, Choice()))
        for code, each in ordered.items()
    }


def _town_value(pace: Pace, own: int | None) -> Effective:
    days = pace.days if own is None else _within(own, pace.least, pace.most)
    source = Source.CATALOGUE if own is None else Source.MUNICIPALITY
    return Effective(days, source, pace.least, pace.most, above=pace.days, own=own)


def _with_limits(pace: Pace, each: Effective, choice: Choice) -> Effective:
    """The limits for agencies. What the municipality has itself is always between them."""
    least, most = freedom(pace, each.days, choice)
    return replace(
        each,
        least=min(each.days, _within(least, pace.least, pace.most)),
        most=max(each.days, _within(most, pace.least, pace.most)),
    )


def _of_agency(above: Effective, own: int | None) -> Effective:
    if own is None:
        return replace(above, above=above.days, own=None)
    return Effective(
        _within(own, above.least, above.most),
        Source.AGENCY,
        above.least,
        above.most,
        above=above.days,
        own=own,
    )


def within_limits(above: Effective, own: int | None) -> int:
    """What an agency's own value comes to, before the order of the steps is looked at."""
    return _of_agency(above, own).days


def _within(days: int, least: int, most: int) -> int:
    return max(least, min(most, days))


def _in_order(catalogue: Catalogue, found: Mapping[str, Effective]) -> Mapping[str, Effective]:
    lifted = dict(found)
    for steps in sequences(catalogue):
        for earlier, later in pairwise(steps):
            days = max(lifted[earlier].days, lifted[later].days)
            lifted[later] = replace(lifted[later], days=days)
    return lifted
