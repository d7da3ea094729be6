"""Reading the ledger for pages: how many were reminded, of what, and what came of it.

Counts by mail and agency, never single papers: a coordinator's without kinds (rule 9). Entry
points: :func:`page` and :func:`whole` for lists, :func:`reminded` for one paper or request.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from kursdocs.catalogue import Addressee
from kursdocs.core.access import Actor, Permission
from kursdocs.core.agencies import Agency
from kursdocs.core.reminders.tables import Clock, Outcome, Reminder, is_announcement
from kursdocs.core.workdays import local_date

ENTRIES_MAX = 20_000
"""So many lines a whole ledger has at most; pages show it mail by mail."""


@dataclass(frozen=True)
class Wanted:
    """Which part of the ledger; what is ``None`` or empty narrows nothing."""

    since: datetime
    agency: str = ""
    clock: Clock | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True)
class Entry:
    """What one mail told one addressee of one agency about one clock, and what came of it.

    ``kind`` is empty for whoever reads the ledger of a municipality. ``minutes`` are working
    minutes of the agency from the mail to what was done, on average; ``None`` where nothing was.
    """

    day: date
    mail_id: UUID
    agency_name: str
    addressee: Addressee
    clock: Clock
    kind: str
    step: int
    outcome: Outcome
    count: int
    minutes: int | None


@dataclass(frozen=True)
class LedgerPage:
    """Some mails, the newest first; ``following`` is the last of them when there are more."""

    entries: Sequence[Entry]
    following: UUID | None


def page(
    session: Session, actor: Actor, wanted: Wanted, *, after: UUID | None = None, mails: int
) -> LedgerPage:
    """The mails behind ``after``, at most so many: those of the municipality or of the agency.

    An ``after`` that the actor cannot see begins from the start.
    """
    listed = sa.select(col(Reminder.mail_id), col(Reminder.sent_at))
    listed = listed.join(Agency, col(Agency.id) == Reminder.agency_id)
    listed = listed.where(*_wanted(actor, wanted)).distinct()
    if after is not None and (last := _sent_at(session, actor, after)):
        earlier = col(Reminder.sent_at) < last
        same = sa.and_(col(Reminder.sent_at) == last, col(Reminder.mail_id) < after)
        listed = listed.where(sa.or_(earlier, same))
    listed = listed.order_by(col(Reminder.sent_at).desc(), col(Reminder.mail_id).desc())
    found = [row.mail_id for row in session.execute(listed.limit(mails + 1))]
    shown = found[:mails]
    query = _entries(actor, wanted).where(col(Reminder.mail_id).in_(shown))
    entries = list(_read(session, query)) if shown else []
    return LedgerPage(entries, shown[-1] if len(found) > mails else None)


def whole(session: Session, actor: Actor, wanted: Wanted) -> Iterator[Entry]:
    """All of it, the newest first, :data:`ENTRIES_MAX` at most."""
    return _read(session, _entries(actor, wanted).limit(ENTRIES_MAX))


def _sent_at(session: Session, actor: Actor, mail_id: UUID) -> datetime | None:
    query = sa.select(sa.func.max(col(Reminder.sent_at)))
    query = query.join(Agency, col(Agency.id) == Reminder.agency_id)
    return session.scalar(query.where(col(Reminder.mail_id) == mail_id, _of(actor)))


def _of(actor: Actor) -> sa.ColumnElement[bool]:
    """Those of the actor's agency; of all agencies of the municipality for who counts them."""
    actor.require(Permission.REMINDERS_READ)
    if actor.may(Permission.MUNICIPALITY_NUMBERS_READ):
        return col(Agency.municipality_id) == actor.municipality
    return col(Agency.id) == actor.acting.id


def _wanted(actor: Actor, wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    yield _of(actor)
    yield col(Reminder.sent_at) >= wanted.since
    if wanted.agency:
        yield col(Agency.slug) == wanted.agency
    if wanted.clock is not None:
        yield col(Reminder.clock) == wanted.clock
    if wanted.outcome is not None:
        yield col(Reminder.outcome) == wanted.outcome


def _entries(actor: Actor, wanted: Wanted) -> sa.Select[*tuple[Any, ...]]:
    columns: tuple[Any, ...] = (
        col(Reminder.sent_at),
        col(Reminder.mail_id),
        col(Agency.name),
        col(Reminder.addressee),
        col(Reminder.clock),
        col(Reminder.step),
        col(Reminder.outcome),
    )
    if not actor.may(Permission.MUNICIPALITY_NUMBERS_READ):
        columns = (*columns, col(Reminder.kind))
    return (
        sa.select(
            *columns,
            sa.func.count().label("told"),
            sa.func.avg(col(Reminder.done_after_minutes)).label("minutes"),
        )
        .join(Agency, col(Agency.id) == Reminder.agency_id)
        .where(*_wanted(actor, wanted))
        .group_by(*columns)
        .order_by(
            col(Reminder.sent_at).desc(),
            col(Reminder.mail_id).desc(),
            col(Agency.name),
            col(Reminder.clock),
            col(Reminder.step),
            col(Reminder.outcome),
        )
    )


def _read(session: Session, query: sa.Select[*tuple[Any, ...]]) -> Iterator[Entry]:
    for row in session.execute(query):
        yield Entry(
            day=local_date(row.sent_at),
            mail_id=row.mail_id,
            agency_name=row.name,
            addressee=row.addressee,
            clock=row.clock,
            kind=getattr(row, "kind", ""),
            step=row.step,
            outcome=row.outcome,
            count=row.told,
            minutes=None if row.minutes is None else round(row.minutes),
        )


# ── One paper or request ─────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Reminded:
    """On how many days an agency was reminded of one thing, and on which one last."""

    times: int
    last: date


def reminded(
    session: Session, clock: Clock, subject_ids: Collection[UUID]
) -> Mapping[UUID, Reminded]:
    """What was told of these deliveries or requests to the agencies that have to act.

    Nothing of those of which nobody was reminded: that a paper arrived is no reminder yet, what the
    coordinator hears reminds no agency, and what came back undelivered reminded nobody. Whoever
    asks must have been allowed to see them.
    """
    query = (
        sa.select(col(Reminder.subject_id), col(Reminder.sent_at))
        .where(
            col(Reminder.subject_id).in_(list(subject_ids)),
            col(Reminder.clock) == clock,
            col(Reminder.addressee) != Addressee.COORDINATOR,
            col(Reminder.outcome) != Outcome.UNDELIVERED,
            ~is_announcement(),
        )
        .distinct()
    )
    days: dict[UUID, set[date]] = {}
    for subject_id, sent_at in session.execute(query):
        days.setdefault(subject_id, set()).add(local_date(sent_at))
    return {id_: Reminded(len(found), max(found)) for id_, found in days.items()}
