"""Handing out the bytes of a document: the log entry is committed before the first byte.

Reading is an event (rule 7): every preview and download is in the audit log, and the first one by
a recipient marks its delivery as opened.
"""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from kursdocs.core import audit
from kursdocs.core.access import Actor
from kursdocs.core.audit import Happening
from kursdocs.core.documents import downloads, reading
from kursdocs.core.documents.tables import Document
from kursdocs.core.errors import NotFound, Unavailable
from kursdocs.core.ports import KeyMissing, ObjectMissing, Tampered
from kursdocs.operations.sealing import unseal
from kursdocs.services import Services


class DocumentDamaged(Unavailable):
    """Key, object or hash do not fit: nothing is handed out, and the operator must look."""

    def __init__(self) -> None:
        super().__init__("document_damaged")


@dataclass(frozen=True)
class Handout:
    """The stored PDF, exactly as its receipt says, and what it is called at the acting agency."""

    name: str
    pdf: bytes


def download(services: Services, actor: Actor, document_id: UUID) -> Handout:
    """The stored bytes; raises ``NotFound``, ``Gone``, ``Unavailable``."""
    with services.transaction() as session:
        document = reading.readable(session, actor, document_id)
        now = services.clock()
        name = downloads.name_of(session, actor, document, services.catalogue)
        reading.mark_opened(session, actor, document_id, now=now)
        audit.record(
            session, actor, Happening.DOCUMENT_DOWNLOADED, now=now, document_id=document_id
        )
    return Handout(name, opened(services, actor, document))


def page_image(
    services: Services, actor: Actor, document_id: UUID, *, page: int, width: int
) -> bytes:
    """One page as PNG; raises as :func:`download` does, ``NotFound`` for a page there is not."""
    with services.transaction() as session:
        document = reading.readable(session, actor, document_id)
        if not 1 <= page <= document.page_count:
            raise NotFound
        now = services.clock()
        reading.mark_opened(session, actor, document_id, now=now)
        audit.record(
            session,
            actor,
            Happening.DOCUMENT_PREVIEWED,
            now=now,
            document_id=document_id,
            page=page,
        )
    return services.papers.page_image(opened(services, actor, document), page, width)


def opened(services: Services, actor: Actor, document: Document) -> bytes:
    """The whole content, so that who has it reads it to its end, whatever happens meanwhile.

    Raises ``DocumentDamaged``, ``Unavailable``, ``Gone`` when it was erased since it was found.
    """
    try:
        return open_stored(services, document)
    except DocumentDamaged:
        # It may have been erased since the row was read: that is no damage, and says so.
        with services.transaction() as session:
            reading.readable(session, actor, document.id)
        raise


def open_stored(services: Services, document: Document) -> bytes:
    """Fetch, decrypt and compare; raises ``DocumentDamaged`` or ``Unavailable``."""
    try:
        key = services.keys.get(document.id)
        pdf = unseal(key, document.id, services.store.get(document.object_name))
    except (KeyMissing, ObjectMissing, Tampered) as error:
        raise DocumentDamaged from error
    if hashlib.sha256(pdf).hexdigest() != document.sha256:
        raise DocumentDamaged
    return pdf


def open_one_of_many(services: Services, document: Document) -> bytes:
    """The same; one that stores which do answer never hand out is damaged, too.

    So it stops nobody else. It is asked for twice, because a store may have been away for that
    moment alone. Raises ``DocumentDamaged``, ``Unavailable`` when a store is down.
    """
    try:
        return open_stored(services, document)
    except DocumentDamaged:
        raise
    except Unavailable:
        services.store.check()
        services.keys.check()
    try:
        return open_stored(services, document)
    except DocumentDamaged:
        raise
    except Unavailable as error:
        raise DocumentDamaged from error
