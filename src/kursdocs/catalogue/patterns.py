"""Judges the regular expressions of a catalogue: they must compile and must not run away.

A catalogue is written in a town hall and applied to what strangers type. So a pattern may use only
characters, classes and repetitions; without groups, alternatives and look-around, and with few
repetitions, the time to match is bounded by the (small) length of the value.
"""

import re
import warnings

VARIABLE_REPETITIONS_MAX = 3

_PIECE = re.compile(r"(\[\^?\]?(?:\\.|[^\]\\])*\]|\\.|[^\\\[\]()|*+?{}^$])(\{[0-9,]*\}|[*+?])?")
_FIXED_REPETITION = re.compile(r"\{[0-9]+\}")


def problem(pattern: str) -> str:
    """What is wrong with the pattern, or an empty string."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(pattern, re.ASCII)
    except (re.error, FutureWarning, OverflowError) as reason:
        return f"is no regular expression: {reason}"
    return _danger(pattern)


def _danger(pattern: str) -> str:
    position, variable = 0, 0
    while position < len(pattern):
        piece = _PIECE.match(pattern, position)
        if piece is None:
            return (
                f"has {pattern[position]!r} at position {position + 1}: only characters, classes "
                "and repetitions are allowed, no groups, alternatives, anchors or nested repetition"
            )
        repetition = piece[2] or ""
        variable += bool(repetition and not _FIXED_REPETITION.fullmatch(repetition))
        position = piece.end()
    if variable > VARIABLE_REPETITIONS_MAX:
        return f"has more than {VARIABLE_REPETITIONS_MAX} repetitions of open length"
    return ""
