"""Drafts: files that one person has put on the server and not sent yet, for a day.

``desk`` is what that person sees and types, ``lifecycle`` how a draft comes and goes, ``tables``
what lies in the database. Others use the names below.
"""

from kursdocs.core.drafts.desk import DraftView, count, fill_down, form_of, get, mine, note
from kursdocs.core.drafts.tables import Draft, DraftState

__all__ = [
    "Draft",
    "DraftState",
    "DraftView",
    "count",
    "fill_down",
    "form_of",
    "get",
    "mine",
    "note",
]
