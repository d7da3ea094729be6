"""Whether everything we depend on answers, part by part.

Without database, schema, key store or object store nothing can be served: then this process is not
ready. Everything else (mail, worker, scanner) is worth an alarm, but taking web processes away for
it would only add an outage: then it is degraded. :data:`PROBES` can run at the same time;
:class:`Report` adds them up.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session

from kursdocs.core import checks, heartbeats, outbox
from kursdocs.core.checks import Health
from kursdocs.core.documents import counting
from kursdocs.core.errors import Unavailable
from kursdocs.core.ports import Schema, Signatures
from kursdocs.operations import delivery, last_backup, starting
from kursdocs.operations.rescanning import SIGNATURES_AGE_MAX
from kursdocs.operations.sweeping import HELD_LIMIT
from kursdocs.services import Services

# Mails go out within seconds; what is older than this is stuck at the mail server or has no worker.
MAIL_LIMIT = timedelta(minutes=30)


class Condition(StrEnum):
    """How a part is. ``off`` is by choice, ``unknown`` when what could tell does not answer."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"
    OFF = "off"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Part:
    """One part; ``code`` says what is wrong, ``seconds`` and ``names`` how much and of whom."""

    condition: Condition
    code: str = ""
    seconds: int | None = None
    names: Sequence[str] = ()


Parts = Mapping[str, Part]

OK = Part(Condition.OK)
_UNKNOWN = Part(Condition.UNKNOWN)
_TOLD_BY_DATABASE = ("migrations", "mail", "bounces", "worker", "held", "integrity", "backup")


@dataclass(frozen=True)
class Report:
    """All parts together."""

    parts: Parts = field(default_factory=dict)

    @property
    def is_ready(self) -> bool:
        """Whether requests can be served at all."""
        return all(part.condition is not Condition.DOWN for part in self.parts.values())

    @property
    def is_degraded(self) -> bool:
        """Ready, but somebody should look."""
        return any(part.condition is Condition.DEGRADED for part in self.parts.values())


def _database(services: Services) -> Parts:
    now = services.clock()
    try:
        migrations = _migrations(services)
        with services.transaction() as session:
            told = {
                "mail": _mail(session, now),
                "bounces": _bounces(services, session, now),
                "worker": _worker(session, now),
                "held": _held(session, now),
                "integrity": _integrity(session, now),
                "backup": _backup(session, now),
            }
    except Unavailable as error:
        down = Part(Condition.DOWN, error.code)
        return {"database": down, **dict.fromkeys(_TOLD_BY_DATABASE, _UNKNOWN)}
    return {"database": OK, "migrations": migrations, **told}


def _migrations(services: Services) -> Part:
    """A newer schema is no reason to leave: during an upgrade the old version serves beside it."""
    schema = services.database.schema()
    if schema is Schema.BEHIND:
        return Part(Condition.DOWN, "schema_behind")
    return OK if schema is Schema.CURRENT else Part(Condition.DEGRADED, "schema_ahead")


def _mail(session: Session, now: datetime) -> Part:
    """The server is asked by the worker, also when there is nothing to send."""
    if delivery.is_failing(session, delivery.SERVER_DUTY, now):
        return Part(Condition.DEGRADED, "mail_server_unavailable")
    return _waiting_since(outbox.oldest_waiting(session, now=now), now, MAIL_LIMIT, "mail_late")


def _held(session: Session, now: datetime) -> Part:
    return _waiting_since(counting.unscanned(session).since, now, HELD_LIMIT, "held_too_long")


def _integrity(session: Session, now: datetime) -> Part:
    """What the newest check found, and whether it was made lately; before the first: unknown."""
    newest = checks.newest(session)
    if newest is None:
        return Part(Condition.UNKNOWN, "integrity_unchecked")
    if newest.verdict is Health.LOSS:
        return Part(Condition.DEGRADED, "integrity_loss")
    return _waiting_since(newest.started_at, now, checks.UNCHECKED, "integrity_unchecked")


def _backup(session: Session, now: datetime) -> Part:
    """The newest copy of everything; off where nobody makes them with kursdocs."""
    made_at = last_backup.moment(session)
    if made_at is None:
        return Part(Condition.OFF)
    part = _waiting_since(made_at, now, last_backup.LIMIT, "backup_late")
    if part.condition is Condition.OK and last_backup.is_incomplete(session):
        return Part(Condition.DEGRADED, "backup_incomplete", part.seconds)
    return part


def _waiting_since(since: datetime | None, now: datetime, limit: timedelta, code: str) -> Part:
    if since is None:
        return OK
    waited = now - since
    seconds = max(0, round(waited.total_seconds()))
    if waited <= limit:
        return Part(Condition.OK, seconds=seconds)
    return Part(Condition.DEGRADED, code, seconds)


def _bounces(services: Services, session: Session, now: datetime) -> Part:
    if not services.settings.bounces_url:
        return Part(Condition.OFF)
    if delivery.is_failing(session, delivery.BOUNCES_DUTY, now):
        return Part(Condition.DEGRADED, "bounces_unavailable")
    return OK


def _worker(session: Session, now: datetime) -> Part:
    """Whether somebody works; what it finds of others stands in parts of its own."""
    beats = [beat for beat in heartbeats.latest(session) if beat.duty != last_backup.DUTY]
    if not beats:
        return Part(Condition.DEGRADED, "worker_never_seen")
    late = [beat.duty for beat in beats if beat.is_late(now) and beat.duty not in delivery.OUTSIDE]
    return Part(Condition.DEGRADED, "worker_late", names=late) if late else OK


def _key_store(services: Services) -> Parts:
    part = _checked(services.keys.check, Condition.DOWN)
    return {"key_store": _key_store_beside(services) if part is OK else part}


def _key_store_beside(services: Services) -> Part:
    """A database that was put back from before the newest papers is still worth being served."""
    try:
        is_newer = bool(starting.keys_without_row(services))
    except Unavailable:
        return OK  # It answered; the database is told of in a part of its own.
    return Part(Condition.DEGRADED, "database_older_than_keys") if is_newer else OK


def _object_store(services: Services) -> Parts:
    return {"object_store": _checked(services.store.check, Condition.DOWN)}


def _scanner(services: Services) -> Parts:
    """Without it documents are held, not refused."""
    if services.settings.clamd == "off":
        return {"scanner": Part(Condition.OFF)}
    try:
        known = services.scanner.signatures()
    except Unavailable as error:
        return {"scanner": Part(Condition.DEGRADED, error.code)}
    return {"scanner": _signatures(known, services.clock())}


def _signatures(known: Signatures, now: datetime) -> Part:
    """What it does not know, it does not find."""
    if known.made_at is None:
        return Part(Condition.DEGRADED, "signatures_undated")
    return _waiting_since(known.made_at, now, SIGNATURES_AGE_MAX, "signatures_old")


def _checked(check: Callable[[], None], otherwise: Condition) -> Part:
    try:
        check()
    except Unavailable as error:
        return Part(otherwise, error.code)
    return OK


PROBES: Sequence[Callable[[Services], Parts]] = (_database, _key_store, _object_store, _scanner)
