"""A running demo, a browser, and pages that fail the test when they complain."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, Page
from tests.browser.browsing import Visitors, Watched, chromium, running_chromium
from tests.browser.demo import Demo, running_demo
from tests.conftest import leave_out


class Opening(Protocol):
    """Opens a page of a person; see the fixture ``opened``."""

    def __call__(
        self,
        person: str = "",
        *,
        allowed: tuple[int, ...] = (),
        broken: bool = False,
        **context: Any,
    ) -> Page: ...


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo, as ``make run`` starts it."""
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


# Playwright keeps an event loop in the test's own thread for as long as it runs, in which no other
# may run: it ends with each module, so that tests of asynchronous code can share the process.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, headless."""
    executable = chromium()
    if executable is None:
        leave_out("Chromium is not installed (Debian: chromium)")
    else:
        with running_chromium(executable) as running:
            yield running


@pytest.fixture(scope="module")
def visitors(browser: Browser, demo: Demo) -> Visitors:
    """The people of the demo."""
    return Visitors(browser, demo.url)


@pytest.fixture
def opened(visitors: Visitors) -> Iterator[Opening]:
    """Open an empty page as a person; the test fails when any of them complained."""
    watched: list[Watched] = []
    with ExitStack() as stack:

        def open_page(
            person: str = "",
            *,
            allowed: tuple[int, ...] = (),
            broken: bool = False,
            **context: Any,
        ) -> Page:
            page = stack.enter_context(visitors.context(person, **context)).new_page()
            watched.append(Watched(page, allowed=allowed, broken=broken))
            return page

        yield open_page
    assert [complaint for each in watched for complaint in each.complaints] == []
