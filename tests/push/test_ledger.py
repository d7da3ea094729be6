"""The list of what was sent: there to stay, for its owner alone, and honest about damage."""

import json
import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from kursdocs.push.ledger import LedgerError, Sent, open_ledger

SENT = Sent(
    server="https://kursdocs.example",
    client_id="vhs-musterstadt",
    key="push-1",
    file="zulassung.pdf",
    sha256="ab",
    document="01",
    at="2026-11-22T10:00:00Z",
)


def known(path: Path, key: str = "push-1") -> Sent | None:
    with open_ledger(path) as ledger:
        return ledger.find(SENT.server, SENT.client_id, key)


def test_what_was_noted_is_found_in_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "state" / "kursdocs" / "pushed.jsonl"

    with open_ledger(path) as ledger:
        assert ledger.find(SENT.server, SENT.client_id, "push-1") is None
        ledger.note(SENT)
        assert ledger.find(SENT.server, SENT.client_id, "push-1") == SENT

    assert known(path) == SENT
    assert json.loads(path.read_text()) == vars(SENT)


def test_another_server_and_another_program_have_lists_of_their_own(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "l") as ledger:
        ledger.note(SENT)

        assert ledger.find("https://other.example", SENT.client_id, "push-1") is None
        assert ledger.find(SENT.server, "sprachwerk", "push-1") is None


@pytest.mark.parametrize("mode", [None, 0o644])
def test_it_is_for_its_owner_alone(tmp_path: Path, mode: int | None) -> None:
    path = tmp_path / "l"
    if mode is not None:
        path.touch(mode)

    known(path)

    assert path.stat().st_mode & 0o777 == 0o600


def test_a_line_is_on_the_disk_when_it_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    write, fsync = os.write, os.fsync

    def writing(descriptor: int, data: bytes) -> int:
        steps.append("write")
        return write(descriptor, data)

    def syncing(descriptor: int) -> None:
        steps.append("fsync")
        fsync(descriptor)

    monkeypatch.setattr(os, "write", writing)
    monkeypatch.setattr(os, "fsync", syncing)

    with open_ledger(tmp_path / "l") as ledger:
        assert steps == ["fsync"]  # the folder, which now holds the file
        ledger.note(SENT)

    assert steps == ["fsync", "write", "fsync"]


def test_a_last_line_that_was_broken_off_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "l"
    with open_ledger(path) as ledger:
        ledger.note(SENT)
    whole = path.read_bytes()

    for length in (1, 5, len(whole) - 1):
        path.write_bytes(whole + whole[:length])
        assert known(path) == SENT
        assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"not json\n", 1),
        (b'{"server": "x"}\n', 1),
        (b"[1]\n", 1),
        (json.dumps(vars(SENT)).encode() + b"\n\n", 2),
        (json.dumps({**vars(SENT), "at": 1}).encode() + b"\n", 1),
        (json.dumps(vars(SENT)).encode() + b"\n\xff\xfe\n", 2),
        (b"file;kind;to without an end of line", 1),
    ],
)
def test_a_damaged_one_is_named_with_its_line_and_left_as_it_is(
    tmp_path: Path, content: bytes, line: int
) -> None:
    path = tmp_path / "l"
    path.write_bytes(content)

    with pytest.raises(LedgerError, match=f"is damaged in line {line}. Move it away"):
        known(path)

    assert path.read_bytes() == content


def test_two_runs_at_once_do_not_share_one(tmp_path: Path) -> None:
    path = tmp_path / "l"

    with open_ledger(path), pytest.raises(LedgerError, match="another run is using the ledger"):
        known(path)

    assert known(path) is None


def test_one_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(LedgerError, match="cannot be opened: Is a directory"):
        known(tmp_path)
    with pytest.raises(LedgerError, match=r"cannot be opened: (Not a directory|File exists)"):
        known(tmp_path / "file" / "l")


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    path = tmp_path / "l"
    with open_ledger(path) as ledger:
        ledger.note(SENT)
    whole = path.read_bytes()

    done = subprocess.run(
        [sys.executable, "-c", _FULL, path, json.dumps(vars(replace(SENT, key="push-2")))],
        preexec_fn=lambda: _limit(len(whole) + 20),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, "cannot be written" in done.stderr) == (1, True), done.stderr
    assert path.read_bytes() == whole


_FULL = """
import json, signal, sys
from pathlib import Path
from kursdocs.push.ledger import Sent, open_ledger
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with open_ledger(Path(sys.argv[1])) as ledger:
    ledger.note(Sent(**json.loads(sys.argv[2])))
"""


def _limit(size: int) -> None:
    """No file may grow beyond, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
