"""The commands about the rules, run as an operator runs them: without any setting."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.commands import Ran, Run

OWN = """\
extends = "shipped"
version = "musterstadt-1"
[kinds.fee_exemption_ik]
off = true
"""
SAME = 'extends = "shipped"\nversion = "musterstadt-1"\n'


@pytest.fixture
def rules(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command of this group in a process of its own."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")

    def run_it(*words: str | Path) -> Ran:
        return run("catalogue", *map(str, words))

    return run_it


def started(*words: str | Path) -> Ran:
    """The same by a start of the interpreter."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KURSDOCS_")}
    done = subprocess.run(
        [sys.executable, "-m", "kursdocs.cli", "catalogue", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "musterstadt.toml"
    path.write_text(OWN, encoding="utf-8")
    return path


def test_a_good_file_is_called_good(file: Path) -> None:
    done = started("check", file)

    assert (done.code, done.err) == (0, "")
    assert done.out == f"{file} can be used: musterstadt-1, 34 kinds, 1 switched off.\n"


def test_a_bad_file_is_told_its_mistakes_on_standard_error(rules: Run, file: Path) -> None:
    file.write_text(OWN.replace("off = true", "off = 1"), encoding="utf-8")

    done = rules("check", file)

    assert (done.code, done.out) == (1, "")
    assert done.err == f"{file}:4: kinds.fee_exemption_ik: off must be true or false\n"


@pytest.mark.parametrize("command", ["check", "diff"])
def test_a_missing_file_is_a_mistake_of_the_caller(
    rules: Run, command: str, tmp_path: Path
) -> None:
    done = rules(command, tmp_path / "none.toml")

    assert (done.code, done.out) == (2, "")
    assert "does not exist" in done.err


def test_a_check_can_be_read_by_programs(rules: Run, file: Path) -> None:
    good = rules("check", "--json", file)
    file.write_text(OWN.replace("off = true", "off = 1"), encoding="utf-8")
    bad = rules("check", "--json", file)

    assert good.code == 0
    assert json.loads(good.out) == {
        "ok": True,
        "version": "musterstadt-1",
        "kinds": 34,
        "switched_off": 1,
        "mistakes": [],
    }
    assert (bad.code, bad.err) == (1, "")
    assert json.loads(bad.out) == {
        "ok": False,
        "mistakes": [
            {
                "file": str(file),
                "line": 4,
                "reason": "kinds.fee_exemption_ik: off must be true or false",
            }
        ],
    }


def test_a_difference_is_shown_with_exit_code_1(rules: Run, file: Path) -> None:
    german = rules("diff", file)
    english = rules("diff", "--language", "en", file)

    assert (german.code, german.err) == (1, "")
    assert german.out == (
        "switched off: kinds.fee_exemption_ik (Kostenbefreiung (Integrationskurs))\n"
    )
    assert english.out == (
        "switched off: kinds.fee_exemption_ik (Fee exemption (integration course))\n"
    )


def test_no_difference_is_silence_and_exit_code_0(file: Path) -> None:
    file.write_text(SAME, encoding="utf-8")

    done = started("diff", file)

    assert (done.code, done.out, done.err) == (0, "", "")


def test_a_difference_can_be_read_by_programs(rules: Run, file: Path) -> None:
    done = rules("diff", "--json", "--language", "en", file)

    assert done.code == 1
    assert json.loads(done.out) == {
        "changes": [
            {
                "what": "switched off",
                "section": "kinds",
                "code": "fee_exemption_ik",
                "name": "Fee exemption (integration course)",
                "details": [],
            }
        ]
    }


def test_a_file_that_cannot_be_used_cannot_be_compared(rules: Run, file: Path) -> None:
    file.write_text("version = ", encoding="utf-8")

    done = rules("diff", file)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"{file}:1: no valid TOML: ")
