"""A town that comes back from a copy: all of it, nothing that was erased, and never by half."""

import errno
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NoReturn
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url
from sqlmodel import Session, select
from tests.operations.copies import Backups
from tests.operations.house import OTHER_PAPER, PAPER, House
from tests.operations.test_backing_up import backup_part
from tests.operations.test_drafting import keep
from tests.operations.test_retention import OLD
from tests.servers import PostgresServer

from kursdocs import bootstrap
from kursdocs.adapters.sealed_files import create_identity
from kursdocs.core.audit import AuditHead, Happening
from kursdocs.core.backups import BackupRefused
from kursdocs.core.checks import Depth
from kursdocs.core.documents import erasing, lifecycle
from kursdocs.core.documents.tables import Document, DocumentState
from kursdocs.operations import fsck, sweeping
from kursdocs.operations.handout import DocumentDamaged
from kursdocs.operations.readiness import Condition, Part
from kursdocs.settings import Settings, SettingsError

NAME = "Kanarienvogel"
SECOND = timedelta(seconds=1)


def log_end(session: Session) -> tuple[int, str]:
    head = session.exec(select(AuditHead)).one()
    return head.seq, head.hash


def canary(house: House) -> UUID:
    """A paper of somebody whose name stands nowhere else, and that goes soon."""
    sending = house.sending(**OLD, family_name=NAME)
    return house.send(OTHER_PAPER, sending=sending, key="canary").id


def everything_in(settings: Settings, postgres: Callable[[], PostgresServer]) -> bytes:
    """Every byte of the databases: of the files, or of all rows of all tables."""
    if settings.database_url.startswith("sqlite"):
        folder = Path(make_url(settings.database_url).database or "").parent
        return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    found = []
    for url in (settings.database_url, settings.keys_url):
        name = url.rsplit("/", 1)[1]
        with psycopg.connect(postgres().admin_url, dbname=name) as connection:
            tables = connection.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace ="
                " 'public'::regnamespace"
            ).fetchall()
            for (table,) in tables:
                rows = connection.execute(
                    sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table))
                ).fetchall()
                found += [row[0] for row in rows]
    return "\n".join(found).encode()


# -- All of it -------------------------------------------------------------------------------------


def test_the_town_comes_back_as_it_was_and_passes_the_deep_check(backups: Backups) -> None:
    house = backups.house
    first, second = house.send(), house.send(OTHER_PAPER)
    with house.services.transaction() as session:
        end = log_end(session)

    made = backups.make()
    house.send()  # after the copy: it is not of that moment
    with backups.restored() as restored:
        # The log is that of the copy, and tells that it was put back.
        *before, told = restored.events()
        assert (before[-1].seq, before[-1].hash) == end
        assert told.happening is Happening.MUNICIPALITY_RESTORED
        assert told.detail == {"moment": "2026-11-23T09:30:00Z", "forgotten": 0, "damaged": 0}
        assert [one.id for one in restored.documents()] == [first.id, second.id]
        assert restored.read(first.id) == PAPER
        assert restored.read(second.id) == OTHER_PAPER
        assert restored.faults() == []
        assert fsck.check(restored.services, Depth.DEEP).found == {}
        # It goes on where it was.
        assert restored.read(restored.send().id) == PAPER

    assert (made.documents, made.objects, made.copied, made.lost) == (2, 2, 2, 0)


def test_what_was_on_its_way_is_given_up(of_files: Backups) -> None:
    house = of_files.house
    kept = house.send().id
    with house.services.transaction() as session:
        document = session.get_one(Document, kept)
        row = document.model_dump() | {"id": UUID(int=7), "object_name": "7" * 32}
        session.add(Document(**row | {"state": DocumentState.PENDING, "stored_at": None}))

    of_files.make()
    house.clock.advance(timedelta(days=9))

    with of_files.restored() as restored:
        assert sorted(restored.states()) == ["abandoned", "live"]
        assert restored.keys() == [kept]


# -- What was erased stays erased ------------------------------------------------------------------


def test_the_oldest_copy_brings_nobody_back_whose_paper_was_erased(
    backups: Backups, request: pytest.FixtureRequest
) -> None:
    house = backups.house
    kept, gone = house.send().id, canary(house)
    oldest = backups.make().stamp
    house.clock.advance(SECOND)
    with house.services.transaction() as session:
        actor = lifecycle.system_of(session.get_one(Document, gone), "test")
        erasing.forget_without_key(session, actor, gone, reason="test", now=house.clock())
    sweeping.bury_tombstones(house.services)
    backups.make()

    def postgres() -> PostgresServer:
        server: PostgresServer = request.getfixturevalue("postgres")
        return server

    settings = backups.new_place()
    told = backups.put_back(settings, oldest)

    assert told.forgotten == 1
    with backups.opened(settings) as restored:
        assert {str(d.id): d.state.value for d in restored.documents()} == {
            str(kept): "live",
            str(gone): "erased",
        }
        assert restored.keys() == [kept]
        assert restored.objects() == [restored.document(kept).object_name]
        [event] = restored.events(Happening.DOCUMENT_ERASED, document_id=gone)
        assert event.detail == {"reason": "key_destroyed"}
        assert restored.read(kept) == PAPER
        assert restored.faults() == []
        # With the service still running: nothing waits for an end to be forgotten.
        found = everything_in(settings, postgres).lower()
        assert NAME.lower().encode() not in found
        assert b"mustermann" in found

    # The search would have found it: with the keys of that day the person would be there.
    backups.copies.remove_keys(backups.copies.keys_stamps()[-1])
    settings = backups.new_place()
    assert backups.put_back(settings, oldest).forgotten == 0
    assert NAME.lower().encode() in everything_in(settings, postgres).lower()


def test_nothing_can_be_read_in_the_folder_of_copies(of_files: Backups) -> None:
    canary(of_files.house)

    of_files.make()

    files = [file for file in of_files.folder.rglob("*") if file.is_file()]
    assert len(files) == 7  # lock, database, two manifests, sums, keys, one object
    for file in files:
        data = file.read_bytes()
        assert NAME.encode() not in data
        assert b"%PDF" not in data
    # No temporary file of the database was left either.
    beside = of_files.folder.parent.glob("database.sqlite*")
    assert {file.name for file in beside} <= {f"database.sqlite{e}" for e in ("", "-wal", "-shm")}


def test_what_is_erased_while_it_is_copied_is_forgotten(
    backups: Backups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the database and its objects a paper goes, with its key and its object."""
    house = backups.house
    kept, gone = house.send().id, canary(house)
    name = house.document(gone).object_name
    copies = backups.copies
    asked = copies.size_of_object

    def erase_first(object_name: str) -> int | None:
        if object_name == name:
            with house.services.transaction() as session:
                actor = lifecycle.system_of(session.get_one(Document, gone), "test")
                erasing.forget_without_key(session, actor, gone, reason="test", now=house.clock())
            sweeping.bury_tombstones(house.services)
        return asked(object_name)

    monkeypatch.setattr(copies, "size_of_object", erase_first)
    made = backups.make(copies=copies)

    assert (made.objects, made.lost) == (1, 0)
    with backups.restored() as restored:
        assert restored.document(gone).state is DocumentState.ERASED
        assert restored.read(kept) == PAPER
        assert restored.faults() == []


def test_what_was_lost_before_the_copy_is_not_taken_for_erased(of_files: Backups) -> None:
    house = of_files.house
    without_key, without_object = house.send().id, house.send().id
    house.send()
    house.services.keys.destroy(without_key)
    house.services.store.delete(house.document(without_object).object_name)

    assert of_files.make().lost == 2

    settings = of_files.new_place()
    assert of_files.put_back(settings).forgotten == 0
    with of_files.opened(settings) as restored:
        assert set(restored.states()) == {"live"}
        found = fsck.check(restored.services).found
        assert {damage.value for damage in found} == {"key_missing", "lost_object"}


def test_what_was_erased_after_its_key_was_lost_does_not_come_back(of_files: Backups) -> None:
    """The older copy calls its key lost; the newer one knows nothing that needs it."""
    house = of_files.house
    gone = canary(house)
    house.services.keys.destroy(gone)
    first = of_files.make()
    assert first.missing == [gone]
    house.clock.advance(SECOND)
    with house.services.transaction() as session:
        actor = lifecycle.system_of(session.get_one(Document, gone), "test")
        erasing.forget_without_key(session, actor, gone, reason="test", now=house.clock())
    sweeping.bury_tombstones(house.services)
    of_files.make()
    settings = of_files.new_place()

    told = of_files.put_back(settings, first.stamp)

    assert (told.forgotten, told.damaged) == (1, [])
    with of_files.opened(settings) as restored:
        assert restored.document(gone).family_name == ""
        assert restored.faults() == []


def test_a_town_that_came_back_from_its_first_copy_knows_that_copies_are_made(
    of_files: Backups,
) -> None:
    """Or nobody would be told that on the new machine nobody makes them."""
    of_files.house.send()
    of_files.make()

    with of_files.restored() as restored:
        assert backup_part(restored.services) == Part(Condition.OK, seconds=0)
        of_files.house.clock.advance(timedelta(days=3))
        assert backup_part(restored.services).code == "backup_late"


# -- Refused, and nothing was written --------------------------------------------------------------


def refusal(backups: Backups, settings: Settings, stamp: str = "") -> str:
    with pytest.raises(BackupRefused) as refused:
        backups.put_back(settings, stamp)
    return str(refused.value)


def is_empty(settings: Settings) -> bool:
    place = bootstrap.restore_place(settings)
    parts_are = place.database.is_empty() and place.keys.is_empty()
    return parts_are and place.store.claimed_by() is None


@pytest.mark.parametrize(
    "damage", ["database", "object", "object gone", "sums", "manifest", "keys", "keys older"]
)
def test_a_copy_that_is_not_whole_is_refused_before_anything_is_written(
    of_files: Backups, damage: str
) -> None:
    of_files.house.send()
    stamp = of_files.make().stamp
    [an_object] = of_files.folder.glob("objects/*/*")
    keys = of_files.folder / "keys" / f"{stamp}.age"
    files = {
        "database": of_files.folder / stamp / "database.age",
        "object": an_object,
        "sums": of_files.folder / stamp / "SHA256SUMS",
        "manifest": of_files.folder / stamp / "manifest.age",
    }
    if damage in files:
        data = bytearray(files[damage].read_bytes())
        data[len(data) // 2] ^= 1
        files[damage].write_bytes(data)
    elif damage == "object gone":
        an_object.unlink()
    elif damage == "keys":
        keys.unlink()
    else:
        keys.rename(keys.with_name("20200101T000000Z.age"))
    settings = of_files.new_place()

    said = refusal(of_files, settings)

    assert {
        "database": "damaged, the first is",
        "object": "1 of 2 files of this copy are missing or damaged",
        "object gone": "1 of 2 files of this copy are missing or damaged",
        "sums": "altered",
        "manifest": "damaged",
        "keys": "no copy of the document keys",
        "keys older": "no copy of the document keys",
    }[damage] in said
    assert is_empty(settings)


@pytest.mark.parametrize("damage", ["gone", "altered", "unreadable"])
def test_despite_damage_all_else_comes_back_and_the_damage_is_named(
    backups: Backups, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = backups.house
    lost, kept = house.send(), house.send(OTHER_PAPER)
    draft = keep(house).id
    backups.make()
    [drafted] = house.drafts()
    names = [house.document(lost.id).object_name, drafted.object_name]
    for path in (backups.folder / "objects" / name[:2] / name for name in names):
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes(bytes(path.stat().st_size))
    if damage == "unreadable":
        on_bad_sectors(monkeypatch, names)
    settings = backups.new_place()

    said = refusal(backups, settings)

    assert "2 of 4 files" in said
    assert "--despite-damage" in said
    assert is_empty(settings)
    told = backups.put_back(settings, despite_damage=True)
    assert (told.objects, told.forgotten) == (1, 0)
    assert set(told.damaged) == {lost.id, draft}
    with backups.opened(settings) as restored:
        [*_, event] = restored.events(Happening.MUNICIPALITY_RESTORED)
        assert event.detail["damaged"] == 2
        assert restored.read(kept.id) == OTHER_PAPER
        # The row is as it was: it proves that it was sent. Nobody is handed anything.
        assert restored.document(lost.id).state is DocumentState.LIVE
        with pytest.raises(DocumentDamaged):
            restored.read(lost.id)
        report = fsck.check(restored.services, Depth.DEEP, repair=True)
        assert {(one.damage.value, one.subject) for one in report.named} == {
            ("lost_object", str(lost.id)),
            ("lost_object", str(draft)),
        }


def on_bad_sectors(monkeypatch: pytest.MonkeyPatch, names: Sequence[str]) -> None:
    """The disk with the copies does not give these files back."""
    read = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        if path.name in names:
            raise OSError(errno.EIO, "Input/output error", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)


def test_despite_damage_what_was_erased_since_stays_erased(of_files: Backups) -> None:
    """Its file in the copy may be damaged all the same: it is no loss."""
    house = of_files.house
    gone = canary(house)
    first = of_files.make().stamp
    house.clock.advance(SECOND)
    with house.services.transaction() as session:
        actor = lifecycle.system_of(session.get_one(Document, gone), "test")
        erasing.forget_without_key(session, actor, gone, reason="test", now=house.clock())
    sweeping.bury_tombstones(house.services)
    of_files.make()
    [an_object] = of_files.folder.glob("objects/*/*")
    an_object.unlink()
    settings = of_files.new_place()

    told = of_files.put_back(settings, first, despite_damage=True)

    assert (told.objects, told.forgotten, told.damaged) == (0, 1, [])
    with of_files.opened(settings) as restored:
        assert restored.document(gone).state is DocumentState.ERASED
        assert restored.faults() == []


@pytest.mark.parametrize("name", ["database.age", "SHA256SUMS", "manifest.age"])
def test_damage_to_the_database_is_refused_in_any_case(of_files: Backups, name: str) -> None:
    of_files.house.send()
    path = of_files.folder / of_files.make().stamp / name
    path.write_bytes(path.read_bytes()[:-30])
    settings = of_files.new_place()

    with pytest.raises(BackupRefused) as refused:
        of_files.put_back(settings, despite_damage=True)

    assert "--despite-damage" not in str(refused.value)
    assert is_empty(settings)


def test_what_a_newer_version_says_of_its_copy_is_no_obstacle_to_say_so(
    of_files: Backups, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_files.house.send()
    dumps = json.dumps
    monkeypatch.setattr(
        "kursdocs.operations.backing_up.json.dumps",
        lambda found, **kw: dumps({**found, "new": 1, "revision": "9999", "version": "99"}, **kw),
    )
    of_files.make()

    assert "made by kursdocs 99, which is newer: install that" in refusal(
        of_files, of_files.new_place()
    )


def test_damaged_keys_leave_no_database(backups: Backups) -> None:
    backups.house.send()
    stamp = backups.make().stamp
    keys = backups.folder / "keys" / f"{stamp}.age"
    keys.write_bytes(keys.read_bytes()[:-20])
    settings = backups.new_place()

    said = refusal(backups, settings)
    assert f"{stamp}.age" in said
    assert "damaged" in said

    place = bootstrap.restore_place(settings)
    assert place.database.is_empty()
    assert place.keys.is_empty()


def test_another_key_opens_nothing(of_files: Backups) -> None:
    of_files.house.send()
    of_files.make()
    of_files.identity.unlink()
    create_identity(of_files.identity)
    settings = of_files.new_place()

    assert "does not open the copy" in refusal(of_files, settings)
    assert is_empty(settings)


def test_a_place_that_is_not_empty_stays_as_it_is(backups: Backups) -> None:
    backups.house.send()
    backups.make()
    ours = backups.house.services.settings
    empty = backups.new_place()

    for name in ("database_url", "keys_url"):
        said = refusal(backups, empty.model_copy(update={name: getattr(ours, name)}))
        assert f"KURSDOCS_{name.upper()}" in said
    other = backups.new_place()
    with_objects = bootstrap.restore_place(other).store
    with_objects.claim(UUID(int=1))
    assert "KURSDOCS_STORE_URL" in refusal(backups, other)
    assert is_empty(empty)


def test_a_copy_goes_back_to_its_own_kind(
    backups: Backups, settings: Settings, tmp_path: Path
) -> None:
    backups.house.send()
    backups.make()
    if settings.database_url.startswith("sqlite"):
        wrong = settings.model_copy(update={"database_url": "postgresql://u@127.0.0.1:1/none"})
    else:
        wrong = settings.model_copy(update={"database_url": f"sqlite:///{tmp_path}/none.sqlite"})

    assert "goes back to its own kind" in refusal(backups, wrong)


# -- Broken off ------------------------------------------------------------------------------------


class Broken(Exception):
    """The process would have died here."""


def test_half_of_a_restored_town_is_never_taken_for_one(backups: Backups) -> None:
    """After each step in turn, nobody can start on what is there; and it can be begun again."""
    house = backups.house
    kept = house.send().id
    backups.make()

    def break_off(*_: object) -> NoReturn:
        raise Broken

    for step in ("key_store", "prepared", "shown"):
        settings = backups.new_place()
        place = bootstrap.restore_place(settings, house.clock)
        broken = {
            "key_store": replace(place, key_store=break_off),
            "prepared": replace(place, prepared=break_off),
            "shown": replace(place, shown=break_off),
        }[step]
        with pytest.raises(Broken):
            backups.put_back(settings, place=broken)

        with pytest.raises(SettingsError, match="migrate"), bootstrap.open_services(settings):
            pass
        if step == "shown":
            with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the database says
                bootstrap.migrate(settings)

    # The objects of an interrupted attempt are no obstacle.
    settings = backups.new_place()
    store = bootstrap.restore_place(settings).store
    store.claim(house_id(house))
    store.put(
        house.document(kept).object_name, house.services.store.get(house.document(kept).object_name)
    )
    backups.put_back(settings)
    with backups.opened(settings) as restored:
        assert restored.read(kept) == PAPER


def house_id(house: House) -> UUID:
    found = house.services.store.claimed_by()
    assert found is not None
    return found
