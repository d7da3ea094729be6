"""Reminding: plan what is due, put it into the outbox, and give back what nobody took over.

The plan is made twice: when a mail is put into the outbox, and again when it is sent, so that it
says what is true then. Entry points: :func:`remind`, :func:`due_digest`, :func:`decisions`,
:func:`explain`, :func:`close_ledger`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from kursdocs.core import outbox
from kursdocs.core.access import Actor, ActorKind
from kursdocs.core.documents import settling
from kursdocs.core.errors import Unavailable
from kursdocs.core.reminders import decisions as deciding
from kursdocs.core.reminders import groups, outcomes, overdue, plan, state
from kursdocs.core.reminders.digest import Decision, Digest, Overdue
from kursdocs.core.reminders.overdue import Late
from kursdocs.core.reminders.state import State
from kursdocs.core.workdays import local_date
from kursdocs.operations.letters.decisions import decided, given_back
from kursdocs.operations.letters.wording import Language
from kursdocs.services import Services

DUTY = "reminding"
ROUNDS_MAX = 200
"""So many batches of the ledger are closed in one run; the rest follows with the next."""

_log = structlog.get_logger()


@dataclass(frozen=True)
class Reminded:
    """What one run did: mails put into the outbox, deliveries given back."""

    mails: int
    returned: int


def remind(services: Services) -> Reminded:
    """Give back what is overdue, then put the digests that are due now into the outbox."""
    found = _load(services)
    returned = sum(_give_back(services, one) for one in _overdue(services, found))
    if returned:
        # The senders are told as soon as possible.
        found = _load(services)
    mails = sum(_put(services, digest) for digest in _joinable(services, _plan(services, found)))
    if mails or returned:
        _log.info("reminding.done", mails=mails, returned=returned)
    return Reminded(mails, returned)


def _load(services: Services, address: str = "") -> State:
    with services.transaction() as session:
        return state.load(session, services.catalogue, now=services.clock(), address=address)


def _plan(services: Services, found: State) -> list[Digest]:
    """In the demo agencies are told at any hour of any day, still not more than once a day."""
    return plan.digests(
        services.catalogue, found, now=services.clock(), at_any_time=services.settings.demo
    )


def _joinable(services: Services, digests: Sequence[Digest]) -> Iterator[Digest]:
    """Those whose mail of the day is not over: what came after it is told on the next day."""
    with services.transaction() as session:
        ended = outbox.ended(session, [_name(digest) for digest in digests])
    return (digest for digest in digests if _name(digest) not in ended)


def _name(digest: Digest) -> str:
    return outbox.digest_of(digest.address, digest.day)


def _put(services: Services, digest: Digest) -> bool:
    with services.transaction() as session:
        mail = outbox.put(
            session,
            dedupe=_name(digest),
            address=digest.address,
            now=services.clock(),
            due_at=digest.due_at,
            lapses_at=digest.lapses_at,
        )
    return mail is not None


def due_digest(services: Services, *, address: str) -> Digest | None:
    """What is due at one address now."""
    digests = _plan(services, _load(services, address))
    return next((digest for digest in digests if digest.address == address.lower()), None)


# ── Going back ───────────────────────────────────────────────────────────────────────────────


def _overdue(services: Services, found: State) -> Iterator[Overdue]:
    """Each delivery that goes back now; only of those the ids are read."""
    for late in overdue.overdue(services.catalogue, found, now=services.clock()):
        for id_ in _ids(services, late):
            yield Overdue(id_, late.desk.municipality_id, late.desk.slug, late.waited)


def _ids(services: Services, late: Late) -> Sequence[UUID]:
    with services.transaction() as session:
        return groups.ids_of(session, late.group, now=services.clock())


def _give_back(services: Services, late: Overdue) -> bool:
    """Whether it went back. One that cannot must not keep everybody from being reminded."""
    actor = Actor(kind=ActorKind.SYSTEM, display_name=DUTY, municipality_id=late.municipality_id)
    try:
        with services.transaction() as session:
            return settling.return_untouched(
                session,
                actor,
                late.delivery_id,
                now=services.clock(),
                catalogue=services.catalogue,
            )
    except Unavailable:
        raise
    except Exception:  # noqa: BLE001 - whatever it is, the next run tries again
        _log.exception("reminding.return_failed", delivery=str(late.delivery_id))
        return False


# ── Why ──────────────────────────────────────────────────────────────────────────────────────


def decisions(services: Services) -> list[Decision]:
    """Who would be mailed now and why, who not and why not. Nothing is changed.

    By office hours, in the demo too.
    """
    return _decisions(services, _load(services))


def _decisions(services: Services, found: State) -> list[Decision]:
    now = services.clock()
    addresses = {
        address.lower()
        for desk in found.desks.values()
        for address in (desk.mailbox, desk.deputy_mailbox, desk.head_mailbox)
    } | {town.mailbox.lower() for town in found.towns.values()}
    names = {outbox.digest_of(address, local_date(now)): address for address in addresses}
    with services.transaction() as session:
        over = {names[name] for name in outbox.ended(session, list(names))}
    return deciding.decisions(services.catalogue, found, now=now, over=over)


def explain(services: Services) -> Iterator[tuple[str, str]]:
    """The same in English sentences, and what would go back: (agency, sentence)."""
    found = _load(services)
    for late in _overdue(services, found):
        yield late.agency_slug, given_back(late)
    for decision in _decisions(services, found):
        yield decision.agency_slug, decided(decision, Language.EN)


# ── What came of it ──────────────────────────────────────────────────────────────────────────


def close_ledger(services: Services) -> int:
    """Write down what came of reminders; returns how many rows of the ledger changed."""
    changed = 0
    for _ in range(ROUNDS_MAX):
        with services.transaction() as session:
            batch = outcomes.close(session, now=services.clock())
        changed += batch
        if not batch:
            break
    if changed:
        _log.info("ledger.closed", rows=changed)
    return changed
