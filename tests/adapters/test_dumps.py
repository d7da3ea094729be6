"""Databases as a whole: of one moment, with every row, or not at all."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlmodel import Session
from tests.factories import OFFICE, PROVIDER, make_document, make_person_actor, make_town
from tests.servers import PostgresServer

from kursdocs.adapters import dumps
from kursdocs.adapters.database import VERSION_TABLE, Database, migrate, migrate_hidden, show
from kursdocs.adapters.dumps import open_dump
from kursdocs.core import scopes
from kursdocs.core.backups import BackupRefused, Dump
from kursdocs.core.ports import Schema


def filled(url: str) -> Database:
    """A migrated database with one document in a town."""
    database = Database(url)
    migrate(database)
    with database.transaction() as session:
        add_document(session)
    return database


def add_document(session: Session) -> None:
    town = make_town(session)
    make_document(session, make_person_actor(session, town[PROVIDER]), OFFICE)


def dump_of(url: str) -> Dump:
    return open_dump(make_url(url), version_table=VERSION_TABLE)


def taken(url: str) -> tuple[bytes, dict[str, int], str]:
    """The dump, its rows and its revision."""
    with dump_of(url).frozen() as frozen:
        with frozen.opened() as file:
            data = b"".join(iter(lambda: file.read(100_000), b""))
        return data, dict(frozen.rows()), frozen.revision


@pytest.fixture
def empty_url(database_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Another database of the same kind, to which nothing was ever done."""
    if database_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'other' / 'restored.sqlite'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.new_database()
    yield url
    server.drop_database(url)


def test_what_was_dumped_is_there_again_once_it_is_shown(database_url: str, empty_url: str) -> None:
    database = filled(database_url)
    data, rows, revision = taken(database_url)
    database.close()
    target = dump_of(empty_url)
    assert target.is_empty()

    with target.filling() as file:
        file.write(data)

    assert not target.is_empty()
    assert target.rows() == rows
    assert (rows["document"], rows[VERSION_TABLE]) == (1, 0)
    restored = Database(empty_url)
    assert restored.schema() is Schema.BEHIND
    migrate_hidden(restored, revision)
    assert restored.schema() is Schema.BEHIND
    show(restored)
    assert restored.schema() is Schema.CURRENT
    restored.close()


def test_a_dump_is_of_one_moment_whatever_is_written_meanwhile(database_url: str) -> None:
    database = filled(database_url)

    with dump_of(database_url).frozen() as frozen:
        with database.transaction() as session:
            session.execute(sa.text("UPDATE agency SET name = 'Später'"))
        names = set(frozen.session.scalars(sa.text("SELECT name FROM agency")))
        with frozen.opened() as file:
            while file.read(100_000):
                pass
    database.close()

    assert "Später" not in names


def test_a_dump_that_breaks_off_leaves_the_place_empty(database_url: str, empty_url: str) -> None:
    filled(database_url).close()
    data, _, _ = taken(database_url)
    target = dump_of(empty_url)

    def half(error: type[Exception] | None) -> None:
        with target.filling() as file:
            file.write(data[: len(data) // 2])
            if error is not None:
                raise error

    for error in (RuntimeError, BackupRefused):
        with pytest.raises(error):
            half(error)
    with pytest.raises(BackupRefused):
        half(None)

    assert target.is_empty()


def test_rows_that_the_role_may_not_read_are_no_silent_gap(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.new_database()
    filled(url).close()
    everything, rows, _ = taken(url)
    assert rows["document"] == 1
    # As if the policies came to know the reach of backups by another name: pg_dump sees nothing.
    environment = dumps.PostgresDump._environment.fget  # type: ignore[attr-defined]
    monkeypatch.setattr(
        dumps.PostgresDump,
        "_environment",
        property(lambda self: {**environment(self), "PGOPTIONS": "-c kursdocs.scope=nobody"}),
    )

    with pytest.raises(BackupRefused, match="does not hold every row"):
        taken(url)

    assert everything
    postgres.drop_database(url)


def test_a_server_that_is_newer_than_the_programs_is_told(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = postgres.new_database()
    monkeypatch.setattr(dumps, "_DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(BackupRefused, match="postgresql-client"), dump_of(url).frozen():
        pass

    postgres.drop_database(url)


def test_a_password_is_in_no_command_line() -> None:
    url = make_url("postgresql://kursdocs:geheim-erfunden@db:5433/town?sslmode=verify-full")
    dump = dumps.PostgresDump(url, "")

    assert "geheim" not in dump._conninfo
    assert dump._environment["PGPASSWORD"] == "geheim-erfunden"
    assert psycopg.conninfo.conninfo_to_dict(dump._conninfo) == {
        "host": "db",
        "port": "5433",
        "user": "kursdocs",
        "dbname": "town",
        "sslmode": "verify-full",
    }


def test_what_else_the_environment_says_of_servers_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGHOST", "elsewhere")
    dump = dumps.PostgresDump(make_url("postgresql://kursdocs@db/town"), "")

    told = {name: value for name, value in dump._environment.items() if name.startswith("PG")}

    assert told == {"PGOPTIONS": f"-c kursdocs.scope={scopes.EVERYTHING.reach.value}"}


def test_the_copy_of_a_file_has_no_name_and_no_reader(tmp_path: Path) -> None:
    """A process that is killed now leaves nothing of it on the disk."""
    url = f"sqlite:///{tmp_path / 'database.sqlite'}"
    filled(url).close()
    before = set(os.listdir(tmp_path))

    with dump_of(url).frozen() as frozen:
        assert set(os.listdir(tmp_path)) - before <= {
            "database.sqlite-wal",
            "database.sqlite-shm",
        }
        assert frozen.rows()["document"] == 1
    (tmp_path / "database.sqlite.backup-cafe").write_bytes(b"left by one that was killed before")
    with dump_of(url).frozen():
        pass

    assert not list(tmp_path.glob("*.backup-*"))


def test_a_restored_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'database.sqlite'}"
    filled(url).close()
    data, _, _ = taken(url)
    place = tmp_path / "restored.sqlite"

    with dump_of(f"sqlite:///{place}").filling() as file:
        file.write(data)

    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    with pytest.raises(BackupRefused), dump_of(f"sqlite:///{tmp_path / 'n.sqlite'}").filling() as f:
        f.write(data[:9000] + os.urandom(len(data) - 9000))
    assert not (tmp_path / "n.sqlite").exists()
