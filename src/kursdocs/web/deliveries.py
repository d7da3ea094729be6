"""What can be done with deliveries: settle them one by one or many at once, undo, claim, download.

Every answer leads back to where the form came from: to the list that it carries (``list``), with
the delivery to go on with (``next``), or to the page of the document.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from starlette.responses import Response

from kursdocs.core.documents import corrections, reading, settling
from kursdocs.core.errors import Conflict, Invalid, KursdocsError, NotFound
from kursdocs.operations import settling as many
from kursdocs.operations.settling import Outcome
from kursdocs.web import bundles, errors, inbox
from kursdocs.web.call import Call, redirect
from kursdocs.web.documents import show_refused, without_reason
from kursdocs.web.errors import BadRequest
from kursdocs.web.inbox import InboxQuery, Notice, Result
from kursdocs.web.pages import N_, plain_name

_CLAIMED = "claimed_by_colleague"


def take_over(call: Call) -> Response:
    """Make a delivery the agency's own."""
    delivery_id = call.id_in_path("delivery_id")
    try:
        settling.take_over(
            call.session,
            call.actor,
            delivery_id,
            catalogue=call.services.catalogue,
            now=call.now,
            despite_claim="despite" in call.form,
        )
    except Conflict as error:
        return _too_late(call, delivery_id, error)
    return _settled(call, delivery_id, "taken_over")


def return_(call: Call) -> Response:
    """Give a delivery back to its sender."""
    delivery_id = call.id_in_path("delivery_id")
    reason = call.form.get("reason", "")
    if call.services.catalogue.return_reason(reason) is None:
        return _without_reason(call, delivery_id)
    try:
        settling.return_(
            call.session,
            call.actor,
            delivery_id,
            reason=reason,
            catalogue=call.services.catalogue,
            now=call.now,
        )
    except Conflict as error:
        return _too_late(call, delivery_id, error)
    return _settled(call, delivery_id, "returned")


def undo(call: Call) -> Response:
    """Take back what the same person did a moment ago."""
    delivery_id = call.id_in_path("delivery_id")
    try:
        settling.undo(
            call.session, call.actor, delivery_id, catalogue=call.services.catalogue, now=call.now
        )
    except Conflict as error:
        return _refused(call, delivery_id, error)
    return redirect(f"/inbox?{_list(call).written(done='undone', show=delivery_id)}")


def claim(call: Call) -> Response:
    """Let the colleagues see who works on it."""
    delivery_id = call.id_in_path("delivery_id")
    try:
        settling.claim(call.session, call.actor, delivery_id, now=call.now)
    except Conflict as error:
        return _too_late(call, delivery_id, error)
    return _stayed(call, delivery_id, "claimed")


def unclaim(call: Call) -> Response:
    """Let go of it again."""
    delivery_id = call.id_in_path("delivery_id")
    try:
        settling.unclaim(call.session, call.actor, delivery_id, now=call.now)
    except Conflict as error:
        return _too_late(call, delivery_id, error)
    return _stayed(call, delivery_id, "unclaimed")


def acknowledge(call: Call) -> Response:
    """Take note that a paper was withdrawn or replaced."""
    delivery_id = call.id_in_path("delivery_id")
    try:
        document_id = corrections.acknowledge(call.session, call.actor, delivery_id, now=call.now)
    except Conflict as error:
        return _too_late(call, delivery_id, error)
    if "list" not in call.form:
        return redirect(f"/documents/{document_id}?done=acknowledged")
    return redirect(f"/inbox?{_list(call).written(done='acknowledged')}")


# ── Back to where the form came from ─────────────────────────────────────────────────────────


def _list(call: Call) -> InboxQuery:
    """The list that the form came from; the usual one when it came from a document's page."""
    return InboxQuery.read(call.form.get("list", ""))


def _settled(call: Call, delivery_id: UUID, done: str) -> Response:
    changes: dict[str, object] = {"done": done, "undo": delivery_id}
    if call.form.get("next"):
        changes["show"] = _id(call.form["next"])
    return redirect(f"/inbox?{_list(call).written(**changes)}")


def _stayed(call: Call, delivery_id: UUID, done: str) -> Response:
    """Where one was, as nothing has left the list."""
    if "list" in call.form:
        return redirect(f"/inbox?{_list(call).written(done=done, show=delivery_id)}")
    document_id = reading.document_delivered(call.session, call.actor, delivery_id)
    return redirect(f"/documents/{document_id}?{urlencode({'done': done})}")


def _without_reason(call: Call, delivery_id: UUID) -> Response:
    document_id = reading.document_delivered(call.session, call.actor, delivery_id)
    if "list" not in call.form:
        return without_reason(call, reading.view(call.session, call.actor, document_id))
    error = Invalid("reason_unknown", field="reason")
    call.refused(error)
    said = errors.sentence(call.kit.pages, call.language, error)
    return inbox.page(call, _list(call), show=delivery_id, error=said, status=422)


def _too_late(call: Call, delivery_id: UUID, error: Conflict) -> Response:
    """Where one was, saying that somebody was quicker, when, and who of the own agency."""
    if "list" in call.form or error.code == _CLAIMED:
        return _refused(call, delivery_id, error)
    document_id = reading.document_delivered(call.session, call.actor, delivery_id)
    return show_refused(call, reading.view(call.session, call.actor, document_id), error)


def _refused(call: Call, delivery_id: UUID, error: Conflict) -> Response:
    call.refused(error)
    told = errors.tell(call.kit.pages, call.language, error)
    outcome = Outcome(
        delivery_id,
        error.code,
        str(error.details.get("by", "")),
        str(error.details.get("at", error.details.get("until", ""))),
    )
    can_insist = error.code == _CLAIMED and call.row.name == "deliveries.take_over"
    notice = Notice(
        "warning",
        told.heading,
        results=[_result(call, outcome)],
        done="refused",
        despite=delivery_id if can_insist else None,
    )
    return inbox.page(call, _list(call), show=delivery_id, notice=notice, status=told.status)


# ── Many at once ─────────────────────────────────────────────────────────────────────────────

_MANY_DONE: Mapping[str, tuple[str, str]] = {
    "take_over": (N_("1 Papier übernommen"), N_("%(count)s Papiere übernommen")),
    "return": (N_("1 Papier zurückgegeben"), N_("%(count)s Papiere zurückgegeben")),
    "claim": (N_("Sie sind an 1 Papier dran"), N_("Sie sind an %(count)s Papieren dran")),
    "undo": (
        N_("1 Papier steht wieder unter „Neu“"),
        N_("%(count)s Papiere stehen wieder unter „Neu“"),
    ),
}
_SOME_LEFT = N_("%(count)s nicht: Lesen Sie hier, warum.")


def settle(call: Call) -> Response:
    """Do the same with all that are ticked, and say what became of each that it was not done to."""
    action = call.form.get("action", "")
    if action not in _MANY_DONE:
        raise BadRequest("parameter_invalid", field="action")
    query = _list(call)
    try:
        outcomes = _act(call, action, _ticked(call))
    except Invalid as error:
        return _not_begun(call, query, error)
    done = [outcome for outcome in outcomes if outcome.is_done]
    left = [outcome for outcome in outcomes if not outcome.is_done]
    with call.services.transaction() as session:
        inside = call.inside(session)
        one, several = _MANY_DONE[action]
        heading = _text(call, one if len(done) == 1 else several, count=len(done))
        notice = Notice(
            "warning" if left else "success",
            heading,
            _text(call, _SOME_LEFT, count=len(left)) if left else "",
            done=action,
            results=[_result(inside, outcome) for outcome in left],
            undo_many=[o.delivery_id for o in done] if action in ("take_over", "return") else (),
            undo_seconds=settling.UNDO_SECONDS,
        )
        return inbox.page(inside, query, show=_shown(call), notice=notice)


def bundle(call: Call) -> Response:
    """All that are ticked as one ZIP; nobody gets one when something stands against it."""
    try:
        return bundles.answer(call, _ticked(call))
    except Invalid as error:
        return _not_begun(call, _list(call), error)


def _act(call: Call, action: str, ids: Sequence[UUID]) -> Sequence[Outcome]:
    services, actor = call.services, call.actor
    if action == "claim":
        return many.claim_many(services, actor, ids)
    if action == "undo":
        return many.undo_many(services, actor, ids)
    if action == "take_over":
        return many.settle_many(services, actor, ids)
    if not call.form.get("reason"):
        # Without one it would be taking over.
        raise Invalid("reason_unknown", field="reason")
    return many.settle_many(services, actor, ids, reason=call.form["reason"])


def _ticked(call: Call) -> list[UUID]:
    return [_id(value) for value in call.chosen.get("delivery", ())]


def _shown(call: Call) -> UUID | None:
    """What was shown beside the list, and still is."""
    return _id(call.form["show"]) if call.form.get("show") else None


def _id(value: str) -> UUID:
    """An id out of a form; it is none of ours when it is no id."""
    try:
        return UUID(value)
    except ValueError:
        raise NotFound from None


def _not_begun(call: Call, query: InboxQuery, error: KursdocsError) -> Response:
    """The list again, saying what was missing; nothing was done."""
    with call.services.transaction() as session:
        inside = call.inside(session)
        inside.refused(error)
        said = errors.tell(call.kit.pages, call.language, error)
        notice = Notice("warning", said.sentence, done="refused")
        return inbox.page(
            inside,
            query,
            show=_shown(call),
            notice=notice,
            ticked=_ticked(call),
            status=said.status,
        )


def _result(call: Call, outcome: Outcome) -> Result:
    """Why one of them was not settled, by whom else and when."""
    name, kind = "", ""
    try:
        document_id = reading.document_delivered(call.session, call.actor, outcome.delivery_id)
        document = reading.view(call.session, call.actor, document_id)
        name, kind = plain_name(document), document.kind
    except NotFound:
        pass  # withdrawn meanwhile: then there is no person to be named either
    at = datetime.fromisoformat(outcome.at) if outcome.at else None
    error = NotFound() if outcome.code == "not_found" else Conflict(outcome.code)
    is_claim = outcome.code == _CLAIMED
    return Result(
        name=name,
        kind=kind,
        sentence=errors.sentence(call.kit.pages, call.language, error),
        at=None if is_claim else at,
        until=at if is_claim else None,
        by=outcome.by,
    )


def _text(call: Call, sentence: str, **values: object) -> str:
    text = call.kit.pages.text(call.language, sentence)
    return text % values if "%(" in text else text
