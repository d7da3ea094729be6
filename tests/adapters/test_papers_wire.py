"""The words between the service and its children: nothing malformed gets through."""

import io

import pytest

from kursdocs.adapters import papers_wire
from kursdocs.adapters.papers_wire import PREFIX, BadMessage


def test_what_is_said_is_heard() -> None:
    line = io.BytesIO()
    papers_wire.write(line, {"job": "accept", "sizes": [3, 4]}, b"onetwo!")
    line.seek(0)

    message = papers_wire.read(line, 100)

    assert message == ({"job": "accept", "sizes": [3, 4]}, b"onetwo!")
    assert papers_wire.split(b"onetwo!", [3, 4]) == [b"one", b"two!"]


@pytest.mark.parametrize("cut", [0, 3, 8, 12, 21])
def test_a_message_that_breaks_off_is_the_end(cut: int) -> None:
    whole = papers_wire.opening({"a": 1}, 7) + b"Muster!"

    assert papers_wire.read(io.BytesIO(whole[:cut]), 100) is None


@pytest.mark.parametrize(
    "message",
    [
        PREFIX.pack(2, 101) + b"{}",
        PREFIX.pack(2**32 - 1, 0),
        PREFIX.pack(2, 0) + b"[]",
        PREFIX.pack(3, 0) + b"{a}",
        PREFIX.pack(2, 0) + b"\xff\xfe",
    ],
)
def test_a_malformed_message_is_refused(message: bytes) -> None:
    with pytest.raises(BadMessage):
        papers_wire.read(io.BytesIO(message), 100)


def test_sizes_must_add_up() -> None:
    for sizes in ([3], [3, 5], [], [-1, 8]):
        with pytest.raises(BadMessage):
            papers_wire.split(b"onetwo!", sizes)
