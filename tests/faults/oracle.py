"""Judges an installation at rest by what its clients know for themselves.

Six words, each for one promise that was broken. Rows, objects, keys, log and mailbox are read past
the program's own doors, and compared with the ledgers and with each other.

LOST      an acknowledged document is not there, or its object or key is not; a mail that counts as
          sent is in no mailbox, or somebody was never told
WRONG     its bytes, or what its row says of them, are not what was sent
UNDEAD    what was withdrawn, given up or erased is still there for somebody, or in a store
UNLOGGED  log or ledger of reminders is not whole, or does not tell what happened exactly once
DOUBLE    the same content twice; the same mail more often than its faults allow
ORPHAN    an object, a key, a row or an unfinished file that nothing needs; a mail of nobody
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar
from tests.factories import NOW
from tests.faults.ledger import Known, Word, fingerprint
from tests.operations.house import KEPT
from tests.servers import Letter

from kursdocs.core import audit
from kursdocs.core.audit import AuditEvent, Happening
from kursdocs.core.checks import Depth
from kursdocs.core.documents.tables import (
    Delivery,
    DeliveryState,
    Document,
    DocumentState,
    IdempotencyKey,
)
from kursdocs.core.drafts import Draft, DraftState
from kursdocs.core.outbox import OutboxMail
from kursdocs.core.ports import KeyMissing, ObjectMissing, Tampered
from kursdocs.core.reminders.tables import Reminder
from kursdocs.operations import auditing, fsck
from kursdocs.operations.checkpointing import note_in
from kursdocs.operations.sealing import unseal
from kursdocs.services import Services


class Fault(StrEnum):
    """The promise that was broken."""

    LOST = "LOST"
    WRONG = "WRONG"
    UNDEAD = "UNDEAD"
    UNLOGGED = "UNLOGGED"
    DOUBLE = "DOUBLE"
    ORPHAN = "ORPHAN"


@dataclass(frozen=True)
class Finding:
    """One broken promise, and in which words a person would look for it."""

    fault: Fault
    text: str

    def __str__(self) -> str:
        return f"{self.fault} {self.text}"


def judge(
    services: Services,
    known: Known,
    *,
    mailbox: Sequence[Letter] = (),
    with_contents: bool = True,
) -> list[Finding]:
    """Everything that is wrong, once the sweeper has been there for the last time."""
    seen = _Seen(services, known)
    return [
        *_complained(known),
        *_stored(seen, known, with_contents=with_contents),
        *_dropped(seen, known),
        *_stores(seen),
        *_rows(seen),
        *_logged(seen),
        *_signed(seen, mailbox),
        *_told(seen, known),
        *_doubled(seen, known),
        *_mailed(seen, mailbox),
        *_reached(seen, known, mailbox),
        *_gone_back(seen, known),
    ]


def unreadable(services: Services, known: Known, keys: Collection[str]) -> list[Finding]:
    """What of these keys was acknowledged, is to be kept and is not whole, before anybody mends."""
    with services.transaction() as session:
        ids = [known.stored[key] for key in keys if key in known.stored]
        rows = {one.id: one for one in session.exec(_documents(ids))}
    found: list[Finding] = []
    for key, document in ((key, rows.get(known.stored.get(key, _NOBODY))) for key in keys):
        if document is not None and document.state in KEPT:
            found += _whole(services, document, key, known.tried[key])
    return found


def _documents(ids: Sequence[UUID]) -> SelectOfScalar[Document]:
    return select(Document).where(col(Document.id).in_(ids))


_NOBODY = UUID(int=0)


class _Seen:
    """What is there: rows, names, keys and the numbers of log rows."""

    def __init__(self, services: Services, known: Known) -> None:
        self.services = services
        with services.transaction() as session:
            self.documents = {one.id: one for one in session.exec(select(Document))}
            self.drafts = {one.id: one for one in session.exec(select(Draft))}
            taken = select(IdempotencyKey.key, IdempotencyKey.document_id)
            self.taken = dict(session.exec(taken).all())
            told = select(AuditEvent.happening, AuditEvent.document_id).where(
                AuditEvent.seq > known.copied
            )
            self.log = known.logged + Counter(
                (str(happening), document_id)
                for happening, document_id in session.exec(told)
                if document_id is not None
            )
            self.altered = audit.verify(session)
            self.mails = {one.id: one for one in session.exec(select(OutboxMail))}
            self.reminders = session.exec(select(Reminder)).all()
            self.deliveries = session.exec(select(Delivery)).all()
        self.objects = set(services.store.names())
        self.keys = set(_all_keys(services))

    def told(self, happening: Happening, document_id: UUID) -> int:
        """How often the log tells that of the document."""
        return self.log[happening, document_id]


def _all_keys(services: Services) -> Iterator[UUID]:
    far, after = timedelta(days=36_500), None
    while page := services.keys.made_between(NOW - far, NOW + far, after=after, limit=5_000):
        yield from page
        after = page[-1]


# -- what clients were told ------------------------------------------------------------------------


def _complained(known: Known) -> Iterator[Finding]:
    """What readers met on the way, unless somebody was withdrawing the very document."""
    for line in known.complaints:
        if line.word is Word.WRONG:
            yield Finding(Fault.WRONG, f"{line.key} was handed out with other content")
        elif UUID(line.value) not in known.dropping:
            yield Finding(Fault.LOST, f"{line.key} was not there for its reader")


def _stored(seen: _Seen, known: Known, *, with_contents: bool) -> Iterator[Finding]:
    """Every document of which somebody was told "stored"."""
    for key, document_id in known.stored.items():
        document = seen.documents.get(document_id)
        if document is None:
            yield Finding(Fault.LOST, f"{key} has no row")
        elif document_id not in known.dropping and document.state not in KEPT:
            yield Finding(Fault.LOST, f"{key} is {document.state}")
        elif document.state in KEPT and with_contents:
            yield from _whole(seen.services, document, key, known.tried[key])


def _whole(services: Services, document: Document, key: str, sha256: str) -> Iterator[Finding]:
    try:
        sealed = services.store.get(document.object_name)
        content = unseal(services.keys.get(document.id), document.id, sealed)
    except (KeyMissing, ObjectMissing) as error:
        yield Finding(Fault.LOST, f"{key}: {type(error).__name__}")
    except Tampered:
        yield Finding(Fault.WRONG, f"{key} does not open")
    else:
        if {fingerprint(content), document.sha256, document.received_sha256} != {sha256}:
            yield Finding(Fault.WRONG, f"{key} is not what was sent")


def _dropped(seen: _Seen, known: Known) -> Iterator[Finding]:
    """What somebody was told to be withdrawn is live for nobody."""
    over = (DocumentState.WITHDRAWN, DocumentState.ERASED)
    for document_id in known.gone:
        document = seen.documents.get(document_id)
        if document is None:
            yield Finding(Fault.LOST, f"the withdrawn {document_id} has no row")
        elif document.state not in over:
            yield Finding(Fault.UNDEAD, f"the withdrawn {document_id} is {document.state}")


# -- what lies in the stores -----------------------------------------------------------------------


def _stores(seen: _Seen) -> Iterator[Finding]:
    """Objects and keys are there for exactly those rows that need them."""
    kept: dict[UUID, Document | Draft] = {
        one.id: one for one in seen.documents.values() if one.state in KEPT
    }
    kept |= {one.id: one for one in seen.drafts.values() if one.state is DraftState.READY}
    rows: dict[UUID, Document | Draft] = {**seen.documents, **seen.drafts}
    named = {one.object_name: one for one in rows.values()}
    needed = {one.object_name for one in kept.values()}
    for name in seen.objects - needed:
        yield _left("object", named.get(name), name)
    for name in needed - seen.objects:
        yield Finding(Fault.LOST, f"{named[name].id} has no object")
    for row_id in seen.keys - set(kept):
        yield _left("key", rows.get(row_id), str(row_id))
    for row_id in set(kept) - seen.keys:
        yield Finding(Fault.LOST, f"{row_id} has no key")


def _left(what: str, row: Document | Draft | None, name: str) -> Finding:
    if row is None:
        return Finding(Fault.ORPHAN, f"{what} {name} without a row")
    return Finding(Fault.UNDEAD, f"{what} of the {row.state} {row.id}")


def _rows(seen: _Seen) -> Iterator[Finding]:
    """Nothing is half done, and no key of a sender stays taken by what is dead."""
    rows: list[Document | Draft] = [*seen.documents.values(), *seen.drafts.values()]
    for one in rows:
        if one.state.value == "pending":
            yield Finding(Fault.ORPHAN, f"{one.id} is still pending")
    for key, document_id in seen.taken.items():
        document = seen.documents.get(document_id)
        if document is None or document.state is DocumentState.ABANDONED:
            yield Finding(Fault.ORPHAN, f"{key} is taken by a dead intake")


# -- the log ---------------------------------------------------------------------------------------


def _logged(seen: _Seen) -> Iterator[Finding]:
    if seen.altered is not None:
        yield Finding(Fault.UNLOGGED, f"the log does not hold at {seen.altered}")
    for document in seen.documents.values():
        yield from _told_once(seen, document)
    told = {document_id for _, document_id in seen.log}
    for document_id in told - set(seen.documents) - set(seen.drafts):
        if any(seen.told(one, document_id) for one in _BEGINNINGS):
            yield Finding(Fault.UNLOGGED, f"{document_id} is logged and has no row")


def _signed(seen: _Seen, mailbox: Sequence[Letter]) -> Iterator[Finding]:
    """The log holds against what was signed, also against what came with mails."""
    held = [note for one in mailbox if (note := note_in(one.message.as_bytes())) is not None]
    for found in auditing.verify(seen.services, held=held).found:
        yield Finding(Fault.UNLOGGED, f"the signed log: {found.what} at {found.seq}")


_BEGINNINGS = (
    Happening.DOCUMENT_SENT,
    Happening.DOCUMENT_HELD,
    Happening.DOCUMENT_ABANDONED,
)


def _told(seen: _Seen, known: Known) -> Iterator[Finding]:
    """What clients did stands there too."""
    for document_id, times in known.read.items():
        if seen.told(Happening.DOCUMENT_DOWNLOADED, document_id) < times:
            yield Finding(Fault.UNLOGGED, f"{document_id} was read more often than logged")
    for document_id in known.gone:
        if not seen.told(Happening.DOCUMENT_WITHDRAWN, document_id):
            yield Finding(Fault.UNLOGGED, f"{document_id} was withdrawn without a word")


def _told_once(seen: _Seen, document: Document) -> Iterator[Finding]:
    """A beginning or a giving up, and an end if it ended, each exactly once."""
    begun = sum(seen.told(one, document.id) for one in _BEGINNINGS[:2])
    given_up = seen.told(Happening.DOCUMENT_ABANDONED, document.id)
    expected = {
        DocumentState.PENDING: (0, 0),
        DocumentState.ABANDONED: (0, 1),
    }.get(document.state, (1, 0))
    if (begun, given_up) != expected:
        yield Finding(
            Fault.UNLOGGED, f"{document.state} {document.id} is logged {begun}, {given_up}"
        )
    erased = seen.told(Happening.DOCUMENT_ERASED, document.id)
    if erased != (document.state is DocumentState.ERASED):
        yield Finding(Fault.UNLOGGED, f"{document.state} {document.id} is logged erased {erased}")


# -- twice -----------------------------------------------------------------------------------------


def _doubled(seen: _Seen, known: Known) -> Iterator[Finding]:
    for key in known.doubled:
        yield Finding(Fault.DOUBLE, f"{key} was acknowledged as two documents")
    contents = Counter(one.received_sha256 for one in seen.documents.values() if one.state in KEPT)
    keys = {sha256: key for key, sha256 in known.tried.items()}
    for sha256, count in contents.items():
        if count > 1 and sha256 in keys:
            yield Finding(Fault.DOUBLE, f"{keys[sha256]} is there {count} times")


# -- mails -----------------------------------------------------------------------------------------


def _mailed(seen: _Seen, mailbox: Sequence[Letter]) -> Iterator[Finding]:
    """Outbox, mailbox and the ledger of reminders say the same of each mail."""
    taken = {_row_of(letter) for letter in mailbox}
    sent = {one.id for one in seen.mails.values() if one.sent_at is not None}
    given_up = {one.id for one in seen.mails.values() if one.dead_at is not None}
    told = {one.mail_id for one in seen.reminders}
    for fault, mails, what in (
        (Fault.LOST, sent - taken, "counts as sent and lies nowhere"),
        (Fault.ORPHAN, taken - set(seen.mails), "is of nobody"),
        (Fault.ORPHAN, set(seen.mails) - sent - given_up, "waits for ever"),
        (Fault.UNLOGGED, taken & set(seen.mails) - sent, "is there and does not count as sent"),
        (Fault.UNLOGGED, sent - told, "was sent and told nothing"),
        (Fault.UNLOGGED, told - sent, "told something and was not sent"),
    ):
        yield from (Finding(fault, f"the mail {mail_id} {what}") for mail_id in mails)


def _row_of(letter: Letter) -> UUID:
    return UUID(str(letter.message["Message-ID"]).strip("<>").partition("@")[0])


def _reached(seen: _Seen, known: Known, mailbox: Sequence[Letter]) -> Iterator[Finding]:
    """Everybody was told once, and given up was only what the server refused."""
    came = Counter(address for letter in mailbox for address in letter.recipients)
    given_up = {one.address for one in seen.mails.values() if one.dead_at is not None}
    for key, address in known.due.items():
        if not came[address]:
            yield Finding(Fault.LOST, f"{key}: nobody was told")
        if came[address] > (2 if key in known.twice else 1):
            yield Finding(Fault.DOUBLE, f"{key}: told {came[address]} times")
        if address in given_up and key not in known.refused:
            yield Finding(Fault.LOST, f"{key} was given up though nobody refused it")
        if key in known.refused and address not in given_up:
            yield Finding(Fault.UNLOGGED, f"{key} was refused without a word")


def _gone_back(seen: _Seen, known: Known) -> Iterator[Finding]:
    """What nobody took over went back, and the log says so once."""
    for delivery in seen.deliveries:
        is_back = delivery.state is DeliveryState.RETURNED
        if delivery.document_id in known.late and not is_back:
            yield Finding(Fault.LOST, f"{delivery.document_id} did not go back")
        if seen.told(Happening.DELIVERY_RETURNED, delivery.document_id) != is_back:
            yield Finding(Fault.UNLOGGED, f"{delivery.document_id} is not logged back once")


def witness(services: Services, depth: Depth) -> list[str]:
    """What the program's own check finds; a second pair of eyes, which knows no ledger."""
    report = fsck.check(services, depth)
    return [f"fsck: {damage} {count} times" for damage, count in sorted(report.found.items())]


def counted(findings: Sequence[Finding]) -> dict[Fault, int]:
    """How often each promise was broken; zeros are said too."""
    found = Counter(finding.fault for finding in findings)
    return {fault: found[fault] for fault in Fault}
