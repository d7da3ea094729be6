"""Days of a municipality of eight agencies, with everything that goes wrong in them.

The long form is ``make simulate``. Here too the clocks change, the mail server fails and is down,
one mailbox refuses, and workers are killed. How a ladder ends is played in ``test_oracle``.
"""

from datetime import date
from pathlib import Path

import pytest
from tests.simulation import figures, oracle
from tests.simulation.almanac import WINTER_BEGINS
from tests.simulation.mailserver import OUTAGES
from tests.simulation.running import Plan, Record, run
from tests.simulation.staging import staged
from tests.simulation.town import AGENCIES, COORDINATOR

PLAN = Plan(5, date(2025, 10, 20), date(2025, 10, 30), AGENCIES[:8], kills=8, outages=OUTAGES)


@pytest.mark.timeout(600)
def test_days_bring_every_reminder_and_none_too_many(database_url: str, tmp_path: Path) -> None:
    record, without = staged(PLAN, tmp_path, database_url), run(PLAN)

    assert oracle.violations(record) == []
    # All of it happened, so that the rules had something to judge.
    assert len(record.kills) > 3
    assert sum(record.crashed.values()) > 1
    assert record.troubles
    assert record.refused
    assert {mail.at < WINTER_BEGINS for mail, _ in record.mails} == {True, False}
    assert COORDINATOR in {mail.address for mail, _ in record.mails}
    assert any("never more than 1" in line for line in figures.report(record, without))
    assert taken_over(without) < taken_over(record)


def taken_over(record: Record) -> int:
    return sum(paper.how == "taken over" for paper in record.papers)
