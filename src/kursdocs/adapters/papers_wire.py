"""The few words that the service and its paper-opening children exchange.

One message is a fixed prefix (lengths of head and body), a head in JSON and a body of plain
bytes. No pickle: the child has touched files of strangers, so nothing it says may become code.
Knows nothing of PDFs, images or processes.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import BinaryIO

PREFIX = struct.Struct("!II")
HEAD_BYTES_MAX = 4096

Head = Mapping[str, object]


class BadMessage(Exception):
    """What arrived is not a message of ours."""


def opening(head: Head, body_bytes: int) -> bytes:
    """Prefix and head of a message whose body of ``body_bytes`` follows."""
    text = json.dumps(head, separators=(",", ":")).encode()
    return PREFIX.pack(len(text), body_bytes) + text


def lengths(prefix: bytes, body_bytes_max: int) -> tuple[int, int]:
    """Lengths of head and body, or :class:`BadMessage` when one is out of bounds."""
    head_bytes, body_bytes = PREFIX.unpack(prefix)
    if head_bytes > HEAD_BYTES_MAX or body_bytes > body_bytes_max:
        raise BadMessage("too long")
    return head_bytes, body_bytes


def head_of(text: bytes) -> dict[str, object]:
    """The head as a dictionary, or :class:`BadMessage`."""
    try:
        head = json.loads(text)
    except ValueError as error:
        raise BadMessage("no JSON") from error
    if not isinstance(head, dict):
        raise BadMessage("no object")
    return head


def write(sink: BinaryIO, head: Head, body: bytes = b"") -> None:
    """The child's side: say one message."""
    sink.write(opening(head, len(body)))
    sink.write(body)
    sink.flush()


def read(source: BinaryIO, body_bytes_max: int) -> tuple[dict[str, object], bytes] | None:
    """The child's side: hear one message; ``None`` when the service has hung up."""
    prefix = source.read(PREFIX.size)
    if len(prefix) < PREFIX.size:
        return None
    head_bytes, body_bytes = lengths(prefix, body_bytes_max)
    head, body = source.read(head_bytes), source.read(body_bytes)
    if len(head) < head_bytes or len(body) < body_bytes:
        return None
    return head_of(head), body


def split(body: bytes, sizes: Sequence[int]) -> list[bytes]:
    """Cut a body into its parts; :class:`BadMessage` unless the sizes add up."""
    parts, start = [], 0
    for size in sizes:
        parts.append(body[start : start + size])
        start += size
    if start != len(body) or min(sizes, default=0) < 0:
        raise BadMessage("sizes do not add up")
    return parts
