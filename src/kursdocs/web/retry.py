"""What was typed into a form that could not be answered now, so that it can be sent again.

Reads the fields of a form within their limits and never keeps a file; what comes out goes into
hidden fields of the error page, never into an address. Knows no route and no actor.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request

from kursdocs.core.errors import KursdocsError
from kursdocs.web.multipart import FIELD_BYTES_MAX, ByteBudget, FormReceiver, Received

# Signing in again, a faster line, or a part that is back: then the same form may succeed.
WORTH_IT = frozenset({401, 408, 503})
FIELDS_MAX = 50
READ_SECONDS = 30
# What is left of a refused body is read and dropped: browsers only listen after they have sent.
DRAIN_BYTES_MAX = 64 * 1024 * 1024
DRAIN_SECONDS = 60

Fields = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Retry:
    """The form of the error page. ``file_label`` is empty when no file is asked for."""

    action: str
    fields: Sequence[tuple[str, str]]
    file_label: str = ""
    sign_in: bool = False


def keep(request: Request, fields: Fields) -> None:
    """Remember what has arrived, in case that the request fails later."""
    request.state.typed = fields


async def typed(request: Request, budget: ByteBudget) -> Fields:
    """What was typed: as remembered, else read from the body; empty when it cannot be read."""
    kept: Fields | None = getattr(request.state, "typed", None)
    if kept is not None:
        return kept
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await _read(request, budget)
    except (KursdocsError, ClientDisconnect, TimeoutError, UnicodeDecodeError, ValueError):
        return {}


async def drain(chunks: AsyncIterator[bytes]) -> None:
    """Read the rest of a refused body, within limits, so that the browser shows our answer."""
    left = DRAIN_BYTES_MAX
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            async for chunk in chunks:
                left -= len(chunk)
                if left < 0:
                    return
    except TimeoutError:
        return


class _FieldsAreIn(KursdocsError):
    """The first file begins: everything typed has arrived."""


async def _read(request: Request, budget: ByteBudget) -> Fields:
    content_type = request.headers.get("content-type", "")
    if content_type.startswith("multipart/"):
        return await _multipart(request, content_type, budget)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FIELD_BYTES_MAX:
            return {}
    return parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=FIELDS_MAX)


async def _multipart(request: Request, content_type: str, budget: ByteBudget) -> Fields:
    receiver = FormReceiver(content_type, budget=budget, file_bytes_max=0, files_max=0)

    async def stop(_: Received) -> None:
        raise _FieldsAreIn("fields_are_in")

    try:
        async with aclosing(request.stream()) as chunks:
            try:
                await receiver.receive(chunks, stop)
            except _FieldsAreIn:
                await drain(chunks)
    finally:
        receiver.release()
    return receiver.received.fields
