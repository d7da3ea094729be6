"""Follow-ups by the day: opened when they are due to be told, ended when they are over.

Entry point: :func:`refresh`, once an hour and before reminders are planned. It can be repeated at
any time.
"""

import structlog

from kursdocs.core.follow_ups import opening
from kursdocs.core.follow_ups.opening import Refreshed
from kursdocs.services import Services

_log = structlog.get_logger()


def refresh(services: Services) -> Refreshed:
    """Bring the follow-ups of all agencies up to date; raises ``Unavailable``.

    Rule by rule: while one transaction writes to SQLite, nobody else can.
    """
    catalogue, now = services.catalogue, services.clock()
    with services.transaction() as session:
        done = opening.tidy(session, catalogue, now=now)
    for rule in catalogue.follow_ups:
        with services.transaction() as session:
            done += opening.look_at(session, rule, now=now)
    if done.opened or done.ended:
        _log.info("follow_ups.refreshed", opened=done.opened, ended=done.ended)
    return done
