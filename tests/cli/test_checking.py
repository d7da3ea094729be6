"""``kursdocs fsck``: what it says, in words and for programs, and its exit codes."""

import json
from pathlib import Path

from tests.cli.commands import Run
from tests.operations.house import House
from tests.operations.outages import moved_away

from kursdocs.cli.checking import EXIT_CODES, MEANINGS
from kursdocs.core.checks import Health
from kursdocs.operations.fsck import Damage

A_NAME = "0123456789abcdef" * 2


def test_a_healthy_installation_is_clean_and_everything_was_looked_at(
    run: Run, settings: dict[str, object], house: House
) -> None:
    fast = run("fsck", **settings)
    deep = run("fsck", "--deep", "--json", **settings)

    assert (fast.code, fast.err) == (0, "")
    assert fast.out.startswith("Looked at 3 rows, 3 keys, 3 objects, 12 rows of the log; read 0")
    assert fast.out.endswith("Nothing is lost, nothing is left over.\n")
    told = json.loads(deep.out)
    assert (deep.code, told["health"], told["found"]) == (0, "clean", {})
    assert told["looked_at"]["papers_read"] == 3


def test_what_can_be_mended_is_named_and_mended(
    run: Run, settings: dict[str, object], house: House
) -> None:
    house.services.store.put(A_NAME, b"nobody knows of this")

    found = run("fsck", **settings)
    mended = run("fsck", "--repair", **settings)
    after = run("fsck", **settings)

    assert found.code == 1
    assert f"UNTRACKED_OBJECT (1): {MEANINGS[Damage.UNTRACKED_OBJECT]}.\n  {A_NAME}\n" in found.out
    assert found.out.endswith("can be mended: kursdocs fsck --repair\n")
    assert (mended.code, after.code) == (0, 0)
    assert "Mended UNTRACKED_OBJECT: 1. Set aside, not deleted: in the folder quarantine" in (
        mended.out
    )
    assert house.services.store.set_aside_names() == [A_NAME]


def test_loss_is_named_by_id_and_not_touched_by_a_repair(
    run: Run, settings: dict[str, object], house: House
) -> None:
    without_key, without_object, _ = house.documents()
    house.services.keys.destroy(without_key.id)
    house.services.store.delete(without_object.object_name)
    house.services.store.put(A_NAME, b"nobody knows of this")

    found = run("fsck", "--repair", "--sample", "50", "--json", **settings)
    again = run("fsck", **settings)

    told = json.loads(found.out)
    assert found.code == again.code == 2
    assert (told["depth"], told["health"]) == ("sample", "loss")
    assert told["found"] == {"LOST_OBJECT": 1, "KEY_MISSING": 1}
    assert told["mended"] == {"UNTRACKED_OBJECT": 1}
    assert f"LOST_OBJECT (1): {MEANINGS[Damage.LOST_OBJECT]}.\n  {without_object.id}" in again.out
    assert f"KEY_MISSING (1): {MEANINGS[Damage.KEY_MISSING]}.\n  {without_key.id}" in again.out
    assert "Do not delete anything" in again.out


def test_when_a_part_does_not_answer_nothing_is_known(
    run: Run, settings: dict[str, object], house: House, tmp_path: Path
) -> None:
    with moved_away(tmp_path / "objects"):
        ran = run("fsck", **settings)

    assert (ran.code, ran.out) == (3, "")
    assert "[store_unavailable]" in ran.err


def test_a_depth_is_chosen_once(run: Run, settings: dict[str, object]) -> None:
    ran = run("fsck", "--deep", "--sample", "5", **settings)

    assert ran.code == 2
    assert "choose --sample or --deep" in ran.err


def test_every_damage_has_words_and_every_health_a_code() -> None:
    assert set(MEANINGS) == set(Damage)
    assert set(EXIT_CODES) == set(Health)
