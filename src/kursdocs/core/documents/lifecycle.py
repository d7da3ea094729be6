"""The states of a document, and the functions that change them.

``pending → held → live → withdrawn | blocked → erased``, or ``abandoned`` when an intake died. Each
function locks the row, refuses any other starting state, finds out anew when the content goes
(``retention``), and leaves its trace in the audit log. What happens to a held document stands in
``holding``, the end of all content in ``erasing``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select

from kursdocs.catalogue import Catalogue
from kursdocs.core import accounts, audit
from kursdocs.core.access import Actor, ActorKind
from kursdocs.core.audit import Happening
from kursdocs.core.documents import names, retention
from kursdocs.core.documents.deadlines import due_dates
from kursdocs.core.documents.sending import Sending
from kursdocs.core.documents.tables import (
    Delivery,
    DeliveryState,
    Document,
    DocumentState,
    IdempotencyKey,
    SearchToken,
)
from kursdocs.core.errors import Conflict, NotFound

# An intake that has not finished by then is dead: every step of it has a shorter limit.
INTAKE_LIMIT = timedelta(minutes=4)
# How long a tombstone is kept, because a slow upload may still be writing.
TOMBSTONE_AGE = timedelta(hours=24)
# For a kind that the catalogue does not know any more; the same as for kinds that say nothing.
DUE_WORKING_DAYS = 5


@dataclass(frozen=True)
class Stored:
    """What became of the bytes of a document."""

    object_name: str
    received_sha256: str
    sha256: str
    byte_size: int
    page_count: int


def repeated(
    session: Session, actor: Actor, *, key: str, content_hash: str, now: datetime
) -> UUID | None:
    """The document that this idempotency key already brought, or ``None`` when the key is free.

    Raises ``Conflict``: ``key_reused`` when the content differs, ``still_running`` while another
    attempt is under way. After a dead attempt the key is free again.
    """
    known = session.get(IdempotencyKey, (actor.acting.id, key))
    if known is None:
        return None
    # Locked, because the attempt may be finishing, or be given up, at this very moment.
    document = locked(session, known.document_id)
    if document is None or document.state is DocumentState.ABANDONED:
        return None
    if document.state is DocumentState.PENDING and document.created_at < now - INTAKE_LIMIT:
        abandon(session, actor, document.id, reason="died", now=now)
        return None
    if known.content_hash != content_hash:
        raise Conflict("key_reused")
    if document.state is DocumentState.PENDING:
        raise _still_running()
    return document.id


def reserve(
    session: Session,
    actor: Actor,
    sending: Sending,
    stored: Stored,
    *,
    document_id: UUID,
    key: str,
    now: datetime,
) -> None:
    """Write the row before any byte: whatever dies from here on can be found by it.

    Raises ``Conflict`` (``still_running``) when another attempt took the key a moment ago; for a
    correction as :func:`correctable` does.
    """
    agency = actor.acting
    if sending.replaces_id is not None:
        correctable(session, actor, sending.replaces_id)
    document = Document(
        id=document_id,
        kind=sending.kind.code,
        state=DocumentState.PENDING,
        municipality_id=actor.municipality,
        sender_agency_id=agency.id,
        sent_by_user_id=actor.user_id,
        sent_by_service_account_id=actor.service_account_id,
        family_name=sending.family_name,
        given_names=sending.given_names,
        birth_date=sending.birth_date,
        fields=dict(sending.fields),
        release_given_on=sending.release_given_on,
        release_form=sending.release_form,
        original_at=sending.original_at,
        object_name=stored.object_name,
        received_sha256=stored.received_sha256,
        sha256=stored.sha256,
        byte_size=stored.byte_size,
        page_count=stored.page_count,
        created_at=now,
        replaces_id=sending.replaces_id,
        correction_reason=sending.correction_reason,
    )
    session.add(document)
    session.flush()
    if key:
        session.add(
            IdempotencyKey(
                agency_id=agency.id,
                key=key,
                content_hash=sending.content_hash(stored.received_sha256),
                document_id=document_id,
                created_at=now,
            )
        )
        try:
            session.flush()
        except IntegrityError as error:
            raise _still_running() from error


def _still_running() -> Conflict:
    return Conflict("still_running", retry_after_seconds=2)


def finish(
    session: Session,
    actor: Actor,
    sending: Sending,
    *,
    document_id: UUID,
    stored_sha256: str,
    scanned: bool,
    catalogue: Catalogue,
    now: datetime,
) -> None:
    """Make a pending document live, or held: unscanned, or to be approved; and address it.

    Raises ``Conflict`` (``intake_died``) when the sweeper has given the intake up meanwhile, or
    might do so now: its key may be gone already; for a correction ``not_correctable``.
    """
    if not lock_replaced(session, document_id):
        raise Conflict("not_correctable")
    document = locked(session, document_id)
    if document is None or document.state is not DocumentState.PENDING:
        raise Conflict("intake_died")
    if document.created_at < now - INTAKE_LIMIT:
        raise Conflict("intake_died")
    goes_out = scanned and not sending.kind.four_eyes
    document.state = DocumentState.LIVE if goes_out else DocumentState.HELD
    document.stored_sha256 = stored_sha256
    document.stored_at = now
    document.scanned_at = now if scanned else None
    document.approval_needed = sending.kind.four_eyes
    session.add(document)
    recipients = [addressed.agency_id for addressed in sending.addressed]
    due_on = due_dates(session, recipients, sending.kind.due_working_days, now=now)
    for addressed in sending.addressed:
        delivery = Delivery(
            document_id=document_id,
            sender_agency_id=document.sender_agency_id,
            recipient_agency_id=addressed.agency_id,
            ground=addressed.route.ground,
            need=addressed.need.value,
            due_on=due_on[addressed.agency_id],
            delivered_at=now if goes_out else None,
        )
        session.add(delivery)
        session.flush()
        index(session, document, delivery)
    if goes_out:
        end_replaced(session, actor, document, catalogue=catalogue, now=now)
    retention.refresh(session, document, catalogue)
    audit.record(
        session,
        actor,
        Happening.DOCUMENT_SENT if goes_out else Happening.DOCUMENT_HELD,
        now=now,
        document_id=document_id,
        kind=document.kind,
        recipients=len(sending.addressed),
        bytes=document.byte_size,
    )
    if document.replaces_id is not None:
        audit.record(
            session,
            actor,
            Happening.DOCUMENT_CORRECTED,
            now=now,
            document_id=document_id,
            replaces=str(document.replaces_id),
        )


def locked(session: Session, document_id: UUID) -> Document | None:
    """The document's row as it is now, locked until the transaction ends; ``None`` without one."""
    query = select(Document).where(Document.id == document_id).with_for_update()
    # Waiting for the lock may have outdated what this session read before.
    return session.exec(query.execution_options(populate_existing=True)).first()


def index(session: Session, document: Document, delivery: Delivery) -> None:
    """Make the delivery findable inside the recipient's own inbox, and nowhere else."""
    texts = [document.family_name, document.given_names, *document.fields.values()]
    for token in names.index_tokens(texts):
        session.add(
            SearchToken(
                agency_id=delivery.recipient_agency_id, token=token, delivery_id=delivery.id
            )
        )


def abandon(
    session: Session, actor: Actor, document_id: UUID, *, reason: str, now: datetime
) -> bool:
    """Give an intake up: the row stays as a tombstone without the person, its key is free again.

    Returns whether there was something to give up (``False``: it finished, or is given up already).
    """
    document = locked(session, document_id)
    if document is None or document.state is not DocumentState.PENDING:
        return False
    document.state = DocumentState.ABANDONED
    document.end_reason = reason
    forget_person(document)
    session.add(document)
    session.exec(delete(IdempotencyKey).where(col(IdempotencyKey.document_id) == document_id))
    audit.record(
        session,
        actor,
        Happening.DOCUMENT_ABANDONED,
        now=now,
        document_id=document_id,
        reason=reason,
    )
    return True


def forget_person(document: Document) -> None:
    """Blank whatever tells of the person, and the hashes of the content."""
    document.family_name = document.given_names = document.original_at = ""
    document.birth_date = None
    document.fields = {}
    document.sha256 = document.received_sha256 = ""


def withdraw(
    session: Session,
    actor: Actor,
    document_id: UUID,
    *,
    reason: str,
    catalogue: Catalogue,
    now: datetime,
) -> None:
    """Take a misaddressed document back: gone for every recipient, with a trace.

    A corrected one that still waits to replace it goes with it. Raises ``NotFound`` for anything
    but the actor's agency's own document, ``Conflict`` (``already_withdrawn`` with when and who,
    ``not_withdrawable``) when it is no longer on its way.
    """
    document = locked(session, document_id)
    if document is None or document.sender_agency_id != actor.acting.id:
        raise NotFound
    if document.state is DocumentState.WITHDRAWN and document.withdrawn_at is not None:
        raise Conflict(
            "already_withdrawn",
            at=utc(document.withdrawn_at),
            by=_withdrawn_by(session, document_id),
        )
    if document.state not in (DocumentState.LIVE, DocumentState.HELD):
        raise Conflict("not_withdrawable", state=document.state.value)
    for one in (document, *_waiting_to_replace(session, document_id)):
        _withdraw(session, actor, one, reason=reason, catalogue=catalogue, now=now)


def _withdraw(
    session: Session,
    actor: Actor,
    document: Document,
    *,
    reason: str,
    catalogue: Catalogue,
    now: datetime,
) -> None:
    end_withdrawn(session, document, reason=reason, catalogue=catalogue, now=now)
    audit.record(
        session,
        actor,
        Happening.DOCUMENT_WITHDRAWN,
        now=now,
        document_id=document.id,
        reason=reason,
    )


def _withdrawn_by(session: Session, document_id: UUID) -> str:
    """Who of the own agency withdrew it, by name; empty when that is not known."""
    query = (
        select(audit.AuditEvent)
        .where(
            audit.AuditEvent.document_id == document_id,
            audit.AuditEvent.happening == Happening.DOCUMENT_WITHDRAWN,
        )
        .order_by(col(audit.AuditEvent.seq).desc())
    )
    event = session.exec(query).first()
    if event is None:
        return ""
    people = accounts.names_of(session, [event.user_id])
    programs = accounts.services_of(session, [event.service_account_id])
    return next(iter((people | programs).values()), "")


def end_withdrawn(
    session: Session, document: Document, *, reason: str, catalogue: Catalogue, now: datetime
) -> None:
    """Make a (locked) document withdrawn, so that nobody finds it by its person any more.

    Whoever received it must acknowledge that; not those who gave it back: they have put it right.
    """
    document.state = DocumentState.WITHDRAWN
    document.withdrawn_at = now
    document.end_reason = reason
    for delivery in deliveries_of(session, document.id):
        if delivery.delivered_at is not None and delivery.state is not DeliveryState.RETURNED:
            delivery.acknowledge_since = now
            session.add(delivery)
    forget_words(session, document.id)
    retention.refresh(session, document, catalogue)


# ── Replacing ────────────────────────────────────────────────────────────────────────────────


def correctable(session: Session, actor: Actor, document_id: UUID) -> Document:
    """The locked document, if a corrected one may replace it.

    Raises ``NotFound`` for anything but the actor's agency's own document, ``Conflict``
    (``not_correctable`` when it is not out, ``already_corrected`` while another one replaces it).
    """
    document = locked(session, document_id)
    if document is None or document.sender_agency_id != actor.acting.id:
        raise NotFound
    if document.state in (DocumentState.PENDING, DocumentState.ABANDONED):
        raise NotFound
    if document.state is not DocumentState.LIVE:
        raise Conflict("not_correctable", state=document.state.value)
    if _waiting_to_replace(session, document_id, DocumentState.PENDING):
        raise Conflict("already_corrected")
    return document


def _waiting_to_replace(
    session: Session, document_id: UUID, *also: DocumentState
) -> Sequence[Document]:
    """The (locked) corrected documents that are not out yet; at most one."""
    query = select(Document).where(
        Document.replaces_id == document_id,
        col(Document.state).in_([DocumentState.HELD, *also]),
    )
    return session.exec(query.with_for_update().execution_options(populate_existing=True)).all()


def lock_replaced(session: Session, document_id: UUID) -> bool:
    """Lock what the document replaces, before it: everybody locks the older one first.

    Returns whether the way is free: ``False`` when what it replaces has ended meanwhile.
    """
    query = select(Document.replaces_id).where(Document.id == document_id)
    replaces_id = session.exec(query).first()
    if replaces_id is None:
        return True
    replaced = locked(session, replaces_id)
    return replaced is not None and replaced.state is DocumentState.LIVE


def end_replaced(
    session: Session, actor: Actor, document: Document, *, catalogue: Catalogue, now: datetime
) -> None:
    """Withdraw what a document replaces, in the transaction in which that goes out.

    Where the replaced one was handed on, the corrected one follows, if who handed it on gets it
    too: wrong facts do most harm where nobody tells of them.
    """
    if document.replaces_id is None:
        return
    replaced = locked(session, document.replaces_id)
    if replaced is None or replaced.state is not DocumentState.LIVE:
        return
    _follow(session, replaced, document, catalogue=catalogue, now=now)
    reason = document.correction_reason
    _withdraw(session, actor, replaced, reason=reason, catalogue=catalogue, now=now)


def _follow(
    session: Session, replaced: Document, document: Document, *, catalogue: Catalogue, now: datetime
) -> None:
    """Address the corrected document to those to whom recipients handed the replaced one on."""
    reached = {one.recipient_agency_id for one in deliveries_of(session, document.id)}
    for known in deliveries_of(session, replaced.id):
        is_kept = known.forwarded_by_agency_id in reached
        if known.state is DeliveryState.RETURNED or not is_kept:
            continue
        if known.recipient_agency_id in reached:
            continue
        reached.add(known.recipient_agency_id)
        hand_on(
            session,
            document,
            Delivery(
                document_id=document.id,
                sender_agency_id=document.sender_agency_id,
                recipient_agency_id=known.recipient_agency_id,
                ground=known.ground,
                need=known.need,
                due_on=known.due_on,
                forwarded_by_agency_id=known.forwarded_by_agency_id,
                forward_release_given_on=known.forward_release_given_on,
                forward_release_form=known.forward_release_form,
            ),
            catalogue=catalogue,
            now=now,
        )


def hand_on(
    session: Session, document: Document, delivery: Delivery, *, catalogue: Catalogue, now: datetime
) -> None:
    """Deliver a live document to one more recipient, who has the usual time from now on."""
    kind = catalogue.kind(document.kind)
    days = kind.due_working_days if kind else DUE_WORKING_DAYS
    recipient = delivery.recipient_agency_id
    delivery.due_on = due_dates(session, [recipient], days, now=now)[recipient]
    delivery.delivered_at = now
    session.add(delivery)
    session.flush()
    index(session, document, delivery)
    retention.refresh(session, document, catalogue)


def forget_words(session: Session, document_id: UUID) -> None:
    """Remove what finds the document's deliveries."""
    ids = [delivery.id for delivery in deliveries_of(session, document_id)]
    session.exec(delete(SearchToken).where(col(SearchToken.delivery_id).in_(ids)))


def utc(moment: datetime) -> str:
    """A moment as details of an error carry it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def deliveries_of(session: Session, document_id: UUID) -> Sequence[Delivery]:
    """The document's deliveries, in the order in which they were addressed."""
    query = select(Delivery).where(Delivery.document_id == document_id).order_by(col(Delivery.id))
    return session.exec(query).all()


def dead_intakes(session: Session, *, now: datetime, limit: int) -> Sequence[Document]:
    """Pending documents whose intake must have died, oldest first."""
    query = (
        select(Document)
        .where(Document.state == DocumentState.PENDING, Document.created_at < now - INTAKE_LIMIT)
        .order_by(col(Document.created_at))
        .limit(limit)
    )
    return session.exec(query).all()


def tombstones(session: Session, *, now: datetime, limit: int) -> Sequence[Document]:
    """Abandoned and erased documents of which something may still lie in a store.

    An abandoned one waits until nothing can be writing any more.
    """
    is_old = col(Document.created_at) < now - TOMBSTONE_AGE
    is_over = sa.or_(
        sa.and_(col(Document.state) == DocumentState.ABANDONED, is_old),
        col(Document.state) == DocumentState.ERASED,
    )
    query = (
        select(Document)
        .where(is_over, col(Document.swept_at).is_(None))
        .order_by(col(Document.created_at))
        .limit(limit)
    )
    return session.exec(query).all()


def bury(session: Session, document_id: UUID, *, now: datetime) -> None:
    """Note that nothing of an abandoned or erased document can be left in a store."""
    document = session.get_one(Document, document_id)
    document.swept_at = now
    session.add(document)


def known_ids(session: Session, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the ids that have a row."""
    return set(session.exec(select(Document.id).where(col(Document.id).in_(list(ids)))))


def ends(session: Session, *, limit: int) -> Sequence[UUID]:
    """The oldest and the newest documents that can be read, at most ``limit`` of each."""
    live = select(Document.id).where(Document.state == DocumentState.LIVE).limit(limit)
    ways = (col(Document.id).asc(), col(Document.id).desc())
    return sorted({found for way in ways for found in session.exec(live.order_by(way))})


def system_of(document: Document, duty: str) -> Actor:
    """kursdocs itself, acting on this document's municipality (so that its auditor sees it)."""
    return Actor(kind=ActorKind.SYSTEM, display_name=duty, municipality_id=document.municipality_id)
