"""Installations on both combinations of real parts: everything embedded, and servers for all."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr
from tests.faults.wire import Wire
from tests.operations.copies import Backups, places
from tests.operations.house import (
    Clock,
    House,
    SharedPapers,
    all_keys,
    load_once,
    make_settings,
    settled,
)
from tests.operations.post import Post, opened
from tests.servers import PostgresServer, S3Server, SmtpServer

from kursdocs import bootstrap, catalogue
from kursdocs.adapters.identity import OidcProvider
from kursdocs.adapters.object_store import open_store
from kursdocs.core.tables import metadata
from kursdocs.services import Services
from kursdocs.settings import Settings


@pytest.fixture(scope="session")
def papers() -> Iterator[SharedPapers]:
    """The children that open files, warm for all tests of this process."""
    shared = SharedPapers()
    yield shared
    shared.end()


@pytest.fixture(scope="session")
def _provider() -> Callable[..., OidcProvider]:
    return cache(OidcProvider)


@pytest.fixture(autouse=True)
def _warm_parts(
    papers: SharedPapers, _provider: Callable[..., OidcProvider], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening an installation must not start what is slow to start and holds no state."""
    monkeypatch.setattr(bootstrap, "SandboxedPapers", lambda: papers)
    monkeypatch.setattr(bootstrap, "OidcProvider", _provider)
    monkeypatch.setattr(catalogue, "load", load_once)


@pytest.fixture(scope="session")
def _migrated_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("migrated")
    bootstrap.migrate(make_settings(folder))
    return folder


@pytest.fixture
def embedded_settings(tmp_path: Path, _migrated_folder: Path) -> Settings:
    """Migrated SQLite files and a folder."""
    for name in ("database.sqlite", "keys.sqlite"):
        shutil.copy(_migrated_folder / name, tmp_path / name)
    return make_settings(tmp_path)


@pytest.fixture(scope="session")
def _server_settings(
    postgres: PostgresServer, s3: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    settings = make_settings(
        tmp_path_factory.mktemp("servers"),
        database_url=postgres.new_database(),
        keys_url=postgres.new_database(),
        store_url=s3.bucket_url(s3.new_bucket()),
        s3_access_key=s3.access_key,
        s3_secret_key=SecretStr(s3.secret_key),
    )
    bootstrap.migrate(settings)
    return settings


@pytest.fixture
def server_settings(_server_settings: Settings, postgres: PostgresServer, s3: S3Server) -> Settings:
    """PostgreSQL databases and a bucket: one installation, emptied before each test."""
    settings = _server_settings
    _empty(postgres, settings.database_url)
    s3.empty_quarantine(urlsplit(settings.store_url).path.strip("/"))
    with bootstrap.open_services(settings) as services:
        for name in services.store.names():
            services.store.delete(name)
        for document_id in all_keys(services):
            services.keys.destroy(document_id)
    return settings


def _empty(server: PostgresServer, url: str) -> None:
    """Remove every row, past the guards of the audit log, as only a superuser can.

    What binds key store and bucket to this installation stays.
    """
    tables = [t.name for t in metadata.sorted_tables if t.name != "installation"]
    statements = [sql.SQL("DELETE FROM {};").format(sql.Identifier(name)) for name in tables]
    with psycopg.connect(server.admin_url, dbname=url.rsplit("/", 1)[1]) as connection:
        connection.execute("SET session_replication_role = replica; SET lock_timeout = '5s'")
        connection.execute(sql.Composed(statements))
        connection.execute("INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '')")
        connection.execute("UPDATE installation SET backed_up_at = NULL")


@pytest.fixture(params=["embedded", "servers"])
def settings(request: pytest.FixtureRequest) -> Settings:
    """Both combinations, one after the other."""
    name = "embedded_settings" if request.param == "embedded" else "server_settings"
    chosen: Settings = request.getfixturevalue(name)
    return chosen


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until it is moved."""
    return Clock()


@pytest.fixture
def house(settings: Settings, clock: Clock) -> Iterator[House]:
    """A town that works on each combination of real parts."""
    with settled(settings, clock) as opened:
        yield opened


@pytest.fixture
def embedded(embedded_settings: Settings, clock: Clock) -> Iterator[House]:
    """The same, embedded only: for what does not depend on the parts."""
    with settled(embedded_settings, clock) as opened:
        yield opened


@pytest.fixture
def at_servers(server_settings: Settings, clock: Clock) -> Iterator[House]:
    """The same, on servers only: for what a test does to a server."""
    with settled(server_settings, clock) as opened:
        yield opened


@pytest.fixture
def post(embedded_settings: Settings, clock: Clock, smtp: SmtpServer) -> Iterator[Post]:
    """A town whose worker reminds, with everything embedded but the mail server."""
    with opened(embedded_settings, clock, smtp) as ready:
        yield ready


@pytest.fixture
def any_post(settings: Settings, clock: Clock, smtp: SmtpServer) -> Iterator[Post]:
    """The same on each combination of real parts."""
    with opened(settings, clock, smtp) as ready:
        yield ready


@pytest.fixture
def backups(house: House, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Backups]:
    """Copies of a town on each combination of real parts."""
    with places(house.services.settings, tmp_path, request) as new_place:
        yield Backups.of(house, tmp_path, new_place)


@pytest.fixture
def of_files(embedded: House, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Backups]:
    """The same, embedded only: for what does not depend on the parts."""
    with places(embedded.services.settings, tmp_path, request) as new_place:
        yield Backups.of(embedded, tmp_path, new_place)


@pytest.fixture
def store_line(at_servers: House) -> Iterator[Wire]:
    """A line to the object store of the house on servers."""
    port = urlsplit(at_servers.services.settings.store_url).port
    assert port is not None
    line = Wire(port)
    yield line
    line.close()


@pytest.fixture
def over_line(at_servers: House, store_line: Wire) -> Services:
    """The services of that house, whose objects go over the line."""
    settings = at_servers.services.settings
    url = urlsplit(settings.store_url)._replace(netloc=f"127.0.0.1:{store_line.port}").geturl()
    store = open_store(url, settings.s3_access_key, settings.s3_secret_key.get_secret_value())
    return replace(at_servers.services, store=store)
