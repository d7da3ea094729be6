"""The audit log: what happened, who did it, which document it touched. Ids, never names.

Reading is an event like any other (rule 7). Rows are chained by hash and the database refuses to
change or remove them, so that the log cannot be altered unseen; each row is written in the
transaction of what it tells. Entry points: :func:`record`, :func:`page`, :func:`verify`.
"""

from kursdocs.core.audit.chain import (
    AuditCheckpoint,
    AuditEvent,
    AuditHead,
    AuditLeaf,
    page,
    record,
    verify,
)
from kursdocs.core.audit.happenings import DETAIL_KEYS, Happening

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
