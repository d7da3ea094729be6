"""Settling many deliveries at once: each on its own, so that one that fails stops no other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session

from kursdocs.core.access import Actor
from kursdocs.core.documents import settling
from kursdocs.core.errors import Conflict, Invalid, NotFound
from kursdocs.services import Services

DELIVERIES_MAX = 200
DONE = "done"


@dataclass(frozen=True)
class Outcome:
    """What became of one delivery: ``done``, or the code of what stood against it.

    ``by`` and ``at`` say who was quicker and when; for a claim ``at`` is until when it holds.
    """

    delivery_id: UUID
    code: str
    by: str = ""
    at: str = ""

    @property
    def is_done(self) -> bool:
        """Whether it is settled by this."""
        return self.code == DONE


def settle_many(
    services: Services,
    actor: Actor,
    delivery_ids: Sequence[UUID],
    *,
    reason: str = "",
    despite_claim: bool = False,
) -> Sequence[Outcome]:
    """Take all of them over, or give all back with the ``reason``; one outcome for each, in order.

    Raises ``Invalid``: ``deliveries_missing``, ``deliveries_too_many``, ``reason_unknown``; and
    ``Unavailable`` when the database fails in between: what was done until then stays done, and
    doing it again says so.
    """
    chosen = chosen_once(delivery_ids)
    if reason and services.catalogue.return_reason(reason) is None:
        raise Invalid("reason_unknown", field="reason")
    return [_settle(services, actor, one, reason, despite_claim) for one in chosen]


def undo_many(services: Services, actor: Actor, delivery_ids: Sequence[UUID]) -> Sequence[Outcome]:
    """Make all of them new again that the actor settled a moment ago; raises as above."""
    return [_undo(services, actor, one) for one in chosen_once(delivery_ids)]


def claim_many(services: Services, actor: Actor, delivery_ids: Sequence[UUID]) -> Sequence[Outcome]:
    """Let the colleagues see that the actor works on all of them; raises as above."""
    return [_claim(services, actor, one) for one in chosen_once(delivery_ids)]


def chosen_once(delivery_ids: Sequence[UUID]) -> Sequence[UUID]:
    """Each of them once, in order; raises ``Invalid`` when these are none or too many."""
    chosen = list(dict.fromkeys(delivery_ids))
    if not chosen:
        raise Invalid("deliveries_missing", field="deliveries")
    if len(chosen) > DELIVERIES_MAX:
        raise Invalid("deliveries_too_many", field="deliveries", limit=DELIVERIES_MAX)
    return chosen


def _settle(
    services: Services, actor: Actor, delivery_id: UUID, reason: str, despite_claim: bool
) -> Outcome:
    def act(session: Session) -> None:
        now, catalogue = services.clock(), services.catalogue
        if reason:
            settling.return_(
                session,
                actor,
                delivery_id,
                reason=reason,
                catalogue=catalogue,
                now=now,
                despite_claim=despite_claim,
            )
        else:
            settling.take_over(
                session,
                actor,
                delivery_id,
                catalogue=catalogue,
                now=now,
                despite_claim=despite_claim,
            )

    return _outcome(services, delivery_id, act)


def _undo(services: Services, actor: Actor, delivery_id: UUID) -> Outcome:
    def act(session: Session) -> None:
        settling.undo(
            session, actor, delivery_id, catalogue=services.catalogue, now=services.clock()
        )

    return _outcome(services, delivery_id, act)


def _claim(services: Services, actor: Actor, delivery_id: UUID) -> Outcome:
    def act(session: Session) -> None:
        settling.claim(session, actor, delivery_id, now=services.clock())

    return _outcome(services, delivery_id, act)


def _outcome(services: Services, delivery_id: UUID, act: Callable[[Session], None]) -> Outcome:
    try:
        with services.transaction() as session:
            act(session)
    except NotFound as error:
        return Outcome(delivery_id, error.code)
    except Conflict as error:
        at = error.details.get("at", error.details.get("until", ""))
        return Outcome(delivery_id, error.code, str(error.details.get("by", "")), str(at))
    return Outcome(delivery_id, DONE)
