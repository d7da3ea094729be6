"""Many documents as one ZIP, made while it is sent: it is whole, or everybody notices.

Its length is known before the first byte, so that a connection which breaks leaves no file that
looks whole. All documents are read and compared with their hashes once before that, so that a
damaged one is refused instead of breaking a download; then each is read again when its turn comes.
Only one document is in memory at a time, and nothing lies on a disk. Each one's row in the log is
committed before its own first byte.

Beside the documents stand ``manifest.csv`` (for people and case systems; semicolons and a byte
order mark, as spreadsheets of this country read it) and ``SHA256SUMS`` (for ``sha256sum -c``).
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from zipstream import ZipStream

from kursdocs.core import audit
from kursdocs.core.access import Actor
from kursdocs.core.audit import Happening
from kursdocs.core.documents import downloads, reading
from kursdocs.core.documents.downloads import Received
from kursdocs.core.documents.tables import Document
from kursdocs.core.errors import Invalid, KursdocsError
from kursdocs.core.workdays import LOCAL
from kursdocs.operations import handout
from kursdocs.operations.handout import DocumentDamaged
from kursdocs.operations.settling import chosen_once
from kursdocs.services import Services

BYTES_MAX = 1024 * 1024 * 1024
MANIFEST, SUMS = "manifest.csv", "SHA256SUMS"

_CHUNK = 256 * 1024
_COLUMNS = ("name", "document", "kind", "sender", "received", "sha256", "bytes")
# A cell that begins so would be run as a formula by a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

_log = structlog.get_logger()


@dataclass(frozen=True)
class Bundle:
    """A ZIP of exactly ``length`` bytes. Whatever stops ``chunks`` before must break the line."""

    name: str
    length: int
    chunks: Iterator[bytes]


def bundle(services: Services, actor: Actor, delivery_ids: Sequence[UUID]) -> Bundle:
    """The documents of these deliveries to the acting agency; ``chunks`` reads and logs them.

    Raises ``Invalid`` (``deliveries_missing``, ``deliveries_too_many``, ``bundle_too_large``),
    ``NotFound`` when one of them is not for the acting agency, ``Gone``, ``Unavailable``
    (``document_damaged``). Taking ``chunks`` raises these too when something changed meanwhile.
    """
    chosen = chosen_once(delivery_ids)
    with services.transaction() as session:
        papers = downloads.received(session, actor, chosen, services.catalogue)
    if sum(paper.document.byte_size for paper in papers) > BYTES_MAX:
        limit_mib = BYTES_MAX // (1024 * 1024)
        raise Invalid("bundle_too_large", field="deliveries", limit_mib=limit_mib)
    for paper in papers:
        _whole(services, actor, paper.document)
    archive = ZipStream(sized=True)
    archive.add(_manifest(papers), MANIFEST)
    archive.add(_sums(papers), SUMS)
    for paper in papers:
        archive.add(
            _pieces(services, actor, paper.document), paper.name, size=paper.document.byte_size
        )
    name = f"kursdocs-{services.clock().astimezone(LOCAL):%Y-%m-%d-%H%M}.zip"
    return Bundle(name, len(archive), _told(archive))


def _whole(services: Services, actor: Actor, document: Document) -> bytes:
    """Its content, compared with what its row says; the operator is told of a damaged one."""
    try:
        pdf = handout.opened(services, actor, document)
        if len(pdf) != document.byte_size:
            raise DocumentDamaged
    except DocumentDamaged:
        _log.error("bundle.document_damaged", document=str(document.id))
        raise
    return pdf


def _pieces(services: Services, actor: Actor, document: Document) -> Iterator[bytes]:
    """The content of one document; begins with its row in the log."""
    with services.transaction() as session:
        # It may have been withdrawn since the bundle was put together.
        reading.readable(session, actor, document.id)
        now = services.clock()
        reading.mark_opened(session, actor, document.id, now=now)
        audit.record(
            session, actor, Happening.DOCUMENT_DOWNLOADED, now=now, document_id=document.id
        )
    view = memoryview(_whole(services, actor, document))
    for start in range(0, len(view), _CHUNK):
        yield bytes(view[start : start + _CHUNK])


def _told(archive: Any) -> Iterator[bytes]:
    """The archive's bytes; what stops them is in the log, because no answer can tell of it."""
    try:
        yield from archive
    except KursdocsError as error:
        _log.error("bundle.broke_off", code=error.code)
        raise


def _manifest(papers: Sequence[Received]) -> bytes:
    table = io.StringIO()
    writer = csv.writer(table, delimiter=";", lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for paper in papers:
        document = paper.document
        writer.writerow(
            _cell(value)
            for value in (
                paper.name,
                str(document.id),
                document.kind,
                paper.sender_name,
                paper.received_at.astimezone(LOCAL).isoformat(timespec="seconds"),
                document.sha256,
                str(document.byte_size),
            )
        )
    return table.getvalue().encode("utf-8-sig")


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _sums(papers: Sequence[Received]) -> bytes:
    return "".join(f"{p.document.sha256}  {p.name}\n" for p in papers).encode()
