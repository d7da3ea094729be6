"""Correcting, sending again, taking note and handing on, click by click."""

import io
import re

import pikepdf
import pypdfium2
import pytest
from tests.web.house import JOBCENTER, OFFICE, VHS, House, Visitor, sending_fields, the_file

SENDER, OFFICER, AT_JOBCENTER = "amina.muster", "jonas.muster", "david.beispiel"
# As a browser sends an empty file field.
NO_FILE = [("file", ("", b"", "application/octet-stream"))]


@pytest.fixture
def sender(house: House) -> Visitor:
    return house.person(SENDER)


@pytest.fixture
def sent(sender: Visitor) -> str:
    """A paper at office and Jobcenter; the path of its page."""
    answer = sender.send()
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"]).removesuffix("/receipt")


def correct(sender: Visitor, sent: str, **changes: str | list[str]) -> str:
    fields = sending_fields(reason="false_date", expires_on="12.11.2027", **changes)
    answer = sender.post(f"{sent}/correction", fields, files=NO_FILE)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"]).removesuffix("/receipt")


def test_the_form_of_a_correction_is_filled_in(sender: Visitor, sent: str) -> None:
    form = sender.get(f"{sent}/correction").text

    assert 'value="Mustermann-Öztürk"' in form
    assert 'value="05.06.1987"' in form
    assert 'value="12.10.2027"' in form
    assert form.count("checked") >= 3
    assert "Falsches Datum" in form


def test_a_correction_keeps_the_file_and_names_what_it_replaces(
    house: House, sender: Visitor, sent: str
) -> None:
    before = sender.get(f"{sent}/content").content
    made = correct(sender, sent)

    assert sender.get(f"{made}/content").content == before
    assert f'href="{sent}"' in sender.get(made).text
    officer = house.person(OFFICER)
    new, old = officer.get(made).text, officer.get(sent).text
    assert "Dieses Papier ersetzt ein früheres" in new
    assert f'href="{sent}"' in new
    assert f'href="{made}"' in old
    assert "Falsches Datum" in old
    assert "Mustermann-Öztürk" not in old
    assert officer.get(f"{sent}/content").status_code == 404


def test_a_mistake_brings_the_form_back_with_what_was_typed(sender: Visitor, sent: str) -> None:
    fields = sending_fields(reason="", family_name="Neuer Probename", birth_date="31.02.1990")
    answer = sender.post(f"{sent}/correction", fields, files=NO_FILE)

    assert answer.status_code == 422
    assert 'value="Neuer Probename"' in answer.text
    assert 'href="#reason"' in answer.text
    assert 'href="#birth_date"' in answer.text


def test_the_same_correction_sent_twice_is_stored_once(sender: Visitor, sent: str) -> None:
    first = correct(sender, sent, idempotency_key=f"key-{sent[-12:]}")
    second = correct(sender, sent, idempotency_key=f"key-{sent[-12:]}")

    assert first == second


def test_a_second_correction_says_that_it_is_too_late(sender: Visitor, sent: str) -> None:
    correct(sender, sent)

    for answer in (
        sender.get(f"{sent}/correction"),
        sender.post(f"{sent}/correction", sending_fields(reason="false_date"), files=NO_FILE),
    ):
        assert answer.status_code == 409
        assert "Berichtigen lässt sich nur" in answer.text
        assert 'id="history"' in answer.text


def test_a_second_withdrawal_shows_the_document_with_who_and_when(
    sender: Visitor, sent: str
) -> None:
    sender.post(f"{sent}/withdrawal", {"reason": "wrong_person"})
    again = sender.post(f"{sent}/withdrawal", {"reason": "wrong_person"})

    assert again.status_code == 409
    assert "schon zurückgezogen" in again.text
    assert "Amina Muster" in again.text


def test_who_has_a_withdrawn_paper_takes_note_and_the_sender_sees_it(
    house: House, sender: Visitor, sent: str
) -> None:
    sender.post(f"{sent}/withdrawal", {"reason": "wrong_person"})
    officer = house.person(OFFICER)
    page = officer.get(sent).text
    action = re.search(r'action="(/deliveries/[^"]+/acknowledgement)"', page)
    assert action is not None
    assert "nie geöffnet" in page

    done = officer.post(action[1])
    again = officer.post(action[1])

    assert done.headers["location"] == f"{sent}?done=acknowledged"
    assert again.status_code == 409
    assert "Jonas Muster" in again.text
    track = sender.get(sent).text
    assert track.count("Kenntnisnahme steht aus") == 1
    assert "Zur Kenntnis genommen" in track
    assert "Jonas Muster" not in track


def test_what_came_back_is_sent_again_to_whom_it_came_back_from(
    house: House, sender: Visitor, sent: str
) -> None:
    officer = house.person(OFFICER)
    action = re.search(r'action="(/deliveries/[^"]+/return)"', officer.get(sent).text)
    assert action is not None
    officer.post(action[1], {"reason": "illegible"})
    assert f'href="{sent}/resending"' in sender.get(sent).text

    form = sender.get(f"{sent}/resending").text
    fields = sending_fields(recipient=[OFFICE])
    answer = sender.post(f"{sent}/resending", fields, files=the_file())

    assert re.search(rf'value="{OFFICE}" checked', form)
    assert not re.search(rf'value="{JOBCENTER}" checked', form)
    assert answer.status_code == 303
    assert "Dieses Papier wurde zurückgezogen" not in sender.get(sent).text


@pytest.mark.parametrize("way", ["correction", "resending", "receipt", "receipt.pdf"])
def test_a_recipient_finds_none_of_the_sender_s_ways(house: House, sent: str, way: str) -> None:
    found = house.person(OFFICER).get(f"{sent}/{way}")
    unknown = house.person(OFFICER).get(f"/documents/{'0' * 32}/{way}")

    assert found.status_code == 404
    assert found.status_code == unknown.status_code


def admission(house: House, name: str = "Mustermann-Öztürk") -> tuple[str, str]:
    """An admission of the Jobcenter at the provider: the path of its page and of its delivery."""
    fields = sending_fields(recipient=[VHS], family_name=name)
    answer = house.person(AT_JOBCENTER).send(fields)
    page = str(answer.headers["location"]).removesuffix("/receipt")
    found = re.search(r'href="(/deliveries/[^"]+)/forward"', house.person(SENDER).get(page).text)
    assert found is not None
    return page, found[1]


def test_a_provider_hands_an_admission_on_and_everybody_sees_their_part(house: House) -> None:
    page, delivery = admission(house)
    provider, officer = house.person(SENDER), house.person(OFFICER)
    typed = {
        "recipient": OFFICE,
        "release_given_on": "20.11.2026",
        "release_form": "in_writing",
    }

    form = provider.get(f"{delivery}/forward").text
    without = provider.post(f"{delivery}/forward", {"recipient": OFFICE})
    done = provider.post(f"{delivery}/forward", typed)
    twice = provider.post(f"{delivery}/forward", typed)

    assert "Ausländerbehörde" in form
    assert JOBCENTER not in form
    assert (without.status_code, done.status_code, twice.status_code) == (422, 303, 422)
    assert "schon weitergegeben" in twice.text
    assert "Weitergegeben durch" in officer.get(page).text
    assert "weitergegeben durch" in house.person(AT_JOBCENTER).get(page).text


def test_an_office_is_offered_no_way_on(house: House, sent: str) -> None:
    assert "/forward" not in house.person(OFFICER).get(sent).text


def test_the_receipt_as_pdf_holds_the_proof_and_its_name_no_person(
    sender: Visitor, sent: str
) -> None:
    answer = sender.get(f"{sent}/receipt.pdf")
    text = pypdfium2.PdfDocument(answer.content)[0].get_textpage().get_text_range()

    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"].startswith('attachment; filename="quittung-')
    assert "Mustermann" not in answer.headers["content-disposition"]
    for said in ("Mustermann-Öztürk", "05.06.1987", "Amina Muster", sent.rpartition("/")[2]):
        assert said in text
    assert re.search(r"\(ME(S)?Z\)", text)
    with pikepdf.open(io.BytesIO(answer.content)) as pdf:
        assert "Mustermann" not in str(pdf.docinfo)
