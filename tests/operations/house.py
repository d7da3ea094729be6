"""A whole installation on real parts for tests of the operations: town, people, papers, and a look
past the ports at what is left.

Knows nothing of pytest; the child of the kill test uses it too.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import UUID

from pydantic import SecretStr
from sqlmodel import col, select
from tests.factories import (
    ISSUER,
    NOW,
    OFFICE,
    PROVIDER,
    make_person_actor,
    make_sending,
    make_town,
)

from kursdocs import bootstrap, catalogue
from kursdocs.adapters.master_keys import MasterKeys
from kursdocs.adapters.papers import SandboxedPapers
from kursdocs.catalogue import Catalogue
from kursdocs.core import audit
from kursdocs.core.access import Actor
from kursdocs.core.audit import AuditEvent, Happening
from kursdocs.core.documents.reading import DocumentView
from kursdocs.core.documents.sending import Sending
from kursdocs.core.documents.tables import Document, DocumentState, IdempotencyKey
from kursdocs.core.drafts import Draft, DraftState
from kursdocs.core.errors import KursdocsError
from kursdocs.demo.papers import sample_paper
from kursdocs.operations import handout, intake
from kursdocs.operations.sweeping import Swept, sweep
from kursdocs.services import Services
from kursdocs.settings import Settings

PAPER = sample_paper("Zulassung zum Integrationskurs", "Mustermann-Öztürk", "Probefried", 1)
OTHER_PAPER = sample_paper("Zulassung zum Integrationskurs", "Beispiel", "Mia", 2)

# Their objects and keys are needed; every other state has neither, once the sweeper was there.
KEPT = (
    DocumentState.HELD,
    DocumentState.LIVE,
    DocumentState.WITHDRAWN,
    DocumentState.BLOCKED,
)
FAR = timedelta(days=36_500)


_LOAD = catalogue.load


@cache
def load_once(path: Path | None = None) -> Catalogue:
    """The catalogue of the file, read once a process: it is frozen, and reading it is slow."""
    return _LOAD(path)


class SharedPapers(SandboxedPapers):
    """The real part, kept warm from test to test: closing one installation leaves it open."""

    def close(self) -> None:
        """Do nothing; :meth:`end` ends it."""

    def end(self) -> None:
        """End the children."""
        super().close()


@dataclass
class Clock:
    """A clock that the test moves; it tells the time to every part."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.now += by


def make_settings(folder: Path, **changes: object) -> Settings:
    """Settings of an installation in ``folder``, embedded unless changed, with a master key."""
    master_key_file = folder / "master.keys"
    if not master_key_file.exists():
        MasterKeys.create(master_key_file)
    values: dict[str, object] = {
        "database_url": f"sqlite:///{folder / 'database.sqlite'}",
        "keys_url": f"sqlite:///{folder / 'keys.sqlite'}",
        "store_url": f"folder:{folder / 'objects'}",
        "master_key_file": master_key_file,
        "public_url": "http://127.0.0.1:8000",
        "oidc_issuer": ISSUER,
        "oidc_client_id": "kursdocs",
        "oidc_client_secret": SecretStr("erfunden"),
        "smtp_url": f"folder:{folder / 'mail'}",
        "mail_from": "kursdocs@musterstadt.example",
        "clamd": "off",
    }
    return Settings(**{**values, **changes})  # type: ignore[arg-type]  # as in the environment


@dataclass
class House:
    """An installation with a town in it, and what a test does in it or finds there."""

    services: Services
    clock: Clock
    actors: dict[str, Actor]

    @property
    def sender(self) -> Actor:
        """A clerk of the course provider."""
        return self.actors[PROVIDER]

    @property
    def recipient(self) -> Actor:
        """A clerk of the immigration office."""
        return self.actors[OFFICE]

    def sending(self, *recipients: str, **changes: object) -> Sending:
        """A checked sending, to the immigration office unless said otherwise."""
        today = self.clock().date()
        with self.services.transaction() as session:
            return make_sending(session, self.sender, *recipients, today=today, **changes)

    def send(
        self,
        *files: bytes,
        key: str = "",
        services: Services | None = None,
        sending: Sending | None = None,
    ) -> DocumentView:
        """Send one paper, through other services if a part is to fail."""
        return intake.store(
            services or self.services,
            self.sender,
            sending or self.sending(),
            files or (PAPER,),
            key,
        )

    def sweep(self, after: timedelta = timedelta(0)) -> Swept:
        """Let time pass, then one run of the sweeper."""
        self.clock.advance(after)
        return sweep(self.services)

    def read(self, document_id: UUID, actor: Actor | None = None) -> bytes:
        """Download as the recipient, or whoever is named."""
        return handout.download(self.services, actor or self.recipient, document_id).pdf

    # -- what is there, past what an agency may see ------------------------------------------

    def document(self, document_id: UUID) -> Document:
        """The row."""
        with self.services.transaction() as session:
            return session.get_one(Document, document_id)

    def documents(self) -> Sequence[Document]:
        """All rows, oldest first."""
        with self.services.transaction() as session:
            return session.exec(select(Document).order_by(col(Document.id))).all()

    def states(self) -> list[str]:
        """The states of all rows, oldest first."""
        return [document.state.value for document in self.documents()]

    def objects(self) -> list[str]:
        """All object names."""
        return list(self.services.store.names())

    def keys(self) -> list[UUID]:
        """All documents that have a key."""
        return all_keys(self.services)

    def idempotency_keys(self) -> list[str]:
        """All keys of senders that are taken."""
        with self.services.transaction() as session:
            return list(session.exec(select(IdempotencyKey.key)).all())

    def events(self, *happenings: Happening, document_id: UUID | None = None) -> list[AuditEvent]:
        """Rows of the log, oldest first, with one of these happenings (or any)."""
        query = select(AuditEvent).order_by(col(AuditEvent.seq))
        if happenings:
            query = query.where(col(AuditEvent.happening).in_(happenings))
        if document_id is not None:
            query = query.where(AuditEvent.document_id == document_id)
        with self.services.transaction() as session:
            return list(session.exec(query))

    def drafts(self) -> Sequence[Draft]:
        """All rows of drafts, oldest first."""
        with self.services.transaction() as session:
            return session.exec(select(Draft).order_by(col(Draft.id))).all()

    def faults(self) -> list[str]:
        """Whatever must not be, once everything dead was swept; empty when all is well."""
        documents = {document.id: document for document in self.documents()}
        drafts = {draft.id: draft for draft in self.drafts()}
        kept = {d.id: d for d in documents.values() if d.state in KEPT}
        ready = {d.id: d for d in drafts.values() if d.state is DraftState.READY}
        names = {d.object_name for d in kept.values()} | {d.object_name for d in ready.values()}
        ids = {*kept, *ready}
        found = [f"object without a row that needs it: {n}" for n in set(self.objects()) - names]
        found += [f"document without its object: {n}" for n in names - set(self.objects())]
        found += [f"key without a row that needs it: {i}" for i in set(self.keys()) - ids]
        found += [f"document without its key: {i}" for i in ids - set(self.keys())]
        found += [f"still pending: {i}" for i, d in documents.items() if d.state == "pending"]
        found += [f"still pending: {i}" for i, d in drafts.items() if d.state == "pending"]
        return found + self._log_faults(documents) + self._unreadable(kept)

    def _log_faults(self, documents: dict[UUID, Document]) -> list[str]:
        """Every document has exactly one beginning in the log, and the log is whole."""
        beginnings = (Happening.DOCUMENT_SENT, Happening.DOCUMENT_HELD)
        started = [event.document_id for event in self.events(*beginnings)]
        given_up = [event.document_id for event in self.events(Happening.DOCUMENT_ABANDONED)]
        found = []
        for document_id, document in documents.items():
            expected = (0, 1) if document.state == "abandoned" else (1, 0)
            counted = (started.count(document_id), given_up.count(document_id))
            if counted != expected:
                found.append(f"{document.state} {document_id} is logged {counted}, not {expected}")
        found += [f"logged, but without row: {i}" for i in {*started, *given_up} - set(documents)]
        with self.services.transaction() as session:
            altered = audit.verify(session)
        return found if altered is None else [*found, f"log altered at {altered}"]

    def _unreadable(self, kept: dict[UUID, Document]) -> list[str]:
        found = []
        for document_id, document in kept.items():
            try:
                handout.open_stored(self.services, document)
            except KursdocsError as error:
                found.append(f"{document_id} cannot be read: {error.code}")
        return found


def all_keys(services: Services) -> list[UUID]:
    """All documents that have a key."""
    return list(services.keys.made_between(NOW - FAR, NOW + FAR, after=None, limit=10_000))


@contextmanager
def settled(settings: Settings, clock: Clock) -> Iterator[House]:
    """Open a migrated, empty installation, and make the town and one clerk for each agency."""
    with bootstrap.open_services(settings, clock=clock) as services:
        with services.transaction() as session:
            town = make_town(session)
            actors = {slug: make_person_actor(session, town[slug], subject=slug) for slug in town}
        yield House(services, clock, actors)
