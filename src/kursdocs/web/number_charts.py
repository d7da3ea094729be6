"""The charts of the pages of numbers: which numbers stand in which bar, and what that says."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from kursdocs.core.adoption import AGES, Count, OwnNumbers, TownNumbers
from kursdocs.core.adoption.numbers import Line, Speed
from kursdocs.core.adoption.periods import Week
from kursdocs.web import charts
from kursdocs.web.call import Call
from kursdocs.web.charts import Bar, Group, Lasting, Words
from kursdocs.web.pages import N_, plain_day_and_month, plain_number

Charts = Mapping[str, Markup]

_SWATCHES: Charts = {
    "first": charts.swatch(1),
    "second": charts.swatch(2),
    "hidden": charts.hidden_swatch(),
    "percentile": charts.line_swatch("whisker"),
    "compared": charts.line_swatch("mark"),
}
NUMBERS_STAND_BELOW = N_("Die Zahlen stehen in der Tabelle darunter.")


def of_town(call: Call, numbers: TownNumbers) -> Charts:
    """Papers by week, how fast they were taken over, what waits."""
    weeks = numbers.total.weeks
    return {
        "papers": charts.columns(
            _words(call, "papers", N_("Papiere je Woche: zugestellt und übernommen")),
            [_group(call, w.week, [w.sent, w.taken_over], n) for n, w in enumerate(weeks)],
        ),
        "speed": charts.speeds(
            _words(call, "speed", N_("Arbeitsstunden bis zur Übernahme, je Woche")),
            [_lasting(call, w.week, w.speed, n) for n, w in enumerate(weeks)],
        ),
        "waiting": _ages(call, numbers.total.waiting.by_age),
        **_SWATCHES,
    }


def of_line(call: Call, line: Line, total: Line) -> Charts:
    """The same for one agency, beside how fast the municipality was."""
    pairs = zip(line.weeks, total.weeks, strict=True)
    return {
        "papers": charts.columns(
            _words(call, "papers", N_("Papiere je Woche: gesendet und empfangen")),
            [_group(call, w.week, [w.sent, w.received], n) for n, w in enumerate(line.weeks)],
        ),
        "speed": charts.speeds(
            _words(call, "speed", N_("Arbeitsstunden bis zur Übernahme, je Woche")),
            [
                _lasting(call, mine.week, mine.speed, n, all_.speed.median)
                for n, (mine, all_) in enumerate(pairs)
            ],
        ),
        "waiting": _ages(call, line.waiting.by_age),
        **_SWATCHES,
    }


def of_own(call: Call, numbers: OwnNumbers) -> Charts:
    """The same for who sees their own agency."""
    weeks = numbers.weeks
    return {
        "papers": charts.columns(
            _words(call, "papers", N_("Papiere je Woche: gesendet und empfangen")),
            [
                _group(call, w.week, [Count(w.sent), Count(w.received)], n)
                for n, w in enumerate(weeks)
            ],
        ),
        "speed": charts.speeds(
            _words(call, "speed", N_("Arbeitsstunden bis zur Übernahme, je Woche")),
            [_lasting(call, w.week, w.speed, n, w.town_median) for n, w in enumerate(weeks)],
        ),
        "waiting": _ages(call, [Count(one) for one in numbers.by_age]),
        **_SWATCHES,
    }


def age_names(call: Call) -> Sequence[str]:
    """How the classes of age are called, without their unit."""
    starts = (0, *(end + 1 for end in AGES[:-1]))
    closed = [f"{first}–{last}" for first, last in zip(starts, AGES, strict=True)]
    over = call.kit.pages.text(call.language, N_("über %(days)s"), days=AGES[-1])
    return [*closed, over]


def _ages(call: Call, counts: Sequence[Count]) -> Markup:
    groups = [
        Group(name, [_bar(call, count)])
        for name, count in zip(age_names(call), counts, strict=True)
    ]
    return charts.columns(
        _words(call, "waiting", N_("Was jetzt wartet, nach Arbeitstagen")), groups
    )


def _words(call: Call, name: str, title: str) -> Words:
    text = call.kit.pages.text
    return Words(
        f"chart-{name}", text(call.language, title), text(call.language, NUMBERS_STAND_BELOW)
    )


def _group(call: Call, week: Week, counts: Sequence[Count], n: int) -> Group:
    first, *others = [_bar(call, count) for count in counts]
    # Two numbers side by side would run into each other on a phone; the table has both.
    bars = [first, *(Bar(bar.value, "" if first.text else bar.text) for bar in others)]
    return Group(str(week.number), bars, _note(call, week, n), is_open=week.is_running)


def _bar(call: Call, count: Count) -> Bar:
    if count.value is None:
        return Bar(None, "")
    return Bar(count.value, plain_number(count.value, call.language) if count.value else "")


def _lasting(call: Call, week: Week, speed: Speed, n: int, other: float | None = None) -> Lasting:
    text = "" if speed.median is None else plain_number(round(speed.median), call.language)
    return Lasting(
        str(week.number),
        speed.median,
        speed.percentile,
        other,
        text,
        _note(call, week, n),
        is_open=week.is_running,
    )


def _note(call: Call, week: Week, n: int) -> str:
    """Every fourth week says when it began; the running one that it is not over."""
    if week.is_running:
        return call.kit.pages.text(call.language, N_("läuft"))
    return plain_day_and_month(week.first_day, call.language) if n % 4 == 0 else ""
