"""The run of retention: what goes back, what is announced, what is erased, each by its rule.

It acts by the local day and can be repeated at any time: each step looks again under a lock, in a
transaction of its own, and what a crash left is found by the next run or by the sweeper.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import structlog
from sqlmodel import Session

from kursdocs.core import installation
from kursdocs.core.documents import erasing, holding, lifecycle, retention
from kursdocs.core.documents.tables import Document
from kursdocs.core.workdays import local_date
from kursdocs.operations import requesting, sweeping
from kursdocs.services import Services

BATCH = 500
DUTY = "retention"

_log = structlog.get_logger()


class Action(StrEnum):
    """What the run does, in the order in which it does it."""

    DATE = "date"
    END_UNAPPROVED = "end_unapproved"
    GIVE_BACK = "give_back"
    ANNOUNCE = "announce"
    ERASE = "erase"


_Due = Callable[..., Sequence[UUID]]
_Step = Callable[..., bool]

_STEPS: Sequence[tuple[Action, _Due, _Step]] = (
    (Action.DATE, erasing.undated, erasing.set_date),
    (Action.END_UNAPPROVED, erasing.unapproved_due, holding.end_unapproved),
    (Action.GIVE_BACK, erasing.untouched_due, erasing.give_back),
    (Action.ANNOUNCE, erasing.notice_due, erasing.announce),
    (Action.ERASE, erasing.erasing_due, erasing.erase),
)


@dataclass(frozen=True)
class Planned:
    """One thing that a run would do now: to which document, and by which rule."""

    action: Action
    document_id: UUID
    kind: str
    delete_on: date | None
    reason: str


def plan(services: Services, *, at: datetime) -> list[Planned]:
    """What a run at that moment would begin with; changes nothing.

    A document stands there once: what follows from the first step (an announcement from a date
    just found) is seen by planning for a later moment.
    """
    found: dict[UUID, Planned] = {}
    with services.transaction() as session:
        for action, due, _ in _STEPS:
            for document_id in due(session, today=local_date(at), limit=BATCH):
                if document_id not in found:
                    found[document_id] = _planned(services, session, action, document_id)
    return list(found.values())


def _planned(services: Services, session: Session, action: Action, document_id: UUID) -> Planned:
    document = session.get_one(Document, document_id)
    kind = services.catalogue.kind(document.kind)
    rule = retention.leaving(kind, document, lifecycle.deliveries_of(session, document_id))
    day, reason = document.delete_on, document.delete_reason
    if day is None and rule is not None:
        day, reason = rule.delete_on, rule.reason.value
    return Planned(action, document_id, document.kind, day, reason)


def run(services: Services) -> dict[Action, int]:
    """Do what is due today; returns how many documents each action changed.

    Raises ``Unavailable`` when a part is down: what was not finished is finished by a later run.
    """
    _follow_new_rules(services)
    done = {action: _all(services, due, step) for action, due, step in _STEPS}
    if any(done.values()):
        _log.info("retention.ran", **{action.value: count for action, count in done.items()})
    requesting.tidy(services)
    # What was forgotten must not stand in a log of changes; one that is read is emptied next time.
    if not services.database.empty_log():
        _log.warning("retention.log_in_use")
    sweeping.bury_tombstones(services)
    return done


def _follow_new_rules(services: Services) -> None:
    """A catalogue that keeps papers shorter, or longer, counts for those that are there too."""
    rules = retention.fingerprint(services.catalogue)
    with services.transaction() as session:
        if installation.follow_rules(session, rules, now=services.clock()):
            erasing.undate_all(session)


def _all(services: Services, due: _Due, step: _Step) -> int:
    """Do this step for everything that is due, until nothing more changes."""
    total = 0
    while True:
        with services.transaction() as session:
            ids = due(session, today=local_date(services.clock()), limit=BATCH)
        changed = sum(_one(services, document_id, step) for document_id in ids)
        total += changed
        if len(ids) < BATCH or not changed:
            return total


def _one(services: Services, document_id: UUID, step: _Step) -> bool:
    with services.transaction() as session:
        document = lifecycle.locked(session, document_id)
        if document is None:
            return False
        return step(
            session,
            lifecycle.system_of(document, DUTY),
            document_id,
            catalogue=services.catalogue,
            now=services.clock(),
        )
