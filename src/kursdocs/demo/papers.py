"""Sample papers: invented, recognisable as such, and the same bytes every time.

For the demo's data, the README's example, tests and screenshots. Knows neither catalogue nor
people of the demo: whoever calls says what the paper is called and whose it is.
"""

import hashlib
import io
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import reportlab
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

NOTICE = "Erfundenes Beispiel, kein amtliches Dokument"
STAMP = "MUSTER"
_EARLIEST_BIRTH = date(1970, 1, 1)
_EARLIEST_ISSUE = date(2026, 1, 5)
_WIDTH, _HEIGHT = A4
_MARGIN = 62
_PHOTO_SIZE = (1240, 1700)
_SHEET = (110, 120, 1140, 1577)


def sample_paper(
    kind_name: str, family_name: str, given_names: str, number: int, *, page_count: int = 1
) -> bytes:
    """A PDF of ``page_count`` pages (1 or 2), a few KB: title, person, a table of fields.

    ``number`` varies dates and numbers. The same arguments give the same bytes. Letters beyond
    Latin-1 are shown as question marks, because the file carries no font of its own.
    """
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=1, pageCompression=1)
    canvas.setTitle(f"{_latin(kind_name)} ({STAMP})")
    canvas.setAuthor("Stadt Musterstadt")
    canvas.setSubject(NOTICE)
    _first_page(canvas, kind_name, _fields(family_name, given_names, number))
    canvas.showPage()
    if page_count > 1:
        _second_page(canvas, kind_name)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def born_on(number: int) -> date:
    """The birth date that stands on the paper of that number."""
    return _EARLIEST_BIRTH + timedelta(days=_digits(number) % 12_000)


def _digits(number: int) -> int:
    return int.from_bytes(hashlib.sha256(str(number).encode()).digest()[:4])


def _fields(family_name: str, given_names: str, number: int) -> Sequence[tuple[str, str]]:
    """Label and value of each line; all made up from ``number``."""
    digits = _digits(number)
    issued = _EARLIEST_ISSUE + timedelta(days=digits % 300)
    return (
        ("Familienname", family_name),
        ("Vornamen", given_names),
        ("Geburtsdatum", f"{born_on(number):%d.%m.%Y}"),
        ("Personenkennziffer", f"{digits % 10**8:08d}"),
        ("Aktenzeichen", f"MUSTER-{number:05d}/26"),
        ("Ausgestellt am", f"{issued:%d.%m.%Y}"),
        ("Gültig bis", f"{issued + timedelta(days=365):%d.%m.%Y}"),
        ("Ausstellende Stelle", "Musteramt Musterstadt"),
    )


def _first_page(canvas: Canvas, kind_name: str, fields: Sequence[tuple[str, str]]) -> None:
    _background(canvas)
    canvas.setFont("Helvetica", 10)
    canvas.drawString(_MARGIN, _HEIGHT - 60, "Stadt Musterstadt · Musteramt")
    canvas.drawRightString(_WIDTH - _MARGIN, _HEIGHT - 60, "Beispielstraße 1, 00000 Musterstadt")
    canvas.line(_MARGIN, _HEIGHT - 70, _WIDTH - _MARGIN, _HEIGHT - 70)
    _title(canvas, kind_name, _HEIGHT - 130)
    y = _HEIGHT - 190
    for label, value in fields:
        canvas.setFont("Helvetica", 10)
        canvas.drawString(_MARGIN + 8, y, label)
        canvas.setFont("Helvetica-Bold", 11)
        canvas.drawString(_MARGIN + 160, y, _latin(value)[:52])
        canvas.rect(_MARGIN, y - 9, _WIDTH - 2 * _MARGIN, 26)
        y -= 26
    canvas.setFont("Helvetica", 10)
    for line in (
        "Die genannte Person gibt es nicht. Das Blatt zeigt, wie ein Papier in kursdocs aussieht.",
        "Im Auftrag",
        "Mira Muster",
    ):
        y -= 26
        canvas.drawString(_MARGIN, y, line)


def _second_page(canvas: Canvas, kind_name: str) -> None:
    _background(canvas)
    _title(canvas, f"Hinweise zu: {kind_name}", _HEIGHT - 90)
    canvas.setFont("Helvetica", 10)
    for index in range(1, 9):
        text = f"{index}. Beispielhinweis: Bewahren Sie das Original gut auf."
        canvas.drawString(_MARGIN, _HEIGHT - 120 - 24 * index, text)


def _background(canvas: Canvas) -> None:
    """The big stamp across the page, below the text, and the notice at its foot."""
    canvas.saveState()
    canvas.setFillGray(0.88)
    canvas.translate(_WIDTH / 2, _HEIGHT / 2)
    canvas.rotate(52)
    canvas.setFont("Helvetica-Bold", 150)
    canvas.drawCentredString(0, -50, STAMP)
    canvas.restoreState()
    canvas.setStrokeGray(0.5)
    canvas.setFont("Helvetica-Oblique", 9)
    canvas.drawCentredString(_WIDTH / 2, 40, NOTICE)


def _title(canvas: Canvas, text: str, y: float) -> None:
    """One line, as big as fits."""
    shown, size = _latin(text), 20.0
    while size > 7 and canvas.stringWidth(shown, "Helvetica-Bold", size) > _WIDTH - 2 * _MARGIN:
        size -= 0.5
    canvas.setFont("Helvetica-Bold", size)
    canvas.drawString(_MARGIN, y, shown)


def _latin(text: str) -> str:
    return text.encode("latin-1", "replace").decode("latin-1")


def sample_photo(kind_name: str, family_name: str, given_names: str, number: int) -> bytes:
    """A JPEG that looks like a photograph of the same paper: slanted, on a table, a little soft.

    1240 by 1700 pixels. The same arguments give the same bytes with the same Pillow.
    """
    photo = _table_top()
    sheet = _sheet(kind_name, _fields(family_name, given_names, number))
    slant = 1.6 if number % 2 else -1.3
    mask = Image.new("L", sheet.size, 255).rotate(slant, Image.Resampling.BICUBIC, expand=True)
    turned = sheet.rotate(slant, Image.Resampling.BICUBIC, expand=True)
    corner = ((photo.width - turned.width) // 2, (photo.height - turned.height) // 2)
    shadow = Image.new("L", photo.size, 0)
    shadow.paste(mask.point(lambda value: value // 2), (corner[0] + 12, corner[1] + 16))
    photo.paste((20, 16, 12), mask=shadow.filter(ImageFilter.GaussianBlur(14)))
    photo.paste(turned, corner, mask)
    buffer = io.BytesIO()
    photo.filter(ImageFilter.GaussianBlur(0.6)).save(buffer, "JPEG", quality=72)
    return buffer.getvalue()


def _table_top() -> Image.Image:
    """A brown surface, brighter where the lamp would be."""
    light = Image.linear_gradient("L").rotate(180).resize(_PHOTO_SIZE)
    return Image.merge("RGB", [light.point([base + v // 6 for v in range(256)])
                               for base in (108, 82, 60)])  # fmt: skip


def _sheet(kind_name: str, fields: Sequence[tuple[str, str]]) -> Image.Image:
    left, top, right, bottom = _SHEET
    sheet = Image.new("RGB", (right - left, bottom - top), (244, 242, 234))
    stamp = Image.new("L", (900, 300), 0)
    ImageDraw.Draw(stamp).text((450, 150), STAMP, fill=46, font=_font(190), anchor="mm")
    stamp = stamp.rotate(52, expand=True)
    sheet.paste(
        (90, 90, 90),
        ((sheet.width - stamp.width) // 2, (sheet.height - stamp.height) // 2),
        stamp,
    )
    draw, ink = ImageDraw.Draw(sheet), (38, 38, 46)
    title, size = _latin(kind_name), 44
    while size > 14 and draw.textlength(title, font=_font(size)) > sheet.width - 160:
        size -= 1
    draw.text((80, 80), "Stadt Musterstadt · Musteramt", fill=ink, font=_font(26))
    draw.text((80, 180), title, fill=ink, font=_font(size))
    for row, (label, value) in enumerate(fields):
        y = 310 + 72 * row
        draw.rectangle((80, y, sheet.width - 80, y + 72), outline=(150, 150, 150), width=2)
        draw.text((100, y + 20), label, fill=ink, font=_font(26))
        draw.text((400, y + 18), _latin(value)[:32], fill=ink, font=_font(28))
    draw.text((sheet.width // 2, sheet.height - 70), NOTICE, fill=ink, font=_font(24), anchor="mm")
    return sheet


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The font that reportlab brings along, so that the picture does not depend on the machine.

    Pillow's own has no umlauts.
    """
    return ImageFont.truetype(Path(reportlab.__file__).parent / "fonts" / "Vera.ttf", size)
