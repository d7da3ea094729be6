"""The audit log: what happened, who did it, which document it touched. Ids, never names.

Reading is an event like any other (rule 7). Rows are chained by hash and the database refuses to
change or remove them, so that the log cannot be altered unseen; each row is written in the
transaction of what it tells. Entry points: :func:`record`, :func:`page`. What makes it evidence:
``verifying`` goes along it, ``checkpoints`` and ``tree`` state what it was, ``proving`` shows that
a row is in it, ``shortening`` removes what is old without breaking any of that.
"""

from kursdocs.core.audit.chain import (
    AuditCheckpoint,
    AuditEvent,
    AuditHead,
    AuditLeaf,
    page,
    record,
)
from kursdocs.core.audit.happenings import DETAIL_KEYS, Happening
from kursdocs.core.audit.verifying import verify

__all__ = [
    "DETAIL_KEYS",
    "AuditCheckpoint",
    "AuditEvent",
    "AuditHead",
    "AuditLeaf",
    "Happening",
    "page",
    "record",
    "verify",
]
