"""Scanners that say what a test wants; a real one is in :mod:`tests.servers_clamd`."""

from collections.abc import Callable
from datetime import datetime

from kursdocs.core.ports import Scan, Signatures, Verdict

SIGNATURES = "Probe 1.0/1"


class Saying:
    """A scanner with one verdict, which does something first and can be told to say another."""

    def __init__(
        self,
        verdict: Verdict = Verdict.CLEAN,
        first: Callable[[], object] = lambda: None,
        *,
        signatures: str = SIGNATURES,
        made_at: datetime | None = None,
    ) -> None:
        self.verdict, self.known = verdict, Signatures(signatures, made_at)
        self.scanned: list[bytes] = []
        self._first = first

    def scan(self, data: bytes) -> Scan:
        """The verdict."""
        self._first()
        self.scanned.append(data)
        return Scan(self.verdict, self.known.version)

    def signatures(self) -> Signatures:
        """What it was given."""
        return self.known

    def check(self) -> None:
        """Always there."""


def undecided() -> Saying:
    """One without a verdict."""
    return Saying(Verdict.UNSCANNABLE)


def deadly() -> Saying:
    """One at which the intake dies as by a kill: nobody clears up."""
    return Saying(first=_interrupt)


def _interrupt() -> None:
    raise KeyboardInterrupt
