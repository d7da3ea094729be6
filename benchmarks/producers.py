"""Which papers of which programs are refused, and how long the check takes: see README.md here.

``python -m benchmarks.producers FOLDER``: a folder of PDFs, each named ``program-what.pdf``. It is
for papers at hand, of programs and offices that no test can install; nothing is stored or sent.
"""

import math
import sys
import time
from collections import defaultdict
from pathlib import Path

from kursdocs.adapters.papers import SandboxedPapers
from kursdocs.core.errors import Invalid


def main(folder: Path) -> None:
    """Print the table and every refusal."""
    papers = SandboxedPapers(1)
    accepted: dict[str, int] = defaultdict(int)
    refused: dict[str, list[str]] = defaultdict(list)
    seconds = []
    for path in sorted(folder.glob("*.pdf")):
        program, _, what = path.stem.partition("-")
        started = time.perf_counter()
        try:
            papers.accept([path.read_bytes()])
            accepted[program] += 1
        except Invalid as error:
            refused[program].append(f"{what} ({error.code})")
        seconds.append(time.perf_counter() - started)
    papers.close()
    print("| program | accepted | refused | which |\n|---|---:|---:|---|")
    for program in sorted({*accepted, *refused}, key=str.lower):
        which = ", ".join(refused[program])
        print(f"| {program} | {accepted[program]} | {len(refused[program])} | {which} |")
    total = sum(map(len, refused.values()))
    print(f"| all | {sum(accepted.values())} | {total} | |")
    slowest = sorted(seconds)[max(0, math.ceil(0.95 * len(seconds)) - 1)] if seconds else 0.0
    print(f"\n95 % of the checks took at most {slowest * 1000:.0f} ms")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
