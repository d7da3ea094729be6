"""Receiving a form with files: the same comes in however it is cut; what is held is counted."""

from collections.abc import AsyncIterator, Sequence

import anyio
import pytest

from kursdocs.core.errors import Invalid, KursdocsError, TooLarge
from kursdocs.web.errors import BadRequest, Busy, UnsupportedBody
from kursdocs.web.multipart import ByteBudget, FormReceiver, Received

BOUNDARY = "grenze"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
LIMIT = 100_000
PICTURE = bytes(range(256)) * 200  # holds line ends and dashes, as any file may


def part(name: str, value: bytes, filename: str | None = None) -> bytes:
    name = f'form-data; name="{name}"' + ("" if filename is None else f'; filename="{filename}"')
    head = f"--{BOUNDARY}\r\nContent-Disposition: {name}\r\n\r\n"
    return head.encode() + value + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()
FIELDS = part("kind", b"probe") + part("recipient", b"a") + part("recipient", "ü".encode())
WHOLE = FIELDS + part("file", PICTURE, "a.pdf") + part("file", b"--grenze", "b.pdf") + END


async def cut(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


class Asked:
    """Remembers what had arrived when the fields were to be judged."""

    def __init__(self, refusal: KursdocsError | None = None) -> None:
        self.refusal = refusal
        self.times: list[dict[str, list[str]]] = []

    async def __call__(self, received: Received) -> None:
        assert received.files == []
        self.times.append({name: list(values) for name, values in received.fields.items()})
        if self.refusal:
            raise self.refusal


def receive(
    body: bytes,
    size: int = 64 * 1024,
    *,
    budget: ByteBudget | None = None,
    asked: Asked | None = None,
    files_max: int = 2,
) -> Received:
    """What comes in; the budget is used up during and free again afterwards."""
    counted = budget or ByteBudget(10 * LIMIT)
    free = counted.used
    receiver = FormReceiver(MULTIPART, budget=counted, file_bytes_max=LIMIT, files_max=files_max)

    async def run() -> Received:
        return await receiver.receive(cut(body, size), asked or Asked())

    try:
        received = anyio.run(run)
        assert counted.used - free == received.held > 0
        return received
    finally:
        receiver.release()
        receiver.release()  # a second time changes nothing
        assert counted.used == free


@pytest.mark.parametrize("size", [1, 7, 64 * 1024])
def test_however_it_is_cut_the_same_comes_in(size: int) -> None:
    asked = Asked()

    received = receive(WHOLE, size, asked=asked)

    assert received.fields == {"kind": ["probe"], "recipient": ["a", "ü"]}
    assert received.files == [PICTURE, b"--grenze"]
    assert received.one("recipient") == "ü"
    assert received.one("nothing") == ""
    assert asked.times == [received.fields]


def test_fields_alone_are_judged_at_the_end() -> None:
    asked = Asked()

    assert receive(FIELDS + END, asked=asked).files == []
    assert len(asked.times) == 1


def test_an_empty_file_with_a_name_is_a_file_and_without_one_is_none() -> None:
    assert receive(FIELDS + part("file", b"", "leer.pdf") + END).files == [b""]
    assert receive(FIELDS + part("file", b"", "") + END).files == []
    assert receive(FIELDS + part("file", b"x", "") + END).files == [b"x"]


REFUSED: Sequence[tuple[str, bytes, type[KursdocsError], str]] = (
    ("file first", part("file", b"x", "a") + FIELDS + END, BadRequest, "file_before_fields"),
    (
        "file between",
        FIELDS + part("file", b"x", "a") + part("b", b"") + END,
        BadRequest,
        "file_before_fields",
    ),
    ("no end", FIELDS, BadRequest, "body_truncated"),
    ("cut in a file", WHOLE[: len(FIELDS) + 500], BadRequest, "body_truncated"),
    ("cut in a header", FIELDS[:-30], BadRequest, "body_truncated"),
    ("empty", b"", BadRequest, "body_truncated"),
    ("no multipart", b"kind=probe&" * 10, BadRequest, "body_malformed"),
    ("not UTF-8", part("kind", b"\xff") + END, BadRequest, "body_malformed"),
    ("too many fields", part("a", b"") * 101 + END, BadRequest, "body_malformed"),
    ("fields too long", part("a", b"x" * 33_000) * 2 + END, BadRequest, "body_too_large"),
    ("header too long", part("a" * 5000, b"") + END, BadRequest, "body_malformed"),
    ("header endless", b"--grenze\r\n" + b"A" * 9000, BadRequest, "body_malformed"),
    (
        "file too large",
        FIELDS + part("file", bytes(LIMIT + 1), "a") + END,
        TooLarge,
        "file_too_large",
    ),
    (
        "files together too large",
        FIELDS + part("file", bytes(LIMIT), "a") + part("file", b"x", "b") + END,
        TooLarge,
        "file_too_large",
    ),
    ("too many files", FIELDS + part("file", b"x", "a") * 3 + END, Invalid, "files_too_many"),
)


@pytest.mark.parametrize("size", [1, 7, 64 * 1024])
@pytest.mark.parametrize(
    ("body", "kind", "code"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_what_is_refused_is_refused_however_it_is_cut_and_holds_nothing(
    size: int, body: bytes, kind: type[KursdocsError], code: str
) -> None:
    with pytest.raises(kind) as refused:
        receive(body, size)

    assert refused.value.code == code


def test_a_file_of_exactly_the_limit_comes_in() -> None:
    assert len(receive(FIELDS + part("file", bytes(LIMIT), "a") + END).files[0]) == LIMIT


def test_a_refusal_of_the_fields_stops_before_the_file_is_held() -> None:
    budget = ByteBudget(100)

    with pytest.raises(Invalid, match="kind_unknown"):
        receive(WHOLE, 1000, budget=budget, asked=Asked(Invalid("kind_unknown")))


@pytest.mark.parametrize("size", [1, 64 * 1024])
def test_when_the_process_holds_too_much_nobody_else_is_let_in(size: int) -> None:
    budget = ByteBudget(LIMIT)
    budget.take(LIMIT - 50_000)

    with pytest.raises(Busy, match="uploads_busy"):
        receive(WHOLE, size, budget=budget)

    assert budget.used == LIMIT - 50_000


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "multipart/form-data", "multipart/mixed; boundary=x", "application/json"],
)
def test_another_type_of_body_is_not_read(content_type: str) -> None:
    with pytest.raises(UnsupportedBody):
        FormReceiver(content_type, budget=ByteBudget(1), file_bytes_max=1, files_max=1)
