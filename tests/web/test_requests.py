"""Requests over a real line: what both sides see, what is refused and how, pages and API."""

import re
from collections.abc import Mapping
from datetime import timedelta
from secrets import token_hex
from typing import Any
from uuid import UUID

import pytest
from tests.web.house import (
    JOBCENTER,
    OFFICE,
    SPRACHWERK,
    UNKNOWN,
    VHS,
    Answer,
    House,
    Visitor,
    request_form,
    requested,
    the_file,
)

from kursdocs.core.requests import asking
from kursdocs.core.requests.asking import RequestForm
from kursdocs.core.workdays import local_date
from kursdocs.operations import requesting

PROVIDER, OFFICER, AT_JOBCENTER, ELSEWHERE = (
    "amina.muster",
    "jonas.muster",
    "david.beispiel",
    "lin.probe",
)
CERTIFICATE, REGISTRATION = "attendance_certificate_ik", "registration_confirmation_ik"
# As a browser sends an empty file field.
NO_FILE = [("file", ("", b"", "application/octet-stream"))]


@pytest.fixture
def provider(house: House) -> Visitor:
    return house.person(PROVIDER)


@pytest.fixture
def jobcenter(house: House) -> Visitor:
    return house.person(AT_JOBCENTER)


def day(house: House, distance: int) -> str:
    """The day so many days from today, as a program says it."""
    return (local_date(house.clock()) + timedelta(days=distance)).isoformat()


def certificate(house: House, **changes: str) -> dict[str, str]:
    """A request in two steps for somebody new, without mistakes."""
    form = request_form(JOBCENTER, VHS)
    return {**form, "kind": CERTIFICATE, "person_asked_on": day(house, -14), **changes}


def made(visitor: Visitor, form: Mapping[str, str]) -> str:
    """Ask by the page; the path of the request."""
    answer = visitor.post("/requests", form)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"]).partition("?")[0]


def paper_of(house: House, form: Mapping[str, str]) -> dict[str, Any]:
    """The fields of the certificate that was asked for."""
    person = {name: form[name] for name in ("family_name", "given_names", "birth_date")}
    return {
        "kind": CERTIFICATE,
        "recipient": JOBCENTER,
        **person,
        "issued_on": day(house, -1),
        "period_from": day(house, -100),
        "period_to": day(house, -10),
        "proper_participation": "yes",
    }


def counter(visitor: Visitor) -> str:
    """What stands beside the navigation's entry."""
    page = visitor.get("/help").text
    entry = re.search(r'href="/requests"[^>]*>(.*?)</a>', page, re.DOTALL)
    assert entry is not None
    return " ".join(re.sub(r"<[^>]*>", " ", entry[1]).split())


def number(visitor: Visitor) -> int:
    """How many are open, or overdue, as the navigation says."""
    found = re.search(r"\d+", counter(visitor))
    return int(found[0]) if found else 0


# ── Asking by the page ───────────────────────────────────────────────────────────────────────


def test_a_mistake_brings_the_form_back_with_what_was_typed(
    house: House, jobcenter: Visitor
) -> None:
    typed = certificate(
        house,
        birth_date="31.02.1990",
        given_names="",
        due_on="12.03.2019",
        period_from="01.09.2026",
        person_asked_on="13.10.2026",
        family_name='Probe "von" Öztürk',
    )

    answer = jobcenter.post("/requests", typed)

    assert answer.status_code == 422
    for name in ("given_names", "birth_date", "due_on"):
        assert f'href="#{name}"' in answer.text
    kept = ("31.02.1990", "12.03.2019", "01.09.2026", "13.10.2026", "Probe &#34;von&#34; Öztürk")
    for value in kept:
        assert f'value="{value}"' in answer.text
    assert re.search(rf'value="{VHS}"[^>]*checked', answer.text)


def test_nothing_at_all_is_told_at_every_field(jobcenter: Visitor) -> None:
    answer = jobcenter.post("/requests", {"kind": CERTIFICATE})

    assert answer.status_code == 422
    for name in ("provider", "family_name", "given_names", "birth_date", "person_asked_on"):
        assert f'href="#{name}"' in answer.text


@pytest.mark.parametrize(
    "kind", ["", "nonsense", "obligation_revoked_ik", "nonattendance_report_ik"]
)
def test_a_kind_that_cannot_be_asked_for_is_refused(jobcenter: Visitor, kind: str) -> None:
    answer = jobcenter.post("/requests", {**request_form(VHS, JOBCENTER), "kind": kind})

    assert answer.status_code == 422
    assert jobcenter.get("/requests/new", params={"kind": kind or "x"}).status_code == 404


def test_the_form_says_that_the_person_is_asked_first_and_how_long_they_have(
    house: House, jobcenter: Visitor
) -> None:
    page = jobcenter.get(f"/requests/new?kind={CERTIFICATE}").text
    lately = jobcenter.post("/requests", certificate(house, person_asked_on=day(house, -6)))
    never = jobcenter.post("/requests", certificate(house, person_asked_on=""))

    assert "Zuerst die Person fragen" in page
    assert "mindestens 7 Tage her" in page
    first = local_date(house.clock()) + timedelta(days=1)
    assert (lately.status_code, never.status_code) == (422, 422)
    assert f"frühestens am {first:%d.%m.%Y}" in lately.text
    assert 'href="#person_asked_on"' in never.text
    made(jobcenter, certificate(house, person_asked_on=day(house, -7)))


def test_where_no_law_knows_two_steps_it_says_that_asking_is_no_permission(
    jobcenter: Visitor,
) -> None:
    page = jobcenter.get(f"/requests/new?kind={REGISTRATION}").text

    assert "Eine Anforderung ist keine Erlaubnis" in page
    assert "person_asked_on" not in page


def test_the_same_once_more_is_refused_with_a_link_to_the_open_one(
    house: House, jobcenter: Visitor
) -> None:
    form = certificate(house)
    path = made(jobcenter, form)

    again = jobcenter.post("/requests", {**form, "family_name": form["family_name"].upper()})

    assert again.status_code == 409
    assert f'href="{path}"' in again.text
    assert "Es ist nichts angefordert worden" in again.text
    assert f'value="{form["birth_date"]}"' in again.text
    jobcenter.post(f"{path}/cancel")
    assert made(jobcenter, form) != path


def test_a_form_for_another_agency_of_the_same_person_asks_for_nothing(
    house: House, jobcenter: Visitor
) -> None:
    form = certificate(house, acting_agency=OFFICE)

    answer = jobcenter.post("/requests", form)

    assert (answer.status_code, "Es wurde nichts angefordert" in answer.text) == (409, True)
    assert f'value="{form["family_name"]}"' in answer.text
    assert form["family_name"] not in jobcenter.get("/requests?side=made").text


# ── Both sides ───────────────────────────────────────────────────────────────────────────────


def test_both_sides_see_it_and_nobody_else(
    house: House, provider: Visitor, jobcenter: Visitor
) -> None:
    before = number(provider)
    # Due before all others: the first page of the list must show it.
    form = certificate(house, due_on=day(house, 1))
    path = made(jobcenter, form)

    assert "Neu" in jobcenter.get(path).text
    assert number(provider) == before + 1
    assert form["family_name"] in provider.get("/requests").text
    received = provider.get(path).text
    assert f"/documents/new?kind={CERTIFICATE}&amp;request=" in received
    assert f'action="{path}/cancel"' not in received
    assert "David Beispiel" not in received
    waiting = jobcenter.get(path).text
    assert "Angesehen" in waiting
    assert "David Beispiel" in waiting
    assert f'action="{path}/decline"' not in waiting
    for stranger in (house.person(ELSEWHERE), house.person(OFFICER)):
        foreign, unknown = stranger.get(path), stranger.get(f"/requests/{UNKNOWN}")
        assert (foreign.status_code, unknown.status_code) == (404, 404)
        assert told(foreign, path) == told(unknown, f"/requests/{UNKNOWN}")
        assert form["family_name"] not in stranger.get("/requests").text


def told(answer: Answer, path: str) -> str:
    """The page's content, without what each answer has of its own."""
    main = re.search(r"<main.*</main>", answer.text, re.DOTALL)
    assert main is not None
    number = answer.headers["x-request-id"]
    return main[0].replace(path, "").replace(number, "")


def test_the_form_that_answers_is_filled_in_and_says_what_the_request_means(
    house: House, provider: Visitor, jobcenter: Visitor
) -> None:
    form = certificate(house, period_from="01.09.2026")
    path = made(jobcenter, form)
    ask = f"/documents/new?kind={CERTIFICATE}&request={path.rpartition('/')[2]}"

    page = provider.get(ask).text

    assert f'value="{form["family_name"]}"' in page
    assert 'value="02.01.1990"' in page
    assert 'value="01.09.2026"' in page
    assert re.search(rf'value="{JOBCENTER}"[^>]*checked', page)
    assert "auch ohne Freigabe" in page
    assert house.person(ELSEWHERE).get(ask).status_code == 404
    jobcenter.post(f"{path}/cancel")
    assert provider.get(ask).headers["location"] == path


def test_the_page_sends_it_without_a_release_and_it_is_closed_on_both_sides(
    house: House, provider: Visitor, jobcenter: Visitor
) -> None:
    form = certificate(house)
    path = made(jobcenter, form)
    before = number(provider)

    sent = provider.send({**paper_of(house, form), "request": path.rpartition("/")[2]})

    assert sent.status_code == 303, sent.text
    assert number(provider) == before - 1
    document = str(sent.headers["location"]).removesuffix("/receipt")
    for visitor in (provider, jobcenter):
        page = visitor.get(path).text
        assert "Papier ist da" in page
        assert f'href="{document}"' in page
        assert f"{path}/" not in page
    assert form["family_name"] in jobcenter.get("/requests?side=made&state=ended").text


def test_when_it_has_ended_meanwhile_nothing_typed_for_the_paper_is_lost(
    house: House, provider: Visitor, jobcenter: Visitor
) -> None:
    form = certificate(house)
    path = made(jobcenter, form)
    jobcenter.post(f"{path}/cancel")

    answer = provider.send({**paper_of(house, form), "request": path.rpartition("/")[2]})

    assert answer.status_code == 422
    assert "nicht mehr offen" in answer.text
    assert f'value="{form["family_name"]}"' in answer.text
    # The form is not tied to it any more: with a release it goes out.
    assert 'name="request"' not in answer.text


def test_a_decline_needs_a_reason_and_the_office_reads_it(
    house: House, provider: Visitor, jobcenter: Visitor
) -> None:
    path = made(jobcenter, certificate(house))

    for reason in ({}, {"reason": ""}, {"reason": "keine Lust"}):
        refused = provider.post(f"{path}/decline", reason)
        assert (refused.status_code, 'href="#reason"' in refused.text) == (422, True)
        assert re.search(r"<details[^>]* open>", refused.text)
    done = provider.post(f"{path}/decline", {"reason": "person_unknown"})
    page = jobcenter.get(path).text

    assert done.headers["location"] == f"{path}?done=declined"
    assert "Abgelehnt. Die anfordernde Stelle" in provider.get(f"{path}?done=declined").text
    assert "Die Person ist bei uns nicht bekannt" in page
    assert "Sie warten auf dieses Papier" not in page
    assert (
        "Die Person ist bei uns nicht bekannt"
        in jobcenter.get("/requests?side=made&state=ended").text
    )


def test_what_has_ended_is_shown_as_it_ended_to_whoever_comes_too_late(
    house: House, provider: Visitor, jobcenter: Visitor
) -> None:
    path = made(jobcenter, certificate(house))
    jobcenter.post(f"{path}/cancel")

    for late in (
        provider.post(f"{path}/decline", {"reason": "person_unknown"}),
        jobcenter.post(f"{path}/cancel"),
    ):
        assert late.status_code == 409
        assert "nicht mehr offen" in late.text
        assert "Zurückgenommen" in late.text


def test_a_link_cannot_say_that_something_was_done(house: House, jobcenter: Visitor) -> None:
    path = made(jobcenter, certificate(house))

    assert "Angefordert. Die Stelle sieht" in jobcenter.get(f"{path}?done=made").text
    for done in ("declined", "cancelled", "nonsense"):
        page = jobcenter.get(f"{path}?done={done}")
        assert page.status_code == 200
        assert "Abgelehnt" not in page.text
        assert "Zurückgenommen" not in page.text


# ── Late, over, forgotten ────────────────────────────────────────────────────────────────────


def asked_before(house: House, days: int) -> tuple[UUID, RequestForm]:
    """What the Jobcenter asked of VHS Musterstadt so many days ago."""
    values: dict[str, Any] = {**request_form(JOBCENTER, VHS)}
    form, now = RequestForm(**values), house.clock() - timedelta(days=days)
    actor = house.actor(JOBCENTER)
    with house.services.transaction() as session:
        return asking.ask(session, actor, house.services.catalogue, form, now=now), form


def test_overdue_is_said_on_both_sides_and_counted_for_whoever_waits(
    house: House, provider: Visitor, jobcenter: Visitor
) -> None:
    before, entry = number(jobcenter), "überfällig"
    _, form = asked_before(house, 40)

    assert number(jobcenter) == before + 1
    assert entry in counter(jobcenter)
    for visitor, side in ((provider, "received"), (jobcenter, "made")):
        for state in ("open", "overdue"):
            page = visitor.get(f"/requests?side={side}&state={state}").text
            assert form.family_name in page
            assert re.search(r"seit \d+ Tagen überfällig", page)
        assert form.family_name not in visitor.get(f"/requests?side={side}&state=ended").text


def test_the_forgotten_name_nobody_and_can_still_be_looked_at(
    house: House, provider: Visitor, jobcenter: Visitor
) -> None:
    request_id, form = asked_before(house, 45)
    actor, ended = house.actor(JOBCENTER), house.clock() - timedelta(days=40)
    with house.services.transaction() as session:
        asking.cancel(session, actor, request_id, now=ended)
    assert form.family_name in jobcenter.get(f"/requests/{request_id}").text

    requesting.tidy(house.services)

    for visitor, side in ((provider, "received"), (jobcenter, "made")):
        page = visitor.get(f"/requests/{request_id}").text
        assert form.family_name not in page
        assert "Die Person wird nicht mehr genannt" in page
        assert "Angaben zur Person gelöscht" in page
        listed = visitor.get(f"/requests?side={side}&state=ended").text
        assert form.family_name not in listed
        assert f"/requests/{request_id}" in listed
    told = house.service(JOBCENTER).get(f"/api/v1/requests/{request_id}").json()
    assert (told["family_name"], told["birth_date"], told["fields"]) == ("", None, {})
    assert told["forgotten_at"]


# ── API ──────────────────────────────────────────────────────────────────────────────────────


def call(house: House, slug: str, path: str, body: object) -> Answer:
    return house.service(slug).post(f"/api/v1/{path}", json=body)


def create(house: House, **changes: str) -> dict[str, Any]:
    """The Jobcenter's program asks VHS Musterstadt; what it is told."""
    answer = call(house, JOBCENTER, "requests", certificate(house, **changes))
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def deliver(house: House, form: Mapping[str, str], key: str = "", **changes: str) -> Answer:
    """The provider's program sends the certificate."""
    headers = {"Idempotency-Key": key} if key else {}
    return house.service(VHS).post(
        "/api/v1/documents",
        data={**paper_of(house, form), **changes},
        files=the_file(),
        headers=headers,
    )


def test_a_program_asks_and_is_told_what_it_asked_for(house: House) -> None:
    form = certificate(house, due_on=day(house, 20))
    body = {**form, "fields": {"period_from": "2026-06-01"}}

    made = call(house, JOBCENTER, "requests", body).json()

    assert {name: made[name] for name in form} == form
    assert (made["state"], made["side"], made["requester"]) == ("open", "made", JOBCENTER)
    assert made["fields"] == {"period_from": "2026-06-01"}
    assert made["opened_at"] is None
    path = f"/api/v1/requests/{made['id']}"
    theirs = house.service(VHS).get(path).json()
    assert theirs["side"] == "received"
    assert house.service(JOBCENTER).get(path).json()["opened_at"]


def test_every_mistake_is_told_at_its_field(house: House) -> None:
    body = {
        **certificate(house, birth_date="1990-02-31", provider="nonsense", person_asked_on=""),
        "fields": {"course_no": "12"},
    }

    answer = call(house, JOBCENTER, "requests", body)

    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "form_invalid"
    assert {one["field"] for one in problem["errors"]} == {
        "provider",
        "birth_date",
        "person_asked_on",
        "course_no",
    }
    assert all(one["detail"] for one in problem["errors"])


def test_a_repeated_request_is_a_conflict(house: House) -> None:
    form = certificate(house)

    codes = [call(house, JOBCENTER, "requests", form) for _ in range(2)]

    assert [answer.status_code for answer in codes] == [201, 409]
    assert codes[1].json()["code"] == "request_repeated"


def paged(house: House, slug: str, *, limit: int) -> list[dict[str, Any]]:
    """All requests that the agency's program sees, page by page."""
    found, after = list[dict[str, Any]](), ""
    while True:
        params = {"limit": str(limit), **({"after": after} if after else {})}
        page = house.service(slug).get("/api/v1/requests", params=params).json()
        assert len(page["items"]) <= limit
        found += page["items"]
        after = page["next"]
        if not after:
            return found


def test_a_program_lists_page_by_page_what_its_agency_must_answer(house: House) -> None:
    ids = {create(house)["id"] for _ in range(3)}

    received = paged(house, VHS, limit=2)

    found = [item["id"] for item in received]
    assert len(found) == len(set(found))
    assert ids <= set(found)
    assert {item["side"] for item in received} == {"received"}
    assert ids <= {item["id"] for item in paged(house, JOBCENTER, limit=100)}
    for slug in (OFFICE, SPRACHWERK):
        for side in ("made", "received"):
            theirs = house.service(slug).get(f"/api/v1/requests?side={side}&limit=100").json()
            assert ids.isdisjoint(item["id"] for item in theirs["items"])


@pytest.mark.parametrize(
    "query", ["side=both", "state=new", "limit=0", "limit=101", "after=x", "until=1"]
)
def test_a_list_that_cannot_be_is_refused(house: House, query: str) -> None:
    assert house.service(VHS).get(f"/api/v1/requests?{query}").status_code in (400, 422)


def test_a_list_does_not_go_on_after_a_foreign_request(house: House) -> None:
    foreign = requested(house, OFFICE, SPRACHWERK)

    answers = [
        house.service(JOBCENTER).get(f"/api/v1/requests?after={one}") for one in (foreign, UNKNOWN)
    ]

    assert [(each.status_code, each.json()["code"]) for each in answers] == [(404, "not_found")] * 2


def test_declined_it_says_why_and_only_who_was_asked_can(house: House) -> None:
    one = create(house)
    path, reason = f"requests/{one['id']}/decline", {"reason": "no_such_paper"}

    for slug in (JOBCENTER, OFFICE):
        assert call(house, slug, path, reason).status_code == 404
    wrong = call(house, VHS, path, {"reason": "nonsense"})
    declined = call(house, VHS, path, reason).json()

    assert (wrong.status_code, wrong.json()["code"]) == (422, "reason_unknown")
    assert (declined["state"], declined["end_reason"]) == ("declined", "no_such_paper")
    assert declined["forget_on"]
    again = call(house, VHS, path, reason)
    assert (again.status_code, again.json()["code"]) == (409, "request_over")


def test_only_who_asked_takes_it_back(house: House) -> None:
    one = create(house)
    path = f"requests/{one['id']}/cancel"

    for slug in (VHS, SPRACHWERK):
        assert call(house, slug, path, {}).status_code == 404
    cancelled = call(house, JOBCENTER, path, {})

    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert call(house, JOBCENTER, path, {}).json()["code"] == "request_over"


# ── The paper that answers ───────────────────────────────────────────────────────────────────


def test_a_document_says_which_requests_it_answers(house: House) -> None:
    form = certificate(house)
    asked = call(house, JOBCENTER, "requests", form).json()

    sent = deliver(house, form, request=asked["id"])

    assert sent.status_code == 201, sent.text
    assert sent.json()["answers"] == [asked["id"]]
    path = f"/api/v1/documents/{sent.json()['id']}"
    for slug in (VHS, JOBCENTER):
        assert house.service(slug).get(path).json()["answers"] == [asked["id"]]
    told = house.service(JOBCENTER).get(f"/api/v1/requests/{asked['id']}").json()
    assert (told["state"], told["document_id"]) == ("answered", sent.json()["id"])


def test_sent_twice_with_the_same_key_it_is_one_document_though_nothing_is_open_any_more(
    house: House,
) -> None:
    form, key = certificate(house), f"key-{token_hex(8)}"
    asked = call(house, JOBCENTER, "requests", form).json()

    answers = [deliver(house, form, key, request=asked["id"]) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert answers[1].json()["answers"] == [asked["id"]]
    # Without the key it is another paper, for which nobody asked.
    other = deliver(house, form, request=asked["id"])
    assert (other.status_code, other.json()["code"]) == (422, "request_over")


@pytest.mark.parametrize(
    ("named", "field"),
    [("x", "request"), (str(UNKNOWN), "request"), ("", "released")],
)
def test_without_a_request_the_certificate_needs_a_release(
    house: House, named: str, field: str
) -> None:
    answer = deliver(house, certificate(house), request=named)

    assert answer.status_code == 422
    assert field in [one["field"] for one in answer.json()["errors"]]


def test_a_foreign_request_is_unknown(house: House) -> None:
    foreign = requested(house, JOBCENTER, SPRACHWERK)

    answer = deliver(house, certificate(house), request=str(foreign))

    assert (answer.status_code, answer.json()["code"]) == (422, "request_unknown")


def test_correcting_the_requested_paper_keeps_the_request_closed(
    house: House, provider: Visitor, jobcenter: Visitor
) -> None:
    form = certificate(house)
    path = made(jobcenter, form)
    sent = provider.send({**paper_of(house, form), "request": path.rpartition("/")[2]})
    first = str(sent.headers["location"]).removesuffix("/receipt")

    fields = {**paper_of(house, form), "reason": "false_date", "period_to": day(house, -12)}
    corrected = provider.post(f"{first}/correction", fields, files=NO_FILE)

    assert corrected.status_code == 303, corrected.text
    second = str(corrected.headers["location"]).removesuffix("/receipt")
    for visitor in (provider, jobcenter):
        page = visitor.get(path).text
        assert "Papier ist da" in page
        assert f'href="{second}"' in page
        assert "Wieder offen" not in page


def test_withdrawn_it_is_open_again_for_both(
    house: House, provider: Visitor, jobcenter: Visitor
) -> None:
    form = certificate(house)
    path = made(jobcenter, form)
    sent = provider.send({**paper_of(house, form), "request": path.rpartition("/")[2]})
    document, before = str(sent.headers["location"]).removesuffix("/receipt"), number(provider)

    provider.post(f"{document}/withdrawal", {"reason": "wrong_document"})

    assert number(provider) == before + 1
    for visitor in (provider, jobcenter):
        page = visitor.get(path).text
        assert "Wieder offen" in page
        assert "Das gesendete Papier wurde zurückgezogen." in page
        assert f'href="{document}"' not in page
