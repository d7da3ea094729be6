"""What lies in the object store because of documents, for whoever copies or restores all of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session, col, select

from kursdocs.core.documents.retention import WITH_CONTENT
from kursdocs.core.documents.tables import Document

_PAGE = 5_000


@dataclass(frozen=True)
class Content:
    """The bytes of one document (or draft): whose they are, their object's name, size and hash.

    ``plain_bytes`` is their size before sealing, ``sha256`` that of the sealed bytes; 0 and empty
    where no row says it.
    """

    owner_id: UUID
    object_name: str
    plain_bytes: int = 0
    sha256: str = ""


def kept(session: Session) -> Iterator[Content]:
    """All contents that a document needs, in order of their documents."""
    columns = select(Document.id, Document.object_name, Document.byte_size, Document.stored_sha256)
    query = columns.where(col(Document.state).in_(WITH_CONTENT)).order_by(col(Document.id))
    after: UUID | None = None
    while True:
        page = query if after is None else query.where(col(Document.id) > after)
        rows = session.exec(page.limit(_PAGE)).all()
        yield from (Content(*row) for row in rows)
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]


def is_kept(session: Session, document_id: UUID) -> bool:
    """Whether the document needs its content and its key now."""
    document = session.get(Document, document_id)
    return document is not None and document.state in WITH_CONTENT
