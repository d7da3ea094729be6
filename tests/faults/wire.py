"""A line between the program and a server, on which things go wrong.

:class:`Wire` is a TCP proxy: everything passes until a :class:`Trouble` is laid on it. A trouble
waits for a request that begins with certain bytes (an HTTP method, a COMMIT) and then does what
real lines and servers do: cut, answer falsely, fall silent, trickle, lose the end of a message,
change a byte. It never knows what the program makes of it.
"""

import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_CHUNK = 64 * 1024
# Both ends are on this machine; who does not answer for so long has been forgotten by a test.
_GIVE_UP_SECONDS = 30.0


class Cut(Exception):
    """The line is cut here: whoever holds an end of it sees a reset."""


@dataclass
class Exchange:
    """One request on its way, and the ends of the line that it goes over."""

    head: bytes
    client: socket.socket
    server: socket.socket

    def rest(self, count: int) -> bytes:
        """So many more bytes of the request."""
        found = b""
        while len(found) < count and (data := self.client.recv(_CHUNK)):
            found += data
        return found

    def whole_http(self) -> bytes:
        """All of an HTTP request with its body, for who will not pass it on."""
        while b"\r\n\r\n" not in self.head and (data := self.client.recv(_CHUNK)):
            self.head += data
        head, _, body = self.head.partition(b"\r\n\r\n")
        return self.head + self.rest(_length(head) - len(body))


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


# What a trouble does with a request; after it the line is cut.
Act = Callable[[Exchange], None]


@dataclass
class Trouble:
    """What happens to requests that begin with one of these bytes; ``hits`` says how often.

    ``skip`` requests pass unharmed before.
    """

    act: Act
    on: tuple[bytes, ...]
    skip: int = 0
    hits: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def takes(self, data: bytes) -> bool:
        """Whether this is the beginning of a request that it is for."""
        if not data.startswith(self.on):
            return False
        with self._lock:
            self.skip -= 1
            self.hits += self.skip < 0
            return self.skip < 0


class Wire:
    """A line to ``port`` of this machine; clients connect to its own :attr:`port` instead."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._trouble: Trouble | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listener.getsockname()[1]
        return port

    @contextmanager
    def troubled(self, act: Act, *on: bytes, skip: int = 0) -> Iterator[Trouble]:
        """The trouble lies on the line as long as the block lasts; then new lines are sound."""
        self._trouble = Trouble(act, on, skip)
        try:
            yield self._trouble
        finally:
            self._trouble = None
            self.hang_up()

    def hang_up(self) -> None:
        """Close every line that is open."""
        with self._lock:
            held, self._open = self._open, set()
        for end in held:
            _reset(end)

    def close(self) -> None:
        """End it."""
        self._listener.close()
        self.hang_up()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target), 5)
        except OSError:
            _reset(client)
            return
        ends = {client, server}
        with self._lock:
            self._open |= ends
        try:
            for end in ends:
                end.settimeout(_GIVE_UP_SECONDS)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._pass_on(client, server)
        except (OSError, ValueError, Cut):  # ValueError: closed by ``hang_up`` meanwhile
            pass
        finally:
            for end in ends:
                _reset(end)
            with self._lock:
                self._open -= ends

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        """Both directions in one thread, so that a trouble has both ends for itself."""
        while True:
            ready = _speaking(client, server)
            if not ready:
                return
            source = ready[0]
            if not (data := source.recv(_CHUNK)):
                return
            trouble = self._trouble
            if source is client and trouble is not None and trouble.takes(data):
                trouble.act(Exchange(data, client, server))
                return
            (server if source is client else client).sendall(data)


def _speaking(*ends: socket.socket) -> list[socket.socket]:
    """Those that have something to say, or have hung up; none when nobody does for long."""
    waiting = select.poll()  # ``select`` itself knows no more than 1024 open files in a process
    for end in ends:
        waiting.register(end, select.POLLIN)
    ready = {number for number, _ in waiting.poll(_GIVE_UP_SECONDS * 1000)}
    return [end for end in ends if end.fileno() in ready]


def _reset(end: socket.socket) -> None:
    """Close as a machine does that knows nothing of this line."""
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()


# -- what can go wrong ----------------------------------------------------------------------------


def reset(_: Exchange) -> None:
    """The line is cut before anything of the request got through."""
    raise Cut


def cut_in_the_middle(exchange: Exchange) -> None:
    """Half of the request gets through."""
    whole = exchange.whole_http()
    exchange.server.sendall(whole[: len(whole) // 2])
    raise Cut


def answer(status: bytes, body: bytes = b"<Error><Code>Odd</Code></Error>") -> Act:
    """The request is read and refused by somebody who never passes it on."""

    def act(exchange: Exchange) -> None:
        exchange.whole_http()
        head = b"HTTP/1.1 %s\r\nContent-Type: application/xml\r\nConnection: close\r\n" % status
        exchange.client.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        exchange.client.shutdown(socket.SHUT_RDWR)

    return act


def silence(exchange: Exchange) -> None:
    """The request is swallowed, and nobody ever answers."""
    exchange.whole_http()
    with suppress(OSError):
        exchange.client.recv(1)


def slow_request(bytes_a_second: int) -> Act:
    """The request is taken no faster than that; its answer comes as it is."""
    piece = bytes_a_second // 20

    def act(exchange: Exchange) -> None:
        exchange.server.sendall(exchange.head)
        while True:
            ready = _speaking(exchange.client, exchange.server)
            if exchange.server in ready:
                exchange.client.sendall(exchange.server.recv(_CHUNK))
                return
            if not (data := exchange.client.recv(piece)):
                return
            exchange.server.sendall(data)
            time.sleep(len(data) / bytes_a_second)

    return act


def lose_the_answer(exchange: Exchange) -> None:
    """The server does as it is asked and says so; the line is cut before anybody hears of it."""
    _asked(exchange)
    raise Cut


def truncate_the_answer(exchange: Exchange) -> None:
    """The last bytes of the answer are missing."""
    exchange.client.sendall(_asked(exchange)[:-5])
    exchange.client.shutdown(socket.SHUT_RDWR)


def spoil_the_answer(exchange: Exchange) -> None:
    """One bit of its last byte is another; where there is no body that is the end of its head."""
    said = _asked(exchange)
    exchange.client.sendall(said[:-1] + bytes([said[-1] ^ 1]))
    exchange.client.shutdown(socket.SHUT_RDWR)


def trickle(bytes_a_second: float) -> Act:
    """The answer comes drop by drop, for as long as somebody listens."""

    def act(exchange: Exchange) -> None:
        for byte in _asked(exchange):
            exchange.client.sendall(bytes([byte]))
            time.sleep(1 / bytes_a_second)

    return act


def trickle_the_body(bytes_a_second: float) -> Act:
    """The head comes at once, the body drop by drop."""

    def act(exchange: Exchange) -> None:
        head, gap, body = _asked(exchange).partition(b"\r\n\r\n")
        exchange.client.sendall(head + gap)
        for byte in body:
            exchange.client.sendall(bytes([byte]))
            time.sleep(1 / bytes_a_second)

    return act


def _asked(exchange: Exchange) -> bytes:
    """Pass the request on, and the whole of what the server says to it."""
    exchange.server.sendall(exchange.whole_http())
    said = b""
    while b"\r\n\r\n" not in said and (data := exchange.server.recv(_CHUNK)):
        said += data
    head, _, body = said.partition(b"\r\n\r\n")
    while len(body) < _length(head) and (data := exchange.server.recv(_CHUNK)):
        said, body = said + data, body + data
    return said


# -- on lines that are not HTTP -------------------------------------------------------------------


def hear_nothing(exchange: Exchange) -> None:
    """Whatever is said is swallowed, for as long as somebody says it."""
    with suppress(OSError):
        while exchange.client.recv(_CHUNK):
            pass


def cut_after_the_beginning(exchange: Exchange) -> None:
    """The server hears the first piece, and ends as if it were killed."""
    exchange.server.sendall(exchange.head)
    raise Cut


def lose_the_reply(exchange: Exchange) -> None:
    """The server hears everything and replies; the line is cut before anybody hears of it."""
    exchange.server.sendall(exchange.head)
    while True:
        ready = _speaking(exchange.client, exchange.server)
        if exchange.server in ready or not ready:
            raise Cut
        exchange.server.sendall(exchange.client.recv(_CHUNK))


def say(words: bytes) -> Act:
    """An answer in one line that nobody behind the line gave; then yes to everything."""

    def act(exchange: Exchange) -> None:
        exchange.client.sendall(words + b"\r\n")
        while exchange.client.recv(_CHUNK):
            exchange.client.sendall(b"250 OK\r\n")

    return act


# -- commits --------------------------------------------------------------------------------------

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
"""How a commit looks on the line to PostgreSQL."""


def before_the_commit(_: Exchange) -> None:
    """The server never hears of the commit."""
    raise Cut


def during_the_commit(exchange: Exchange) -> None:
    """The commit is on its way when the line is cut: nobody can know whether it counts."""
    exchange.server.sendall(exchange.head)
    raise Cut


def after_the_commit(exchange: Exchange) -> None:
    """It counts, and its answer is lost."""
    exchange.server.sendall(exchange.head)
    exchange.server.recv(_CHUNK)
    raise Cut
