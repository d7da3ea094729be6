"""Reads values out of TOML tables, and collects every mistake instead of stopping at the first.

A value that is missing or wrong is replaced by a harmless stand-in, so that reading goes on; the
caller must throw the result away when ``Mistakes`` holds any.
"""

import re
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from kursdocs.catalogue.files import Mistake, Source
from kursdocs.catalogue.lines import Path
from kursdocs.catalogue.wording import Text

TEXT_LENGTH_MAX = 400

_CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_CODE_LENGTH_MAX = 60
_LANGUAGES = ("de", "en")

E = TypeVar("E", bound=StrEnum)


class Mistakes:
    """The mistakes of a catalogue, each with its place."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._found: set[Mistake] = set()

    def add(self, path: Path, reason: str) -> None:
        """Note a mistake at the place of this key or table."""
        file, line = self._source.place(path)
        self._found.add(Mistake(file, line, reason + self._source.blame(path)))

    def line(self, path: Path) -> int:
        """The line of this key or table in its file."""
        return self._source.place(path).line

    def place(self, path: Path, seen_from: Path) -> str:
        """Where this key or table stands, for a mistake noted at ``seen_from``."""
        file, line = self._source.place(path)
        here = self._source.place(seen_from).file
        return f"line {line}" if file == here else f"{file}:{line}"

    def in_order(self) -> list[Mistake]:
        """All mistakes, by line; those of the file somebody wants to use come first."""
        own = self._source.place(()).file
        return sorted(self._found, key=lambda one: (one.file != own, one))


class Table:
    """One table of the file: gives its values out checked, and knows which nobody asked for."""

    def __init__(self, data: dict[str, Any], path: Path, mistakes: Mistakes) -> None:
        self._data = data
        self._asked: set[str] = set()
        self.path = path
        self.mistakes = mistakes

    @property
    def name(self) -> str:
        """The table's own key."""
        return str(self.path[-1]) if self.path else ""

    @property
    def title(self) -> str:
        """How the table is called in a mistake, as in the file's headers."""
        return ".".join(str(part) for part in self.path if isinstance(part, str)) or "the file"

    def wrong(self, key: str, reason: str) -> None:
        """Note a mistake at a key of this table; at the table itself when ``key`` is empty."""
        path = (*self.path, key) if key in self._data else self.path
        self.mistakes.add(path, f"{self.title}: {reason}")

    def has(self, key: str) -> bool:
        """Whether the file gives this key."""
        return key in self._data

    def string(self, key: str, length_max: int, default: str | None = None) -> str:
        """A text on one line. Without a ``default`` it must be there."""
        value = self._take(key, default)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.wrong(key, f"{key} must be a text in quotes")
            return ""
        if self.has(key):
            self._judge_string(key, key, value, length_max)
        return value

    def text(self, key: str, length_max: int = TEXT_LENGTH_MAX) -> Text:
        """A text in both languages."""
        value = self._take(key, None)
        if value is None:
            return Text("", "")
        if not isinstance(value, dict):
            self.wrong(key, f'{key} must be {{ de = "…", en = "…" }}')
            return Text("", "")
        return self._text_of(key, value, length_max)

    def texts(self, key: str, *, length_max: int, at_most: int) -> tuple[Text, ...]:
        """A list of texts in both languages, at least one."""
        value = self._take(key, None)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.wrong(key, f'{key} must be a list of {{ de = "…", en = "…" }}')
            return ()
        if not 1 <= len(value) <= at_most:
            self.wrong(key, f"{key} must hold 1 to {at_most} texts")
        return tuple(self._text_of(key, item, length_max) for item in value)

    def number(self, key: str, at_least: int, at_most: int, default: int | None = None) -> int:
        """A whole number between two bounds."""
        value = self._take(key, default)
        if value is None:
            return at_least
        if not isinstance(value, int) or isinstance(value, bool):
            self.wrong(key, f"{key} must be a whole number")
            return at_least
        if self.has(key) and not at_least <= value <= at_most:
            self.wrong(key, f"{key} must lie between {at_least} and {at_most}, not {value}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """``true`` or ``false``."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            self.wrong(key, f"{key} must be true or false")
            return default
        return value

    def day(self, key: str, default: date) -> date:
        """A date, written without quotes."""
        value = self._take(key, default)
        if type(value) is not date:
            self.wrong(key, f"{key} must be a date like 2026-12-31, without quotes")
            return default
        return value

    def strings(self, key: str) -> list[str]:
        """A list of texts; it must be there."""
        value = self._take(key, None)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.wrong(key, f"{key} must be a list of texts")
            return []
        return value

    def numbers(self, key: str, at_least: int, at_most: int) -> list[int]:
        """A list of whole numbers between two bounds; it must be there and not be empty."""
        value = self._take(key, None)
        if value is None:
            return []
        is_list = isinstance(value, list) and bool(value)
        if not is_list or any(type(n) is not int or not at_least <= n <= at_most for n in value):
            self.wrong(key, f"{key} must be whole numbers between {at_least} and {at_most}")
            return []
        return list(value)

    def member(self, key: str, members: type[E]) -> E | None:
        """One word of a closed vocabulary."""
        value = self._take(key, None)
        return None if value is None else self._member_of(key, value, members)

    def members(self, key: str, members: type[E], required: bool = True) -> tuple[E, ...]:
        """One word of a closed vocabulary, or a list of them without repetition."""
        value = self._take(key, None if required else [])
        if value is None:
            return ()
        words = value if isinstance(value, list) else [value]
        if required and not words:
            self.wrong(key, f"{key} is empty")
        found = [self._member_of(key, word, members) for word in words]
        known = [member for member in found if member is not None]
        if len(set(known)) < len(known):
            self.wrong(key, f"{key} names one twice")
        return tuple(dict.fromkeys(known))

    def tables(self, key: str) -> list["Table"]:
        """The named tables below this key (``[key.name]``), in the order of the file."""
        value = self._take(key, None)
        if value is None:
            return []
        if not isinstance(value, dict) or not value:
            self.wrong(key, f"{key} must hold at least one table [{self._below(key)}.…]")
            return []
        found = []
        for name, data in value.items():
            path = (*self.path, key, name)
            if isinstance(data, dict):
                found.append(Table(data, path, self.mistakes))
            else:
                self.mistakes.add(path, f"{self._below(key)}: {name} must be a table")
        return found

    def names(self) -> list[str]:
        """The keys of this table, in the order of the file."""
        return list(self._data)

    def inner(self, key: str) -> "Table | None":
        """The table below this key, which must be there and not be empty."""
        value = self._take(key, None)
        if value is None:
            return None
        if not isinstance(value, dict) or not value:
            self.wrong(key, f"{key} must be a table that is not empty")
            return None
        return Table(value, (*self.path, key), self.mistakes)

    def rows(self, key: str) -> list["Table"]:
        """The tables of an array (``[[key]]``), at least one, in the order of the file."""
        self._asked.add(key)
        value = self._data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.wrong(key, f"{key} must be written as [[{self._below(key)}]]")
            return []
        if not value:
            self.wrong(key, f"at least one [[{self._below(key)}]] is needed")
        return [
            Table(data, (*self.path, key, position), self.mistakes)
            for position, data in enumerate(value)
        ]

    def check_code(self) -> None:
        """The table's key must be a code: short, lower case, ASCII, words joined by ``_``."""
        if not _CODE.fullmatch(self.name) or len(self.name) > _CODE_LENGTH_MAX:
            self.wrong(
                "",
                f"{self.name!r} is no code: small letters a-z, digits and single _, "
                f"at most {_CODE_LENGTH_MAX}",
            )

    def ignore_rest(self) -> None:
        """Ask for nothing more; keys not asked for so far are no mistakes."""
        self._asked.update(self._data)

    def done(self) -> None:
        """Every key must have been asked for by now; the others are mistakes."""
        for key in self._data:
            if key not in self._asked:
                self.wrong(key, f"unknown key {key!r}")

    def _take(self, key: str, default: object) -> Any:
        self._asked.add(key)
        if key in self._data:
            return self._data[key]
        if default is None:
            self.wrong(key, f"{key} is missing")
        return default

    def _below(self, key: str) -> str:
        return f"{self.title}.{key}" if self.path else key

    def _text_of(self, key: str, value: dict[str, Any], length_max: int) -> Text:
        for language in value:
            if language not in _LANGUAGES:
                self.wrong(key, f"{key} has an unknown language {language!r}")
        texts = dict.fromkeys(_LANGUAGES, "")
        for language in _LANGUAGES:
            text = value.get(language)
            if not isinstance(text, str):
                self.wrong(key, f"{key} has no text in {language!r}")
                continue
            self._judge_string(key, f"{key}.{language}", text, length_max)
            texts[language] = text
        return Text(**texts)

    def _judge_string(self, key: str, shown: str, value: str, length_max: int) -> None:
        if not value.strip():
            self.wrong(key, f"{shown} is empty")
        elif value != value.strip() or not value.isprintable():
            self.wrong(key, f"{shown} must be one line without spaces around it")
        elif len(value) > length_max:
            self.wrong(key, f"{shown} is longer than {length_max} characters")

    def _member_of(self, key: str, value: object, members: type[E]) -> E | None:
        if isinstance(value, str) and value in list(members):
            return members(value)
        known = ", ".join(members)
        self.wrong(key, f"{key} has an unknown value {value!r}; known are {known}")
        return None
