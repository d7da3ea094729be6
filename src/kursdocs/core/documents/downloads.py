"""What a downloaded paper is called, after the pattern of the agency that downloads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlmodel import Session, col, select

from kursdocs.catalogue import Catalogue
from kursdocs.core import agencies
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency, file_names
from kursdocs.core.documents.tables import Delivery, Document, DocumentState
from kursdocs.core.errors import Gone, NotFound
from kursdocs.core.workdays import local_date

# By which of its numbers a case system knows a person; the first that stands on the paper.
_NUMBERS = ("bamf_person_no", "customer_no")
_KEY_LENGTH = 12


class _Copied(Protocol):
    """What a list knows of a paper that was delivered."""

    @property
    def document_id(self) -> UUID: ...
    @property
    def kind(self) -> str: ...
    @property
    def sender_name(self) -> str: ...
    @property
    def delivered_at(self) -> datetime: ...


def name_of(session: Session, actor: Actor, document: Document, catalogue: Catalogue) -> str:
    """The file name for the acting agency; without a pattern nothing tells of the person."""
    agency = agencies.get(session, actor.acting.id)
    query = select(Delivery.delivered_at).where(
        Delivery.document_id == document.id, Delivery.recipient_agency_id == agency.id
    )
    received_at = session.exec(query).first() or document.stored_at or document.created_at
    sender = agencies.get(session, document.sender_agency_id)
    return _name(agency.file_name_pattern, catalogue, document, sender.name, received_at)


def _name(
    pattern: str, catalogue: Catalogue, document: Document, sender_name: str, received_at: datetime
) -> str:
    numbers = (str(document.fields[name]) for name in _NUMBERS if name in document.fields)
    values = {
        **_common(pattern, catalogue, document.kind, document.id),
        "eingang": local_date(received_at).isoformat(),
        "absender": sender_name,
        "name": document.family_name,
        "vorname": document.given_names,
        "geburtsdatum": document.birth_date.isoformat() if document.birth_date else "",
        "nummer": next(numbers, ""),
    }
    return file_names.file_name(pattern, values)


@dataclass(frozen=True)
class Received:
    """One paper that the acting agency received, and what it is called there."""

    document: Document
    name: str
    sender_name: str
    received_at: datetime


def received(
    session: Session, actor: Actor, delivery_ids: Sequence[UUID], catalogue: Catalogue
) -> Sequence[Received]:
    """The papers of these deliveries, in their order, as one reads them; none of them is opened.

    Raises ``NotFound`` when one is not addressed to the acting agency, or not on its way any more;
    ``Gone`` when one was erased.
    """
    agency = agencies.get(session, actor.acting.id)
    query = (
        select(Delivery, Document, Agency.name)
        .join(Document, col(Document.id) == Delivery.document_id)
        .join(Agency, col(Agency.id) == Delivery.sender_agency_id)
        .where(
            col(Delivery.id).in_(list(delivery_ids)),
            col(Delivery.recipient_agency_id) == agency.id,
            col(Document.state).in_([DocumentState.LIVE, DocumentState.ERASED]),
        )
    )
    found = dict[UUID, Received]()
    for delivery, document, sender_name in session.exec(query):
        at = delivery.delivered_at
        if at is None:
            raise NotFound
        name = _name(agency.file_name_pattern, catalogue, document, sender_name, at)
        found[delivery.id] = Received(document, name, sender_name, at)
    if not found.keys() >= set(delivery_ids):
        raise NotFound
    if any(one.document.state is DocumentState.ERASED for one in found.values()):
        raise Gone("content_erased")
    return [found[one] for one in delivery_ids]


def name_of_copy(pattern: str, catalogue: Catalogue, copied: _Copied) -> str:
    """The same for a paper that no longer names the person: by it a copy is found and deleted."""
    values = {
        **file_names.PLACEHOLDERS,
        **_common(pattern, catalogue, copied.kind, copied.document_id),
        "eingang": local_date(copied.delivered_at).isoformat(),
        "absender": copied.sender_name,
    }
    return file_names.file_name(pattern, file_names.without_person(values))


def _common(pattern: str, catalogue: Catalogue, code: str, document_id: UUID) -> Mapping[str, str]:
    """Kind and key. In the name without a pattern the kind stands as programs know it."""
    kind = catalogue.kind(code)
    name = kind.name.get("de") if kind and pattern else code
    return {"art": name, file_names.KEY: str(document_id)[-_KEY_LENGTH:]}
