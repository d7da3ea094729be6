"""The rule that a run in CI leaves nothing out, seen at work in a run of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

LEFT_OUT = {
    "a skipped test": "@pytest.mark.skip(reason='no such part')\ndef test_it(): pass",
    "a skipped module": "pytest.skip('no such part', allow_module_level=True)",
    "a test that may fail": "@pytest.mark.xfail(reason='no such part')\ndef test_it(): assert 0",
}


def run(folder: Path, body: str, *, ci: str, workers: int = 0) -> subprocess.CompletedProcess[str]:
    """Run pytest with our conftest on one more test module beside a test that passes."""
    tests = folder / "tests"
    tests.mkdir()
    for name in ("conftest", "engines", "servers", "servers_dovecot", "certificates"):
        shutil.copy(HERE / f"{name}.py", tests)
    (tests / "test_fine.py").write_text("def test_fine(): pass\n")
    (tests / "test_it.py").write_text(f"import pytest\n{body}\n")
    (folder / "pytest.ini").write_text(
        "[pytest]\npythonpath = .\naddopts = --import-mode=importlib"
    )
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    plugins = ["-p", "xdist", f"-n{workers}"] if workers else []
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, "tests"],
        cwd=folder,
        env=outer | {"CI": ci, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.mark.parametrize("what", LEFT_OUT)
def test_in_ci_leaving_something_out_is_a_failure(what: str, tmp_path: Path) -> None:
    result = run(tmp_path, LEFT_OUT[what], ci="true")

    assert result.returncode == pytest.ExitCode.TESTS_FAILED, result.stdout
    assert "LEFT OUT" in result.stdout
    assert "no such part" in result.stdout


def test_in_ci_it_is_a_failure_with_several_workers_too(tmp_path: Path) -> None:
    result = run(tmp_path, LEFT_OUT["a skipped test"], ci="true", workers=2)

    assert result.returncode == pytest.ExitCode.TESTS_FAILED, result.stdout
    assert "no such part" in result.stdout


def test_elsewhere_it_is_said_but_no_failure(tmp_path: Path) -> None:
    result = run(tmp_path, LEFT_OUT["a skipped test"], ci="")

    assert result.returncode == pytest.ExitCode.OK, result.stdout
    assert "1 left out: Skipped: no such part" in result.stdout


def test_in_ci_a_complete_run_passes(tmp_path: Path) -> None:
    result = run(tmp_path, "def test_it(): pass", ci="true")

    assert result.returncode == pytest.ExitCode.OK, result.stdout
    assert "LEFT OUT" not in result.stdout


def test_in_ci_a_missing_server_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    body = (
        "import tests.conftest as shared\n"
        "def test_it(): shared.leave_out('PostgreSQL is not installed')\n"
    )

    result = run(tmp_path, body, ci="true")

    assert result.returncode == pytest.ExitCode.TESTS_FAILED, result.stdout
    assert "may not be left out in CI: PostgreSQL is not installed" in result.stdout
