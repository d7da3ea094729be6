"""The part of the table of routes that is about reminders: who is told next, and the ledger."""

from collections.abc import Sequence

from kursdocs.core.access import Permission
from kursdocs.core.audit import Happening
from kursdocs.web import reminders
from kursdocs.web.call import Mode, Row

REMINDERS: Sequence[Row] = (
    # The plan reads in transactions of its own, as it does when it sends.
    Row(
        "GET",
        "/reminders",
        reminders.index,
        Permission.REMINDERS_READ,
        "reminders",
        happening=Happening.REMINDERS_LISTED,
        mode=Mode.OUTSIDE,
        query=reminders.RemindersQuery,
    ),
    Row(
        "GET",
        "/reminders.csv",
        reminders.table,
        Permission.REMINDERS_READ,
        "reminders.csv",
        happening=Happening.REMINDERS_EXPORTED,
        query=reminders.LedgerQuery,
        content_type="text/csv",
    ),
)
