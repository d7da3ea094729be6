"""A new course provider comes in: opened, its head invited, instructed, at work, and closed again.

Nothing but the browser is needed, from the coordinator's first click to the paper in the inbox.
"""

import re

from playwright.sync_api import Page, expect
from tests.journeys.conftest import SitDown, Town
from tests.journeys.deeds import send_admission

AGENCY = "Sprachschule Probe"


def test_a_new_agency_comes_in_works_and_leaves(town: Town, sit_down: SitDown) -> None:
    coordinator = sit_down("Ines Muster")
    open_agency(coordinator)
    link = invite_head(coordinator)

    head = sit_down("Kim Muster")
    expect(head.get_by_role("heading", name=re.compile("noch keine Rolle"))).to_be_visible()
    head.goto(link)
    expect(head.locator("main")).to_contain_text(AGENCY)
    head.get_by_role("button", name="Einladung annehmen").click()
    expect(head.get_by_role("heading", name=re.compile("Bevor Sie beginnen"))).to_be_visible()
    head.get_by_role("button", name="Gelesen").click()
    send_admission(head, "Neumuster", town.samples / "zulassung-muster.pdf")

    office = sit_down("Jonas Muster")
    expect(office.get_by_role("row", name=re.compile("Neumuster, Lin"))).to_contain_text(AGENCY)

    # The link is worth nothing a second time, and the coordinator sees counts, not the paper.
    other = sit_down("Paul Probe")
    other.goto(link)
    expect(other.get_by_role("heading", name=re.compile("gilt nicht mehr"))).to_be_visible()
    coordinator.goto("/agencies")
    expect(coordinator.get_by_role("row", name=re.compile(AGENCY))).to_be_visible()
    assert "Neumuster" not in coordinator.content()

    close_agency(coordinator)
    head.goto("/inbox")
    assert head.get_by_role("heading", name="Eingang").count() == 0
    expect(office.get_by_role("row", name=re.compile("Neumuster, Lin"))).to_be_visible()


def open_agency(page: Page) -> None:
    """Open the course provider, as the coordinator."""
    page.goto("/agencies")
    page.get_by_role("link", name="Stelle eröffnen").click()
    page.get_by_label("Name", exact=True).fill(AGENCY)
    page.get_by_label("Kursträger").check()
    page.get_by_label("Postfach").fill("post@sprachschule-probe.example")
    page.get_by_role("button", name="Stelle eröffnen").click()
    expect(page.locator("main")).to_contain_text(AGENCY)


def invite_head(page: Page) -> str:
    """The link of an invitation to head the new agency."""
    page.goto("/agencies/sprachschule-probe/members")
    page.get_by_role("link", name="Einladen").click()
    page.get_by_label("Leitung").check()
    page.get_by_role("button", name="Link erstellen").click()
    return page.get_by_label("Link", exact=True).input_value()


def close_agency(page: Page) -> None:
    """Close the agency, after reading what that means."""
    page.goto("/agencies/sprachschule-probe/settings")
    page.get_by_role("link", name="Stelle schließen").click()
    page.get_by_role("button", name=re.compile("schließen", re.IGNORECASE)).click()
    expect(page.locator("main")).to_contain_text("geschlossen")
