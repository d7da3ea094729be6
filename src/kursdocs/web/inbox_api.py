"""The part of the API that is about what came in: listing, settling, claiming, many as one ZIP."""

from uuid import UUID

from pydantic import BaseModel
from pydantic import Field as Query
from starlette.responses import Response

from kursdocs.core import agencies
from kursdocs.core.documents import inbox, reading, settling
from kursdocs.core.documents.inbox import InboxRow, Order
from kursdocs.core.errors import Invalid
from kursdocs.web import bundles, models
from kursdocs.web.call import Call
from kursdocs.web.inbox import InboxList, note_listed


class InboxPage(InboxList):
    """Which deliveries, how many, and where the list goes on.

    Programs get the newest first, as ever; the page's usual order is the one people work in.
    """

    order: Order = Query(default=Order.NEWEST, description="Newest first, or by due date.")
    limit: int = Query(default=50, ge=1, le=100)


def received(call: Call) -> Response:
    """The deliveries of the acting agency that the filters leave."""
    query: InboxPage = call.query()
    filter_ = query.filter(call.now)
    rows = inbox.rows(call.session, call.actor, filter_, after=query.after, limit=query.limit + 1)
    shown = rows[: query.limit]
    agencies.note_look(call.session, call.actor.acting.id, now=call.now)
    note_listed(call, query, count=len(shown))
    return _json(
        models.InboxOut(
            items=[_item(row) for row in shown],
            next=inbox.cursor(shown[-1], filter_) if len(rows) > query.limit else None,
        )
    )


def _item(row: InboxRow) -> models.InboxItemOut:
    document = {name: getattr(row, name) for name in models.InboxDocumentOut.model_fields}
    item = {
        name: getattr(row, name) for name in models.InboxItemOut.model_fields if name != "document"
    }
    return models.InboxItemOut.model_validate(
        item | {"document": document | {"id": row.document_id}}
    )


def take_over(call: Call) -> Response:
    """Make a delivery the agency's own; a second time is a conflict that says when and who."""
    document_id = settling.take_over(
        call.session,
        call.actor,
        call.id_in_path("delivery_id"),
        catalogue=call.services.catalogue,
        now=call.now,
        despite_claim=bool(call.form["despite_claim"]),
    )
    return _own_delivery(call, document_id)


def return_(call: Call) -> Response:
    """Give a delivery back, with a reason of the list."""
    reason = call.form["reason"]
    if call.services.catalogue.return_reason(reason) is None:
        raise Invalid("reason_unknown", field="reason")
    document_id = settling.return_(
        call.session,
        call.actor,
        call.id_in_path("delivery_id"),
        reason=reason,
        catalogue=call.services.catalogue,
        now=call.now,
        despite_claim=bool(call.form["despite_claim"]),
    )
    return _own_delivery(call, document_id)


def undo(call: Call) -> Response:
    """Make a delivery new again that the caller settled a moment ago."""
    document_id = settling.undo(
        call.session,
        call.actor,
        call.id_in_path("delivery_id"),
        catalogue=call.services.catalogue,
        now=call.now,
    )
    return _own_delivery(call, document_id)


def claim(call: Call) -> Response:
    """Let the colleagues see who works on a delivery, or renew that."""
    delivery_id = call.id_in_path("delivery_id")
    until = settling.claim(
        call.session, call.actor, delivery_id, now=call.now, take=bool(call.form["take"])
    )
    return _json(
        models.ClaimOut(delivery=delivery_id, working=call.actor.display_name, working_until=until)
    )


def unclaim(call: Call) -> Response:
    """Leave a delivery to the colleagues."""
    delivery_id = call.id_in_path("delivery_id")
    settling.unclaim(call.session, call.actor, delivery_id, now=call.now)
    return _json(models.ClaimOut(delivery=delivery_id, working="", working_until=None))


def bundle(call: Call) -> Response:
    """The documents of these deliveries as one ZIP."""
    return bundles.answer(call, [UUID(one) for one in call.chosen["deliveries"]])


def _own_delivery(call: Call, document_id: UUID) -> Response:
    delivery = reading.view(call.session, call.actor, document_id).deliveries[0]
    return _json(
        models.DeliveryOut.model_validate(
            {name: getattr(delivery, name) for name in models.DeliveryOut.model_fields}
        )
    )


def _json(model: BaseModel) -> Response:
    return Response(model.model_dump_json(), media_type="application/json")
