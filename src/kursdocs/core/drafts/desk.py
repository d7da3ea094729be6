"""The drafts of one person at one agency, and what was typed for them so far.

Nobody else can find them, colleagues and heads included, and nobody at all once they have expired.
Entry points: :func:`mine`, :func:`get`, :func:`note`, :func:`fill_down`, :func:`form_of`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import dropwhile
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from kursdocs.catalogue import Catalogue
from kursdocs.core.access import Actor
from kursdocs.core.documents.sending import COMMON_FIELDS, RECIPIENTS_MAX, SendingForm
from kursdocs.core.drafts.tables import Draft, DraftState
from kursdocs.core.errors import Forbidden, NotFound

NAMES_MAX = 40
VALUES_MAX = RECIPIENTS_MAX
VALUE_LENGTH_MAX = 500

_SEVERAL = frozenset({"recipient", "obliging_body"})
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_NUMBER = re.compile(r"[0-9]{1,9}")
# What a form carries beside what was typed into it.
_NOT_TYPED = frozenset({"idempotency_key", "acting_agency", "file", "upload_key", "draft"})
_TRUE = frozenset({"true", "on", "1", "yes", "ja"})


@dataclass(frozen=True)
class DraftView:
    """One row of the sending desk.

    ``typed`` holds what the person typed or confirmed, ``proposed`` what was read from the paper
    and counts for nothing until it is typed. Both name the fields of the sending form: ``kind``,
    ``recipient``, ``family_name`` …, and the fields of kinds by their names in the catalogue.
    """

    id: UUID
    file_name: str
    byte_size: int
    page_count: int
    created_at: datetime
    expires_at: datetime
    typed: Mapping[str, list[str]] = field(default_factory=dict)
    proposed: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind_proposed(self) -> str:
        """The kind of paper it seems to be; empty when nothing tells."""
        return self.proposed.get("kind", "")


def mine(session: Session, actor: Actor, *, now: datetime) -> list[DraftView]:
    """The actor's own drafts at the acting agency, in the order in which they were put there."""
    drafts = session.exec(_ready(actor, now).order_by(col(Draft.id))).all()
    return [view_of(draft) for draft in _in_order(drafts)]


def count(session: Session, actor: Actor, *, now: datetime) -> int:
    """How many :func:`mine` would list."""
    if actor.user_id is None:
        return 0
    query = _ready(actor, now).with_only_columns(sa.func.count())
    return session.scalar(query) or 0


def get(session: Session, actor: Actor, draft_id: UUID, *, now: datetime) -> DraftView:
    """One of the actor's own drafts; raises ``NotFound`` for anybody else's, expired or gone."""
    return view_of(require(session, actor, draft_id, now=now))


def require(
    session: Session, actor: Actor, draft_id: UUID, *, now: datetime, lock: bool = False
) -> Draft:
    """The row of one of the actor's own drafts, if asked locked; raises ``NotFound``."""
    query = _ready(actor, now).where(Draft.id == draft_id)
    if lock:
        # Waiting for the lock may have outdated what this session read before.
        query = query.with_for_update().execution_options(populate_existing=True)
    draft = session.exec(query).first()
    if draft is None:
        raise NotFound
    return draft


def note(
    session: Session,
    actor: Actor,
    draft_id: UUID,
    typed: Mapping[str, Sequence[str]],
    *,
    now: datetime,
) -> None:
    """Remember the row's form as it stands now, in place of what was remembered before.

    All of it is replaced, because a ticked box that was unticked comes back as nothing at all.
    Empty values, names no form has, and what is longer than any field are dropped. Raises
    ``NotFound``.
    """
    draft = require(session, actor, draft_id, now=now, lock=True)
    draft.typed = _bounded(typed)
    session.add(draft)
    session.flush()


def fill_down(
    session: Session, actor: Actor, draft_id: UUID, names: Sequence[str], *, now: datetime
) -> None:
    """ "The same for all": copy these typed values of the row to every row after it.

    A name without a value in this row changes nothing. Raises ``NotFound``.
    """
    # All are locked in one order, so that two at once cannot wait for each other.
    locked = _ready(actor, now).order_by(col(Draft.id)).with_for_update()
    drafts = session.exec(locked.execution_options(populate_existing=True)).all()
    behind = dropwhile(lambda draft: draft.id != draft_id, _in_order(drafts))
    source = next(behind, None)
    if source is None:
        raise NotFound
    copied = {name: source.typed[name] for name in names if source.typed.get(name)}
    for draft in behind:
        draft.typed = {**draft.typed, **copied}
        session.add(draft)
    session.flush()


def form_of(view: DraftView, catalogue: Catalogue) -> SendingForm:
    """What was typed as the form that every sending is checked by.

    Of the fields of kinds only those of the chosen one count: what was typed for another kind
    before is not sent.
    """
    one = {name: values[0] for name, values in view.typed.items() if values}
    kind = catalogue.kind(one.get("kind", ""))
    asked = [asked.field.name for asked in kind.fields] if kind else []
    return SendingForm(
        kind=one.get("kind", ""),
        recipients=view.typed.get("recipient", []),
        obliging_bodies=view.typed.get("obliging_body", []),
        released=one.get("released", "").lower() in _TRUE,
        release_form=one.get("release_form", ""),
        request=one.get("request", ""),
        fields={name: one[name] for name in asked if name in one},
        **{name: one.get(name, "") for name in COMMON_FIELDS},
    )


def view_of(draft: Draft) -> DraftView:
    """The row as its person sees it."""
    return DraftView(
        id=draft.id,
        file_name=draft.file_name,
        byte_size=draft.byte_size,
        page_count=draft.page_count,
        created_at=draft.created_at,
        expires_at=draft.expires_at,
        typed={name: list(values) for name, values in draft.typed.items()},
        proposed=dict(draft.proposed),
    )


def owned_by(actor: Actor) -> SelectOfScalar[Draft]:
    """Every row of this person at this agency, whatever its state.

    Raises ``Forbidden`` (``not_permitted``) for a program: drafts are for people.
    """
    if actor.user_id is None:
        raise Forbidden("not_permitted")
    return select(Draft).where(Draft.user_id == actor.user_id, Draft.agency_id == actor.acting.id)


def _ready(actor: Actor, now: datetime) -> SelectOfScalar[Draft]:
    return owned_by(actor).where(Draft.state == DraftState.READY, Draft.expires_at > now)


def _in_order(drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts, which come by their ids, as they lay in the hand of the person.

    Files of one page go up several at a time and arrive as they like. Their upload keys have one
    name in common and count on behind it (``name.3``); pages stand as the first of each arrived.
    """
    keys = {draft.id: _place(draft) for draft in drafts}
    pages: dict[str, int] = {}
    for page, _ in keys.values():
        pages.setdefault(page, len(pages))
    return sorted(drafts, key=lambda draft: (pages[keys[draft.id][0]], keys[draft.id][1]))


def _place(draft: Draft) -> tuple[str, tuple[int, ...]]:
    """Which page a draft was put on the desk by, and as which of its files."""
    page, *numbers = draft.upload_key.split(".")
    if page and all(_NUMBER.fullmatch(number) for number in numbers):
        return page, tuple(map(int, numbers))
    return str(draft.id), ()


def _bounded(typed: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    kept: dict[str, list[str]] = {}
    for name, values in typed.items():
        if name in _NOT_TYPED or not _NAME.fullmatch(name) or len(kept) == NAMES_MAX:
            continue
        several = VALUES_MAX if name in _SEVERAL else 1
        said = [value[:VALUE_LENGTH_MAX] for value in values if value.strip()][:several]
        if said:
            kept[name] = said
    return kept
