"""A small proxy that does what Caddyfile asks of Caddy when a process comes or goes.

Debian's Caddy is older than the one that compose.yaml names and cannot do it: before 2.11.2 a
request with a body is lost when the first process it is offered to does not listen. Requests go
round; whoever cannot be reached is passed over; a request that somebody has begun to take is
never given to another.
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Sequence
from itertools import count
from urllib.parse import urlsplit

from tests.servers import ServerFailed

_HEAD_BYTES_MAX = 64 * 1024
_TRY_SECONDS = 15.0
_PAUSE_SECONDS = 0.1


@contextlib.contextmanager
def running_door(upstreams: Sequence[str]) -> Iterator[str]:
    """The proxy's base URL, in front of these base URLs; one request per connection."""
    door = _Door(upstreams)
    thread = threading.Thread(target=asyncio.run, args=(door.serve(),), name="door")
    thread.start()
    try:
        if not door.ready.wait(10):
            raise ServerFailed("the proxy did not start")
        yield f"http://127.0.0.1:{door.port}"
    finally:
        door.stop()
        thread.join()


class _Door:
    def __init__(self, upstreams: Sequence[str]) -> None:
        self.ready = threading.Event()
        self.port = 0
        parts = [urlsplit(upstream) for upstream in upstreams]
        self._addresses = [(str(part.hostname), int(part.port or 80)) for part in parts]
        self._turns = count()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()

    async def serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0, limit=_HEAD_BYTES_MAX)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        async with server:
            await self._ended.wait()

    def stop(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ended.set)

    async def _pass_on(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await client.readuntil(b"\r\n\r\n")
            reader, writer = await self._reach()
            lines = [
                line for line in head.split(b"\r\n")[:-2] if line[:11].lower() != b"connection:"
            ]
            lines += [b"Connection: close", b"X-Forwarded-For: 127.0.0.1", b"", b""]
            writer.write(b"\r\n".join(lines))
            sending = asyncio.create_task(_copy(client, writer))
            await _copy(reader, answer)
            sending.cancel()
            writer.close()
        answer.close()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to whoever's turn it is, or to the next who listens."""
        async with asyncio.timeout(_TRY_SECONDS):
            while True:
                address = self._addresses[next(self._turns) % len(self._addresses)]
                try:
                    return await asyncio.open_connection(*address)
                except OSError:
                    await asyncio.sleep(_PAUSE_SECONDS)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(_HEAD_BYTES_MAX):
        target.write(data)
        await target.drain()
