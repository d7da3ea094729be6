"""The help page: for everybody, the reader's own work first, and true to the rules in force."""

import re

import pytest
from sqlmodel import select
from tests.web.house import OFFICE, House
from tests.web.lint import Outline

from kursdocs.catalogue import AgencyKind
from kursdocs.core import agencies
from kursdocs.core.access import Role
from kursdocs.core.agencies import Municipality
from kursdocs.web import help
from kursdocs.web.error_words import SENTENCES

# What the page says about each refusal of a file, by the words its part begins with.
ADVICE = {
    "file_missing": "Papiere senden",
    "file_signed": "Elektronisch signiert",
    "file_empty": "Beschädigt, unvollständig oder leer",
    "file_type": "Kein PDF, JPEG oder PNG",
    "file_encrypted": "Mit Kennwort geschützt",
    "file_damaged": "Beschädigt, unvollständig oder leer",
    "file_active": "Aktive Inhalte",
    "file_infected": "Schadsoftware gefunden",
    "file_too_large": "Zu groß oder zu viele Seiten",
    "file_too_many_pages": "Zu groß oder zu viele Seiten",
    "file_too_big_inside": "Zu groß oder zu viele Seiten",
}
READERS = (
    (None, None, "send"),
    (Role.CLERK, AgencyKind.COURSE_PROVIDER, "send"),
    (Role.CLERK, AgencyKind.IMMIGRATION_OFFICE, "inbox"),
    (Role.CLERK, AgencyKind.JOBCENTER, "inbox"),
    (Role.HEAD, AgencyKind.JOBCENTER, "lead"),
    (Role.COORDINATOR, None, "coordinate"),
    (Role.AUDITOR, None, "audit"),
)
OF_EVERYBODY = set(help.sections_for(None, None))


def page_of(house: House, subject: str, language: str = "de") -> Outline:
    """The page as that person sees it; as nobody, when empty."""
    visitor = house.newly(subject, language) if subject else house.visitor(language)
    answer = visitor.get("/help")
    assert answer.status_code == 200
    return Outline(answer.text)


def sections(page: Outline) -> list[str]:
    return [attributes["id"] for attributes in page.all("section")]


@pytest.mark.parametrize(("role", "agency_kind", "first"), READERS)
def test_what_concerns_the_reader_stands_first_and_nothing_is_missing(
    role: Role | None, agency_kind: AgencyKind | None, first: str
) -> None:
    found = help.sections_for(role, agency_kind)

    assert found[0] == first
    assert len(found) == len(set(found))
    assert set(found) >= OF_EVERYBODY


@pytest.mark.parametrize(
    ("subject", "first"),
    [
        ("", "send"),
        ("amina.muster", "send"),
        ("jonas.muster", "inbox"),
        ("vera.probe", "lead"),
        ("ines.muster", "coordinate"),
        ("paul.probe", "audit"),
        ("kim.muster", "send"),
    ],
)
def test_everybody_finds_their_own_work_on_top(house: House, subject: str, first: str) -> None:
    page = page_of(house, subject)

    assert sections(page)[0] == first
    contents = [a["href"] for a in page.all("a") if a.get("href", "").startswith("#")]
    assert [f"#{section}" for section in sections(page)] == contents[1:]  # past "zum Inhalt"


def test_offices_read_first_how_to_ask_and_providers_how_to_answer(house: House) -> None:
    for subject, is_office in (("amina.muster", False), ("jonas.muster", True)):
        said = page_of(house, subject).said()
        asks_first = said.index("Als Amt anfordern") < said.index("Als Kursträger beantworten")
        assert asks_first == is_office


@pytest.mark.parametrize("language", ["de", "en"])
def test_it_tells_the_days_and_times_of_the_rules_in_force(house: House, language: str) -> None:
    said = page_of(house, "", language).said()

    catalogue = house.services.catalogue
    ladder = help.usual_ladder(catalogue)
    for days in (*(days for days, _ in ladder.steps), ladder.return_after):
        assert re.search(rf"\b{days} (Arbeitstag|working day)", said), days
    for retention in {kind.retention.code: kind.retention for kind in catalogue.kinds}.values():
        assert retention.text.get(language) in said


def test_the_usual_ladder_is_the_one_of_most_kinds(house: House) -> None:
    catalogue = house.services.catalogue
    codes = [kind.ladder.code for kind in catalogue.kinds]

    usual = help.usual_ladder(catalogue).code

    assert all(codes.count(usual) >= codes.count(code) for code in codes)


def test_only_who_belongs_to_the_town_reads_how_to_reach_its_coordination(house: House) -> None:
    with house.services.transaction() as session:
        town_id = agencies.by_slug(session, OFFICE).municipality_id
        address = session.exec(select(Municipality.mailbox).where(Municipality.id == town_id)).one()

    assert address
    assert address in page_of(house, "jonas.muster").said()
    assert address not in page_of(house, "").said()
    assert address not in page_of(house, "kim.muster").said()


def test_it_says_what_to_do_about_every_refusal_of_a_file(house: House) -> None:
    said = page_of(house, "").said()

    assert set(ADVICE) == {code for code in SENTENCES if code.startswith("file_")} - {
        "file_before_fields"  # of programs only
    }
    assert [heading for heading in ADVICE.values() if heading not in said] == []
