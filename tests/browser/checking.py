"""Reports of checks for a demo's page, as if its worker had found just that. Knows no browser."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import Session, col, delete

from kursdocs.core import checks
from kursdocs.core.checks import CheckRun, Depth
from kursdocs.operations import fsck
from kursdocs.operations.fsck import Damage


def forget_checks(database: Path) -> None:
    """As if nothing had ever been checked; ``database`` is the demo's SQLite file."""
    _write(database, None)


def found(database: Path, *damages: Damage, days_ago: int = 0) -> None:
    """Make a check of so many days ago, which found so much, the only one."""
    at = datetime.now(UTC) - timedelta(days=days_ago)
    counts = dict.fromkeys(damages, 1_204)
    run = CheckRun(
        depth=Depth.DEEP,
        started_at=at,
        ended_at=at,
        verdict=fsck.health_of(counts),
        looked_at=dict.fromkeys(("rows", "objects", "papers_read", "bytes_read"), 12_345),
        found={damage.value: count for damage, count in counts.items()},
        examples=[],
    )
    _write(database, run)


def _write(database: Path, run: CheckRun | None) -> None:
    engine = sa.create_engine(f"sqlite:///{database}")
    with Session(engine) as session, session.begin():
        session.exec(delete(CheckRun).where(col(CheckRun.id).is_not(None)))
        if run is not None:
            checks.keep(session, run)
    engine.dispose()
