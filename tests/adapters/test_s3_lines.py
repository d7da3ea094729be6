"""Lines to an S3 server by themselves: slow, dripping, and over TLS. With objects: tests/faults."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.certificates import certificate_for, server_context
from urllib3.exceptions import HTTPError

from kursdocs.adapters import s3_lines

LARGE = bytes(range(256)) * 4096 * 4  # more than one piece, and more than a line holds


class Server(ThreadingHTTPServer):
    """Takes every body, and answers a GET as told."""

    daemon_threads = True
    block_on_close = False
    answer: bytes = b""
    pause_seconds = 0.0

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that hang up, which is what they are to do."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_PUT(self) -> None:
        self.server.taken.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.answer)))
        self.end_headers()
        for start in range(0, len(self.server.answer), 4):
            if self.server.pause_seconds:
                self.wfile.write(self.server.answer[start : start + 4])
                time.sleep(self.server.pause_seconds)
        if not self.server.pause_seconds:
            self.wfile.write(self.server.answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    opened = Server()
    threading.Thread(target=opened.serve_forever, args=(0.02,), daemon=True).start()
    yield opened
    opened.shutdown()
    opened.server_close()


def get(url: str, bytes_max: int = 1_000_000) -> bytes:
    response = s3_lines.pool(5).request("GET", url, preload_content=False)
    try:
        return s3_lines.read_all(response, bytes_max)
    finally:
        response.close()


def test_a_large_body_arrives_in_one_piece(server: Server) -> None:
    answer = s3_lines.pool(5).request("PUT", f"http://127.0.0.1:{server.server_port}/x", body=LARGE)

    assert answer.status == 200
    assert server.taken == [LARGE]


def test_it_arrives_over_tls_as_well_from_a_server_that_somebody_vouches_for(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = certificate_for("localhost", tmp_path)
    server.socket = server_context(tmp_path).wrap_socket(server.socket, server_side=True)
    url = f"https://localhost:{server.server_port}/x"
    with pytest.raises(HTTPError, match="certificate verify failed"):
        s3_lines.pool(5).request("PUT", url, body=LARGE)

    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    answer = s3_lines.pool(5).request("PUT", url, body=LARGE)

    assert answer.status == 200
    assert server.taken == [LARGE]
    server.answer = LARGE
    assert get(url, len(LARGE)) == LARGE


def test_a_body_is_read_up_to_its_limit(server: Server) -> None:
    url = f"http://127.0.0.1:{server.server_port}/x"
    server.answer = b"0123456789"

    assert (get(url, 4), get(url, 10), get(url, 11)) == (b"0123", *[b"0123456789"] * 2)


def test_a_body_that_drips_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_lines, "TRANSFER_SECONDS", 0.2)
    server.answer, server.pause_seconds = bytes(400), 0.05

    with pytest.raises(TimeoutError):
        get(f"http://127.0.0.1:{server.server_port}/x")


def test_a_body_that_nobody_takes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_lines, "CONNECT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/x"
        began = time.monotonic()

        with pytest.raises(HTTPError):
            s3_lines.pool(5).request("PUT", url, body=bytes(16_000_000))

    assert time.monotonic() - began < 5
