"""The main job, end to end: an admission goes from a course provider to two offices.

The same file on every combination of real parts; see ``conftest``.
"""

import hashlib
import re
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
from playwright.sync_api import Page, expect
from tests.journeys.conftest import SitDown, Town
from tests.journeys.deeds import send_admission

README = Path(__file__).parents[2] / "README.md"


def test_a_certificate_reaches_both_offices_and_its_sender_sees_it(
    town: Town, sit_down: SitDown
) -> None:
    provider = sit_down("Amina Muster")
    send_admission(provider, "Muster", town.samples / "zulassung-muster.pdf")
    sent_hash = hashlib.sha256((town.samples / "zulassung-muster.pdf").read_bytes()).hexdigest()
    expect(provider.get_by_role("heading", name="Quittung")).to_be_visible()
    expect(provider.get_by_text(re.compile("KiB, eine Seite"))).to_be_visible()
    assert sent_hash in provider.content().replace("<wbr>", "")
    document = provider.url.removeprefix(town.url).removesuffix("/receipt")
    # Who takes over before the mail goes out is not mailed any more.
    wait_for(lambda: len(to_offices(town)) == 2, "one mail for each office")
    for mail in town.mails():
        assert "Lin" not in mail
        assert "1990" not in mail

    office = sit_down("Jonas Muster")
    open_paper_of(office, "Muster, Lin")
    page_image = office.get_by_role("img", name=re.compile("Seite 1"))
    expect(page_image).to_have_js_property("complete", value=True)
    assert page_image.evaluate("image => image.naturalWidth") == 900
    with office.expect_download() as download:
        office.get_by_role("link", name="Herunterladen").click()
    assert hashlib.sha256(download.value.path().read_bytes()).hexdigest() == sent_hash
    assert "Jobcenter Musterstadt" not in office.locator("main").inner_text()
    office.locator("[data-pane]").get_by_role("button", name="Übernehmen").click()
    expect(office.locator("[data-notice]")).to_contain_text("Für Ihre Stelle ist das Papier")

    jobcenter = sit_down("David Beispiel")
    expect(jobcenter.get_by_role("row", name=re.compile("Muster, Lin"))).to_contain_text("Neu")
    jobcenter.goto(document)
    assert "Ausländerbehörde" not in jobcenter.locator("main").inner_text()

    stranger = sit_down("Lin Probe")
    refused = answer_to(stranger, document)
    assert refused == answer_to(stranger, "/documents/01920000-0000-7000-8000-000000000000")
    assert refused[0] == 404

    provider.goto(document)
    verlauf = provider.locator("main")
    for step in ("Zugestellt", "Geöffnet", "Übernommen"):
        expect(verlauf).to_contain_text(step)


def test_two_photographs_become_one_paper_of_two_pages(town: Town, sit_down: SitDown) -> None:
    provider = sit_down("Amina Muster")
    send_admission(provider, "Beispiel", town.samples / "foto-1.jpg", town.samples / "foto-2.jpg")
    expect(provider.get_by_text(re.compile("KiB, 2 Seiten"))).to_be_visible()

    office = sit_down("Nora Probe")
    open_paper_of(office, "Beispiel, Lin")
    expect(office.get_by_role("img", name=re.compile("Seite 2 von 2"))).to_be_attached()


def test_a_paper_sent_to_the_wrong_office_is_withdrawn_with_a_trace(
    town: Town, sit_down: SitDown
) -> None:
    provider = sit_down("Amina Muster")
    send_admission(provider, "Probe", town.samples / "zulassung-muster.pdf")
    document = provider.url.removesuffix("/receipt")
    office = sit_down("Jonas Muster")
    expect(office.get_by_role("row", name=re.compile("Probe, Lin"))).to_be_visible()

    provider.goto(document)
    provider.locator("summary", has_text="Zurückziehen").click()
    provider.get_by_label("Grund").select_option(index=1)
    provider.get_by_role("button", name="Zurückziehen").click()
    expect(provider.get_by_text("Dieses Papier wurde zurückgezogen")).to_be_visible()

    assert answer_to(office, f"{document}/content")[0] == 404
    office.goto(document)
    assert "Lin" not in office.locator("main").inner_text()
    office.goto("/inbox?state=new")
    assert "Probe, Lin" not in office.locator("main").inner_text()
    office.goto("/inbox?state=withdrawn")
    expect(office.locator("main")).to_contain_text("Zulassung zum Integrationskurs")
    assert "Lin" not in office.locator("main").inner_text()


def test_signing_out_ends_the_session_here_and_at_the_provider(
    town: Town, sit_down: SitDown
) -> None:
    page = sit_down("Amina Muster")
    cookies = {c["name"]: c["value"] for c in page.context.cookies() if "value" in c}

    page.get_by_role("button", name="Abmelden").first.click()

    expect(page.get_by_role("heading", name="Sie sind abgemeldet")).to_be_visible()
    replayed = httpx2.get(town.url + "/inbox", cookies=cookies, follow_redirects=False)
    assert replayed.status_code == 303
    assert replayed.headers["location"].startswith("/sign-in")


def test_the_same_with_curl_as_the_readme_says(town: Town) -> None:
    script = readme_block("curl")
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={"PATH": "/usr/bin:/bin", "KURSDOCS": town.url, "VAR": str(town.var)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert '"taken_over"' in result.stdout
    stored, received = re.findall(r"^([0-9a-f]{64})", result.stdout, re.MULTILINE)[:2]
    assert stored == received
    assert '"withdrawn"' in result.stdout


def to_offices(town: Town) -> list[str]:
    """The mails to the two offices; the provider gets some of its own."""
    offices = re.compile(r"^To: (auslaenderbehoerde|jobcenter)@", re.MULTILINE)
    return [mail for mail in town.mails() if offices.search(mail)]


def readme_block(marker: str) -> str:
    """The shell block of the README that follows ``<!-- marker -->``."""
    text = README.read_text(encoding="utf-8")
    found = re.search(rf"<!-- {shlex.quote(marker)} -->\s*```sh\n(.*?)```", text, re.DOTALL)
    assert found is not None, f"README has no block {marker}"
    return found.group(1)


def open_paper_of(page: Page, person: str) -> None:
    """Open this person's paper from the inbox."""
    row = page.get_by_role("row", name=re.compile(person))
    expect(row).to_contain_text("Neu")
    row.get_by_role("link", name=re.compile("Zulassung zum Integrationskurs")).click()


def answer_to(page: Page, address: str) -> tuple[int, str]:
    """Status and body of what the address shows."""
    response = page.goto(address)
    assert response is not None
    return response.status, response.text()


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Wait until something has happened that no page shows."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"still waiting for {what}"
        time.sleep(0.2)
