"""What the plan decides, as data: one mail, its sections, their topics, and what goes back.

Counts, kinds and days only: from these alone the letters are written (rule 5).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from kursdocs.catalogue import Addressee
from kursdocs.core.adoption import MonthNumbers
from kursdocs.core.agencies import PlanTime
from kursdocs.core.reminders.tables import Clock


class Reach(StrEnum):
    """Whether mails reach an agency's desk: without a mailbox, or while it refuses, none does."""

    REACHED = "reached"
    NO_MAILBOX = "no_mailbox"
    REFUSED = "refused"


@dataclass(frozen=True)
class OwnPlan:
    """When an agency means to look in, quoted back to it. ``weekdays`` are ISO numbers."""

    weekdays: tuple[int, ...]
    time: PlanTime | None
    is_today: bool


@dataclass(frozen=True)
class Told:
    """One row that the ledger gets when the mail was accepted."""

    agency_id: UUID
    addressee: Addressee
    clock: Clock
    kind: str
    subject_id: UUID | None
    step: int


@dataclass(frozen=True)
class KindCount:
    """So many of one kind; ``days`` as in the topic, of the most urgent of them."""

    kind: str
    count: int
    days: int


@dataclass(frozen=True)
class Topic:
    """What a section says of one clock.

    ``count`` is everything that runs, ``new`` of it was never told before. ``step`` is the highest
    step that this mail tells of (0: only announcements). ``days``: waiting and approval, working
    days the oldest has waited; requests, working days until the nearest is due (negative: overdue
    for so long); silence, days without a look; lapsing, proof and start, days until the most urgent
    is due (negative: past it); others 0.
    """

    clock: Clock
    count: int
    new: int = 0
    days: int = 0
    step: int = 0
    kinds: Sequence[KindCount] = ()


@dataclass(frozen=True)
class Section:
    """What one addressee of one agency is told, the most urgent topic first."""

    agency_id: UUID
    agency_slug: str
    agency_name: str
    addressee: Addressee
    topics: Sequence[Topic]
    told: Sequence[Told]
    reach: Reach = Reach.REACHED
    own_plan: OwnPlan | None = None
    month: MonthNumbers | None = None

    def topic(self, clock: Clock) -> Topic | None:
        """What it says of that clock, if anything."""
        return next((topic for topic in self.topics if topic.clock is clock), None)


@dataclass(frozen=True)
class Digest:
    """One mail: to one address, on one day, with a section for each agency and role it has.

    It goes out at ``due_at`` and not after ``lapses_at``.
    """

    address: str
    day: date
    due_at: datetime
    lapses_at: datetime
    sections: Sequence[Section]


@dataclass(frozen=True)
class Overdue:
    """A delivery that goes back to its sender now, untouched for ``waited`` working days."""

    delivery_id: UUID
    municipality_id: UUID
    agency_slug: str
    waited: int


class Why(StrEnum):
    """Why somebody is mailed at that moment, or is not.

    ``AFTER_THE_CUT_OFF``: it came up after the hour of today's mail and stands in the next one.
    """

    DUE = "due"
    NOTHING_NEW = "nothing_new"
    NOT_A_WORKING_DAY = "not_a_working_day"
    PAUSED = "paused"
    BEFORE_ITS_HOUR = "before_its_hour"
    AFTER_THE_LAST_HOUR = "after_the_last_hour"
    AFTER_THE_CUT_OFF = "after_the_cut_off"
    WAITS_FOR_PLAN_DAY = "waits_for_plan_day"
    TOLD_TODAY = "told_today"
    NO_MAILBOX = "no_mailbox"
    REFUSED = "refused"
    CLOSED = "closed"


@dataclass(frozen=True)
class Decision:
    """What the plan decides for one addressee of one agency, and why.

    ``section`` is what would be said, also where it is not said yet; ``at`` is when the next mail
    may go out, if that is known.
    """

    why: Why
    agency_id: UUID
    agency_slug: str
    agency_name: str
    addressee: Addressee
    address: str
    section: Section | None = None
    at: datetime | None = None
