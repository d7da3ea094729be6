"""Correcting what is out, and sending once more what came back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from secrets import token_urlsafe
from uuid import UUID

import anyio.to_thread
from sqlmodel import Session
from starlette.responses import Response

from kursdocs.catalogue import DateFormat, Kind
from kursdocs.core import agencies
from kursdocs.core.access import Actor
from kursdocs.core.audit import Happening
from kursdocs.core.documents import corrections, reading
from kursdocs.core.documents.corrections import Before
from kursdocs.core.documents.reading import DocumentView
from kursdocs.core.documents.sending import Sending, SendingForm
from kursdocs.core.errors import Conflict, KursdocsError, NotFound, Unavailable
from kursdocs.operations import correcting, intake
from kursdocs.web import errors, sending, uploads
from kursdocs.web.call import Call, redirect
from kursdocs.web.documents import show_refused
from kursdocs.web.endpoint import readmit
from kursdocs.web.pages import plain_date
from kursdocs.web.uploads import PHOTOGRAPHS_MAX, Steps, Typed

_DAY_OF_FORM = "de"
"""Days stand in forms as their hint shows them, in every language."""


@dataclass
class Retyped(Typed):
    """What was typed for a paper that is sent anew."""

    reason: str = ""


# ── Receiving ────────────────────────────────────────────────────────────────────────────────


def correction_steps(call: Call) -> Steps:
    """A corrected paper: its reason is judged with its fields, and the old file may stay."""

    def prepare(typed: Typed) -> Sending:
        reason = _take_reason(typed)
        return correcting.prepare_correction(
            call.services, call.actor, document_id, typed.form, reason, typed.key
        )

    document_id = call.id_in_path("document_id")
    return Steps(prepare, _store(call, document_id), needs_file=False)


def _again_steps(call: Call) -> Steps:
    document_id = call.id_in_path("document_id")

    def prepare(typed: Typed) -> Sending:
        return correcting.prepare_again(call.services, call.actor, document_id, typed.form)

    return Steps(prepare, _store(call, document_id), needs_file=False)


def _store(call: Call, document_id: UUID) -> uploads.Store:
    def store(prepared: Sending, files: uploads.Files, key: str) -> DocumentView:
        asked_again = partial(readmit, call)
        return correcting.store(
            call.services, call.actor, document_id, prepared, files, key, asked_again
        )

    return store


def _take_reason(typed: Typed) -> str:
    """The reason, which is no field of the paper."""
    fields = dict(typed.form.fields)
    reason = fields.pop("reason", "")
    typed.form = replace(typed.form, fields=fields)
    if isinstance(typed, Retyped):
        typed.reason = reason
    return reason


# ── Pages ────────────────────────────────────────────────────────────────────────────────────


def new(call: Call) -> Response:
    """The form of a corrected paper, filled in with what was sent."""
    return _first(call, corrections.correction, is_correction=True)


def again(call: Call) -> Response:
    """The form of a paper that is sent once more, filled in likewise."""
    return _first(call, corrections.again, is_correction=False)


def _first(
    call: Call, find: Callable[[Session, Actor, UUID], Before], *, is_correction: bool
) -> Response:
    document_id = call.id_in_path("document_id")
    try:
        before = find(call.session, call.actor, document_id)
    except Conflict as error:
        return show_refused(call, reading.view_own(call.session, call.actor, document_id), error)
    call.record(Happening.DOCUMENT_VIEWED, document_id=document_id)
    return _form(call, before, Retyped(form=before.form), None, is_correction=is_correction)


def _form(
    call: Call, before: Before, typed: Retyped, told: errors.Told | None, *, is_correction: bool
) -> Response:
    kind = call.services.catalogue.kind(before.document.kind)
    if kind is None:
        raise Conflict("not_correctable")
    kinds = kind.recipient_kinds(call.actor.acting.kind)
    found = agencies.recipients(call.session, call.actor, kinds=kinds)
    offers = sending.offers_among(found, call.actor, kind)
    shown = sending.shown_names(kind, offers) | {"reason"}
    is_spent = told is not None and told.code in ("key_reused", "key_too_long")
    by_field = sending.by_field(told)
    return call.render(
        "documents/correct.html",
        status=told.status if told else 200,
        is_correction=is_correction,
        document=before.document,
        keeps_file=before.keeps_file,
        kind=kind,
        offers=offers,
        values=_values(kind, typed.form),
        recipients=typed.form.recipients,
        obliging_bodies=typed.form.obliging_bodies,
        reason=typed.reason,
        reasons=call.services.catalogue.correction_reasons,
        errors={name if name in shown else "": text for name, text in by_field.items()},
        acting_agency=call.actor.acting.slug,
        idempotency_key=token_urlsafe(16) if is_spent or not typed.key else typed.key,
        upload_bytes_max=intake.FILE_BYTES_MAX,
        photographs_max=PHOTOGRAPHS_MAX,
    )


def _values(kind: Kind, form: SendingForm) -> Mapping[str, str]:
    """What stands in the fields, by name; stored days as people write them."""
    days = {one.field.name for one in kind.fields if isinstance(one.field.format, DateFormat)}
    days |= {"birth_date", "release_given_on"}
    common = ("family_name", "given_names", "birth_date", "original_at")
    values = {
        **form.fields,
        **{name: getattr(form, name) for name in (*common, "release_given_on", "release_form")},
    }
    return {name: _day(text) if name in days else text for name, text in values.items()}


def _day(text: str) -> str:
    try:
        return plain_date(date.fromisoformat(text), _DAY_OF_FORM)
    except ValueError:
        return text


async def create(call: Call) -> Response:
    """Receive a corrected paper; on mistakes the form comes back with what was typed."""
    return await _receive(call, correction_steps(call), is_correction=True)


async def send_again(call: Call) -> Response:
    """Receive what is sent once more, likewise."""
    return await _receive(call, _again_steps(call), is_correction=False)


async def _receive(call: Call, steps: Steps, *, is_correction: bool) -> Response:
    typed = Retyped()
    try:
        stored = await uploads.receive(call, typed, steps)
    except NotFound:
        raise
    except KursdocsError as error:
        return await anyio.to_thread.run_sync(
            partial(_form_again, call, typed, error, is_correction=is_correction)
        )
    return redirect(f"/documents/{stored.id}/receipt")


def _form_again(
    call: Call, typed: Retyped, error: KursdocsError, *, is_correction: bool
) -> Response:
    """The form with its mistakes, or the document when it is too late for either."""
    document_id = call.id_in_path("document_id")
    if not typed.form.recipients and not typed.form.family_name:
        typed.form = uploads.read_form(typed.received)
        typed.key = typed.received.one("idempotency_key")
    if is_correction and not typed.reason:
        _take_reason(typed)
    told = errors.tell(call.kit.pages, call.language, error)
    find = corrections.correction if is_correction else corrections.again
    with call.services.transaction() as session:
        inside = call.inside(session)
        try:
            before = find(session, call.actor, document_id)
        except Conflict as late:
            view = reading.view_own(session, call.actor, document_id)
            return show_refused(inside, view, late)
        response = _form(inside, before, typed, told, is_correction=is_correction)
        # A part that does not answer is no refusal: nobody did anything wrong.
        if not isinstance(error, Unavailable):
            inside.refused(error)
    response.headers.update(errors.headers_of(told))
    return response
