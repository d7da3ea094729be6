"""Pages for sending, looking at, handing out and settling documents."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from secrets import token_urlsafe
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote
from uuid import UUID

import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from kursdocs.catalogue import ChoiceFormat, DateFormat, Kind, Need, Route
from kursdocs.core import accounts, agencies
from kursdocs.core.access import ActorKind, Permission
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import Happening
from kursdocs.core.documents import lifecycle, reading
from kursdocs.core.documents.reading import (
    DeliveryView,
    DocumentView,
    InboxState,
    SentState,
    TimelineEvent,
)
from kursdocs.core.documents.reasons import DECLINE_REASONS, decline_reason
from kursdocs.core.documents.retention import noticed_count
from kursdocs.core.documents.tables import DeliveryState, DocumentState
from kursdocs.core.errors import Conflict, Invalid, KursdocsError, NotFound, Unavailable
from kursdocs.core.workdays import local_date
from kursdocs.operations import handout, intake
from kursdocs.web import errors, retention, uploads
from kursdocs.web.endpoint import Call, redirect
from kursdocs.web.errors import BadRequest
from kursdocs.web.pages import N_, show_date
from kursdocs.web.security import FILE_POLICY
from kursdocs.web.uploads import PHOTOGRAPHS_MAX, Typed

PAGE_SIZE = 50
COUNT_MAX = 100
SEARCH_LENGTH_MAX = 120
_READABLE = (DocumentState.LIVE, DocumentState.HELD, DocumentState.WITHDRAWN)

_DONE_IN_INBOX = {
    "taken_over": N_("Übernommen. Für Ihre Stelle ist das Papier damit erledigt."),
    "returned": N_("Zurückgegeben. Die absendende Stelle sieht den Grund."),
}
_WITHDRAWN = N_("Zurückgezogen. Die Empfänger können das Papier nicht mehr öffnen.")
_APPROVED = N_("Freigegeben. Das Papier ist zugestellt.")
_APPROVED_UNSCANNED = N_(
    "Freigegeben. Das Papier wird zugestellt, sobald es auf Schadsoftware geprüft ist."
)
_DECLINED = N_(
    "Abgelehnt. Das Papier wird niemandem zugestellt; wer es gesendet hat, sieht den Grund."
)


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid")


class InboxList(_Query):
    """Which tab of the inbox, and where the list goes on."""

    state: InboxState = Field(default=InboxState.NEW, description="Which deliveries to list.")
    after: UUID | None = Field(
        default=None, description="The `next` of the page before; empty for the first page."
    )


class InboxQuery(InboxList):
    """The same for the page, with what was just done, for the message at the top."""

    done: str = Field(default="", max_length=20)


class SentQuery(_Query):
    """Which of the sent documents, and where the list goes on."""

    state: SentState = Field(
        default=SentState.ALL,
        description="`waiting`: a second person must approve them; `returned`: came back.",
    )
    after: UUID | None = Field(
        default=None, description="The `next` of the page before; empty for the first page."
    )


class KindQuery(_Query):
    """Which kind of paper to send."""

    kind: str = Field(default="", max_length=60)


class ShowQuery(_Query):
    """What was just done, for the message at the top."""

    done: str = Field(default="", max_length=20)


class PageImageQuery(_Query):
    """How wide the image is to be, in pixels."""

    width: int = Field(default=900, ge=200, le=2000)


# ── Lists ────────────────────────────────────────────────────────────────────────────────────


def inbox(call: Call) -> Response:
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
    rows = reading.inbox(
        call.session, call.actor, state, after=after, limit=PAGE_SIZE + 1, name=name
    )
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
        counts={k.value: v for k, v in reading.inbox_counts(call.session, call.actor).items()},
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


def sent(call: Call) -> Response:
    """What the acting agency sent."""
    query: SentQuery = call.query()
    rows = reading.sent(
        call.session, call.actor, state=query.state, after=query.after, limit=PAGE_SIZE + 1
    )
    shown = rows[:PAGE_SIZE]
    call.record(Happening.SENT_LISTED, count=len(shown))
    goes_on = len(rows) > PAGE_SIZE
    return call.render(
        "documents/sent.html",
        state=query.state.value,
        waiting_count=reading.approvals_waiting(call.session, call.actor.acting.id),
        count_max=COUNT_MAX,
        user_id=call.actor.user_id,
        documents=shown,
        next_href=f"/sent?state={query.state}&after={shown[-1].id}" if goes_on else "",
    )


# ── Sending ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Offer:
    """A possible recipient of a kind, and the route there."""

    agency: Agency
    route: Route


def new(call: Call) -> Response:
    """The list of kinds, or the form of one."""
    catalogue = call.services.catalogue
    code = call.query().kind
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


def _form(call: Call, kind: Kind, typed: Typed, told: errors.Told | None) -> Response:
    offers = _offers(call, kind)
    shown = _shown(kind, offers)
    # A key that is spent or unusable would refuse this form for ever.
    is_spent = told is not None and told.code in ("key_reused", "key_too_long")
    return call.render(
        "documents/new.html",
        status=told.status if told else 200,
        kind=kind,
        offers=offers,
        typed=typed.form,
        # A mistake in what the form does not show stands above it, and leads nowhere.
        errors={n if n in shown else "": text for n, text in _by_field(told).items()},
        acting_agency=call.actor.acting.slug,
        idempotency_key=token_urlsafe(16) if is_spent or not typed.key else typed.key,
        upload_bytes_max=intake.FILE_BYTES_MAX,
        photographs_max=PHOTOGRAPHS_MAX,
    )


def _by_field(told: errors.Told | None) -> dict[str, str]:
    if told is None:
        return {}
    return dict(told.fields) or {"": told.sentence}


def _shown(kind: Kind, offers: Sequence[Offer]) -> set[str]:
    """The names of the fields that the form shows."""
    shown = {"recipient", "family_name", "given_names", "birth_date", "original_at", "file"}
    shown |= {asked.field.name for asked in kind.fields}
    needs = {need for offer in offers for need in offer.route.needs}
    if needs & {Need.OBLIGING_BODY, Need.ISSUING_BODY}:
        shown.add("obliging_body")
    if Need.RELEASE in needs:
        shown |= {"released", "release_given_on", "release_form"}
    return shown


def _offers(call: Call, kind: Kind) -> list[Offer]:
    sender = call.actor.acting.kind
    kinds = kind.recipient_kinds(sender)
    found = agencies.recipients(call.session, call.actor, kinds=kinds)
    routes = ((agency, kind.route(sender, agency.kind)) for agency in found)
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


def receipt(call: Call) -> Response:
    """Proof of storing, for the sender."""
    document = reading.view_own(call.session, call.actor, call.id_in_path("document_id"))
    call.record(Happening.RECEIPT_VIEWED, document_id=document.id)
    return call.render(
        "documents/receipt.html",
        document=document,
        leaving=retention.reason(call, document.delete_reason),
        deliveries=document.deliveries,
    )


# ── One document ─────────────────────────────────────────────────────────────────────────────


def show(call: Call) -> Response:
    """One document, for its sender or one of its recipients."""
    document = reading.view(call.session, call.actor, call.id_in_path("document_id"))
    call.record(Happening.DOCUMENT_VIEWED, document_id=document.id)
    return _show(call, document, flash=_flash(document, call.query().done))


def _flash(document: DocumentView, done: str) -> str:
    """Anybody can write a link: what it says was done must be so."""
    is_withdrawn = document.state is DocumentState.WITHDRAWN
    is_declined = is_withdrawn and decline_reason(document.end_reason) is not None
    is_approved = document.is_own and document.approved_at is not None
    said = {
        "withdrawn": (is_withdrawn, _WITHDRAWN),
        "declined": (is_declined, _DECLINED),
        "approved": (is_approved and document.state is DocumentState.LIVE, _APPROVED),
    }
    is_so, sentence = said.get(done, (False, ""))
    if done == "approved" and is_approved and document.state is DocumentState.HELD:
        return _APPROVED_UNSCANNED
    return sentence if is_so else ""


def _show(
    call: Call, document: DocumentView, *, told: errors.Told | None = None, flash: str = ""
) -> Response:
    own = document.own_delivery
    is_open = own is not None and own.state is DeliveryState.NEW
    names = _colleagues(call, document)
    shown = [_delivery(call, document, delivery, names) for delivery in document.deliveries]
    return call.render(
        "documents/show.html",
        status=told.status if told else 200,
        flash=flash,
        document=_document(call, document, names),
        sender_name=document.sender_name,
        leaving=retention.reason(call, document.delete_reason),
        approval=_approval(call, document, names),
        deliveries=shown,
        own=shown[0] if own is not None else None,
        can_read=document.state in _READABLE,
        can_settle=is_open and call.actor.may(Permission.DELIVERY_SETTLE),
        can_withdraw=document.is_own
        and document.state in (DocumentState.LIVE, DocumentState.HELD)
        and call.actor.may(Permission.DOCUMENT_WITHDRAW),
        return_reasons=call.services.catalogue.return_reasons,
        withdrawal_reasons=call.services.catalogue.withdrawal_reasons,
        decline_reasons=DECLINE_REASONS,
        errors=told.fields if told else {},
        conflict=_conflict(told) if told and not told.fields else None,
    )


def _approval(call: Call, document: DocumentView, names: dict[UUID, str]) -> SimpleNamespace | None:
    """What the sender's people see of the second person; nothing to anybody else."""
    if not (document.is_own and document.approval_needed):
        return None
    is_second = document.sent_by_user_id != call.actor.user_id
    may = call.actor.may(Permission.DOCUMENT_APPROVE) and call.actor.kind is ActorKind.PERSON
    return SimpleNamespace(
        is_waiting=document.is_awaiting_approval,
        can_decide=document.is_awaiting_approval and is_second and may,
        sent_by=_name(names, document.sent_by_user_id, document.sent_by_service_account_id),
        approved_at=document.approved_at,
        approved_by=_name(names, document.approved_by_user_id),
    )


def _name(names: dict[UUID, str], *ids: UUID | None) -> str:
    return next((names[known] for known in ids if known is not None and known in names), "")


def _conflict(told: errors.Told) -> SimpleNamespace:
    """Why it is too late; ``at`` and ``by`` where it is known."""
    at = str(told.details.get("at", ""))
    return SimpleNamespace(
        heading=told.heading,
        sentence=told.sentence,
        at=datetime.fromisoformat(at) if at else None,
        by=str(told.details.get("by", "")),
    )


def _colleagues(call: Call, document: DocumentView) -> dict[UUID, str]:
    """Names of the acting agency's own people and programs; those of others stay with them."""
    if document.is_own:
        return accounts.names_of(
            call.session, [document.sent_by_user_id, document.approved_by_user_id]
        ) | accounts.services_of(call.session, [document.sent_by_service_account_id])
    people = accounts.names_of(call.session, [d.taken_over_by_user_id for d in document.deliveries])
    programs = accounts.services_of(
        call.session, [d.taken_over_by_service_account_id for d in document.deliveries]
    )
    return people | programs


def _document(call: Call, document: DocumentView, names: dict[UUID, str]) -> SimpleNamespace:
    kind = call.services.catalogue.kind(document.kind)
    labels = {f.field.name: f.field.label.get(call.language) for f in kind.fields} if kind else {}
    released = None
    if document.release_given_on is not None:
        noted_by = names.get(document.sent_by_user_id, "") if document.sent_by_user_id else ""
        released = SimpleNamespace(
            given_on=document.release_given_on, form=document.release_form, noted_by=noted_by
        )
    values = {name: getattr(document, name) for name in document.__dataclass_fields__}
    values["fields"] = [
        (labels.get(name, name), _field_text(call, kind, name, value))
        for name, value in document.fields.items()
    ]
    return SimpleNamespace(**values, released=released)


def _field_text(call: Call, kind: Kind | None, name: str, value: str) -> str:
    """A stored value as people write it: days by their calendar, choices by their wording."""
    asked = next((f.field for f in kind.fields if f.field.name == name), None) if kind else None
    if asked is not None and isinstance(asked.format, DateFormat):
        return show_date(date.fromisoformat(value), call.language)
    if asked is not None and isinstance(asked.format, ChoiceFormat):
        wording = {option.code: option.text.get(call.language) for option in asked.format.options}
        return wording.get(value, value)
    return value


def _delivery(
    call: Call, document: DocumentView, delivery: DeliveryView, names: dict[UUID, str]
) -> SimpleNamespace:
    by = delivery.taken_over_by_user_id or delivery.taken_over_by_service_account_id
    values = {name: getattr(delivery, name) for name in delivery.__dataclass_fields__}
    return SimpleNamespace(
        **values,
        taken_over_by=names.get(by, "") if by else "",
        events=[_event(call, event) for event in reading.timeline(document, delivery)],
    )


_EVENTS = {
    "sent": N_("Gesendet"),
    "approved": N_("Freigegeben"),
    "delivered": N_("Zugestellt"),
    "opened": N_("Geöffnet"),
    "taken_over": N_("Übernommen"),
    "returned": N_("Zurückgegeben"),
    "withdrawn": N_("Zurückgezogen"),
    "erased": N_("Inhalt gelöscht"),
}


def _event(call: Call, event: TimelineEvent) -> Any:
    return SimpleNamespace(
        at=event.at,
        actor_name=event.agency_name,
        sentence=call.kit.pages.text(call.language, _EVENTS[event.code]),
    )


def content(call: Call) -> Response:
    """The stored PDF as an attachment; never shown inside our own pages."""
    document = handout.download(call.services, call.actor, call.id_in_path("document_id"))
    return pdf_response(document)


def pdf_response(document: handout.Handout) -> Response:
    """The bytes, under a name that the inbox shows again when they must be deleted."""
    return Response(
        document.pdf,
        media_type="application/pdf",
        headers={
            "Content-Disposition": attachment(document.name),
            "Content-Security-Policy": FILE_POLICY,
        },
    )


def attachment(name: str) -> str:
    """The header that names a download; other letters than ASCII go beside a plain name."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    header = f'attachment; filename="{plain}"'
    return header if plain == name else f"{header}; filename*=UTF-8''{quote(name, safe='')}"


def page_image(call: Call) -> Response:
    """One page as PNG."""
    try:
        number = int(call.request.path_params["number"])
    except ValueError:
        raise NotFound from None
    png = handout.page_image(
        call.services,
        call.actor,
        call.id_in_path("document_id"),
        page=number,
        width=call.query().width,
    )
    return Response(png, media_type="image/png", headers={"Content-Security-Policy": FILE_POLICY})


# ── Settling ─────────────────────────────────────────────────────────────────────────────────


def withdraw(call: Call) -> Response:
    """Take a document back."""
    document_id = call.id_in_path("document_id")
    document = reading.view_own(call.session, call.actor, document_id)
    reason = call.form.get("reason", "")
    if call.services.catalogue.withdrawal_reason(reason) is None:
        return _without_reason(call, document)
    lifecycle.withdraw(
        call.session,
        call.actor,
        document_id,
        reason=reason,
        catalogue=call.services.catalogue,
        now=call.now,
    )
    return redirect(f"/documents/{document_id}?done=withdrawn")


def take_over(call: Call) -> Response:
    """Make a delivery the agency's own."""
    delivery_id = call.id_in_path("delivery_id")
    try:
        lifecycle.take_over(
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
        return _without_reason(call, reading.view(call.session, call.actor, document_id))
    try:
        lifecycle.return_(
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


def _without_reason(call: Call, document: DocumentView) -> Response:
    """The document again, saying that one of the reasons must be chosen."""
    return show_refused(call, document, Invalid("reason_unknown", field="reason"))


def show_refused(call: Call, document: DocumentView, error: KursdocsError) -> Response:
    """The document again, saying why what was asked for it was not done."""
    call.record(Happening.REQUEST_REFUSED, route=call.row.name, code=error.code)
    return _show(call, document, told=errors.tell(call.kit.pages, call.language, error))
