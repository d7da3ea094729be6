"""Whether what must hold does hold: rows, keys, objects, mails and the log against each other.

:func:`check` looks, mends on request and remembers what it found; :func:`daily` is the worker's
duty. The kinds of damage stand in ``damages``, how they are found without a false alarm on a
working installation in ``looking``, what may be mended in ``repairing``.
"""

import random
from datetime import timedelta

from kursdocs.core import checks
from kursdocs.core.checks import Depth, Health
from kursdocs.core.errors import Unavailable
from kursdocs.operations import last_backup
from kursdocs.operations.alarming import Alarm, alarm, alarm_within
from kursdocs.operations.fsck import repairing
from kursdocs.operations.fsck.damages import LOSSES, Damage, Finding, health_of
from kursdocs.operations.fsck.looking import look
from kursdocs.operations.fsck.report import Report, contents_of, keep
from kursdocs.services import Services

__all__ = ["LOSSES", "Damage", "Finding", "Report", "check", "daily", "health_of"]

SAMPLE_PERCENT = 1.0
"""So many of all papers are read by the daily check: in a hundred days, most of them."""

EVERY = timedelta(hours=23)
"""Once a day; a little less, so that the hour does not move on from day to day."""


def check(
    services: Services,
    depth: Depth = Depth.FAST,
    *,
    percent: float = SAMPLE_PERCENT,
    repair: bool = False,
    dice: random.Random | None = None,
) -> Report:
    """Look at everything, mend what can be mended if asked to, and remember what is left.

    What an earlier check found by reading is read again, so that a check that reads less does not
    make loss look mended. Raises ``Unavailable`` when a part does not answer; then nothing is
    remembered.
    """
    started_at = services.clock()
    with services.transaction() as session:
        before = checks.newest(session)
    seen = look(services, depth, percent=percent, wary_of=contents_of(before), dice=dice)
    mended = repairing.mend(seen) if repair else {}
    report = Report(
        depth=depth,
        started_at=started_at,
        ended_at=services.clock(),
        looked_at=dict(seen.seen),
        found={damage: count for damage, count in seen.found.counts.items() if count},
        named=tuple(seen.found.named),
        mended=dict(mended),
    )
    with services.transaction() as session:
        keep(session, report)
    return report


def daily(services: Services) -> Report | None:
    """The daily check, with the bytes of a few papers; ``None`` when today's was made.

    The operator is told of loss on each day on which it is found, when for days no check could
    be made, and when for days no copy was, where they are made. Raises ``Unavailable`` when a part
    does not answer.
    """
    now = services.clock()
    with services.transaction() as session:
        last, read = checks.newest(session), checks.newest_reading(session)
        if last_backup.is_late(session, now):
            alarm_within(services, session, Alarm.BACKUP_LATE, now=now)
    if read is not None and now - read.started_at < EVERY:
        return None
    try:
        report = check(services, Depth.SAMPLE)
    except Unavailable:
        if last is not None and now - last.started_at > checks.UNCHECKED:
            alarm(services, Alarm.INTEGRITY_UNCHECKED, now=now)
        raise
    if report.health is Health.LOSS:
        alarm(services, Alarm.INTEGRITY_LOSS, now=now)
    return report
