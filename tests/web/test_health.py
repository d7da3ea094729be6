"""Whether the process lives, and how its parts are: a stable shape without any secret."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.web.house import House, open_house

from kursdocs.operations.readiness import Parts
from kursdocs.web import health
from kursdocs.web.health import Readiness

PARTS = {
    *("database", "migrations", "key_store", "object_store"),
    *("mail", "bounces", "worker", "held", "integrity", "backup", "scanner"),
}


@pytest.fixture(scope="module")
def idle(quick_folder: Path) -> Iterator[House]:
    """A house where no worker ever was."""
    with open_house(quick_folder / "idle") as house:
        yield house


def test_a_process_that_lives_says_so(idle: House) -> None:
    answer = idle.client({}).get("/healthz")

    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_readiness_names_every_part_and_what_is_wrong_with_it(idle: House) -> None:
    answer = idle.client({}).get("/readyz")

    told = answer.json()
    assert answer.status_code == 200
    assert (told["ready"], told["status"]) == (True, "degraded")
    assert set(told["parts"]) == PARTS
    assert told["parts"]["worker"] == {"status": "degraded", "code": "worker_never_seen"}
    assert told["parts"]["scanner"] == {"status": "off"}
    assert told["parts"]["database"] == {"status": "ok"}
    settings = idle.services.settings
    for secret in (settings.database_url, str(idle.var), settings.mail_from):
        assert secret not in answer.text


def test_what_many_ask_at_once_is_looked_up_once(
    idle: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    real = Readiness._ask

    async def counted(readiness: Readiness) -> Parts:
        looks.append(1)
        return await real(readiness)

    monkeypatch.setattr(Readiness, "_ask", counted)
    monkeypatch.setattr(health, "FRESH_SECONDS", 60.0)
    idle.client({}).get("/readyz")
    looks.clear()
    threads = [threading.Thread(target=lambda: idle.client({}).get("/readyz")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert looks == []
