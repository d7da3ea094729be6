"""The part of the table of routes that is about the log: reading it, and keeping what proves it."""

from collections.abc import Sequence

from kursdocs.core.audit import Happening
from kursdocs.web import audit
from kursdocs.web.call import Gate, Row
from kursdocs.web.models import CheckpointOut

LOG: Sequence[Row] = (
    # Head and auditor read different logs; the handler asks for the permission that fits.
    Row(
        "GET",
        "/log",
        audit.index,
        Gate.SIGNED_IN,
        "log",
        happening=Happening.LOG_LISTED,
        query=audit.LogQuery,
    ),
    Row(
        "GET",
        "/log/checkpoint",
        audit.checkpoint_file,
        Gate.SIGNED_IN,
        "log.checkpoint",
        content_type="text/plain",
    ),
)

LOG_API: Sequence[Row] = (
    # A number of rows and hashes, nothing of anybody: the more keep it the better.
    Row(
        "GET",
        "/api/v1/log/checkpoint",
        audit.checkpoint,
        Gate.SIGNED_IN,
        "api.log.checkpoint",
        summary="Keep what proves the log",
        response=CheckpointOut,
    ),
)
