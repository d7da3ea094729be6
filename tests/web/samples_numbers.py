"""The pages of numbers, with invented content."""

from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID

from markupsafe import Markup

from kursdocs.catalogue import AgencyKind
from kursdocs.core.adoption import OwnNumbers, Period, TownNumbers
from kursdocs.core.adoption.disclosure import FEW, HIDDEN, Count
from kursdocs.core.adoption.expectation import Share
from kursdocs.core.adoption.numbers import AgencyLine, Exchange, Line, Speed, Waiting, WeekExchange
from kursdocs.core.adoption.own import OwnWeek
from kursdocs.core.adoption.periods import Week
from kursdocs.core.agencies import Agency
from kursdocs.core.reminders.effect import Effect
from kursdocs.web import charts
from kursdocs.web.charts import Bar, Group, Lasting, Words

Pages = list[tuple[str, str, Mapping[str, object]]]

_WEEKS = [Week(date(2026, 11, 16)), Week(date(2026, 11, 23), is_running=True)]
_PERIOD = Period(_WEEKS)
_NOTHING = Speed(None, None)
_NO_EFFECT = Effect(Count(0), Count(0), Count(0), Count(0), None)
_SOME_EFFECT = Effect(Count(40), Count(30), Count(8), FEW, 5.5)


def _charts(hostile: str) -> dict[str, Markup]:
    words = {name: Words(f"chart-{name}", hostile, hostile) for name in _CHARTS}
    bars = [Bar(1234, "1.234"), Bar(None, ""), Bar(0, "")]
    weeks = [Lasting("47", 3.5, 9.0, 4.0, "4", hostile, is_open=True), Lasting("48", None)]
    return {
        "papers": charts.columns(words["papers"], [Group(hostile, bars, hostile, is_open=True)]),
        "speed": charts.speeds(words["speed"], weeks),
        "waiting": charts.columns(words["waiting"], []),
        "first": charts.swatch(1),
        "second": charts.swatch(2),
        "hidden": charts.hidden_swatch(),
        "percentile": charts.line_swatch("whisker"),
        "compared": charts.line_swatch("mark"),
    }


_CHARTS = ("papers", "speed", "waiting")


def _line(count: Count, speed: Speed) -> Line:
    weeks = [WeekExchange(count, FEW, HIDDEN, speed, week) for week in _WEEKS]
    by_age = [count, FEW, HIDDEN, count]
    return Line(Exchange(count, count, count, speed), weeks, Waiting(count, by_age))


def _agency_line(number: int, name: str, now: datetime, **changes: object) -> AgencyLine:
    line = _line(Count(1234), Speed(3.5, 41.25))
    values: dict[str, object] = {
        **vars(line),
        "agency": Agency(
            id=UUID(int=number),
            municipality_id=UUID(int=1),
            slug=f"stelle-{number}",
            name=name,
            kind=AgencyKind.JOBCENTER,
            created_at=now,
        ),
        "last_active_at": now,
        "share": Share(Count(30), 40, FEW, 40),
    }
    return AgencyLine(**{**values, **changes})  # type: ignore[arg-type]  # by name


def number_pages(hostile: str, now: datetime) -> Pages:
    """Name, template and context of each."""
    frame: dict[str, object] = {
        "period": _PERIOD,
        "ends": [("2026-11-22", "bis Kalenderwoche 47 (22.11.2026)")],
        "end": "",
        "now": now,
        "ages": ["0–2", "3–5", "6–10", "über 10"],
        "charts": _charts(hostile),
    }
    return [*_town(frame, hostile, now), *_single(frame, hostile, now), *_own(frame)]


def _town(frame: dict[str, object], hostile: str, now: datetime) -> Pages:
    closed = _agency_line(2, hostile, now, last_active_at=None, share=None)
    closed.agency.closed_at = now
    few = _line(FEW, _NOTHING)
    small = _agency_line(3, "Sprachwerk", now, **{**vars(few), "share": Share(FEW, 9, FEW, 9)})
    lines = [_agency_line(1, "Jobcenter Musterstadt", now), closed, small]
    total = _line(Count(5678), Speed(3.5, 41.25))
    share = Share(Count(30), 40, Count(0), 40)
    filled = TownNumbers(_PERIOD, lines, total, active=2, open=3, share=share)
    empty = TownNumbers(_PERIOD, [], _line(Count(0), _NOTHING), active=0, open=0, share=None)
    silent = [
        {"agency": lines[n].agency, "since": now, "waiting": Count(9), "days": n, "text": hostile}
        for n in (1, 2)
    ]
    effects = {line.agency.id: _SOME_EFFECT for line in lines}
    base = frame | {"effects": effects, "effect": _SOME_EFFECT, "silent_after_days": 7}
    page = base | {"numbers": filled, "silent": silent, "unset": [closed], "end": "2026-11-22"}
    nothing = base | {"numbers": empty, "silent": [], "unset": [], "effect": _NO_EFFECT}
    told = {"municipality": hostile, "others": 2, "named": lines[:2]}
    sheet = page | told | {"prompt": lines[:1], "clear": lines[:2]}
    bare = nothing | {"municipality": "M", "others": 0, "named": [], "prompt": [], "clear": []}
    return [
        ("numbers", "numbers/index.html", page),
        ("numbers-empty", "numbers/index.html", nothing),
        ("numbers-sheet", "numbers/sheet.html", sheet),
        ("numbers-sheet-all", "numbers/sheet.html", sheet | {"prompt": lines}),
        ("numbers-sheet-empty", "numbers/sheet.html", bare),
    ]


def _single(frame: dict[str, object], hostile: str, now: datetime) -> Pages:
    line, few = _agency_line(1, hostile, now), _line(FEW, _NOTHING)
    small = _agency_line(1, hostile, now, **{**vars(few), "share": None})
    return [
        ("numbers-agency", "numbers/agency.html", frame | {"line": line, "effect": _SOME_EFFECT}),
        (
            "numbers-agency-few",
            "numbers/agency.html",
            frame | {"line": small, "effect": _NO_EFFECT},
        ),
    ]


def _own(frame: dict[str, object]) -> Pages:
    speed = Speed(3.5, 41.25)
    weeks = [OwnWeek(week, 3, 4, 5, speed, 8.0) for week in _WEEKS]
    numbers = OwnNumbers(_PERIOD, 3, 4, 5, speed, 8.0, weeks, 12, [9, 0, 2, 1])
    none = OwnNumbers(_PERIOD, 0, 0, 0, _NOTHING, None, [], 0, [0, 0, 0, 0])
    ages = [Count(one) for one in numbers.by_age]
    page = frame | {"numbers": numbers, "own_ages": ages, "effect": _SOME_EFFECT, "may_set": True}
    return [
        ("numbers-own", "numbers/own.html", page),
        (
            "numbers-own-empty",
            "numbers/own.html",
            page | {"numbers": none, "effect": _NO_EFFECT, "may_set": False},
        ),
    ]
