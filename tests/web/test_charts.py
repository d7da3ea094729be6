"""Charts as they stand in a page: well-formed, readable without colour, nothing cut or invented."""

from itertools import pairwise
from xml.etree import ElementTree

from tests.web.lint import Outline

from kursdocs.web import charts
from kursdocs.web.charts import Bar, Group, Lasting, Words

WORDS = Words("chart-papers", "Papiere je Woche", "Die Zahlen stehen darunter.")


def parts(drawn: str, name: str) -> list[dict[str, str]]:
    """The attributes of every shape of a class."""
    root = ElementTree.fromstring(drawn)  # noqa: S314 - our own markup
    return [dict(one.attrib) for one in root.iter() if name in one.get("class", "").split()]


def texts(drawn: str, name: str) -> list[str]:
    root = ElementTree.fromstring(drawn)  # noqa: S314 - our own markup
    return [one.text or "" for one in root.iter("text") if one.get("class") == name]


def test_the_highest_bar_ends_below_the_top_and_the_others_in_proportion() -> None:
    drawn = charts.columns(WORDS, [Group("46", [Bar(40, "40")]), Group("47", [Bar(10, "10")])])

    high, low = (float(bar["height"]) for bar in parts(drawn, "kd-chart__bar"))
    assert high == 4 * low
    assert texts(drawn, "kd-chart__scale") == ["0", "10", "20", "30", "40"]


def test_bars_stay_within_the_width_however_many_there_are() -> None:
    for count in (1, 4, 13, 53):
        groups = [Group(str(n), [Bar(n, ""), Bar(n, "")]) for n in range(count)]
        bars = parts(charts.columns(WORDS, groups), "kd-chart__bar")

        edges = [(float(b["x"][:-1]), float(b["width"][:-1])) for b in bars]
        assert all(x >= 9 and x + width <= 100 for x, width in edges)
        assert all(x1 + w1 <= x2 + 0.01 for (x1, w1), (x2, _) in pairwise(edges))


def test_a_hidden_count_is_a_mark_that_looks_the_same_whatever_the_scale() -> None:
    marks = [
        parts(
            charts.columns(WORDS, [Group("47", [Bar(None, ""), Bar(most, "")])]), "kd-chart__hidden"
        )
        for most in (5, 5000)
    ]

    assert marks[0] == marks[1]
    assert len(marks[0]) == 1


def test_a_second_series_and_an_open_week_differ_by_more_than_colour() -> None:
    drawn = charts.columns(WORDS, [Group("47", [Bar(1, ""), Bar(2, "")], "läuft", is_open=True)])

    first, second = parts(drawn, "kd-chart__bar")
    assert first["class"] == "kd-chart__bar kd-chart__bar--1 kd-chart__bar--open"
    assert second["class"] == "kd-chart__bar kd-chart__bar--2 kd-chart__bar--open"
    assert texts(drawn, "kd-chart__note") == ["läuft"]


def test_nothing_is_drawn_of_a_week_of_which_nothing_is_known() -> None:
    drawn = charts.speeds(WORDS, [Lasting("47", None)])

    assert parts(drawn, "kd-chart__bar") == parts(drawn, "kd-chart__whisker") == []
    assert texts(drawn, "kd-chart__label") == ["47"]


def test_no_line_goes_through_the_number_of_a_bar() -> None:
    weeks = [Lasting("47", 10.0, high / 10, 11.0, "10") for high in range(100, 400, 3)]
    root = ElementTree.fromstring(charts.speeds(WORDS, weeks))  # noqa: S314 - our own markup

    values = [
        float(t.get("y", "")) for t in root.iter("text") if t.get("class") == "kd-chart__value"
    ]
    whiskers = parts(charts.speeds(WORDS, weeks), "kd-chart__whisker")
    marks = parts(charts.speeds(WORDS, weeks), "kd-chart__mark")
    for y, whisker, mark in zip(values, whiskers, marks, strict=True):
        for line in (whisker, mark):
            assert not y - 10 < float(line["y1"]) < y


def test_a_chart_without_anything_still_has_a_scale() -> None:
    assert texts(charts.columns(WORDS, []), "kd-chart__scale") == ["0", "1"]
    assert texts(charts.speeds(WORDS, [Lasting("47", 0.0)]), "kd-chart__scale") == ["0", "1"]


def test_steps_are_round_and_few_for_every_size() -> None:
    for most in (1, 3, 7, 12, 99, 101, 640, 12345):
        steps = texts(charts.columns(WORDS, [Group("1", [Bar(most, "")])]), "kd-chart__scale")

        assert 2 <= len(steps) <= 6
        assert {step.rstrip("0") or "0" for step in steps[1:2]} <= {"1", "2", "5"}
        assert int(steps[-1]) >= most


def test_it_says_in_words_what_it_is_and_escapes_what_it_is_given() -> None:
    hostile = "<script>alert(1)</script>\"'"
    drawn = charts.columns(
        Words("c", hostile, hostile), [Group(hostile, [Bar(1, hostile)], hostile)]
    )

    page = Outline(drawn)
    (svg,) = page.all("svg")
    assert (svg["role"], svg["aria-labelledby"]) == ("img", "c-title c-desc")
    assert page.all("script") == []
    assert {a["id"] for _, a in page.elements if "id" in a} == {"c-title", "c-desc"}
    assert not [a for _, a in page.elements if "style" in a]
