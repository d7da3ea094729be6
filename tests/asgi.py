"""Serve an ASGI application on a free port of the loopback, in a thread of the test process.

For servers that belong to the tests (a sign-in provider, a webhook receiver). Knows nothing of
kursdocs.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp
from tests.servers import ServerFailed

_START_SECONDS = 10.0


@contextlib.contextmanager
def served(
    build: Callable[[str], ASGIApp], *, tls: Path | None = None, lifespan: bool = False
) -> Iterator[str]:
    """Serve ``build(base_url)`` and yield the base URL; nothing listens there afterwards.

    With ``tls`` (a file with key and certificate) the base URL is an https one. With ``lifespan``
    the application is told when it starts and ends.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            build(url),
            lifespan="on" if lifespan else "off",
            ws="none",
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
            ssl_certfile=tls,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), name=f"serves {url}")
        thread.start()
        try:
            _wait_for_start(server, thread)
            yield url
        finally:
            server.should_exit = True
            thread.join()


def _wait_for_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise ServerFailed("the application did not start")
        time.sleep(0.005)
