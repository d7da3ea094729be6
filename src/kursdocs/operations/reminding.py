"""Reminding: plan what is due, put it into the outbox, and give back what nobody took over.

The plan is made twice: when a mail is put into the outbox, and again when it is sent, so that it
says what is true then. Entry points: :func:`remind`, :func:`due_digests`, :func:`explain`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import structlog

from kursdocs.core import outbox
from kursdocs.core.access import Actor, ActorKind
from kursdocs.core.documents import lifecycle
from kursdocs.core.reminders import plan, state
from kursdocs.core.reminders.plan import Digest, Overdue
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
    now = services.clock()
    with services.transaction() as session:
        found = state.load(session, now=now)
    late = plan.overdue(services.catalogue, found, now=now)
    done = Reminded(
        returned=sum(_give_back(services, one) for one in late),
        mails=sum(_put(services, digest) for digest in due_digests(services)),
    )
    if done.mails or done.returned:
        _log.info("reminding.done", mails=done.mails, returned=done.returned)
    return done


def _give_back(services: Services, late: Overdue) -> bool:
    actor = Actor(kind=ActorKind.SYSTEM, display_name=DUTY, municipality_id=late.municipality_id)
    with services.transaction() as session:
        return lifecycle.return_untouched(
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
            dedupe=f"digest:{digest.address}:{digest.day}",
            address=digest.address,
            now=services.clock(),
            lapses_at=digest.lapses_at,
        )
    return mail is not None


def due_digests(services: Services, *, address: str = "") -> list[Digest]:
    """What is due now, at one address or at all.

    In the demo agencies are told at any hour of any day, still not more than once a day.
    """
    now = services.clock()
    with services.transaction() as session:
        found = state.load(session, now=now, address=address)
    opening = plan.at_any_time if services.settings.demo else plan.in_office_hours
    return [
        digest
        for digest in plan.digests(services.catalogue, found, now=now, opening=opening)
        if address in ("", digest.address)
    ]


def explain(services: Services) -> Iterator[tuple[str, str]]:
    """What would happen now and why: (address or agency, sentence). Nothing is changed.

    Says what a town would do, in the demo too: by office hours.
    """
    now = services.clock()
    with services.transaction() as session:
        found = state.load(session, now=now)
    for late in plan.overdue(services.catalogue, found, now=now):
        yield late.agency_slug, wording.given_back(late)
    for digest in plan.digests(services.catalogue, found, now=now):
        yield digest.address, wording.explained(digest, services.catalogue)
    for agency_id, reason in plan.postponed(services.catalogue, found, now=now).items():
        yield found.desks[agency_id].slug, wording.POSTPONED[reason]
