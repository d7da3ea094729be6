"""The pages of numbers as people open them: without a script, with what is too small taken out."""

import csv
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO

import pytest
from sqlmodel import select
from tests.core.adoption.town import put
from tests.web.house import JOBCENTER, OFFICE, SPRACHWERK, VHS, House, Visitor, open_house
from tests.web.lint import Outline

from kursdocs.core.adoption.periods import monday
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import AuditEvent, Happening
from kursdocs.core.workdays import local_date

INES, VERA, AMINA, DAVID = "ines.muster", "vera.probe", "amina.muster", "david.beispiel"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house in which papers went to and fro for weeks; read only by these tests."""
    with open_house(tmp_path_factory.mktemp("numbers") / "var") as opened:
        with opened.services.transaction() as session:
            town = {agency.slug: agency for agency in session.exec(select(Agency))}
            first = monday(local_date(opened.clock())) - timedelta(weeks=12)
            for week in range(12):
                day = f"{first + timedelta(weeks=week)}"
                at, done = f"{day} 09:00", f"{day} 13:00"
                put(session, town[VHS], town[JOBCENTER], at, done, count=20 + week)
                put(session, town[JOBCENTER], town[VHS], at, done, count=8)
            old = f"{first + timedelta(days=1)} 09:00"
            put(session, town[VHS], town[OFFICE], old, count=9)
            put(session, town[SPRACHWERK], town[OFFICE], old, count=3)
            for slug, agency in town.items():
                agency.created_at = opened.clock() - timedelta(days=300)
                agency.looked_in_at = opened.clock() - timedelta(days=30 if slug == OFFICE else 0)
                agency.expected_per_month = 100 if slug == VHS else None
                session.add(agency)
        yield opened


@pytest.fixture
def ines(house: House) -> Visitor:
    """The coordinator."""
    return house.person(INES)


def said(visitor: Visitor, path: str) -> str:
    answer = visitor.get(path)
    assert answer.status_code == 200
    return Outline(answer.text).said()


def test_the_coordinator_sees_what_was_exchanged_and_how_fast(ines: Visitor) -> None:
    page = said(ines, "/numbers")

    assert "Papiere, die niemand tragen musste 414" in page
    assert "Stellen, die mitmachen 3 von 4" in page
    assert "Bis zur Übernahme 4 Std." in page.replace("\N{NO-BREAK SPACE}", " ")


def test_an_office_with_three_papers_is_named_without_a_number(house: House, ines: Visitor) -> None:
    file = ines.get("/numbers.csv").content.decode("utf-8-sig")
    rows = [row for row in csv.reader(StringIO(file, newline=""), delimiter=";") if row[4] == ""]

    sprachwerk = next(row for row in rows if row[0] == "Sprachwerk")
    assert sprachwerk[6] == "weniger als 5"
    # Beside it another one is not told, so that nobody can subtract the others from the whole.
    assert sorted(row[6] for row in rows) == ["315", "96", "nicht gezeigt", "weniger als 5"]


def test_every_number_of_the_page_is_one_of_the_file(ines: Visitor) -> None:
    file = ines.get("/numbers.csv").content.decode("utf-8-sig")
    header, *rows = csv.reader(StringIO(file, newline=""), delimiter=";")

    assert len({len(row) for row in (header, *rows)}) == 1
    assert header[:3] == ["Stelle", "Art der Stelle", "Zeitraum von"]
    assert len(rows) == 4 * (1 + 13)
    vhs = next(row for row in rows if row[0] == "VHS Musterstadt")
    assert vhs[6:11] == ["315", "96", "96", "4", "4"]
    assert "315" in said(ines, f"/numbers?agency={VHS}")


def test_the_file_speaks_the_language_of_the_interface(house: House) -> None:
    visitor = house.newly(INES, "en")

    file = visitor.get("/numbers.csv").content.decode("utf-8-sig")

    assert file.startswith("Agency;")
    assert "fewer than 5" in file
    assert "weniger als" not in file


def test_a_silent_office_comes_with_words_for_the_telephone(house: House, ines: Visitor) -> None:
    page = ines.get("/numbers").text
    (text,) = re.findall(r"<textarea[^>]*readonly[^>]*>(.*?)</textarea>", page, re.DOTALL)

    assert "hier ist Ines Muster, Koordination Stadt Musterstadt" in text
    assert "hat bei Ihnen niemand in den Eingang gesehen" in text
    assert "Ausländerbehörde Musterstadt" in text
    assert "12 Papiere" in text
    assert "„Übernehmen“" in text
    for name in ("Mustermann", "Probefried", "4711081"):
        assert name not in text


def test_every_chart_has_its_numbers_in_a_table(ines: Visitor) -> None:
    for path, count, tables in (("/numbers", 3, 3), (f"/numbers?agency={VHS}", 2, 1)):
        page = Outline(ines.get(path).text)

        assert len([svg for svg in page.all("svg") if svg.get("role") == "img"]) == count
        assert len(page.all("table")) == tables


def test_the_sheet_names_what_went_well_and_blames_nobody(ines: Visitor) -> None:
    page = said(ines, "/numbers/sheet")

    assert "Was gut ging" in page
    assert "VHS Musterstadt" in page.split("Wer mitmacht")[1]
    assert "Meist binnen zwei Arbeitstagen übernehmen:" in page
    for hard in ("Still geworden", "Wartet", "überfällig", "Zuletzt aktiv"):
        assert hard not in page
    assert "Sprachwerk" not in page.split("Wer mitmacht")[1]


def test_an_agency_sees_its_own_and_no_other_one(house: House) -> None:
    page = said(house.person(AMINA), "/numbers")

    assert "gesendet und empfangen" in page
    assert "411" in page
    for other in ("Ausländerbehörde", "Sprachwerk", "Jobcenter"):
        assert other not in page


def test_clerk_and_head_see_the_same_the_head_can_switch_the_note_off(house: House) -> None:
    clerk, head = house.person(AMINA).get("/numbers"), house.person(VERA).get("/numbers")

    assert "Die Leitung kann ihn" in clerk.text
    assert 'href="/settings"' in head.text.split("Rückblick")[1]


@pytest.mark.parametrize("slug", ["stelle-von-anderswo", "nirgends"])
def test_an_agency_of_elsewhere_is_unknown(ines: Visitor, slug: str) -> None:
    assert ines.get(f"/numbers?agency={slug}").status_code == 404


def test_an_agency_cannot_ask_for_another_one(house: House) -> None:
    assert house.person(DAVID).get(f"/numbers?agency={VHS}").status_code == 404


def test_an_earlier_end_shows_earlier_weeks_and_keeps_the_agency(
    ines: Visitor, house: House
) -> None:
    end = monday(local_date(house.clock())) - timedelta(weeks=6)

    page = ines.get(f"/numbers?agency={VHS}&end={end}").text

    assert 'name="agency" value="vhs-musterstadt"' in page
    assert f'<time datetime="{end + timedelta(days=6)}">' in page
    assert "(läuft)" not in page
    total = ines.get(f"/numbers?end={end}").text
    assert f"/numbers/sheet?end={end + timedelta(days=6)}" in total


@pytest.mark.parametrize("end", ["gestern", "2026-13-01", "1066-10-14", "9999-12-31", "2026-1-1"])
def test_an_end_that_is_no_day_is_refused_in_words(ines: Visitor, end: str) -> None:
    assert ines.get(f"/numbers?end={end}").status_code == 400
    assert ines.get(f"/numbers.csv?end={end}").status_code == 400


def test_looking_and_exporting_stand_in_the_log_with_counts_alone(
    house: House, ines: Visitor
) -> None:
    seq = house.log_end()

    ines.get("/numbers")
    ines.get("/numbers/sheet")
    ines.get("/numbers.csv")

    with house.services.transaction() as session:
        rows = session.exec(select(AuditEvent).where(AuditEvent.seq > seq)).all()
    assert [(row.happening, row.detail) for row in rows] == [
        (Happening.NUMBERS_LISTED, {"count": 4}),
        (Happening.NUMBERS_LISTED, {"count": 4}),
        (Happening.NUMBERS_EXPORTED, {"rows": 56}),
    ]


def test_the_moment_of_what_waits_is_now(ines: Visitor) -> None:
    stamp = re.search(r"Stand: <time datetime=\"([^\"]+)\">", ines.get("/numbers").text)

    assert stamp is not None
    assert datetime.fromisoformat(stamp[1]).tzinfo is not None
