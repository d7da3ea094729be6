"""Processes that are made quickly and die at any moment.

One process imports everything and then forks for each life, so that a killed one costs no start.
Nothing of it is shared but what Python has loaded: each fork opens the installation anew.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")

_LOOK_SECONDS = 0.005


@dataclass(frozen=True)
class Born:
    """A process began."""

    pid: int


@dataclass(frozen=True)
class Died:
    """A process ended: an exit code, or the negative number of a signal."""

    pid: int
    code: int


class Stable(Generic[T]):
    """Begins lives and tells how they ended."""

    def __init__(self, line: Connection) -> None:
        self._line = line
        self._died: dict[int, int] = {}

    def rehearse(self, life: T) -> None:
        """Live it in the process that all others are forked from, which then knows its way."""
        self._line.send((life, False))
        self._line.recv()

    def begin(self, life: T) -> int:
        """Start one; its process id."""
        self._line.send((life, True))
        while True:
            said = self._line.recv()
            if isinstance(said, Born):
                return said.pid
            self._died[said.pid] = said.code

    def ended(self) -> dict[int, int]:
        """Those that ended since the last time, with how they did."""
        while self._line.poll():
            said: Died = self._line.recv()
            self._died[said.pid] = said.code
        ended, self._died = self._died, {}
        return ended

    def kill(self, pid: int) -> int:
        """Kill it and wait; how it ended, which is not by the kill if it had ended before."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return self.wait(pid)

    def wait(self, pid: int) -> int:
        """Wait until it ends; how it did."""
        while pid not in self._died:
            said: Died = self._line.recv()
            self._died[said.pid] = said.code
        return self._died.pop(pid)


@contextmanager
def stabled(
    warm_up: Callable[[], object], live: Callable[[T], None], log: Path
) -> Iterator[Stable[T]]:
    """Lives may be begun as long as the block lasts; what still lives at its end is killed.

    ``warm_up`` is called once, before the first fork. What the processes say goes to ``log``.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    template = context.Process(target=_serve, args=(theirs, warm_up, live, log))
    template.start()
    theirs.close()
    try:
        yield Stable(ours)
    finally:
        ours.close()
        template.join(20)
        if template.exitcode is None:
            template.kill()


_KEPT: list[AbstractContextManager[object]] = []


def for_good(patched: AbstractContextManager[object]) -> None:
    """Enter it for as long as this process lives; one that nobody held would be left at once."""
    _KEPT.append(patched)
    patched.__enter__()


def _serve(
    line: Connection, warm_up: Callable[[], object], live: Callable[[T], None], log: Path
) -> None:
    with log.open("ab") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    warm_up()
    alive: set[int] = set()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            if line.poll(_LOOK_SECONDS):
                _begin(line, live, alive)
            for pid, code in _reaped(alive):
                line.send(Died(pid, code))
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _begin(line: Connection, live: Callable[[T], None], alive: set[int]) -> None:
    life, is_forked = line.recv()
    if not is_forked:
        live(life)
        line.send(Born(os.getpid()))
        return
    alive.add(pid := _fork(line, life, live))
    line.send(Born(pid))


def _reaped(alive: set[int]) -> Iterator[tuple[int, int]]:
    while alive:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        alive.discard(pid)
        yield pid, os.waitstatus_to_exitcode(status)


def _fork(line: Connection, life: T, live: Callable[[T], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        line.close()
        live(life)
        os._exit(0)
    except BaseException:  # noqa: BLE001 - as the interpreter does, which a fork does not return to
        traceback.print_exc()
        sys.stderr.flush()
    finally:  # whatever went wrong, this process must not go on as its parent
        os._exit(1)
