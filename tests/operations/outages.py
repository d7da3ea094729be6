"""Parts that go away for a while, for real: a database, a folder, a server."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from psycopg import sql
from tests.servers import PostgresServer, S3Server

from kursdocs.core.ports import ObjectStore, StoreUnavailable
from kursdocs.settings import Settings

WAIT_SECONDS = 30.0


@contextmanager
def cut_off(server: PostgresServer, url: str) -> Iterator[None]:
    """Every connection to this one database is cut, and nobody gets a new one."""
    name = url.rsplit("/", 1)[1]
    allow = "ALTER DATABASE {} ALLOW_CONNECTIONS {}"
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}"
    server.execute(sql.SQL(allow).format(sql.Identifier(name), sql.SQL("false")))
    server.execute(sql.SQL(cut).format(sql.Literal(name)))
    try:
        yield
    finally:
        server.execute(sql.SQL(allow).format(sql.Identifier(name), sql.SQL("true")))


@contextmanager
def moved_away(folder: Path) -> Iterator[None]:
    """As if its disk were not mounted."""
    elsewhere = folder.rename(folder.with_name("elsewhere"))
    try:
        yield
    finally:
        elsewhere.rename(folder)


@contextmanager
def stopped(server: S3Server, store: ObjectStore) -> Iterator[None]:
    """The server is away for a while; at the end it answers for every object of the store again.

    SeaweedFS answers before it knows where its objects are.
    """
    names = store.names()
    server.stop()
    try:
        yield
    finally:
        server.start()
        give_up = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < give_up and not _answers(store, names):
            time.sleep(0.1)


def _answers(store: ObjectStore, names: Sequence[str]) -> bool:
    try:
        store.check()
        for name in names:
            store.get(name)
    except StoreUnavailable:
        return False
    return True


def asking_for(settings: Settings, object_name: str) -> bytes:
    """How a request to the bucket for the bytes of an object begins."""
    return f"GET {urlsplit(settings.store_url).path}/{object_name}".encode()
