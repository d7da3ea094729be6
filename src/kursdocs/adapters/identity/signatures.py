"""Keys the provider publishes, and tokens signed with them. Algorithms are pinned here."""

from collections.abc import Mapping, Sequence

from joserfc import jws, jwt
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import ECKey, Key, RSAKey, import_key

from kursdocs.core.ports import SignInRefused

_ALGORITHMS: Mapping[str, str] = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC"}
_TOKEN_CHARS_MAX = 16 * 1024
_KEYS_MAX = 32
_RSA_MODULUS_CHARS_MIN = 342  # 2048 bits in unpadded base64url


def signing_keys(answer: Mapping[str, object]) -> Sequence[Key]:
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


def header_of(token: str) -> Mapping[str, object]:
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


def verified(token: str, header: Mapping[str, object], keys: Sequence[Key]) -> jwt.Token | None:
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
