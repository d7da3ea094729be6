"""One clock for many processes: it runs faster than ours, and can be set forward for all at once.

Limits of minutes and days pass in a run of minutes so, while every process sees the same time, as
on one machine. It never stands still and never goes back.
"""

import mmap
import struct
import time
from datetime import datetime, timedelta
from pathlib import Path

from tests.factories import NOW
from tests.operations.house import Clock

_FORMAT = struct.Struct("=dd")


class SharedClock(Clock):
    """Tells UTC; ``speed`` of its seconds pass in one of ours. Opened anew in each process."""

    def __init__(self, path: Path, speed: float) -> None:
        """``path`` names a file of :meth:`make`."""
        self._speed = speed
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _FORMAT.size)

    @classmethod
    def make(cls, path: Path, speed: float) -> "SharedClock":
        """A clock that begins now to run, on a Monday morning."""
        path.write_bytes(_FORMAT.pack(time.monotonic(), 0.0))
        return cls(path, speed)

    def __call__(self) -> datetime:
        """The present time in UTC."""
        began, skipped = _FORMAT.unpack(self._memory[:])
        return NOW + timedelta(seconds=(time.monotonic() - began) * self._speed + skipped)

    def advance(self, by: timedelta) -> None:
        """Set it forward for every process; only one of them may do so."""
        began, skipped = _FORMAT.unpack(self._memory[:])
        self._memory[:] = _FORMAT.pack(began, skipped + by.total_seconds())

    def real(self, span: timedelta) -> float:
        """In how many of our seconds that span passes."""
        return span.total_seconds() / self._speed
