"""Pixels both ways: photographs become one PDF, a page of a PDF becomes a PNG.

Runs only inside the paper-opening child (``papers_child``). Knows no port, no process and no
wording: it raises :class:`kursdocs.adapters.papers_pdf.Refusal`.
Entry points: :func:`bind`, :func:`page_image`.
"""

import io
import math
import warnings
from collections.abc import Sequence

import pikepdf
import pypdfium2
from PIL import Image, ImageChops, ImageOps, MpoImagePlugin

from kursdocs.adapters.papers_pdf import Refusal

PIXELS_MAX = 40_000_000
BOUND_BYTES_MAX = 32 * 1024 * 1024
LONG_EDGE_PIXELS_MAX = 2480  # 212 dpi on A4: small print stays legible
JPEG_QUALITY = 85

PAGE_WIDTH_PIXELS_MIN = 200
PAGE_WIDTH_PIXELS_MAX = 2000
PAGE_PIXELS_MAX = 25_000_000
PAGE_HEIGHT_PIXELS_MAX = 20_000

_A4_POINTS = (595.28, 841.89)
_GREYS = 16
_COLOURS = 256
_TINT_MAX = 8  # differences between channels up to this are no colour
_MID_GREY_SHARE_MAX = 0.2


# Phones write JPEGs with a second picture behind the first. Pillow would load their reader only
# then, when no file can be opened any more.
_ALSO_JPEG = MpoImagePlugin.MpoImageFile


def bind(images: Sequence[bytes]) -> bytes:
    """One PDF with one A4 page per JPEG or PNG, drawn anew from the pixels.

    Whatever else the files held (EXIF, places, comments, tails) is gone. The same images give
    the same bytes. Raises :class:`Refusal`.
    """
    with pikepdf.new() as pdf:
        for data in images:
            _add_page(pdf, _redrawn(data))
        bound = io.BytesIO()
        pdf.save(bound, min_version="1.7", deterministic_id=True)
    if bound.tell() > BOUND_BYTES_MAX:
        raise Refusal("file_too_big_inside")
    return bound.getvalue()


def _redrawn(data: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            Image.MAX_IMAGE_PIXELS = PIXELS_MAX
            with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as opened:
                # A JPEG can be decoded at half or a quarter of its size, much quicker.
                opened.draft("RGB", (LONG_EDGE_PIXELS_MAX, LONG_EDGE_PIXELS_MAX))
                upright = ImageOps.exif_transpose(opened)
                upright.thumbnail((LONG_EDGE_PIXELS_MAX, LONG_EDGE_PIXELS_MAX))
                return _on_white(upright)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refusal("file_too_big_inside") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise Refusal("file_damaged") from error


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits a pixel; a plain conversion would clip to white
        return image.convert("I").point(lambda value: value / 257).convert("L")
    if image.has_transparency_data:
        solid = image.convert("RGBA")
        white = Image.new("RGBA", solid.size, "white")
        return Image.alpha_composite(white, solid).convert("RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _add_page(pdf: pikepdf.Pdf, image: Image.Image) -> None:
    encoded = io.BytesIO()
    image.info.clear()  # comments and profiles would be copied into the new file
    image.save(encoded, "JPEG", quality=JPEG_QUALITY, optimize=True)
    picture = pdf.make_stream(
        encoded.getvalue(),
        Type=pikepdf.Name.XObject,
        Subtype=pikepdf.Name.Image,
        Width=image.width,
        Height=image.height,
        ColorSpace=pikepdf.Name.DeviceGray if image.mode == "L" else pikepdf.Name.DeviceRGB,
        BitsPerComponent=8,
        Filter=pikepdf.Name.DCTDecode,
    )
    page_width, page_height = _A4_POINTS if image.height >= image.width else _A4_POINTS[::-1]
    scale = min(page_width / image.width, page_height / image.height)
    width, height = image.width * scale, image.height * scale
    left, bottom = (page_width - width) / 2, (page_height - height) / 2
    drawing = f"q {width:.2f} 0 0 {height:.2f} {left:.2f} {bottom:.2f} cm /Picture Do Q"
    page = pdf.add_blank_page(page_size=(page_width, page_height))
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Picture=picture))
    page.Contents = pdf.make_stream(drawing.encode())


def page_image(data: bytes, page: int, width: int) -> bytes:
    """Page ``page`` (from 1) as a PNG ``width`` pixels wide; filled form fields are drawn.

    Very long pages come out narrower than asked, so that no page takes more than 25 million
    pixels. Raises :class:`Refusal` (``not_found``, ``file_damaged``).
    """
    try:
        pdf = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise Refusal("file_damaged") from error
    try:
        if not 1 <= page <= len(pdf):
            raise Refusal("not_found")
        pdf.init_forms()
        return _as_png(_rendered(pdf[page - 1], width))
    except pypdfium2.PdfiumError as error:
        raise Refusal("file_damaged") from error
    finally:
        pdf.close()


def _rendered(page: pypdfium2.PdfPage, width: int) -> Image.Image:
    width = min(max(width, PAGE_WIDTH_PIXELS_MIN), PAGE_WIDTH_PIXELS_MAX)
    page_width, page_height = page.get_size()
    if page_width <= 0 or page_height <= 0:
        raise Refusal("file_damaged")
    scale = min(
        width / page_width,
        PAGE_HEIGHT_PIXELS_MAX / page_height,
        math.sqrt(PAGE_PIXELS_MAX / (page_width * page_height)),
    )
    # pdfium rounds up: without the small step back a page can come out one pixel too wide.
    image: Image.Image = page.render(scale=scale * (1 - 1e-9)).to_pil()
    return image


def _as_png(image: Image.Image) -> bytes:
    """A PNG as small as legibility allows: 16 greys for text, 256 greys or colours otherwise."""
    if _is_grey(image):
        grey = image.convert("L")
        reduced = _in_few_greys(grey) if _is_text(grey) else grey
    else:
        reduced = image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    png = io.BytesIO()
    reduced.save(png, "PNG", compress_level=6)
    return png.getvalue()


def _is_grey(image: Image.Image) -> bool:
    red, green, blue = image.convert("RGB").split()
    tints = ImageChops.lighter(
        ImageChops.difference(red, green), ImageChops.difference(green, blue)
    )
    return not any(tints.histogram()[_TINT_MAX + 1 :])


def _is_text(grey: Image.Image) -> bool:
    """Mostly black and white: what lies between are the soft edges of letters."""
    histogram = grey.histogram()
    return sum(histogram[32:224]) <= _MID_GREY_SHARE_MAX * sum(histogram)


def _in_few_greys(grey: Image.Image) -> Image.Image:
    step = 255 // (_GREYS - 1)
    indices = grey.point([round(level / step) for level in range(256)])
    reduced = Image.frombytes("P", indices.size, indices.tobytes())
    reduced.putpalette([level for index in range(_GREYS) for level in (index * step,) * 3])
    return reduced
