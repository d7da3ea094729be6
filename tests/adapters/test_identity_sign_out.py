"""Logout tokens of a provider that tells the truth, and of one that does not."""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from joserfc.jwk import ECKey, RSAKey
from tests.adapters.hostile_provider import (
    ABSENT,
    AUDIENCE,
    CLIENT_ID,
    CLIENT_SECRET,
    LOGOUT_EVENT,
    SID,
    SUBJECT,
    HostileProvider,
    signed_with_secret,
    unsigned,
    with_other_claims,
    without_signature,
)
from tests.asgi import served

from kursdocs.adapters.identity import OidcProvider
from kursdocs.core.ports import ProviderSignOut, SignInRefused, SignInUnavailable

KEY = ECKey.generate_key("P-256", {"kid": "key-1"})
FOREIGN_KEY = ECKey.generate_key("P-256", {"kid": "key-1"})


def now() -> int:
    """The present second; asked when a token is made, because the tests may run much later."""
    return int(time.time())


Change = Callable[[HostileProvider], object]


@pytest.fixture
def provider() -> Iterator[HostileProvider]:
    """A provider that is correct until the test changes it."""
    made: list[HostileProvider] = []

    def build(url: str):  # type: ignore[no-untyped-def]  # Starlette's own type
        made.append(HostileProvider(url, KEY))
        return made[0].app()

    with served(build):
        yield made[0]


def told(provider: HostileProvider, token: str | None = None) -> ProviderSignOut:
    client = OidcProvider(provider.issuer, CLIENT_ID, CLIENT_SECRET, AUDIENCE, timeout_seconds=2.0)
    return asyncio.run(client.signed_out(provider.logout_token() if token is None else token))


def test_a_logout_token_says_whose_session_ended(provider: HostileProvider) -> None:
    found = told(provider)

    assert (found.issuer, found.subject, found.sid) == (provider.issuer, SUBJECT, SID)
    assert abs(found.issued_at - datetime.now(UTC)).total_seconds() < 10


ACCEPTED: dict[str, Change] = {
    "no type": lambda p: p.logout_header.update(typ=ABSENT),
    "type JWT": lambda p: p.logout_header.update(typ="JWT"),
    "full media type": lambda p: p.logout_header.update(typ="application/logout+jwt"),
    "session alone": lambda p: p.logout_claims.update(sub=ABSENT),
    "person alone": lambda p: p.logout_claims.update(sid=ABSENT),
    "no exp, as several providers send it": lambda p: p.logout_claims.update(exp=ABSENT),
    "no id of its own": lambda p: p.logout_claims.update(jti=ABSENT),
    "several audiences": lambda p: p.logout_claims.update(aud=["other", CLIENT_ID]),
    "another event beside": lambda p: p.logout_claims.update(events={LOGOUT_EVENT: {}, "x": {}}),
    "clock a little ahead": lambda p: p.logout_claims.update(iat=now() + 30, exp=now() + 150),
    "time with a fraction": lambda p: p.logout_claims.update(iat=now() - 0.5),
}


@pytest.mark.parametrize("change", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_the_standard_or_its_users_allow_is_accepted(
    provider: HostileProvider, change: Change
) -> None:
    change(provider)

    found = told(provider)

    assert found.subject in (SUBJECT, "")
    assert found.sid in (SID, "")
    assert found.subject or found.sid


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_rsa_signatures_are_accepted(provider: HostileProvider, algorithm: str) -> None:
    provider.key, provider.algorithm = RSAKey.generate_key(2048, {"kid": "key-1"}), algorithm
    provider.publish(provider.key)

    assert told(provider).sid == SID


REFUSED: dict[str, tuple[Change, str]] = {
    "algorithm none": (lambda p: setattr(p, "forge", unsigned("none")), "algorithm"),
    "a shared secret": (
        lambda p: setattr(p, "forge", signed_with_secret(CLIENT_SECRET.encode(), "key-1")),
        "algorithm",
    ),
    "foreign key": (lambda p: setattr(p, "key", FOREIGN_KEY), "signature"),
    "stripped signature": (lambda p: setattr(p, "forge", without_signature), "signature"),
    "changed claims": (
        lambda p: setattr(p, "forge", with_other_claims(sub="vera.probe")),
        "signature",
    ),
    "not a token": (lambda p: setattr(p, "forge", lambda t: "a.b.c"), "token_malformed"),
    "empty": (lambda p: setattr(p, "forge", lambda t: ""), "token_malformed"),
    "access token": (lambda p: p.logout_header.update(typ="at+jwt"), "token_type"),
    "wrong issuer": (lambda p: p.logout_claims.update(iss="https://evil.example"), "claim_iss"),
    "missing issuer": (lambda p: p.logout_claims.update(iss=ABSENT), "claim_iss"),
    "other audience": (lambda p: p.logout_claims.update(aud="other"), "claim_aud"),
    "audience of the API": (lambda p: p.logout_claims.update(aud=AUDIENCE), "claim_aud"),
    "missing audience": (lambda p: p.logout_claims.update(aud=ABSENT), "claim_aud"),
    "expired": (lambda p: p.logout_claims.update(exp=now() - 3600), "expired"),
    "expiry that is no time": (lambda p: p.logout_claims.update(exp="soon"), "claim_exp"),
    "old, without exp": (lambda p: p.logout_claims.update(exp=ABSENT, iat=now() - 3600), "expired"),
    "old, valid for ever": (lambda p: p.logout_claims.update(exp=now() * 2, iat=1), "expired"),
    "issued in the future": (lambda p: p.logout_claims.update(iat=now() + 3600), "claim_iat"),
    "missing iat": (lambda p: p.logout_claims.update(iat=ABSENT), "claim_iat"),
    "iat without end": (lambda p: p.logout_claims.update(iat=float("-inf")), "claim_iat"),
    "no event": (lambda p: p.logout_claims.update(events=ABSENT), "claim_events"),
    "another event": (lambda p: p.logout_claims.update(events={"x": {}}), "claim_events"),
    "events as a list": (lambda p: p.logout_claims.update(events=[LOGOUT_EVENT]), "claim_events"),
    "event as text": (
        lambda p: p.logout_claims.update(events={LOGOUT_EVENT: "yes"}),
        "claim_events",
    ),
    "nonce": (lambda p: p.logout_claims.update(nonce="n"), "claim_nonce"),
    "empty nonce": (lambda p: p.logout_claims.update(nonce=None), "claim_nonce"),
    "nobody": (lambda p: p.logout_claims.update(sub=ABSENT, sid=ABSENT), "claim_sub"),
    "empty session": (lambda p: p.logout_claims.update(sid=""), "claim_sid"),
    "session as a list": (lambda p: p.logout_claims.update(sid=[SID]), "claim_sid"),
    "endless session": (lambda p: p.logout_claims.update(sid="s" * 256), "claim_sid"),
    "person as a number": (lambda p: p.logout_claims.update(sub=7), "claim_sub"),
}


@pytest.mark.parametrize(("change", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_hostile_logout_token_is_refused(
    provider: HostileProvider, change: Change, reason: str
) -> None:
    change(provider)

    with pytest.raises(SignInRefused) as caught:
        told(provider)
    assert caught.value.reason == reason


def test_an_id_token_signs_nobody_out(provider: HostileProvider) -> None:
    provider.nonce = "nonce"

    with pytest.raises(SignInRefused):
        told(provider, provider.id_token())


def test_without_the_providers_keys_nothing_is_said(provider: HostileProvider) -> None:
    token = provider.logout_token()
    provider.delays["/jwks"] = 5.0

    with pytest.raises(SignInUnavailable):
        told(provider, token)
