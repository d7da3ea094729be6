"""Charts as SVG, drawn on the server: from numbers to markup, without a script and without a style.

Across, everything is in per cent, up and down in pixels: on a phone the bars come closer, and the
letters stay as large as they are. What looks how is said by classes (``numbers.css``), so that
dark colours, forced colours and paper work as everywhere. Series differ by their filling, not by
colour alone. Each chart says in words what it shows (``title``, ``desc``); the numbers stand in a
table beside it. Entry points: :func:`columns`, :func:`speeds`, and the swatches of
their legends.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, log10

from markupsafe import Markup

_TOP, _PLOT, _FOOT = 26, 150, 44
"""Pixels above the highest bar, of the bars, and of what stands below them."""
_BASE = _TOP + _PLOT
_START, _END = 9.0, 98.5
"""Per cent of the width at which the bars begin and end; before them stand the numbers."""
_LETTERS = 12
"""How high letters are."""
_STUB = 7
"""How high the mark of a hidden count is; it says nothing of the count."""


@dataclass(frozen=True)
class Bar:
    """One bar: how high, and what stands above it. Without a ``value`` its count is hidden."""

    value: float | None
    text: str


@dataclass(frozen=True)
class Group:
    """Bars that stand together, of one week or class: one of each series.

    ``label`` stands below them, ``note`` below that. ``is_open``: more may still come.
    """

    label: str
    bars: Sequence[Bar]
    note: str = ""
    is_open: bool = False


@dataclass(frozen=True)
class Lasting:
    """How long something took in one week: a bar to the median, a short line at the percentile.

    ``other`` is a mark to compare with. ``None`` is what is not known.
    """

    label: str
    median: float | None
    percentile: float | None = None
    other: float | None = None
    text: str = ""
    note: str = ""
    is_open: bool = False


@dataclass(frozen=True)
class Words:
    """What a chart is called, and what it says to those who do not see it."""

    id: str
    title: str
    description: str


def columns(words: Words, groups: Sequence[Group]) -> Markup:
    """Bars side by side, in groups along the time or along classes."""
    scale = _Scale.up_to(bar.value for group in groups for bar in group.bars)
    parts = [scale.lines()]
    places = _places(len(groups))
    for (start, width), group in zip(places, groups, strict=True):
        count = max(len(group.bars), 1)
        each = min(width * 0.84 / count, 9.0)
        left = start + (width - each * count) / 2
        for number, bar in enumerate(group.bars):
            parts.append(_bar(scale, bar, number + 1, left + number * each, each, group.is_open))
        parts.append(_foot(start + width / 2, group.label, group.note))
    return _svg(words, parts)


def speeds(words: Words, weeks: Sequence[Lasting]) -> Markup:
    """How long things took, week by week."""
    scale = _Scale.up_to(
        value for week in weeks for value in (week.median, week.percentile, week.other)
    )
    parts = [scale.lines()]
    for (start, width), week in zip(_places(len(weeks)), weeks, strict=True):
        middle, each = start + width / 2, min(width * 0.56, 6.0)
        if week.median is not None:
            parts.append(
                _bar(scale, Bar(week.median, ""), 1, middle - each / 2, each, week.is_open)
            )
        if week.percentile is not None:
            parts.append(_line("kd-chart__whisker", scale.y(week.percentile), middle, each))
        if week.other is not None:
            parts.append(_line("kd-chart__mark", scale.y(week.other), middle, width * 0.84))
        parts.append(_text("kd-chart__value", middle, _above(scale, week), week.text))
        parts.append(_foot(middle, week.label, week.note))
    return _svg(words, parts)


def swatch(series: int) -> Markup:
    """What the filling of a series looks like, for the legend."""
    return Markup(
        '<svg class="kd-chart__swatch" width="16" height="16" aria-hidden="true">'
        '<rect class="kd-chart__bar kd-chart__bar--{}" x="1.5" y="1.5" width="13" height="13"/>'
        "</svg>"
    ).format(series)


def hidden_swatch() -> Markup:
    """The mark of a count that is not shown, for the legend."""
    return Markup(
        '<svg class="kd-chart__swatch" width="16" height="16" aria-hidden="true">'
        '<rect class="kd-chart__hidden" x="1.5" y="7.5" width="13" height="7"/></svg>'
    )


def line_swatch(name: str) -> Markup:
    """A line of a chart, for the legend: ``whisker`` or ``mark``."""
    return Markup(
        '<svg class="kd-chart__swatch" width="24" height="16" aria-hidden="true">'
        '<line class="kd-chart__{}" x1="1" x2="23" y1="8" y2="8"/></svg>'
    ).format(name)


# ── Parts ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Scale:
    """From values to pixels; ``steps`` are the values at which a line is drawn."""

    most: float
    steps: Sequence[float]

    @classmethod
    def up_to(cls, values: Iterable[float | None]) -> "_Scale":
        """A scale of two to five round steps that reaches over the highest value."""
        highest = max((value for value in values if value is not None), default=0) or 1
        rough = highest / 4
        power = 10.0 ** ceil(log10(rough) - 1)
        step = next(n * power for n in (1, 2, 5, 10) if n * power >= rough)
        step = max(step, 1.0)
        count = ceil(highest / step)
        return cls(step * count, [step * n for n in range(count + 1)])

    def y(self, value: float) -> float:
        """How far down it is."""
        return _BASE - _PLOT * value / self.most

    def lines(self) -> Markup:
        """The lines of the steps, and their numbers before the bars."""
        line = Markup('<line class="kd-chart__line{}" x1="{}%" x2="100%" y1="{}" y2="{}"/>')
        text = Markup('<text class="kd-chart__scale" x="{}%" y="{}">{}</text>')
        drawn = Markup("")
        for step in self.steps:
            y = _number(self.y(step))
            name = " kd-chart__line--base" if step == 0 else ""
            drawn += line.format(name, _number(_START - 1), y, y)
            shown = _number(step)
            drawn += text.format(_number(_START - 2), _number(self.y(step) + 4), shown)
        return drawn


def _places(count: int) -> Sequence[tuple[float, float]]:
    """Where each group begins, and how wide it is."""
    width = (_END - _START) / max(count, 1)
    return [(_START + n * width, width) for n in range(count)]


def _bar(scale: _Scale, bar: Bar, series: int, x: float, width: float, is_open: bool) -> Markup:
    y = _BASE - _STUB if bar.value is None else scale.y(bar.value)
    name = f"kd-chart__bar kd-chart__bar--{series}"
    if bar.value is None:
        name = "kd-chart__hidden"
    elif is_open:
        name += " kd-chart__bar--open"
    inset = width * 0.08
    drawn = Markup('<rect class="{}" x="{}%" y="{}" width="{}%" height="{}"/>').format(
        name, _number(x + inset), _number(y), _number(width - 2 * inset), _number(_BASE - y)
    )
    return drawn + _text("kd-chart__value", x + width / 2, y - 5, bar.text)


def _above(scale: _Scale, week: Lasting) -> float:
    """Where the number of the bar stands, so that no line goes through it."""
    lines = sorted(
        (scale.y(v) for v in (week.percentile, week.other) if v is not None), reverse=True
    )
    y = scale.y(week.median or 0) - 5
    for line in lines:
        if y - _LETTERS < line < y + 4:
            y = line - 5
    return y


def _line(name: str, y: float, middle: float, width: float) -> Markup:
    """A line across, of that width, in the middle of a week."""
    return Markup('<line class="{}" x1="{}%" x2="{}%" y1="{}" y2="{}"/>').format(
        name, _number(middle - width / 2), _number(middle + width / 2), _number(y), _number(y)
    )


def _foot(middle: float, label: str, note: str) -> Markup:
    return _text("kd-chart__label", middle, _BASE + 18, label) + _text(
        "kd-chart__note", middle, _BASE + 36, note
    )


def _text(name: str, x: float, y: float, text: str) -> Markup:
    if not text:
        return Markup("")
    return Markup('<text class="{}" x="{}%" y="{}">{}</text>').format(
        name, _number(x), _number(y), text
    )


def _svg(words: Words, parts: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg class="kd-chart" width="100%" height="{height}" role="img"'
        ' aria-labelledby="{id}-title {id}-desc">'
        '<title id="{id}-title">{title}</title><desc id="{id}-desc">{description}</desc>'
        "{parts}</svg>"
    ).format(
        height=_BASE + _FOOT,
        id=words.id,
        title=words.title,
        description=words.description,
        parts=Markup("").join(parts),
    )


def _number(value: float) -> str:
    """Two decimals at most, and no zeros at the end."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
