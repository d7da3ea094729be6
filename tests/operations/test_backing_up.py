"""What a copy takes, what it keeps, and for how long."""

import errno
import hashlib
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from tests.faults import wire
from tests.faults.wire import Wire
from tests.operations.copies import Backups, places
from tests.operations.fsck.test_daily import give_the_coordinator_a_mailbox
from tests.operations.fsck.wreckage import mails
from tests.operations.house import OTHER_PAPER, House
from tests.operations.outages import asking_for
from tests.operations.test_drafting import keep
from tests.operations.test_retention import withdraw

from kursdocs.core import installation
from kursdocs.core.backups import BackupRefused
from kursdocs.core.documents import erasing, lifecycle
from kursdocs.core.documents.lifecycle import INTAKE_LIMIT
from kursdocs.core.documents.tables import Document, DocumentState
from kursdocs.core.installation import Installation
from kursdocs.core.outbox import Purpose
from kursdocs.core.ports import StoreUnavailable
from kursdocs.operations import backing_up, drafting, fetching, fsck, sweeping
from kursdocs.operations.readiness import PROBES, Condition, Part
from kursdocs.services import Services

DAY = timedelta(days=1)


def erase(house: House, document: Document) -> None:
    """Its key, its object and what its row tells are gone."""
    with house.services.transaction() as session:
        actor = lifecycle.system_of(document, "test")
        now = house.clock()
        assert erasing.forget_without_key(session, actor, document.id, reason="test", now=now)
    sweeping.bury_tombstones(house.services)


def kept(backups: Backups) -> set[str]:
    return {path.name for path in backups.folder.glob("objects/*/*")}


def test_a_document_is_copied_once_and_goes_with_the_last_copy_that_names_it(
    of_files: Backups,
) -> None:
    house = of_files.house
    house.send()
    first = of_files.make(keep_days=3)
    house.clock.advance(DAY)
    house.send(OTHER_PAPER)
    second = of_files.make(keep_days=3)
    both = [document.object_name for document in house.documents()]
    erase(house, house.documents()[0])
    house.clock.advance(DAY)
    third = of_files.make(keep_days=3)

    assert [(made.objects, made.copied) for made in (first, second, third)] == [
        (1, 1),
        (2, 1),
        (1, 0),
    ]
    assert kept(of_files) == set(both)
    house.clock.advance(2 * DAY + timedelta(seconds=1))
    last = of_files.make(keep_days=3)

    assert (last.copies_removed, last.objects_removed) == (2, 1)
    assert kept(of_files) == {both[1]}
    assert list(of_files.copies.stamps()) == [third.stamp, last.stamp]


def test_copies_of_the_keys_go_after_fourteen_days_whatever_else_is_kept(
    of_files: Backups,
) -> None:
    house = of_files.house
    house.send()
    old = of_files.make(keep_days=90).stamp
    house.clock.advance(13 * DAY)
    newer = of_files.make(keep_days=90).stamp
    house.clock.advance(DAY + timedelta(seconds=1))
    newest = of_files.make(keep_days=90).stamp

    assert list(of_files.copies.stamps()) == [old, newer, newest]
    assert list(of_files.copies.keys_stamps()) == [newer, newest]
    with of_files.restored(old) as restored:
        assert restored.faults() == []


def test_the_newest_copy_stays_however_old_it_is(of_files: Backups) -> None:
    house = of_files.house
    house.send()
    of_files.make()
    house.clock.advance(400 * DAY)

    newest = of_files.make(keep_days=1).stamp

    assert list(of_files.copies.stamps()) == [newest]
    assert list(of_files.copies.keys_stamps()) == [newest]


def test_the_moment_of_the_newest_copy_is_noted(backups: Backups) -> None:
    services = backups.house.services

    backups.make()

    with services.transaction() as session:
        ours = session.exec(select(Installation)).one()
        assert ours.backed_up_at == backups.house.clock()
        assert installation.known(session) == ours


def test_the_sums_are_those_of_every_file_and_need_no_program_of_ours(of_files: Backups) -> None:
    of_files.house.send()
    stamp = of_files.make().stamp
    command = ["sha256sum", "--check", "--strict", "--quiet", f"{stamp}/SHA256SUMS"]

    subprocess.run(command, cwd=of_files.folder, check=True)

    [an_object] = of_files.folder.glob("objects/*/*")
    an_object.write_bytes(an_object.read_bytes()[:-1] + b"\0")
    assert subprocess.run(command, cwd=of_files.folder, check=False).returncode == 1


def test_damaged_bytes_never_take_the_place_of_good_ones(of_files: Backups) -> None:
    house = of_files.house
    house.send()
    [good] = house.documents()
    of_files.make()
    folder = Path(house.services.settings.store_url.removeprefix("folder:"))
    path = folder / good.object_name[:2] / good.object_name
    house.clock.advance(DAY)
    path.write_bytes(bytes(len(path.read_bytes())))

    again = of_files.make()

    assert (again.copied, again.lost) == (0, 0)
    found = hashlib.sha256(of_files.copies.object(good.object_name)).hexdigest()
    assert found == good.stored_sha256
    # Where there is no good copy yet, it is told and nothing is kept.
    of_files.folder.joinpath("objects", good.object_name[:2], good.object_name).unlink()
    house.clock.advance(DAY)
    assert of_files.make().lost == 1
    assert kept(of_files) == set()


def test_a_copy_that_was_cut_is_made_anew(of_files: Backups) -> None:
    house = of_files.house
    house.send()
    of_files.make()
    [an_object] = of_files.folder.glob("objects/*/*")
    an_object.write_bytes(an_object.read_bytes()[:-1])
    house.clock.advance(DAY)

    of_files.make()

    with of_files.restored() as restored:
        assert restored.faults() == []


def test_a_copy_that_rotted_is_found_within_a_week_and_made_anew(of_files: Backups) -> None:
    """All copies share it, so otherwise none of them could be put back any more."""
    house = of_files.house
    house.send()
    of_files.make()
    [copy] = of_files.folder.glob("objects/*/*")
    whole = copy.read_bytes()
    copy.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])

    for _ in range(7):
        house.clock.advance(DAY)
        of_files.make()

    assert copy.read_bytes() == whole


def test_two_at_a_time_are_one_too_many(of_files: Backups) -> None:
    of_files.house.send()

    with of_files.copies.alone(), pytest.raises(BackupRefused, match="Another backup"):
        of_files.make()

    assert of_files.make().documents == 1


# -- What cannot be read --------------------------------------------------------------------------

REFUSED = wire.answer(b"403 Forbidden", b"<Error><Code>AccessDenied</Code></Error>")


@pytest.fixture
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PAUSE_SECONDS", 0.0)


def backup_part(services: Services) -> Part:
    return {name: part for probe in PROBES for name, part in probe(services).items()}["backup"]


def alarms(house: House) -> list[str]:
    return [mail.dedupe.split("|")[1] for mail in mails(house) if mail.purpose is Purpose.ALARM]


@pytest.mark.usefixtures("_no_pause")
def test_one_unreadable_object_stops_no_other_and_is_told_to_everybody(
    at_servers: House,
    over_line: Services,
    store_line: Wire,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    house = replace(at_servers, services=over_line)
    give_the_coordinator_a_mailbox(house)
    stuck, sound = house.send(), house.send(OTHER_PAPER)
    name = house.document(stuck.id).object_name
    with places(house.services.settings, tmp_path, request) as new_place:
        backups = Backups.of(house, tmp_path, new_place)
        with store_line.troubled(REFUSED, asking_for(house.services.settings, name)):
            made = backups.make()

        assert (made.documents, made.objects, made.lost, made.missing) == (2, 1, 1, [stuck.id])
        assert backups.manifest().lost_objects == [name]
        assert backup_part(over_line) == Part(Condition.DEGRADED, "backup_incomplete", 0)
        assert alarms(house) == ["backup_incomplete"]
        with backups.restored() as restored:
            assert restored.read(sound.id) == OTHER_PAPER
            assert dict(fsck.check(restored.services).found) == {fsck.Damage.LOST_OBJECT: 1}

        house.clock.advance(DAY)
        again = backups.make()

        assert (again.objects, again.lost, again.missing) == (2, 0, [])
        assert backup_part(over_line) == Part(Condition.OK, seconds=0)
        with backups.restored() as restored:
            assert restored.faults() == []


@pytest.mark.usefixtures("_no_pause")
def test_a_store_that_hands_out_nothing_makes_no_copy(
    at_servers: House, over_line: Services, store_line: Wire, tmp_path: Path
) -> None:
    house = replace(at_servers, services=over_line)
    names = [house.document(house.send().id).object_name for _ in range(2)]
    backups = Backups.of(house, tmp_path, lambda: house.services.settings)
    on = [asking_for(house.services.settings, name) for name in names]

    with store_line.troubled(REFUSED, *on), pytest.raises(StoreUnavailable):
        backups.make()

    assert list(backups.copies.stamps()) == []
    assert backup_part(over_line) == Part(Condition.OFF)


def test_a_lost_key_is_told_too_until_a_copy_is_complete(of_files: Backups) -> None:
    house = of_files.house
    give_the_coordinator_a_mailbox(house)
    house.send()
    lost = house.send(OTHER_PAPER).id
    house.services.keys.destroy(lost)

    made = of_files.make()

    assert (made.lost, made.missing) == (1, [lost])
    assert backup_part(house.services).code == "backup_incomplete"
    house.clock.advance(DAY)
    of_files.make()
    assert alarms(house) == ["backup_incomplete"] * 2
    # Too old is worse than incomplete.
    house.clock.advance(3 * DAY)
    assert backup_part(house.services).code == "backup_late"


@pytest.mark.parametrize(
    ("asked", "number"),
    [("read_bytes", errno.EIO), ("read_bytes", errno.EBADMSG), ("stat", errno.EUCLEAN)],
)
def test_a_copied_object_on_a_bad_sector_is_made_anew(
    of_files: Backups, monkeypatch: pytest.MonkeyPatch, asked: str, number: int
) -> None:
    """Its bytes cannot be read, or what the file system says of it is itself damaged."""
    house = of_files.house
    house.send()
    of_files.make()
    [copy] = of_files.folder.glob("objects/*/*")
    answer, bad = getattr(Path, asked), os.stat(copy).st_ino

    def damaged(path: Path, **named: Any) -> object:
        if path == copy and os.stat(copy).st_ino == bad:
            raise OSError(number, os.strerror(number), str(path))
        return answer(path, **named)

    monkeypatch.setattr(Path, asked, damaged)
    for _ in range(7):
        house.clock.advance(DAY)
        assert of_files.make().lost == 0

    with of_files.restored() as restored:
        assert restored.faults() == []


@pytest.mark.parametrize("what", ["gone", "altered", "empty"])
def test_while_a_list_of_objects_cannot_be_read_none_is_removed(
    of_files: Backups, what: str
) -> None:
    house = of_files.house
    gone = house.send()
    old = of_files.make().stamp
    erase(house, house.document(gone.id))
    house.send(OTHER_PAPER)
    sums = of_files.folder / old / "SHA256SUMS"
    text = sums.read_text()
    if what == "gone":
        sums.unlink()
    else:
        sums.write_text(text.replace("objects", "objecte") if what == "altered" else "")
    house.clock.advance(DAY)

    made = of_files.make()

    assert (made.unreadable, made.objects_removed, len(kept(of_files))) == ([old], 0, 2)
    assert backup_part(house.services).condition is Condition.OK
    sums.write_text(text)
    with of_files.restored(old) as restored:
        assert restored.document(gone.id).state is DocumentState.ERASED
    of_files.copies.remove(old)
    house.clock.advance(DAY)
    assert of_files.make().objects_removed == 1


def test_a_draft_turned_while_it_is_copied_makes_no_copy_incomplete(of_files: Backups) -> None:
    """Its old pages are in no store any more, and its row needs other ones now."""
    house, services = of_files.house, of_files.house.services
    house.send()
    of_files.make()  # so that nothing but the draft is fetched
    house.clock.advance(DAY)
    draft = keep(house, OTHER_PAPER)

    class Turning:
        def get(self, name: str) -> bytes:
            if "turned" not in vars(self):
                self.turned = drafting.turn(services, house.sender, draft.id, page=1, degrees=90)
            return services.store.get(name)

        def __getattr__(self, name: str) -> Any:
            return getattr(services.store, name)

    turning = replace(services, store=Turning())
    made = backing_up.back_up(turning, of_files.means(), keep_days=14)

    assert (made.objects, made.lost, made.missing) == (1, 0, [])
    assert backup_part(services).condition is Condition.OK
    with of_files.restored() as restored:
        assert restored.faults() == []


@contextmanager
def working(*acts: Callable[[], object]) -> Iterator[None]:
    """Each is done again and again, by somebody of their own, until the block ends."""
    stop = threading.Event()

    def work(act: Callable[[], object]) -> None:
        while not stop.is_set():
            act()

    with ThreadPoolExecutor(len(acts)) as pool:
        done = [pool.submit(work, act) for act in acts]
        try:
            yield
        finally:
            stop.set()
    for one in done:
        one.result()


def test_a_town_is_copied_while_it_works(backups: Backups) -> None:
    """Two who send, one who withdraws and one who erases; what comes back is whole."""
    house = backups.house

    def take_back() -> None:
        withdraw(house, house.send(OTHER_PAPER).id)

    def erase_one() -> None:
        erase(house, house.document(house.send(OTHER_PAPER).id))

    with working(house.send, house.send, take_back, erase_one):
        for sent in (4, 12):
            while len(house.documents()) < sent:
                threading.Event().wait(0.01)
            house.clock.advance(timedelta(seconds=1))
            assert backups.make().lost == 0

    # What was on its way at that moment is given up in its time.
    house.clock.advance(INTAKE_LIMIT + timedelta(seconds=1))
    for stamp in backups.copies.stamps():
        with backups.restored(stamp) as restored:
            assert restored.faults() == []
            assert restored.documents()
