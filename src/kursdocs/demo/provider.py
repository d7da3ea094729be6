"""The demo's sign-in provider: a small OpenID provider where one click signs in.

It speaks the same protocol as a real one (authorization code with PKCE, client credentials,
RP-initiated and back-channel logout, RFC 9068 access tokens, RFC 9207 ``iss``), so that the demo
and most tests walk the real way in and out. It asks for no password, and therefore exists on
loopback only. Must not know pages, sessions or the database of the application.

Reading order: :func:`demo_provider`, ``_Provider`` (its endpoints in the order of a sign-in),
then signing. Who is signed in here, and who is told of its end, is in ``provider_sessions``.
"""

import json
import os
import re
import secrets
import time
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import groupby
from pathlib import Path
from urllib.parse import unquote, urlencode, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from jinja2 import Environment, PackageLoader
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import Route

from kursdocs.demo.cast import DemoPerson
from kursdocs.demo.provider_sessions import LOGOUT_EVENT, Sessions, deliver

_CODE_SECONDS = 60
_ID_TOKEN_SECONDS = 600
_ACCESS_TOKEN_SECONDS = 3600
_LOGOUT_TOKEN_SECONDS = 120
_BODY_BYTES_MAX = 64 * 1024
_ALGORITHM = "ES256"
_NO_STORE = {"Cache-Control": "no-store"}
_WITHOUT_AGENCY = "Ohne Stelle"


def require_loopback(public_url: str, bind_host: str) -> None:
    """Raise :class:`ValueError` unless both are this machine only.

    Whoever reaches the demo provider can sign in as anybody.
    """
    hosts = {"the public address": urlsplit(public_url).hostname or "", "the bind host": bind_host}
    for name, host in hosts.items():
        if not _is_loopback(host):
            raise ValueError(
                f"The demo signs anybody in without a password and runs on this machine only, "
                f"but {name} is {host!r}. Use 127.0.0.1, or configure a real sign-in provider."
            )


def demo_provider(  # noqa: PLR0913 - one argument per setting, all but the first by name
    issuer_url: str,
    *,
    people: Sequence[DemoPerson],
    services: Mapping[str, str],
    client_id: str,
    client_secret: str,
    redirect_uris: Sequence[str],
    audience: str,
    bind_host: str,
    post_logout_redirect_uris: Sequence[str] = (),
    backchannel_logout_uri: str = "",
    key_file: Path | None = None,
    stylesheet_href: Callable[[], str] | None = None,
    now: Callable[[], float] = time.time,
) -> Starlette:
    """The provider as an application, to be mounted at the path of ``issuer_url``.

    ``services`` maps the client ids of programs to their secrets; ``client_id`` and
    ``client_secret`` are those of the application itself. Redirect addresses must match to the
    letter. ``backchannel_logout_uri`` is told when a session here ends. With ``key_file`` the
    signing key is kept there, so that tokens survive a restart. Raises :class:`ValueError` when
    the address or ``bind_host`` is not loopback.
    """
    require_loopback(issuer_url, bind_host)
    if client_id in services:
        raise ValueError(f"The client id {client_id!r} belongs to a service already")
    provider = _Provider(
        issuer=issuer_url,
        people={person.subject: person for person in people},
        services=services,
        client_id=client_id,
        client_secret=client_secret,
        redirect_uris=frozenset(redirect_uris),
        post_logout_redirect_uris=frozenset(post_logout_redirect_uris),
        audience=audience,
        signer=_Signer(_signing_key(key_file), issuer_url, now),
        stylesheet_href=stylesheet_href,
        pages=Environment(loader=PackageLoader("kursdocs.demo", ""), autoescape=True),
        sessions=Sessions(),
        backchannel_logout_uri=backchannel_logout_uri,
        codes={},
        now=now,
    )
    return Starlette(routes=provider.routes())


@dataclass(frozen=True)
class _Grant:
    """What an authorization code stands for."""

    subject: str
    sid: str
    redirect_uri: str
    nonce: str
    challenge: str
    expires_at: float


class _Refused(Exception):
    """An OAuth error for a program: ``error`` is the code of RFC 6749, 5.2."""

    def __init__(self, error: str, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.status = status


@dataclass(frozen=True)
class _Provider:
    issuer: str
    people: Mapping[str, DemoPerson]
    services: Mapping[str, str]
    client_id: str
    client_secret: str
    redirect_uris: frozenset[str]
    post_logout_redirect_uris: frozenset[str]
    audience: str
    signer: "_Signer"
    stylesheet_href: Callable[[], str] | None
    pages: Environment
    sessions: Sessions
    backchannel_logout_uri: str
    codes: dict[str, _Grant]
    now: Callable[[], float]

    def routes(self) -> list[Route]:
        """What exists here."""
        rows: Sequence[tuple[str, Callable[..., object], Sequence[str]]] = (
            ("/.well-known/openid-configuration", self.discovery, ["GET"]),
            ("/jwks", self.jwks, ["GET"]),
            ("/authorize", self.authorize, ["GET", "POST"]),
            ("/token", self.token, ["POST"]),
            ("/userinfo", self.userinfo, ["GET", "POST"]),
            ("/end-session", self.end_session, ["GET", "POST"]),
            ("/sign-out", self.sign_out, ["GET", "POST"]),
        )
        return [
            Route(path, endpoint, methods=methods, max_body_size=_BODY_BYTES_MAX)
            for path, endpoint, methods in rows
        ]

    async def discovery(self, _: Request) -> Response:
        """OpenID Connect Discovery."""
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "userinfo_endpoint": f"{self.issuer}/userinfo",
                "end_session_endpoint": f"{self.issuer}/end-session",
                "scopes_supported": ["openid", "profile", "groups"],
                "claims_supported": ["sub", "sid", "name", "groups"],
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": ["authorization_code", "client_credentials"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": [_ALGORITHM],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
                "backchannel_logout_supported": True,
                "backchannel_logout_session_supported": True,
            }
        )

    async def jwks(self, _: Request) -> Response:
        """The public key."""
        return JSONResponse({"keys": [self.signer.public_key()]})

    async def authorize(self, request: Request) -> Response:
        """Show the people; a click comes back here by POST and leaves with a code."""
        asked = request.query_params
        redirect_uri = asked.get("redirect_uri", "")
        if asked.get("client_id") != self.client_id or redirect_uri not in self.redirect_uris:
            # Never redirect to an address nobody has registered.
            return PlainTextResponse("Unbekannte Anwendung oder Rücksprungadresse.", 400)
        error = _authorization_error(asked)
        if error:
            return self._back(asked, error=error)
        if request.method == "GET":
            return self._picker(request)
        form = await _form(request)
        if "cancel" in form:
            return self._back(asked, error="access_denied")
        person = self.people.get(str(form.get("person", "")))
        if person is None:
            return self._picker(request, status=400)
        browser = self.sessions.browser(request)
        sid = self.sessions.begin(browser, person.subject)
        response = self._back(asked, code=self._issue_code(person, sid, asked))
        self.sessions.remember(response, browser, self.issuer)
        return response

    async def token(self, request: Request) -> Response:
        """Tokens for a code, or for a program itself."""
        try:
            client_id = self._authenticated_client(request)
            answer = self._answer(client_id, await _form(request))
        except _Refused as refused:
            is_challenge = refused.status == 401
            headers = {"WWW-Authenticate": 'Basic realm="kursdocs demo"'} if is_challenge else {}
            return JSONResponse({"error": refused.error}, refused.status, _NO_STORE | headers)
        return JSONResponse(answer, headers=_NO_STORE)

    async def userinfo(self, request: Request) -> Response:
        """The claims of the person an access token was issued for."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        claims = self.signer.verified(token, "at+jwt") if scheme.lower() == "bearer" else None
        person = self.people.get(str(claims["sub"])) if claims else None
        if claims is None or person is None or float(str(claims["exp"])) <= self.now():
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            return JSONResponse({"error": "invalid_token"}, 401, _NO_STORE | challenge)
        return JSONResponse({"sub": person.subject, **_person_claims(person)}, headers=_NO_STORE)

    async def end_session(self, request: Request) -> Response:
        """RP-initiated logout: end the session, tell the application, send the browser back."""
        asked = await _form(request) if request.method == "POST" else request.query_params
        hint = str(asked.get("id_token_hint", ""))
        said = self.signer.verified(hint, "JWT") if hint else {}
        if said is None:
            return PlainTextResponse("Der Hinweis auf die Anmeldung ist ungültig.", 400)
        return_to = str(asked.get("post_logout_redirect_uri", ""))
        is_known_client = bool(hint) or asked.get("client_id") == self.client_id
        if return_to and not (is_known_client and return_to in self.post_logout_redirect_uris):
            return PlainTextResponse("Unbekannte Anwendung oder Rücksprungadresse.", 400)
        if "sid" in said:
            ended = self.sessions.end(str(said["sid"]))
        else:
            ended = self.sessions.end_all(self.sessions.browser(request))
        await self._tell(ended)
        if not return_to:
            return PlainTextResponse("Sie sind abgemeldet.")
        state = asked.get("state")
        return RedirectResponse(_with_query(return_to, {"state": str(state)} if state else {}), 303)

    async def sign_out(self, request: Request) -> Response:
        """Who is signed in here from this browser; a click ends it here and in the application."""
        browser, is_told = self.sessions.browser(request), True
        if request.method == "POST":
            is_told = await self._tell(self.sessions.end_all(browser))
        names = [self.people[subject].name for subject in self.sessions.subjects(browser)]
        html = self.pages.get_template("sign_out.html").render(
            action=request.url.path,
            stylesheet=self._stylesheet(),
            names=names,
            is_done=request.method == "POST",
            is_told=is_told,
        )
        return HTMLResponse(html, headers=_NO_STORE)

    async def _tell(self, ended: Mapping[str, str]) -> bool:
        """Back-channel logout of these sessions (sid to subject); has the application agreed?"""
        if not ended or not self.backchannel_logout_uri:
            return True
        tokens = [
            self.signer.sign(
                {
                    "sub": subject,
                    "sid": sid,
                    "aud": self.client_id,
                    "jti": secrets.token_urlsafe(16),
                    "events": {LOGOUT_EVENT: {}},
                },
                "logout+jwt",
                _LOGOUT_TOKEN_SECONDS,
            )
            for sid, subject in ended.items()
        ]
        return await deliver(self.backchannel_logout_uri, tokens)

    def _stylesheet(self) -> str:
        return self.stylesheet_href() if self.stylesheet_href else ""

    def _picker(self, request: Request, status: int = 200) -> Response:
        def agency(person: DemoPerson) -> str:
            return person.agency_label or _WITHOUT_AGENCY

        order = list(dict.fromkeys(agency(person) for person in self.people.values()))
        people = sorted(self.people.values(), key=lambda person: order.index(agency(person)))
        html = self.pages.get_template("sign_in.html").render(
            action=f"{request.url.path}?{request.url.query}",
            sign_out_href=urlsplit(self.issuer).path + "/sign-out",
            stylesheet=self._stylesheet(),
            agencies=[(label, list(group)) for label, group in groupby(people, key=agency)],
        )
        return HTMLResponse(html, status, _NO_STORE)

    def _back(self, asked: QueryParams, **values: str) -> Response:
        """Send the browser back to the application, saying who sends it (RFC 9207)."""
        values["iss"] = self.issuer
        if "state" in asked:
            values["state"] = asked["state"]
        return RedirectResponse(_with_query(asked["redirect_uri"], values), 303, _NO_STORE)

    def _issue_code(self, person: DemoPerson, sid: str, asked: QueryParams) -> str:
        for code in [code for code, grant in self.codes.items() if grant.expires_at <= self.now()]:
            del self.codes[code]
        code = secrets.token_urlsafe(32)
        self.codes[code] = _Grant(
            subject=person.subject,
            sid=sid,
            redirect_uri=asked["redirect_uri"],
            nonce=asked.get("nonce", ""),
            challenge=asked["code_challenge"],
            expires_at=self.now() + _CODE_SECONDS,
        )
        return code

    def _authenticated_client(self, request: Request) -> str:
        """The client id of HTTP Basic credentials that are right."""
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        try:
            pair = b64decode(encoded, validate=True).decode()
        except (Base64Error, UnicodeDecodeError):
            pair = ""
        client_id, _, secret = (unquote(part) for part in pair.partition(":"))
        expected = {**self.services, self.client_id: self.client_secret}.get(client_id)
        if scheme.lower() != "basic" or expected is None or not _same(secret, expected):
            raise _Refused("invalid_client", 401)
        return client_id

    def _answer(self, client_id: str, form: FormData) -> Mapping[str, object]:
        grant_type = form.get("grant_type")
        if grant_type == "authorization_code" and client_id == self.client_id:
            return self._tokens_for_person(self._redeemed(form))
        if grant_type == "client_credentials" and client_id in self.services:
            return self._access_token(client_id, client_id, {})
        known = {"authorization_code", "client_credentials"}
        raise _Refused("unauthorized_client" if grant_type in known else "unsupported_grant_type")

    def _redeemed(self, form: FormData) -> _Grant:
        """The grant of a code, which is gone from then on, also when the rest is wrong."""
        grant = self.codes.pop(str(form.get("code", "")), None)
        verifier = str(form.get("code_verifier", ""))
        if (
            grant is None
            or grant.expires_at <= self.now()
            or form.get("redirect_uri") != grant.redirect_uri
            or not re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier)
            or not _same(create_s256_code_challenge(verifier), grant.challenge)
        ):
            raise _Refused("invalid_grant")
        return grant

    def _tokens_for_person(self, grant: _Grant) -> Mapping[str, object]:
        person = self.people[grant.subject]
        claims = {
            "sub": person.subject,
            "sid": grant.sid,
            "aud": self.client_id,
            "auth_time": int(self.now()),
            **_person_claims(person),
        }
        if grant.nonce:
            claims["nonce"] = grant.nonce
        id_token = self.signer.sign(claims, "JWT", _ID_TOKEN_SECONDS)
        access = self._access_token(person.subject, self.client_id, _person_claims(person))
        return {**access, "id_token": id_token, "scope": "openid profile groups"}

    def _access_token(
        self, subject: str, client_id: str, claims: Mapping[str, object]
    ) -> Mapping[str, object]:
        token = self.signer.sign(
            {
                **claims,
                "sub": subject,
                "aud": self.audience,
                "client_id": client_id,
                "jti": secrets.token_urlsafe(16),
            },
            "at+jwt",
            _ACCESS_TOKEN_SECONDS,
        )
        return {"access_token": token, "token_type": "Bearer", "expires_in": _ACCESS_TOKEN_SECONDS}


def _authorization_error(asked: QueryParams) -> str:
    """The OAuth error code of an authorization request, or nothing."""
    if asked.get("response_type") != "code":
        return "unsupported_response_type"
    if "openid" not in asked.get("scope", "").split():
        return "invalid_scope"
    challenge = asked.get("code_challenge", "")
    is_s256 = asked.get("code_challenge_method") == "S256"
    if not is_s256 or not re.fullmatch(r"[A-Za-z0-9_-]{43}", challenge):
        return "invalid_request"
    return "login_required" if asked.get("prompt") == "none" else ""


def _person_claims(person: DemoPerson) -> dict[str, object]:
    return {"name": person.name, "groups": list(person.groups)}


async def _form(request: Request) -> FormData:
    """The fields of a small form without files."""
    return await request.form(max_files=0, max_fields=50)


def _with_query(url: str, values: Mapping[str, str]) -> str:
    if not values:
        return url
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(values)}"


def _same(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode(), expected.encode())


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# -- signing -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Signer:
    """Signs tokens of this issuer with one key, and recognises them."""

    key: ECKey
    issuer: str
    now: Callable[[], float]

    def public_key(self) -> Mapping[str, object]:
        """The key as published."""
        return {**self.key.as_dict(private=False), "use": "sig", "alg": _ALGORITHM}

    def sign(self, claims: Mapping[str, object], token_type: str, seconds: int) -> str:
        """A token valid for ``seconds`` from now."""
        issued = int(self.now())
        times = {"iat": issued, "exp": issued + seconds}
        header = {"alg": _ALGORITHM, "typ": token_type, "kid": self.key.kid}
        return jwt.encode(header, {**claims, **times, "iss": self.issuer}, self.key, [_ALGORITHM])

    def verified(self, token: str, token_type: str) -> Mapping[str, object] | None:
        """The claims of a token made here, also of an expired one; else None."""
        try:
            decoded = jwt.decode(token, self.key, registry=jws.JWSRegistry(algorithms=[_ALGORITHM]))
        except (JoseError, ValueError):
            return None
        return decoded.claims if decoded.header.get("typ") == token_type else None


def _signing_key(key_file: Path | None) -> ECKey:
    """The key in the file, or a fresh one (written there, readable by its owner only)."""
    if key_file is not None and key_file.exists():
        return ECKey.import_key(json.loads(key_file.read_text()))
    key = ECKey.generate_key("P-256", auto_kid=True)
    if key_file is not None:
        handle = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(key.as_dict(private=True), file)
    return key
