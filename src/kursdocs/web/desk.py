"""The sending desk: a pile of papers comes in at once, is looked through, and goes out at once.

Every row is a draft that only its person sees. Pages answer forms that work as they stand; the
script posts the same forms and puts in place what comes back.
"""

from functools import partial
from secrets import token_urlsafe
from typing import Any
from uuid import UUID

import anyio.to_thread
from pydantic import Field
from starlette.responses import Response

from kursdocs.core import drafts
from kursdocs.core.audit import Happening
from kursdocs.core.documents import reading
from kursdocs.core.drafts import DraftView
from kursdocs.core.errors import Invalid, KursdocsError, NotFound, Unavailable
from kursdocs.operations import drafting, intake
from kursdocs.web import desk_files, desk_forms, errors
from kursdocs.web.call import Call, Query, redirect
from kursdocs.web.desk_files import Put
from kursdocs.web.desk_forms import RELEASE, Desk, Line
from kursdocs.web.documents import PageImageQuery
from kursdocs.web.endpoint import readmit
from kursdocs.web.pages import N_
from kursdocs.web.security import FILE_POLICY
from kursdocs.web.uploads import PHOTOGRAPHS_MAX

IDS_MAX = 60
# What the clerk can take over for the papers below, beside the fields of the kind.
COLUMNS: dict[str, tuple[str, ...]] = {
    "kind": ("kind",),
    "recipient": ("recipient", "obliging_body"),
    "release": RELEASE,
    "original_at": ("original_at",),
}
# Ticked from the start: what is the same for a whole course, more often than not.
USUAL = frozenset({"recipient", "release", "original_at"})

_DONE = {
    "filled": N_("Für die folgenden Papiere übernommen."),
    "discarded": N_("Vom Tisch genommen. Es wurde nichts gesendet."),
    "joined": N_("Zu einem Papier zusammengelegt."),
    "ready": N_("Alle Papiere sind bereit. Sehen Sie nach, wer was erhält, und senden Sie."),
}


class DeskQuery(Query):
    """Which paper is open, and what was just done."""

    draft: str = Field(default="", max_length=40)
    done: str = Field(default="", max_length=20)


class SentQuery(Query):
    """Ids of documents, with commas between them."""

    papers: str = Field(default="", max_length=40 * IDS_MAX)


def index(call: Call) -> Response:
    """What lies on the desk, one paper of it open."""
    query = call.query()
    return _page(call, _id_of(query.draft), flash=_DONE.get(query.done, ""))


def _id_of(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def _page(
    call: Call,
    open_id: UUID | None = None,
    *,
    status: int = 200,
    put: Put | None = None,
    asks_all: bool = False,
    flash: str = "",
    mistake: str = "",
) -> Response:
    """The desk; ``asks_all``: the open paper was to be ready, so that what is missing is said."""
    desk = Desk(call, drafts.mine(call.session, call.actor, now=call.now))
    at = desk.line(open_id) or desk.next_open() or next(iter(desk.lines), None)
    return call.render(
        "desk/index.html",
        status=status,
        flash=flash,
        desk=desk,
        open=_opened(call, desk, at, asks_all=asks_all) if at else None,
        refused=[
            (name, errors.sentence(call.kit.pages, call.language, error))
            for name, error in (put.refused if put else ())
        ],
        mistake=mistake,
        acting_agency=call.actor.acting.slug,
        upload_key=token_urlsafe(16),
        upload_bytes_max=intake.FILE_BYTES_MAX,
        photographs_max=PHOTOGRAPHS_MAX,
        needs=call.services.catalogue.need_texts,
    )


def _opened(call: Call, desk: Desk, line: Line, *, asks_all: bool) -> dict[str, Any]:
    at = desk.lines.index(line)
    fields = [asked.field.name for asked in line.kind.fields] if line.kind else []
    return {
        "line": line,
        "number": at + 1,
        "previous": desk.lines[at - 1] if at else None,
        "next": desk.lines[at + 1] if at + 1 < len(desk.lines) else None,
        "errors": desk_forms.told_of(call, line, all_of_them=asks_all),
        "labels": desk_forms.labels_of(call, line.kind),
        "columns": [name for name in (*COLUMNS, *fields) if _has(line, name)],
        "usual": USUAL,
    }


def _has(line: Line, column: str) -> bool:
    """Whether the form of the paper asks for it at all."""
    names = desk_forms.form_names(line.kind, line.offers)
    return any(name in names for name in COLUMNS.get(column, (column,)))


# ── Papers come ──────────────────────────────────────────────────────────────────────────────


async def put(call: Call) -> Response:
    """Put files on the desk, each a paper of its own or all of them one."""
    done = await desk_files.receive(call)
    return await anyio.to_thread.run_sync(_answered, call, done)


def _answered(call: Call, done: Put) -> Response:
    open_id = _id_of(done.open_id)
    if not done.refused and done.kept:
        return redirect(f"/desk?draft={open_id}" if open_id else "/desk")
    with call.services.transaction() as session:
        inside = call.inside(session)
        for _, error in done.refused:
            inside.refused(error)
        return _page(inside, open_id, status=422, put=done)


# ── One paper ────────────────────────────────────────────────────────────────────────────────


def save(call: Call) -> Response:
    """Keep what was typed; "next" means it was looked at, and leads on to the next paper."""
    draft = _noted(call)
    if call.form.get("then") != "next":
        return redirect(f"/desk?draft={draft.id}")
    desk = Desk(call, drafts.mine(call.session, call.actor, now=call.now))
    line = desk.line(draft.id)
    if line is not None and line.mistakes is not None:
        call.refused(line.mistakes)
        return _page(call, draft.id, status=422, asks_all=True)
    following = desk.next_open(draft.id)
    if following is None:
        return redirect(f"/desk?draft={draft.id}&done=ready")
    return redirect(f"/desk?draft={following.id}")


def _noted(call: Call) -> DraftView:
    """The draft of the path, after its form was remembered; raises ``NotFound``."""
    draft_id = call.id_in_path("draft_id")
    draft = drafts.get(call.session, call.actor, draft_id, now=call.now)
    line = Desk(call, [draft]).lines[0]
    typed = desk_forms.read(call, line)
    drafts.note(call.session, call.actor, draft_id, typed, now=call.now)
    return draft


def fill_down(call: Call) -> Response:
    """Keep what was typed, and take the ticked parts of it over for the papers below."""
    draft = _noted(call)
    names = [
        name for column in call.chosen.get("column", ()) for name in COLUMNS.get(column, (column,))
    ]
    drafts.fill_down(call.session, call.actor, draft.id, names, now=call.now)
    return redirect(f"/desk?draft={draft.id}&done=filled")


def discard(call: Call) -> Response:
    """Take a paper off the desk."""
    drafting.discard(call.services, call.actor, call.id_in_path("draft_id"))
    return redirect("/desk?done=discarded")


def page_image(call: Call) -> Response:
    """One page as PNG."""
    png = drafting.page_image(
        call.services,
        call.actor,
        call.id_in_path("draft_id"),
        page=_number(call.request.path_params["number"]),
        width=call.query().width,
    )
    return Response(png, media_type="image/png", headers={"Content-Security-Policy": FILE_POLICY})


class ThumbnailQuery(PageImageQuery):
    """How wide the image is to be, in pixels."""

    width: int = Field(default=900, ge=80, le=2000)


def _number(text: str) -> int:
    """A number of a page; whatever is none cannot be found: ``NotFound``."""
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise NotFound
    return int(text)


def turn(call: Call) -> Response:
    """Turn one page by a quarter."""
    draft_id = call.id_in_path("draft_id")
    degrees = call.form.get("degrees", "90")
    drafting.turn(
        call.services,
        call.actor,
        draft_id,
        page=_number(call.form.get("page", "")),
        degrees=int(degrees) if degrees in ("90", "180", "270") else 0,
    )
    return redirect(f"/desk?draft={draft_id}")


def arrange(call: Call) -> Response:
    """Put the pages into another order, or leave some out."""
    draft_id = call.id_in_path("draft_id")
    typed = call.form.get("pages", "")
    pages = [_number(text) for text in typed.split(",")] if typed else []
    drafting.arrange(call.services, call.actor, draft_id, pages)
    return redirect(f"/desk?draft={draft_id}")


def join(call: Call) -> Response:
    """Make one paper of those that are ticked."""
    wanted = [found for text in call.chosen.get("draft", ()) if (found := _id_of(text))]
    try:
        joined = drafting.join(call.services, call.actor, wanted)
    except Invalid as error:
        with call.services.transaction() as session:
            inside = call.inside(session)
            inside.refused(error)
            told = errors.sentence(call.kit.pages, call.language, error)
            return _page(inside, status=422, mistake=told)
    return redirect(f"/desk?draft={joined.id}&done=joined")


# ── Papers go ────────────────────────────────────────────────────────────────────────────────


def send(call: Call) -> Response:
    """Send the named papers, one after the other; a page says what became of each.

    ``then=count`` asks for no more than that they are stored: the list of them is a page of its
    own, and each look at it stands in the log.
    """
    ids = [found for text in call.chosen.get("draft", ()) if (found := _id_of(text))]
    ids = list(dict.fromkeys(ids))[:IDS_MAX]
    if not ids:
        return redirect("/desk")
    titles = _titles(call, ids)
    sent: list[UUID] = []
    failed: list[tuple[UUID, KursdocsError]] = []
    for draft_id in ids:
        try:
            sent.append(_sent(call, draft_id))
        except Unavailable as error:
            if not sent:
                raise
            failed.append((draft_id, error))
        except KursdocsError as error:
            failed.append((draft_id, error))
    if sent and not failed:
        if call.form.get("then") == "count":
            return _stored_page(call, sent)
        return redirect("/desk/sent?papers=" + ",".join(str(document) for document in sent))
    return _outcome(call, sent, [(titles.get(i, ""), i, error) for i, error in failed])


def _titles(call: Call, ids: list[UUID]) -> dict[UUID, str]:
    with call.services.transaction() as session:
        inside = call.inside(session)
        own = drafts.mine(session, call.actor, now=call.now)
        desk = Desk(inside, [draft for draft in own if draft.id in ids])
        return {line.id: line.title for line in desk.lines}


def _sent(call: Call, draft_id: UUID) -> UUID:
    """Send one paper, unless nobody has looked at what is proposed for it."""
    with call.services.transaction() as session:
        inside = call.inside(session)
        try:
            draft = drafts.get(session, call.actor, draft_id, now=call.now)
        except NotFound:
            line = None  # sent before, perhaps: that is for ``drafting`` to say
        else:
            line = Desk(inside, [draft]).lines[0]
        if line is not None and line.mistakes is None and line.unseen:
            raise desk_forms.proposals_unseen()
    admitted = partial(readmit, call)
    return drafting.send(call.services, call.actor, draft_id, admitted).id


def _outcome(
    call: Call, sent: list[UUID], failed: list[tuple[str, UUID, KursdocsError]]
) -> Response:
    with call.services.transaction() as session:
        inside = call.inside(session)
        for _, _, error in failed:
            inside.refused(error)
        return _sent_page(
            inside,
            sent,
            status=422,
            failed=[(title, draft_id, _told(call, error)) for title, draft_id, error in failed],
        )


def _stored_page(call: Call, ids: list[UUID]) -> Response:
    with call.services.transaction() as session:
        return call.inside(session).render("desk/stored.html", ids=ids)


def _told(call: Call, error: KursdocsError) -> str:
    return errors.sentence(call.kit.pages, call.language, error)


def sent(call: Call) -> Response:
    """The receipts of what has just been sent, and the list of it to print."""
    ids = [found for text in call.query().papers.split(",") if (found := _id_of(text))][:IDS_MAX]
    call.record(Happening.SENT_LISTED, count=len(ids))
    return _sent_page(call, ids)


def _sent_page(
    call: Call,
    ids: list[UUID],
    *,
    status: int = 200,
    failed: list[tuple[str, UUID, str]] | None = None,
) -> Response:
    documents = [reading.view_own(call.session, call.actor, found) for found in ids]
    left = drafts.count(call.session, call.actor, now=call.now)
    return call.render(
        "desk/sent.html", status=status, documents=documents, failed=failed or [], left=left
    )
