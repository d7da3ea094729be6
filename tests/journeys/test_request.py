"""An office asks a course provider for a paper that the person did not hand in, and gets it.

The same file on every combination of real parts; see ``conftest``.
"""

import re
from datetime import date, timedelta

from playwright.sync_api import Page, expect
from tests.journeys.conftest import SitDown, Town

ATTENDANCE = re.compile("Bescheinigung über die ordnungsgemäße Teilnahme")


def day(distance: int) -> str:
    """The day so many days from today, as people type it."""
    today = date.today()  # noqa: DTZ011 - the demo, too, goes by the calendar of this machine
    return f"{today + timedelta(days=distance):%d.%m.%Y}"


def ask(page: Page, family_name: str) -> None:
    """Ask VHS Musterstadt for a certificate of attendance, from the navigation on."""
    page.get_by_role("link", name=re.compile("^Anforderungen")).click()
    page.get_by_role("link", name="Papier anfordern").first.click()
    page.get_by_role("link", name=ATTENDANCE).click()
    page.get_by_label("VHS Musterstadt").check()
    for label, value in (
        ("Familienname", family_name),
        ("Vornamen", "Lin"),
        ("Geburtsdatum", "02.01.1990"),
        ("Person aufgefordert am", day(-2)),
    ):
        page.get_by_label(label).fill(value)
    page.get_by_role("button", name="Anfordern").click()
    expect(page.get_by_role("alert")).to_contain_text("mindestens 7 Tage Zeit")
    page.get_by_label("Person aufgefordert am").fill(day(-14))
    page.get_by_role("button", name="Anfordern").click()
    expect(page.get_by_text("Angefordert. Die Stelle sieht es")).to_be_visible()


def open_requests(page: Page) -> int:
    """The number beside the navigation's entry."""
    page.reload()
    counted = page.get_by_role("link", name=re.compile("^Anforderungen")).locator(".kd-count")
    return int(counted.first.inner_text().split()[0]) if counted.count() else 0


def test_what_was_asked_for_is_answered_by_the_filled_in_form_and_closes_itself(
    town: Town, sit_down: SitDown
) -> None:
    provider = sit_down("Amina Muster")
    before = open_requests(provider)
    jobcenter = sit_down("David Beispiel")
    ask(jobcenter, "Anforderungsmuster")
    request = jobcenter.url.partition("?")[0]

    assert open_requests(provider) == before + 1
    provider.get_by_role("link", name=re.compile("^Anforderungen")).click()
    row = provider.get_by_role("row", name=re.compile("Anforderungsmuster, Lin"))
    row.get_by_role("link").click()
    expect(provider.locator("main")).to_contain_text("auch ohne Freigabe senden")
    jobcenter.reload()
    expect(jobcenter.locator("main")).to_contain_text("Angesehen")
    provider.get_by_role("link", name="Beantworten").click()
    expect(provider.get_by_label("Familienname")).to_have_value("Anforderungsmuster")
    expect(provider.get_by_label("Geburtsdatum")).to_have_value("02.01.1990")
    expect(provider.get_by_label(re.compile("Jobcenter Musterstadt"))).to_be_checked()
    for label, value in (
        ("Ausgestellt am", day(-1)),
        ("Zeitraum von", day(-100)),
        ("Zeitraum bis", day(-10)),
    ):
        provider.get_by_label(label).fill(value)
    provider.get_by_label("Ordnungsgemäße Teilnahme").select_option("yes")
    provider.get_by_label(re.compile("^Datei")).set_input_files(
        town.samples / "zulassung-muster.pdf"
    )
    provider.get_by_role("button", name="Jetzt senden").click()
    provider.wait_for_url(re.compile("/receipt$"))

    assert open_requests(provider) == before
    provider.goto(request)
    expect(provider.locator("main")).to_contain_text("Papier ist da")
    jobcenter.goto(request)
    expect(jobcenter.locator("main")).to_contain_text("Papier ist da")
    jobcenter.get_by_role("link", name="Papier ansehen").click()
    expect(jobcenter.get_by_role("heading", level=1)).to_have_text(ATTENDANCE)


def test_what_cannot_be_sent_is_declined_and_the_office_sees_why(
    town: Town, sit_down: SitDown
) -> None:
    jobcenter = sit_down("David Beispiel")
    ask(jobcenter, "Ablehnungsmuster")
    request = jobcenter.url.partition("?")[0]
    provider = sit_down("Amina Muster")
    provider.goto(request)

    provider.locator("summary", has_text="Ablehnen").click()
    provider.get_by_label("Grund").select_option("person_unknown")
    provider.get_by_role("button", name="Ablehnen").click()

    expect(provider.get_by_text("Abgelehnt. Die anfordernde Stelle")).to_be_visible()
    jobcenter.goto(request)
    expect(jobcenter.locator("main")).to_contain_text("Die Person ist bei uns nicht bekannt")
    assert jobcenter.get_by_role("button", name="Anforderung zurücknehmen").count() == 0
