"""Whether the process lives, and whether the parts it needs answer."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
from starlette.responses import JSONResponse, PlainTextResponse, Response

from kursdocs.operations.readiness import PROBES, Part, Parts, Report
from kursdocs.services import Services
from kursdocs.web.call import Call

# However many ask, the parts are asked this seldom.
FRESH_SECONDS = 1.0


class Readiness:
    """Asks all parts at once, for all who want to know at the same time. Lives in the event loop.

    ``is_stopping`` says whether this process has been told to end.
    """

    def __init__(self, services: Services, is_stopping: Callable[[], bool]) -> None:
        self.is_stopping = is_stopping
        self._services = services
        # Of its own: whether we are ready must not depend on a place among the pages' threads.
        self._limiter = anyio.CapacityLimiter(len(PROBES))
        self._lock = asyncio.Lock()
        self._report = Report()
        self._asked_at = -FRESH_SECONDS

    async def report(self) -> Report:
        """How the parts are, at most a second ago."""
        async with self._lock:
            if time.monotonic() - self._asked_at >= FRESH_SECONDS:
                self._report = Report(await self._ask())
                self._asked_at = time.monotonic()
            return self._report

    async def _ask(self) -> Parts:
        found: dict[str, Part] = {}

        async def ask(probe: Callable[[Services], Parts]) -> None:
            found.update(
                await anyio.to_thread.run_sync(probe, self._services, limiter=self._limiter)
            )

        async with anyio.create_task_group() as tasks:
            for probe in PROBES:
                tasks.start_soon(ask, probe)
        return dict(sorted(found.items()))


async def alive(call: Call) -> Response:
    """The process answers."""
    return PlainTextResponse("ok\n")


async def ready(call: Call) -> Response:
    """200 while requests can be served, else 503; the body names each part and what is wrong."""
    readiness: Readiness = call.request.app.state.readiness
    if readiness.is_stopping():
        return JSONResponse({"ready": False, "status": "stopping", "parts": {}}, 503)
    report = await readiness.report()
    degraded_or_ready = "degraded" if report.is_degraded else "ready"
    return JSONResponse(
        {
            "ready": report.is_ready,
            "status": degraded_or_ready if report.is_ready else "unready",
            "parts": {name: _told(part) for name, part in report.parts.items()},
        },
        200 if report.is_ready else 503,
    )


def _told(part: Part) -> dict[str, Any]:
    told: dict[str, Any] = {"status": part.condition}
    if part.code:
        told["code"] = part.code
    if part.seconds is not None:
        told["oldest_seconds"] = part.seconds
    if part.names:
        told["duties"] = part.names
    return told
