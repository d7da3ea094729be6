"""The pages about requests with invented content, in their empty, filled and mistaken states."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

from kursdocs.catalogue import AgencyKind, Catalogue
from kursdocs.core.reminders.ledger_reading import Reminded
from kursdocs.core.requests.asking import RequestForm

Found = tuple[str, str, str, Mapping[str, object]]
"""Name, template, path, and what the template gets."""

_LIST, _NEW, _SHOW = "requests/index.html", "requests/new.html", "requests/show.html"


def request_pages(catalogue: Catalogue, hostile: str, now: datetime) -> Iterator[Found]:
    """All of them; ``hostile`` stands where people type."""
    yield from _lists(hostile, now)
    kinds = catalogue.requestable_by(AgencyKind.JOBCENTER)
    for name, groups in (("", catalogue.by_group(kinds)), ("-empty", [])):
        path = "/requests/new"
        yield f"request-kinds{name}", "requests/choose_kind.html", path, {"groups": groups}
    yield from _forms(catalogue, hostile, now)
    yield from _shown(catalogue, hostile, now)


def _request(now: datetime, **changes: object) -> SimpleNamespace:
    values: dict[str, object] = {
        "id": UUID(int=0x01A2_0000_0000_7000_8000_0000_0000_0301),
        "side": "received",
        "state": "open",
        "kind": "attendance_certificate_ik",
        "family_name": "Muster",
        "given_names": "Amina",
        "birth_date": date(1990, 4, 1),
        "requester_name": "Jobcenter Musterstadt",
        "provider_name": "VHS Musterstadt",
        "other_name": "Jobcenter Musterstadt",
        "ground": "§ 14 Abs. 6 Satz 4 bis 7 IntV",
        "person_asked_on": date(2026, 11, 2),
        "due_on": now.date() + timedelta(days=5),
        "days_overdue": 0,
        "created_at": now,
        "opened_at": None,
        "document_id": None,
        "fallen": None,
        "answered_at": None,
        "ended_at": None if changes.get("state", "open") == "open" else now,
        "end_reason": "",
        "forget_on": None,
        "forgotten_at": None,
    }
    return SimpleNamespace(**(values | changes))


def _lists(hostile: str, now: datetime) -> Iterator[Found]:
    late = {"due_on": now.date() - timedelta(days=1)}
    rows = {
        "open": [
            _request(now, family_name=hostile, other_name=hostile, days_overdue=1, **late),
            _request(now, family_name="محمد", given_names="فاطمة", opened_at=now),
            *(_request(now, fallen=one) for one in ("held", "withdrawn", "blocked", "returned")),
        ],
        "overdue": [_request(now, days_overdue=12, **late)],
        "ended": [
            _request(now, state="answered"),
            _request(now, state="declined", end_reason="person_unknown"),
            _request(now, state="cancelled"),
            _request(now, state="lapsed", family_name="", given_names="", birth_date=None),
        ],
    }
    for side, sides in (("received", ["received", "made"]), ("made", ["made"])):
        for state, requests in rows.items():
            for is_filled in (True, False):
                name = f"requests-{side}-{state}{'' if is_filled else '-empty'}"
                counts = {"open": 101, "overdue": 1, "ended": 4} if is_filled else {}
                yield (
                    name,
                    _LIST,
                    "/requests",
                    {
                        "side": side,
                        "state": state,
                        "sides": sides,
                        "can_ask": is_filled or side == "made",
                        "counts": dict.fromkeys(rows, 0) | counts,
                        "count_max": 100,
                        "requests": requests if is_filled else [],
                        "next_href": "/requests?side=made" if is_filled else "",
                    },
                )


def _forms(catalogue: Catalogue, hostile: str, now: datetime) -> Iterator[Found]:
    typed = RequestForm(
        provider="vhs-musterstadt",
        family_name=hostile,
        birth_date="31.02.1990",
        person_asked_on="gestern",
        fields={"period_from": hostile},
    )
    mistakes = {
        "provider": "Diese Stelle gibt es hier nicht.",
        "given_names": "Bitte geben Sie die Vornamen an.",
        "birth_date": "Diesen Tag gibt es nicht.",
        "person_asked_on": "Die Person hat mindestens 7 Tage Zeit.",
        "period_from": "Bitte schreiben Sie das Datum wie 31.12.2026.",
        "due_on": "Bitte nennen Sie einen Tag, der noch kommt.",
    }
    refused = SimpleNamespace(heading="Das geht jetzt nicht mehr", sentence="Schon da.", details={})
    there = SimpleNamespace(**{**vars(refused), "details": {"request": _request(now).id}})
    states: dict[str, dict[str, object]] = {
        "": {},
        "-mistaken": {"typed": typed, "errors": mistakes},
        "-repeated": {"typed": typed, "conflict": there},
        "-refused": {"typed": typed, "conflict": refused},
        "-nobody": {"offers": [], "usual_due_on": ""},
    }
    for code in ("attendance_certificate_ik", "registration_confirmation_ik"):
        for state, changes in states.items():
            # The day of asking the person and the period belong to the first kind alone.
            if state != "-mistaken" or code == "attendance_certificate_ik":
                given = _form(catalogue, code, hostile) | changes
                yield f"request-form-{code}{state}", _NEW, "/requests/new", given


def _form(catalogue: Catalogue, code: str, hostile: str) -> dict[str, object]:
    kind = catalogue.kind(code)
    if kind is None:
        raise LookupError(code)
    route = kind.route(AgencyKind.COURSE_PROVIDER, AgencyKind.JOBCENTER)
    agencies = (("vhs-musterstadt", "VHS Musterstadt"), ("sprachwerk", hostile))
    return {
        "kind": kind,
        "offers": [
            SimpleNamespace(agency=SimpleNamespace(slug=slug, name=name), route=route)
            for slug, name in agencies
        ],
        "typed": RequestForm(kind=code),
        "usual_due_on": "07.12.2026",
        "answer_working_days": catalogue.answer_working_days,
        "person_has_days": catalogue.person_has_days,
        "acting_agency": "jobcenter",
        "errors": {},
        "conflict": None,
    }


def _shown(catalogue: Catalogue, hostile: str, now: datetime) -> Iterator[Found]:
    asked: dict[str, object] = {
        "fields": [("Zeitraum von", hostile)],
        "events": [
            SimpleNamespace(at=now, actor_name=hostile, sentence="Angefordert"),
            SimpleNamespace(at=now, actor_name="", sentence="Angesehen"),
        ],
        "asked_by": "",
        "kind_exists": True,
        "can_answer": True,
        "can_cancel": False,
        "decline_reasons": catalogue.request_decline_reasons,
        "reminded": None,
        "errors": {},
        "conflict": None,
    }
    waiting = asked | {"can_answer": False, "can_cancel": True, "asked_by": hostile}
    over = asked | {"can_answer": False}
    late = SimpleNamespace(heading="Das geht jetzt nicht mehr", sentence="Nicht mehr offen.")
    made = {"side": "made", "other_name": "VHS Musterstadt"}
    gone = {"family_name": "", "given_names": "", "birth_date": None, "forgotten_at": now}
    states = (
        ("asked", _request(now, family_name=hostile), asked),
        ("asked-alone", _request(now, person_asked_on=None, days_overdue=2), asked),
        ("mistaken", _request(now), asked | {"errors": {"reason": "Bitte wählen Sie."}}),
        ("too-late", _request(now, state="cancelled"), over | {"conflict": late}),
        ("waiting", _request(now, **made), waiting),
        ("waiting-unknown", _request(now, **made), waiting | {"kind_exists": False}),
        ("answered", _request(now, state="answered", document_id=_request(now).id), over),
        *(
            (f"fallen-{one}", _request(now, fallen=one), asked)
            for one in ("held", "withdrawn", "blocked", "returned")
        ),
        *(
            (
                f"declined-{side}",
                _request(now, state="declined", side=side, end_reason=reason),
                over,
            )
            for side, reason in (("made", "person_unknown"), ("received", hostile))
        ),
        ("lapsed", _request(now, state="lapsed", forget_on=now.date(), **made), over),
        ("forgotten", _request(now, state="answered", **gone), over),
        *(
            (
                f"reminded-{state}-{side}",
                _request(now, state=state, side=side, answered_at=now),
                over | {"reminded": Reminded(number, now.date())},
            )
            for number, state in enumerate(("open", "answered", "declined", "cancelled"), 1)
            for side in ("made", "received")
        ),
    )
    for name, request, context in states:
        yield f"request-{name}", _SHOW, "/requests", context | {"request": request}
