"""One line in the log for each request, and the number that ties all lines of a request together.

Pure ASGI, outermost of all: it sees what goes over the wire, failures included. A line names the
route, never the address, because addresses hold ids and searches; nor does it say who asked.
"""

import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kursdocs.web.measures import Measures

HEADER = "X-Request-ID"
# Asked every few seconds by machines: they would bury what people did.
QUIET_ROUTES = frozenset({"health.alive", "health.ready", "metrics"})

# A method is any word that a client likes; only these are repeated.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_log = structlog.get_logger()


@dataclass
class _Seen:
    """What went over the wire so far; status 0 until the answer begins."""

    status: int = 0
    received: int = 0
    sent: int = 0


class RequestLog:
    """Gives each request its id (``state["request_id"]``), logs it and counts it.

    The id of a proxy counts when the proxy is one of ``trusted_proxies`` (addresses or networks)
    and the id is well-formed; otherwise a fresh one is made. It goes back as ``X-Request-ID``.
    """

    def __init__(
        self, app: ASGIApp, measures: Measures, *, trusted_proxies: Sequence[str] = ()
    ) -> None:
        self.app = app
        self._measures = measures
        self._trusted = [ip_network(proxy) for proxy in trusted_proxies]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and note what came of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id, seen, begun = self._id(scope), _Seen(), time.perf_counter()
        scope.setdefault("state", {})["request_id"] = request_id

        async def counted_receive() -> Message:
            message = await receive()
            seen.received += len(message.get("body", b""))
            return message

        async def counted_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            seen.sent += len(message.get("body", b""))
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, counted_receive, counted_send)
            finally:
                self._note(scope, seen, time.perf_counter() - begun)

    def _id(self, scope: Scope) -> str:
        given = Headers(scope=scope).get(HEADER, "")
        if _WELL_FORMED.fullmatch(given) and self._is_trusted(scope):
            return given
        return secrets.token_hex(8)

    def _is_trusted(self, scope: Scope) -> bool:
        try:
            peer = ip_address(scope["client"][0])
        except (TypeError, ValueError):
            return False
        return any(peer in network for network in self._trusted)

    def _note(self, scope: Scope, seen: _Seen, seconds: float) -> None:
        route = route_of(scope)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._measures.answered(route, method, seen.status, seconds)
        note = _log.debug if route in QUIET_ROUTES else _log.info
        note(
            "request",
            route=route,
            method=method,
            status=seen.status,
            milliseconds=round(seconds * 1000, 1),
            bytes_received=seen.received,
            bytes_sent=seen.sent,
        )


def route_of(scope: Scope) -> str:
    """The row's name; for mounted parts where they are mounted; ``none`` before any was found."""
    return str(scope["state"].get("route") or scope.get("root_path") or "none")
