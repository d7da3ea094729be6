"""What must be true before anybody is served, beyond all parts belonging together.

A key store that is older than the database (put back from a backup without the other) answers and
belongs to us, yet the newest papers cannot be opened. Whoever goes on with it makes new keys in
it: then the right key store, once it is found, lacks those. So a start is refused while it can
still be exchanged. A few missing keys are damage for which there is nothing to exchange; keeping a
whole town from working would mend nothing: it starts, loudly, and the daily check names them.
"""

from uuid import UUID

import structlog

from kursdocs.core.documents import lifecycle
from kursdocs.core.ports import ForeignInstance, KeyMissing, Tampered
from kursdocs.services import Services

SAMPLED = 20
"""So many of the newest and of the oldest documents are looked at."""

FEW = 5
"""So many of these may lack their key and it is still a start."""

_log = structlog.get_logger()


class KeyStoreTooOld(ForeignInstance):
    """Many documents have no key: this key store is not the one that they were sealed with."""


def require_keys(services: Services) -> None:
    """Look whether some of the newest and the oldest documents have their keys.

    Raises :class:`KeyStoreTooOld` when more than a few have none, or not one of several has; and
    ``Unavailable``. A few are logged as an error.
    """
    with services.transaction() as session:
        looked_at = lifecycle.ends(session, limit=SAMPLED)
    missing = sum(not _has_key(services, document_id) for document_id in looked_at)
    if not missing:
        return
    _log.error("keys.missing", looked_at=len(looked_at), missing=missing)
    if missing > FEW or missing == len(looked_at) > 1:
        raise KeyStoreTooOld(
            f"Of {len(looked_at)} papers looked at, {missing} have no key: the key store is older"
            " than the database. Put the newest key store back, or bring all parts to the same"
            " moment (kursdocs restore). Only when their keys are lost for good: start with"
            " --despite-missing-keys."
        )


def _has_key(services: Services, document_id: UUID) -> bool:
    try:
        services.keys.get(document_id)
    except KeyMissing:
        return False
    except Tampered:
        return True  # Damage of another kind, which the check names.
    return True
