"""A delivery's way for people: what happened, by whom of the own agency, and what lies ahead."""

from datetime import datetime
from types import SimpleNamespace
from uuid import UUID

from kursdocs.core.documents import reading
from kursdocs.core.documents.reading import DeliveryView, DocumentView, TimelineEvent
from kursdocs.core.documents.tables import DeliveryState, DocumentState
from kursdocs.core.workdays import local_date
from kursdocs.web.call import Call
from kursdocs.web.pages import N_

_DONE = {
    "sent": N_("Gesendet"),
    "approved": N_("Freigegeben"),
    "forwarded": N_("Weitergegeben"),
    "delivered": N_("Zugestellt"),
    "opened": N_("Geöffnet"),
    "taken_over": N_("Übernommen"),
    "returned": N_("Zurückgegeben"),
    "withdrawn": N_("Zurückgezogen"),
    "corrected": N_("Durch ein berichtigtes Papier ersetzt"),
    "blocked": N_("Gesperrt"),
    "acknowledged": N_("Zur Kenntnis genommen"),
    "erased": N_("Inhalt gelöscht"),
}
_AHEAD = {
    "approved": N_("Freigabe durch eine zweite Person"),
    "delivered": N_("Zustellung"),
    "opened": N_("Öffnen"),
    "taken_over": N_("Übernehmen"),
    "acknowledged": N_("Kenntnisnahme"),
}


def track(
    call: Call, document: DocumentView, delivery: DeliveryView, names: dict[UUID, str]
) -> SimpleNamespace:
    """The delivery with its ``steps`` and with how far it is (``latest``)."""
    people = _people(document, delivery)
    events = reading.timeline(document, delivery)
    steps = [_step(call, event, _name(names, people.get(event.code, ()))) for event in events]
    steps += [
        SimpleNamespace(
            code=code,
            sentence=call.kit.pages.text(call.language, _AHEAD[code]),
            at=None,
            agency_name="",
            name="",
            reason="",
        )
        for code in _ahead(document, delivery, {event.code for event in events})
    ]
    values = {name: getattr(delivery, name) for name in delivery.__dataclass_fields__}
    by = (delivery.taken_over_by_user_id, delivery.taken_over_by_service_account_id)
    return SimpleNamespace(
        **values,
        must_acknowledge=delivery.must_acknowledge,
        taken_over_by=_name(names, by),
        same_day=_same_day(delivery.delivered_at, delivery.taken_over_at),
        steps=steps,
        latest=_latest(steps, delivery),
    )


def _latest(steps: list[SimpleNamespace], delivery: DeliveryView) -> SimpleNamespace | None:
    """How far it is: the last thing that happened; looking again after settling is none."""
    is_settled = delivery.state is not DeliveryState.NEW
    done = [one for one in steps if one.at and not (is_settled and one.code == "opened")]
    return done[-1] if done else None


def _step(call: Call, event: TimelineEvent, name: str) -> SimpleNamespace:
    return SimpleNamespace(
        code=event.code,
        sentence=call.kit.pages.text(call.language, _DONE[event.code]),
        at=event.at,
        agency_name=event.agency_name,
        name=name,
        reason=event.reason,
    )


def _people(document: DocumentView, delivery: DeliveryView) -> dict[str, tuple[UUID | None, ...]]:
    """Who did it, by event; only those of the own agency have a name here."""
    return {
        "sent": (document.sent_by_user_id, document.sent_by_service_account_id),
        "approved": (document.approved_by_user_id,),
        "taken_over": (delivery.taken_over_by_user_id, delivery.taken_over_by_service_account_id),
        "returned": (delivery.returned_by_user_id,),
        "acknowledged": (delivery.acknowledged_by_user_id,),
    }


def _name(names: dict[UUID, str], ids: tuple[UUID | None, ...]) -> str:
    return next((names[known] for known in ids if known is not None and known in names), "")


def _ahead(document: DocumentView, delivery: DeliveryView, done: set[str]) -> list[str]:
    """The steps that are still to come, in their order."""
    if delivery.must_acknowledge:
        return ["acknowledged"]
    is_under_way = document.state in (DocumentState.HELD, DocumentState.LIVE)
    if not is_under_way or delivery.state is not DeliveryState.NEW:
        return []
    approval = ["approved"] if document.is_awaiting_approval else []
    return [code for code in (*approval, "delivered", "opened", "taken_over") if code not in done]


def _same_day(start: datetime | None, end: datetime | None) -> bool:
    return start is not None and end is not None and local_date(start) == local_date(end)
