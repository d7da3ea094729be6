"""The inbox in the browser: by keyboard alone, many at once, with colleagues, without scripts."""

import re
from hashlib import sha256
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect
from tests.browser.conftest import Opening
from tests.browser.demo import Demo

CLERK, COLLEAGUE = "Jonas Muster", "Nora Probe"
ALONE = "David Beispiel"  # of the Jobcenter, where fewer papers lie
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
NEWEST = "/inbox?state=new&order=newest"


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row", name=re.compile(name))


def pane(page: Page) -> Locator:
    return page.locator("[data-pane]")


def paper_link(page: Page, name: str) -> Locator:
    return row(page, name).get_by_role("link")


def states(demo: Demo, name: str, sender: str = "vhs-musterstadt") -> list[str]:
    return [
        str(delivery["state"])
        for document in demo.sent_by(sender, name)
        for delivery in document["deliveries"]
    ]


@pytest.fixture
def three(demo: Demo, request: pytest.FixtureRequest) -> list[str]:
    """Three papers at the immigration office, the newest first, with names of this test alone."""
    stem = "".join(
        chr(ord("a") + digit % 26) for digit in sha256(request.node.name.encode()).digest()
    )
    stem = stem[:12].capitalize()
    names = [f"{stem}-{word}" for word in ("Alpha", "Beta", "Gamma")]
    for name in reversed(names):
        demo.send(name=(name, "Lin"), recipients=("auslaenderbehoerde",))
    return names


def test_a_day_by_keyboard_alone(opened: Opening, demo: Demo, three: list[str]) -> None:
    page = opened(CLERK)
    page.goto(NEWEST)

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Mit der Tastatur arbeiten")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)

    page.keyboard.press("j")
    expect(paper_link(page, three[0])).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("ArrowUp")
    expect(pane(page)).to_contain_text(three[0])
    page.keyboard.press("Enter")
    expect(page.locator("#preview-title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(paper_link(page, three[0])).to_be_focused()

    page.keyboard.press("u")
    expect(page.locator("[data-notice]")).to_contain_text("Übernommen")
    expect(page.locator("[data-said]")).to_contain_text("Übernommen")
    expect(paper_link(page, three[1])).to_be_focused()
    expect(pane(page)).to_contain_text(three[1])
    assert states(demo, three[0]) == ["taken_over"]

    page.keyboard.press("z")
    expect(page.locator("[data-notice]")).to_contain_text("Rückgängig gemacht")
    expect(paper_link(page, three[0])).to_be_focused()
    assert states(demo, three[0]) == ["new"]

    page.keyboard.press("r")
    expect(page.get_by_label("Grund", exact=True).locator("visible=true")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("[data-notice]")).to_contain_text("Zurückgegeben")
    assert states(demo, three[0]) == ["returned"]

    page.keyboard.press("/")
    page.keyboard.type(three[2])
    page.keyboard.press("Enter")
    expect(page.locator("[data-row]")).to_have_count(1)
    assert three[2] not in page.url


def test_letters_do_nothing_in_a_field_and_when_they_are_switched_off(
    opened: Opening, three: list[str]
) -> None:
    page = opened(CLERK, fresh=True)
    page.goto(NEWEST)
    page.get_by_label("Name oder Nummer suchen").press_sequentially("jxu")
    expect(page.locator("[data-row] input:checked")).to_have_count(0)
    expect(page.get_by_label("Name oder Nummer suchen")).to_have_value("jxu")

    page.get_by_role("button", name="Tastatur").click()
    with page.expect_navigation():
        page.get_by_role("button", name="Tasten ausschalten").click()
    page.locator("h1").click()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-row] input:checked")).to_have_count(0)

    page.get_by_role("button", name="Tastatur").click()
    with page.expect_navigation():
        page.get_by_role("button", name="Tasten einschalten").click()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-row] input:checked")).to_have_count(1)


def test_many_at_once_with_a_colleague_who_was_quicker(
    opened: Opening, demo: Demo, three: list[str]
) -> None:
    page, colleague = opened(CLERK), opened(COLLEAGUE)
    for each in (page, colleague):
        each.goto(NEWEST)
    for name in three:
        row(page, name).get_by_role("checkbox").check()
    expect(page.get_by_text("3 ausgewählt")).to_be_visible()

    paper_link(colleague, three[1]).click()
    pane(colleague).get_by_role("button", name="Übernehmen").click()
    expect(colleague.locator("[data-notice]")).to_contain_text("Übernommen")
    page.get_by_role("group", name="Mehrere").get_by_role("button", name="Übernehmen").click()

    told = page.locator("[data-notice]")
    expect(told).to_contain_text("2 Papiere übernommen")
    expect(told).to_contain_text(re.compile(f"{three[1]}.*durch Nora Probe", re.DOTALL))
    told.get_by_role("button", name="Rückgängig").click()
    expect(told).to_contain_text("2 Papiere stehen wieder")
    assert [states(demo, name)[0] for name in three] == ["new", "taken_over", "new"]


def test_who_is_on_it_is_seen_and_asked_for(opened: Opening, three: list[str]) -> None:
    page, colleague = opened(CLERK), opened(COLLEAGUE, allowed=(409,))
    page.goto(NEWEST)
    paper_link(page, three[0]).click()
    pane(page).get_by_role("button", name="Ich bin dran").click()
    expect(row(page, three[0])).to_contain_text("Sie sind dran bis")

    colleague.goto(NEWEST)
    expect(row(colleague, three[0])).to_contain_text("in Arbeit: Jonas Muster bis")
    paper_link(colleague, three[0]).click()
    pane(colleague).get_by_role("button", name="Übernehmen").click()
    expect(colleague.locator("[data-notice]")).to_contain_text("Jonas Muster ist dran bis")
    colleague.get_by_role("button", name="Trotzdem übernehmen").click()
    expect(colleague.locator("[data-notice]")).to_contain_text("Übernommen")


def test_news_appear_by_themselves_and_disturb_nobody(
    opened: Opening, demo: Demo, three: list[str]
) -> None:
    page = opened(CLERK)
    page.clock.install()
    page.goto(NEWEST)
    row(page, three[1]).get_by_role("checkbox").check()
    paper_link(page, three[0]).focus()
    page.keyboard.press("Enter")
    expect(pane(page)).to_contain_text(three[0])
    image = page.locator(".kd-page img").first.element_handle()
    paper_link(page, three[0]).focus()

    demo.send(name=(f"{three[0]}-neu", "Lin"), recipients=("auslaenderbehoerde",))
    page.clock.fast_forward(16_000)

    expect(row(page, f"{three[0]}-neu")).to_be_visible()
    page.clock.fast_forward(100)
    expect(page.locator("[data-said]")).to_have_text("1 neues Papier")
    expect(paper_link(page, f"{three[0]}, ")).to_be_focused()
    expect(row(page, three[1]).get_by_role("checkbox")).to_be_checked()
    assert image is not None
    assert image.is_visible()

    colleague = opened(COLLEAGUE)
    colleague.goto(NEWEST)
    paper_link(colleague, f"{three[0]}, ").click()
    pane(colleague).get_by_role("button", name="Ich bin dran").click()
    expect(row(colleague, f"{three[0]}, ")).to_contain_text("Sie sind dran")
    page.clock.fast_forward(16_000)
    expect(pane(page)).to_contain_text("in Arbeit: Nora Probe")


def test_filters_change_the_list_and_the_address(opened: Opening, three: list[str]) -> None:
    page = opened(CLERK)
    page.goto("/inbox")

    page.get_by_label("Reihenfolge").focus()
    page.get_by_label("Reihenfolge").select_option("newest")
    expect(page).to_have_url(re.compile("order=newest"))
    expect(page.get_by_label("Reihenfolge")).to_be_focused()
    expect(page.locator("[data-row]").first).to_contain_text(three[0])
    page.get_by_label("Frist").select_option("overdue")
    expect(page.locator("main")).to_contain_text("Nichts passt zum Filter")

    page.go_back()
    expect(page.locator("[data-row]").first).to_contain_text(three[0])


def test_many_come_down_as_one_zip(opened: Opening, three: list[str]) -> None:
    page = opened(CLERK)
    page.goto(NEWEST)
    for name in three:
        row(page, name).get_by_role("checkbox").check()

    with page.expect_download() as download:
        page.keyboard.press("d")

    assert re.fullmatch(r"kursdocs-[\d-]+\.zip", download.value.suggested_filename)
    expect(page.locator("[data-row] input:checked")).to_have_count(3)


def test_without_scripts_filter_many_and_undo(
    opened: Opening, demo: Demo, three: list[str]
) -> None:
    page = opened(CLERK, java_script=False)
    page.goto("/inbox")
    page.get_by_label("Reihenfolge").select_option("newest")
    page.get_by_role("button", name="Filtern").click()
    expect(page.locator("[data-row]").first).to_contain_text(three[0])

    page.get_by_role("link", name="Alle auswählen").click()
    expect(row(page, three[2]).get_by_role("checkbox")).to_be_checked()
    page.get_by_role("link", name="Auswahl aufheben").click()
    for name in three[:2]:
        row(page, name).get_by_role("checkbox").check()
    bar = page.get_by_role("group", name="Mehrere")
    bar.locator("summary").click()
    bar.get_by_label("Grund").select_option("illegible")
    bar.get_by_role("button", name="Alle ausgewählten zurückgeben").click()
    expect(page.locator("[data-notice]")).to_contain_text("2 Papiere zurückgegeben")
    page.get_by_role("button", name="Rückgängig").click()
    assert [states(demo, name)[0] for name in three] == ["new", "new", "new"]

    paper_link(page, three[0]).click()
    expect(pane(page)).to_contain_text(three[0])
    pane(page).get_by_role("button", name="Übernehmen").click()
    expect(pane(page)).to_contain_text(three[1])
    page.get_by_role("button", name="Rückgängig").click()
    assert states(demo, three[0]) == ["new"]


def test_on_a_phone_the_paper_takes_the_place_of_the_list(
    opened: Opening, three: list[str]
) -> None:
    page = opened(CLERK, size=(375, 800))
    page.goto(NEWEST)
    expect(pane(page)).to_be_hidden()

    paper_link(page, three[0]).click()
    expect(pane(page)).to_contain_text(three[0])
    expect(page.locator("[data-rows]")).to_be_hidden()
    pane(page).get_by_role("button", name="Übernehmen").click()

    expect(pane(page)).to_contain_text(three[1])
    page.get_by_role("link", name="Zurück zur Liste").click()
    expect(page.locator("[data-rows]")).to_be_visible()


def violations(page: Page) -> list[str]:
    options: dict[str, Any] = {"runOnly": RULES, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{each['id']}: {node['html'][:160]}: {node['failureSummary']}"
        for each in found
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it_in_every_state(
    opened: Opening, three: list[str], scheme: Any
) -> None:
    page = opened(CLERK, allowed=(422,))
    page.emulate_media(color_scheme=scheme)
    page.goto(NEWEST)
    paper_link(page, three[0]).click()
    expect(pane(page)).to_contain_text(three[0])
    row(page, three[1]).get_by_role("checkbox").check()
    page.keyboard.press("r")
    found = violations(page)

    page.get_by_role("group", name="Mehrere").get_by_role("button", name="Alle ausgew").click()
    expect(page.locator("[data-notice]")).to_contain_text("Gründe")
    expect(row(page, three[1]).get_by_role("checkbox")).to_be_checked()
    expect(pane(page)).to_contain_text(three[0])
    found += violations(page)

    page.keyboard.press("?")
    found += violations(page)
    page.keyboard.press("Escape")
    page.goto("/inbox?state=new&due=overdue")
    found += violations(page)

    assert found == []


def test_going_back_from_a_search_does_not_ask_to_send_the_name_again(
    opened: Opening, three: list[str]
) -> None:
    page = opened(CLERK)
    page.goto("/help")
    page.goto(NEWEST)
    page.get_by_label("Name oder Nummer suchen").fill(three[1])
    page.keyboard.press("Enter")
    expect(page.locator("[data-row]")).to_have_count(1)
    expect(paper_link(page, three[1])).to_be_focused()
    expect(page.locator("[data-ticked]")).to_have_text("Ein Papier")
    expect(page.locator("[data-said]")).to_have_text("Ein Papier")

    page.keyboard.press("Enter")
    expect(page.locator("#preview-title")).to_be_focused()
    page.get_by_role("link", name="Alle Angaben und Verlauf").click()
    page.go_back()
    expect(row(page, three[0])).to_be_visible()

    page.get_by_label("Name oder Nummer suchen").fill("Niemand-Soheisst")
    page.keyboard.press("Enter")
    expect(page.get_by_role("paragraph").filter(has_text="Niemand gefunden")).to_be_visible()
    expect(page.get_by_label("Name oder Nummer suchen")).to_be_focused()


def test_on_a_phone_the_filters_are_folded_up_and_the_search_is_not(
    opened: Opening, three: list[str]
) -> None:
    page = opened(CLERK, size=(375, 667), java_script=False)
    page.goto(NEWEST)
    expect(page.get_by_label("Name oder Nummer suchen")).to_be_visible()
    expect(page.get_by_label("Frist", exact=True)).to_be_hidden()

    page.get_by_label("Filter zeigen").check()
    page.get_by_label("Frist", exact=True).select_option("week")
    page.get_by_role("button", name="Filtern").click()
    expect(page.get_by_label("Frist", exact=True)).to_have_value("week")
    expect(row(page, three[0])).to_be_visible()
