"""What a check brought: for the command line, and what of it is remembered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from kursdocs.core import checks
from kursdocs.core.checks import CheckRun, Depth, Health
from kursdocs.operations.fsck.damages import Damage, Finding, health_of

EXAMPLES = 50
"""So many findings are remembered by name."""


@dataclass(frozen=True)
class Report:
    """One check: what was looked at, what is damaged, what of it was mended.

    ``found`` counts what is left, ``mended`` what is not any more; ``named`` are what is left by
    name, at most some thousand of each kind.
    """

    depth: Depth
    started_at: datetime
    ended_at: datetime
    looked_at: Mapping[str, int]
    found: Mapping[Damage, int]
    named: Sequence[Finding] = ()
    mended: Mapping[Damage, int] = field(default_factory=dict)

    @property
    def health(self) -> Health:
        """The worst of what is left."""
        return health_of(self.found)


_BY_READING = frozenset((Damage.CORRUPT, Damage.WRONG_KEY, Damage.WRONG_CONTENT))


def contents_of(run: CheckRun | None) -> Sequence[UUID]:
    """The papers of which that run had found by reading that something is wrong."""
    examples = run.examples if run is not None else []
    return [UUID(subject) for damage, subject in examples if damage in _BY_READING]


def keep(session: Session, report: Report) -> None:
    """Remember the check, for readiness, metrics, the page and the next one."""
    checks.keep(
        session,
        CheckRun(
            depth=report.depth,
            started_at=report.started_at,
            ended_at=report.ended_at,
            verdict=report.health,
            looked_at=dict(report.looked_at),
            found={damage.value: count for damage, count in report.found.items()},
            examples=[[one.damage.value, one.subject] for one in _examples(report)],
        ),
    )


def _examples(report: Report) -> Sequence[Finding]:
    """Worst first: what could only be seen by reading must not be crowded out."""
    ranks = {damage: rank for rank, damage in enumerate(Damage)}
    by_reading = [one for one in report.named if one.damage in _BY_READING]
    others = [one for one in report.named if one.damage not in _BY_READING]
    return [*by_reading, *sorted(others, key=lambda one: ranks[one.damage])][:EXAMPLES]
