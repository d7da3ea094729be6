"""Receiving a document: from checked fields and bytes to "stored", in the order that loses nothing.

Nobody is told "stored" before bytes, hash, row and audit entry are safe (rule 3). The steps of
:func:`store`, what a crash before the next one leaves behind, and who repairs it:

1. check what it is, hash it              nothing is left
2. make its key, commit                   an unused key; ``sweeping`` destroys it
3. write its row PENDING, commit          a dead intake; ``sweeping`` abandons it and reports it
4. prove the key; encrypt, put, compare   the same, with an object; ``sweeping`` deletes it
5. ask the scanner                        the same
6. LIVE or HELD, deliveries, what waited  one transaction with log and outbox: all or nothing
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import structlog
from sqlmodel import Session

from kursdocs.core.access import Actor
from kursdocs.core.documents import holding, lifecycle, reading
from kursdocs.core.documents.lifecycle import Stored
from kursdocs.core.documents.reading import DocumentView
from kursdocs.core.documents.sending import Sending, SendingForm, check
from kursdocs.core.errors import Conflict, Invalid, KursdocsError, Unavailable
from kursdocs.core.follow_ups import fulfilling
from kursdocs.core.ports import (
    KeyMissing,
    ObjectMissing,
    Paper,
    Scan,
    StoreUnavailable,
    Tampered,
    Verdict,
)
from kursdocs.core.requests import answering
from kursdocs.core.tables import new_id
from kursdocs.core.workdays import Workdays, local_date
from kursdocs.operations.sealing import seal
from kursdocs.services import Services

FILE_BYTES_MAX = 32 * 1024 * 1024
KEY_LENGTH_MAX = 200

_log = structlog.get_logger()


def warm_up(services: Services) -> None:
    """Do once what is slow the first time: the calendar library reads all its countries."""
    Workdays().after(local_date(services.clock()), 1)


def prepare(services: Services, actor: Actor, form: SendingForm, key: str = "") -> Sending:
    """Check kind, recipients and fields, before the file is received.

    ``key`` is the idempotency key, or empty: a request that the first attempt answered still
    counts for its repetition. Raises ``InvalidForm`` with every mistake, ``Invalid`` for a named
    request that this paper does not answer.
    """
    with services.transaction() as session:
        return checked(session, services, actor, form, key)


def checked(
    session: Session, services: Services, actor: Actor, form: SendingForm, key: str
) -> Sending:
    """The same within a transaction."""
    asked = answering.answerable(session, actor, form, key=key)
    today = local_date(services.clock())
    sending = check(session, actor, services.catalogue, form, today=today, requested=asked.of)
    return replace(sending, request_id=asked.request_id)


def nothing_ended(session: Session) -> None:
    """For senders that cannot lose their right while their file is on its way."""


def store(
    services: Services,
    actor: Actor,
    sending: Sending,
    files: Sequence[bytes],
    key: str,
    readmit: Callable[[Session], None] = nothing_ended,
) -> DocumentView:
    """Store the file and deliver it; returns the document as its sender sees it.

    ``key`` is the idempotency key, or empty. ``readmit`` raises when the actor may no longer send;
    it is asked in each transaction, that which delivers included. Raises ``Invalid`` when the file
    is refused, ``Conflict`` for the key's sake, ``Unavailable`` when a part is down: then nothing
    was stored.
    """
    task = _Task(services, actor, sending, key, readmit)
    received_sha256 = hash_of(files)
    return _already(task, received_sha256) or _keep(task, accept(services, files), received_sha256)


def store_accepted(
    services: Services,
    actor: Actor,
    sending: Sending,
    paper: Paper,
    key: str,
    readmit: Callable[[Session], None] = nothing_ended,
    *,
    received_sha256: str,
    settle: Callable[[Session], None] = nothing_ended,
) -> DocumentView:
    """The same for a paper that was accepted before: a draft, say.

    ``settle`` is called in the transaction that delivers, before anything else of it; when it
    raises, nothing was stored.
    """
    task = _Task(services, actor, sending, key, readmit, settle)
    return _already(task, received_sha256) or _keep(task, paper, received_sha256)


def hash_of(files: Sequence[bytes]) -> str:
    """SHA-256 of what was received, several files one after the other."""
    received = hashlib.sha256()
    for file in files:
        received.update(file)
    return received.hexdigest()


def accept(services: Services, files: Sequence[bytes]) -> Paper:
    """What was received as the one PDF to be stored; raises ``Invalid`` when it is refused."""
    paper = services.papers.accept(files)
    if len(paper.pdf) > FILE_BYTES_MAX:
        raise Invalid("file_too_big_inside", field="file")
    return paper


@dataclass(frozen=True)
class _Task:
    """Who sends what, and what is asked on the way."""

    services: Services
    actor: Actor
    sending: Sending
    key: str
    readmit: Callable[[Session], None]
    settle: Callable[[Session], None] = nothing_ended


def _already(task: _Task, received_sha256: str) -> DocumentView | None:
    key = task.key
    if not key:
        return None
    if len(key) > KEY_LENGTH_MAX:
        raise Invalid("key_too_long", field="idempotency_key", limit=KEY_LENGTH_MAX)
    if not (key.isascii() and key.isprintable()):
        raise Invalid("field_characters", field="idempotency_key")
    with task.services.transaction() as session:
        task.readmit(session)
        document_id = lifecycle.repeated(
            session,
            task.actor,
            key=key,
            content_hash=task.sending.content_hash(received_sha256),
            now=task.services.clock(),
        )
    return _view(task, document_id) if document_id else None


def _view(task: _Task, document_id: UUID) -> DocumentView:
    with task.services.transaction() as session:
        return reading.view(session, task.actor, document_id)


def _keep(task: _Task, paper: Paper, received_sha256: str) -> DocumentView:
    """Steps 2 to 6; what fails in between is cleared up at once, or later by the sweeper."""
    services, document_id = task.services, new_id()
    stored = stored_as(paper, received_sha256)
    # The age of the intake counts from here, so that it cannot outlive its key: the sweeper
    # destroys keys without a row as soon as it calls an intake dead.
    begun = services.clock()
    document_key = services.keys.create(document_id)
    try:
        with services.transaction() as session:
            task.readmit(session)
            lifecycle.reserve(
                session,
                task.actor,
                task.sending,
                stored,
                document_id=document_id,
                key=task.key,
                now=begun,
            )
        prove(services, document_id, document_key)
        sealed = seal(document_key, document_id, paper.pdf)
        put(services, stored.object_name, sealed)
        scan = services.scanner.scan(paper.pdf)
        if scan.verdict is Verdict.INFECTED:
            raise Invalid("file_infected", field="file")
        _deliver(task, document_id, sealed, scan)
    except Exception as error:
        _clear_up(services, task.actor, document_id, stored.object_name, error)
        raise
    return _view(task, document_id)


def stored_as(paper: Paper, received_sha256: str) -> Stored:
    """What will be known of the paper's bytes, under a fresh random object name."""
    return Stored(
        object_name=secrets.token_hex(16),
        received_sha256=received_sha256,
        sha256=hashlib.sha256(paper.pdf).hexdigest(),
        byte_size=len(paper.pdf),
        page_count=paper.page_count,
    )


def _deliver(task: _Task, document_id: UUID, sealed: bytes, scan: Scan) -> None:
    is_clean = scan.verdict is Verdict.CLEAN
    with task.services.transaction() as session:
        task.readmit(session)
        requests = answering.hold(session, task.actor, task.sending)
        task.settle(session)
        lifecycle.finish(
            session,
            task.actor,
            task.sending,
            document_id=document_id,
            stored_sha256=hashlib.sha256(sealed).hexdigest(),
            scanned=is_clean,
            catalogue=task.services.catalogue,
            now=task.services.clock(),
        )
        if is_clean:
            holding.note_signatures(session, document_id, scan.signatures)
        now = task.services.clock()
        answering.close(session, task.actor, requests, document_id, now=now)
        fulfilling.by_document(session, task.services.catalogue, document_id, now=now)


def prove(services: Services, owner_id: UUID, key: bytes) -> None:
    """Nothing is sealed with a key that others cannot read; from here on its row is known.

    Raises ``Conflict`` (``intake_died``) when the sweeper was sooner.
    """
    try:
        services.keys.prove(owner_id, key)
    except KeyMissing as error:
        raise Conflict("intake_died") from error


def put(services: Services, object_name: str, sealed: bytes) -> None:
    """Write and read back: only what can be read again counts as stored."""
    services.store.put(object_name, sealed)
    try:
        found = services.store.get(object_name)
    except (ObjectMissing, Tampered) as error:
        raise StoreUnavailable from error
    if found != sealed:
        raise StoreUnavailable


def _clear_up(
    services: Services, actor: Actor, document_id: UUID, object_name: str, error: Exception
) -> None:
    """Give the intake up at once, so that its key is free and nothing lies around.

    A commit may have succeeded although its answer was lost: then the row is no longer pending,
    and nothing is touched. What fails here as well is left to the sweeper.
    """
    reason = error.code if isinstance(error, KursdocsError) else "failed"
    try:
        with services.transaction() as session:
            given_up = lifecycle.abandon(
                session, actor, document_id, reason=reason, now=services.clock()
            )
            has_row = bool(lifecycle.known_ids(session, [document_id]))
        if given_up:
            services.store.delete(object_name)
        if given_up or not has_row:
            services.keys.destroy(document_id)
    except (Unavailable, Conflict) as second:
        _log.warning("intake.left_to_sweeper", document=str(document_id), code=second.code)
