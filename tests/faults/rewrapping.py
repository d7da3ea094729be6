"""The deed of keys: wrapping them with a new master key, page by page, while others read them."""

from dataclasses import replace
from uuid import UUID

from tests.faults.ledger import Word, fingerprint
from tests.faults.scene import Deed, Job, Scene, subject_of

from kursdocs.core.ports import KeysUnavailable
from kursdocs.operations import intake
from kursdocs.services import Services

PAPERS, PAGE = 2, 1_000


def _rotated(scene: Scene, job: Job) -> Job:
    """Two new papers, whose keys an older master key wraps than the one in force."""
    house, last = scene.house, job
    for number in range(PAPERS):
        last = scene.job(job.deed, f"{job.key}|{number}")
        scene.note(Word.TRY, last.key, fingerprint(last.content))
        view = intake.store(house.services, last.sender, last.sending, [last.content], last.key)
        scene.note(Word.ACK, last.key, view.id)
        if not number:
            job = replace(job, subject=view.id)
    house.services.keys.rotate()
    return job


def _rewrap(services: Services, job: Job) -> None:
    """One key a page, from the first of the new papers on."""
    after: UUID | None = UUID(int=subject_of(job).int - 1)
    while after is not None:
        after = services.keys.rewrap(after, 1).after


def _rewrap_all(services: Services) -> None:
    after, failed = services.keys.rewrap(None, PAGE).after, 0
    while after is not None:
        page = services.keys.rewrap(after, PAGE)
        after, failed = page.after, failed + page.failed
    if failed:
        raise KeysUnavailable


def _rewrap_again(scene: Scene, job: Job) -> None:
    """It is begun anew; then only the newest master key is needed, and the others go."""
    keys = scene.house.services.keys
    _rewrap_all(scene.house.services)
    for master in keys.masters():
        if not master.is_active and master.keys:
            scene.odd.append(f"{job.key}: {master.keys} keys are not wrapped anew")
        elif not (master.is_active or master.is_retired):
            keys.retire(master.id)


REWRAP = Deed(
    _rewrap, _rewrap_again, _rotated, is_alone=True, is_swept=False, meanwhile=_rewrap_all
)
