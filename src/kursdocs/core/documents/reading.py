"""What an agency may read: lists and views, always starting at the actor.

The sender sees its document and all deliveries. A recipient sees the document and its own
delivery, never who else got it. What is foreign is not found. Lists read columns, page by key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.documents import holding, names
from kursdocs.core.documents.counting import COUNT_CAP
from kursdocs.core.documents.reasons import INFECTED
from kursdocs.core.documents.tables import (
    Delivery,
    DeliveryState,
    Document,
    DocumentState,
    ReleaseForm,
    SearchToken,
)
from kursdocs.core.errors import Gone, NotFound


class SentState(StrEnum):
    """Which of its documents a sender lists.

    All; to be approved; on its way (somebody has not settled it yet); settled by everybody; come
    back from somebody; withdrawn; blocked because of malware.
    """

    ALL = "all"
    WAITING = "waiting"
    OPEN = "open"
    DONE = "done"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"
    BLOCKED = "blocked"


@dataclass(frozen=True)
class DeliveryView:
    """One delivery as sender or recipient may see it."""

    id: UUID
    recipient: str
    recipient_name: str
    ground: str
    state: DeliveryState
    due_on: date
    delivered_at: datetime | None
    opened_at: datetime | None
    taken_over_at: datetime | None
    taken_over_by_user_id: UUID | None
    taken_over_by_service_account_id: UUID | None
    returned_at: datetime | None
    returned_by_user_id: UUID | None
    return_reason: str
    working_user_id: UUID | None
    working_until: datetime | None
    forwarded_by: str
    forwarded_by_name: str
    forward_release_given_on: date | None
    forward_release_form: ReleaseForm | None
    acknowledge_since: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by_user_id: UUID | None

    @property
    def must_acknowledge(self) -> bool:
        """Whether nobody of the recipient has taken note yet that the paper ended."""
        return self.acknowledge_since is not None and self.acknowledged_at is None


@dataclass(frozen=True)
class Linked:
    """A document that replaces another one or is replaced, for whoever may see both."""

    id: UUID
    kind: str
    state: DocumentState
    stored_at: datetime | None


@dataclass(frozen=True)
class DocumentView:
    """A document as the actor may see it; ``deliveries`` holds only what is theirs to see.

    For a recipient the first one is its own; the others are those that it handed on itself.
    """

    id: UUID
    kind: str
    state: DocumentState
    sender: str
    sender_name: str
    is_own: bool
    family_name: str
    given_names: str
    birth_date: date | None
    fields: Mapping[str, Any]
    release_given_on: date | None
    release_form: ReleaseForm | None
    is_copy: bool
    original_at: str
    sha256: str
    received_sha256: str
    byte_size: int
    page_count: int
    created_at: datetime
    stored_at: datetime | None
    withdrawn_at: datetime | None
    end_reason: str
    sent_by_user_id: UUID | None
    sent_by_service_account_id: UUID | None
    scanned_at: datetime | None
    approval_needed: bool
    approved_at: datetime | None
    approved_by_user_id: UUID | None
    delete_on: date | None
    delete_reason: str
    erased_at: datetime | None
    correction_reason: str
    replaces: Linked | None
    replaced_by: Linked | None
    deliveries: Sequence[DeliveryView]

    @property
    def is_awaiting_approval(self) -> bool:
        """Whether a second person of the sender must still decide."""
        is_held = self.state is DocumentState.HELD
        return is_held and self.approval_needed and self.approved_at is None

    @property
    def is_corrected(self) -> bool:
        """Whether it ended because a corrected one went out, as far as the actor may see that."""
        other = self.replaced_by
        return other is not None and other.state is not DocumentState.HELD

    @property
    def blocked_at(self) -> datetime | None:
        """When the scanner found malware in it; it is said of an erased one as well."""
        return self.scanned_at if self.end_reason == INFECTED else None

    @property
    def was_delivered(self) -> bool:
        """Whether somebody whom the actor may see has received it."""
        return any(one.delivered_at is not None for one in self.deliveries)

    @property
    def own_delivery(self) -> DeliveryView | None:
        """The recipient's own delivery; ``None`` for the sender."""
        return None if self.is_own or not self.deliveries else self.deliveries[0]


@dataclass(frozen=True)
class SentRow:
    """One document in the sender's list."""

    id: UUID
    kind: str
    state: DocumentState
    family_name: str
    given_names: str
    stored_at: datetime | None
    created_at: datetime
    delete_on: date | None
    is_awaiting_approval: bool
    sent_by_user_id: UUID | None
    end_reason: str
    deliveries: Sequence[DeliveryView]


@dataclass(frozen=True)
class TimelineEvent:
    """One thing that happened to a document, for people: code, when, and at whose desk."""

    code: str
    at: datetime
    agency_name: str
    reason: str = ""


def sent(
    session: Session,
    actor: Actor,
    *,
    state: SentState = SentState.ALL,
    kind: str = "",
    recipient: str = "",
    name: str = "",
    after: UUID | None = None,
    limit: int = 50,
) -> list[SentRow]:
    """What the acting agency sent, newest first, from the key ``after`` on.

    ``kind`` is a code, ``recipient`` a slug; ``name`` keeps papers on which each of its words
    begins a name or number, or sounds like one.
    """
    words = names.words(name)
    if name.strip() and not words:
        return []
    query = (
        select(Document)
        .where(
            Document.sender_agency_id == actor.acting.id,
            col(Document.state).not_in([DocumentState.PENDING, DocumentState.ABANDONED]),
        )
        .order_by(col(Document.id).desc())
        .limit(limit)
    )
    query = query.where(*_in_state(state), *_sent_as(kind, recipient), *map(_with_word, words))
    if after is not None:
        query = query.where(col(Document.id) < after)
    documents = session.exec(query).all()
    views = _deliveries(session, [document.id for document in documents])
    return [
        SentRow(
            id=document.id,
            kind=document.kind,
            state=document.state,
            family_name=document.family_name,
            given_names=document.given_names,
            stored_at=document.stored_at,
            created_at=document.created_at,
            delete_on=document.delete_on,
            is_awaiting_approval=holding.is_awaiting_approval(document),
            sent_by_user_id=document.sent_by_user_id,
            end_reason=document.end_reason,
            deliveries=views.get(document.id, []),
        )
        for document in documents
    ]


def _in_state(state: SentState) -> tuple[sa.ColumnElement[bool], ...]:
    live = col(Document.state) == DocumentState.LIVE
    of_document = select(Delivery.id).where(Delivery.document_id == Document.id)
    untouched = of_document.where(Delivery.state == DeliveryState.NEW).exists()
    conditions: Mapping[SentState, tuple[sa.ColumnElement[bool], ...]] = {
        SentState.ALL: (),
        SentState.WAITING: _awaiting_approval(),
        SentState.OPEN: (live, untouched),
        SentState.DONE: (live, ~untouched),
        SentState.RETURNED: _come_back(),
        SentState.WITHDRAWN: (col(Document.state) == DocumentState.WITHDRAWN,),
        SentState.BLOCKED: (col(Document.state) == DocumentState.BLOCKED,),
    }
    return conditions[state]


def _sent_as(kind: str, recipient: str) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if kind:
        found.append(col(Document.kind) == kind)
    if recipient:
        to = (
            select(Delivery.id)
            .join(Agency, col(Agency.id) == Delivery.recipient_agency_id)
            .where(Delivery.document_id == Document.id, Agency.slug == recipient)
        )
        found.append(to.exists())
    return found


def _with_word(word: names.Word) -> sa.ColumnElement[bool]:
    """Whether something on the paper begins so; what finds it for recipients finds it here."""
    token = col(SearchToken.token)
    begins = (token.startswith(text, autoescape=True) for text in (word.text, *word.sounds))
    found = (
        select(SearchToken.token)
        .join(Delivery, col(Delivery.id) == SearchToken.delivery_id)
        .where(Delivery.document_id == Document.id, sa.or_(*begins))
    )
    return found.exists()


@dataclass(frozen=True)
class SentTo:
    """What a sender can narrow its list to: codes of kinds; slugs and names of recipients."""

    kinds: Sequence[str]
    recipients: Sequence[tuple[str, str]]


def sent_to(session: Session, actor: Actor) -> SentTo:
    """The kinds the acting agency has sent, and to whom."""
    own = Document.sender_agency_id == actor.acting.id
    kinds = session.exec(select(Document.kind).where(own).distinct())
    recipients = session.exec(
        select(Agency.slug, Agency.name)
        .join(Delivery, col(Delivery.recipient_agency_id) == Agency.id)
        .where(Delivery.sender_agency_id == actor.acting.id)
        .distinct()
        .order_by(Agency.name)
    )
    return SentTo(sorted(kinds), [(slug, name) for slug, name in recipients])


def _come_back() -> tuple[sa.ColumnElement[bool], ...]:
    returned = select(Delivery.id).where(
        Delivery.document_id == Document.id, Delivery.state == DeliveryState.RETURNED
    )
    return (col(Document.state) == DocumentState.LIVE, returned.exists())


def _awaiting_approval() -> tuple[sa.ColumnElement[bool], ...]:
    return (
        col(Document.state) == DocumentState.HELD,
        col(Document.approval_needed).is_(True),
        col(Document.approved_at).is_(None),
    )


def blocked_count(session: Session, agency_id: UUID, *, since: datetime | None = None) -> int:
    """How many documents of the agency are blocked; ``since``: only those that were found then."""
    query = select(Document.id).where(
        Document.sender_agency_id == agency_id, Document.state == DocumentState.BLOCKED
    )
    if since is not None:
        query = query.where(col(Document.scanned_at) >= since)
    capped = query.limit(COUNT_CAP).subquery()
    return session.scalar(sa.select(sa.func.count()).select_from(capped)) or 0


def approvals_waiting(session: Session, agency_id: UUID, *, not_sent_by: UUID | None = None) -> int:
    """How many documents of the agency a second person must decide on.

    ``not_sent_by`` leaves out what that person sent, who cannot be the second one.
    """
    query = select(Document.id).where(Document.sender_agency_id == agency_id, *_awaiting_approval())
    if not_sent_by is not None:
        # Compared so, because what a program sent was sent by no person.
        query = query.where(col(Document.sent_by_user_id).is_distinct_from(not_sent_by))
    capped = query.limit(COUNT_CAP).subquery()
    return session.scalar(sa.select(sa.func.count()).select_from(capped)) or 0


def _deliveries(
    session: Session, document_ids: Sequence[UUID], *, recipient: UUID | None = None
) -> dict[UUID, list[DeliveryView]]:
    """Delivery views by document: all of them, or what one recipient got (first) and handed on."""
    forwarder = aliased(Agency)
    query = (
        select(Delivery, Agency, forwarder)
        .join(Agency, col(Agency.id) == Delivery.recipient_agency_id)
        .outerjoin(forwarder, col(forwarder.id) == Delivery.forwarded_by_agency_id)
        .where(col(Delivery.document_id).in_(list(document_ids)))
        .order_by(col(Delivery.id))
    )
    if recipient is not None:
        is_own = col(Delivery.recipient_agency_id) == recipient
        has_it = sa.or_(is_own, col(Delivery.forwarded_by_agency_id) == recipient)
        query = query.where(has_it).order_by(None).order_by(is_own.desc(), col(Delivery.id))
    found: dict[UUID, list[DeliveryView]] = {}
    for delivery, agency, by in session.exec(query):
        found.setdefault(delivery.document_id, []).append(_delivery(delivery, agency, by))
    return found


def _delivery(delivery: Delivery, agency: Agency, by: Agency | None) -> DeliveryView:
    shown = set(DeliveryView.__dataclass_fields__) & set(Delivery.model_fields)
    return DeliveryView(
        **{name: getattr(delivery, name) for name in shown},
        recipient=agency.slug,
        recipient_name=agency.name,
        forwarded_by=by.slug if by else "",
        forwarded_by_name=by.name if by else "",
    )


_SENDER_SEES = (
    DocumentState.HELD,
    DocumentState.LIVE,
    DocumentState.WITHDRAWN,
    DocumentState.BLOCKED,
    DocumentState.ERASED,
)
_RECIPIENTS_SEE = (
    DocumentState.LIVE,
    DocumentState.WITHDRAWN,
    DocumentState.BLOCKED,
    DocumentState.ERASED,
)
_TRACES = (DocumentState.WITHDRAWN, DocumentState.BLOCKED)
_OF_PERSON: Mapping[str, Any] = {
    "family_name": "",
    "given_names": "",
    "birth_date": None,
    "fields": {},
    "release_given_on": None,
    "release_form": None,
    "original_at": "",
    "sha256": "",
    "received_sha256": "",
}
"""What a recipient no longer sees of a paper that was withdrawn (it may have been another's), or in
which malware was found: its copy is to go."""


def in_reach(session: Session, actor: Actor, document_id: UUID) -> tuple[Document, bool]:
    """The document's row and whether the acting agency sent it; raises ``NotFound``.

    This is the object gate: the sender reaches its own, a recipient what is delivered to it; of
    what is withdrawn or blocked it reaches the trace, of what is erased both reach the record.
    Nothing else can be told from an id that never existed.
    """
    agency_id = actor.acting.id
    query = select(Document).where(Document.id == document_id, _is_in_reach(agency_id))
    document = session.exec(query.execution_options(populate_existing=True)).first()
    if document is None:
        raise NotFound
    return document, document.sender_agency_id == agency_id


def _is_in_reach(agency_id: UUID) -> sa.ColumnElement[bool]:
    delivered = (
        sa.exists()
        .where(col(Delivery.document_id) == Document.id)
        .where(col(Delivery.recipient_agency_id) == agency_id)
        .where(col(Delivery.delivered_at).is_not(None))
    )
    is_own = col(Document.sender_agency_id) == agency_id
    return sa.or_(
        sa.and_(is_own, col(Document.state).in_(_SENDER_SEES)),
        sa.and_(col(Document.state).in_(_RECIPIENTS_SEE), delivered),
    )


def _linked(session: Session, actor: Actor, *conditions: Any) -> Linked | None:
    """The one other document that fits, if it is in the actor's reach too."""
    query = (
        select(Document)
        .where(*conditions, _is_in_reach(actor.acting.id))
        .order_by(col(Document.id).desc())
    )
    found = session.exec(query).first()
    return Linked(found.id, found.kind, found.state, found.stored_at) if found else None


def _replaced_by(session: Session, actor: Actor, document_id: UUID) -> Linked | None:
    """The corrected document: out, or still to go out; not one that ended before it did."""
    went_out = (
        sa.exists()
        .where(col(Delivery.document_id) == Document.id)
        .where(col(Delivery.delivered_at).is_not(None))
    )
    waits = col(Document.state) == DocumentState.HELD
    return _linked(session, actor, Document.replaces_id == document_id, sa.or_(waits, went_out))


def view(session: Session, actor: Actor, document_id: UUID) -> DocumentView:
    """One document as the actor may see it; raises ``NotFound``."""
    document, is_own = in_reach(session, actor, document_id)
    recipient = None if is_own else actor.acting.id
    deliveries = _deliveries(session, [document_id], recipient=recipient).get(document_id, [])
    sender = session.get_one(Agency, document.sender_agency_id)
    shown = set(DocumentView.__dataclass_fields__) & set(Document.model_fields)
    values = {name: getattr(document, name) for name in shown}
    if document.state in (DocumentState.BLOCKED, DocumentState.ERASED):
        values["withdrawn_at"] = document.was_withdrawn_at
    if document.state in _TRACES and not is_own:
        values |= _OF_PERSON
    return DocumentView(
        **values,
        replaces=_linked(session, actor, Document.id == document.replaces_id),
        replaced_by=_replaced_by(session, actor, document_id),
        sender=sender.slug,
        sender_name=sender.name,
        is_own=is_own,
        deliveries=deliveries,
    )


def view_own(session: Session, actor: Actor, document_id: UUID) -> DocumentView:
    """The same, for what the acting agency sent; ``NotFound`` for anything else."""
    document = view(session, actor, document_id)
    if not document.is_own:
        raise NotFound
    return document


def document_delivered(session: Session, actor: Actor, delivery_id: UUID) -> UUID:
    """The document of a delivery to the acting agency; raises ``NotFound``."""
    query = select(Delivery.document_id).where(
        Delivery.id == delivery_id,
        Delivery.recipient_agency_id == actor.acting.id,
        col(Delivery.delivered_at).is_not(None),
    )
    found = session.exec(query).first()
    if found is None:
        raise NotFound
    return found


def readable(session: Session, actor: Actor, document_id: UUID) -> Document:
    """The row of a document whose bytes the actor may read; raises ``NotFound`` or ``Gone``."""
    document, is_own = in_reach(session, actor, document_id)
    if document.state is DocumentState.ERASED:
        raise Gone("content_erased")
    if document.state is DocumentState.WITHDRAWN and not is_own:
        raise NotFound
    if document.state not in (DocumentState.LIVE, DocumentState.HELD, DocumentState.WITHDRAWN):
        raise NotFound
    return document


def readable_own(session: Session, actor: Actor, document_id: UUID) -> Document:
    """The same for what the acting agency sent; ``NotFound`` for anything else."""
    document, is_own = in_reach(session, actor, document_id)
    if not is_own:
        raise NotFound
    if document.state is DocumentState.ERASED:
        raise Gone("content_erased")
    return document


def mark_opened(session: Session, actor: Actor, document_id: UUID, *, now: datetime) -> None:
    """Note the first time that the recipient's agency looked at its delivery."""
    session.execute(
        sa.update(Delivery)
        .where(
            col(Delivery.document_id) == document_id,
            col(Delivery.recipient_agency_id) == actor.acting.id,
            col(Delivery.opened_at).is_(None),
        )
        # Looking is no news to the colleagues whose lists are open.
        .values(opened_at=now, change_id=col(Delivery.change_id))
    )


def timeline(document: DocumentView, delivery: DeliveryView) -> list[TimelineEvent]:
    """What happened to one delivery, oldest first, like a parcel's way."""
    forwarded_at = delivery.delivered_at if delivery.forwarded_by else None
    ended = "corrected" if document.is_corrected else "withdrawn"
    why = "" if document.blocked_at else document.end_reason
    steps = (
        ("sent", document.stored_at, document.sender_name, ""),
        ("approved", document.approved_at, document.sender_name, ""),
        ("forwarded", forwarded_at, delivery.forwarded_by_name, ""),
        ("delivered", delivery.delivered_at, delivery.recipient_name, ""),
        ("opened", delivery.opened_at, delivery.recipient_name, ""),
        ("taken_over", delivery.taken_over_at, delivery.recipient_name, ""),
        ("returned", delivery.returned_at, delivery.recipient_name, delivery.return_reason),
        (ended, document.withdrawn_at, document.sender_name, why),
        ("blocked", document.blocked_at, "", ""),
        ("acknowledged", delivery.acknowledged_at, delivery.recipient_name, ""),
        ("erased", document.erased_at, "", ""),
    )
    events = [TimelineEvent(code, at, name, reason) for code, at, name, reason in steps if at]
    return sorted(events, key=lambda event: event.at)
