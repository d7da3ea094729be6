"""Injects faults into whole installations and judges what is left: ``make faults``.

Prints one table; ends with 1 when a promise was broken. The same seed kills the same processes
after as many uploads; what each of them was at in that moment, the machine decides.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from tests.faults import oracle
from tests.faults.bugs import BUGS
from tests.faults.cases import Kind
from tests.faults.parts import Parts
from tests.faults.planned import Report
from tests.faults.random_kills import Outcome, Plan
from tests.faults.whole import killed_at_random, planned_faults, survives

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
        planned = list(
            pool.map(partial(planned_faults, seed=wanted.seed, share=wanted.share), plans)
        )
        _say("all planned faults are injected; now the random kills")
        outcomes = list(pool.map(killed_at_random, plans, plans.values()))
        survived = list(pool.map(survives, BUGS))
    _say("", *_table(list(plans), planned, outcomes))
    _say(_line("seeded bugs caught", [f"{survived.count(False)} of {len(BUGS)}"]), "")
    wrong: list[object] = [one for report in planned for one in (*report.odd, *report.findings)]
    wrong += [line for outcome in outcomes for line in (*outcome.odd, *outcome.findings)]
    wrong += [
        f"not caught: {bug}" for bug, is_alive in zip(BUGS, survived, strict=True) if is_alive
    ]
    _say(*(f"WRONG {line}" for line in wrong[:SHOWN]))
    _say(f"{time.monotonic() - began:.0f} s, seed {wanted.seed}. Again: {_command(wanted)}")
    return 1 if wrong else 0


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
    parser.add_argument("--share", type=float, default=1.0, help="of all planned faults (1.0)")
    return parser.parse_args()


def _command(wanted: argparse.Namespace) -> str:
    return f"make faults SEED={wanted.seed} KILLS={wanted.kills} UPLOADS={wanted.uploads}"


def _table(
    parts: Sequence[Parts], planned: Sequence[Report], outcomes: Sequence[Outcome]
) -> list[str]:
    """One line a figure, one column a combination of parts."""
    rows: list[tuple[str, Sequence[object]]] = [
        ("failpoints", [sum(len(set(p)) for p in one.points.values()) for one in planned]),
        ("planned faults", [len(one.hit) for one in planned]),
        *(
            (f"  by {kind}", [sum(case.kind is kind for case in one.hit) for one in planned])
            for kind in Kind
        ),
        ("mails", [one.mails for one in planned]),
        ("  twice, as they may be", [one.doubled for one in planned]),
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
        found = [
            oracle.counted([*first.findings, *then.findings])[fault]
            for first, then in zip(planned, outcomes, strict=True)
        ]
        rows.append((fault, found))
    head = ("", [str(one) for one in parts])
    return [_line(name, values) for name, values in (head, *rows)]


def _line(name: str, values: Sequence[object]) -> str:
    return f"{name:<30}" + "".join(f"{value!s:>18}" for value in values)


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
