"""The list of what was sent: its filters in the address, its search by name, its states."""

import re
from uuid import UUID

import pytest
from tests.web.house import JOBCENTER, OFFICE, VHS, Answer, House, Visitor
from tests.web.lint import Outline


def listed(answer: Answer) -> list[UUID]:
    """The documents of the list, from top to bottom."""
    found = re.findall(r'href="/documents/([0-9a-f-]{36})"', answer.text)
    return [UUID(value) for value in found]


def at(visitor: Visitor, query: str) -> list[UUID]:
    return listed(visitor.get(f"/sent?{query}"))


def test_the_list_is_narrowed_by_recipient_and_kind(house: House) -> None:
    office, jobcenter = house.noted(VHS, OFFICE), house.noted(VHS, JOBCENTER)
    clerk = house.person("amina.muster")

    to_jobcenter = at(clerk, f"recipient={JOBCENTER}&kind=admission_ik_jc")

    assert to_jobcenter[0] == jobcenter.document_id
    assert office.document_id not in to_jobcenter
    assert at(clerk, "kind=obligation_ik_abh") == []


def test_the_states_are_what_recipients_made_of_it(house: House) -> None:
    papers, clerk = [house.noted(VHS, OFFICE) for _ in range(4)], house.person("amina.muster")
    open_, done, returned, withdrawn = papers
    recipient = house.person("jonas.muster")
    recipient.post(f"/deliveries/{done.delivery_id}/take-over")
    recipient.post(f"/deliveries/{returned.delivery_id}/return", {"reason": "illegible"})
    reason = {"reason": "wrong_recipient"}
    clerk.post(f"/documents/{withdrawn.document_id}/withdrawal", reason)
    ids = {paper.document_id for paper in papers}

    found = {
        state: ids & set(at(clerk, f"state={state}"))
        for state in ("open", "done", "returned", "withdrawn", "all")
    }

    assert found == {
        "open": {open_.document_id},
        "done": {done.document_id, returned.document_id},
        "returned": {returned.document_id},
        "withdrawn": {withdrawn.document_id},
        "all": ids,
    }


def test_a_name_is_found_and_stands_in_no_address(house: House) -> None:
    sent, clerk = house.noted(VHS, OFFICE), house.person("amina.muster")

    answer = clerk.post("/sent/search", {"list": "state=open", "name": "Mustermann"})
    nobody = clerk.post("/sent/search", {"list": "state=open", "name": "Xylophon"})

    assert listed(answer)[0] == sent.document_id
    assert "Niemand gefunden" in Outline(nobody.text).said()
    addresses = re.findall(r'(?:href|action|src)="([^"]*)"', answer.text)
    assert not [address for address in addresses if "Mustermann" in address]


def test_what_others_sent_is_not_found(house: House) -> None:
    house.noted(VHS, JOBCENTER)
    other = house.person("lin.probe")

    answer = other.post("/sent/search", {"list": "", "name": "Mustermann"})

    own = set(at(other, "state=all"))
    assert set(listed(answer)) <= own


@pytest.mark.parametrize("list_", ["state=gone", "x=1"])
def test_a_search_in_an_unknown_list_is_refused(house: House, list_: str) -> None:
    answer = house.person("amina.muster").post("/sent/search", {"list": list_, "name": "M"})

    assert answer.status_code == 400
