"""A line from browser or client to the server, to be cut during an upload or after it.

It knows just enough of HTTP to tell the sending of a document from the rest.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

_SENDING = (
    b"POST /documents HTTP/1.1\r\n",
    b"POST /desk/files HTTP/1.1\r\n",
    b"POST /api/v1/documents HTTP/1.1\r\n",
)
_CUT_AFTER_BYTES = 60_000
_RESET = struct.pack("ii", 1, 0)


class Cut(StrEnum):
    """Where the line breaks whenever a document is sent over it."""

    NOWHERE = "nowhere"
    IN_THE_MIDDLE = "in the middle of the body"
    BEFORE_THE_ANSWER = "after the server has stored it, before its answer"


@dataclass
class Line:
    """A TCP proxy; ``cut`` may be changed at any time, ``cuts`` counts how often it broke."""

    url: str
    server: tuple[str, int]
    listener: socket.socket
    cut: Cut = Cut.NOWHERE
    cuts: int = 0
    _open: list[socket.socket] = field(default_factory=list)

    def serve(self) -> None:
        """Take connections until the listener is closed."""
        while True:
            try:
                browser, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(browser,), daemon=True).start()

    def close(self) -> None:
        """End it with all its connections."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for each in self._open:
            each.close()

    def _carry(self, browser: socket.socket) -> None:
        server = socket.create_connection(self.server)
        self._open += [browser, server]
        sending = threading.Event()
        back = threading.Thread(target=self._back, args=(server, browser, sending), daemon=True)
        back.start()
        carried = 0
        with contextlib.suppress(OSError):
            while chunk := browser.recv(16_384):
                if chunk.startswith(_SENDING):
                    sending.set()
                carried += len(chunk) if sending.is_set() else 0
                if self.cut is Cut.IN_THE_MIDDLE and carried > _CUT_AFTER_BYTES:
                    self._break(browser, server)
                    return
                server.sendall(chunk)
        server.close()

    def _back(
        self, server: socket.socket, browser: socket.socket, sending: threading.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while chunk := server.recv(16_384):
                if self.cut is Cut.BEFORE_THE_ANSWER and sending.is_set():
                    self._break(browser, server)
                    return
                browser.sendall(chunk)
        browser.close()

    def _break(self, *ends: socket.socket) -> None:
        """Reset both ends at once, as when a cable is pulled and somebody notices."""
        self.cuts += 1
        for end in ends:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def breakable_line(server_url: str) -> Iterator[Line]:
    """A line to that server, at an address of its own; it ends with the block."""
    parts = urlsplit(server_url)
    listener = socket.create_server(("127.0.0.1", 0))
    line = Line(
        url=f"http://127.0.0.1:{listener.getsockname()[1]}",
        server=(parts.hostname or "", parts.port or 80),
        listener=listener,
    )
    thread = threading.Thread(target=line.serve, daemon=True)
    thread.start()
    yield line
    line.close()
    thread.join(5)
