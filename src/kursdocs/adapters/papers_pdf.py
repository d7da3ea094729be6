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
* Nothing that acts: scripts, launching, sending, embedded or external files, media, XFA forms,
  actions on opening or on events. Plain links stay allowed; many official papers carry them.
  Every object is looked at, referenced or not, so a leftover script refuses the file as well.
* Bounded when unpacked: number of objects, bytes behind Flate, pixels of an image.

Embedded files are refused as such, so there are no inner files which the malware scanner would
have to be shown one by one.
"""

import io
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pikepdf
import pikepdf.settings
import pypdfium2

PAGES_MAX = 200
OBJECTS_MAX = 200_000
INDEX_BYTES_MAX = 64 * 1024 * 1024
STREAM_BYTES_MAX = 256 * 1024 * 1024  # an A4 page in colour at 600 dpi unpacks to 105 MB
UNPACKED_BYTES_MAX = 1024 * 1024 * 1024
FILTERS_MAX = 4
IMAGE_PIXELS_MAX = 200_000_000  # A4 at 1200 dpi has 139 million

_WHITE_SPACE = b"\x00\t\n\x0c\r "
_CHUNK_BYTES = 1024 * 1024

_ACTIVE_ACTIONS = frozenset(
    (
        "/GoTo3DView",
        "/GoToE",
        "/GoToR",
        "/ImportData",
        "/JavaScript",
        "/Launch",
        "/Movie",
        "/Rendition",
        "/RichMediaExecute",
        "/Sound",
        "/SubmitForm",
        "/Thread",
    )
)
_ACTIVE_ANNOTATIONS = frozenset(
    ("/3D", "/FileAttachment", "/Movie", "/RichMedia", "/Screen", "/Sound")
)
_ACTIVE_LINK_SCHEMES = (b"javascript:", b"vbscript:", b"data:", b"file:")
_FILE_SPECIFICATION_KEYS = frozenset(("/F", "/UF", "/DOS", "/Mac", "/Unix"))
_FLATE = frozenset(("/FlateDecode", "/Fl"))


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
    with _opened(data) as pdf:
        page_count = _page_count(pdf)
        if _second_opinion(data) != page_count:
            raise Refusal("file_damaged")
        is_signed = False
        budget = _Budget()
        for thing in _dictionaries(pdf):
            if _is_active(thing):
                raise Refusal("file_active")
            if isinstance(thing, pikepdf.Stream):
                budget.spend(thing)
            is_signed = is_signed or _signs_all(thing, len(data))
    return Findings(page_count, is_signed)


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


def _dictionaries(pdf: pikepdf.Pdf) -> Iterator[pikepdf.Object]:
    """Every dictionary and stream of the file, also those inside others; never recursive."""
    waiting: list[pikepdf.Object] = [pdf.trailer, *pdf.objects]
    seen = 0
    while waiting:
        thing = waiting.pop()
        seen += 1
        if seen > OBJECTS_MAX:
            raise Refusal("file_too_big_inside")
        if isinstance(thing, pikepdf.Dictionary | pikepdf.Stream):
            yield thing
            children = list(thing.values())
        elif isinstance(thing, pikepdf.Array):
            children = list(thing)
        else:
            continue
        # References are left out: what they point to is in ``pdf.objects`` itself.
        waiting.extend(c for c in children if isinstance(c, pikepdf.Object) and not c.is_indirect)


def _is_active(thing: pikepdf.Object) -> bool:
    return (
        _name(thing, "/S") in _ACTIVE_ACTIONS
        or _name(thing, "/Subtype") in _ACTIVE_ANNOTATIONS
        or _name(thing, "/Type") == "/EmbeddedFile"
        or "/XFA" in thing
        or "/EmbeddedFiles" in thing
        or _holds_script(thing)
        or _acts_by_itself(thing)
        or _reaches_outside(thing)
    )


def _name(thing: pikepdf.Object, key: str) -> str:
    return _plain(thing.get(key))


def _plain(value: object) -> str:
    # In qpdf's normal form, because old files hold names that are not UTF-8.
    return value.unparse().decode("ascii", "replace") if isinstance(value, pikepdf.Name) else ""


def _holds_script(thing: pikepdf.Object) -> bool:
    # Fonts, images and colour spaces may bear any name, so the keys alone prove nothing.
    script = thing.get("/JS")
    if isinstance(script, pikepdf.String):
        return True
    if isinstance(script, pikepdf.Stream):
        return _name(script, "/Subtype") not in ("/Image", "/Form")
    return isinstance(thing.get("/JavaScript"), pikepdf.Dictionary)


def _acts_by_itself(thing: pikepdf.Object) -> bool:
    on_opening = thing.get("/OpenAction")
    if isinstance(on_opening, pikepdf.Dictionary) and _name(on_opening, "/S") != "/GoTo":
        return True
    on_events = thing.get("/AA")
    return isinstance(on_events, pikepdf.Dictionary) and any(
        isinstance(action, pikepdf.Dictionary) and "/S" in action for action in on_events.values()
    )


def _reaches_outside(thing: pikepdf.Object) -> bool:
    inner = thing.get("/EF")
    if isinstance(inner, pikepdf.Dictionary) and _FILE_SPECIFICATION_KEYS.intersection(inner):
        return True
    # A stream with /F takes its data, a form with /Ref its picture, from another file.
    if isinstance(thing, pikepdf.Stream) and ("/F" in thing or "/Ref" in thing):
        return True
    address = thing.get("/URI")
    if not isinstance(address, pikepdf.String):
        return False
    # Only visible ASCII counts: not the zero bytes of UTF-16, nor what viewers skip.
    visible = bytes(byte for byte in bytes(address) if 0x20 < byte < 0x7F).lower()
    return visible.startswith(_ACTIVE_LINK_SCHEMES)


def _signs_all(thing: pikepdf.Object, file_bytes: int) -> bool:
    covered = thing.get("/ByteRange")
    if not isinstance(covered, pikepdf.Array) or "/Contents" not in thing:
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
    """How much the streams of one file may unpack to, all together."""

    def __init__(self) -> None:
        self._left = UNPACKED_BYTES_MAX

    def spend(self, stream: pikepdf.Object) -> None:
        """Measure one stream without keeping its content; raises :class:`Refusal`."""
        _require_sane_image(stream)
        filters = _filters(stream)
        if len(filters) > FILTERS_MAX:
            raise Refusal("file_too_big_inside")
        chunks = iter([stream.read_raw_bytes()])
        for name in filters:
            if name not in _FLATE:
                break  # DCT, CCITT, JBIG2 and JPX are bounded by the pixels, LZW by memory
            chunks = _inflated(chunks)
        unpacked = 0
        for chunk in chunks:
            unpacked += len(chunk)
            if unpacked > min(STREAM_BYTES_MAX, self._left):
                raise Refusal("file_too_big_inside")
        self._left -= unpacked


def _require_sane_image(stream: pikepdf.Object) -> None:
    if _name(stream, "/Subtype") != "/Image":
        return
    sides = _integers([stream.get("/Width"), stream.get("/Height")])
    if len(sides) < 2:
        raise Refusal("file_damaged")
    if sides[0] * sides[1] > IMAGE_PIXELS_MAX:
        raise Refusal("file_too_big_inside")


def _filters(stream: pikepdf.Object) -> list[str]:
    named = stream.get("/Filter")
    if isinstance(named, pikepdf.Array):
        return [_plain(name) for name in named]
    return [] if named is None else [_plain(named)]


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
