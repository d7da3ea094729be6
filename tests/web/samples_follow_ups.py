"""The page of follow-ups with invented content, in its empty, filled and mistaken states."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

from tests.web.samples_requests import Found

from kursdocs.catalogue import Catalogue

_INDEX = "follow_ups/index.html"


def follow_up_pages(catalogue: Catalogue, hostile: str, now: datetime) -> Iterator[Found]:
    """All of them; ``hostile`` stands where people type."""
    today = now.date()
    rules = catalogue.follow_ups
    provider = [rule for rule in rules if rule.clock != "lapsing"]
    office = [rule for rule in rules if rule.clock == "lapsing"]
    base: dict[str, object] = {
        "clock": "",
        "clocks": ["proof", "start"],
        "counts": {"": 120, "proof": 3, "start": 117},
        "count_max": 100,
        "groups": [],
        "is_ticked": False,
        "tick_href": "/follow-ups?tick=all",
        "next_href": "",
        "just_settled": [],
        "just_reason": "",
        "settled": [],
        "reasons": catalogue.settle_reasons,
        "errors": {},
        "conflict": None,
        "today": today,
    }
    rows = [_row(days, today, number) for number, days in enumerate((-12, -1, 0, 1, 9))]
    rows[0].family_name = rows[0].other_name = hostile
    rows[1].family_name, rows[1].given_names = "محمد", "فاطمة"
    filled = base | {"groups": _groups(provider, rows), "next_href": "/follow-ups?after=1"}
    lapsing = base | {
        "clocks": ["lapsing"],
        "counts": {"": 10, "lapsing": 10},
        "groups": _groups(office, rows, "lapsing"),
    }
    settled = [
        SimpleNamespace(**vars(rows[1]), reason="on_paper", ended_at=now, by=hostile),
        SimpleNamespace(**vars(rows[2]), reason=hostile, ended_at=now, by=""),
    ]
    done = {"settled": settled, "just_settled": [rows[1].id], "just_reason": "on_paper"}
    late = SimpleNamespace(
        heading="Das geht jetzt nicht mehr", sentence="Schon erledigt.", at=now, by=hostile
    )
    wrong = {"reason": "Bitte wählen Sie.", "follow_up": "Bitte wählen Sie zuerst aus."}
    states = (
        ("", filled),
        ("-lapsing", lapsing),
        ("-ticked", filled | {"is_ticked": True, "clock": "proof"}),
        ("-done", filled | done),
        ("-done-many", base | done | {"just_settled": [one.id for one in rows[:3]]}),
        ("-mistaken", filled | {"errors": wrong}),
        ("-too-late", filled | {"conflict": late}),
        ("-too-late-by-paper", filled | {"conflict": SimpleNamespace(**vars(late) | {"by": ""})}),
        *((f"-empty-{clock}", base | {"clock": clock}) for clock in ("", "proof", "start")),
        ("-empty-lapsing", base | {"clocks": ["lapsing"]}),
    )
    for name, context in states:
        yield f"follow-ups{name}", _INDEX, "/follow-ups", context


def _row(days: int, today: date, number: int) -> SimpleNamespace:
    return SimpleNamespace(
        id=UUID(int=0x01A2_0000_0000_7000_8000_0000_0000_0401 + number),
        clock="proof",
        document_id=UUID(int=0x01A2_0000_0000_7000_8000_0000_0000_0101),
        kind="obligation_ik_abh",
        family_name="Muster",
        given_names="Amina",
        birth_date=date(1990, 4, 1) if number else None,
        other_name="Ausländerbehörde Musterstadt",
        due_on=today + timedelta(days=days),
        days_left=days,
        ways=["registration_confirmation_ik", "start_notice_ik"] if number else [],
    )


def _groups(
    rules: Sequence[object], rows: list[SimpleNamespace], clock: str = "proof"
) -> list[SimpleNamespace]:
    """Each rule with rows of its own, so that no id stands on the page twice."""
    return [
        SimpleNamespace(
            rule=rule,
            rows=[
                SimpleNamespace(
                    **vars(row) | {"clock": clock, "id": UUID(int=row.id.int + 16 * place)}
                )
                for row in rows
            ],
        )
        for place, rule in enumerate(rules)
    ]
