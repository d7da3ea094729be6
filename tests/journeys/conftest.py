"""The town in which the journeys take place: the real program, started as its README says.

Every journey runs on each combination of real parts. They differ by settings alone.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from tests.conftest import leave_out
from tests.servers import (
    PostgresServer,
    S3Server,
    SmtpServer,
    free_port,
    running_smtp,
    start_process,
    stop_process,
    wait_until_ready,
)
from tests.servers_clamd import clamd_binary, running_clamd

CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--lang=de"]
CHROMIUM_FLAGS += ["--disable-background-networking", "--disable-component-update"]


@dataclass(frozen=True)
class Town:
    """A running kursdocs. ``mails`` are what its agencies were sent, as raw text."""

    url: str
    var: Path
    process: subprocess.Popen[bytes]
    smtp: SmtpServer | None

    @property
    def samples(self) -> Path:
        """Invented papers to send."""
        return self.var / "samples"

    def mails(self) -> list[str]:
        """Every mail that went out so far."""
        if self.smtp is not None:
            return [letter.message.as_string() for letter in self.smtp.letters]
        return [mail.read_text() for mail in sorted((self.var / "mail").glob("*.eml"))]


@pytest.fixture(scope="session")
def _towns() -> Iterator[tuple[dict[str, Town], ExitStack]]:
    """Every town that runs already: each is started once, whatever the order of the journeys."""
    with ExitStack() as running:
        yield {}, running


@pytest.fixture(params=["embedded", "at_scale"])
def town(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    _towns: tuple[dict[str, Town], ExitStack],
) -> Town:
    """The demo town on one combination of real parts; its journeys share it, like a real one."""
    towns, running = _towns
    if request.param not in towns:
        smtp = running.enter_context(running_smtp()) if request.param == "at_scale" else None
        settings = _settings_at_scale(request, smtp) if smtp else {}
        folder = tmp_path_factory.mktemp(str(request.param))
        towns[request.param] = running.enter_context(_running(folder, settings, smtp))
    return towns[request.param]


@contextmanager
def _running(tmp_path: Path, settings: dict[str, str], smtp: SmtpServer | None) -> Iterator[Town]:
    port = free_port()
    command = [sys.executable, "-m", "kursdocs.cli", "demo", "--port", str(port)]
    process = start_process(
        [*command, "--var", str(tmp_path / "var")],
        log=tmp_path / "kursdocs.log",
        env={**os.environ, **settings},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(process, lambda: _is_ready(url), log=tmp_path / "kursdocs.log")
        yield Town(url, tmp_path / "var", process, smtp)
    finally:
        stop_process(process)


def _settings_at_scale(request: pytest.FixtureRequest, smtp: SmtpServer) -> dict[str, str]:
    """PostgreSQL, SeaweedFS, ClamAV and a real mail server."""
    postgres: PostgresServer = request.getfixturevalue("postgres")
    s3: S3Server = request.getfixturevalue("s3")
    return {
        "KURSDOCS_DATABASE_URL": postgres.new_database(),
        "KURSDOCS_KEYS_URL": postgres.new_database(),
        "KURSDOCS_STORE_URL": s3.bucket_url(s3.new_bucket()),
        "KURSDOCS_S3_ACCESS_KEY": s3.access_key,
        "KURSDOCS_S3_SECRET_KEY": s3.secret_key,
        "KURSDOCS_SMTP_URL": smtp.url,
        "KURSDOCS_CLAMD": request.getfixturevalue("clamd"),
    }


@pytest.fixture(scope="session")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a clamd."""
    if clamd_binary() is None:
        leave_out("clamd is not installed (Debian: clamav-daemon)")
    with running_clamd(tmp_path_factory.mktemp("clamd")) as server:
        yield server.address


def _is_ready(url: str) -> bool:
    try:
        with urlopen(url + "/readyz", timeout=2) as answer:  # noqa: S310 - our own server
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; ended with the module, as tests of asynchronous code must not meet it."""
    chromium = Path("/usr/bin/chromium")
    if not chromium.exists():
        leave_out("Chromium is not installed (Debian: chromium)")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield opened
        opened.close()


class Desk:
    """One person's browser, signed in at the town."""

    def __init__(self, browser: Browser, town: Town, name: str) -> None:
        self.town = town
        self.context = browser.new_context(base_url=town.url, locale="de-DE")
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.page.goto("/")
        self.page.get_by_role("link", name="Anmelden").click()
        self.page.get_by_role("button", name=name).click()
        self.page.get_by_role("button", name="Abmelden").first.wait_for()
        if "/instruction" in self.page.url:
            # Staff of course providers, the first time.
            self.page.get_by_role("button", name="Gelesen").click()
            self.page.wait_for_url(lambda url: "/instruction" not in url)

    def close(self) -> None:
        """Close the browser window."""
        self.context.close()


SitDown = Callable[[str], Page]


@pytest.fixture
def sit_down(browser: Browser, town: Town) -> Iterator[SitDown]:
    """Sign a person of the town in, in a browser of their own."""
    desks: list[Desk] = []

    def open_desk(name: str) -> Page:
        desks.append(Desk(browser, town, name))
        return desks[-1].page

    yield open_desk
    for desk in desks:
        desk.close()
