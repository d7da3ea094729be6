"""``kursdocs audit``: verify against what was kept, prove a row, export a part, make a key."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.cli.commands import Ran, Run, set_up_town
from tests.evidence import Keeper, execute_past_guards
from tests.proof_checker import check

from kursdocs.adapters.database import Database
from kursdocs.adapters.log_key import LogKey
from kursdocs.core.audit import checkpoints

KEY_FILE = "log.key"


@pytest.fixture
def keeper(run: Run, settings: dict[str, object], inside: Database, tmp_path: Path) -> Keeper:
    """A town whose log is signed, and whoever signs it."""
    set_up_town(run, settings)
    made = run("audit", "key", str(tmp_path / KEY_FILE), "--name", "musterstadt.example/log")
    assert made.code == 0
    settings["LOG_KEY_FILE"] = tmp_path / KEY_FILE
    key = LogKey.load(tmp_path / KEY_FILE)
    assert key.verifier in made.out
    keeper = Keeper(inside.transaction, now=datetime.now(UTC), log_signer=key)
    keeper.sign()
    return keeper


def test_a_log_that_holds_is_said_to_also_against_a_kept_note(
    run: Run, settings: dict[str, object], keeper: Keeper, tmp_path: Path
) -> None:
    (tmp_path / "kept.txt").write_text(note_of(keeper))
    keeper.write(2)

    told = run("audit", "verify", "--checkpoint", str(tmp_path / "kept.txt"), **settings)
    data = run("audit", "verify", "--json", **settings)

    assert (told.code, told.err) == (0, "")
    assert told.out.startswith("The log holds: ")
    assert told.out.endswith("What you kept agrees with it.\n")
    found = json.loads(data.out)
    assert (found["whole"], found["checkpoints"], found["found"]) == (True, 1, [])
    assert found["rows"] == found["signed"] + 2


def test_what_was_altered_is_named_with_its_row(
    run: Run, settings: dict[str, object], keeper: Keeper, inside: Database, tmp_path: Path
) -> None:
    (tmp_path / "kept.txt").write_text(note_of(keeper))
    execute_past_guards(
        inside,
        None,
        "UPDATE audit_event SET happening = 'log.listed' WHERE seq = 2",
        "DELETE FROM audit_checkpoint",
    )

    told = run("audit", "verify", **settings)
    other = LogKey.create(tmp_path / "other.key", "musterstadt.example/log")
    forged = run(
        *("audit", "verify", "--checkpoint", str(tmp_path / "kept.txt"), "--key", other.verifier),
        **settings,
    )

    assert told.code == forged.code == 1
    assert "The log does NOT hold:\n- row 2 was altered\n" in told.out
    assert "the checkpoint you gave is not signed with a known key, or was altered" in forged.out


def test_a_file_without_a_checkpoint_and_a_key_that_is_none_are_refused(
    run: Run, settings: dict[str, object], tmp_path: Path
) -> None:
    (tmp_path / "letter.eml").write_text("Subject: Probe\n\nProbe\n")

    empty = run("audit", "verify", "--checkpoint", str(tmp_path / "letter.eml"), **settings)
    missing = run("audit", "verify", "--checkpoint", str(tmp_path / "nowhere"), **settings)
    unfit = run("audit", "verify", "--key", "abc", **settings)

    assert [ran.code for ran in (empty, missing, unfit)] == [2, 2, 2]
    assert "holds no checkpoint" in plain(empty)
    assert "cannot be read" in plain(missing)
    assert "no NAME+HASH+BASE64" in plain(unfit)


def test_a_row_is_proved_and_a_part_exported(
    run: Run, settings: dict[str, object], keeper: Keeper
) -> None:
    proved = run("audit", "prove", "2", **settings)
    unknown = run("audit", "prove", "999", **settings)
    exported = run("audit", "export", "--municipality", "musterstadt", **settings)
    nothing = run("audit", "export", "--agency", "vhs", "--to", "2020-01-01", **settings)
    unfit = run("audit", "export", "--from", "gestern", **settings)

    assert check(json.loads(proved.out))
    assert (unknown.code, unknown.out) == (1, "")
    assert "There is no row 999" in unknown.err
    lines = [json.loads(line) for line in exported.out.splitlines()]
    assert lines[-1]["rows"] == len(lines) - 1 > 0
    assert lines[-1]["checkpoint"] == note_of(keeper)
    assert json.loads(nothing.out)["rows"] == 0
    assert unfit.code == 2


def test_a_key_is_made_once_and_never_overwritten(
    run: Run, settings: dict[str, object], tmp_path: Path
) -> None:
    first = run("audit", "key", str(tmp_path / KEY_FILE), **settings)
    second = run("audit", "key", str(tmp_path / KEY_FILE), **settings)
    unfit = run("audit", "key", str(tmp_path / "b"), "--name", "zwei Wörter", **settings)

    assert first.code == 0
    assert "127.0.0.1:8000/log+" in first.out
    assert (second.code, unfit.code) == (1, 2)


def test_a_key_needs_no_setting_but_a_name(run: Run, tmp_path: Path) -> None:
    path = str(tmp_path / KEY_FILE)

    asked = run("audit", "key", path)
    unfit = run("audit", "key", path, PUBLIC_URL="http://kursdocs.example")
    named = run("audit", "key", path, PUBLIC_URL="https://Kursdocs.example")

    assert (asked.code, asked.out) == (2, "")
    assert asked.err == "What is the log called? Give --name, or set KURSDOCS_PUBLIC_URL.\n"
    assert (unfit.code, "KURSDOCS_PUBLIC_URL: must be https" in unfit.err) == (2, True)
    assert (named.code, "kursdocs.example/log+" in named.out) == (0, True)
    assert run("audit", "key", f"{path}2", "--name", "town/log").code == 0


def test_the_check_names_a_key_that_cannot_be_used_or_that_there_is_none(
    run: Run, settings: dict[str, object], tmp_path: Path
) -> None:
    none = run("check", **settings)
    missing = run("check", **settings, LOG_KEY_FILE=tmp_path / "nowhere")

    assert "Nobody signs the log" in none.out
    assert "FAILED  key that signs the log: KURSDOCS_LOG_KEY_FILE" in missing.out
    assert "Nobody signs the log" not in missing.out


def plain(ran: Ran) -> str:
    """What a command complained of, without the box around it."""
    return " ".join(ran.err.replace("│", " ").split())


def note_of(keeper: Keeper) -> str:
    """The newest note that kursdocs has."""
    with keeper.transaction() as session:
        newest = checkpoints.newest(session)
    assert newest is not None
    return newest.note
