"""Parts that are down: a clear answer, nothing half stored, the form kept, and back by itself."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlmodel import func, select
from tests.servers import PostgresServer
from tests.web.house import OFFICE, VHS, House, open_house, sending_fields, the_file
from tests.web.lint import Outline
from tests.web.test_bad_input import api_problem, assert_kept

from kursdocs.core.documents.tables import Document, DocumentState


@pytest.fixture(scope="module")
def on_postgres(quick_folder: Path, postgres: PostgresServer) -> Iterator[House]:
    """A house whose database can be stopped, and nothing else with it."""
    url = postgres.new_database()
    with open_house(quick_folder / "on-postgres", database_url=url) as house:
        yield house
    postgres.drop_database(url)


@pytest.fixture(scope="module")
def keys_apart(quick_folder: Path, postgres: PostgresServer) -> Iterator[House]:
    """A house whose key store can be stopped, and nothing else with it."""
    url = postgres.new_database()
    with open_house(quick_folder / "keys-apart", keys_url=url) as house:
        yield house
    postgres.drop_database(url)


@contextmanager
def stopped(postgres: PostgresServer) -> Iterator[None]:
    """PostgreSQL is down."""
    postgres.stop()
    try:
        yield
    finally:
        postgres.start()


@contextmanager
def no_folder(house: House) -> Iterator[None]:
    """The object store's folder is gone, and cannot be made again."""
    folder, aside = house.var / "objects", house.var / "aside"
    folder.rename(aside)
    folder.write_text("a file where a folder should be")
    try:
        yield
    finally:
        folder.unlink()
        shutil.move(aside, folder)


def live_documents(house: House) -> int:
    with house.services.transaction() as session:
        query = select(func.count()).where(Document.state != DocumentState.ABANDONED)
        return session.exec(query).one()


def test_without_a_database_the_form_comes_back_as_it_was_typed(
    on_postgres: House, postgres: PostgresServer
) -> None:
    visitor = on_postgres.newly("amina.muster", "en")
    typed = sending_fields(idempotency_key="ohne-datenbank")
    before = live_documents(on_postgres)
    with stopped(postgres):
        looked, sent = visitor.get("/inbox"), visitor.send(typed)

        assert on_postgres.client({}).get("/healthz").status_code == 200
        not_ready = on_postgres.client({}).get("/readyz")

    assert not_ready.status_code == 503
    told = not_ready.json()
    assert (told["ready"], told["status"]) == (False, "unready")
    assert told["parts"]["database"] == {"status": "down", "code": "database_unavailable"}
    assert told["parts"]["mail"] == {"status": "unknown"}
    for answer in (looked, sent):
        assert answer.status_code == 503
        assert answer.headers["retry-after"].isdigit()
        assert "The database does not answer" in Outline(answer.text).said()
    assert_kept(sent, typed)
    page = Outline(sent.text)
    assert [form["enctype"] for form in page.all("form") if form["action"] == "/documents"]
    assert [field["name"] for field in page.all("input") if field.get("type") == "file"] == ["file"]
    # Back by itself, and the form that was offered leads on.
    again = visitor.send(typed)
    assert again.status_code == 303, again.text
    assert live_documents(on_postgres) == before + 1


def test_without_a_database_small_forms_come_back_too(
    on_postgres: House, postgres: PostgresServer
) -> None:
    visitor, sent = on_postgres.newly("jonas.muster"), on_postgres.noted(VHS, OFFICE)
    address = f"/deliveries/{sent.delivery_id}/return"
    with stopped(postgres):
        answer = visitor.post(address, {"reason": "illegible"})

    assert answer.status_code == 503
    assert_kept(answer, {"reason": "illegible"})
    assert visitor.post(address, {"reason": "illegible"}).status_code == 303


def test_without_a_database_the_api_says_when_to_come_back(
    on_postgres: House, postgres: PostgresServer
) -> None:
    client = on_postgres.service(VHS)
    assert client.get("/api/v1/me").status_code == 200
    with stopped(postgres):
        looked = client.get("/api/v1/inbox")
        sent = client.post("/api/v1/documents", data=sending_fields(), files=the_file())

    for answer in (looked, sent):
        api_problem(answer, 503, "database_unavailable")
        assert answer.headers["retry-after"].isdigit()
    assert client.get("/api/v1/inbox").status_code == 200


def test_without_a_key_store_nothing_is_stored(keys_apart: House, postgres: PostgresServer) -> None:
    visitor, client = keys_apart.newly("amina.muster"), keys_apart.service(VHS)
    kept = keys_apart.sent(VHS, OFFICE)
    before = keys_apart.contents(), keys_apart.objects()
    typed = sending_fields(idempotency_key="ohne-schluessel")
    with stopped(postgres):
        page = visitor.send(typed)
        answer = client.post("/api/v1/documents", data=sending_fields(), files=the_file())
        looked = visitor.get(f"/documents/{kept.document_id}/content")
        again = client.get(f"/api/v1/documents/{kept.document_id}/content")

    assert page.status_code == looked.status_code == 503
    assert page.headers["retry-after"].isdigit()
    assert "Der Schlüsselspeicher antwortet nicht" in Outline(page.text).said()
    assert_kept(page, typed)
    api_problem(answer, 503, "keys_unavailable")
    api_problem(again, 503, "keys_unavailable")
    assert (keys_apart.contents(), keys_apart.objects()) == before
    assert visitor.send(typed).status_code == 303
    assert visitor.get(f"/documents/{kept.document_id}/content").status_code == 200


def test_without_an_object_store_nothing_is_delivered(keys_apart: House) -> None:
    visitor, client = keys_apart.newly("amina.muster", "en"), keys_apart.service(VHS)
    kept = keys_apart.sent(VHS, OFFICE)
    count, objects = live_documents(keys_apart), keys_apart.objects()
    typed = sending_fields(idempotency_key="ohne-speicher")
    with no_folder(keys_apart):
        page = visitor.send(typed)
        answer = client.post("/api/v1/documents", data=sending_fields(), files=the_file())
        looked = visitor.get(f"/documents/{kept.document_id}/content")
        image = visitor.get(f"/documents/{kept.document_id}/pages/1")
        about = visitor.get(f"/documents/{kept.document_id}")

    assert page.status_code == looked.status_code == image.status_code == 503
    assert about.status_code == 200
    assert "The document store does not answer" in Outline(page.text).said()
    assert_kept(page, typed)
    api_problem(answer, 503, "store_unavailable")
    assert (live_documents(keys_apart), keys_apart.objects()) == (count, objects)
    assert visitor.send(typed).status_code == 303


def test_a_damaged_document_is_not_handed_out(keys_apart: House) -> None:
    before = keys_apart.objects()
    kept = keys_apart.sent(VHS, OFFICE)
    (stored,) = keys_apart.objects() - before
    path = Path(stored)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    page = keys_apart.newly("jonas.muster").get(f"/documents/{kept.document_id}/content")
    answer = keys_apart.service(OFFICE).get(f"/api/v1/documents/{kept.document_id}/content")

    assert page.status_code == 503
    api_problem(answer, 503, "document_damaged")
