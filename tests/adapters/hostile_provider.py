"""An OpenID provider that misbehaves exactly as one test asks.

Untouched it is a correct provider. A test changes one thing (a claim, a header, an answer, the
published keys), and the sign-in adapter must notice.
"""

import asyncio
import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT_ID = "kursdocs"
CLIENT_SECRET = "secret-of-the-test"
AUDIENCE = "urn:kursdocs:api"
SUBJECT = "amina.muster"
SID = "session-at-the-provider"
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class Absent:
    """Put in place of a value: the value is left out."""


ABSENT = Absent()
Values = dict[str, object]


@dataclass
class HostileProvider:
    """Correct until a field is changed."""

    issuer: str
    key: ECKey | RSAKey
    algorithm: str = "ES256"
    metadata: Values = field(default_factory=dict)
    callback: Values = field(default_factory=dict)
    id_header: Values = field(default_factory=dict)
    id_claims: Values = field(default_factory=dict)
    access_header: Values = field(default_factory=dict)
    access_claims: Values = field(default_factory=dict)
    logout_header: Values = field(default_factory=dict)
    logout_claims: Values = field(default_factory=dict)
    answer: Values = field(default_factory=dict)
    published: list[Mapping[str, object]] = field(default_factory=list)
    forge: Callable[[str], str] = lambda token: token
    replies: dict[str, Response] = field(default_factory=dict)
    delays: dict[str, float] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    token_forms: list[Mapping[str, str]] = field(default_factory=list)
    nonce: str = ""

    def __post_init__(self) -> None:
        self.publish(self.key)

    def publish(self, *keys: ECKey | RSAKey, **parameters: object) -> None:
        """Publish these keys, and no others."""
        self.published = [
            without_absent({**key.as_dict(private=False), "use": "sig", **parameters})
            for key in keys
        ]

    def app(self) -> Starlette:
        """The provider as an application."""
        routes = {
            "/.well-known/openid-configuration": self._discovery,
            "/jwks": self._jwks,
            "/authorize": self._authorize,
            "/token": self._token,
        }
        return Starlette(
            routes=[
                Route(path, self._disturbed(path, reply), methods=["GET", "POST"])
                for path, reply in routes.items()
            ]
        )

    def id_token(self) -> str:
        """An id token as the token endpoint gives it."""
        now = int(time.time())
        claims: Values = {
            "iss": self.issuer,
            "sub": SUBJECT,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            "groups": ["vhs-musterstadt:clerk"],
        }
        return self._signed(claims | self.id_claims, {"typ": "JWT", **self.id_header})

    def access_token(self) -> str:
        """An access token for the API, got by a program for itself."""
        now = int(time.time())
        claims: Values = {
            "iss": self.issuer,
            "sub": "vhs-musterstadt",
            "client_id": "vhs-musterstadt",
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 300,
            "jti": "1",
        }
        return self._signed(claims | self.access_claims, {"typ": "at+jwt", **self.access_header})

    def logout_token(self) -> str:
        """A logout token for a session, as the provider sends it when that session ends."""
        now = int(time.time())
        claims: Values = {
            "iss": self.issuer,
            "sub": SUBJECT,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 120,
            "jti": "2",
            "sid": SID,
            "events": {LOGOUT_EVENT: {}},
        }
        return self._signed(
            claims | self.logout_claims, {"typ": "logout+jwt", **self.logout_header}
        )

    def _signed(self, claims: Values, header: Values) -> str:
        header = without_absent({"alg": self.algorithm, "kid": self.key.kid, **header})
        token = jwt.encode(
            header, without_absent(claims), self.key, [self.algorithm], default_type=None
        )
        return self.forge(token)

    def _disturbed(
        self, path: str, reply: Callable[[Request], Response]
    ) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            self.asked[path] += 1
            if request.method == "POST":
                form = await request.form()
                self.token_forms.append({name: str(value) for name, value in form.items()})
            await asyncio.sleep(self.delays.get(path, 0))
            return self.replies[path] if path in self.replies else reply(request)

        return endpoint

    def _discovery(self, _: Request) -> Response:
        document: Values = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/end-session",
            "authorization_response_iss_parameter_supported": True,
            "id_token_signing_alg_values_supported": ["none", "HS256", "RS256", "ES256"],
        }
        return JSONResponse(without_absent(document | self.metadata))

    def _jwks(self, _: Request) -> Response:
        return JSONResponse({"keys": self.published})

    def _authorize(self, request: Request) -> Response:
        asked = request.query_params
        self.nonce = asked["nonce"]
        values = {"code": "code-1", "state": asked["state"], "iss": self.issuer, **self.callback}
        query = urlencode(without_absent(values))
        return RedirectResponse(f"{asked['redirect_uri']}?{query}", 303)

    def _token(self, _: Request) -> Response:
        values = {
            "token_type": "Bearer",
            "access_token": self.access_token(),
            "id_token": self.id_token(),
        }
        return JSONResponse(without_absent(values | self.answer))


def without_absent(values: Mapping[str, object]) -> Values:
    """The values but for those that are :data:`ABSENT`."""
    return {name: value for name, value in values.items() if value is not ABSENT}


def unsigned(algorithm: str) -> Callable[[str], str]:
    """Keep the claims, say ``algorithm`` and leave the signature empty."""

    def forge(token: str) -> str:
        return f"{_segment({'alg': algorithm, 'typ': 'JWT'})}.{token.split('.')[1]}."

    return forge


def signed_with_secret(secret: bytes, key_id: str | None) -> Callable[[str], str]:
    """Sign with HMAC, as if ``secret`` (a published key, say) were shared by both sides."""

    def forge(token: str) -> str:
        header = _segment({"alg": "HS256", "typ": "JWT", "kid": key_id})
        content = f"{header}.{token.split('.')[1]}"
        digest = hmac.new(secret, content.encode(), hashlib.sha256).digest()
        return f"{content}.{_encoded(digest)}"

    return forge


def with_other_claims(**claims: object) -> Callable[[str], str]:
    """Keep header and signature, change the claims."""

    def forge(token: str) -> str:
        header, _, signature = token.split(".")
        return f"{header}.{_segment(claims)}.{signature}"

    return forge


def without_signature(token: str) -> str:
    """Strip the signature."""
    return token.rpartition(".")[0] + "."


def _segment(values: Mapping[str, object]) -> str:
    return _encoded(json.dumps(values).encode())


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
