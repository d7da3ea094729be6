"""Correcting, sending again, taking note and handing on, click by click."""

import io
import re
from uuid import UUID

import pikepdf
import pypdfium2
import pytest
from tests.web.house import JOBCENTER, OFFICE, VHS, House, Visitor, sending_fields, the_file
from tests.web.lint import Outline

from kursdocs.core.documents.tables import Document, DocumentState

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


# What the forms of a correction and of sending anew answer the sender, by the state of the paper.
OF_STATE = {
    DocumentState.LIVE: (200, 409),
    DocumentState.HELD: (409, 409),
    DocumentState.WITHDRAWN: (409, 200),
    DocumentState.BLOCKED: (409, 200),
    DocumentState.ERASED: (409, 409),
    DocumentState.PENDING: (404, 404),
    DocumentState.ABANDONED: (404, 404),
}


def put_into(house: House, document_id: UUID, state: DocumentState) -> None:
    """As if it had come there; what erasing leaves is what matters to forms."""
    with house.services.transaction() as session:
        document = session.get_one(Document, document_id)
        document.state = state
        if state is DocumentState.WITHDRAWN:
            document.end_reason, document.withdrawn_at = "wrong_person", house.clock()
        if state is DocumentState.ERASED:
            document.family_name = document.given_names = ""
            document.birth_date, document.fields = None, {}
            document.erased_at = house.clock()
        session.add(document)


@pytest.mark.parametrize("state", DocumentState)
def test_every_state_answers_who_asks_for_the_form(house: House, state: DocumentState) -> None:
    paper = house.noted(VHS, OFFICE).document_id
    put_into(house, paper, state)
    sender, officer, other = (house.person(who) for who in (SENDER, OFFICER, AT_JOBCENTER))

    for form, status in zip(("correction", "resending"), OF_STATE[state], strict=True):
        answer = sender.get(f"/documents/{paper}/{form}")
        assert answer.status_code == status, form
        assert ('name="family_name"' in answer.text) == (status == 200)
        assert ('id="history"' in answer.text) == (status == 409)
        for stranger in (officer, other):
            assert stranger.get(f"/documents/{paper}/{form}").status_code == 404


def test_the_form_of_a_kind_that_is_no_longer_in_the_catalogue_is_refused(house: House) -> None:
    paper = house.noted(VHS, OFFICE).document_id
    with house.services.transaction() as session:
        session.get_one(Document, paper).kind = "gone"

    assert house.person(SENDER).get(f"/documents/{paper}/correction").status_code == 409


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


def test_the_preview_offers_to_hand_on_what_may_go_on(house: House, sent: str) -> None:
    _, delivery = admission(house)
    forward = f'href="{delivery}/forward"'
    provider, officer = house.person(SENDER), house.person(OFFICER)
    theirs = re.search(r"/deliveries/([^/]+)/take-over", officer.get(sent).text)
    assert theirs is not None

    assert forward in provider.get(f"/inbox?show={delivery.rpartition('/')[2]}").text
    assert forward in provider.get(f"{delivery}/preview").text
    assert "/forward" not in officer.get(f"/inbox?show={theirs[1]}").text
    provider.post(f"{delivery}/return", {"reason": "illegible"})
    assert "/forward" not in provider.get(f"{delivery}/preview").text


def test_the_page_says_what_was_done_only_when_it_was(house: House) -> None:
    page, delivery = admission(house)
    provider, colleague, sender = (
        house.person(who) for who in (SENDER, "vera.probe", AT_JOBCENTER)
    )

    def said(visitor: Visitor, done: str) -> bool:
        return 'kern-alert--success"' in visitor.get(f"{page}?done={done}").text

    nothing = ("claimed", "acknowledged", "forwarded", "corrected", "resent", "withdrawn")
    assert [done for done in nothing if said(provider, done)] == []
    assert [done for done in (*nothing, "unclaimed") if said(sender, done)] == []

    claimed = provider.post(f"{delivery}/claim")
    assert claimed.headers["location"] == f"{page}?done=claimed"
    assert "Sie sind dran. Das sehen alle" in provider.get(claimed.headers["location"]).text
    assert not said(colleague, "claimed")
    assert not said(colleague, "unclaimed")
    free = provider.post(f"{delivery}/unclaim")
    assert free.headers["location"] == f"{page}?done=unclaimed"
    assert "Das Papier ist wieder frei." in provider.get(free.headers["location"]).text
    assert not said(provider, "claimed")

    typed = {
        "recipient": OFFICE,
        "release_given_on": "20.11.2026",
        "release_form": "in_writing",
    }
    forwarded = provider.post(f"{delivery}/forward", typed)
    assert "Weitergegeben. Die Stelle" in provider.get(forwarded.headers["location"]).text
    assert not said(sender, "forwarded")
    provider.post(f"{delivery}/take-over")
    assert not said(provider, "unclaimed")


def test_the_receipt_of_a_correction_names_what_it_replaces(sender: Visitor, sent: str) -> None:
    before, made = sender.get(f"{sent}/receipt").text, correct(sender, sent)

    assert "Ersetzt den Vorgang" not in before
    assert "Ersetzt den Vorgang" in sender.get(f"{made}/receipt").text


def test_the_rules_of_a_kind_say_who_may_hand_it_on(sender: Visitor) -> None:
    allowed = Outline(sender.get("/catalogue?kind=admission_ik_jc").text).said()
    other = Outline(sender.get("/catalogue?kind=start_notice_bsk").text).said()

    assert re.search(r"Wer es als \S+ erhalten hat, darf es weitergeben an: Jobcenter,", allowed)
    assert "gibt es hier nicht weiter" not in allowed
    assert "Wer es erhalten hat, gibt es hier nicht weiter." in other


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
