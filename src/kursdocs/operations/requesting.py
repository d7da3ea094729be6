"""The end of requests, each in a transaction of its own: see ``core.requests.retention``.

It acts by the local day and can be repeated at any time.
"""

from collections.abc import Callable, Sequence
from uuid import UUID

import structlog
from sqlmodel import Session

from kursdocs.core.requests import retention
from kursdocs.core.workdays import local_date
from kursdocs.services import Services

BATCH = 500
DUTY = "retention"

_log = structlog.get_logger()


def tidy(services: Services) -> dict[str, int]:
    """End what nobody answered, and forget the people in what is over; returns how many each."""

    def lapse(session: Session, request_id: UUID) -> bool:
        return retention.lapse(session, request_id, duty=DUTY, now=services.clock())

    def forget(session: Session, request_id: UUID) -> bool:
        return retention.forget(session, request_id, now=services.clock())

    done = {
        "lapsed": _all(services, retention.lapse_due, lapse),
        "forgotten": _all(services, retention.forget_due, forget),
    }
    if any(done.values()):
        _log.info("requests.tidied", **done)
    return done


def _all(
    services: Services,
    due: Callable[..., Sequence[UUID]],
    step: Callable[[Session, UUID], bool],
) -> int:
    """Do this step for everything that is due, until nothing more changes."""
    total = 0
    while True:
        with services.transaction() as session:
            ids = due(session, today=local_date(services.clock()), limit=BATCH)
        changed = sum(_one(services, request_id, step) for request_id in ids)
        total += changed
        if len(ids) < BATCH or not changed:
            return total


def _one(services: Services, request_id: UUID, step: Callable[[Session, UUID], bool]) -> bool:
    with services.transaction() as session:
        return step(session, request_id)
