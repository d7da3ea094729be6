"""A document's page and what leads on from it: correcting, handing on, taking note, the receipt.

By keyboard alone with scripts, and without scripts. What axe says of these pages stands in
``test_accessibility``, but for what waits to be acknowledged.
"""

import re
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect
from tests.browser.conftest import Opening
from tests.browser.demo import Demo, day, typed

SENDER, OFFICER, OFFICE = "Amina Muster", "Jonas Muster", "auslaenderbehoerde"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SUCCESS = ".kern-alert--success"


def reach(page: Page, target: Locator, tabs: int = 60) -> None:
    """Go there with the tabulator, as somebody without a mouse does."""
    for _ in range(tabs):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"the tabulator does not lead to {target}")


def press(page: Page, target: Locator) -> None:
    """Reach it and press Enter; what follows is another page."""
    reach(page, target)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def path_of(paper: dict[str, Any]) -> str:
    return f"/documents/{paper['id']}"


def received(demo: Demo, name: str) -> dict[str, Any]:
    """A paper that an office sent to a course provider, who may hand it on."""
    return demo.send(
        sender="jobcenter",
        recipients=("vhs-musterstadt",),
        name=(name, "Lin"),
        fields={"issued_on": day(-20), "expires_on": day(345)},
    )


def ended(demo: Demo, name: str) -> dict[str, Any]:
    """A paper that was withdrawn after the office had opened it."""
    paper = demo.send(name=(name, "Lin"), recipients=(OFFICE,))
    demo.look_at(paper, OFFICE)
    demo.withdraw(paper, "vhs-musterstadt", "wrong_recipient")
    return paper


def expect_fits_a_phone(page: Page) -> None:
    size = page.viewport_size
    page.set_viewport_size({"width": 320, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.set_viewport_size(size or {"width": 1280, "height": 900})


def expect_no_violations(page: Page) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate(
            "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        found = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]})
        assert found.violations_count == 0, found.generate_report()


def test_a_paper_is_corrected_by_keyboard_alone(opened: Opening, demo: Demo) -> None:
    name = "Tastberichtigt"
    sent = demo.send(name=(name, "Lin"), recipients=(OFFICE,))
    page = opened(SENDER)
    page.goto(path_of(sent))

    press(page, page.get_by_role("link", name=re.compile("^Berichtigen")))
    expect_fits_a_phone(page)
    reach(page, page.get_by_label("Grund der Berichtigung"))
    page.keyboard.press("ArrowDown")
    reach(page, page.get_by_label("Vornamen"))
    page.keyboard.type("Lina")
    press(page, page.get_by_role("button", name="Berichtigt senden"))

    expect(page.get_by_role("heading", level=1)).to_have_text("Quittung")
    expect(page.get_by_text("Ersetzt den Vorgang")).to_be_visible()
    (new,) = [one for one in demo.sent_by("vhs-musterstadt", name) if one["given_names"] == "Lina"]
    assert new["state"] == "live"
    page.goto(path_of(sent))
    expect(page.get_by_text("Dieses Papier wurde durch ein berichtigtes ersetzt")).to_be_visible()


def test_a_paper_is_handed_on_by_keyboard_alone(opened: Opening, demo: Demo) -> None:
    paper = received(demo, "Tastweiter")
    page = opened(SENDER)
    page.goto(path_of(paper))

    press(page, page.get_by_role("link", name="Weitergeben …"))
    expect_fits_a_phone(page)
    reach(page, page.get_by_role("radio").first)
    page.keyboard.press("Space")
    reach(page, page.get_by_label("Freigegeben am"))
    page.keyboard.type(typed(0))
    reach(page, page.get_by_label("mündlich, persönlich vor Ort"))
    page.keyboard.press("Space")
    press(page, page.get_by_role("button", name="Weitergeben", exact=True))

    expect(page.locator(SUCCESS)).to_contain_text("Weitergegeben.")


def test_an_end_is_acknowledged_by_keyboard_alone(opened: Opening, demo: Demo) -> None:
    page = opened(OFFICER)
    page.goto(path_of(ended(demo, "Tastkenntnis")))
    expect_no_violations(page)
    expect_fits_a_phone(page)

    press(page, page.get_by_role("button", name="Zur Kenntnis genommen"))

    expect(page.locator(SUCCESS)).to_contain_text("Zur Kenntnis genommen.")
    expect(page.get_by_role("button", name="Zur Kenntnis genommen")).to_have_count(0)


def test_each_end_is_acknowledged_in_the_list_of_what_was_withdrawn(
    opened: Opening, demo: Demo
) -> None:
    paper = ended(demo, "Listenkenntnis")
    page = opened(OFFICER)
    page.goto("/inbox?state=withdrawn")
    form = page.locator(f"form[action*='{demo.delivery(paper, OFFICE)}']")
    expect_no_violations(page)
    expect_fits_a_phone(page)

    form.get_by_role("button").click()

    expect(form).to_have_count(0)
    expect(page.locator("[data-notice]")).to_contain_text("Zur Kenntnis genommen.")
    expect(page).to_have_url(re.compile("state=withdrawn"))


def test_all_of_it_works_without_scripts(opened: Opening, demo: Demo) -> None:
    sent = demo.send(name=("Ohneskript", "Lin"), recipients=(OFFICE,))
    onward, gone = received(demo, "Ohneskriptweiter"), ended(demo, "Ohneskriptende")
    sender, officer = (opened(who, java_script=False) for who in (SENDER, OFFICER))

    sender.goto(path_of(sent))
    sender.get_by_role("link", name="Berichtigen", exact=True).click()
    sender.get_by_label("Grund der Berichtigung").select_option(index=1)
    sender.get_by_role("button", name="Berichtigt senden").click()
    expect(sender.get_by_role("heading", level=1)).to_have_text("Quittung")

    sender.goto(path_of(onward))
    sender.get_by_role("link", name="Weitergeben …").click()
    sender.get_by_role("radio").first.check()
    sender.get_by_label("Freigegeben am").fill(typed(0))
    sender.get_by_label("schriftlich").check()
    sender.get_by_role("button", name="Weitergeben", exact=True).click()
    expect(sender.locator(SUCCESS)).to_contain_text("Weitergegeben.")

    officer.goto(path_of(gone))
    officer.get_by_role("button", name="Zur Kenntnis genommen").click()
    expect(officer.locator(SUCCESS)).to_contain_text("Zur Kenntnis genommen.")


@pytest.mark.parametrize("java_script", [True, False])
def test_the_receipt_comes_as_a_pdf_that_opens(
    opened: Opening, demo: Demo, tmp_path: Path, java_script: bool
) -> None:
    sent = demo.send(name=("Quittiert", "Lin"), recipients=(OFFICE,))
    page = opened(SENDER, java_script=java_script)
    page.goto(f"{path_of(sent)}/receipt")
    expect_fits_a_phone(page)

    with page.expect_download() as download:
        page.get_by_role("link", name="Quittung als PDF").click()

    assert re.fullmatch(r"quittung-[0-9a-f]{12}\.pdf", download.value.suggested_filename)
    download.value.save_as(tmp_path / "receipt.pdf")
    with pikepdf.open(tmp_path / "receipt.pdf") as pdf:
        assert len(pdf.pages) >= 1


def test_a_phone_shows_it_all_before_our_letters_have_come(opened: Opening, demo: Demo) -> None:
    """On a slow line the letters are those of the system for a while; where they fail, for good."""
    sent = demo.send(name=("Buchstabe", "Lin"), recipients=(OFFICE,))
    page = opened(SENDER, broken=True)
    page.route("**/*.woff2", lambda route: route.abort())

    page.goto(f"{path_of(sent)}/receipt")

    assert page.evaluate("[...document.fonts].map(font => font.status)") == ["error", "error"]
    expect_fits_a_phone(page)
