"""A table of papers, one line a file, as a spreadsheet saves it.

UTF-8 or Windows-1252, cells separated by ``;``, ``,`` or tab, names of columns in the first line.
What a line leaves empty is taken from the options of the command.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kursdocs.push.papers import Entry, Mistake, Mistaken

LIST_BYTES_MAX = 8 * 1024 * 1024
LINES_MAX = 5000
_OWN_COLUMNS = ("file", "kind", "to", "released", "obliging_body")
_YES = frozenset({"true", "yes", "ja", "wahr", "1", "x"})
_NO = frozenset({"", "false", "no", "nein", "falsch", "0"})


@dataclass(frozen=True)
class Defaults:
    """What the options say for every file."""

    kind: str = ""
    recipients: tuple[str, ...] = ()
    released: bool = False
    obliging_bodies: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)

    def entry(self, path: Path) -> Entry:
        """A file about which the options say everything."""
        return Entry(
            path=path,
            kind=self.kind,
            recipients=self.recipients,
            released=self.released,
            obliging_bodies=self.obliging_bodies,
            fields={name: value for name, value in self.fields.items() if value},
        )


def read_list(path: Path, defaults: Defaults) -> tuple[list[Entry], list[Mistake]]:
    """The entries of a list and what is wrong with its lines.

    Files are looked for beside the list. Raises :class:`Mistaken` when it is no table at all.
    """
    rows = _rows(path)
    _, header = next(rows, (1, []))
    columns = [name.strip().lower() for name in header]
    _check_columns(path, columns)
    entries: list[Entry] = []
    mistakes: list[Mistake] = []
    for line, row in rows:
        if len(entries) + len(mistakes) >= LINES_MAX:
            raise _mistaken(path, line, f"has more than {LINES_MAX} lines; please split it")
        if not any(cell.strip() for cell in row):
            continue
        if len(row) > len(columns):
            mistakes.append(Mistake(str(path), line, "", "has more cells than there are columns"))
            continue
        cells = dict(zip(columns, (cell.strip() for cell in row), strict=False))
        wrong = _cell_mistakes(path, line, cells)
        mistakes += wrong
        if not wrong:
            entries.append(_entry(path.parent, line, cells, defaults))
    if not entries and not mistakes:
        raise _mistaken(path, 1, "names no file")
    return entries, mistakes


def _cell_mistakes(path: Path, line: int, cells: Mapping[str, str]) -> list[Mistake]:
    mistakes = []
    if not cells.get("file"):
        mistakes.append(Mistake(str(path), line, "file", "is empty"))
    if cells.get("released", "").lower() not in _YES | _NO:
        mistakes.append(Mistake(str(path), line, "released", "must be yes or no"))
    return mistakes


def _entry(folder: Path, line: int, cells: Mapping[str, str], defaults: Defaults) -> Entry:
    typed = {n: value for n, value in cells.items() if n not in _OWN_COLUMNS and value}
    released = cells.get("released", "").lower()
    return Entry(
        path=folder / cells["file"],
        line=line,
        kind=cells.get("kind") or defaults.kind,
        recipients=tuple(cells.get("to", "").split()) or defaults.recipients,
        released=released in _YES if released else defaults.released,
        obliging_bodies=tuple(cells.get("obliging_body", "").split()) or defaults.obliging_bodies,
        fields={**{n: v for n, v in defaults.fields.items() if v}, **typed},
    )


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    if "file" not in columns:
        raise _mistaken(path, 1, "has no column 'file'; the first line must name the columns")
    if "" in columns:
        raise _mistaken(path, 1, f"column {columns.index('') + 1} has no name")
    for name in columns:
        if columns.count(name) > 1:
            raise _mistaken(path, 1, f"has the column '{name}' twice")


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line it begins in; raises :class:`Mistaken`."""
    text = _text(path)
    first = text.partition("\n")[0]
    separator = max(";,\t", key=first.count)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=separator, strict=True)
    line = 1
    try:
        for row in reader:
            yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise _mistaken(path, line, f"is no table from here on: {error}") from error


def _text(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            data = opened.read(LIST_BYTES_MAX + 1)
    except OSError as error:
        raise _mistaken(path, 0, f"cannot be read: {error.strerror}") from error
    if len(data) > LIST_BYTES_MAX:
        raise _mistaken(path, 0, "is too large for a list")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise _mistaken(path, 0, "is neither UTF-8 nor Windows-1252; save it as CSV (UTF-8)")


def _mistaken(path: Path, line: int, reason: str) -> Mistaken:
    return Mistaken([Mistake(str(path), line, "", reason)])
