"""The recurring duties, in one readable list; each is one call into ``operations``."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from kursdocs.core.errors import Unavailable
from kursdocs.operations import mailing, sweeping
from kursdocs.services import Services

_log = structlog.get_logger()


@dataclass(frozen=True)
class Duty:
    """Something to be done again and again."""

    name: str
    every_seconds: float
    run: Callable[[Services], object]


DUTIES: Sequence[Duty] = (
    Duty("mailing", 5, mailing.deliver_due),
    Duty("sweeping", 60, sweeping.sweep),
)


def run(services: Services, stop: threading.Event) -> None:
    """Do every duty when its time has come, until ``stop`` is set.

    A duty that fails is logged and tried again at its next time; it never ends the worker.
    """
    due = {duty.name: 0.0 for duty in DUTIES}
    while not stop.wait(1):
        for duty in DUTIES:
            if time.monotonic() >= due[duty.name] and not stop.is_set():
                _do(duty, services)
                due[duty.name] = time.monotonic() + duty.every_seconds


def _do(duty: Duty, services: Services) -> None:
    try:
        duty.run(services)
    except Unavailable as error:
        _log.warning("duty.unavailable", duty=duty.name, code=error.code)
    except Exception:  # noqa: BLE001 - the worker must outlive what one duty did not foresee
        _log.exception("duty.failed", duty=duty.name)
