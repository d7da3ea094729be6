"""Whole installations for runs outside the tests: made for them, and thrown away."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from pydantic import SecretStr
from tests.operations.house import make_settings
from tests.servers import running_postgres, running_seaweedfs

from kursdocs import bootstrap
from kursdocs.settings import Settings


class Parts(StrEnum):
    """Both combinations of real parts."""

    EMBEDDED = "SQLite + folder"
    SERVERS = "PostgreSQL + S3"


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
