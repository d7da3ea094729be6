"""What the program does, one deed at a time, and what its client does before, during and after.

Each deed can be done in a process that may be killed: all it needs is in its :class:`Job`. What it
tells its client it writes into the ledger, as in ``clients``. ``again`` is what happens next in
life: the client tries the same once more, or the worker's next run comes.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from sqlmodel import update
from tests.factories import make_catalogue
from tests.faults.ledger import Ledger, Word, fingerprint
from tests.faults.logs import CHECKPOINT, SHORTEN
from tests.faults.mails import MAIL, PLAN
from tests.faults.rewrapping import REWRAP
from tests.faults.scene import SECOND, Deed, Job, Scene, subject_of
from tests.operations.test_drafting import TYPED
from tests.scanners import Saying, deadly, undecided

from kursdocs.core.documents import lifecycle
from kursdocs.core.documents.lifecycle import INTAKE_LIMIT
from kursdocs.core.documents.tables import Document, DocumentState
from kursdocs.core.drafts import Draft
from kursdocs.core.errors import Conflict, Invalid, Unavailable
from kursdocs.core.ports import KeyMissing, ObjectMissing, Tampered, Verdict
from kursdocs.core.tables import new_id
from kursdocs.operations import drafting, intake, rescanning, retention, sweeping
from kursdocs.operations.intake import nothing_ended
from kursdocs.operations.sealing import unseal
from kursdocs.services import Services

WITHDRAWN_FOR, ANNOUNCED_FOR = timedelta(days=40), timedelta(days=9)
"""After these a withdrawn paper goes."""


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
    _look(scene, job, draft, fingerprint(job.content))
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
    view = drafting.send(services, job.sender, subject_of(job), nothing_ended)
    ledger.note(Word.ACK, job.key, view.id)


def _send_again(scene: Scene, job: Job) -> None:
    _send(scene.house.services, job)


def _two_on_the_desk(scene: Scene, job: Job) -> Job:
    other = _on_the_desk(scene, scene.job(job.deed, f"{job.key}|other"))
    return replace(_on_the_desk(scene, job), other=other.subject, more=other.content)


def _join(services: Services, job: Job) -> None:
    drafting.join(services, job.sender, [subject_of(job), _other_of(job)])


def _join_again(scene: Scene, job: Job) -> None:
    """All as they were, or joined; in the end joined, and then the person discards it."""
    house, first, other = scene.house, subject_of(job), _other_of(job)
    ready = {one.id: one for one in house.drafts() if one.state == "ready"}
    if other in ready:
        for draft_id, content in ((first, job.content), (other, job.more)):
            _look(scene, job, ready[draft_id], fingerprint(content))
        _join(house.services, job)
        ready = {one.id: one for one in house.drafts() if one.state == "ready"}
    joined = ready[first]
    _look(scene, job, joined, joined.sha256)
    if other in ready or joined.page_count != JOINED:
        scene.note(Word.WRONG, job.key, first)
    drafting.discard(house.services, job.sender, first)


JOINED = 2
"""Pages of two papers of one page."""


def _other_of(job: Job) -> UUID:
    return subject_of(replace(job, subject=job.other))


def _look(scene: Scene, job: Job, draft: Draft, sha256: str) -> None:
    """The draft has that content."""
    services = scene.house.services
    try:
        content = unseal(
            services.keys.get(draft.id), draft.id, services.store.get(draft.object_name)
        )
    except (KeyMissing, ObjectMissing):
        scene.note(Word.LOST, job.key, draft.id)
    except Tampered:
        scene.note(Word.WRONG, job.key, draft.id)
    else:
        if fingerprint(content) != sha256:
            scene.note(Word.WRONG, job.key, draft.id)


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
    ledger, subject = Ledger(job.ledger), subject_of(job)
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
        document = session.get_one(Document, subject_of(job))
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
    draft_id = subject_of(_on_the_desk(scene, replace(job, key=f"{job.key} desk")))
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
    if scene.house.document(subject_of(job)).state is not DocumentState.BLOCKED:
        scene.note(Word.WRONG, job.key, job.subject)


DEEDS: Mapping[str, Deed] = {
    "store": Deed(_store, _store_again),
    "refuse": Deed(_refuse, _nothing_again, scanner=Saying(Verdict.INFECTED)),
    "keep": Deed(_keep, _keep_again),
    "send": Deed(_send, _send_again, _on_the_desk),
    "join": Deed(_join, _join_again, _two_on_the_desk),
    "withdraw": Deed(_withdraw, _withdraw_again, _sent),
    "sweep": Deed(_sweep, _sweep_again, _litter, is_alone=True),
    "erase": Deed(_erase, _erase_again, _due, is_alone=True),
    "rescan": Deed(_rescan, _rescan_again, _out, is_alone=True, scanner=NEWER),
    "rewrap": REWRAP,
    # Last, because with these days pass.
    "plan": PLAN,
    "mail": MAIL,
    "checkpoint": CHECKPOINT,
    "shorten": SHORTEN,
}

ANSWERS = (Conflict, Invalid, Unavailable)
"""With these the program says that it did not do it; whatever else it raises is a fault."""
