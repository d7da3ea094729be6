"""The receipt of a document as one PDF page, for the sender's own file.

It proves what was stored, when, and for whom. :func:`draw` knows paper and ink only: what stands on
it, in which language, is said by the caller. The QR code holds the receipt's address and nothing of
the person. Equal receipts are equal to the byte.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import as_file, files
from io import BytesIO
from typing import Any

import segno
from anyascii import anyascii
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table

_REGULAR, _BOLD = "FiraSans-Regular", "FiraSans-SemiBold"
_INK, _MUTED, _LINE = HexColor("#171a2b"), HexColor("#525968"), HexColor("#b0b5c2")
_MARGIN = 20 * mm
_FRAME_PADDING = 6  # what reportlab keeps free inside its frames, in points
_WIDTH = A4[0] - 2 * _MARGIN
_QR_SIZE = 34 * mm
_LABEL_WIDTH = 48 * mm


@dataclass(frozen=True)
class Receipt:
    """What stands on a receipt, ready worded.

    ``lines`` are label and value, ``recipients`` rows of a table under ``columns``. ``address`` is
    what the QR code holds, ``title`` also the document's title: neither tells of the person.
    """

    language: str
    title: str
    author: str
    statement: str
    lines: Sequence[tuple[str, str]]
    recipients_title: str
    columns: Sequence[str]
    recipients: Sequence[Sequence[str]]
    address: str
    address_hint: str
    footer: str


def draw(receipt: Receipt) -> bytes:
    """The receipt as PDF: one A4 page, more only for very many recipients."""
    _register_fonts()
    out = BytesIO()
    paper = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=_MARGIN - _FRAME_PADDING,
        rightMargin=_MARGIN - _FRAME_PADDING,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN,
        title=receipt.title,
        author=receipt.author,
        creator="kursdocs",
        lang=receipt.language,
        invariant=1,
    )

    def footer(canvas: Any, _: object) -> None:
        canvas.setFont(_REGULAR, 8)
        canvas.setFillColor(_MUTED)
        canvas.drawString(_MARGIN, 12 * mm, _printable(receipt.footer))
        canvas.drawRightString(A4[0] - _MARGIN, 12 * mm, str(canvas.getPageNumber()))

    paper.build(_story(receipt), onFirstPage=footer, onLaterPages=footer)
    return out.getvalue()


@cache
def _register_fonts() -> None:
    for name in (_REGULAR, _BOLD):
        with as_file(files(__name__) / f"{name}.ttf") as path:
            pdfmetrics.registerFont(TTFont(name, str(path)))


def _story(receipt: Receipt) -> list[Flowable]:
    return [
        _head(receipt),
        Spacer(1, 6 * mm),
        _facts(receipt.lines),
        Spacer(1, 7 * mm),
        _text(receipt.recipients_title, _style(12, _BOLD)),
        Spacer(1, 2 * mm),
        _recipients(receipt),
    ]


def _head(receipt: Receipt) -> Table:
    said = [
        _text(receipt.title, _style(22, _BOLD)),
        Spacer(1, 3 * mm),
        _text(receipt.statement, _style(11)),
        Spacer(1, 3 * mm),
        _text(receipt.address_hint, _style(8, colour=_MUTED)),
    ]
    head = Table([[said, _Code(receipt.address)]], colWidths=[_WIDTH - _QR_SIZE, _QR_SIZE])
    head.setStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), *_NO_PADDING])
    return head


def _facts(lines: Sequence[tuple[str, str]]) -> Table:
    label, value = _style(9.5, colour=_MUTED), _style(10.5)
    rows = [[_text(name, label), _text(text, value)] for name, text in lines]
    facts = Table(rows, colWidths=[_LABEL_WIDTH, _WIDTH - _LABEL_WIDTH])
    facts.setStyle(_RULED)
    return facts


def _recipients(receipt: Receipt) -> Table:
    head, cell = _style(9.5, colour=_MUTED), _style(10)
    rows = [[_text(column, head) for column in receipt.columns]]
    rows += [[_text(text, cell) for text in row] for row in receipt.recipients]
    shares = (0.34, 0.36, 0.30)
    table = Table(rows, colWidths=[_WIDTH * share for share in shares], repeatRows=1)
    table.setStyle(_RULED)
    return table


_NO_PADDING = [
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("RIGHTPADDING", (0, 0), (-1, -1), 6),
    ("TOPPADDING", (0, 0), (-1, -1), 0),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
]
_RULED = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LINEBELOW", (0, 0), (-1, -1), 0.5, _LINE),
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("RIGHTPADDING", (0, 0), (-1, -1), 6),
    ("TOPPADDING", (0, 0), (-1, -1), 3),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
]


def _style(size: float, font: str = _REGULAR, *, colour: Any = _INK) -> ParagraphStyle:
    # Hashes and long names break anywhere rather than leave the page.
    return ParagraphStyle(
        "text",
        fontName=font,
        fontSize=size,
        leading=size * 1.35,
        textColor=colour,
        splitLongWords=True,
    )


def _text(text: str, style: ParagraphStyle) -> Paragraph:
    """Text as it is: nothing in it counts as markup."""
    return Paragraph(escape(_printable(text), quote=False), style)


def _printable(text: str) -> str:
    """The text, in Latin letters where the font has no others (names in Arabic script)."""
    known = pdfmetrics.getFont(_REGULAR).face.charToGlyph
    has_all = all(ord(letter) in known for letter in text)
    return text if has_all else " ".join(_word(word, known) for word in text.split())


def _word(word: str, known: Any) -> str:
    has_all = all(ord(letter) in known for letter in word)
    return word if has_all else anyascii(word)


class _Code(Flowable):  # type: ignore[misc]  # reportlab says nothing of its types
    """A QR code with the quiet zone that readers need."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.width = self.height = _QR_SIZE
        self._modules = segno.make(address, error="m", micro=False).matrix_iter(border=4)

    def draw(self) -> None:
        rows = [bytes(row) for row in self._modules]
        side = _QR_SIZE / len(rows)
        canvas = self.canv
        canvas.setFillColorRGB(0, 0, 0)
        for y, row in enumerate(rows):
            for x, is_dark in enumerate(row):
                if is_dark:
                    canvas.rect(x * side, _QR_SIZE - (y + 1) * side, side, side, stroke=0, fill=1)
