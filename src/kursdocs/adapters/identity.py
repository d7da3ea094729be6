"""The municipality's OpenID provider: sign-in, sign-out, access tokens.

Authlib speaks OAuth (authorization code with PKCE, client authentication), joserfc checks
signatures. What Authlib leaves to its caller is done here: algorithms are pinned (never taken
from the provider's metadata), the issuer is compared to the letter, the callback's ``iss``
(RFC 9207), id token and nonce are mandatory, audiences and token types are always checked.

Nothing is kept between ``begin`` and ``finish``: the caller stores the :class:`SignInStart`, so
that two tabs can sign in at once. Must not know sessions, users, roles or databases. Never logs,
and never puts a token, a code or a claim into an error.

Reading order: :class:`OidcProvider`, ``_Metadata`` (discovery), ``_Cached``, the key set and
signatures, the network.
"""

import asyncio
import re
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Generic, TypeVar
from urllib.parse import urlencode, urlsplit

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jws, jwt
from joserfc.errors import BadSignatureError, ClaimError, ExpiredTokenError, JoseError
from joserfc.jwk import ECKey, Key, RSAKey, import_key

from kursdocs.core.ports import Identity, SignInRefused, SignInStart, SignInUnavailable

_T = TypeVar("_T")

_ALGORITHMS: Mapping[str, str] = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC"}
_SCOPES = ("openid", "profile", "email")

_METADATA_SECONDS = 24 * 3600.0
_KEYS_SECONDS = 3600.0  # a key the provider has withdrawn must not be trusted for longer
_STALE_RETRY_SECONDS = 60.0
_FORCED_RELOAD_SECONDS = 10.0  # forged tokens must not make us hammer the provider

_ANSWER_BYTES_MAX = 512 * 1024
_TOKEN_CHARS_MAX = 16 * 1024
_CODE_CHARS_MAX = 4 * 1024
_SUBJECT_CHARS_MAX = 255  # OpenID Connect Core 2
_KEYS_MAX = 32
_RSA_MODULUS_CHARS_MIN = 342  # 2048 bits in unpadded base64url


class OidcProvider:
    """An OpenID provider with discovery; implements ``core.ports.SignInProvider``.

    Opens no connection until it is used, so that a provider that is down does not stop the
    start. ``audience`` names this application's API in access tokens. ``token_types`` are the
    ``typ`` header values that mark an access token (RFC 9068: ``at+jwt``; some providers say
    ``JWT``). ``timeout_seconds`` bounds each call to the provider as a whole; ``now`` is the time
    in seconds since the epoch.
    """

    def __init__(
        self,
        issuer: str,
        client_id: str,
        client_secret: str,
        audience: str,
        token_types: Sequence[str] = ("at+jwt",),
        leeway_seconds: int = 60,
        *,
        timeout_seconds: float = 5.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Raise :class:`ValueError` for settings that could not be safe."""
        if not _is_safe_url(issuer) or urlsplit(issuer).query or urlsplit(issuer).fragment:
            raise ValueError(f"The issuer must be an https address (http on loopback): {issuer}")
        if not client_id or not client_secret.isascii() or not client_secret.isprintable():
            raise ValueError("The client id is empty, or its secret is not printable ASCII")
        if not audience or audience == client_id:
            # An id token is issued for the client id and would pass as an access token.
            raise ValueError("The audience of the API must be set and differ from the client id")
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._audience = audience
        self._access_types = frozenset(_bare_type(name) for name in token_types)
        self._leeway_seconds = leeway_seconds
        self._timeout_seconds = timeout_seconds
        self._now = now
        self._tls = _tls(issuer)
        self._metadata = _Cached(self._load_metadata, _METADATA_SECONDS, now)
        self._keys = _Cached(self._load_keys, _KEYS_SECONDS, now)

    async def begin(self, redirect_uri: str) -> SignInStart:
        """Start an authorization code flow with PKCE (S256), state and nonce.

        Raises :class:`SignInUnavailable` and :class:`SignInRefused` (metadata).
        """
        metadata = await self._metadata.get()
        state, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        verifier = secrets.token_urlsafe(64)
        url = prepare_grant_uri(
            metadata.authorization_endpoint,
            client_id=self._client_id,
            response_type="code",
            redirect_uri=redirect_uri,
            scope=" ".join(metadata.scopes),
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return SignInStart(url=str(url), state=state, nonce=nonce, code_verifier=verifier)

    async def finish(
        self, query: Mapping[str, str], begun: SignInStart, redirect_uri: str
    ) -> Identity:
        """Exchange the callback's code for an id token, and check both.

        ``reason`` of :class:`SignInRefused` is the provider's own error code (``access_denied``)
        when the callback carries one. Raises :class:`SignInUnavailable`.
        """
        metadata = await self._metadata.get()
        code = self._code(query, begun, metadata)
        id_token = await self._exchange(metadata, code, begun, redirect_uri)
        claims = await self._id_claims(id_token, begun.nonce)
        return Identity(
            issuer=self._issuer, subject=_subject(claims), claims=claims, id_token=id_token
        )

    async def bearer(self, token: str) -> Identity:
        """Check an access token for this API: signature, type, issuer, audience and times.

        ``client_id`` of the identity is the program the token was issued to; if that is the
        subject too, the program acts for itself. Raises :class:`SignInRefused`,
        :class:`SignInUnavailable`.
        """
        decoded = await self._decode(token)
        if _bare_type(decoded.header.get("typ")) not in self._access_types:
            raise SignInRefused("token_type")
        self._check_claims(decoded.claims, self._audience)
        client_id = decoded.claims.get("client_id") or decoded.claims.get("azp") or ""
        if not isinstance(client_id, str):
            raise SignInRefused("claim_client_id")
        return Identity(
            issuer=self._issuer,
            subject=_subject(decoded.claims),
            claims=decoded.claims,
            client_id=client_id,
        )

    async def sign_out_url(self, id_token: str, return_to: str) -> str:
        """Where to send the browser to sign out at the provider too; else ``return_to``."""
        endpoint = (await self._metadata.get()).end_session_endpoint
        if not endpoint:
            return return_to
        values = {"client_id": self._client_id, "post_logout_redirect_uri": return_to}
        if id_token:
            values["id_token_hint"] = id_token
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(values)}"

    async def check(self) -> None:
        """Raise unless discovery answers now and names the configured issuer."""
        await self._metadata.reload()

    async def close(self) -> None:
        """Nothing to give back: each call opens and closes its own connection.

        Calls are rare (one per sign-in, one per hour for keys), and a connection that is not
        shared cannot mix up two people's tokens.
        """

    def _code(self, query: Mapping[str, str], begun: SignInStart, metadata: "_Metadata") -> str:
        """The authorization code of a callback that is an answer to ``begun``."""
        if not _same(query.get("state", ""), begun.state):
            raise SignInRefused("state")
        issuer = query.get("iss")
        if issuer is None and metadata.sends_issuer:
            raise SignInRefused("callback_issuer_missing")
        if issuer is not None and issuer != self._issuer:
            raise SignInRefused("callback_issuer")
        if "error" in query:
            raise SignInRefused(_error_code(query["error"]))
        code = query.get("code", "")
        if not code or len(code) > _CODE_CHARS_MAX:
            raise SignInRefused("code_missing")
        return code

    async def _exchange(
        self, metadata: "_Metadata", code: str, begun: SignInStart, redirect_uri: str
    ) -> str:
        """The id token for a code."""
        client = AsyncOAuth2Client(
            client_id=self._client_id,
            client_secret=self._client_secret,
            token_endpoint_auth_method=metadata.client_authentication,
            transport=_Bounded(self._tls),
            timeout=self._timeout_seconds,
            trust_env=False,
        )
        try:
            async with _answering(self._timeout_seconds), client:
                answer = await client.fetch_token(
                    metadata.token_endpoint,
                    grant_type="authorization_code",
                    code=code,
                    redirect_uri=redirect_uri,
                    code_verifier=begun.code_verifier,
                )
        except OAuthError as error:
            raise SignInRefused(f"token_endpoint_{_error_code(error.error)}") from None
        except (ValueError, TypeError):  # not JSON, not an object, not text
            raise SignInRefused("token_answer") from None
        id_token = answer.get("id_token")
        if not isinstance(id_token, str) or not id_token:
            raise SignInRefused("id_token_missing")
        return id_token

    async def _id_claims(self, id_token: str, nonce: str) -> Mapping[str, object]:
        """The claims of an id token that was made for us and for this sign-in."""
        decoded = await self._decode(id_token)
        if _bare_type(decoded.header.get("typ")) not in {"", "jwt"}:
            raise SignInRefused("token_type")
        claims = decoded.claims
        self._check_claims(claims, self._client_id)
        audience = claims.get("aud")
        is_shared = isinstance(audience, list) and len(audience) > 1
        if (is_shared or "azp" in claims) and claims.get("azp") != self._client_id:
            raise SignInRefused("claim_azp")
        given = claims.get("nonce")
        if not isinstance(given, str) or not _same(given, nonce):
            raise SignInRefused("nonce")
        return claims

    def _check_claims(self, claims: dict[str, object], audience: str) -> None:
        registry = jwt.JWTClaimsRegistry(
            now=int(self._now()),
            leeway=self._leeway_seconds,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
        )
        try:
            registry.validate(claims)
        except ExpiredTokenError:
            raise SignInRefused("expired") from None
        except ClaimError as error:
            raise SignInRefused(f"claim_{error.claim}") from None

    async def _decode(self, token: str) -> jwt.Token:
        """The token, its signature checked with a key the provider publishes.

        An unknown key id or a bad signature makes us look at the published keys once more: the
        provider may have a new key, under a new id or (restarted without its key file) the old.
        """
        header = _header(token)
        decoded = _verified(token, header, await self._keys.get())
        if decoded is None and await self._keys.reload_if_allowed(_FORCED_RELOAD_SECONDS):
            decoded = _verified(token, header, await self._keys.get())
        if decoded is None:
            raise SignInRefused("signature")
        return decoded

    async def _load_metadata(self) -> "_Metadata":
        url = self._issuer.rstrip("/") + "/.well-known/openid-configuration"
        return _metadata(await self._fetch(url), self._issuer)

    async def _load_keys(self) -> Sequence[Key]:
        return _signing_keys(await self._fetch((await self._metadata.get()).jwks_uri))

    async def _fetch(self, url: str) -> Mapping[str, object]:
        """The JSON object at ``url``."""
        client = httpx2.AsyncClient(
            transport=_Bounded(self._tls), timeout=self._timeout_seconds, trust_env=False
        )
        async with _answering(self._timeout_seconds), client:
            response = await client.get(url, headers={"Accept": "application/json"})
            if response.status_code != httpx2.codes.OK:
                raise SignInUnavailable
        try:
            answer = response.json()
        except (ValueError, RecursionError):
            raise SignInRefused("answer_not_json") from None
        if not isinstance(answer, dict):
            raise SignInRefused("answer_not_json")
        return answer


# -- discovery -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Metadata:
    """What we use of the provider's discovery document."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str
    sends_issuer: bool
    client_authentication: str
    scopes: Sequence[str]


def _metadata(answer: Mapping[str, object], issuer: str) -> _Metadata:
    if answer.get("issuer") != issuer:
        raise SignInRefused("metadata_issuer")
    return _Metadata(
        authorization_endpoint=_endpoint(answer, "authorization_endpoint", issuer),
        token_endpoint=_endpoint(answer, "token_endpoint", issuer),
        jwks_uri=_endpoint(answer, "jwks_uri", issuer),
        end_session_endpoint=_endpoint(answer, "end_session_endpoint", issuer, is_optional=True),
        sends_issuer=answer.get("authorization_response_iss_parameter_supported") is True,
        client_authentication=_client_authentication(answer),
        scopes=_scopes(answer),
    )


def _endpoint(
    answer: Mapping[str, object], name: str, issuer: str, *, is_optional: bool = False
) -> str:
    """An address the provider names; never less protected than the issuer itself."""
    url = answer.get(name)
    if url is None and is_optional:
        return ""
    if not isinstance(url, str) or not _is_safe_url(url):
        raise SignInRefused(f"metadata_{name}")
    if urlsplit(issuer).scheme == "https" and urlsplit(url).scheme != "https":
        raise SignInRefused(f"metadata_{name}")
    return url


def _client_authentication(answer: Mapping[str, object]) -> str:
    """HTTP Basic, which every provider must support, unless it says that it does not."""
    methods = answer.get("token_endpoint_auth_methods_supported")
    if isinstance(methods, list) and "client_secret_basic" not in methods:
        return "client_secret_post"
    return "client_secret_basic"


def _scopes(answer: Mapping[str, object]) -> Sequence[str]:
    """``groups`` is no standard scope: providers that do not know it may refuse the request."""
    supported = answer.get("scopes_supported")
    if isinstance(supported, list) and "groups" in supported:
        return (*_SCOPES, "groups")
    return _SCOPES


def _is_safe_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# -- what is remembered --------------------------------------------------------------------


class _Cached(Generic[_T]):
    """One loaded value. Whoever asks while it is being loaded shares that attempt's outcome."""

    def __init__(
        self, load: Callable[[], Awaitable[_T]], fresh_seconds: float, now: Callable[[], float]
    ) -> None:
        self._load = load
        self._fresh_seconds = fresh_seconds
        self._now = now
        self._lock = asyncio.Lock()
        self._value: _T | None = None
        self._due = 0.0
        self._forced_at: float | None = None
        self._attempts = 0
        self._failure: Exception | None = None

    async def get(self) -> _T:
        """The value; an old one rather than none when the provider is down."""
        if self._value is not None and self._now() < self._due:
            return self._value
        try:
            return await self.reload()
        except SignInUnavailable:
            if self._value is None:
                raise
            self._due = self._now() + _STALE_RETRY_SECONDS
            return self._value

    async def reload(self) -> _T:
        """Load now, or wait for the load that is already going on."""
        attempts = self._attempts
        async with self._lock:
            if self._attempts == attempts:
                await self._attempt()
            if self._failure is not None:
                raise self._failure
            if self._value is None:
                raise SignInUnavailable
            return self._value

    async def reload_if_allowed(self, pause_seconds: float) -> bool:
        """Load now unless this was already done within ``pause_seconds``; was it?"""
        forced_at = self._forced_at
        if forced_at is not None and 0 <= self._now() - forced_at < pause_seconds:
            return False
        self._forced_at = self._now()
        await self.reload()
        return True

    async def _attempt(self) -> None:
        self._failure = None
        try:
            self._value = await self._load()
            self._due = self._now() + self._fresh_seconds
        except (SignInUnavailable, SignInRefused) as failure:
            self._failure = failure
        self._attempts += 1


# -- keys and signatures -------------------------------------------------------------------


def _signing_keys(answer: Mapping[str, object]) -> Sequence[Key]:
    """The usable keys of a JWK set; a key we cannot use must not spoil the others."""
    published = answer.get("keys")
    if not isinstance(published, list):
        raise SignInRefused("keys")
    keys = []
    for jwk in published[:_KEYS_MAX]:
        if isinstance(jwk, dict) and _may_sign(jwk):
            try:
                keys.append(import_key(jwk))
            except (JoseError, ValueError, TypeError, KeyError):
                continue
    return tuple(keys)


def _may_sign(jwk: Mapping[str, object]) -> bool:
    if jwk.get("use", "sig") != "sig" or not isinstance(jwk.get("kid", ""), str):
        return False
    if jwk.get("kty") == "RSA":
        modulus = jwk.get("n")
        return isinstance(modulus, str) and len(modulus) >= _RSA_MODULUS_CHARS_MIN
    return jwk.get("kty") == "EC" and jwk.get("crv") == "P-256"


def _header(token: str) -> Mapping[str, object]:
    """The header of a signed token whose algorithm we allow; not yet verified."""
    if not token.isascii() or len(token) > _TOKEN_CHARS_MAX:
        raise SignInRefused("token_malformed")
    try:
        header: Mapping[str, object] = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
        raise SignInRefused("token_malformed") from None
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in _ALGORITHMS:
        raise SignInRefused("algorithm")
    return header


def _verified(token: str, header: Mapping[str, object], keys: Sequence[Key]) -> jwt.Token | None:
    """The token as signed with one of ``keys``, or None when none of them made it."""
    algorithm, key_id = str(header["alg"]), header.get("kid")
    # Headers we do not know must be ignored (RFC 7515, 4); ``crit`` is still honoured.
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    for key in keys:
        is_right_kind = isinstance(key, RSAKey if _ALGORITHMS[algorithm] == "RSA" else ECKey)
        is_named = key_id is None or key.kid is None or key.kid == key_id
        if not is_right_kind or not is_named or key.alg not in {None, algorithm}:
            continue
        try:
            return jwt.decode(token, key, registry=registry)
        except BadSignatureError:
            continue
        except (JoseError, ValueError, TypeError, RecursionError):
            raise SignInRefused("token_malformed") from None
    return None


def _subject(claims: Mapping[str, object]) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _SUBJECT_CHARS_MAX:
        raise SignInRefused("claim_sub")
    return subject


def _bare_type(name: object) -> str:
    """A ``typ`` header value without case and without the prefix ``application/``."""
    return name.lower().removeprefix("application/") if isinstance(name, str) else ""


def _same(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode(), expected.encode())


def _error_code(given: object) -> str:
    """The provider's error code, if it is one that may stand in a log."""
    is_plain = isinstance(given, str) and re.fullmatch(r"[a-z_]{1,40}", given)
    return str(given) if is_plain else "provider_error"


# -- the network ---------------------------------------------------------------------------


def _tls(issuer: str) -> ssl.SSLContext:
    """The machine's certificate authorities; none (nobody is trusted) for an http issuer.

    Loading them takes 40 ms, which a provider on the loopback is spared.
    """
    if urlsplit(issuer).scheme == "https":
        return ssl.create_default_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@asynccontextmanager
async def _answering(seconds: float) -> AsyncIterator[None]:
    """Whatever goes wrong on the way is "unavailable", after ``seconds`` at the latest.

    The client's own limits are per read; a provider that drips one byte a second would pass.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ssl.SSLError):
        raise SignInUnavailable from None


class _Bounded(httpx2.AsyncHTTPTransport):
    """A connection that refuses answers too large, and compressed ones (they may grow)."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls, trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers["Accept-Encoding"] = "identity"
        response = await super().handle_async_request(request)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            await response.aclose()
            raise httpx2.DecodingError("compressed although not asked for", request=request)
        if not isinstance(response.stream, httpx2.AsyncByteStream):
            raise httpx2.ReadError("no stream", request=request)
        response.stream = _BoundedStream(response.stream)
        return response


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        async for chunk in self._stream:
            received += len(chunk)
            if received > _ANSWER_BYTES_MAX:
                raise httpx2.ReadError("answer too large")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
