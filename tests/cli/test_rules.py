"""The commands about the rules, run as an operator runs them: without any setting."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

OWN = """\
extends = "shipped"
version = "musterstadt-1"
[kinds.fee_exemption_ik]
off = true
"""
SAME = 'extends = "shipped"\nversion = "musterstadt-1"\n'


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KURSDOCS_")}
    return subprocess.run(
        [sys.executable, "-m", "kursdocs.cli", "catalogue", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment | {"NO_COLOR": "1", "COLUMNS": "200"},
        check=False,
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "musterstadt.toml"
    path.write_text(OWN, encoding="utf-8")
    return path


def test_a_good_file_is_called_good(file: Path) -> None:
    done = run("check", file)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{file} can be used: musterstadt-1, 34 kinds, 1 switched off.\n"


def test_a_bad_file_is_told_its_mistakes_on_standard_error(file: Path) -> None:
    file.write_text(OWN.replace("off = true", "off = 1"), encoding="utf-8")

    done = run("check", file)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{file}:4: kinds.fee_exemption_ik: off must be true or false\n"


@pytest.mark.parametrize("command", ["check", "diff"])
def test_a_missing_file_is_a_mistake_of_the_caller(command: str, tmp_path: Path) -> None:
    done = run(command, tmp_path / "none.toml")

    assert (done.returncode, done.stdout) == (2, "")
    assert "does not exist" in done.stderr


def test_a_check_can_be_read_by_programs(file: Path) -> None:
    good = run("check", "--json", file)
    file.write_text(OWN.replace("off = true", "off = 1"), encoding="utf-8")
    bad = run("check", "--json", file)

    assert good.returncode == 0
    assert json.loads(good.stdout) == {
        "ok": True,
        "version": "musterstadt-1",
        "kinds": 34,
        "switched_off": 1,
        "mistakes": [],
    }
    assert (bad.returncode, bad.stderr) == (1, "")
    assert json.loads(bad.stdout) == {
        "ok": False,
        "mistakes": [
            {
                "file": str(file),
                "line": 4,
                "reason": "kinds.fee_exemption_ik: off must be true or false",
            }
        ],
    }


def test_a_difference_is_shown_with_exit_code_1(file: Path) -> None:
    german = run("diff", file)
    english = run("diff", "--language", "en", file)

    assert (german.returncode, german.stderr) == (1, "")
    assert german.stdout == (
        "switched off: kinds.fee_exemption_ik (Kostenbefreiung (Integrationskurs))\n"
    )
    assert english.stdout == (
        "switched off: kinds.fee_exemption_ik (Fee exemption (integration course))\n"
    )


def test_no_difference_is_silence_and_exit_code_0(file: Path) -> None:
    file.write_text(SAME, encoding="utf-8")

    done = run("diff", file)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_difference_can_be_read_by_programs(file: Path) -> None:
    done = run("diff", "--json", "--language", "en", file)

    assert done.returncode == 1
    assert json.loads(done.stdout) == {
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


def test_a_file_that_cannot_be_used_cannot_be_compared(file: Path) -> None:
    file.write_text("version = ", encoding="utf-8")

    done = run("diff", file)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{file}:1: no valid TOML: ")
