"""Pages for asking another agency for a paper, and for whoever is asked."""

from datetime import date
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from pydantic import Field
from starlette.responses import Response

from kursdocs.catalogue import Kind
from kursdocs.core import accounts
from kursdocs.core.access import Permission
from kursdocs.core.audit import Happening
from kursdocs.core.errors import Conflict, Invalid, InvalidForm, KursdocsError, NotFound
from kursdocs.core.reminders import ledger_reading
from kursdocs.core.reminders.tables import Clock
from kursdocs.core.requests import answering, asking, reading
from kursdocs.core.requests.asking import RequestForm
from kursdocs.core.requests.reading import RequestEvent, RequestView, Shown, Side
from kursdocs.core.requests.tables import RequestState
from kursdocs.core.workdays import local_date
from kursdocs.web import errors
from kursdocs.web.call import COUNT_MAX, PAGE_SIZE, Call, Query, redirect
from kursdocs.web.documents import field_text
from kursdocs.web.pages import N_

OWN_NAMES = frozenset(
    {
        "kind",
        "provider",
        "family_name",
        "given_names",
        "birth_date",
        "due_on",
        "person_asked_on",
    }
)
_MADE = N_("Angefordert. Die Stelle sieht es ab jetzt unter ihren Aufgaben.")
_DECLINED = N_("Abgelehnt. Die anfordernde Stelle sieht den Grund.")
_CANCELLED = N_("Zurückgenommen. Die Stelle muss nichts mehr tun.")


class RequestsList(Query):
    """Which requests, and where the list goes on."""

    side: Side | None = Field(
        default=None,
        description="`received`: those to answer; `made`: the own ones. Usual: by kind of agency.",
    )
    state: Shown = Field(default=Shown.OPEN, description="`overdue` ones are open, too.")
    after: UUID | None = Field(
        default=None, description="The `next` of the page before; empty for the first page."
    )


class NewQuery(Query):
    """Which kind of paper to ask for."""

    kind: str = Field(default="", max_length=60)


class ShowQuery(Query):
    """What was just done, for the message at the top."""

    done: str = Field(default="", max_length=20)


def index(call: Call) -> Response:
    """The requests that the acting agency must answer, or made."""
    query: RequestsList = call.query()
    side, today = query.side or usual_side(call), local_date(call.now)
    found = reading.rows(
        call.session,
        call.actor,
        side,
        query.state,
        today=today,
        after=query.after,
        limit=PAGE_SIZE + 1,
    )
    shown = found[:PAGE_SIZE]
    call.record(Happening.PAPER_REQUESTS_LISTED, count=len(shown))
    goes_on = len(found) > PAGE_SIZE
    counts = reading.counts(call.session, call.actor, side, today=today)
    here = f"/requests?side={side}&state={query.state}"
    return call.render(
        "requests/index.html",
        side=side.value,
        state=query.state.value,
        sides=_sides(call),
        can_ask=_can_ask(call),
        counts={shown.value: count for shown, count in counts.items()},
        count_max=COUNT_MAX,
        requests=[_row(call, request) for request in shown],
        next_href=f"{here}&after={shown[-1].id}" if goes_on else "",
    )


def usual_side(call: Call) -> Side:
    """What an agency of this kind mostly looks for."""
    is_asked = asking.is_mostly_asked(call.services.catalogue, call.actor.acting.kind)
    return Side.RECEIVED if is_asked else Side.MADE


def _sides(call: Call) -> list[str]:
    """The sides on which the agency can have requests, the usual one first."""
    rules, kind = call.services.catalogue, call.actor.acting.kind
    known = {Side.RECEIVED: rules.askable_of(kind), Side.MADE: rules.requestable_by(kind)}
    usual = usual_side(call)
    return sorted((side.value for side, kinds in known.items() if kinds), key=lambda s: s != usual)


def _can_ask(call: Call) -> bool:
    kinds = call.services.catalogue.requestable_by(call.actor.acting.kind)
    return bool(kinds) and call.actor.may(Permission.REQUEST_MAKE)


def _row(call: Call, request: RequestView) -> SimpleNamespace:
    values = {name: getattr(request, name) for name in request.__dataclass_fields__}
    other = request.requester_name if request.side is Side.RECEIVED else request.provider_name
    overdue = request.days_overdue(local_date(call.now))
    return SimpleNamespace(**values, other_name=other, days_overdue=overdue)


# ── Asking ───────────────────────────────────────────────────────────────────────────────────


def new(call: Call) -> Response:
    """The list of kinds that may be asked for, or the form of one."""
    catalogue, code = call.services.catalogue, call.query().kind
    kinds = catalogue.requestable_by(call.actor.acting.kind)
    if not code:
        return call.render("requests/choose_kind.html", groups=catalogue.by_group(kinds))
    kind = catalogue.kind(code)
    if kind is None or kind not in kinds:
        raise NotFound
    return _form(call, kind, RequestForm(kind=code), told=None)


def _form(call: Call, kind: Kind, typed: RequestForm, told: errors.Told | None) -> Response:
    offers = asking.offers(call.session, call.actor, call.services.catalogue, kind, now=call.now)
    return call.render(
        "requests/new.html",
        status=told.status if told else 200,
        kind=kind,
        offers=offers,
        typed=typed,
        # Fair to whoever of them has the most free days.
        usual_due_on=as_typed(max((offer.due_on for offer in offers), default=None)),
        answer_working_days=call.services.catalogue.answer_working_days,
        person_has_days=call.services.catalogue.person_has_days,
        acting_agency=call.actor.acting.slug,
        errors=told.fields if told else {},
        conflict=told if told and not told.fields else None,
    )


def as_typed(day: date | None) -> str:
    """A day as it can be typed into a form, in every language."""
    return f"{day:%d.%m.%Y}" if day else ""


def create(call: Call) -> Response:
    """Ask for a paper; on mistakes the form comes back with what was typed."""
    catalogue, typed = call.services.catalogue, read_form(call.form)
    try:
        if call.form.get("acting_agency", "") not in ("", call.actor.acting.slug):
            raise Conflict("request_agency_changed", agency=call.actor.acting.name)
        request_id = asking.ask(call.session, call.actor, catalogue, typed, now=call.now)
    except (InvalidForm, Conflict) as error:
        kind = catalogue.kind(typed.kind)
        if kind is None or kind not in catalogue.requestable_by(call.actor.acting.kind):
            raise
        call.refused(error)
        return _form(call, kind, typed, errors.tell(call.kit.pages, call.language, error))
    return redirect(f"/requests/{request_id}?done=made")


def read_form(fields: Any) -> RequestForm:
    """A form as typed; what is left empty was not said."""
    others = {
        name: value
        for name, value in fields.items()
        if name not in OWN_NAMES and name != "acting_agency" and value.strip()
    }
    return RequestForm(fields=others, **{name: fields.get(name, "") for name in OWN_NAMES})


# ── One request ──────────────────────────────────────────────────────────────────────────────


def show(call: Call) -> Response:
    """One request, for whoever made it and whoever is asked."""
    request_id = call.id_in_path("request_id")
    reading.view(call.session, call.actor, request_id)
    answering.mark_opened(call.session, call.actor, request_id, now=call.now)
    request = reading.view(call.session, call.actor, request_id)
    call.record(Happening.PAPER_REQUEST_VIEWED, paper_request=str(request_id))
    return _show(call, request, flash=_flash(request, call.query().done))


def _flash(request: RequestView, done: str) -> str:
    """Anybody can write a link: what it says was done must be so."""
    is_made = request.side is Side.MADE
    said = {
        "made": (is_made and request.state is RequestState.OPEN, _MADE),
        "declined": (request.state is RequestState.DECLINED and not is_made, _DECLINED),
        "cancelled": (request.state is RequestState.CANCELLED and is_made, _CANCELLED),
    }
    is_so, sentence = said.get(done, (False, ""))
    return sentence if is_so else ""


def _show(
    call: Call, request: RequestView, *, told: errors.Told | None = None, flash: str = ""
) -> Response:
    catalogue = call.services.catalogue
    kind = catalogue.kind(request.kind)
    is_open = request.state is RequestState.OPEN
    is_received = request.side is Side.RECEIVED
    return call.render(
        "requests/show.html",
        status=told.status if told else 200,
        flash=flash,
        request=_row(call, request),
        fields=_fields(call, kind, request),
        events=[_event(call, event) for event in reading.timeline(request)],
        asked_by=_colleague(call, request),
        kind_exists=kind is not None and kind.on_request,
        can_answer=is_open and is_received and call.actor.may(Permission.DOCUMENT_SEND),
        can_cancel=is_open and not is_received and call.actor.may(Permission.REQUEST_MAKE),
        decline_reasons=catalogue.request_decline_reasons,
        reminded=ledger_reading.reminded(call.session, Clock.REQUEST, [request.id]).get(request.id),
        errors=told.fields if told else {},
        conflict=told if told and not told.fields else None,
    )


def _fields(call: Call, kind: Kind | None, request: RequestView) -> list[tuple[str, Any]]:
    labels = {f.field.name: f.field.label.get(call.language) for f in kind.fields} if kind else {}
    return [
        (labels.get(name, name), field_text(call, kind, name, value))
        for name, value in request.fields.items()
    ]


def _colleague(call: Call, request: RequestView) -> str:
    """Who of the own agency asked; the people of others stay with them."""
    if request.side is Side.RECEIVED or request.asked_by_user_id is None:
        return ""
    names = accounts.names_of(call.session, [request.asked_by_user_id])
    return names.get(request.asked_by_user_id, "")


_EVENTS = {
    "made": N_("Angefordert"),
    "opened": N_("Angesehen"),
    "answered": N_("Papier gesendet"),
    "declined": N_("Abgelehnt"),
    "cancelled": N_("Zurückgenommen"),
    "lapsed": N_("Ohne Antwort beendet"),
    "forgotten": N_("Angaben zur Person gelöscht"),
}


def _event(call: Call, event: RequestEvent) -> SimpleNamespace:
    return SimpleNamespace(
        at=event.at,
        actor_name=event.agency_name,
        sentence=call.kit.pages.text(call.language, _EVENTS[event.code]),
    )


def decline(call: Call) -> Response:
    """Say that the paper does not come, and why."""
    request_id = call.id_in_path("request_id")
    try:
        answering.decline(
            call.session,
            call.actor,
            request_id,
            reason=call.form.get("reason", ""),
            catalogue=call.services.catalogue,
            now=call.now,
        )
    except (Conflict, Invalid) as error:
        return _refused(call, request_id, error)
    return redirect(f"/requests/{request_id}?done=declined")


def cancel(call: Call) -> Response:
    """Take an own request back."""
    request_id = call.id_in_path("request_id")
    try:
        asking.cancel(call.session, call.actor, request_id, now=call.now)
    except Conflict as error:
        return _refused(call, request_id, error)
    return redirect(f"/requests/{request_id}?done=cancelled")


def _refused(call: Call, request_id: UUID, error: KursdocsError) -> Response:
    """The request again, saying why what was asked for it was not done."""
    call.refused(error)
    told = errors.tell(call.kit.pages, call.language, error)
    return _show(call, reading.view(call.session, call.actor, request_id), told=told)
