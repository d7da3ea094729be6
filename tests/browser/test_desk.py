"""The desk in a browser: a course sent in a few strokes, over a bad line, on a phone, by keyboard.

The journey counts what a clerk has to press: for a course of 25 people it must stay far below
what a form for each of them would ask.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FilePayload, Locator, Page, Route, expect
from tests.browser.broken_line import Cut, Line, breakable_line
from tests.browser.conftest import Opening
from tests.browser.demo import KIND_NAME, Demo

from kursdocs.demo.papers import sample_paper

SENDER, OMAR = "vhs-musterstadt", "Omar Beispiel"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SENT = re.compile(r"/desk/sent\?papers=")


@dataclass
class Hand:
    """A clerk's hand: presses what is there, and counts it."""

    page: Page
    clicks: int = 0
    keys: int = 0

    def click(self, target: Locator) -> None:
        self.clicks += 1
        target.click()

    def press(self, key: str) -> None:
        self.keys += 1
        self.page.keyboard.press(key)


def family_name(name: str, number: int) -> str:
    """A name of its own for each; with letters alone, as names are."""
    return f"{name}{chr(ord('a') + number)}-Muster"


def course(name: str, size: int) -> list[FilePayload]:
    """The scans of a course, as they come out of the machine."""
    return [
        FilePayload(
            name=f"scan-{number:02}.pdf",
            mimeType="application/pdf",
            buffer=sample_paper(KIND_NAME, family_name(name, number), "Lin", number),
        )
        for number in range(1, size + 1)
    ]


def brief() -> FilePayload:
    """What only says that it is a PDF."""
    return FilePayload(name="brief.pdf", mimeType="application/pdf", buffer=b"Sehr geehrte Frau")


def lines(page: Page) -> Locator:
    return page.locator("[data-desk-lines] > li")


def put(page: Page, files: list[FilePayload]) -> None:
    page.locator("#file").set_input_files(files)


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


@pytest.fixture
def desk(opened: Opening, demo: Demo) -> Iterator[Page]:
    """An open desk, which is cleared again."""
    page = opened(OMAR, allowed=(422,))
    page.goto("/desk")
    yield page
    clear(page)


def clear(page: Page) -> None:
    """Take everything off, whatever the test has left."""
    page.evaluate(
        """async () => {
          const page = await (await fetch("/desk")).text();
          const ids = [...page.matchAll(/desk\\?draft=([0-9a-f-]{36})#paper/g)].map(m => m[1]);
          for (const id of new Set(ids)) {
            await fetch(`/desk/${id}/discard`,
              {method: "POST", body: new URLSearchParams(), redirect: "manual"});
          }
        }"""
    )


def expect_no_violations(page: Page, rules: object = RULES) -> None:
    found = Axe().run(page, options={"runOnly": rules, "resultTypes": ["violations"]})
    assert found.violations_count == 0, found.generate_report()


def send_course(page: Page, files: list[FilePayload]) -> Hand:
    """From the empty desk to the receipts, counting; the drop of the pile counts as one click."""
    hand = Hand(page, clicks=1)
    put(page, files)
    expect(lines(page)).to_have_count(len(files), timeout=30_000)
    hand.click(page.get_by_label("Jobcenter Musterstadt"))
    hand.click(page.get_by_label("mündlich, persönlich vor Ort"))
    hand.click(button(page, "Für alle folgenden Papiere übernehmen"))
    expect(page.locator("#family_name")).to_be_focused()
    for number in range(1, len(files) + 1):
        expect(page.locator("[data-desk-head]")).to_contain_text(f"Papier {number} von")
        hand.press("Enter")
    expect(page.locator("#going")).to_be_focused()
    hand.press("Tab")
    hand.press("Enter")
    page.wait_for_url(SENT)
    return hand


def test_a_course_is_sent_with_a_key_for_each_paper_and_four_clicks(desk: Page, demo: Demo) -> None:
    opened: list[str] = []
    desk.on("request", lambda request: opened.append(request.url))

    hand = send_course(desk, course("Pilot", 5))

    assert (hand.clicks, hand.keys) == (4, 5 + 2)
    expect(desk.get_by_role("link", name="Quittung")).to_have_count(5)
    assert [url for url in opened if SENT.search(url)] == [desk.url]
    for number in range(1, 6):
        (sent,) = demo.sent_by(SENDER, family_name("Pilot", number))
        assert [d["recipient"] for d in sent["deliveries"]] == ["jobcenter"]
    expect_no_violations(desk)
    desk.goto("/desk")
    expect(lines(desk)).to_have_count(0)


def test_proposals_are_marked_and_nothing_is_offered_to_be_sent_before(desk: Page) -> None:
    put(desk, course("Vorschlag", 2))
    expect(lines(desk)).to_have_count(2)

    expect(desk.get_by_label("Familienname")).to_have_value(re.compile("Vorschlag.-Muster"))
    expect(desk.locator(".kd-proposed").first).to_have_text("Vorschlag")
    expect(desk.get_by_role("button", name=re.compile("senden$"))).to_have_count(0)
    desk.get_by_label("Familienname").press("End")
    desk.keyboard.type("in")
    # Typed is no proposal any more, and saved by itself; the others still are.
    expect(desk.locator("[data-desk-saved]")).to_have_text("Gespeichert.")
    expect(desk.get_by_label("Familienname")).to_be_focused()
    desk.reload()
    expect(desk.get_by_label("Familienname")).to_have_value(re.compile("Musterin$"))
    expect(desk.locator("label[for=family_name] .kd-proposed")).to_have_count(0)
    expect(desk.locator("label[for=given_names] .kd-proposed")).to_have_count(1)


def test_another_kind_brings_its_fields_and_keeps_the_focus(desk: Page) -> None:
    put(desk, course("Art", 1))
    expect(desk.get_by_label("Gültig bis")).to_be_visible()

    desk.get_by_label("Art des Papiers").focus()
    desk.get_by_label("Art des Papiers").select_option("attendance_certificate_ik")

    expect(desk.get_by_label("Besuchte Unterrichtseinheiten")).to_be_visible()
    expect(desk.get_by_label("Gültig bis")).to_have_count(0)
    expect(desk.get_by_label("Art des Papiers")).to_be_focused()


def test_a_refused_file_says_why_in_its_line_and_another_takes_its_place(desk: Page) -> None:
    put(desk, [brief()])
    line = desk.locator("[data-desk-uploads] > li")
    expect(line).to_contain_text("kein PDF, JPEG oder PNG")
    expect_no_violations(desk)

    with desk.expect_file_chooser() as chooser:
        button(desk, "Andere Datei wählen: brief.pdf").click()
    chooser.value.set_files(course("Ersatz", 1))

    expect(lines(desk)).to_have_count(1)
    expect(line).to_have_count(0)


def test_photographs_of_one_paper_become_one_line(desk: Page, demo: Demo) -> None:
    desk.get_by_label("Diese Fotos gehören zu einem Papier").check()

    desk.locator("#file").set_input_files(
        [demo.samples / "foto-1.jpg", demo.samples / "foto-2.jpg"]
    )

    expect(lines(desk)).to_have_count(1)
    expect(desk.locator("[data-desk-head]")).to_contain_text("2 Seiten")
    expect(desk.locator(".kd-page img").first).to_have_js_property("naturalWidth", 900)


def test_papers_lie_as_they_were_dropped_however_they_arrive(desk: Page) -> None:
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    desk.route("**/desk/files", hold_the_first)

    put(desk, course("Reihe", 3))
    expect(lines(desk)).to_have_count(2)
    held[0].continue_()

    names = [re.compile(family_name("Reihe", number)) for number in (1, 2, 3)]
    expect(lines(desk).locator(".kd-line__name")).to_have_text(names)


def test_dropped_files_go_up_and_a_pile_beside_the_zone_does_not_leave_the_page(
    desk: Page, demo: Demo
) -> None:
    carried = desk.evaluate_handle(
        """bytes => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "scan.pdf", {type: "application/pdf"}));
          return data;
        }""",
        list((demo.samples / "zulassung-muster.pdf").read_bytes()),
    )

    desk.locator("[data-drop]").dispatch_event("drop", {"dataTransfer": carried})

    expect(lines(desk)).to_have_count(1)


def test_nothing_of_the_papers_is_kept_in_the_browser(desk: Page) -> None:
    put(desk, course("Spur", 2))
    expect(lines(desk)).to_have_count(2)

    kept = desk.evaluate(
        """async () => [localStorage.length, sessionStorage.length,
                        (await indexedDB.databases()).length]"""
    )

    assert kept == [0, 0, 0]


@pytest.fixture
def line(demo: Demo) -> Iterator[Line]:
    """A line to the demo that can be cut."""
    with breakable_line(demo.url) as line:
        yield line


@pytest.mark.parametrize("cut", [Cut.IN_THE_MIDDLE, Cut.BEFORE_THE_ANSWER])
def test_after_a_broken_line_a_file_goes_up_again_and_lies_there_once(
    opened: Opening, demo: Demo, line: Line, cut: Cut
) -> None:
    page = opened(OMAR, broken=True, url=line.url)
    page.goto("/desk")
    line.cut = cut

    page.locator("#file").set_input_files(demo.samples / "foto-1.jpg")

    upload = page.locator("[data-desk-uploads] > li")
    expect(upload).to_contain_text("Die Verbindung ist unterbrochen")
    assert upload.locator("progress").evaluate("bar => bar.value") < 100
    assert line.cuts >= 1
    line.cut = Cut.NOWHERE
    expect(lines(page)).to_have_count(1)
    expect(upload).to_have_count(0)
    clear(page)


def test_without_scripts_a_pile_goes_the_same_way(opened: Opening, demo: Demo) -> None:
    page = opened(OMAR, java_script=False)
    page.goto("/desk")
    put(page, course("Ohne", 2))
    button(page, "Auf den Tisch legen").click()
    expect(lines(page)).to_have_count(2)
    page.get_by_label("Jobcenter Musterstadt").check()
    page.get_by_label("schriftlich").check()
    button(page, "Für alle folgenden Papiere übernehmen").click()
    for _ in range(2):
        button(page, "Geprüft, weiter").click()
    expect(page.locator("[data-desk-send]")).to_contain_text("2 Papiere an Jobcenter Musterstadt")

    button(page, "2 Papiere senden").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Sammelquittung")
    assert len(demo.sent_by(SENDER, family_name("Ohne", 2))) == 1


def test_without_scripts_a_mistake_is_mended_before_three_papers_go(
    opened: Opening, demo: Demo
) -> None:
    page = opened(OMAR, java_script=False, allowed=(422,))
    page.goto("/desk")
    put(page, course("Mangel", 3))
    button(page, "Auf den Tisch legen").click()
    expect(lines(page)).to_have_count(3)
    page.get_by_label("Jobcenter Musterstadt").check()
    page.get_by_label("schriftlich").check()
    button(page, "Für alle folgenden Papiere übernehmen").click()

    page.get_by_label("Familienname").fill("")
    page.get_by_label("Geburtsdatum").fill("31.02.1990")
    button(page, "Geprüft, weiter").click()
    expect(page.locator("[data-error-summary]")).to_contain_text("Familienname")
    expect(page.get_by_label("Geburtsdatum")).to_have_value("31.02.1990")
    page.get_by_label("Familienname").fill("Gemangelt-Muster")
    page.get_by_label("Geburtsdatum").fill("28.02.1990")
    for _ in range(3):
        button(page, "Geprüft, weiter").click()
    button(page, "3 Papiere senden").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Sammelquittung")
    assert len(demo.sent_by(SENDER, "Gemangelt-Muster")) == 1


def test_a_double_click_on_send_sends_each_paper_once(desk: Page, demo: Demo) -> None:
    put(desk, course("Doppelt", 2))
    expect(lines(desk)).to_have_count(2)
    desk.get_by_label("Jobcenter Musterstadt").check()
    desk.get_by_label("schriftlich").check()
    button(desk, "Für alle folgenden Papiere übernehmen").click()
    for number in (1, 2):
        expect(desk.locator("[data-desk-head]")).to_contain_text(f"Papier {number} von")
        button(desk, "Geprüft, weiter").click()

    button(desk, "2 Papiere senden").dblclick()
    desk.wait_for_url(SENT)

    expect(desk.get_by_role("link", name="Quittung")).to_have_count(2)
    for number in (1, 2):
        assert len(demo.sent_by(SENDER, family_name("Doppelt", number))) == 1


def test_leaving_warns_as_long_as_a_file_is_on_its_way(
    opened: Opening, demo: Demo, line: Line
) -> None:
    page = opened(OMAR, broken=True, url=line.url)
    page.goto("/desk")
    page.get_by_role("heading", level=1).click()  # pages that nobody touched may not warn
    line.cut = Cut.IN_THE_MIDDLE
    page.locator("#file").set_input_files(demo.samples / "foto-2.jpg")
    expect(page.locator("[data-desk-uploads] > li")).to_contain_text("unterbrochen")

    with page.expect_event("dialog") as asked:
        page.close(run_before_unload=True)
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()

    line.cut = Cut.NOWHERE
    expect(lines(page)).to_have_count(1)
    clear(page)


@pytest.mark.parametrize("state", ["empty", "filled", "mistaken"])
def test_the_desk_has_no_faults_light_or_dark_and_fits_a_phone(desk: Page, state: str) -> None:
    if state != "empty":
        put(desk, course("Lang", 3))
        expect(lines(desk)).to_have_count(3)
    if state == "mistaken":
        button(desk, "Geprüft, weiter").click()
        expect(desk.locator("[data-error-summary]")).to_be_focused()

    expect_no_violations(desk)
    desk.evaluate("document.documentElement.dataset.kernTheme = 'dark'")
    desk.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    expect_no_violations(desk, {"type": "rule", "values": ["color-contrast"]})
    for direction in ("ltr", "rtl"):
        desk.evaluate("dir => document.documentElement.dir = dir", direction)
        for width in (320, 375, 640, 1280):
            desk.set_viewport_size({"width": width, "height": 800})
            assert desk.evaluate("document.documentElement.scrollWidth") <= width, direction
