"""The processes that a random run kills: who sends, withdraws, reads, sweeps and erases.

Each is the program with its clients in one: these call the operations and write into their ledgers
before and after each call, as clients on the other side of the line would. On SQLite one process
does nearly everything in threads, as the program itself does there; on PostgreSQL there are many.
:func:`live` is the body of such a process; it ends only by a signal.
"""

import hashlib
import http.client
import os
import random
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

from tests.faults.clocks import SharedClock
from tests.faults.ledger import Ledger, Tail, Word
from tests.operations.house import PAPER

from kursdocs import bootstrap
from kursdocs.core.access import Actor
from kursdocs.core.documents import lifecycle
from kursdocs.core.documents.lifecycle import INTAKE_LIMIT
from kursdocs.core.documents.sending import Sending
from kursdocs.core.errors import Conflict, Gone, KursdocsError, NotFound, Unavailable
from kursdocs.core.ports import Paper
from kursdocs.operations import handout, intake, retention, sweeping
from kursdocs.operations.handout import DocumentDamaged
from kursdocs.services import Services
from kursdocs.settings import Settings

REASON = "wrong_person"


class Role(StrEnum):
    """What a process does until it is killed."""

    WRITER = "writer"
    SLOW = "slow"
    """A writer whose line to the store stands still now and then, for longer than any limit."""
    DROPPER = "dropper"
    """Withdraws some of what was sent, and runs the retention that erases it later."""
    READER = "reader"
    SWEEPER = "sweeper"


WRITERS = (Role.WRITER, Role.SLOW)


@dataclass(frozen=True)
class Town:
    """What every process needs to know of the installation."""

    settings: Settings
    sender: Actor
    recipient: Actor
    sending: Sending
    folder: Path
    """Where clock and ledgers are."""
    speed: float


@dataclass(frozen=True)
class Life:
    """One process: its place in the crew, what it does in a thread each, the seed of its dice."""

    place: int
    roles: Sequence[Role]
    seed: int


def ledgers_of(folder: Path, place: int, roles: Sequence[Role]) -> list[Path]:
    """The files of the clients at that place, in order; they outlive their processes."""
    return [folder / f"{role}-{place}-{number}.ledger" for number, role in enumerate(roles)]


def content_of(key: str) -> bytes:
    """A PDF that no other key has: an accepted one with a comment after its end."""
    return PAPER + f"\n% {key}\n".encode()


class KnownPapers:
    """Stands for the part that opens files, which has kill tests of its own.

    It accepts what was made of the one sample that the real part accepted.
    """

    def accept(self, files: Sequence[bytes]) -> Paper:
        """The file as it is."""
        [file] = files
        if not file.startswith(PAPER):
            raise ValueError("not made of the known sample")
        return Paper(file, 1, is_signed=False)

    def close(self) -> None:
        """Nothing was opened."""


def live(town: Town, life: Life) -> None:
    """Do what the role does until a signal comes."""
    clock = SharedClock(town.folder / "clock", town.speed)
    paths = ledgers_of(town.folder, life.place, life.roles)
    with bootstrap.open_services(town.settings, clock=clock) as services:
        doings = [
            partial(_ROLES[role], _Client(town, path, f"{path.stem}-{life.seed}", services, clock))
            for role, path in zip(life.roles, paths, strict=True)
        ]
        threads = [threading.Thread(target=_guarded, args=(one,)) for one in doings[1:]]
        for thread in threads:
            thread.start()
        _guarded(doings[0])


def rehearse(town: Town) -> None:
    """Do each role's deed once, so that forks of this process know every statement by then."""
    clock = SharedClock(town.folder / "clock", town.speed)
    with bootstrap.open_services(town.settings, clock=clock) as services:
        client = _Client(town, town.folder / "rehearsal-0-0.ledger", "rehearsal", services, clock)
        for key in ("rehearsal-1", "rehearsal-2"):
            _send(client, key)
        for line in Tail(client.path).look():
            if line.word is Word.ACK:
                _read_one(client, UUID(line.value), line.key)
                _withdraw(client, UUID(line.value), line.key)
        sweeping.sweep(services)
        retention.run(services)


def _guarded(do: Callable[[], None]) -> None:
    """Whatever goes wrong in one thread ends the process, so that it is noticed."""
    try:
        do()
    except BaseException:  # noqa: BLE001 - it is told, and everything ends
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(1)


class _Client:
    """One client's ledger, dice and doors."""

    def __init__(
        self, town: Town, path: Path, name: str, services: Services, clock: SharedClock
    ) -> None:
        self.town, self.services, self.clock = town, services, clock
        self.dice = random.Random(name)  # noqa: S311 - dice, not secrets
        self.path, self.name = path, name
        self.ledger = Ledger(path)
        self._parent = os.getppid()
        self._tails: dict[Path, Tail] = {}
        self.stored: list[tuple[UUID, str]] = []

    def pause(self, seconds: float) -> None:
        """Wait; never longer than the starter of all lives."""
        time.sleep(seconds)
        if os.getppid() != self._parent:
            os._exit(1)

    def choose(self) -> tuple[UUID, str] | None:
        """Some document that a writer was told is stored, newer ones more often."""
        for role in WRITERS:
            for path in self.town.folder.glob(f"{role}-*.ledger"):
                tail = self._tails.setdefault(path, Tail(path))
                acknowledged = (line for line in tail.look() if line.word is Word.ACK)
                self.stored += [(UUID(line.value), line.key) for line in acknowledged]
        if not self.stored:
            return None
        return self.stored[int(len(self.stored) * self.dice.random() ** 0.5)]


# -- who sends -------------------------------------------------------------------------------------


def _write(client: _Client) -> None:
    """Send one paper after the other; what got no answer is tried again, with the same key."""
    unanswered = _unanswered(client)
    number = 0
    while True:
        if unanswered and client.dice.random() < 0.5:
            key = unanswered.pop(0)
        else:
            number += 1
            key = f"{client.name}-{number}"
        if not _send(client, key):
            unanswered.append(key)
            client.pause(0.02)
        client.pause(0)


def _unanswered(client: _Client) -> list[str]:
    """What this client's processes before did not hear of again."""
    lines = Tail(client.path).look()
    answered = {line.key for line in lines if line.word is Word.ACK}
    tried = dict.fromkeys(line.key for line in lines if line.word is Word.TRY)
    return [key for key in tried if key not in answered]


def _send(client: _Client, key: str) -> bool:
    content = content_of(key)
    client.ledger.note(Word.TRY, key, hashlib.sha256(content).hexdigest())
    town = client.town
    try:
        view = intake.store(client.services, town.sender, town.sending, [content], key)
    except (Conflict, Unavailable):
        return False
    client.ledger.note(Word.ACK, key, view.id)
    return True


def _write_slowly(client: _Client) -> None:
    """The same over a line that stands still in the middle of some files."""
    limit, mine = client.clock.real(INTAKE_LIMIT), threading.get_ident()

    def wait() -> None:
        if threading.get_ident() == mine:
            client.pause(client.dice.choice((0, 0, 0.5, 1.2, 2)) * limit)

    with _stalling(wait):
        _write(client)


@contextmanager
def _stalling(wait: Callable[[], None]) -> Iterator[None]:
    """Before a file gets its name, and in the middle of a request's body; for a whole process."""
    link, send = os.link, http.client.HTTPConnection.send

    def link_late(*arguments: Any, **named: Any) -> None:
        wait()
        link(*arguments, **named)

    def send_by_halves(self: http.client.HTTPConnection, data: Any) -> None:
        if not isinstance(data, bytes) or len(data) < len(PAPER):
            send(self, data)
            return
        send(self, data[: len(data) // 2])
        wait()
        send(self, data[len(data) // 2 :])

    with (
        mock.patch.object(os, "link", link_late),
        mock.patch.object(http.client.HTTPConnection, "send", send_by_halves),
    ):
        yield


# -- who withdraws and erases ----------------------------------------------------------------------


def _drop(client: _Client) -> None:
    lines = Tail(client.path).look()
    gone = {line.value for line in lines if line.word is Word.GONE}
    for line in lines:
        if line.word is Word.DROP and line.value not in gone:
            _withdraw(client, UUID(line.value), line.key)
    while True:
        for _ in range(client.dice.randrange(1, 8)):
            if (chosen := client.choose()) is not None:
                _withdraw(client, *chosen)
            client.pause(client.dice.uniform(0.05, 0.5))
        try:
            retention.run(client.services)
        except Unavailable:
            client.pause(0.1)


def _withdraw(client: _Client, document_id: UUID, key: str) -> None:
    client.ledger.note(Word.DROP, key, document_id)
    try:
        with client.services.transaction() as session:
            lifecycle.withdraw(
                session,
                client.town.sender,
                document_id,
                reason=REASON,
                catalogue=client.services.catalogue,
                now=client.clock(),
            )
    except (Conflict, Unavailable):  # it is withdrawn or erased already, or nobody knows
        return
    client.ledger.note(Word.GONE, key, document_id)


# -- who reads -------------------------------------------------------------------------------------


def _read(client: _Client) -> None:
    while True:
        client.pause(client.dice.uniform(0.05, 0.4))
        if (chosen := client.choose()) is not None:
            _read_one(client, *chosen)


def _read_one(client: _Client, document_id: UUID, key: str) -> None:
    try:
        pdf = handout.download(client.services, client.town.recipient, document_id).pdf
    except (NotFound, Gone, DocumentDamaged):
        client.ledger.note(Word.LOST, key, document_id)
    except KursdocsError:
        client.pause(0.05)
    else:
        is_right = pdf == content_of(key)
        client.ledger.note(Word.READ if is_right else Word.WRONG, key, document_id)


# -- who clears up ---------------------------------------------------------------------------------


def _sweep(client: _Client) -> None:
    while True:
        client.pause(client.dice.uniform(0.1, 0.8))
        began = client.clock()
        try:
            sweeping.sweep(client.services)
        except Unavailable:
            client.pause(0.1)
        else:
            client.ledger.note(Word.SWEPT, client.name, began.isoformat())


_ROLES: Mapping[Role, Callable[[_Client], None]] = {
    Role.WRITER: _write,
    Role.SLOW: _write_slowly,
    Role.DROPPER: _drop,
    Role.READER: _read,
    Role.SWEEPER: _sweep,
}
