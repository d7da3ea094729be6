"""Correcting a paper that is out, sending one again, and taking note that one has ended.

A corrected paper is a document of its own that names what it replaces; ``lifecycle`` withdraws the
old one in the transaction in which the new one goes out. Entry points: :func:`correction` and
:func:`again` (what was typed, for the form), :func:`check_correction`, :func:`check_again`,
:func:`acknowledge`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from sqlmodel import Session, col, select

from kursdocs.catalogue import Catalogue, Need
from kursdocs.core import accounts, audit
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import Happening
from kursdocs.core.documents import lifecycle, sending
from kursdocs.core.documents.sending import Sending, SendingForm
from kursdocs.core.documents.tables import (
    Delivery,
    DeliveryState,
    Document,
    DocumentState,
    IdempotencyKey,
)
from kursdocs.core.errors import Conflict, Invalid, InvalidForm, NotFound

_AGAIN = (DocumentState.LIVE, DocumentState.WITHDRAWN, DocumentState.BLOCKED)
"""What can be sent again: what came back from somebody, and what ended without being replaced."""

_WITH_FILE = (DocumentState.LIVE, DocumentState.WITHDRAWN)


@dataclass(frozen=True)
class Before:
    """A document that was sent, as the form for the next one needs it."""

    document: Document
    form: SendingForm

    @property
    def keeps_file(self) -> bool:
        """Whether its file may be used again; what the scanner blocked may not."""
        return self.document.state in _WITH_FILE


def correction(session: Session, actor: Actor, document_id: UUID) -> Before:
    """What was typed for a document that is to be corrected; raises as ``correctable`` does."""
    document = lifecycle.correctable(session, actor, document_id)
    return Before(document, _typed(session, document, _addressed(session, document_id)))


def again(session: Session, actor: Actor, document_id: UUID) -> Before:
    """What was typed for a document that is to be sent again, to those who do not have it.

    Raises ``NotFound`` for anything but the actor's agency's own document, ``Conflict``
    (``not_sendable_again``) when it neither came back nor ended, or a corrected one is out.
    """
    document = lifecycle.locked(session, document_id)
    if document is None or document.sender_agency_id != actor.acting.id:
        raise NotFound
    if document.state in (DocumentState.PENDING, DocumentState.ABANDONED):
        raise NotFound
    deliveries = _addressed(session, document_id)
    if document.state is DocumentState.LIVE:
        deliveries = [one for one in deliveries if one.state is DeliveryState.RETURNED]
    is_over = document.state not in _AGAIN or _is_replaced(session, document_id)
    if is_over or not deliveries:
        raise Conflict("not_sendable_again", state=document.state.value)
    return Before(document, _typed(session, document, deliveries))


def _is_replaced(session: Session, document_id: UUID) -> bool:
    """Whether a corrected version is out: then what was wrong must not go out once more."""
    query = select(Document.id).where(
        Document.replaces_id == document_id, Document.state == DocumentState.LIVE
    )
    return session.exec(query).first() is not None


def _addressed(session: Session, document_id: UUID) -> list[Delivery]:
    """The deliveries that the sender addressed itself."""
    deliveries = lifecycle.deliveries_of(session, document_id)
    return [one for one in deliveries if one.forwarded_by_agency_id is None]


def _typed(session: Session, document: Document, deliveries: Sequence[Delivery]) -> SendingForm:
    """The form as if it had just been filled in with what the document says."""
    slugs = _slugs(session, deliveries)
    bodies = (Need.OBLIGING_BODY.value, Need.ISSUING_BODY.value)
    return SendingForm(
        kind=document.kind,
        recipients=[slugs[one.recipient_agency_id] for one in deliveries],
        family_name=document.family_name,
        given_names=document.given_names,
        birth_date=_day(document.birth_date),
        original_at=document.original_at,
        release_given_on=_day(document.release_given_on),
        release_form=document.release_form.value if document.release_form else "",
        obliging_bodies=[
            slugs[one.recipient_agency_id] for one in deliveries if one.need in bodies
        ],
        fields={name: str(value) for name, value in document.fields.items()},
    )


def _slugs(session: Session, deliveries: Sequence[Delivery]) -> dict[UUID, str]:
    ids = [one.recipient_agency_id for one in deliveries]
    rows = session.exec(select(Agency.id, Agency.slug).where(col(Agency.id).in_(ids)))
    return dict(rows.all())


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


def check_correction(
    session: Session,
    actor: Actor,
    catalogue: Catalogue,
    document_id: UUID,
    form: SendingForm,
    *,
    reason: str,
    key: str,
    today: date,
) -> Sending:
    """Check a corrected document before its file is received; raises ``InvalidForm``.

    The kind stays: another kind is another paper. ``key`` is the idempotency key, or empty: what
    the first attempt replaced cannot be corrected again, but its repetition must be recognised.
    """
    if not _repeats(session, actor, document_id, key):
        lifecycle.correctable(session, actor, document_id)
    mistakes = []
    if catalogue.correction_reason(reason) is None:
        mistakes.append(Invalid("reason_unknown", field="reason"))
    try:
        checked = check_again(session, actor, catalogue, document_id, form, today=today)
    except InvalidForm as error:
        raise InvalidForm([*mistakes, *error.mistakes]) from None
    if mistakes:
        raise InvalidForm(mistakes)
    return replace(checked, replaces_id=document_id, correction_reason=reason)


def _repeats(session: Session, actor: Actor, document_id: UUID, key: str) -> bool:
    """Whether a correction of this document came with that key before."""
    query = (
        select(IdempotencyKey.document_id)
        .join(Document, col(Document.id) == IdempotencyKey.document_id)
        .where(
            IdempotencyKey.agency_id == actor.acting.id,
            IdempotencyKey.key == key,
            Document.replaces_id == document_id,
        )
    )
    # Whether the key is a key at all is judged later; PostgreSQL fails on a NUL.
    return bool(key) and key.isprintable() and session.exec(query).first() is not None


def check_again(
    session: Session,
    actor: Actor,
    catalogue: Catalogue,
    document_id: UUID,
    form: SendingForm,
    *,
    today: date,
) -> Sending:
    """Check a paper that is sent anew, of the kind it had; raises ``InvalidForm``, ``NotFound``.

    Who requested the first one still counts as having asked for it.
    """
    document = session.get(Document, document_id)
    if document is None or document.sender_agency_id != actor.acting.id:
        raise NotFound
    deliveries = _addressed(session, document_id)
    slugs = _slugs(session, deliveries)
    requested = [
        slugs[one.recipient_agency_id] for one in deliveries if one.need == Need.PRIOR_REQUEST
    ]
    typed = replace(form, kind=document.kind)
    return sending.check(session, actor, catalogue, typed, today=today, requested=requested)


def acknowledge(session: Session, actor: Actor, delivery_id: UUID, *, now: datetime) -> UUID:
    """Note that the recipient's agency knows that the paper ended; returns the document's id.

    Once for the whole agency. Raises ``NotFound`` when it is not addressed to the acting agency or
    never reached it, ``Conflict`` (``already_acknowledged`` with when and who,
    ``nothing_to_acknowledge``).
    """
    known = session.exec(select(Delivery.document_id).where(Delivery.id == delivery_id)).first()
    if known is None or lifecycle.locked(session, known) is None:
        raise NotFound
    query = select(Delivery).where(Delivery.id == delivery_id).with_for_update()
    delivery = session.exec(query.execution_options(populate_existing=True)).one()
    if delivery.recipient_agency_id != actor.acting.id or delivery.delivered_at is None:
        raise NotFound
    if delivery.acknowledged_at is not None:
        by = accounts.names_of(session, [delivery.acknowledged_by_user_id])
        raise Conflict(
            "already_acknowledged",
            at=lifecycle.utc(delivery.acknowledged_at),
            by=next(iter(by.values()), ""),
        )
    if delivery.acknowledge_since is None:
        raise Conflict("nothing_to_acknowledge")
    delivery.acknowledged_at = now
    delivery.acknowledged_by_user_id = actor.user_id
    session.add(delivery)
    audit.record(
        session,
        actor,
        Happening.DELIVERY_ACKNOWLEDGED,
        now=now,
        document_id=delivery.document_id,
        delivery_id=delivery_id,
    )
    return delivery.document_id
