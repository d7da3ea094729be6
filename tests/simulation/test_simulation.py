"""Weeks of a municipality of eight agencies, with everything that goes wrong in them.

The long form is ``make simulate``. Here too the clocks change, there are holidays of some Länder
alone, the mail server fails and is down, and workers are killed. On PostgreSQL they are fewer: what
depends on the database shows in days.
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

FIRST, CHANGED, LAST = date(2025, 10, 20), date(2025, 10, 30), date(2025, 11, 14)


def plan(last: date, kills: int) -> Plan:
    """From the Monday before the clocks change."""
    return Plan(5, FIRST, last, AGENCIES[:8], kills=kills, outages=OUTAGES)


@pytest.mark.timeout(600)
def test_weeks_bring_every_reminder_and_none_too_many(database_url: str, tmp_path: Path) -> None:
    is_short = not database_url.startswith("sqlite")
    played = plan(CHANGED, 8) if is_short else plan(LAST, 12)

    record = staged(played, tmp_path, database_url)

    assert oracle.violations(record) == []
    # All of it happened, so that the rules had something to judge.
    assert len(record.kills) > 3
    assert sum(record.crashed.values()) > 1
    assert record.troubles
    assert record.refused
    assert {mail.at < WINTER_BEGINS for mail, _ in record.mails} == {True, False}
    assert COORDINATOR in {mail.address for mail, _ in record.mails}
    assert is_short or "gone back" in {paper.how for paper in record.papers}
    if not is_short:
        without = run(played)
        lines = list(figures.report(record, without))
        assert taken_over(without) < taken_over(record)
        assert any("never more than 1" in line for line in lines)


def taken_over(record: Record) -> int:
    return sum(paper.how == "taken over" for paper in record.papers)
