"""Looking whether rows, keys, objects, mails and the log agree, while everybody goes on working.

What is listed is old when it is compared. So that nothing healthy is called damaged:

* Objects are listed first, then keys, then rows are read: a row is there before its key is used and
  before its object is written, so what was listed must have had one.
* Nothing is called lost for not being in a list. It is asked for by name, and *afterwards* its row
  is read again: an object goes only after the commit by which its row stops needing it.
* What the sweeper still has time to clear up is no damage (:data:`LATE`).

Rows and keys are read in pages, side by side by id. Of objects, names and sizes are kept in
memory: about 300 bytes each. :func:`look` is the entry point.
"""

import random
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol
from uuid import UUID

from sqlmodel import Session

from kursdocs.core import outbox
from kursdocs.core.checks import Claim, Depth, Phase
from kursdocs.core.documents import checking as documents
from kursdocs.core.documents import holding
from kursdocs.core.documents.lifecycle import INTAKE_LIMIT, TOMBSTONE_AGE
from kursdocs.core.drafts import checking as drafts
from kursdocs.core.ports import KeyState
from kursdocs.operations import auditing
from kursdocs.operations.fetching import Fetching
from kursdocs.operations.fsck import contents
from kursdocs.operations.fsck.contents import Asked
from kursdocs.operations.fsck.damages import Damage, Findings
from kursdocs.operations.sealing import OVERHEAD_BYTES
from kursdocs.services import Services

PAGE = 1_000
LOG_PAGE = 5_000
READERS = 4
"""So many objects are read at once; each may take 70 MB of memory while it is."""

LATE = timedelta(hours=1)
"""What the sweeper does every minute is late after so long."""

DAY = timedelta(hours=24)
"""What waits for others (mail, papers for the scanner) is late after so long."""


class Claims(Protocol):
    """A noun whose rows claim objects and keys."""

    def claims(
        self, session: Session, *, after: UUID | None, until: UUID | None, limit: int
    ) -> Sequence[Claim]:
        """What its rows say, by id."""

    def claim_of(self, session: Session, claim_id: UUID, /) -> Claim | None:
        """What one row says now."""

    def named(self, session: Session, object_names: Collection[str]) -> set[str]:
        """Those of the objects that one of its rows names."""


NOUNS: Sequence[Claims] = (documents, drafts)


_SEEN = ("rows", "keys", "objects", "log_rows", "papers_read", "bytes_read")


@dataclass
class Look:
    """One look: what is asked, what was seen, what was found."""

    services: Services
    chance: float
    """How likely the bytes of a paper are read: 0 none, 1 all."""
    dice: random.Random
    objects: dict[str, int]
    fetching: Fetching
    now: datetime
    wary_of: frozenset[UUID] = frozenset()
    """Papers whose bytes are read in any case."""
    vanished: set[UUID] = field(default_factory=set)
    """Papers that only their keys tell of."""
    found: Findings = field(default_factory=Findings)
    seen: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(_SEEN, 0)))


def look(
    services: Services,
    depth: Depth,
    *,
    percent: float = 1.0,
    wary_of: Collection[UUID] = (),
    dice: random.Random | None = None,
) -> Look:
    """Look at everything; at the bytes of all (deep), of so many percent (sample) or of none.

    The bytes of those it is ``wary_of`` are read at any depth.

    Raises ``Unavailable`` when a part does not answer: then nothing is known.
    """
    chance = {Depth.FAST: 0.0, Depth.SAMPLE: percent / 100, Depth.DEEP: 1.0}[depth]
    unfinished = services.store.unfinished()
    objects = {entry.name: entry.byte_size for entry in services.store.entries()}
    dice = dice or random.Random()  # noqa: S311 - no secret
    fetching = Fetching(services.store, objects)
    at = Look(services, chance, dice, objects, fetching, services.clock(), frozenset(wary_of))
    at.seen["objects"] = len(objects)
    for begun in unfinished:
        if begun.changed_at < at.now - TOMBSTONE_AGE:
            at.found.add(Damage.UNFINISHED_OLD, begun.name)
    with ThreadPoolExecutor(READERS, thread_name_prefix="fsck") as readers:
        _rows_and_keys(at, readers)
    _objects_without_row(at)
    _log(at)
    _index(at)
    _waiting(at)
    return at


# ── Rows, keys and objects ───────────────────────────────────────────────────────────────────


def _rows_and_keys(at: Look, readers: ThreadPoolExecutor) -> None:
    """Page by page of keys, and with each the rows of the same ids."""
    after: UUID | None = None
    while True:
        page = at.services.keys.examine(after, PAGE)
        until = page[-1].document_id if len(page) == PAGE else None
        keys = {key.document_id: key for key in page}
        at.seen["keys"] += len(keys)
        for noun in NOUNS:
            for claims in _pages(at, noun, after, until):
                suspects = [claim for claim in claims if _is_suspect(at, claim, keys)]
                for closer in readers.map(partial(_looked_closer, at, noun), suspects):
                    _note(at, closer)
        _keys_without_row(at, keys)
        if until is None:
            return
        after = until


def _pages(
    at: Look, noun: Claims, after: UUID | None, until: UUID | None
) -> Iterator[Sequence[Claim]]:
    while True:
        with at.services.transaction() as session:
            page = noun.claims(session, after=after, until=until, limit=PAGE)
        at.seen["rows"] += len(page)
        yield page
        if len(page) < PAGE:
            return
        after = page[-1].id


def _is_suspect(at: Look, claim: Claim, keys: dict[UUID, KeyState]) -> bool:
    """Whether to look closer, by what the lists say; takes out of them what the row explains."""
    key, size = keys.pop(claim.id, None), at.objects.pop(claim.object_name, None)
    if claim.phase is Phase.KEPT:
        if claim.id in at.wary_of:
            return True
        is_whole = size == claim.byte_size + OVERHEAD_BYTES and key is not None and key.is_readable
        return not is_whole or _is_late(at, claim) or at.dice.random() < at.chance
    if claim.phase is Phase.BEGUN:
        return _is_late(at, claim)
    return (key is not None or size is not None) and _is_late(at, claim)


def _is_late(at: Look, claim: Claim) -> bool:
    """Whether its phase should have come to its end long ago."""
    if claim.swept_at is not None:
        return claim.swept_at < at.now - LATE
    return claim.due is not None and claim.due < at.now - LATE


@dataclass(frozen=True)
class _Closer:
    """A claim that still stands, and what the stores answered for it."""

    claim: Claim
    asked: Asked


def _looked_closer(at: Look, noun: Claims, claim: Claim) -> _Closer | None:
    """Ask the stores for this one, then the row again: only what holds on both sides is damage."""
    asked = contents.ask(at.services, at.fetching, claim)
    with at.services.transaction() as session:
        still = noun.claim_of(session, claim.id)
    if still is None or (still.phase, still.object_name) != (claim.phase, claim.object_name):
        return None
    return _Closer(claim, asked)


def _note(at: Look, closer: _Closer | None) -> None:
    if closer is None:
        return
    claim, asked = closer.claim, closer.asked
    if claim.phase is Phase.OVER:
        damages = _left(claim, asked)
    else:
        damages = [Damage.PENDING_OLD] if _is_late(at, claim) else []
    if claim.phase is Phase.KEPT:
        at.seen["papers_read"] += asked.bytes_read > 0
        at.seen["bytes_read"] += asked.bytes_read
        damages = [*asked.damages, *damages]
    for damage in damages:
        at.found.add(damage, claim.id)


def _left(claim: Claim, asked: Asked) -> Sequence[Damage]:
    """What lies in the stores of something that is over."""
    if claim.swept_at is not None and asked.has_object and asked.has_key:
        return [Damage.UNDEAD]
    left = {Damage.LEFT_OBJECT: asked.has_object, Damage.LEFT_KEY: asked.has_key}
    return [damage for damage, is_there in left.items() if is_there]


def _keys_without_row(at: Look, keys: dict[UUID, KeyState]) -> None:
    """A key is made before its row; one that is old enough and has none was never used.

    One whose row was there once tells of a paper that is not in this database any more.
    """
    for key in keys.values():
        if key.made_at > at.now - INTAKE_LIMIT - LATE:
            continue
        with at.services.transaction() as session:
            has_row = any(noun.claim_of(session, key.document_id) for noun in NOUNS)
        if not has_row and contents.has_key(at.services, key.document_id):
            if key.had_row:
                at.vanished.add(key.document_id)
            else:
                at.found.add(Damage.KEY_UNUSED, key.document_id)


def _objects_without_row(at: Look) -> None:
    """What no row explained: asked for by name, and listed once more afterwards."""
    unknown: list[str] = []
    left = sorted(at.objects)
    for start in range(0, len(left), PAGE):
        names = left[start : start + PAGE]
        with at.services.transaction() as session:
            known = set[str]().union(*(noun.named(session, names) for noun in NOUNS))
        unknown += [name for name in names if name not in known]
    if unknown:
        there = set(at.services.store.names())
        for name in unknown:
            if name in there:
                at.found.add(Damage.UNTRACKED_OBJECT, name)


# ── The log, the search, what waits ──────────────────────────────────────────────────────────


def _log(at: Look) -> None:
    verified = auditing.verify(at.services)
    at.seen["log_rows"] = verified.rows
    for found in verified.found:
        at.found.add(Damage.LOG_ALTERED, found.seq)
    with at.services.transaction() as session:
        since = documents.complete_since(session)
    after: UUID | None = None
    while True:
        with at.services.transaction() as session:
            untold, after = documents.untold(session, after=after, limit=PAGE, since=since)
        for document_id in untold:
            with at.services.transaction() as session:
                if documents.is_untold(session, document_id):
                    at.found.add(Damage.LOG_GAP, document_id)
        if after is None:
            break
    _documents_without_row(at)


def _documents_without_row(at: Look) -> None:
    """Rows of documents are never deleted: whatever the log or a key tells of must be there."""
    seq: int | None = 0
    missed = set(at.vanished)
    while seq is not None:
        with at.services.transaction() as session:
            told, seq = documents.told_of(session, after=seq, limit=LOG_PAGE)
            missed |= set(told) - documents.known(session, told)
    for document_id in sorted(missed):
        at.found.add(Damage.DOCUMENT_VANISHED, document_id)


def _index(at: Look) -> None:
    after: UUID | None = None
    while True:
        with at.services.transaction() as session:
            # Words and state change in one transaction: nothing in between can be seen.
            found, after = documents.unfindable(session, after=after, limit=PAGE)
        for delivery_id in found:
            at.found.add(Damage.INDEX_MISSING, delivery_id)
        if after is None:
            return


def _waiting(at: Look) -> None:
    with at.services.transaction() as session:
        for mail_id in outbox.stuck(session, now=at.now, late=DAY):
            at.found.add(Damage.MAIL_STUCK, mail_id)
    after: UUID | None = None
    while True:
        with at.services.transaction() as session:
            page = holding.awaiting_scan(session, after=after, limit=PAGE)
        for document in page:
            if document.stored_at is not None and document.stored_at < at.now - DAY:
                at.found.add(Damage.HELD_OLD, document.id)
        if len(page) < PAGE:
            return
        after = page[-1].id
