"""What must be true before anybody is served, beyond all parts belonging together.

A key store that is older than the database (put back from a backup without the other) answers and
belongs to us, yet the newest papers cannot be opened. Whoever goes on with it makes new keys in
it: then the right key store, once it is found, lacks those. So a start is refused while it can
still be exchanged. A few missing keys are damage for which there is nothing to exchange; keeping a
whole town from working would mend nothing: it starts, loudly, and the daily check names them.

The other way round, a database that is older than the key store lacks the newest papers, while
their objects and keys are still there. Whoever goes on with it makes two histories out of one. Each
key whose row was once committed says so (``KeyStore.prove``), so one look at the newest tells.
"""

from collections.abc import Sequence
from uuid import UUID

import structlog

from kursdocs.core.documents import lifecycle
from kursdocs.core.drafts import lifecycle as drafts
from kursdocs.core.ports import ForeignInstance, KeyMissing, Tampered
from kursdocs.services import Services

SAMPLED = 20
"""So many of the newest and of the oldest documents are looked at."""

FEW = 5
"""So many of these may lack their key and it is still a start."""

_log = structlog.get_logger()


class DatabaseTooOld(ForeignInstance):
    """The newest papers have keys and no rows: this database is from before they were sent."""


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


def require_rows(services: Services) -> None:
    """Look whether what the newest keys were made for is in the database.

    Raises :class:`DatabaseTooOld` when more than a few rows are missing, or each of several; and
    ``Unavailable``. A few are logged as an error.
    """
    missing = keys_without_row(services)
    if not missing:
        return
    looked_at = len(services.keys.newest_needed(SAMPLED))
    _log.error("keys.without_row", looked_at=looked_at, missing=len(missing))
    if len(missing) > FEW or len(missing) == looked_at > 1:
        raise DatabaseTooOld(
            f"Of the {looked_at} newest keys, {len(missing)} are of papers that are not in the"
            " database: it is older than the key store. Put the newest database back, or bring all"
            " parts to the same moment (kursdocs restore). Only when it is lost for good: start"
            " with --despite-missing-papers; no key is destroyed then either."
        )


def keys_without_row(services: Services) -> Sequence[UUID]:
    """Of the newest keys whose row was committed once, those that have none now."""
    newest = services.keys.newest_needed(SAMPLED)
    with services.transaction() as session:
        known = lifecycle.known_ids(session, newest) | drafts.known_ids(session, newest)
    # A draft's key goes before its row; both may have gone since the keys were listed.
    return [one for one in newest if one not in known and _has_key(services, one)]


def _has_key(services: Services, document_id: UUID) -> bool:
    try:
        services.keys.get(document_id)
    except KeyMissing:
        return False
    except Tampered:
        return True  # Damage of another kind, which the check names.
    return True
