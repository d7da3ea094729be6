"""Headers on every response, and the defence against requests from other sites.

Pure ASGI, outermost of all: also answers to failures carry the headers. Knows no route, no actor.
"""

from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

FILE_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"


def page_policy(issuer_origin: str) -> str:
    """The content security policy of pages; forms may lead to the sign-in provider too.

    Chromium applies ``form-action`` to the redirects that follow a form, and signing out leads
    to the provider.
    """
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none';"
        f" frame-ancestors 'none'; form-action 'self' {issuer_origin}"
    )


class SecurityHeaders:
    """Wraps the finished application, because framework errors pass by inner middleware."""

    def __init__(self, app: ASGIApp, *, issuer_origin: str, is_https: bool) -> None:
        """``is_https``: browsers reach us over TLS, so they may be told to insist on it."""
        self.app = app
        self.headers: Mapping[str, str] = {
            "Content-Security-Policy": page_policy(issuer_origin),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
            "Cache-Control": "no-store",
        }
        if is_https:
            self.headers = {
                **self.headers,
                "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
            }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add what the response does not set itself."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers)


class CrossSiteGuard:
    """Refuses unsafe requests that a page of another site made a browser send.

    By headers, as browsers set them and pages cannot: ``Sec-Fetch-Site`` must be same-origin or
    none; without it ``Origin`` must be our public address; without both it is no browser. A
    bearer token is exempt, because no browser adds it by itself, unless cookies come along.
    """

    def __init__(self, app: ASGIApp, *, public_url: str) -> None:
        """``public_url`` is the origin under which browsers know us."""
        self.app = app
        self.public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 403."""
        if scope["type"] == "http" and not self._may_pass(scope["method"], Headers(scope=scope)):
            refusal = Response("cross-site request refused", 403, media_type="text/plain")
            await refusal(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _may_pass(self, method: str, headers: Headers) -> bool:
        if method in SAFE_METHODS:
            return True
        if headers.get("authorization", "").lower().startswith("bearer ") and not headers.get(
            "cookie"
        ):
            return True
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site in ("same-origin", "none")
        origin = headers.get("origin")
        return origin is None or origin == self.public_url
