"""Injects faults into whole installations and judges what is left: ``make faults``.

Prints one table; ends with 1 when a promise was broken. The same seed kills the same processes
after as many uploads; what each of them was at in that moment, the machine decides.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tests.faults import oracle
from tests.faults.parts import Parts, installation
from tests.faults.random_kills import Outcome, Plan, play

SHOWN = 40
"""So many findings are printed in full."""
SERVERS_SHARE = 0.4
"""Of the uploads and kills; a server's upload takes longer."""


def main() -> int:
    """Run, print, and say by the exit code whether all was well."""
    wanted = _arguments()
    began = time.monotonic()
    plans = _plans(wanted.seed, wanted.uploads, wanted.kills)
    with ProcessPoolExecutor(len(plans), get_context("spawn")) as pool:
        outcomes = list(pool.map(killed_at_random, plans, plans.values()))
    _say(*_table(list(plans), outcomes))
    wrong = [line for outcome in outcomes for line in (*outcome.odd, *outcome.findings)]
    _say("", *(f"WRONG {line}" for line in wrong[:SHOWN]))
    _say(f"{time.monotonic() - began:.0f} s, seed {wanted.seed}. Again: {_command(wanted)}")
    return 1 if wrong else 0


def killed_at_random(parts: Parts, plan: Plan) -> Outcome:
    """One random run on an installation of its own; its folder stays when it went wrong."""
    folder = Path(tempfile.mkdtemp(prefix="kursdocs-faults-"))
    with installation(parts, folder) as settings:
        outcome = play(settings, folder, plan)
    if outcome.is_well:
        shutil.rmtree(folder)
    else:
        _say(f"{parts}: what was wrong lies in {folder}")
    return outcome


def _plans(seed: int, uploads: int, kills: int) -> dict[Parts, Plan]:
    shares = {Parts.EMBEDDED: 1 - SERVERS_SHARE, Parts.SERVERS: SERVERS_SHARE}
    return {
        parts: Plan(
            seed,
            uploads=max(round(uploads * share), 1),
            kills=round(kills * share),
            jumps=min(max(round(uploads * share / 100), 1), 120),
            blackouts=min(max(round(uploads * share / 500), 1), 30),
            speed=100.0,
        )
        for parts, share in shares.items()
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--seed", type=int, default=1, help="another one, other moments (1)")
    parser.add_argument("--kills", type=int, default=1_000, help="at random, by SIGKILL (1000)")
    parser.add_argument("--uploads", type=int, default=50_000, help="acknowledged (50000)")
    return parser.parse_args()


def _command(wanted: argparse.Namespace) -> str:
    return f"make faults SEED={wanted.seed} KILLS={wanted.kills} UPLOADS={wanted.uploads}"


def _table(parts: Sequence[Parts], outcomes: Sequence[Outcome]) -> list[str]:
    """One line a figure, one column a combination of parts."""
    rows: list[tuple[str, Sequence[object]]] = [
        ("processes killed at random", [sum(one.kills.values()) for one in outcomes]),
        ("  of these all at once", [one.blackouts for one in outcomes]),
        ("jumps of the clock at work", [one.jumps for one in outcomes]),
        ("acknowledged uploads", [one.uploads for one in outcomes]),
        ("  of these withdrawn", [one.withdrawn + one.erased for one in outcomes]),
        ("intakes given up", [one.given_up for one in outcomes]),
        ("papers read meanwhile", [one.reads for one in outcomes]),
        ("seconds at work", [round(one.seconds) for one in outcomes]),
    ]
    for fault in oracle.Fault:
        rows.append((fault, [oracle.counted(one.findings)[fault] for one in outcomes]))
    head = ("", [str(one) for one in parts])
    return [
        f"{name:<30}" + "".join(f"{value!s:>18}" for value in values)
        for name, values in (head, *rows)
    ]


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
