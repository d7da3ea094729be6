"""Handing out bytes: the log comes first, the first look counts, damaged bytes go to nobody."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from tests.factories import JOBCENTER, OFFICE, make_catalogue
from tests.operations.house import OTHER_PAPER, PAPER, House
from tests.operations.outages import moved_away

from kursdocs.core import agencies
from kursdocs.core.audit import Happening
from kursdocs.core.documents import lifecycle, reading
from kursdocs.core.errors import NotFound, Unavailable
from kursdocs.core.workdays import local_date
from kursdocs.demo.papers import sample_paper
from kursdocs.operations import handout
from kursdocs.operations.handout import DocumentDamaged, Handout
from kursdocs.operations.sealing import seal

LATER = timedelta(hours=2)
PNG = b"\x89PNG\r\n\x1a\n"


def look(house: House, document_id: UUID, *, page: int = 1, slug: str = OFFICE) -> bytes:
    """One page image."""
    actor = house.actors[slug]
    return handout.page_image(house.services, actor, document_id, page=page, width=400)


def opened_at(house: House, document_id: UUID) -> dict[str, object]:
    """When each recipient opened it, by the sender's view."""
    with house.services.transaction() as session:
        view = reading.view(session, house.sender, document_id)
    return {delivery.recipient: delivery.opened_at for delivery in view.deliveries}


def happenings(house: House, document_id: UUID) -> list[Happening]:
    return [event.happening for event in house.events(document_id=document_id)][1:]


def test_a_download_is_the_stored_pdf_byte_for_byte(house: House) -> None:
    view = house.send(PAPER)

    got = handout.download(house.services, house.recipient, view.id)

    assert got == Handout(f"admission_ik_jc-{str(view.id)[-12:]}.pdf", PAPER)


def test_a_download_is_called_after_the_pattern_of_the_agency_that_downloads(
    house: House,
) -> None:
    with house.services.transaction() as session:
        office = agencies.by_slug(session, OFFICE)
        office.file_name_pattern = "{eingang} {name} {vorname} {nummer} {absender} {art}"
        session.add(office)
    view = house.send(PAPER)
    received = view.deliveries[0].delivered_at
    assert received is not None

    theirs = handout.download(house.services, house.recipient, view.id)
    ours = handout.download(house.services, house.sender, view.id)

    key = str(view.id)[-12:]
    day = local_date(received).isoformat()
    assert theirs.name == (
        f"{day} Mustermann-Öztürk Probefried 4711081 Vhs-Musterstadt Zulassung zum"
        f" Integrationskurs (Jobcenter)-{key}.pdf"
    )
    assert ours.name == f"admission_ik_jc-{key}.pdf"


def test_a_page_image_is_a_png_of_that_page(house: House) -> None:
    two_pages = sample_paper("Zulassung", "Beispiel", "Mia", 3, page_count=2)
    view = house.send(two_pages)

    first, second = look(house, view.id), look(house, view.id, page=2)

    assert first.startswith(PNG)
    assert second.startswith(PNG)
    assert first != second
    assert [event.detail for event in house.events(Happening.DOCUMENT_PREVIEWED)] == [
        {"page": 1},
        {"page": 2},
    ]


@pytest.mark.parametrize("page", [0, -1, 2, 10_000])
def test_a_page_there_is_not_is_not_found_and_counts_as_no_look(embedded: House, page: int) -> None:
    view = embedded.send()

    with pytest.raises(NotFound):
        look(embedded, view.id, page=page)

    assert opened_at(embedded, view.id) == {OFFICE: None}
    assert happenings(embedded, view.id) == []


@pytest.mark.parametrize("read", [House.read, look])
def test_the_first_look_of_a_recipient_opens_its_delivery_once(
    house: House, read: Callable[[House, UUID], bytes]
) -> None:
    view = house.send(sending=house.sending(OFFICE, JOBCENTER))
    house.clock.advance(LATER)
    first = house.clock()

    read(house, view.id)
    house.clock.advance(LATER)
    read(house, view.id)

    assert opened_at(house, view.id) == {OFFICE: first, JOBCENTER: None}
    assert len(happenings(house, view.id)) == 2


def test_the_senders_own_look_is_logged_and_opens_nothing(house: House) -> None:
    view = house.send()

    house.read(view.id, house.sender)
    look(house, view.id, slug="vhs-musterstadt")

    assert opened_at(house, view.id) == {OFFICE: None}
    assert happenings(house, view.id) == [
        Happening.DOCUMENT_DOWNLOADED,
        Happening.DOCUMENT_PREVIEWED,
    ]


def test_who_is_not_addressed_finds_nothing_and_leaves_no_row(house: House) -> None:
    view = house.send()

    for slug in (JOBCENTER, "sprachwerk"):
        with pytest.raises(NotFound):
            house.read(view.id, house.actors[slug])
        with pytest.raises(NotFound):
            look(house, view.id, slug=slug)

    assert happenings(house, view.id) == []


def test_a_withdrawn_document_is_gone_for_the_recipient_and_stays_with_the_sender(
    house: House,
) -> None:
    view = house.send()
    with house.services.transaction() as session:
        lifecycle.withdraw(
            session,
            house.sender,
            view.id,
            reason="misaddressed",
            catalogue=make_catalogue(),
            now=house.clock(),
        )

    with pytest.raises(NotFound):
        house.read(view.id)
    with pytest.raises(NotFound):
        look(house, view.id)
    assert house.read(view.id, house.sender) == PAPER
    assert house.faults() == []


# -- the log comes before the first byte -----------------------------------------------------------


@pytest.mark.parametrize("read", [House.read, look])
def test_a_look_is_in_the_log_even_when_no_byte_could_be_fetched(
    embedded: House, tmp_path: Path, read: Callable[[House, UUID], bytes]
) -> None:
    view = embedded.send()

    with moved_away(tmp_path / "objects"), pytest.raises(Unavailable) as refused:
        read(embedded, view.id)

    assert refused.value.code == "store_unavailable"
    assert len(happenings(embedded, view.id)) == 1
    assert opened_at(embedded, view.id) == {OFFICE: embedded.clock()}


# -- damaged bytes go to nobody --------------------------------------------------------------------


def replace_object(house: House, document_id: UUID, data: bytes) -> None:
    name = house.document(document_id).object_name
    house.services.store.delete(name)
    house.services.store.put(name, data)


def sealed(house: House, document_id: UUID) -> bytes:
    return house.services.store.get(house.document(document_id).object_name)


def flip_a_bit(house: House, view_id: UUID, other_id: UUID) -> None:
    data = bytearray(sealed(house, view_id))
    data[len(data) // 2] ^= 1
    replace_object(house, view_id, bytes(data))


def cut_the_end(house: House, view_id: UUID, other_id: UUID) -> None:
    replace_object(house, view_id, sealed(house, view_id)[:-1])


def empty_it(house: House, view_id: UUID, other_id: UUID) -> None:
    replace_object(house, view_id, b"")


def put_it_in_the_open(house: House, view_id: UUID, other_id: UUID) -> None:
    replace_object(house, view_id, PAPER)


def swap_with_another(house: House, view_id: UUID, other_id: UUID) -> None:
    replace_object(house, view_id, sealed(house, other_id))


def remove_it(house: House, view_id: UUID, other_id: UUID) -> None:
    house.services.store.delete(house.document(view_id).object_name)


def destroy_its_key(house: House, view_id: UUID, other_id: UUID) -> None:
    house.services.keys.destroy(view_id)


@pytest.mark.parametrize(
    "damage",
    [
        flip_a_bit,
        cut_the_end,
        empty_it,
        put_it_in_the_open,
        swap_with_another,
        remove_it,
        destroy_its_key,
    ],
)
def test_what_is_damaged_is_handed_out_to_nobody_and_harms_no_other(
    house: House, damage: Callable[[House, UUID, UUID], None]
) -> None:
    view, other = house.send(PAPER), house.send(OTHER_PAPER)
    damage(house, view.id, other.id)

    for read in (House.read, look):
        with pytest.raises(DocumentDamaged) as refused:
            read(house, view.id)
        assert refused.value.code == "document_damaged"

    assert house.read(other.id) == OTHER_PAPER
    assert len(happenings(house, view.id)) == 2


def test_bytes_that_do_not_fit_the_receipt_are_not_handed_out(embedded: House) -> None:
    """Sealed properly, for this very document, but not what its receipt says."""
    view = embedded.send(PAPER)
    key = embedded.services.keys.get(view.id)
    replace_object(embedded, view.id, seal(key, view.id, OTHER_PAPER))

    with pytest.raises(DocumentDamaged):
        embedded.read(view.id)
