"""Which PDFs are accepted: whole, readable by everyone, of sane size, and lifeless.

Runs only inside the paper-opening child (``papers_child``), because it parses what strangers
sent. Knows no port, no process and no wording: it raises :class:`Refusal` with a code.
Entry points: :func:`bound_parser`, :func:`examine`.

The rules, in the order in which they are checked:

* ``%PDF-`` at byte 0 (the caller has looked), and after the last ``%%EOF`` nothing but PDF white
  space. NUL counts as white space there (ISO 32000-1, table 1): scanners pad files to a block.
* The cross-reference table is right as it stands. A file that only opens after repair is
  truncated or altered, and two readers would repair it differently.
* No encryption, not even with an owner password alone: the recipient could not print or archive.
* 1 to 200 pages, and both parsers that we use count the same number.
* Nothing that acts (``papers_active``): scripts, launching, sending, embedded or external files,
  media, XFA forms, actions on events. Plain links stay allowed; many official papers carry them.
  Every object is looked at, referenced or not, also those that an update has replaced
  (``papers_hidden``), so a leftover script refuses the file as well.
* Nothing but a PDF: the same bytes are no web page, mail, TAR or ZIP (``papers_hidden``).
* Bounded when unpacked: number of objects, bytes behind Flate, pixels of an image (by its own
  head too), drawings in drawings (``papers_drawing``).

Embedded files are refused as such, so there are no inner files which the malware scanner would
have to be shown one by one.
"""

import io
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pikepdf
import pikepdf.settings
import pypdfium2
from PIL import Image, Jpeg2KImagePlugin, JpegImagePlugin

from kursdocs.adapters.papers_active import is_active, named, plain
from kursdocs.adapters.papers_drawing import Drawings
from kursdocs.adapters.papers_hidden import is_other_format, unlisted

PAGES_MAX = 200
OBJECTS_MAX = 200_000
INDEX_BYTES_MAX = 64 * 1024 * 1024
STREAM_BYTES_MAX = 256 * 1024 * 1024  # an A4 page in colour at 600 dpi unpacks to 105 MB
UNPACKED_BYTES_MAX = 1024 * 1024 * 1024
FILTERS_MAX = 4
IMAGE_PIXELS_MAX = 200_000_000  # A4 at 1200 dpi has 139 million

_WHITE_SPACE = b"\x00\t\n\x0c\r "
_CHUNK_BYTES = 1024 * 1024

_CONTAINERS = (pikepdf.Dictionary, pikepdf.Stream, pikepdf.Array)
_FLATE = frozenset(("/FlateDecode", "/Fl"))
_PICTURES = frozenset(("/DCTDecode", "/DCT", "/JPXDecode"))
_UNBOUNDED = frozenset(
    ("/LZWDecode", "/LZW", "/RunLengthDecode", "/RL", "/ASCII85Decode", "/A85", "/ASCIIHexDecode")
)

# Pillow would load their readers late, when no file can be opened any more.
_READERS = (JpegImagePlugin.JpegImageFile, Jpeg2KImagePlugin.Jpeg2KImageFile)


class Refusal(Exception):
    """The file is not accepted; ``code`` says why, ``details`` are numbers for the sentence."""

    def __init__(self, code: str, **details: int) -> None:
        super().__init__(code)
        self.code = code
        self.details = details


@dataclass(frozen=True)
class Findings:
    """What is known of an accepted PDF.

    ``is_signed`` is structural only: a signature dictionary whose byte range reaches to the end
    of the file. Nobody has checked the signature; a copy does not become an original by it.
    """

    page_count: int
    is_signed: bool


def bound_parser() -> None:
    """Bound what qpdf unpacks by itself (object and cross-reference streams); once per process."""
    pikepdf.settings.set_qpdf_limits(
        doc_max_warnings=1000,
        flate_max_memory=INDEX_BYTES_MAX,
        png_max_memory=INDEX_BYTES_MAX,
        run_length_max_memory=INDEX_BYTES_MAX,
        max_stream_filters=FILTERS_MAX,
        parser_max_container_size=OBJECTS_MAX,
    )


def examine(data: bytes) -> Findings:
    """Check a PDF against every rule of this module; raises :class:`Refusal`."""
    _require_clean_end(data)
    if is_other_format(data):
        raise Refusal("file_active")
    with _opened(data) as pdf:
        page_count = _page_count(pdf)
        if _second_opinion(data) != page_count:
            raise Refusal("file_damaged")
        is_signed = _walk_through(pdf, len(data))
    for _ in _lifeless(list(unlisted(data, STREAM_BYTES_MAX))):
        pass
    return Findings(page_count, is_signed)


def _walk_through(pdf: pikepdf.Pdf, file_bytes: int) -> bool:
    """Look at every object; returns whether one of them is a signature over the whole file."""
    is_signed = False
    budget = _Budget()
    for thing in _lifeless([pdf.trailer, *pdf.objects]):
        if isinstance(thing, pikepdf.Stream):
            budget.spend(thing)
        is_signed = is_signed or _signs_all(thing, file_bytes)
    if budget.drawings.are_too_many(pdf):
        raise Refusal("file_too_big_inside")
    return is_signed


def _lifeless(objects: Sequence[pikepdf.Object]) -> Iterator[pikepdf.Object]:
    """Every dictionary and stream of these; raises :class:`Refusal` at the first that acts."""
    for thing in _dictionaries(objects):
        if is_active(thing):
            raise Refusal("file_active")
        yield thing


def _require_clean_end(data: bytes) -> None:
    end = data.rfind(b"%%EOF")
    if end < 0 or data[end + 5 :].strip(_WHITE_SPACE):
        raise Refusal("file_damaged")


def _opened(data: bytes) -> pikepdf.Pdf:
    exceeded = pikepdf.settings.qpdf_limit_errors()
    try:
        pdf = pikepdf.open(io.BytesIO(data), attempt_recovery=False)
    except pikepdf.PasswordError as error:
        raise Refusal("file_encrypted") from error
    except pikepdf.PdfError as error:
        # Encryption by certificate is not a password question for qpdf but an unknown filter.
        if "encryption" in str(error):
            raise Refusal("file_encrypted") from error
        if pikepdf.settings.qpdf_limit_errors() > exceeded:
            raise Refusal("file_too_big_inside") from error
        raise Refusal("file_damaged") from error
    if pdf.is_encrypted:
        pdf.close()
        raise Refusal("file_encrypted")
    return pdf


def _page_count(pdf: pikepdf.Pdf) -> int:
    try:
        # The claimed number comes first: counting a million invented pages would take minutes.
        claimed = pdf.Root.Pages.get("/Count", 0)
        if isinstance(claimed, int) and claimed > PAGES_MAX:
            raise Refusal("file_too_many_pages", pages=PAGES_MAX)
        page_count = len(pdf.pages)
    except (pikepdf.PdfError, AttributeError, TypeError, ValueError) as error:
        raise Refusal("file_damaged") from error
    if page_count > PAGES_MAX:
        raise Refusal("file_too_many_pages", pages=PAGES_MAX)
    if page_count == 0:
        raise Refusal("file_damaged")
    return page_count


def _second_opinion(data: bytes) -> int:
    try:
        pdf = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise Refusal("file_damaged") from error
    try:
        return len(pdf)
    finally:
        pdf.close()


def _dictionaries(objects: Sequence[pikepdf.Object]) -> Iterator[pikepdf.Object]:
    """Every dictionary and stream of these, also those inside others; never recursive."""
    waiting = [thing for thing in objects if isinstance(thing, _CONTAINERS)]
    seen = 0
    while waiting:
        thing = waiting.pop()
        seen += 1
        if seen > OBJECTS_MAX:
            raise Refusal("file_too_big_inside")
        if isinstance(thing, pikepdf.Array):
            children = list(thing)
        else:
            yield thing
            children = list(thing.values())
        # References are left out: what they point to is in ``pdf.objects`` itself.
        waiting.extend(c for c in children if isinstance(c, _CONTAINERS) and not c.is_indirect)


def _signs_all(thing: pikepdf.Object, file_bytes: int) -> bool:
    if "/ByteRange" not in thing or "/Contents" not in thing:
        return False
    covered = thing["/ByteRange"]
    if not isinstance(covered, pikepdf.Array):
        return False
    numbers = _integers(covered)
    return (
        len(covered) == len(numbers) == 4
        and numbers[0] == 0
        and numbers[1] <= numbers[2]
        and numbers[2] + numbers[3] == file_bytes
    )


def _integers(values: Iterable[object]) -> list[int]:
    return [value for value in values if isinstance(value, int)]


class _Budget:
    """How much the streams of one file may unpack to, all together, and what they draw."""

    def __init__(self) -> None:
        self._left = UNPACKED_BYTES_MAX
        self.drawings = Drawings()

    def spend(self, stream: pikepdf.Object) -> None:
        """Measure one stream without keeping its content; raises :class:`Refusal`."""
        _require_sane_image(stream)
        chunks = _chunks(stream, _filters(stream))
        if named(stream, "/Subtype") != "/Image":
            chunks = self.drawings.hear(stream, chunks)
        unpacked = 0
        for chunk in chunks:
            unpacked += len(chunk)
            if unpacked > min(STREAM_BYTES_MAX, self._left):
                raise Refusal("file_too_big_inside")
        self._left -= unpacked


def _chunks(stream: pikepdf.Object, filters: list[str]) -> Iterator[bytes]:
    """What the stream unpacks to, as far as its own bytes decide on the size."""
    if len(filters) > FILTERS_MAX:
        raise Refusal("file_too_big_inside")
    if _UNBOUNDED.intersection(filters) and named(stream, "/Subtype") != "/Image":
        return iter([_read_whole(stream)])
    chunks = iter([stream.read_raw_bytes()])
    for name in filters:
        if name in _PICTURES:
            return _of_sane_picture(chunks)
        if name not in _FLATE:
            break  # CCITT and JBIG2 are bounded by the pixels, LZW of pictures by memory
        chunks = _inflated(chunks)
    return chunks


def _read_whole(stream: pikepdf.Object) -> bytes:
    try:
        return stream.read_bytes()
    except pikepdf.PdfError:
        return stream.read_raw_bytes()  # readers cannot unpack it either


def _of_sane_picture(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks as they are, once the picture in them is as small as it says outside."""
    first = next(chunks, b"")
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = IMAGE_PIXELS_MAX // 2  # Pillow refuses at twice as many
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Image.open(io.BytesIO(first), formats=("JPEG", "JPEG2000")).close()
    except Image.DecompressionBombError as error:
        raise Refusal("file_too_big_inside") from error
    except (OSError, SyntaxError, ValueError, EOFError):
        pass  # what cannot be opened cannot be shown either
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    yield first
    yield from chunks


def _require_sane_image(stream: pikepdf.Object) -> None:
    if named(stream, "/Subtype") != "/Image":
        return
    sides = _integers([stream.get("/Width"), stream.get("/Height")])
    if len(sides) < 2:
        raise Refusal("file_damaged")
    if sides[0] * sides[1] > IMAGE_PIXELS_MAX:
        raise Refusal("file_too_big_inside")


def _filters(stream: pikepdf.Object) -> list[str]:
    named = stream.get("/Filter")
    if isinstance(named, pikepdf.Array):
        return [plain(name) for name in named]
    return [] if named is None else [plain(named)]


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    engine = zlib.decompressobj()
    try:
        for chunk in chunks:
            rest = chunk
            while rest and not engine.eof:
                yield engine.decompress(rest, _CHUNK_BYTES)
                rest = engine.unconsumed_tail
    except zlib.error:
        return  # readers show such a stream up to the fault; what was unpacked has been counted
