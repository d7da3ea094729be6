"""Who is signed in at the demo's provider, by browser, and how the application learns of its end.

In memory: after a restart of the demo nobody is signed in here, although sessions in the
application go on.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2
from starlette.requests import Request
from starlette.responses import Response

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
COOKIE = "kursdocs_demo_provider"

_BROWSERS_MAX = 1000
_DELIVERY_SECONDS = 5.0


@dataclass
class Sessions:
    """Sessions by browser: sid to subject. One browser may hold several, of several people."""

    held: dict[str, dict[str, str]] = field(default_factory=dict)

    def browser(self, request: Request) -> str:
        """The name of this browser; a fresh one when it has none that we know."""
        name = request.cookies.get(COOKIE, "")
        return name if name in self.held else secrets.token_urlsafe(32)

    def remember(self, response: Response, browser: str, issuer: str) -> None:
        """Give the browser its name."""
        parts = urlsplit(issuer)
        response.set_cookie(
            COOKIE,
            browser,
            path=parts.path or "/",
            secure=parts.scheme == "https",
            httponly=True,
            samesite="lax",
        )

    def begin(self, browser: str, subject: str) -> str:
        """The sid under which this browser is signed in as the subject, from now on or already."""
        mine = self.held.setdefault(browser, {})
        while len(self.held) > _BROWSERS_MAX:
            del self.held[next(iter(self.held))]
        known = next((sid for sid, whose in mine.items() if whose == subject), None)
        sid = known or secrets.token_urlsafe(16)
        mine[sid] = subject
        return sid

    def subjects(self, browser: str) -> Sequence[str]:
        """Who is signed in from this browser."""
        return list(self.held.get(browser, {}).values())

    def end(self, sid: str) -> Mapping[str, str]:
        """End one session, whichever browser holds it; what ended."""
        for mine in self.held.values():
            if sid in mine:
                return {sid: mine.pop(sid)}
        return {}

    def end_all(self, browser: str) -> Mapping[str, str]:
        """End all sessions of a browser; what ended."""
        return self.held.pop(browser, {})


async def deliver(address: str, tokens: Sequence[str]) -> bool:
    """Send logout tokens to the application; whether all of them were taken.

    The application is the very process that waits here; as it waits in the event loop, the call
    to itself is answered meanwhile.
    """
    async with httpx2.AsyncClient(timeout=_DELIVERY_SECONDS, trust_env=False) as client:
        answers = await asyncio.gather(
            *(client.post(address, data={"logout_token": token}) for token in tokens),
            return_exceptions=True,
        )
    return all(isinstance(answer, httpx2.Response) and answer.is_success for answer in answers)
