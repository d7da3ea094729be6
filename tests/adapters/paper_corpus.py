"""Harmless and hostile files, built from bytes; nothing binary lies in the repository.

``HARMLESS`` and ``HOSTILE`` map a speaking name to a function that builds the file; hostile ones
also name the code of the expected refusal. All people are invented.
"""

import functools
import io
import zipfile
import zlib
from collections.abc import Callable, Mapping

import pikepdf
from PIL import Image, ImageDraw
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen import canvas

Build = Callable[[], bytes]

# Has the letters of many languages.
WIDE_FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"

CATALOGUE = b"/Type /Catalog /Pages 2 0 R"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
PAGE = b"/Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << >>"


def pdf_of(*objects: bytes, version: bytes = b"1.7", trailer: bytes = b"") -> bytes:
    """A PDF with exactly these objects, numbered from 1, and a right cross-reference table."""
    out, offsets = b"%PDF-" + version + b"\n%\xe2\xe3\xcf\xd3\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    return out + (
        b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
        + b"trailer\n<< /Root 1 0 R /Size %d %s >>\nstartxref\n%d\n%%%%EOF\n"
        % (size, trailer, len(out))
    )


def small_pdf(catalogue: bytes = b"", page: bytes = b"", *more: bytes, **how: bytes) -> bytes:
    """One empty page; extra entries for catalogue and page; further objects from number 4."""
    first = b"<< " + CATALOGUE + b" " + catalogue + b" >>"
    third = b"<< " + PAGE + b" " + page + b" >>"
    return pdf_of(first, PAGES, third, *more, **how)


def sized_pdf(width: int, height: int) -> bytes:
    """One empty page of this size, in points."""
    box = b"[0 0 %d %d]" % (width, height)
    page = b"<< " + PAGE.replace(b"[0 0 595 842]", box) + b" >>"
    return pdf_of(b"<< " + CATALOGUE + b" >>", PAGES, page)


def stream(data: bytes, entries: bytes = b"") -> bytes:
    """The body of a stream object."""
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), entries, data)


def action(entries: bytes) -> bytes:
    """A page with one link annotation that does this action."""
    link = b"<< /Type /Annot /Subtype /Link /Rect [0 0 9 9] /A << %s >> >>" % entries
    return small_pdf(b"", b"/Annots [4 0 R]", link)


def annotation(subtype: bytes, entries: bytes = b"") -> bytes:
    """A page with one annotation of this kind."""
    body = b"<< /Type /Annot /Subtype /%s /Rect [0 0 9 9] %s >>" % (subtype, entries)
    return small_pdf(b"", b"/Annots [4 0 R]", body)


def certificate(pages: int = 1, pagesize: tuple[float, float] = A4) -> bytes:
    """A certificate as a course provider's program writes it."""
    out = io.BytesIO()
    sheet = canvas.Canvas(out, pagesize=pagesize)
    for number in range(pages):
        sheet.drawString(72, 500, f"Zulassung zum Integrationskurs, Blatt {number + 1}")
        sheet.drawString(72, 480, "Muster, Beispiela, geboren am 01.02.1990")
        sheet.showPage()
    sheet.save()
    return out.getvalue()


def letter() -> bytes:
    """A page full of text."""
    out = io.BytesIO()
    sheet = canvas.Canvas(out, pagesize=A4)
    for line in range(50):
        sheet.drawString(60, 790 - 15 * line, f"{line} Beispiela Muster nimmt am Kurs teil. " * 2)
    sheet.showPage()
    sheet.save()
    return out.getvalue()


def photograph(size: tuple[int, int] = (800, 1130)) -> Image.Image:
    """A sheet of paper, photographed: soft grey with some dark lines."""
    image = Image.linear_gradient("L").resize(size).point(lambda level: 200 + level // 8)
    image = Image.merge("RGB", (image, image, image.point(lambda level: level - 20)))
    pen = ImageDraw.Draw(image)
    for line in range(60, size[1] - 60, 40):
        pen.text((60, line), "Bescheinigung für Beispiela Muster", fill="black")
    return image


def jpeg(image: Image.Image | None = None, **how: object) -> bytes:
    """The photograph (or another image) as a JPEG."""
    out = io.BytesIO()
    (image or photograph()).save(out, "JPEG", **how)
    return out.getvalue()


def png(image: Image.Image | None = None) -> bytes:
    """The photograph (or another image) as a PNG."""
    out = io.BytesIO()
    (image or photograph((300, 400))).save(out, "PNG")
    return out.getvalue()


def in_format(name: str) -> bytes:
    """A small image in a format that is not accepted."""
    out = io.BytesIO()
    Image.new("RGB", (20, 20), "orange").save(out, name)
    return out.getvalue()


def archive(name: str = "brief.txt") -> bytes:
    """A ZIP; with the name ``word/document.xml`` it passes for a Word file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zipped:
        zipped.writestr(name, "Muster")
    return out.getvalue()


def saved(**how: object) -> bytes:
    """The certificate, written anew by qpdf with these settings."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(certificate(3))) as pdf:
        pdf.save(out, **how)  # type: ignore[arg-type]  # settings of different types by name
    return out.getvalue()


def _scan() -> bytes:
    out = io.BytesIO()
    sheet = canvas.Canvas(out, pagesize=A4)
    sheet.drawImage(ImageReader(photograph()), 0, 0, *A4)
    sheet.showPage()
    sheet.save()
    return out.getvalue()


def _with_links() -> bytes:
    out = io.BytesIO()
    sheet = canvas.Canvas(out)
    sheet.drawString(72, 700, "www.example.org")
    sheet.linkURL("https://www.example.org/kurs", (72, 690, 200, 715))
    sheet.bookmarkPage("start")
    sheet.addOutlineEntry("Anfang", "start")
    sheet.linkRect("", "start", (72, 600, 200, 620))
    sheet.showPage()
    sheet.save()
    return out.getvalue()


def form() -> bytes:
    """A form with a filled field, a box and a choice; no scripts."""
    out = io.BytesIO()
    sheet = canvas.Canvas(out)
    fields = sheet.acroForm
    fields.textfield(name="name", value="Muster", x=72, y=700, width=200, height=30)
    fields.checkbox(name="kopie", checked=True, x=72, y=600)
    fields.choice(name="kurs", value="A", options=["A", "B"], x=72, y=500, width=90, height=20)
    sheet.showPage()
    sheet.save()
    return out.getvalue()


def _arabic() -> bytes:
    pdfmetrics.registerFont(TTFont("DejaVu", WIDE_FONT))
    out = io.BytesIO()
    sheet = canvas.Canvas(out)
    sheet.setFont("DejaVu", 14)
    sheet.drawString(72, 700, "شهادة المشاركة، Ağaoğlu Łukasz")
    sheet.showPage()
    sheet.save()
    return out.getvalue()


def _rotated() -> bytes:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(certificate(4))) as pdf:
        for quarter, page in enumerate(pdf.pages):
            page.rotate(90 * quarter, relative=False)
        pdf.save(out)
    return out.getvalue()


def updated(entries: bytes = b"") -> bytes:
    """An incremental update: the page is written a second time behind the first end."""
    first = small_pdf()
    offset = len(first)
    again = b"3 0 obj\n<< %s /Rotate 0 %s >>\nendobj\n" % (PAGE, entries)
    table = b"xref\n3 1\n%010d 00000 n \n" % offset
    start = int(first.rsplit(b"startxref\n", 1)[1].split(b"\n", 1)[0])
    tail = b"trailer\n<< /Root 1 0 R /Size 4 /Prev %d >>\nstartxref\n%d\n%%%%EOF\n"
    return first + again + table + tail % (start, offset + len(again))


def signed() -> bytes:
    """A signature dictionary whose byte range covers the file; the signature itself is empty."""
    shape = b"/ByteRange [0 %010d %010d %010d] /Contents <%s>"
    empty = shape % (0, 0, 0, b"00" * 64)
    body = b"<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /adbe.pkcs7.detached %s >>"
    field = b"<< /FT /Sig /T (Unterschrift) /V 5 0 R /Subtype /Widget /Rect [0 0 0 0] >>"
    draft = small_pdf(b"/AcroForm << /SigFlags 3 /Fields [4 0 R] >>", b"", field, body % empty)
    start = draft.index(b"<" + b"00" * 64)
    end = start + 130
    final = shape % (start, end, len(draft) - end, b"00" * 64)
    return draft.replace(empty, final)


def _names_that_look_active() -> bytes:
    """Resources may bear any name, a text may say anything, and a structure has an /S too."""
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    resources = b"/Resources << /Font << /AA 4 0 R /JS 4 0 R /EF 4 0 R >> >>"
    structure = b"/StructTreeRoot << /Type /StructTreeRoot /K << /S /P /P 1 0 R >> >>"
    title = b"/Lang (/JavaScript /Launch /AA) /OpenAction [3 0 R /Fit]"
    return small_pdf(structure + title, resources, font)


HARMLESS: Mapping[str, Build] = {
    "text by reportlab": certificate,
    "200 pages": lambda: certificate(200),
    "landscape": lambda: certificate(1, landscape(A4)),
    "scanned image": _scan,
    "web links, bookmarks, jumps": _with_links,
    "form fields without scripts": form,
    "linearised": lambda: saved(linearize=True),
    "object streams": lambda: saved(object_stream_mode=pikepdf.ObjectStreamMode.generate),
    "uncompressed": lambda: saved(compress_streams=False),
    "PDF 1.3": lambda: small_pdf(version=b"1.3"),
    "PDF 2.0": lambda: small_pdf(version=b"2.0"),
    "Arabic and Polish letters": _arabic,
    "rotated pages": _rotated,
    "incremental update": updated,
    "signature field": signed,
    "opens at a page": lambda: small_pdf(b"/OpenAction << /S /GoTo /D [3 0 R /Fit] >>"),
    "print button": lambda: action(b"/S /Named /N /Print"),
    "names that look active": _names_that_look_active,
    "names in Latin-1": lambda: small_pdf(b"/X << /S /#DCberschrift /F#FC 3 >>"),
    "padded with NUL by a scanner": lambda: certificate() + b"\x00" * 700,
    "blank lines behind the end": lambda: certificate() + b"\r\n\r\n",
    "no line end behind the end": lambda: certificate().rstrip(),
    "page of 5 by 5 metres": lambda: sized_pdf(14400, 14400),
    "page of 1 mm by 5 metres": lambda: sized_pdf(3, 14400),
    "bound from photographs before": lambda: saved(deterministic_id=True),
}

SCRIPT = b"<< /S /JavaScript /JS (app.alert\\(1\\)) >>"


def _script_in_object_stream() -> bytes:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(action(SCRIPT[3:-3]))) as pdf:
        pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    assert b"JavaScript" not in out.getvalue()
    return out.getvalue()


def _encrypted(user: str, owner: str) -> bytes:
    return saved(encryption=pikepdf.Encryption(user=user, owner=owner))


def _embedded_file() -> bytes:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(certificate())) as pdf:
        pdf.attachments["liste.csv"] = b"Muster;Beispiela"
        pdf.save(out)
    return out.getvalue()


@functools.cache
def flate_bomb(layers: int = 1, unpacked: int = 300 * 1024 * 1024) -> bytes:
    """A content stream of some 1.3 MB (or 6 kB, in two layers) that unpacks to 300 MB."""
    engine = zlib.compressobj(1)
    piece = b" " * (1024 * 1024)
    data = b"".join(engine.compress(piece) for _ in range(unpacked // len(piece)))
    data += engine.flush()
    for _ in range(layers - 1):
        data = zlib.compress(data, 9)
    filters = b"/Filter [" + b"/FlateDecode " * layers + b"]"
    return small_pdf(b"", b"/Contents 4 0 R", stream(data, filters))


@functools.cache
def _object_stream_bomb() -> bytes:
    """An object stream of 2 MB that unpacks to 500 MB: qpdf has to inflate it to read it."""
    engine = zlib.compressobj(1)
    bodies = (b"<< " + CATALOGUE + b" >>", PAGES, b"<< " + PAGE + b" >>")
    index = b"".join(b"%d %d " % (number + 1, 100 * number) for number in range(len(bodies)))
    data = engine.compress(index.ljust(1024) + b"".join(body.ljust(100) for body in bodies))
    piece = b" " * (1024 * 1024)
    data += b"".join(engine.compress(piece) for _ in range(500)) + engine.flush()
    out = b"%PDF-1.5\n"
    bomb = (
        b"4 0 obj\n"
        + stream(data, b"/Type /ObjStm /N 3 /First 1024 /Filter /FlateDecode")
        + b"\nendobj\n"
    )
    table_at = len(out) + len(bomb)
    rows = [(0, 0, 65535), (2, 4, 0), (2, 4, 1), (2, 4, 2), (1, len(out), 0), (1, table_at, 0)]
    packed = b"".join(
        bytes([kind]) + place.to_bytes(4, "big") + last.to_bytes(2, "big")
        for kind, place, last in rows
    )
    table = (
        b"5 0 obj\n" + stream(packed, b"/Type /XRef /Size 6 /W [1 4 2] /Root 1 0 R") + b"\nendobj\n"
    )
    return out + bomb + table + b"startxref\n%d\n%%%%EOF\n" % table_at


@functools.cache
def png_bomb(side: int = 30_000) -> bytes:
    """A small PNG that claims and holds ``side`` squared black pixels, one bit each."""
    engine = zlib.compressobj(1)
    row = b"\x00" * (1 + side // 8)
    data = b"".join(engine.compress(row) for _ in range(side)) + engine.flush()

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body).to_bytes(4, "big")
        return len(body).to_bytes(4, "big") + kind + body + check

    header = side.to_bytes(4, "big") * 2 + b"\x01\x00\x00\x00\x00"
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def _huge_image() -> bytes:
    entries = (
        b"/Type /XObject /Subtype /Image /Width 60000 /Height 60000 /BitsPerComponent 1"
        b" /ColorSpace /DeviceGray"
    )
    return small_pdf(b"", b"/Contents 4 0 R", stream(b"", entries))


HTML = b"<html><script>alert(1)</script></html>"
_WHOLE = certificate

HOSTILE: Mapping[str, tuple[Build, str]] = {
    # Not what the name says
    "text": (lambda: b"Das ist nur Text.\n", "file_type"),
    "HTML": (lambda: HTML, "file_type"),
    "SVG": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', "file_type"),
    "ZIP": (archive, "file_type"),
    "Word": (lambda: archive("word/document.xml"), "file_type"),
    "TIFF": (lambda: in_format("TIFF"), "file_type"),
    "GIF": (lambda: in_format("GIF"), "file_type"),
    "WebP": (lambda: in_format("WEBP"), "file_type"),
    "HEIC": (lambda: b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "file_type"),
    "HTML before a PDF": (lambda: HTML + _WHOLE(), "file_type"),
    "one byte": (lambda: b"%", "file_type"),
    # Damaged
    "magic alone": (lambda: b"%PDF-1.7\n", "file_damaged"),
    "HTML behind a PDF": (lambda: _WHOLE() + HTML, "file_damaged"),
    "ZIP behind a PDF": (lambda: _WHOLE() + archive(), "file_damaged"),
    "cut at the end": (lambda: _WHOLE()[:-9], "file_damaged"),
    "cut in the table": (lambda: _WHOLE()[:-150], "file_damaged"),
    "cut in the middle": (lambda: _WHOLE()[: len(_WHOLE()) // 2], "file_damaged"),
    "cut, with a false end": (lambda: _WHOLE()[:-300] + b"\n%%EOF\n", "file_damaged"),
    "cut linearised": (lambda: saved(linearize=True)[:-400] + b"\n%%EOF", "file_damaged"),
    "wrong table": (
        lambda: _WHOLE().rsplit(b"startxref", 1)[0] + b"startxref\n7\n%%EOF\n",
        "file_damaged",
    ),
    "hole in the middle": (lambda: _WHOLE()[:300] + _WHOLE()[400:], "file_damaged"),
    "no pages": (
        lambda: pdf_of(b"<< " + CATALOGUE + b" >>", b"<< /Type /Pages /Kids [] /Count 0 >>"),
        "file_damaged",
    ),
    "no catalogue": (lambda: pdf_of(b"<< /Type /X >>"), "file_damaged"),
    "page tree in a circle": (
        lambda: pdf_of(b"<< " + CATALOGUE + b" >>", b"<< /Type /Pages /Kids [2 0 R] /Count 2 >>"),
        "file_damaged",
    ),
    "deep nesting": (
        lambda: small_pdf(b"/X " + b"[" * 100_000 + b"]" * 100_000),
        "file_too_big_inside",
    ),
    "JPEG cut short": (lambda: jpeg()[:5000], "file_damaged"),
    "JPEG head alone": (lambda: jpeg()[:20], "file_damaged"),
    "PNG cut short": (lambda: png()[:300], "file_damaged"),
    # Encrypted
    "user password": (lambda: _encrypted("geheim", "geheim"), "file_encrypted"),
    "owner password only": (lambda: _encrypted("", "geheim"), "file_encrypted"),
    "encrypted for a certificate": (
        lambda: small_pdf(
            trailer=b"/Encrypt << /Filter /Adobe.PubSec /V 4 >> /ID [(0123456789) (0123456789)]"
        ),
        "file_encrypted",
    ),
    # Active
    "script in a link": (lambda: action(SCRIPT[3:-3]), "file_active"),
    "script on opening": (lambda: small_pdf(b"/OpenAction " + SCRIPT), "file_active"),
    "script with escaped names": (
        lambda: small_pdf(b"/Open#41ction << /S /J#61vaScript /#4aS (1) >>"),
        "file_active",
    ),
    "script in the names tree": (
        lambda: small_pdf(b"/Names << /JavaScript << /Names [(a) 4 0 R] >> >>", b"", SCRIPT),
        "file_active",
    ),
    "empty names tree of scripts": (
        lambda: small_pdf(b"/Names << /JavaScript << >> >>"),
        "file_active",
    ),
    "script in a stream": (
        lambda: small_pdf(b"/X << /JS 4 0 R >>", b"", stream(b"app.alert(1)")),
        "file_active",
    ),
    "script in an object stream": (_script_in_object_stream, "file_active"),
    "script behind a jump": (
        lambda: action(b"/S /GoTo /D [3 0 R /Fit] /Next [" + SCRIPT + b"]"),
        "file_active",
    ),
    "script that nothing refers to": (lambda: small_pdf(b"", b"", SCRIPT), "file_active"),
    "script in an update": (lambda: updated(b"/AA << /O " + SCRIPT + b" >>"), "file_active"),
    "launch": (lambda: action(b"/S /Launch /F (cmd.exe)"), "file_active"),
    "submit": (lambda: action(b"/S /SubmitForm /F (http://example.org)"), "file_active"),
    "import": (lambda: action(b"/S /ImportData /F (a.fdf)"), "file_active"),
    "jump to another file": (lambda: action(b"/S /GoToR /F (a.pdf) /D [0 /Fit]"), "file_active"),
    "jump to an inner file": (lambda: action(b"/S /GoToE /D [0 /Fit]"), "file_active"),
    "rendition": (lambda: action(b"/S /Rendition"), "file_active"),
    "opens a web page by itself": (
        lambda: small_pdf(b"/OpenAction << /S /URI /URI (http://example.org) >>"),
        "file_active",
    ),
    "acts when a page opens": (
        lambda: small_pdf(b"", b"/AA << /O << /S /Named /N /Print >> >>"),
        "file_active",
    ),
    "link that is a script": (
        lambda: action(b"/S /URI /URI ( Java\\nScript:alert\\(1\\))"),
        "file_active",
    ),
    "link that is a script in UTF-16": (
        lambda: action(
            b"/S /URI /URI <FEFF%s>" % "javascript:1".encode("utf-16-be").hex().encode()
        ),
        "file_active",
    ),
    "link to a program": (
        lambda: action(b"/S /URI /URI (file:///C:/Windows/System32/calc.exe)"),
        "file_active",
    ),
    "rich media": (lambda: annotation(b"RichMedia"), "file_active"),
    "movie": (lambda: annotation(b"Movie"), "file_active"),
    "sound": (lambda: annotation(b"Sound"), "file_active"),
    "screen": (lambda: annotation(b"Screen"), "file_active"),
    "attached file": (
        lambda: annotation(b"FileAttachment", b"/FS << /Type /Filespec /F (a.exe) >>"),
        "file_active",
    ),
    "embedded file": (_embedded_file, "file_active"),
    "file specification with content": (
        lambda: small_pdf(b"/X << /EF << /F 4 0 R >> >>", b"", stream(b"MZ")),
        "file_active",
    ),
    "content from another file": (
        lambda: small_pdf(b"", b"/Contents 4 0 R", stream(b"", b"/F (http://example.org)")),
        "file_active",
    ),
    "XFA form": (lambda: small_pdf(b"/AcroForm << /XFA [(a) (b)] >>"), "file_active"),
    # Too big inside
    "201 pages": (lambda: certificate(201), "file_too_many_pages"),
    "a million claimed pages": (
        lambda: pdf_of(
            b"<< " + CATALOGUE + b" >>",
            b"<< /Type /Pages /Kids [" + b"3 0 R " * 100 + b"] /Count 1000000 >>",
            b"<< " + PAGE + b" >>",
        ),
        "file_too_many_pages",
    ),
    "Flate bomb": (flate_bomb, "file_too_big_inside"),
    "Flate bomb in two layers": (lambda: flate_bomb(2), "file_too_big_inside"),
    "object stream bomb": (_object_stream_bomb, "file_damaged"),  # qpdf gives up reading
    "five filters": (lambda: flate_bomb(5, 1024 * 1024), "file_too_big_inside"),
    "300,000 objects": (
        lambda: small_pdf(b"/X [" + b"[]" * 300_000 + b"]"),
        "file_too_big_inside",
    ),
    "image of 3.6 gigapixels": (_huge_image, "file_too_big_inside"),
    "PNG of 900 megapixels": (png_bomb, "file_too_big_inside"),
    "PNG of 41 megapixels": (lambda: png_bomb(6408), "file_too_big_inside"),
}
