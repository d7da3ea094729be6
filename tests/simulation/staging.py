"""Setting the stage: an installation on real parts, the town in it, mail server and worker."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tests.operations.house import Clock, make_settings
from tests.operations.post import mailing_settings
from tests.simulation import mailserver, mirror, running
from tests.simulation.running import Plan, Record
from tests.simulation.town import OPERATOR, REFUSING
from tests.simulation.worker import Inside, killable, quick_opening

from kursdocs import bootstrap
from kursdocs.services import Services

Bend = Callable[[Services], Services]
"""Changes what the worker works with; for planting mistakes."""


def staged(plan: Plan, folder: Path, database_url: str, *, is_migrated: bool = False) -> Record:
    """Play it on that database, with a worker that can be killed."""
    return _played(plan, folder, database_url, is_migrated=is_migrated)


def rehearsed(plan: Plan, folder: Path, database_url: str, bend: Bend) -> Record:
    """Play it in this process alone, on a migrated database, with services that are bent."""
    return _played(plan, folder, database_url, is_migrated=True, bend=bend)


def _played(
    plan: Plan,
    folder: Path,
    database_url: str,
    *,
    is_migrated: bool,
    bend: Bend | None = None,
) -> Record:
    with ExitStack() as opened:
        opened.enter_context(quick_opening())
        server = opened.enter_context(
            mailserver.running(plan.seed, plan.fails, plan.outages, REFUSING)
        )
        house = make_settings(folder, database_url=database_url, operator_mail=OPERATOR)
        settings = mailing_settings(house, server.url)
        if not is_migrated:
            bootstrap.migrate(settings)
        clock = Clock()
        services = opened.enter_context(bootstrap.open_services(settings, clock=clock))
        people = mirror.settled(services, plan.places, plan.begin)
        if bend is None:
            ticking = opened.enter_context(killable(settings))
        else:
            ticking = Inside(bend(replace(services)), clock)
        return running.run(plan, people, ticking, server)
