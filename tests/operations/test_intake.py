"""Receiving documents on real parts: what is stored, what is refused and leaves nothing, what is
repeated, and what happens when a part is down or answers falsely.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select
from tests.adapters.paper_corpus import certificate, jpeg, photograph, small_pdf, stream
from tests.factories import JOBCENTER, OFFICE, PROVIDER, make_form
from tests.operations.house import OTHER_PAPER, PAPER, House
from tests.operations.outages import cut_off, moved_away, stopped
from tests.operations.points import probed
from tests.scanners import Saying
from tests.servers import PostgresServer, S3Server
from tests.servers_clamd import EICAR, ClamdServer, clamd_for_tests

from kursdocs.adapters.scanner import ClamdScanner
from kursdocs.core import audit
from kursdocs.core.audit import Happening
from kursdocs.core.documents import inbox, lifecycle
from kursdocs.core.documents.inbox import Filter
from kursdocs.core.documents.lifecycle import INTAKE_LIMIT, TOMBSTONE_AGE
from kursdocs.core.documents.tables import Delivery
from kursdocs.core.errors import Conflict, Invalid, KursdocsError, NotFound, Unavailable
from kursdocs.core.ports import ObjectMissing, ObjectStore, Tampered
from kursdocs.operations import intake
from kursdocs.operations.sealing import unseal

TOO_LATE = INTAKE_LIMIT + timedelta(seconds=1)
ENCRYPTED = small_pdf(
    trailer=b"/Encrypt << /Filter /Adobe.PubSec /V 4 >> /ID [(0123456789) (0123456789)]"
)


def code_of(act: Callable[[], object], kind: type[KursdocsError]) -> str:
    """The code with which this is refused."""
    with pytest.raises(kind) as refused:
        act()
    return refused.value.code


def deliveries(house: House) -> Sequence[Delivery]:
    with house.services.transaction() as session:
        return session.exec(select(Delivery)).all()


def inbox_size(house: House, slug: str = OFFICE) -> int:
    with house.services.transaction() as session:
        return len(inbox.rows(session, house.actors[slug], Filter()))


def assert_nothing_kept(house: House, states: Sequence[str] = ()) -> None:
    """No bytes, no key, no taken idempotency key, and rows in these states only."""
    assert house.objects() == []
    assert house.keys() == []
    assert house.idempotency_keys() == []
    assert house.states() == list(states)
    assert deliveries(house) == []


# -- what is stored ------------------------------------------------------------------------------


def test_what_was_sent_lies_sealed_in_the_store_and_comes_back_as_sent(house: House) -> None:
    view = house.send(PAPER)

    row = house.document(view.id)
    sealed = house.services.store.get(row.object_name)
    assert house.objects() == [row.object_name]
    assert house.keys() == [view.id]
    assert PAPER[:64] not in sealed
    assert b"%PDF" not in sealed
    assert hashlib.sha256(sealed).hexdigest() == row.stored_sha256
    assert unseal(house.services.keys.get(view.id), view.id, sealed) == PAPER
    assert house.read(view.id) == PAPER
    assert house.faults() == []


def test_the_receipt_says_what_was_received_and_what_is_stored(house: House) -> None:
    view = house.send(PAPER)

    digest = hashlib.sha256(PAPER).hexdigest()
    assert (view.sha256, view.received_sha256) == (digest, digest)
    assert (view.state, view.byte_size, view.page_count) == ("live", len(PAPER), 1)
    assert view.stored_at == house.clock()
    assert [(d.recipient, d.state, d.delivered_at) for d in view.deliveries] == [
        (OFFICE, "new", house.clock())
    ]


def test_two_photographs_become_one_pdf_of_two_pages(house: House) -> None:
    photographs = [jpeg(), jpeg(photograph((600, 800)))]

    view = house.send(*photographs)

    pdf = house.read(view.id)
    assert pdf.startswith(b"%PDF-")
    assert (view.page_count, view.byte_size) == (2, len(pdf))
    assert view.sha256 == hashlib.sha256(pdf).hexdigest()
    assert view.received_sha256 == hashlib.sha256(b"".join(photographs)).hexdigest()


def test_each_recipient_gets_a_delivery_and_the_log_one_row(house: House) -> None:
    view = house.send(sending=house.sending(OFFICE, JOBCENTER))

    agencies = {house.actors[slug].acting.id for slug in (OFFICE, JOBCENTER)}
    assert {delivery.recipient_agency_id for delivery in deliveries(house)} == agencies
    [event] = house.events(document_id=view.id)
    assert event.happening == Happening.DOCUMENT_SENT
    assert event.agency_id == house.sender.acting.id
    assert event.detail == {"kind": "admission_ik_jc", "recipients": 2, "bytes": len(PAPER)}
    assert (inbox_size(house, OFFICE), inbox_size(house, JOBCENTER)) == (1, 1)


@pytest.mark.parametrize("part", ["deliveries", "log"])
def test_document_deliveries_and_log_are_one_transaction(
    embedded: House, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """Whichever of them fails, none of the others is there."""
    where = {
        "deliveries": (lifecycle, "index"),
        "log": (audit, "record"),
    }
    module, name = where[part]
    real, calls = getattr(module, name), []

    def fail(*arguments: object, **named: object) -> object:
        calls.append(name)
        if len(calls) == 1:
            raise RuntimeError("the disk of the database is full")
        return real(*arguments, **named)

    monkeypatch.setattr(module, name, fail)

    with pytest.raises(RuntimeError, match="full"):
        embedded.send(key="k")

    assert_nothing_kept(embedded, ["abandoned"])
    assert embedded.faults() == []


def test_a_form_is_checked_before_the_file_comes(house: House) -> None:
    sending = intake.prepare(house.services, house.sender, make_form(OFFICE, JOBCENTER))

    assert len(sending.addressed) == 2
    with pytest.raises(KursdocsError, match="form_invalid"):
        intake.prepare(house.services, house.sender, make_form(PROVIDER))
    assert house.documents() == []


# -- what is refused leaves nothing ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "files"),
    [
        ("file_empty", [b""]),
        ("file_empty", []),
        ("file_type", [b"Dies ist ein Text."]),
        ("file_damaged", [certificate()[:300]]),
        ("file_encrypted", [ENCRYPTED]),
        ("file_active", [small_pdf(b"/OpenAction << /S /JavaScript /JS (app.alert(1)) >>")]),
        ("file_too_many_pages", [jpeg()] * 21),
        ("files_mixed", [PAPER, jpeg()]),
        ("files_mixed", [PAPER, OTHER_PAPER]),
    ],
)
def test_a_file_that_is_refused_leaves_no_trace(
    embedded: House, code: str, files: list[bytes]
) -> None:
    sending = embedded.sending()

    def act() -> object:
        return intake.store(embedded.services, embedded.sender, sending, files, "a-key")

    assert code_of(act, Invalid) == code

    assert_nothing_kept(embedded)
    assert embedded.events(Happening.DOCUMENT_ABANDONED) == []


def test_a_document_that_grew_too_big_when_bound_is_refused(
    embedded: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "FILE_BYTES_MAX", 1000)

    assert code_of(lambda: embedded.send(PAPER), Invalid) == "file_too_big_inside"

    assert_nothing_kept(embedded)


def test_a_key_that_is_too_long_is_refused(embedded: House) -> None:
    assert code_of(lambda: embedded.send(key="k" * 201), Invalid) == "key_too_long"

    assert_nothing_kept(embedded)


# -- malware --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clamd() -> Iterator[ClamdServer]:
    with clamd_for_tests() as server:
        yield server


@pytest.fixture
def guarded(house: House, clamd: ClamdServer) -> Iterator[House]:
    """The house with a real scanner, which runs again afterwards."""
    yield replace(house, services=replace(house.services, scanner=ClamdScanner(clamd.address)))
    if clamd.process is None:
        clamd.start()


# It holds the signature that the tests' clamd knows, where no program would look at it.
INFECTED = small_pdf(b"/Probe 4 0 R", b"", stream(EICAR))


def test_an_infected_file_is_refused_and_leaves_a_row_in_the_log_only(guarded: House) -> None:
    assert code_of(lambda: guarded.send(INFECTED, key="k"), Invalid) == "file_infected"

    assert_nothing_kept(guarded, ["abandoned"])
    [event] = guarded.events(Happening.DOCUMENT_ABANDONED)
    assert event.detail == {"reason": "file_infected"}
    assert guarded.documents()[0].family_name == ""
    assert guarded.faults() == []


def test_a_clean_file_passes_the_scanner(guarded: House) -> None:
    assert guarded.send().state == "live"


def test_without_a_scanner_a_document_is_held_and_released_when_it_is_back(
    guarded: House, clamd: ClamdServer
) -> None:
    clamd.stop()

    view = guarded.send(key="k")

    assert view.state == "held"
    assert [delivery.delivered_at for delivery in view.deliveries] == [None]
    assert guarded.read(view.id, guarded.sender) == PAPER
    assert code_of(lambda: guarded.read(view.id), NotFound) == "not_found"
    assert inbox_size(guarded) == 0
    assert guarded.sweep().released == 0
    assert guarded.send(key="k").id == view.id

    clamd.start()
    guarded.clock.advance(timedelta(minutes=9))
    assert guarded.sweep().released == 1

    assert guarded.document(view.id).state == "live"
    assert [delivery.delivered_at for delivery in deliveries(guarded)] == [guarded.clock()]
    assert inbox_size(guarded) == 1
    assert guarded.read(view.id) == PAPER
    assert [event.happening for event in guarded.events(document_id=view.id)] == [
        Happening.DOCUMENT_HELD,
        Happening.DOCUMENT_DOWNLOADED,
        Happening.DOCUMENT_RELEASED,
        Happening.DOCUMENT_DOWNLOADED,
    ]
    assert guarded.faults() == []


def test_what_turns_out_infected_later_is_blocked_and_never_delivered(
    guarded: House, clamd: ClamdServer
) -> None:
    clamd.stop()
    view = guarded.send(INFECTED)
    clamd.start()

    assert guarded.sweep().blocked == 1

    row = guarded.document(view.id)
    assert (row.state, row.end_reason) == ("blocked", "infected")
    assert inbox_size(guarded) == 0
    for actor in (guarded.recipient, guarded.sender):
        with pytest.raises(NotFound):
            guarded.read(view.id, actor)
    assert [event.detail for event in guarded.events(Happening.DOCUMENT_BLOCKED)] == [
        {"reason": "infected"}
    ]
    assert guarded.sweep().blocked == 0


# -- the same again -------------------------------------------------------------------------------


def test_the_same_key_with_the_same_content_stores_once(house: House) -> None:
    first = house.send(PAPER, key="k")

    assert house.send(PAPER, key="k") == first

    assert (len(house.objects()), len(house.keys()), house.states()) == (1, 1, ["live"])


def test_a_key_used_for_other_content_is_a_conflict(house: House) -> None:
    house.send(PAPER, key="k")
    elsewhere = house.sending(JOBCENTER)

    assert code_of(lambda: house.send(OTHER_PAPER, key="k"), Conflict) == "key_reused"
    assert code_of(lambda: house.send(key="k", sending=elsewhere), Conflict) == "key_reused"

    assert house.states() == ["live"]


def test_other_keys_or_none_store_the_same_content_again(house: House) -> None:
    views = [house.send(key=key) for key in ("k", "l", "", "")]

    assert len({view.id for view in views}) == 4
    assert house.faults() == []


def test_the_same_key_of_another_agency_is_another_key(house: House) -> None:
    first = house.send(key="k")
    other = house.actors["sprachwerk"]

    second = intake.store(house.services, other, house.sending(), [PAPER], "k")

    assert first.id != second.id


def test_a_key_whose_intake_is_running_asks_to_come_back(house: House) -> None:
    codes: list[str] = []

    def again() -> None:
        codes.append(code_of(lambda: house.send(key="k"), Conflict))

    view = house.send(key="k", services=replace(house.services, scanner=Saying(first=again)))

    assert codes == ["still_running"]
    assert house.send(key="k").id == view.id
    assert house.states() == ["live"]


def test_eight_at_once_with_one_key_store_one_document(house: House) -> None:
    house.send(OTHER_PAPER)  # everything is warm
    sending = house.sending()

    def attempt(_: int) -> object:
        for _ in range(200):
            try:
                return house.send(key="k", sending=sending).id
            except Conflict as conflict:
                if conflict.code != "still_running":
                    raise
                time.sleep(0.02)
        return None

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(attempt, range(8)))

    assert len(ids) == 1
    assert house.states() == ["live", "live"]
    house.sweep(TOO_LATE)
    assert house.faults() == []


def test_who_loses_the_race_for_a_key_leaves_nothing(house: House) -> None:
    """Both have seen the key free; the second finds it taken only when it writes its row."""
    first: list[object] = []

    class Racing:
        """The key store, in whose first call the other attempt overtakes."""

        def create(self, document_id: object) -> bytes:
            if not first:
                first.append(house.send(key="k").id)
            return house.services.keys.create(document_id)  # type: ignore[arg-type]

        def __getattr__(self, name: str) -> object:
            return getattr(house.services.keys, name)

    racing = replace(house.services, keys=Racing())  # type: ignore[arg-type]

    assert code_of(lambda: house.send(key="k", services=racing), Conflict) == "still_running"

    assert house.keys() == first
    assert house.states() == ["live"]
    assert house.send(key="k").id == first[0]


def test_after_a_dead_attempt_the_key_is_free_again(house: House) -> None:
    deadly = replace(house.services, scanner=Saying(first=_die))
    with pytest.raises(KeyboardInterrupt):
        house.send(key="k", services=deadly)
    assert code_of(lambda: house.send(key="k"), Conflict) == "still_running"

    house.clock.advance(TOO_LATE)
    view = house.send(OTHER_PAPER, key="k")

    assert house.states() == ["abandoned", "live"]
    assert house.read(view.id) == OTHER_PAPER
    house.sweep(TOMBSTONE_AGE)
    assert house.faults() == []


def _die() -> None:
    raise KeyboardInterrupt  # as close to a kill as an exception comes: nobody clears up


def test_an_attempt_that_overslept_is_not_finished_by_halves(house: House) -> None:
    """It wakes up after its key was given to another attempt, and after the sweeper was there."""

    def sleep() -> None:
        house.sweep(TOO_LATE)
        house.send(OTHER_PAPER, key="k")

    late = replace(house.services, scanner=Saying(first=sleep))

    assert code_of(lambda: house.send(key="k", services=late), Conflict) == "intake_died"

    assert house.states() == ["abandoned", "live"]
    house.sweep(TOMBSTONE_AGE)
    assert house.faults() == []


# -- parts that are down --------------------------------------------------------------------------

Transaction = Callable[[], AbstractContextManager[Session]]


@dataclass
class LostAnswer:
    """Transactions whose ``number``-th commit succeeds while its answer is lost."""

    real: Transaction
    number: int
    count: int = 0

    @contextmanager
    def __call__(self) -> Iterator[Session]:
        self.count += 1
        lost = self.count == self.number
        with self.real() as session:
            yield session
        if lost:
            raise Unavailable("database_unavailable")


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_when_the_answer_of_a_commit_is_lost_a_retry_stores_once(house: House, number: int) -> None:
    """1 looks the key up, 2 writes the row, 3 makes it live, 4 reads the receipt."""
    lost = replace(house.services, transaction=LostAnswer(house.services.transaction, number))

    code = code_of(lambda: house.send(key="k", services=lost), Unavailable)

    assert code == "database_unavailable"
    was_live = [d.id for d in house.documents() if d.state == "live"]
    view = house.send(key="k")
    assert was_live in ([], [view.id])
    assert [state for state in house.states() if state != "abandoned"] == ["live"]
    house.sweep(TOO_LATE)
    assert house.faults() == []


# The points at which a part goes down, for the whole rest of the intake.
MOMENTS = [
    "transaction begins",
    "papers.accept begins",
    "keys.create begins",
    "keys.create ended",
    "store.put begins",
    "store.get begins",
    "scanner.scan ended",
]


def send_while_down(
    house: House, moment: str, down: Callable[[], AbstractContextManager[None]], code: str
) -> None:
    """A part goes down in the middle of an intake and comes back after it.

    Either the part was not needed any more, or the sender hears its code; nothing is lost or left.
    """
    house.send(OTHER_PAPER)  # it has worked before
    before = len(house.states())
    sending, stored = house.sending(), False
    with ExitStack() as stack:

        def probe(point: str) -> None:
            if point == moment and moments.count(point) == 0:
                stack.enter_context(down())
            moments.append(point)

        moments: list[str] = []
        try:
            house.send(key="k", sending=sending, services=probed(house.services, probe))
            stored = True
        except Unavailable as error:
            if error.code != code:
                raise
    assert moment in moments
    assert stored == ("live" in house.states()[before:])
    house.sweep(TOO_LATE)
    house.sweep(TOMBSTONE_AGE)
    assert house.faults() == []
    assert house.read(house.send(key="k").id) == PAPER
    assert house.states().count("live") == 2


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("part", ["database", "keys"])
def test_a_database_that_goes_down_on_the_way_loses_nothing_and_leaves_nothing(
    at_servers: House, postgres: PostgresServer, part: str, moment: str
) -> None:
    settings = at_servers.services.settings
    url = settings.database_url if part == "database" else settings.keys_url

    send_while_down(at_servers, moment, lambda: cut_off(postgres, url), f"{part}_unavailable")


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_folder_that_goes_on_the_way_loses_nothing_and_leaves_nothing(
    embedded: House, tmp_path: Path, moment: str
) -> None:
    send_while_down(embedded, moment, lambda: moved_away(tmp_path / "objects"), "store_unavailable")


def test_an_s3_server_that_stops_on_the_way_loses_nothing_and_leaves_nothing(
    at_servers: House, s3: S3Server
) -> None:
    def down() -> AbstractContextManager[None]:
        return stopped(s3, at_servers.services.store)

    send_while_down(at_servers, "store.put begins", down, "store_unavailable")


# -- stores that answer falsely -------------------------------------------------------------------


class Forgetful:
    """A store that says "stored" and reads back something else."""

    def __init__(self, real: ObjectStore, read: Callable[[bytes], bytes]) -> None:
        self._real = real
        self._read = read

    def get(self, name: str) -> bytes:
        return self._read(self._real.get(name))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def _cut(sealed: bytes) -> bytes:
    return sealed[:-1]


def _flip(sealed: bytes) -> bytes:
    return sealed[:-1] + bytes([sealed[-1] ^ 1])


def _lose(sealed: bytes) -> bytes:
    raise ObjectMissing


def _grow(sealed: bytes) -> bytes:
    raise Tampered("longer than any that was put")


@pytest.mark.parametrize("read", [_cut, _flip, _lose, _grow])
def test_what_cannot_be_read_back_as_written_is_not_stored(
    house: House, read: Callable[[bytes], bytes]
) -> None:
    false = replace(house.services, store=Forgetful(house.services.store, read))

    code = code_of(lambda: house.send(key="k", services=false), Unavailable)

    assert code == "store_unavailable"
    assert_nothing_kept(house, ["abandoned"])
    [event] = house.events(Happening.DOCUMENT_ABANDONED)
    assert event.detail == {"reason": "store_unavailable"}
    assert house.send(key="k").state == "live"
