"""Follow-ups over a real line: what a clerk sees and does, what is refused, and programs."""

import re
from datetime import timedelta
from uuid import UUID

import pytest
from sqlmodel import select
from tests.web.house import (
    JOBCENTER,
    OFFICE,
    UNKNOWN,
    VHS,
    Answer,
    House,
    Visitor,
    followed,
    sending_fields,
)

from kursdocs.core.audit import Happening
from kursdocs.core.follow_ups.tables import FollowUp, FollowUpState

CLERK, HEAD, OFFICER = "amina.muster", "vera.probe", "jonas.muster"


@pytest.fixture
def clerk(house: House) -> Visitor:
    return house.person(CLERK)


@pytest.fixture(autouse=True)
def _alone(house: House) -> None:
    """What other tests left behind stands in nobody's list."""
    with house.services.transaction() as session:
        for row in session.exec(select(FollowUp)):
            session.delete(row)


def row(house: House, follow_up_id: UUID) -> FollowUp:
    with house.services.transaction() as session:
        return session.get_one(FollowUp, follow_up_id)


def state(house: House, follow_up_id: UUID) -> FollowUpState:
    return row(house, follow_up_id).state


def settle(visitor: Visitor, *ids: UUID, reason: str = "on_paper", clock: str = "") -> Answer:
    form: dict[str, str | list[str]] = {"reason": reason, "clock": clock}
    form["follow_up"] = [str(id_) for id_ in ids]
    return visitor.post("/follow-ups/settlement", form)


def registration(**changes: str) -> dict[str, str | list[str]]:
    fields = sending_fields(
        kind="registration_confirmation_ik",
        recipient=OFFICE,
        issued_on="16.11.2026",
        planned_start_on="01.12.2026",
        **changes,
    )
    return {name: fields[name] for name in fields if name not in ("bamf_person_no", "expires_on")}


def test_the_list_says_who_what_by_when_and_leads_on(house: House, clerk: Visitor) -> None:
    follow_up_id = followed(house, VHS)

    page = clerk.get("/follow-ups").text

    assert "Mustermann-Öztürk, Probefried" in page
    assert "heute fällig" in page
    assert "§ 7 Abs. 2 IntV" in page
    assert f'href="/documents/{row(house, follow_up_id).document_id}"' in page
    wanted = f"/documents/new?kind=registration_confirmation_ik&amp;follow_up={follow_up_id}"
    assert wanted in page
    # What the provider may not send to that office is not offered.
    assert "kind=provider_change_ik" not in page
    assert house.log_since(house.log_end() - 1) == [Happening.FOLLOW_UPS_LISTED]


def test_the_navigation_counts_what_is_open(house: House, clerk: Visitor) -> None:
    followed(house, VHS)
    followed(house, VHS)

    for path in ("/inbox", "/follow-ups"):
        found = re.search(
            r'href="/follow-ups"[^>]*>.*?<span class="kd-count">(\d+)', clerk.get(path).text
        )
        assert found is not None
        assert found[1] == "2"
    # Nobody is told of the tasks of others.
    entry = r'href="/follow-ups"[^>]*><span>Wiedervorlagen</span></a>'
    assert re.search(entry, house.person(OFFICER).get("/follow-ups").text)


@pytest.mark.parametrize(
    ("visitor", "said"),
    [
        (CLERK, "Hier stehen Papiere, auf die noch etwas folgen sollte"),
        (OFFICER, "Hier stehen Berechtigungen und Verpflichtungen, die Sie gesendet haben"),
    ],
)
def test_an_empty_list_says_what_would_stand_there(house: House, visitor: str, said: str) -> None:
    assert said in house.person(visitor).get("/follow-ups").text


def test_settled_with_a_reason_it_goes_and_can_come_back(house: House, clerk: Visitor) -> None:
    follow_up_id = followed(house, VHS)

    answer = settle(clerk, follow_up_id, clock="proof")
    assert answer.headers["location"] == "/follow-ups?clock=proof&done=settled"
    page = clerk.get(answer.headers["location"]).text
    assert "Erledigt. Daran wird nicht mehr erinnert." in page
    assert "Grund: Auf Papier erledigt" in page
    # A colleague sees it among what was settled today, but nothing to undo at the top.
    theirs = house.person(HEAD).get("/follow-ups?done=settled").text
    assert "Heute erledigt" in theirs
    assert "Daran wird nicht mehr erinnert" not in theirs.split("</h1>")[1].split("Heute")[0]

    answer = clerk.post("/follow-ups/reopening", {"follow_up": str(follow_up_id)})
    assert answer.headers["location"] == "/follow-ups?done=reopened"
    assert "Wieder offen" in clerk.get("/follow-ups?done=reopened").text
    assert state(house, follow_up_id) is FollowUpState.OPEN


def test_several_are_settled_and_undone_at_once(house: House, clerk: Visitor) -> None:
    ids = [followed(house, VHS) for _ in range(3)]

    settle(clerk, *ids)

    page = clerk.get("/follow-ups?done=settled").text
    assert "3 erledigt. Daran wird nicht mehr erinnert." in page
    undo = page.split('action="/follow-ups/reopening"')[1].split("</form>")[0]
    assert set(re.findall(r'name="follow_up" value="([^"]+)"', undo)) == {str(id_) for id_ in ids}


def test_all_of_a_page_can_be_ticked_without_scripts(house: House, clerk: Visitor) -> None:
    followed(house, VHS)

    assert re.search(r'name="follow_up"[^>]* checked', clerk.get("/follow-ups?tick=all").text)
    assert not re.search(r'name="follow_up"[^>]* checked', clerk.get("/follow-ups").text)


@pytest.mark.parametrize(
    ("reason", "is_chosen", "said"),
    [
        ("", True, "Bitte wählen Sie einen der Gründe aus der Liste."),
        ("bored", True, "Bitte wählen Sie einen der Gründe aus der Liste."),
        ("on_paper", False, "Bitte wählen Sie zuerst aus, was erledigt ist."),
    ],
)
def test_a_mistake_is_said_on_the_list(
    house: House, clerk: Visitor, reason: str, is_chosen: bool, said: str
) -> None:
    follow_up_id = followed(house, VHS)

    answer = settle(clerk, *([follow_up_id] if is_chosen else []), reason=reason)

    assert answer.status_code == 422
    assert said in answer.text
    assert "Mustermann-Öztürk, Probefried" in answer.text
    assert house.log_since(house.log_end() - 1) == [Happening.REQUEST_REFUSED]
    assert state(house, follow_up_id) is FollowUpState.OPEN


def test_who_comes_second_is_told_who_was_first(house: House, clerk: Visitor) -> None:
    follow_up_id = followed(house, VHS)
    settle(house.person(HEAD), follow_up_id)

    answer = settle(clerk, follow_up_id)

    assert answer.status_code == 409
    assert "Das ist schon erledigt." in answer.text
    assert re.search(r"Das war am .*, durch <bdi>Vera Probe</bdi>", answer.text)


def test_on_the_next_day_nothing_can_be_undone(house: House, clerk: Visitor) -> None:
    follow_up_id = followed(house, VHS, is_settled=True)
    with house.services.transaction() as session:
        old = session.get_one(FollowUp, follow_up_id)
        old.ended_at = house.services.clock() - timedelta(days=1)
        session.add(old)

    answer = clerk.post("/follow-ups/reopening", {"follow_up": str(follow_up_id)})

    assert answer.status_code == 409
    assert "was jemand aus Ihrer Stelle heute erledigt hat" in answer.text


@pytest.mark.parametrize("path", ["settlement", "reopening"])
def test_what_is_no_id_is_not_found(clerk: Visitor, path: str) -> None:
    form = {"follow_up": "../../etc", "reason": "on_paper"}

    assert clerk.post(f"/follow-ups/{path}", form).status_code == 404


# ── The paper that ends it ───────────────────────────────────────────────────────────────────


def test_the_link_opens_the_form_filled_in_and_sending_it_ends_the_task(
    house: House, clerk: Visitor
) -> None:
    follow_up_id = followed(house, VHS)
    address = f"/documents/new?kind=registration_confirmation_ik&follow_up={follow_up_id}"

    form = clerk.get(address).text
    assert 'name="family_name" value="Mustermann-Öztürk"' in form
    assert 'name="birth_date" value="05.06.1987"' in form
    assert re.search(rf'name="recipient" value="{OFFICE}"[^>]* checked', form)
    assert not re.search(rf'name="recipient" value="{JOBCENTER}"[^>]* checked', form)
    assert house.log_since(house.log_end() - 1) == [Happening.DOCUMENT_VIEWED]

    sent = clerk.send(registration(family_name="MUSTERMANN OEZTUERK"))

    assert sent.status_code == 303
    assert state(house, follow_up_id) is FollowUpState.FULFILLED
    # The old link leads to the list, which no longer has it.
    assert clerk.get(address).headers["location"] == "/follow-ups"


def test_somebody_elses_registration_ends_nothing(house: House, clerk: Visitor) -> None:
    follow_up_id = followed(house, VHS)

    clerk.send(registration(given_names="Anna"))

    assert state(house, follow_up_id) is FollowUpState.OPEN


@pytest.mark.parametrize("is_api", [False, True], ids=["page", "api"])
def test_a_report_ends_it_when_the_second_person_lets_it_go_out(house: House, is_api: bool) -> None:
    follow_up_id = followed(house, OFFICE)
    report = house.waiting(VHS, OFFICE).document_id
    assert state(house, follow_up_id) is FollowUpState.OPEN

    if is_api:
        program = house.program(house.person_token(CLERK))
        answer = program.post(f"/api/v1/documents/{report}/approval", json={})
    else:
        answer = house.person(CLERK).post(f"/documents/{report}/approval")

    assert answer.status_code in (200, 303), answer.text
    assert state(house, follow_up_id) is FollowUpState.FULFILLED


@pytest.mark.parametrize(
    ("kind", "is_own"),
    [("exam_result_ik", True), ("nothing", True), ("registration_confirmation_ik", False)],
)
def test_no_form_opens_for_another_paper_or_a_foreign_task(
    house: House, clerk: Visitor, kind: str, is_own: bool
) -> None:
    follow_up_id = followed(house, VHS if is_own else JOBCENTER)

    for id_ in (follow_up_id, UNKNOWN):
        assert clerk.get(f"/documents/new?kind={kind}&follow_up={id_}").status_code == 404


def test_the_paper_itself_says_what_is_outstanding_to_its_own_agency_only(
    house: House, clerk: Visitor
) -> None:
    follow_up_id = followed(house, VHS)
    path = f"/documents/{row(house, follow_up_id).document_id}"

    page = clerk.get(path).text
    assert "Offen: Nachweis der Anmeldung fehlt (Integrationskurs), fällig am" in page
    assert f"/follow-ups?clock=proof#follow-up-{follow_up_id}" in page
    assert "Nachweis der Anmeldung fehlt" not in house.person(OFFICER).get(path).text


def test_the_catalogue_tells_everybody_what_should_follow(clerk: Visitor) -> None:
    obligation = clerk.get("/catalogue?kind=obligation_ik_abh").text
    assert "Kursträger, 5 und 10 Arbeitstage nach dem Tag „Übernahme“" in obligation
    assert "60 und 21 Tage vor dem Tag „Gültig bis“" in obligation

    confirmation = clerk.get("/catalogue?kind=registration_confirmation_ik").text
    assert "Kursträger, 35 und 42 Tage nach dem Tag „Ausgestellt am“" in confirmation
    assert "Nachweis der Anmeldung fehlt" in confirmation


# ── Programs ─────────────────────────────────────────────────────────────────────────────────


def test_a_program_lists_and_settles(house: House) -> None:
    first, second = followed(house, VHS), followed(house, VHS)
    program = house.service(VHS)

    page = program.get("/api/v1/follow-ups?limit=1").json()
    rest = program.get(f"/api/v1/follow-ups?after={page['next']}").json()
    items = [*page["items"], *rest["items"]]
    assert {item["id"] for item in items} == {str(first), str(second)}
    assert rest["next"] is None
    assert items[0]["rule"] == "proof_ik"
    assert items[0]["other"] == OFFICE
    assert items[0]["family_name"] == "Mustermann-Öztürk"

    answer = program.post(f"/api/v1/follow-ups/{first}/settlement", json={"reason": "course_runs"})
    assert (answer.json()["state"], answer.json()["reason"]) == ("settled", "course_runs")
    again = program.post(f"/api/v1/follow-ups/{first}/settlement", json={"reason": "course_runs"})
    assert (again.status_code, again.json()["code"]) == (409, "follow_up_over")
    wrong = program.post(f"/api/v1/follow-ups/{second}/settlement", json={"reason": "bored"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "reason_unknown")
    assert program.get("/api/v1/follow-ups?clock=start").json()["items"] == []


def test_a_program_learns_the_rules_and_reasons(house: House) -> None:
    rules = house.service(VHS).get("/api/v1/catalogue").json()

    proof = next(rule for rule in rules["follow_ups"] if rule["code"] == "proof_ik")
    assert (proof["side"], proof["unit"], proof["days"]) == ("recipient", "working_days", [5, 10])
    assert "on_paper" in [reason["code"] for reason in rules["settle_reasons"]]
