"""Reminding: plan what is due, put it into the outbox, and give back what nobody took over.

The plan is made twice: when a mail is put into the outbox, and again when it is sent, so that it
says what is true then. Entry points: :func:`remind`, :func:`due_digest`, :func:`explain`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import structlog

from kursdocs.core import outbox
from kursdocs.core.access import Actor, ActorKind
from kursdocs.core.documents import settling
from kursdocs.core.reminders import plan, state
from kursdocs.core.reminders.plan import Digest, Overdue
from kursdocs.core.reminders.state import State
from kursdocs.operations.letters import wording
from kursdocs.services import Services

DUTY = "reminding"

_log = structlog.get_logger()


@dataclass(frozen=True)
class Reminded:
    """What one run did: mails put into the outbox, deliveries given back."""

    mails: int
    returned: int


def remind(services: Services) -> Reminded:
    """Give back what is overdue, then put the digests that are due now into the outbox."""
    found = _load(services)
    late = plan.overdue(services.catalogue, found, now=services.clock())
    returned = sum(_give_back(services, one) for one in late)
    if returned:
        # The senders are told today.
        found = _load(services)
    mails = sum(_put(services, digest) for digest in _joinable(services, _plan(services, found)))
    if mails or returned:
        _log.info("reminding.done", mails=mails, returned=returned)
    return Reminded(mails, returned)


def _load(services: Services, address: str = "") -> State:
    with services.transaction() as session:
        return state.load(session, now=services.clock(), address=address)


def _plan(services: Services, found: State) -> list[Digest]:
    """In the demo agencies are told at any hour of any day, still not more than once a day."""
    return plan.digests(
        services.catalogue, found, now=services.clock(), at_any_time=services.settings.demo
    )


def _joinable(services: Services, digests: Sequence[Digest]) -> Iterator[Digest]:
    """Those whose mail of the day is not over: what came after it is told on the next day."""
    with services.transaction() as session:
        ended = outbox.ended(session, [_dedupe(digest) for digest in digests])
    return (digest for digest in digests if _dedupe(digest) not in ended)


def _dedupe(digest: Digest) -> str:
    return f"digest:{digest.address}:{digest.day}"


def _give_back(services: Services, late: Overdue) -> bool:
    actor = Actor(kind=ActorKind.SYSTEM, display_name=DUTY, municipality_id=late.municipality_id)
    with services.transaction() as session:
        return settling.return_untouched(
            session,
            actor,
            late.delivery_id,
            now=services.clock(),
            catalogue=services.catalogue,
        )


def _put(services: Services, digest: Digest) -> bool:
    with services.transaction() as session:
        mail = outbox.put(
            session,
            dedupe=_dedupe(digest),
            address=digest.address,
            now=services.clock(),
            lapses_at=digest.lapses_at,
        )
    return mail is not None


def due_digest(services: Services, *, address: str) -> Digest | None:
    """What is due at one address now."""
    digests = _plan(services, _load(services, address))
    return next((digest for digest in digests if digest.address == address), None)


def explain(services: Services) -> Iterator[tuple[str, str]]:
    """What would happen now and why: (address or agency, sentence). Nothing is changed.

    Says what a town would do, in the demo too: by office hours.
    """
    now, found = services.clock(), _load(services)
    for late in plan.overdue(services.catalogue, found, now=now):
        yield late.agency_slug, wording.given_back(late)
    digests = plan.digests(services.catalogue, found, now=now)
    joinable = [digest.address for digest in _joinable(services, digests)]
    for digest in digests:
        why = wording.explained(digest, services.catalogue)
        is_late = digest.address not in joinable
        yield digest.address, f"{wording.TOMORROW} {why}" if is_late else why
    for agency_id, reason in plan.postponed(services.catalogue, found, now=now).items():
        yield found.desks[agency_id].slug, wording.POSTPONED[reason]
