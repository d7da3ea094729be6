"""The list of damages is closed, told apart by class, and stands in the list of what must hold."""

import re
from pathlib import Path

import pytest
from tests.operations.fsck.wreckage import LOSSES as MADE_LOSSES
from tests.operations.fsck.wreckage import MENDABLE

from kursdocs.core.checks import Health
from kursdocs.operations.fsck import LOSSES, Damage, health_of
from kursdocs.operations.fsck.damages import Finding, Findings

TESTS = Path(__file__).parents[2]
WHAT_MUST_HOLD = TESTS.parent / "infra/decisions/0010-what-must-hold.md"
# Made by hand elsewhere: the log past its guards, unfinished writing by the clock of the store.
ELSEWHERE = {Damage.LOG_ALTERED, Damage.UNFINISHED_OLD}


def test_every_damage_is_made_by_hand_in_a_test_and_belongs_to_its_class() -> None:
    losses = {kind.damage for kind in MADE_LOSSES}
    mendable = {kind.damage for kind in MENDABLE}

    assert losses | mendable | ELSEWHERE == set(Damage)
    assert losses | {Damage.LOG_ALTERED} == LOSSES


@pytest.mark.parametrize(
    ("found", "health"),
    [
        ({}, Health.CLEAN),
        ({Damage.LOST_OBJECT: 0}, Health.CLEAN),
        ({Damage.HELD_OLD: 1}, Health.REPAIRABLE),
        ({Damage.HELD_OLD: 9, Damage.UNDEAD: 1}, Health.LOSS),
    ],
)
def test_the_worst_counts(found: dict[Damage, int], health: Health) -> None:
    assert health_of(found) is health


def test_what_was_mended_is_struck_from_the_list() -> None:
    found = Findings()
    for subject in ("one", "two"):
        found.add(Damage.KEY_UNUSED, subject)

    found.strike(Finding(Damage.KEY_UNUSED, "one"))

    assert found.named == [Finding(Damage.KEY_UNUSED, "two")]
    assert found.counts == {Damage.KEY_UNUSED: 1}


def test_what_must_hold_names_every_damage_and_only_tests_that_there_are() -> None:
    text = WHAT_MUST_HOLD.read_text(encoding="utf-8")
    sources = "".join(file.read_text(encoding="utf-8") for file in TESTS.rglob("test_*.py"))

    assert {damage.name for damage in Damage} <= set(re.findall(r"`([A-Z_]+)`", text))
    named = set(re.findall(r"`(test_\w+)`", text))
    assert named
    assert {name for name in named if f"def {name}(" not in sources} == set()
