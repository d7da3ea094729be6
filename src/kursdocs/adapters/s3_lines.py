"""Connections to an S3 server that neither give up on a slow line nor wait for ever on a dead one.

Knows HTTP, and nothing of objects. Entry points: :func:`pool`, :func:`read_all`.
"""

import time
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

CONNECT_SECONDS = 3.0
TRANSFER_SECONDS = 60.0
"""So long may the body of one request or answer take, however evenly it drips."""

_THREADS_MAX = 16
_PIECE_BYTES = 256 * 1024


class _Piecewise(HTTPConnection):
    """Sends a body in pieces, each of which has the time-out of a connection for itself.

    Python counts that time for everything that one call hands over: a large paper would have to
    pass within three seconds, whatever the line.
    """

    def send(self, data: Any) -> None:
        """As in ``http.client``; raises ``TimeoutError`` when all of it takes too long."""
        if not isinstance(data, bytes):
            super().send(data)
            return
        give_up = time.monotonic() + TRANSFER_SECONDS
        for start in range(0, len(data), _PIECE_BYTES):
            if time.monotonic() > give_up:
                raise TimeoutError("the body was not taken in time")
            super().send(data[start : start + _PIECE_BYTES])


class _PiecewiseTls(_Piecewise, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Piecewise


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _PiecewiseTls


def pool(read_seconds: float) -> urllib3.PoolManager:
    """Connections with short timeouts, and further tries where they cannot do harm.

    ``read_seconds`` is how long an answer may fall silent. A connection that was never made is
    tried again for every method. A lost answer or a server error only where repeating changes
    nothing; after a PUT it would find its own object and call it taken. A server error three
    times, a moment later each: SeaweedFS answers so for a moment while a bucket is being made.
    Redirects are not followed.
    """
    manager = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds),
        maxsize=_THREADS_MAX,
        cert_reqs="CERT_REQUIRED",
        retries=urllib3.Retry(
            total=None,
            connect=1,
            read=1,
            status=3,
            other=1,
            redirect=False,
            allowed_methods={"GET", "HEAD", "DELETE"},
            status_forcelist=(500, 502, 503, 504),
            raise_on_status=False,
            backoff_factor=0.1,
        ),
    )
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager


def read_all(response: urllib3.BaseHTTPResponse, bytes_max: int) -> bytes:
    """The body, at most ``bytes_max`` of it; raises ``TimeoutError`` when it drips for too long."""
    give_up = time.monotonic() + TRANSFER_SECONDS
    pieces: list[bytes] = []
    wanted = bytes_max
    while wanted and (piece := response.read1(min(wanted, _PIECE_BYTES))):
        if time.monotonic() > give_up:
            raise TimeoutError("the body did not come in time")
        pieces.append(piece)
        wanted -= len(piece)
    return b"".join(pieces)
