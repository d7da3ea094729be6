"""The receipt of a document, on screen and as PDF for the sender's own file."""

from starlette.responses import Response

from kursdocs.core import accounts
from kursdocs.core.audit import Happening
from kursdocs.core.documents import reading
from kursdocs.core.documents.reading import DeliveryView, DocumentView
from kursdocs.core.documents.tables import DeliveryState, DocumentState
from kursdocs.operations import receipts
from kursdocs.web import retention
from kursdocs.web.call import Call
from kursdocs.web.documents import attachment
from kursdocs.web.pages import (
    N_,
    exact_moment,
    plain_date,
    plain_moment,
    plain_name,
    show_size,
)
from kursdocs.web.security import FILE_POLICY

_STATEMENTS = {
    DocumentState.HELD: N_("Das Papier ist sicher gespeichert, aber noch nicht zugestellt."),
    DocumentState.LIVE: N_("Das Papier ist sicher gespeichert und zugestellt."),
    DocumentState.WITHDRAWN: N_("Das Papier war gespeichert und wurde zurückgezogen."),
    DocumentState.BLOCKED: N_("Das Papier wurde niemandem zugestellt: Es enthielt Schadsoftware."),
    DocumentState.ERASED: N_("Das Papier war gespeichert; inzwischen ist sein Inhalt gelöscht."),
}
_BLOCKED_LATER = N_(
    "Das Papier war zugestellt und ist jetzt gesperrt: Die Prüfung hat Schadsoftware gemeldet."
)


def show(call: Call) -> Response:
    """Proof of storing, for the sender."""
    document = reading.view_own(call.session, call.actor, call.id_in_path("document_id"))
    call.record(Happening.RECEIPT_VIEWED, document_id=document.id)
    return call.render(
        "documents/receipt.html",
        document=document,
        sent_by=_sent_by(call, document),
        leaving=retention.reason(call, document.delete_reason),
        deliveries=document.deliveries,
    )


def pdf(call: Call) -> Response:
    """The same as PDF; neither its name nor its QR code tells of the person."""
    document = reading.view_own(call.session, call.actor, call.id_in_path("document_id"))
    call.record(Happening.RECEIPT_VIEWED, document_id=document.id)
    name = f"{_text(call, N_('quittung'))}-{str(document.id)[-12:]}.pdf"
    return Response(
        receipts.draw(_receipt(call, document)),
        media_type="application/pdf",
        headers={
            "Content-Disposition": attachment(name),
            "Content-Security-Policy": FILE_POLICY,
        },
    )


def _text(call: Call, sentence: str, /, **values: object) -> str:
    return call.kit.pages.text(call.language, sentence, **values)


def _sent_by(call: Call, document: DocumentView) -> str:
    """Who of the own agency sent it: a person's name, or a program's client id."""
    people = accounts.names_of(call.session, [document.sent_by_user_id])
    programs = accounts.services_of(call.session, [document.sent_by_service_account_id])
    return next(iter((people | programs).values()), "")


def _receipt(call: Call, document: DocumentView) -> receipts.Receipt:
    sentence = _STATEMENTS.get(document.state, _STATEMENTS[DocumentState.HELD])
    if document.state is DocumentState.BLOCKED and document.was_delivered:
        sentence = _BLOCKED_LATER
    address = f"{call.services.settings.public_url}/documents/{document.id}/receipt"
    return receipts.Receipt(
        language=call.language,
        title=_text(call, N_("Quittung")),
        author=document.sender_name,
        statement=_text(call, sentence),
        lines=[(_text(call, label), value) for label, value in _lines(call, document) if value],
        recipients_title=_text(call, N_("Empfänger")),
        columns=[_text(call, column) for column in (N_("Stelle"), N_("Grundlage"), N_("Stand"))],
        recipients=[_recipient(call, document, delivery) for delivery in document.deliveries],
        address=address,
        address_hint=_text(
            call, N_("Der Code führt zu dieser Quittung in kursdocs. Er nennt keine Person.")
        ),
        footer=_text(
            call, N_("kursdocs, Stand %(moment)s"), moment=exact_moment(call.now, call.language)
        ),
    )


def _lines(call: Call, document: DocumentView) -> list[tuple[str, str]]:
    kind = call.services.catalogue.kind(document.kind)
    language = call.language
    born = plain_date(document.birth_date, language) if document.birth_date else ""
    has_two = document.received_sha256 != document.sha256
    return [
        (N_("Papier"), kind.name.get(language) if kind else document.kind),
        (N_("Person"), plain_name(document)),
        (N_("Geburtsdatum"), born),
        (N_("Gesendet von"), document.sender_name),
        (N_("Gesendet durch"), _sent_by(call, document)),
        (
            N_("Gespeichert am"),
            exact_moment(document.stored_at, language) if document.stored_at else "",
        ),
        (N_("Umfang"), f"PDF, {show_size(document.byte_size, language)}"),
        (N_("Seiten"), str(document.page_count)),
        (N_("Prüfsumme (SHA-256)"), _groups(document.sha256)),
        (
            N_("Prüfsumme der gesendeten Fotos"),
            _groups(document.received_sha256 if has_two else ""),
        ),
        (N_("Original liegt"), document.original_at),
        (N_("Vorgang"), str(document.id)),
        (N_("Ersetzt den Vorgang"), str(document.replaces.id) if document.replaces else ""),
    ]


def _groups(digest: str) -> str:
    """A hash in groups of eight, as on screen."""
    return " ".join(digest[start : start + 8] for start in range(0, len(digest), 8))


def _recipient(call: Call, document: DocumentView, delivery: DeliveryView) -> tuple[str, str, str]:
    name = delivery.recipient_name
    if delivery.forwarded_by_name:
        by = _text(call, N_("weitergegeben durch %(agency)s"), agency=delivery.forwarded_by_name)
        name = f"{name} ({by})"
    return name, delivery.ground, _state(call, document, delivery)


def _state(call: Call, document: DocumentView, delivery: DeliveryView) -> str:
    """How far it is, in one phrase with its time."""
    steps = (
        (N_("Gesperrt am %(moment)s"), document.blocked_at),
        (N_("Zurückgezogen am %(moment)s"), document.withdrawn_at),
        (N_("Zurückgegeben am %(moment)s"), delivery.returned_at),
        (N_("Übernommen am %(moment)s"), delivery.taken_over_at),
        (N_("Geöffnet am %(moment)s"), delivery.opened_at),
        (N_("Zugestellt am %(moment)s"), delivery.delivered_at),
    )
    if delivery.state is DeliveryState.NEW and delivery.delivered_at is None:
        return _text(call, N_("Noch nicht zugestellt"))
    for sentence, at in steps:
        if at is not None:
            return _text(call, sentence, moment=plain_moment(at, call.language))
    return ""
