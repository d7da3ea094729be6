"""Malware that was found after the delivery: what each side sees, click by click and by program."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.scanners import Saying
from tests.web.house import OFFICE, VHS, House, Visitor, open_house, sending_fields

from kursdocs.core.ports import Verdict
from kursdocs.operations.rescanning import rescan

SENDER, OFFICER, AT_JOBCENTER = "amina.muster", "jonas.muster", "david.beispiel"
FOUND = "Gesperrt: Die Prüfung hat Schadsoftware gemeldet"


@pytest.fixture
def house(quick_folder: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    """A house of its own: what others sent there must not be blocked."""
    with open_house(quick_folder / request.node.name) as house:
        yield house


@pytest.fixture
def sender(house: House) -> Visitor:
    return house.person(SENDER)


def block(house: House) -> None:
    """Newer signatures find something in everything that is out."""
    scanner = Saying(Verdict.INFECTED)
    while not rescan(replace(house.services, scanner=scanner)).is_done:
        pass


@pytest.fixture
def blocked(house: House, sender: Visitor) -> str:
    """A paper at office, which has opened it, and Jobcenter, which has not; its path."""
    path = str(sender.send().headers["location"]).removesuffix("/receipt")
    assert house.person(OFFICER).get(f"{path}/content").status_code == 200
    block(house)
    return path


def test_a_recipient_who_has_a_copy_is_asked_to_delete_it(house: House, blocked: str) -> None:
    officer = house.person(OFFICER)

    page = officer.get(blocked).text

    assert FOUND in page
    assert "löschen Sie sie und melden Sie den Vorfall Ihrer IT-Stelle" in page
    assert blocked[-12:] in page.split("kd-code")[1]
    assert "Mustermann" not in page
    assert officer.get(f"{blocked}/content").status_code == 404
    assert officer.get(f"{blocked}/pages/1").status_code == 404


def test_one_who_never_opened_it_need_not_look_for_a_copy(house: House, blocked: str) -> None:
    page = house.person(AT_JOBCENTER).get(blocked).text

    assert FOUND in page
    assert "Ihre Stelle hat es nie geöffnet." in page
    assert "Mustermann" not in page


def test_the_inbox_names_a_copy_only_to_those_who_may_have_one(house: House, blocked: str) -> None:
    said = [house.person(name).get("/inbox").text for name in (OFFICER, AT_JOBCENTER)]
    with_copy, without = (page.split('class="kd-ended__one"')[1] for page in said)

    assert blocked[-12:] in with_copy.split("kd-code")[1].split("<")[0]
    assert "Sie müssen nichts löschen" in without
    assert "kd-code" not in without


def test_it_stands_above_the_inbox_until_somebody_takes_note(house: House, blocked: str) -> None:
    officer = house.person(OFFICER)
    inbox = officer.get("/inbox").text
    assert "Gesperrt, Schadsoftware gefunden:" in inbox
    assert "Es wartet kein Papier auf Ihre Stelle" in inbox

    action = inbox.split("/acknowledgement")[0].rsplit('"', 1)[1] + "/acknowledgement"
    assert officer.post(action).status_code == 303

    assert "Gesperrt, Schadsoftware gefunden:" not in officer.get("/inbox").text
    traces = officer.get("/inbox?state=withdrawn").text
    assert f'href="{blocked}"' in traces
    assert "Die Prüfung hat Schadsoftware gemeldet" in traces
    assert "zur Kenntnis genommen am" in traces


def test_its_sender_is_told_and_can_send_it_anew_but_not_the_same_file(
    house: House, sender: Visitor, blocked: str
) -> None:
    assert "Ein Papier Ihrer Stelle ist gesperrt" in sender.get("/inbox").text
    assert f'href="{blocked}"' in sender.get("/sent?state=blocked").text
    page = sender.get(blocked).text
    assert FOUND in page
    assert "erst nach der Zustellung erkannt" in page
    assert "Mustermann" in page
    assert sender.get(f"{blocked}/content").status_code == 404
    assert "erst nach der Zustellung erkannt" in sender.get(f"{blocked}/receipt").text
    assert sender.get(f"{blocked}/receipt.pdf").status_code == 200

    form = sender.get(f"{blocked}/resending").text

    assert 'value="Mustermann-Öztürk"' in form


def test_its_sender_is_told_whether_anybody_can_have_a_copy(house: House, sender: Visitor) -> None:
    read, unread = (
        str(sender.send(sending_fields(given_names=name)).headers["location"]).removesuffix(
            "/receipt"
        )
        for name in ("Probelea", "Probeleo")
    )
    assert house.person(OFFICER).get(f"{read}/content").status_code == 200
    block(house)

    for below in ("", "/receipt"):
        assert "ist gebeten, die Kopie zu löschen" in sender.get(f"{read}{below}").text
        page = sender.get(f"{unread}{below}").text
        assert "kein Empfänger hatte das Papier geöffnet" in page
        assert "Kopie zu löschen" not in page
    assert f'class="kern-link" href="{unread}/resending"' in sender.get(unread).text


def test_where_nothing_is_blocked_nobody_is_told_so(sender: Visitor) -> None:
    sender.send()

    assert "gesperrt:" not in sender.get("/inbox").text
    assert "/sent?state=blocked" not in sender.get("/sent").text
    assert "Nichts ist gesperrt" in sender.get("/sent?state=blocked").text


def test_programs_are_told_the_same(house: House, blocked: str) -> None:
    theirs, ours = house.service(OFFICE), house.service(VHS)
    document_id = blocked.rsplit("/", 1)[1]

    seen = theirs.get(f"/api/v1/documents/{document_id}").json()
    listed = theirs.get("/api/v1/inbox?state=withdrawn").json()["items"]
    sent = ours.get("/api/v1/sent?state=blocked").json()["items"]
    events = ours.get(f"/api/v1/documents/{document_id}/events").json()["items"]

    assert (seen["state"], seen["end_reason"], seen["family_name"]) == ("blocked", "infected", "")
    assert [one["document"]["id"] for one in listed] == [document_id]
    assert [(one["id"], one["state"]) for one in sent] == [(document_id, "blocked")]
    assert [one["event"] for one in events if one["recipient"] == OFFICE][-1] == "blocked"
    for client in (theirs, ours):
        assert client.get(f"/api/v1/documents/{document_id}/content").status_code == 404
