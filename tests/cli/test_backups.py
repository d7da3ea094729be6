"""Copies of everything by command: ``backup``, ``backup-list``, ``backup-key``, ``restore``."""

import json
import re
from pathlib import Path

import pytest
from tests.cli.commands import Run, set_up_town
from tests.operations.house import House


@pytest.fixture
def safe(run: Run, tmp_path: Path) -> Path:
    """A folder for copies; beside it the recipient and, as if elsewhere, the secret key."""
    made = run("backup-key", str(tmp_path / "secret.txt"))
    assert (made.code, made.err) == (0, "")
    (tmp_path / "to.txt").write_text(made.out)
    return tmp_path / "safe"


def backup(run: Run, safe: Path, *more: str, **settings: object) -> list[object]:
    to = safe.with_name("to.txt")
    done = run("backup", str(safe), "--to", str(to), *more, **settings)
    return [done.code, done.out, done.err]


def restored_settings(settings: dict[str, object], folder: Path) -> dict[str, object]:
    folder.mkdir()
    return settings | {
        "DATABASE_URL": f"sqlite:///{folder}/main.sqlite",
        "KEYS_URL": f"sqlite:///{folder}/keys.sqlite",
        "STORE_URL": f"folder:{folder}/objects",
    }


def test_a_town_is_copied_listed_and_put_back(
    run: Run, settings: dict[str, object], safe: Path, tmp_path: Path
) -> None:
    set_up_town(run, settings)
    identity = str(tmp_path / "secret.txt")
    other = restored_settings(settings, tmp_path / "other")

    code, out, _ = backup(run, safe, **settings)
    listed = run("backup-list", str(safe), "--json")
    restored = run("restore", str(safe), "--identity", identity, "--json", **other)
    agencies = run("agency", "list", "--json", **other)
    again = run("restore", str(safe), "--identity", identity, **other)

    assert code == 0
    assert re.match(
        r"Copied \d{8}T\d{6}Z: 0 documents; 0 objects \(0\.0 MB\), 0 of them new", str(out)
    )
    [copy] = json.loads(listed.out)
    assert (copy["database"], copy["objects"]) == ("sqlite", "0")
    assert restored.code == 0
    told = json.loads(restored.out)
    assert (told["health"], told["found"], told["forgotten"]) == ("clean", {}, 0)
    assert [agency["slug"] for agency in json.loads(agencies.out)] == ["vhs"]
    assert again.code == 1
    assert "is not empty" in again.err


def test_the_master_key_is_in_no_copy_and_needed_to_restore(
    run: Run, settings: dict[str, object], safe: Path, tmp_path: Path
) -> None:
    set_up_town(run, settings)
    backup(run, safe, **settings)
    (tmp_path / "master.keys").rename(tmp_path / "kept elsewhere")
    run("master-key", str(tmp_path / "master.keys"))
    other = restored_settings(settings, tmp_path / "other")

    refused = run("restore", str(safe), "--identity", str(tmp_path / "secret.txt"), **other)

    assert refused.code == 1
    assert "another master key" in refused.err
    assert "KURSDOCS_KEYS_URL" in refused.err
    assert not (tmp_path / "other" / "main.sqlite").exists()


@pytest.mark.parametrize(
    ("recipients", "sentence"),
    [
        ("", "names no recipient"),
        ("# nobody yet\n", "names no recipient"),
        ("age1nonsense\n", "Line 1 of"),
        ("AGE-SECRET-KEY-1XYZ\n", "is a secret key"),
    ],
)
def test_recipients_that_do_not_fit_are_named(
    run: Run, settings: dict[str, object], safe: Path, recipients: str, sentence: str
) -> None:
    safe.with_name("to.txt").write_text(recipients)

    code, out, err = backup(run, safe, **settings)

    assert (code, out) == (2, "")
    assert sentence in str(err)
    assert "XYZ" not in str(err)


def test_a_moment_that_is_not_there_is_refused_with_those_that_are(
    run: Run, settings: dict[str, object], safe: Path, tmp_path: Path
) -> None:
    set_up_town(run, settings)
    backup(run, safe, **settings)
    other = restored_settings(settings, tmp_path / "other")
    identity = str(tmp_path / "secret.txt")
    [stamp] = [path.name for path in safe.iterdir() if path.name.endswith("Z")]

    refused = run("restore", str(safe), "--identity", identity, "--moment", "gestern", **other)
    nothing = run("restore", str(tmp_path / "other"), "--identity", identity, **other)

    assert (refused.code, refused.err) == (1, f"There is no such copy; there are: {stamp}.\n")
    assert (nothing.code, nothing.err) == (1, "There is no such copy; there are: none.\n")


def test_a_folder_that_is_not_there_is_said_to_be_so(
    run: Run, settings: dict[str, object], safe: Path, tmp_path: Path
) -> None:
    nowhere, identity = str(tmp_path / "nowhere"), str(tmp_path / "secret.txt")
    safe.mkdir()
    other = restored_settings(settings, tmp_path / "other")

    refused = [
        run("backup-list", nowhere),
        run("restore", nowhere, "--identity", identity, **other),
        run("restore", str(safe), "--keys-from", nowhere, "--identity", identity, **other),
    ]
    empty = run("backup-list", str(safe))

    said = f"There is no folder {nowhere}. Is its disk mounted?\n"
    assert [(ran.code, ran.out, ran.err) for ran in refused] == [(2, "", said)] * 3
    assert (empty.code, empty.out) == (0, "There are none.\n")


def test_the_keys_can_lie_in_a_place_of_their_own(
    run: Run, settings: dict[str, object], safe: Path, tmp_path: Path
) -> None:
    set_up_town(run, settings)
    apart = tmp_path / "apart"
    other = restored_settings(settings, tmp_path / "other")
    identity = str(tmp_path / "secret.txt")

    code, _, _ = backup(run, safe, "--keys-to", str(apart), **settings)
    without = run("restore", str(safe), "--identity", identity, **other)
    found = run("restore", str(safe), "--identity", identity, "--keys-from", str(apart), **other)

    assert code == 0
    assert not list(safe.glob("keys/*"))
    assert without.code == 1
    assert "--keys-from" in without.err
    assert found.code == 0


def test_a_copy_that_lacks_something_names_it_and_has_an_exit_code_of_its_own(
    run: Run, settings: dict[str, object], safe: Path, house: House
) -> None:
    lost = house.documents()[1]
    house.services.store.delete(lost.object_name)

    code, out, err = backup(run, safe, **settings)
    listed = json.loads(run("backup-list", str(safe), "--json").out)

    assert code == 3
    assert "3 documents; 2 objects" in str(out)
    assert "The copy is not complete." in str(err)
    assert f"drafts: 1\n  {lost.id}\nEverything else" in str(err)
    assert [copy["missing"] for copy in listed] == ["1"]
    told = backup(run, safe.with_name("safe too"), "--json", **settings)
    assert json.loads(str(told[1]))["missing"] == [str(lost.id)]


def test_a_damaged_copy_is_put_back_on_request_and_what_did_not_come_back_is_named(
    run: Run, settings: dict[str, object], safe: Path, tmp_path: Path, house: House
) -> None:
    backup(run, safe, **settings)
    lost = house.documents()[1]
    safe.joinpath("objects", lost.object_name[:2], lost.object_name).unlink()
    other = restored_settings(settings, tmp_path / "other")
    command = ("restore", str(safe), "--identity", str(tmp_path / "secret.txt"))

    refused = run(*command, **other)
    restored = run(*command, "--despite-damage", **other)
    checked = run("fsck", **other)

    assert refused.code == 1
    assert refused.err.startswith("1 of 4 files of this copy are missing or damaged")
    assert "--despite-damage brings back everything else" in refused.err
    assert restored.code == 3
    assert "3 documents, 2 objects" in restored.out
    assert "loss {'lost_object': 1}" in restored.out
    assert f"damaged there: 1\n  {lost.id}\n" in restored.err
    assert (checked.code, str(lost.id) in checked.out) == (2, True)
