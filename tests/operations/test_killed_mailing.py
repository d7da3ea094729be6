"""Killing the worker with SIGKILL at every point between planning a mail and having sent it.

As in ``test_killed_intake`` a first run records the points, then each of them gets its own kill.
After each, the next worker must bring the day's digest to every mailbox: never none, and twice only
where the worker died between the server's acceptance and the commit, then with one Message-ID. An
SMTP server outside the killed process keeps the mails.

Seen red with each of these bugs built in: a mail marked as sent before it is handed over; the mark
and the ledger in two transactions; a lease that outlasts the day; a Message-ID made at each
attempt; what was planned written down as told.
"""

import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

import pytest
from tests.factories import OFFICE, PROVIDER
from tests.operations.intake_child import Job
from tests.operations.killing import Outcome, Run, running_jobs
from tests.operations.post import DESK, Post, addressed

from kursdocs.core.audit import Happening
from kursdocs.core.documents.tables import DeliveryState
from kursdocs.core.outbox import LEASE
from kursdocs.core.workdays import Workdays

MONDAY = date(2026, 11, 23)
WORKDAYS = Workdays(keeps_eves=True)


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Does a job in a process of its own."""
    with running_jobs() as runner:
        yield runner


@dataclass
class Trial:
    """One installation in which each working day brings a new paper and a worker that dies."""

    post: Post
    run: Run
    day: date = MONDAY
    faults: list[str] = field(default_factory=list)

    def begin(self) -> UUID:
        """The next working day, with a new paper."""
        self.day = WORKDAYS.after(self.day, 1)
        self.post.at(self.day)
        self.post.look_in(OFFICE, PROVIDER)
        self.post.smtp.letters.clear()
        return self.post.arrive()

    def do(self, name: str, kill_at: int | None) -> Outcome:
        """Let a worker do one duty, and kill it at that point."""
        house = self.post.house
        settings, sending = self.post.services.settings, house.sending()
        return self.run(Job(name, settings, house.clock(), house.sender, sending, "", kill_at))

    def judge(self, where: str, document: UUID, mails: range) -> None:
        """Let the next worker come after the lease; note what is wrong with what was told."""
        self.post.later(seconds=LEASE.total_seconds())
        self.post.work()
        letters = self.post.smtp.letters
        if len(letters) not in mails or set(addressed(letters)) != {DESK}:
            self.faults.append(f"{where}: {addressed(letters)}")
        if len({letter.message["Message-ID"] for letter in letters}) != 1:
            self.faults.append(f"{where}: not one Message-ID")
        told = [one.step for one in self.post.told() if one.mail_id == self.post.mails()[-1].id]
        if told != [0]:
            self.faults.append(f"{where}: told {told}")
        self.post.take_over(document)
        if self.post.later(hours=1).work():
            self.faults.append(f"{where}: told again the same day")


def test_a_worker_killed_while_it_sends_loses_no_mail_and_doubles_only_what_was_accepted(
    any_post: Post, run: Run
) -> None:
    trial = Trial(any_post, run)
    document = trial.begin()
    any_post.remind()
    points = trial.do("mail", None).points
    trial.judge("not killed", document, range(1, 2))
    accepted = points.index("mailer.send ended")
    committed = points.index("commit ended", accepted)

    for number, point in enumerate(points):
        document = trial.begin()
        any_post.remind()
        assert trial.do("mail", number).code == -signal.SIGKILL
        is_double = accepted <= number < committed
        mails = range(2, 3) if is_double else range(1, 2)
        trial.judge(f"killed when {point} ({number})", document, mails)

    assert trial.faults == []
    assert len(points) > 12


def test_a_worker_killed_while_it_plans_loses_no_mail_and_gives_back_once(
    any_post: Post, run: Run
) -> None:
    """Each time one paper is new and one has come to the end of its ladder."""
    trial = Trial(any_post, run)

    def begin() -> tuple[UUID, UUID]:
        late = trial.begin()
        any_post.work()
        trial.day = WORKDAYS.after(trial.day, 15)
        any_post.at(trial.day).work()  # told to the last step; only then it may go back
        return trial.begin(), late

    first, first_late = begin()
    points = trial.do("remind", None).points
    assert any_post.state_of(first_late) is DeliveryState.RETURNED
    any_post.take_over(first)

    for number, point in enumerate(points):
        document, late = begin()
        assert trial.do("remind", number).code == -signal.SIGKILL
        any_post.later(minutes=1).work()
        letters = [x for x in any_post.smtp.letters if x.recipients == (DESK,)]
        if len(letters) != 1 or any_post.state_of(late) is not DeliveryState.RETURNED:
            trial.faults.append(f"killed when {point} ({number}): {len(letters)} mails")
        events = any_post.house.events(Happening.DELIVERY_RETURNED, document_id=late)
        if len(events) != 1:
            trial.faults.append(f"killed when {point} ({number}): logged {len(events)} times")
        any_post.take_over(document)

    assert trial.faults == []
    assert len(points) > 10
