"""The second person, through pages and API: what each sees, and what goes out when."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import pytest
from tests import factories
from tests.web.house import JOBCENTER, OFFICE, VHS, Answer, House, Visitor, sending_fields, the_file

from kursdocs.core.documents import lifecycle, settling
from kursdocs.operations import retention

FIRST, SECOND, OFFICER = "amina.muster", "vera.probe", "jonas.muster"


def report_fields() -> dict[str, str | list[str]]:
    fields = sending_fields(
        kind="nonattendance_report_ik",
        recipient=[OFFICE],
        obliging_body=[OFFICE],
        period_from="01.10.2026",
        period_to="31.10.2026",
        missed_lesson_units="24",
    )
    for name in ("issued_on", "expires_on", "bamf_person_no", "release_given_on", "release_form"):
        del fields[name]
    return fields


@pytest.fixture
def first(house: House) -> Visitor:
    return house.person(FIRST)


@pytest.fixture
def second(house: House) -> Visitor:
    return house.person(SECOND)


@pytest.fixture
def report(first: Visitor) -> str:
    """A report that the first person has just sent; the path of its page."""
    answer = first.send(report_fields(), the_file())
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"]).removesuffix("/receipt")


def decide(visitor: Visitor, report: str, how: str, **form: str) -> Answer:
    return visitor.post(f"{report}/{how}", form)


def test_the_form_and_the_receipt_say_that_a_second_person_is_needed(
    first: Visitor, report: str
) -> None:
    form = first.get("/documents/new?kind=nonattendance_report_ik")
    receipt = first.get(f"{report}/receipt")

    assert "Eine zweite Person muss freigeben" in form.text
    assert "Gespeichert, aber noch nicht zugestellt" in receipt.text
    assert "Gespeichert und zugestellt" not in receipt.text


def test_who_sent_it_sees_that_it_waits_and_cannot_approve_it(first: Visitor, report: str) -> None:
    page = first.get(report)
    refused = decide(first, report, "approval")

    assert "Wartet auf Freigabe durch eine zweite Person" in page.text
    assert f"{report}/approval" not in page.text
    assert (refused.status_code, "selbst gesendet" in refused.text) == (403, True)
    assert "Wartet auf Freigabe durch eine zweite Person" in first.get("/sent").text


def test_a_colleague_finds_it_looks_and_approves_it(
    house: House, second: Visitor, report: str
) -> None:
    officer = house.person(OFFICER)
    assert "Ihre Freigabe" in second.get("/inbox").text
    assert report in second.get("/sent?state=waiting").text
    page = second.get(report)
    assert "Amina Muster" in page.text
    assert f"{report}/pages/1" in page.text
    assert second.get(f"{report}/pages/1").status_code == 200
    assert officer.get(report).status_code == 404

    approved = decide(second, report, "approval")

    assert approved.headers["location"] == f"{report}?done=approved"
    after = second.get(approved.headers["location"])
    assert "Freigegeben. Das Papier ist zugestellt." in after.text
    assert "Vera Probe" in after.text
    assert report not in second.get("/sent?state=waiting").text
    assert officer.get(report).status_code == 200
    assert "Vera Probe" not in officer.get(report).text


def test_a_second_approval_says_when_it_was_and_by_whom(second: Visitor, report: str) -> None:
    decide(second, report, "approval")

    again = decide(second, report, "approval")

    assert again.status_code == 409
    assert "Das Papier ist schon freigegeben." in again.text
    assert "durch <bdi>Vera Probe</bdi>" in again.text


def test_declined_its_sender_sees_the_reason_and_nobody_got_it(
    house: House, first: Visitor, second: Visitor, report: str
) -> None:
    unsaid = decide(second, report, "decline", reason="untouched")
    declined = decide(second, report, "decline", reason="not_approved_facts")

    assert unsaid.status_code == 422
    assert declined.headers["location"] == f"{report}?done=declined"
    assert "Nicht freigegeben: Angaben stimmen nicht" in first.get(report).text
    assert "Nicht freigegeben: Angaben stimmen nicht" in first.get("/sent").text
    assert house.person(OFFICER).get(report).status_code == 404


def test_a_link_cannot_claim_an_approval_that_was_not(first: Visitor, report: str) -> None:
    for done in ("approved", "declined", "withdrawn"):
        assert 'kern-alert--success"' not in first.get(f"{report}?done={done}").text


def test_a_program_may_send_and_a_person_approves_by_the_api(house: House) -> None:
    fields = report_fields() | {
        "birth_date": "1987-06-05",
        "period_from": "2026-10-01",
        "period_to": "2026-10-31",
    }
    program = house.service(VHS)
    sent = program.post("/api/v1/documents", data=fields, files=the_file()).json()
    path = f"/api/v1/documents/{sent['id']}"
    assert (sent["state"], sent["approval_needed"], sent["approved_at"]) == ("held", True, None)
    assert sent["deliveries"][0]["delivered_at"] is None
    waiting = program.get("/api/v1/sent?state=waiting").json()["items"]
    assert sent["id"] in [item["id"] for item in waiting]

    refused = program.post(f"{path}/approval")
    approved = house.program(house.person_token(FIRST)).post(f"{path}/approval")

    assert (refused.status_code, refused.json()["code"]) == (403, "approval_by_program")
    assert approved.status_code == 200
    assert approved.json()["state"] == "live"
    assert approved.json()["deliveries"][0]["delivered_at"] is not None
    late = house.program(house.person_token(SECOND)).post(
        f"{path}/decline", json={"reason": "not_approved"}
    )
    assert (late.status_code, late.json()["code"]) == (409, "already_approved")
    assert late.json()["by"] == "Amina Muster"


def test_the_api_lists_the_reasons_and_takes_no_others(house: House, report: str) -> None:
    rules = house.service(VHS).get("/api/v1/catalogue").json()
    decline = [reason["code"] for reason in rules["decline_reasons"]]
    automatic = [reason["code"] for reason in rules["automatic_reasons"]]

    assert "not_approved_facts" in decline
    assert automatic == ["untouched", "not_approved_in_time", "infected"]
    path = f"/api/v1{report}/decline"
    for code in automatic:
        answer = house.program(house.person_token(SECOND)).post(path, json={"reason": code})
        assert (answer.status_code, answer.json()["code"]) == (422, "reason_unknown")


# -- The end of content ----------------------------------------------------------------------------


@pytest.fixture
def gone(house: House) -> UUID:
    """A paper that nobody took over long ago, and whose content is erased."""
    sent = house.sent(VHS, JOBCENTER)
    services = house.services
    with services.transaction() as session:
        delivery = lifecycle.deliveries_of(session, sent.document_id)[0]
        settling.return_untouched(
            session,
            factories.TESTS,
            delivery.id,
            catalogue=services.catalogue,
            now=services.clock(),
        )
    for days in (25, 33):
        then = services.clock() + timedelta(days=days)
        retention.run(replace(services, clock=partial(_same, then)))
    return sent.document_id


def _same(moment: datetime) -> datetime:
    return moment


def test_an_erased_paper_shows_its_record_and_its_content_is_gone(
    house: House, first: Visitor, gone: UUID
) -> None:
    page = first.get(f"/documents/{gone}")
    content = first.get(f"/documents/{gone}/content")
    answer = house.service(VHS).get(f"/api/v1/documents/{gone}")
    bytes_ = house.service(VHS).get(f"/api/v1/documents/{gone}/content")

    assert "Der Inhalt ist gelöscht" in page.text
    assert "Von niemandem übernommen; automatisch zurückgegeben" in page.text
    assert not re.search("Mustermann|Probefried", page.text)
    assert content.status_code == 410
    said = answer.json()
    assert (said["state"], said["family_name"], said["delete_on"]) == ("erased", "", None)
    assert said["deliveries"][0]["return_reason"] == "untouched"
    assert (bytes_.status_code, bytes_.json()["code"]) == (410, "content_erased")
    # To a stranger it is as unknown as ever.
    assert house.person(OFFICER).get(f"/documents/{gone}").status_code == 404
    assert house.person(OFFICER).get(f"/documents/{gone}/content").status_code == 404
    assert house.service(JOBCENTER).get(f"/api/v1/documents/{gone}").json()["state"] == "erased"


def test_each_paper_says_when_it_goes_and_why(first: Visitor) -> None:
    page = first.send(sending_fields(), the_file()).headers["location"]

    shown = first.get(page.removesuffix("/receipt"))

    assert "Wird gelöscht am" in shown.text
    assert "13.01.2028" in shown.text
    assert "nach dem Ende der Gültigkeit" in shown.text
    assert "13.01.2028" in first.get(page).text
