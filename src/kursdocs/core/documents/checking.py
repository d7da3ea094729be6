"""What documents say of stores and log, for those who check whether it is true.

Rows are read in pages, as columns. Nothing here changes anything, but :func:`index_again`.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from kursdocs.core.audit import AuditEvent, AuditLeaf, Happening
from kursdocs.core.checks import Claim, Phase
from kursdocs.core.documents import lifecycle, names
from kursdocs.core.documents.lifecycle import INTAKE_LIMIT, TOMBSTONE_AGE
from kursdocs.core.documents.tables import Delivery, Document, DocumentState, SearchToken

_COLUMNS = (
    col(Document.id),
    col(Document.state),
    col(Document.object_name),
    col(Document.byte_size),
    col(Document.sha256),
    col(Document.stored_sha256),
    col(Document.created_at),
    col(Document.erased_at),
    col(Document.swept_at),
)
_PHASES: Mapping[DocumentState, Phase] = {
    DocumentState.PENDING: Phase.BEGUN,
    DocumentState.ABANDONED: Phase.OVER,
    DocumentState.ERASED: Phase.OVER,
}

# ── Rows against stores ──────────────────────────────────────────────────────────────────────


def claims(
    session: Session, *, after: UUID | None, until: UUID | None, limit: int
) -> Sequence[Claim]:
    """What documents say, by id from ``after`` (not again) to ``until`` (too)."""
    query = sa.select(*_COLUMNS)
    if after is not None:
        query = query.where(col(Document.id) > after)
    if until is not None:
        query = query.where(col(Document.id) <= until)
    rows = session.execute(query.order_by(col(Document.id)).limit(limit))
    return [_claim(row) for row in rows]


def claim_of(session: Session, document_id: UUID) -> Claim | None:
    """What one document says now."""
    row = session.execute(sa.select(*_COLUMNS).where(col(Document.id) == document_id)).first()
    return _claim(row) if row else None


def _claim(row: sa.Row[Any]) -> Claim:
    ends = {
        DocumentState.PENDING: row.created_at + INTAKE_LIMIT,
        DocumentState.ABANDONED: row.created_at + TOMBSTONE_AGE,
        DocumentState.ERASED: row.erased_at or row.created_at,
    }
    return Claim(
        row.id,
        _PHASES.get(row.state, Phase.KEPT),
        row.object_name,
        row.byte_size,
        row.sha256,
        row.stored_sha256,
        due=ends.get(row.state),
        swept_at=row.swept_at,
    )


def named(session: Session, object_names: Collection[str]) -> set[str]:
    """Those of the objects that a row names."""
    query = select(Document.object_name).where(col(Document.object_name).in_(list(object_names)))
    return set(session.exec(query))


def is_unscanned(session: Session, document_id: UUID) -> bool:
    """Whether the document (still) waits for the scanner's verdict."""
    query = select(Document.id).where(
        Document.id == document_id,
        Document.state == DocumentState.HELD,
        col(Document.scanned_at).is_(None),
    )
    return session.exec(query).first() is not None


# ── Rows against the log ─────────────────────────────────────────────────────────────────────

_BEGINNINGS = (Happening.DOCUMENT_SENT, Happening.DOCUMENT_HELD)
_STATE_TOLD: Mapping[DocumentState, Collection[Happening]] = {
    DocumentState.HELD: (Happening.DOCUMENT_HELD,),
    DocumentState.LIVE: (
        Happening.DOCUMENT_SENT,
        Happening.DOCUMENT_RELEASED,
        Happening.DOCUMENT_APPROVED,
    ),
    DocumentState.WITHDRAWN: (Happening.DOCUMENT_WITHDRAWN, Happening.DOCUMENT_DECLINED),
    DocumentState.BLOCKED: (Happening.DOCUMENT_BLOCKED,),
    DocumentState.ERASED: (Happening.DOCUMENT_ERASED,),
}
_TELLING = {*_BEGINNINGS, Happening.DOCUMENT_ABANDONED}.union(*_STATE_TOLD.values())
# Clocks of several machines differ: a row of the log may be a little younger than its document.
_MARGIN = timedelta(days=1)
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)


def complete_since(session: Session) -> datetime | None:
    """From when on the log tells of every document; ``None``: of all, it was never shortened."""
    last_gone = session.scalar(sa.select(sa.func.max(col(AuditLeaf.seq))))
    if last_gone is None:
        return None
    kept = sa.select(col(AuditEvent.at)).where(col(AuditEvent.seq) > last_gone)
    first = session.scalar(kept.order_by(col(AuditEvent.seq)).limit(1))
    return first + _MARGIN if first else _NEVER


def untold(
    session: Session, *, after: UUID | None, limit: int, since: datetime | None
) -> tuple[Sequence[UUID], UUID | None]:
    """Documents of whose beginning or state the log tells nothing, or more than once.

    One page, from ``after`` on, and where to go on (``None``: that was the last). Documents made
    before ``since`` are passed over.
    """
    query = sa.select(col(Document.id), col(Document.state), col(Document.created_at))
    if after is not None:
        query = query.where(col(Document.id) > after)
    rows = session.execute(query.order_by(col(Document.id)).limit(limit)).all()
    asked = [(row[0], row[1]) for row in rows if since is None or row[2] >= since]
    told = _told(session, [document_id for document_id, _ in asked])
    found = [one for one, state in asked if not _is_told(state, told[one])]
    return found, rows[-1][0] if len(rows) == limit else None


def is_untold(session: Session, document_id: UUID) -> bool:
    """The same of one document, as it and the log are now."""
    query = sa.select(col(Document.state), col(Document.created_at))
    row = session.execute(query.where(col(Document.id) == document_id)).first()
    if row is None or _is_told(row[0], _told(session, [document_id])[document_id]):
        return False
    # Last: what was missed above because it just went by rule has left its trace here.
    since = complete_since(session)
    return since is None or row[1] >= since


def _told(session: Session, ids: Sequence[UUID]) -> Mapping[UUID, Counter[Happening]]:
    told: dict[UUID, Counter[Happening]] = defaultdict(Counter)
    query = sa.select(col(AuditEvent.document_id), col(AuditEvent.happening)).where(
        col(AuditEvent.document_id).in_(list(ids)), col(AuditEvent.happening).in_(_TELLING)
    )
    for document_id, happening in session.execute(query):
        told[document_id][happening] += 1
    return told


def _is_told(state: DocumentState, told: Counter[Happening]) -> bool:
    begun = sum(told[one] for one in _BEGINNINGS)
    if state is DocumentState.PENDING:
        return True  # What it has become meanwhile is told with its state, in one transaction.
    if state is DocumentState.ABANDONED:
        return told[Happening.DOCUMENT_ABANDONED] == 1 and begun == 0
    return begun == 1 and any(told[one] for one in _STATE_TOLD[state])


def told_of(session: Session, *, after: int, limit: int) -> tuple[Mapping[UUID, int], int | None]:
    """Documents whose beginning or end stands in the next rows of the log: where it stands.

    ``after`` and the second answer are numbers of rows; ``None``: that was the end of the log.
    """
    # As plain text: what somebody wrote past us must not stop the reading.
    happening = sa.type_coerce(col(AuditEvent.happening), sa.String)
    page = sa.select(col(AuditEvent.seq), happening, col(AuditEvent.document_id))
    page = page.where(col(AuditEvent.seq) > after).order_by(col(AuditEvent.seq)).limit(limit)
    rows = session.execute(page).all()
    found = {row[2]: row[0] for row in rows if row[1] in _TELLING and row[2] is not None}
    return found, rows[-1][0] if len(rows) == limit else None


def known(session: Session, ids: Collection[UUID]) -> set[UUID]:
    """Those of the documents that have a row."""
    return lifecycle.known_ids(session, list(ids))


# ── Deliveries that nobody finds ─────────────────────────────────────────────────────────────


def unfindable(
    session: Session, *, after: UUID | None, limit: int
) -> tuple[Sequence[UUID], UUID | None]:
    """Delivered papers that no search of their recipient finds; one page, and where to go on."""
    known = sa.exists().where(col(SearchToken.delivery_id) == col(Delivery.id))
    query = (
        sa.select(
            col(Delivery.id),
            col(Document.family_name),
            col(Document.given_names),
            col(Document.fields),
        )
        .join(Document, col(Delivery.document_id) == col(Document.id))
        .where(col(Document.state) == DocumentState.LIVE, sa.not_(known))
    )
    if after is not None:
        query = query.where(col(Delivery.id) > after)
    rows = session.execute(query.order_by(col(Delivery.id)).limit(limit)).all()
    found = [row[0] for row in rows if names.index_tokens(_texts(row[1], row[2], row[3]))]
    return found, rows[-1][0] if len(rows) == limit else None


def _texts(family_name: str, given_names: str, fields: Mapping[str, Any]) -> list[str]:
    return [family_name, given_names, *fields.values()]


def index_again(session: Session, delivery_id: UUID) -> bool:
    """Make a delivered paper findable that was not; ``False`` when there is nothing to do."""
    delivery = session.get(Delivery, delivery_id)
    document = lifecycle.locked(session, delivery.document_id) if delivery else None
    if delivery is None or document is None or document.state is not DocumentState.LIVE:
        return False
    known = sa.select(sa.exists().where(col(SearchToken.delivery_id) == delivery_id))
    if session.scalar(known):
        return False
    lifecycle.index(session, document, delivery)
    return True
