"""What every page offers: language, colours, the agency one acts for; and what it costs."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import Opening
from tests.browser.demo import Demo

KIB = 1024
SHIFTS = """() => new Promise(resolve => {
  let sum = 0;
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) sum += entry.value;
  }).observe({type: "layout-shift", buffered: true});
  setTimeout(() => resolve(sum), 400);
})"""


def theme_of(page: Page) -> str | None:
    return page.locator("html").get_attribute("data-kern-theme")


def test_the_language_is_the_browsers_until_one_is_chosen(opened: Opening) -> None:
    page = opened("Amina Muster", language="en-GB")
    page.goto("/sent")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sent")

    page.get_by_role("button", name="Deutsch").click()

    expect(page).to_have_url(re.compile("/sent$"))
    expect(page.locator("html")).to_have_attribute("lang", "de")
    page.goto("/inbox")
    expect(page.get_by_role("heading", level=1)).to_have_text("Eingang")


@pytest.mark.parametrize("java_script", [True, False], ids=["with-scripts", "without-scripts"])
def test_the_chosen_colours_stay(opened: Opening, java_script: bool) -> None:
    page = opened("Amina Muster", java_script=java_script)
    page.goto("/inbox")
    assert theme_of(page) is None

    with page.expect_response("**/preferences"):
        page.get_by_role("button", name="Dunkle Farben").click()
    expect(page.locator("html")).to_have_attribute("data-kern-theme", "dark")

    page.goto("/catalogue")
    assert theme_of(page) == "dark"
    with page.expect_response("**/preferences"):
        page.get_by_role("button", name="Helle Farben").click()
    expect(page.locator("html")).to_have_attribute("data-kern-theme", "light")


def test_the_pressed_colour_button_passes_the_focus_on(opened: Opening) -> None:
    page = opened()
    page.goto("/sign-in")

    with page.expect_response("**/preferences"):
        page.get_by_role("button", name="Dunkle Farben").press("Enter")

    expect(page.get_by_role("button", name="Helle Farben")).to_be_focused()


def test_who_belongs_to_two_agencies_can_change_between_them(opened: Opening) -> None:
    page = opened("Mira Beispiel", fresh=True)
    page.goto("/inbox")
    menu = page.locator("summary", has_text="Sie handeln für:")
    here = menu.locator("bdi").inner_text()
    there = {"VHS Musterstadt": "Sprachwerk", "Sprachwerk": "VHS Musterstadt"}[here]

    menu.click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name=there)).to_be_hidden()
    menu.press("Enter")
    page.get_by_role("button", name=there).click()
    expect(menu.locator("bdi")).to_have_text(there)
    # Here, too, they have to confirm what they may use the data for.
    page.get_by_role("button", name="Gelesen").click()

    expect(page).to_have_url(re.compile("/desk$"))
    expect(menu.locator("bdi")).to_have_text(there)


@pytest.fixture(scope="module")
def paper(demo: Demo) -> dict[str, Any]:
    """A paper of two pages that waits in the inboxes of both offices."""
    return demo.send(name=("Probe", "Mika"), page_count=2)


def test_nothing_jumps_while_a_page_loads(opened: Opening, paper: dict[str, Any]) -> None:
    page = opened("Jonas Muster")
    for path in ("/inbox", f"/documents/{paper['id']}"):
        page.goto(path, wait_until="networkidle")

        assert page.evaluate(SHIFTS) == 0, path


def test_the_first_page_is_light(opened: Opening, paper: dict[str, Any]) -> None:
    page = opened("Jonas Muster")
    page.goto("/inbox", wait_until="networkidle")

    loaded = page.evaluate(
        """() => ["navigation", "resource"].flatMap(type => performance.getEntriesByType(type))
            .map(entry => [new URL(entry.name).pathname, entry.encodedBodySize])"""
    )

    without_fonts = {path: size for path, size in loaded if not path.endswith(".woff2")}
    assert sum(without_fonts.values()) < 150 * KIB, without_fonts
    assert len({path for path, _ in loaded}) <= 6, loaded
