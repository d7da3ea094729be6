"""Taking a settling back, and letting colleagues know who is on it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlmodel import Session, col, select
from tests.factories import JOBCENTER, NOW, OFFICE, PROVIDER, make_catalogue, make_document
from tests.factories import make_person_actor as make_actor

from kursdocs.adapters.database import Database
from kursdocs.core.access import Actor, ActorKind
from kursdocs.core.accounts import User
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import AuditEvent, Happening
from kursdocs.core.documents import inbox, lifecycle, reading, settling
from kursdocs.core.documents.inbox import Filter, InboxState
from kursdocs.core.documents.settling import CLAIM_MINUTES, UNDO_SECONDS, UNDO_SECONDS_ACCEPTED
from kursdocs.core.documents.tables import Delivery, DeliveryState, Document
from kursdocs.core.errors import Conflict, Forbidden, KursdocsError, NotFound

Settle = Callable[..., object]
CLAIMED = "claimed_by_colleague"


class Desk:
    """An office with two clerks and one paper, and what they do with it."""

    def __init__(self, database: Database, town: dict[str, Agency]) -> None:
        self.database = database
        with database.transaction() as session:
            self.sender = make_actor(session, town[PROVIDER])
            self.clerk = make_actor(session, town[OFFICE], subject="jonas.muster")
            session.get_one(User, self.clerk.user_id).display_name = "Jonas Muster"
            self.colleague = make_actor(session, town[OFFICE], subject="nora.probe")
            self.stranger = make_actor(session, town[JOBCENTER], subject="lea.probe")
            self.document_id = make_document(session, self.sender, OFFICE)
            self.id = lifecycle.deliveries_of(session, self.document_id)[0].id

    def does(
        self, deed: Callable[..., object], actor: Actor | None = None, **how: object
    ) -> object:
        with self.database.transaction() as session:
            return deed(session, actor or self.clerk, self.id, **{"now": NOW, **how})

    def takes(self, actor: Actor | None = None, **how: object) -> None:
        self.does(settling.take_over, actor, catalogue=make_catalogue(), **how)

    def returns(self, actor: Actor | None = None, **how: object) -> None:
        catalogue = make_catalogue()
        self.does(settling.return_, actor, reason="illegible", catalogue=catalogue, **how)

    def undoes(self, actor: Actor | None = None, *, at: datetime = NOW) -> None:
        self.does(settling.undo, actor, catalogue=make_catalogue(), now=at)

    def claims(self, actor: Actor | None = None, **how: object) -> object:
        return self.does(settling.claim, actor, **how)

    def unclaims(self, actor: Actor | None = None, **how: object) -> None:
        self.does(settling.unclaim, actor, **how)

    def refused(self, deed: Callable[..., object], *rest: object, **how: object) -> KursdocsError:
        with pytest.raises(KursdocsError) as error:
            deed(*rest, **how)
        return error.value

    @property
    def row(self) -> Delivery:
        with self.database.transaction() as session:
            return session.get_one(Delivery, self.id)

    def log(self) -> list[Happening]:
        with self.database.transaction() as session:
            return [event.happening for event in events(session, self.document_id)][1:]


def events(session: Session, document_id: UUID) -> list[AuditEvent]:
    query = select(AuditEvent).where(AuditEvent.document_id == document_id)
    return list(session.exec(query.order_by(col(AuditEvent.seq))))


@pytest.fixture
def desk(database: Database, town: dict[str, Agency]) -> Desk:
    return Desk(database, town)


# --- Undoing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("settles", [Desk.takes, Desk.returns])
def test_who_settled_it_can_take_that_back_for_seconds(desk: Desk, settles: Settle) -> None:
    before, until = desk.row, NOW + timedelta(seconds=UNDO_SECONDS_ACCEPTED)
    with desk.database.transaction() as session:
        leaves = session.get_one(Document, desk.document_id).delete_on
    settles(desk)

    desk.undoes(at=until)

    row = desk.row
    changed = {"change_id", "opened_at"}
    assert row.model_dump(exclude=changed) == before.model_dump(exclude=changed)
    assert row.state is DeliveryState.NEW
    assert desk.log()[-1] is Happening.DELIVERY_REOPENED
    with desk.database.transaction() as session:
        assert session.get_one(Document, desk.document_id).delete_on == leaves
        assert inbox.counts(session, desk.clerk)[InboxState.NEW] == 1
    settles(desk, desk.colleague)


def test_more_time_is_accepted_than_shown() -> None:
    assert UNDO_SECONDS < UNDO_SECONDS_ACCEPTED


@pytest.mark.parametrize("settles", [Desk.takes, Desk.returns])
def test_nobody_else_and_nobody_later_takes_it_back(desk: Desk, settles: Settle) -> None:
    assert desk.refused(desk.undoes).code == "undo_too_late"
    settles(desk)
    late = NOW + timedelta(seconds=UNDO_SECONDS_ACCEPTED, microseconds=1)
    program = replace(desk.clerk, kind=ActorKind.SERVICE, user_id=None)

    assert desk.refused(desk.undoes, desk.colleague).code == "undo_not_yours"
    assert desk.refused(desk.undoes, program).code == "undo_not_yours"
    assert desk.refused(desk.undoes, at=late).code == "undo_too_late"
    assert isinstance(desk.refused(desk.undoes, desk.stranger), NotFound)
    assert isinstance(desk.refused(desk.undoes, desk.sender), NotFound)
    assert desk.row.state is not DeliveryState.NEW


def test_what_was_withdrawn_meanwhile_stays_gone(desk: Desk) -> None:
    desk.takes()
    with desk.database.transaction() as session:
        lifecycle.withdraw(
            session,
            desk.sender,
            desk.document_id,
            reason="wrong_person",
            catalogue=make_catalogue(),
            now=NOW,
        )

    assert isinstance(desk.refused(desk.undoes), NotFound)


# --- "I am on it" --------------------------------------------------------------------------------


def test_a_claim_holds_half_an_hour_and_can_be_renewed(desk: Desk) -> None:
    first = desk.claims()
    again = desk.claims(now=NOW + timedelta(minutes=20))

    assert first == NOW + timedelta(minutes=CLAIM_MINUTES)
    assert again == NOW + timedelta(minutes=20 + CLAIM_MINUTES)
    assert (desk.row.working_user_id, desk.row.working_until) == (desk.clerk.user_id, again)
    assert desk.log() == [Happening.DELIVERY_CLAIMED] * 2


def test_what_a_colleague_is_on_is_touched_by_nobody_unknowingly(desk: Desk) -> None:
    desk.claims()
    for deed in (desk.claims, desk.takes, desk.returns, desk.unclaims):
        refused = desk.refused(deed, desk.colleague)
        assert (refused.code, refused.details) == (
            CLAIMED,
            {"by": "Jonas Muster", "until": "2026-11-23T10:00:00.000Z"},
        )
    assert desk.row.working_user_id == desk.clerk.user_id
    assert desk.row.state is DeliveryState.NEW


def test_whoever_knows_of_it_may_go_ahead(desk: Desk) -> None:
    desk.claims()
    desk.claims(desk.colleague, take=True)
    assert desk.row.working_user_id == desk.colleague.user_id

    desk.takes(despite_claim=True)

    assert desk.row.taken_over_by_user_id == desk.clerk.user_id


def test_a_claim_that_ran_out_stands_in_nobodys_way(desk: Desk) -> None:
    desk.claims()
    later = NOW + timedelta(minutes=CLAIM_MINUTES)

    desk.claims(desk.colleague, now=later)

    assert desk.row.working_user_id == desk.colleague.user_id


@pytest.mark.parametrize("settles", [Desk.takes, Desk.returns])
def test_a_claim_ends_by_settling_and_does_not_come_back(desk: Desk, settles: Settle) -> None:
    desk.claims()
    settles(desk)
    assert (desk.row.working_user_id, desk.row.working_until) == (None, None)

    desk.undoes()

    assert desk.row.working_user_id is None


def test_a_claim_ends_when_its_owner_says_so(desk: Desk) -> None:
    desk.claims()
    desk.unclaims()
    desk.takes(desk.colleague)

    assert desk.log()[1:] == [Happening.DELIVERY_UNCLAIMED, Happening.DELIVERY_TAKEN_OVER]


def test_only_people_of_the_recipient_are_on_something_that_waits(desk: Desk) -> None:
    program = replace(desk.clerk, kind=ActorKind.SERVICE, user_id=None)
    for deed in (desk.claims, desk.unclaims):
        refused = desk.refused(deed, program)
        assert isinstance(refused, Forbidden)
        assert refused.code == "claim_by_program"
        assert isinstance(desk.refused(deed, desk.stranger), NotFound)
    desk.takes(desk.colleague)
    assert isinstance(refused := desk.refused(desk.claims), Conflict)
    assert refused.code == "already_taken_over"


def test_who_gave_it_back_is_known_to_colleagues_and_to_nobody_else(desk: Desk) -> None:
    desk.returns()

    refused = desk.refused(desk.takes, desk.colleague)

    assert refused.details["by"] == "Jonas Muster"
    assert desk.row.returned_by_user_id == desk.clerk.user_id
    with desk.database.transaction() as session:
        shown = reading.view(session, desk.sender, desk.document_id)
        (row,) = inbox.rows(session, desk.clerk, Filter(state=InboxState.RETURNED))
    assert "Jonas" not in repr(shown)
    assert row.id == desk.id
