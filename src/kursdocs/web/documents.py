"""Pages for looking at one document, handing it out and taking it back."""

import unicodedata
from datetime import date, datetime
from types import SimpleNamespace
from urllib.parse import quote
from uuid import UUID

from pydantic import Field
from starlette.responses import Response

from kursdocs.catalogue import ChoiceFormat, DateFormat, Kind
from kursdocs.core import accounts, agencies
from kursdocs.core.access import ActorKind, Permission
from kursdocs.core.audit import Happening
from kursdocs.core.documents import forwarding, lifecycle, reading
from kursdocs.core.documents.reading import DocumentView
from kursdocs.core.documents.reasons import DECLINE_REASONS, decline_reason
from kursdocs.core.documents.tables import DeliveryState, DocumentState
from kursdocs.core.errors import Conflict, Invalid, KursdocsError, NotFound
from kursdocs.core.follow_ups import reading as follow_ups
from kursdocs.core.reminders import ledger_reading
from kursdocs.core.reminders.tables import Clock
from kursdocs.operations import handout
from kursdocs.web import errors, retention, tracking
from kursdocs.web.call import Call, Query, redirect
from kursdocs.web.pages import N_, show_date
from kursdocs.web.security import FILE_POLICY

_READABLE = (DocumentState.LIVE, DocumentState.HELD, DocumentState.WITHDRAWN)

_WITHDRAWN = N_("Zurückgezogen. Die Empfänger können das Papier nicht mehr öffnen.")
_APPROVED = N_("Freigegeben. Das Papier ist zugestellt.")
_APPROVED_UNSCANNED = N_(
    "Freigegeben. Das Papier wird zugestellt, sobald es auf Schadsoftware geprüft ist."
)
_DECLINED = N_(
    "Abgelehnt. Das Papier wird niemandem zugestellt; wer es gesendet hat, sieht den Grund."
)

CLAIMED = N_("Sie sind dran. Das sehen alle in Ihrer Stelle, eine halbe Stunde lang.")
UNCLAIMED = N_("Das Papier ist wieder frei.")
ACKNOWLEDGED = N_("Zur Kenntnis genommen. Die absendende Stelle sieht das.")
_FORWARDED = N_("Weitergegeben. Die Stelle findet das Papier in ihrem Eingang.")


class ShowQuery(Query):
    """What was just done, for the message at the top."""

    done: str = Field(default="", max_length=20)


class PageImageQuery(Query):
    """How wide the image is to be, in pixels."""

    width: int = Field(default=900, ge=200, le=2000)


# ── One document ─────────────────────────────────────────────────────────────────────────────


def show(call: Call) -> Response:
    """One document, for its sender or one of its recipients."""
    document = reading.view(call.session, call.actor, call.id_in_path("document_id"))
    call.record(Happening.DOCUMENT_VIEWED, document_id=document.id)
    return _show(call, document, flash=_flash(call, document, call.query().done))


def _flash(call: Call, document: DocumentView, done: str) -> str:
    """Anybody can write a link: what it says was done must be so."""
    own = document.own_delivery
    is_open, claim = _is_open(document), _claim(call, document, {})
    is_withdrawn = document.state is DocumentState.WITHDRAWN
    is_declined = is_withdrawn and decline_reason(document.end_reason) is not None
    is_approved = document.is_own and document.approved_at is not None
    said = {
        "withdrawn": (is_withdrawn, _WITHDRAWN),
        "declined": (is_declined, _DECLINED),
        "approved": (is_approved and document.state is DocumentState.LIVE, _APPROVED),
        "acknowledged": (own is not None and own.acknowledged_at is not None, ACKNOWLEDGED),
        "claimed": (is_open and claim is not None and claim.is_mine, CLAIMED),
        "unclaimed": (is_open and claim is None, UNCLAIMED),
        "forwarded": (own is not None and len(document.deliveries) > 1, _FORWARDED),
    }
    is_so, sentence = said.get(done, (False, ""))
    if done == "approved" and is_approved and document.state is DocumentState.HELD:
        return _APPROVED_UNSCANNED
    return sentence if is_so else ""


def _is_open(document: DocumentView) -> bool:
    """Whether the acting agency received it and has not settled it."""
    own, is_live = document.own_delivery, document.state is DocumentState.LIVE
    return own is not None and own.state is DeliveryState.NEW and is_live


def _show(
    call: Call, document: DocumentView, *, told: errors.Told | None = None, flash: str = ""
) -> Response:
    own = document.own_delivery
    names = _colleagues(call, document)
    shown = [tracking.track(call, document, one, names) for one in document.deliveries]
    can_settle = _is_open(document)
    return call.render(
        "documents/show.html",
        status=told.status if told else 200,
        flash=flash,
        document=_document(call, document, names),
        sender_name=document.sender_name,
        leaving=retention.reason(call, document.delete_reason),
        approval=_approval(call, document, names),
        follow_ups=_follow_ups(call, document),
        deliveries=shown,
        own=shown[0] if own is not None else None,
        can_read=document.state in (_READABLE if document.is_own else (DocumentState.LIVE,)),
        can_settle=can_settle and call.actor.may(Permission.DELIVERY_SETTLE),
        can=_possible(call, document),
        claim=_claim(call, document, names) if can_settle else None,
        copied=SimpleNamespace(
            kind=document.kind,
            document_id=document.id,
            sender_name=document.sender_name,
            delivered_at=own.delivered_at if own else None,
        ),
        file_name_pattern=agencies.get(call.session, call.actor.acting.id).file_name_pattern,
        return_reasons=call.services.catalogue.return_reasons,
        withdrawal_reasons=call.services.catalogue.withdrawal_reasons,
        decline_reasons=DECLINE_REASONS,
        reminded=ledger_reading.reminded(
            call.session, Clock.WAITING, [one.id for one in document.deliveries]
        ),
        errors=told.fields if told else {},
        conflict=conflict_of(told) if told and not told.fields else None,
    )


def _possible(call: Call, document: DocumentView) -> SimpleNamespace:
    """What else this person can do with the document now."""
    actor, own, is_live = call.actor, document.own_delivery, document.state is DocumentState.LIVE
    may_send = document.is_own and actor.may(Permission.DOCUMENT_SEND)
    may_settle = actor.may(Permission.DELIVERY_SETTLE)
    has_ended = document.state in (DocumentState.WITHDRAWN, DocumentState.BLOCKED)
    has_come_back = is_live and any(
        one.state is DeliveryState.RETURNED and not one.forwarded_by for one in document.deliveries
    )
    return SimpleNamespace(
        withdraw=document.is_own
        and document.state in (DocumentState.LIVE, DocumentState.HELD)
        and actor.may(Permission.DOCUMENT_WITHDRAW),
        correct=may_send and is_live and document.replaced_by is None,
        resend=may_send and (has_come_back or (has_ended and document.replaced_by is None)),
        acknowledge=own is not None and own.must_acknowledge and may_settle,
        forward=own is not None
        and is_live
        and own.state is not DeliveryState.RETURNED
        and may_settle
        and forwarding.can_forward(call.session, actor, call.services.catalogue, document),
    )


def _follow_ups(call: Call, document: DocumentView) -> list[SimpleNamespace]:
    """What should have followed this paper, and has not, as far as it is the agency's own task."""
    if not call.actor.may(Permission.FOLLOW_UPS):
        return []
    found = follow_ups.of_document(call.session, call.actor, document.id)
    rules = [(one, call.services.catalogue.follow_up(one.rule)) for one in found]
    return [
        SimpleNamespace(id=one.id, clock=one.clock.value, due_on=one.due_on, name=rule.name)
        for one, rule in rules
        if rule is not None
    ]


def _claim(call: Call, document: DocumentView, names: dict[UUID, str]) -> SimpleNamespace | None:
    """Who of the recipient works on it just now."""
    own = document.own_delivery
    if own is None or own.working_until is None or own.working_until <= call.now:
        return None
    return SimpleNamespace(
        is_mine=own.working_user_id == call.actor.user_id,
        by=_name(names, own.working_user_id),
        until=own.working_until,
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


def conflict_of(told: errors.Told) -> SimpleNamespace:
    """Why it is too late, for a page; ``at`` and ``by`` where it is known."""
    at = str(told.details.get("at", ""))
    return SimpleNamespace(
        heading=told.heading,
        sentence=told.sentence,
        at=datetime.fromisoformat(at) if at else None,
        by=str(told.details.get("by", "")),
    )


def _colleagues(call: Call, document: DocumentView) -> dict[UUID, str]:
    """Names of the acting agency's own people and programs; those of others stay with them."""
    own = document.own_delivery
    if own is None:
        people = [document.sent_by_user_id, document.approved_by_user_id]
        program = document.sent_by_service_account_id
    else:
        people = [
            own.taken_over_by_user_id,
            own.returned_by_user_id,
            own.acknowledged_by_user_id,
            own.working_user_id,
        ]
        program = own.taken_over_by_service_account_id
    known = accounts.names_of(call.session, people)
    return known | accounts.services_of(call.session, [program])


def _document(call: Call, document: DocumentView, names: dict[UUID, str]) -> SimpleNamespace:
    released = None
    if document.release_given_on is not None:
        noted_by = names.get(document.sent_by_user_id, "") if document.sent_by_user_id else ""
        released = SimpleNamespace(
            given_on=document.release_given_on, form=document.release_form, noted_by=noted_by
        )
    values = {name: getattr(document, name) for name in document.__dataclass_fields__}
    values["fields"] = fields_of(call, document)
    told = {"is_corrected": document.is_corrected, "was_delivered": document.was_delivered}
    return SimpleNamespace(**values, **told, released=released)


def fields_of(call: Call, document: DocumentView) -> list[tuple[str, str]]:
    """What the kind asks for beside the person: label and value, as people read them."""
    kind = call.services.catalogue.kind(document.kind)
    labels = {f.field.name: f.field.label.get(call.language) for f in kind.fields} if kind else {}
    return [
        (labels.get(name, name), field_text(call, kind, name, value))
        for name, value in document.fields.items()
    ]


def field_text(call: Call, kind: Kind | None, name: str, value: str) -> str:
    """A stored value as people write it: days by their calendar, choices by their wording."""
    asked = next((f.field for f in kind.fields if f.field.name == name), None) if kind else None
    if asked is not None and isinstance(asked.format, DateFormat):
        return show_date(date.fromisoformat(value), call.language)
    if asked is not None and isinstance(asked.format, ChoiceFormat):
        wording = {option.code: option.text.get(call.language) for option in asked.format.options}
        return wording.get(value, value)
    return value


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


# ── Taking back ─────────────────────────────────────────────────────────────────────────────────


def withdraw(call: Call) -> Response:
    """Take a document back; when somebody was quicker, the document says who and when."""
    document_id = call.id_in_path("document_id")
    document = reading.view_own(call.session, call.actor, document_id)
    reason = call.form.get("reason", "")
    if call.services.catalogue.withdrawal_reason(reason) is None:
        return without_reason(call, document)
    try:
        lifecycle.withdraw(
            call.session,
            call.actor,
            document_id,
            reason=reason,
            catalogue=call.services.catalogue,
            now=call.now,
        )
    except Conflict as error:
        return show_refused(call, document, error)
    return redirect(f"/documents/{document_id}?done=withdrawn")


def without_reason(call: Call, document: DocumentView) -> Response:
    """The document again, saying that one of the reasons must be chosen."""
    return show_refused(call, document, Invalid("reason_unknown", field="reason"))


def show_refused(call: Call, document: DocumentView, error: KursdocsError) -> Response:
    """The document again, saying why what was asked for it was not done."""
    call.record(Happening.REQUEST_REFUSED, route=call.row.name, code=error.code)
    return _show(call, document, told=errors.tell(call.kit.pages, call.language, error))
