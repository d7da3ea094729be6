"""Killing the sending desk's work with SIGKILL at every point: nothing lost, nothing left.

As in ``test_killed_intake``: a first run records the points, then each of them gets its own kill
from the first thing that is written on (a call that ended and the next that begins are one point:
nothing happens between the two). After each,
the installation is opened anew, the sweeper works, and the person tries again:

- a draft that was acknowledged is there byte for byte, and the same upload again is the same one;
- a draft that was being sent is one document after the next attempt, never two and never none;
- drafts that were being joined are all there as they were, or joined;
- at the end of the day there is no object, no key and no row that nobody needs.
"""

import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from tests.operations.house import OTHER_PAPER, PAPER, House
from tests.operations.intake_child import Job
from tests.operations.killing import Outcome, Run, running_jobs
from tests.operations.test_drafting import TYPED

from kursdocs import bootstrap
from kursdocs.core.audit import Happening
from kursdocs.core.documents.lifecycle import INTAKE_LIMIT, TOMBSTONE_AGE
from kursdocs.core.drafts import DraftView
from kursdocs.core.drafts.lifecycle import DRAFT_AGE
from kursdocs.operations import drafting
from kursdocs.operations.intake import nothing_ended
from kursdocs.operations.sealing import unseal

SECOND = timedelta(seconds=1)
Judge = Callable[[House, str, Outcome], list[str]]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Does a job in a process of its own."""
    with running_jobs() as runner:
        yield runner


def kill_everywhere(
    house: House,
    run: Run,
    name: str,
    prepare: Callable[[House, int], str],
    judge: Judge,
    *,
    since: str,
) -> tuple[int, list[str]]:
    """Kill the job at each of its points; how many there were, and what was wrong after them.

    ``since`` is the point before which it only reads.
    """
    settings, faults = house.services.settings, []

    def job(kill_at: int | None) -> Job:
        key = prepare(house, -1 if kill_at is None else kill_at)
        return Job(name, settings, house.clock(), house.sender, house.sending(), key, kill_at)

    first = job(None)
    whole = run(first)
    assert whole.code == 0
    assert whole.acknowledged is not None
    faults += [f"not killed: {fault}" for fault in judged(house, first, whole, judge)]
    start = whole.points.index(since)
    for number, point in enumerate(whole.points):
        follows = point.endswith("begins") and whole.points[number - 1].endswith("ended")
        if number < start or follows:
            continue
        killed = job(number)
        outcome = run(killed)
        assert outcome.code == -signal.SIGKILL, f"{point} ({number}) was not hit"
        with bootstrap.open_services(settings, clock=house.clock) as services:
            anew = replace(house, services=services)
            where = f"killed when {point} ({number})"
            faults += [f"{where}: {fault}" for fault in judged(anew, killed, outcome, judge)]
    return len(whole.points) - start, faults + house.faults()


def judged(house: House, job: Job, outcome: Outcome, judge: Judge) -> list[str]:
    house.sweep(INTAKE_LIMIT + SECOND)
    found = judge(house, job.key, outcome)
    house.sweep(DRAFT_AGE)
    house.sweep(TOMBSTONE_AGE + SECOND)
    return found + [f"row of a draft: {draft.state}" for draft in house.drafts()]


def keep(house: House, key: str, paper: bytes = PAPER) -> DraftView:
    return drafting.keep(
        house.services,
        house.sender,
        [paper],
        file_name="",
        upload_key=key,
        readmit=nothing_ended,
    )


def note(house: House, draft_id: UUID) -> None:
    with house.services.transaction() as session:
        drafting.note(session, house.sender, draft_id, TYPED, now=house.clock())


def mine(house: House) -> dict[UUID, DraftView]:
    with house.services.transaction() as session:
        found = drafting.mine(session, house.sender, now=house.clock())
    return {view.id: view for view in found}


def read(house: House, draft_id: UUID) -> bytes:
    [row] = [draft for draft in house.drafts() if draft.id == draft_id]
    key = house.services.keys.get(draft_id)
    return unseal(key, draft_id, house.services.store.get(row.object_name))


# -- keeping ---------------------------------------------------------------------------------------


def judge_keeping(house: House, key: str, outcome: Outcome) -> list[str]:
    acknowledged = outcome.acknowledged
    if acknowledged and read(house, acknowledged) != PAPER:
        return ["acknowledged, but not the same bytes"]
    again = keep(house, key)
    found = [] if acknowledged in (None, again.id) else ["kept twice"]
    found += [] if read(house, again.id) == PAPER else ["the retry did not keep the bytes"]
    return found if list(mine(house)) == [again.id] else [*found, "more on the desk than one"]


def test_an_upload_to_the_desk_killed_at_any_point_loses_nothing_and_leaves_nothing(
    embedded: House, run: Run
) -> None:
    count, faults = kill_everywhere(
        embedded, run, "keep", lambda _, at: f"u{at}", judge_keeping, since="keys.create ended"
    )

    assert faults == []
    assert count > 15


# -- sending ---------------------------------------------------------------------------------------


def prepare_sending(house: House, at: int) -> str:
    draft = keep(house, f"u{at}")
    note(house, draft.id)
    return str(draft.id)


def judge_sending(house: House, key: str, outcome: Outcome) -> list[str]:
    sent = drafting.send(house.services, house.sender, UUID(key), nothing_ended).id
    live = house.states().count("live")
    found = [] if outcome.acknowledged in (None, sent) else ["sent twice"]
    found += [] if house.read(sent) == PAPER else ["not the same bytes"]
    if mine(house):
        found.append("still on the desk")
    expected = len(house.events(Happening.DRAFT_KEPT))
    if live != expected:
        found.append(f"{live} documents instead of {expected}")
    return found


def test_a_sending_from_the_desk_killed_at_any_point_is_one_document(
    at_servers: House, run: Run
) -> None:
    count, faults = kill_everywhere(
        at_servers, run, "send", prepare_sending, judge_sending, since="keys.create ended"
    )

    assert faults == []
    assert count > 20


# -- joining ---------------------------------------------------------------------------------------


def prepare_joining(house: House, at: int) -> str:
    return f"{keep(house, f'a{at}').id} {keep(house, f'b{at}', OTHER_PAPER).id}"


def judge_joining(house: House, key: str, outcome: Outcome) -> list[str]:
    first, second = map(UUID, key.split())
    pages = {draft_id: view.page_count for draft_id, view in mine(house).items()}
    if pages not in ({first: 1, second: 1}, {first: 2}):
        return [f"neither joined nor as they were: {pages}"]
    if outcome.acknowledged and pages != {first: 2}:
        return ["acknowledged, but not joined"]
    if second in pages:
        found = [] if read(house, first) == PAPER else ["the first was altered"]
        return found + ([] if read(house, second) == OTHER_PAPER else ["the second was altered"])
    return [] if read(house, first).startswith(b"%PDF") else ["what was joined cannot be read"]


def test_joining_killed_at_any_point_loses_no_page(embedded: House, run: Run) -> None:
    count, faults = kill_everywhere(
        embedded, run, "join", prepare_joining, judge_joining, since="papers.arranged ended"
    )

    assert faults == []
    assert count > 15
