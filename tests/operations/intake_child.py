"""The process that the kill tests kill: it opens the real services and does one job in them.

:func:`serve` is the body of a process that imports everything once and then forks for each job, so
that a killed one costs no start. What nobody kills it does itself: the forks that follow have every
statement compiled, and connections of their own, as each job opens the installation anew. It tells
its starter each point it passes and what it acknowledged; the sign of the end is how the process
ended that did the job.
"""

import os
import signal
import traceback
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from multiprocessing.connection import Connection
from unittest import mock
from uuid import UUID

from sqlalchemy.orm import configure_mappers
from tests.engines import sharing_compiled_statements
from tests.factories import NOW
from tests.operations.house import OTHER_PAPER, PAPER, Clock, SharedPapers, load_once
from tests.operations.points import probed, probing_put
from tests.scanners import Saying

from kursdocs import bootstrap, catalogue
from kursdocs.adapters.identity import OidcProvider
from kursdocs.adapters.papers import Limits
from kursdocs.core.access import Actor
from kursdocs.core.documents.sending import Sending
from kursdocs.core.errors import Invalid
from kursdocs.core.ports import Verdict
from kursdocs.core.workdays import Workdays
from kursdocs.operations import drafting, intake, mailing, reminding, retention, sweeping
from kursdocs.services import Services
from kursdocs.settings import Settings


@dataclass(frozen=True)
class Job:
    """What to do, and at which point to die (counted from 0; None: not at all)."""

    name: str
    settings: Settings
    now: datetime
    actor: Actor
    sending: Sending
    key: str
    kill_at: int | None


@dataclass(frozen=True)
class Passed:
    """A point was passed."""

    point: str


@dataclass(frozen=True)
class Acknowledged:
    """The sender was told "stored"."""

    document_id: UUID


@dataclass(frozen=True)
class Ended:
    """How the process ended: an exit code, or the negative number of a signal."""

    code: int


_provider = cache(OidcProvider)


def serve(line: Connection) -> None:
    """Fork for each job that comes, until nobody sends any more."""
    papers = SharedPapers(1, limits=Limits(jobs_per_child=100_000))
    _warm_up(papers)
    with sharing_compiled_statements():
        _serve(line)
    papers.end()


def _serve(line: Connection) -> None:
    while True:
        try:
            job: Job = line.recv()
        except EOFError:
            return
        _provider(  # kept by the cache, for all forks
            job.settings.oidc_issuer,
            job.settings.oidc_client_id,
            job.settings.oidc_client_secret.get_secret_value(),
            job.settings.oidc_audience,
            job.settings.oidc_token_types,
        )
        if job.kill_at is None:
            _do(job, line)
            line.send(Ended(0))
            continue
        child = os.fork()
        if child == 0:
            _live_and_die(job, line)
        _, status = os.waitpid(child, 0)
        line.send(Ended(os.waitstatus_to_exitcode(status)))


def _warm_up(papers: SharedPapers) -> None:
    """Do what would otherwise cost each fork a second: all of it real, only earlier."""
    papers.accept([PAPER])
    papers.lines(OTHER_PAPER)
    configure_mappers()
    Workdays().after(NOW.date(), 1)
    mock.patch.object(bootstrap, "SandboxedPapers", return_value=papers).start()
    mock.patch.object(bootstrap, "OidcProvider", _provider).start()
    load_once()
    mock.patch.object(catalogue, "load", load_once).start()


def _live_and_die(job: Job, line: Connection) -> None:
    try:
        _do(job, line)
        os._exit(0)
    except BaseException:  # noqa: BLE001 - as the interpreter does, which a fork does not return to
        traceback.print_exc()
    finally:  # whatever went wrong, this process must not go on as its parent
        os._exit(1)


def _do(job: Job, line: Connection) -> None:
    passed: list[str] = []

    def probe(point: str) -> None:
        line.send(Passed(point))
        passed.append(point)
        if len(passed) - 1 == job.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    with bootstrap.open_services(job.settings, clock=Clock(job.now)) as opened:
        if job.name == "refuse":
            opened = replace(opened, scanner=Saying(Verdict.INFECTED))
        with probing_put(probe):
            _JOBS[job.name](probed(opened, probe), job, line)
            probe("answered")


def _store(services: Services, job: Job, line: Connection) -> None:
    view = intake.store(services, job.actor, job.sending, [PAPER], job.key)
    line.send(Acknowledged(view.id))


def _refuse(services: Services, job: Job, line: Connection) -> None:
    with suppress(Invalid):  # as infected
        intake.store(services, job.actor, job.sending, [PAPER], job.key)


def _keep(services: Services, job: Job, line: Connection) -> None:
    view = drafting.keep(
        services,
        job.actor,
        [PAPER],
        file_name="Zulassung.pdf",
        upload_key=job.key,
        readmit=intake.nothing_ended,
    )
    line.send(Acknowledged(view.id))


def _send(services: Services, job: Job, line: Connection) -> None:
    """The key names the draft."""
    view = drafting.send(services, job.actor, UUID(job.key), intake.nothing_ended)
    line.send(Acknowledged(view.id))


def _join(services: Services, job: Job, line: Connection) -> None:
    """The key names both drafts."""
    view = drafting.join(services, job.actor, [UUID(one) for one in job.key.split()])
    line.send(Acknowledged(view.id))


def _sweep(services: Services, job: Job, line: Connection) -> None:
    sweeping.sweep(services)


def _remind(services: Services, job: Job, line: Connection) -> None:
    reminding.remind(services)


def _mail(services: Services, job: Job, line: Connection) -> None:
    mailing.deliver_due(services)


def _retain(services: Services, job: Job, line: Connection) -> None:
    retention.run(services)


_JOBS = {
    "store": _store,
    "refuse": _refuse,
    "keep": _keep,
    "send": _send,
    "join": _join,
    "sweep": _sweep,
    "remind": _remind,
    "mail": _mail,
    "retain": _retain,
}
