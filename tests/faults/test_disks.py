"""Disks that run full in the middle of the work: real small ones, on which nothing fits any more.

Whoever was told "stored" finds the paper; who was refused tries again when there is room, under the
same key, and it is stored once. The folder of objects alone: ``adapters/test_object_store``.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from psycopg import sql
from tests.conftest import leave_out
from tests.operations.house import OTHER_PAPER, PAPER, Clock, House, make_settings, settled
from tests.servers import PostgresServer

from kursdocs import bootstrap
from kursdocs.core.documents import lifecycle
from kursdocs.core.errors import Unavailable
from kursdocs.settings import Settings

TOO_LATE = lifecycle.INTAKE_LIMIT + timedelta(minutes=1)
SOON = timedelta(days=2)
COUNT = 8


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """The folder is a disk of its own that is soon full."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        leave_out("no disk can be mounted here: that takes root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def full(folder: Path, *, leave: int) -> Iterator[None]:
    """All of the disk is taken but so many bytes."""
    ballast = folder / "ballast"
    found = os.statvfs(folder)
    ballast.write_bytes(bytes(max(0, found.f_bavail * found.f_bsize - leave)))
    try:
        yield
    finally:
        ballast.unlink()


@dataclass
class Cramped:
    """A house, and the disk on which a part of it lies."""

    house: House
    disk: Path


def send_all(house: House) -> dict[int, UUID]:
    """Several papers, each under its own key: those of which somebody was told "stored"."""
    stored = {}
    for number in range(COUNT):
        with suppress(Unavailable):
            stored[number] = house.send(PAPER, key=f"k{number}").id
    return stored


def assert_nothing_is_lost(cramped: Cramped, leave: int) -> None:
    house = cramped.house
    before = house.send(OTHER_PAPER).id

    with full(cramped.disk, leave=leave):
        stored = send_all(house)

    assert len(stored) < COUNT
    assert house.read(before) == OTHER_PAPER
    house.sweep(TOO_LATE)
    again = send_all(house)
    assert len(again) == COUNT
    assert {number: again[number] for number in stored} == stored
    house.sweep(TOO_LATE)
    house.sweep(SOON)
    assert house.faults() == []
    assert house.states().count("live") == COUNT + 1


@pytest.fixture
def all_on_one(embedded_settings: Settings, clock: Clock, tmp_path: Path) -> Iterator[Cramped]:
    """Database, keys and objects on one small disk."""
    disk = tmp_path / "disk"
    with small_disk(disk, "6m"):
        for name in ("database.sqlite", "keys.sqlite", "master.keys"):
            shutil.copy2(tmp_path / name, disk / name)
        with settled(make_settings(disk), clock) as house:
            yield Cramped(house, disk)


@pytest.fixture(params=["database.sqlite", "keys.sqlite", "objects"])
def one_of_three(
    request: pytest.FixtureRequest, embedded_settings: Settings, clock: Clock, tmp_path: Path
) -> Iterator[Cramped]:
    """Only the database, only the keys or only the objects lie on a small disk."""
    disk = tmp_path / "disk"
    with small_disk(disk, "6m"):
        places = {name: tmp_path / name for name in ("database.sqlite", "keys.sqlite", "objects")}
        if (moved := places[request.param]).exists():
            shutil.copy2(moved, disk / moved.name)
        places[request.param] = disk / moved.name
        settings = make_settings(
            tmp_path,
            database_url=f"sqlite:///{places['database.sqlite']}",
            keys_url=f"sqlite:///{places['keys.sqlite']}",
            store_url=f"folder:{places['objects']}",
        )
        with settled(settings, clock) as house:
            yield Cramped(house, disk)


@pytest.fixture
def small_cluster(
    server_settings: Settings, postgres: PostgresServer, clock: Clock
) -> Iterator[Cramped]:
    """The rows of a house on servers lie on a small disk of the database server."""
    folder = Path(tempfile.mkdtemp(prefix="kursdocs-disk-"))
    space = sql.Identifier(folder.name.replace("-", "_"))
    url = ""
    with small_disk(folder, "32m"):
        rows = folder / "rows"
        rows.mkdir()
        folder.chmod(0o755)
        shutil.chown(rows, "postgres")
        place = sql.Literal(str(rows))
        postgres.execute(sql.SQL("CREATE TABLESPACE {} LOCATION {}").format(space, place))
        try:
            url = postgres.new_database()
            name = sql.Identifier(url.rsplit("/", 1)[1])
            postgres.execute(sql.SQL("ALTER DATABASE {} SET TABLESPACE {}").format(name, space))
            settings = server_settings.model_copy(
                update={
                    "database_url": url,
                    "keys_url": f"sqlite:///{folder.with_suffix('.keys')}",
                    "store_url": f"folder:{folder.with_suffix('.objects')}",
                }
            )
            bootstrap.migrate(settings)
            with settled(settings, clock) as house:
                yield Cramped(house, folder)
        finally:
            postgres.drop_database(url)
            postgres.execute(sql.SQL("DROP TABLESPACE {}").format(space))
    folder.rmdir()
    shutil.rmtree(folder.with_suffix(".objects"), ignore_errors=True)
    for left in folder.parent.glob(f"{folder.name}.keys*"):
        left.unlink()


@pytest.mark.parametrize("leave", [0, 8192, 40_000, 120_000])
def test_one_full_disk_loses_nothing_that_was_acknowledged(all_on_one: Cramped, leave: int) -> None:
    """Wherever in an upload it runs full: row, key, object or commit."""
    assert_nothing_is_lost(all_on_one, leave)


def test_a_full_disk_of_one_part_loses_nothing_that_was_acknowledged(
    one_of_three: Cramped,
) -> None:
    assert_nothing_is_lost(one_of_three, 20_000)


def test_a_full_disk_of_the_database_server_loses_nothing_that_was_acknowledged(
    small_cluster: Cramped,
) -> None:
    assert_nothing_is_lost(small_cluster, 0)


def test_a_key_is_destroyed_on_a_full_disk_or_said_not_to_be(all_on_one: Cramped) -> None:
    house = all_on_one.house
    document = house.send().id

    with full(all_on_one.disk, leave=0), suppress(Unavailable):
        house.services.keys.destroy(document)
        assert house.keys() == []

    house.services.keys.destroy(document)
    assert house.keys() == []


def test_a_rotation_on_a_full_disk_changes_nothing_or_everything(all_on_one: Cramped) -> None:
    house, file = all_on_one.house, all_on_one.house.services.settings.master_key_file
    document = house.send().id
    before = file.read_bytes()

    with full(all_on_one.disk, leave=0), suppress(OSError, Unavailable):
        house.services.keys.rotate()

    assert file.read_bytes().endswith(before)
    assert [path.name for path in file.parent.glob("master.keys*")] == ["master.keys"]
    house.services.keys.rotate()
    while house.services.keys.rewrap(None, 100).done:
        pass
    assert house.read(document) == PAPER
