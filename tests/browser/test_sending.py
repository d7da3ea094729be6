"""Sending a paper in a browser: with scripts, without, by keyboard alone, and over a bad line."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.broken_line import Cut, Line, breakable_line
from tests.browser.browsing import Visitors
from tests.browser.conftest import Opening
from tests.browser.demo import KIND, OFFICES, Demo, typed

FORM = f"/documents/new?kind={KIND}"
SENDER, RECEIPT = "vhs-musterstadt", re.compile(r"/documents/[0-9a-f-]{36}/receipt$")
AMINA = "Amina Muster"


def fill(page: Page, family_name: str) -> None:
    """Everything but the file."""
    page.get_by_label("Ausländerbehörde Musterstadt").check()
    page.get_by_label("Jobcenter Musterstadt").check()
    page.get_by_label("Familienname").fill(family_name)
    page.get_by_label("Vornamen").fill("Lin")
    page.get_by_label("Geburtsdatum").fill("02.01.1990")
    page.get_by_label("Ausgestellt am").fill(typed(-20))
    page.get_by_label("Gültig bis").fill(typed(345))
    page.get_by_label("Freigegeben am").fill(typed(-2))
    page.get_by_label("mündlich, persönlich vor Ort").check()


def file_field(page: Page) -> Locator:
    return page.locator("input[type=file]")


def send(page: Page) -> None:
    page.get_by_role("button", name="Jetzt senden").click()


def status(page: Page) -> Locator:
    """What is said beside the progress bar."""
    return page.locator("[data-status]")


def chosen(page: Page) -> list[str]:
    """The names of the files in the field."""
    names: list[str] = file_field(page).evaluate("field => [...field.files].map(f => f.name)")
    return names


def expect_receipt(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("Quittung")
    expect(page).to_have_url(RECEIPT)


# --- With scripts --------------------------------------------------------------------------------


def test_a_paper_is_sent_and_the_bar_is_full_only_when_it_is_stored(
    opened: Opening, demo: Demo
) -> None:
    page = opened(AMINA)
    page.goto(FORM)
    fill(page, "Fortschritt-Muster")
    file_field(page).set_input_files(demo.samples / "zulassung-muster.pdf")
    page.evaluate(
        """() => {
          const bar = document.querySelector("progress"), said = window.said = [];
          new MutationObserver(() => said.push(bar.value))
            .observe(document.querySelector("[data-progress]"),
                     {attributes: true, subtree: true, childList: true, characterData: true});
        }"""
    )

    send(page)

    expect_receipt(page)
    values = page.evaluate("window.said")
    assert max(values[:-1]) <= 95
    assert values[-1] == 100
    (sent,) = demo.sent_by(SENDER, "Fortschritt-Muster")
    document = demo.call(SENDER, "GET", f"/documents/{sent['id']}")
    expect(page.locator("main")).to_contain_text(document["sha256"])
    expect(page.locator("main")).to_be_focused()
    page.go_back()
    expect(page.get_by_label("Familienname")).to_be_visible()


def test_mistakes_come_back_with_everything_that_was_typed_and_chosen(
    opened: Opening, demo: Demo
) -> None:
    page = opened(AMINA, allowed=(422,))
    page.goto(FORM)
    fill(page, "Irrtum-Muster")
    page.get_by_label("Geburtsdatum").fill("31.02.1990")
    page.get_by_label("Jobcenter Musterstadt").uncheck()
    page.get_by_label("Ausländerbehörde Musterstadt").uncheck()
    file_field(page).set_input_files(demo.samples / "zulassung-muster.pdf")

    send(page)

    summary = page.locator("[data-error-summary]")
    expect(summary).to_be_focused()
    expect(summary.get_by_role("link")).to_have_count(2)
    assert page.get_by_label("Familienname").input_value() == "Irrtum-Muster"
    assert chosen(page) == ["zulassung-muster.pdf"]
    expect(page.locator("[data-file-again]")).to_be_hidden()
    expect(page).to_have_title(re.compile("^Fehler: "))
    summary.get_by_role("link", name="Diesen Tag gibt es nicht").click()
    expect(page.get_by_label("Geburtsdatum")).to_be_focused()

    page.get_by_label("Geburtsdatum").fill("28.02.1990")
    page.get_by_label("Jobcenter Musterstadt").check()
    send(page)
    expect_receipt(page)
    assert len(demo.sent_by(SENDER, "Irrtum-Muster")) == 1


def test_a_file_that_is_none_is_named_as_the_mistake(opened: Opening) -> None:
    page = opened(AMINA, allowed=(422,))
    page.goto(FORM)
    fill(page, "Falschdatei-Muster")
    file_field(page).set_input_files(
        {"name": "brief.pdf", "mimeType": "application/pdf", "buffer": b"Sehr geehrte Frau Probe"}
    )

    send(page)

    expect(page.locator("[data-error-summary]")).to_contain_text("kein PDF, JPEG oder PNG")
    assert chosen(page) == []
    assert page.get_by_label("Gültig bis").input_value() == typed(345)


def test_two_photographs_become_one_paper_of_two_pages(opened: Opening, demo: Demo) -> None:
    page = opened(AMINA)
    page.goto(FORM)
    fill(page, "Foto-Muster")
    # One after the other, as a telephone hands them over.
    file_field(page).set_input_files(demo.samples / "foto-1.jpg")
    file_field(page).set_input_files(demo.samples / "foto-2.jpg")
    expect(page.locator("[data-files] li")).to_have_count(2)

    send(page)

    expect_receipt(page)
    page.get_by_role("link", name="Verlauf ansehen").click()
    images = page.locator(".kd-page img")
    expect(images).to_have_count(2)
    images.last.scroll_into_view_if_needed()
    for image in images.all():
        expect(image).to_have_js_property("naturalWidth", 900)


def test_a_wrongly_chosen_photograph_can_be_taken_out(opened: Opening, demo: Demo) -> None:
    page = opened(AMINA)
    page.goto(FORM)
    file_field(page).set_input_files([demo.samples / "foto-1.jpg", demo.samples / "foto-2.jpg"])

    page.get_by_role("button", name="Entfernen: foto-1.jpg").click()

    assert chosen(page) == ["foto-2.jpg"]
    expect(file_field(page)).to_be_focused()


def test_a_file_can_be_dropped(opened: Opening, demo: Demo) -> None:
    page = opened(AMINA)
    page.goto(FORM)
    carried = page.evaluate_handle(
        """bytes => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "scan.pdf", {type: "application/pdf"}));
          return data;
        }""",
        list((demo.samples / "zulassung-muster.pdf").read_bytes()),
    )
    zone = page.locator("[data-drop]")

    zone.dispatch_event("dragenter", {"dataTransfer": carried})
    expect(zone).to_have_class(re.compile("kd-drop--over"))
    zone.dispatch_event("drop", {"dataTransfer": carried})

    expect(zone).not_to_have_class(re.compile("kd-drop--over"))
    expect(page.locator("[data-files] li")).to_contain_text(["scan.pdf"])
    fill(page, "Zieh-Muster")
    send(page)
    expect_receipt(page)


def test_a_session_that_ended_while_typing_costs_nothing(
    opened: Opening, visitors: Visitors, demo: Demo
) -> None:
    page = opened(AMINA, allowed=(401,))
    page.goto(FORM)
    fill(page, "Pausen-Muster")
    file_field(page).set_input_files(demo.samples / "zulassung-muster.pdf")
    cookies = page.context.cookies()
    page.context.clear_cookies()

    send(page)

    expect(status(page)).to_contain_text("Ihre Anmeldung ist abgelaufen")
    expect(page.get_by_role("link", name="Neu anmelden (neues Fenster)")).to_be_visible()
    assert page.get_by_label("Familienname").input_value() == "Pausen-Muster"
    # What signing in again in the other window does.
    page.context.add_cookies([{**cookie} for cookie in cookies])  # type: ignore[typeddict-item]  # read and written cookies have types of their own
    send(page)
    expect_receipt(page)
    assert len(demo.sent_by(SENDER, "Pausen-Muster")) == 1


# --- Over a bad line -----------------------------------------------------------------------------


@pytest.fixture
def line(demo: Demo) -> Iterator[Line]:
    """A line to the demo that can be cut."""
    with breakable_line(demo.url) as line:
        yield line


@pytest.mark.parametrize("cut", [Cut.IN_THE_MIDDLE, Cut.BEFORE_THE_ANSWER])
def test_after_a_broken_line_it_is_sent_again_and_stored_once(
    opened: Opening, demo: Demo, line: Line, cut: Cut
) -> None:
    family_name = f"{cut.name.title().replace('_', '-')}-Muster"
    page = opened(AMINA, broken=True, url=line.url)
    page.goto(FORM)
    fill(page, family_name)
    file_field(page).set_input_files(demo.samples / "foto-1.jpg")
    line.cut = cut

    send(page)

    expect(status(page)).to_contain_text("Die Verbindung ist unterbrochen")
    assert line.cuts >= 1
    line.cut = Cut.NOWHERE
    expect_receipt(page)
    assert len(demo.sent_by(SENDER, family_name)) == 1


def test_sending_can_be_cancelled_and_the_form_is_still_filled(
    opened: Opening, demo: Demo, line: Line
) -> None:
    page = opened(AMINA, broken=True, url=line.url)
    page.goto(FORM)
    fill(page, "Abbruch-Muster")
    file_field(page).set_input_files(demo.samples / "foto-1.jpg")
    line.cut = Cut.IN_THE_MIDDLE
    send(page)
    expect(status(page)).to_contain_text("Die Verbindung ist unterbrochen")

    page.locator("[data-cancel]").click()

    expect(status(page)).to_contain_text("Abgebrochen")
    assert page.get_by_label("Familienname").input_value() == "Abbruch-Muster"
    assert chosen(page) == ["foto-1.jpg"]
    assert demo.sent_by(SENDER, "Abbruch-Muster") == []


# --- Without scripts -----------------------------------------------------------------------------


def test_without_scripts_a_paper_is_sent_seen_and_taken_over(opened: Opening, demo: Demo) -> None:
    page = opened(AMINA, java_script=False)
    page.goto("/documents/new")
    page.get_by_role("link", name="Zulassung zum Integrationskurs (Jobcenter)").click()
    fill(page, "Ohneskript-Muster")
    file_field(page).set_input_files(demo.samples / "zulassung-muster.pdf")
    send(page)
    expect_receipt(page)

    office = opened("Nora Probe", java_script=False)
    office.goto("/inbox")
    office.get_by_role("row", name="Ohneskript-Muster").get_by_role("link").click()
    expect(office.locator(".kd-page img")).to_have_js_property("naturalWidth", 900)
    office.locator("[data-pane]").get_by_role("button", name="Übernehmen").click()

    expect(office.locator("[data-notice]")).to_contain_text("Übernommen")
    (document,) = demo.sent_by(SENDER, "Ohneskript-Muster")
    states = {d["recipient"]: d["state"] for d in document["deliveries"]}
    assert states == dict(zip(OFFICES, ("taken_over", "new"), strict=True))


def test_without_scripts_mistakes_come_back_with_what_was_typed(
    opened: Opening, demo: Demo
) -> None:
    page = opened(AMINA, java_script=False, allowed=(422,))
    page.goto(FORM)
    fill(page, "Nachtrag-Muster")
    page.get_by_label("Gültig bis").fill("irgendwann")
    file_field(page).set_input_files(demo.samples / "zulassung-muster.pdf")

    send(page)

    expect(page.locator("[data-error-summary]").get_by_role("link")).to_have_count(1)
    assert page.get_by_label("Familienname").input_value() == "Nachtrag-Muster"
    assert page.get_by_label("Gültig bis").input_value() == "irgendwann"
    expect(page.get_by_label("Jobcenter Musterstadt")).to_be_checked()
    expect(page.locator("[data-file-again]")).to_be_visible()
    page.get_by_label("Gültig bis").fill(typed(345))
    file_field(page).set_input_files(demo.samples / "zulassung-muster.pdf")
    send(page)
    expect_receipt(page)
    assert len(demo.sent_by(SENDER, "Nachtrag-Muster")) == 1


# --- By keyboard ---------------------------------------------------------------------------------


def tab_to(page: Page, name: str, *, presses_max: int = 60) -> None:
    """Press Tab until the focus is on what is called so; it must be visible there."""
    for _ in range(presses_max):
        page.keyboard.press("Tab")
        found = page.evaluate(
            """name => {
              const element = document.activeElement;
              const labels = [...element.labels ?? []].map(label => label.textContent);
              const called = [element.getAttribute("aria-label"), ...labels, element.textContent]
                .find(text => text?.trim())?.trim().replace(/\\s+/g, " ") ?? "";
              if (!called.startsWith(name)) return false;
              const {outlineStyle, outlineWidth} = getComputedStyle(element);
              if (outlineStyle === "none" || parseFloat(outlineWidth) < 2)
                throw new Error(`the focus on "${name}" cannot be seen`);
              return true;
            }""",
            name,
        )
        if found:
            return
    raise AssertionError(f"Tab does not lead to {name!r}")


def press(page: Page, name: str) -> None:
    """Go there and press it; another page follows."""
    tab_to(page, name)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_by_keyboard_alone_from_sign_in_to_receipt(opened: Opening, demo: Demo) -> None:
    page = opened()
    # From now on Chromium hands its file dialogs over; told of it only at the key, it may be late.
    page.on("filechooser", lambda _: None)
    page.goto("/sign-in")
    press(page, "Anmelden")
    press(page, "Omar Beispiel –")
    page.get_by_role("button", name="Abmelden").first.wait_for()
    if "/instruction" in page.url:  # the first time
        press(page, "Gelesen, ich halte mich daran")
    press(page, "Senden")
    press(page, "Ein einzelnes Papier")
    press(page, "Zulassung zum Integrationskurs (Jobcenter)")
    for name in ("Ausländerbehörde Musterstadt", "Jobcenter Musterstadt"):
        tab_to(page, name)
        page.keyboard.press("Space")
    for name, text in (
        ("Familienname", "Tasten-Muster"),
        ("Vornamen", "Lin"),
        ("Geburtsdatum", "02.01.1990"),
        ("Ausgestellt am", typed(-20)),
        ("Gültig bis", typed(345)),
        ("Freigegeben am", typed(-2)),
    ):
        tab_to(page, name)
        page.keyboard.type(text)
    tab_to(page, "mündlich, persönlich vor Ort")
    page.keyboard.press("Space")
    tab_to(page, "Datei")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(demo.samples / "zulassung-muster.pdf")
    tab_to(page, "Jetzt senden")
    page.keyboard.press("Enter")

    expect_receipt(page)
    assert len(demo.sent_by(SENDER, "Tasten-Muster")) == 1


def test_by_keyboard_alone_from_inbox_to_taken_over(opened: Opening, demo: Demo) -> None:
    demo.send(name=("Tastatur-Probe", "Lin"))
    page = opened("Elif Muster")
    page.goto("/inbox?state=new&order=newest")  # other tests send as well, and each row has stops

    tab_to(page, "Zum Inhalt springen")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    tab_to(page, "Tastatur-Probe, Lin Zulassung zum Integrationskurs (Jobcenter)")
    page.keyboard.press("Enter")
    expect(page.locator("#preview-title")).to_be_focused()
    tab_to(page, "Übernehmen")
    page.keyboard.press("Enter")

    expect(page.locator("[data-notice]")).to_contain_text("Übernommen")
