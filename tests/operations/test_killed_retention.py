"""Killing the run of retention with SIGKILL at every point: continued by the next, nothing twice.

In each round three papers are due: one that nobody touched, one whose end is to be announced, and
one whose content goes. A first run without a kill records the points; then each gets its own kill.
After each, the installation is opened anew, and what the next run leaves must be the same: given
back, announced and erased once each, no object and no key that no row needs (``House.faults``).

Seen red with each of these bugs built in: key and object removed before the commit that says so;
what is erased never swept.
"""

import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from tests.factories import make_catalogue
from tests.operations.house import PAPER, House
from tests.operations.intake_child import Job
from tests.operations.killing import Run, running_jobs

from kursdocs import bootstrap
from kursdocs.core.audit import Happening
from kursdocs.core.documents import lifecycle
from kursdocs.operations import retention
from kursdocs.operations.handout import DocumentDamaged, open_stored

OLD = {"fields": {"issued_on": "2020-01-01", "expires_on": "2020-06-30"}}
ONCE = {
    Happening.DELIVERY_RETURNED: 0,
    Happening.DOCUMENT_DELETION_NOTICED: 1,
    Happening.DOCUMENT_ERASED: 2,
}
"""What the run does to which of the three papers of a round."""


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Does a job in a process of its own."""
    with running_jobs() as runner:
        yield runner


def withdrawn(house: House) -> UUID:
    """A paper that goes 31 days from now."""
    document_id = house.send().id
    with house.services.transaction() as session:
        lifecycle.withdraw(
            session,
            house.sender,
            document_id,
            reason="wrong_person",
            catalogue=make_catalogue(),
            now=house.clock(),
        )
    return document_id


def due(house: House) -> tuple[UUID, UUID, UUID]:
    """One paper to be given back, one to be announced, one to be erased, all today."""
    untouched = house.send(sending=house.sending(**OLD)).id
    house.clock.advance(timedelta(days=30))
    going = withdrawn(house)
    house.clock.advance(timedelta(days=6))
    near = withdrawn(house)
    house.clock.advance(timedelta(days=18))
    retention.run(house.services)
    house.clock.advance(timedelta(days=7))
    return untouched, near, going


def job(house: House, kill_at: int | None) -> Job:
    settings = house.services.settings
    return Job("retain", settings, house.clock(), house.sender, house.sending(), "unused", kill_at)


def wrong(house: House, papers: tuple[UUID, UUID, UUID]) -> list[str]:
    """What the next run leaves that it should not; then everything of this round is let go."""
    found = readable_or_erased(house, papers)
    retention.run(house.services)
    found += house.faults()
    for happening, number in ONCE.items():
        count = len(house.events(happening, document_id=papers[number]))
        if count != 1:
            found.append(f"{happening} happened {count} times")
    untouched, near, going = papers
    if [house.document(each).state for each in papers] != ["live", "withdrawn", "erased"]:
        found.append("the states are not those of a run that was not killed")
    if house.document(going).swept_at is None:
        found.append("nobody noted that nothing is left")
    if house.read(untouched) != PAPER or house.read(near, house.sender) != PAPER:
        found.append("the content of others is damaged")
    for days in (25, 7):
        house.clock.advance(timedelta(days=days))
        retention.run(house.services)
    if house.objects() or house.keys():
        found.append("something is left in a store when everything is erased")
    return found


def readable_or_erased(house: House, papers: tuple[UUID, UUID, UUID]) -> list[str]:
    """What is damaged at once: content is there until the row says that it is not."""
    damaged = []
    for document in map(house.document, papers):
        try:
            if document.state != "erased" and open_stored(house.services, document) != PAPER:
                damaged.append("content is not what was sent")
        except DocumentDamaged:
            damaged.append(f"a {document.state} paper lost its content")
    return damaged


def kill_at_each(house: House, run: Run, *, whole_way: bool) -> tuple[list[str], list[str]]:
    """Kill the run at each of its points; the points, and what was wrong afterwards.

    Not the ``whole_way``: from the commit on after which the row says that its content is gone.
    """
    papers = due(house)
    whole = run(job(house, None))
    assert whole.code == 0
    faults = wrong(house, papers)
    first = 0 if whole_way else whole.points.index("keys.destroy begins") - 8
    for number, point in list(enumerate(whole.points))[first:]:
        papers = due(house)
        outcome = run(job(house, number))
        assert outcome.code == -signal.SIGKILL, f"{point} ({number}) was not hit"
        with bootstrap.open_services(house.services.settings, clock=house.clock) as services:
            left = wrong(replace(house, services=services), papers)
        faults += [f"killed when {point} ({number}): {fault}" for fault in left]
    return whole.points, faults


@pytest.mark.timeout(300)  # three papers for each of its points, all with their bytes
def test_a_run_killed_at_any_point_is_continued_by_the_next(embedded: House, run: Run) -> None:
    points, faults = kill_at_each(embedded, run, whole_way=True)

    assert faults == []
    assert {"keys.destroy begins", "store.delete ended"} <= set(points)
    assert len(points) > 25


@pytest.mark.timeout(300)
def test_a_run_killed_while_it_erases_on_servers_is_continued_by_the_next(
    at_servers: House, run: Run
) -> None:
    points, faults = kill_at_each(at_servers, run, whole_way=False)

    assert faults == []
    assert {"keys.destroy begins", "store.delete ended"} <= set(points)
