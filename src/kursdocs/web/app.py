"""The web application: routes, middleware in order, what lives as long as the process."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from kursdocs.core.errors import KursdocsError, NotFound
from kursdocs.operations import intake
from kursdocs.services import Services
from kursdocs.web import endpoint, openapi
from kursdocs.web.call import Call, Gate, Kit, Mode, Row
from kursdocs.web.errors import InternalError, MethodUnknown
from kursdocs.web.health import Readiness
from kursdocs.web.measures import Measures
from kursdocs.web.multipart import ByteBudget
from kursdocs.web.pages import Pages
from kursdocs.web.request_log import RequestLog
from kursdocs.web.routes import API, ROUTES
from kursdocs.web.security import CrossSiteGuard, SecurityHeaders
from kursdocs.web.static_files import BuiltFiles

UPLOADS_AT_ONCE = 8
DOWNLOADS_AT_ONCE = 8
# Bodies held in memory by the whole process: eight of the largest.
BODY_BYTES_MAX = 256 * 1024 * 1024

_log = structlog.get_logger()


def create_app(
    services: Services,
    pages: Pages,
    *,
    mounts: Sequence[BaseRoute] = (),
    is_stopping: Callable[[], bool] = lambda: False,
) -> ASGIApp:
    """The application. ``mounts`` are further parts, such as the demo's sign-in provider.

    ``is_stopping`` says whether the process was told to end: then it is not ready any more.
    """
    by_path: dict[str, list[Row]] = {}
    for row in ROUTES:
        by_path.setdefault(row.path, []).append(row)
    app = Starlette(
        routes=[
            Mount("/static", BuiltFiles(directory=pages.static_folder)),
            *mounts,
            *(Route(path, _Resource(rows)) for path, rows in by_path.items()),
            # What exists nowhere is refused like what is foreign: same answer, same log.
            Route("/{path:path}", _Resource([])),
        ],
        lifespan=_lifespan(services, pages),
        exception_handlers={Exception: _failed, HTTPException: _not_ours},
    )
    app.state.openapi = openapi.document(API, services.catalogue, services.settings.public_url)
    app.state.measures = Measures(services)
    app.state.readiness = Readiness(services, is_stopping)
    app.router.redirect_slashes = False
    return _wrapped(app, services)


def _wrapped(app: Starlette, services: Services) -> ASGIApp:
    """In its layers; they are plain, because framework errors pass by its own middleware."""
    settings = services.settings
    issuer = urlsplit(settings.oidc_issuer)
    guarded: ASGIApp = SecurityHeaders(
        CrossSiteGuard(app, public_url=settings.public_url),
        issuer_origin=f"{issuer.scheme}://{issuer.netloc}",
        is_https=settings.is_https,
    )
    proxies = list(settings.trusted_proxies)
    if proxies:
        guarded = cast(ASGIApp, ProxyHeadersMiddleware(cast(Any, guarded), proxies))
    # Outside of what replaces the proxy's address by its client's: the id is the proxy's.
    return RequestLog(guarded, app.state.measures, trusted_proxies=proxies)


def _lifespan(
    services: Services, pages: Pages
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        kit = app.state.kit = Kit(
            services=services,
            pages=pages,
            uploads=anyio.CapacityLimiter(UPLOADS_AT_ONCE),
            downloads=anyio.CapacityLimiter(DOWNLOADS_AT_ONCE),
            budget=ByteBudget(BODY_BYTES_MAX),
        )
        app.state.measures.watch(kit.uploads, kit.downloads, kit.budget)
        async with anyio.create_task_group() as tasks:
            # Beside the first requests, so that neither the start nor a sending waits for it.
            tasks.start_soon(anyio.to_thread.run_sync, intake.warm_up, services)
            yield
        await services.provider.close()

    return lifespan


class _Resource:
    """Everything that can be done at one address."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows: Mapping[str, Row] = {row.method: row for row in rows}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        row = self._row(request.method)
        request.state.route = row.name if row else "unknown"
        with request.app.state.measures.running(request.state.route):
            if row is None:
                response = await self._refused(request)
            else:
                response = await endpoint.answer(request.app.state.kit, row, request)
            await response(scope, receive, send)

    def _row(self, method: str) -> Row | None:
        """The row of the method; looking at the head of a public address is looking at it."""
        row = self.rows.get("GET" if method == "HEAD" else method)
        is_open = row is not None and row.gate in (Gate.OPEN, Gate.PUBLIC)
        return row if method != "HEAD" or is_open else None

    async def _refused(self, request: Request) -> Response:
        error = MethodUnknown() if self.rows else NotFound()
        response = await endpoint.answer(
            request.app.state.kit, _refusing(request.url.path, error), request
        )
        if self.rows:
            response.headers["Allow"] = ", ".join(sorted(self.rows))
        return response


def _refusing(path: str, error: KursdocsError) -> Row:
    """A row that leads nowhere, so that also these calls know who is asking."""

    async def handler(call: Call) -> Response:
        raise error

    gate = Gate.SIGNED_IN if path.startswith("/api/") else Gate.PUBLIC
    return Row("*", path, handler, gate, "unknown", mode=Mode.SHELL)


async def _failed(request: Request, error: Exception) -> Response:
    """The last resort: what nobody foresaw is logged, to be found by the request's number."""
    _log.error("request.failed", exc_info=error)
    return endpoint.failure_response(request, InternalError())


async def _not_ours(request: Request, error: Exception) -> Response:
    """The framework's own refusals, as of a static file there is not."""
    return endpoint.failure_response(request, NotFound())
