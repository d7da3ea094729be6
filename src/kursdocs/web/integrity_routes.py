"""The part of the table of routes that is about whether nothing is lost."""

from collections.abc import Sequence

from kursdocs.core.access import Permission
from kursdocs.core.audit import Happening
from kursdocs.web import integrity
from kursdocs.web.call import Row

INTEGRITY: Sequence[Row] = (
    Row(
        "GET",
        "/integrity",
        integrity.index,
        Permission.INTEGRITY_READ,
        "integrity",
        happening=Happening.CHECKS_LISTED,
    ),
)
