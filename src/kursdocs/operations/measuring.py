"""What the database can tell about how things stand: counts and ages, nothing personal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from kursdocs.core import checks, heartbeats, installation, outbox
from kursdocs.core.checks import CheckRun
from kursdocs.core.documents import counting, rescanning
from kursdocs.core.documents.counting import Unscanned
from kursdocs.core.documents.tables import DocumentState
from kursdocs.core.heartbeats import Heartbeat
from kursdocs.core.ports import Signatures
from kursdocs.operations.rescanning import present_signatures
from kursdocs.services import Services


@dataclass(frozen=True)
class Scanned:
    """What the scanner knows now, and what was judged with something else, or not at all.

    ``is_there`` is ``None`` where nobody scans by choice. The counts are of what can be opened.
    """

    is_there: bool | None
    signatures_at: datetime | None = None
    outdated: int = 0
    doubtful: int = 0


@dataclass(frozen=True)
class Numbers:
    """How things stood at ``taken_at``. ``untouched`` has one count per age of ``counting``.

    ``addresses_unreached`` is how many addresses their last mail did not reach, ``mails_returned``
    how many mails came back in the last days, ``check`` the newest check of rows, keys and objects,
    ``backed_up_at`` the moment of the newest copy of everything.
    """

    taken_at: datetime
    documents: Mapping[DocumentState, int]
    untouched: Sequence[int]
    unscanned: Unscanned
    scanner: Scanned
    mails_waiting: int
    addresses_unreached: int
    mails_returned: int
    oldest_mail_at: datetime | None
    duties: Sequence[Heartbeat]
    check: CheckRun | None
    backed_up_at: datetime | None


def take(services: Services) -> Numbers:
    """All numbers of the database in one transaction; raises ``Unavailable``."""
    now, known = services.clock(), present_signatures(services)
    with services.transaction() as session:
        waiting, unreached = outbox.counts(session, now=now)
        ours = installation.known(session)
        return Numbers(
            taken_at=now,
            documents=counting.by_state(session),
            untouched=counting.untouched_by_age(session, now=now),
            unscanned=counting.unscanned(session),
            scanner=_scanned(session, known),
            mails_waiting=waiting,
            addresses_unreached=unreached,
            mails_returned=outbox.returned(session, now=now),
            oldest_mail_at=outbox.oldest_waiting(session, now=now),
            duties=heartbeats.latest(session),
            check=checks.newest(session),
            backed_up_at=ours.backed_up_at if ours else None,
        )


def _scanned(session: Session, known: Signatures | None) -> Scanned:
    if known is None:
        return Scanned(is_there=False)
    if not known.version:
        return Scanned(is_there=None)
    return Scanned(
        is_there=True,
        signatures_at=known.made_at,
        outdated=rescanning.outdated_count(session, known.version),
        doubtful=rescanning.doubtful_count(session, known.version),
    )
