"""The sign-in adapter against a provider that lies, fails and dawdles, over real connections."""

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
import pytest
from joserfc.jwk import ECKey, RSAKey
from starlette.responses import (
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.adapters.hostile_provider import (
    ABSENT,
    AUDIENCE,
    CLIENT_ID,
    CLIENT_SECRET,
    SUBJECT,
    HostileProvider,
    signed_with_secret,
    unsigned,
    with_other_claims,
    without_signature,
)
from tests.asgi import self_signed, served

from kursdocs.adapters.identity import OidcProvider
from kursdocs.core.ports import (
    Identity,
    SignInProvider,
    SignInRefused,
    SignInStart,
    SignInUnavailable,
)

REDIRECT_URI = "http://127.0.0.1:8000/sign-in/callback"
KEY = ECKey.generate_key("P-256", {"kid": "key-1"})
FOREIGN_KEY = ECKey.generate_key("P-256", {"kid": "key-1"})
FUTURE = int(time.time()) + 3600
PAST = int(time.time()) - 3600

_T = TypeVar("_T")
Change = Callable[[HostileProvider], object]


@pytest.fixture(scope="module")
def stage() -> Iterator[list[HostileProvider]]:
    """One server for all tests; whoever stands last on the stage answers."""
    providers: list[HostileProvider] = []

    def build(url: str) -> ASGIApp:
        providers.append(HostileProvider(url, KEY))

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await providers[-1].app()(scope, receive, send)

        return app

    with served(build):
        yield providers


@pytest.fixture
def provider(stage: list[HostileProvider]) -> HostileProvider:
    """A provider that is correct until the test changes it."""
    stage.append(HostileProvider(stage[0].issuer, KEY))
    return stage[-1]


@pytest.fixture
def rsa_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "key-1"})


def client_of(provider: HostileProvider, **settings: Any) -> OidcProvider:
    return OidcProvider(
        provider.issuer, CLIENT_ID, CLIENT_SECRET, AUDIENCE, **{"timeout_seconds": 2.0, **settings}
    )


def run(work: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run(work)


async def callback(begun: SignInStart) -> dict[str, str]:
    """What the browser brings back from the provider."""
    async with httpx2.AsyncClient(verify=False) as browser:
        answer = await browser.get(begun.url)
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query, keep_blank_values=True))


async def sign_in(client: OidcProvider) -> Identity:
    begun = await client.begin(REDIRECT_URI)
    return await client.finish(await callback(begun), begun, REDIRECT_URI)


def refusal(work: Coroutine[Any, Any, object]) -> str:
    """The reason for which ``work`` is refused."""
    with pytest.raises(SignInRefused) as caught:
        run(work)
    return caught.value.reason


# -- what must work ------------------------------------------------------------------------


def test_a_person_signs_in(provider: HostileProvider) -> None:
    client: SignInProvider = client_of(provider)
    assert isinstance(client, OidcProvider)

    identity = run(sign_in(client))

    assert (identity.issuer, identity.subject) == (provider.issuer, SUBJECT)
    assert identity.claims["groups"] == ["vhs-musterstadt:clerk"]
    assert identity.id_token.count(".") == 2
    assert not identity.is_service


def test_the_way_out_carries_state_nonce_and_a_pkce_challenge(provider: HostileProvider) -> None:
    begun = run(client_of(provider).begin(REDIRECT_URI))

    asked = parse_qs(urlsplit(begun.url).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["code_challenge"] != [begun.code_verifier]
    assert asked["state"] == [begun.state]
    assert asked["nonce"] == [begun.nonce]
    assert asked["redirect_uri"] == [REDIRECT_URI]
    assert asked["scope"] == ["openid profile email"]


def test_the_scope_groups_is_asked_for_only_where_it_is_known(provider: HostileProvider) -> None:
    provider.metadata = {"scopes_supported": ["openid", "groups"]}

    begun = run(client_of(provider).begin(REDIRECT_URI))

    assert parse_qs(urlsplit(begun.url).query)["scope"] == ["openid profile email groups"]


def test_the_code_is_exchanged_with_the_verifier(provider: HostileProvider) -> None:
    async def work() -> SignInStart:
        client = client_of(provider)
        begun = await client.begin(REDIRECT_URI)
        await client.finish(await callback(begun), begun, REDIRECT_URI)
        return begun

    begun = run(work())

    (form,) = provider.token_forms
    assert form["code_verifier"] == begun.code_verifier
    assert form["redirect_uri"] == REDIRECT_URI
    assert "client_secret" not in form  # HTTP Basic


def test_the_secret_goes_into_the_body_where_basic_is_not_supported(
    provider: HostileProvider,
) -> None:
    provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}

    run(sign_in(client_of(provider)))

    assert provider.token_forms[0]["client_secret"] == CLIENT_SECRET


def test_two_tabs_sign_in_at_once(provider: HostileProvider) -> None:
    async def work() -> list[str]:
        client = client_of(provider)
        first, second = await client.begin(REDIRECT_URI), await client.begin(REDIRECT_URI)
        back = [await callback(first)]
        provider.nonce = first.nonce
        identities = [await client.finish(back[0], first, REDIRECT_URI)]
        identities.append(await client.finish(await callback(second), second, REDIRECT_URI))
        return [identity.subject for identity in identities]

    assert run(work()) == [SUBJECT, SUBJECT]


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_rsa_signatures_are_accepted(
    provider: HostileProvider, rsa_key: RSAKey, algorithm: str
) -> None:
    provider.key, provider.algorithm = rsa_key, algorithm
    provider.publish(rsa_key)

    assert run(sign_in(client_of(provider))).subject == SUBJECT


def _no_issuer_anywhere(provider: HostileProvider) -> None:
    provider.metadata = {"authorization_response_iss_parameter_supported": ABSENT}
    provider.callback = {"iss": ABSENT}


def _no_key_id_anywhere(provider: HostileProvider) -> None:
    provider.id_header = {"kid": ABSENT}
    provider.publish(KEY, kid=ABSENT)


TOLERATED: dict[str, Change] = {
    "several audiences with azp": lambda p: p.id_claims.update(
        aud=[CLIENT_ID, "other"], azp=CLIENT_ID
    ),
    "audience as a list of one": lambda p: p.id_claims.update(aud=[CLIENT_ID]),
    "no typ": lambda p: p.id_header.update(typ=ABSENT),
    "no kid in the token": lambda p: p.id_header.update(kid=ABSENT),
    "no kid anywhere": _no_key_id_anywhere,
    "no kid among the keys": lambda p: p.publish(KEY, kid=ABSENT),
    "no issuer in the callback where none is promised": _no_issuer_anywhere,
    "a clock 30 seconds fast": lambda p: p.id_claims.update(iat=int(time.time()) + 30),
    "expired for 30 seconds": lambda p: p.id_claims.update(exp=int(time.time()) - 30),
    "keys we cannot use beside ours": lambda p: p.published.insert(
        0, {"kty": "AKP", "kid": "key-1", "alg": "ML-DSA-44", "pub": "AA"}
    ),
    "a damaged key beside ours": lambda p: p.published.insert(
        0, {"kty": "EC", "crv": "P-256", "kid": "key-1", "x": "AA"}
    ),
}


@pytest.mark.parametrize("change", TOLERATED.values(), ids=TOLERATED.keys())
def test_what_the_standards_allow_is_accepted(provider: HostileProvider, change: Change) -> None:
    change(provider)

    assert run(sign_in(client_of(provider))).subject == SUBJECT


# -- hostile sign-ins ----------------------------------------------------------------------


def _foreign_key_in_header(provider: HostileProvider) -> None:
    provider.key = FOREIGN_KEY
    provider.id_header = {"jwk": FOREIGN_KEY.as_dict(private=False), "kid": ABSENT}


def _foreign_key_address(provider: HostileProvider) -> None:
    provider.key = FOREIGN_KEY
    provider.id_header = {"jku": f"{provider.issuer}/other-keys"}


def _small_key(provider: HostileProvider) -> None:
    with pytest.warns(match="2048"):
        provider.key = RSAKey.generate_key(1024, {"kid": "key-1"})
    provider.algorithm = "RS256"
    provider.publish(provider.key)


def _public_key_as_secret(provider: HostileProvider) -> None:
    provider.forge = signed_with_secret(KEY.as_pem(private=False), KEY.kid)


def _replayed_token(provider: HostileProvider) -> None:
    provider.nonce = "the nonce of yesterday"
    provider.answer = {"id_token": provider.id_token()}


REFUSED: dict[str, tuple[Change, str]] = {
    "algorithm none": (lambda p: setattr(p, "forge", unsigned("none")), "algorithm"),
    "algorithm nOnE": (lambda p: setattr(p, "forge", unsigned("nOnE")), "algorithm"),
    "HS256 with the public key": (_public_key_as_secret, "algorithm"),
    "HS256 with the client secret": (
        lambda p: setattr(p, "forge", signed_with_secret(CLIENT_SECRET.encode(), KEY.kid)),
        "algorithm",
    ),
    "foreign key": (lambda p: setattr(p, "key", FOREIGN_KEY), "signature"),
    "foreign key in the header": (_foreign_key_in_header, "signature"),
    "foreign key by address": (_foreign_key_address, "signature"),
    "unknown key id": (lambda p: p.id_header.update(kid="key-2"), "signature"),
    "key for encryption": (lambda p: p.publish(KEY, use="enc"), "signature"),
    "key for another algorithm": (lambda p: p.publish(KEY, alg="ES512"), "signature"),
    "RSA key of 1024 bits": (_small_key, "signature"),
    "no keys": (lambda p: p.publish(), "signature"),
    "stripped signature": (lambda p: setattr(p, "forge", without_signature), "signature"),
    "changed claims": (
        lambda p: setattr(p, "forge", with_other_claims(sub="karin.beispiel")),
        "signature",
    ),
    "encrypted token": (lambda p: setattr(p, "forge", lambda t: t + ".AA.AA"), "token_malformed"),
    "no token at all": (lambda p: setattr(p, "forge", lambda t: "certainly"), "token_malformed"),
    "token not ASCII": (lambda p: setattr(p, "forge", lambda t: t + "é"), "token_malformed"),
    "enormous token": (lambda p: p.id_claims.update(name="M" * 20_000), "token_malformed"),
    "no id token": (lambda p: p.answer.update(id_token=ABSENT), "id_token_missing"),
    "id token null": (lambda p: p.answer.update(id_token=None), "id_token_missing"),
    "wrong nonce": (lambda p: p.id_claims.update(nonce="another"), "nonce"),
    "missing nonce": (lambda p: p.id_claims.update(nonce=ABSENT), "nonce"),
    "nonce not text": (lambda p: p.id_claims.update(nonce=["a"]), "nonce"),
    "replayed id token": (_replayed_token, "nonce"),
    "wrong audience": (lambda p: p.id_claims.update(aud="other"), "claim_aud"),
    "audience of the API": (lambda p: p.id_claims.update(aud=AUDIENCE), "claim_aud"),
    "no audiences": (lambda p: p.id_claims.update(aud=[]), "claim_aud"),
    "missing audience": (lambda p: p.id_claims.update(aud=ABSENT), "claim_aud"),
    "several audiences without azp": (
        lambda p: p.id_claims.update(aud=[CLIENT_ID, "other"]),
        "claim_azp",
    ),
    "several audiences for another party": (
        lambda p: p.id_claims.update(aud=[CLIENT_ID, "other"], azp="other"),
        "claim_azp",
    ),
    "issued for another party": (lambda p: p.id_claims.update(azp="other"), "claim_azp"),
    "expired": (lambda p: p.id_claims.update(exp=PAST), "expired"),
    "missing exp": (lambda p: p.id_claims.update(exp=ABSENT), "claim_exp"),
    "exp as text": (lambda p: p.id_claims.update(exp="never"), "claim_exp"),
    "issued in the future": (lambda p: p.id_claims.update(iat=FUTURE), "claim_iat"),
    "missing iat": (lambda p: p.id_claims.update(iat=ABSENT), "claim_iat"),
    "not yet valid": (lambda p: p.id_claims.update(nbf=FUTURE), "claim_nbf"),
    "wrong issuer": (lambda p: p.id_claims.update(iss="https://evil.example"), "claim_iss"),
    "issuer with a slash": (lambda p: p.id_claims.update(iss=p.issuer + "/"), "claim_iss"),
    "missing issuer": (lambda p: p.id_claims.update(iss=ABSENT), "claim_iss"),
    "missing subject": (lambda p: p.id_claims.update(sub=ABSENT), "claim_sub"),
    "empty subject": (lambda p: p.id_claims.update(sub=""), "claim_sub"),
    "endless subject": (lambda p: p.id_claims.update(sub="m" * 256), "claim_sub"),
    "access token as id token": (lambda p: p.id_header.update(typ="at+jwt"), "token_type"),
    "logout token as id token": (lambda p: p.id_header.update(typ="logout+jwt"), "token_type"),
    "callback without issuer": (lambda p: p.callback.update(iss=ABSENT), "callback_issuer_missing"),
    "callback of another issuer": (
        lambda p: p.callback.update(iss="https://evil.example"),
        "callback_issuer",
    ),
    "callback of another issuer, unasked": (
        lambda p: (
            p.metadata.update(authorization_response_iss_parameter_supported=False),
            p.callback.update(iss="https://evil.example"),
        ),
        "callback_issuer",
    ),
    "callback with another state": (lambda p: p.callback.update(state="another"), "state"),
    "callback without state": (lambda p: p.callback.update(state=ABSENT), "state"),
    "callback with an error": (lambda p: p.callback.update(error="access_denied"), "access_denied"),
    "callback with a forged log line": (
        lambda p: p.callback.update(error="x\nINFO all is well"),
        "provider_error",
    ),
    "callback without code": (lambda p: p.callback.update(code=ABSENT), "code_missing"),
    "callback with an empty code": (lambda p: p.callback.update(code=""), "code_missing"),
    "metadata of another issuer": (
        lambda p: p.metadata.update(issuer="https://evil.example"),
        "metadata_issuer",
    ),
    "metadata issuer with a slash": (
        lambda p: p.metadata.update(issuer=p.issuer + "/"),
        "metadata_issuer",
    ),
    "metadata without token endpoint": (
        lambda p: p.metadata.update(token_endpoint=ABSENT),
        "metadata_token_endpoint",
    ),
    "secret to be sent over plain http": (
        lambda p: p.metadata.update(token_endpoint="http://evil.example/token"),
        "metadata_token_endpoint",
    ),
    "script as sign-in page": (
        lambda p: p.metadata.update(authorization_endpoint="javascript:alert(1)"),
        "metadata_authorization_endpoint",
    ),
    "metadata as a list": (
        lambda p: p.replies.update({"/.well-known/openid-configuration": JSONResponse([])}),
        "answer_not_json",
    ),
    "metadata as a page": (
        lambda p: p.replies.update(
            {"/.well-known/openid-configuration": PlainTextResponse("<h1>Wartung</h1>")}
        ),
        "answer_not_json",
    ),
    "metadata nested without end": (
        lambda p: p.replies.update(
            {"/.well-known/openid-configuration": PlainTextResponse("[" * 200_000)}
        ),
        "answer_not_json",
    ),
    "keys that are no list": (
        lambda p: p.replies.update({"/jwks": JSONResponse({"keys": "none"})}),
        "keys",
    ),
    "token answer as a page": (
        lambda p: p.replies.update({"/token": PlainTextResponse("<h1>Bitte warten</h1>")}),
        "token_answer",
    ),
    "token answer as a list": (
        lambda p: p.replies.update({"/token": JSONResponse(["id_token"])}),
        "token_answer",
    ),
    "token endpoint refuses the code": (
        lambda p: p.replies.update({"/token": JSONResponse({"error": "invalid_grant"}, 400)}),
        "token_endpoint_invalid_grant",
    ),
    "token endpoint refuses in prose": (
        lambda p: p.replies.update({"/token": JSONResponse({"error": {"no": "!"}}, 400)}),
        "token_endpoint_provider_error",
    ),
}


@pytest.mark.parametrize(("change", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_hostile_sign_in_is_refused(
    provider: HostileProvider, change: Change, reason: str
) -> None:
    change(provider)

    assert refusal(sign_in(client_of(provider))) == reason


# -- providers that do not answer ----------------------------------------------------------


async def _dripping() -> AsyncIterator[bytes]:
    while True:
        yield b" "
        await asyncio.sleep(0.05)


def _compressed() -> Response:
    return Response(
        gzip.compress(b" " * 10_000_000),
        media_type="application/json",
        headers={"Content-Encoding": "gzip"},
    )


DISCOVERY = "/.well-known/openid-configuration"
UNAVAILABLE: dict[str, Change] = {
    "slow discovery": lambda p: p.delays.update({DISCOVERY: 2.0}),
    "slow keys": lambda p: p.delays.update({"/jwks": 2.0}),
    "slow token endpoint": lambda p: p.delays.update({"/token": 2.0}),
    "dripping discovery": lambda p: p.replies.update({DISCOVERY: StreamingResponse(_dripping())}),
    "dripping token endpoint": lambda p: p.replies.update(
        {"/token": StreamingResponse(_dripping())}
    ),
    "discovery gone": lambda p: p.replies.update({DISCOVERY: PlainTextResponse("", 404)}),
    "discovery moved": lambda p: p.replies.update(
        {DISCOVERY: RedirectResponse("https://evil.example")}
    ),
    "keys failing": lambda p: p.replies.update({"/jwks": PlainTextResponse("", 503)}),
    "token endpoint failing": lambda p: p.replies.update({"/token": PlainTextResponse("", 502)}),
    "token endpoint moved": lambda p: p.replies.update(
        {"/token": RedirectResponse("https://evil.example")}
    ),
    "endless discovery": lambda p: p.replies.update(
        {DISCOVERY: PlainTextResponse(json.dumps({"issuer": p.issuer, "more": "x" * 600_000}))}
    ),
    "endless token answer": lambda p: p.replies.update(
        {"/token": PlainTextResponse(" " * 600_000)}
    ),
    "compressed token answer": lambda p: p.replies.update({"/token": _compressed()}),
    "nobody at the token endpoint": lambda p: p.metadata.update(
        token_endpoint="http://127.0.0.1:9/token"
    ),
}


@pytest.mark.parametrize("change", UNAVAILABLE.values(), ids=UNAVAILABLE.keys())
def test_a_provider_that_does_not_answer_is_unavailable(
    provider: HostileProvider, change: Change
) -> None:
    change(provider)

    with pytest.raises(SignInUnavailable):
        run(sign_in(client_of(provider, timeout_seconds=0.4)))


def test_a_provider_that_is_down_does_not_stop_the_start() -> None:
    client = OidcProvider("http://127.0.0.1:9", CLIENT_ID, CLIENT_SECRET, AUDIENCE)

    for work in (client.check(), client.begin(REDIRECT_URI), client.bearer("e30.e30.e30")):
        with pytest.raises((SignInUnavailable, SignInRefused)):
            run(work)


def test_errors_name_neither_codes_nor_tokens(provider: HostileProvider) -> None:
    provider.replies["/token"] = JSONResponse(
        {"error": "invalid_grant", "error_description": "code-1 has expired"}, 400
    )

    with pytest.raises(SignInRefused) as caught:
        run(sign_in(client_of(provider)))

    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "code-1" not in str(caught.value)


# -- bearer tokens -------------------------------------------------------------------------


def test_a_program_is_recognised(provider: HostileProvider) -> None:
    identity = run(client_of(provider).bearer(provider.access_token()))

    assert identity.subject == "vhs-musterstadt"
    assert identity.client_id == "vhs-musterstadt"
    assert identity.is_service


def test_a_person_behind_a_program_is_no_service(provider: HostileProvider) -> None:
    provider.access_claims = {"sub": SUBJECT, "client_id": ABSENT, "azp": "vhs-musterstadt"}

    identity = run(client_of(provider).bearer(provider.access_token()))

    assert (identity.subject, identity.client_id) == (SUBJECT, "vhs-musterstadt")
    assert not identity.is_service


BEARERS: dict[str, Change] = {
    "full media type": lambda p: p.access_header.update(typ="application/at+jwt"),
    "capital letters": lambda p: p.access_header.update(typ="AT+JWT"),
    "several audiences": lambda p: p.access_claims.update(aud=["other", AUDIENCE]),
}


@pytest.mark.parametrize("change", BEARERS.values(), ids=BEARERS.keys())
def test_a_bearer_token_within_the_standard_is_accepted(
    provider: HostileProvider, change: Change
) -> None:
    change(provider)

    assert run(client_of(provider).bearer(provider.access_token())).is_service


REFUSED_BEARERS: dict[str, tuple[Change, str]] = {
    "algorithm none": (lambda p: setattr(p, "forge", unsigned("none")), "algorithm"),
    "HS256 with the public key": (_public_key_as_secret, "algorithm"),
    "foreign key": (lambda p: setattr(p, "key", FOREIGN_KEY), "signature"),
    "unknown key id": (lambda p: p.access_header.update(kid="key-2"), "signature"),
    "key id that is no text": (
        lambda p: setattr(
            p, "forge", lambda t: "eyJhbGciOiJFUzI1NiIsImtpZCI6WzFdfQ" + t[t.index(".") :]
        ),
        "signature",
    ),
    "stripped signature": (lambda p: setattr(p, "forge", without_signature), "signature"),
    "unknown critical header": (
        lambda p: setattr(
            p,
            "forge",
            lambda t: "eyJhbGciOiJFUzI1NiIsImNyaXQiOlsieCJdLCJ4IjoxfQ" + t[t.index(".") :],
        ),
        "token_malformed",
    ),
    "not a token": (lambda p: setattr(p, "forge", lambda t: "a.b"), "token_malformed"),
    "empty token": (lambda p: setattr(p, "forge", lambda t: ""), "token_malformed"),
    "header that is a list": (
        lambda p: setattr(p, "forge", lambda t: "W10.W10.AA"),
        "token_malformed",
    ),
    "no type": (lambda p: p.access_header.update(typ=ABSENT), "token_type"),
    "type JWT": (lambda p: p.access_header.update(typ="JWT"), "token_type"),
    "logout token": (lambda p: p.access_header.update(typ="logout+jwt"), "token_type"),
    "other audience": (lambda p: p.access_claims.update(aud="urn:other"), "claim_aud"),
    "audience of the pages": (lambda p: p.access_claims.update(aud=CLIENT_ID), "claim_aud"),
    "no audiences": (lambda p: p.access_claims.update(aud=[]), "claim_aud"),
    "missing audience": (lambda p: p.access_claims.update(aud=ABSENT), "claim_aud"),
    "audience as an object": (lambda p: p.access_claims.update(aud={AUDIENCE: 1}), "claim_aud"),
    "expired": (lambda p: p.access_claims.update(exp=PAST), "expired"),
    "missing exp": (lambda p: p.access_claims.update(exp=ABSENT), "claim_exp"),
    "issued in the future": (lambda p: p.access_claims.update(iat=FUTURE), "claim_iat"),
    "wrong issuer": (lambda p: p.access_claims.update(iss="https://evil.example"), "claim_iss"),
    "missing subject": (lambda p: p.access_claims.update(sub=ABSENT), "claim_sub"),
    "client id as a list": (
        lambda p: p.access_claims.update(client_id=["vhs-musterstadt"]),
        "claim_client_id",
    ),
}


@pytest.mark.parametrize(("change", "reason"), REFUSED_BEARERS.values(), ids=REFUSED_BEARERS.keys())
def test_a_hostile_bearer_token_is_refused(
    provider: HostileProvider, change: Change, reason: str
) -> None:
    change(provider)

    assert refusal(client_of(provider).bearer(provider.access_token())) == reason


def test_an_id_token_is_no_bearer_token(provider: HostileProvider) -> None:
    token = provider.id_token()

    assert refusal(client_of(provider).bearer(token)) == "token_type"
    assert refusal(client_of(provider, token_types=("JWT",)).bearer(token)) == "claim_aud"


def test_the_type_jwt_is_accepted_when_configured(provider: HostileProvider) -> None:
    provider.access_header["typ"] = "JWT"

    client = client_of(provider, token_types=("at+jwt", "JWT"))

    assert run(client.bearer(provider.access_token())).is_service


# -- keys and metadata over time -----------------------------------------------------------


def test_a_new_key_is_found(provider: HostileProvider) -> None:
    client = client_of(provider)
    run(sign_in(client))
    provider.key = ECKey.generate_key("P-256", {"kid": "key-2"})
    provider.publish(KEY, provider.key)

    assert run(sign_in(client)).subject == SUBJECT


def test_a_new_key_under_the_old_id_is_found(provider: HostileProvider) -> None:
    client = client_of(provider)
    run(sign_in(client))
    provider.key = FOREIGN_KEY
    provider.publish(FOREIGN_KEY)

    assert run(sign_in(client)).subject == SUBJECT
    assert run(client.bearer(provider.access_token())).is_service


def test_forged_tokens_do_not_make_us_hammer_the_provider(provider: HostileProvider) -> None:
    client = client_of(provider)
    provider.key = FOREIGN_KEY
    token = provider.access_token()

    for _ in range(5):
        assert refusal(client.bearer(token)) == "signature"

    assert provider.asked["/jwks"] == 2


def test_keys_can_be_looked_up_again_after_the_pause(provider: HostileProvider) -> None:
    clock = [time.time()]
    client = client_of(provider, now=lambda: clock[0])
    provider.key = FOREIGN_KEY
    assert refusal(client.bearer(provider.access_token())) == "signature"

    provider.publish(FOREIGN_KEY)
    assert refusal(client.bearer(provider.access_token())) == "signature"
    clock[0] += 11

    assert run(client.bearer(provider.access_token())).is_service


def test_discovery_and_keys_are_loaded_once_for_all(provider: HostileProvider) -> None:
    async def work() -> None:
        client = client_of(provider)
        token = provider.access_token()
        await asyncio.gather(*(client.bearer(token) for _ in range(10)))
        await sign_in(client)

    run(work())

    assert provider.asked[DISCOVERY] == 1
    assert provider.asked["/jwks"] == 1


def test_those_who_wait_together_fail_together(provider: HostileProvider) -> None:
    provider.delays[DISCOVERY] = 2.0

    async def work() -> list[object]:
        client = client_of(provider, timeout_seconds=0.3)
        waiting = (client.begin(REDIRECT_URI) for _ in range(10))
        return await asyncio.gather(*waiting, return_exceptions=True)

    began = time.monotonic()
    outcomes = run(work())

    assert all(isinstance(outcome, SignInUnavailable) for outcome in outcomes)
    assert time.monotonic() - began < 2.0
    assert provider.asked[DISCOVERY] == 1


def test_a_withdrawn_key_is_forgotten_within_the_hour(provider: HostileProvider) -> None:
    clock = [time.time()]
    client = client_of(provider, now=lambda: clock[0], leeway_seconds=7200)
    token = provider.access_token()
    assert run(client.bearer(token)).is_service

    provider.publish(ECKey.generate_key("P-256", {"kid": "key-2"}))
    assert run(client.bearer(token)).is_service
    clock[0] += 3601

    assert refusal(client.bearer(token)) == "signature"


def test_what_is_known_serves_on_while_the_provider_is_down(provider: HostileProvider) -> None:
    clock = [time.time()]
    client = client_of(provider, now=lambda: clock[0], leeway_seconds=200_000)
    token = provider.access_token()
    assert run(client.bearer(token)).is_service

    provider.replies = {
        DISCOVERY: PlainTextResponse("", 503),
        "/jwks": PlainTextResponse("", 503),
    }
    clock[0] += 90_000

    assert run(client.bearer(token)).is_service
    with pytest.raises(SignInUnavailable):
        run(client.check())


def test_an_issuer_that_changed_over_night_is_noticed(provider: HostileProvider) -> None:
    clock = [time.time()]
    client = client_of(provider, now=lambda: clock[0])
    run(client.begin(REDIRECT_URI))
    provider.metadata["issuer"] = "https://evil.example"
    clock[0] += 90_000

    assert refusal(client.begin(REDIRECT_URI)) == "metadata_issuer"


def test_the_check_asks_the_provider_each_time(provider: HostileProvider) -> None:
    client = client_of(provider)

    run(client.check())
    run(client.check())
    run(client.close())

    assert provider.asked[DISCOVERY] == 2


# -- https ---------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Key and certificate for 127.0.0.1, signed by itself."""
    return self_signed(tmp_path)


@pytest.fixture
def https_provider(certificate: Path) -> Iterator[HostileProvider]:
    """A provider behind that certificate."""
    built: list[HostileProvider] = []

    def build(url: str) -> ASGIApp:
        built.append(HostileProvider(url, KEY))
        return built[0].app()

    with served(build, tls=certificate):
        yield built[0]


def test_a_provider_is_trusted_by_the_authorities_of_the_machine(
    https_provider: HostileProvider, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = https_provider.access_token()
    with pytest.raises(SignInUnavailable):
        run(client_of(https_provider).bearer(token))

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    assert run(client_of(https_provider).bearer(token)).is_service


def test_an_https_provider_may_not_name_an_address_without_protection(
    https_provider: HostileProvider, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    https_provider.metadata["token_endpoint"] = "http://127.0.0.1:9/token"

    assert refusal(client_of(https_provider).begin(REDIRECT_URI)) == "metadata_token_endpoint"


def test_an_http_provider_cannot_vouch_for_an_https_address(
    provider: HostileProvider, https_provider: HostileProvider
) -> None:
    provider.metadata["jwks_uri"] = f"{https_provider.issuer}/jwks"

    with pytest.raises(SignInUnavailable):
        run(client_of(provider).bearer(provider.access_token()))


# -- sign-out and settings -----------------------------------------------------------------


def test_signing_out_goes_by_way_of_the_provider(provider: HostileProvider) -> None:
    url = run(client_of(provider).sign_out_url("the.id.token", "http://127.0.0.1:8000/"))

    assert url.startswith(f"{provider.issuer}/end-session?")
    assert parse_qs(urlsplit(url).query) == {
        "client_id": [CLIENT_ID],
        "post_logout_redirect_uri": ["http://127.0.0.1:8000/"],
        "id_token_hint": ["the.id.token"],
    }


def test_signing_out_stays_here_where_the_provider_has_no_sign_out(
    provider: HostileProvider,
) -> None:
    provider.metadata["end_session_endpoint"] = ABSENT

    assert run(client_of(provider).sign_out_url("t", "/signed-out")) == "/signed-out"


@pytest.mark.parametrize(
    "issuer",
    [
        "http://login.musterstadt.example",
        "http://127.0.0.1@login.musterstadt.example",
        "http://0.0.0.0:8000",
        "login.musterstadt.example",
        "https://",
        "https://login.musterstadt.example?tenant=1",
        "http://[broken",
        "",
    ],
)
def test_an_unprotected_issuer_is_refused(issuer: str) -> None:
    with pytest.raises(ValueError, match="issuer"):
        OidcProvider(issuer, CLIENT_ID, CLIENT_SECRET, AUDIENCE)


@pytest.mark.parametrize(
    "issuer",
    [
        "https://login.musterstadt.example/realms/stadt",
        "http://localhost:9000",
        "http://[::1]:9000",
    ],
)
def test_a_protected_or_local_issuer_is_accepted(issuer: str) -> None:
    OidcProvider(issuer, CLIENT_ID, CLIENT_SECRET, AUDIENCE)


def test_the_audience_must_differ_from_the_client_id() -> None:
    with pytest.raises(ValueError, match="audience"):
        OidcProvider("https://login.musterstadt.example", CLIENT_ID, CLIENT_SECRET, CLIENT_ID)


def test_a_secret_that_no_header_can_carry_is_refused() -> None:
    with pytest.raises(ValueError, match="ASCII"):
        OidcProvider("https://login.musterstadt.example", CLIENT_ID, "Schlüssel\n", AUDIENCE)
