"""Reads catalogue files, and lays a municipality's own over the shipped one.

A file that says ``extends = "shipped"`` at its top holds only what differs. The rule is one
sentence: a table of the second level (``[kinds.x]``, ``[fields.y]``, ``[retention.R2]``) replaces
the shipped one of that name, whole, or is new. ``[kinds.x]`` or ``[follow_ups.x]`` with nothing but
``off`` is the one exception: it keeps the shipped one and ends it. ``[instruction]`` has no such
tables and is replaced as a whole, so that its text and its version change together. Where in which
file something stands is remembered, so that a mistake can be mended.

This module knows tables and lines, not what they mean (see ``checker``).
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple, Protocol

from kursdocs.catalogue.lines import Lines, Path

FILE_BYTES_MAX = 1024 * 1024
SHIPPED = "shipped"
OFF = "off"
WHOLE = frozenset({"instruction"})
"""Tables of the first level that an own file replaces as a whole."""


class Mistake(NamedTuple):
    """One mistake and where it stands; sorts by place."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


class CatalogueError(Exception):
    """The catalogue cannot be used. The message names every mistake as ``file:line: reason``."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = tuple(mistakes)


class Place(NamedTuple):
    """A line of a file."""

    file: str
    line: int


class Source(Protocol):
    """Tables, and where they come from."""

    @property
    def data(self) -> dict[str, Any]:
        """The tables as TOML gives them."""

    def place(self, path: Path) -> Place:
        """Where this key or table stands, or the nearest one around it."""

    def blame(self, path: Path) -> str:
        """What to add to a mistake there, when its cause lies in another file; else empty."""


@dataclass(frozen=True)
class File:
    """One file that is valid TOML."""

    name: str
    data: dict[str, Any]
    lines: Lines

    def place(self, path: Path) -> Place:
        """Where this key or table stands."""
        return Place(self.name, self.lines.of(path))

    def blame(self, path: Path) -> str:
        """Nothing: there is no other file."""
        return ""


class Overlay:
    """A municipality's own file over the shipped one."""

    def __init__(self, own: File, shipped: File) -> None:
        self._own = own
        self._shipped = shipped
        # The shipped version names the shipped rules; changed rules must say their own.
        self.data = {key: value for key, value in shipped.data.items() if key != "version"}
        for key, value in own.data.items():
            ours = self.data.get(key)
            if isinstance(value, dict) and isinstance(ours, dict) and key not in WHOLE:
                self.data[key] = _laid_over(value, ours)
            else:
                self.data[key] = value

    def place(self, path: Path) -> Place:
        """Where it stands: in the own file if that says anything about it, else in the shipped."""
        return (self._shipped if self._is_shipped(path) else self._own).place(path)

    def blame(self, path: Path) -> str:
        """The own file, when a mistake lies in the shipped one: that has none by itself."""
        return f" (because of {self._own.name})" if self._is_shipped(path) else ""

    def _is_shipped(self, path: Path) -> bool:
        if not path or path[0] not in self._shipped.data:
            return False
        own = self._own.data.get(str(path[0]))
        if own is None:
            return path[0] != "version"
        if path[0] in WHOLE:
            return False
        return len(path) > 1 and isinstance(own, dict) and path[1] not in own


def _laid_over(own: Mapping[str, Any], shipped: Mapping[str, Any]) -> dict[str, Any]:
    """Shipped entries keep their order, replaced or not; new ones follow."""
    laid = dict(shipped)
    for name, value in own.items():
        ends = isinstance(value, dict) and set(value) == {OFF}
        laid[name] = {**laid[name], **value} if ends and name in laid else value
    return laid


def shipped_file() -> Traversable:
    """The catalogue that comes with the program."""
    return resources.files("kursdocs.catalogue") / "catalogue.toml"


def read(file: Traversable) -> File:
    """The file, when it is TOML; raises :class:`CatalogueError` with the line otherwise."""
    text = _text(file)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line ([0-9]+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1  # "at end of document"
        raise _refused(file, line, f"no valid TOML: {error}") from None
    return File(str(file), data, Lines(text))


def _text(file: Traversable) -> str:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise _refused(file, 1, f"cannot be read: {error.strerror}") from None
    if len(raw) > FILE_BYTES_MAX:
        raise _refused(file, 1, f"is larger than {FILE_BYTES_MAX} bytes")
    try:
        # Editors on Windows put a byte order mark in front, and end lines with two characters.
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _refused(file, line, "is not UTF-8") from None


def _refused(file: Traversable, line: int, reason: str) -> CatalogueError:
    return CatalogueError([Mistake(str(file), line, reason)])
