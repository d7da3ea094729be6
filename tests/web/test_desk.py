"""The desk: a pile comes in one form, is looked through, and goes out; all without scripts."""

import re
from collections.abc import Iterator

import pytest
from tests.web.house import JOBCENTER, OFFICE, VHS, Answer, House, Visitor, paper, sending_fields
from tests.web.lint import Outline

from kursdocs.demo.papers import sample_paper

CLERK = "omar.beispiel"
KIND_NAME = "Zulassung zum Integrationskurs (Jobcenter)"
Part = tuple[str, tuple[str, bytes, str]]


@pytest.fixture
def clerk(house: House) -> Iterator[Visitor]:
    """Somebody with an empty desk, which is cleared again."""
    visitor = house.person(CLERK)
    yield visitor
    for draft in ids_on(visitor.get("/desk")):
        visitor.post(f"/desk/{draft}/discard")


def part(name: str = "scan.pdf", data: bytes | None = None) -> Part:
    return ("file", (name, paper() if data is None else data, "application/pdf"))


def printed(number: int = 1, family_name: str = "Muster") -> bytes:
    """A paper that says itself what it is and whose."""
    return sample_paper(KIND_NAME, family_name, "Lin", number)


def put(clerk: Visitor, *parts: Part, **fields: str) -> Answer:
    return clerk.post("/desk/files", {"acting_agency": VHS, **fields}, files=list(parts))


def ids_on(answer: Answer) -> list[str]:
    """The papers on the desk, in their order."""
    return list(
        dict.fromkeys(re.findall(r'href="/desk\?draft=([0-9a-f-]{36})#paper"', answer.text))
    )


def said(answer: Answer) -> str:
    return Outline(answer.text).said()


def fields_of(answer: Answer) -> dict[str, str]:
    """What stands in the form of the open paper, as a browser without scripts sends it back."""
    page = Outline(answer.text)
    texts = {f["name"]: f.get("value", "") for f in page.all("input") if f.get("type") is None}
    kind = next((o["value"] for o in page.all("option") if "selected" in o), "")
    return {"kind": kind, **texts}


def test_a_whole_pile_comes_in_one_form_and_each_file_is_a_paper(clerk: Visitor) -> None:
    parts = [part(f"scan-{number}.pdf", printed(number)) for number in range(4)]

    answer = put(clerk, *parts, upload_key="a-pile")

    assert answer.headers["location"] == "/desk"
    assert len(ids_on(clerk.get("/desk"))) == 4


def test_the_same_pile_again_is_on_the_desk_once(clerk: Visitor) -> None:
    parts = [part("a.pdf", printed(1)), part("b.pdf", printed(2))]

    put(clerk, *parts, upload_key="twice")
    put(clerk, *parts, upload_key="twice")

    assert len(ids_on(clerk.get("/desk"))) == 2


def test_a_refused_file_is_told_by_its_name_and_the_others_are_kept(clerk: Visitor) -> None:
    answer = put(clerk, part("gut.pdf"), part("brief.pdf", b"Sehr geehrte"), part("auch gut.pdf"))

    assert answer.status_code == 422
    assert "brief.pdf : Die Datei ist kein PDF, JPEG oder PNG" in said(answer)
    assert "gut.pdf : Die" not in said(answer).replace("auch gut.pdf : Die", "")
    assert len(ids_on(answer)) == 2


def test_nothing_chosen_is_said_and_nothing_is_kept(clerk: Visitor) -> None:
    answer = put(clerk, ("file", ("", b"", "application/octet-stream")))

    assert answer.status_code == 422
    assert "Bitte wählen Sie eine Datei aus." in said(answer)
    assert ids_on(answer) == []


def test_a_file_beyond_the_limit_does_not_stop_those_behind_it(clerk: Visitor) -> None:
    huge = part("riesig.pdf", b"%PDF-" + bytes(32 * 1024**2))

    answer = put(clerk, huge, part("klein.pdf"))

    assert answer.status_code == 422
    assert "höchstens 32 MiB" in said(answer)
    assert len(ids_on(answer)) == 1


def test_what_is_proposed_is_shown_and_never_sent_unseen(clerk: Visitor, house: House) -> None:
    put(clerk, part(data=printed(7, "Gelesen-Muster")))
    page = clerk.get("/desk")
    (draft,) = ids_on(page)
    assert fields_of(page)["family_name"] == "Gelesen-Muster"
    assert "Vorschlag" in said(page)
    # All the rest is typed, so that nothing but the unseen proposals stands against it.
    typed = {"recipient": JOBCENTER, "release_form": "in_person", "then": "keep"}
    clerk.post(f"/desk/{draft}", typed)
    assert "Vorschläge ansehen" in said(clerk.get("/desk"))

    answer = clerk.post("/desk/send", {"draft": draft})

    assert answer.status_code == 422
    assert "hat noch niemand angesehen" in said(answer)
    assert ids_on(clerk.get("/desk")) == [draft]


def test_a_proposal_that_was_struck_out_stays_out(clerk: Visitor) -> None:
    put(clerk, part(data=printed(8)))
    page = clerk.get("/desk")
    (draft,) = ids_on(page)

    clerk.post(f"/desk/{draft}", {**fields_of(page), "bamf_person_no": "", "then": "fields"})

    again = clerk.get("/desk")
    assert fields_of(again)["bamf_person_no"] == ""
    assert "Vorschlag" not in said(again)


def test_looked_through_and_sent_in_two_requests_with_a_receipt_for_each(
    clerk: Visitor, house: House
) -> None:
    put(clerk, part(data=printed(1, "Erste-Muster")), part(data=printed(2, "Zweite-Muster")))
    first, second = ids_on(clerk.get("/desk"))
    same: dict[str, str | list[str]] = {
        "recipient": [OFFICE, JOBCENTER],
        "release_form": "in_writing",
    }
    page = clerk.get(f"/desk?draft={first}")
    clerk.post(
        f"/desk/{first}/fill-down",
        {**fields_of(page), **same, "column": ["recipient", "release"]},
    )
    on = clerk.post(f"/desk/{first}", {**fields_of(page), **same, "then": "next"})
    assert on.headers["location"] == f"/desk?draft={second}"
    page = clerk.get(f"/desk?draft={second}")
    assert "Vorschläge ansehen" in said(page)
    on = clerk.post(f"/desk/{second}", {**fields_of(page), **same, "then": "next"})
    assert on.headers["location"].endswith("&done=ready")
    page = clerk.get("/desk")
    assert "2 Papiere an Jobcenter Musterstadt" in said(page)
    assert "§ 7 Abs. 1 IntV" in said(page)

    sent = clerk.post("/desk/send", {"draft": [first, second]})

    receipts = clerk.get(sent.headers["location"])
    assert "2 Papiere sind gespeichert" in said(receipts)
    assert len(re.findall(r"/documents/[0-9a-f-]{36}/receipt", receipts.text)) == 2
    assert ids_on(clerk.get("/desk")) == []
    again = clerk.post("/desk/send", {"draft": [first, second]})
    assert again.headers["location"] == sent.headers["location"]
    # The script sends one by one and only counts: nobody is named, so that nothing was read.
    at = house.log_end()
    counted = clerk.post("/desk/send", {"draft": first, "then": "count"})
    (stored,) = re.findall(r'data-stored="([0-9a-f-]{36})"', counted.text)
    assert stored in sent.headers["location"]
    assert "Erste-Muster" not in counted.text
    assert house.log_since(at) == []


def test_what_is_missing_is_said_in_its_place_and_what_was_typed_stays(clerk: Visitor) -> None:
    put(clerk, part())
    (draft,) = ids_on(clerk.get("/desk"))
    typed = sending_fields(family_name="Halb-Muster", expires_on="irgendwann", recipient=[])

    answer = clerk.post(f"/desk/{draft}", {**typed, "then": "next"})

    assert answer.status_code == 422
    assert fields_of(answer)["family_name"] == "Halb-Muster"
    assert fields_of(answer)["expires_on"] == "irgendwann"
    assert {a["href"] for a in Outline(answer.text).all("a") if a["href"][:1] == "#"} >= {
        "#recipient",
        "#expires_on",
    }


def test_pages_are_turned_put_in_order_and_joined(clerk: Visitor) -> None:
    two = sample_paper(KIND_NAME, "Seiten-Muster", "Lin", 3, page_count=2)
    put(clerk, part("zwei.pdf", two), part("eins.pdf", printed(4)))
    first, second = ids_on(clerk.get("/desk"))
    before = clerk.get(f"/desk/{first}/pages/1").content
    after = clerk.get(f"/desk/{first}/pages/2").content

    assert clerk.post(f"/desk/{first}/arrange", {"pages": "2,1"}).status_code == 303
    assert clerk.get(f"/desk/{first}/pages/1").content == after
    assert clerk.get(f"/desk/{first}/pages/2").content == before
    assert clerk.post(f"/desk/{first}/turn", {"page": "2", "degrees": "90"}).status_code == 303
    assert clerk.get(f"/desk/{first}/pages/2").content != before
    joined = clerk.post("/desk/join", {"draft": [first, second]})
    assert joined.headers["location"] == f"/desk?draft={first}&done=joined"
    assert ids_on(clerk.get("/desk")) == [first]
    assert clerk.get(f"/desk/{first}/pages/3").status_code == 200


def test_joining_one_paper_alone_is_refused_with_a_sentence(clerk: Visitor) -> None:
    put(clerk, part())
    (draft,) = ids_on(clerk.get("/desk"))

    answer = clerk.post("/desk/join", {"draft": draft})

    assert answer.status_code == 422
    assert ids_on(answer) == [draft]


def test_a_page_of_a_draft_is_kept_by_no_cache_and_runs_nothing(clerk: Visitor) -> None:
    put(clerk, part())
    (draft,) = ids_on(clerk.get("/desk"))

    image = clerk.get(f"/desk/{draft}/pages/1?width=160")

    assert image.headers["content-type"] == "image/png"
    assert image.headers["cache-control"] == "no-store"
    assert "sandbox" in image.headers["content-security-policy"]


def test_a_form_for_another_agency_puts_nothing_on_the_desk(clerk: Visitor) -> None:
    answer = put(clerk, part(), acting_agency="sprachwerk")

    assert answer.status_code == 409
    assert ids_on(clerk.get("/desk")) == []


def test_names_stand_in_no_address(clerk: Visitor) -> None:
    put(clerk, part("Muster-Geheim.pdf", printed(9, "Geheim-Muster")))
    page = Outline(clerk.get("/desk").text)

    addresses = [
        a.get("href", "") + a.get("action", "") + a.get("src", "") for _, a in page.elements
    ]
    assert not [address for address in addresses if "Geheim" in address]
