"""Every failpoint: where a deed can die, fail or hang, and which deeds come by there.

A failpoint is a call that leaves the process, before or after it: a method of a port, the begin and
the commit of a transaction, and below the object store the steps by which a file or a request comes
to be. They lie at the edges of the program, so that nothing of this enters it. A test proves that
each of them is hit, and that no operation makes a call that is not here.
"""

import errno
import smtplib
from collections.abc import Callable, Mapping

from tests.servers import Stage

from kursdocs.adapters.database import DatabaseUnavailable
from kursdocs.core.errors import Unavailable
from kursdocs.core.ports import KeysUnavailable, MailUnavailable, StoreUnavailable

Failure = Callable[[], Exception]


def _around(*calls: str) -> frozenset[str]:
    return frozenset(f"{call} {end}" for call in calls for end in ("begins", "ended"))


_TRANSACTION = frozenset({"transaction begins", "commit begins", "commit ended", "answered"})
_PUT = _around("store.put", "store.get")
_REMOVE = _around("keys.destroy", "store.delete")
_FILE = _around("os.fsync", "os.link")
_FOLDER = _around("os.fsync")
_REQUEST = frozenset({"half of a request sent"})
_CONVERSATION = _around(*(f"smtp.{step}" for step in ("connect", "ehlo", "mail", "rcpt", "data")))

_INTAKE = _TRANSACTION | _PUT | _around("papers.accept", "keys.create", "keys.prove")

FAILPOINTS: Mapping[str, frozenset[str]] = {
    "store": _INTAKE | _around("scanner.scan"),
    "refuse": _INTAKE | _REMOVE | _around("scanner.scan"),
    "keep": _INTAKE | _around("papers.lines"),
    "send": _TRANSACTION
    | _PUT
    | _REMOVE
    | _around("keys.get", "keys.create", "keys.prove", "scanner.scan"),
    "join": _TRANSACTION | _PUT | _REMOVE | _around("keys.get", "papers.arranged"),
    "withdraw": _TRANSACTION,
    "sweep": _TRANSACTION
    | _REMOVE
    | _around("keys.made_between", "keys.newest_needed", "keys.get", "store.get")
    | _around("scanner.scan", "scanner.signatures"),
    "erase": _TRANSACTION | _REMOVE,
    "rescan": _TRANSACTION | _around("scanner.signatures", "scanner.scan", "keys.get", "store.get"),
    "rewrap": _around("keys.rewrap", "keys commit") | {"answered"},
    "plan": _TRANSACTION,
    "mail": _TRANSACTION | _around("mailer.send") | _CONVERSATION,
    "checkpoint": _TRANSACTION,
    "shorten": _TRANSACTION,
}
"""By deed; what lies below the object store comes with :func:`below`."""

MEETING = frozenset({"plan", "mail", "rewrap", "checkpoint", "shorten"})
"""Several workers may be at these at once."""

STAGES: Mapping[str, Stage] = {
    "smtp.connect begins": "connect",
    "smtp.ehlo begins": "helo",
    "smtp.mail begins": "mail",
    "smtp.rcpt begins": "rcpt",
    "smtp.data begins": "data",
}
"""Where a mail server may say no, and what the one of the tests calls it."""

WRITING = frozenset({"store", "refuse", "keep", "send", "join"})
REMOVING = frozenset({"refuse", "send", "join", "sweep", "erase"})


def below(deed: str, *, is_folder: bool) -> frozenset[str]:
    """The failpoints below the object store."""
    if not is_folder:
        asks = any(point.startswith("store.") for point in FAILPOINTS[deed])
        return _REQUEST if asks else frozenset()
    if deed in WRITING:
        return _FILE
    return _FOLDER if deed in REMOVING else frozenset()


_ASKS = "changes nothing, and what it says is not believed for longer than a look"
_KILLED_COPYING = "killed at each step in operations/test_backing_up and test_restoring"
_MENDS = "mends what is only left over; operations/fsck/test_repairing"

ELSEWHERE: Mapping[str, str] = {
    "keys.check": _ASKS,
    "keys.examine": _ASKS,
    "mailer.check": _ASKS,
    "papers.page_image": _ASKS,
    "scanner.check": _ASKS,
    "store.check": _ASKS,
    "store.claimed_by": _ASKS,
    "store.entries": _ASKS,
    "store.names": _ASKS,
    "store.set_aside_names": _ASKS,
    "store.unfinished": _ASKS,
    "keys.note_needed": "only notes again what stands in the database; done once more if need be",
    "keys.frozen": _KILLED_COPYING,
    "keys.is_empty": _KILLED_COPYING,
    "store.clear_unfinished": _MENDS,
    "store.set_aside": _MENDS,
}
"""Calls of ports in operations that have no failpoint here, and why."""


BY_COMMAND = frozenset({"keys.rewrap"})
"""Calls that no operation makes: a command does."""

_FAILURES: Mapping[str, Failure] = {
    "papers": lambda: Unavailable("papers_busy"),
    "keys": KeysUnavailable,
    "store": StoreUnavailable,
    "transaction": DatabaseUnavailable,
    "commit": DatabaseUnavailable,
    "mailer": lambda: MailUnavailable("seeded"),
    "os": lambda: OSError(errno.EIO, "seeded"),
    "half": ConnectionResetError,
    "smtp": lambda: smtplib.SMTPServerDisconnected("seeded"),
}


def failing(point: str) -> Failure | None:
    """How the part fails at this point; ``None`` for a scanner, which never raises, and the end."""
    return _FAILURES.get(point.replace(".", " ").split()[0])
