"""Whether the cloud lives: what agencies exchange in it, how fast, and what stays out of it.

Counts of agencies and weeks only: never a document, a name or an employee. ``periods`` are weeks
and months of the offices, ``spans`` measures working time, ``facts`` counts in the database,
``disclosure`` hides what is too small to be shown, ``expectation`` knows what should have come,
``numbers`` puts it together for the municipality, ``own`` for one agency, ``note`` for its monthly
note, ``silence`` finds who stopped looking in. Others use the names below.
"""

from kursdocs.core.adoption.disclosure import Count
from kursdocs.core.adoption.note import MonthNumbers, monthly
from kursdocs.core.adoption.numbers import AGES, TownNumbers, town
from kursdocs.core.adoption.own import OwnNumbers, own
from kursdocs.core.adoption.periods import Period, period
from kursdocs.core.adoption.silence import Silent, silent

__all__ = [
    "AGES",
    "Count",
    "MonthNumbers",
    "OwnNumbers",
    "Period",
    "Silent",
    "TownNumbers",
    "monthly",
    "own",
    "period",
    "silent",
    "town",
]
