"""Four weeks of a municipality of eight agencies, with everything that goes wrong in them.

The long form is ``make simulate``. Here too the clocks change, there are holidays of some Länder
alone, the mail server fails and is down, and workers are killed.
"""

from datetime import date
from pathlib import Path

import pytest
from tests.simulation import figures, oracle
from tests.simulation.almanac import WINTER_BEGINS
from tests.simulation.mailserver import OUTAGES
from tests.simulation.running import Plan, run
from tests.simulation.staging import staged
from tests.simulation.town import AGENCIES, COORDINATOR

PLAN = Plan(5, date(2025, 10, 20), date(2025, 11, 14), AGENCIES[:8], kills=12, outages=OUTAGES)


@pytest.mark.timeout(240)
def test_four_weeks_bring_every_reminder_and_none_too_many(
    database_url: str, tmp_path: Path
) -> None:
    record = staged(PLAN, tmp_path, database_url)

    assert oracle.violations(record) == []
    # All of it happened, so that the rules had something to judge.
    assert len(record.kills) > 6
    assert sum(record.crashed.values()) > 3
    assert len(record.troubles) > 3
    assert {mail.at < WINTER_BEGINS for mail, _ in record.mails} == {True, False}
    assert COORDINATOR in {mail.address for mail, _ in record.mails}
    assert "gone back" in {paper.how for paper in record.papers}
    slow, quick = (
        sum(paper.how == "taken over" for paper in one.papers) for one in (run(PLAN), record)
    )
    assert slow < quick
    assert [line for line in figures.report(record, run(PLAN)) if "never more than 1" in line]
