"""Signing in and out as people do it, the agency switcher, and what people choose for pages."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from sqlmodel import select
from tests.web.house import SPRACHWERK, VHS, House, Visitor, open_house
from tests.web.lint import Outline
from tests.web.test_bad_input import api_problem

from kursdocs.core.accounts import User


def to_picker(visitor: Visitor, start: str = "/sign-in/start") -> str:
    """The address of the provider's page with the people."""
    away = visitor.get(start)
    picker = visitor.get(away.headers["location"])
    action = re.search(r'<form[^>]*action="([^"]+)"', picker.text)
    assert action is not None
    return unescape(action.group(1))


# ── Signing in ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("subject", "landing"),
    [
        ("amina.muster", "/desk"),
        ("jonas.muster", "/inbox"),
        ("karin.beispiel", "/inbox"),
        ("ines.muster", "/agencies"),
        ("paul.probe", "/log"),
    ],
)
def test_everybody_lands_where_their_day_begins(house: House, subject: str, landing: str) -> None:
    visitor = house.visitor()

    assert visitor.sign_in(subject).headers["location"] == "/"
    house.instruct(subject)  # whoever sends personal data reads the instruction before
    assert visitor.get("/").headers["location"] == landing
    assert visitor.get(landing).status_code == 200
    assert visitor.get("/sign-in").headers["location"] == "/"


def test_two_tabs_do_not_disturb_each_other(house: House) -> None:
    visitor = house.visitor()
    first = visitor.to_callback("jonas.muster", "/sign-in/start?next=/sent")
    second = visitor.to_callback("jonas.muster", "/sign-in/start?next=/catalogue")

    assert visitor.get(first).headers["location"] == "/sent"
    assert visitor.get(second).headers["location"] == "/catalogue"
    assert visitor.get("/inbox").status_code == 200


def test_coming_back_twice_leads_on_and_changes_nothing(house: House) -> None:
    visitor = house.visitor()
    back = visitor.to_callback("amina.muster")
    visitor.get(back)
    seq = house.log_end()

    again = visitor.get(back)

    assert (again.status_code, again.headers["location"]) == (303, "/")
    assert "set-cookie" not in again.headers
    assert house.log_since(seq) == []


def test_a_way_back_is_worth_nothing_in_another_browser(house: House) -> None:
    back = house.visitor().to_callback("amina.muster")
    stranger = house.visitor()
    stranger.get("/sign-in/start")

    stolen, without = stranger.get(back), house.visitor().get(back)

    for answer in (stolen, without):
        assert answer.status_code == 403
        assert "Die Anmeldung ist nicht gelungen" in answer.text
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("change", ["state=x", "code=x", "iss=https://evil.example"])
def test_a_way_back_that_was_changed_is_refused(house: House, change: str) -> None:
    visitor = house.visitor()
    back = visitor.to_callback("amina.muster")

    answer = visitor.get(re.sub(rf"{change.split('=')[0]}=[^&]*", change, back))

    assert answer.status_code == 403
    assert visitor.get("/inbox").status_code == 303


def test_giving_up_at_the_provider_leads_to_a_page_that_helps(house: House) -> None:
    visitor = house.visitor("en")

    back = visitor.post(to_picker(visitor), {"cancel": "1"})
    answer = visitor.get(back.headers["location"])

    assert answer.status_code == 403
    assert "/" in [link.get("href") for link in Outline(answer.text).all("a")]


def test_an_old_attempt_is_refused(house: House) -> None:
    visitor = house.visitor()
    back = visitor.to_callback("amina.muster")
    house.clock.ahead = timedelta(minutes=16)
    try:
        assert visitor.get(back).status_code == 403
    finally:
        house.clock.ahead = timedelta()


def test_a_locked_account_is_told_so_and_its_sessions_end(house: House) -> None:
    visitor, token = house.newly("selin.beispiel"), house.person_token("selin.beispiel")
    assert visitor.get("/inbox").status_code == 200
    lock(house, "selin.beispiel", locked=True)
    try:
        assert visitor.get("/inbox").status_code == 303
        answer = house.visitor().sign_in("selin.beispiel")
        assert answer.status_code == 403
        assert "gesperrt" in answer.text
        api_problem(house.program(token).get("/api/v1/me"), 403, "account_deactivated")
    finally:
        lock(house, "selin.beispiel", locked=False)
    assert house.newly("selin.beispiel").get("/inbox").status_code == 200


def lock(house: House, subject: str, *, locked: bool) -> None:
    with house.services.transaction() as session:
        user = session.exec(select(User).where(User.subject == subject)).one()
        user.deactivated_at = house.clock() if locked else None
        session.add(user)


# ── A provider that does not answer, or not as it should ─────────────────────────────────────


@pytest.fixture(scope="module")
def lost(quick_folder: Path, house: House) -> Iterator[dict[str, House]]:
    """Houses whose provider is down, or says that it is another one than in the settings."""
    issuers = {
        "down": "http://127.0.0.1:9/demo/oidc",
        "another": house.url.replace("127.0.0.1", "localhost") + "/demo/oidc",
    }
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(open_house(quick_folder / name, oidc_issuer=issuer))
            for name, issuer in issuers.items()
        }


@pytest.mark.parametrize("name", ["down", "another"])
def test_without_the_provider_people_are_told_to_come_back(
    lost: dict[str, House], name: str
) -> None:
    visitor = lost[name].visitor()

    answer = visitor.get("/sign-in/start")

    assert answer.status_code == 503
    assert answer.headers["retry-after"].isdigit()
    assert "Der Anmeldedienst antwortet nicht" in Outline(answer.text).said()
    assert visitor.get("/sign-in").status_code == 200


def test_without_the_provider_programs_are_told_so_too(
    lost: dict[str, House], house: House
) -> None:
    answer = lost["down"].program(house.service_token(VHS)).get("/api/v1/me")

    api_problem(answer, 503, "sign_in_unavailable")


# ── Roles ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("language", "heading"), [("de", "keine Rolle"), ("en", "no role")])
def test_without_a_role_one_is_told_whom_to_ask(house: House, language: str, heading: str) -> None:
    visitor = house.newly("kim.muster", language)

    for path in ("/", "/inbox", "/documents/new", "/agencies"):
        answer = visitor.get(path)
        assert answer.status_code == 403
        assert heading in Outline(answer.text).said()
        assert "Kim Muster" in answer.text
        assert "kim.muster" not in answer.text
    page = Outline(visitor.get("/").text)
    assert not [link for link in page.all("a") if link["href"] in ("/inbox", "/sent")]
    assert [form for form in page.all("form") if form["action"] == "/sign-out"]


def choices(visitor: Visitor) -> dict[str, str]:
    """The agencies in the switcher: name → membership."""
    page = visitor.get("/catalogue").text
    found = re.findall(r'name="membership" value="([^"]+)"[^>]*><bdi>([^<]+)</bdi>', page)
    return {name: membership for membership, name in found}


def test_somebody_of_two_agencies_acts_for_one_at_a_time(house: House) -> None:
    visitor, other = house.newly("mira.beispiel"), house.newly("mira.beispiel")
    offered = choices(visitor)
    assert set(offered) == {"VHS Musterstadt", "Sprachwerk"}
    at_sprachwerk = house.noted(SPRACHWERK, "jobcenter").document_id

    answer = visitor.post("/acting-agency", {"membership": offered["Sprachwerk"]})
    assert answer.headers["location"] == "/"
    assert visitor.get(f"/documents/{at_sprachwerk}").status_code == 200
    visitor.post("/acting-agency", {"membership": offered["VHS Musterstadt"]})
    assert visitor.get(f"/documents/{at_sprachwerk}").status_code == 404

    # Each browser acts for itself.
    other.post("/acting-agency", {"membership": offered["Sprachwerk"]})
    assert other.get(f"/documents/{at_sprachwerk}").status_code == 200
    assert visitor.get(f"/documents/{at_sprachwerk}").status_code == 404


def test_somebody_of_one_agency_has_no_switcher(house: House) -> None:
    assert choices(house.person("amina.muster")) == {}


@pytest.mark.parametrize("membership", ["", "x", "01890000-0000-7000-8000-000000000000"])
def test_nobody_switches_to_what_is_not_theirs(house: House, membership: str) -> None:
    answer = house.person("mira.beispiel").post("/acting-agency", {"membership": membership})

    assert answer.status_code == 404


# ── Language and colours ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("en", "en"),
        ("en-GB,en;q=0.9,de;q=0.8", "en"),
        ("de-DE,de;q=0.9,en;q=0.8", "de"),
        ("fr,en;q=0.5", "en"),
        ("fr", "de"),
        ("en;q=0,de", "de"),
        ("", "de"),
        ("*;q=x,;;", "de"),
    ],
)
def test_pages_and_api_speak_the_language_of_the_reader(
    house: House, accepted: str, language: str
) -> None:
    page = house.visitor(accepted).get("/sign-in")
    answer = house.client({"Accept-Language": accepted}).get("/api/v1/me")

    assert f'<html lang="{language}"' in page.text
    assert answer.headers["content-language"] == language


def test_a_chosen_language_counts_more_than_the_browsers(house: House) -> None:
    visitor = house.visitor("de")

    answer = visitor.post("/preferences", {"language": "en", "return_to": "/signed-out"})

    assert answer.headers["location"] == "/signed-out"
    page = visitor.get("/signed-out")
    assert '<html lang="en"' in page.text
    assert 'name="language" value="de"' in page.text


def test_chosen_colours_are_on_every_page(house: House) -> None:
    visitor = house.visitor()
    assert "data-kern-theme" not in visitor.get("/sign-in").text

    visitor.post("/preferences", {"theme": "dark"})

    assert 'data-kern-theme="dark"' in visitor.get("/sign-in").text
    assert 'data-kern-theme="dark"' in visitor.get("/nirgendwo").text


def test_a_choice_there_is_not_changes_nothing(house: House) -> None:
    visitor = house.visitor()

    answer = visitor.post("/preferences", {"language": "tlh", "theme": '"><script>'})

    assert answer.status_code == 303
    assert "set-cookie" not in answer.headers
    visitor.client.cookies.set("kursdocs_theme", "x", domain="127.0.0.1")
    visitor.client.cookies.set("kursdocs_language", "../de", domain="127.0.0.1")
    assert visitor.get("/sign-in").status_code == 200
