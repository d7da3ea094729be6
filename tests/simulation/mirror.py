"""What the simulated people do, done in the program too, through the doors of its domain."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, select
from tests.factories import TESTS, make_catalogue, make_person_actor, make_stored
from tests.simulation.almanac import local
from tests.simulation.papers import Paper
from tests.simulation.town import CLOSING, COORDINATOR, LAND, Place

from kursdocs.core import agencies
from kursdocs.core.access import Actor
from kursdocs.core.agencies.tables import AgencyPause, MunicipalityClosing
from kursdocs.core.documents import holding, lifecycle, sending, settling
from kursdocs.core.documents.tables import Delivery
from kursdocs.core.tables import new_id
from kursdocs.services import Services

TOWN = "musterstadt"


def name_of(place: Place) -> str:
    """What the agency is called in mails."""
    return f"Stelle {place.slug} (erfunden)"


@dataclass
class Mirror:
    """The people's hands in the program; each call is one transaction."""

    services: Services
    clerks: Mapping[str, Actor]
    seconds: Mapping[str, Actor]

    def send(self, paper: Paper, now: datetime) -> None:
        """Send it: it arrives, unless a second person must approve it first."""
        actor, catalogue, stored = self.clerks[paper.sender], make_catalogue(), make_stored()
        document_id = new_id()
        with self.services.transaction() as session:
            today = local(now).date()
            checked = sending.check(session, actor, catalogue, paper.form(), today=today)
            lifecycle.reserve(
                session, actor, checked, stored, document_id=document_id, key="", now=now
            )
            lifecycle.finish(
                session,
                actor,
                checked,
                document_id=document_id,
                stored_sha256=stored.sha256,
                scanned=True,
                catalogue=catalogue,
                now=now,
            )
            query = select(Delivery.id).where(Delivery.document_id == document_id)
            paper.ids = (document_id, session.exec(query).one())

    def approve(self, paper: Paper, now: datetime) -> None:
        """A second person lets it out."""
        with self.services.transaction() as session:
            holding.approve(
                session,
                self.seconds[paper.sender],
                _ids(paper)[0],
                catalogue=make_catalogue(),
                now=now,
            )

    def look_in(self, slug: str, now: datetime) -> None:
        """Somebody lists the inbox."""
        with self.services.transaction() as session:
            agencies.note_look(session, agencies.by_slug(session, slug).id, now=now)

    def take_over(self, papers: Sequence[Paper], now: datetime) -> None:
        """Somebody takes them over."""
        self._settle(papers, now, settling.take_over)

    def give_back(self, papers: Sequence[Paper], now: datetime) -> None:
        """Somebody sends them back."""

        def return_(session: Session, actor: Actor, id_: UUID, **named: object) -> object:
            return settling.return_(session, actor, id_, reason="misaddressed", **named)  # type: ignore[arg-type]  # catalogue and now, as below

        self._settle(papers, now, return_)

    def _settle(
        self, papers: Sequence[Paper], now: datetime, settle: Callable[..., object]
    ) -> None:
        if not papers:
            return
        with self.services.transaction() as session:
            for paper in papers:
                actor, delivery_id = self.clerks[paper.recipient], _ids(paper)[1]
                settle(session, actor, delivery_id, catalogue=make_catalogue(), now=now)

    def withdraw(self, paper: Paper, now: datetime) -> None:
        """The sender withdraws it."""
        with self.services.transaction() as session:
            lifecycle.withdraw(
                session,
                self.clerks[paper.sender],
                _ids(paper)[0],
                reason="misaddressed",
                catalogue=make_catalogue(),
                now=now,
            )


def _ids(paper: Paper) -> tuple[UUID, UUID]:
    if paper.ids is None:
        raise ValueError(f"paper {paper.number} was not sent")
    return paper.ids


def settled(services: Services, places: Sequence[Place], now: datetime) -> Mirror:
    """Make the town with these agencies, and two clerks for each."""
    clerks, seconds = {}, {}
    with services.transaction() as session:
        town = agencies.create_municipality(session, TESTS, slug=TOWN, name="Musterstadt", now=now)
        town.land, town.mailbox = LAND, COORDINATOR
        first, last = CLOSING
        session.add(
            MunicipalityClosing(
                municipality_id=town.id, first_day=first, last_day=last, name="Rosenmontag"
            )
        )
        for place in places:
            agency = agencies.open_agency(
                session,
                TESTS,
                municipality=TOWN,
                slug=place.slug,
                name=name_of(place),
                kind=place.kind,
                mailbox=place.desk_address,
                land=place.land,
                digest_hour=place.hour,
                now=now,
            )
            agency.deputy_mailbox, agency.deputy_until = place.deputy_address, place.deputy_until
            agency.head_mailbox = place.head_address
            session.flush()
            for first, last in place.pauses:
                session.add(AgencyPause(agency_id=agency.id, first_day=first, last_day=last))
            clerks[place.slug] = make_person_actor(session, agency, subject=place.slug)
            seconds[place.slug] = make_person_actor(session, agency, subject=f"{place.slug}-2")
    return Mirror(services, clerks, seconds)
