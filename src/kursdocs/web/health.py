"""Whether the process lives, and whether the parts it needs answer."""

import anyio.to_thread
from starlette.responses import JSONResponse, PlainTextResponse, Response

from kursdocs.core.errors import Unavailable
from kursdocs.operations import readiness
from kursdocs.web.endpoint import Call


async def alive(call: Call) -> Response:
    """The process answers."""
    return PlainTextResponse("ok\n")


async def ready(call: Call) -> Response:
    """Database, key store and object store answer; 503 names the one that does not."""
    try:
        await anyio.to_thread.run_sync(readiness.check_stores, call.services)
    except Unavailable as error:
        return JSONResponse({"ready": False, "code": error.code}, 503)
    return JSONResponse({"ready": True})
