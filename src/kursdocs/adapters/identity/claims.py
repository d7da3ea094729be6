"""What a token claims, compared with what it must claim. Signatures are checked before."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from joserfc import jwt
from joserfc.errors import ClaimError, ExpiredTokenError

from kursdocs.core.ports import ProviderSignOut, SignInRefused

ESSENTIAL = ("iss", "aud", "exp", "iat", "sub")
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"

_TEXT_CHARS_MAX = 255  # of a subject: OpenID Connect Core 2
_LOGOUT_SECONDS_MAX = 600  # how old a logout token may be, whatever it says of itself


def check(
    said: dict[str, object],
    *,
    issuer: str,
    audience: str,
    essential: Sequence[str],
    now: int,
    leeway_seconds: int,
) -> None:
    """Issuer, audience and times; raises ``SignInRefused`` also when an essential one is absent."""
    options: dict[str, jwt.ClaimsOption] = {name: {"essential": True} for name in essential}
    options["iss"] = {"essential": True, "value": issuer}
    options["aud"] = {"essential": True, "value": audience}
    registry = jwt.JWTClaimsRegistry(now=now, leeway=leeway_seconds, **options)
    try:
        registry.validate(said)
    except ExpiredTokenError:
        raise SignInRefused("expired") from None
    except ClaimError as error:
        raise SignInRefused(f"claim_{error.claim}") from None


def require_type(token: jwt.Token, allowed: Collection[str]) -> None:
    """The header's ``typ`` keeps tokens of one purpose from being used for another."""
    if bare_type(token.header.get("typ")) not in allowed:
        raise SignInRefused("token_type")


def bare_type(name: object) -> str:
    """A ``typ`` header value without case and without the prefix ``application/``."""
    return name.lower().removeprefix("application/") if isinstance(name, str) else ""


def require_party(said: Mapping[str, object], client_id: str) -> None:
    """Of several audiences, or where one is named, we must be the one it was issued to."""
    audience = said.get("aud")
    is_shared = isinstance(audience, list) and len(audience) > 1
    if (is_shared or "azp" in said) and said.get("azp") != client_id:
        raise SignInRefused("claim_azp")


def require_nonce(said: Mapping[str, object], expected: str) -> None:
    """The token was made for this very sign-in."""
    given = said.get("nonce")
    if not isinstance(given, str) or not same(given, expected):
        raise SignInRefused("nonce")


def subject(said: Mapping[str, object]) -> str:
    """Whom the token speaks of."""
    return _text(said, "sub")


def _text(said: Mapping[str, object], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _TEXT_CHARS_MAX:
        raise SignInRefused(f"claim_{name}")
    return value


def sign_out(said: Mapping[str, object], *, now: int) -> ProviderSignOut:
    """Whom a logout token signs out; issuer, audience and times are checked already."""
    events = said.get("events")
    if not isinstance(events, Mapping) or not isinstance(events.get(LOGOUT_EVENT), Mapping):
        raise SignInRefused("claim_events")
    if "nonce" in said:
        # An id token, somehow got hold of, must not do as a logout token.
        raise SignInRefused("claim_nonce")
    issued = said["iat"]
    if not isinstance(issued, int | float) or not now - issued <= _LOGOUT_SECONDS_MAX:
        raise SignInRefused("expired")
    if "sub" not in said and "sid" not in said:
        raise SignInRefused("claim_sub")
    return ProviderSignOut(
        issuer=_text(said, "iss"),
        subject=_text(said, "sub") if "sub" in said else "",
        sid=_text(said, "sid") if "sid" in said else "",
        issued_at=datetime.fromtimestamp(int(issued), UTC),
    )


def same(given: str, expected: str) -> bool:
    """Compare without telling by time how much fits."""
    return secrets.compare_digest(given.encode(), expected.encode())
