"""A town whose worker reminds: papers arrive, time passes, and a real SMTP server keeps the mails.

Papers have rows but no bytes here: reminders never open one.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from sqlmodel import col, select
from tests.factories import OFFICE, PROVIDER, make_catalogue, make_document
from tests.operations.house import Clock, House, settled
from tests.servers import Letter, SmtpServer

from kursdocs.adapters.mail import open_mailer
from kursdocs.core import agencies
from kursdocs.core.agencies import Agency, Municipality
from kursdocs.core.documents import settling
from kursdocs.core.documents.tables import Delivery, DeliveryState
from kursdocs.core.outbox import OutboxMail
from kursdocs.core.reminders.tables import Reminder
from kursdocs.core.workdays import local_date, local_moment
from kursdocs.operations import mailing, reminding
from kursdocs.operations.mailing import Mailed
from kursdocs.operations.reminding import Reminded
from kursdocs.services import Services
from kursdocs.settings import Settings

PUBLIC_URL = "https://kursdocs.musterstadt.example"
SENDER = "kursdocs@musterstadt.example"
DESK, DEPUTY, HEAD, COORDINATOR = (
    f"{OFFICE}@post.example",
    "vertretung@post.example",
    "leitung@post.example",
    "koordination@post.example",
)


@dataclass
class Post:
    """What a test does in the town, and what it finds in the mailboxes."""

    house: House
    smtp: SmtpServer

    @property
    def services(self) -> Services:
        """The installation's."""
        return self.house.services

    # -- time ------------------------------------------------------------------------------

    def at(self, day: date, hour: int = 8) -> "Post":
        """Take everybody to that local hour; clocks tell UTC, as the real one does."""
        self.house.clock.now = local_moment(day, hour).astimezone(UTC)
        return self

    @property
    def today(self) -> date:
        """The day in the offices."""
        return local_date(self.house.clock())

    def later(self, **span: float) -> "Post":
        """Let time pass."""
        self.house.clock.advance(timedelta(**span))
        return self

    # -- what people do --------------------------------------------------------------------

    def arrive(
        self, *recipients: str, sender: str = PROVIDER, hours_ago: float = 2, **changes: object
    ) -> UUID:
        """A paper arrives, for the immigration office unless said otherwise; its document's id.

        Two hours ago, so that who comes at eight finds it in today's mail.
        """
        actor, now = self.house.actors[sender], self.house.clock() - timedelta(hours=hours_ago)
        with self.services.transaction() as session:
            return make_document(session, actor, *recipients, now=now, **changes)  # type: ignore[arg-type]  # as in a form

    def take_over(self, document_id: UUID, slug: str = OFFICE) -> None:
        """Somebody of the agency takes it over."""
        delivery = self._delivery(document_id, slug)
        with self.services.transaction() as session:
            settling.take_over(
                session,
                self.house.actors[slug],
                delivery.id,
                catalogue=make_catalogue(),
                now=self.house.clock(),
            )

    def undo(self, document_id: UUID, slug: str = OFFICE) -> None:
        """Whoever took it over or returned it takes that back."""
        delivery = self._delivery(document_id, slug)
        with self.services.transaction() as session:
            settling.undo(
                session,
                self.house.actors[slug],
                delivery.id,
                catalogue=make_catalogue(),
                now=self.house.clock(),
            )

    def give_back(self, document_id: UUID, slug: str = OFFICE) -> None:
        """Somebody of the agency returns it."""
        delivery = self._delivery(document_id, slug)
        with self.services.transaction() as session:
            settling.return_(
                session,
                self.house.actors[slug],
                delivery.id,
                reason="misaddressed",
                catalogue=make_catalogue(),
                now=self.house.clock(),
            )

    def look_in(self, *slugs: str) -> None:
        """Somebody of each of these agencies lists the inbox."""
        with self.services.transaction() as session:
            for slug in slugs:
                agency = agencies.by_slug(session, slug)
                agencies.note_look(session, agency.id, now=self.house.clock())

    def change(self, slug: str, **values: object) -> None:
        """What a head sets for the agency."""
        with self.services.transaction() as session:
            agency = agencies.by_slug(session, slug)
            for name, value in values.items():
                setattr(agency, name, value)
            session.add(agency)

    def change_town(self, **values: object) -> None:
        """What a coordinator sets for the town."""
        with self.services.transaction() as session:
            town = session.exec(select(Municipality)).one()
            for name, value in values.items():
                setattr(town, name, value)
            session.add(town)

    def staff(self) -> None:
        """Give office and town every address that a ladder can reach."""
        self.change(OFFICE, land="NW", deputy_mailbox=DEPUTY, head_mailbox=HEAD)
        self.change_town(land="NW", mailbox=COORDINATOR)

    # -- what the worker does --------------------------------------------------------------

    def remind(self) -> Reminded:
        """The worker's first duty: plan."""
        return reminding.remind(self.services)

    def deliver(self) -> Mailed:
        """Its second: send."""
        return mailing.deliver_due(self.services)

    def work(self) -> list[Letter]:
        """Both, once; the mails that this brought."""
        before = len(self.smtp.letters)
        self.remind()
        self.deliver()
        return self.smtp.letters[before:]

    def work_through(self, until: datetime, step: timedelta) -> list[tuple[datetime, Letter]]:
        """Both again and again until that moment; each mail with the moment it came."""
        found = []
        while self.house.clock() < until:
            found += [(self.house.clock(), letter) for letter in self.work()]
            self.house.clock.advance(step)
        return found

    # -- what is there ---------------------------------------------------------------------

    def mails(self) -> Sequence[OutboxMail]:
        """The rows of the outbox, oldest first."""
        with self.services.transaction() as session:
            return session.exec(select(OutboxMail).order_by(col(OutboxMail.created_at))).all()

    def told(self) -> Sequence[Reminder]:
        """The ledger."""
        with self.services.transaction() as session:
            return session.exec(select(Reminder)).all()

    def state_of(self, document_id: UUID, slug: str = OFFICE) -> DeliveryState:
        """What became of the delivery."""
        return self._delivery(document_id, slug).state

    def _delivery(self, document_id: UUID, slug: str) -> Delivery:
        with self.services.transaction() as session:
            agency = session.exec(select(Agency).where(Agency.slug == slug)).one()
            query = select(Delivery).where(
                Delivery.document_id == document_id, Delivery.recipient_agency_id == agency.id
            )
            return session.exec(query).one()


@contextmanager
def opened(settings: Settings, clock: Clock, smtp: SmtpServer) -> Iterator[Post]:
    """A settled town that mails to this server; monthly notes have tests of their own."""
    with settled(mailing_settings(settings, smtp.url), clock) as house:
        post = Post(house, smtp)
        for slug in house.actors:
            post.change(slug, monthly_note=False)
        yield post


def mailing_settings(settings: Settings, smtp_url: str) -> Settings:
    """These settings, with a mail server and an address that mails can name."""
    return settings.model_copy(update={"smtp_url": smtp_url, "public_url": PUBLIC_URL})


def through(post: Post, smtp_url: str, password: str = "") -> Post:
    """The same town with another way to the mail server."""
    mailer = open_mailer(smtp_url, SENDER, password)
    return replace(post, house=replace(post.house, services=replace(post.services, mailer=mailer)))


def texts_of(letter: Letter) -> dict[str, str]:
    """Its text and its HTML, decoded, by subtype."""
    parts = [part for part in letter.message.walk() if not part.is_multipart()]
    return {
        part.get_content_subtype(): str(part.get_content()).replace("\r\n", "\n") for part in parts
    }


def addressed(letters: Sequence[Letter]) -> list[str]:
    """To whom they went, sorted."""
    return sorted(address for letter in letters for address in letter.recipients)
