"""The form of one paper, kind by kind, and what becomes of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from secrets import token_urlsafe
from uuid import UUID

import anyio.to_thread
from pydantic import Field
from starlette.responses import Response

from kursdocs.catalogue import DateFormat, Kind, Need, Route
from kursdocs.core import agencies
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import Happening
from kursdocs.core.documents.sending import SendingForm
from kursdocs.core.errors import Conflict, KursdocsError, NotFound, Unavailable
from kursdocs.core.follow_ups import fulfilling
from kursdocs.core.requests import answering, reading
from kursdocs.core.requests.reading import RequestView, Side
from kursdocs.core.requests.tables import RequestState
from kursdocs.operations import intake
from kursdocs.web import errors, uploads
from kursdocs.web.call import Call, Query, redirect
from kursdocs.web.requests import as_typed
from kursdocs.web.uploads import PHOTOGRAPHS_MAX, Typed


class KindQuery(Query):
    """Which kind of paper to send, and the request or follow-up for which it is."""

    kind: str = Field(default="", max_length=60)
    request: UUID | None = None
    follow_up: UUID | None = None


@dataclass(frozen=True)
class Offer:
    """A possible recipient of a kind, and the route there."""

    agency: Agency
    route: Route


def new(call: Call) -> Response:
    """The list of kinds, or the form of one."""
    catalogue = call.services.catalogue
    query: KindQuery = call.query()
    code = query.kind
    if query.request is not None:
        return _answer(call, query.request)
    if query.follow_up is not None:
        return _follow(call, query.follow_up, code)
    if not code:
        kinds = catalogue.sendable_by(call.actor.acting.kind)
        return call.render(
            "documents/choose_kind.html",
            groups=catalogue.by_group(kinds),
            excluded=catalogue.excluded,
        )
    kind = catalogue.kind(code)
    if kind is None or kind not in catalogue.sendable_by(call.actor.acting.kind):
        raise NotFound
    return _form(call, kind, Typed(), told=None)


def _answer(call: Call, request_id: UUID) -> Response:
    """The form that answers a request, filled in by it; or the request, when it has ended."""
    try:
        form = answering.prefill(call.session, call.actor, request_id, now=call.now)
    except Conflict:
        return redirect(f"/requests/{request_id}")
    kind = call.services.catalogue.kind(form.kind)
    if kind is None or kind not in call.services.catalogue.sendable_by(call.actor.acting.kind):
        return redirect(f"/requests/{request_id}")
    call.record(Happening.PAPER_REQUEST_VIEWED, paper_request=str(request_id))
    return _form(call, kind, Typed(form=_filled(kind, form)), told=None)


def _filled(kind: Kind, form: SendingForm) -> SendingForm:
    """Days as people type them."""
    fields = {name: _as_typed(kind, name, value) for name, value in form.fields.items()}
    born = as_typed(date.fromisoformat(form.birth_date)) if form.birth_date else ""
    return replace(form, birth_date=born, fields=fields)


def _follow(call: Call, follow_up_id: UUID, code: str) -> Response:
    """The form of the paper that should have followed, filled in by the one that it follows."""
    catalogue = call.services.catalogue
    try:
        form, document_id = fulfilling.form(call.session, call.actor, catalogue, follow_up_id, code)
    except Conflict:
        return redirect("/follow-ups")
    kind = catalogue.kind(code)
    if kind is None or kind not in catalogue.sendable_by(call.actor.acting.kind):
        raise NotFound
    call.record(Happening.DOCUMENT_VIEWED, document_id=document_id)
    return _form(call, kind, Typed(form=_filled(kind, form)), told=None)


def _as_typed(kind: Kind, name: str, value: str) -> str:
    formats = {asked.field.name: asked.field.format for asked in kind.fields}
    is_date = isinstance(formats.get(name), DateFormat)
    return as_typed(date.fromisoformat(value)) if is_date else value


def _request(call: Call, typed: Typed) -> RequestView | None:
    """The open request that the form answers; one that has ended is not named again."""
    try:
        found = reading.view(call.session, call.actor, UUID(typed.form.request))
    except (ValueError, NotFound):
        return None
    is_open = found.state is RequestState.OPEN and found.side is Side.RECEIVED
    return found if is_open else None


def _form(call: Call, kind: Kind, typed: Typed, told: errors.Told | None) -> Response:
    offers = _offers(call, kind)
    shown = shown_names(kind, offers)
    # A key that is spent or unusable would refuse this form for ever.
    is_spent = told is not None and told.code in ("key_reused", "key_too_long")
    return call.render(
        "documents/new.html",
        status=told.status if told else 200,
        kind=kind,
        offers=offers,
        typed=typed.form,
        request=_request(call, typed),
        # A mistake in what the form does not show stands above it, and leads nowhere.
        errors={n if n in shown else "": text for n, text in by_field(told).items()},
        acting_agency=call.actor.acting.slug,
        idempotency_key=token_urlsafe(16) if is_spent or not typed.key else typed.key,
        upload_bytes_max=intake.FILE_BYTES_MAX,
        photographs_max=PHOTOGRAPHS_MAX,
    )


def by_field(told: errors.Told | None) -> dict[str, str]:
    """The sentences of an error by field; that of no field stands under the empty name."""
    if told is None:
        return {}
    return dict(told.fields) or {"": told.sentence}


def shown_names(kind: Kind, offers: Sequence[Offer]) -> set[str]:
    """The names of the fields that the form of this kind shows."""
    shown = {"recipient", "family_name", "given_names", "birth_date", "original_at", "file"}
    shown |= {asked.field.name for asked in kind.fields}
    needs = {need for offer in offers for need in offer.route.needs}
    if needs & {Need.OBLIGING_BODY, Need.ISSUING_BODY}:
        shown.add("obliging_body")
    if Need.RELEASE in needs:
        shown |= {"released", "release_given_on", "release_form"}
    return shown


def _offers(call: Call, kind: Kind) -> list[Offer]:
    kinds = kind.recipient_kinds(call.actor.acting.kind)
    found = agencies.recipients(call.session, call.actor, kinds=kinds)
    return offers_among(found, call.actor, kind)


def offers_among(found: Sequence[Agency], actor: Actor, kind: Kind) -> list[Offer]:
    """Of these agencies those that may be sent this kind, and the route there."""
    routes = ((agency, kind.route(actor.acting.kind, agency.kind)) for agency in found)
    return [Offer(agency, route) for agency, route in routes if route is not None]


async def create(call: Call) -> Response:
    """Receive a document from the form; on mistakes the form comes back with what was typed."""
    typed = Typed()
    try:
        stored = await uploads.receive(call, typed)
    except KursdocsError as error:
        return await anyio.to_thread.run_sync(_form_again, call, typed, error)
    return redirect(f"/documents/{stored.id}/receipt")


def _form_again(call: Call, typed: Typed, error: KursdocsError) -> Response:
    """The form with its mistakes; raises the error again where no form can be shown."""
    catalogue = call.services.catalogue
    kind = catalogue.kind(typed.form.kind or typed.received.one("kind"))
    if kind is None or kind not in catalogue.sendable_by(call.actor.acting.kind):
        raise error
    if not typed.form.kind:
        typed.form = uploads.read_form(typed.received)
        typed.key = typed.received.one("idempotency_key")
    told = errors.tell(call.kit.pages, call.language, error)
    with call.services.transaction() as session:
        inside = call.inside(session)
        response = _form(inside, kind, typed, told)
        # A part that does not answer is no refusal: nobody did anything wrong.
        if not isinstance(error, Unavailable):
            inside.record(Happening.REQUEST_REFUSED, route=call.row.name, code=error.code)
    response.headers.update(errors.headers_of(told))
    return response
