"""The faults that are injected: which kinds there are, and which of them fit which point."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.faults.registry import MEETING, STAGES, failing


class Kind(StrEnum):
    """What happens at a point."""

    KILL = "kill"
    ERROR = "error"
    HANG = "hang"
    MEET = "meet"
    SPOIL = "spoil"
    LATER = "later"
    NO = "no"


@dataclass(frozen=True)
class Case:
    """One fault: where (the number of the point in its deed, from 0) and what."""

    deed: str
    number: int
    point: str
    kind: Kind

    def __str__(self) -> str:
        return f"{self.deed}|{self.kind}|{self.number}|{self.point}".replace(" ", "_")


def cases(deed: str, points: Sequence[str]) -> Iterator[Case]:
    """Every fault that is possible at these points."""
    for number, point in enumerate(points):
        for kind in _kinds(deed, point):
            yield Case(deed, number, point, kind)


def _kinds(deed: str, point: str) -> Iterator[Kind]:
    yield Kind.KILL
    if failing(point) is not None:
        yield Kind.ERROR
    if point != "answered":
        yield Kind.HANG
    # Within a transaction the other would wait for what only we can end.
    if deed in MEETING and point not in ("answered", "commit begins"):
        yield Kind.MEET
    if point == "store.put begins":
        yield Kind.SPOIL
    if point in STAGES:
        yield from (Kind.LATER, Kind.NO)


def some(every: Sequence[Case], share: float, dice: random.Random) -> list[Case]:
    """That share of them, in order, and at least one."""
    chosen = set(dice.sample(every, max(round(len(every) * share), 1)))
    return [case for case in every if case in chosen]


def sample(every: Sequence[Case], share: float, dice: random.Random) -> list[Case]:
    """That share of them, in order, with every kind and every point's name at least once."""
    chosen = set(dice.sample(every, round(len(every) * share)))
    for names in ("point", "kind"):
        for name in sorted({getattr(case, names) for case in every}):
            those = [case for case in every if getattr(case, names) == name]
            if not chosen.intersection(those):
                chosen.add(dice.choice(those))
    return [case for case in every if case in chosen]
