"""The links of mails: through the sign-in to exactly that list, for exactly that agency."""

import re

import pytest
from tests.web.house import OFFICE, SPRACHWERK, VHS, House


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("waiting", "/inbox?state=new"),
        ("returned", "/sent?state=returned"),
        ("leaving", "/documents/leaving"),
        ("requests", "/requests?side=received&state=open"),
        ("approvals", "/sent?state=waiting"),
    ],
)
def test_a_link_leads_to_its_list(name: str, path: str, house: House) -> None:
    visitor = house.person("jonas.muster")

    answer = visitor.get(f"/lists/{OFFICE}/{name}")

    assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert visitor.get(path).status_code == 200


def test_a_coordinators_link_leads_to_the_agencies_of_that_town(house: House) -> None:
    answer = house.person("ines.muster").get(f"/lists/{OFFICE}/agencies")

    assert (answer.status_code, answer.headers["location"]) == (303, "/agencies")


@pytest.mark.parametrize("path", [f"/lists/{OFFICE}/waiting", "/lists/nirgends/agencies"])
def test_a_coordinator_comes_to_no_list_of_an_agency_and_to_no_unknown_town(
    path: str, house: House
) -> None:
    assert house.person("ines.muster").get(path).status_code == 404


def test_whoever_is_not_signed_in_comes_to_the_list_afterwards(house: House) -> None:
    visitor = house.visitor()
    away = visitor.get(f"/lists/{OFFICE}/waiting").headers["location"]

    assert away == f"/sign-in?next=%2Flists%2F{OFFICE}%2Fwaiting"
    start = re.search(r'href="(/sign-in/start[^"]*)"', visitor.get(away).text)
    assert start is not None
    callback = visitor.to_callback("jonas.muster", start.group(1))
    assert visitor.get(callback).headers["location"] == f"/lists/{OFFICE}/waiting"


def test_whoever_acts_for_another_agency_is_asked_to_switch(house: House) -> None:
    visitor = house.newly("mira.beispiel")
    paths = {slug: f"/lists/{slug}/waiting" for slug in (VHS, SPRACHWERK)}
    (other,) = [slug for slug, path in paths.items() if visitor.get(path).status_code == 200]

    page = visitor.get(paths[other])
    membership = re.search(r'name="membership" value="([^"]+)">\s*<input', page.text)
    assert membership is not None
    answer = visitor.post(
        "/acting-agency", {"membership": membership.group(1), "return_to": paths[other]}
    )

    assert answer.headers["location"] == paths[other]
    assert visitor.get(paths[other]).headers["location"] == "/inbox?state=new"


@pytest.mark.parametrize("path", [f"/lists/{VHS}/waiting", "/lists/nirgends/waiting"])
def test_the_list_of_a_foreign_agency_is_as_unknown_as_one_of_none(path: str, house: House) -> None:
    assert house.person("jonas.muster").get(path).status_code == 404


@pytest.mark.parametrize("name", ["alles", "agencies", "%2e%2e"])
def test_an_unknown_list_is_not_found(name: str, house: House) -> None:
    assert house.person("jonas.muster").get(f"/lists/{OFFICE}/{name}").status_code == 404


def test_switching_leads_only_to_pages_of_our_own(house: House) -> None:
    visitor = house.newly("mira.beispiel")
    page = visitor.get("/inbox")
    membership = re.search(r'name="membership" value="([^"]+)"', page.text)
    assert membership is not None

    answer = visitor.post(
        "/acting-agency",
        {"membership": membership.group(1), "return_to": "https://boese.example/"},
    )

    assert answer.headers["location"] == "/"
