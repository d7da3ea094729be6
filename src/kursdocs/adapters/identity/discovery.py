"""What we use of the provider's discovery document, and which addresses in it are safe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from kursdocs.core.ports import SignInRefused

_SCOPES = ("openid", "profile", "email")


@dataclass(frozen=True)
class Metadata:
    """What we use of the provider's discovery document."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str
    sends_issuer: bool
    client_authentication: str
    scopes: Sequence[str]


def read_metadata(answer: Mapping[str, object], issuer: str) -> Metadata:
    """The discovery document, checked; raises ``SignInRefused``."""
    if answer.get("issuer") != issuer:
        raise SignInRefused("metadata_issuer")
    return Metadata(
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
    if not isinstance(url, str) or not is_safe_url(url):
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


def is_safe_url(url: str) -> bool:
    """Whether what goes there cannot be read on the way: https, or http on the loopback."""
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
