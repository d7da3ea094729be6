"""Many documents as one ZIP: whole and provable, or refused, or visibly broken; each is logged."""

import csv
import io
import subprocess
import zipfile
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs
from tests.factories import JOBCENTER, OFFICE, make_catalogue
from tests.operations.house import OTHER_PAPER, PAPER, House

from kursdocs.core import agencies
from kursdocs.core.audit import Happening
from kursdocs.core.documents import lifecycle
from kursdocs.core.documents.reading import DocumentView
from kursdocs.core.errors import Invalid, NotFound, Unavailable
from kursdocs.operations import bundling
from kursdocs.operations.bundling import Bundle
from kursdocs.operations.settling import DELIVERIES_MAX


def to_office(view: DocumentView) -> UUID:
    return next(one.id for one in view.deliveries if one.recipient == OFFICE)


def made(house: House, *views: DocumentView) -> Bundle:
    return bundling.bundle(house.services, house.recipient, [to_office(view) for view in views])


def opened(data: bytes) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    return archive


def downloaded(house: House) -> list[UUID | None]:
    return [event.document_id for event in house.events(Happening.DOCUMENT_DOWNLOADED)]


def damage(house: House, view: DocumentView) -> None:
    name = house.document(view.id).object_name
    data = bytearray(house.services.store.get(name))
    data[len(data) // 2] ^= 1
    house.services.store.delete(name)
    house.services.store.put(name, bytes(data))


def withdraw(house: House, view: DocumentView) -> None:
    with house.services.transaction() as session:
        lifecycle.withdraw(
            session,
            house.sender,
            view.id,
            reason="wrong_person",
            catalogue=make_catalogue(),
            now=house.clock(),
        )


def test_a_bundle_holds_every_document_byte_for_byte_and_is_as_long_as_it_says(
    house: House,
) -> None:
    views = [house.send(PAPER), house.send(OTHER_PAPER)]

    bundle = made(house, *views)
    data = b"".join(bundle.chunks)

    assert len(data) == bundle.length
    assert bundle.name == "kursdocs-2026-11-23-1030.zip"
    archive = opened(data)
    names = [f"admission_ik_jc-{str(view.id)[-12:]}.pdf" for view in views]
    assert archive.namelist() == ["manifest.csv", "SHA256SUMS", *names]
    assert [archive.read(name) for name in names] == [PAPER, OTHER_PAPER]


def test_its_sums_are_proven_by_the_tool_that_everybody_has(
    embedded: House, tmp_path: Path
) -> None:
    with embedded.services.transaction() as session:
        office = agencies.by_slug(session, OFFICE)
        office.file_name_pattern = "{name}, {vorname}"
        session.add(office)
    views = [embedded.send(PAPER), embedded.send(OTHER_PAPER)]
    folder = tmp_path / "unpacked"

    opened(b"".join(made(embedded, *views).chunks)).extractall(folder)

    def proven() -> int:
        return subprocess.run(
            ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, capture_output=True
        ).returncode

    assert proven() == 0
    paper = next(folder.glob("Mustermann-Öztürk, Probefried-*.pdf"))
    paper.write_bytes(paper.read_bytes() + b" ")
    assert proven() == 1


def test_its_manifest_says_of_each_what_a_case_system_asks(embedded: House) -> None:
    with embedded.services.transaction() as session:
        sender = agencies.by_slug(session, "vhs-musterstadt")
        sender.name = "=1+1"
        session.add(sender)
    view = embedded.send(PAPER)

    archive = opened(b"".join(made(embedded, view).chunks))

    text = archive.read("manifest.csv").decode("utf-8-sig")
    assert archive.read("manifest.csv").startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(io.StringIO(text), delimiter=";")
    assert row == {
        "name": f"admission_ik_jc-{str(view.id)[-12:]}.pdf",
        "document": str(view.id),
        "kind": "admission_ik_jc",
        "sender": "'=1+1",
        "received": "2026-11-23T10:30:00+01:00",
        "sha256": view.sha256,
        "bytes": str(len(PAPER)),
    }


def test_each_document_is_logged_and_opened_before_its_first_byte_and_not_earlier(
    house: House,
) -> None:
    first, second = house.send(PAPER), house.send(OTHER_PAPER)
    bundle = made(house, first, second)
    assert downloaded(house) == []
    house.clock.advance(timedelta(minutes=5))

    seen = b""
    for chunk in bundle.chunks:
        if chunk == PAPER:
            assert downloaded(house) == [first.id]
        if chunk == OTHER_PAPER:
            assert downloaded(house) == [first.id, second.id]
        seen += chunk

    assert downloaded(house) == [first.id, second.id]
    assert len(seen) == bundle.length
    with house.services.transaction() as session:
        of_office = lifecycle.deliveries_of(session, first.id)[0]
    assert of_office.opened_at == house.clock()


def test_what_nobody_waits_for_any_more_is_neither_read_nor_logged(embedded: House) -> None:
    first, second = embedded.send(PAPER), embedded.send(OTHER_PAPER)
    chunks = made(embedded, first, second).chunks

    while next(chunks) != PAPER:
        pass
    chunks.close()  # type: ignore[attr-defined]  # a generator

    assert downloaded(embedded) == [first.id]


@pytest.mark.parametrize("others", ["foreign", "unknown", "withdrawn"])
def test_one_that_is_not_for_the_agency_refuses_the_whole(house: House, others: str) -> None:
    view = house.send(PAPER)
    far = house.send(OTHER_PAPER, sending=house.sending(JOBCENTER, OFFICE))
    if others == "withdrawn":
        withdraw(house, far)
    ids = {
        "foreign": next(one.id for one in far.deliveries if one.recipient == JOBCENTER),
        "unknown": uuid4(),
        "withdrawn": to_office(far),
    }

    with pytest.raises(NotFound):
        bundling.bundle(house.services, house.recipient, [to_office(view), ids[others]])

    assert downloaded(house) == []


def test_none_and_too_many_are_refused(embedded: House) -> None:
    for ids, code in (([], "missing"), ([uuid4() for _ in range(DELIVERIES_MAX + 1)], "too_many")):
        with pytest.raises(Invalid) as refused:
            bundling.bundle(embedded.services, embedded.recipient, ids)
        assert refused.value.code == f"deliveries_{code}"


def test_too_much_for_one_file_is_refused(embedded: House, monkeypatch: pytest.MonkeyPatch) -> None:
    view = embedded.send(PAPER)
    monkeypatch.setattr(bundling, "BYTES_MAX", len(PAPER) - 1)

    with pytest.raises(Invalid) as refused:
        made(embedded, view)

    assert refused.value.code == "bundle_too_large"


def test_the_same_one_twice_is_in_it_once(embedded: House) -> None:
    view = embedded.send(PAPER)

    assert len(opened(b"".join(made(embedded, view, view).chunks)).namelist()) == 3


def test_a_damaged_one_is_refused_before_the_first_byte_and_named_to_the_operator(
    house: House,
) -> None:
    whole, damaged = house.send(PAPER), house.send(OTHER_PAPER)
    damage(house, damaged)

    with capture_logs() as log, pytest.raises(Unavailable) as refused:
        made(house, whole, damaged)

    assert refused.value.code == "document_damaged"
    assert downloaded(house) == []
    (entry,) = [one for one in log if one["event"] == "bundle.document_damaged"]
    assert (entry["document"], entry["log_level"]) == (str(damaged.id), "error")


@pytest.mark.parametrize("harm", [damage, withdraw])
def test_what_goes_wrong_in_between_stops_it_short_and_loudly(house: House, harm: object) -> None:
    whole, harmed = house.send(PAPER), house.send(OTHER_PAPER)
    bundle = made(house, whole, harmed)
    harm(house, harmed)  # type: ignore[operator]  # one of the two functions above

    taken = list[bytes]()
    with capture_logs() as log, pytest.raises((Unavailable, NotFound)):
        taken.extend(bundle.chunks)

    got = b"".join(taken)
    assert len(got) < bundle.length
    with pytest.raises(zipfile.BadZipFile):
        opened(got)
    assert PAPER in got
    assert OTHER_PAPER not in got
    assert "bundle.broke_off" in [entry["event"] for entry in log]
