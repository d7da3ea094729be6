"""The inbox of an agency as a page: its list, narrowed and searched, with the preview beside it.

Everything about what is listed stands in the address, but for names. What settles deliveries is in
``deliveries``; it answers with this page, too. Entry points: :func:`index`, :func:`search`,
:func:`preview`, :func:`refreshed`, :func:`version`, and :func:`page` for others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from pydantic import Field, ValidationError
from starlette.responses import JSONResponse, Response

from kursdocs.core import accounts, agencies
from kursdocs.core.access import Permission
from kursdocs.core.audit import Happening
from kursdocs.core.documents import forwarding, inbox, reading, settling
from kursdocs.core.documents.inbox import Due, Filter, InboxRow, InboxState, Order
from kursdocs.core.documents.reading import DocumentView
from kursdocs.core.documents.retention import noticed_count
from kursdocs.core.documents.tables import Delivery, DeliveryState, DocumentState
from kursdocs.core.errors import NotFound
from kursdocs.core.workdays import local_date
from kursdocs.web import mail
from kursdocs.web.call import COUNT_MAX, KEYS_COOKIE, PAGE_SIZE, Call, Query, redirect
from kursdocs.web.documents import ACKNOWLEDGED, CLAIMED, UNCLAIMED, fields_of
from kursdocs.web.errors import BadRequest
from kursdocs.web.pages import N_

SEARCH_LENGTH_MAX = 120
_ACKNOWLEDGE_SHOWN = 5
_DONE = {
    "taken_over": N_("Übernommen. Für Ihre Stelle ist das Papier damit erledigt."),
    "returned": N_("Zurückgegeben. Die absendende Stelle sieht den Grund."),
    "undone": N_("Rückgängig gemacht. Das Papier steht wieder unter „Neu“."),
    "claimed": CLAIMED,
    "unclaimed": UNCLAIMED,
    "acknowledged": ACKNOWLEDGED,
}
_CAN_BE_UNDONE = ("taken_over", "returned")


class InboxList(Query):
    """Which deliveries to list, in which order, and where the list goes on."""

    state: InboxState = Field(default=InboxState.NEW, description="Which deliveries to list.")
    kind: str = Field(default="", max_length=60, description="Only papers of this kind.")
    sender: str = Field(default="", max_length=60, description="Only from this agency (its slug).")
    due: Due = Field(default=Due.ANY, description="Only with such a due date.")
    order: Order | None = Field(
        default=None, description="By due date (the usual order of new ones) or newest first."
    )
    mine: bool = Field(
        default=False, description="Only what the caller works on, took over or returned."
    )
    after: str = Field(
        default="",
        min_length=1,
        max_length=80,
        description="The `next` of the page before; leave it out for the first page.",
    )

    def filter(self, now: datetime) -> Filter:
        """The same for the domain."""
        return Filter(
            state=self.state,
            kind=self.kind,
            sender=self.sender,
            due=self.due,
            order=self.order,
            mine=self.mine,
            now=now,
        )


class InboxQuery(InboxList):
    """The same for the page: what to preview, whether all is ticked, and what was just done."""

    show: UUID | None = None
    tick: Literal["", "all"] = ""
    done: str = Field(default="", max_length=20)
    undo: UUID | None = None

    @classmethod
    def read(cls, text: str) -> Self:
        """The list that a form came from; raises ``BadRequest``."""
        try:
            return cls.model_validate(dict(parse_qsl(text, keep_blank_values=True)))
        except ValidationError:
            raise BadRequest("parameter_invalid", field="list") from None

    def written(self, **changes: object) -> str:
        """The list as the query of an address, without what is as usual."""
        names = InboxList.model_fields
        values = {name: getattr(self, name) for name in names} | changes
        usual = {name: names[name].default for name in names if name != "state"}
        kept = {k: v for k, v in values.items() if v not in (None, "") and v != usual.get(k)}
        return urlencode({k: "true" if v is True else str(v) for k, v in kept.items()})

    @property
    def is_filtered(self) -> bool:
        """Whether anything is left out."""
        return bool(self.kind or self.sender or self.due)


@dataclass(frozen=True)
class Result:
    """What became of one of many: whose paper, its kind, and why it was not done."""

    name: str
    kind: str
    sentence: str
    at: datetime | None = None
    by: str = ""
    until: datetime | None = None


@dataclass(frozen=True)
class Notice:
    """What is said at the top: what was just done, or why it was not.

    ``done`` is a word for scripts. ``undo`` can be undone for ``undo_seconds`` more;
    ``despite``: can be taken over although a colleague works on it.
    """

    kind: str
    heading: str
    sentence: str = ""
    done: str = ""
    undo: UUID | None = None
    undo_many: Sequence[UUID] = ()
    undo_seconds: int = 0
    results: Sequence[Result] = ()
    despite: UUID | None = None


def index(call: Call) -> Response:
    """What came in for the acting agency."""
    query: InboxQuery = call.query()
    return page(call, query, show=query.show, notice=_notice(call, query))


def search(call: Call) -> Response:
    """People of the own inbox by the beginnings of their names; names never stand in addresses."""
    # The state alone is what a form had before a list could be narrowed.
    query = InboxQuery.read(
        call.form.get("list") or urlencode({"state": call.form.get("state", "")})
    )
    query = query.model_copy(update={"after": "", "show": None})
    return page(call, query, name=call.form.get("name", "")[:SEARCH_LENGTH_MAX].strip())


def refreshed(call: Call) -> Response:
    """The same list for the script that noticed a change; that is no reading (see ``version``).

    Only a script can ask for it: a person who opens the address comes to the list itself.
    """
    query: InboxQuery = call.query()
    if call.request.headers.get("sec-fetch-dest") != "empty":
        return redirect(f"/inbox?{query.written()}")
    return _render(call, query, name="", show=None, told=_Told())


def version(call: Call) -> Response:
    """Whether anything changed since the script asked last; it learns nothing else."""
    return JSONResponse({"version": inbox.version(call.session, call.actor)})


def preview(call: Call) -> Response:
    """The preview alone, for the script that goes through the list."""
    query: InboxQuery = call.query()
    shown = _shown(call, query, call.id_in_path("delivery_id"), next_id=None, error="")
    call.record(Happening.DOCUMENT_VIEWED, document_id=shown.document.id)
    return call.render(
        "inbox/preview.html",
        shown=shown,
        is_gone=False,
        list=query.written(),
        return_reasons=call.services.catalogue.return_reasons,
    )


def page(
    call: Call,
    query: InboxQuery,
    *,
    name: str = "",
    show: UUID | None = None,
    notice: Notice | None = None,
    error: str = "",
    ticked: Sequence[UUID] = (),
    status: int = 200,
) -> Response:
    """The list and what is shown beside it, as somebody opens it: that is noted.

    ``error`` is what is wrong with the reason of a return, ``ticked`` what was ticked before.
    """
    agencies.note_look(call.session, call.actor.acting.id, now=call.now)
    told = _Told(notice, error, ticked, status)
    return _render(call, query, name=name, show=show, told=told, is_read=True)


@dataclass(frozen=True)
class _Told:
    """What the page answers beside its list; see :func:`page`."""

    notice: Notice | None = None
    error: str = ""
    ticked: Sequence[UUID] = ()
    status: int = 200


def note_listed(call: Call, list_: InboxList, *, count: int) -> None:
    """Note in the log that somebody read so many rows of this list.

    Anything can be written into an address, a name as well: what found rows is a code.
    """
    call.record(
        Happening.INBOX_LISTED,
        state=list_.state.value,
        kind=list_.kind if count else "",
        sender=list_.sender if count else "",
        count=count,
    )


def _render(
    call: Call,
    query: InboxQuery,
    *,
    name: str,
    show: UUID | None,
    told: _Told,
    is_read: bool = False,
) -> Response:
    filter_ = query.filter(call.now)
    found = inbox.rows(
        call.session, call.actor, filter_, after=query.after, limit=PAGE_SIZE + 1, name=name
    )
    rows = found[:PAGE_SIZE]
    if is_read:
        note_listed(call, query, count=len(rows))
    shown = _beside(call, query, show, rows, told.error) if show else None
    if is_read and shown is not None:
        call.record(Happening.DOCUMENT_VIEWED, document_id=shown.document.id)
    goes_on = len(found) > PAGE_SIZE
    after = inbox.cursor(rows[-1], filter_, name=name) if goes_on and not name else ""
    return call.render(
        "inbox/index.html",
        status=told.status,
        state=query.state.value,
        is_mine=query.mine,
        filter=query,
        list=query.written(),
        clean=query.written(kind="", sender="", due="", after=""),
        is_filtered=query.is_filtered,
        is_ticked=query.tick == "all",
        deliveries=_row_views(call, rows, show, told.ticked),
        searched=name,
        is_cut=goes_on and bool(name),
        next_href=f"/inbox?{query.written(after=after)}" if after else "",
        shown=shown,
        is_gone=show is not None and shown is None,
        notice=told.notice,
        **_around(call, query),
    )


_LATELY = timedelta(days=7)
"""So long the sender of a paper with malware is told above the inbox."""


def _around(call: Call, query: InboxQuery) -> Mapping[str, Any]:
    """What stands around the list: counters, filters, notices."""
    session, actor = call.session, call.actor
    facets = inbox.counts_by(session, actor, query.filter(call.now))
    kind_of, language = call.services.catalogue.kind, call.language
    kinds = [(one.code, kind_of(one.code), one.count) for one in facets.kinds]
    named = [(code, kind.name.get(language) if kind else code, n) for code, kind, n in kinds]
    everything = ("", call.kit.pages.text(language, N_("Alle")), 0)
    return {
        "kinds": [everything, *sorted(named, key=lambda one: one[1])],
        "senders": [everything, *((one.code, one.name, one.count) for one in facets.senders)],
        "counts": {state.value: n for state, n in inbox.counts(session, actor).items()},
        "count_max": COUNT_MAX,
        "mine_count": inbox.mine_count(session, actor, now=call.now),
        "overdue_count": inbox.overdue_count(session, actor, now=call.now),
        **_to_acknowledge(call),
        "approvals_count": _approvals(call),
        "blocked_count": reading.blocked_count(session, actor.acting.id, since=call.now - _LATELY),
        "refusing": mail.refusing(call),
        "leaving_count": noticed_count(session, actor.acting.id, today=local_date(call.now)),
        "file_name_pattern": agencies.get(session, actor.acting.id).file_name_pattern,
        "return_reasons": call.services.catalogue.return_reasons,
        "can_settle": query.state is InboxState.NEW and actor.may(Permission.DELIVERY_SETTLE),
        "can_acknowledge": actor.may(Permission.DELIVERY_SETTLE),
        "has_keys": call.request.cookies.get(KEYS_COOKIE) != "off",
        "version": inbox.version(session, actor),
    }


def _row_views(
    call: Call, rows: Sequence[InboxRow], show: UUID | None, ticked: Sequence[UUID]
) -> list[SimpleNamespace]:
    names = accounts.names_of(call.session, [row.working_user_id for row in rows])
    return [
        SimpleNamespace(
            **vars(row),
            is_unread=row.state is InboxState.NEW and row.opened_at is None,
            is_shown=row.id == show,
            is_ticked=row.id in ticked,
            claim=_claim(call, row.working_user_id, row.working_until, names),
        )
        for row in rows
    ]


def _claim(
    call: Call, user_id: UUID | None, until: datetime | None, names: Mapping[UUID, str]
) -> SimpleNamespace | None:
    """Who works on a delivery just now."""
    if user_id is None or until is None or until <= call.now:
        return None
    is_mine = user_id == call.actor.user_id
    return SimpleNamespace(is_mine=is_mine, by=names.get(user_id, ""), until=until)


def _to_acknowledge(call: Call) -> Mapping[str, Any]:
    """Withdrawn and replaced papers of which nobody has taken note: the newest, and how many more.

    All of them stand in the list of what was withdrawn.
    """
    count = inbox.to_acknowledge_count(call.session, call.actor)
    ended = Filter(state=InboxState.WITHDRAWN, unnoted=True)
    limit = _ACKNOWLEDGE_SHOWN
    rows = inbox.rows(call.session, call.actor, ended, limit=limit) if count else []
    return {"to_acknowledge": rows, "more_to_acknowledge": count - len(rows)}


def _approvals(call: Call) -> int:
    """How many papers wait for this person to approve them, being the second one."""
    if not call.actor.may(Permission.DOCUMENT_APPROVE):
        return 0
    return reading.approvals_waiting(
        call.session, call.actor.acting.id, not_sent_by=call.actor.user_id
    )


# ── The preview ──────────────────────────────────────────────────────────────────────────────


def _beside(
    call: Call, query: InboxQuery, show: UUID, rows: Sequence[InboxRow], error: str
) -> SimpleNamespace | None:
    """What is shown beside the list; ``None`` when it is not in the inbox (any more)."""
    try:
        return _shown(call, query, show, next_id=_next(rows, show), error=error)
    except NotFound:
        return None


def _next(rows: Sequence[InboxRow], show: UUID) -> UUID | None:
    """The delivery to go on with when this one leaves the list: below it, else above."""
    ids = [row.id for row in rows]
    if show not in ids:
        return None
    place = ids.index(show)
    following = ids[place + 1 : place + 2] or ids[max(place - 1, 0) : place]
    return following[0] if following else None


def _shown(
    call: Call, query: InboxQuery, show: UUID, *, next_id: UUID | None, error: str
) -> SimpleNamespace:
    document_id = reading.document_delivered(call.session, call.actor, show)
    document = reading.view(call.session, call.actor, document_id)
    own = document.own_delivery
    if own is None:
        raise NotFound
    row = call.session.get_one(Delivery, show)
    is_open = own.state is DeliveryState.NEW and document.state is DocumentState.LIVE
    names = accounts.names_of(call.session, [row.working_user_id])
    return SimpleNamespace(
        document=SimpleNamespace(**vars(document) | {"fields": fields_of(call, document)}),
        own=own,
        sender_name=document.sender_name,
        claim=_claim(call, row.working_user_id, row.working_until, names),
        can_settle=is_open and call.actor.may(Permission.DELIVERY_SETTLE),
        can_forward=_can_forward(call, document),
        can_read=document.state is DocumentState.LIVE,
        error=error,
        place=SimpleNamespace(list=query.written(), next=next_id or ""),
    )


def _can_forward(call: Call, document: DocumentView) -> bool:
    own = document.own_delivery
    return (
        own is not None
        and own.state is not DeliveryState.RETURNED
        and document.state is DocumentState.LIVE
        and call.actor.may(Permission.DELIVERY_SETTLE)
        and forwarding.can_forward(call.session, call.actor, call.services.catalogue, document)
    )


# ── What was just done ───────────────────────────────────────────────────────────────────────


def _notice(call: Call, query: InboxQuery) -> Notice | None:
    if query.done not in _DONE:
        return None
    seconds = _undo_seconds(call, query.undo) if query.done in _CAN_BE_UNDONE else 0
    return Notice(
        "success",
        call.kit.pages.text(call.language, _DONE[query.done]),
        done=query.done,
        undo=query.undo if seconds else None,
        undo_seconds=seconds,
    )


def _undo_seconds(call: Call, delivery_id: UUID | None) -> int:
    """For how long it can still be undone; anybody can write a link."""
    if delivery_id is None:
        return 0
    try:
        reading.document_delivered(call.session, call.actor, delivery_id)
    except NotFound:
        return 0
    row = call.session.get_one(Delivery, delivery_id)
    settled_at = row.taken_over_at or row.returned_at
    by = row.taken_over_by_user_id or row.returned_by_user_id
    if settled_at is None or by != call.actor.user_id:
        return 0
    return max(0, settling.UNDO_SECONDS - int((call.now - settled_at).total_seconds()))
