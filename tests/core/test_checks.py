"""What checks found is remembered: the newest is found again, those of long ago are forgotten."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlmodel import Session, func, select
from tests.factories import NOW

from kursdocs.adapters.database import Database
from kursdocs.core import checks
from kursdocs.core.checks import CheckRun, Depth, Health


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.transaction() as opened:
        yield opened


def run(number: int, depth: Depth = Depth.FAST) -> CheckRun:
    at = NOW + timedelta(hours=number)
    return CheckRun(
        depth=depth,
        started_at=at,
        ended_at=at,
        verdict=Health.REPAIRABLE,
        looked_at={"rows": number},
        found={"key_unused": 1},
        examples=[["key_unused", "0190"]],
    )


def test_the_newest_comes_first_and_as_it_was_kept(session: Session) -> None:
    assert checks.newest(session) is None
    for number in range(3):
        checks.keep(session, run(number))
    session.expire_all()

    assert [one.looked_at["rows"] for one in checks.latest(session, limit=2)] == [2, 1]
    newest = checks.newest(session)
    assert newest is not None
    assert (newest.started_at, newest.verdict) == (NOW + timedelta(hours=2), Health.REPAIRABLE)
    assert (newest.found, newest.examples) == ({"key_unused": 1}, [["key_unused", "0190"]])


def test_the_newest_that_read_papers_is_told_apart(session: Session) -> None:
    checks.keep(session, run(0, Depth.FAST))
    assert checks.newest_reading(session) is None

    for number, depth in enumerate((Depth.SAMPLE, Depth.DEEP, Depth.FAST), 1):
        checks.keep(session, run(number, depth))

    newest = checks.newest_reading(session)
    assert newest is not None
    assert newest.depth is Depth.DEEP


def test_those_of_long_ago_are_forgotten(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "KEPT", 2)
    for number in range(4):
        checks.keep(session, run(number))

    assert session.exec(select(func.count()).select_from(CheckRun)).one() == 2
    assert [one.looked_at["rows"] for one in checks.latest(session, limit=9)] == [3, 2]
