"""Sending a ZIP: a response that is whole or breaks the connection, and stops when nobody listens.

Entry point: :func:`answer`, for page and API.
"""

from collections.abc import Iterator, Sequence
from uuid import UUID

import anyio
import anyio.to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kursdocs.core.errors import KursdocsError
from kursdocs.operations import bundling
from kursdocs.operations.bundling import Bundle
from kursdocs.web.call import Call
from kursdocs.web.documents import attachment
from kursdocs.web.security import FILE_POLICY


def answer(call: Call, delivery_ids: Sequence[UUID]) -> Response:
    """The documents of these deliveries as one ZIP; raises as ``bundling.bundle`` does."""
    made = bundling.bundle(call.services, call.actor, delivery_ids)
    return BundleResponse(made, call.kit.downloads)


class BrokeOff(Exception):
    """The ZIP ends before its length. The server closes the connection, so that no client takes
    what arrived for whole."""


class BundleResponse(Response):
    """The chunks as they come, each made in one of the threads for downloads."""

    def __init__(self, bundle: Bundle, limiter: anyio.CapacityLimiter) -> None:
        """``limiter`` counts the threads; between chunks none is held."""
        self._chunks, self._limiter = bundle.chunks, limiter
        self.status_code, self.background = 200, None
        self.init_headers(
            {
                "Content-Type": "application/zip",
                "Content-Length": str(bundle.length),
                "Content-Disposition": attachment(bundle.name),
                "Content-Security-Policy": FILE_POLICY,
            }
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the end, or until the client goes: what is not sent must not be logged."""
        failure: KursdocsError | None = None

        async def stream() -> None:
            nonlocal failure
            try:
                await self._send(send)
            except KursdocsError as error:
                failure = error
            tasks.cancel_scope.cancel()

        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(stream)
                while (await receive())["type"] != "http.disconnect":
                    pass
                tasks.cancel_scope.cancel()
        finally:
            _close(self._chunks)
        if failure is not None:
            raise BrokeOff from failure

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        while chunk := await anyio.to_thread.run_sync(
            next, self._chunks, b"", limiter=self._limiter
        ):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _close(chunks: Iterator[bytes]) -> None:
    close = getattr(chunks, "close", None)
    if close is not None:
        close()
