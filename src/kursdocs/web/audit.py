"""The log: the agency's own for its head, the municipality's for the auditor."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import PlainTextResponse, Response

from kursdocs.catalogue import DateFormat
from kursdocs.catalogue.fields import fits, read_value
from kursdocs.core import accounts, agencies, audit
from kursdocs.core.access import ActorKind, Permission, Role
from kursdocs.core.audit import (
    AuditCheckpoint,
    AuditEvent,
    Happening,
    checkpoints,
    shortening,
)
from kursdocs.core.errors import Forbidden, Invalid, InvalidForm, NotFound
from kursdocs.core.workdays import LOCAL
from kursdocs.web import errors, models
from kursdocs.web.call import Call
from kursdocs.web.pace_words import rule_name
from kursdocs.web.pages import N_, ROLE_NAMES, plain_date
from kursdocs.web.reason_words import reason_name

PAGE_SIZE = 100
_DAYS = DateFormat(earliest=date(2020, 1, 1), latest=date(2099, 12, 31))

SENTENCES = {
    Happening.SIGN_IN_SUCCEEDED: N_("hat sich angemeldet"),
    Happening.SIGN_IN_ENDED: N_("hat sich abgemeldet"),
    Happening.SIGN_IN_ENDED_BY_PROVIDER: N_("wurde vom Anmeldedienst abgemeldet"),
    Happening.SIGN_IN_ENDED_EVERYWHERE: N_("hat sich auf allen Geräten abgemeldet"),
    Happening.AGENCY_SWITCHED: N_("handelt nun für diese Stelle"),
    Happening.REQUEST_REFUSED: N_("wurde abgewiesen: „%(refusal)s“"),
    Happening.INBOX_LISTED: N_("hat den Eingang angesehen (Einträge: %(count)s)"),
    Happening.SENT_LISTED: N_("hat „Gesendet“ angesehen (Einträge: %(count)s)"),
    Happening.LEAVING_LISTED: N_("hat angesehen, was bald gelöscht wird (Einträge: %(count)s)"),
    Happening.NUMBERS_LISTED: N_("hat die Zahlen der Stellen angesehen"),
    Happening.CHECKS_LISTED: N_("hat den Prüfbericht angesehen (Prüfungen: %(count)s)"),
    Happening.LOG_LISTED: N_("hat das Protokoll angesehen (Einträge: %(count)s)"),
    Happening.LOG_EXPORTED: N_("hat Einträge des Protokolls herausgegeben (Einträge: %(rows)s)"),
    Happening.LOG_SHORTENED: N_("hat alte Einträge des Protokolls gelöscht (bis Nr. %(through)s)"),
    Happening.DOCUMENT_SENT: N_("hat ein Papier gesendet (%(kind)s, %(recipients)s Empfänger)"),
    Happening.DOCUMENT_HELD: N_(
        "hat ein Papier gesendet, das noch geprüft wird (%(kind)s, %(recipients)s Empfänger)"
    ),
    Happening.DOCUMENT_RELEASED: N_("hat ein geprüftes Papier zugestellt"),
    Happening.DOCUMENT_BLOCKED: N_("hat ein Papier gesperrt (%(reason)s)"),
    Happening.DOCUMENT_ABANDONED: N_("hat eine abgebrochene Sendung verworfen (%(reason)s)"),
    Happening.DOCUMENT_WITHDRAWN: N_("hat ein Papier zurückgezogen (%(reason)s)"),
    Happening.DOCUMENT_APPROVED: N_("hat ein Papier als zweite Person freigegeben"),
    Happening.DOCUMENT_DECLINED: N_("hat ein Papier als zweite Person abgelehnt (%(reason)s)"),
    Happening.DOCUMENT_DELETION_NOTICED: N_(
        "hat angekündigt, dass ein Papier gelöscht wird (%(delete_on)s, %(reason)s)"
    ),
    Happening.DOCUMENT_ERASED: N_("hat den Inhalt eines Papiers gelöscht (%(reason)s)"),
    Happening.DOCUMENT_VIEWED: N_("hat ein Papier geöffnet"),
    Happening.DOCUMENT_EVENTS_LISTED: N_("hat den Verlauf eines Papiers angesehen"),
    Happening.DOCUMENT_PREVIEWED: N_("hat Seite %(page)s eines Papiers angesehen"),
    Happening.DOCUMENT_DOWNLOADED: N_("hat ein Papier heruntergeladen"),
    Happening.RECEIPT_VIEWED: N_("hat eine Quittung angesehen"),
    Happening.DELIVERY_TAKEN_OVER: N_("hat ein Papier übernommen"),
    Happening.DELIVERY_RETURNED: N_("hat ein Papier zurückgegeben (%(reason)s)"),
    Happening.DOCUMENT_CORRECTED: N_("hat ein Papier durch eine berichtigte Fassung ersetzt"),
    Happening.DELIVERY_REOPENED: N_("hat „Übernehmen“ oder „Zurückgeben“ rückgängig gemacht"),
    Happening.DELIVERY_CLAIMED: N_("hat „Ich bin dran“ gesetzt"),
    Happening.DELIVERY_UNCLAIMED: N_("hat „Ich bin dran“ aufgehoben"),
    Happening.DELIVERY_FORWARDED: N_("hat ein Papier weitergegeben"),
    Happening.DELIVERY_ACKNOWLEDGED: N_(
        "hat zur Kenntnis genommen, dass ein Papier zurückgezogen, ersetzt oder gesperrt wurde"
    ),
    Happening.DRAFT_KEPT: N_("hat eine Datei zum Senden bereitgelegt"),
    Happening.DRAFT_PREVIEWED: N_("hat Seite %(page)s einer bereitgelegten Datei angesehen"),
    Happening.DRAFT_DISCARDED: N_("hat eine bereitgelegte Datei verworfen (%(reason)s)"),
    Happening.PAPER_REQUESTED: N_("hat ein Papier angefordert (%(kind)s)"),
    Happening.PAPER_REQUEST_ANSWERED: N_("hat eine Anforderung beantwortet"),
    Happening.PAPER_REQUEST_DECLINED: N_("hat eine Anforderung abgelehnt (%(reason)s)"),
    Happening.PAPER_REQUEST_CANCELLED: N_("hat eine Anforderung zurückgenommen"),
    Happening.PAPER_REQUEST_LAPSED: N_("hat eine Anforderung beendet, die niemand beantwortet hat"),
    Happening.PAPER_REQUEST_VIEWED: N_("hat eine Anforderung geöffnet"),
    Happening.PAPER_REQUESTS_LISTED: N_("hat die Anforderungen angesehen (Einträge: %(count)s)"),
    Happening.MUNICIPALITY_CREATED: N_("hat die Kommune eingerichtet"),
    Happening.MUNICIPALITY_RESTORED: N_(
        "hat den Stand vom %(moment)s aus einer Sicherung zurückgeholt"
        " (seither gelöschte Papiere, die gelöscht bleiben: %(forgotten)s; Papiere, deren Datei"
        " beschädigt ist oder fehlt: %(damaged)s)"
    ),
    Happening.MUNICIPALITY_CHANGED: N_("hat die Angaben der Kommune geändert (%(fields)s)"),
    Happening.CLAIMS_TRIED: N_("hat ausprobiert, was ein Token gäbe (Regeln: %(rules)s)"),
    Happening.AGENCY_OPENED: N_("hat eine Stelle eingerichtet (%(slug)s)"),
    Happening.AGENCY_CHANGED: N_("hat Einstellungen der Stelle %(slug)s geändert (%(fields)s)"),
    Happening.FOLLOW_UPS_LISTED: N_("hat Wiedervorlagen angesehen (Einträge: %(count)s)"),
    Happening.FOLLOW_UP_SETTLED: N_("hat eine Wiedervorlage erledigt (Grund: %(reason)s)"),
    Happening.FOLLOW_UP_REOPENED: N_("hat eine Wiedervorlage wieder geöffnet"),
    Happening.NUMBERS_EXPORTED: N_("hat Zahlen heruntergeladen (Zeilen: %(rows)s)"),
    Happening.REMINDERS_LISTED: N_("hat Erinnerungen angesehen (Einträge: %(count)s)"),
    Happening.REMINDERS_EXPORTED: N_("hat Erinnerungen heruntergeladen (Zeilen: %(rows)s)"),
    Happening.MAIL_LISTED: N_("hat den Mailversand angesehen (Einträge: %(count)s)"),
    Happening.MAIL_TESTED: N_("hat eine Testmail angefordert (%(place)s)"),
    Happening.MAIL_RESENT: N_("hat eine Mail noch einmal senden lassen"),
    Happening.PACES_CHANGED: N_("hat Fristen der Erinnerungen von %(slug)s geändert (%(rules)s)"),
    Happening.MUNICIPALITY_CLOSING_ADDED: N_(
        "hat für die Kommune %(slug)s freie Tage eingetragen (%(first_day)s bis %(last_day)s)"
    ),
    Happening.MUNICIPALITY_CLOSING_REMOVED: N_(
        "hat freie Tage der Kommune %(slug)s entfernt (%(first_day)s bis %(last_day)s)"
    ),
    Happening.AGENCY_PAUSE_ADDED: N_(
        "hat für die Stelle %(slug)s eine Pause eingetragen (%(first_day)s bis %(last_day)s)"
    ),
    Happening.AGENCY_PAUSE_REMOVED: N_(
        "hat eine Pause der Stelle %(slug)s entfernt (%(first_day)s bis %(last_day)s)"
    ),
    Happening.AGENCY_CLOSED: N_("hat eine Stelle geschlossen (%(slug)s)"),
    Happening.AGENCY_REOPENED: N_("hat eine Stelle wieder geöffnet (%(slug)s)"),
    Happening.MEMBERSHIP_GRANTED: N_("hat eine Rolle vergeben: %(role)s, an %(person)s"),
    Happening.MEMBERSHIP_ENDED: N_("hat eine Rolle beendet: %(role)s, von %(person)s"),
    Happening.MEMBERSHIP_LIMITED: N_("hat das Ende einer Rolle festgelegt: von %(person)s"),
    Happening.MEMBERS_LISTED: N_("hat die Mitglieder angesehen (Einträge: %(count)s)"),
    Happening.INVITATION_CREATED: N_("hat eine Einladung erstellt: %(role)s, für %(days)s Tage"),
    Happening.INVITATION_REVOKED: N_("hat eine Einladung zurückgezogen: %(role)s"),
    Happening.INVITATION_ACCEPTED: N_("hat eine Einladung angenommen: %(role)s"),
    Happening.INSTRUCTION_CONFIRMED: N_(
        "hat die Unterweisung zur Zweckbindung bestätigt (Fassung %(version)s)"
    ),
    Happening.SERVICE_ACCOUNT_CREATED: N_("hat einen Dienst zugelassen"),
    Happening.SERVICE_ACCOUNT_ENDED: N_("hat die Zulassung eines Dienstes beendet"),
}


# What stands in the log of a change, as the form calls it.
SETTINGS = {
    "name": N_("Name"),
    "mailbox": N_("Postfach"),
    "land": N_("Land"),
    "digest_hour": N_("Uhrzeit der Erinnerungen"),
    "head_mailbox": N_("Postfach der Leitung"),
    "deputy_mailbox": N_("Postfach der Vertretung"),
    "deputy_until": N_("Ende der Vertretung"),
    "file_name_pattern": N_("Dateinamen"),
    "plan_days": N_("Wochentage des Plans"),
    "plan_time": N_("Tageszeit des Plans"),
    "announces_on_plan_days": N_("Neues nur an Plantagen"),
    "monthly_note": N_("Monatsnotiz"),
    "expected_per_month": N_("erwartete Papiere je Monat"),
    "keeps_eves": N_("24. und 31. Dezember"),
}


class LogQuery(BaseModel):
    """Which days of the log, and where the list goes on."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    day_from: str = Field(default="", max_length=20, alias="from")
    day_to: str = Field(default="", max_length=20, alias="to")
    before: int | None = Field(default=None, ge=1, le=2**63 - 1)


def index(call: Call) -> Response:
    """The log of the acting agency, or of the municipality."""
    _require_reader(call)
    query: LogQuery = call.query()
    mistakes = [
        Invalid("field_date_impossible", field=name)
        for name, typed in (("from", query.day_from), ("to", query.day_to))
        if typed.strip() and not fits(_DAYS, typed)
    ]
    told = errors.tell(call.kit.pages, call.language, InvalidForm(mistakes)) if mistakes else None
    events = [] if mistakes else _events(call, query)
    shown = events[:PAGE_SIZE]
    call.record(Happening.LOG_LISTED, count=len(shown))
    return call.render(
        "audit/index.html",
        status=told.status if told else 200,
        scope=call.actor.agency.name if call.actor.agency else call.page().municipality,
        entries=_entries(call, shown),
        day_from=query.day_from,
        day_to=query.day_to,
        errors=told.fields if told else {},
        next_href=_next_href(query, shown) if len(events) > PAGE_SIZE else "",
        checkpoint=checkpoints.newest(call.session),
        is_shortened=shortening.is_shortened(call.session),
        kept_months=call.services.catalogue.log_kept_months,
    )


def _require_reader(call: Call) -> None:
    in_agency = call.actor.agency is not None
    needed = Permission.AGENCY_LOG_READ if in_agency else Permission.MUNICIPALITY_LOG_READ
    if not call.actor.may(needed):
        raise Forbidden("not_permitted")


def checkpoint_file(call: Call) -> Response:
    """The newest checkpoint as a file to keep; raises ``NotFound`` while nobody signs the log."""
    _require_reader(call)
    newest = _newest(call)
    name = f"kursdocs-log-{newest.size}.txt"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return PlainTextResponse(newest.note, headers=headers)


def checkpoint(call: Call) -> Response:
    """The newest checkpoint for programs, which may keep one a day."""
    newest = _newest(call)
    told = models.CheckpointOut(
        size=newest.size, signed_at=newest.signed_at, note=newest.note, key=newest.signer
    )
    return Response(told.model_dump_json(), media_type="application/json")


def _newest(call: Call) -> AuditCheckpoint:
    newest = checkpoints.newest(call.session)
    if newest is None:
        raise NotFound
    return newest


def _events(call: Call, query: LogQuery) -> list[AuditEvent]:
    until = _midnight(query.day_to)
    return audit.page(
        call.session,
        call.actor,
        since=_midnight(query.day_from),
        until=until + timedelta(days=1) if until else None,
        before=query.before,
        limit=PAGE_SIZE + 1,
    )


def _midnight(typed: str) -> datetime | None:
    """The local midnight with which the typed day begins."""
    if not typed.strip():
        return None
    return datetime.fromisoformat(read_value(_DAYS, typed)).replace(tzinfo=LOCAL)


def _next_href(query: LogQuery, shown: Sequence[AuditEvent]) -> str:
    return f"/log?from={query.day_from}&to={query.day_to}&before={shown[-1].seq}"


def _entries(call: Call, events: Sequence[AuditEvent]) -> list[SimpleNamespace]:
    concerned = [UUID(str(e.detail["user"])) for e in events if "user" in e.detail]
    people = accounts.names_of(call.session, [*(e.user_id for e in events), *concerned])
    services = accounts.services_of(call.session, [event.service_account_id for event in events])
    # Whose log it is stands above it once, not in every row.
    own = call.actor.agency.id if call.actor.agency else None
    others = {e.agency_id for e in events if e.agency_id and e.agency_id != own}
    names = agencies.names_of(call.session, others)
    in_agency = call.actor.agency is not None
    return [
        SimpleNamespace(
            seq=event.seq,
            at=event.at,
            actor_name=_actor_name(event, people | services),
            agency_name=names.get(event.agency_id, "") if event.agency_id else "",
            sentence=call.kit.pages.text(
                call.language, SENTENCES[event.happening], **_worded(call, event, people)
            ),
            document_id=event.document_id,
            href=f"/documents/{event.document_id}" if in_agency and event.document_id else "",
        )
        for event in events
    ]


def _actor_name(event: AuditEvent, names: Mapping[UUID, str]) -> str:
    if event.actor_kind is ActorKind.SYSTEM:
        return "kursdocs"
    who = event.user_id or event.service_account_id
    return names.get(who, "–") if who else "–"


def _worded(call: Call, event: AuditEvent, people: Mapping[UUID, str]) -> dict[str, object]:
    """The details, as people call them: kind, role, person, settings, reason, days."""
    detail: dict[str, object] = dict(event.detail)
    kind = call.services.catalogue.kind(str(detail.get("kind", "")))
    if kind:
        detail["kind"] = kind.name.get(call.language)
    if "role" in detail:
        role = Role(str(detail["role"]))
        detail["role"] = call.kit.pages.text(call.language, ROLE_NAMES[role])
    # The first version did not write down whose role it was; who never signed in has no name.
    user = detail.get("user")
    detail["person"] = (people.get(UUID(str(user))) if user else "") or "–"
    if "fields" in detail:
        names = str(detail["fields"]).split()
        worded = (call.kit.pages.text(call.language, SETTINGS[name]) for name in names)
        detail["fields"] = ", ".join(worded)
    translate = partial(call.kit.pages.text, call.language)
    if event.happening is Happening.REQUEST_REFUSED:
        said = errors.sentence_then(call.kit.pages, call.language, str(detail.get("code", "")))
        detail["refusal"] = said
    if "reason" in detail:
        code, catalogue = str(detail["reason"]), call.services.catalogue
        detail["reason"] = reason_name(event.happening, code, catalogue, call.language, translate)
    if event.happening is Happening.PACES_CHANGED:
        rules = str(detail["rules"]).split()
        named = (rule_name(rule, call.services.catalogue, translate) for rule in rules)
        detail["rules"] = ", ".join(named)
    for name in detail.keys() & {"first_day", "last_day", "delete_on"}:
        detail[name] = plain_date(date.fromisoformat(str(detail[name])), call.language)
    return detail
