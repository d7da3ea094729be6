"""Master keys by commands: told, rotated, rewrapped, retired."""

import json
import sqlite3
from pathlib import Path

import pytest
from tests.cli.commands import Run, set_up_town

from kursdocs import bootstrap
from kursdocs.adapters.master_keys import MasterKeys
from kursdocs.core.tables import new_id
from kursdocs.settings import Settings


@pytest.fixture
def keyed(run: Run, settings: dict[str, object]) -> dict[str, object]:
    """A town with three papers' keys."""
    set_up_town(run, settings)
    with bootstrap.open_services(settings_of(settings)) as services:
        for _ in range(3):
            services.keys.create(new_id())
    return settings


def settings_of(settings: dict[str, object]) -> Settings:
    return Settings(**{name.lower(): value for name, value in settings.items()})  # type: ignore[arg-type]  # as in the environment


def told(run: Run, settings: dict[str, object]) -> list[tuple[str, int, str]]:
    """Id, keys and what it is for, as the table shows them."""
    shown = run("keys", "status", **settings)
    assert shown.code == 0, shown.err
    head, *lines = shown.out.splitlines()
    assert head.split() == ["master", "key", "keys", "use"]
    rows = [line.split(maxsplit=2) for line in lines]
    return [(name, int(keys), words) for name, keys, words in rows]


def test_a_master_key_is_replaced_step_by_step(run: Run, keyed: dict[str, object]) -> None:
    file = Path(str(keyed["MASTER_KEY_FILE"]))
    (old,) = MasterKeys.load(file).ids
    assert told(run, keyed) == [(old, 3, "wraps new keys")]

    rotated = run("keys", "rotate", **keyed)
    fresh = MasterKeys.load(file).active_id
    assert (rotated.code, rotated.out.startswith(f"{fresh} wraps new keys")) == (0, True)
    assert f"Copy {file} to the safe place NOW" in rotated.out
    assert told(run, keyed)[1] == (old, 3, "only read: kursdocs keys rewrap")

    early = run("keys", "retire", old, **keyed)
    assert early.code == 1
    assert early.err == (
        f"The master key {old} still wraps document keys: run kursdocs keys rewrap first.\n"
    )

    wrapped = run("keys", "rewrap", **keyed)
    assert wrapped.out.startswith("Wrapped anew: 3, could not be read: 0.")
    assert told(run, keyed)[1] == (old, 0, "not needed any more: kursdocs keys retire")

    assert run("keys", "retire", old, **keyed).code == 0
    assert told(run, keyed)[1] == (old, 0, "retired: its line may be deleted from the file")


def test_the_active_master_key_and_an_unknown_one_are_not_retired(
    run: Run, keyed: dict[str, object]
) -> None:
    (active,) = MasterKeys.load(Path(str(keyed["MASTER_KEY_FILE"]))).ids

    refused = [run("keys", "retire", name, **keyed) for name in (active, "nobody")]

    assert [ran.code for ran in refused] == [1, 1]
    assert "it is the first in the file" in refused[0].err
    assert refused[1].err == "There is no master key nobody: kursdocs keys status\n"
    assert told(run, keyed) == [(active, 3, "wraps new keys")]


def test_programs_are_told_the_same(run: Run, keyed: dict[str, object]) -> None:
    (active,) = MasterKeys.load(Path(str(keyed["MASTER_KEY_FILE"]))).ids

    shown = json.loads(run("keys", "status", "--json", **keyed).out)
    wrapped = json.loads(run("keys", "rewrap", "--json", **keyed).out)

    state = {"id": active, "keys": 3, "active": True, "in_file": True, "retired": False}
    assert (shown, wrapped) == ([state], {"done": 0, "failed": 0})


def test_keys_that_cannot_be_read_are_said_and_left(run: Run, keyed: dict[str, object]) -> None:
    with bootstrap.open_keys(settings_of(keyed)) as keys:
        document = keys.examine(None, 1)[0].document_id
    _spoil(Path(str(keyed["KEYS_URL"]).removeprefix("sqlite:///")), document.hex)
    run("keys", "rotate", **keyed)

    wrapped = run("keys", "rewrap", **keyed)

    assert wrapped.code == 1
    assert "Wrapped anew: 2, could not be read: 1." in wrapped.out
    assert "kursdocs fsck names" in wrapped.err


def _spoil(file: Path, document: str) -> None:
    with sqlite3.connect(file) as database:
        database.execute(
            "UPDATE document_key SET wrapped_key = zeroblob(60) WHERE document_id = ?", [document]
        )
    database.close()


def test_a_file_that_cannot_be_replaced_is_said_and_stays(
    run: Run, keyed: dict[str, object], tmp_path: Path
) -> None:
    """Here because nothing fits beside it; elsewhere because it is mounted or its disk is full."""
    file = tmp_path / ("k" * 250)
    Path(str(keyed["MASTER_KEY_FILE"])).rename(file)
    keyed["MASTER_KEY_FILE"] = file
    before = file.read_bytes()

    refused = run("keys", "rotate", **keyed)

    assert (refused.code, refused.out) == (1, "")
    assert "cannot be replaced: File name too long. Nothing has changed." in refused.err
    assert file.read_bytes() == before
    assert len(told(run, keyed)) == 1


def test_a_town_that_never_started_has_no_keys_to_work_on(
    run: Run, settings: dict[str, object]
) -> None:
    run("migrate", **settings)

    refused = run("keys", "status", **settings)

    assert (refused.code, "was never started" in refused.err) == (2, True)
