"""The JSON API: bearer token, the same core calls as the pages, answers from ``models``."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import anyio.to_thread
from pydantic import BaseModel
from pydantic import Field as Query
from starlette.responses import Response

from kursdocs.catalogue import Field, Kind
from kursdocs.core import agencies
from kursdocs.core.access import Permission
from kursdocs.core.audit import Happening
from kursdocs.core.documents import corrections, holding, lifecycle, reading
from kursdocs.core.documents.reading import DocumentView
from kursdocs.core.documents.reasons import BY_ITSELF, DECLINE_REASONS, decline_reason
from kursdocs.core.errors import Invalid
from kursdocs.core.requests import answering
from kursdocs.operations import handout
from kursdocs.web import approvals, forwarding, models, uploads
from kursdocs.web.call import Call
from kursdocs.web.corrections import correction_steps
from kursdocs.web.documents import pdf_response
from kursdocs.web.sent import SentQuery
from kursdocs.web.uploads import Typed


class SentPage(SentQuery):
    """How many sent documents, and where the list goes on."""

    limit: int = Query(default=50, ge=1, le=100)


def _json(model: BaseModel, status: int = 200) -> Response:
    return Response(model.model_dump_json(), status, media_type="application/json")


# ── Documents ────────────────────────────────────────────────────────────────────────────────


async def create(call: Call) -> Response:
    """Receive, store and deliver a document; answered only when it is safe."""
    document = await uploads.receive(call, Typed())
    answers = await anyio.to_thread.run_sync(_answers_of_sent, call, document)
    return _json(_document(document, answers), 201)


def _answers_of_sent(call: Call, document: DocumentView) -> Sequence[UUID]:
    with call.services.transaction() as session:
        return answering.answered_by(session, call.actor, document.id)


def _document(document: DocumentView, answers: Sequence[UUID] = ()) -> models.DocumentOut:
    return models.DocumentOut.model_validate(
        {n: getattr(document, n) for n in models.DocumentOut.model_fields if n != "answers"}
        | {"deliveries": [_delivery(d) for d in document.deliveries], "answers": answers}
    )


def _delivery(delivery: reading.DeliveryView) -> models.DeliveryOut:
    return models.DeliveryOut.model_validate(
        {name: getattr(delivery, name) for name in models.DeliveryOut.model_fields}
    )


def sent(call: Call) -> Response:
    """What the acting agency sent, newest first."""
    query: SentPage = call.query()
    rows = reading.sent(
        call.session,
        call.actor,
        state=query.state,
        kind=query.kind,
        recipient=query.recipient,
        after=query.after,
        limit=query.limit + 1,
    )
    shown = rows[: query.limit]
    call.record(Happening.SENT_LISTED, count=len(shown))
    items = [
        models.SentItemOut.model_validate(
            {name: getattr(row, name) for name in models.SentItemOut.model_fields}
            | {"deliveries": [_delivery(d) for d in row.deliveries]}
        )
        for row in shown
    ]
    return _json(models.SentOut(items=items, next=shown[-1].id if len(rows) > len(shown) else None))


async def correct(call: Call) -> Response:
    """Replace a document by a corrected one; without a file the old one's is used again."""
    document = await uploads.receive(call, Typed(), correction_steps(call))
    return _json(_document(document), 201)


def show(call: Call) -> Response:
    """One document."""
    document = reading.view(call.session, call.actor, call.id_in_path("document_id"))
    answers = answering.answered_by(call.session, call.actor, document.id)
    call.record(Happening.DOCUMENT_VIEWED, document_id=document.id)
    return _json(_document(document, answers))


def content(call: Call) -> Response:
    """The stored PDF, byte for byte."""
    return pdf_response(handout.download(call.services, call.actor, call.id_in_path("document_id")))


def events(call: Call) -> Response:
    """The timeline of a document."""
    document = reading.view(call.session, call.actor, call.id_in_path("document_id"))
    items = [
        models.EventOut(
            event=event.code,
            at=event.at,
            agency=event.agency_name,
            recipient=delivery.recipient,
            reason=event.reason,
        )
        for delivery in document.deliveries
        for event in reading.timeline(document, delivery)
    ]
    call.record(Happening.DOCUMENT_EVENTS_LISTED, document_id=document.id, count=len(items))
    return _json(models.EventsOut(items=sorted(items, key=lambda item: item.at)))


def withdraw(call: Call) -> Response:
    """Take a document back, with a reason of the list."""
    document_id = call.id_in_path("document_id")
    reading.view_own(call.session, call.actor, document_id)
    reason = call.form["reason"]
    if call.services.catalogue.withdrawal_reason(reason) is None:
        raise Invalid("reason_unknown", field="reason")
    lifecycle.withdraw(
        call.session,
        call.actor,
        document_id,
        reason=reason,
        catalogue=call.services.catalogue,
        now=call.now,
    )
    return _json(_document(reading.view(call.session, call.actor, document_id)))


def approve(call: Call) -> Response:
    """Let a report go out, as the second person of its sender."""
    document_id = call.id_in_path("document_id")
    approvals.carry_out(call, document_id)
    return _json(_document(reading.view(call.session, call.actor, document_id)))


def decline(call: Call) -> Response:
    """End a report as the second person, with a reason of the list."""
    document_id = call.id_in_path("document_id")
    reading.view_own(call.session, call.actor, document_id)
    reason = call.form["reason"]
    if decline_reason(reason) is None:
        raise Invalid("reason_unknown", field="reason")
    holding.decline(
        call.session,
        call.actor,
        document_id,
        reason=reason,
        catalogue=call.services.catalogue,
        now=call.now,
    )
    return _json(_document(reading.view(call.session, call.actor, document_id)))


def acknowledge(call: Call) -> Response:
    """Take note that a received document was withdrawn or replaced."""
    document_id = corrections.acknowledge(
        call.session, call.actor, call.id_in_path("delivery_id"), now=call.now
    )
    view = reading.view(call.session, call.actor, document_id)
    return _json(_delivery(view.deliveries[0]))


def forward(call: Call) -> Response:
    """Hand a received document on to another agency; answers with its new delivery."""
    made = forwarding.carry_out(call, call.id_in_path("delivery_id"), forwarding.read_form(call))
    view = reading.view(call.session, call.actor, made.document_id)
    return _json(_delivery(next(one for one in view.deliveries if one.id == made.id)), 201)


# ── Rules and people ─────────────────────────────────────────────────────────────────────────


def me(call: Call) -> Response:
    """Whom the token stands for, and what they may do."""
    actor = call.actor
    agency = models.AgencyOut.model_validate(actor.agency) if actor.agency else None
    return _json(
        models.MeOut(
            display_name=actor.display_name,
            role=actor.role,
            agency=agency,
            permissions=[p.value for p in Permission if actor.may(p)],
        )
    )


def agency_list(call: Call) -> Response:
    """The agencies that can be written to."""
    found = agencies.recipients(call.session, call.actor)
    return _json(
        models.AgenciesOut(items=[models.AgencyOut.model_validate(agency) for agency in found])
    )


def catalogue(call: Call) -> Response:
    """The rules as data."""
    rules = call.services.catalogue
    return _json(
        models.CatalogueOut.model_validate(
            {
                "version": rules.version,
                "groups": rules.groups,
                "kinds": [_kind(kind) for kind in rules.kinds],
                "excluded": rules.excluded,
                "return_reasons": rules.return_reasons,
                "withdrawal_reasons": rules.withdrawal_reasons,
                "correction_reasons": rules.correction_reasons,
                "decline_reasons": DECLINE_REASONS,
                "request_decline_reasons": rules.request_decline_reasons,
                "automatic_reasons": BY_ITSELF,
                "follow_ups": rules.follow_ups,
                "settle_reasons": rules.settle_reasons,
            }
        )
    )


def _kind(kind: Kind) -> dict[str, Any]:
    return {
        "code": kind.code,
        "name": kind.name,
        "hint": kind.hint,
        "group": kind.group.code,
        "fields": [
            {
                "name": asked.field.name,
                "label": asked.field.label,
                "required": asked.required,
                "format": _format(asked.field),
            }
            for asked in kind.fields
        ],
        "routes": kind.routes,
        "retention": kind.retention.code,
        "four_eyes": kind.four_eyes,
        "due_working_days": kind.due_working_days,
        "on_request": kind.on_request,
        "request_fields": [asked.field.name for asked in kind.request_fields],
    }


def _format(field: Field) -> Mapping[str, Any]:
    """A format by its type and bounds; options by their codes."""
    values = {
        name: value
        for name in field.format.__dataclass_fields__
        if (value := getattr(field.format, name, None)) is not None and name != "type"
    }
    if "options" in values:
        values["options"] = [option.code for option in values["options"]]
    return {"type": field.format.type, **{k: _plain(v) for k, v in values.items()}}


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | list) else str(value)
