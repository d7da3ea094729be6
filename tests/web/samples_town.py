"""The pages of coordinator and head about agencies, with invented content."""

from collections.abc import Mapping
from datetime import date, datetime
from types import SimpleNamespace
from uuid import UUID

from tests.web.samples_mail import boxes, refusing_boxes

from kursdocs.catalogue import AgencyKind, Text
from kursdocs.core.access import Role
from kursdocs.core.accounts.claims import ClaimRule, NumberedRule, Post, Trial
from kursdocs.core.agencies import Effective, Source
from kursdocs.core.agencies.file_names import PLACEHOLDERS
from kursdocs.core.agencies.lands import LANDS

Pages = list[tuple[str, str, Mapping[str, object]]]


def town_pages(hostile: str, now: datetime) -> Pages:
    """Name, template and context of each."""
    return [
        *_lists(hostile, now),
        *_opening(hostile),
        *_settings(hostile, now),
        *_town(hostile),
        *_claims(hostile),
        *_paces(hostile, now),
    ]


def _agency(name: str, now: datetime, **changes: object) -> SimpleNamespace:
    values: dict[str, object] = {
        "slug": "jobcenter",
        "name": name,
        "kind": AgencyKind.JOBCENTER,
        "mailbox": "eingang@jobcenter.example",
        "head_mailbox": "",
        "deputy_mailbox": "",
        "sent_count": 1234,
        "received_count": 88,
        "waiting_count": 3,
        "oldest_waiting_days": None,
        "last_active_at": now,
        "closed_at": None,
    }
    return SimpleNamespace(**(values | changes))


def _lists(hostile: str, now: datetime) -> Pages:
    name = "Jobcenter Musterstadt"
    agencies = [_agency(name, now, oldest_waiting_days=days) for days in (None, 0, 1, 12)]
    silent = [_agency(hostile, now, mailbox="", last_active_at=None)]
    closed = [_agency(hostile, now, closed_at=now)]
    filled = {
        "agencies": [*agencies, *silent],
        "closed": closed,
        "silent": silent,
        "refusing": refusing_boxes(hostile, now),
    }
    empty: Mapping[str, object] = {"agencies": [], "closed": [], "silent": [], "refusing": []}
    busy = {"agency": _agency(hostile, now), "numbers": _agency("", now, oldest_waiting_days=9)}
    idle = {"agency": _agency(name, now), "numbers": _agency("", now, waiting_count=0)}
    return [
        ("agencies", "agencies/index.html", filled),
        ("agencies-empty", "agencies/index.html", empty),
        ("agency-closing", "agencies/closing.html", busy),
        ("agency-closing-idle", "agencies/closing.html", idle),
    ]


def _opening(hostile: str) -> Pages:
    names = ("name", "slug", "kind", "mailbox", "digest_hour", "land")
    base: dict[str, object] = {
        "kinds": list(AgencyKind),
        "lands": list(LANDS.items()),
        "hours": [("7", "7:00"), ("8", "8:00")],
        "errors": {},
        "typed": dict.fromkeys(names, ""),
    }
    wrong = {"typed": dict.fromkeys(names, hostile), "errors": dict.fromkeys(names, "So nicht.")}
    return [
        ("agency-new", "agencies/new.html", base),
        ("agency-new-mistaken", "agencies/new.html", base | wrong),
    ]


_FREE = [(date(2026, 12, 25), "Erster Weihnachtstag"), (date(2027, 1, 1), "Neujahr")]


def _settings(hostile: str, now: datetime) -> Pages:
    names = (
        "name",
        "mailbox",
        "digest_hour",
        "head_mailbox",
        "deputy_mailbox",
        "deputy_until",
        "land",
        "file_name_pattern",
        "plan_days",
        "plan_time",
        "announces_on_plan_days",
        "monthly_note",
        "expected_per_month",
    )
    days = {"first_day": hostile, "last_day": hostile}
    pauses = [
        SimpleNamespace(
            id=UUID(int=number),
            first_day=date(2026, 12, 24),
            last_day=date(2026, 12, 31),
            is_now=number == 1,
        )
        for number in (1, 2)
    ]
    base: dict[str, object] = {
        "agency": _agency("VHS Musterstadt", now),
        "typed": dict.fromkeys(names, ""),
        "errors": {},
        "is_manager": False,
        "lands": list(LANDS.items()),
        "land_name": "",
        "free_days": _FREE,
        "hours": [("7", "7:00")],
        "preview": "admission-0123456789ab.pdf",
        "pattern_length_max": 120,
        "placeholders": list(PLACEHOLDERS.items()),
        "pauses": [],
        "pause": {"first_day": "", "last_day": ""},
        "is_deputy_over": False,
        "weekdays": [("1", "Montag"), ("2", "Dienstag")],
        "plan_times": [("morning", "am Morgen")],
        "closings": [],
        "keeps_eves": False,
        "boxes": [],
        "refusing": [],
    }
    wrong = {
        "agency": _agency(hostile, now, mailbox=""),
        "typed": dict.fromkeys(names, hostile),
        "errors": dict.fromkeys((*names, *days), "So nicht."),
        "preview": "",
        "pause": days,
        "is_deputy_over": True,
        "closings": _closings(hostile),
    }
    managed = {
        "is_manager": True,
        "pauses": pauses,
        "land_name": "Bayern",
        "closings": _closings("Rosenmontag"),
        "keeps_eves": True,
        "boxes": boxes(hostile, now),
        "refusing": refusing_boxes(hostile, now)[:1],
    }
    closed = {"is_manager": True, "agency": _agency("Sprachwerk", now, closed_at=now)}
    return [
        ("settings", "agencies/settings.html", base),
        ("settings-managed", "agencies/settings.html", base | managed),
        ("settings-closed", "agencies/settings.html", base | closed),
        ("settings-mistaken", "agencies/settings.html", base | managed | wrong),
    ]


def _closings(name: str) -> list[SimpleNamespace]:
    return [
        SimpleNamespace(
            id=UUID(int=number),
            name=name,
            first_day=date(2027, 2, 8),
            last_day=date(2027, 2, 7 + number),
            is_now=number == 1,
        )
        for number in (1, 2)
    ]


def _town(hostile: str) -> Pages:
    names = ("name", "mailbox", "land", "keeps_eves")
    days = ("first_day", "last_day", "closing_name")
    base: dict[str, object] = {
        "municipality": SimpleNamespace(slug="musterstadt", name="Musterstadt", mailbox="a@b"),
        "typed": dict.fromkeys(names, ""),
        "errors": {},
        "lands": list(LANDS.items()),
        "land_name": "Bayern",
        "free_days": _FREE,
        "closings": [],
        "closing": dict.fromkeys(days, ""),
        "name_length_max": 60,
        "working_days_max": 10,
    }
    filled = {"closings": _closings("Rosenmontag")}
    wrong = {
        "municipality": SimpleNamespace(slug="musterstadt", name=hostile, mailbox=""),
        "typed": dict.fromkeys(names, hostile),
        "errors": dict.fromkeys((*names, *days), "So nicht."),
        "closings": _closings(hostile),
        "closing": dict.fromkeys(days, hostile),
    }
    return [
        ("municipality", "municipality/show.html", base),
        ("municipality-closings", "municipality/show.html", base | filled),
        ("municipality-mistaken", "municipality/show.html", base | wrong),
    ]


def _claims(hostile: str) -> Pages:
    rule = ClaimRule("groups", hostile, Role.CLERK, agency="jobcenter")
    town = ClaimRule("groups", "leitung", Role.COORDINATOR, municipality="musterstadt")
    rules = [
        NumberedRule(1, rule, "Jobcenter"),
        NumberedRule(2, rule, hostile, is_closed=True),
        NumberedRule(4, rule, ""),
        NumberedRule(7, town, "Musterstadt"),
    ]
    base: dict[str, object] = {
        "rules": rules,
        "pasted": "",
        "trial": None,
        "has_subject": False,
        "errors": {},
        "issuer": "https://anmeldung.example",
    }
    posts = [Post(Role.HEAD, hostile, is_closed=True), Post(Role.AUDITOR, "Musterstadt")]
    full = Trial(rules[:2], posts, posts, posts, is_known=True, is_foreign=True)
    nothing = Trial([], [], [], [], is_known=False, is_foreign=False)
    page = "municipality/claims.html"
    return [
        ("claims", page, base),
        ("claims-empty", page, base | {"rules": [], "trial": nothing}),
        ("claims-stranger", page, base | {"trial": nothing, "has_subject": True}),
        ("claims-tried", page, base | {"trial": full, "has_subject": True, "pasted": hostile}),
        ("claims-mistaken", page, base | {"pasted": hostile, "errors": {"claims": "So nicht."}}),
    ]


def _paces(hostile: str, now: datetime) -> Pages:
    def held(source: Source, **changes: int) -> Effective:
        values = {"days": 3, "least": 1, "most": 5, "above": 3, **changes}
        return Effective(source=source, **values)

    rules = {
        "standard.desk": held(Source.CATALOGUE),
        "standard.deputy": held(Source.MUNICIPALITY, own=3),
        "standard.head": held(Source.AGENCY, own=9),
        "standard.return_after": held(Source.CATALOGUE, least=3, most=3),
    }
    rows = [
        SimpleNamespace(rule=rule, name="Leitung", usual=2, effective=each)
        for rule, each in rules.items()
    ]
    example = SimpleNamespace(day=now.date(), steps=[("Leitung", date(2026, 12, 1))])
    groups = [
        SimpleNamespace(
            code=code, name=name, hint="Arbeitstage.", kinds=kinds, rows=each, example=example
        )
        for code, name, kinds, each in (
            ("standard", "Papiere im Eingang", [Text("Anmeldung", "Registration")], rows),
            ("request", "Angeforderte Papiere", [], []),
            ("silence", hostile, [], []),
        )
    ]
    fields = [name for rule in rules for name in (rule, f"{rule}.least", f"{rule}.most")]
    base: dict[str, object] = {
        "agency": _agency("VHS Musterstadt", now),
        "municipality": SimpleNamespace(name="Musterstadt"),
        "is_manager": False,
        "groups": groups,
        "typed": dict.fromkeys(fields, ""),
        "errors": {},
        "labels": dict.fromkeys(fields, "Papiere im Eingang: Leitung"),
        "has_own": False,
    }
    wrong = {
        "agency": _agency(hostile, now),
        "is_manager": True,
        "typed": dict.fromkeys(fields, hostile),
        "errors": dict.fromkeys(fields, "So nicht."),
        "has_own": True,
    }
    of_agency = {**wrong, "errors": dict.fromkeys(list(rules)[:3], "So nicht.")}
    return [
        ("paces", "paces/agency.html", base),
        ("paces-mistaken", "paces/agency.html", base | of_agency),
        ("municipality-paces", "paces/municipality.html", base),
        ("municipality-paces-mistaken", "paces/municipality.html", base | wrong),
    ]
