"""Finding what died on the way: abandoned intakes, unused keys, documents that wait for a verdict,
and drafts whose day is over.

Deleting is two-phase. An intake that must be dead is given up (its row stays as a tombstone) and
its object and key are removed; since a slow upload may still be writing then, the object is removed
once more a day later. What was erased has its key and object removed by whichever run comes first.
Everything swept is in the audit log.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from kursdocs.core.documents import holding, lifecycle, rescanning
from kursdocs.core.documents.lifecycle import INTAKE_LIMIT, TOMBSTONE_AGE
from kursdocs.core.documents.reasons import INFECTED
from kursdocs.core.documents.tables import Document
from kursdocs.core.drafts import lifecycle as drafts
from kursdocs.core.errors import Conflict, Unavailable
from kursdocs.core.follow_ups import fulfilling
from kursdocs.core.ports import Scan, Verdict
from kursdocs.operations import drafting, starting
from kursdocs.operations.alarming import Alarm, alarm
from kursdocs.operations.handout import DocumentDamaged, open_one_of_many
from kursdocs.services import Services

BATCH = 100
HELD_LIMIT = timedelta(hours=4)
DOUBT_EVERY = timedelta(minutes=30)
"""So often the scanner is asked again about what it could not judge, after as long of every run."""

_DOUBT_WINDOW = timedelta(minutes=2)  # the sweeper comes once a minute
DUTY = "sweeper"

_log = structlog.get_logger()


@dataclass(frozen=True)
class Swept:
    """What one run found."""

    abandoned: int
    buried: int
    unused_keys: int
    released: int
    blocked: int
    drafts_ended: int = 0
    drafts_buried: int = 0


def sweep(services: Services) -> Swept:
    """One run over everything that may have died; raises ``Unavailable`` when a part is down."""
    abandoned = _abandon_dead(services)
    buried = bury_tombstones(services)
    ended, removed = _end_drafts(services), _remove_drafts(services)
    unused = _destroy_unused_keys(services)
    _tell_of_older_database(services)
    released, blocked = _rescan_held(services)
    swept = Swept(abandoned, buried, unused, released, blocked, ended, removed)
    if any(vars(swept).values()):
        _log.info("sweeper.found", **vars(swept))
    return swept


def _abandon_dead(services: Services) -> int:
    with services.transaction() as session:
        dead = lifecycle.dead_intakes(session, now=services.clock(), limit=BATCH)
    count = 0
    for document in dead:
        with services.transaction() as session:
            actor = lifecycle.system_of(document, DUTY)
            now = services.clock()
            given_up = lifecycle.abandon(session, actor, document.id, reason="died", now=now)
        # It may have become live since it was listed: then its object and key are needed.
        if given_up:
            _remove(services, document)
            count += 1
    return count


def _remove(services: Services, document: Document) -> None:
    # Without its key the object is noise, wherever a copy of it may lie.
    services.keys.destroy(document.id)
    services.store.delete(document.object_name)


def bury_tombstones(services: Services) -> int:
    """Remove what may still lie in the stores of what is abandoned or erased; returns how many."""
    with services.transaction() as session:
        graves = lifecycle.tombstones(session, now=services.clock(), limit=BATCH)
    for document in graves:
        _remove(services, document)
        with services.transaction() as session:
            lifecycle.bury(session, document.id, now=services.clock())
    return len(graves)


def _end_drafts(services: Services) -> int:
    """Drafts that died on their way and such whose day is over; returns how many."""
    now = services.clock()
    with services.transaction() as session:
        dead = drafts.dead(session, now=now, limit=BATCH)
        expired = drafts.expired(session, now=now, limit=BATCH)
    count = 0
    for draft_id in dead:
        with services.transaction() as session:
            count += drafts.give_up(session, draft_id, now=services.clock())
    for draft_id in expired:
        with services.transaction() as session:
            count += drafts.expire(session, draft_id, duty=DUTY, now=services.clock())
    return count


def _remove_drafts(services: Services) -> int:
    """Remove the bytes of gone drafts, at once and again a day later, then the row itself.

    Returns how many rows were deleted.
    """
    after: UUID | None = None
    while True:
        with services.transaction() as session:
            full = drafts.unemptied(session, after=after, limit=BATCH)
        for draft_id, object_name in full:
            drafting.remove(services, draft_id, object_name)
        if len(full) < BATCH:
            break
        after = full[-1][0]
    with services.transaction() as session:
        graves = drafts.tombstones(session, now=services.clock(), limit=BATCH)
    for draft_id, object_name in graves:
        drafting.remove(services, draft_id, object_name)
        with services.transaction() as session:
            drafts.bury(session, draft_id)
    return len(graves)


def _destroy_unused_keys(services: Services) -> int:
    """Keys whose row was never written: made just before a crash.

    A key whose row was there once is never one of them, however many there are: without a row it
    says that the database is older than it (:func:`_tell_of_older_database`). What nobody has noted
    yet, an older version's keys say, is noted here. Only keys of the last days are looked at;
    whatever is older was looked at then.
    """
    now = services.clock()
    window = (now - INTAKE_LIMIT - TOMBSTONE_AGE - timedelta(days=2), now - INTAKE_LIMIT)
    count, after = 0, None
    while batch := services.keys.made_between(*window, after=after, limit=BATCH, never_needed=True):
        with services.transaction() as session:
            known = lifecycle.known_ids(session, batch) | drafts.known_ids(session, batch)
        if known:
            services.keys.note_needed(known)
        for document_id in set(batch) - known:
            # Its row may have come since, where clocks differ: then it is noted, and stays.
            services.keys.destroy(document_id, unless_needed=True)
            count += 1
        after = batch[-1]
    return count


def _tell_of_older_database(services: Services) -> None:
    """Somebody put a copy of the database back beside a newer key store; nothing is touched."""
    if missing := len(starting.keys_without_row(services)):
        _log.error("sweeper.database_older_than_keys", missing=missing)
        alarm(services, Alarm.DATABASE_OLD, now=services.clock())


def _rescan_held(services: Services) -> tuple[int, int]:
    """Ask the scanner again about everything it has not judged yet."""
    released = blocked = 0
    after: UUID | None = None
    signatures = _present_signatures(services)
    while True:
        with services.transaction() as session:
            batch = holding.awaiting_scan(session, after=after, limit=BATCH)
        for document in batch:
            if signatures is None or not _is_to_be_asked(document, signatures, services.clock()):
                _tell_when_late(services, document)
                continue
            scan = _scanned(services, document)
            if scan.verdict is Verdict.UNSCANNABLE:
                _tell_when_late(services, document)
                signatures = _doubted(services, document)
                continue
            if _judge(services, document, scan):
                released += scan.verdict is Verdict.CLEAN
                blocked += scan.verdict is Verdict.INFECTED
        if len(batch) < BATCH:
            return released, blocked
        after = batch[-1].id


def _present_signatures(services: Services) -> str | None:
    """With what the scanner would look now; ``None`` while it does not answer.

    Then nobody waits for it once per document.
    """
    try:
        return services.scanner.signatures().version
    except Unavailable:
        return None


def _is_to_be_asked(document: Document, signatures: str, now: datetime) -> bool:
    """Whether it is of use: what the scanner could not judge with these, it is asked rarely."""
    if not rescanning.is_in_doubt(document, signatures) or document.stored_at is None:
        return True
    age = now - document.stored_at
    return age < DOUBT_EVERY or age % DOUBT_EVERY < _DOUBT_WINDOW


def _doubted(services: Services, document: Document) -> str | None:
    """Note that the scanner could not judge it, if it is well; its signatures, as it is now."""
    signatures = _present_signatures(services)
    if signatures is not None:
        with services.transaction() as session:
            rescanning.doubt(session, [document.id], signatures)
    return signatures


def _tell_when_late(services: Services, document: Document) -> None:
    """Nobody may wait for a verdict unnoticed: past the limit it is an error for the operator."""
    if document.stored_at is not None and services.clock() - document.stored_at > HELD_LIMIT:
        _log.error("sweeper.held_too_long", document=str(document.id))


def _scanned(services: Services, document: Document) -> Scan:
    try:
        return services.scanner.scan(open_one_of_many(services, document))
    except DocumentDamaged:
        _log.error("sweeper.document_damaged", document=str(document.id))
        return Scan(Verdict.UNSCANNABLE)


def _judge(services: Services, document: Document, scan: Scan) -> bool:
    """Act on the verdict; ``False`` when that changed nothing for anybody.

    The sender withdrew the document meanwhile, or a second person has yet to approve it.
    """
    actor = lifecycle.system_of(document, DUTY)
    now = services.clock()
    try:
        with services.transaction() as session:
            if scan.verdict is Verdict.CLEAN:
                goes_out = holding.pass_scan(
                    session,
                    actor,
                    document.id,
                    signatures=scan.signatures,
                    catalogue=services.catalogue,
                    now=now,
                )
                fulfilling.by_document(session, services.catalogue, document.id, now=now)
                return goes_out
            holding.block(
                session,
                actor,
                document.id,
                reason=INFECTED,
                signatures=scan.signatures,
                catalogue=services.catalogue,
                now=now,
            )
    except Conflict:
        return False
    return True
