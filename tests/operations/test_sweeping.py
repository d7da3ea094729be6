"""Finding what died: in two phases, never what is alive, and continued after a part was down."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog
from sqlmodel import Session, col, delete
from tests.factories import PROVIDER, make_catalogue, make_stored
from tests.operations.fsck.wreckage import delete_the_row
from tests.operations.house import PAPER, House
from tests.operations.outages import cut_off, moved_away, stopped
from tests.scanners import Saying, deadly, undecided
from tests.servers import PostgresServer, S3Server

from kursdocs.core.audit import Happening
from kursdocs.core.documents import lifecycle
from kursdocs.core.documents.lifecycle import INTAKE_LIMIT, TOMBSTONE_AGE
from kursdocs.core.drafts import Draft
from kursdocs.core.errors import Conflict, Unavailable
from kursdocs.core.ports import Scanner, StoreUnavailable
from kursdocs.core.tables import new_id
from kursdocs.operations import drafting, intake, starting, sweeping
from kursdocs.operations.sweeping import Swept, sweep

TOO_LATE = INTAKE_LIMIT + timedelta(seconds=1)
BATCH = 10  # instead of the real one, which would only take longer
NOTHING = Swept(abandoned=0, buried=0, unused_keys=0, released=0, blocked=0)


def die(house: House, key: str = "") -> UUID:
    """An intake that died after its object was put; the id of its row."""
    known = {document.id for document in house.documents()}
    with suppress(KeyboardInterrupt):
        house.send(key=key, services=replace(house.services, scanner=deadly()))
    [dead] = {document.id for document in house.documents()} - known
    return dead


def keep_draft(house: House) -> UUID:
    """The id of a draft that lies ready."""
    view = drafting.keep(
        house.services,
        house.sender,
        (PAPER,),
        file_name="Zulassung.pdf",
        upload_key="",
        readmit=intake.nothing_ended,
    )
    return view.id


def hold(house: House, scanner: Scanner | None = None) -> UUID:
    """A document that waits for a verdict."""
    services = replace(house.services, scanner=scanner or undecided())
    return house.send(services=services).id


# -- what died -------------------------------------------------------------------------------------


def test_where_nothing_died_nothing_is_found(house: House) -> None:
    house.send()

    assert house.sweep(TOO_LATE) == NOTHING
    assert house.sweep(TOMBSTONE_AGE) == NOTHING
    assert house.faults() == []


def test_a_running_intake_is_left_alone_until_it_must_be_dead(house: House) -> None:
    dead = die(house, key="k")

    assert house.sweep(INTAKE_LIMIT) == NOTHING
    assert house.document(dead).state == "pending"
    assert house.sweep(timedelta(seconds=1)) == replace(NOTHING, abandoned=1)
    assert house.document(dead).state == "abandoned"


def test_what_died_is_given_up_and_forgets_the_person(house: House) -> None:
    dead = die(house, key="k")

    house.sweep(TOO_LATE)

    row = house.document(dead)
    assert (row.family_name, row.given_names, row.birth_date, row.fields) == ("", "", None, {})
    assert (house.objects(), house.keys(), house.idempotency_keys()) == ([], [], [])
    [event] = house.events(Happening.DOCUMENT_ABANDONED)
    assert (event.document_id, event.detail) == (dead, {"reason": "died"})
    assert event.municipality_id == house.sender.municipality_id
    assert house.sweep() == NOTHING


def test_a_slow_put_that_ends_after_the_first_sweep_is_removed_by_the_second(house: House) -> None:
    dead = die(house)
    house.sweep(TOO_LATE)
    house.services.store.put(house.document(dead).object_name, b"late")

    assert house.sweep(TOMBSTONE_AGE - TOO_LATE) == NOTHING
    assert len(house.objects()) == 1
    assert house.sweep(timedelta(seconds=1)) == replace(NOTHING, buried=1)

    assert house.objects() == []
    assert house.document(dead).swept_at == house.clock()
    assert house.sweep() == NOTHING
    assert house.faults() == []


def test_what_a_retry_gave_up_is_cleared_away_by_the_sweeper(house: House) -> None:
    die(house, key="k")
    house.clock.advance(TOO_LATE)
    house.send(key="k")

    house.sweep(TOMBSTONE_AGE)

    assert house.states() == ["abandoned", "live"]
    assert house.faults() == []


def test_a_key_without_a_row_is_destroyed_when_no_intake_can_need_it(house: House) -> None:
    unused, view = new_id(), house.send()
    house.services.keys.create(unused)

    assert house.sweep(INTAKE_LIMIT) == NOTHING
    assert house.sweep(timedelta(seconds=1)) == replace(NOTHING, unused_keys=1)

    assert house.keys() == [view.id]


def test_after_a_bad_day_some_hundred_unused_keys_are_swept(embedded: House) -> None:
    view = embedded.send()
    for _ in range(300):
        embedded.services.keys.create(new_id())

    assert embedded.sweep(TOO_LATE) == replace(NOTHING, unused_keys=300)

    assert embedded.keys() == [view.id]
    assert embedded.sweep(timedelta(hours=1)) == NOTHING


def test_beside_an_older_database_no_key_of_a_paper_is_destroyed(house: House) -> None:
    """Somebody put a copy of the database back by hand; the newest papers are only there."""
    kept, lost, draft = house.send(), house.send(), keep_draft(house)
    unused = new_id()
    house.services.keys.create(unused)
    delete_the_row(house, lost.id, is_thorough=False)
    with house.services.transaction() as session:
        session.exec(delete(Draft).where(col(Draft.id) == draft))

    with structlog.testing.capture_logs() as logged:
        swept = house.sweep(TOO_LATE)

    assert swept == replace(NOTHING, unused_keys=1)
    assert sorted(house.keys()) == sorted([kept.id, lost.id, draft])
    assert ("sweeper.database_older_than_keys", 2) in [
        (line["event"], line.get("missing")) for line in logged
    ]
    assert "database_old" in [line.get("kind") for line in logged]


def test_keys_that_an_older_version_made_are_noted_as_needed(house: House) -> None:
    """It did not note it itself."""

    class Older:
        def prove(self, document_id: UUID, key: bytes) -> None:
            del document_id, key

        def __getattr__(self, name: str) -> Any:
            return getattr(house.services.keys, name)

    view = house.send(services=replace(house.services, keys=Older()))
    assert house.services.keys.newest_needed(1) == []

    assert house.sweep(TOO_LATE) == NOTHING

    assert house.services.keys.newest_needed(1) == [view.id]


def test_a_key_that_a_row_came_to_need_outlives_a_sweeper_whose_clock_is_ahead(
    house: House,
) -> None:
    """It finds the key between its making and its row, and destroys when the row is there."""
    keys, late = house.services.keys, list[Callable[[], None]]()

    class Slow:
        def destroy(self, *args: Any, **named: Any) -> None:
            late.append(partial(keys.destroy, *args, **named))

        def __getattr__(self, name: str) -> Any:
            return getattr(keys, name)

    sweeper = replace(house.services, keys=Slow(), clock=lambda: house.clock() + TOO_LATE)

    class Swept:
        def create(self, document_id: UUID) -> bytes:
            key = keys.create(document_id)
            sweep(sweeper)
            return key

        def prove(self, document_id: UUID, key: bytes) -> None:
            keys.prove(document_id, key)
            for destroy in late:
                destroy()

        def __getattr__(self, name: str) -> Any:
            return getattr(keys, name)

    view = house.send(services=replace(house.services, keys=Swept()))

    assert late
    assert house.read(view.id) == PAPER


def test_what_is_erased_or_discarded_does_not_make_the_database_look_older(house: House) -> None:
    gone, draft = house.send(), keep_draft(house)
    drafting.discard(house.services, house.sender, draft)
    house.services.keys.destroy(gone.id)
    house.sweep(TOMBSTONE_AGE + TOO_LATE)
    house.sweep(TOMBSTONE_AGE + TOO_LATE)

    assert starting.keys_without_row(house.services) == []


def test_more_than_one_batch_is_swept_run_by_run(
    embedded: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows and keys only: each intake is given its two first steps."""
    monkeypatch.setattr(sweeping, "BATCH", BATCH)
    sending, sender = embedded.sending(), embedded.sender
    for number in range(BATCH + 1):
        document_id = new_id()
        stored = replace(make_stored(), object_name=document_id.hex)
        embedded.services.keys.create(document_id)
        embedded.services.keys.create(new_id())
        with embedded.services.transaction() as session:
            lifecycle.reserve(
                session,
                sender,
                sending,
                stored,
                document_id=document_id,
                key=f"k{number}",
                now=embedded.clock(),
            )

    first = embedded.sweep(TOO_LATE)
    second, third = embedded.sweep(), embedded.sweep()

    assert [swept.abandoned for swept in (first, second, third)] == [BATCH, 1, 0]
    assert first.unused_keys == BATCH + 1
    buried = [
        embedded.sweep(TOMBSTONE_AGE).buried,
        embedded.sweep().buried,
        embedded.sweep().buried,
    ]
    assert buried == [BATCH, 1, 0]
    assert embedded.faults() == []


# -- what only looked dead -------------------------------------------------------------------------


def test_an_intake_that_finishes_under_the_sweepers_eyes_keeps_its_object_and_key(
    house: House,
) -> None:
    """The sweeper has listed it as dead; before it gives it up, it has become live."""
    sending, dead = house.sending(), die(house)
    row = house.document(dead)
    calls: list[int] = []

    @contextmanager
    def transaction() -> Iterator[Session]:
        calls.append(1)
        if len(calls) == 2:
            with house.services.transaction() as session:
                lifecycle.finish(
                    session,
                    house.sender,
                    sending,
                    document_id=dead,
                    stored_sha256=row.sha256,
                    scanned=True,
                    catalogue=make_catalogue(),
                    now=row.created_at + INTAKE_LIMIT,
                )
        with house.services.transaction() as session:
            yield session

    house.clock.advance(TOO_LATE)
    swept = sweep(replace(house.services, transaction=transaction))

    assert swept == NOTHING
    assert house.document(dead).state == "live"
    assert house.read(dead) == PAPER
    assert house.faults() == []


def test_an_intake_that_overslept_before_its_row_is_refused(house: House) -> None:
    """Its key was destroyed meanwhile: making it live would lose the document."""

    class Oversleeping:
        def create(self, document_id: UUID) -> bytes:
            key = house.services.keys.create(document_id)
            assert house.sweep(TOO_LATE).unused_keys == 1
            return key

        def __getattr__(self, name: str) -> Any:
            return getattr(house.services.keys, name)

    with pytest.raises(Conflict) as refused:
        house.send(key="k", services=replace(house.services, keys=Oversleeping()))

    assert refused.value.code == "intake_died"
    assert "live" not in house.states()
    assert house.send(key="k").state == "live"
    house.sweep(TOO_LATE)
    house.sweep(TOMBSTONE_AGE)
    assert house.faults() == []


# -- what waits for a verdict ----------------------------------------------------------------------


def test_more_held_documents_than_a_batch_are_all_judged_in_one_run(
    embedded: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 2)
    for _ in range(5):
        hold(embedded)

    assert embedded.sweep() == replace(NOTHING, released=5)
    assert embedded.faults() == []


def test_without_a_verdict_held_documents_wait_on(house: House) -> None:
    held = [hold(house), hold(house)]
    house.clock.advance(TOMBSTONE_AGE)

    assert sweep(replace(house.services, scanner=undecided())) == NOTHING

    assert [house.document(each).state for each in held] == ["held", "held"]
    assert house.faults() == []


def withdraw(house: House, document_id: UUID) -> None:
    with house.services.transaction() as session:
        lifecycle.withdraw(
            session,
            house.actors[PROVIDER],
            document_id,
            reason="misaddressed",
            catalogue=make_catalogue(),
            now=house.clock(),
        )


def test_what_is_withdrawn_while_it_is_held_is_never_released(house: House) -> None:
    before, during = hold(house), hold(house)
    withdraw(house, before)
    judging = Saying(first=lambda: withdraw(house, during))

    swept = sweep(replace(house.services, scanner=judging))

    assert swept == NOTHING
    assert [house.document(each).state for each in (before, during)] == ["withdrawn"] * 2
    assert house.events(Happening.DOCUMENT_RELEASED) == []
    assert house.faults() == []


def test_a_held_document_that_is_damaged_does_not_stop_the_others(house: House) -> None:
    damaged, sound = hold(house), hold(house)
    house.services.store.delete(house.document(damaged).object_name)

    assert house.sweep() == replace(NOTHING, released=1)

    assert [house.document(each).state for each in (damaged, sound)] == ["held", "live"]


def test_one_that_the_store_never_hands_out_does_not_stop_the_others(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, sound = hold(house), hold(house)
    name, store = house.document(stuck).object_name, house.services.store
    get = store.get

    def reluctant(asked: str) -> bytes:
        if asked == name:
            raise StoreUnavailable
        return get(asked)

    monkeypatch.setattr(store, "get", reluctant)

    assert house.sweep() == replace(NOTHING, released=1)

    assert [house.document(each).state for each in (stuck, sound)] == ["held", "live"]


# -- parts that are down ---------------------------------------------------------------------------


def test_when_the_folder_is_away_nothing_is_lost_and_a_later_run_finishes(
    embedded: House, tmp_path: Path
) -> None:
    die(embedded), die(embedded), hold(embedded)
    embedded.clock.advance(TOO_LATE)

    with moved_away(tmp_path / "objects"), pytest.raises(Unavailable) as refused:
        embedded.sweep()

    assert refused.value.code == "store_unavailable"
    assert_finished_later(embedded)


def test_when_the_s3_server_is_away_nothing_is_lost_and_a_later_run_finishes(
    at_servers: House, s3: S3Server
) -> None:
    die(at_servers), die(at_servers), hold(at_servers)
    at_servers.clock.advance(TOO_LATE)

    with stopped(s3, at_servers.services.store), pytest.raises(Unavailable) as refused:
        at_servers.sweep()

    assert refused.value.code == "store_unavailable"
    assert_finished_later(at_servers)


@pytest.mark.parametrize("part", ["database", "keys"])
def test_when_a_database_is_away_nothing_is_lost_and_a_later_run_finishes(
    at_servers: House, postgres: PostgresServer, part: str
) -> None:
    die(at_servers), die(at_servers), hold(at_servers)
    at_servers.clock.advance(TOO_LATE)
    settings = at_servers.services.settings
    url = settings.database_url if part == "database" else settings.keys_url

    with cut_off(postgres, url), pytest.raises(Unavailable) as refused:
        at_servers.sweep()

    assert refused.value.code == f"{part}_unavailable"
    assert_finished_later(at_servers)


def assert_finished_later(house: House) -> None:
    """Two dead intakes are given up and one held document goes out, once each."""
    house.sweep()
    house.sweep(TOMBSTONE_AGE)
    assert sorted(house.states()) == ["abandoned", "abandoned", "live"]
    assert house.faults() == []
