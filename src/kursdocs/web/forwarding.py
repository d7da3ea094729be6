"""Handing a received paper on to a third agency, where the catalogue allows it."""

from uuid import UUID

from starlette.responses import Response

from kursdocs.catalogue import Need
from kursdocs.core.audit import Happening
from kursdocs.core.documents import forwarding, reading
from kursdocs.core.documents.forwarding import ForwardForm
from kursdocs.core.documents.tables import Delivery
from kursdocs.core.errors import Conflict, InvalidForm
from kursdocs.core.follow_ups import fulfilling
from kursdocs.core.workdays import local_date
from kursdocs.web import errors
from kursdocs.web.call import Call, redirect
from kursdocs.web.documents import show_refused

_TRUE = frozenset({"true", "on", "1", "yes", "ja"})


def new(call: Call) -> Response:
    """To whom this delivery may go on, on which ground, and what the person must have released."""
    delivery_id = call.id_in_path("delivery_id")
    document_id = reading.document_delivered(call.session, call.actor, delivery_id)
    return _form(call, delivery_id, document_id, ForwardForm(), None)


def _form(
    call: Call, delivery_id: UUID, document_id: UUID, typed: ForwardForm, told: errors.Told | None
) -> Response:
    view = reading.view(call.session, call.actor, document_id)
    try:
        document, _ = forwarding.held(call.session, call.actor, delivery_id)
        offered = forwarding.ways(call.session, call.actor, call.services.catalogue, document)
        if not offered:
            raise Conflict("not_forwardable")
    except Conflict as error:
        return show_refused(call, view, error)
    if told is None:
        call.record(Happening.DOCUMENT_VIEWED, document_id=document_id)
    else:
        call.record(Happening.REQUEST_REFUSED, route=call.row.name, code=told.code)
    return call.render(
        "deliveries/forward.html",
        status=told.status if told else 200,
        document=view,
        delivery_id=delivery_id,
        offered=offered,
        needs_release=any(way.route.need is Need.RELEASE for way in offered),
        typed=typed,
        errors=told.fields if told else {},
    )


def create(call: Call) -> Response:
    """Hand it on; on mistakes the form comes back with what was typed."""
    delivery_id = call.id_in_path("delivery_id")
    document_id = reading.document_delivered(call.session, call.actor, delivery_id)
    typed = read_form(call)
    try:
        carry_out(call, delivery_id, typed)
    except InvalidForm as error:
        told = errors.tell(call.kit.pages, call.language, error)
        return _form(call, delivery_id, document_id, typed, told)
    except Conflict as error:
        return show_refused(call, reading.view(call.session, call.actor, document_id), error)
    return redirect(f"/documents/{document_id}?done=forwarded")


def read_form(call: Call) -> ForwardForm:
    """What was typed, in the form or the JSON object."""
    return ForwardForm(
        recipient=call.form.get("recipient", ""),
        released=str(call.form.get("released", "")).lower() in _TRUE,
        release_given_on=call.form.get("release_given_on", ""),
        release_form=call.form.get("release_form", ""),
    )


def carry_out(call: Call, delivery_id: UUID, typed: ForwardForm) -> Delivery:
    """Hand a delivery on, for page and API alike; raises as ``forwarding.forward`` does."""
    delivery = forwarding.forward(
        call.session,
        call.actor,
        delivery_id,
        typed,
        catalogue=call.services.catalogue,
        today=local_date(call.now),
        now=call.now,
    )
    rules = call.services.catalogue
    fulfilling.by_document(call.session, rules, delivery.document_id, now=call.now)
    return delivery
