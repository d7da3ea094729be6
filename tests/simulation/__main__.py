"""Simulates months of a municipality and judges every mail: ``make simulate``.

Prints figures and the assumptions behind them; ends with 1 when anything was wrong. The same seed
repeats the same months.
"""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from multiprocessing import get_context

from tests.simulation import figures
from tests.simulation.mailserver import OUTAGES
from tests.simulation.running import Plan
from tests.simulation.town import AGENCIES
from tests.simulation.trial import simulate

SHOWN = 40
"""So many violations are printed in full."""
FIRST_DAY = date(2025, 10, 1)


def main() -> int:
    """Simulate, print, and say by the exit code whether all was well."""
    wanted = _arguments()
    plan = Plan(
        wanted.seed,
        FIRST_DAY,
        _last_day(wanted.months),
        AGENCIES[: wanted.agencies],
        wanted.kills,
        OUTAGES,
    )
    databases = ("sqlite", "postgresql") if wanted.database == "both" else (wanted.database,)
    _say(f"{plan.first} to {plan.last}, {len(plan.places)} agencies, seed {plan.seed}", "")
    _say(*figures.assumed(), "")
    began, wrong = time.monotonic(), 0
    with ProcessPoolExecutor(len(databases), get_context("spawn")) as pool:
        for name, result in zip(
            databases, pool.map(simulate, databases, [plan] * len(databases)), strict=True
        ):
            wrong += len(result.violations)
            _say(f"{name}: {len(result.violations) or 'no'} violations")
            _say(*(f"  {line}" for line in result.lines))
            _say(*(f"  WRONG {line}" for line in result.violations[:SHOWN]), "")
    _say(f"{time.monotonic() - began:.0f} s. Again: {_command(wanted)}")
    return 1 if wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--seed", type=int, default=1, help="another one, other people (1)")
    parser.add_argument("--months", type=int, choices=range(1, 7), default=6, metavar="1…6")
    parser.add_argument(
        "--agencies", type=int, choices=range(8, len(AGENCIES) + 1), default=20, metavar="8…20"
    )
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--kills", type=int, default=150, help="of workers, by SIGKILL (150)")
    return parser.parse_args()


def _command(wanted: argparse.Namespace) -> str:
    options = " ".join(f"--{name} {value}" for name, value in sorted(vars(wanted).items()))
    return f".venv/bin/python -m tests.simulation {options}"


def _last_day(months: int) -> date:
    month = FIRST_DAY.month - 1 + months
    first_after = date(FIRST_DAY.year + month // 12, month % 12 + 1, 1)
    return first_after - timedelta(days=1)


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
