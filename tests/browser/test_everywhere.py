"""A whole working day in the ways people work: by keys, without scripts, on a phone, on paper.

What one part of the pages does alone is tested beside that part; here the parts meet.
"""

import io
import re
from typing import Any

import pypdfium2
import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import Opening
from tests.browser.demo import Demo, typed
from tests.browser.test_pages import SHIFTS
from tests.browser.test_sending import press, tab_to

KIB = 1024
PHONE = (320, 640)
REGISTRATION = "registration_confirmation_ik"


@pytest.fixture(scope="module")
def paper(demo: Demo) -> dict[str, Any]:
    """A paper of two pages in the inbox of the Jobcenter."""
    return demo.send(name=("Rundgang-Probe", "Mika"), recipients=("jobcenter",), page_count=2)


def focused(page: Page) -> bool:
    """Whether something of the page has the focus, and one can see where."""
    found: bool = page.evaluate(
        """() => {
          const element = document.activeElement;
          if (!element || element === document.body) return false;
          const {outlineStyle, outlineWidth} = getComputedStyle(element);
          const {width, height} = element.getBoundingClientRect();
          const seen = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
          // Headings and regions that only take the focus for readers need no ring.
          return (seen || element.tabIndex < 0) && width > 0 && height > 0;
        }"""
    )
    return found


# --- By keys alone -------------------------------------------------------------------------------


def test_the_day_of_a_clerk_by_keys_alone_from_sign_in_to_sign_out(
    opened: Opening, demo: Demo
) -> None:
    name = "Tastentag-Probe"
    document = demo.send(name=(name, "Lin"), recipients=("jobcenter",))
    page = opened(fresh=True)
    page.goto("/sign-in")
    press(page, "Anmelden")
    press(page, "David Beispiel –")
    expect(page.get_by_role("heading", level=1)).to_have_text("Eingang")

    page.keyboard.press("/")
    expect(page.get_by_label("Name oder Nummer suchen")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(page.locator("[data-row]")).to_have_count(1)
    tab_to(page, name)
    page.keyboard.press("Enter")
    expect(page.locator("#preview-title")).to_contain_text(name)
    page.keyboard.press("u")
    expect(page.locator("[data-notice]")).to_contain_text("Übernommen")
    assert focused(page)
    page.keyboard.press("z")
    expect(page.locator("[data-notice]")).to_contain_text("Rückgängig gemacht")
    assert focused(page)
    page.keyboard.press("r")
    expect(page.get_by_label("Grund", exact=True).locator("visible=true")).to_be_focused()
    assert focused(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    assert focused(page)
    page.keyboard.press("Enter")
    expect(page.locator("[data-notice]")).to_contain_text("Zurückgegeben")
    assert focused(page)

    told = demo.call("vhs-musterstadt", "GET", f"/documents/{document['id']}")
    assert [delivery["state"] for delivery in told["deliveries"]] == ["returned"]
    page.goto("/help")
    tab_to(page, "Abmelden")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Abmelden").wait_for(state="detached")


# --- Without scripts -----------------------------------------------------------------------------


def test_without_scripts_an_office_asks_and_a_provider_answers(opened: Opening, demo: Demo) -> None:
    office = opened("Jonas Muster", java_script=False, allowed=(422,))
    office.goto(f"/requests/new?kind={REGISTRATION}")
    office.get_by_label("VHS Musterstadt").check()
    office.get_by_label("Familienname").fill("Skriptlos-Probe")
    office.get_by_label("Vornamen").fill("Lin")
    office.get_by_label("Geburtsdatum").fill("31.02.1990")
    office.get_by_role("button", name="Anfordern").click()
    expect(office.locator("[data-error-summary]")).to_contain_text("nicht im Kalender")
    expect(office.get_by_label("Familienname")).to_have_value("Skriptlos-Probe")
    office.get_by_label("Geburtsdatum").fill("28.02.1990")
    office.get_by_role("button", name="Anfordern").click()
    expect(office.locator("main")).to_contain_text("Sie warten auf dieses Papier")

    provider = opened("Amina Muster", java_script=False)
    provider.goto("/requests")
    provider.get_by_role("row", name="Skriptlos-Probe").get_by_role("link").click()
    provider.get_by_role("link", name="Beantworten").click()
    expect(provider.get_by_label("Familienname")).to_have_value("Skriptlos-Probe")
    expect(provider.get_by_label("Geburtsdatum")).to_have_value("28.02.1990")
    fill_registration(provider)
    provider.locator("input[type=file]").set_input_files(demo.samples / "zulassung-muster.pdf")
    provider.get_by_role("button", name="Jetzt senden").click()
    expect(provider.get_by_role("heading", level=1)).to_have_text("Quittung")

    office.goto("/requests?side=made&state=ended")
    expect(office.get_by_role("row", name="Skriptlos-Probe")).to_contain_text("Papier ist da")


def fill_registration(page: Page) -> None:
    """What the request did not say already."""
    page.get_by_label("Ausgestellt am").fill(typed(-1))
    planned = page.get_by_label(re.compile("Geplanter Kursbeginn|Kursbeginn"))
    if planned.count():
        planned.first.fill(typed(30))
    if page.get_by_label("Freigegeben am").count():
        page.get_by_label("Freigegeben am").fill(typed(-2))
        page.get_by_label("mündlich, persönlich vor Ort").check()


# --- On a phone, and from right to left ----------------------------------------------------------


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_on_a_phone_the_way_from_inbox_to_taken_over_needs_no_scrolling_aside(
    opened: Opening, demo: Demo, direction: str
) -> None:
    name = f"Telefon-{direction}-Probe"
    demo.send(name=(name, "Lin"), recipients=("auslaenderbehoerde",))
    page = opened("Nora Probe", size=PHONE)

    def stands() -> None:
        if direction == "rtl":
            page.evaluate("Object.assign(document.documentElement, {dir: 'rtl', lang: 'ar'})")
        assert page.evaluate(
            "document.scrollingElement.scrollWidth <= document.documentElement.clientWidth"
        ), page.url

    page.goto("/inbox?state=new&order=newest")
    stands()
    page.locator("[data-row]", has_text=name).get_by_role("link").click()
    expect(page.locator("#preview-title")).to_contain_text(name)
    stands()
    page.get_by_role("button", name="Übernehmen").locator("visible=true").last.click()
    expect(page.locator("[data-notice]")).to_contain_text("Übernommen")
    stands()


# --- With colours that the system forces ---------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_forced_colours_leave_every_icon_and_the_focus_to_be_seen(
    opened: Opening, paper: dict[str, Any], scheme: Any
) -> None:
    page = opened("Elif Muster")
    page.emulate_media(forced_colors="active", color_scheme=scheme)
    page.goto(f"/documents/{paper['id']}")
    hidden = page.evaluate(
        """() => [...document.querySelectorAll(".kern-icon")].filter(icon => {
          const {backgroundColor, forcedColorAdjust} = getComputedStyle(icon);
          const page = getComputedStyle(document.body).backgroundColor;
          return icon.getClientRects().length && backgroundColor === page;
        }).map(icon => icon.className)"""
    )
    assert hidden == []
    for _ in range(6):
        page.keyboard.press("Tab")
        assert focused(page)


# --- On paper ------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/inbox", "/help", "/documents/{id}"])
def test_on_paper_stands_what_the_page_says_and_nothing_to_press(
    opened: Opening, paper: dict[str, Any], address: str
) -> None:
    """Also for those who work in the dark: black on white, and no ink for a background."""
    page = opened("Elif Muster")
    page.emulate_media(color_scheme="dark")
    page.goto(address.format(id=paper["id"]), wait_until="networkidle")

    printed = pypdfium2.PdfDocument(io.BytesIO(page.pdf(format="A4", print_background=True)))

    text = "\n".join(sheet.get_textpage().get_text_range() for sheet in printed)
    assert page.get_by_role("heading", level=1).inner_text() in text
    for word in ("Abmelden", "Vorführung", "Zum Inhalt", "English", "http", "Hauptnavigation"):
        assert word not in text, word
    corner = printed[0].render(scale=0.2).to_pil().convert("L").getpixel((2, 2))
    assert corner == 255
    assert "Rundgang-Probe" in text or address == "/help"


# --- What it costs -------------------------------------------------------------------------------


def test_from_sign_in_to_the_inbox_a_cold_browser_loads_little(opened: Opening) -> None:
    """As it comes over the line; fonts are optional and may come later."""
    page = opened("Elif Muster")
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    line.send("Network.setCacheDisabled", {"cacheDisabled": False})
    began: dict[str, str] = {}
    received: dict[str, int] = {}
    line.on(
        "Network.requestWillBeSent", lambda e: began.update({e["requestId"]: e["request"]["url"]})
    )
    line.on(
        "Network.loadingFinished",
        lambda e: received.update({began[e["requestId"]]: int(e["encodedDataLength"])}),
    )

    page.goto("/", wait_until="networkidle")

    expect(page).to_have_url(re.compile("/inbox$"))
    # Icons are in the style sheet.
    over_the_line = {url: size for url, size in received.items() if url.startswith("http")}
    without_fonts = {url: size for url, size in over_the_line.items() if ".woff2" not in url}
    assert sum(without_fonts.values()) < 150 * KIB, without_fonts
    assert len(over_the_line) <= 8, over_the_line


@pytest.mark.parametrize("address", ["/desk", "/requests", "/help", "/sent"])
def test_nothing_jumps_while_it_loads(opened: Opening, address: str) -> None:
    page = opened("Amina Muster")
    page.goto(address, wait_until="networkidle")

    assert page.evaluate(SHIFTS) < 0.05
