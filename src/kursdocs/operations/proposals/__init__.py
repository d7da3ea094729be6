"""What a paper seems to be and whose it is, read from its own text.

Everything here is a proposal: it is shown to the clerk and counts for nothing until confirmed. So
a value is proposed only where the paper names it (by a label or in a set phrase), only if it fits
the field's format, and not at all where the paper says two different things.

Pure: lines of text and catalogue in, words out. ``labels`` finds what stands beside a label,
``values`` reads dates and numbers, ``person`` and ``kinds`` say what their names say.
Entry point: :func:`propose`.
"""

from collections.abc import Sequence
from datetime import date

from kursdocs.catalogue import AgencyKind, Catalogue
from kursdocs.operations.proposals import kinds, person, values
from kursdocs.operations.proposals.labels import Paper


def propose(
    lines: Sequence[Sequence[str]], catalogue: Catalogue, sender: AgencyKind, *, today: date
) -> dict[str, str]:
    """Names of the sending form's fields to values in their one spelling; only what seems sure.

    ``lines`` are those of ``Papers.lines``, ``sender`` is the kind of agency that would send.
    Fields are proposed whatever the kind: the clerk may choose another one.
    """
    paper = Paper(tuple(tuple(cells) for cells in lines))
    kind = kinds.kind_of(paper, catalogue, sender)
    return {
        **({"kind": kind} if kind else {}),
        **person.person_of(paper, today=today),
        **values.fields_of(paper, catalogue),
    }
