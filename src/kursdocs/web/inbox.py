"""The inbox of an agency, and what settles the deliveries in it."""

from uuid import UUID

from pydantic import Field
from starlette.responses import Response

from kursdocs.core import agencies
from kursdocs.core.access import Permission
from kursdocs.core.audit import Happening
from kursdocs.core.documents import inbox, reading, settling
from kursdocs.core.documents.inbox import InboxState
from kursdocs.core.documents.retention import noticed_count
from kursdocs.core.errors import Conflict
from kursdocs.core.workdays import local_date
from kursdocs.web.call import COUNT_MAX, PAGE_SIZE, Call, Query, redirect
from kursdocs.web.documents import show_refused, without_reason
from kursdocs.web.errors import BadRequest
from kursdocs.web.pages import N_

SEARCH_LENGTH_MAX = 120
_DONE_IN_INBOX = {
    "taken_over": N_("Übernommen. Für Ihre Stelle ist das Papier damit erledigt."),
    "returned": N_("Zurückgegeben. Die absendende Stelle sieht den Grund."),
}


class InboxList(Query):
    """Which tab of the inbox, and where the list goes on."""

    state: InboxState = Field(default=InboxState.NEW, description="Which deliveries to list.")
    after: UUID | None = Field(
        default=None, description="The `next` of the page before; empty for the first page."
    )


class InboxQuery(InboxList):
    """The same for the page, with what was just done, for the message at the top."""

    done: str = Field(default="", max_length=20)


def index(call: Call) -> Response:
    """What came in for the acting agency."""
    query: InboxQuery = call.query()
    return _inbox(call, query.state, after=query.after, flash=_DONE_IN_INBOX.get(query.done, ""))


def search(call: Call) -> Response:
    """People of the own inbox by the beginnings of their names; names never stand in addresses."""
    try:
        state = InboxState(call.form.get("state", ""))
    except ValueError:
        raise BadRequest("parameter_invalid", field="state") from None
    return _inbox(call, state, name=call.form.get("name", "")[:SEARCH_LENGTH_MAX])


def _inbox(
    call: Call,
    state: InboxState,
    *,
    after: UUID | None = None,
    name: str = "",
    flash: str = "",
) -> Response:
    rows = inbox.rows(call.session, call.actor, state, after=after, limit=PAGE_SIZE + 1, name=name)
    shown = rows[:PAGE_SIZE]
    agencies.note_look(call.session, call.actor.acting.id, now=call.now)
    call.record(Happening.INBOX_LISTED, state=state.value, count=len(shown))
    goes_on = len(rows) > PAGE_SIZE and not name
    return call.render(
        "inbox/index.html",
        flash=flash,
        state=state.value,
        approvals_count=_approvals(call),
        leaving_count=noticed_count(call.session, call.actor.acting.id, today=local_date(call.now)),
        counts={k.value: v for k, v in inbox.counts(call.session, call.actor).items()},
        count_max=COUNT_MAX,
        deliveries=shown,
        searched=name,
        is_cut=len(rows) > PAGE_SIZE and bool(name),
        file_name_pattern=agencies.get(call.session, call.actor.acting.id).file_name_pattern,
        next_href=f"/inbox?state={state}&after={shown[-1].id}" if goes_on else "",
    )


def _approvals(call: Call) -> int:
    """How many papers wait for this person to approve them, being the second one."""
    if not call.actor.may(Permission.DOCUMENT_APPROVE):
        return 0
    return reading.approvals_waiting(
        call.session, call.actor.acting.id, not_sent_by=call.actor.user_id
    )


def take_over(call: Call) -> Response:
    """Make a delivery the agency's own."""
    delivery_id = call.id_in_path("delivery_id")
    try:
        settling.take_over(
            call.session, call.actor, delivery_id, catalogue=call.services.catalogue, now=call.now
        )
    except Conflict as error:
        return _too_late(call, delivery_id, error)
    return redirect("/inbox?done=taken_over")


def return_(call: Call) -> Response:
    """Give a delivery back to its sender."""
    delivery_id = call.id_in_path("delivery_id")
    reason = call.form.get("reason", "")
    if call.services.catalogue.return_reason(reason) is None:
        document_id = reading.document_delivered(call.session, call.actor, delivery_id)
        return without_reason(call, reading.view(call.session, call.actor, document_id))
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
    return redirect("/inbox?done=returned")


def _too_late(call: Call, delivery_id: UUID, error: Conflict) -> Response:
    """The document again, saying that somebody was quicker, when, and who of the own agency."""
    document_id = reading.document_delivered(call.session, call.actor, delivery_id)
    return show_refused(call, reading.view(call.session, call.actor, document_id), error)
