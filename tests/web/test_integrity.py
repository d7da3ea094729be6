"""The report of the checks, as coordinator and auditor see it: counts in plain words, no ids."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlmodel import col, delete, select
from tests.web.house import House, open_house

from kursdocs.core import checks
from kursdocs.core.audit import AuditEvent, Happening
from kursdocs.core.checks import CheckRun, Depth
from kursdocs.operations import fsck
from kursdocs.operations.fsck import Damage
from kursdocs.web.integrity import DAMAGES, DEPTHS

HERE = "/integrity"
COORDINATOR, AUDITOR, CLERK = "ines.muster", "paul.probe", "amina.muster"
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house of its own, because these tests change what was checked."""
    with open_house(tmp_path_factory.mktemp("integrity") / "var") as house:
        yield house


@pytest.fixture(autouse=True)
def unchecked(vault: House) -> None:
    with vault.services.transaction() as session:
        session.exec(delete(CheckRun))


def checked(house: House, ago: timedelta = timedelta(0), **found: int) -> None:
    """A check that found so many of each damage."""
    at: datetime = house.services.clock() - ago
    counts = {Damage(damage): count for damage, count in found.items()}
    with house.services.transaction() as session:
        checks.keep(
            session,
            CheckRun(
                depth=Depth.SAMPLE,
                started_at=at,
                ended_at=at + timedelta(seconds=90),
                verdict=fsck.health_of(counts),
                looked_at={"rows": 12_345, "objects": 99, "papers_read": 3, "bytes_read": 3_000},
                found=found,
                examples=[["lost_object", "0190aaaa-0000-7000-8000-000000000001"]],
            ),
        )


def page(house: House, person: str = COORDINATOR) -> str:
    """What the page says, without its tags."""
    answer = house.person(person).get("/integrity")
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def test_before_the_first_check_it_says_so(vault: House) -> None:
    assert "Noch wurde nicht geprüft" in page(vault)


def test_after_a_clean_check_all_is_green_and_says_what_was_looked_at(vault: House) -> None:
    checked(vault)

    for person in (COORDINATOR, AUDITOR):
        text = page(vault, person)
        assert "Alles ist vollständig und unverändert" in text
        assert "Papiere und Entwürfe, auch gelöschte 12.345" in text
        assert "Ganz gelesen und verglichen 3 Papiere" in text
        assert "Dauer 90 Sekunden" in text
        assert "Schäden" not in text


def test_loss_is_red_counted_in_plain_words_and_names_no_paper(vault: House) -> None:
    checked(vault, lost_object=3, untracked_object=1)

    text = page(vault)

    assert "Es fehlt etwas, oder etwas stimmt nicht" in text
    assert "kursdocs fsck --deep nennt ihm jeden Schaden" in text
    assert "Papiere, deren Datei fehlt 3" in text
    assert "Dateien, zu denen es kein Papier gibt 1" in text
    assert "Schaden 4 Funde" in text
    assert "0190aaaa" not in text


def test_what_is_only_left_over_is_yellow_and_says_that_nothing_is_lost(vault: House) -> None:
    checked(vault, key_unused=2)

    text = page(vault)

    assert "Nichts ist verloren, aber etwas ist aufzuräumen" in text
    assert "Schlüssel, die nie gebraucht wurden 2" in text
    assert "Gefundene Schäden" not in text


def test_a_check_of_long_ago_is_no_comfort(vault: House) -> None:
    checked(vault, 3 * DAY)

    text = page(vault)

    assert "Die letzte Prüfung ist mehr als zwei Tage her" in text
    assert "Alles ist vollständig" not in text


def test_the_last_fourteen_days_are_listed_and_looking_is_an_event(vault: House) -> None:
    for days in (20, 13, 1, 0):
        checked(vault, days * DAY)

    text = page(vault)

    assert len(re.findall(r"Uhr mit Stichprobe der Inhalte in Ordnung", text)) == 3
    with vault.services.transaction() as session:
        event = session.exec(select(AuditEvent).order_by(col(AuditEvent.seq).desc())).first()
    assert event is not None
    assert (event.happening, event.detail) == (Happening.CHECKS_LISTED, {"count": 3})


def test_the_coordinator_is_led_there_and_a_clerk_is_not_let_in(vault: House) -> None:
    assert 'href="/integrity"' in vault.person(COORDINATOR).get("/municipality").text
    assert 'href="/integrity"' in vault.person(AUDITOR).get("/log").text
    assert 'class="kern-link" href="/municipality"' in vault.person(COORDINATOR).get(HERE).text
    assert 'href="/municipality"' not in vault.person(AUDITOR).get(HERE).text
    assert vault.person(CLERK).get("/integrity").status_code == 403


def test_every_damage_and_depth_has_words() -> None:
    assert set(DAMAGES) == set(Damage)
    assert set(DEPTHS) == set(Depth)
