"""What can be wrong between rows, keys, objects, mails and the log: every kind by name.

A closed list: whoever looks names what was found with one of these, and whoever repairs knows from
the class what may be touched. ``infra/decisions/0010-what-must-hold.md`` says which invariant
each of them breaks.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from kursdocs.core.checks import Health


class Damage(StrEnum):
    """One kind of damage. The first ten are loss, the others can be mended."""

    LOST_OBJECT = "lost_object"
    CORRUPT = "corrupt"
    WRONG_KEY = "wrong_key"
    KEY_MISSING = "key_missing"
    KEY_UNREADABLE = "key_unreadable"
    WRONG_CONTENT = "wrong_content"
    LOG_ALTERED = "log_altered"
    LOG_GAP = "log_gap"
    DOCUMENT_VANISHED = "document_vanished"
    UNDEAD = "undead"

    UNTRACKED_OBJECT = "untracked_object"
    LEFT_OBJECT = "left_object"
    LEFT_KEY = "left_key"
    KEY_UNUSED = "key_unused"
    PENDING_OLD = "pending_old"
    UNFINISHED_OLD = "unfinished_old"
    INDEX_MISSING = "index_missing"
    MAIL_STUCK = "mail_stuck"
    HELD_OLD = "held_old"


LOSSES = frozenset(list(Damage)[: list(Damage).index(Damage.UNTRACKED_OBJECT)])
"""Something is lost, wrong, or there although it must not be: nothing here is ever touched."""

KEPT_PER_DAMAGE = 2_000
"""So many of each kind are remembered by name; of more, their number alone."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One damage: ``subject`` is an id, an object's name or the number of a row of the log."""

    damage: Damage
    subject: str


@dataclass
class Findings:
    """What was found so far, in bounded memory."""

    counts: Counter[Damage] = field(default_factory=Counter)
    named: list[Finding] = field(default_factory=list)

    def add(self, damage: Damage, subject: object) -> None:
        """Note one more; each is told once, whoever comes across it."""
        finding = Finding(damage, str(subject))
        self.counts[damage] += 1
        if self.counts[damage] <= KEPT_PER_DAMAGE:
            self.named.append(finding)

    def strike(self, finding: Finding) -> None:
        """It was mended."""
        self.named.remove(finding)
        self.counts[finding.damage] -= 1


def health_of(counts: Mapping[Damage, int]) -> Health:
    """The worst of what was found."""
    found = {damage for damage, count in counts.items() if count}
    if found & LOSSES:
        return Health.LOSS
    return Health.REPAIRABLE if found else Health.CLEAN
