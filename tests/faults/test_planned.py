"""The short form of the planned faults; ``make faults`` injects all of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.bugs import BUGS
from tests.faults.cases import Kind
from tests.faults.planned import campaign, hunt, killable
from tests.faults.registry import FAILPOINTS, below
from tests.faults.scene import Job
from tests.faults.stable import Stable
from tests.operations.house import House
from tests.servers import SmtpServer

SHARE = 0.01
"""Beside at least one fault for each failpoint, and each kind."""


@pytest.fixture(scope="module")
def stable() -> Iterator[Stable[Job]]:
    """Processes that may be killed."""
    with killable() as ready:
        yield ready


@pytest.mark.timeout(600)  # on a busy machine
def test_a_fault_at_any_failpoint_loses_nothing_and_leaves_nothing(
    house: House, smtp: SmtpServer, stable: Stable[Job], tmp_path: Path
) -> None:
    report = campaign(house, smtp, tmp_path, stable, share=SHARE)

    assert report.odd == []
    assert [str(finding) for finding in report.findings] == []
    assert {case.kind for case in report.hit} == set(Kind)
    is_folder = house.services.settings.store_url.startswith("folder:")
    registered = {deed: FAILPOINTS[deed] | below(deed, is_folder=is_folder) for deed in FAILPOINTS}
    hit: dict[str, set[str]] = {deed: set() for deed in FAILPOINTS}
    for case in report.hit:
        hit[case.deed].add(case.point)
    assert hit == registered
    assert {deed: set(points) for deed, points in report.points.items()} == registered


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_caught(
    embedded: House, smtp: SmtpServer, stable: Stable[Job], tmp_path: Path, bug: str
) -> None:
    report = hunt(embedded, smtp, tmp_path, stable, bug)

    assert report.words & BUGS[bug].words
