"""The inbox by its API, over a real line: filters, pages, claims, undoing, and many as one ZIP."""

import io
import zipfile
from uuid import UUID

import httpx2
import pytest
from tests.web.house import OFFICE, UNKNOWN, VHS, Answer, House

from kursdocs.core.documents.tables import Document
from kursdocs.operations import handout

CLERK, HEAD = "jonas.muster", "karin.beispiel"


def post(house: House, who: str, path: str, body: object = None) -> Answer:
    client = house.program(house.person_token(who))
    return client.post(f"/api/v1/{path}", json={} if body is None else body)


def bundle(house: House, *ids: UUID) -> Answer:
    body = {"deliveries": [str(one) for one in ids]}
    return house.service(OFFICE).post("/api/v1/inbox/bundle", json=body)


def test_a_bundle_arrives_whole_and_says_beforehand_how_long_it_is(house: House) -> None:
    sent = [house.sent(VHS, OFFICE) for _ in range(3)]

    answer = bundle(house, *(one.delivery_id for one in sent))

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith('attachment; filename="kursdocs-')
    assert int(answer.headers["content-length"]) == len(answer.content)
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    assert len(archive.namelist()) == 5


@pytest.fixture
def failing_later(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """Documents that can be read once and are damaged the second time."""
    harmed, asked, real = list[UUID](), set[UUID](), handout.open_stored

    def open_stored(services: object, document: Document) -> bytes:
        if document.id in harmed and document.id in asked:
            raise handout.DocumentDamaged
        asked.add(document.id)
        return real(services, document)  # type: ignore[arg-type]  # the services

    monkeypatch.setattr(handout, "open_stored", open_stored)
    return harmed


def test_a_bundle_that_breaks_off_is_taken_for_whole_by_no_client(
    house: House, failing_later: list[UUID]
) -> None:
    first, second = house.sent(VHS, OFFICE), house.sent(VHS, OFFICE)
    failing_later.append(second.document_id)

    with pytest.raises(httpx2.RemoteProtocolError):
        bundle(house, first.delivery_id, second.delivery_id)

    # The next one is served as ever.
    assert bundle(house, first.delivery_id).status_code == 200


def test_what_can_be_known_before_is_a_clear_answer(house: House) -> None:
    sent = house.sent(VHS, OFFICE)

    for ids, status, code in (
        ([], 422, "deliveries_missing"),
        ([sent.delivery_id, UNKNOWN], 404, "not_found"),
        ([UNKNOWN] * 300, 404, "not_found"),
        ([UUID(int=number) for number in range(201)], 422, "deliveries_too_many"),
    ):
        answer = bundle(house, *ids)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    answer = house.service(OFFICE).post("/api/v1/inbox/bundle", json={"deliveries": ["x"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "field_format")


def test_a_list_is_narrowed_ordered_and_goes_on(house: House) -> None:
    sent = [house.noted(VHS, OFFICE) for _ in range(3)]
    client = house.service(OFFICE)

    def listed(**query: str) -> dict[str, object]:
        answer = client.get("/api/v1/inbox", params={"order": "newest", **query})
        assert answer.status_code == 200
        found: dict[str, object] = answer.json()
        return found

    ids, after = list[str](), dict[str, str]()
    for _ in range(3):
        page = listed(limit="1", sender=VHS, **after)
        ids += [item["id"] for item in page["items"]]  # type: ignore[attr-defined]  # JSON
        after = {"after": str(page["next"])}

    assert ids == [str(one.delivery_id) for one in reversed(sent)]
    assert listed(sender="sprachwerk-gibt-es-nicht")["items"] == []
    assert listed(kind="gibt_es_nicht")["items"] == []
    # A place in the one order is none in the other.
    refused = client.get("/api/v1/inbox", params={"order": "due", **after})
    assert (refused.status_code, refused.json()["code"]) == (400, "parameter_invalid")
    assert "after" in refused.json()["detail"]


def test_a_claim_is_seen_by_colleagues_and_a_slip_is_undone(house: House) -> None:
    path = f"deliveries/{house.noted(VHS, OFFICE).delivery_id}"

    claimed = post(house, CLERK, f"{path}/claim")
    refused = post(house, HEAD, f"{path}/take-over")
    taken = post(house, HEAD, f"{path}/take-over", {"despite_claim": True})
    foreign = post(house, CLERK, f"{path}/undo")
    undone = post(house, HEAD, f"{path}/undo")

    assert claimed.status_code == 200
    assert claimed.json()["working_until"].endswith("Z")
    assert (refused.status_code, refused.json()["code"]) == (409, "claimed_by_colleague")
    assert refused.json()["until"] == claimed.json()["working_until"]
    assert refused.json()["by"] == claimed.json()["working"] != ""
    assert (taken.status_code, taken.json()["state"]) == (200, "taken_over")
    assert (foreign.status_code, foreign.json()["code"]) == (409, "undo_not_yours")
    assert (undone.status_code, undone.json()["state"]) == (200, "new")
    assert undone.json()["taken_over_at"] is None
