"""Which regular expressions a catalogue may use."""

import re
import time

import pytest

from kursdocs.catalogue import patterns


@pytest.mark.parametrize(
    "pattern",
    [
        "0*[1-9][0-9]*",
        "[0-9]{3}[A-Z][0-9]{6}",
        "[0-9A-Za-z][0-9A-Za-z.-]*",
        "IK-[0-9]{4}-[0-9]{1,3}",
        r"\d+\.\d+",
        "[^]]x[]a]",
        "[\\]a]?",
    ],
)
def test_plain_patterns_are_accepted(pattern: str) -> None:
    assert patterns.problem(pattern) == ""


@pytest.mark.parametrize(
    "pattern",
    [
        "([0-9]+)+",
        "(a|aa)*",
        "(?:a*)*",
        "(?=a)a",
        "a|b",
        "^a$",
        "a*+",
        "a*?",
        "a**",
        "a{2}{3}",
        r"(a)\1",
        "a?a?a?a?aaaa",
        "[0-9]*[0-9]*[0-9]*[0-9]*x",
    ],
)
def test_patterns_that_could_run_away_are_refused(pattern: str) -> None:
    assert patterns.problem(pattern) != ""


@pytest.mark.parametrize("pattern", ["[0-9", "(", "*", "a{3,2}", "\\", "[b-a]", "[[a]"])
def test_what_does_not_compile_is_refused(pattern: str) -> None:
    assert patterns.problem(pattern).startswith("is no regular expression: ")


def test_the_slowest_pattern_that_is_accepted_is_quick_on_the_longest_code() -> None:
    pattern = "[0-9]*[0-9]*[0-9]*x"
    assert patterns.problem(pattern) == ""

    begin = time.perf_counter()
    found = re.fullmatch(pattern, "1" * 60)

    assert found is None
    assert time.perf_counter() - begin < 0.2
