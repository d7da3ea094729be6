"""The second person: pages on which a report with consequences is approved or declined."""

from uuid import UUID

from starlette.responses import Response

from kursdocs.core.documents import holding, reading
from kursdocs.core.documents.reasons import decline_reason
from kursdocs.core.errors import Conflict, Invalid
from kursdocs.core.follow_ups import fulfilling
from kursdocs.web import documents
from kursdocs.web.call import Call, redirect


def approve(call: Call) -> Response:
    """Let it go out; when somebody was quicker, the document says who and when."""
    document_id = call.id_in_path("document_id")
    try:
        carry_out(call, document_id)
    except Conflict as error:
        return _again(call, document_id, error)
    return redirect(f"/documents/{document_id}?done=approved")


def carry_out(call: Call, document_id: UUID) -> None:
    """Let it go out, for page and API alike; raises as ``holding.approve`` does."""
    rules, now = call.services.catalogue, call.now
    holding.approve(call.session, call.actor, document_id, catalogue=rules, now=now)
    fulfilling.by_document(call.session, rules, document_id, now=now)


def decline(call: Call) -> Response:
    """End it with a reason of the list; its sender sees which."""
    document_id = call.id_in_path("document_id")
    reason = call.form.get("reason", "")
    if decline_reason(reason) is None:
        return _again(call, document_id, Invalid("reason_unknown", field="reason"))
    try:
        holding.decline(
            call.session,
            call.actor,
            document_id,
            reason=reason,
            catalogue=call.services.catalogue,
            now=call.now,
        )
    except Conflict as error:
        return _again(call, document_id, error)
    return redirect(f"/documents/{document_id}?done=declined")


def _again(call: Call, document_id: UUID, error: Conflict | Invalid) -> Response:
    return documents.show_refused(
        call, reading.view_own(call.session, call.actor, document_id), error
    )
