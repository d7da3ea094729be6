"""Rules for what lies in the repository, which no other tool checks."""

import os
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINES_MAX = 600

# Written with character classes, so that this file does not hold what it forbids.
REGISTRY_HOST = re.compile(
    r"py[p]i[.]org|python[h]osted[.]org|np[m]js[.](org|com)|deb[.]debia[n][.]org"
)
MACHINE_PATH = re.compile(r"(^|[^a-zA-Z.])/(wor[k]|far[m]|hom[e]|roo[t])/")
OPEN_END = re.compile(r"\b(TOD[O]|FIXM[E]|XX[X]|HAC[K])\b")
# A test that is left out says so through one function, which refuses to do it in CI.
LEFT_OUT = re.compile(r"pytest\.(mark\.)?(ski[p]|xfai[l])|\.ski[p]\(")

# Folders of tests that drive the whole program instead of mirroring one storey of it.
WHOLE = {"journeys", "browser", "faults", "interop", "infra", "simulation"}


@cache
def tracked() -> tuple[str, ...]:
    """The paths of all files in the repository; those not yet added count too."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        env={**os.environ, "GIT_CONFIG_COUNT": "1", **_trusted()},
        capture_output=True,
        check=True,
    )
    names = sorted(set(os.fsdecode(listing.stdout).split("\0")) - {""})
    return tuple(name for name in names if (ROOT / name).is_file())


def _trusted() -> dict[str, str]:
    """Lets git read a checkout that belongs to another user, as in a container."""
    return {"GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": str(ROOT)}


def text_of(name: str) -> str:
    """The file's text; an empty one for pictures, fonts and the like."""
    data = (ROOT / name).read_bytes()
    return "" if b"\0" in data else data.decode(errors="replace")


def findings(pattern: re.Pattern[str], *, under: tuple[str, ...] = ("",)) -> Iterator[str]:
    """``file:line`` wherever the pattern occurs in a text file below one of the folders."""
    for name in tracked():
        if name.startswith(under):
            for number, line in enumerate(text_of(name).splitlines(), start=1):
                if pattern.search(line):
                    yield f"{name}:{number}"


def python_files(folder: str) -> list[str]:
    return [n for n in tracked() if n.startswith(f"{folder}/") and n.endswith(".py")]


def test_no_file_names_a_package_registry() -> None:
    assert list(findings(REGISTRY_HOST)) == []


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    assert list(findings(MACHINE_PATH)) == []


def test_nothing_is_left_for_later_in_a_comment() -> None:
    assert list(findings(OPEN_END, under=("src/", "frontend/", "tests/", "infra/"))) == []


def test_tests_are_left_out_in_one_place_only() -> None:
    assert {found.split(":")[0] for found in findings(LEFT_OUT, under=("tests/",))} <= {
        "tests/conftest.py",
        "tests/test_conftest.py",
    }


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "infra/locks").iterdir()))
def test_a_lock_file_works_behind_any_mirror_and_pins_every_package(name: str) -> None:
    text = (ROOT / "infra/locks" / name).read_text()

    assert "://" not in text
    packages = [line for line in text.splitlines() if re.match(r"[a-z0-9]", line)]
    assert packages
    assert [line for line in packages if not re.match(r"[a-z0-9.-]+==\S+ (; .*)?\\$", line)] == []
    assert text.count("--hash=sha256:") >= len(packages)


def test_the_npm_locks_work_behind_any_mirror() -> None:
    locks = [name for name in tracked() if name.endswith("package-lock.json")]

    assert "frontend/package-lock.json" in locks
    assert [name for name in locks if '"resolved": "' in text_of(name)] == []


def test_nothing_that_is_built_or_installed_is_kept() -> None:
    built = re.compile(r"(^|/)(node_modules|dist|__pycache__|\.venv|\.tools|var)/")

    assert [name for name in tracked() if built.search(name)] == []


def test_modules_are_short_enough_to_read() -> None:
    long = {
        name: lines
        for name in python_files("src")
        if (lines := len(text_of(name).splitlines())) > LINES_MAX
    }

    assert long == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [name for name in python_files("src") if not text_of(name).startswith('"""')]

    assert silent == []


def test_tests_lie_where_the_code_they_test_lies() -> None:
    sources = ROOT / "src/kursdocs"
    folders = {Path(name).parent.relative_to("tests") for name in python_files("tests")}
    mirrored = {folder for folder in folders if folder.parts and folder.parts[0] not in WHOLE}

    assert {str(folder) for folder in mirrored if not (sources / folder).exists()} == set()


def test_the_readme_names_only_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", text_of("Makefile"), flags=re.MULTILINE))
    readme = text_of("README.md")
    in_code = "\n".join(re.findall(r"```.*?```|`[^`]+`", readme, flags=re.DOTALL))
    named = set(re.findall(r"(?:^|[\s`;&])make ([a-z][a-z-]*)", in_code))

    assert named - targets == set()


def test_ci_runs_what_the_readme_tells_people_to_run() -> None:
    assert re.search(r"^CI=true .*\bmake test\b", text_of(".ci/run"), flags=re.MULTILINE)


def test_programs_can_be_started() -> None:
    started = [name for name in tracked() if text_of(name).startswith("#!")]

    assert [name for name in started if not os.access(ROOT / name, os.X_OK)] == []
