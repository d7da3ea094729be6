"""What share of its papers an agency sends digitally: of as many as the coordinator expects.

Nobody can count the papers that are carried. What can be known of them is what somebody settled
with "it went on paper": a follow-up, or a request for a paper.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from kursdocs.core.adoption.disclosure import FEW, FEW_MAX, Count
from kursdocs.core.adoption.periods import Period
from kursdocs.core.agencies import Agency
from kursdocs.core.follow_ups.tables import FollowUp
from kursdocs.core.requests.tables import PaperRequest
from kursdocs.core.workdays import local_date

DAYS_OF_A_MONTH = 365.25 / 12
DECLINED_ON_PAPER = ("sent_on_paper", "given_to_person")
"""Reasons to decline a request with which the paper went another way."""


@dataclass(frozen=True)
class Share:
    """Sent in here, of how many that were to be expected in the period.

    ``on_paper`` is what is known to have gone on paper. ``value`` is between 0 and 1; ``None``
    where too few were sent to be shown. ``of`` is what it is a share of: the expected ones, or
    more where more are known.
    """

    sent: Count
    expected: int
    on_paper: Count
    of: int

    @property
    def value(self) -> float | None:
        """The share itself."""
        return None if self.sent.value is None or not self.of else self.sent.value / self.of


def share(
    agency: Agency, sent: Count, on_paper: int, shown: Period, *, today: date
) -> Share | None:
    """The share of one agency; ``None`` where the coordinator has not said what to expect."""
    if not agency.expected_per_month:
        return None
    first = max(shown.first_day, local_date(agency.created_at))
    end = min(shown.last_day, today) + timedelta(days=1)
    days = max((end - first).days, 0)
    expected = round(agency.expected_per_month * days / DAYS_OF_A_MONTH)
    known = Count(on_paper) if on_paper == 0 or on_paper > FEW_MAX else FEW
    return Share(sent, expected, known, _of(sent, expected, known))


def _of(sent: Count, expected: int, on_paper: Count) -> int:
    return max(expected, (sent.value or 0) + (on_paper.value or 0))


def together(shares: Sequence[Share | None]) -> Share | None:
    """The share of all of whom something is expected; ``None`` where that is nobody.

    Only of those whose own share is shown, so that the others do not follow from it.
    """
    shown = [one for one in shares if one is not None and one.value is not None]
    if not shown:
        return None
    sent = Count(sum(one.sent.value or 0 for one in shown))
    on_paper = Count(sum(one.on_paper.value or 0 for one in shown))
    return Share(sent, sum(one.expected for one in shown), on_paper, sum(one.of for one in shown))


def on_paper(
    session: Session, agency_ids: Collection[UUID], shown: Period, reasons: Collection[str]
) -> Mapping[UUID, int]:
    """What each agency settled in the period because it went on paper."""
    bounds, ids = shown.bounds, list(agency_ids)
    tasks = sa.select(col(FollowUp.agency_id), sa.func.count()).where(
        col(FollowUp.agency_id).in_(ids),
        col(FollowUp.reason).in_(list(reasons)),
        col(FollowUp.ended_at) >= bounds[0],
        col(FollowUp.ended_at) < bounds[-1],
    )
    requests = sa.select(col(PaperRequest.provider_agency_id), sa.func.count()).where(
        col(PaperRequest.provider_agency_id).in_(ids),
        col(PaperRequest.end_reason).in_(DECLINED_ON_PAPER),
        col(PaperRequest.ended_at) >= bounds[0],
        col(PaperRequest.ended_at) < bounds[-1],
    )
    found = Counter[UUID]()
    for query, column in ((tasks, FollowUp.agency_id), (requests, PaperRequest.provider_agency_id)):
        for agency_id, count in session.execute(query.group_by(col(column))):
            found[agency_id] += count
    return found
