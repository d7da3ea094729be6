"""The sending desk: files that one person has put on the server and not sent yet.

A draft is kept like a document (accepted, sealed with a key of its own, read back), but nobody is
told of it and nobody else can find it. When it is sent its bytes go through the same intake as any
upload: the malware scan, a key and an object of their own, the receipt. After that, or when it is
discarded or its day is over, its key is destroyed and its object deleted.

What may die in between is found by ``sweeping``: a row is written before any object, also before
one that replaces another (turned or joined pages), and the old one is removed only after the row
points to the new one.
"""

import hashlib
import unicodedata
from collections.abc import Callable, Sequence
from uuid import UUID

import structlog
from sqlmodel import Session

from kursdocs.core import audit
from kursdocs.core.access import Actor
from kursdocs.core.audit import Happening
from kursdocs.core.documents import reading
from kursdocs.core.documents.reading import DocumentView
from kursdocs.core.documents.sending import Sending
from kursdocs.core.drafts import (
    Draft,
    DraftView,
    count,
    desk,
    fill_down,
    form_of,
    get,
    lifecycle,
    mine,
    note,
)
from kursdocs.core.drafts.lifecycle import Arrived
from kursdocs.core.drafts.tables import FILE_NAME_LENGTH_MAX
from kursdocs.core.errors import Conflict, Invalid, NotFound, Unavailable
from kursdocs.core.ports import KeyMissing, ObjectMissing, PageChoice, Paper, Tampered
from kursdocs.core.tables import new_id
from kursdocs.core.workdays import local_date
from kursdocs.operations import intake, proposals
from kursdocs.operations.handout import DocumentDamaged
from kursdocs.operations.sealing import seal, unseal
from kursdocs.services import Services

__all__ = [
    "DraftView",
    "arrange",
    "count",
    "discard",
    "fill_down",
    "get",
    "join",
    "keep",
    "mine",
    "note",
    "page_image",
    "prepare",
    "send",
    "turn",
]

THUMBNAIL_WIDTH_MAX = 200
JOINED_MAX = 20
_UPLOAD_KEY_LENGTH_MAX = 200

_log = structlog.get_logger()


# -- keeping -----------------------------------------------------------------------------------


def keep(
    services: Services,
    actor: Actor,
    files: Sequence[bytes],
    *,
    file_name: str,
    upload_key: str,
    readmit: Callable[[Session], None],
) -> DraftView:
    """Put one paper on the desk: one PDF, or photographs that become one.

    ``upload_key`` is what the browser calls this upload: the same one again gives the same draft,
    also when the answer was lost. Raises ``Invalid`` when the file is refused (codes as in
    ``intake``) or the desk is full (``drafts_too_many``), ``Conflict`` for the key's sake
    (``key_reused``, ``still_running``), ``Unavailable`` when a part is down: then nothing was kept.
    """
    if len(upload_key) > _UPLOAD_KEY_LENGTH_MAX:
        raise Invalid("key_too_long", field="idempotency_key", limit=_UPLOAD_KEY_LENGTH_MAX)
    received_sha256 = intake.hash_of(files)
    known = _repeated(services, actor, upload_key, received_sha256, readmit)
    if known is not None:
        return known
    paper = intake.accept(services, files)
    arrived = Arrived(
        file_name=_plain(file_name),
        upload_key=upload_key,
        proposed=_proposed(services, actor, paper),
    )
    return _keep(services, actor, paper, arrived, received_sha256, readmit)


def _repeated(
    services: Services,
    actor: Actor,
    upload_key: str,
    received_sha256: str,
    readmit: Callable[[Session], None],
) -> DraftView | None:
    with services.transaction() as session:
        readmit(session)
        known = lifecycle.repeated(
            session,
            actor,
            upload_key=upload_key,
            received_sha256=received_sha256,
            now=services.clock(),
        )
        return desk.view_of(known) if known else None


def _plain(file_name: str) -> str:
    """A name to show: no folders, no control characters, no endless ones."""
    last = file_name.replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(c for c in last if not unicodedata.category(c).startswith("C"))
    return " ".join(unicodedata.normalize("NFC", shown).split())[:FILE_NAME_LENGTH_MAX]


def _proposed(services: Services, actor: Actor, paper: Paper) -> dict[str, str]:
    """What the paper itself says; never a reason to refuse it."""
    try:
        lines = services.papers.lines(paper.pdf)
    except (Invalid, Unavailable) as error:
        _log.info("drafting.unread", code=error.code)
        return {}
    today = local_date(services.clock())
    return proposals.propose(lines, services.catalogue, actor.acting.kind, today=today)


def _keep(
    services: Services,
    actor: Actor,
    paper: Paper,
    arrived: Arrived,
    received_sha256: str,
    readmit: Callable[[Session], None],
) -> DraftView:
    draft_id, stored = new_id(), intake.stored_as(paper, received_sha256)
    # As in ``intake``: its age counts from before its key, so that it cannot outlive it.
    begun = services.clock()
    key = services.keys.create(draft_id)
    try:
        with services.transaction() as session:
            readmit(session)
            # Again, because the same upload may have come twice while the paper was opened.
            known = lifecycle.repeated(
                session,
                actor,
                upload_key=arrived.upload_key,
                received_sha256=received_sha256,
                now=begun,
            )
            if known is None:
                lifecycle.reserve(session, actor, arrived, stored, draft_id=draft_id, now=begun)
        if known is not None:
            services.keys.destroy(draft_id)
            return desk.view_of(known)
        intake.prove(services, draft_id, key)
        intake.put(services, stored.object_name, seal(key, draft_id, paper.pdf))
        with services.transaction() as session:
            readmit(session)
            return desk.view_of(lifecycle.finish(session, actor, draft_id, now=services.clock()))
    except Exception:
        _clear_up(services, draft_id, stored.object_name)
        raise


def _clear_up(services: Services, draft_id: UUID, object_name: str) -> None:
    """Give a draft up that could not be kept; what fails here as well is left to the sweeper."""
    try:
        with services.transaction() as session:
            given_up = lifecycle.give_up(session, draft_id, now=services.clock())
            has_row = bool(lifecycle.known_ids(session, [draft_id]))
        if given_up:
            remove(services, draft_id, object_name)
        elif not has_row:
            services.keys.destroy(draft_id)
    except (Unavailable, Conflict) as second:
        _log.warning("drafting.left_to_sweeper", draft=str(draft_id), code=second.code)


def remove(services: Services, draft_id: UUID, object_name: str) -> None:
    """Remove the bytes of a gone draft, and note it. Without its key the object is noise."""
    services.keys.destroy(draft_id)
    services.store.delete(object_name)
    with services.transaction() as session:
        lifecycle.emptied(session, draft_id)


def _remove_soon(services: Services, draft_id: UUID, object_name: str) -> None:
    """The same where everything that counts is committed: a failure is the sweeper's to mend."""
    try:
        remove(services, draft_id, object_name)
    except (Unavailable, Conflict) as error:
        _log.warning("drafting.left_to_sweeper", draft=str(draft_id), code=error.code)


# -- looking -----------------------------------------------------------------------------------


def page_image(services: Services, actor: Actor, draft_id: UUID, *, page: int, width: int) -> bytes:
    """One page as PNG; raises ``NotFound`` for a page there is not, ``Unavailable``.

    Looking at a page is in the log. The thumbnail in the list of the desk (page 1, up to 200
    pixels wide) is not: nothing can be read on it, and the list shows dozens of them.
    """
    with services.transaction() as session:
        draft = desk.require(session, actor, draft_id, now=services.clock())
        if not 1 <= page <= draft.page_count:
            raise NotFound
        if page > 1 or width > THUMBNAIL_WIDTH_MAX:
            audit.record(
                session,
                actor,
                Happening.DRAFT_PREVIEWED,
                now=services.clock(),
                draft=str(draft_id),
                page=page,
            )
    return services.papers.page_image(_bytes_of(services, actor, draft), page, width)


def _bytes_of(services: Services, actor: Actor, draft: Draft) -> bytes:
    """Fetch, decrypt and compare; raises ``NotFound``, ``DocumentDamaged``, ``Unavailable``."""
    try:
        return _opened(services, draft)
    except DocumentDamaged:
        # It may have been sent, discarded or turned since the row was read: that is no damage.
        with services.transaction() as session:
            again = desk.require(session, actor, draft.id, now=services.clock())
            if again.object_name != draft.object_name:
                raise Conflict("draft_changed") from None
        raise


def _opened(services: Services, draft: Draft) -> bytes:
    try:
        key = services.keys.get(draft.id)
        pdf = unseal(key, draft.id, services.store.get(draft.object_name))
    except (KeyMissing, ObjectMissing, Tampered) as error:
        raise DocumentDamaged from error
    if hashlib.sha256(pdf).hexdigest() != draft.sha256:
        raise DocumentDamaged
    return pdf


# -- discarding --------------------------------------------------------------------------------


def discard(services: Services, actor: Actor, draft_id: UUID) -> None:
    """Throw a draft away: nothing of it is left. Raises ``NotFound``."""
    with services.transaction() as session:
        now = services.clock()
        draft = desk.require(session, actor, draft_id, now=now, lock=True)
        lifecycle.end(session, draft, now=now)
        lifecycle.log_end(session, actor, draft, reason="discarded", now=now)
    _remove_soon(services, draft_id, draft.object_name)


# -- pages -------------------------------------------------------------------------------------


def turn(services: Services, actor: Actor, draft_id: UUID, *, page: int, degrees: int) -> DraftView:
    """Turn one page clockwise by 90, 180 or 270 degrees.

    Raises ``NotFound``, also for a page there is not; ``Invalid`` (``file_signed``); ``Conflict``
    (``draft_changed``) when it was changed in another tab meanwhile; ``Unavailable``.
    """
    draft = _found(services, actor, draft_id)
    if not 1 <= page <= draft.page_count:
        raise NotFound
    if degrees % 360 not in (90, 180, 270):
        raise Invalid("field_choice", field="degrees")
    pages = [
        PageChoice(0, number, degrees % 360 if number == page else 0)
        for number in range(1, draft.page_count + 1)
    ]
    return _rearrange(services, actor, [draft], pages)


def arrange(services: Services, actor: Actor, draft_id: UUID, pages: Sequence[int]) -> DraftView:
    """Put the pages (from 1) into this order; those left out are removed for good.

    Raises as :func:`turn` does, and ``Invalid`` (``pages_missing``) when none is left or one is
    named twice.
    """
    draft = _found(services, actor, draft_id)
    if not pages or len(set(pages)) < len(pages):
        raise Invalid("pages_missing", field="pages")
    if not all(1 <= page <= draft.page_count for page in pages):
        raise NotFound
    return _rearrange(services, actor, [draft], [PageChoice(0, page) for page in pages])


def join(services: Services, actor: Actor, draft_ids: Sequence[UUID]) -> DraftView:
    """Put the pages of all these drafts, in this order, into the first; the others are discarded.

    What was typed for the first stays, as does the hash of what was received for it. Raises as
    :func:`turn` does, and ``Invalid``: ``drafts_to_join`` for fewer than two,
    ``file_too_many_pages``.
    """
    wanted = list(dict.fromkeys(draft_ids))
    if not 2 <= len(wanted) <= JOINED_MAX:
        raise Invalid("drafts_to_join", field="draft", limit=JOINED_MAX)
    drafts = [_found(services, actor, draft_id) for draft_id in wanted]
    pages = [
        PageChoice(index, number)
        for index, draft in enumerate(drafts)
        for number in range(1, draft.page_count + 1)
    ]
    return _rearrange(services, actor, drafts, pages)


def _found(services: Services, actor: Actor, draft_id: UUID) -> Draft:
    with services.transaction() as session:
        return desk.require(session, actor, draft_id, now=services.clock())


def _rearrange(
    services: Services, actor: Actor, drafts: Sequence[Draft], pages: Sequence[PageChoice]
) -> DraftView:
    """Make the first draft consist of these pages; the others are discarded with it."""
    first = drafts[0]
    sources = [_bytes_of(services, actor, draft) for draft in drafts]
    paper = services.papers.arranged(sources, pages)
    if len(paper.pdf) > intake.FILE_BYTES_MAX:
        raise Invalid("file_too_big_inside", field="file")
    stored = intake.stored_as(paper, first.received_sha256)
    key = _key_of(services, first)
    with services.transaction() as session:
        now = services.clock()
        spare_id = lifecycle.set_aside(session, first, stored.object_name, now=now)
    try:
        intake.put(services, stored.object_name, seal(key, first.id, paper.pdf))
        with services.transaction() as session:
            now = services.clock()
            current = [_unchanged(session, actor, services, draft) for draft in drafts]
            old_name = lifecycle.exchange(session, current[0], spare_id, stored, now=now)
            for other in current[1:]:
                lifecycle.end(session, other, now=now)
            for other in current[1:]:
                lifecycle.log_end(session, actor, other, reason="joined", now=now)
            view = desk.view_of(current[0])
    except Exception:
        _clear_up(services, spare_id, stored.object_name)
        raise
    _remove_soon(services, spare_id, old_name)
    for draft in drafts[1:]:
        _remove_soon(services, draft.id, draft.object_name)
    return view


def _key_of(services: Services, draft: Draft) -> bytes:
    try:
        return services.keys.get(draft.id)
    except KeyMissing:
        raise NotFound from None


def _unchanged(session: Session, actor: Actor, services: Services, draft: Draft) -> Draft:
    """The draft's row, locked; raises ``Conflict`` when its pages are not those seen before."""
    now = services.clock()
    current = desk.require(session, actor, draft.id, now=now, lock=True)
    if current.sha256 != draft.sha256 or current.object_name != draft.object_name:
        raise Conflict("draft_changed")
    return current


# -- sending -----------------------------------------------------------------------------------


def prepare(services: Services, actor: Actor, draft_id: UUID) -> Sending:
    """Check what was typed; raises ``InvalidForm`` with every mistake, ``NotFound``.

    What is proposed and was not confirmed does not count.
    """
    with services.transaction() as session:
        return _prepared(session, services, actor, _found_in(session, services, actor, draft_id))


def _found_in(session: Session, services: Services, actor: Actor, draft_id: UUID) -> Draft:
    return desk.require(session, actor, draft_id, now=services.clock())


def _prepared(session: Session, services: Services, actor: Actor, draft: Draft) -> Sending:
    form = form_of(desk.view_of(draft), services.catalogue)
    return intake.checked(session, services, actor, form, lifecycle.sending_key(draft.id))


def send(
    services: Services,
    actor: Actor,
    draft_id: UUID,
    readmit: Callable[[Session], None],
) -> DocumentView:
    """Send the draft as it stands; it is gone in the same moment in which it is delivered.

    Sent twice, at once or one after the other, it is one document. Raises ``InvalidForm``,
    ``Invalid`` (``file_infected``), ``NotFound``, ``Conflict`` (``still_running``,
    ``draft_changed`` when its pages or its form were changed meanwhile), ``Unavailable``; then the
    draft is still there.
    """
    with services.transaction() as session:
        readmit(session)
        if sent := lifecycle.sent_as(session, actor, draft_id):
            return reading.view(session, actor, sent)
        draft = _found_in(session, services, actor, draft_id)
        typed, sending = draft.typed, _prepared(session, services, actor, draft)
    try:
        pdf = _bytes_of(services, actor, draft)
    except NotFound:
        # Another attempt may have sent it since the row was read.
        with services.transaction() as session:
            if sent := lifecycle.sent_as(session, actor, draft_id):
                return reading.view(session, actor, sent)
        raise

    def settle(session: Session) -> None:
        current = _unchanged(session, actor, services, draft)
        # What is typed last is meant: who mends a name meanwhile must not send the old one.
        if current.typed != typed:
            raise Conflict("draft_changed")
        lifecycle.end(session, current, now=services.clock())

    view = intake.store_accepted(
        services,
        actor,
        sending,
        Paper(pdf, draft.page_count, is_signed=False),
        lifecycle.sending_key(draft_id),
        readmit,
        received_sha256=draft.received_sha256,
        settle=settle,
    )
    _remove_soon(services, draft_id, draft.object_name)
    return view
