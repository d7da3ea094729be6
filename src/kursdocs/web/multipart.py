"""Receiving a form with files as it streams in: fields first, then files, never more than allowed.

The parser is python-multipart's; nothing is spooled to disk, and what is held in memory is counted
in a budget of the whole process, so that many slow lines cannot exhaust it. Knows no route and no
document.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from kursdocs.core.errors import Invalid, TooLarge
from kursdocs.web.errors import BadRequest, Busy, UnsupportedBody

FIELDS_MAX = 100
FIELD_BYTES_MAX = 64 * 1024
HEADER_BYTES_MAX = 4 * 1024


class ByteBudget:
    """How many bytes of bodies the process may hold at once. Lives in the event loop: no lock."""

    def __init__(self, limit: int) -> None:
        """``limit`` in bytes."""
        self.limit = limit
        self.used = 0

    def take(self, count: int) -> None:
        """Count bytes in; raises ``Busy`` when there is no room for them."""
        if self.used + count > self.limit:
            raise Busy("uploads_busy")
        self.used += count

    def give_back(self, count: int) -> None:
        """Count bytes out."""
        self.used -= count


@dataclass
class Received:
    """What came in so far. ``held`` bytes are taken from the budget and must be given back."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    files: list[bytes] = field(default_factory=list)
    held: int = 0

    def one(self, name: str) -> str:
        """The last value of a field, or empty."""
        return self.fields.get(name, [""])[-1]


_Event = tuple[str, bytes]


class _Parts:
    """Turns the parser's callbacks into a list of events, drained after each chunk."""

    def __init__(self, boundary: bytes) -> None:
        self.events: list[_Event] = []
        self.ended = False
        self._header_name = b""
        self._header_value = b""
        self._headers: dict[bytes, bytes] = {}
        self.parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._headers.clear,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": lambda data, start, end: self.events.append(
                    ("data", data[start:end])
                ),
                "on_part_end": lambda: self.events.append(("end", b"")),
                "on_end": self._on_end,
            },
        )

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]
        self._check_header()

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]
        self._check_header()

    def _check_header(self) -> None:
        if len(self._header_name) + len(self._header_value) > HEADER_BYTES_MAX:
            raise BadRequest("body_malformed")

    def _on_header_end(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        disposition, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if disposition != b"form-data" or b"name" not in options:
            raise BadRequest("body_malformed")
        name = options[b"name"].decode("utf-8", "replace")
        if b"filename" in options:
            # The name is the sender's text and is not kept: files are named by us.
            self.events.append(("file", options[b"filename"]))
        else:
            self.events.append(("field", name.encode()))

    def _on_end(self) -> None:
        self.ended = True

    def drain(self) -> list[_Event]:
        events, self.events = self.events, []
        return events


class FormReceiver:
    """Receives one multipart body; use once."""

    def __init__(
        self,
        content_type: str,
        *,
        budget: ByteBudget,
        file_bytes_max: int,
        files_max: int,
        each_file: Callable[[str, bytes | TooLarge], Awaitable[None]] | None = None,
    ) -> None:
        """Raises ``UnsupportedBody`` unless it is a multipart form.

        With ``each_file`` every file is handed over as soon as it is whole, with its name as the
        browser says it, and is held no longer; ``file_bytes_max`` then counts for each of them,
        and of one that is larger only the error is handed over. Without it all files are kept,
        and together may not be larger.
        """
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise UnsupportedBody
        self.received = Received()
        self._parts = _Parts(options[b"boundary"])
        self._budget = budget
        self._file_bytes_max = file_bytes_max
        self._files_max = files_max
        self._field: str | None = None
        self._buffer: bytearray | None = None
        self._unnamed_file = False
        self._field_bytes = 0
        self._file_bytes = 0
        self._asked = False
        self._each_file = each_file
        self._file_name = ""
        self._files_seen = 0
        self._too_large: TooLarge | None = None

    async def receive(
        self, chunks: AsyncIterator[bytes], before_files: Callable[[Received], Awaitable[None]]
    ) -> Received:
        """Read the whole body; ``before_files`` judges the fields before the first file's bytes.

        Raises ``BadRequest`` (malformed, truncated, file before fields), ``TooLarge``, ``Invalid``
        (too many files), ``Busy``, and whatever ``before_files`` raises.
        """
        async for chunk in chunks:
            try:
                self._parts.parser.write(chunk)
            except FormParserError as error:
                raise BadRequest("body_malformed") from error
            for kind, data in self._parts.drain():
                await self._judge(kind, before_files)
                self._take(kind, data)
                if kind == "end" and self._each_file is not None:
                    await self._hand_over(self._each_file)
        if not self._parts.ended:
            raise BadRequest("body_truncated")
        if not self._asked:
            await before_files(self.received)
        return self.received

    async def _judge(self, kind: str, before_files: Callable[[Received], Awaitable[None]]) -> None:
        """Have the fields judged once, when the first file begins."""
        if kind != "file" or self._asked:
            return
        if not self.received.fields:
            raise BadRequest("file_before_fields")
        self._asked = True
        await before_files(self.received)

    async def _hand_over(
        self, each_file: Callable[[str, bytes | TooLarge], Awaitable[None]]
    ) -> None:
        """Hand over the file that has just ended, if it was one, and let go of it."""
        found: list[bytes | TooLarge] = [*self.received.files]
        if self._too_large is not None:
            found, self._too_large = [self._too_large], None
        self.received.files.clear()
        for file in found:
            await each_file(self._file_name, file)
            held = len(file) if isinstance(file, bytes) else 0
            self._budget.give_back(held)
            self.received.held -= held

    @property
    def file_name(self) -> str:
        """What the browser calls the latest file; text of a stranger."""
        return self._file_name

    def keep_together(self) -> None:
        """Keep all files after all, because they are one; to be said before the first one."""
        self._each_file = None

    def release(self) -> None:
        """Give what is held back to the budget."""
        self._budget.give_back(self.received.held)
        self.received.held = 0

    def _take(self, kind: str, data: bytes) -> None:
        if kind == "field":
            self._begin_field(data.decode())
        elif kind == "file":
            self._begin_file(data)
        elif kind == "data":
            self._grow(data)
        else:
            self._end_part()

    def _begin_field(self, name: str) -> None:
        if self._asked:
            raise BadRequest("file_before_fields")
        if sum(map(len, self.received.fields.values())) >= FIELDS_MAX:
            raise BadRequest("body_malformed")
        self._field, self._buffer = name, bytearray()

    def _begin_file(self, filename: bytes) -> None:
        if self._files_seen >= self._files_max:
            raise Invalid("files_too_many", field="file", limit=self._files_max)
        self._files_seen += 1
        self._field, self._buffer = None, bytearray()
        self._unnamed_file = not filename
        self._file_name = filename.decode("utf-8", "replace")
        if self._each_file is not None:
            self._file_bytes = 0

    def _grow(self, data: bytes) -> None:
        if self._buffer is None:
            raise BadRequest("body_malformed")
        if self._field is not None:
            self._field_bytes += len(data)
            if self._field_bytes > FIELD_BYTES_MAX:
                raise BadRequest("body_too_large")
        elif not self._has_room(len(data)):
            return
        self._budget.take(len(data))
        self.received.held += len(data)
        self._buffer += data

    def _has_room(self, count: int) -> bool:
        """Whether the file may grow by so much; raises ``TooLarge`` where they count together."""
        self._file_bytes += count
        if self._file_bytes <= self._file_bytes_max:
            return True
        error = TooLarge("file_too_large", field="file", limit_mib=self._file_bytes_max // 1024**2)
        if self._each_file is None:
            raise error
        # The rest of it is read past, so that the other files still arrive.
        self._drop_file()
        self._too_large = error
        return False

    def _drop_file(self) -> None:
        held, self._buffer = len(self._buffer or b""), bytearray()
        self._budget.give_back(held)
        self.received.held -= held

    def _end_part(self) -> None:
        if self._buffer is None:
            raise BadRequest("body_malformed")
        data, self._buffer = bytes(self._buffer), None
        if self._field is not None:
            try:
                text = data.decode("utf-8")
            except UnicodeDecodeError as error:
                raise BadRequest("body_malformed") from error
            self.received.fields.setdefault(self._field, []).append(text)
        elif self._too_large is None and (data or not self._unnamed_file):
            # Browsers send an empty part without a name when no file was chosen.
            self.received.files.append(data)
