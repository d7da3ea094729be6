"""The worker: the real duties, done at fake moments by a process that may be killed.

:func:`killable` starts a process that has everything imported and forks one worker after the
other: each opens the real services, does its duties tick by tick, and dies by SIGKILL at the point
it was told. :class:`Inside` does the same duties in the present process, for what needs no kills.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import SimpleNamespace
from unittest import mock
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import configure_mappers
from sqlmodel import Session, col, select
from tests.factories import make_catalogue
from tests.operations.house import Clock
from tests.operations.points import probed
from tests.simulation.almanac import FIRST_DAY

from kursdocs import bootstrap, catalogue, worker
from kursdocs.adapters.identity import OidcProvider
from kursdocs.core.documents.tables import Delivery, DeliveryState
from kursdocs.core.errors import Unavailable
from kursdocs.core.outbox import OutboxMail
from kursdocs.core.workdays import Workdays
from kursdocs.services import Services
from kursdocs.settings import Settings

LEFT_OUT = {"sweeping", "retention"}
"""Duties about bytes; the papers here are rows."""

ACCEPTED = "mailer.send ended"
"""The point at which the mail server has taken a letter and the worker has not said so yet."""
UNMARKED = 3
"""From there, so many points lie before the commit that marks the mail as sent."""


@dataclass(frozen=True)
class Kill:
    """Where a worker dies in one tick: at its point of that number, counted from 0.

    With ``mail`` it is counted from the acceptance of the mail of that number, instead.
    """

    point: int
    mail: int | None = None


@dataclass(frozen=True)
class Tick:
    """One moment at which the worker looks what is to be done."""

    now: datetime
    kill: Kill | None = None


@dataclass(frozen=True)
class Ticked:
    """What a tick left: when the next mail is due, what was given back; whether the worker died."""

    next_due: datetime | None = None
    given_back: Sequence[UUID] = ()
    faults: Sequence[str] = ()
    died: bool = False


Ticking = Callable[[Tick], Ticked]


@dataclass
class Inside:
    """The duties, done here; ``now`` tells the time to the services."""

    services: Services
    now: Clock
    _done: dict[str, datetime] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __call__(self, tick: Tick) -> Ticked:
        """Do each duty whose time has come since it was done last."""
        self.now.now = tick.now
        faults = []
        for duty in worker.DUTIES:
            last = self._done.get(duty.name)
            is_early = last is not None and tick.now - last < timedelta(seconds=duty.every_seconds)
            if duty.name in LEFT_OUT or is_early:
                continue
            self._done[duty.name] = tick.now
            given = (self.services, self._stop) if duty.is_stoppable else (self.services,)
            try:
                duty.run(*given)
            except Unavailable:
                continue  # as while the mail server is down; it is done again
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
                faults.append(f"{tick.now:%Y-%m-%d %H:%M}Z: {duty.name} failed: {error!r}")
        with self.services.transaction() as session:
            return Ticked(next_due(session, tick.now), given_back(session, tick.now), faults)


def next_due(session: Session, now: datetime) -> datetime | None:
    """When the next mail of the outbox is due, after now."""
    query = select(sa.func.min(OutboxMail.due_at)).where(
        col(OutboxMail.sent_at).is_(None),
        col(OutboxMail.dead_at).is_(None),
        OutboxMail.due_at > now,
    )
    return session.exec(query).one()


def given_back(session: Session, now: datetime) -> Sequence[UUID]:
    """What the program returned at that moment."""
    query = select(Delivery.id).where(
        Delivery.state == DeliveryState.RETURNED,
        Delivery.returned_at == now,
        col(Delivery.returned_by_user_id).is_(None),
    )
    return session.exec(query).all()


def unmarked(session: Session, message_ids: Sequence[str]) -> Sequence[str]:
    """Which of these mails are not known as sent."""
    ids = {UUID(one.strip("<>").partition("@")[0]): one for one in message_ids}
    query = select(OutboxMail.id).where(
        col(OutboxMail.id).in_(list(ids)), col(OutboxMail.sent_at).is_not(None)
    )
    marked = set(session.exec(query))
    return [name for id_, name in ids.items() if id_ not in marked]


# ── The process that is killed ───────────────────────────────────────────────────────────────


@contextmanager
def killable(settings: Settings) -> Iterator[Ticking]:
    """Workers in processes of their own: when one is dead, the next tick has a new one."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    template = context.Process(target=_serve, args=(theirs, settings))
    template.start()
    theirs.close()

    def ticking(tick: Tick) -> Ticked:
        ours.send(tick)
        answer = ours.recv()
        if not isinstance(answer, Ticked):
            raise TypeError(f"the worker ended by itself: {answer}")
        return answer

    try:
        yield ticking
    finally:
        ours.close()
        template.join(20)


def _serve(line: Connection, settings: Settings) -> None:
    """Fork a worker, and another one when it was killed, until nobody sends any more."""
    with quick_opening():
        while True:
            child = os.fork()
            if child == 0:
                _work(line, settings)
            _, status = os.waitpid(child, 0)
            code = os.waitstatus_to_exitcode(status)
            if code == 0:
                return
            line.send(Ticked(died=True) if code == -signal.SIGKILL else code)


def _work(line: Connection, settings: Settings) -> None:
    code = 1
    try:
        _tick_on(line, settings)
        code = 0
    finally:  # whatever went wrong, this process must not go on as its parent
        os._exit(code)


def _tick_on(line: Connection, settings: Settings) -> None:
    clock, deadly = Clock(), _Deadly()
    with bootstrap.open_services(settings, clock=clock) as opened:
        duties = Inside(probed(opened, deadly), clock)
        while True:
            try:
                tick: Tick = line.recv()
            except EOFError:
                return
            deadly.arm(tick.kill)
            answer = duties(tick)
            deadly.arm(None)
            line.send(answer)


class _Deadly:
    """Counts the points of a tick, and kills the process at the one it was told."""

    def __init__(self) -> None:
        self._kill: Kill | None = None
        self._points = self._mails = 0

    def arm(self, kill: Kill | None) -> None:
        self._kill = kill
        self._mails = 0
        self._points = -1 if kill is None or kill.mail is None else -1_000_000

    def __call__(self, point: str) -> None:
        if self._kill is None:
            return
        self._points += 1
        if point == ACCEPTED:
            if self._mails == self._kill.mail:
                self._points = 0
            self._mails += 1
        if self._points == self._kill.point:
            os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def quick_opening() -> Iterator[None]:
    """Do once what would cost every opening of the services a while; all of it real, or unused."""
    configure_mappers()
    Workdays().after(FIRST_DAY, 1)
    rules, unused = make_catalogue(), SimpleNamespace(close=lambda: None)
    logged = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with (
        mock.patch.object(bootstrap, "SandboxedPapers", return_value=unused),
        mock.patch.object(bootstrap, "OidcProvider", cache(OidcProvider)),
        mock.patch.object(catalogue, "load", return_value=rules),
    ):
        try:
            yield
        finally:
            structlog.configure(**logged)
