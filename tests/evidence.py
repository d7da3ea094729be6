"""A log to sign and to tamper with: only what signing and verifying look into, on a real database.

Knows nothing of pytest.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import Session
from tests.factories import NOW, TESTS
from tests.servers import PostgresServer

from kursdocs.adapters.database import Database
from kursdocs.adapters.log_key import LogKey
from kursdocs.core import audit
from kursdocs.core.audit import AuditCheckpoint, Happening
from kursdocs.core.ports import LogSigner
from kursdocs.operations import checkpointing
from kursdocs.services import Services

NAME = "musterstadt.example/log"


def make_log_key(name: str = NAME, former: Sequence[str] = ()) -> LogKey:
    """A fresh key that lies in no file."""
    return LogKey(name, Ed25519PrivateKey.generate(), former)


def no_settings() -> SimpleNamespace:
    """What alarms look into."""
    return SimpleNamespace(operator_mail="betrieb@musterstadt.example", public_url="")


@dataclass
class Keeper:
    """As much of the bundle as those who keep the log look into."""

    transaction: Callable[[], AbstractContextManager[Session]]
    now: datetime = NOW
    log_signer: LogSigner | None = field(default_factory=make_log_key)
    months: int = 6
    settings: SimpleNamespace = field(default_factory=no_settings)

    @property
    def catalogue(self) -> SimpleNamespace:
        """The one rule that is asked for."""
        return SimpleNamespace(log_kept_months=self.months)

    def clock(self) -> datetime:
        """Stands still unless the test moves it."""
        return self.now

    @property
    def services(self) -> Services:
        """Itself, for those who ask for the whole bundle."""
        return cast(Services, self)

    def write(self, count: int, **details: Any) -> None:
        """Append rows to the log, a minute apart."""
        with self.transaction() as session:
            for number in range(count):
                self.now += timedelta(minutes=1)
                said = {"count": number} | details
                audit.record(session, TESTS, Happening.SENT_LISTED, now=self.now, **said)

    def sign(self) -> AuditCheckpoint:
        """A checkpoint of what is there now."""
        assert self.log_signer is not None
        made = checkpointing.sign(self.services, self.log_signer)
        assert made is not None
        return made


def execute_past_guards(
    database: Database, server: PostgresServer | None, *statements: str, **values: Any
) -> None:
    """Run SQL as an administrator of the database could, with no trigger to stop it.

    Afterwards the guards are there again. ``server`` is that of PostgreSQL.
    """
    if server is not None:
        with psycopg.connect(server.admin_url, dbname=database.engine.url.database) as connection:
            connection.execute("SET session_replication_role = replica")
            for statement in statements:
                connection.execute(_for_psycopg(statement), values)
        return
    with database.engine.begin() as connection:
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        guards = connection.exec_driver_sql(query).all()
        for name, _ in guards:
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.exec_driver_sql(statement, values)
        for _, guard in guards:
            connection.exec_driver_sql(guard)


def _for_psycopg(statement: str) -> bytes:
    """``:name`` as psycopg writes it."""
    words = [f"%({word[1:]})s" if word[:1] == ":" else word for word in statement.split(" ")]
    return " ".join(words).encode()
