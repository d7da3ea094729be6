"""Asking the stores for one paper: whether key and object are there, and whether they fit.

Reads and tells; decides nothing about rows. :func:`ask` is the entry point.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from kursdocs.core.checks import Claim
from kursdocs.core.ports import KeyMissing, KeysUnavailable, ObjectMissing, Tampered
from kursdocs.operations.fetching import Fetching
from kursdocs.operations.fsck.damages import Damage
from kursdocs.operations.sealing import OVERHEAD_BYTES, unseal
from kursdocs.services import Services


@dataclass(frozen=True)
class Asked:
    """What the stores answered; ``damages`` are those of a paper that needs both."""

    has_object: bool
    has_key: bool
    damages: Sequence[Damage] = ()
    bytes_read: int = 0


def ask(services: Services, objects: Fetching, claim: Claim) -> Asked:
    """Fetch, compare, open, compare; raises ``Unavailable`` when a store does not answer."""
    sealed = _object(objects, claim.object_name)
    key = _key(services, claim.id)
    damages: list[Damage] = []
    if sealed is None:
        damages.append(Damage.LOST_OBJECT)
    elif not isinstance(sealed, bytes) or not _is_as_stored(claim, sealed):
        damages.append(Damage.CORRUPT)
    if isinstance(key, Damage):
        damages.append(key)
    if not damages and isinstance(key, bytes) and isinstance(sealed, bytes):
        damages += _opened(claim, key, sealed)
    return Asked(
        has_object=sealed is not None,
        has_key=key is not Damage.KEY_MISSING,
        damages=damages,
        bytes_read=len(sealed) if isinstance(sealed, bytes) else 0,
    )


def has_key(services: Services, document_id: UUID) -> bool:
    """Whether there is a key, readable or not."""
    return _key(services, document_id) is not Damage.KEY_MISSING


def _object(objects: Fetching, name: str) -> bytes | Damage | None:
    try:
        return objects.get(name)
    except ObjectMissing:
        return None
    except Tampered:
        return Damage.CORRUPT  # Longer than anything that was ever put, or never handed out.


def _key(services: Services, document_id: UUID) -> bytes | Damage:
    try:
        return services.keys.get(document_id)
    except KeyMissing:
        return Damage.KEY_MISSING
    except Tampered:
        return Damage.KEY_UNREADABLE
    except KeysUnavailable:
        # The key store says so, too, of a key whose master key is not in the file.
        if _is_unreadable(services, document_id):
            return Damage.KEY_UNREADABLE
        raise


def _is_unreadable(services: Services, document_id: UUID) -> bool:
    before = UUID(int=max(document_id.int - 1, 0))
    page = services.keys.examine(before, 1)
    return any(key.document_id == document_id and not key.is_readable for key in page)


def _is_as_stored(claim: Claim, sealed: bytes) -> bool:
    if len(sealed) != claim.byte_size + OVERHEAD_BYTES:
        return False
    return claim.stored_sha256 in ("", hashlib.sha256(sealed).hexdigest())


def _opened(claim: Claim, key: bytes, sealed: bytes) -> Sequence[Damage]:
    try:
        plain = unseal(key, claim.id, sealed)
    except Tampered:
        # Of a draft nobody noted the hash of what is stored: then the bytes may be wrong as well.
        return [Damage.WRONG_KEY if claim.stored_sha256 else Damage.CORRUPT]
    if hashlib.sha256(plain).hexdigest() != claim.sha256:
        return [Damage.WRONG_CONTENT]
    return []
