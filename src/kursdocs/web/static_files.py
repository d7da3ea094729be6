"""What the build made: style sheet, script, fonts. As small as they travel, and kept for ever.

The build lays a compressed copy beside each file that gains by it, so no request pays for that.
Pages are never compressed: a page holds what others must not learn beside what a stranger may
have put into its address, and then its mere length tells (BREACH).
"""

from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_COPIES = (("br", ".br"), ("gzip", ".gz"))


class BuiltFiles(StaticFiles):
    """The folder of the build. Names below ``assets`` carry a hash, so browsers may keep them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, packed as the browser likes it best; raises ``HTTPException`` (404)."""
        response = await self._packed(path, scope) or await super().get_response(path, scope)
        response.headers["Vary"] = "Accept-Encoding"
        if response.status_code == 200 and Path(path).parent.name == "assets":
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response

    async def _packed(self, path: str, scope: Scope) -> Response | None:
        accepted = accepted_encodings(Headers(scope=scope).get("accept-encoding", ""))
        for encoding, suffix in _COPIES:
            if encoding not in accepted:
                continue
            try:
                response = await super().get_response(path + suffix, scope)
            except HTTPException:
                return None
            response.headers["Content-Encoding"] = encoding
            return response
        return None


def accepted_encodings(header: str) -> frozenset[str]:
    """The names in an ``Accept-Encoding``, without those of weight nought."""
    accepted = set()
    for part in header.lower().split(","):
        name, _, weight = part.partition(";")
        if weight.replace(" ", "").rstrip("0.") != "q=":
            accepted.add(name.strip())
    return frozenset(accepted - {""})
