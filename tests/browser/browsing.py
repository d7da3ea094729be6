"""Chromium, people who are signed in in it, and pages that must not complain.

For the tests in the browser and for the README's pictures. Knows the sign-in page of the demo.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    StorageState,
    sync_playwright,
)

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=de",
)
_REFUSED = re.compile(r"Failed to load resource: the server responded with a status of (\d{3})")
_BROKEN = re.compile(r"Failed to load resource: net::ERR_")


def chromium() -> str | None:
    """Where Chromium is (the variable CHROMIUM may name another one), or None."""
    return shutil.which(os.environ.get("CHROMIUM", "chromium"))


@contextmanager
def running_chromium(executable: str) -> Iterator[Browser]:
    """A headless browser; it ends with the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(_FLAGS))
        yield browser
        browser.close()


@dataclass
class Visitors:
    """People of the demo in one browser. Everybody signs in once, by the real way."""

    browser: Browser
    url: str
    _states: dict[str, StorageState] = field(default_factory=dict)
    _kept: dict[tuple[str, str], BrowserContext] = field(default_factory=dict)

    @contextmanager
    def context(
        self,
        person: str = "",
        *,
        url: str = "",
        language: str = "de-DE",
        java_script: bool = True,
        size: tuple[int, int] = (1280, 900),
        fresh: bool = False,
    ) -> Iterator[BrowserContext]:
        """A browser of that person's own (of nobody, when empty), at ``url`` if not at ours.

        ``fresh`` is a session of its own, for tests that end it.
        """
        state = None
        if person:
            state = self._signed_in(person) if fresh else self._state(person)
        context = self._context(
            state, url=url, language=language, java_script=java_script, size=size
        )
        yield context
        context.close()

    def _context(
        self,
        state: StorageState | None,
        *,
        url: str = "",
        language: str,
        java_script: bool = True,
        size: tuple[int, int] = (1280, 900),
    ) -> BrowserContext:
        context = self.browser.new_context(
            base_url=url or self.url,
            storage_state=state,
            locale=language,
            java_script_enabled=java_script,
            viewport={"width": size[0], "height": size[1]},
            reduced_motion="reduce",
        )
        context.set_default_timeout(20_000)
        return context

    def kept_page(self, person: str, language: str) -> Page:
        """A fresh page in the browser that this person used before, as it was after signing in.

        What pages load is in its cache already. It ends with Chromium.
        """
        context = self._kept.get((person, language)) or self._context(None, language=language)
        self._kept[person, language] = context
        context.clear_cookies()
        if person:
            cookies = self._state(person)["cookies"]
            context.add_cookies([{**cookie} for cookie in cookies])  # type: ignore[typeddict-item]  # read and written cookies have types of their own
        return context.new_page()

    def _state(self, person: str) -> StorageState:
        if person not in self._states:
            self._states[person] = self._signed_in(person)
        return self._states[person]

    def _signed_in(self, person: str) -> StorageState:
        with self.context() as context:
            sign_in(context.new_page(), person)
            return context.storage_state()


def sign_in(page: Page, person: str) -> None:
    """Sign in as that person, from the start page on."""
    page.goto("/")
    page.get_by_role("link", name="Anmelden").click()
    page.get_by_role("button", name=re.compile(f"^{person} –")).click()
    page.get_by_role("button", name="Abmelden").first.wait_for()
    confirm_instruction(page)


def confirm_instruction(page: Page) -> None:
    """Go on from the instruction that staff of course providers confirm once, if it is there."""
    if urlsplit(page.url).path == "/instruction":
        page.get_by_role("button", name="Gelesen").click()
        page.wait_for_url(lambda url: urlsplit(url).path != "/instruction")


class Watched:
    """A page whose every complaint is noted: errors of scripts, of the policy, of addresses."""

    def __init__(self, page: Page, *, allowed: tuple[int, ...] = (), broken: bool = False) -> None:
        """``allowed`` are statuses the test provokes; ``broken``: it breaks the line, too."""
        self.page = page
        self.complaints: list[str] = []
        self.allowed, self.broken = allowed, broken
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        refused = _REFUSED.match(message.text)
        if refused and int(refused[1]) in self.allowed:
            return
        if self.broken and _BROKEN.match(message.text):
            return
        self.complaints.append(message.text)
