"""Paces, days off of the town and the plan of an agency, as people set them: without any script."""

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlmodel import col, select
from tests.web.house import JOBCENTER, OFFICE, VHS, House, Visitor, open_house
from tests.web.lint import Outline

from kursdocs.core.agencies import Agency, MunicipalityClosing
from kursdocs.core.agencies.tables import AgencyPace, MunicipalityPace
from kursdocs.core.audit import AuditEvent, Happening


@pytest.fixture(scope="module")
def town_hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house of its own, because these tests change the town."""
    with ExitStack() as stack:
        yield stack.enter_context(open_house(tmp_path_factory.mktemp("paces") / "var"))


@pytest.fixture
def ines(town_hall: House) -> Visitor:
    """The coordinator."""
    return town_hall.person("ines.muster")


@pytest.fixture
def vera(town_hall: House) -> Visitor:
    """The head of the VHS."""
    return town_hall.person("vera.probe")


@pytest.fixture(autouse=True)
def as_in_the_catalogue(town_hall: House) -> None:
    """Nobody has set anything when a test begins."""
    with town_hall.services.transaction() as session:
        for table in (AgencyPace, MunicipalityPace, MunicipalityClosing):
            for row in session.exec(select(table)):
                session.delete(row)


def field(page: str, name: str) -> dict[str, str]:
    """The attributes of an input."""
    return next(one for one in Outline(page).all("input") if one.get("id") == name)


def row_of(page: str, rule: str) -> str:
    """What the row of a rule says."""
    rows = re.findall(r"<tr.*?</tr>", page, re.DOTALL)
    return Outline(next(row for row in rows if f'id="{rule}"' in row)).said()


def agency(house: House, slug: str) -> Agency:
    with house.services.transaction() as session:
        return session.exec(select(Agency).where(Agency.slug == slug)).one()


# ── Paces ────────────────────────────────────────────────────────────────────────────────────


def test_what_the_coordinator_sets_holds_at_an_agency_and_says_where_it_comes_from(
    ines: Visitor, vera: Visitor
) -> None:
    before = row_of(vera.get("/settings/paces").text, "standard.deputy")

    saved = ines.post("/municipality/paces", {"standard.deputy": "4", "standard.deputy.most": "6"})
    after = row_of(vera.get("/settings/paces").text, "standard.deputy")
    own = vera.post(f"/agencies/{VHS}/paces", {"standard.deputy": "6"})
    set_here = row_of(vera.get(own.headers["location"]).text, "standard.deputy")

    assert saved.headers["location"] == "/municipality/paces?done=saved"
    assert own.headers["location"] == "/settings/paces?done=saved"
    assert ("5 Vorgabe" in before, "1 bis 5" in before) == (True, True)
    assert ("4 Kommune" in after, "1 bis 6" in after) == (True, True)
    assert "6 eigener Stelle, sonst 4" in set_here


def test_mistakes_name_both_steps_and_keep_what_was_typed(
    town_hall: House, ines: Visitor, vera: Visitor
) -> None:
    before = town_hall.contents()

    order = ines.post("/municipality/paces", {"standard.deputy": "11", "silence": "4"})
    limits = vera.post(f"/agencies/{VHS}/paces", {"silence": "9", "standard.head": "viel"})

    assert (order.status_code, limits.status_code) == (422, 422)
    assert "„Leitung“ darf nicht vor „Vertretung“ an der Reihe sein" in Outline(order.text).said()
    assert field(order.text, "silence")["value"] == "4"
    assert field(order.text, "standard.deputy")["aria-invalid"] == "true"
    assert "Erlaubt sind 1 bis 7 Tage." in limits.text
    assert field(limits.text, "standard.head")["value"] == "viel"
    assert town_hall.contents() == before


def test_limits_narrowed_later_are_told_where_they_bend_a_value(
    ines: Visitor, vera: Visitor
) -> None:
    vera.post(f"/agencies/{VHS}/paces", {"standard.head": "9"})
    ines.post("/municipality/paces", {"standard.head": "7"})

    told = row_of(vera.get("/settings/paces").text, "standard.head")

    assert "7 eigener Stelle" in told
    assert "gesetzt sind 9" in told


def test_everything_is_taken_back_with_one_button(
    town_hall: House, ines: Visitor, vera: Visitor
) -> None:
    vera.post(f"/agencies/{VHS}/paces", {"silence": "3"})
    ines.post("/municipality/paces", {"silence": "5", "silence.least": "2"})
    offered = vera.get("/settings/paces").text

    here = vera.post(f"/agencies/{VHS}/paces", {"reset": "1"})
    town = ines.post("/municipality/paces", {"reset": "1"})
    again = ines.post("/municipality/paces", {"reset": "1"})

    assert "Alles zurücksetzen" in offered
    assert "Alles zurücksetzen" not in vera.get("/settings/paces").text
    assert here.headers["location"] == "/settings/paces?done=reset"
    assert town.headers["location"] == "/municipality/paces?done=reset"
    assert again.headers["location"] == "/municipality/paces?done=unchanged"
    with town_hall.services.transaction() as session:
        assert session.exec(select(AgencyPace)).all() == []
        assert session.exec(select(MunicipalityPace)).all() == []


def test_the_coordinator_sees_and_sets_the_paces_of_an_agency(
    town_hall: House, ines: Visitor
) -> None:
    shown = ines.get(f"/agencies/{OFFICE}/paces")
    saved = ines.post(f"/agencies/{OFFICE}/paces", {"silence": "2"})
    log = town_hall.person("karin.beispiel").get("/log").text

    assert "Ausländerbehörde" in shown.text
    assert saved.headers["location"] == f"/agencies/{OFFICE}/paces?done=saved"
    assert "Stille im Eingang: Bitte, in den Eingang zu sehen" in log


def test_the_example_is_counted_in_the_calendar_of_the_town(
    town_hall: House, ines: Visitor
) -> None:
    """The second working day after the day of the example becomes free, the first mail later."""
    before = _first_reminder(ines.get("/municipality/paces").text)

    typed = {"first_day": before, "last_day": before, "closing_name": "Stadtfest"}
    ines.post("/municipality/closings", typed)

    assert _first_reminder(ines.get("/municipality/paces").text) > before


def _first_reminder(page: str) -> str:
    found = re.search(r'Erste Erinnerung an das Postfach: <time datetime="([-0-9]+)"', page)
    assert found
    return found[1]


# ── Days off ─────────────────────────────────────────────────────────────────────────────────

CARNIVAL = {"first_day": "08.02.2027", "last_day": "09.02.2027", "closing_name": "Rosenmontag"}


def test_days_off_are_entered_told_to_agencies_and_removed(
    town_hall: House, ines: Visitor, vera: Visitor
) -> None:
    added = ines.post("/municipality/closings", CARNIVAL)
    twice = ines.post("/municipality/closings", CARNIVAL)
    listed = Outline(ines.get("/municipality").text).said()
    told = Outline(vera.get("/settings").text).said()
    with town_hall.services.transaction() as session:
        closing = session.exec(select(MunicipalityClosing)).one()
    removed = ines.post(f"/municipality/closings/{closing.id}/removal")
    gone = ines.post(f"/municipality/closings/{closing.id}/removal")

    assert added.headers["location"] == "/municipality?done=closing_added#closings"
    assert twice.status_code == 422
    assert field(twice.text, "closing_name")["value"] == "Rosenmontag"
    assert "Rosenmontag 08.02.2027 09.02.2027" in listed
    assert "Die Kommune hat außerdem frei: 24. und 31. Dezember, 08.02.2027 bis 09.02.2027" in told
    assert removed.headers["location"] == "/municipality?done=closing_removed#closings"
    assert gone.status_code == 404


def test_an_unticked_box_is_told_apart_from_one_that_is_not_there(
    town_hall: House, ines: Visitor
) -> None:
    def keeps() -> bool:
        return "checked" in field(ines.get("/municipality").text, "keeps_eves")

    ines.post("/municipality", {"land": "NW"})
    left = keeps()
    ines.post("/municipality", {"keeps_eves": "no"})
    unticked = keeps()
    ines.post("/municipality", {"keeps_eves": ["no", "yes"]})

    assert (left, unticked, keeps()) == (True, False, True)


# ── The plan ─────────────────────────────────────────────────────────────────────────────────


def test_a_plan_is_ticked_kept_and_unticked(town_hall: House, vera: Visitor) -> None:
    here = f"/agencies/{VHS}/settings"
    typed: dict[str, str | list[str]] = {
        "plan_days": ["", "2", "4"],
        "plan_time": "after_counter_hours",
        "announces_on_plan_days": ["no", "yes"],
        "monthly_note": ["no"],
    }

    vera.post(here, typed)
    kept, page = agency(town_hall, VHS), vera.get("/settings").text
    vera.post(here, {"digest_hour": "8"})
    untouched = agency(town_hall, VHS)
    refused = vera.post(here, {"plan_days": [""]})
    vera.post(here, {"plan_days": [""], "plan_time": "", "announces_on_plan_days": ["no"]})

    assert (kept.plan_days, kept.plan_time) == ("24", "after_counter_hours")
    assert (kept.announces_on_plan_days, kept.monthly_note) == (True, False)
    assert "checked" in field(page, "plan_days-2")
    assert "checked" not in field(page, "plan_days")
    assert (untouched.plan_days, untouched.announces_on_plan_days) == ("24", True)
    assert refused.status_code == 422
    assert "mindestens einen Wochentag" in refused.text
    assert agency(town_hall, VHS).plan_days == ""


def test_only_the_coordinator_says_what_is_expected(
    town_hall: House, ines: Visitor, vera: Visitor
) -> None:
    offered = 'id="expected_per_month"'
    shown = [offered in v.get(f"/agencies/{VHS}/settings").text for v in (ines, vera)]

    wrong = ines.post(f"/agencies/{JOBCENTER}/settings", {"expected_per_month": "viele"})
    saved = ines.post(f"/agencies/{JOBCENTER}/settings", {"expected_per_month": "120"})
    refused = vera.post(f"/agencies/{VHS}/settings", {"expected_per_month": "1"})

    assert shown == [True, False]
    assert (wrong.status_code, saved.status_code, refused.status_code) == (422, 303, 403)
    assert field(wrong.text, "expected_per_month")["value"] == "viele"
    assert agency(town_hall, JOBCENTER).expected_per_month == 120
    with town_hall.services.transaction() as session:
        query = select(AuditEvent).where(AuditEvent.happening == Happening.AGENCY_CHANGED)
        last = session.exec(query.order_by(col(AuditEvent.seq).desc())).first()
        assert last is not None
        assert last.detail == {"slug": JOBCENTER, "fields": "expected_per_month"}
