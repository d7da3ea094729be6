"""Documents sealed with a key of their own, bound to the document they belong to.

Knows nothing of stores, key stores or files: bytes in, bytes out. Entry points: :func:`seal`,
:func:`unseal`.

A sealed document is ``KDS1``, 12 bytes nonce, then AES-256-GCM ciphertext with its 16 bytes tag.
The header and the document's id are authenticated with it. One call over the whole document,
because a construction of own segments would be cryptography of our own making.
"""

import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kursdocs.core.ports import Tampered

KEY_BYTES = 32

_HEADER = b"KDS1"  # the last character counts the format's versions
_NONCE_BYTES = 12
_TAG_BYTES = 16
_BODY = len(_HEADER) + _NONCE_BYTES

OVERHEAD_BYTES = _BODY + _TAG_BYTES
"""By how much a sealed document is longer."""


def seal(key: bytes, document_id: UUID, plain: bytes) -> bytes:
    """``plain`` sealed with ``key`` (32 bytes) for this document; two seals never look alike."""
    cipher = _cipher(key)
    # Random 96 bits are safe here: a key seals one document, a handful of times at most.
    nonce = os.urandom(_NONCE_BYTES)
    return b"".join((_HEADER, nonce, cipher.encrypt(nonce, plain, _bound_to(document_id))))


def unseal(key: bytes, document_id: UUID, sealed: bytes) -> bytes:
    """What was sealed; raises :class:`Tampered` unless key, document and every bit are the same."""
    cipher = _cipher(key)
    if len(sealed) < OVERHEAD_BYTES or not sealed.startswith(_HEADER):
        raise Tampered("not a sealed document")
    view = memoryview(sealed)  # Slices of it copy nothing.
    try:
        return cipher.decrypt(view[len(_HEADER) : _BODY], view[_BODY:], _bound_to(document_id))
    except InvalidTag as error:
        raise Tampered("sealed for another document or key, or altered") from error


def _cipher(key: bytes) -> AESGCM:
    if len(key) != KEY_BYTES:
        # AESGCM itself would take 16 bytes and silently be AES-128.
        raise ValueError(f"A document key has {KEY_BYTES} bytes.")
    return AESGCM(key)


def _bound_to(document_id: UUID) -> bytes:
    return _HEADER + document_id.bytes
