"""The municipality's OpenID provider: sign-in, sign-out, access tokens.

Authlib speaks OAuth (authorization code with PKCE, client authentication), joserfc checks
signatures. What Authlib leaves to its caller is done here: algorithms are pinned (never taken
from the provider's metadata), the issuer is compared to the letter, the callback's ``iss``
(RFC 9207), id token and nonce are mandatory, audiences and token types are always checked.

Nothing is kept between ``begin`` and ``finish``: the caller stores the :class:`SignInStart`, so
that two tabs can sign in at once. Must not know sessions, users, roles or databases. Never logs,
and never puts a token, a code or a claim into an error.

Reading order: :class:`OidcProvider`, then the modules beside it.
"""

import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlencode, urlsplit

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import Key

from kursdocs.adapters.identity import claims
from kursdocs.adapters.identity.cache import Cached
from kursdocs.adapters.identity.discovery import Metadata, is_safe_url, read_metadata
from kursdocs.adapters.identity.network import Bounded, answering, tls_for
from kursdocs.adapters.identity.signatures import header_of, signing_keys, verified
from kursdocs.core.ports import (
    Identity,
    ProviderSignOut,
    SignInRefused,
    SignInStart,
    SignInUnavailable,
)

_METADATA_SECONDS = 24 * 3600.0
_KEYS_SECONDS = 3600.0  # a key the provider has withdrawn must not be trusted for longer
_FORCED_RELOAD_SECONDS = 10.0  # forged tokens must not make us hammer the provider

_CODE_CHARS_MAX = 4 * 1024
_ID_TOKEN_TYPES = frozenset({"", "jwt"})
_LOGOUT_TOKEN_TYPES = frozenset({"logout+jwt", "jwt", ""})


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
        if not is_safe_url(issuer) or urlsplit(issuer).query or urlsplit(issuer).fragment:
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
        self._access_types = frozenset(claims.bare_type(name) for name in token_types)
        self._leeway_seconds = leeway_seconds
        self._timeout_seconds = timeout_seconds
        self._now = now
        self._tls = tls_for(issuer)
        self._metadata = Cached(self._load_metadata, _METADATA_SECONDS, now)
        self._keys = Cached(self._load_keys, _KEYS_SECONDS, now)

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
        said = await self._id_claims(id_token, begun.nonce)
        return Identity(
            issuer=self._issuer, subject=claims.subject(said), claims=said, id_token=id_token
        )

    async def bearer(self, token: str) -> Identity:
        """Check an access token for this API: signature, type, issuer, audience and times.

        ``client_id`` of the identity is the program the token was issued to; if that is the
        subject too, the program acts for itself. Raises :class:`SignInRefused`,
        :class:`SignInUnavailable`.
        """
        decoded = await self._decode(token)
        claims.require_type(decoded, self._access_types)
        self._check_claims(decoded.claims, self._audience)
        client_id = decoded.claims.get("client_id") or decoded.claims.get("azp") or ""
        if not isinstance(client_id, str):
            raise SignInRefused("claim_client_id")
        return Identity(
            issuer=self._issuer,
            subject=claims.subject(decoded.claims),
            claims=decoded.claims,
            client_id=client_id,
        )

    async def signed_out(self, logout_token: str) -> ProviderSignOut:
        """Check a logout token (OpenID Connect Back-Channel Logout 1.0, 2.6): who is signed out.

        Raises :class:`SignInRefused`, :class:`SignInUnavailable`.
        """
        decoded = await self._decode(logout_token)
        claims.require_type(decoded, _LOGOUT_TOKEN_TYPES)
        # Several providers in use leave ``exp`` out (Keycloak before 24, LemonLDAP::NG): refusing
        # them would leave sessions open. The age counts instead, and bounds all others as well.
        self._check_claims(decoded.claims, self._client_id, ("iss", "aud", "iat"))
        return claims.sign_out(decoded.claims, now=int(self._now()))

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

    def _code(self, query: Mapping[str, str], begun: SignInStart, metadata: Metadata) -> str:
        """The authorization code of a callback that is an answer to ``begun``."""
        if not claims.same(query.get("state", ""), begun.state):
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
        self, metadata: Metadata, code: str, begun: SignInStart, redirect_uri: str
    ) -> str:
        """The id token for a code."""
        client = AsyncOAuth2Client(
            client_id=self._client_id,
            client_secret=self._client_secret,
            token_endpoint_auth_method=metadata.client_authentication,
            transport=Bounded(self._tls),
            timeout=self._timeout_seconds,
            trust_env=False,
        )
        try:
            async with answering(self._timeout_seconds), client:
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
        claims.require_type(decoded, _ID_TOKEN_TYPES)
        self._check_claims(decoded.claims, self._client_id)
        claims.require_party(decoded.claims, self._client_id)
        claims.require_nonce(decoded.claims, nonce)
        return decoded.claims

    def _check_claims(
        self, said: dict[str, object], audience: str, essential: Sequence[str] = claims.ESSENTIAL
    ) -> None:
        claims.check(
            said,
            issuer=self._issuer,
            audience=audience,
            essential=essential,
            now=int(self._now()),
            leeway_seconds=self._leeway_seconds,
        )

    async def _decode(self, token: str) -> jwt.Token:
        """The token, its signature checked with a key the provider publishes.

        An unknown key id or a bad signature makes us look at the published keys once more: the
        provider may have a new key, under a new id or (restarted without its key file) the old.
        """
        header = header_of(token)
        decoded = verified(token, header, await self._keys.get())
        if decoded is None and await self._keys.reload_if_allowed(_FORCED_RELOAD_SECONDS):
            decoded = verified(token, header, await self._keys.get())
        if decoded is None:
            raise SignInRefused("signature")
        return decoded

    async def _load_metadata(self) -> Metadata:
        url = self._issuer.rstrip("/") + "/.well-known/openid-configuration"
        return read_metadata(await self._fetch(url), self._issuer)

    async def _load_keys(self) -> Sequence[Key]:
        return signing_keys(await self._fetch((await self._metadata.get()).jwks_uri))

    async def _fetch(self, url: str) -> Mapping[str, object]:
        """The JSON object at ``url``."""
        client = httpx2.AsyncClient(
            transport=Bounded(self._tls), timeout=self._timeout_seconds, trust_env=False
        )
        async with answering(self._timeout_seconds), client:
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


def _error_code(given: object) -> str:
    """The provider's error code, if it is one that may stand in a log."""
    is_plain = isinstance(given, str) and re.fullmatch(r"[a-z_]{1,40}", given)
    return str(given) if is_plain else "provider_error"
