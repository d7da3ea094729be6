"""The pages of coordinator and head about agencies, with invented content."""

from collections.abc import Mapping
from datetime import date, datetime
from types import SimpleNamespace
from uuid import UUID

from kursdocs.catalogue import AgencyKind
from kursdocs.core.access import Role
from kursdocs.core.accounts.claims import ClaimRule, NumberedRule, Post, Trial
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
    filled = {"agencies": [*agencies, *silent], "closed": closed, "silent": silent}
    empty: Mapping[str, object] = {"agencies": [], "closed": [], "silent": []}
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
    }
    wrong = {
        "agency": _agency(hostile, now, mailbox=""),
        "typed": dict.fromkeys(names, hostile),
        "errors": dict.fromkeys((*names, *days), "So nicht."),
        "preview": "",
        "pause": days,
        "is_deputy_over": True,
    }
    managed = {"is_manager": True, "pauses": pauses, "land_name": "Bayern"}
    closed = {"is_manager": True, "agency": _agency("Sprachwerk", now, closed_at=now)}
    return [
        ("settings", "agencies/settings.html", base),
        ("settings-managed", "agencies/settings.html", base | managed),
        ("settings-closed", "agencies/settings.html", base | closed),
        ("settings-mistaken", "agencies/settings.html", base | managed | wrong),
    ]


def _town(hostile: str) -> Pages:
    names = ("name", "mailbox", "land")
    base: dict[str, object] = {
        "municipality": SimpleNamespace(slug="musterstadt", name="Musterstadt", mailbox="a@b"),
        "typed": dict.fromkeys(names, ""),
        "errors": {},
        "lands": list(LANDS.items()),
        "land_name": "Bayern",
        "free_days": _FREE,
    }
    wrong = {
        "municipality": SimpleNamespace(slug="musterstadt", name=hostile, mailbox=""),
        "typed": dict.fromkeys(names, hostile),
        "errors": dict.fromkeys(names, "So nicht."),
    }
    return [
        ("municipality", "municipality/show.html", base),
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
