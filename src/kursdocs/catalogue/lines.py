"""Finds the line of a TOML file in which a key or table stands, so that mistakes can name it.

The standard library's reader forgets lines. This one reads nothing but headers and keys, and may
rely on the text having been accepted as TOML before.
"""

import re
from collections.abc import Iterator

Path = tuple[str | int, ...]
"""Where something stands: keys, and positions in arrays of tables, from the top down."""

# What can hide a bracket, a line end or an equals sign; anything else is passed over.
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|' + r"'''.*?'{3,5}|"
    r'"(?:\\.|[^"\\\n])*"|' + r"'[^'\n]*'|#[^\n]*|[\[\]{}]|\n",
    re.DOTALL,
)
_KEY_PART = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
_KEY = rf"{_KEY_PART}(?:[ \t]*\.[ \t]*{_KEY_PART})*"
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_KEY})[ \t]*\]")
_ASSIGNMENT = re.compile(rf"[ \t]*({_KEY})[ \t]*=")


class Lines:
    """The lines of one TOML text."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {(): 1}
        self._counts: dict[Path, int] = {}
        self._table: Path = ()
        for line, statement in _statements(text):
            self._note(line, statement)

    def of(self, path: Path) -> int:
        """The line (from 1) of this key or table, or of the nearest one around it."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]

    def _note(self, line: int, statement: str) -> None:
        if header := _HEADER.match(statement):
            self._table = self._resolve(_parts(header[2]), header[1] == "[[")
            self._note_line(self._table, line)
        elif assignment := _ASSIGNMENT.match(statement):
            self._note_line((*self._table, *_parts(assignment[1])), line)

    def _resolve(self, parts: Path, is_new_element: bool) -> Path:
        """The path of a header, with the position of the last element in arrays of tables."""
        path: Path = ()
        for position, part in enumerate(parts, start=1):
            path = (*path, part)
            if is_new_element and position == len(parts):
                self._counts[path] = self._counts.get(path, 0) + 1
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        return path

    def _note_line(self, path: Path, line: int) -> None:
        # A table that was never opened by a header of its own stands where its first key does.
        for length in range(1, len(path) + 1):
            self._lines.setdefault(path[:length], line)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Every line that begins a header or an assignment, with its number."""
    line, depth, begin = 1, 0, 0
    for token in _TOKEN.finditer(text + "\n"):
        found = token[0]
        if found in "[{":
            depth += 1
        elif found in "]}":
            depth -= 1
        elif found == "\n" and depth == 0:
            statement = text[begin : token.start()]
            yield line - statement.count("\n"), statement
            begin = token.end()
        line += found.count("\n")


def _parts(key: str) -> Path:
    return tuple(part.strip("\"'") for part in re.findall(_KEY_PART, key))
