"""Looking again at what is out whenever the scanner has other signatures than it was judged with.

A few documents at a time, oldest first, so that neither the scanner nor the mails of the same
worker have to wait. Nothing is written per clean document but the signatures it was judged with.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from kursdocs.core.documents import counting, lifecycle, rescanning
from kursdocs.core.documents.tables import Document
from kursdocs.core.errors import Unavailable
from kursdocs.core.ports import Signatures, Verdict
from kursdocs.operations.alarming import HELD_ALARM, Alarm, alarm, alarm_within, told_until
from kursdocs.operations.handout import DocumentDamaged, open_one_of_many
from kursdocs.services import Services

DUTY = "rescanning"
BATCH = 200
BYTES_A_RUN = 64 * 1024 * 1024
SECONDS_A_RUN = 4.0
"""A run ends with the document that reaches one of these: 64 MB every ten seconds are 500 GB a day,
more than an installation holds."""

SIGNATURES_AGE_MAX = timedelta(days=3)
"""New ones come every day; a weekend without is no reason to be told."""

_log = structlog.get_logger()


@dataclass(frozen=True)
class Rescanned:
    """What one run did, and whether there is more to do."""

    confirmed: int = 0
    doubtful: int = 0
    blocked: int = 0
    is_done: bool = True


def is_outdated(known: Signatures, now: datetime) -> bool:
    """Whether these signatures are too old, or nobody knows how old they are.

    Not where nobody scans at all: that is a choice of its own.
    """
    if not known.version:
        return False
    return known.made_at is None or now - known.made_at > SIGNATURES_AGE_MAX


def rescan(services: Services) -> Rescanned:
    """One run; raises ``Unavailable`` when a store is down. Without a scanner nothing is done."""
    known = present_signatures(services)
    if known is None:
        return Rescanned(is_done=False)
    if not known.version:
        return Rescanned()
    run = _Run(services, known.version)
    with services.transaction() as session:
        batch = rescanning.outdated(session, known.version, limit=BATCH)
    seen = 0
    try:
        for document in batch:
            if not run.look_at(document):
                break
            seen += 1
            if run.is_tired:
                break
    finally:
        # Also when a store went away: what was seen need not be looked at again.
        run.write_down()
    return run.result(is_done=seen == len(batch) < BATCH)


def look_again(services: Services) -> int:
    """Have the worker look at every paper once more; returns how many.

    For signatures of one's own: no answer of the scanner's tells that they were loaded.
    """
    now, after, count = services.clock(), None, 0
    while True:
        with services.transaction() as session:
            page = rescanning.forget(session, after=after, limit=BATCH, now=now)
        count += len(page)
        if len(page) < BATCH:
            break
        after = page[-1]
    _log.info("rescanning.asked_for", documents=count)
    return count


def present_signatures(services: Services) -> Signatures | None:
    """With what the scanner would look now; ``None`` while it does not answer."""
    try:
        return services.scanner.signatures()
    except Unavailable:
        return None


class _Run:
    """One run: what it has looked at, and what it has found."""

    def __init__(self, services: Services, version: str) -> None:
        self._services, self._version = services, version
        self._clean: list[UUID] = []
        self._doubtful: list[UUID] = []
        self._marks: set[str] = set()
        self._blocked = 0
        self._bytes = 0
        self._until = time.monotonic() + SECONDS_A_RUN

    @property
    def is_tired(self) -> bool:
        """Whether others should have their turn."""
        return self._bytes >= BYTES_A_RUN or time.monotonic() >= self._until

    def look_at(self, document: Document) -> bool:
        """Ask the scanner; returns whether it is of use to ask it about others now."""
        self._marks.add(document.scan_signatures)
        try:
            content = open_one_of_many(self._services, document)
        except DocumentDamaged:
            # Erased since it was listed, or damaged: then it is for the daily check to tell. It
            # must not be the first again.
            self._doubtful.append(document.id)
            return True
        self._bytes += len(content)
        scan = self._services.scanner.scan(content)
        if scan.verdict is Verdict.UNSCANNABLE:
            self._doubtful.append(document.id)
            return self._still_answers(document)
        if scan.signatures != self._version:
            return False  # others were loaded meanwhile: the next run asks with those
        if scan.verdict is Verdict.CLEAN:
            self._clean.append(document.id)
        else:
            self._block(document)
        return True

    def _still_answers(self, document: Document) -> bool:
        """Whether the scanner is well and only has no verdict on this document.

        A document that brings the scanner down must not be the first one again in the next run.
        """
        _log.warning("rescanning.unscannable", document=str(document.id))
        try:
            self._services.scanner.check()
        except Unavailable:
            return False
        return True

    def _block(self, document: Document) -> None:
        services, now = self._services, self._services.clock()
        with services.transaction() as session:
            was_out = rescanning.block(
                session,
                lifecycle.system_of(document, DUTY),
                document.id,
                signatures=self._version,
                catalogue=services.catalogue,
                now=now,
            )
            if was_out:
                alarm_within(services, session, Alarm.MALWARE_DELIVERED, now=now)
        _log.error("rescanning.blocked", document=str(document.id), was_out=was_out)
        self._blocked += 1

    def write_down(self) -> None:
        """What was found clean or could not be judged, in one transaction."""
        if not self._clean and not self._doubtful:
            return
        with self._services.transaction() as session:
            rescanning.confirm(session, self._clean, self._version, judged=self._marks)
            rescanning.doubt(session, self._doubtful, self._version, judged=self._marks)

    def result(self, *, is_done: bool) -> Rescanned:
        """What the run did."""
        return Rescanned(len(self._clean), len(self._doubtful), self._blocked, is_done)


# -- telling the operator --------------------------------------------------------------------------


def watch(services: Services) -> None:
    """Have the operator told when papers wait too long for the scanner, or it knows too little."""
    now = services.clock()
    with services.transaction() as session:
        held = counting.unscanned_since(session, now - HELD_ALARM)
        # Found after today's mail went out, or while there was nobody to be told.
        blocked = counting.blocked_since(
            session, told_until(session, Alarm.MALWARE_DELIVERED, now=now)
        )
    if blocked:
        alarm(services, Alarm.MALWARE_DELIVERED, now=now)
    if held:
        alarm(services, Alarm.HELD_LONG, now=now)
    known = present_signatures(services)
    if known is not None and is_outdated(known, now):
        alarm(services, Alarm.SIGNATURES_OLD, now=now)
