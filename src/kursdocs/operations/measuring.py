"""What the database can tell about how things stand: counts and ages, nothing personal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from kursdocs.core import checks, heartbeats, installation, outbox
from kursdocs.core.checks import CheckRun
from kursdocs.core.documents import counting
from kursdocs.core.documents.counting import Unscanned
from kursdocs.core.documents.tables import DocumentState
from kursdocs.core.heartbeats import Heartbeat
from kursdocs.services import Services


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
    mails_waiting: int
    addresses_unreached: int
    mails_returned: int
    oldest_mail_at: datetime | None
    duties: Sequence[Heartbeat]
    check: CheckRun | None
    backed_up_at: datetime | None


def take(services: Services) -> Numbers:
    """All numbers in one transaction; raises ``Unavailable``."""
    now = services.clock()
    with services.transaction() as session:
        waiting, unreached = outbox.counts(session, now=now)
        ours = installation.known(session)
        return Numbers(
            taken_at=now,
            documents=counting.by_state(session),
            untouched=counting.untouched_by_age(session, now=now),
            unscanned=counting.unscanned(session),
            mails_waiting=waiting,
            addresses_unreached=unreached,
            mails_returned=outbox.returned(session, now=now),
            oldest_mail_at=outbox.oldest_waiting(session, now=now),
            duties=heartbeats.latest(session),
            check=checks.newest(session),
            backed_up_at=ours.backed_up_at if ours else None,
        )
