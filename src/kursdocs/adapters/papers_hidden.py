"""What a PDF holds besides what its own table leads to: other formats, earlier revisions.

Runs only inside the paper-opening child (``papers_child``). Entry points: :func:`is_other_format`,
:func:`unlisted`.

One file can be several: a PDF whose comments are a web page, or whose last bytes are the index of
a ZIP. The store keeps it as a PDF and nothing else, but whoever gets it may give it another name.
And one PDF can be read in two ways: what an update has replaced is still there, and a reader that
does not like the table looks for objects by itself. So objects are looked for here too.
"""

import codecs
import io
import re
import zipfile
import zlib
from collections.abc import Iterator

import pikepdf

_OBJECT = re.compile(rb"[0-9]+[\0\t\n\f\r ]+[0-9]{1,5}[\0\t\n\f\r ]*obj\b")
_NUMBERS = re.compile(rb"[0-9][\0\t\n\f\r ]+[0-9]{1,5}[\0\t\n\f\r ]*\Z")
_NUMBERS_BYTES_MAX = 40
_END = re.compile(rb"\bendobj\b|\bstream\b")
_STREAM = re.compile(rb"stream\r?\n")
_REFERENCE = re.compile(rb"\b[0-9]{1,10}[\0\t\n\f\r ]+[0-9]{1,5}[\0\t\n\f\r ]+R\b")
_COMMENTS = re.compile(rb"[\0\t\n\f\r ]*(%[^\r\n]*[\0\t\n\f\r ]*)*")
_OTHER_FORMAT = re.compile(
    rb"<(html|head|body|script|svg|!doctype|\?php|\?xml)|mime-version:", re.I
)
_TAR_MARK = slice(257, 262)
_HEAD_BYTES_MAX = 64 * 1024

# The letters of names in a ZIP would be loaded late, when no file can be opened any more.
codecs.lookup("cp437")

# Whatever makes an object active has one of these in it, or an escaped letter in a name.
_WORTH_A_LOOK = re.compile(
    rb"/(JS|JavaScript|AA|OpenAction|EF|EmbeddedFiles?|XFA|Launch|SubmitForm|ImportData|GoTo[ER3]"
    rb"|Movie|Sound|Rendition|RichMedia|Screen|3D|FileAttachment|URI|Thread|PS|SlideShow"
    rb"|AlternatePresentations|OnInstantiate)\b|#[0-9A-Fa-f]{2}"
)


def is_other_format(data: bytes) -> bool:
    """Whether the file, renamed, would be a web page, a mail, a TAR or a ZIP (JAR, Word) too."""
    first = _OBJECT.search(data, 0, _HEAD_BYTES_MAX)
    head = data[: first.start()] if first else data[:_HEAD_BYTES_MAX]
    if first and _COMMENTS.fullmatch(head) is None:
        return True
    if _OTHER_FORMAT.search(head) or data[_TAR_MARK] == b"ustar":
        return True
    return _is_zip(data)


def _is_zip(data: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return bool(archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        return False


def unlisted(data: bytes, unpacked_max: int) -> Iterator[pikepdf.Object]:
    """Every object that stands in the bytes and looks as if it might act, listed or not.

    References are cut (they are ``true``), because who knows what they meant. At most
    ``unpacked_max`` bytes of object streams are unpacked.
    """
    left = unpacked_max
    for start in _beginnings(data):
        end = _END.search(data, start)
        body = data[start : end.start() if end else len(data)]
        if b"ObjStm" in body or b"#" in body:
            packed = _unpacked(data, end.start() if end else len(data), left)
            left -= len(packed)
            yield from _objects_within(body, packed)
        if _WORTH_A_LOOK.search(body):
            yield from _parsed(body)


def _beginnings(data: bytes) -> Iterator[int]:
    """Where the bodies of objects begin; a plain search, as most of a paper is pictures."""
    at = data.find(b"obj")
    while at >= 0:
        if _NUMBERS.search(data, max(0, at - _NUMBERS_BYTES_MAX), at):
            yield at + 3
        at = data.find(b"obj", at + 3)


def _parsed(text: bytes) -> Iterator[pikepdf.Object]:
    try:
        yield pikepdf.Object.parse(_REFERENCE.sub(b"true", text))
    except (pikepdf.PdfError, ValueError):
        return  # no object after all, or one that no reader understands


def _unpacked(data: bytes, at: int, most: int) -> bytes:
    begin = _STREAM.match(data, at)
    if begin is None or most <= 0:
        return b""
    try:
        return zlib.decompressobj().decompress(memoryview(data)[begin.end() :], most)
    except zlib.error:
        return b""


def _objects_within(head: bytes, packed: bytes) -> Iterator[pikepdf.Object]:
    """The objects of an object stream (ISO 32000-1, 7.5.7), of which ``head`` is the dictionary."""
    if not _WORTH_A_LOOK.search(packed):
        return
    for description in _parsed(head):
        if not isinstance(description, pikepdf.Dictionary):
            return
        first = description.get("/First", 0)
        if description.get("/Type") != pikepdf.Name.ObjStm or not isinstance(first, int):
            return
        numbers = [int(word) for word in packed[:first].split() if word.isdigit()]
        starts = sorted(first + offset for offset in numbers[1::2])
        for start, end in zip(starts, [*starts[1:], len(packed)], strict=True):
            if _WORTH_A_LOOK.search(packed, start, end):
                yield from _parsed(packed[start:end])
