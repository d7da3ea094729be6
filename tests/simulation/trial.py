"""One trial: the simulated months on one database, judged and counted."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import running_postgres
from tests.simulation import figures, oracle
from tests.simulation.running import Plan, run
from tests.simulation.staging import staged


@dataclass(frozen=True)
class Result:
    """One database's run."""

    lines: Sequence[str]
    violations: Sequence[str]


def simulate(database: str, plan: Plan) -> Result:
    """Do it on ``sqlite`` or ``postgresql``, made for it and thrown away."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        url = opened.enter_context(_database(database, folder))
        record = staged(plan, folder, url)
    violations = oracle.violations(record)
    return Result(list(figures.report(record, run(plan))), violations)


@contextmanager
def _database(name: str, folder: Path) -> Iterator[str]:
    if name == "sqlite":
        yield f"sqlite:///{folder / 'database.sqlite'}"
        return
    with running_postgres() as server:
        yield server.new_database()
