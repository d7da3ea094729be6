"""An office that obliges a person, a provider that takes the paper over, and the days after."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import Session, select
from tests.factories import (
    JOBCENTER,
    OFFICE,
    PROVIDER,
    make_catalogue,
    make_document,
    make_person_actor,
    within,
)

from kursdocs.adapters.database import Database
from kursdocs.catalogue import Catalogue
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.documents import settling
from kursdocs.core.documents.tables import Delivery
from kursdocs.core.follow_ups import fulfilling, opening, reading
from kursdocs.core.follow_ups.opening import Refreshed
from kursdocs.core.follow_ups.reading import FollowUpView
from kursdocs.core.follow_ups.tables import FollowUp

SPRACHWERK = "sprachwerk"
TAKEN_OVER = date(2026, 11, 2)
"""A Monday; until the Monday after there are five working days and no holiday."""

OBLIGATION: dict[str, Any] = {
    "kind": "obligation_ik_abh",
    "fields": {
        "bamf_person_no": "4711081",
        "issued_on": "2026-10-20",
        "expires_on": "2027-10-20",
    },
}
REGISTRATION: dict[str, Any] = {
    "kind": "registration_confirmation_ik",
    "fields": {"issued_on": "2026-11-04", "planned_start_on": "2026-12-01"},
}


def morning(day: date) -> datetime:
    """Nine o'clock there."""
    return datetime(day.year, day.month, day.day, 8, 0, tzinfo=UTC)


@dataclass
class Desks:
    """A clerk of each agency, and what they and the days do."""

    database: Database
    clerks: dict[str, Actor]
    catalogue: Catalogue

    def send(self, who: str, *recipients: str, day: date = TAKEN_OVER, **changes: Any) -> UUID:
        """A paper goes out, and ends what it fulfils."""
        now = morning(day)

        def send(session: Session, actor: Actor) -> UUID:
            sent = make_document(session, actor, *recipients, now=now, **changes)
            fulfilling.by_document(session, self.catalogue, sent, now=now)
            return sent

        return self.do(send, who)  # type: ignore[no-any-return]  # as it returns

    def take_over(self, who: str, document_id: UUID, day: date = TAKEN_OVER) -> None:
        """The recipient takes it over."""
        delivery_id = self.delivery(document_id, who)
        rules, now = self.catalogue, morning(day)
        self.do(settling.take_over, who, delivery_id, catalogue=rules, now=now)

    def delivery(self, document_id: UUID, who: str) -> UUID:
        """The delivery of a document to one agency."""
        with self.database.transaction() as session:
            return session.exec(
                select(Delivery.id).where(
                    Delivery.document_id == document_id,
                    Delivery.recipient_agency_id == self.clerks[who].acting.id,
                )
            ).one()

    def oblige(self, day: date = TAKEN_OVER, **changes: Any) -> UUID:
        """The office sends an obligation, and the provider takes it over on that day."""
        sent = self.send(OFFICE, PROVIDER, day=day, **{**OBLIGATION, **changes})
        self.take_over(PROVIDER, sent, day)
        return sent

    def register(self, day: date = TAKEN_OVER, **changes: Any) -> UUID:
        """The provider confirms the registration to the office."""
        return self.send(PROVIDER, OFFICE, day=day, **{**REGISTRATION, **changes})

    def refresh(self, day: date, **changes: Any) -> Refreshed:
        """What the hourly duty does on that day."""
        with self.database.transaction() as session:
            return opening.refresh(session, self.catalogue, now=morning(day), **changes)

    def open(self, who: str = PROVIDER) -> Sequence[FollowUpView]:
        """What stands in the list of an agency."""
        return self.do(reading.listing, who)  # type: ignore[no-any-return]  # as it returns

    def rows(self) -> Sequence[FollowUp]:
        """The table."""
        with self.database.transaction() as session:
            return session.exec(select(FollowUp).order_by(FollowUp.id)).all()  # type: ignore[arg-type]  # a column

    def do(self, act: Callable[..., Any], who: str, *args: Any, **more: Any) -> Any:
        """Something that starts at the actor, and reaches no further than a request of theirs."""

        def acting() -> Any:
            with self.database.transaction() as session:
                return act(session, self.clerks[who], *args, **more)

        return within(self.clerks[who].scope, acting)


@pytest.fixture
def desks(database: Database, town: dict[str, Agency]) -> Desks:
    """The town's offices and providers."""
    with database.transaction() as session:
        clerks = {
            slug: make_person_actor(session, town[slug], subject=f"{slug}.muster")
            for slug in (PROVIDER, SPRACHWERK, OFFICE, JOBCENTER)
        }
    return Desks(database, clerks, make_catalogue())


def later(days: int) -> date:
    """So many days after the paper was taken over."""
    return TAKEN_OVER + timedelta(days=days)
