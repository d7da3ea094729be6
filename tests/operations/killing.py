"""Runs one job after the other in processes that may be killed, and tells how each ended."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from uuid import UUID

from tests.operations.intake_child import Acknowledged, Ended, Job, Passed, serve


@dataclass
class Outcome:
    """What a job passed, acknowledged, and how its process ended."""

    points: list[str]
    acknowledged: UUID | None
    code: int


Run = Callable[[Job], Outcome]


@contextmanager
def running_jobs() -> Iterator[Run]:
    """Does each job in a process of its own, forked from one that has everything imported."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    template = context.Process(target=serve, args=(theirs,))
    template.start()
    theirs.close()
    yield lambda job: _run(ours, job)
    ours.close()
    template.join(20)
    assert template.exitcode == 0


def _run(line: Connection, job: Job) -> Outcome:
    line.send(job)
    points: list[str] = []
    acknowledged = None
    while True:
        said = line.recv()
        if isinstance(said, Ended):
            return Outcome(points, acknowledged, said.code)
        if isinstance(said, Acknowledged):
            acknowledged = said.document_id
        if isinstance(said, Passed):
            points.append(said.point)
