"""Serve an ASGI application on a free port of the loopback, in a thread of the test process.

For servers that belong to the tests (a sign-in provider, a webhook receiver). Knows nothing of
kursdocs.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
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


def self_signed(folder: Path) -> Path:
    """A file with a fresh key and certificate for 127.0.0.1, good for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Musterstadt")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "tls.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    return path
