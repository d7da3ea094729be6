"""Signing what the log says, again and again, so that others can hold it against the log later.

A checkpoint is made every hour in which something happened, and after a thousand rows at the
latest. It goes out with every mail (:func:`with_checkpoint`), so it lies in every agency's mail
archive, where nobody who runs kursdocs can change it. What does not hold is never signed.
"""

import base64
import binascii
import re
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from email import message_from_bytes
from email.policy import compat32

import structlog
from sqlmodel import Session, col, select

from kursdocs.core.agencies import Municipality
from kursdocs.core.audit import AuditCheckpoint, checkpoints, shortening, verifying
from kursdocs.core.audit.chain import end_of
from kursdocs.core.audit.checkpoints import Statement
from kursdocs.core.audit.shortening import LogAltered
from kursdocs.core.audit.tree import Frontier
from kursdocs.core.audit.verifying import Entry, Found, Walk
from kursdocs.core.documents.retention import add_months
from kursdocs.core.ports import Letter, LogSigner
from kursdocs.core.workdays import LOCAL, local_date
from kursdocs.operations import alarming
from kursdocs.operations.alarming import Alarm
from kursdocs.services import Services

EVERY = timedelta(hours=1)
ROWS = 1_000
AGAIN_FIRST, AGAIN_LAST = timedelta(hours=1), timedelta(hours=12)
"""So long nobody looks again at a log that does not hold; each day somebody is told."""
UNSIGNED_ALARM = timedelta(days=1)
"""So long after the last checkpoint somebody is told that the key is missing where it was."""
BATCHES_A_RUN = 20
"""So many parts are removed at a time; the mails of the same worker wait no longer."""
HEADER = "Kursdocs-Log-Checkpoint"
_HEADER_LINE = 60
_NOTE = re.compile(r"\n\n— ")

_log = structlog.get_logger()


class Patience:
    """When a log that did not hold is looked at again: after an hour, then ever more rarely.

    After a change of the key that is a look at all of it. What was found is remembered by the
    process alone, so that whoever has mended something starts the worker again. It is about one
    key and one checkpoint, so whatever is new is looked at without delay.
    """

    def __init__(self) -> None:
        self._about = ("", "")
        self._wait = AGAIN_FIRST
        self._until: datetime | None = None

    def lasts(self, about: tuple[str, str], now: datetime) -> bool:
        """Whether it is too early to look again."""
        return self._about == about and self._until is not None and now < self._until

    def begin(self, about: tuple[str, str], now: datetime) -> datetime:
        """It does not hold; returns until when nobody looks again."""
        self._wait = min(2 * self._wait, AGAIN_LAST) if self._about == about else AGAIN_FIRST
        self._about, self._until = about, now + self._wait
        return self._until


_patience = Patience()


def run(services: Services, patience: Patience = _patience) -> AuditCheckpoint | None:
    """Sign the log if it is time to; ``None`` when it is not, or nobody signs here.

    What did not hold is not walked along again each minute (``patience``).
    """
    with services.transaction() as session:
        last = checkpoints.newest(session)
        end, _ = end_of(session)
    new = end - (last.size if last else 0)
    age = services.clock() - last.signed_at if last else timedelta.max
    is_due = new > 0 and (age >= EVERY or new >= ROWS)
    if services.log_signer is not None and is_due:
        about = (services.log_signer.verifier, last.note if last else "")
        if not patience.lasts(about, services.clock()):
            made, holds = _sign(services, services.log_signer)
            if not holds:
                again_at = patience.begin(about, services.clock())
                _log.error("log.not_signed", size=end, again_at=again_at.isoformat())
            return made
    if last is not None and new > 0 and age >= UNSIGNED_ALARM:
        alarming.alarm(services, Alarm.LOG_UNSIGNED, now=services.clock())
    return None


def sign(services: Services, signer: LogSigner) -> AuditCheckpoint | None:
    """Sign the log as it is now; ``None`` when another process did meanwhile, or it does not hold.

    It goes on from the last checkpoint; one whose signature is not known here counts for nothing
    but must not contradict the rows.
    """
    return _sign(services, signer)[0]


def _sign(services: Services, signer: LogSigner) -> tuple[AuditCheckpoint | None, bool]:
    """What was signed, if anything, and whether the log holds."""
    walk = _walk(services, signer)
    with services.transaction() as session:
        end, digest = end_of(session)
    for after, through in verifying.steps(walk.seq, end):
        walk.go(_page(services, after, through))
    walk.end(end, digest, has_more=False)
    if walk.found:
        _report(services, walk.found[0])
        return None, False
    statement = Statement(signer.name, walk.tree.size, walk.tree.root())
    with services.transaction() as session:
        made = checkpoints.keep(
            session,
            walk.tree,
            signer=signer.verifier,
            note=signer.sign(statement.text()),
            now=services.clock(),
        )
    return made, True


def _walk(services: Services, signer: LogSigner) -> Walk:
    """From the last checkpoint on if it is ours and says what its tree says, else from row 1."""
    with services.transaction() as session:
        last = checkpoints.newest(session)
        end, _ = end_of(session)
    if last is None:
        return Walk()
    statement = Statement.read(last.note)
    tree = _tree(last)
    is_ours = signer.holds(last.note) and statement.size == last.size <= end
    if tree is None or not is_ours or tree.root() != statement.root:
        _log.warning("log.signed_anew", size=last.size)
        return Walk([(statement, False)])
    before = _page(services, last.size - 1, last.size)
    return Walk(known=tree, last_hash=before[0].hash if before else None)


def _tree(checkpoint: AuditCheckpoint) -> Frontier | None:
    try:
        return Frontier.read(checkpoint.size, checkpoint.frontier)
    except (ValueError, binascii.Error):
        return None


def _page(services: Services, after: int, through: int) -> Sequence[Entry]:
    with services.transaction() as session:
        return verifying.entries(session, after=after, through=through)


def _report(services: Services, found: Found) -> None:
    _log.error("log.altered", what=found.what.value, seq=found.seq)
    alarming.alarm(services, Alarm.LOG_ALTERED, now=services.clock())


# ── Shortening ───────────────────────────────────────────────────────────────────────────────


def shorten(services: Services, stop: threading.Event | None = None) -> int:
    """Remove what is older than the catalogue's rule and covered by a checkpoint of ours.

    At most ``BATCHES_A_RUN`` parts of ``shortening.BATCH`` rows; none is begun after ``stop``.
    Returns how many rows went. Nobody's word is taken for a checkpoint: without the key in this
    process nothing goes.
    """
    if services.log_signer is None or not _is_signed(services, services.log_signer):
        return 0
    today = local_date(services.clock())
    oldest = add_months(today, -services.catalogue.log_kept_months)
    before = datetime.combine(oldest, time.min, LOCAL)
    total = 0
    for _ in range(BATCHES_A_RUN):
        if stop is not None and stop.is_set():
            break
        try:
            with services.transaction() as session:
                gone = _shorten_once(session, before, services.clock())
        except LogAltered as error:
            _report(services, error.found)
            return total
        total += gone
        if gone < shortening.BATCH:
            break
    if total:
        _log.info("log.shortened", rows=total)
    return total


def _shorten_once(session: Session, before: datetime, now: datetime) -> int:
    towns = list(session.exec(select(Municipality.id).order_by(col(Municipality.id))))
    return shortening.shorten(session, towns, before=before, now=now)


def _is_signed(services: Services, signer: LogSigner) -> bool:
    with services.transaction() as session:
        newest = checkpoints.newest(session)
    return newest is not None and signer.holds(newest.note)


# ── Handing them out ─────────────────────────────────────────────────────────────────────────


def with_checkpoint(letter: Letter, checkpoint: AuditCheckpoint | None) -> Letter:
    """The letter, carrying the checkpoint in a header, if there is one."""
    if checkpoint is None:
        return letter
    encoded = base64.b64encode(checkpoint.note.encode()).decode()
    # With spaces, because lines of a header may end only there.
    parts = (encoded[at : at + _HEADER_LINE] for at in range(0, len(encoded), _HEADER_LINE))
    return replace(letter, headers={**letter.headers, HEADER: " ".join(parts)})


def note_in(data: bytes) -> str | None:
    """The checkpoint in what somebody kept: the note itself, or a mail of ours (``.eml``).

    ``None`` when there is none in it.
    """
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    if _NOTE.search(text):
        return text if text.endswith("\n") else f"{text}\n"
    for part in message_from_bytes(data, policy=compat32).walk():
        if part[HEADER]:
            return _decoded("".join(str(part[HEADER]).split()))
    return None


def _decoded(encoded: str) -> str | None:
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
