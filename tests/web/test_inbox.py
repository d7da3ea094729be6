"""The page of the inbox: its address, many at once, undoing, claims, and what a script asks for."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from html import unescape
from io import BytesIO
from urllib.parse import urlencode
from uuid import UUID
from zipfile import ZipFile

import pytest
from sqlmodel import col, select
from tests.web.house import JOBCENTER, OFFICE, UNKNOWN, VHS, Answer, House, Sent, Visitor
from tests.web.lint import Outline

from kursdocs.core.audit import AuditEvent, Happening
from kursdocs.core.documents import inbox, lifecycle, reading
from kursdocs.core.documents.tables import Delivery, DeliveryState

CLERK, COLLEAGUE = "jonas.muster", "karin.beispiel"
# A kind that the rules let only offices send.
NEVER_FROM_VHS = "obligation_revoked_ik"


def state_of(house: House, sent: Sent) -> DeliveryState:
    with house.services.transaction() as session:
        return session.get_one(Delivery, sent.delivery_id).state


def shown(answer: Answer) -> list[UUID]:
    """The deliveries of the list, from top to bottom."""
    return [UUID(value) for value in re.findall(r'data-row="([^"]+)"', answer.text)]


def said(answer: Answer) -> str:
    return Outline(answer.text).said()


def many(visitor: Visitor, action: str, *papers: Sent, **more: str) -> Answer:
    """Tick these and press a button of the bar, as a browser without scripts does it."""
    fields = {"list": "state=new", "action": action, **more}
    return visitor.post(
        "/deliveries/settle", {**fields, "delivery": [str(paper.delivery_id) for paper in papers]}
    )


@contextmanager
def later(house: House, seconds: int) -> Iterator[None]:
    house.clock.ahead += timedelta(seconds=seconds)
    yield
    house.clock.ahead -= timedelta(seconds=seconds)


# ── The address ──────────────────────────────────────────────────────────────────────────────


def test_the_filter_lives_in_the_address(house: House) -> None:
    sent, clerk = house.noted(VHS, OFFICE), house.person(CLERK)
    kept = {"state": "new", "kind": "admission_ik_jc", "sender": VHS, "order": "newest"}

    listed = clerk.get(f"/inbox?{urlencode(kept)}")
    none = clerk.get(f"/inbox?{urlencode({**kept, 'kind': NEVER_FROM_VHS})}")

    assert shown(listed)[0] == sent.delivery_id
    assert shown(none) == []
    assert "Nichts passt zum Filter" in said(none)
    assert 'href="/inbox?state=new&amp;order=newest" data-clear' in none.text


def test_an_empty_choice_of_the_form_means_all(house: House) -> None:
    sent = house.noted(VHS, OFFICE)

    answer = house.person(CLERK).get("/inbox?state=new&kind=&sender=&due=&order=newest")

    assert shown(answer)[0] == sent.delivery_id


def test_a_search_keeps_the_filter_and_puts_no_name_into_an_address(house: House) -> None:
    sent, clerk = house.noted(VHS, OFFICE), house.person(CLERK)
    kept = f"state=new&sender={VHS}&order=newest"

    answer = clerk.post("/inbox/search", {"list": kept, "name": "Mustermann"})

    assert sent.delivery_id in shown(answer)
    assert f'value="{VHS}" selected' in answer.text
    addresses = re.findall(r'(?:href|action|src)="([^"]*)"', answer.text)
    assert not [address for address in addresses if "Mustermann" in address]


def test_the_list_goes_on_where_it_ended(house: House) -> None:
    for _ in range(51):
        house.noted(VHS, JOBCENTER)
    clerk = house.person("elif.muster")

    first = clerk.get("/inbox?state=new&order=newest")
    onward = re.search(r'href="(/inbox[^"]*after=[^"]*)" rel="next"', first.text)
    assert onward is not None
    second = clerk.get(unescape(onward.group(1)))

    assert len(shown(first)) == 50
    assert shown(second)
    assert not set(shown(first)) & set(shown(second))
    assert len(first.content) < 150 * 1024


@pytest.mark.parametrize(
    "query", ["due=morgen", "order=alphabet", "show=x", "tick=some", "after=gestern", "x=1"]
)
def test_an_address_that_says_nothing_known_is_refused(house: House, query: str) -> None:
    assert house.person(CLERK).get(f"/inbox?{query}").status_code in (400, 422)


def test_a_form_from_an_unknown_list_is_refused(house: House) -> None:
    answer = house.person(CLERK).post("/inbox/search", {"list": "state=alle", "name": "Muster"})

    assert answer.status_code == 400


# ── Looking at one ───────────────────────────────────────────────────────────────────────────


def test_looking_at_a_paper_beside_the_list_is_noted(house: House) -> None:
    sent, clerk = house.noted(VHS, OFFICE), house.person(CLERK)
    seq = house.log_end()

    answer = clerk.get(f"/inbox?state=new&show={sent.delivery_id}")

    assert house.log_since(seq) == [Happening.INBOX_LISTED, Happening.DOCUMENT_VIEWED]
    assert f'data-shown="{sent.delivery_id}"' in answer.text
    assert f"/documents/{sent.document_id}/pages/1" in answer.text


def test_foreign_and_unknown_papers_beside_the_list_look_alike(house: House) -> None:
    foreign, clerk = house.noted(VHS, JOBCENTER), house.person(CLERK)
    answers = [
        clerk.get(f"/inbox?state=returned&show={delivery_id}").text.replace(str(delivery_id), "")
        for delivery_id in (foreign.delivery_id, UNKNOWN)
    ]

    assert answers[0] == answers[1]
    assert "data-shown" not in answers[0]


# ── Settling one ─────────────────────────────────────────────────────────────────────────────


def test_after_settling_the_next_paper_is_shown(house: House) -> None:
    papers, clerk = [house.noted(VHS, OFFICE) for _ in range(2)], house.person(CLERK)
    newest, older = papers[1], papers[0]
    listed = clerk.get(f"/inbox?state=new&order=newest&show={newest.delivery_id}")
    following = re.search(r'name="next" value="([^"]*)"', listed.text)
    assert following is not None
    assert UUID(following.group(1)) == older.delivery_id

    answer = clerk.post(
        f"/deliveries/{newest.delivery_id}/take-over",
        {"list": "state=new&order=newest", "next": following.group(1)},
    )
    page = clerk.get(answer.headers["location"])

    assert state_of(house, newest) is DeliveryState.TAKEN_OVER
    assert f'data-shown="{older.delivery_id}"' in page.text
    assert "Übernommen. Für Ihre Stelle" in said(page)


def test_a_return_without_a_reason_keeps_list_and_paper(house: House) -> None:
    sent, clerk = house.noted(VHS, OFFICE), house.person(CLERK)

    answer = clerk.post(f"/deliveries/{sent.delivery_id}/return", {"list": "state=new"})

    assert answer.status_code == 422
    assert f'data-shown="{sent.delivery_id}"' in answer.text
    assert 'id="reason-error"' in answer.text
    assert state_of(house, sent) is DeliveryState.NEW


def test_who_was_quicker_is_told_beside_the_list(house: House) -> None:
    sent, list_ = house.noted(VHS, OFFICE), {"list": "state=new"}
    house.person(COLLEAGUE).post(f"/deliveries/{sent.delivery_id}/take-over", list_)

    answer = house.person(CLERK).post(f"/deliveries/{sent.delivery_id}/take-over", list_)

    assert answer.status_code == 409
    assert "durch Karin Beispiel" in said(answer)


# ── Undoing ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("path", "form"), [("take-over", {}), ("return", {"reason": "illegible"})])
def test_what_was_settled_can_be_undone_for_ten_seconds(
    house: House, path: str, form: dict[str, str]
) -> None:
    sent, clerk = house.noted(VHS, OFFICE), house.person(CLERK)
    done = clerk.post(f"/deliveries/{sent.delivery_id}/{path}", form).headers["location"]
    undo = f"/deliveries/{sent.delivery_id}/undo"
    assert f'action="{undo}"' in clerk.get(done).text

    with later(house, 11):
        assert f'action="{undo}"' not in clerk.get(done).text
    back = clerk.post(undo, {"list": "state=new"})

    assert state_of(house, sent) is DeliveryState.NEW
    assert "steht wieder unter" in said(clerk.get(back.headers["location"]))


def test_nobody_is_offered_to_undo_what_a_colleague_did(house: House) -> None:
    sent = house.noted(VHS, OFFICE)
    done = house.person(CLERK).post(f"/deliveries/{sent.delivery_id}/take-over")
    colleague = house.person(COLLEAGUE)

    assert "/undo" not in colleague.get(done.headers["location"]).text
    assert colleague.post(f"/deliveries/{sent.delivery_id}/undo").status_code == 409
    assert state_of(house, sent) is DeliveryState.TAKEN_OVER


def test_undoing_too_late_is_said(house: House) -> None:
    sent, clerk = house.noted(VHS, OFFICE), house.person(CLERK)
    clerk.post(f"/deliveries/{sent.delivery_id}/take-over")

    with later(house, 60):
        answer = clerk.post(f"/deliveries/{sent.delivery_id}/undo", {"list": "state=new"})

    assert answer.status_code == 409
    assert state_of(house, sent) is DeliveryState.TAKEN_OVER


# ── Many at once ─────────────────────────────────────────────────────────────────────────────


def test_many_are_taken_over_at_once_and_back_again(house: House) -> None:
    papers, clerk = [house.noted(VHS, OFFICE) for _ in range(3)], house.person(CLERK)

    done = many(clerk, "take_over", *papers)

    assert "3 Papiere übernommen" in said(done)
    assert {state_of(house, paper) for paper in papers} == {DeliveryState.TAKEN_OVER}
    assert done.text.count('name="delivery" value=') >= len(papers)
    back = many(clerk, "undo", *papers)
    assert "3 Papiere stehen wieder" in said(back)
    assert {state_of(house, paper) for paper in papers} == {DeliveryState.NEW}


def test_what_could_not_be_done_with_one_of_many_is_told(house: House) -> None:
    papers, clerk = [house.noted(VHS, OFFICE) for _ in range(3)], house.person(CLERK)
    taken, claimed, free = papers
    house.person(COLLEAGUE).post(f"/deliveries/{taken.delivery_id}/take-over")
    house.person(COLLEAGUE).post(f"/deliveries/{claimed.delivery_id}/claim")

    answer = many(clerk, "take_over", *papers)

    assert "1 Papier übernommen" in said(answer)
    assert "2 nicht" in said(answer)
    assert "durch Karin Beispiel" in said(answer)
    assert re.search("Karin Beispiel ist dran bis", said(answer))
    assert state_of(house, free) is DeliveryState.TAKEN_OVER
    assert state_of(house, claimed) is DeliveryState.NEW


def test_foreign_ones_among_many_are_as_unknown_as_none(house: House) -> None:
    foreign, clerk = house.noted(VHS, JOBCENTER), house.person(CLERK)

    answers = [many(clerk, "take_over", Sent(UNKNOWN, i)) for i in (foreign.delivery_id, UNKNOWN)]

    notices = [re.search("<ul class=.kern-body kd-results.*?</ul>", a.text, re.S) for a in answers]
    assert notices[0] is not None
    assert notices[1] is not None
    assert notices[0].group(0) == notices[1].group(0)
    assert state_of(house, foreign) is DeliveryState.NEW


def test_many_are_returned_with_one_reason_and_never_without(house: House) -> None:
    papers, clerk = [house.noted(VHS, OFFICE) for _ in range(2)], house.person(CLERK)

    refused = many(clerk, "return", *papers, reason="", show=str(papers[0].delivery_id))
    assert refused.status_code == 422
    assert f'data-shown="{papers[0].delivery_id}"' in refused.text
    kept = set(re.findall(r'name="delivery" value="([^"]+)" checked', refused.text))
    assert kept == {str(paper.delivery_id) for paper in papers} & set(map(str, shown(refused)))
    assert {state_of(house, paper) for paper in papers} == {DeliveryState.NEW}

    assert "2 Papiere zurückgegeben" in said(many(clerk, "return", *papers, reason="illegible"))
    assert {state_of(house, paper) for paper in papers} == {DeliveryState.RETURNED}


@pytest.mark.parametrize("path", ["/deliveries/settle", "/inbox/bundle"])
def test_nothing_ticked_is_said(house: House, path: str) -> None:
    answer = house.person(CLERK).post(path, {"list": "state=new", "action": "take_over"})

    assert answer.status_code == 422
    assert "kern-alert--warning" in answer.text


@pytest.mark.parametrize("form", [{"action": "erase"}, {"action": "take_over", "delivery": "x"}])
def test_made_up_forms_for_many_are_refused(house: House, form: dict[str, str]) -> None:
    assert house.person(CLERK).post("/deliveries/settle", form).status_code in (400, 404)


def test_without_scripts_a_link_ticks_all(house: House) -> None:
    house.noted(VHS, OFFICE)

    page = house.person(CLERK).get("/inbox?state=new&tick=all").text

    boxes = re.findall(r'<input[^>]*name="delivery"[^>]*>', page)
    assert boxes
    assert all("checked" in box for box in boxes)


def test_many_come_as_one_zip(house: House) -> None:
    papers, clerk = [house.sent(VHS, OFFICE) for _ in range(2)], house.person(CLERK)
    ids = [str(paper.delivery_id) for paper in papers]

    answer = clerk.post("/inbox/bundle", {"list": "state=new", "delivery": ids})

    assert answer.headers["content-type"] == "application/zip"
    assert int(answer.headers["content-length"]) == len(answer.content)
    with ZipFile(BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert len([name for name in archive.namelist() if name.endswith(".pdf")]) == len(papers)


# ── Claims, acknowledging ────────────────────────────────────────────────────────────────────


def test_a_claim_is_seen_by_all_of_the_agency_until_it_ends(house: House) -> None:
    sent, clerk, colleague = house.noted(VHS, OFFICE), house.person(CLERK), house.person(COLLEAGUE)
    beside = f"/inbox?state=new&order=newest&show={sent.delivery_id}"

    back = clerk.post(f"/deliveries/{sent.delivery_id}/claim", {"list": "state=new"})

    assert "Sie sind dran bis" in said(clerk.get(back.headers["location"]))
    assert "in Arbeit: Jonas Muster bis" in said(colleague.get(beside))
    assert sent.delivery_id in shown(clerk.get("/inbox?state=new&mine=true"))
    assert sent.delivery_id not in shown(colleague.get("/inbox?state=new&mine=true"))
    with later(house, 31 * 60):
        assert "in Arbeit: Jonas Muster" not in said(colleague.get(beside))
    clerk.post(f"/deliveries/{sent.delivery_id}/unclaim", {"list": "state=new"})
    assert "in Arbeit: Jonas Muster" not in said(colleague.get(beside))


def test_a_claimed_paper_is_taken_over_only_knowingly(house: House) -> None:
    sent, colleague = house.noted(VHS, OFFICE), house.person(COLLEAGUE)
    house.person(CLERK).post(f"/deliveries/{sent.delivery_id}/claim")
    take_over = f"/deliveries/{sent.delivery_id}/take-over"

    warned = colleague.post(take_over)

    assert warned.status_code == 409
    assert "Jonas Muster ist dran bis" in said(warned)
    assert 'name="despite"' in warned.text
    assert state_of(house, sent) is DeliveryState.NEW
    assert colleague.post(take_over, {"despite": "true"}).status_code == 303
    assert state_of(house, sent) is DeliveryState.TAKEN_OVER


def withdrawn(house: House, *, opened: bool = True) -> Sent:
    """A paper that the office had looked at, or not, before its sender took it back."""
    sent, sender, office = house.noted(VHS, OFFICE), house.actor(VHS), house.actor(OFFICE)
    now = house.services.clock()
    with house.services.transaction() as session:
        if opened:
            reading.mark_opened(session, office, sent.document_id, now=now)
        lifecycle.withdraw(
            session,
            sender,
            sent.document_id,
            reason="wrong_recipient",
            catalogue=house.services.catalogue,
            now=now,
        )
    return sent


def test_a_withdrawn_paper_stands_on_top_until_somebody_takes_note(house: House) -> None:
    sent, clerk = withdrawn(house), house.person(CLERK)
    form = f"/deliveries/{sent.delivery_id}/acknowledgement"
    assert f'action="{form}"' in clerk.get("/inbox").text

    back = clerk.post(form, {"list": "state=new"})

    page = clerk.get(back.headers["location"])
    assert "Zur Kenntnis genommen. Die absendende" in said(page)
    assert f'action="{form}"' not in house.person(COLLEAGUE).get("/inbox").text
    assert clerk.post(form, {"list": "state=new"}).status_code == 409


@pytest.mark.parametrize("state", ["new", "withdrawn"])
def test_only_who_opened_a_withdrawn_paper_is_asked_to_delete_a_copy(
    house: House, state: str
) -> None:
    opened, never = withdrawn(house), withdrawn(house, opened=False)

    page = house.person(CLERK).get(f"/inbox?state={state}").text

    one = r'class="kd-ended__one"' if state == "new" else r'<tr class="kern-table__row"'
    with_copy, without = (
        next(part for part in re.split(one, page) if f"/{sent.delivery_id}/" in part)
        for sent in (opened, never)
    )
    assert str(opened.document_id)[-12:] in with_copy.split("kd-code")[1].split("<")[0]
    assert "nie geöffnet" in without
    assert "kd-code" not in without
    assert "löschen Sie Ihre Kopie" not in without


def test_each_withdrawn_paper_is_acknowledged_in_its_row(house: House) -> None:
    waits, known, clerk = withdrawn(house), withdrawn(house), house.person(CLERK)
    form = "/deliveries/{}/acknowledgement"
    tab = clerk.get("/inbox?state=withdrawn")
    assert tab.text.count(form.format(waits.delivery_id)) == 1
    assert f'href="/documents/{waits.document_id}"' in tab.text

    back = clerk.post(form.format(known.delivery_id), {"list": "state=withdrawn"})

    page = clerk.get(back.headers["location"])
    assert "state=withdrawn" in back.headers["location"]
    assert "zur Kenntnis genommen am" in said(page)
    assert form.format(known.delivery_id) not in page.text
    assert form.format(waits.delivery_id) in page.text


def test_the_notice_on_top_says_how_many_more_there_are(house: House) -> None:
    papers, clerk = [withdrawn(house) for _ in range(7)], house.person(CLERK)
    office = house.actor(OFFICE)
    with house.services.transaction() as session:
        count = inbox.to_acknowledge_count(session, office)

    page = clerk.get("/inbox")

    on_top = [paper.delivery_id for paper in papers if str(paper.delivery_id) in page.text]
    assert on_top == [paper.delivery_id for paper in papers[2:]]
    assert f"Es sind noch {count - 5} weitere." in said(page)
    assert 'href="/inbox?state=withdrawn"' in page.text
    for paper in papers:
        clerk.post(f"/deliveries/{paper.delivery_id}/acknowledgement", {"list": "state=new"})
    assert not any(str(paper.delivery_id) in clerk.get("/inbox").text for paper in papers)


def test_the_log_keeps_which_list_was_read_but_no_word_that_somebody_wrote(house: House) -> None:
    house.noted(VHS, OFFICE)
    clerk, seq = house.person(CLERK), house.log_end()

    clerk.get(f"/inbox?state=new&kind=admission_ik_jc&sender={VHS}")
    clerk.get("/inbox?state=new&kind=Mustermann&sender=Lin")

    with house.services.transaction() as session:
        listed = session.exec(
            select(AuditEvent.detail).where(AuditEvent.seq > seq).order_by(col(AuditEvent.seq))
        ).all()
    named, unknown = listed
    assert (named["kind"], named["sender"]) == ("admission_ik_jc", VHS)
    assert named["count"] >= 1
    assert unknown == {"state": "new", "kind": "", "sender": "", "count": 0}


# ── What a script asks for ───────────────────────────────────────────────────────────────────


def test_the_version_changes_with_what_comes_in_and_is_no_reading(house: House) -> None:
    clerk = house.person(CLERK)
    before = clerk.get("/inbox/version").json()
    seq = house.log_end()

    assert clerk.get("/inbox/version").json() == before
    house.noted(VHS, OFFICE)
    assert clerk.get("/inbox/version").json() != before
    listed = clerk.get("/inbox/list?state=new", headers={"Sec-Fetch-Dest": "empty"})

    assert listed.status_code == 200
    assert shown(listed)
    assert Happening.INBOX_LISTED not in house.log_since(seq)


def test_a_refreshed_list_is_for_scripts_alone(house: House) -> None:
    for headers in ({}, {"Sec-Fetch-Dest": "document"}, {"Sec-Fetch-Dest": "iframe"}):
        answer = house.person(CLERK).get("/inbox/list?state=returned", headers=headers)

        assert (answer.status_code, answer.headers["location"]) == (303, "/inbox?state=returned")


def test_the_keys_can_be_switched_off_and_on(house: House) -> None:
    clerk = house.newly("nora.probe")
    assert "data-keys-on" in clerk.get("/inbox").text

    clerk.post("/preferences", {"keys": "off", "return_to": "/inbox"})
    assert "data-keys-on" not in clerk.get("/inbox").text
    clerk.post("/preferences", {"keys": "on", "return_to": "/inbox"})
    assert "data-keys-on" in clerk.get("/inbox").text
