"""The municipality's OpenID provider: sign-in, sign-out, access tokens.

``provider`` is the adapter itself, ``discovery`` what is used of the provider's own description,
``signatures`` and ``claims`` check tokens, ``cache`` is what is remembered, ``network`` the way
there.
"""

from kursdocs.adapters.identity.provider import OidcProvider

__all__ = ["OidcProvider"]
