"""What stands beside a label: on the same line, in the next column, or below it.

Knows neither fields nor formats.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# What may follow a label before its value: "(n)", "(TT.MM.JJJJ)", an asterisk, a colon.
_AFTER = r"\s*(?:\([^)]{0,40}\))?\s*\*?\s*"
_KNOWN_LABEL = re.compile(
    r"(?:(?:familien|nach|vor|zu|geburts)?namen?(?:\s*(?:[,/]|und)\s*vornamen?)?|geburts(?:datum|ort|land|tag)|geschlecht|anschrift"
    r"|staatsangehörigkeit(?:en)?|adresse|stra(?:ß|ss)e.*|plz.*|(?:wohn)?ort|telefon.*|datum"
    r"|.{0,30}kennziffer|.{0,20}nummer|.{0,20}-?nr\.?|aktenzeichen|(?:aus)?gestellt am"
    r"|gültig (?:ab|bis)|unterschrift.*|e-?mail.*)" + _AFTER + ":?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Paper:
    """The text of a paper: lines from the top, each cut into cells at wide gaps."""

    lines: tuple[tuple[str, ...], ...]

    @property
    def texts(self) -> Iterator[str]:
        """Each line as one text."""
        return (" ".join(cells) for cells in self.lines)

    def beside(self, label: str, *, loosely: bool = True) -> Iterator[str]:
        """What stands beside this label (a pattern), topmost first; the label begins a cell.

        ``loosely``: a value may follow without a colon. That is for dates and numbers, which show
        themselves; a word behind "Name" may be the rest of another label.
        """
        alone = re.compile(f"(?:{label}){_AFTER}:?", re.IGNORECASE)
        ahead = re.compile(
            f"(?:{label}){_AFTER}{'[: ]' if loosely else ':'}\\s*(.+)", re.IGNORECASE
        )
        for row, cells in enumerate(self.lines):
            for column, cell in enumerate(cells):
                if alone.fullmatch(cell):
                    yield from self._neighbour(row, column)
                elif found := ahead.fullmatch(cell):
                    yield found[1]

    def _neighbour(self, row: int, column: int) -> Iterator[str]:
        """The next cell, unless it is a label itself: then the line is a heading for the next."""
        cells = self.lines[row]
        if column + 1 < len(cells):
            if not is_label(cells[column + 1]):
                yield cells[column + 1]
                return
        elif column and not is_label(cells[column - 1]):
            return
        below = self.lines[row + 1] if row + 1 < len(self.lines) else ()
        if len(below) == len(cells) and not is_label(below[column]):
            yield below[column]


def is_label(cell: str) -> bool:
    """Whether a cell is itself a usual label (or ends as one)."""
    return cell.endswith(":") or bool(_KNOWN_LABEL.fullmatch(cell))


def the_only(found: Mapping[str, object]) -> str:
    """The one thing found, or nothing: a paper that says two things says nothing."""
    return next(iter(found)) if len(found) == 1 else ""
