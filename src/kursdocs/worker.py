"""The recurring duties, in one readable list; each is one call into ``operations``."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from kursdocs.core import heartbeats
from kursdocs.core.errors import Unavailable
from kursdocs.operations import (
    checkpointing,
    delivery,
    following_up,
    fsck,
    last_backup,
    mailing,
    reminding,
    rescanning,
    retention,
    sweeping,
)
from kursdocs.services import Services

_log = structlog.get_logger()


@dataclass(frozen=True)
class Duty:
    """Something to be done again and again; in the demo sooner, because somebody looks on.

    One that consists of many small parts ``is_stoppable``: it is given the event that ends the
    worker, and begins no further part when that is set.
    """

    name: str
    every_seconds: int
    run: Callable[..., object]
    demo_seconds: int | None = None
    is_stoppable: bool = False

    def pause(self, *, is_demo: bool) -> int:
        """Seconds until it is done again."""
        return self.demo_seconds if is_demo and self.demo_seconds else self.every_seconds


DUTIES: Sequence[Duty] = (
    # It signs once an hour, and sooner after a thousand rows. Before the mails, which carry it.
    Duty("checkpointing", 60, checkpointing.run, demo_seconds=5),
    # Then this, so that nobody is reminded before it is known of what.
    Duty("follow_ups", 3600, following_up.refresh, demo_seconds=2),
    Duty("reminding", 60, reminding.remind, demo_seconds=2),
    Duty("mailing", 5, mailing.deliver_due, demo_seconds=2, is_stoppable=True),
    Duty(delivery.SERVER_DUTY, 300, mailing.check_server),
    Duty(delivery.BOUNCES_DUTY, 300, mailing.look_for_bounces),
    Duty("outbox", 3600, mailing.forget_old),
    Duty("ledger", 300, reminding.close_ledger, demo_seconds=30),
    Duty("sweeping", 60, sweeping.sweep),
    Duty("rescanning", 10, rescanning.rescan),
    Duty("scanner", 3600, rescanning.watch),
    # A part of what is old each time: 20,000 rows every five minutes are more than come in.
    Duty("shortening", 300, checkpointing.shorten, is_stoppable=True),
    # It checks once a day, whenever that day's check is missing.
    Duty("checking", 3600, fsck.daily, demo_seconds=60),
    # It acts by the day; once an hour, so that a day on which it could not run is made up for.
    Duty("retention", 3600, retention.run),
)


def run(services: Services, stop: threading.Event, *, is_demo: bool = False) -> None:
    """Do every duty when its time has come, until ``stop`` is set.

    A duty that fails is logged and tried again at its next time; it never ends the worker. Each
    run leaves a sign of life, which readiness and metrics of every process look at.
    """
    if not stop.is_set():
        _guarded("worker", lambda: _forget_others(services))
    due = {duty.name: 0.0 for duty in DUTIES}
    while not stop.wait(1):
        for duty in DUTIES:
            if time.monotonic() >= due[duty.name] and not stop.is_set():
                _do(duty, services, stop)
                due[duty.name] = time.monotonic() + duty.pause(is_demo=is_demo)


def _do(duty: Duty, services: Services, stop: threading.Event) -> None:
    given = (services, stop) if duty.is_stoppable else (services,)
    with structlog.contextvars.bound_contextvars(duty=duty.name):
        succeeded = _guarded("duty", lambda: duty.run(*given))
        _guarded("heartbeat", lambda: _beat(duty, services, succeeded=succeeded))


def _guarded(what: str, act: Callable[[], object]) -> bool:
    """Whether it could be done; if not, the log says why."""
    try:
        act()
    except Unavailable as error:
        _log.warning(f"{what}.unavailable", code=error.code, **error.details)
    except Exception:  # noqa: BLE001 - the worker must outlive what one duty did not foresee
        _log.exception(f"{what}.failed")
    else:
        return True
    return False


def _beat(duty: Duty, services: Services, *, succeeded: bool) -> None:
    with services.transaction() as session:
        heartbeats.beat(
            session,
            duty.name,
            every_seconds=duty.every_seconds,
            succeeded=succeeded,
            now=services.clock(),
        )


def _forget_others(services: Services) -> None:
    with services.transaction() as session:
        heartbeats.keep_only(session, [last_backup.DUTY, *(duty.name for duty in DUTIES)])
