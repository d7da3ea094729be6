"""Deeds about the log: signing what it says, and removing by rule what is old.

Each day brings a paper, which is logged; what was logged before that day may go when it is signed.
"""

from dataclasses import replace
from datetime import timedelta

from sqlmodel import col, select
from tests.faults.ledger import Word, fingerprint
from tests.faults.scene import SECOND, Deed, Job, Scene

from kursdocs.core.audit import AuditEvent, checkpoints
from kursdocs.core.audit.chain import end_of
from kursdocs.operations import checkpointing, intake
from kursdocs.services import Services


def _logged(scene: Scene, job: Job) -> Job:
    """Something new stands in the log, and it is time to sign it."""
    house = scene.house
    scene.note(Word.TRY, job.key, fingerprint(job.content))
    view = intake.store(house.services, job.sender, job.sending, [job.content], job.key)
    scene.note(Word.ACK, job.key, view.id)
    house.clock.advance(checkpointing.EVERY + SECOND)
    return replace(job, subject=view.id)


def _sign(services: Services, job: Job) -> None:
    checkpointing.run(services)


def _sign_again(scene: Scene, job: Job) -> None:
    """The next run signs what this one did not."""
    house = scene.house
    house.clock.advance(checkpointing.EVERY + SECOND)
    checkpointing.run(house.services)
    with house.services.transaction() as session:
        newest, (end, _) = checkpoints.newest(session), end_of(session)
    if newest is None or newest.size != end:
        scene.odd.append(f"{job.key}: the log is not signed to its end")


def _old(scene: Scene, job: Job) -> Job:
    """What was logged until today is signed and old; the client keeps a copy of it."""
    made = _logged(scene, job)
    house = scene.house
    checkpointing.run(house.services)
    with house.services.transaction() as session:
        rows = session.exec(
            select(AuditEvent.seq, AuditEvent.happening, AuditEvent.document_id)
            .where(AuditEvent.seq > scene.copied)
            .order_by(col(AuditEvent.seq))
        ).all()
    for seq, happening, document_id in rows:
        scene.copied = seq
        if document_id is not None:
            scene.note(Word.LOGGED, happening, document_id)
    scene.note(Word.COPIED, job.key, scene.copied)
    house.clock.advance(timedelta(days=1))
    return made


def _shorten(services: Services, job: Job) -> None:
    _shorten_to_today(services)


def _shorten_to_today(services: Services) -> None:
    """As if the rule said that nothing is kept longer than the day it was written on."""
    rules = replace(services.catalogue, log_kept_months=0)
    checkpointing.shorten(replace(services, catalogue=rules))


def _shorten_again(scene: Scene, job: Job) -> None:
    """The next run removes what this one did not."""
    _shorten_to_today(scene.house.services)
    with scene.house.services.transaction() as session:
        oldest = session.exec(select(AuditEvent.seq).order_by(col(AuditEvent.seq)).limit(1)).one()
    if oldest <= scene.copied:
        scene.odd.append(f"{job.key}: the old row {oldest} of the log is still there")


CHECKPOINT = Deed(
    _sign,
    _sign_again,
    _logged,
    is_alone=True,
    is_swept=False,
    meanwhile=checkpointing.run,
    limit=checkpointing.EVERY,
)
SHORTEN = Deed(
    _shorten,
    _shorten_again,
    _old,
    is_alone=True,
    is_swept=False,
    meanwhile=_shorten_to_today,
)
