"""The coordinator's and the head's pages about agencies, as they use them: without any script."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select
from tests.web.house import JOBCENTER, OFFICE, SPRACHWERK, VHS, House, Visitor, open_house
from tests.web.lint import Outline

from kursdocs.core.agencies import Agency, AgencyPause, Municipality
from kursdocs.core.audit import AuditEvent

INES, VERA = "ines.muster", "vera.probe"
NEW = {
    "name": "Volkshochschule Übersee",
    "slug": "",
    "kind": "course_provider",
    "mailbox": "kurse@vhs.example",
    "digest_hour": "9",
    "land": "BY",
}


@pytest.fixture(scope="module")
def town_hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house of its own, because these tests change the town."""
    with ExitStack() as stack:
        yield stack.enter_context(open_house(tmp_path_factory.mktemp("town") / "var"))


@pytest.fixture
def ines(town_hall: House) -> Visitor:
    """The coordinator."""
    return town_hall.person(INES)


@pytest.fixture
def vera(town_hall: House) -> Visitor:
    """The head of the VHS."""
    return town_hall.person(VERA)


def agency(house: House, slug: str) -> Agency:
    with house.services.transaction() as session:
        return session.exec(select(Agency).where(Agency.slug == slug)).one()


def values(page: str) -> dict[str, str]:
    """What stands in the fields of a page."""
    outline = Outline(page)
    found = {f["name"]: f.get("value", "") for f in outline.all("input") if "name" in f}
    chosen = re.findall(r'<select[^>]*name="(\w+)".*?</select>', page, re.DOTALL)
    for name in chosen:
        block = re.search(rf'<select[^>]*name="{name}".*?</select>', page, re.DOTALL)
        selected = re.search(r'<option value="(\w*)" selected', block[0]) if block else None
        found[name] = selected[1] if selected else ""
    return found


# ── Agencies ─────────────────────────────────────────────────────────────────────────────────


def test_an_agency_is_opened_stands_in_the_list_and_can_be_sent_to(
    town_hall: House, ines: Visitor
) -> None:
    opened = ines.post("/agencies", NEW)

    assert opened.headers["location"] == "/agencies/volkshochschule-uebersee/settings?done=opened"
    assert "ist eröffnet" in ines.get(opened.headers["location"]).text
    made = agency(town_hall, "volkshochschule-uebersee")
    assert (made.land, made.digest_hour, made.mailbox) == ("BY", 9, "kurse@vhs.example")
    assert NEW["name"] in ines.get("/agencies").text
    slugs = [a["slug"] for a in town_hall.service(VHS).get("/api/v1/agencies").json()["items"]]
    assert "volkshochschule-uebersee" in slugs


def test_mistakes_come_back_with_what_was_typed(town_hall: House, ines: Visitor) -> None:
    before = town_hall.contents()
    typed = {
        "name": "Sprachwerk",
        "slug": "Groß & klein",
        "kind": "boss",
        "mailbox": "a@b.example\r\nBcc: c@d.example",
        "digest_hour": "4",
        "land": "XX",
    }

    answer = ines.post("/agencies", typed)

    assert answer.status_code == 422
    errors = [f["id"] for f in Outline(answer.text).all("p") if f.get("id", "").endswith("-error")]
    assert errors == [
        f"{name}-error" for name in ("slug", "kind", "mailbox", "digest_hour", "land")
    ]
    kept = values(answer.text)
    assert (kept["name"], kept["slug"]) == (typed["name"], typed["slug"])
    assert town_hall.contents() == before


def test_a_taken_short_name_is_a_mistake_of_that_field(ines: Visitor) -> None:
    answer = ines.post("/agencies", {**NEW, "slug": SPRACHWERK})

    assert answer.status_code == 409
    assert "„sprachwerk“ gibt es schon" in answer.text
    assert 'id="slug-error"' in answer.text


def test_an_agency_without_a_mailbox_stands_out_until_it_has_one(
    town_hall: House, ines: Visitor
) -> None:
    stored = values(ines.get(f"/agencies/{JOBCENTER}/settings").text)

    ines.post(f"/agencies/{JOBCENTER}/settings", {"mailbox": ""})
    listed, page = ines.get("/agencies").text, ines.get(f"/agencies/{JOBCENTER}/settings").text

    assert "ohne Postfach" in listed
    assert "Eine Stelle hat kein Postfach" in listed
    assert "Es fehlt ein Postfach" in page
    saved = ines.post(f"/agencies/{JOBCENTER}/settings", {"mailbox": stored["mailbox"]})
    assert saved.headers["location"].endswith("?done=saved")
    assert "ohne Postfach" not in ines.get("/agencies").text


def test_closing_says_what_waits_locks_everybody_out_and_is_undone(
    town_hall: House, ines: Visitor
) -> None:
    town_hall.sent(VHS, OFFICE)
    clerk = town_hall.newly("jonas.muster")
    program = town_hall.service(OFFICE)

    asked = ines.get(f"/agencies/{OFFICE}/closing")
    closed = ines.post(f"/agencies/{OFFICE}/closing")
    shut = (clerk.get("/inbox").status_code, program.get("/api/v1/inbox").status_code)
    again = ines.post(f"/agencies/{OFFICE}/closing")
    listed = ines.get("/agencies").text
    page = ines.get(f"/agencies/{OFFICE}/settings").text
    reopened = ines.post(f"/agencies/{OFFICE}/reopening")

    assert "Dort wartet noch ein Papier" in asked.text
    assert closed.headers["location"] == "/agencies?done=closed"
    assert shut in ((303, 403), (403, 403))  # the session may have ended with the agency
    assert again.status_code == 409
    assert "Geschlossene Stellen" in listed
    assert "Diese Stelle ist geschlossen" in page
    assert reopened.headers["location"] == "/agencies?done=reopened"
    assert town_hall.newly("jonas.muster").get("/inbox").status_code == 200
    assert program.get("/api/v1/inbox").status_code == 200
    assert ines.get(f"/agencies/{OFFICE}/closing").status_code == 200


# ── Settings ─────────────────────────────────────────────────────────────────────────────────


def test_a_head_saves_settings_and_reads_in_the_log_what_was_changed(
    town_hall: House, vera: Visitor, ines: Visitor
) -> None:
    typed = {
        "mailbox": "neu@vhs.example",
        "digest_hour": "10",
        "head_mailbox": "leitung@vhs.example",
        "deputy_mailbox": "vertretung@vhs.example",
        "deputy_until": "",
        "land": "NW",
        "file_name_pattern": "{eingang}_{name}",
    }

    saved = vera.post(f"/agencies/{VHS}/settings", typed)
    page = vera.get(saved.headers["location"]).text
    again = vera.post(f"/agencies/{VHS}/settings", typed)
    ines.post(f"/agencies/{VHS}/settings", {"digest_hour": "11"})
    log = vera.get("/log").text

    assert saved.headers["location"] == "/settings?done=saved"
    kept = values(page)
    assert {name: kept[name] for name in typed} == typed
    assert "Nächste freie Tage in Nordrhein-Westfalen" in page
    assert again.headers["location"] == "/settings?done=unchanged"
    assert "Postfach, Uhrzeit der Erinnerungen, Postfach der Leitung" in log
    assert "vhs.example" not in log
    assert "Ines Muster" in log


def test_a_preview_shows_the_name_and_saves_nothing(town_hall: House, vera: Visitor) -> None:
    before = town_hall.contents()
    typed = {"mailbox": "unfertig@", "preview": "1"}

    shown = vera.post(
        f"/agencies/{VHS}/settings", {**typed, "file_name_pattern": "{absender} {name}"}
    )
    wrong = vera.post(f"/agencies/{VHS}/settings", {**typed, "file_name_pattern": "{akte}"})

    assert "VHS Musterstadt Muster-0123456789ab.pdf" in shown.text
    assert values(shown.text)["mailbox"] == "unfertig@"
    assert wrong.status_code == 422
    assert "„akte“ gibt es nicht" in wrong.text
    assert town_hall.contents() == before


def test_a_head_cannot_rename_the_agency(town_hall: House, vera: Visitor) -> None:
    answer = vera.post(f"/agencies/{VHS}/settings", {"name": "Jobcenter", "digest_hour": "12"})

    assert answer.status_code == 403
    assert agency(town_hall, VHS).name == "VHS Musterstadt"
    assert agency(town_hall, VHS).digest_hour != 12


def test_a_pause_is_entered_shown_and_removed(town_hall: House, vera: Visitor) -> None:
    today = town_hall.clock().date()
    first, last = today + timedelta(days=30), today + timedelta(days=33)
    typed = {"first_day": f"{first:%d.%m.%Y}", "last_day": f"{last:%d.%m.%Y}"}

    added = vera.post(f"/agencies/{VHS}/pauses", typed)
    page = vera.get(added.headers["location"]).text
    twice = vera.post(f"/agencies/{VHS}/pauses", typed)
    with town_hall.services.transaction() as session:
        pause = session.exec(select(AgencyPause)).one()
    removed = vera.post(f"/agencies/{VHS}/pauses/{pause.id}/removal")
    gone = vera.post(f"/agencies/{VHS}/pauses/{pause.id}/removal")

    assert added.headers["location"] == "/settings?done=pause_added#pauses"
    assert typed["first_day"] in page
    assert twice.status_code == 422
    assert "schon eine Pause" in twice.text
    assert values(twice.text)["first_day"] == typed["first_day"]
    assert removed.headers["location"] == "/settings?done=pause_removed#pauses"
    assert gone.status_code == 404


# ── Municipality and claims ──────────────────────────────────────────────────────────────────


def test_the_municipality_gets_a_land_for_new_agencies(town_hall: House, ines: Visitor) -> None:
    wrong = ines.post("/municipality", {"name": " ", "mailbox": "x", "land": "NW"})
    typed = {"name": "Stadt Musterstadt", "mailbox": "koordination@muster.example", "land": "NW"}
    saved = ines.post("/municipality", typed)

    assert wrong.status_code == 422
    assert values(wrong.text)["mailbox"] == "x"
    assert saved.headers["location"] == "/municipality?done=saved"
    with town_hall.services.transaction() as session:
        row = session.exec(select(Municipality)).one()
        assert (row.land, row.mailbox) == ("NW", typed["mailbox"])
    assert values(ines.get("/agencies/new").text)["land"] == "NW"


def token(claims: dict[str, object]) -> str:
    parts = (b'{"alg":"RS256"}', json.dumps(claims).encode(), b"signature-signature")
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def test_a_pasted_token_is_tried_and_neither_shown_nor_kept(
    town_hall: House, ines: Visitor, capfd: pytest.CaptureFixture[str]
) -> None:
    claims: dict[str, object] = {"sub": "geheim-4711", "groups": [f"{VHS}:head"]}
    pasted = token(claims)
    before = town_hall.contents()

    answer = ines.post("/municipality/claims", {"claims": pasted})

    assert answer.status_code == 200
    page = Outline(answer.text).said()
    assert "Zutreffende Regeln: 2" in page
    assert "Bekäme neu Leitung bei VHS Musterstadt" in page
    assert "noch nie angemeldet" in page
    assert pasted.split(".")[1] not in answer.text
    assert town_hall.contents() == before
    with town_hall.services.transaction() as session:
        event = session.exec(select(AuditEvent).order_by(AuditEvent.seq.desc())).first()  # type: ignore[attr-defined]  # a column
        assert event is not None
        assert (event.happening.value, event.detail) == ("claims.tried", {"rules": 1})
    printed = "".join(capfd.readouterr())
    assert "geheim-4711" not in printed
    assert pasted not in printed


def test_claims_with_a_mistake_come_back_but_half_a_token_does_not(ines: Visitor) -> None:
    half = token({"sub": "x", "groups": ["y" * 20]})[:-30] + ".!"
    typed = '{"groups": ["vhs'

    mistyped = ines.post("/municipality/claims", {"claims": typed})
    broken = ines.post("/municipality/claims", {"claims": half})

    assert (mistyped.status_code, broken.status_code) == (422, 422)
    assert "&#34;groups&#34;" in mistyped.text
    assert half[:40] not in broken.text


def test_what_somebody_would_lose_is_told(town_hall: House, ines: Visitor) -> None:
    town_hall.newly("omar.beispiel")

    answer = ines.post(
        "/municipality/claims", {"claims": json.dumps({"sub": "omar.beispiel", "groups": []})}
    )

    said = Outline(answer.text).said()
    assert "Keine Regel trifft zu." in said
    assert "Verlöre Sachbearbeitung bei VHS Musterstadt" in said


def test_a_rule_about_a_place_that_is_not_there_is_marked(tmp_path: Path) -> None:
    with open_house(tmp_path / "var") as house:
        with house.services.transaction() as session:
            row = session.exec(select(Agency).where(Agency.slug == SPRACHWERK)).one()
            row.slug = "umbenannt"
            session.add(row)

        page = Outline(house.person(INES).get("/municipality/claims").text).said()

    assert "Sachbearbeitung bei „ sprachwerk “ gibt es nicht" in page


def test_a_coordinator_of_another_town_sees_nothing_of_this_one(tmp_path: Path) -> None:
    with open_house(tmp_path / "var") as house:
        from_here = house.person(INES)
        with house.services.transaction() as session:
            far = Municipality(slug="fernstadt", name="Fernstadt", created_at=house.clock())
            session.add(far)
            session.flush()
            row = session.exec(select(Agency).where(Agency.slug == SPRACHWERK)).one()
            row.municipality_id = far.id
            session.add(row)

        rules = Outline(from_here.get("/municipality/claims").text).said()
        listed = from_here.get("/agencies").text
        settings = from_here.get(f"/agencies/{SPRACHWERK}/settings")

    assert "Sprachwerk" not in rules
    assert "Sprachwerk" not in listed
    assert settings.status_code == 404
