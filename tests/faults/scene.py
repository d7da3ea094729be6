"""What a deed is, what it needs, and the installation in which one is done after the other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from uuid import UUID

from sqlmodel import update
from tests.faults.cases import Case
from tests.faults.ledger import Ledger, Word
from tests.operations.house import House
from tests.operations.post import PUBLIC_URL
from tests.scanners import Saying
from tests.servers import SmtpServer

from kursdocs.adapters.log_key import LogKey
from kursdocs.adapters.mail import open_mailer
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.documents.lifecycle import INTAKE_LIMIT
from kursdocs.core.documents.sending import Sending
from kursdocs.demo.papers import sample_paper
from kursdocs.operations import sweeping
from kursdocs.services import Services
from kursdocs.settings import Settings

SECOND = timedelta(seconds=1)


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
    other: UUID | None = None
    """A second draft."""
    more: bytes = b""
    """The second draft's content."""
    kill_at: int | None = None
    bug: str = ""
    """The seeded bug that the program has, if it has one."""


@dataclass
class Scene:
    """An installation, a mail server and the one client's ledger, for one deed after the other."""

    house: House
    smtp: SmtpServer
    ledger: Path
    bug: str = ""
    recipients: dict[str, Actor] = field(default_factory=dict)
    """Who is told by mail in a job of that key, until they took over what it is about."""
    copied: int = 0
    """Up to this row the client has a copy of the log."""
    odd: list[str] = field(default_factory=list)
    """What a deed found that must not be, and that no word is for."""
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    @classmethod
    def opened(cls, house: House, smtp: SmtpServer, ledger: Path) -> "Scene":
        """The house with this mail server; its own agencies hear nothing, so that mails are told
        apart by their addresses."""
        key_file = ledger.with_suffix(".key")
        LogKey.create(key_file, "musterstadt.example/log")
        settings = house.services.settings.model_copy(
            update={"smtp_url": smtp.url, "public_url": PUBLIC_URL, "log_key_file": key_file}
        )
        mailer = open_mailer(smtp.url, settings.mail_from, "")
        with house.services.transaction() as session:
            session.exec(update(Agency).values(mailbox=""))
        services = replace(
            house.services, settings=settings, mailer=mailer, log_signer=LogKey.load(key_file)
        )
        return cls(replace(house, services=services), smtp, ledger)

    def note(self, word: Word, key: str, value: object = "") -> None:
        """A line of the client's."""
        Ledger(self.ledger).note(word, key, value)

    def number(self) -> int:
        """One that nobody else has."""
        return next(self._numbers)

    def job(self, deed: str, key: str) -> Job:
        """A job with content that nobody else has; the deed has still to prepare it."""
        house = self.house
        return Job(
            deed,
            house.services.settings,
            house.clock(),
            house.sender,
            house.sending(),
            self.ledger,
            key,
            sample_paper("Zulassung zum Integrationskurs", "Muster", "Mia", self.number()),
            bug=self.bug,
        )


def _nothing(*_: object) -> None:
    pass


@dataclass(frozen=True)
class Deed:
    """One operation."""

    do: Callable[[Services, Job], None]
    again: Callable[[Scene, Job], None]
    prepare: Callable[[Scene, Job], Job] = lambda _, job: job
    is_alone: bool = False
    """It acts on everything that is due, so that each fault must be recovered from by itself."""
    is_swept: bool = True
    """The sweeper has to do with what is left of it."""
    scanner: Saying | None = None
    meanwhile: Callable[[Services], object] = sweeping.sweep
    """What another process does while this one stands still."""
    limit: timedelta = INTAKE_LIMIT
    """After this others do not wait for it any more."""
    foresee: Callable[[Scene, Job, Case, Sequence[str]], None] = _nothing
    """What the client has to bear after that fault at these points, written into the ledger."""
    finish: Callable[[Scene], None] = _nothing
    """What follows when all faults were injected."""


def subject_of(job: Job) -> UUID:
    """What the job is about; a job without is a mistake of the tests."""
    if job.subject is None:
        raise ValueError(f"{job.key} is about nothing")
    return job.subject
