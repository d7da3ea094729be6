"""Whole installations for runs outside the tests: made for them, and thrown away."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from unittest import mock

from pydantic import SecretStr
from tests.engines import sharing_compiled_statements
from tests.operations.house import (
    Clock,
    House,
    SharedPapers,
    load_once,
    make_settings,
    settled,
)
from tests.servers import running_postgres, running_seaweedfs

from kursdocs import bootstrap, catalogue
from kursdocs.settings import Settings


class Parts(StrEnum):
    """Both combinations of real parts."""

    EMBEDDED = "SQLite + folder"
    SERVERS = "PostgreSQL + S3"


@contextmanager
def furnished(settings: Settings) -> Iterator[House]:
    """A town in it, whose parts start quickly; its clock stands still until it is moved."""
    papers = SharedPapers(1)
    with (
        mock.patch.object(bootstrap, "SandboxedPapers", return_value=papers),
        mock.patch.object(catalogue, "load", load_once),
        sharing_compiled_statements(),
        settled(settings, Clock()) as house,
    ):
        yield house
    papers.end()


@contextmanager
def installation(parts: Parts, folder: Path) -> Iterator[Settings]:
    """The settings of a migrated, empty installation with everything in ``folder``."""
    if parts is Parts.EMBEDDED:
        settings = make_settings(folder)
        bootstrap.migrate(settings)
        yield settings
        return
    objects = folder / "s3"
    objects.mkdir()
    with running_postgres() as postgres, running_seaweedfs(objects) as s3:
        settings = make_settings(
            folder,
            database_url=postgres.new_database(),
            keys_url=postgres.new_database(),
            store_url=s3.bucket_url(s3.new_bucket()),
            s3_access_key=s3.access_key,
            s3_secret_key=SecretStr(s3.secret_key),
        )
        bootstrap.migrate(settings)
        yield settings
