"""Mending what can be mended: only what is explained, each again looked at under its lock.

Nothing that counts as loss is touched, and what nobody can explain is set aside, never deleted.
:func:`mend` is the entry point.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from uuid import UUID

import structlog

from kursdocs.core import outbox
from kursdocs.core.checks import Claim, Phase
from kursdocs.core.documents import checking as documents
from kursdocs.core.ports import ObjectMissing
from kursdocs.operations.fsck.damages import LOSSES, Damage, Finding
from kursdocs.operations.fsck.looking import LATE, NOUNS, Look
from kursdocs.operations.sweeping import sweep
from kursdocs.services import Services

_log = structlog.get_logger()


def mend(at: Look) -> Counter[Damage]:
    """Mend what was found and can be; returns how many of each, and strikes them from the look."""
    mended: Counter[Damage] = Counter()
    spared = LOSSES | ({Damage.KEY_UNUSED} if _may_open_something(at) else frozenset())
    reparable = [finding for finding in at.found.named if finding.damage not in spared]
    if any(finding.damage in _BY_SWEEPER for finding in reparable):
        _swept(at.services)
    for finding in reparable:
        if _MENDERS[finding.damage](at.services, finding):
            mended[finding.damage] += 1
            at.found.strike(finding)
    if mended:
        _log.info("fsck.mended", **{damage.value: count for damage, count in mended.items()})
    return mended


def _may_open_something(at: Look) -> bool:
    """Whether a key without a row may be the only one to what nobody can explain.

    So it is when rows were lost, or a database from before the papers was put back.
    """
    counts = at.found.counts
    is_unexplained = counts[Damage.DOCUMENT_VANISHED] or counts[Damage.UNTRACKED_OBJECT]
    return bool(is_unexplained or at.services.store.set_aside_names())


_BY_SWEEPER = frozenset((Damage.PENDING_OLD, Damage.HELD_OLD, Damage.LEFT_OBJECT, Damage.LEFT_KEY))


def _swept(services: Services) -> None:
    """The sweeper's own work, as often as there is any; each run takes a batch."""
    for _ in range(_SWEEPS_MAX):
        if not any(vars(sweep(services)).values()):
            return


_SWEEPS_MAX = 100


def _claim(services: Services, finding: Finding) -> Claim | None:
    with services.transaction() as session:
        found = (noun.claim_of(session, UUID(finding.subject)) for noun in NOUNS)
        return next((claim for claim in found if claim is not None), None)


def _set_aside(services: Services, finding: Finding) -> bool:
    """An object that no row names: it may be the only copy of something."""
    with services.transaction() as session:
        if any(noun.named(session, [finding.subject]) for noun in NOUNS):
            return False
    try:
        services.store.set_aside(finding.subject)
    except ObjectMissing:
        return True
    return True


def _removed(services: Services, finding: Finding) -> bool:
    """What lies in the stores of a row that is over; what is over never comes back."""
    claim = _claim(services, finding)
    if claim is None or claim.phase is not Phase.OVER:
        return claim is None
    services.keys.destroy(claim.id)
    services.store.delete(claim.object_name)
    return True


def _key_destroyed(services: Services, finding: Finding) -> bool:
    """A key whose row was never written: its intake has died long ago."""
    document_id = UUID(finding.subject)
    if _claim(services, finding) is not None:
        return False
    services.keys.destroy(document_id, unless_needed=True)
    return True


def _ended(services: Services, finding: Finding) -> bool:
    """Given up, or ended, by the sweeper."""
    claim = _claim(services, finding)
    if claim is None or claim.phase is Phase.OVER:
        return True
    return claim.due is None or claim.due >= services.clock() - LATE


def _judged(services: Services, finding: Finding) -> bool:
    """The scanner was asked again by the sweeper; if it does not answer, it stays as it is."""
    with services.transaction() as session:
        return not documents.is_unscanned(session, UUID(finding.subject))


def _cleared(services: Services, finding: Finding) -> bool:
    services.store.clear_unfinished([finding.subject])
    return True


def _indexed(services: Services, finding: Finding) -> bool:
    with services.transaction() as session:
        documents.index_again(session, UUID(finding.subject))
    return True


def _unstuck(services: Services, finding: Finding) -> bool:
    with services.transaction() as session:
        outbox.unstick(session, UUID(finding.subject), now=services.clock())
    return True


_MENDERS: Mapping[Damage, Callable[[Services, Finding], bool]] = {
    Damage.UNTRACKED_OBJECT: _set_aside,
    Damage.LEFT_OBJECT: _removed,
    Damage.LEFT_KEY: _removed,
    Damage.KEY_UNUSED: _key_destroyed,
    Damage.PENDING_OLD: _ended,
    Damage.UNFINISHED_OLD: _cleared,
    Damage.INDEX_MISSING: _indexed,
    Damage.MAIL_STUCK: _unstuck,
    Damage.HELD_OLD: _judged,
}
