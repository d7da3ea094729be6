"""The report of the checks, with invented numbers: each verdict, none yet, and one long ago."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import SimpleNamespace

from kursdocs.core.checks import Depth, Health
from kursdocs.operations.fsck import LOSSES
from kursdocs.web.integrity import DAMAGES, DEPTHS

Pages = list[tuple[str, str, Mapping[str, object]]]


def integrity_pages(now: datetime) -> Pages:
    """Name, template and context of each."""
    found = [SimpleNamespace(words=words, count=1_204) for words in DAMAGES.values()]
    losses, leftovers = found[: len(LOSSES)], found[len(LOSSES) :]
    clean, loss = _run(now, Health.CLEAN), _run(now, Health.LOSS, Depth.DEEP, count=7)
    mendable = _run(now - timedelta(days=1), Health.REPAIRABLE, Depth.FAST, count=1, read=0)
    rows: Mapping[str, dict[str, object]] = {
        "": {"newest": clean, "runs": [clean, mendable, loss]},
        "-loss": {"newest": loss, "losses": losses, "leftovers": leftovers, "runs": [loss]},
        "-mendable": {"newest": mendable, "leftovers": leftovers[:1], "runs": [mendable]},
        "-old": {"newest": clean, "is_old": True},
        "-never": {},
    }
    nothing: Mapping[str, object] = {
        "newest": None,
        "is_old": False,
        "losses": [],
        "leftovers": [],
        "runs": [],
    }
    return [
        (f"integrity{name}", "integrity/index.html", {**nothing, "shown_days": 14, **given})
        for name, given in rows.items()
    ]


def _run(
    at: datetime, verdict: Health, depth: Depth = Depth.SAMPLE, *, count: int = 0, read: int = 42
) -> SimpleNamespace:
    return SimpleNamespace(
        at=at,
        verdict=verdict.value,
        depth=DEPTHS[depth],
        seconds=1 if depth is Depth.FAST else 95,
        count=count,
        rows=12_345,
        objects=11_902,
        keys=11_902,
        log_rows=204_311,
        papers_read=read,
        bytes_read=read * 401_000,
    )
