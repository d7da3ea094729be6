"""The web application: routes, middleware in order, what lives as long as the process."""

import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from kursdocs.core.errors import KursdocsError, NotFound
from kursdocs.operations import intake
from kursdocs.services import Services
from kursdocs.web import endpoint, openapi
from kursdocs.web.endpoint import Gate, Kit, Mode, Row
from kursdocs.web.errors import InternalError, MethodUnknown
from kursdocs.web.multipart import ByteBudget
from kursdocs.web.pages import Pages
from kursdocs.web.routes import API, ROUTES
from kursdocs.web.security import CrossSiteGuard, SecurityHeaders

UPLOADS_AT_ONCE = 8
DOWNLOADS_AT_ONCE = 8
# Bodies held in memory by the whole process: eight of the largest.
BODY_BYTES_MAX = 256 * 1024 * 1024

_log = structlog.get_logger()


def create_app(services: Services, pages: Pages, *, mounts: Sequence[BaseRoute] = ()) -> ASGIApp:
    """The application. ``mounts`` are further parts, such as the demo's sign-in provider."""
    by_path: dict[str, list[Row]] = {}
    for row in ROUTES:
        by_path.setdefault(row.path, []).append(row)
    app = Starlette(
        routes=[
            Mount("/static", _Static(directory=pages.static_folder)),
            *mounts,
            *(Route(path, _Resource(rows)) for path, rows in by_path.items()),
            # What exists nowhere is refused like what is foreign: same answer, same log.
            Route("/{path:path}", _Resource([])),
        ],
        lifespan=_lifespan(services, pages),
        exception_handlers={Exception: _failed, HTTPException: _not_ours},
    )
    app.state.openapi = openapi.document(API, services.catalogue, services.settings.public_url)
    app.router.redirect_slashes = False
    issuer = urlsplit(services.settings.oidc_issuer)
    return SecurityHeaders(
        CrossSiteGuard(app, public_url=services.settings.public_url),
        issuer_origin=f"{issuer.scheme}://{issuer.netloc}",
        is_https=services.settings.is_https,
    )


def _lifespan(
    services: Services, pages: Pages
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.kit = Kit(
            services=services,
            pages=pages,
            uploads=anyio.CapacityLimiter(UPLOADS_AT_ONCE),
            downloads=anyio.CapacityLimiter(DOWNLOADS_AT_ONCE),
            budget=ByteBudget(BODY_BYTES_MAX),
        )
        async with anyio.create_task_group() as tasks:
            # Beside the first requests, so that neither the start nor a sending waits for it.
            tasks.start_soon(anyio.to_thread.run_sync, intake.warm_up, services)
            yield
        await services.provider.close()

    return lifespan


class _Static(StaticFiles):
    """Built files: their names carry a hash, so browsers may keep them for ever."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code == 200 and Path(path).parent.name == "assets":
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


class _Resource:
    """Everything that can be done at one address."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows: Mapping[str, Row] = {row.method: row for row in rows}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        row = self._row(request.method)
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

    async def handler(call: endpoint.Call) -> Response:
        raise error

    gate = Gate.SIGNED_IN if path.startswith("/api/") else Gate.PUBLIC
    return Row("*", path, handler, gate, "unknown", mode=Mode.SHELL)


async def _failed(request: Request, error: Exception) -> Response:
    """The last resort: what nobody foresaw is logged with a number that the page shows."""
    reference = secrets.token_hex(4)
    _log.error("request.failed", reference=reference, exc_info=error)
    return endpoint.failure_response(request, InternalError(reference))


async def _not_ours(request: Request, error: Exception) -> Response:
    """The framework's own refusals, as of a static file there is not."""
    return endpoint.failure_response(request, NotFound())
