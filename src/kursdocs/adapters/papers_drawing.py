"""How often a page draws: pictures in pictures in pictures, counted before anybody draws them.

Runs only inside the paper-opening child (``papers_child``). A drawing (form XObject) may draw
others, and those others again; ten levels of ten are enough to keep every reader busy for hours.
Entry point: :class:`Drawings`.
"""

import re
from collections import Counter
from collections.abc import Iterator

import pikepdf

DEPTH_MAX = 50
DRAWN_MAX = 1_000_000  # drawings on one page; a detailed map has some ten thousand
_DRAW = re.compile(rb"/([^\0\t\n\f\r ()<>\[\]{}/%]+)[\0\t\n\f\r ]+Do\b")
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
_OVERLAP_BYTES = 256


class Drawings:
    """Collects what each content stream draws, then tells whether it is too much."""

    def __init__(self) -> None:
        self._names: dict[tuple[int, int], Counter[str]] = {}
        self._known: dict[tuple[int, int], int] = {}

    def hear(self, stream: pikepdf.Object, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Pass the unpacked chunks of a stream on and count the drawings called in them."""
        names: Counter[str] = Counter()
        tail = b""
        for chunk in chunks:
            text = tail + chunk
            last = 0
            for call in _DRAW.finditer(text):
                names[_decoded(call[1])] += 1
                last = call.end()
            tail = text[max(last, len(text) - _OVERLAP_BYTES) :]
            yield chunk
        if names:
            self._names[stream.objgen] = names

    def are_too_many(self, pdf: pikepdf.Pdf) -> bool:
        """Whether a page would draw without end, or longer than anybody waits."""
        return any(self._of_page(page) > DRAWN_MAX for page in pdf.pages)

    def _of_page(self, page: pikepdf.Page) -> int:
        contents = page.obj.get("/Contents")
        parts = list(contents) if isinstance(contents, pikepdf.Array) else [contents]
        resources = page.resources
        return sum(
            self._within(part, resources) for part in parts if isinstance(part, pikepdf.Stream)
        )

    def _within(self, stream: pikepdf.Object, resources: object, depth: int = 0) -> int:
        """How many drawings this content draws, itself included; more than too many at a circle."""
        names = self._names.get(stream.objgen)
        known = resources.get("/XObject") if isinstance(resources, pikepdf.Dictionary) else None
        if names is None or not isinstance(known, pikepdf.Dictionary):
            return 1
        if depth > DEPTH_MAX:
            return DRAWN_MAX + 1
        total = 1
        for name, times in names.items():
            drawn = known.get(name)
            if isinstance(drawn, pikepdf.Stream):
                total += times * self._of_drawing(drawn, depth + 1)
        return total

    def _of_drawing(self, drawing: pikepdf.Object, depth: int) -> int:
        number = drawing.objgen
        if number not in self._known:
            self._known[number] = DRAWN_MAX + 1  # holds if the drawing meets itself further down
            self._known[number] = self._within(drawing, drawing.get("/Resources"), depth)
        return self._known[number]


def _decoded(name: bytes) -> str:
    plain = _ESCAPED.sub(lambda code: bytes([int(code[1], 16)]), name)
    return "/" + plain.decode("utf-8", "replace")
