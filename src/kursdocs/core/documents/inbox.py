"""What came in for an agency: its list, narrowed and searched, and how much stands in it.

Only what was addressed to the acting agency can be found. Lists read columns, page by key and cap
what they count. Entry points: :class:`Filter`, :func:`rows` with :func:`cursor`, :func:`counts`,
:func:`counts_by`, :func:`version`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.documents import names, sounds
from kursdocs.core.documents.counting import COUNT_CAP
from kursdocs.core.documents.names import Word
from kursdocs.core.documents.tables import (
    Delivery,
    DeliveryState,
    Document,
    DocumentState,
    SearchToken,
)
from kursdocs.core.errors import Invalid
from kursdocs.core.workdays import local_date, local_moment


class InboxState(StrEnum):
    """The tabs of an inbox. ``withdrawn`` and ``erased`` list traces, without the person.

    What was blocked after its delivery stands among what was withdrawn.
    """

    NEW = "new"
    TAKEN_OVER = "taken_over"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"


class Due(StrEnum):
    """Which due dates: all, past ones, that of today, or those of the next seven days."""

    ANY = ""
    OVERDUE = "overdue"
    TODAY = "today"
    WEEK = "week"


class Order(StrEnum):
    """The earliest due date first and then what came first, or what came last first."""

    DUE = "due"
    NEWEST = "newest"


class Match(StrEnum):
    """How a search found a row: each word as it was typed, the sender's name, or by its sound."""

    EXACT = "exact"
    SENDER = "sender"
    SIMILAR = "similar"


_TRACES = {
    DocumentState.WITHDRAWN: InboxState.WITHDRAWN,
    DocumentState.BLOCKED: InboxState.WITHDRAWN,
    DocumentState.ERASED: InboxState.ERASED,
}
_MATCHES = tuple(Match)
_PLACES = tuple(map(str, range(len(_MATCHES))))  # as cursors write them
# Beyond every letter: whatever begins with a text stands before the text and this.
_LAST = "\U0010ffff"
FACETS_MAX = 10_000
"""So many rows of a tab are looked at to say which kinds and senders are in it."""
WEEK_DAYS = 7
# So many different names with the consonants of what was typed are compared with it.
_SOUNDS_MAX = 5_000
# Among so many of the last changes none is overlooked, even when they become visible in another
# order than the one in which they were made.
_CHANGES_LOOKED_AT = 20


class BadCursor(Invalid):
    """The text that says where a list goes on is not one that this list gave."""

    def __init__(self) -> None:
        super().__init__("parameter_invalid", field="after")
        self.details = {"field": "after"}  # for the sentence


@dataclass(frozen=True)
class Filter:
    """Which deliveries of the acting agency to list, and in which order.

    ``kind`` is a code, ``sender`` an agency's slug; empty means all. ``mine`` keeps what the acting
    person works on (new), took over or returned. ``since`` and ``until`` are local days of arrival,
    both included. ``unnoted`` keeps what ended and waits for somebody to acknowledge it. ``now`` is
    needed for ``due`` and ``mine``.
    """

    state: InboxState = InboxState.NEW
    kind: str = ""
    sender: str = ""
    due: Due = Due.ANY
    mine: bool = False
    unnoted: bool = False
    since: date | None = None
    until: date | None = None
    order: Order | None = None
    now: datetime | None = None

    @property
    def sorted_by(self) -> Order:
        """The order asked for, or the usual one: new ones by due date, all others newest first."""
        usual = Order.DUE if self.state is InboxState.NEW else Order.NEWEST
        return self.order or usual

    @property
    def moment(self) -> datetime:
        """``now``; raises ``ValueError`` where a filter needs it and it was not given."""
        if self.now is None:
            raise ValueError("filters by due date and by person need the time")
        return self.now


@dataclass(frozen=True)
class InboxRow:
    """One delivery in the recipient's list.

    ``sender`` is a slug. ``working_until`` may be over. ``replaces_id`` and ``replaced_by_id`` name
    documents that were addressed to the acting agency too, else nothing. ``match`` says how a
    search found it.
    """

    id: UUID
    document_id: UUID
    kind: str
    family_name: str
    given_names: str
    birth_date: date | None
    sender: str
    sender_name: str
    state: InboxState
    due_on: date
    delivered_at: datetime
    opened_at: datetime | None
    taken_over_at: datetime | None
    taken_over_by_user_id: UUID | None
    returned_at: datetime | None
    working_user_id: UUID | None
    working_until: datetime | None
    forwarded_by_name: str
    replaces_id: UUID | None
    replaced_by_id: UUID | None
    acknowledge_since: datetime | None
    acknowledged_at: datetime | None
    withdrawn_at: datetime | None
    blocked_at: datetime | None
    withdrawal_reason: str
    delete_on: date | None
    erased_at: datetime | None
    byte_size: int
    page_count: int
    match: Match = Match.EXACT


@dataclass(frozen=True)
class Counted:
    """A value to filter by, and how many rows it leaves. A kind's name stands in the catalogue."""

    code: str
    name: str
    count: int


@dataclass(frozen=True)
class CountsBy:
    """What a tab can be narrowed to: each by code, the most frequent first."""

    kinds: Sequence[Counted]
    senders: Sequence[Counted]


# ── The list ─────────────────────────────────────────────────────────────────────────────────


def rows(
    session: Session,
    actor: Actor,
    filter_: Filter,
    *,
    after: str = "",
    limit: int = 50,
    name: str = "",
) -> list[InboxRow]:
    """The acting agency's deliveries that the filter leaves, from the :func:`cursor` ``after`` on.

    ``name`` narrows to those of which each word begins a name or number on the paper, or sounds
    like it, or begins a word of the sender's name; what fits as typed comes first. Without a single
    letter or digit it finds nobody. Raises :class:`BadCursor`.
    """
    words = names.words(name)
    if name.strip() and not words:
        return []
    found, match = _search(session, actor, words) if words else ([], sa.literal(0))
    shown = match.label("match")
    keys = _keys(filter_, match if words else None)
    query = (
        _joined(sa.select(*_columns(actor), shown))
        .where(*_wanted(actor, filter_), *found)
        # By its name: worked out again for sorting it would cost as much as the whole search.
        .order_by(*(_sorting(shown if key is match else key, falls) for key, falls in keys))
        .limit(limit)
    )
    if after:
        query = query.where(_beyond(keys, _read_cursor(after, filter_, is_search=bool(words))))
    return [_inbox_row(row) for row in session.execute(query)]


def cursor(row: InboxRow, filter_: Filter, *, name: str = "") -> str:
    """Where the list goes on behind this row: what ``after`` of :func:`rows` takes."""
    parts = [str(_MATCHES.index(row.match))] if names.words(name) else []
    if filter_.sorted_by is Order.DUE:
        parts.append(row.due_on.isoformat())
    return "_".join([*parts, str(row.id)])


def _read_cursor(text: str, filter_: Filter, *, is_search: bool) -> Sequence[Any]:
    readers: list[Any] = [_PLACES.index] if is_search else []
    if filter_.sorted_by is Order.DUE:
        readers.append(date.fromisoformat)
    readers.append(UUID)
    parts = text.split("_")
    if len(parts) != len(readers):
        raise BadCursor
    try:
        return [read(part) for read, part in zip(readers, parts, strict=True)]
    except ValueError:
        raise BadCursor from None


_Key = tuple[Any, bool]


def _keys(filter_: Filter, match: sa.ColumnElement[int] | None) -> list[_Key]:
    """What the list is sorted by, and whether that falls. The last one tells all rows apart."""
    keys: list[_Key] = [] if match is None else [(match, False)]
    if filter_.sorted_by is Order.DUE:
        return [*keys, (col(Delivery.due_on), False), (col(Delivery.id), False)]
    return [*keys, (col(Delivery.id), True)]


def _sorting(key: Any, falls: bool) -> Any:
    return key.desc() if falls else key


def _beyond(keys: Sequence[_Key], values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Whether a row stands behind the one with these values."""
    (key, falls), value = keys[0], values[0]
    further: sa.ColumnElement[bool] = key < value if falls else key > value
    if len(keys) == 1:
        return further
    reached = key <= value if falls else key >= value
    # The first part alone lets an index begin where the list goes on.
    return sa.and_(reached, sa.or_(further, _beyond(keys[1:], values[1:])))


def _joined(query: sa.Select[Any]) -> sa.Select[Any]:
    return (
        query.select_from(Delivery)
        .join(Document, col(Document.id) == Delivery.document_id)
        .join(Agency, col(Agency.id) == Delivery.sender_agency_id)
    )


def _columns(actor: Actor) -> tuple[Any, ...]:
    forwarder = aliased(Agency)
    forwarded_by = (
        sa.select(col(forwarder.name))
        .where(col(forwarder.id) == Delivery.forwarded_by_agency_id)
        .scalar_subquery()
    )
    return (
        col(Delivery.id),
        col(Document.id).label("document_id"),
        col(Document.kind),
        col(Document.state).label("document_state"),
        col(Document.family_name),
        col(Document.given_names),
        col(Document.birth_date),
        col(Agency.slug).label("sender"),
        col(Agency.name).label("sender_name"),
        col(Delivery.state),
        col(Delivery.due_on),
        col(Delivery.delivered_at),
        col(Delivery.opened_at),
        col(Delivery.taken_over_at),
        col(Delivery.taken_over_by_user_id),
        col(Delivery.returned_at),
        col(Delivery.working_user_id),
        col(Delivery.working_until),
        sa.func.coalesce(forwarded_by, "").label("forwarded_by_name"),
        _replaced(actor).label("replaces_id"),
        _replacing(actor).label("replaced_by_id"),
        col(Delivery.acknowledge_since),
        col(Delivery.acknowledged_at),
        col(Document.withdrawn_at),
        _BLOCKED_AT.label("blocked_at"),
        col(Document.end_reason).label("withdrawal_reason"),
        col(Document.delete_on),
        col(Document.erased_at),
        col(Document.byte_size),
        col(Document.page_count),
    )


_BLOCKED_AT = sa.case((col(Document.state) == DocumentState.BLOCKED, col(Document.scanned_at)))


def _replaced(actor: Actor) -> sa.ScalarSelect[UUID]:
    """The paper that this one replaces, if the acting agency received that one too."""
    other = aliased(Delivery)
    return (
        sa.select(col(other.document_id))
        .where(
            col(other.document_id) == Document.replaces_id,
            col(other.recipient_agency_id) == actor.acting.id,
            col(other.delivered_at).is_not(None),
        )
        .limit(1)
        .scalar_subquery()
    )


def _replacing(actor: Actor) -> sa.ScalarSelect[UUID]:
    """The live paper that replaces this one and was delivered to the acting agency."""
    newer, other = aliased(Document), aliased(Delivery)
    # Not joined: SQLite would go through all deliveries of the agency for each row.
    received = (
        sa.exists()
        .where(col(other.document_id) == newer.id)
        .where(col(other.recipient_agency_id) == actor.acting.id)
        .where(col(other.delivered_at).is_not(None))
    )
    return (
        sa.select(col(newer.id))
        .where(
            col(newer.replaces_id) == Document.id,
            col(newer.state) == DocumentState.LIVE,
            received,
        )
        .limit(1)
        .scalar_subquery()
    )


def _inbox_row(row: sa.Row[Any]) -> InboxRow:
    values = dict(row._mapping)
    trace = _TRACES.get(values.pop("document_state"))
    values["state"] = trace or InboxState(values["state"].value)
    values["match"] = _MATCHES[values["match"]]
    if trace:
        values.update(family_name="", given_names="", birth_date=None)
    return InboxRow(**values)


# ── Narrowing ────────────────────────────────────────────────────────────────────────────────


def _in_inbox(actor: Actor, state: InboxState) -> tuple[sa.ColumnElement[bool], ...]:
    if traced := [ended for ended, trace in _TRACES.items() if trace is state]:
        return (*_came_in(actor), col(Document.state).in_(traced))
    is_so = col(Delivery.state) == DeliveryState(state.value)
    return (*_came_in(actor), col(Document.state) == DocumentState.LIVE, is_so)


def _came_in(actor: Actor) -> tuple[sa.ColumnElement[bool], ...]:
    to_us = col(Delivery.recipient_agency_id) == actor.acting.id
    return to_us, col(Delivery.delivered_at).is_not(None)


def _wanted(actor: Actor, filter_: Filter) -> list[sa.ColumnElement[bool]]:
    found = [*_in_inbox(actor, filter_.state), *_days(filter_)]
    if filter_.kind:
        found.append(col(Document.kind) == filter_.kind)
    if filter_.sender:
        found.append(col(Agency.slug) == filter_.sender)
    if filter_.mine:
        found.append(_mine(actor, filter_))
    if filter_.unnoted:
        found.append(col(Delivery.acknowledge_since).is_not(None))
        found.append(col(Delivery.acknowledged_at).is_(None))
    return found


def _days(filter_: Filter) -> list[sa.ColumnElement[bool]]:
    found = []
    if filter_.since is not None:
        found.append(col(Delivery.delivered_at) >= local_moment(filter_.since, 0))
    if filter_.until is not None:
        end = local_moment(filter_.until + timedelta(days=1), 0)
        found.append(col(Delivery.delivered_at) < end)
    if filter_.due is Due.ANY:
        return found
    today, due_on = local_date(filter_.moment), col(Delivery.due_on)
    if filter_.due is Due.OVERDUE:
        return [*found, due_on < today]
    if filter_.due is Due.TODAY:
        return [*found, due_on == today]
    return [*found, due_on >= today, due_on <= today + timedelta(days=WEEK_DAYS)]


def _mine(actor: Actor, filter_: Filter) -> sa.ColumnElement[bool]:
    if actor.user_id is None:
        return sa.false()
    if filter_.state is InboxState.NEW:
        return _worked_on(actor, filter_.moment)
    if filter_.state is InboxState.RETURNED:
        return col(Delivery.returned_by_user_id) == actor.user_id
    return col(Delivery.taken_over_by_user_id) == actor.user_id


def _worked_on(actor: Actor, now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(
        col(Delivery.working_user_id) == actor.user_id, col(Delivery.working_until) > now
    )


# ── Searching ────────────────────────────────────────────────────────────────────────────────


def _search(
    session: Session, actor: Actor, words: Sequence[Word]
) -> tuple[Sequence[sa.ColumnElement[bool]], sa.ColumnElement[int]]:
    """What all words ask of a row, and the place in ``_MATCHES`` of how they fit it."""
    of_senders = _sender_words(session, actor)
    alike = _alike(session, actor, words)
    as_typed, or_sender, or_similar = [], [], []
    for word in words:
        typed = _begins(actor, word.text)
        senders = [key for key, text in of_senders.items() if f" {word.text}" in text]
        sent_by = sa.or_(typed, col(Delivery.sender_agency_id).in_(senders)) if senders else typed
        as_typed.append(typed)
        or_sender.append(sent_by)
        similar = _with_token(actor, col(SearchToken.token).in_(list(alike[word.text])))
        or_similar.append(sa.or_(sent_by, similar) if alike[word.text] else sent_by)
    match = sa.case((sa.and_(*as_typed), 0), (sa.and_(*or_sender), 1), else_=2)
    return or_similar, match


def _begins(actor: Actor, text: str) -> sa.ColumnElement[bool]:
    """Whether something that finds the delivery begins with the text."""
    return _with_token(actor, _from(text))


def _with_token(actor: Actor, condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return col(Delivery.id).in_(
        sa.select(col(SearchToken.delivery_id)).where(
            col(SearchToken.agency_id) == actor.acting.id, condition
        )
    )


def _from(text: str) -> sa.ColumnElement[bool]:
    token = col(SearchToken.token)
    return sa.and_(token >= text, token < text + _LAST)


def _alike(session: Session, actor: Actor, words: Sequence[Word]) -> Mapping[str, Sequence[str]]:
    """By word, the keys of what sounds like it among all that the acting agency received."""
    beginnings = [_from(beginning) for word in words for beginning in word.sounds]
    query = (
        sa.select(col(SearchToken.token))
        .where(col(SearchToken.agency_id) == actor.acting.id, sa.or_(sa.false(), *beginnings))
        .distinct()
        .limit(_SOUNDS_MAX)
    )
    keys = session.scalars(query).all() if beginnings else []
    return {
        word.text: [
            key
            for key in keys
            if key.startswith(tuple(word.sounds)) and sounds.is_similar(word.typed, key)
        ]
        for word in words
    }


def _sender_words(session: Session, actor: Actor) -> Mapping[UUID, str]:
    """The folded words, each after a blank, of whoever can have sent something, by agency."""
    query = sa.select(col(Agency.id), col(Agency.name)).where(
        col(Agency.municipality_id) == actor.municipality
    )
    return {key: " ".join(["", *names.tokens([name])]) for key, name in session.execute(query)}


# ── Counting ─────────────────────────────────────────────────────────────────────────────────


def counts(session: Session, actor: Actor) -> Mapping[InboxState, int]:
    """How many deliveries stand in each tab, counted up to ``COUNT_CAP``, in one query."""
    query = sa.select(*(_capped(*_in_inbox(actor, state)).label(state) for state in InboxState))
    found = session.execute(query).one()
    return {state: found._mapping[state.value] for state in InboxState}


def new_count(session: Session, actor: Actor) -> int:
    """How many deliveries wait, counted up to ``COUNT_CAP``."""
    return _count(session, *_in_inbox(actor, InboxState.NEW))


def mine_count(session: Session, actor: Actor, *, now: datetime) -> int:
    """How many new deliveries the acting person works on."""
    if actor.user_id is None:
        return 0
    return _count(session, *_in_inbox(actor, InboxState.NEW), _worked_on(actor, now))


def overdue_count(session: Session, actor: Actor, *, now: datetime) -> int:
    """How many new deliveries should have been settled before today, up to ``COUNT_CAP``."""
    overdue = col(Delivery.due_on) < local_date(now)
    return _count(session, *_in_inbox(actor, InboxState.NEW), overdue)


def to_acknowledge_count(session: Session, actor: Actor) -> int:
    """How many withdrawn or replaced papers nobody of the agency has acknowledged."""
    ended = Filter(state=InboxState.WITHDRAWN, unnoted=True)
    return _count(session, *_wanted(actor, ended))


def _count(session: Session, *conditions: sa.ColumnElement[bool]) -> int:
    return session.scalar(sa.select(_capped(*conditions))) or 0


def _capped(*conditions: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    found = (
        sa.select(col(Delivery.id))
        .join(Document, col(Document.id) == Delivery.document_id)
        .where(*conditions)
        .limit(COUNT_CAP)
        .subquery()
    )
    return sa.select(sa.func.count()).select_from(found).scalar_subquery()


def counts_by(session: Session, actor: Actor, filter_: Filter) -> CountsBy:
    """Which kinds and senders there are to filter by, and how many rows each would leave.

    The kind asked for does not narrow the kinds, nor the sender the senders; everything else of
    the filter does. Looks at ``FACETS_MAX`` rows at most.
    """
    wide = Filter(**{**vars(filter_), "kind": "", "sender": ""})
    told: tuple[Any, ...] = (col(Document.kind), col(Agency.slug), col(Agency.name))
    found = _joined(sa.select(*told)).where(*_wanted(actor, wide)).limit(FACETS_MAX).subquery()
    columns = (found.c.kind, found.c.slug, found.c.name)
    query = sa.select(*columns, sa.func.count()).group_by(*columns)
    kinds, senders, called = dict[str, int](), dict[str, int](), dict[str, str]()
    for kind, slug, name, count in session.execute(query):
        called[slug] = name
        if filter_.sender in ("", slug):
            kinds[kind] = kinds.get(kind, 0) + count
        if filter_.kind in ("", kind):
            senders[slug] = senders.get(slug, 0) + count
    return CountsBy(_ranked(kinds, {}), _ranked(senders, called))


def _ranked(counted: Mapping[str, int], called: Mapping[str, str]) -> Sequence[Counted]:
    found = [Counted(code, called.get(code, ""), count) for code, count in counted.items()]
    return sorted(found, key=lambda one: (-one.count, one.name, one.code))


def version(session: Session, actor: Actor) -> str:
    """A text that is another one as soon as something changed in the acting agency's inbox.

    Something came in, was settled, claimed, reopened, withdrawn. It tells nothing else, least of
    all of what is still held, and asking for it is no reading.
    """
    query = (
        sa.select(col(Delivery.id), col(Delivery.change_id), col(Document.state))
        .join(Document, col(Document.id) == Delivery.document_id)
        .where(*_came_in(actor))
        .order_by(col(Delivery.change_id).desc())
        .limit(_CHANGES_LOOKED_AT)
    )
    found = [tuple(map(str, row)) for row in session.execute(query)]
    return hashlib.sha256(repr(found).encode()).hexdigest()[:20]
