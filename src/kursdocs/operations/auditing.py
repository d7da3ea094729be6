"""What the log is evidence of: verifying all of it, proving one row, exporting a part.

Each page of it is read in a transaction of its own, so that nobody who writes has to wait. Entry
points: :func:`verify`, :func:`prove`, :func:`export`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from kursdocs.core import audit
from kursdocs.core.access import Actor, ActorKind
from kursdocs.core.audit import (
    AuditCheckpoint,
    AuditEvent,
    Happening,
    checkpoints,
    proving,
    verifying,
)
from kursdocs.core.audit.chain import canonical, end_of
from kursdocs.core.audit.checkpoints import Statement
from kursdocs.core.audit.proving import Proof
from kursdocs.core.audit.tree import inclusion, root_of
from kursdocs.core.audit.verifying import Found, Tampering, Walk
from kursdocs.core.ports import LogVerifier
from kursdocs.services import Services

_NOTES_A_PAGE = 500
_ROWS_A_PAGE = 1_000


@dataclass(frozen=True)
class Verified:
    """How the log is: its rows, the first that is still told in full, and what does not hold.

    ``signed`` is how many rows the newest valid checkpoint covers, ``notes`` how many there are
    here; ``is_checked_by_key`` says whether there was a key to check their signatures with.
    """

    rows: int
    first_row: int | None
    signed: int
    notes: int
    is_checked_by_key: bool
    found: Sequence[Found] = field(default=())

    @property
    def is_whole(self) -> bool:
        """Whether everything holds."""
        return not self.found


@dataclass
class _Notes:
    """Statements whose signatures hold, and those that do not."""

    said: list[tuple[Statement, bool]] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    stored: int = 0
    last: int = -1

    @property
    def covered(self) -> int:
        return max((statement.size for statement, _ in self.said), default=0)


def verify(
    services: Services, *, held: Sequence[str] = (), verifier: LogVerifier | None = None
) -> Verified:
    """Go along the whole log and every checkpoint; ``held`` are notes that somebody kept.

    Signatures are checked with ``verifier``, else with the key of this process; without either,
    only what the checkpoints say is held against the rows.
    """
    verifier = verifier or services.log_signer
    notes = _read_notes(services, held, verifier, after=-1)
    walk = Walk(notes.said)
    # Twice: what was shortened while the first round went on is told by a row that came meanwhile.
    _go_on(services, walk)
    end, digest = _go_on(services, walk)
    with services.transaction() as session:
        has_more = verifying.has_rows_behind_end(session)
    # What went meanwhile may be covered by a checkpoint that came meanwhile.
    later = _read_notes(services, (), verifier, after=notes.last)
    covered = max(notes.covered, later.covered)
    walk.end(end, digest, has_more=has_more, covered=covered)
    return Verified(
        rows=end,
        first_row=walk.first_row,
        signed=notes.covered,
        notes=notes.stored,
        is_checked_by_key=verifier is not None,
        found=sorted([*notes.found, *later.found, *walk.found], key=lambda found: found.seq),
    )


def _go_on(services: Services, walk: Walk) -> tuple[int, str]:
    """Go to the end as it is now; returns it."""
    with services.transaction() as session:
        end, digest = end_of(session)
    for after, through in verifying.steps(walk.seq, end):
        with services.transaction() as session:
            page = verifying.entries(session, after=after, through=through)
        walk.go(page)
    return end, digest


def _read_notes(
    services: Services, held: Sequence[str], verifier: LogVerifier | None, *, after: int
) -> _Notes:
    """Those that cover more than ``after`` rows, and those that somebody kept."""
    notes = _Notes(last=after)
    for kept in _stored(services, after):
        notes.stored, notes.last = notes.stored + 1, kept.size
        statement = _statement(kept.note, verifier)
        if statement is None or not _is_as_written(kept, statement):
            notes.found.append(Found(Tampering.CHECKPOINT_FORGED, kept.size))
        else:
            notes.said.append((statement, False))
    for note in held:
        statement = _statement(note, verifier)
        if statement is None:
            notes.found.append(Found(Tampering.CHECKPOINT_FORGED, 0, is_held=True))
        else:
            notes.said.append((statement, True))
    return notes


def _statement(note: str, verifier: LogVerifier | None) -> Statement | None:
    if verifier is not None and not verifier.holds(note):
        return None
    try:
        return Statement.read(note)
    except ValueError:
        return None


def _is_as_written(kept: AuditCheckpoint, statement: Statement) -> bool:
    """Whether the columns say what the note says."""
    return (kept.size, kept.root) == (statement.size, statement.root_text)


def _stored(services: Services, after: int) -> Iterator[AuditCheckpoint]:
    while True:
        with services.transaction() as session:
            page = checkpoints.page(session, after=after, limit=_NOTES_A_PAGE)
        yield from page
        if len(page) < _NOTES_A_PAGE:
            return
        after = page[-1].size


# ── Proving and exporting ────────────────────────────────────────────────────────────────────


class NotProvable(Exception):
    """There is no proof of that row; ``reason`` is a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def prove(services: Services, seq: int, *, held: str = "") -> Proof:
    """That row ``seq`` is among those that a checkpoint covers: ``held``, else the newest.

    Raises :class:`NotProvable`.
    """
    with services.transaction() as session:
        newest = checkpoints.newest(session)
        found = proving.row(session, seq)
    if newest is None:
        raise NotProvable("Nothing of the log is signed yet.")
    note = held or newest.note
    statement = _statement(note, services.log_signer)
    if statement is None:
        raise NotProvable(
            "The checkpoint is not signed with a known key, or was altered:"
            " kursdocs audit verify says more."
        )
    if found is None:
        raise NotProvable(
            f"There is no row {seq}, or it was removed by rule: only its hash is left."
        )
    if seq > statement.size:
        raise NotProvable(
            f"Row {seq} is behind the checkpoint you gave: it needs a later one."
            if held
            else f"Row {seq} is not signed yet: the next checkpoint will cover it."
        )
    return _proof(services, seq, *found, statement=statement, note=note)


def _proof(
    services: Services,
    seq: int,
    row: dict[str, str],
    digest: str,
    *,
    statement: Statement,
    note: str,
) -> Proof:
    index, size = seq - 1, statement.size
    broken = NotProvable("The log does not hold: kursdocs audit verify says where.")
    try:
        path = inclusion(index, size, _hashes(services))
    except ValueError as error:  # fewer rows than were signed
        raise broken from error
    if root_of(index, size, bytes.fromhex(digest), path) != statement.root:
        raise broken
    return Proof(row, digest, index, size, path, note)


def _hashes(services: Services) -> Iterator[bytes]:
    after = 0
    while True:
        with services.transaction() as session:
            page = proving.hashes(session, after=after)
        yield from page
        if not page:
            return
        after += len(page)


@dataclass(frozen=True)
class Part:
    """What of the log is wanted: of all, of a municipality or of an agency, between two moments."""

    municipality_id: UUID | None = None
    agency_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether a row of that moment is wanted."""
        after = self.since is None or at >= self.since
        return after and (self.until is None or at < self.until)


def export(services: Services, part: Part) -> Iterator[Mapping[str, Any]]:
    """Each row of a part, oldest first, with its hash; last the newest checkpoint.

    That it was exported stands in the log, before anything leaves.
    """
    with services.transaction() as session:
        end, _ = end_of(session)
        checkpoint = checkpoints.newest(session)
    count = sum(1 for _ in _told(services, part, end))
    _note_export(services, part, count)
    for event in _told(services, part, end):
        yield {**canonical(event.model_dump()), "hash": event.hash}
    yield {"rows": count, "checkpoint": checkpoint.note if checkpoint else None}


def _told(services: Services, part: Part, end: int) -> Iterator[AuditEvent]:
    after = 0
    while True:
        with services.transaction() as session:
            page = proving.told(
                session,
                after=after,
                limit=_ROWS_A_PAGE,
                # The log of an agency is told by the agency alone, as on its page.
                municipality_id=None if part.agency_id else part.municipality_id,
                agency_id=part.agency_id,
            )
        if not page:
            return
        yield from (event for event in page if event.seq <= end and part.holds(event.at))
        after = page[-1].seq


def _note_export(services: Services, part: Part, count: int) -> None:
    with services.transaction() as session:
        audit.record(
            session,
            Actor(kind=ActorKind.SYSTEM, municipality_id=part.municipality_id),
            Happening.LOG_EXPORTED,
            now=services.clock(),
            agency_id=part.agency_id,
            rows=count,
        )
