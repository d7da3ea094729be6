"""What a paper seems to be and whose it is, read from its own text.

Everything here is a proposal: it is shown to the clerk and counts for nothing until confirmed. So
a value is proposed only where the paper names it (by a label or in a set phrase), only if it fits
the field's format, and not at all where the paper says two different things.

Pure: text and catalogue in, words out. Entry point: :func:`propose`.
"""

from collections.abc import Sequence
from datetime import date

from kursdocs.catalogue import AgencyKind, Catalogue


def propose(
    lines: Sequence[Sequence[str]], catalogue: Catalogue, sender: AgencyKind, *, today: date
) -> dict[str, str]:
    """Names of the sending form's fields to values; empty when nothing is sure."""
    return {}
