"""The numbers for Prometheus. Behind a bearer token of their own; without one they do not exist."""

import hmac

import anyio.to_thread
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import PlainTextResponse, Response

from kursdocs.core.errors import NotFound
from kursdocs.web.call import Call


async def show(call: Call) -> Response:
    """All numbers; raises ``NotFound`` unless the operator has set ``KURSDOCS_METRICS_TOKEN``."""
    token = call.services.settings.metrics_token.get_secret_value()
    if not token:
        raise NotFound
    given = call.request.headers.get("authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        return PlainTextResponse(
            "the bearer token does not count\n",
            401,
            {"WWW-Authenticate": 'Bearer realm="kursdocs metrics"'},
        )
    text = await anyio.to_thread.run_sync(call.request.app.state.measures.text)
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)
