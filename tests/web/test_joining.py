"""Instruction, members and invitations over HTTP: the ways people go, and what they leave."""

import logging
import re
from collections.abc import Iterator
from html import unescape

import pytest
from sqlmodel import col, delete, select
from tests.web.house import OFFICE, VHS, Answer, House, Visitor, sending_fields, the_file

from kursdocs.core.access import Role
from kursdocs.core.accounts import Membership, User
from kursdocs.core.instructions import Instruction
from kursdocs.web.invitations import link

SECRET = re.compile(r"/join/([A-Za-z0-9_-]{43})")
FORM = {"role": "clerk", "days": "7", "note": "Zimmer 12"}


def forget_instruction(house: House, subject: str) -> None:
    with house.services.transaction() as session:
        own = select(User.id).where(User.subject == subject)
        session.exec(delete(Instruction).where(col(Instruction.user_id).in_(own)))


def place_of(answer: Answer) -> str:
    return str(answer.headers.get("location", ""))


# --- Instruction ---------------------------------------------------------------------------------


@pytest.fixture
def newcomer(house: House) -> Iterator[Visitor]:
    """Somebody of a course provider who signed in and confirmed nothing yet."""
    visitor = house.newly("lin.probe")
    forget_instruction(house, "lin.probe")
    yield visitor
    house.instruct("lin.probe")


@pytest.mark.parametrize("path", ["/inbox", "/sent", "/documents/new?kind=admission_ik_jc"])
def test_every_page_leads_to_the_instruction_first_and_then_on(
    newcomer: Visitor, path: str
) -> None:
    asked = newcomer.get(path)
    assert (asked.status_code, place_of(asked).split("?")[0]) == (303, "/instruction")

    page = newcomer.get(place_of(asked))
    assert page.text.count("<button") > 0
    assert "Hauptnavigation" not in page.text
    fields = dict(re.findall(r'name="(version|next)" value="([^"]*)"', page.text))
    confirmed = newcomer.post("/instruction", {k: unescape(v) for k, v in fields.items()})

    assert (confirmed.status_code, place_of(confirmed)) == (303, path)
    assert newcomer.get(path).status_code == 200


def test_nothing_is_sent_before_the_instruction(house: House, newcomer: Visitor) -> None:
    before = house.contents()["document"]

    answer = newcomer.send()

    assert answer.status_code == 403
    assert "Unterweisung" in answer.text
    assert house.contents()["document"] == before


def test_signing_out_and_changing_the_agency_need_no_instruction(newcomer: Visitor) -> None:
    assert newcomer.post("/acting-agency", {"membership": "none"}).status_code == 404
    assert newcomer.post("/sign-out").status_code == 303


def test_a_persons_token_is_refused_and_a_programs_is_not(house: House) -> None:
    person = house.program(house.person_token("lin.probe"))
    forget_instruction(house, "lin.probe")
    try:
        refused = person.get("/api/v1/inbox")
        sent = person.post("/api/v1/documents", data=sending_fields(), files=the_file())

        assert [answer.status_code for answer in (refused, sent)] == [403, 403]
        assert refused.json()["code"] == sent.json()["code"] == "instruction_missing"
        assert person.get("/api/v1/me").status_code == 200
        assert house.service("sprachwerk").get("/api/v1/inbox").status_code == 200
    finally:
        house.instruct("lin.probe")


def test_another_version_is_shown_before_it_counts(newcomer: Visitor) -> None:
    answer = newcomer.post("/instruction", {"version": "2020-01", "next": "/sent"})

    assert answer.status_code == 409
    assert "geändert" in answer.text
    assert place_of(newcomer.get("/sent")).startswith("/instruction")


def test_the_way_on_stays_here(newcomer: Visitor) -> None:
    for elsewhere in ("https://elsewhere.example/", "//elsewhere.example", "/instruction?next=/"):
        page = newcomer.get("/instruction", params={"next": elsewhere})

        assert 'name="next" value="/"' in page.text


# --- Invitations ---------------------------------------------------------------------------------


def invited(house: House, by: str = "karin.beispiel", **changes: str) -> str:
    """The secret of a new link, read off the page that shows it once."""
    page = house.person(by).post("/invitations", {**FORM, **changes})
    found = SECRET.search(page.text)
    assert found is not None
    return found[1]


@pytest.fixture
def kim(house: House) -> Iterator[Visitor]:
    """Somebody without a role, in a browser nobody is signed in with yet."""
    yield house.visitor()
    with house.services.transaction() as session:
        own = select(User.id).where(User.subject == "kim.muster")
        session.exec(delete(Membership).where(col(Membership.user_id).in_(own)))


def test_a_link_leads_through_the_sign_in_to_the_role(
    house: House,
    kim: Visitor,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    secret = invited(house)
    with caplog.at_level(logging.DEBUG):
        opened = kim.get(f"/join/{secret}")
        assert (opened.status_code, place_of(opened)) == (303, "/join")
        cookie = opened.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        asked = kim.get("/join")
        assert "Ausländerbehörde Musterstadt" in asked.text
        assert "Sachbearbeitung" in asked.text

        back = kim.sign_in("kim.muster", "/sign-in/start?next=%2Fjoin")
        assert place_of(back) == "/join"
        assert "Kim Muster" in kim.get("/join").text
        joined = kim.post("/join")

    assert (joined.status_code, place_of(joined)) == (303, "/")
    assert kim.get("/inbox").status_code == 200
    assert "Kim Muster" in house.person("karin.beispiel").get("/members").text
    # The client's own words, and those of the server's log that ``kursdocs serve`` switches off.
    others = ("http", "uvicorn.access")
    own = [one.getMessage() for one in caplog.records if not one.name.startswith(others)]
    assert secret not in repr((own, capfd.readouterr()))
    for table, rows in house.contents().items():
        assert secret not in repr(rows), table
    assert kim.get(f"/join/{secret}").status_code == 303
    assert kim.get("/join").status_code == 404


@pytest.mark.parametrize("secret", ["x" * 43, "%C3%A4", "a;b=c", "x" * 3000, "..%2Fsent"])
def test_a_link_that_is_none_ends_on_the_one_clear_page(house: House, secret: str) -> None:
    visitor = house.visitor()

    opened = visitor.get(f"/join/{secret}")
    assert opened.status_code in (303, 404)
    answer = visitor.get("/join")

    assert answer.status_code == 404
    assert "Diese Einladung gilt nicht mehr" in answer.text


def test_whoever_has_the_role_is_told_so_and_the_link_stays(house: House, kim: Visitor) -> None:
    secret, clerk = invited(house), house.newly("nora.probe")
    clerk.get(f"/join/{secret}")

    assert "Sie haben diese Rolle schon" in clerk.get("/join").text
    refused = clerk.post("/join")

    assert refused.status_code == 409
    kim.get(f"/join/{secret}")
    assert kim.get("/join").status_code == 200


def test_a_coordinator_gets_into_no_agency_by_their_own_link(house: House) -> None:
    coordinator = house.newly("ines.muster")
    secret = invited(house, "ines.muster", agency="jobcenter")
    coordinator.get(f"/join/{secret}")

    assert "Das ist Ihre eigene Einladung" in coordinator.get("/join").text
    assert coordinator.post("/join").status_code == 409

    assert coordinator.get("/inbox").status_code == 403


def test_a_revoked_link_is_worth_nothing(house: House, kim: Visitor) -> None:
    secret, head = invited(house, note="Widerrufen"), house.person("karin.beispiel")
    page = head.get("/members").text
    action = re.search(r'action="(/invitations/[0-9a-f-]+/revocation)"', page)
    assert action is not None

    assert place_of(head.post(action[1])) == "/members?done=revoked"
    assert "zurückgezogen" in head.get("/members?done=revoked").text
    kim.get(f"/join/{secret}")
    assert kim.get("/join").status_code == 404


def test_a_mistaken_invitation_keeps_what_was_typed(house: House) -> None:
    head = house.person("karin.beispiel")
    for changes, kept in (
        ({"role": ""}, 'value="Zimmer 12"'),
        ({"days": "31"}, 'value="31"'),
        ({"days": "sieben"}, 'value="sieben"'),
        ({"note": "x" * 61}, f'value="{"x" * 61}"'),
        ({"role": "coordinator"}, 'value="Zimmer 12"'),
    ):
        answer = head.post("/invitations", {**FORM, **changes})

        assert answer.status_code == 422, changes
        assert kept in answer.text
        assert not SECRET.search(answer.text)


def test_a_coordinator_invites_to_agencies_and_town(house: House) -> None:
    assert invited(house, "ines.muster", agency=VHS, role="head")
    assert invited(house, "ines.muster", role="auditor")
    foreign = house.person("karin.beispiel").post("/invitations", {**FORM, "agency": VHS})

    assert foreign.status_code == 404


def test_the_link_is_of_our_public_address() -> None:
    assert link("https://kursdocs.example", "s") == "https://kursdocs.example/join/s"


# --- Members -------------------------------------------------------------------------------------


def test_a_head_changes_limits_and_ends_what_was_given_by_hand(house: House, kim: Visitor) -> None:
    head = house.person("karin.beispiel")
    kim.get(f"/join/{invited(house)}")
    kim.sign_in("kim.muster", "/sign-in/start?next=%2Fjoin")
    kim.post("/join")
    member = member_page(house, "kim.muster")

    late = head.post(f"{member}/end-date", {"until": "01.01.2020"})
    wrong = head.post(f"{member}/end-date", {"until": "31.02.2030"})
    assert [late.status_code, wrong.status_code] == [422, 422]
    assert 'value="31.02.2030"' in wrong.text
    assert head.post(f"{member}/end-date", {"until": "31.12.2030"}).status_code == 303
    assert "31.12.2030" in head.get("/members").text

    assert place_of(head.post(f"{member}/role", {"role": "head"})) == "/members?done=changed"
    member = member_page(house, "kim.muster")
    assert head.get(f"{member}/ending").status_code == 200
    assert place_of(head.post(f"{member}/ending")) == "/members?done=ended"
    assert kim.get("/inbox").status_code in (303, 403)
    assert head.post(f"{member}/ending").status_code == 409


def member_page(house: House, subject: str) -> str:
    with house.services.transaction() as session:
        query = select(Membership.id).join(User).where(User.subject == subject)
        newest = session.exec(query.order_by(col(Membership.id).desc())).first()
    return f"/members/{newest}"


def test_what_came_from_claims_is_explained_and_not_offered(house: House) -> None:
    house.person("nora.probe")
    head, member = house.person("karin.beispiel"), member_page(house, "nora.probe")

    page = head.get(member).text

    assert "kommt vom Anmeldedienst" in page
    assert f'action="{member}/role"' not in page
    assert head.post(f"{member}/role", {"role": Role.HEAD.value}).status_code == 409


def test_the_last_head_is_warned(house: House) -> None:
    head, member = house.person("karin.beispiel"), member_page(house, "karin.beispiel")
    _leave_one_head(house, "karin.beispiel")

    asked = head.get(f"{member}/ending")
    refused = head.post(f"{member}/ending")

    assert "keine Leitung mehr" in asked.text
    assert refused.status_code == 422
    assert head.get("/members").status_code == 200


def _leave_one_head(house: House, subject: str) -> None:
    """Other tests make people of this house heads, and not all of them end it."""
    with house.services.transaction() as session:
        query = select(Membership).join(User).where(User.subject == subject)
        kept = session.exec(query.where(Membership.role == Role.HEAD)).one()
        others = select(Membership).where(
            Membership.agency_id == kept.agency_id,
            Membership.role == Role.HEAD,
            Membership.id != kept.id,
        )
        for membership in session.exec(others):
            membership.valid_until = house.clock()


def test_a_head_sees_who_confirmed_the_instruction(house: House) -> None:
    house.person("vera.probe")

    provider = house.person("vera.probe").get("/members").text
    office = house.person("karin.beispiel").get("/members").text

    assert "Unterweisung" in provider
    assert "Unterweisung" not in office
    assert house.person("ines.muster").get(f"/agencies/{OFFICE}/members").status_code == 200
