"""Whether the cloud lives: what agencies exchange in it, how fast, and what stays out of it.

Counts of agencies and weeks only: never a document, a name or an employee. ``periods`` are weeks
and months of the offices, ``spans`` measures working time, ``facts`` counts in the database,
``disclosure`` hides what is too small to be shown, ``numbers`` puts it together for the
municipality, ``own`` for one agency, ``note`` for its monthly note, ``silence`` finds who stopped
looking in. Others use the names below.
"""

from kursdocs.core.adoption.note import MonthNumbers, monthly

__all__ = ["MonthNumbers", "monthly"]
