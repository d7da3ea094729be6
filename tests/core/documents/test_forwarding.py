"""A paper is handed on where the catalogue allows it, and nobody learns who else has it."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlmodel import Session, select
from tests import factories
from tests.core.documents.test_corrections import correct, deliveries, people, withdraw
from tests.factories import JOBCENTER, NOW, OFFICE, PROVIDER, TODAY, make_catalogue

from kursdocs.adapters.database import Database
from kursdocs.core.access import Actor
from kursdocs.core.audit import AuditEvent, Happening
from kursdocs.core.documents import forwarding, reading, settling
from kursdocs.core.documents.forwarding import ForwardForm
from kursdocs.core.documents.tables import (
    Delivery,
    DeliveryState,
    Document,
    ReleaseForm,
    SearchToken,
)
from kursdocs.core.errors import Conflict, InvalidForm, NotFound

__all__ = ["people"]  # the fixture

LATER = NOW + timedelta(hours=1)
RELEASED = ForwardForm(recipient=OFFICE, release_given_on="20.11.2026", release_form="in_writing")


@pytest.fixture
def sent(database: Database, people: dict[str, Actor]) -> UUID:
    """An admission of the Jobcenter for a provider, whom the person chose."""
    with database.transaction() as session:
        return factories.make_document(session, people[JOBCENTER], PROVIDER)


def hand_on(
    session: Session, actor: Actor, document_id: UUID, form: ForwardForm = RELEASED
) -> Delivery:
    own = deliveries(session, document_id)[actor.acting.id]
    return forwarding.forward(
        session, actor, own.id, form, catalogue=make_catalogue(), today=TODAY, now=LATER
    )


def test_a_provider_hands_an_admission_on_to_an_office(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    with database.transaction() as session:
        made = hand_on(session, people[PROVIDER], sent)

        assert (made.document_id, made.state) == (sent, DeliveryState.NEW)
        assert made.forwarded_by_agency_id == people[PROVIDER].acting.id
        assert made.sender_agency_id == people[JOBCENTER].acting.id
        assert (made.ground, made.need) == ("§ 7 Abs. 1 IntV (vorgelegt)", "release")
        assert made.forward_release_form is ReleaseForm.IN_WRITING
        assert str(made.forward_release_given_on) == "2026-11-20"
        assert made.delivered_at == LATER
        # Five working days of the office from now on.
        assert str(made.due_on) == "2026-11-30"
        event = session.exec(
            select(AuditEvent).where(AuditEvent.happening == Happening.DELIVERY_FORWARDED)
        ).one()
        assert (event.delivery_id, event.detail) == (made.id, {"recipient": OFFICE})
        found = session.exec(select(SearchToken).where(SearchToken.delivery_id == made.id)).all()
        assert {token.agency_id for token in found} == {people[OFFICE].acting.id}


def test_everybody_sees_as_much_as_concerns_them(
    database: Database, people: dict[str, Actor]
) -> None:
    with database.transaction() as session:
        sent = factories.make_document(session, people[JOBCENTER], PROVIDER, "sprachwerk")
        hand_on(session, people[PROVIDER], sent)

    with database.transaction() as session:
        seen = {
            slug: [
                (one.recipient, one.forwarded_by)
                for one in reading.view(session, actor, sent).deliveries
            ]
            for slug, actor in people.items()
        }
    assert seen[JOBCENTER] == [(PROVIDER, ""), ("sprachwerk", ""), (OFFICE, PROVIDER)]
    assert seen[PROVIDER] == [(PROVIDER, ""), (OFFICE, PROVIDER)]
    assert seen["sprachwerk"] == [("sprachwerk", "")]
    assert seen[OFFICE] == [(OFFICE, PROVIDER)]


def test_the_own_delivery_stands_first_even_when_it_is_younger(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    with database.transaction() as session:
        hand_on(session, people[PROVIDER], sent)
        own = reading.view(session, people[PROVIDER], sent).own_delivery

    assert own is not None
    assert own.recipient == PROVIDER


def test_an_office_hands_nothing_on(database: Database, people: dict[str, Actor]) -> None:
    with database.transaction() as session:
        sent = factories.make_document(session, people[PROVIDER], OFFICE)
        with pytest.raises(Conflict) as refused:
            hand_on(session, people[OFFICE], sent, ForwardForm(recipient=JOBCENTER, released=True))
    assert refused.value.code == "not_forwardable"


def refused_recipient(session: Session, actor: Actor, sent: UUID, slug: str) -> str:
    with pytest.raises(InvalidForm) as refused:
        hand_on(session, actor, sent, ForwardForm(recipient=slug, released=True))
    (mistake,) = refused.value.mistakes
    assert mistake.field == "recipient"
    return mistake.code


def test_who_cannot_get_it_and_who_has_it_are_refused_alike(
    database: Database, people: dict[str, Actor]
) -> None:
    with database.transaction() as session:
        sent = factories.make_document(session, people[JOBCENTER], PROVIDER, "sprachwerk")
        hand_on(session, people["sprachwerk"], sent)

        codes = {
            refused_recipient(session, people[PROVIDER], sent, slug)
            for slug in (OFFICE, "sprachwerk", JOBCENTER, "nirgends")
        }
        offered = forwarding.ways(
            session,
            people[PROVIDER],
            make_catalogue(),
            session.get_one(Document, sent),
        )
    assert codes == {"forward_not_possible"}
    # What has it already is offered still: a gap in the list would tell of it.
    assert [way.agency.slug for way in offered] == [OFFICE]


def test_what_was_handed_on_by_oneself_is_said_plainly(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    with database.transaction() as session:
        hand_on(session, people[PROVIDER], sent)
        assert refused_recipient(session, people[PROVIDER], sent, OFFICE) == "forwarded_already"


def test_without_the_person_s_release_nothing_goes_on(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    with database.transaction() as session, pytest.raises(InvalidForm) as refused:
        hand_on(session, people[PROVIDER], sent, ForwardForm(recipient=OFFICE))
    assert [one.code for one in refused.value.mistakes] == ["forward_release_missing"]


def test_what_was_given_back_or_withdrawn_is_not_handed_on(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    provider = people[PROVIDER]
    with database.transaction() as session:
        own = deliveries(session, sent)[provider.acting.id]
        settling.return_(
            session, provider, own.id, reason="not_ours", catalogue=make_catalogue(), now=NOW
        )
        with pytest.raises(Conflict) as returned:
            hand_on(session, provider, sent)
        withdraw(session, people[JOBCENTER], sent)
        with pytest.raises(NotFound):
            hand_on(session, provider, sent)
    assert returned.value.code == "already_returned"


@pytest.mark.parametrize("slug", [JOBCENTER, OFFICE, "sprachwerk"])
def test_nobody_hands_on_what_others_received(
    database: Database, people: dict[str, Actor], sent: UUID, slug: str
) -> None:
    with database.transaction() as session:
        own = deliveries(session, sent)[people[PROVIDER].acting.id]
        with pytest.raises(NotFound):
            forwarding.forward(
                session,
                people[slug],
                own.id,
                RELEASED,
                catalogue=make_catalogue(),
                today=TODAY,
                now=LATER,
            )


def test_a_withdrawal_reaches_whom_it_was_handed_on_to(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    with database.transaction() as session:
        hand_on(session, people[PROVIDER], sent)
        withdraw(session, people[JOBCENTER], sent)
        own = reading.view(session, people[OFFICE], sent).own_delivery

    assert own is not None
    assert own.must_acknowledge


def test_a_correction_follows_whom_it_was_handed_on_to(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    with database.transaction() as session:
        hand_on(session, people[PROVIDER], sent)
        made = correct(session, people[JOBCENTER], sent)

    with database.transaction() as session:
        view = reading.view(session, people[OFFICE], made)
        own = view.own_delivery
        assert own is not None
        assert own.forwarded_by == PROVIDER
        assert view.replaces is not None
        assert view.replaces.id == sent
        again = deliveries(session, made)[people[OFFICE].acting.id]
        assert again.forward_release_form is ReleaseForm.IN_WRITING


def test_a_correction_that_the_forwarder_does_not_get_does_not_follow(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    with database.transaction() as session:
        hand_on(session, people[PROVIDER], sent)
        made = correct(session, people[JOBCENTER], sent, "sprachwerk")
        assert set(deliveries(session, made)) == {people["sprachwerk"].acting.id}
