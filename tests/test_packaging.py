"""What is installed from a wheel is the whole program, pages and catalogue included."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from infra.hatch_build import build_frontend

ROOT = Path(__file__).parents[1]


def test_the_wheel_holds_pages_catalogue_migrations_and_licence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=100)

    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    program = {
        str(path.relative_to(ROOT / "src"))
        for path in (ROOT / "src/kursdocs").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    pages = {
        f"kursdocs/_web/{path.relative_to(ROOT / 'frontend')}"
        for folder in ("templates", "dist", "locale")
        for path in (ROOT / "frontend" / folder).rglob("*")
        if path.is_file()
    }
    assert (program | pages) - set(names) == set()
    assert "kursdocs/_web/dist/manifest.json" in names
    assert [name for name in names if name.endswith("licenses/LICENSE")]


def test_without_npm_the_wheel_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(RuntimeError, match="install Node"):
        build_frontend(tmp_path)
