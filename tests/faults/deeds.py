"""What the program does, one deed at a time, and what its client does before, during and after.

Each deed can be done in a process that may be killed: all it needs is in its :class:`Job`. What it
tells its client it writes into the ledger, as in ``clients``. ``again`` is what happens next in
life: the client tries the same once more, or the worker's next run comes.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from uuid import UUID

from sqlmodel import update
from tests.factories import make_catalogue
from tests.faults.ledger import Ledger, Word, fingerprint
from tests.operations.house import House
from tests.operations.test_drafting import TYPED
from tests.scanners import Saying, deadly, undecided

from kursdocs.core.access import Actor
from kursdocs.core.documents import lifecycle
from kursdocs.core.documents.lifecycle import INTAKE_LIMIT
from kursdocs.core.documents.sending import Sending
from kursdocs.core.documents.tables import Document, DocumentState
from kursdocs.core.drafts import Draft
from kursdocs.core.errors import Conflict, Invalid, Unavailable
from kursdocs.core.ports import KeyMissing, ObjectMissing, Tampered, Verdict
from kursdocs.core.tables import new_id
from kursdocs.demo.papers import sample_paper
from kursdocs.operations import drafting, intake, rescanning, retention, sweeping
from kursdocs.operations.intake import nothing_ended
from kursdocs.operations.sealing import unseal
from kursdocs.services import Services
from kursdocs.settings import Settings

SECOND = timedelta(seconds=1)
WITHDRAWN_FOR, ANNOUNCED_FOR = timedelta(days=40), timedelta(days=9)
"""After these a withdrawn paper goes."""


@dataclass(frozen=True)
class Job:
    """One deed with all it needs, and at which point it is to die (None: not at all)."""

    deed: str
    settings: Settings
    now: datetime
    sender: Actor
    sending: Sending
    ledger: Path
    key: str
    content: bytes
    subject: UUID | None = None
    """The draft or document that it is about."""
    kill_at: int | None = None
    bug: str = ""
    """The seeded bug that the program has, if it has one."""


@dataclass
class Scene:
    """An installation and the one client's ledger, in which one deed after the other is done."""

    house: House
    ledger: Path
    bug: str = ""
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def note(self, word: Word, key: str, value: object = "") -> None:
        """A line of the client's."""
        Ledger(self.ledger).note(word, key, value)

    def job(self, deed: str, key: str) -> Job:
        """A job with content that nobody else has, and what the deed needs to be there."""
        paper = sample_paper("Zulassung zum Integrationskurs", "Muster", "Mia", next(self._numbers))
        house = self.house
        job = Job(
            deed,
            house.services.settings,
            house.clock(),
            house.sender,
            house.sending(),
            self.ledger,
            key,
            paper,
            bug=self.bug,
        )
        job = DEEDS[deed].prepare(self, job)
        return replace(job, now=house.clock())


@dataclass(frozen=True)
class Deed:
    """One operation."""

    do: Callable[[Services, Job], None]
    again: Callable[[Scene, Job], None]
    prepare: Callable[[Scene, Job], Job] = lambda _, job: job
    is_alone: bool = False
    """It acts on everything that is due, so that each fault must be recovered from by itself."""
    scanner: Saying | None = None


# -- sending ---------------------------------------------------------------------------------------


def _store(services: Services, job: Job) -> None:
    ledger = Ledger(job.ledger)
    ledger.note(Word.TRY, job.key, fingerprint(job.content))
    view = intake.store(services, job.sender, job.sending, [job.content], job.key)
    ledger.note(Word.ACK, job.key, view.id)


def _store_again(scene: Scene, job: Job) -> None:
    _store(scene.house.services, job)


def _refuse(services: Services, job: Job) -> None:
    """Nobody is told "stored"."""
    with suppress(Invalid):
        intake.store(services, job.sender, job.sending, [job.content], job.key)


def _nothing_again(scene: Scene, job: Job) -> None:
    """Nobody tries what was refused."""


# -- the desk --------------------------------------------------------------------------------------


def _keep(services: Services, job: Job) -> None:
    ledger = Ledger(job.ledger)
    view = drafting.keep(
        services,
        job.sender,
        [job.content],
        file_name="Zulassung.pdf",
        upload_key=job.key,
        readmit=nothing_ended,
    )
    ledger.note(Word.KEPT, job.key, view.id)


def _keep_again(scene: Scene, job: Job) -> None:
    """The same upload is the same draft, with every byte; then the person discards it."""
    house = scene.house
    _keep(house.services, job)
    [draft] = [one for one in house.drafts() if one.upload_key == job.key and one.state == "ready"]
    try:
        sealed = house.services.store.get(draft.object_name)
        content = unseal(house.services.keys.get(draft.id), draft.id, sealed)
    except (KeyMissing, ObjectMissing):
        scene.note(Word.LOST, job.key, draft.id)
    except Tampered:
        scene.note(Word.WRONG, job.key, draft.id)
    else:
        if content != job.content:
            scene.note(Word.WRONG, job.key, draft.id)
    drafting.discard(house.services, job.sender, draft.id)


def _on_the_desk(scene: Scene, job: Job) -> Job:
    house = scene.house
    view = drafting.keep(
        house.services,
        job.sender,
        [job.content],
        file_name="",
        upload_key=job.key,
        readmit=nothing_ended,
    )
    with house.services.transaction() as session:
        drafting.note(session, job.sender, view.id, TYPED, now=house.clock())
    return replace(job, subject=view.id)


def _send(services: Services, job: Job) -> None:
    ledger = Ledger(job.ledger)
    ledger.note(Word.TRY, job.key, fingerprint(job.content))
    view = drafting.send(services, job.sender, _subject(job), nothing_ended)
    ledger.note(Word.ACK, job.key, view.id)


def _send_again(scene: Scene, job: Job) -> None:
    _send(scene.house.services, job)


def _subject(job: Job) -> UUID:
    if job.subject is None:
        raise ValueError(f"{job.key} is about nothing")
    return job.subject


# -- withdrawing and erasing -----------------------------------------------------------------------


def _sent(scene: Scene, job: Job) -> Job:
    _store(scene.house.services, job)
    with scene.house.services.transaction() as session:
        known = lifecycle.repeated(
            session,
            job.sender,
            key=job.key,
            content_hash=job.sending.content_hash(fingerprint(job.content)),
            now=scene.house.clock(),
        )
    return replace(job, subject=known)


def _withdraw(services: Services, job: Job) -> None:
    ledger, subject = Ledger(job.ledger), _subject(job)
    ledger.note(Word.DROP, job.key, subject)
    with suppress(Conflict), services.transaction() as session:  # withdrawn already
        lifecycle.withdraw(
            session,
            job.sender,
            subject,
            reason="wrong_person",
            catalogue=make_catalogue(),
            now=services.clock(),
        )
    ledger.note(Word.GONE, job.key, subject)


def _withdraw_again(scene: Scene, job: Job) -> None:
    _withdraw(scene.house.services, job)


def _due(scene: Scene, job: Job) -> Job:
    """A withdrawn paper whose day has come; its past is made, so that others do not age with it."""
    job = _sent(scene, job)
    _withdraw(scene.house.services, job)
    now = scene.house.clock()
    with scene.house.services.transaction() as session:
        document = session.get_one(Document, _subject(job))
        document.withdrawn_at = now - WITHDRAWN_FOR
        document.delete_on = now.date()
        document.deletion_noticed_at = now - ANNOUNCED_FOR
        session.add(document)
    return job


def _erase(services: Services, job: Job) -> None:
    retention.run(services)


def _erase_again(scene: Scene, job: Job) -> None:
    retention.run(scene.house.services)


# -- clearing up -----------------------------------------------------------------------------------


def _litter(scene: Scene, job: Job) -> Job:
    """A dead intake, a key without a row, a paper that waits for its verdict, an old draft."""
    house = scene.house
    with suppress(KeyboardInterrupt):
        house.send(services=replace(house.services, scanner=deadly()))
    house.services.keys.create(new_id())
    _store(replace(house.services, scanner=undecided()), job)
    draft_id = _subject(_on_the_desk(scene, replace(job, key=f"{job.key} desk")))
    with house.services.transaction() as session:
        session.get_one(Draft, draft_id).expires_at = house.clock() + SECOND
    house.clock.advance(INTAKE_LIMIT + SECOND)
    return job


def _sweep(services: Services, job: Job) -> None:
    sweeping.sweep(services)


def _sweep_again(scene: Scene, job: Job) -> None:
    sweeping.sweep(scene.house.services)


# -- looking again with newer signatures -----------------------------------------------------------

NEWER = Saying(Verdict.INFECTED, signatures="Probe 1.0/2")


def _out(scene: Scene, job: Job) -> Job:
    """A paper that newer signatures will find infected; all others were looked at with them."""
    with scene.house.services.transaction() as session:
        session.exec(update(Document).values(scan_signatures=NEWER.known.version))
    return _sent(scene, job)


def _rescan(services: Services, job: Job) -> None:
    rescanning.rescan(services)


def _rescan_again(scene: Scene, job: Job) -> None:
    """The next run blocks it, whatever happened to this one."""
    rescanning.rescan(replace(scene.house.services, scanner=NEWER))
    if scene.house.document(_subject(job)).state is not DocumentState.BLOCKED:
        scene.note(Word.WRONG, job.key, job.subject)


DEEDS: Mapping[str, Deed] = {
    "store": Deed(_store, _store_again),
    "refuse": Deed(_refuse, _nothing_again, scanner=Saying(Verdict.INFECTED)),
    "keep": Deed(_keep, _keep_again),
    "send": Deed(_send, _send_again, _on_the_desk),
    "withdraw": Deed(_withdraw, _withdraw_again, _sent),
    "sweep": Deed(_sweep, _sweep_again, _litter, is_alone=True),
    "erase": Deed(_erase, _erase_again, _due, is_alone=True),
    "rescan": Deed(_rescan, _rescan_again, _out, is_alone=True, scanner=NEWER),
}

ANSWERS = (Conflict, Invalid, Unavailable)
"""With these the program says that it did not do it; whatever else it raises is a fault."""
