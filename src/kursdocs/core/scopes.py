"""How far a transaction reaches: the second lock beside the queries, where the database has one.

PostgreSQL is told the scope at the beginning of each transaction, and its row-level security
(migration 0006) then lets through the rows of that scope alone, whatever a query forgot. SQLite has
no such lock. Outside a request everything is in reach; ``web.endpoint`` narrows that for each
request, first to nobody, then to who asks.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session


class Reach(StrEnum):
    """Which rows a transaction reaches.

    ``SYSTEM`` reads everything and changes nothing (readiness, numbers); ``TOWN`` reads what is of
    one municipality; ``AGENCY`` reads and changes what one agency is party to.
    """

    EVERYTHING = "everything"
    SYSTEM = "system"
    TOWN = "town"
    AGENCY = "agency"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Scope:
    """A reach, and the id of its agency or municipality."""

    reach: Reach
    id: UUID | None = None

    @property
    def settings(self) -> Mapping[str, str]:
        """What the policies read, by the last part of the setting's name (``kursdocs.…``)."""
        return {
            "scope": self.reach.value,
            "agency": str(self.id or "") if self.reach is Reach.AGENCY else "",
            "town": str(self.id or "") if self.reach is Reach.TOWN else "",
        }


EVERYTHING = Scope(Reach.EVERYTHING)
SYSTEM = Scope(Reach.SYSTEM)
NOBODY = Scope(Reach.NOBODY)

# Copied into the threads of a request, never back, and gone with the request's task.
_present: ContextVar[Scope] = ContextVar("kursdocs_scope", default=EVERYTHING)


def present() -> Scope:
    """How far a transaction reaches that begins now."""
    return _present.get()


def enter(scope: Scope) -> None:
    """From now on transactions of this task, or of this thread of it, reach so far."""
    _present.set(scope)


def tell(connection: sa.Connection) -> None:
    """Tell the database, for the present transaction, how far it reaches."""
    if connection.dialect.name != "postgresql":
        return
    told = present().settings
    calls = [sa.func.set_config(f"kursdocs.{name}", told[name], True) for name in sorted(told)]
    connection.execute(sa.select(*calls))


def move(session: Session, scope: Scope) -> None:
    """The same, also for the transaction that runs: what was changed before counts as before."""
    if scope == present():
        return
    session.flush()
    enter(scope)
    tell(session.connection())


@contextmanager
def reaching_everything(session: Session) -> Iterator[None]:
    """Let a deed of one agency reach rows of others, where the rules of the house ask for that.

    Whatever is found in here must not be shown to anybody.
    """
    before = present()
    if before == EVERYTHING:
        yield
        return
    move(session, EVERYTHING)
    try:
        yield
        session.flush()
    finally:
        enter(before)
    tell(session.connection())
