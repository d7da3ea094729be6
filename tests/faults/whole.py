"""Whole runs, each on an installation of its own; for processes of the long form."""

import logging
import shutil
import sys
import tempfile
from pathlib import Path

import structlog
from tests.faults.bugs import BUGS
from tests.faults.parts import Parts, furnished, installation
from tests.faults.planned import Report, campaign, hunt, killable
from tests.faults.random_kills import Outcome, Plan, play
from tests.servers import running_smtp


def planned_faults(parts: Parts, *, seed: int, share: float) -> Report:
    """Every fault at every point of every deed, or that share of them."""
    folder = _quiet_folder()
    with (
        installation(parts, folder) as settings,
        killable() as stable,
        furnished(settings) as house,
        running_smtp() as smtp,
    ):
        report = campaign(house, smtp, folder, stable, seed=seed, share=share)
    shutil.rmtree(folder)
    return report


def survives(bug: str) -> bool:
    """Whether the seeded bug is not caught by the planned faults, by one of its words."""
    folder = _quiet_folder()
    with (
        installation(Parts.EMBEDDED, folder) as settings,
        killable() as stable,
        furnished(settings) as house,
        running_smtp() as smtp,
    ):
        report = hunt(house, smtp, folder, stable, bug)
    shutil.rmtree(folder)
    return not report.words & BUGS[bug].words


def killed_at_random(parts: Parts, plan: Plan) -> Outcome:
    """One random run on an installation of its own; its folder stays when it went wrong."""
    folder = _quiet_folder()
    with installation(parts, folder) as settings:
        outcome = play(settings, folder, plan)
    if outcome.is_well:
        shutil.rmtree(folder)
    else:
        sys.stderr.write(f"{parts}: what was wrong lies in {folder}\n")
    return outcome


def _quiet_folder() -> Path:
    """A fresh folder, in a process whose program says nothing: most of what it would is meant."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    return Path(tempfile.mkdtemp(prefix="kursdocs-faults-"))
