"""The sending desk's drafts: kept once, for one person and a day, sent once, then gone."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pypdfium2
import pytest
from sqlmodel import Session, col, select
from tests.adapters import paper_corpus
from tests.factories import OFFICE, make_person_actor
from tests.operations.house import OTHER_PAPER, PAPER, House
from tests.scanners import Saying

from kursdocs.core.access import Actor, ActorKind
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import Happening
from kursdocs.core.documents.lifecycle import INTAKE_LIMIT, TOMBSTONE_AGE
from kursdocs.core.drafts import Draft, DraftView
from kursdocs.core.drafts.lifecycle import DRAFT_AGE, DRAFTS_MAX
from kursdocs.core.errors import (
    Conflict,
    Forbidden,
    InvalidForm,
    KursdocsError,
    NotFound,
    Unavailable,
)
from kursdocs.core.ports import Verdict
from kursdocs.core.tables import new_id
from kursdocs.demo.papers import sample_paper, sample_photo
from kursdocs.operations import drafting
from kursdocs.operations.sealing import unseal
from kursdocs.services import Services

TYPED = {
    "kind": ["admission_ik_jc"],
    "recipient": [OFFICE],
    "family_name": ["Mustermann-Öztürk"],
    "given_names": ["Probefried"],
    "birth_date": ["05.06.1987"],
    "release_given_on": ["23.11.2026"],
    "release_form": ["in_person"],
    "original_at": ["Probeordner Nord"],
    "bamf_person_no": ["4711081"],
    "issued_on": ["12.10.2026"],
    "expires_on": ["12.10.2027"],
}
TWO_PAGES = sample_paper("Anmeldebestätigung", "Muster", "Mia", 5, page_count=2)


def still_there(session: Session) -> None:
    """Nobody's standing has ended."""


def keep(
    house: House,
    *files: bytes,
    key: str = "",
    actor: Actor | None = None,
    name: str = "Zulassung.pdf",
    services: Services | None = None,
) -> DraftView:
    return drafting.keep(
        services or house.services,
        actor or house.sender,
        files or (PAPER,),
        file_name=name,
        upload_key=key,
        readmit=still_there,
    )


def note(house: House, draft_id: UUID, **changes: list[str]) -> None:
    with house.services.transaction() as session:
        drafting.note(session, house.sender, draft_id, {**TYPED, **changes}, now=house.clock())


def mine(house: House, actor: Actor | None = None) -> list[DraftView]:
    with house.services.transaction() as session:
        found = drafting.mine(session, actor or house.sender, now=house.clock())
        assert drafting.count(session, actor or house.sender, now=house.clock()) == len(found)
        return found


def look(house: House, draft_id: UUID, actor: Actor | None = None) -> DraftView:
    with house.services.transaction() as session:
        return drafting.get(session, actor or house.sender, draft_id, now=house.clock())


def send(house: House, draft_id: UUID, services: Services | None = None) -> UUID:
    return drafting.send(services or house.services, house.sender, draft_id, still_there).id


def rows(house: House) -> Sequence[Draft]:
    with house.services.transaction() as session:
        return session.exec(select(Draft).order_by(col(Draft.id))).all()


def titles(house: House, draft_id: UUID) -> list[str]:
    """What each page of a draft is: the paper, or the hints on its second page."""
    [row] = [row for row in rows(house) if row.id == draft_id]
    key = house.services.keys.get(draft_id)
    pdf = unseal(key, draft_id, house.services.store.get(row.object_name))
    opened = pypdfium2.PdfDocument(pdf)
    try:
        said = [page.get_textpage().get_text_bounded() for page in opened]
    finally:
        opened.close()
    return ["hints" if "Hinweise zu" in text else "paper" for text in said]


def colleague(house: House) -> Actor:
    """Another clerk of the same agency."""
    with house.services.transaction() as session:
        agency = session.get_one(Agency, house.sender.acting.id)
        return make_person_actor(session, agency, subject="colleague")


def refused(code: str, action: Callable[[], object]) -> KursdocsError:
    with pytest.raises(KursdocsError) as caught:
        action()
    assert caught.value.code == code
    return caught.value


# -- the whole way ---------------------------------------------------------------------------------


def test_what_is_kept_noted_and_sent_is_one_document_and_no_draft_any_more(house: House) -> None:
    draft = keep(house)
    note(house, draft.id)

    document_id = send(house, draft.id)

    assert house.read(document_id) == PAPER
    assert house.document(document_id).received_sha256 == house.document(document_id).sha256
    assert mine(house) == []
    assert house.keys() == [document_id]
    assert house.objects() == [house.document(document_id).object_name]
    assert house.faults() == []


# -- keeping ---------------------------------------------------------------------------------------


def test_a_draft_lies_sealed_and_is_logged_without_a_name(house: House) -> None:
    draft = keep(house)

    assert (draft.page_count, draft.byte_size, draft.file_name) == (1, len(PAPER), "Zulassung.pdf")
    assert draft.expires_at - draft.created_at == timedelta(hours=24)
    [name] = house.objects()
    assert b"Mustermann" not in house.services.store.get(name)
    assert b"%PDF" not in house.services.store.get(name)
    assert house.keys() == [draft.id]
    [event] = house.events(Happening.DRAFT_KEPT)
    assert event.detail == {"draft": str(draft.id), "bytes": len(PAPER)}


def test_photographs_become_one_draft(embedded: House) -> None:
    photos = [sample_photo("Zulassung", "Muster", "Mia", number) for number in (1, 2)]

    assert keep(embedded, *photos).page_count == 2


def test_what_the_paper_says_is_proposed_and_not_typed(embedded: House) -> None:
    name = "Zulassung zum Integrationskurs (Jobcenter)"
    draft = keep(embedded, sample_paper(name, "Beispiel", "Mia", 4))

    assert draft.kind_proposed == "admission_ik_jc"
    assert (draft.proposed["family_name"], draft.proposed["given_names"]) == ("Beispiel", "Mia")
    assert draft.typed == {}
    with pytest.raises(InvalidForm):
        drafting.prepare(embedded.services, embedded.sender, draft.id)


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "file_empty"), (b"kein PDF", "file_type"), (PAPER[:400], "file_damaged")],
)
def test_a_file_that_no_upload_would_accept_is_refused(
    embedded: House, data: bytes, code: str
) -> None:
    refused(code, lambda: keep(embedded, data))

    assert (rows(embedded), embedded.objects(), embedded.keys()) == ([], [], [])


def test_the_same_upload_again_is_the_same_draft(house: House) -> None:
    first = keep(house, key="u1")
    note(house, first.id)

    again = keep(house, key="u1")

    assert (again.id, again.typed["family_name"]) == (first.id, ["Mustermann-Öztürk"])
    assert len(house.objects()) == len(house.keys()) == len(rows(house)) == 1
    refused("key_reused", lambda: keep(house, OTHER_PAPER, key="u1"))
    assert keep(house, actor=colleague(house), key="u1").id != first.id


def test_the_same_upload_twice_at_once_is_stored_once(at_servers: House) -> None:
    """Both are let in before either looks whether the other was there."""
    house, both = at_servers, threading.Barrier(2)

    def let_in(session: Session) -> None:
        both.wait(20)

    def upload() -> UUID | str:
        try:
            return drafting.keep(
                house.services,
                house.sender,
                [PAPER],
                file_name="",
                upload_key="u1",
                readmit=let_in,
            ).id
        except (Conflict, threading.BrokenBarrierError) as error:
            both.abort()
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        for end in [pool.submit(upload), pool.submit(upload)]:
            end.result(60)

    house.sweep(INTAKE_LIMIT + timedelta(seconds=1))
    assert len(mine(house)) <= 1
    assert len([row for row in rows(house) if row.object_name and row.state != "gone"]) <= 1
    assert keep(house, key="u1").id in {view.id for view in mine(house)}
    assert len(house.objects()) == len(house.keys()) == 1


def test_a_full_desk_says_so_and_has_room_again(
    embedded: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert DRAFTS_MAX == 60
    monkeypatch.setattr("kursdocs.core.drafts.lifecycle.DRAFTS_MAX", 2)
    first, _ = keep(embedded, key="u1"), keep(embedded)

    error = refused("drafts_too_many", lambda: keep(embedded))

    assert (error.details, len(embedded.objects())) == ({"limit": 2}, 2)
    assert keep(embedded, key="u1").id == first.id
    keep(embedded, actor=colleague(embedded))
    drafting.discard(embedded.services, embedded.sender, first.id)
    keep(embedded)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("C:\\Users\\mia\\Zulassung Müller.pdf", "Zulassung Müller.pdf"),
        ("../../etc/passwd", "passwd"),
        ("a\x00b\u202e\n.pdf", "ab.pdf"),
        ("x" * 300, "x" * 200),
        ("", ""),
    ],
)
def test_a_file_name_is_kept_without_its_folder_and_its_traps(
    embedded: House, given: str, shown: str
) -> None:
    assert keep(embedded, name=given).file_name == shown


def test_who_may_no_longer_send_keeps_nothing(embedded: House) -> None:
    def ended(session: Session) -> None:
        raise Forbidden("standing_ended")

    with pytest.raises(Forbidden):
        drafting.keep(
            embedded.services, embedded.sender, [PAPER], file_name="", upload_key="", readmit=ended
        )

    assert (rows(embedded), embedded.objects(), embedded.keys()) == ([], [], [])


def test_a_program_has_no_desk(embedded: House) -> None:
    program = replace(embedded.sender, kind=ActorKind.SERVICE, user_id=None)

    refused("not_permitted", lambda: keep(embedded, actor=program))


# -- whose it is -----------------------------------------------------------------------------------


def test_nobody_else_finds_a_draft(house: House) -> None:
    """Neither a colleague, nor the same person acting for another agency, nor a recipient."""
    draft = keep(house)
    elsewhere = replace(house.sender, agency=house.recipient.agency)
    services, draft_id = house.services, draft.id

    for actor in (colleague(house), elsewhere, house.recipient):
        deeds: list[Callable[[Actor], object]] = [
            lambda a: look(house, draft_id, a),
            lambda a: drafting.page_image(services, a, draft_id, page=1, width=200),
            lambda a: drafting.turn(services, a, draft_id, page=1, degrees=90),
            lambda a: drafting.arrange(services, a, draft_id, [1]),
            lambda a: drafting.join(services, a, [draft_id, new_id()]),
            lambda a: drafting.discard(services, a, draft_id),
            lambda a: drafting.prepare(services, a, draft_id),
            lambda a: drafting.send(services, a, draft_id, still_there),
        ]
        assert mine(house, actor) == []
        for deed in deeds:
            with pytest.raises(NotFound):
                deed(actor)
    assert [view.id for view in mine(house)] == [draft.id]


def test_drafts_lie_as_they_were_put_there_however_they_arrived(embedded: House) -> None:
    keys = ("page.2.0", "page.10.0", "", "page.1.0", "page.2.1.0", "own words", "page.x")
    arrived = {key: keep(embedded, key=key).id for key in keys}
    in_order = ["page.1.0", "page.2.0", "page.2.1.0", "page.10.0", "", "own words", "page.x"]

    assert [view.id for view in mine(embedded)] == [arrived[key] for key in in_order]

    note(embedded, arrived["page.2.1.0"], original_at=["Ordner"])
    with embedded.services.transaction() as session:
        drafting.fill_down(
            session,
            embedded.sender,
            arrived["page.2.1.0"],
            ["original_at"],
            now=embedded.clock(),
        )
    filled = ["original_at" in view.typed for view in mine(embedded)]
    assert filled == [False] * 2 + [True] * 5


def test_drafts_are_listed_as_they_arrived_and_end_with_their_day(house: House) -> None:
    first = keep(house)
    house.clock.advance(timedelta(hours=1))
    second = keep(house, OTHER_PAPER)

    assert [view.id for view in mine(house)] == [first.id, second.id]
    house.clock.advance(timedelta(hours=23))
    assert [view.id for view in mine(house)] == [second.id]
    with pytest.raises(NotFound):
        look(house, first.id)
    with pytest.raises(NotFound):
        send(house, first.id)


# -- typing ----------------------------------------------------------------------------------------


def test_what_is_noted_replaces_what_was_noted(embedded: House) -> None:
    draft = keep(embedded)
    note(embedded, draft.id, recipient=[OFFICE, "jobcenter"], original_at=["  "])

    with embedded.services.transaction() as session:
        drafting.note(session, embedded.sender, draft.id, {"kind": ["x"]}, now=embedded.clock())

    assert look(embedded, draft.id).typed == {"kind": ["x"]}


def test_what_no_form_asks_for_and_what_is_too_long_is_not_kept(embedded: House) -> None:
    draft = keep(embedded)
    typed: dict[str, list[str]] = {
        "family_name": ["x" * 9000, "second"],
        "recipient": [f"agency-{number}" for number in range(99)],
        "Weird Name": ["x"],
        "file": ["x"],
        "idempotency_key": ["x"],
        **{f"field_{number}": ["x"] for number in range(99)},
    }

    with embedded.services.transaction() as session:
        drafting.note(session, embedded.sender, draft.id, typed, now=embedded.clock())

    kept = look(embedded, draft.id).typed
    assert kept["family_name"] == ["x" * 500]
    assert len(kept["recipient"]) == 20
    assert len(kept) == 40
    assert not {"Weird Name", "file", "idempotency_key"} & kept.keys()


def test_the_same_for_all_fills_the_rows_below_and_nothing_else(house: House) -> None:
    drafts = [keep(house) for _ in range(3)]
    note(house, drafts[0].id, family_name=["Oben"])
    note(house, drafts[2].id, family_name=["Unten"], kind=["other"], issued_on=["01.01.2026"])
    note(house, drafts[1].id, recipient=[OFFICE, "jobcenter"], customer_no=[])

    with house.services.transaction() as session:
        drafting.fill_down(
            session,
            house.sender,
            drafts[1].id,
            ["kind", "recipient", "customer_no"],
            now=house.clock(),
        )

    first, _, third = (look(house, draft.id).typed for draft in drafts)
    assert (first["family_name"], first["recipient"]) == (["Oben"], [OFFICE])
    assert (third["kind"], third["recipient"]) == (["admission_ik_jc"], [OFFICE, "jobcenter"])
    assert (third["family_name"], third["issued_on"]) == (["Unten"], ["01.01.2026"])


def test_every_mistake_is_told_at_once(embedded: House) -> None:
    draft = keep(embedded)
    note(embedded, draft.id, family_name=[], birth_date=["31.02.1990"], expires_on=["gestern"])

    with pytest.raises(InvalidForm) as caught:
        send(embedded, draft.id)

    assert {mistake.field: mistake.code for mistake in caught.value.mistakes} == {
        "family_name": "field_missing",
        "birth_date": "field_date_impossible",
        "expires_on": "field_format",
    }
    assert (embedded.states(), len(mine(embedded))) == ([], 1)


def test_what_was_typed_for_another_kind_is_not_sent(embedded: House) -> None:
    draft = keep(embedded)
    note(embedded, draft.id, customer_no=["123A456789"])

    document_id = send(embedded, draft.id)

    assert set(embedded.document(document_id).fields) == {
        "bamf_person_no", "issued_on", "expires_on",
    }  # fmt: skip


# -- looking ---------------------------------------------------------------------------------------


def test_looking_at_a_page_is_logged_and_a_thumbnail_is_not(house: House) -> None:
    draft = keep(house, TWO_PAGES)

    for page, width in ((1, 200), (1, 201), (2, 200)):
        png = drafting.page_image(house.services, house.sender, draft.id, page=page, width=width)
        assert png.startswith(b"\x89PNG")

    seen = [event.detail for event in house.events(Happening.DRAFT_PREVIEWED)]
    assert seen == [{"draft": str(draft.id), "page": 1}, {"draft": str(draft.id), "page": 2}]
    with pytest.raises(NotFound):
        drafting.page_image(house.services, house.sender, draft.id, page=3, width=200)


def test_a_damaged_object_is_not_shown_nor_sent(embedded: House) -> None:
    draft = keep(embedded)
    note(embedded, draft.id)
    [name] = embedded.objects()
    embedded.services.store.delete(name)
    embedded.services.store.put(name, b"altered")

    refused("document_damaged", lambda: send(embedded, draft.id))
    refused(
        "document_damaged",
        lambda: drafting.page_image(
            embedded.services, embedded.sender, draft.id, page=1, width=200
        ),
    )


# -- discarding ------------------------------------------------------------------------------------


def test_of_a_discarded_draft_nothing_is_left(house: House) -> None:
    draft = keep(house, key="u1")
    note(house, draft.id)

    drafting.discard(house.services, house.sender, draft.id)

    [row] = rows(house)
    assert (row.typed, row.proposed, row.file_name, row.sha256) == ({}, {}, "", "")
    assert (house.objects(), house.keys(), mine(house)) == ([], [], [])
    [event] = house.events(Happening.DRAFT_DISCARDED)
    assert event.detail == {"draft": str(draft.id), "reason": "discarded"}
    with pytest.raises(NotFound):
        drafting.discard(house.services, house.sender, draft.id)
    assert keep(house, key="u1").id != draft.id


# -- pages -----------------------------------------------------------------------------------------


def test_pages_are_turned_ordered_and_left_out(house: House) -> None:
    draft = keep(house, TWO_PAGES)
    note(house, draft.id)
    services, sender = house.services, house.sender

    drafting.turn(services, sender, draft.id, page=2, degrees=90)
    drafting.arrange(services, sender, draft.id, [2, 1])
    assert titles(house, draft.id) == ["hints", "paper"]
    view = drafting.arrange(services, sender, draft.id, [2])

    assert (view.page_count, titles(house, draft.id)) == (1, ["paper"])
    assert view.typed["family_name"] == ["Mustermann-Öztürk"]
    assert (len(house.objects()), house.keys()) == (1, [draft.id])
    document_id = send(house, draft.id)
    assert house.document(document_id).received_sha256 != house.document(document_id).sha256
    assert house.document(document_id).page_count == 1


def test_several_drafts_become_one(house: House) -> None:
    first, second, third = keep(house), keep(house, TWO_PAGES, key="u2"), keep(house, OTHER_PAPER)
    note(house, first.id)

    view = drafting.join(house.services, house.sender, [first.id, third.id, second.id])

    assert (view.id, view.page_count) == (first.id, 4)
    assert titles(house, first.id) == ["paper", "paper", "paper", "hints"]
    assert view.typed["family_name"] == ["Mustermann-Öztürk"]
    assert [left.id for left in mine(house)] == [first.id]
    assert (len(house.objects()), house.keys()) == (1, [first.id])
    ends = [event.detail for event in house.events(Happening.DRAFT_DISCARDED)]
    assert sorted(end["draft"] for end in ends) == sorted(map(str, (second.id, third.id)))
    assert {end["reason"] for end in ends} == {"joined"}


@pytest.mark.parametrize(
    ("code", "deed"),
    [
        ("pages_missing", lambda s, a, d: drafting.arrange(s, a, d, [])),
        ("pages_missing", lambda s, a, d: drafting.arrange(s, a, d, [1, 1])),
        ("not_found", lambda s, a, d: drafting.arrange(s, a, d, [1, 3])),
        ("not_found", lambda s, a, d: drafting.turn(s, a, d, page=3, degrees=90)),
        ("field_choice", lambda s, a, d: drafting.turn(s, a, d, page=1, degrees=45)),
        ("field_choice", lambda s, a, d: drafting.turn(s, a, d, page=1, degrees=0)),
        ("drafts_to_join", lambda s, a, d: drafting.join(s, a, [d, d])),
    ],
)
def test_pages_that_cannot_be_so_are_refused(
    embedded: House, code: str, deed: Callable[[Services, Actor, UUID], Any]
) -> None:
    draft = keep(embedded, TWO_PAGES)

    refused(code, lambda: deed(embedded.services, embedded.sender, draft.id))

    assert look(embedded, draft.id) == draft
    assert len(embedded.objects()) == 1


def test_a_signed_paper_is_not_changed_but_can_be_sent(embedded: House) -> None:
    signed = paper_corpus.signed()
    draft = keep(embedded, signed)
    note(embedded, draft.id)

    refused(
        "file_signed",
        lambda: drafting.turn(embedded.services, embedded.sender, draft.id, page=1, degrees=90),
    )
    assert embedded.read(send(embedded, draft.id)) == signed


def test_two_changes_at_once_are_one_and_a_hint(house: House) -> None:
    """The second one has read the pages before the first changed them."""
    draft = keep(house, TWO_PAGES)

    class Slow:
        def __getattr__(self, name: str) -> Any:
            return getattr(house.services.papers, name)

        def arranged(self, *what: Any) -> object:
            drafting.arrange(house.services, house.sender, draft.id, [2])
            return house.services.papers.arranged(*what)

    slow = replace(house.services, papers=Slow())  # type: ignore[arg-type]  # by name

    refused(
        "draft_changed",
        lambda: drafting.turn(slow, house.sender, draft.id, page=1, degrees=90),
    )
    assert look(house, draft.id).page_count == 1
    assert len(house.objects()) == 1


# -- sending ---------------------------------------------------------------------------------------


def test_sent_again_it_is_the_same_document(house: House) -> None:
    draft = keep(house)
    note(house, draft.id)

    assert send(house, draft.id) == send(house, draft.id)
    assert house.states() == ["live"]
    with pytest.raises(NotFound):
        drafting.send(house.services, colleague(house), draft.id, still_there)


def test_sent_twice_at_once_it_is_one_document(house: House) -> None:
    draft = keep(house)
    note(house, draft.id)
    both = threading.Barrier(2)

    def push() -> UUID | str:
        both.wait(10)
        try:
            return send(house, draft.id)
        except Conflict as error:
            return error.code

    with ThreadPoolExecutor(2) as pool:
        ends = [pool.submit(push), pool.submit(push)]
        told = {end.result(30) for end in ends}

    [live] = [d.id for d in house.documents() if d.state == "live"]
    assert live in told
    assert told <= {live, "still_running"}
    assert house.keys() == [live]


def test_it_is_scanned_when_it_is_sent_and_stays_when_that_fails(house: House) -> None:
    draft = keep(house, services=replace(house.services, scanner=Saying(Verdict.INFECTED)))
    note(house, draft.id)

    infected = replace(house.services, scanner=Saying(Verdict.INFECTED))
    refused("file_infected", lambda: send(house, draft.id, infected))
    assert [view.id for view in mine(house)] == [draft.id]
    undecided = replace(house.services, scanner=Saying(Verdict.UNSCANNABLE))
    document_id = send(house, draft.id, undecided)

    assert (house.document(document_id).state, mine(house)) == ("held", [])


@pytest.mark.parametrize("deed", ["discard", "arrange", "note"])
def test_what_changes_while_it_is_sent_is_not_sent(house: House, deed: str) -> None:
    draft = keep(house, TWO_PAGES)
    note(house, draft.id)

    def change() -> None:
        if deed == "discard":
            drafting.discard(house.services, house.sender, draft.id)
        elif deed == "note":
            note(house, draft.id, family_name=["Andersmann"])
        else:
            drafting.arrange(house.services, house.sender, draft.id, [1])

    changing = replace(house.services, scanner=Saying(Verdict.CLEAN, change))

    code = "not_found" if deed == "discard" else "draft_changed"
    refused(code, lambda: send(house, draft.id, changing))
    assert house.states() == ["abandoned"]
    assert house.keys() == [view.id for view in mine(house)]


# -- the sweeper -----------------------------------------------------------------------------------


def test_a_living_draft_keeps_its_key_and_its_object(house: House) -> None:
    draft = keep(house)
    note(house, draft.id)

    for hours in (1, 10, 12):
        house.sweep(timedelta(hours=hours))

    assert house.read(send(house, draft.id)) == PAPER


def test_what_nobody_sent_is_gone_after_its_day_and_its_row_a_day_later(house: House) -> None:
    draft = keep(house)
    note(house, draft.id)

    swept = house.sweep(DRAFT_AGE)

    assert swept.drafts_ended == 1
    [row] = rows(house)
    assert (row.typed, row.file_name, row.byte_size) == ({}, "", 0)
    assert (house.objects(), house.keys()) == ([], [])
    [event] = house.events(Happening.DRAFT_DISCARDED)
    assert event.detail == {"draft": str(draft.id), "reason": "expired"}
    assert event.agency_id == house.sender.acting.id
    assert event.municipality_id == house.sender.municipality_id
    assert house.sweep(TOMBSTONE_AGE).drafts_buried == 0
    assert house.sweep(timedelta(seconds=1)).drafts_buried == 1
    assert rows(house) == []


def test_a_store_that_was_down_when_a_draft_was_discarded_is_cleared_later(house: House) -> None:
    draft = keep(house)

    class Down:
        def __getattr__(self, name: str) -> Any:
            raise Unavailable("store_unavailable")

    down = replace(house.services, store=Down())
    drafting.discard(down, house.sender, draft.id)
    assert (mine(house), len(house.objects())) == ([], 1)

    house.sweep()

    assert (house.objects(), house.keys()) == ([], [])


def test_an_upload_that_is_too_slow_is_given_up_and_not_acknowledged(embedded: House) -> None:
    class Late:
        def __getattr__(self, name: str) -> Any:
            return getattr(embedded.services.store, name)

        def put(self, name: str, data: bytes) -> None:
            embedded.sweep(INTAKE_LIMIT + timedelta(seconds=1))
            embedded.services.store.put(name, data)

    late = replace(embedded.services, store=Late())
    refused("intake_died", lambda: keep(embedded, services=late, key="u1"))

    assert keep(embedded, key="u1").page_count == 1
    embedded.sweep(TOMBSTONE_AGE + timedelta(seconds=1))
    assert len(embedded.objects()) <= 1
