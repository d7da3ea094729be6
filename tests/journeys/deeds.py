"""What people do in more than one journey."""

import re
from pathlib import Path

from playwright.sync_api import Page


def send_admission(page: Page, family_name: str, *files: Path) -> None:
    """Fill in and send the form, as a clerk would."""
    page.get_by_role("link", name="Senden", exact=True).click()
    page.get_by_role("link", name=re.compile("^Ein einzelnes Papier")).click()
    page.get_by_role("link", name=re.compile(r"Zulassung zum Integrationskurs .*Jobcenter")).click()
    page.get_by_label(re.compile("Ausländerbehörde Musterstadt")).check()
    page.get_by_label(re.compile("Jobcenter Musterstadt")).check()
    for label, value in (
        ("Familienname", family_name),
        ("Vornamen", "Lin"),
        ("Geburtsdatum", "02.01.1990"),
        ("Ausgestellt am", "02.11.2026"),
        ("Gültig bis", "02.11.2027"),
        ("Freigegeben am", "20.11.2026"),
    ):
        page.get_by_label(label).fill(value)
    page.get_by_label(re.compile("mündlich")).check()
    page.get_by_label(re.compile("^Datei")).set_input_files(files)
    page.get_by_role("button", name="Jetzt senden").click()
    page.wait_for_url(re.compile("/receipt$"))
