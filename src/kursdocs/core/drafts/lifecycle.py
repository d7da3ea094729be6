"""How a draft comes and goes: ``pending → ready → gone``, then its row is deleted.

Each function locks the row and refuses any other starting state. ``byte_size`` of a gone row
tells whether its bytes may still lie in the store: 0 once they were removed. The row itself stays
for another day, because a slow upload may still be writing, and so that a repeated request finds
what became of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, delete, select

from kursdocs.core import audit
from kursdocs.core.access import Actor, ActorKind
from kursdocs.core.accounts import User
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import Happening
from kursdocs.core.documents.lifecycle import INTAKE_LIMIT, TOMBSTONE_AGE, Stored
from kursdocs.core.documents.tables import IdempotencyKey
from kursdocs.core.drafts import desk
from kursdocs.core.drafts.tables import Draft, DraftState
from kursdocs.core.errors import Conflict, Forbidden, Invalid
from kursdocs.core.tables import new_id

DRAFT_AGE = timedelta(hours=24)
DRAFTS_MAX = 60


@dataclass(frozen=True)
class Arrived:
    """A file as it came in: what the browser called it, and what was read from it."""

    file_name: str = ""
    upload_key: str = ""
    proposed: Mapping[str, str] | None = None


def repeated(
    session: Session, actor: Actor, *, upload_key: str, received_sha256: str, now: datetime
) -> Draft | None:
    """The draft that this upload already became, or ``None`` when there is room for a new one.

    Locks the person's row, so that two uploads of one person are judged one after the other.
    Raises ``Conflict``: ``key_reused`` when the key came with another file, ``still_running``
    while another attempt is under way; ``Invalid`` (``drafts_too_many``) when the desk is full;
    ``Forbidden`` for a program.
    """
    living = desk.owned_by(actor).where(_is_living(now))
    _lock_person(session, actor)
    if upload_key:
        known = session.exec(living.where(Draft.upload_key == upload_key)).first()
        if known is not None and known.received_sha256 != received_sha256:
            raise Conflict("key_reused")
        if known is not None and known.state is DraftState.PENDING:
            raise Conflict("still_running", retry_after_seconds=2)
        if known is not None:
            return known
    taken = session.scalar(living.with_only_columns(sa.func.count())) or 0
    if taken >= DRAFTS_MAX:
        raise Invalid("drafts_too_many", field="file", limit=DRAFTS_MAX)
    return None


def _is_living(now: datetime) -> sa.ColumnElement[bool]:
    """Ready and not expired, or on its way and not dead."""
    ready = sa.and_(col(Draft.state) == DraftState.READY, col(Draft.expires_at) > now)
    started = col(Draft.created_at) >= now - INTAKE_LIMIT
    # A row without a size to hold (see ``set_aside``) is no draft of its own.
    on_its_way = sa.and_(col(Draft.state) == DraftState.PENDING, started, col(Draft.sha256) != "")
    return sa.or_(ready, on_its_way)


def _lock_person(session: Session, actor: Actor) -> None:
    # "No key update": rows that merely refer to the person are still written meanwhile.
    query = select(User.id).where(User.id == actor.user_id).with_for_update(key_share=True)
    session.exec(query).one()


def reserve(
    session: Session, actor: Actor, arrived: Arrived, stored: Stored, *, draft_id: UUID,
    now: datetime,
) -> None:  # fmt: skip
    """Write the row before any byte, so that whatever dies from here on can be found by it.

    Raises ``Forbidden`` (``not_permitted``) for a program.
    """
    if actor.user_id is None:
        raise Forbidden("not_permitted")
    session.add(
        Draft(
            id=draft_id,
            user_id=actor.user_id,
            agency_id=actor.acting.id,
            upload_key=arrived.upload_key,
            file_name=arrived.file_name,
            proposed=dict(arrived.proposed or {}),
            object_name=stored.object_name,
            received_sha256=stored.received_sha256,
            sha256=stored.sha256,
            byte_size=stored.byte_size,
            page_count=stored.page_count,
            created_at=now,
            expires_at=now + DRAFT_AGE,
        )
    )
    session.flush()


def finish(session: Session, actor: Actor, draft_id: UUID, *, now: datetime) -> Draft:
    """Make a pending draft ready; raises ``Conflict`` (``intake_died``) when it took too long."""
    draft = locked(session, draft_id)
    is_in_time = draft is not None and draft.created_at >= now - INTAKE_LIMIT
    if draft is None or draft.state is not DraftState.PENDING or not is_in_time:
        raise Conflict("intake_died")
    draft.state = DraftState.READY
    session.add(draft)
    audit.record(
        session,
        actor,
        Happening.DRAFT_KEPT,
        now=now,
        draft=str(draft_id),
        bytes=draft.byte_size,
    )
    return draft


def set_aside(session: Session, draft: Draft, object_name: str, *, now: datetime) -> UUID:
    """Note the name of the object that shall replace this draft's, before it is written.

    The row made here is no draft: it only lets the sweeper find the object of a change that died.
    Returns its id.
    """
    spare = Draft(
        id=new_id(),
        user_id=draft.user_id,
        agency_id=draft.agency_id,
        object_name=object_name,
        byte_size=1,
        created_at=now,
        expires_at=now + DRAFT_AGE,
    )
    session.add(spare)
    session.flush()
    return spare.id


def exchange(
    session: Session, draft: Draft, spare_id: UUID, stored: Stored, *, now: datetime
) -> str:
    """Point the (locked) draft to its new object; returns the name of the one to be removed.

    What was set aside now stands for the old object, and is gone. Raises ``Conflict``
    (``intake_died``) when the sweeper has given the change up meanwhile.
    """
    spare = locked(session, spare_id)
    is_in_time = spare is not None and spare.created_at >= now - INTAKE_LIMIT
    if spare is None or spare.state is not DraftState.PENDING or not is_in_time:
        raise Conflict("intake_died")
    old_name = draft.object_name
    # Names are unique at every moment, so that the two cannot be swapped in place.
    session.delete(spare)
    session.flush()
    draft.object_name = stored.object_name
    draft.sha256 = stored.sha256
    draft.byte_size = stored.byte_size
    draft.page_count = stored.page_count
    session.add(draft)
    session.flush()
    session.add(
        Draft(
            id=spare_id,
            state=DraftState.GONE,
            user_id=draft.user_id,
            agency_id=draft.agency_id,
            object_name=old_name,
            byte_size=1,
            created_at=spare.created_at,
            expires_at=spare.expires_at,
            gone_at=now,
        )
    )
    session.flush()
    return old_name


def end(session: Session, draft: Draft, *, now: datetime) -> None:
    """Make a (locked) draft gone: nothing of the person is left in its row."""
    draft.state = DraftState.GONE
    draft.gone_at = now
    draft.typed, draft.proposed = {}, {}
    draft.file_name = draft.upload_key = draft.received_sha256 = draft.sha256 = ""
    session.add(draft)
    session.flush()


def sending_key(draft_id: UUID) -> str:
    """The idempotency key under which a draft is sent, so that it is sent once."""
    return f"draft-{draft_id}"


def sent_as(session: Session, actor: Actor, draft_id: UUID) -> UUID | None:
    """The document that this (gone) draft of the actor's became, if it was sent."""
    gone = desk.owned_by(actor).where(Draft.id == draft_id, Draft.state == DraftState.GONE)
    if session.exec(gone).first() is None:
        return None
    key = session.get(IdempotencyKey, (actor.acting.id, sending_key(draft_id)))
    return key.document_id if key else None


def log_end(session: Session, actor: Actor, draft: Draft, *, reason: str, now: datetime) -> None:
    """Leave the trace of a draft that ended without being sent."""
    audit.record(
        session,
        actor,
        Happening.DRAFT_DISCARDED,
        now=now,
        agency_id=draft.agency_id,
        draft=str(draft.id),
        reason=reason,
    )


def give_up(session: Session, draft_id: UUID, *, now: datetime) -> bool:
    """End a draft that never became ready; ``False`` when it has, or ended already."""
    draft = locked(session, draft_id)
    if draft is None or draft.state is not DraftState.PENDING:
        return False
    end(session, draft, now=now)
    return True


def expire(session: Session, draft_id: UUID, *, duty: str, now: datetime) -> bool:
    """End a draft whose day is over; ``False`` when somebody else ended it meanwhile."""
    draft = locked(session, draft_id)
    if draft is None or draft.state is not DraftState.READY or draft.expires_at > now:
        return False
    end(session, draft, now=now)
    log_end(session, _system_of(session, draft, duty), draft, reason="expired", now=now)
    return True


def _system_of(session: Session, draft: Draft, duty: str) -> Actor:
    """kursdocs itself, acting on the municipality of the draft's agency."""
    agency = session.get_one(Agency, draft.agency_id)
    return Actor(kind=ActorKind.SYSTEM, display_name=duty, municipality_id=agency.municipality_id)


def emptied(session: Session, draft_id: UUID) -> None:
    """Note that the bytes of a gone draft were removed."""
    draft = locked(session, draft_id)
    if draft is not None and draft.state is DraftState.GONE:
        draft.byte_size = 0
        session.add(draft)


def locked(session: Session, draft_id: UUID) -> Draft | None:
    """The row as it is now, locked until the transaction ends; ``None`` without one."""
    query = select(Draft).where(Draft.id == draft_id).with_for_update()
    return session.exec(query.execution_options(populate_existing=True)).first()


# -- for the sweeper -------------------------------------------------------------------------------


def dead(session: Session, *, now: datetime, limit: int) -> Sequence[UUID]:
    """Drafts that were never finished and must be dead."""
    return session.exec(
        select(Draft.id)
        .where(Draft.state == DraftState.PENDING, Draft.created_at < now - INTAKE_LIMIT)
        .order_by(col(Draft.id))
        .limit(limit)
    ).all()


def expired(session: Session, *, now: datetime, limit: int) -> Sequence[UUID]:
    """Drafts whose day is over."""
    return session.exec(
        select(Draft.id)
        .where(Draft.state == DraftState.READY, Draft.expires_at <= now)
        .order_by(col(Draft.id))
        .limit(limit)
    ).all()


def unemptied(session: Session, *, after: UUID | None, limit: int) -> Sequence[tuple[UUID, str]]:
    """Id and object name of gone drafts whose bytes may still lie in the store."""
    query = select(Draft.id, Draft.object_name).where(
        Draft.state == DraftState.GONE, Draft.byte_size > 0
    )
    if after is not None:
        query = query.where(col(Draft.id) > after)
    return session.exec(query.order_by(col(Draft.id)).limit(limit)).all()


def tombstones(session: Session, *, now: datetime, limit: int) -> Sequence[tuple[UUID, str]]:
    """Id and object name of what is gone for so long that nothing can be writing any more."""
    return session.exec(
        select(Draft.id, Draft.object_name)
        .where(Draft.state == DraftState.GONE, col(Draft.gone_at) < now - TOMBSTONE_AGE)
        .order_by(col(Draft.id))
        .limit(limit)
    ).all()


def bury(session: Session, draft_id: UUID) -> None:
    """Delete the row: nothing of it can be left anywhere."""
    session.exec(
        delete(Draft).where(col(Draft.id) == draft_id, col(Draft.state) == DraftState.GONE)
    )


def known_ids(session: Session, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the ids that have a row: their keys may be needed."""
    return set(session.exec(select(Draft.id).where(col(Draft.id).in_(list(ids)))))


# -- for whoever copies or restores everything -----------------------------------------------------


def ready_contents(session: Session) -> Sequence[tuple[UUID, str]]:
    """Id and object name of every draft whose bytes are needed."""
    query = select(Draft.id, Draft.object_name).where(Draft.state == DraftState.READY)
    return session.exec(query.order_by(col(Draft.id))).all()


def is_ready(session: Session, draft_id: UUID, *, object_name: str = "") -> bool:
    """Whether the draft needs its bytes and its key now; those of that object, if it is named."""
    draft = session.get(Draft, draft_id)
    if draft is None or draft.state is not DraftState.READY:
        return False
    return object_name in ("", draft.object_name)


def end_lost(session: Session, draft_id: UUID, *, duty: str, reason: str, now: datetime) -> None:
    """End a draft whose bytes or key a restored copy does not have."""
    draft = locked(session, draft_id)
    if draft is not None and draft.state is DraftState.READY:
        end(session, draft, now=now)
        log_end(session, _system_of(session, draft, duty), draft, reason=reason, now=now)
