"""A process that is killed while it copies a town, or puts one back: nothing half looks whole."""

import multiprocessing
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url
from tests.operations.copies import Backups
from tests.operations.house import OTHER_PAPER, PAPER, House, make_settings

from kursdocs import bootstrap
from kursdocs.core.ports import ForeignInstance
from kursdocs.operations import backing_up
from kursdocs.settings import Settings, SettingsError

FORK = multiprocessing.get_context("fork")
KILLED = 9
SECOND = timedelta(seconds=1)


class Points:
    """Counts the calls through what it wraps, and ends the process before the one of a number."""

    def __init__(self, kill_at: int, passed: Path) -> None:
        self._kill_at, self._passed = kill_at, passed
        self._count = 0

    def through(self, inner: object) -> Any:
        """The same object, whose every call is a point."""
        points = self

        class Watched:
            def __getattr__(self, name: str) -> object:
                found = getattr(inner, name)
                return points.before(name, found) if callable(found) else found

        return Watched()

    def before(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        """The call, unless the process ends here: without any clearing up, as by SIGKILL."""

        def call(*arguments: object, **named: object) -> Any:
            if self._count == self._kill_at:
                os._exit(KILLED)
            self._count += 1
            with self._passed.open("a") as file:
                file.write(f"{name}\n")
            return act(*arguments, **named)

        return call


def in_a_child(work: Callable[[Points], None], kill_at: int, folder: Path) -> tuple[int, list[str]]:
    """Do it in a process of its own; how that ended, and the points that it passed."""
    passed = folder / "passed"
    passed.write_text("")
    child = FORK.Process(target=lambda: work(Points(kill_at, passed)))
    child.start()
    child.join(60)
    assert child.exitcode is not None
    return child.exitcode, passed.read_text().split()


@pytest.fixture
def backups(embedded: House, tmp_path: Path) -> Backups:
    """Copies of a town with two papers."""
    embedded.send()
    embedded.send(OTHER_PAPER)
    numbers = iter(range(1000))

    def new_place() -> Settings:
        folder = tmp_path / f"place-{next(numbers)}"
        folder.mkdir()
        return make_settings(folder, master_key_file=embedded.services.settings.master_key_file)

    return Backups.of(embedded, tmp_path, new_place)


def copying(backups: Backups) -> Callable[[Points], None]:
    """A copy that dies at a point of the folder, the seal, the databases or the stores."""

    def work(points: Points) -> None:
        house = backups.house
        with bootstrap.open_services(house.services.settings, clock=house.clock) as services:
            means = backups.means()
            watched = replace(
                means,
                copies=points.through(means.copies),
                sealer=points.through(means.sealer),
                database=points.through(means.database),
                keys=points.through(means.keys),
            )
            services = replace(
                services, store=points.through(services.store), keys=points.through(services.keys)
            )
            backing_up.back_up(services, watched, keep_days=14)

    return work


def test_a_copy_that_died_is_none_and_the_next_one_is_whole(
    backups: Backups, tmp_path: Path
) -> None:
    stamps: set[str] = set()
    died_at: set[str] = set()
    for kill_at in count():
        backups.house.clock.advance(SECOND)
        code, passed = in_a_child(copying(backups), kill_at, tmp_path)
        # Only what was finished is a copy; after that, nothing is left to do but to clear up.
        new = set(backups.copies.stamps()) - stamps
        assert len(new) == int("finish" in passed), passed
        if stamps and new:
            backups.copies.remove(new.pop())  # each copy is a point more for the next one
        stamps |= new
        died_at.update(passed)
        if code == 0:
            break
        assert code == KILLED
    assert {"begin", "frozen", "seal", "write", "get", "put_object", "write_keys"} <= died_at
    assert len(stamps) == 1
    for stamp in stamps:
        with backups.restored(stamp) as restored:
            assert restored.faults() == []

    backups.house.clock.advance(SECOND)
    backups.make()

    assert not list(backups.folder.rglob(".*part"))
    beside = [path.name for path in backups.folder.parent.iterdir()]
    assert not [name for name in beside if ".backup-" in name]
    with backups.restored() as restored:
        assert [restored.read(one.id) for one in restored.documents()] == [PAPER, OTHER_PAPER]
        assert restored.faults() == []


def putting_back(backups: Backups, settings: Settings) -> Callable[[Points], None]:
    """A restore that dies at a point of the copies, the store, the databases or the steps."""

    def work(points: Points) -> None:
        place = bootstrap.restore_place(settings, backups.house.clock)
        watched = replace(
            place,
            database=points.through(place.database),
            keys=points.through(place.keys),
            store=points.through(place.store),
            key_store=points.before("key_store", place.key_store),
            prepared=points.before("prepared", place.prepared),
            shown=points.before("shown", place.shown),
        )
        backups.put_back(settings, copies=points.through(backups.copies), place=watched)

    return work


def test_a_restore_that_died_leaves_nothing_to_start_on_and_can_be_repeated(
    backups: Backups, tmp_path: Path
) -> None:
    backups.make()
    died_at: set[str] = set()
    for kill_at in count():
        settings = backups.new_place()
        code, passed = in_a_child(putting_back(backups, settings), kill_at, tmp_path)
        died_at.update(passed)
        if code == 0:
            break

        assert code == KILLED
        with (
            pytest.raises((SettingsError, ForeignInstance)),
            bootstrap.open_services(settings),
        ):
            pass
        # As the refusal of a place that is not empty says: let go of both databases.
        for url in (settings.database_url, settings.keys_url):
            path = Path(make_url(url).database or "")
            for left in path.parent.glob(f"{path.name}*"):
                left.unlink()
        backups.put_back(settings)
        with backups.opened(settings) as restored:
            assert restored.faults() == [], passed
    assert {"claim", "put", "filling", "key_store", "prepared", "shown"} <= died_at
