"""The part of the table of routes that is about numbers: pages, the sheet, the file."""

from collections.abc import Sequence

from kursdocs.core.access import Permission
from kursdocs.core.audit import Happening
from kursdocs.web import number_files, numbers
from kursdocs.web.call import Gate, Row

NUMBERS: Sequence[Row] = (
    # Coordinator and agencies see different numbers; the handler asks for the permission that fits.
    Row(
        "GET",
        "/numbers",
        numbers.index,
        Gate.SIGNED_IN,
        "numbers",
        happening=Happening.NUMBERS_LISTED,
        query=numbers.NumbersQuery,
    ),
    Row(
        "GET",
        "/numbers/sheet",
        numbers.sheet,
        Permission.MUNICIPALITY_NUMBERS_READ,
        "numbers.sheet",
        happening=Happening.NUMBERS_LISTED,
        query=numbers.PeriodQuery,
    ),
    Row(
        "GET",
        "/numbers.csv",
        number_files.table,
        Permission.MUNICIPALITY_NUMBERS_READ,
        "numbers.csv",
        happening=Happening.NUMBERS_EXPORTED,
        query=numbers.PeriodQuery,
        content_type="text/csv",
    ),
)
