"""The pages of reminders: who is told next and why, and what earlier mails brought."""

import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, delete
from tests.web.house import JOBCENTER, OFFICE, VHS, House, Visitor, requested

from kursdocs.catalogue import Addressee
from kursdocs.core import agencies
from kursdocs.core.reminders.tables import Clock, Outcome, Reminder
from kursdocs.core.tables import new_id
from kursdocs.web.reminders import MAILS_SHOWN

# Long ago, so that no other test finds it on its pages.
AGO = timedelta(weeks=40)
ADDRESS = "/reminders?weeks=52"


@pytest.fixture
def ledger(house: House) -> Iterator["Ledger"]:
    """A ledger of some months ago; what is written into it goes again."""
    opened = Ledger(house)
    yield opened
    with house.services.transaction() as session:
        session.exec(delete(Reminder).where(col(Reminder.id).in_(opened.ids)))


class Ledger:
    """Writes rows into the ledger as the planner does."""

    def __init__(self, house: House) -> None:
        self._house, self.ids = house, list[UUID]()
        self._start = datetime.now(UTC) - AGO

    def note(self, slug: str, *, days: int = 0, **changes: Any) -> None:
        """One thing told to that agency; ``days`` later than the first."""
        at = self._start + timedelta(days=days)
        with self._house.services.transaction() as session:
            values = {
                "mail_id": new_id(),
                "agency_id": agencies.by_slug(session, slug).id,
                "addressee": Addressee.DESK,
                "clock": Clock.WAITING,
                "subject_id": new_id(),
                "kind": "admission_ik_jc",
                "step": 2,
                "sent_at": at,
            }
            row = Reminder(**{**values, **changes})
            session.add(row)
            session.flush()
            self.ids.append(row.id)

    def note_done(self, slug: str, minutes: int, **changes: Any) -> None:
        """The same, taken over after so many working minutes."""
        done: dict[str, Any] = {"outcome": Outcome.TAKEN_OVER, "done_at": datetime.now(UTC)}
        self.note(slug, **done, done_after_minutes=minutes, **changes)


def lines(page: str) -> list[list[str]]:
    """The cells of the ledger, as words."""
    (_, _, table) = page.partition('id="ledger"')
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", table, re.DOTALL)[1:]
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in rows]
    return [[" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in row] for row in cells]


@pytest.fixture
def ines(house: House) -> Visitor:
    """The coordinator."""
    return house.person("ines.muster")


@pytest.fixture
def karin(house: House) -> Visitor:
    """The head of the immigration office."""
    return house.person("karin.beispiel")


# -- the ledger ----------------------------------------------------------------------------


def test_the_coordinator_sees_counts_by_agency_and_no_kind_of_paper(
    ledger: Ledger, ines: Visitor
) -> None:
    mail: dict[str, Any] = {"mail_id": new_id()}
    ledger.note_done(OFFICE, 100, **mail)
    ledger.note_done(OFFICE, 500, **mail, kind="entitlement_ik")
    ledger.note(JOBCENTER, addressee=Addressee.HEAD, step=10, days=1)

    page = ines.get(ADDRESS).text

    assert [line[1:] for line in lines(page)] == [
        ["Jobcenter Musterstadt", "Papier wartet im Eingang", "nach 10 Arbeitstagen", "Leitung",
         "1", "noch offen"],
        ["Ausländerbehörde Musterstadt", "Papier wartet im Eingang", "nach 2 Arbeitstagen",
         "Stelle", "2", "übernommen nach 5 Arbeitsstunden (Durchschnitt)"],
    ]  # fmt: skip
    assert "Zulassung" not in page


def test_the_head_sees_those_of_the_own_agency_with_kinds(ledger: Ledger, karin: Visitor) -> None:
    ledger.note_done(OFFICE, 20)
    ledger.note(OFFICE, days=1, clock=Clock.PROOF, kind="proof_ik", step=1)
    ledger.note(JOBCENTER)

    page = karin.get(ADDRESS).text

    assert [line[1:] for line in lines(page)] == [
        ["Nachweis der Anmeldung fehlt (Integrationskurs)", "2. Erinnerung", "Stelle", "1",
         "noch offen"],
        ["Papier wartet im Eingang Zulassung zum Integrationskurs (Jobcenter)",
         "nach 2 Arbeitstagen", "Stelle", "1", "übernommen nach einer Arbeitsstunde"],
    ]  # fmt: skip
    assert "Jobcenter Musterstadt" not in page


@pytest.mark.parametrize(
    ("clock", "step", "said"),
    [
        (Clock.WAITING, 0, "am selben Tag"),
        (Clock.WAITING, 1, "nach einem Arbeitstag"),
        (Clock.APPROVAL, 0, "am selben Tag"),
        (Clock.REQUEST, -1, "vor der Frist"),
        (Clock.REQUEST, 0, "am Tag der Frist"),
        (Clock.REQUEST, 1, "einen Arbeitstag überfällig"),
        (Clock.REQUEST, 5, "5 Arbeitstage überfällig"),
        (Clock.LAPSING, 0, "1. Erinnerung"),
        (Clock.DELETION, 739_000, "–"),
        (Clock.MONTHLY, 24_322, "–"),
    ],
)
def test_how_far_a_clock_had_run_is_said_in_words(
    clock: Clock, step: int, said: str, ledger: Ledger, ines: Visitor
) -> None:
    ledger.note(OFFICE, clock=clock, step=step, kind="")

    (line,) = lines(ines.get(ADDRESS).text)

    assert line[3] == said


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_words(outcome: Outcome, ledger: Ledger, ines: Visitor) -> None:
    ledger.note(OFFICE, outcome=outcome)

    (line,) = lines(ines.get(f"{ADDRESS}&outcome={outcome}").text)

    assert re.fullmatch(r"[A-Za-zäöüß ]{5,}", line[6])


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", 3),
        (f"&agency={OFFICE}", 2),
        ("&clock=request", 1),
        ("&outcome=taken_over", 1),
        (f"&agency={JOBCENTER}&clock=request", 0),
        ("&agency=nirgends", 0),
    ],
)
def test_the_address_says_what_is_listed(
    more: str, expected: int, ledger: Ledger, ines: Visitor
) -> None:
    ledger.note_done(OFFICE, 5)
    ledger.note(OFFICE, clock=Clock.REQUEST)
    ledger.note(JOBCENTER)

    page = ines.get(ADDRESS + more).text

    assert len(lines(page)) == expected
    assert ("Nichts passt zum Filter" in page) == (expected == 0)
    assert ("Filter aufheben" in page) == bool(more)


def test_the_ledger_goes_on_mail_by_mail(ledger: Ledger, ines: Visitor) -> None:
    for day in range(MAILS_SHOWN + 2):
        ledger.note(OFFICE, days=day)

    first = ines.get(f"{ADDRESS}&clock=waiting").text
    following = re.search(r'href="([^"]+)" rel="next"', first)
    assert following is not None
    second = ines.get(following.group(1).replace("&amp;", "&")).text

    assert (len(lines(first)), len(lines(second))) == (MAILS_SHOWN, 2)
    assert "clock=waiting" in following.group(1)
    assert 'rel="next"' not in second


@pytest.mark.parametrize(
    "query", ["weeks=3", "clock=lunch", "outcome=1", "after=x", "page=2", "agency=%00"]
)
def test_an_address_that_nobody_made_is_refused(query: str, ines: Visitor) -> None:
    assert ines.get(f"/reminders?{query}").status_code == 400


def test_a_ledger_without_a_line_says_what_will_stand_there(ines: Visitor) -> None:
    page = ines.get("/reminders?clock=monthly&outcome=declined").text

    assert "In diesem Zeitraum steht keine solche Erinnerung im Buch." in page
    assert "herunterladen" not in page


# -- the file ------------------------------------------------------------------------------


def rows_of(visitor: Visitor, address: str) -> list[list[str]]:
    answer = visitor.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.reader(StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))


def test_the_coordinators_file_has_the_same_lines_and_no_kinds(
    ledger: Ledger, ines: Visitor
) -> None:
    ledger.note_done(OFFICE, 90)
    ledger.note(JOBCENTER, days=-1)

    header, first, second = rows_of(ines, "/reminders.csv?weeks=52")

    assert header == [
        "Tag", "Stelle", "Grund", "Stufe (Tage)", "An", "Was daraus wurde", "Anzahl",
        "Arbeitsstunden bis dahin (Durchschnitt)",
    ]  # fmt: skip
    assert first[1:] == [
        "Ausländerbehörde Musterstadt", "Papier wartet im Eingang", "2", "Stelle", "übernommen",
        "1", "1,5",
    ]  # fmt: skip
    assert second[1] == "Jobcenter Musterstadt"
    assert second[-1] == ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", first[0])


def test_the_heads_file_names_kinds_and_only_the_own_agency(ledger: Ledger, karin: Visitor) -> None:
    ledger.note(OFFICE)
    ledger.note(JOBCENTER)

    header, *found = rows_of(karin, "/reminders.csv?weeks=52&clock=waiting")

    assert header[3] == "Papierart"
    assert [row[3] for row in found] == ["Zulassung zum Integrationskurs (Jobcenter)"]


def test_what_is_downloaded_is_what_the_page_shows(ledger: Ledger, ines: Visitor) -> None:
    ledger.note(OFFICE)
    ledger.note(JOBCENTER)
    page = ines.get(f"{ADDRESS}&agency={OFFICE}").text

    link = re.search(r'href="(/reminders\.csv[^"]*)"', page)
    assert link is not None
    found = rows_of(ines, link.group(1).replace("&amp;", "&"))

    assert len(found) == 2


# -- who is next ---------------------------------------------------------------------------


def planned(page: str) -> str:
    return page.partition('id="planned"')[2].partition('id="ledger"')[0]


def test_the_coordinator_reads_a_reason_for_every_agency(house: House, ines: Visitor) -> None:
    house.sent(VHS, OFFICE)

    said = planned(ines.get("/reminders").text)

    for name in ("Ausländerbehörde Musterstadt", "Jobcenter Musterstadt", "VHS Musterstadt"):
        assert name in said
    assert re.search(r"Die Stelle (wird|kann) [^<]+\.", said)
    assert "Fernstadt" not in said
    assert "@" not in said


def test_the_head_reads_those_of_the_own_agency(house: House, karin: Visitor) -> None:
    said = planned(karin.get("/reminders").text)

    assert re.search(r"Die Stelle (wird|kann) [^<]+\.", said)
    assert "VHS" not in said
    assert "Jobcenter Musterstadt" not in said


def test_whom_no_mail_reaches_stands_first_with_a_way_to_mend_it(
    house: House, ines: Visitor
) -> None:
    house.sent(VHS, JOBCENTER)
    kept = change(house, mailbox="", head_mailbox="")
    try:
        said = planned(ines.get("/reminders").text)
    finally:
        change(house, **kept)

    first = re.findall(r"<tr[^>]*>.*?</tr>", said, re.DOTALL)[1]
    assert "nicht erreichbar" in first
    assert f'href="/agencies/{JOBCENTER}/settings"' in first
    assert "weil kein Postfach eingetragen ist" in first


def change(house: House, **values: str) -> dict[str, str]:
    """Set mailboxes of the Jobcenter; what they were."""
    with house.services.transaction() as session:
        agency = agencies.by_slug(session, JOBCENTER)
        kept = {name: getattr(agency, name) for name in values}
        for name, value in values.items():
            setattr(agency, name, value)
        session.add(agency)
        return kept


def test_the_page_speaks_english(house: House) -> None:
    page = house.newly("ines.muster", language="en").get("/reminders").text

    assert "Who is reminded next, and why" in page
    assert re.search(r"The desk (is|cannot) [^<]+\.", page)


# -- the way there -------------------------------------------------------------------------


def test_the_coordinator_finds_it_in_the_navigation_and_the_head_in_the_settings(
    ines: Visitor, karin: Visitor
) -> None:
    assert '<a href="/reminders"' in nav(ines.get("/agencies").text)
    assert "/reminders" not in nav(karin.get("/inbox").text)
    assert 'href="/reminders"' in karin.get("/settings").text
    assert f'href="/reminders?agency={OFFICE}"' in ines.get(f"/agencies/{OFFICE}/settings").text


def nav(page: str) -> str:
    return page.partition('class="kd-nav"')[2].partition("</nav>")[0]


# -- on a paper and a request --------------------------------------------------------------


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", "", page).split())


def test_a_paper_says_how_often_its_agency_was_reminded_and_why_no_more(
    house: House, ledger: Ledger
) -> None:
    paper = house.noted(VHS, OFFICE)
    about: dict[str, Any] = {"subject_id": paper.delivery_id}
    ledger.note(OFFICE, **about, step=2)
    ledger.note(OFFICE, **about, step=5, days=3)
    recipient, address = house.person("jonas.muster"), f"/documents/{paper.document_id}"

    before = words(recipient.get(address).text)
    recipient.post(f"/deliveries/{paper.delivery_id}/take-over")
    after = words(recipient.get(address).text)
    sender = words(house.person("amina.muster").get(address).text)

    assert re.search(r"Zweimal erinnert, zuletzt am [\d.]{10}\. Sobald jemand aus Ihrer", before)
    assert re.search(r"Seit der Übernahme am [\d.]{10} keine Erinnerungen mehr\.", after)
    assert re.search(r"Die Stelle wurde zweimal erinnert, zuletzt am [\d.]{10}\.", sender)
    assert "keine Erinnerungen mehr" not in sender


def test_a_paper_of_which_nobody_was_reminded_says_nothing(house: House, ledger: Ledger) -> None:
    paper = house.noted(VHS, OFFICE)
    ledger.note(OFFICE, subject_id=paper.delivery_id, step=0)

    page = words(house.person("jonas.muster").get(f"/documents/{paper.document_id}").text)

    assert "erinnert" not in page


def test_a_request_says_it_to_both_sides(house: House, ledger: Ledger) -> None:
    request_id = requested(house, OFFICE, VHS)
    ledger.note(VHS, subject_id=request_id, clock=Clock.REQUEST, step=-1)

    asked = words(house.person("amina.muster").get(f"/requests/{request_id}").text)
    asker = words(house.person("jonas.muster").get(f"/requests/{request_id}").text)

    assert re.search(r"Einmal erinnert, am [\d.]{10}\. Sobald Sie antworten", asked)
    assert re.search(r"Die Stelle wurde einmal erinnert, am [\d.]{10}\.", asker)
