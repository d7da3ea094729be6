"""The oracle can fail: each of these mistakes, built into the program, is found by the rule for it.

Each one bends what the worker works with, plays a few days, and looks whether the oracle says the
right thing. Without a mistake it says nothing, on the same days.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.simulation import oracle
from tests.simulation.mailserver import FAILS
from tests.simulation.running import Plan, Record
from tests.simulation.staging import Bend, rehearsed
from tests.simulation.town import AGENCIES, Place

from kursdocs.catalogue import Addressee, Catalogue, Kind
from kursdocs.core import agencies, outbox, workdays
from kursdocs.core.documents import settling
from kursdocs.core.ports import Letter, Mailer, MailRefused, MailUnavailable
from kursdocs.core.reminders import ledger
from kursdocs.operations import mailing
from kursdocs.services import Services

Patch = pytest.MonkeyPatch


TOWN = AGENCIES[:8]
SLEEPERS = (AGENCIES[0], AGENCIES[4])
"""One that sends, and one where nobody ever does anything."""


@dataclass(frozen=True)
class Mistake:
    """What is wrong with the program, where and when it shows, and what the oracle says of it."""

    name: str
    plant: Callable[[Patch], Bend]
    found: Sequence[str]
    first: date = date(2025, 10, 20)
    last: date = date(2025, 10, 24)
    places: Sequence[Place] = TOWN
    fails: float = FAILS


def unbent(services: Services) -> Services:
    """As it is."""
    return services


# ── The calendar ─────────────────────────────────────────────────────────────────────────────


def ignores_holidays(patch: Patch) -> Bend:
    patch.setattr(workdays, "_holidays", lambda land, year: frozenset())
    return unbent


def ignores_pauses(patch: Patch) -> Bend:
    real = agencies.workdays_of

    def without(*arguments: object) -> object:
        found = real(*arguments)  # type: ignore[arg-type]  # as it came
        return {id_: replace(one, pauses=()) for id_, one in found.items()}

    patch.setattr(agencies, "workdays_of", without)
    return unbent


def tells_the_time_by_utc(patch: Patch) -> Bend:
    for name, module in list(sys.modules.items()):
        if name.startswith("kursdocs.") and isinstance(getattr(module, "LOCAL", None), ZoneInfo):
            patch.setattr(module, "LOCAL", UTC)
    return unbent


def mails_at_any_time(_patch: Patch) -> Bend:
    return lambda services: replace(
        services, settings=services.settings.model_copy(update={"demo": True})
    )


# ── What is told ─────────────────────────────────────────────────────────────────────────────


def does_not_see_what_was_taken_over(patch: Patch) -> Bend:
    patch.setattr(settling, "take_over", lambda *_arguments, **_named: None)
    return unbent


def forgets_what_was_told(patch: Patch) -> Bend:
    patch.setattr(ledger, "note", lambda *_arguments, **_named: 0)
    return unbent


def forgets_head_and_coordinator_and_gives_nothing_back(patch: Patch) -> Bend:
    patch.setattr(settling, "return_untouched", lambda *_arguments, **_named: False)
    return lambda services: replace(
        services, catalogue=_without(services.catalogue, {Addressee.HEAD, Addressee.COORDINATOR})
    )


def _without(rules: Catalogue, who: set[Addressee]) -> Catalogue:
    def shortened(kind: Kind) -> Kind:
        steps = tuple(step for step in kind.ladder.steps if step[1] not in who)
        return replace(kind, ladder=replace(kind.ladder, steps=steps))

    return replace(rules, kinds=tuple(shortened(kind) for kind in rules.kinds))


# ── Delivery ─────────────────────────────────────────────────────────────────────────────────


@dataclass
class BentMailer:
    """The real mailer behind something that is wrong."""

    real: Mailer
    do: Callable[[Mailer, Letter], None]

    def send(self, letter: Letter) -> None:
        """Send it wrongly."""
        self.do(self.real, letter)

    def check(self) -> None:
        """As the real one."""
        self.real.check()


def marks_before_it_sends(_patch: Patch) -> Bend:
    def send(real: Mailer, letter: Letter) -> None:
        try:
            real.send(letter)
        except (MailUnavailable, MailRefused):
            return

    return lambda services: replace(services, mailer=BentMailer(services.mailer, send))


def sends_one_mail_a_topic(_patch: Patch) -> Bend:
    def send(real: Mailer, letter: Letter) -> None:
        real.send(letter)
        real.send(replace(letter, message_id=letter.message_id.replace("<", "<again.")))

    return lambda services: replace(services, mailer=BentMailer(services.mailer, send))


def names_each_attempt_anew(patch: Patch) -> Bend:
    numbers = count()
    real = mailing._message_id

    def anew(*arguments: object) -> str:
        return real(*arguments).replace("<", f"<{next(numbers)}.")  # type: ignore[arg-type]

    patch.setattr(mailing, "_message_id", anew)
    return unbent


def gives_up_after_one_attempt(patch: Patch) -> Bend:
    real = outbox.mark_failed

    def finally_failed(*arguments: object, **named: object) -> None:
        real(*arguments, **{**named, "final": True})  # type: ignore[arg-type]

    patch.setattr(outbox, "mark_failed", finally_failed)
    return unbent


MISTAKES = (
    Mistake(
        "holidays", ignores_holidays, ("no working day",), date(2025, 10, 29), date(2025, 11, 3)
    ),
    Mistake("pauses", ignores_pauses, ("no working day",), date(2025, 10, 2), date(2025, 10, 9)),
    Mistake("utc", tells_the_time_by_utc, ("not told of",)),
    Mistake("any time", mails_at_any_time, ("not by day",), last=date(2025, 10, 21)),
    Mistake("taken over", does_not_see_what_was_taken_over, ("it says",)),
    Mistake("ledger", forgets_what_was_told, ("nothing new",), date(2025, 10, 13)),
    # Three at once, as each of them takes weeks to show.
    Mistake(
        "ladder",
        forgets_head_and_coordinator_and_gives_nothing_back,
        ("head of", "coordinator of", "not given back"),
        date(2025, 10, 6),
        date(2025, 10, 31),
        SLEEPERS,
    ),
    Mistake("marked first", marks_before_it_sends, ("not told of",), fails=0.5),
    Mistake("many", sends_one_mail_a_topic, ("2 mails to",)),
    Mistake("names", names_each_attempt_anew, ("mails to",), fails=0.5),
    Mistake("impatient", gives_up_after_one_attempt, ("not told of",), fails=0.5),
)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: one.name)
def test_a_mistake_is_found(mistake: Mistake, stage: Path, monkeypatch: Patch) -> None:
    plan = Plan(1, mistake.first, mistake.last, mistake.places, fails=mistake.fails)

    found = oracle.violations(play(plan, stage, mistake.plant(monkeypatch)))

    assert [one for one in mistake.found if not any(one in said for said in found)] == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("places", [TOWN, SLEEPERS], ids=["town", "sleepers"])
def test_without_a_mistake_nothing_is_found(places: Sequence[Place], stage: Path) -> None:
    last = date(2025, 10, 10 if places is TOWN else 31)

    record = play(Plan(1, date(2025, 10, 6), last, places, fails=0.5), stage, unbent)

    assert oracle.violations(record) == []
    assert places is TOWN or "gone back" in {paper.how for paper in record.papers}


def play(plan: Plan, stage: Path, bend: Bend) -> Record:
    return rehearsed(plan, stage, f"sqlite:///{stage / 'database.sqlite'}", bend)
