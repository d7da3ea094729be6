"""Honest papers as many programs write them, none of which may be refused.

``reportlab_papers``, ``pillow_papers``, ``qpdf_papers`` and ``pdfium_papers`` map speaking names
to functions that build a file with that library; ``chromium_papers`` prints pages in a browser.
All people are invented.
"""

import functools
import io
from collections.abc import Callable, Iterator, Mapping
from datetime import date

import pikepdf
import pypdfium2
from PIL import Image, ImageCms
from playwright.sync_api import Browser
from reportlab.graphics import renderPDF
from reportlab.graphics.barcode import code128, qr
from reportlab.graphics.shapes import Circle, Drawing, Line, Rect, String
from reportlab.lib import colors
from reportlab.lib.pagesizes import A3, A4, A5, LETTER, landscape
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle
from tests.adapters.paper_corpus import (
    WIDE_FONT,
    Build,
    certificate,
    form,
    photograph,
    small_pdf,
    stream,
)

from kursdocs.demo.papers import sample_paper

SENTENCE = "Frau Beispiela Muster hat am Integrationskurs teilgenommen."
Draw = Callable[[Canvas], None]
Change = Callable[[pikepdf.Pdf], None]


# ── reportlab ────────────────────────────────────────────────────────────────────────────────


def sheet(draw: Draw, **how: object) -> bytes:
    """One page of reportlab: a sentence and what ``draw`` adds."""
    out = io.BytesIO()
    canvas = Canvas(out, **{"pagesize": A4, **how})
    canvas.drawString(72, 770, SENTENCE)
    draw(canvas)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _nothing(canvas: Canvas) -> None:
    """The sentence is enough."""


def _font(name: str) -> Draw:
    def draw(canvas: Canvas) -> None:
        canvas.setFont(name, 12)
        canvas.drawString(72, 700, "Zulassung zum Kurs 0815")

    return draw


def _link(address: str) -> Draw:
    return lambda canvas: canvas.linkURL(address, (72, 690, 200, 715))


def _field(kind: str, **how: object) -> Draw:
    def draw(canvas: Canvas) -> None:
        getattr(canvas.acroForm, kind)(x=72, y=500, **how)

    return draw


def _radio(canvas: Canvas) -> None:
    for number, answer in enumerate(("ja", "nein")):
        canvas.acroForm.radio(
            name="a", value=answer, selected=not number, x=72, y=500 - 30 * number
        )


def _wide(canvas: Canvas) -> None:
    pdfmetrics.registerFont(TTFont("Wide", WIDE_FONT))
    canvas.setFont("Wide", 12)
    canvas.drawString(72, 700, "Łucja Żółć, Дарья Примерова, مثال")


def _chinese(canvas: Canvas) -> None:
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    canvas.setFont("STSong-Light", 12)
    canvas.drawString(72, 700, "例子")


def _gradient(canvas: Canvas) -> None:
    canvas.linearGradient(72, 500, 200, 600, (colors.red, colors.white))
    canvas.radialGradient(300, 500, 80, (colors.blue, colors.white))


def _see_through(canvas: Canvas) -> None:
    canvas.setFillAlpha(0.3)
    canvas.setBlendMode("Multiply")
    canvas.rect(72, 500, 200, 100, fill=1)


def _repeated_drawing(canvas: Canvas) -> None:
    canvas.beginForm("leaf")
    canvas.circle(5, 5, 4)
    canvas.endForm()
    canvas.beginForm("branch")
    for step in range(20):
        canvas.saveState()
        canvas.translate(10 * step, 0)
        canvas.doForm("leaf")
        canvas.restoreState()
    canvas.endForm()
    for step in range(50):
        canvas.saveState()
        canvas.translate(72, 10 * step)
        canvas.doForm("branch")
        canvas.restoreState()


def _outline(canvas: Canvas) -> None:
    for level, name in enumerate(("Teil", "Abschnitt", "Absatz")):
        canvas.bookmarkPage(name)
        canvas.addOutlineEntry(name, name, level)
    canvas.showOutline()


def _jumps(canvas: Canvas) -> None:
    canvas.bookmarkHorizontal("unten", 0, 100)
    canvas.linkAbsolute("", "unten", (72, 600, 200, 620))
    canvas.linkRect("", "unten", (72, 500, 200, 520), relative=1)


def _notes(canvas: Canvas) -> None:
    canvas.textAnnotation("Bitte prüfen", (72, 600, 92, 620), name="Notiz")
    canvas.freeTextAnnotation("Eingegangen", "/Helv 12 Tf", (72, 500, 200, 520))


def _barcodes(canvas: Canvas) -> None:
    code128.Code128("KD-2026-0815", barHeight=30).drawOn(canvas, 72, 600)
    drawing = Drawing(90, 90)
    drawing.add(qr.QrCodeWidget("https://www.example.org/"))
    renderPDF.draw(drawing, canvas, 72, 480)


def _chart(canvas: Canvas) -> None:
    drawing = Drawing(200, 100)
    drawing.add(Rect(0, 0, 60, 80, fillColor=colors.lightblue))
    drawing.add(Circle(120, 40, 30))
    drawing.add(Line(0, 0, 200, 100))
    drawing.add(String(10, 85, "Stunden"))
    renderPDF.draw(drawing, canvas, 72, 480)


def _picture(image: Image.Image, **how: object) -> Draw:
    return lambda canvas: canvas.drawImage(ImageReader(image), 72, 300, 300, 400, **how)


def _shown_as_slides(canvas: Canvas) -> None:
    canvas.setPageTransition("Wipe", 1)
    canvas.setPageDuration(5)
    canvas.showFullScreen0()


def _labels(canvas: Canvas) -> None:
    canvas.addPageLabel(0, style="ROMAN_LOWER", prefix="A-")


def _described(canvas: Canvas) -> None:
    canvas.setTitle("Bescheinigung")
    canvas.setAuthor("Sprachwerk Musterstadt")
    canvas.setSubject("Kurs 0815")
    canvas.setKeywords(["Kurs", "Bescheinigung"])
    canvas.setViewerPreference("DisplayDocTitle", "true")
    canvas.setCatalogEntry("Lang", "de-DE")


def _boxes(canvas: Canvas) -> None:
    canvas.setCropBox((20, 20, 575, 820))
    canvas.setTrimBox((30, 30, 565, 810))
    canvas.setBleedBox((10, 10, 585, 830))
    canvas.setArtBox((40, 40, 555, 800))


def _long_table() -> bytes:
    out = io.BytesIO()
    style = getSampleStyleSheet()["BodyText"]
    rows = [[f"{n}", "Muster, Beispiela", "anwesend"] for n in range(90)]
    table = Table([["Nr.", "Name", "Stand"], *rows], repeatRows=1)
    table.setStyle(TableStyle([("GRID", (0, 0), (-1, -1), 0.5, colors.grey)]))
    link = '<a href="https://www.example.org" color="blue">Anlage</a> <b>fett</b> <i>schräg</i>'
    parts = [Paragraph(SENTENCE + " " + link, style), Spacer(1, 12), table, PageBreak()]
    SimpleDocTemplate(out, pagesize=A4, title="Liste").build([*parts, Paragraph("Ende", style)])
    return out.getvalue()


_STANDARD_FONTS = (
    *("Courier", "Courier-Bold", "Courier-Oblique", "Courier-BoldOblique", "Helvetica"),
    *("Helvetica-Bold", "Helvetica-Oblique", "Helvetica-BoldOblique", "Times-Roman"),
    *("Times-Bold", "Times-Italic", "Times-BoldItalic", "Symbol", "ZapfDingbats"),
)
_ADDRESSES = (
    *("https://www.example.org/kurs?a=1&b=2#c", "http://example.org:8080/", "www.example.org"),
    *("mailto:info@example.org?subject=Kurs", "tel:+49301234567", "info@example.org"),
    *("anmeldung.html", "/kurse/2026", "ftp://example.org/a", "HTTPS://EXAMPLE.ORG", "#oben"),
    *("example.org:8443/a", " https://www.example.org", "https://example.org/a:b", "//example.org"),
    *("file:///srv/ablage/anlage.pdf", "file:///C:\\Daten\\Liste.docx", "file:///tmp/a.html#x"),
    *("file:///C:/Daten/Ordner%20neu/a%20b.PDF",),
)
_FIELDS: Mapping[str, Draw] = {
    "line": _field("textfield", name="a", value="Muster", width=200, height=20),
    "empty line": _field("textfield", name="a", width=200, height=20),
    "several lines": _field(
        "textfield", name="a", value="eins\nzwei", width=200, height=60, fieldFlags="multiline"
    ),
    "password": _field("textfield", name="a", width=200, height=20, fieldFlags="password"),
    "comb": _field(
        "textfield", name="a", value="0815", maxlen=8, width=200, height=20, fieldFlags="comb"
    ),
    "read only": _field(
        "textfield", name="a", value="fest", width=200, height=20, fieldFlags="readOnly"
    ),
    "required": _field("textfield", name="a", width=200, height=20, fieldFlags="required"),
    "list": _field(
        "listbox", name="a", value="A", options=["A", "B", "C"], width=90, height=60
    ),
    "choice": _field(
        "choice", name="a", value="B", options=[("A1", "A"), ("B1", "B")], width=90, height=20
    ),
    "choice with typing": _field(
        "choice", name="a", value="A", options=["A"], width=90, height=20,
        fieldFlags="combo edit",
    ),
    "radio": _radio,
    **{
        f"box with {style}": _field("checkbox", name="a", checked=True, buttonStyle=style)
        for style in ("check", "cross", "circle", "star", "diamond")
    },
    **{
        f"box framed {style}": _field("checkbox", name="a", shape="square", borderStyle=style)
        for style in ("solid", "dashed", "inset", "bevelled", "underlined")
    },
}  # fmt: skip


def reportlab_papers() -> Mapping[str, Build]:
    """Certificates, lists and forms."""
    draws: dict[str, Draw] = {
        **{f"font {name}": _font(name) for name in _STANDARD_FONTS},
        **{f"link {address}": _link(address) for address in _ADDRESSES},
        **{f"field: {name}": draw for name, draw in _FIELDS.items()},
        "letters of many languages": _wide,
        "Chinese letters": _chinese,
        "gradients": _gradient,
        "transparency": _see_through,
        "a drawing repeated 1,000 times": _repeated_drawing,
        "outline": _outline,
        "jumps": _jumps,
        "notes": _notes,
        "barcodes": _barcodes,
        "chart": _chart,
        "photograph": _picture(photograph()),
        "grey photograph": _picture(photograph().convert("L")),
        "picture with transparency": _picture(Image.new("RGBA", (90, 90), "#f008"), mask="auto"),
        "shown as slides": _shown_as_slides,
        "page labels": _labels,
        "described": _described,
        "boxes": _boxes,
        "turned": lambda canvas: canvas.setPageRotation(90),
    }
    sizes = {"A3": A3, "A5": A5, "letter": LETTER, "lying": landscape(A4), "tiny": (20, 20)}
    built: dict[str, Build] = {name: functools.partial(sheet, draw) for name, draw in draws.items()}
    for version in range(3, 8):
        how = {"pdfVersion": (1, version)}
        built[f"PDF 1.{version}"] = functools.partial(sheet, _nothing, **how)
    for name, size in sizes.items():
        built[f"size {name}"] = functools.partial(sheet, _nothing, pagesize=size)
    built["uncompressed"] = functools.partial(sheet, _nothing, pageCompression=0)
    built["without dates"] = functools.partial(sheet, _nothing, invariant=1)
    built["long table"] = _long_table
    for number in range(4):
        built[f"sample paper {number}"] = functools.partial(_sample, number)
    return built


def _sample(number: int) -> bytes:
    return sample_paper("Anmeldebestätigung", "Muster", "Beispiela", number)


# ── Pillow ───────────────────────────────────────────────────────────────────────────────────


def _pictured(image: Image.Image, **how: object) -> bytes:
    out = io.BytesIO()
    image.save(out, "PDF", **how)
    return out.getvalue()


def pillow_papers() -> Mapping[str, Build]:
    """Scans: one picture a page."""
    scan = photograph((420, 594))
    kinds = ("1", "L", "P", "RGB", "CMYK", "LA", "RGBA")
    return {
        **{f"mode {kind}": functools.partial(_pictured, scan.convert(kind)) for kind in kinds},
        **{
            f"{dpi} dpi": functools.partial(_pictured, scan, resolution=float(dpi))
            for dpi in (72, 150, 300, 600)
        },
        **{f"quality {q}": functools.partial(_pictured, scan, quality=q) for q in (10, 50, 95)},
        "three pages": functools.partial(
            _pictured, scan, save_all=True, append_images=[scan.convert("L"), scan.convert("1")]
        ),
        "described": functools.partial(_pictured, scan, title="Bescheinigung", author="Sprachwerk"),
        "one pixel": functools.partial(_pictured, Image.new("L", (1, 1))),
        "large and black and white": functools.partial(_pictured, Image.new("1", (4960, 7016), 1)),
    }


# ── pikepdf, that is qpdf ────────────────────────────────────────────────────────────────────


@functools.cache
def _base() -> bytes:
    return _long_table()


def changed(change: Change, build: Build = _base, **how: object) -> bytes:
    """The long table (or another file) after a change, written by qpdf."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(build())) as pdf:
        change(pdf)
        pdf.save(out, **how)  # type: ignore[arg-type]  # settings of different types by name
    return out.getvalue()


def _as_it_is(pdf: pikepdf.Pdf) -> None:
    """Only written anew."""


def _archival(part: str) -> Change:
    def change(pdf: pikepdf.Pdf) -> None:
        with pdf.open_metadata() as said:
            said["pdfaid:part"], said["pdfaid:conformance"] = part, "B"
            said["dc:title"] = "Bescheinigung"
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        intent = pikepdf.Dictionary(
            Type=pikepdf.Name.OutputIntent,
            S=pikepdf.Name.GTS_PDFA1,
            OutputConditionIdentifier="sRGB",
            DestOutputProfile=pdf.make_stream(profile, N=3),
        )
        pdf.Root.OutputIntents = pikepdf.Array([pdf.make_indirect(intent)])

    return change


def _outlined(pdf: pikepdf.Pdf) -> None:
    with pdf.open_outline() as outline:
        outline.root.append(pikepdf.OutlineItem("Anfang", 0))
        outline.root[0].children.append(pikepdf.OutlineItem("Liste", 1, "FitH", top=700))


def _layered(pdf: pikepdf.Pdf) -> None:
    layer = pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.OCG, Name="Wasserzeichen"))
    shown = pikepdf.Dictionary(Order=[layer], ON=[layer], AS=[
        pikepdf.Dictionary(Event=pikepdf.Name.Print, Category=[pikepdf.Name.Print], OCGs=[layer])
    ])  # fmt: skip
    pdf.Root.OCProperties = pikepdf.Dictionary(OCGs=[layer], D=shown)


def _tagged(pdf: pikepdf.Pdf) -> None:
    root = pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.StructTreeRoot))
    element = pikepdf.Dictionary(
        Type=pikepdf.Name.StructElem, S=pikepdf.Name.P, P=root, K=0, Pg=pdf.pages[0].obj
    )
    root.K = pdf.make_indirect(element)
    pdf.Root.StructTreeRoot = root
    pdf.Root.MarkInfo = pikepdf.Dictionary(Marked=True)
    pdf.Root.Lang = "de-DE"


def _turned(degrees: int) -> Change:
    def change(pdf: pikepdf.Pdf) -> None:
        for page in pdf.pages:
            page.rotate(degrees, relative=False)

    return change


def _cropped(pdf: pikepdf.Pdf) -> None:
    for page in pdf.pages:
        page.cropbox = pikepdf.Array([50, 50, 500, 700])


def _noted(kind: str, entries: bytes) -> Change:
    """An annotation that is drawn or shown, nothing more."""
    body = b"<< /Type /Annot /Subtype /%s /Rect [72 72 200 100] %s >>" % (kind.encode(), entries)

    def change(pdf: pikepdf.Pdf) -> None:
        pdf.pages[0].Annots = pikepdf.Array([pdf.make_indirect(pikepdf.Object.parse(body))])

    return change


_NOTES: Mapping[str, bytes] = {
    "Text": b"/Contents (Bitte lesen) /Name /Note /Open false",
    "FreeText": b"/Contents (Eingegangen) /DA (/Helv 12 Tf)",
    "Line": b"/L [72 72 200 100]",
    "Square": b"/C [1 0 0]",
    "Circle": b"/IC [1 1 0]",
    "Polygon": b"/Vertices [72 72 90 90 72 100]",
    "PolyLine": b"/Vertices [72 72 90 90 72 100]",
    "Highlight": b"/QuadPoints [72 100 200 100 72 72 200 72]",
    "Underline": b"/QuadPoints [72 100 200 100 72 72 200 72]",
    "Squiggly": b"/QuadPoints [72 100 200 100 72 72 200 72]",
    "StrikeOut": b"/QuadPoints [72 100 200 100 72 72 200 72]",
    "Stamp": b"/Name /Approved",
    "Caret": b"/Sy /P",
    "Ink": b"/InkList [[72 72 90 90 100 80]]",
    "Popup": b"/Open false",
    "Watermark": b"/FixedPrint << /Type /FixedPrint >>",
    "Link": b"/A << /S /URI /URI (https://www.example.org) >> /PA << /S /URI /URI (a) >>",
    "Redact": b"/OverlayText (unleserlich)",
}
_CLICKS: Mapping[str, bytes] = {
    "next page": b"/A << /S /Named /N /NextPage >>",
    "print": b"/A << /S /Named /N /Print >>",
    "reset the form": b"/A << /S /ResetForm /Flags 0 >>",
    "hide a note": b"/A << /S /Hide /T (Notiz) /H true >>",
    "show a layer": b"/A << /S /SetOCGState /State [/ON] >>",
    "jump by name": b"/Dest (Liste)",
    "jump and turn": b"/A << /S /GoTo /D (Liste) /Next << /S /Trans /Trans << /S /Wipe >> >> >>",
}


def _opening(action: bytes) -> Change:
    def change(pdf: pikepdf.Pdf) -> None:
        pdf.Root.OpenAction = pikepdf.Object.parse(action)

    return change


def _with_picture(entries: Mapping[str, object], data: bytes) -> Change:
    """A page that shows one picture of these bytes."""

    def change(pdf: pikepdf.Pdf) -> None:
        picture = pdf.make_stream(data, Subtype=pikepdf.Name.Image, **entries)
        page = pdf.add_blank_page(page_size=A4)
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Scan=picture))
        page.Contents = pdf.make_stream(b"q 500 0 0 700 40 60 cm /Scan Do Q")

    return change


def _fax_strip(compression: str) -> tuple[bytes, Image.Image]:
    """A black and white page as fax machines code it, without the TIFF round it."""
    page = photograph((416, 592)).convert("1")
    out = io.BytesIO()
    page.save(out, "TIFF", compression=compression)
    with Image.open(io.BytesIO(out.getvalue())) as tiff:
        tags = tiff.tag_v2  # type: ignore[attr-defined]
        pieces = zip(tags[273], tags[279], strict=True)
        data = b"".join(out.getvalue()[start : start + size] for start, size in pieces)
    return data, page


def _fax(compression: str, k: int) -> Change:
    data, page = _fax_strip(compression)
    parameters = pikepdf.Dictionary(K=k, Columns=page.width, Rows=page.height)
    return _with_picture(
        {**_grey(page, 1), "Filter": pikepdf.Name.CCITTFaxDecode, "DecodeParms": parameters}, data
    )


def _jbig2() -> Change:
    """A generic region whose lines are coded as a fax (ISO 14492, 7.4.6 with MMR)."""
    data, page = _fax_strip("group4")
    sides = page.width.to_bytes(4, "big") + page.height.to_bytes(4, "big")
    head = b"\x00\x00\x00\x00\x30\x00\x01" + (19).to_bytes(4, "big")
    head += sides + bytes(8) + b"\x00\x00\x00"
    region = sides + bytes(8) + b"\x00" + b"\x01" + data
    body = b"\x00\x00\x00\x01\x26\x00\x01" + len(region).to_bytes(4, "big") + region
    return _with_picture({**_grey(page, 1), "Filter": pikepdf.Name.JBIG2Decode}, head + body)


def _grey(page: Image.Image, bits: int) -> Mapping[str, object]:
    return {
        "Width": page.width,
        "Height": page.height,
        "ColorSpace": pikepdf.Name.DeviceGray,
        "BitsPerComponent": bits,
    }


def _coded(image: Image.Image, name: str, coder: str, **how: object) -> Change:
    out = io.BytesIO()
    image.save(out, coder, **how)
    return _with_picture({**_grey(image, 8), "Filter": pikepdf.Name(name)}, out.getvalue())


def _typed(pdf: pikepdf.Pdf) -> None:
    """What a clerk typed, with its appearance."""
    for number, form_field in enumerate(pdf.Root.AcroForm.Fields):
        if form_field.get("/FT") == pikepdf.Name.Tx:
            form_field.V = f"Beispiela {number}"
    pdf.Root.AcroForm.NeedAppearances = True
    pdf.generate_appearance_streams()


def _flattened(pdf: pikepdf.Pdf) -> None:
    pdf.generate_appearance_streams()
    pdf.flatten_annotations("all")


def _labelled(pdf: pikepdf.Pdf) -> None:
    pdf.Root.PageLabels = pikepdf.Dictionary(Nums=[0, pikepdf.Dictionary(S=pikepdf.Name.D, St=7)])


def _named_places(pdf: pikepdf.Pdf) -> None:
    place = pikepdf.Array([pdf.pages[0].obj, pikepdf.Name.Fit])
    pdf.Root.Names = pikepdf.Dictionary(Dests=pikepdf.Dictionary(Names=["Liste", place]))
    pdf.Root.Dests = pikepdf.Dictionary(Alt=place)


def _of_a_program(pdf: pikepdf.Pdf) -> None:
    """What drawing programs keep for themselves."""
    private = pikepdf.Dictionary(LastModified="D:20260102030405", Private=pdf.make_stream(b"x"))
    pdf.Root.PieceInfo = pikepdf.Dictionary(Muster=private)
    pdf.pages[0].Thumb = pdf.make_stream(b"\x00", Width=1, Height=1)


def _threaded(pdf: pikepdf.Pdf) -> None:
    bead = pdf.make_indirect(pikepdf.Dictionary(P=pdf.pages[0].obj, R=[0, 0, 9, 9]))
    bead.N = bead.V = bead
    thread = pdf.make_indirect(pikepdf.Dictionary(F=bead, I=pikepdf.Dictionary(Title="Artikel")))
    pdf.Root.Threads = pikepdf.Array([thread])


def _deleted_page(pdf: pikepdf.Pdf) -> None:
    del pdf.pages[0]


def _doubled_page(pdf: pikepdf.Pdf) -> None:
    pdf.pages.append(pdf.pages[0])


def _signed_place(pdf: pikepdf.Pdf) -> None:
    """A place for a signature that nobody has used yet."""
    place = pikepdf.Object.parse(
        b"<< /FT /Sig /T (Unterschrift) /Type /Annot /Subtype /Widget /Rect [72 72 200 100]"
        b" /Lock << /Type /SigFieldLock /Action /All >> /SV << /Type /SV /Ff 1 >> >>"
    )
    held = pdf.make_indirect(place)
    pdf.Root.AcroForm = pikepdf.Dictionary(Fields=[held], SigFlags=1)
    pdf.pages[0].Annots = pikepdf.Array([held])


def _form_settings(pdf: pikepdf.Pdf) -> None:
    pdf.Root.AcroForm.CO = pikepdf.Array([pdf.Root.AcroForm.Fields[0]])
    pdf.Root.AcroForm.DA = "/Helv 0 Tf 0 g"


def qpdf_papers() -> Mapping[str, Build]:
    """Written anew, bound, archived, annotated, scanned."""
    modes = pikepdf.ObjectStreamMode
    ways: dict[str, Mapping[str, object]] = {
        "linearised": {"linearize": True},
        "linearised with object streams": {"linearize": True, "object_stream_mode": modes.generate},
        "object streams": {"object_stream_mode": modes.generate},
        "without object streams": {"object_stream_mode": modes.disable},
        "as text": {"qdf": True},
        "uncompressed": {"compress_streams": False, "stream_decode_level": _ALL},
        "compressed anew": {"recompress_flate": True},
        "normal contents": {"normalize_content": True},
        "without an identity of its own": {"deterministic_id": True},
        **{f"at least {v}": {"min_version": v} for v in ("1.4", "1.5", "1.6", "2.0")},
        **{f"as if {v}": {"force_version": v} for v in ("1.3", "1.4", "1.5", "1.6", "1.7", "2.0")},
    }
    changes: dict[str, Change] = {
        **{f"archival {part}": _archival(part) for part in "1234"},
        **{f"turned {degrees}": _turned(degrees) for degrees in (0, 90, 180, 270)},
        **{f"note {kind}": _noted(kind, entries) for kind, entries in _NOTES.items()},
        **{f"click: {name}": _noted("Link", entries) for name, entries in _CLICKS.items()},
        "opens at a page": _opening(b"<< /S /GoTo /D (Liste) >>"),
        "asks to be printed": _opening(b"<< /S /Named /N /Print >>"),
        "opens at a page and asks to be printed": _opening(
            b"<< /S /GoTo /D (Liste) /Next << /S /Named /N /Print >> >>"
        ),
        "outline": _outlined,
        "layers": _layered,
        "tagged": _tagged,
        "cropped": _cropped,
        "page labels": _labelled,
        "named places": _named_places,
        "of a drawing program": _of_a_program,
        "articles": _threaded,
        "a page left out": _deleted_page,
        "a page twice": _doubled_page,
        "place for a signature": _signed_place,
        "fax, group 3": _fax("group3", 0),
        "fax, group 4": _fax("group4", -1),
        "scan, JBIG2": _jbig2(),
        "scan, JPEG 2000": _coded(
            photograph((420, 594)).convert("L"), "/JPXDecode", "JPEG2000", no_jp2=False
        ),
        "scan, JPEG in steps": _coded(
            photograph((420, 594)).convert("L"), "/DCTDecode", "JPEG", progressive=True
        ),
    }
    many = functools.partial(certificate, 60)  # the first object of the file has a high number
    typed = {"typed": _typed, "flattened": _flattened, "with settings": _form_settings}
    return {
        **{n: functools.partial(changed, _as_it_is, _base, **how) for n, how in ways.items()},
        **{n: functools.partial(changed, change) for n, change in changes.items()},
        "linearised, 60 pages": functools.partial(changed, _as_it_is, many, linearize=True),
        **{f"form {n}": functools.partial(changed, change, form) for n, change in typed.items()},
    }


_ALL = pikepdf.StreamDecodeLevel.generalized


# ── pdfium ───────────────────────────────────────────────────────────────────────────────────


def _by_pdfium(data: bytes | None = None, version: int | None = None, pages: int = 1) -> bytes:
    pdf = pypdfium2.PdfDocument(data) if data else pypdfium2.PdfDocument.new()
    try:
        for _ in range(0 if data else pages):
            pdf.new_page(595, 842)
        out = io.BytesIO()
        pdf.save(out, version=version)
    finally:
        pdf.close()
    return out.getvalue()


def _bound_by_pdfium() -> bytes:
    pdf, other = pypdfium2.PdfDocument.new(), pypdfium2.PdfDocument(_base())
    try:
        pdf.import_pages(other)
        pdf.import_pages(other, [0])
        out = io.BytesIO()
        pdf.save(out)
    finally:
        pdf.close()
        other.close()
    return out.getvalue()


def pdfium_papers() -> Mapping[str, Build]:
    """Written by the library behind the viewer of Chromium."""
    return {
        "empty page": _by_pdfium,
        "thirty pages": lambda: _by_pdfium(pages=30),
        **{f"version {v}": functools.partial(_by_pdfium, version=v) for v in (13, 14, 15, 16, 17)},
        "saved table": lambda: _by_pdfium(_base()),
        "saved form": lambda: _by_pdfium(form()),
        "bound from two": _bound_by_pdfium,
    }


# ── by hand, as old programs write ───────────────────────────────────────────────────────────


def old_papers() -> Mapping[str, Build]:
    """Right, though nobody would write it so today."""
    drawing = b"BT /F 12 Tf 72 700 Td (Muster) Tj ET"
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    page = b"/Resources << /Font << /F 4 0 R >> >> /Contents 5 0 R"
    hexed = drawing.hex().encode() + b">"
    coded: dict[str, tuple[bytes, bytes]] = {
        "hexadecimal": (hexed, b"/Filter /ASCIIHexDecode"),
        "hexadecimal, short name": (hexed, b"/Filter /AHx"),
        "run lengths": (bytes([len(drawing) - 1]) + drawing + b"\x80", b"/Filter /RunLengthDecode"),
    }
    return {
        **{
            f"version {v}": functools.partial(small_pdf, version=v.encode())
            for v in ("1.0", "1.1", "1.2", "1.4", "1.5", "1.6")
        },
        **{
            name: functools.partial(small_pdf, b"", page, font, stream(data, entries))
            for name, (data, entries) in coded.items()
        },
        "no contents": lambda: small_pdf(b"", b"/Contents []"),
        "contents in pieces": lambda: small_pdf(b"", b"/Contents [4 0 R 4 0 R]", stream(b"q Q")),
        "turned backwards": lambda: small_pdf(b"", b"/Rotate -90"),
        "larger units": lambda: small_pdf(b"", b"/UserUnit 2.5"),
        "empty description": lambda: small_pdf(trailer=b"/Info << >>"),
        "described": lambda: small_pdf(
            trailer=b"/Info << /Title (Bescheinigung) /CreationDate (D:%s) >>"
            % date(2026, 1, 2).strftime("%Y%m%d").encode()
        ),
        "shared resources": lambda: small_pdf(b"/X 4 0 R", b"/Resources 4 0 R", b"<< >>"),
        "viewer preferences": lambda: small_pdf(
            b"/ViewerPreferences << /HideToolbar true >> /PageMode /UseNone /PageLayout /OneColumn"
        ),
        "empty form": lambda: small_pdf(b"/AcroForm << /Fields [] >>"),
        "base of links": lambda: small_pdf(b"/URI << /Base (https://www.example.org/) >>"),
    }


# ── Chromium ─────────────────────────────────────────────────────────────────────────────────

_PAGE = """<!doctype html><html lang="de"><meta charset="utf-8"><title>Bescheinigung</title>
<h1>Bescheinigung</h1><p>{sentence}</p>{more}</html>"""
_BODIES: Mapping[str, str] = {
    "text": "",
    "links": '<a href="https://www.example.org">Netz</a> <a href="#x">Sprung</a><h2 id="x">x</h2>'
    '<a href="mailto:info@example.org">Post</a>',
    "form": '<input value="Muster"> <textarea>a</textarea> <select><option>A</select>'
    '<input type="checkbox" checked> <button>Senden</button>',
    "table": "<table border=1>" + "<tr><td>Muster<td>Beispiela" * 120 + "</table>",
    "drawing": '<svg width="90" height="90"><defs><linearGradient id="g"><stop stop-color="red"/>'
    '<stop offset="1"/></linearGradient></defs><circle r="40" fill="url(#g)"/></svg>',
    "many languages": "<p dir=rtl>شهادة المشاركة</p><p>Łódź Ґалаґан Đặng አማርኛ ไทย</p>",
    "columns": '<div style="columns: 3">' + "<p>Beispiela Muster.</p>" * 90 + "</div>",
    "shadows": '<div style="box-shadow: 0 0 9px #000; opacity: .5; transform: rotate(9deg);'
    ' background: repeating-linear-gradient(45deg, #ccc 0 9px, #fff 9px 18px)">Stempel</div>',
    "picture": '<img width=200 src="data:image/svg+xml,%3Csvg xmlns='
    "'http://www.w3.org/2000/svg' width='9' height='9'%3E%3Crect width='9' height='9'/%3E"
    '%3C/svg%3E">',
}
_PRINTS: Mapping[str, Mapping[str, object]] = {
    "lying": {"format": "A4", "landscape": True},
    "tagged, with an outline": {"tagged": True, "outline": True},
    "head and foot": {
        "display_header_footer": True,
        "header_template": "<b style='font-size: 9px'>Sprachwerk</b>",
        "footer_template": "<span class=pageNumber style='font-size: 9px'></span>",
        "margin": {"top": "2cm", "bottom": "2cm"},
    },
}


def chromium_papers(browser: Browser) -> Iterator[tuple[str, bytes]]:
    """Pages printed in a browser, as course programs on the web have it done."""
    page = browser.new_page()
    for name, more in _BODIES.items():
        page.set_content(_PAGE.format(sentence=SENTENCE, more=more))
        yield name, page.pdf(format="A4")
    for name, how in _PRINTS.items():
        yield name, page.pdf(**how)  # type: ignore[arg-type]  # settings of different types by name
    page.close()
