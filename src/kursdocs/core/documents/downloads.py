"""What a downloaded paper is called, after the pattern of the agency that downloads it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlmodel import Session, select

from kursdocs.catalogue import Catalogue
from kursdocs.core import agencies
from kursdocs.core.access import Actor
from kursdocs.core.agencies import file_names
from kursdocs.core.documents.tables import Delivery, Document
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
    numbers = (str(document.fields[name]) for name in _NUMBERS if name in document.fields)
    values = {
        **_common(agency.file_name_pattern, catalogue, document.kind, document.id),
        "eingang": local_date(received_at).isoformat(),
        "absender": sender.name,
        "name": document.family_name,
        "vorname": document.given_names,
        "geburtsdatum": document.birth_date.isoformat() if document.birth_date else "",
        "nummer": next(numbers, ""),
    }
    return file_names.file_name(agency.file_name_pattern, values)


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
