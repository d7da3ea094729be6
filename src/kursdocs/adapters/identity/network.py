"""The way to the provider: bounded in time and size, over TLS the machine trusts."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx2

from kursdocs.core.ports import SignInUnavailable

_ANSWER_BYTES_MAX = 512 * 1024


def tls_for(issuer: str) -> ssl.SSLContext:
    """The machine's certificate authorities; none (nobody is trusted) for an http issuer.

    Loading them takes 40 ms, which a provider on the loopback is spared.
    """
    if urlsplit(issuer).scheme == "https":
        return ssl.create_default_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@asynccontextmanager
async def answering(seconds: float) -> AsyncIterator[None]:
    """Whatever goes wrong on the way is "unavailable", after ``seconds`` at the latest.

    The client's own limits are per read; a provider that drips one byte a second would pass.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ssl.SSLError):
        raise SignInUnavailable from None


class Bounded(httpx2.AsyncHTTPTransport):
    """A connection that refuses answers too large, and compressed ones (they may grow)."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls, trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers["Accept-Encoding"] = "identity"
        response = await super().handle_async_request(request)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            await response.aclose()
            raise httpx2.DecodingError("compressed although not asked for", request=request)
        if not isinstance(response.stream, httpx2.AsyncByteStream):
            raise httpx2.ReadError("no stream", request=request)
        response.stream = _BoundedStream(response.stream)
        return response


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        async for chunk in self._stream:
            received += len(chunk)
            if received > _ANSWER_BYTES_MAX:
                raise httpx2.ReadError("answer too large")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
