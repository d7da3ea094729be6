"""Sending a paper anew: a corrected one that replaces it, or what came back once more.

The file may stay as it is: then the stored bytes go through the same intake under a key of their
own, so that either document can be erased without the other.
"""

from collections.abc import Callable, Sequence
from uuid import UUID

from sqlmodel import Session

from kursdocs.core.access import Actor
from kursdocs.core.documents import corrections, reading
from kursdocs.core.documents.reading import DocumentView
from kursdocs.core.documents.sending import Sending, SendingForm
from kursdocs.core.documents.tables import DocumentState
from kursdocs.core.errors import Invalid
from kursdocs.core.ports import Paper
from kursdocs.core.workdays import local_date
from kursdocs.operations import intake
from kursdocs.operations.handout import open_stored
from kursdocs.services import Services


def prepare_correction(
    services: Services, actor: Actor, document_id: UUID, form: SendingForm, reason: str, key: str
) -> Sending:
    """Check reason and fields before the file is received; raises as ``check_correction`` does."""
    with services.transaction() as session:
        return corrections.check_correction(
            session,
            actor,
            services.catalogue,
            document_id,
            form,
            reason=reason,
            key=key,
            today=local_date(services.clock()),
        )


def prepare_again(
    services: Services, actor: Actor, document_id: UUID, form: SendingForm
) -> Sending:
    """The same for what is sent once more; raises as ``again`` and ``check_again`` do."""
    with services.transaction() as session:
        corrections.again(session, actor, document_id)
        today = local_date(services.clock())
        return corrections.check_again(
            session, actor, services.catalogue, document_id, form, today=today
        )


def store(
    services: Services,
    actor: Actor,
    document_id: UUID,
    sending: Sending,
    files: Sequence[bytes],
    key: str,
    readmit: Callable[[Session], None] = intake.nothing_ended,
) -> DocumentView:
    """Store what was prepared, with these files or, without any, with those of the old document.

    Raises as ``intake.store`` does; ``Invalid`` (``file_missing``) where the old one is no use.
    """
    if files:
        return intake.store(services, actor, sending, files, key, readmit)
    with services.transaction() as session:
        old = reading.readable_own(session, actor, document_id)
    if old.state is DocumentState.BLOCKED:
        raise Invalid("file_missing", field="file")
    paper = Paper(open_stored(services, old), old.page_count, is_signed=not old.is_copy)
    return intake.store_accepted(
        services, actor, sending, paper, key, readmit, received_sha256=old.received_sha256
    )
