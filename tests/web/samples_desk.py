"""The sending desk with invented papers: empty, filled, ready, mistaken, and what became of it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

from kursdocs import catalogue as rules
from kursdocs.catalogue import AgencyKind, Need

_RULES = rules.load()
_KIND = next(kind for kind in _RULES.kinds if kind.code == "admission_ik_jc")
_NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
HOSTILE = "<img src=x onerror=alert(1)>\"'"
Context = Mapping[str, object]


def _id(number: int) -> UUID:
    return UUID(int=0x01A2_0000_0000_7000_8000_0000_0000_0000 + 500 + number)


def _line(number: int, **changes: object) -> SimpleNamespace:
    values = {
        "family_name": ["Muster"],
        "given_names": [HOSTILE],
        "birth_date": ["24.12.1990"],
        "recipient": ["jobcenter"],
        "release_form": ["in_person"],
    }
    agency = SimpleNamespace(slug="jobcenter", name="Jobcenter <Musterstadt>")
    route = _KIND.route(AgencyKind.COURSE_PROVIDER, AgencyKind.JOBCENTER)
    line = {
        "id": _id(number),
        "draft": SimpleNamespace(file_name=HOSTILE, page_count=number, byte_size=81_234),
        "kind": _KIND,
        "offers": [SimpleNamespace(agency=agency, route=route)],
        "values": values,
        "texts": {name: texts[0] for name, texts in values.items()},
        "unseen": frozenset(),
        "title": f"Muster, {HOSTILE}",
        "state": "ready",
        "missing": [],
        "wrong": [],
        **changes,
    }
    return SimpleNamespace(**line)


def desk_pages() -> Mapping[str, Context]:
    """Contexts of ``desk/index.html`` by the name of their state."""
    groups = _RULES.by_group(_RULES.kinds)
    lines = [
        _line(1),
        _line(2, state="check", unseen=frozenset({"kind", "birth_date"})),
        _line(3, state="incomplete", missing=["Empfänger", "Freigabe"]),
        _line(4, state="incomplete", wrong=["Geburtsdatum"], kind=None, offers=[]),
    ]
    going = SimpleNamespace(
        agency=SimpleNamespace(name="Jobcenter <Musterstadt>"),
        count=1,
        grounds=["§ 7(1) IntV"],
        needs=[Need.RELEASE],
    )
    common: dict[str, object] = {
        "open": None,
        "refused": [],
        "mistake": "",
        "acting_agency": "vhs-musterstadt",
        "upload_key": "einmal",
        "upload_bytes_max": 32 * 1024**2,
        "photographs_max": 20,
        "needs": _RULES.need_texts,
    }
    filled = common | {
        "desk": SimpleNamespace(lines=lines, ready=lines[:1], going=[going], groups=groups)
    }
    refused = {"refused": [(HOSTILE, "Die Datei ist leer."), ("", "Bitte wählen Sie eine Datei.")]}
    empty = common | {"desk": SimpleNamespace(lines=[], ready=[], going=[], groups=groups)}
    return {
        "empty": empty,
        "empty-mistaken": empty | refused,
        **{f"filled-{at}": filled | {"open": _open(lines, at)} for at in range(4)},
        "one": filled
        | {
            "desk": SimpleNamespace(lines=lines[:1], ready=lines[:1], going=[going], groups=groups),
            "open": _open(lines[:1], 0),
        },
        "mistaken": filled
        | refused
        | {
            "mistake": "Bitte wählen Sie zwei Papiere.",
            "open": _open(lines, 2, {"recipient": "Wer?", "released": "Freigabe?", "": "Etwas."}),
        },
    }


def _open(
    lines: list[SimpleNamespace], at: int, errors: Mapping[str, str] | None = None
) -> dict[str, object]:
    return {
        "line": lines[at],
        "number": at + 1,
        "previous": lines[at - 1] if at else None,
        "next": lines[at + 1] if at + 1 < len(lines) else None,
        "errors": errors or {},
        "labels": {
            "kind": "Art",
            "recipient": "Empfänger",
            "released": "Freigabe",
            "issued_on": "Ausgestellt am",
        },
        "columns": ["kind", "recipient", "release", "issued_on"],
        "usual": frozenset({"recipient"}),
    }


def sent_pages() -> Mapping[str, Context]:
    """Contexts of ``desk/sent.html`` by the name of their state."""
    document = {
        "id": _id(9),
        "kind": "admission_ik_jc",
        "family_name": "Muster",
        "given_names": HOSTILE,
        "birth_date": _NOW.date() - timedelta(days=10_000),
        "stored_at": _NOW,
        "sha256": "9f86d081884c7d659a2feaa0c55ad015",
        "state": "live",
        "is_awaiting_approval": False,
        "deliveries": [SimpleNamespace(recipient_name="Jobcenter <Musterstadt>")] * 2,
    }
    live = SimpleNamespace(**document)
    waiting = SimpleNamespace(**document | {"state": "held", "is_awaiting_approval": True})
    gone = SimpleNamespace(**document | {"birth_date": None, "stored_at": None, "sha256": ""})
    return {
        "all": {"documents": [live, waiting, gone], "failed": [], "left": 0},
        "some-mistaken": {
            "documents": [live],
            "failed": [(HOSTILE, _id(1), "Das Papier fehlt."), ("", _id(2), "Nicht da.")],
            "left": 1,
        },
        "none-mistaken": {"documents": [], "failed": [("", _id(2), "Nicht da.")], "left": 2},
    }
