"""The short form of the random run; ``make faults`` has the long one."""

from pathlib import Path

import pytest
from tests.faults.random_kills import Plan, play

from kursdocs.settings import Settings


@pytest.mark.timeout(300)  # on a busy machine; clocks run by the machine's time here
def test_processes_killed_at_random_lose_nothing_and_leave_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    plan = Plan(seed=1, uploads=60, kills=8, jumps=3, blackouts=2)

    outcome = play(settings, tmp_path, plan)

    assert outcome.odd == [], (tmp_path / "processes.log").read_text()[-3000:]
    assert [str(finding) for finding in outcome.findings] == []
    assert sum(outcome.kills.values()) > plan.kills
    assert outcome.uploads >= plan.uploads
    assert outcome.reads
    assert outcome.withdrawn + outcome.erased
    assert outcome.given_up
