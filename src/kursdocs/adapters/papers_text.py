"""The upright text of a PDF's first pages as lines, as a reader would read them.

Runs only inside the paper-opening child (``papers_child``). Where a program draws all labels
first and then all values, the order in the file tells nothing; so lines are put together from
where the letters stand. Slanted text (stamps, watermarks) is left out.
Entry point: :func:`lines`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2
import pypdfium2.raw as pdfium

from kursdocs.adapters.papers_pdf import Refusal

PAGES_READ = 2
LETTERS_MAX = 8_000  # of one page; the densest page of print has about 6,000
_SLANT_MAX = math.radians(2)
_WORD_GAP = 0.12  # in heights of the letter before
_CELL_GAP = 1.1
_SAME_LINE = 0.45


@dataclass(frozen=True)
class _Letter:
    """One letter and where it stands, in points; ``middle`` grows upwards."""

    text: str
    left: float
    right: float
    middle: float
    height: float


def lines(data: bytes) -> str:
    """Lines from the top, separated by line feeds, with a tab at every wide gap.

    Empty for pictures. Raises :class:`Refusal` (``file_damaged``).
    """
    try:
        pdf = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise Refusal("file_damaged") from error
    try:
        pages = range(min(len(pdf), PAGES_READ))
        return "\n".join(line for number in pages for line in _page_lines(pdf[number]))
    except pypdfium2.PdfiumError as error:
        raise Refusal("file_damaged") from error
    finally:
        pdf.close()


def _page_lines(page: pypdfium2.PdfPage) -> Iterator[str]:
    text = page.get_textpage()
    try:
        letters = list(_letters(text, page.get_rotation()))
    finally:
        text.close()
    for row in _rows(letters):
        if line := _line(row):
            yield line


def _letters(text: pypdfium2.PdfTextPage, turned: int) -> Iterator[_Letter]:
    frame = pdfium.FS_RECTF()
    for index in range(min(text.count_chars(), LETTERS_MAX)):
        letter = _readable(pdfium.FPDFText_GetUnicode(text, index))
        if not letter or not pdfium.FPDFText_GetLooseCharBox(text, index, frame):
            continue
        # The letter's angle is told clockwise, as that of the page is.
        slant = pdfium.FPDFText_GetCharAngle(text, index) + math.radians(turned)
        if abs(math.remainder(slant, 2 * math.pi)) > _SLANT_MAX:
            continue
        left, right, bottom, top = _seen(frame, turned)
        height = top - bottom
        if height > 0:
            yield _Letter(letter, left, right, (bottom + top) / 2, height)


def _readable(code: int) -> str:
    letter = chr(code) if 0x20 < code < 0x110000 else ""
    return letter if letter.isprintable() and not letter.isspace() else ""


def _seen(frame: pdfium.FS_RECTF, turned: int) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of a letter on the page as it is shown, turned clockwise."""
    if turned == 90:
        return frame.bottom, frame.top, -frame.right, -frame.left
    if turned == 180:
        return -frame.right, -frame.left, -frame.top, -frame.bottom
    if turned == 270:
        return -frame.top, -frame.bottom, frame.left, frame.right
    return frame.left, frame.right, frame.bottom, frame.top


def _rows(letters: list[_Letter]) -> list[list[_Letter]]:
    """Letters of one line together, lines from the top."""
    rows: list[list[_Letter]] = []
    for letter in sorted(letters, key=lambda letter: -letter.middle):
        if rows and rows[-1][0].middle - letter.middle < _SAME_LINE * rows[-1][0].height:
            rows[-1].append(letter)
        else:
            rows.append([letter])
    return rows


def _line(row: list[_Letter]) -> str:
    parts: list[str] = []
    before: _Letter | None = None
    for letter in sorted(row, key=lambda letter: letter.left):
        if before is not None:
            if letter.text == before.text and letter.left - before.left < 0.1 * letter.height:
                continue  # drawn twice to look bold
            gap = (letter.left - before.right) / letter.height
            parts.append("\t" if gap > _CELL_GAP else " " if gap > _WORD_GAP else "")
        parts.append(letter.text)
        before = letter
    return "".join(parts)
