"""An embedded installation, and a shell to run commands on it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.cli.commands import Ran, Run, run_command
from tests.operations.house import Clock, House, settled

from kursdocs.adapters.database import Database
from kursdocs.adapters.master_keys import MasterKeys
from kursdocs.settings import Settings


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command in a process of its own, with these settings and no others."""

    def run_it(*arguments: str, **settings: object) -> Ran:
        return run_command(tmp_path, arguments, settings)

    return run_it


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, object]:
    """An embedded installation that was never started."""
    MasterKeys.create(tmp_path / "master.keys")
    return {
        "DATABASE_URL": f"sqlite:///{tmp_path}/main.sqlite",
        "KEYS_URL": f"sqlite:///{tmp_path}/keys.sqlite",
        "STORE_URL": f"folder:{tmp_path}/objects",
        "MASTER_KEY_FILE": tmp_path / "master.keys",
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "OIDC_ISSUER": "http://127.0.0.1:8000/demo/oidc",
        "OIDC_CLIENT_ID": "kursdocs",
        "OIDC_CLIENT_SECRET": "demo",
        "SMTP_URL": f"folder:{tmp_path}/mail",
        "MAIL_FROM": "kursdocs@musterstadt.example",
        "CLAMD": "off",
    }


@pytest.fixture
def house(run: Run, settings: dict[str, object]) -> Iterator[House]:
    """A town with three papers, on these settings."""
    assert run("migrate", **settings).code == 0
    values = {name.lower(): value for name, value in settings.items()}
    with settled(Settings(**values), Clock(datetime.now(UTC))) as opened:  # type: ignore[arg-type]  # as in the environment
        for _ in range(3):
            opened.send()
        yield opened


@pytest.fixture
def inside(settings: dict[str, object]) -> Iterator[Database]:
    """The installation's database."""
    opened = Database(str(settings["DATABASE_URL"]))
    yield opened
    opened.close()
