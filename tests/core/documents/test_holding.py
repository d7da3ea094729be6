"""Held documents: what scanner and second person decide, in whichever order, and who may."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlmodel import select
from tests.factories import (
    NOW,
    OFFICE,
    PROVIDER,
    REPORT,
    TESTS,
    make_catalogue,
    make_document,
    make_person_actor,
    make_service_account,
)

from kursdocs.adapters.database import Database
from kursdocs.core import audit
from kursdocs.core.access import ActingAgency, Actor, ActorKind, Role
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import Happening
from kursdocs.core.documents import holding, lifecycle, reading
from kursdocs.core.documents.reading import SentState
from kursdocs.core.documents.tables import Delivery, Document, DocumentState
from kursdocs.core.errors import Conflict, KursdocsError, NotFound

Town = dict[str, Agency]
LATER = NOW + timedelta(days=2)


@pytest.fixture
def first(database: Database, town: Town) -> Actor:
    """The clerk who sends."""
    with database.transaction() as session:
        return make_person_actor(session, town[PROVIDER], subject="vera.probe")


@pytest.fixture
def second(database: Database, town: Town) -> Actor:
    """A colleague."""
    with database.transaction() as session:
        return make_person_actor(session, town[PROVIDER], subject="amina.probe")


@pytest.fixture
def office(database: Database, town: Town) -> Actor:
    """A clerk of the recipient."""
    with database.transaction() as session:
        return make_person_actor(session, town[OFFICE], subject="jonas.probe")


@pytest.fixture
def report(database: Database, first: Actor) -> UUID:
    """A scanned report that waits for the second person."""
    return send(database, first)


def send(database: Database, actor: Actor, *, scanned: bool = True) -> UUID:
    with database.transaction() as session:
        return make_document(session, actor, OFFICE, scanned=scanned, **REPORT)


def approve(database: Database, actor: Actor, document_id: UUID) -> bool:
    with database.transaction() as session:
        return holding.approve(session, actor, document_id, catalogue=make_catalogue(), now=LATER)


def decline(database: Database, actor: Actor, document_id: UUID) -> None:
    with database.transaction() as session:
        holding.decline(
            session,
            actor,
            document_id,
            reason="not_approved_facts",
            catalogue=make_catalogue(),
            now=LATER,
        )


def scan(database: Database, document_id: UUID) -> bool:
    with database.transaction() as session:
        return holding.pass_scan(session, TESTS, document_id, catalogue=make_catalogue(), now=LATER)


def withdraw(database: Database, actor: Actor, document_id: UUID) -> None:
    with database.transaction() as session:
        lifecycle.withdraw(
            session,
            actor,
            document_id,
            reason="wrong_person",
            catalogue=make_catalogue(),
            now=LATER,
        )


def row(database: Database, document_id: UUID) -> Document:
    with database.transaction() as session:
        return session.get_one(Document, document_id)


def delivery(database: Database, document_id: UUID) -> Delivery:
    with database.transaction() as session:
        return session.exec(select(Delivery).where(Delivery.document_id == document_id)).one()


def happenings(database: Database, document_id: UUID) -> list[Happening]:
    with database.transaction() as session:
        query = select(audit.AuditEvent).where(audit.AuditEvent.document_id == document_id)
        return [event.happening for event in session.exec(query.order_by("seq"))]


def refusal(run: Callable[[], object]) -> KursdocsError:
    with pytest.raises(KursdocsError) as refused:
        run()
    return refused.value


def test_a_report_is_delivered_when_a_second_person_approves_it(
    database: Database, first: Actor, second: Actor, office: Actor, report: UUID
) -> None:
    assert row(database, report).state is DocumentState.HELD
    with pytest.raises(NotFound), database.transaction() as session:
        reading.view(session, office, report)

    assert approve(database, second, report)

    approved = row(database, report)
    assert (approved.state, approved.approved_at) == (DocumentState.LIVE, LATER)
    assert approved.approved_by_user_id == second.user_id
    # Two working days from the approval on, not from when it was stored.
    assert delivery(database, report).delivered_at == LATER
    assert delivery(database, report).due_on == date(2026, 11, 27)
    assert happenings(database, report) == [Happening.DOCUMENT_HELD, Happening.DOCUMENT_APPROVED]
    with database.transaction() as session:
        assert reading.view(session, office, report).state is DocumentState.LIVE


def test_approved_before_it_is_scanned_it_goes_out_when_it_is_clean(
    database: Database, first: Actor, second: Actor
) -> None:
    report = send(database, first, scanned=False)

    assert not approve(database, second, report)
    assert row(database, report).state is DocumentState.HELD
    assert scan(database, report)

    assert row(database, report).state is DocumentState.LIVE
    assert happenings(database, report)[1:] == [
        Happening.DOCUMENT_APPROVED,
        Happening.DOCUMENT_RELEASED,
    ]


def test_scanned_before_it_is_approved_it_waits_and_is_not_scanned_again(
    database: Database, first: Actor, second: Actor
) -> None:
    report = send(database, first, scanned=False)

    assert not scan(database, report)

    with database.transaction() as session:
        assert holding.awaiting_scan(session, after=None, limit=10) == []
    assert refusal(lambda: scan(database, report)).code == "not_held"
    assert approve(database, second, report)


def test_an_infected_report_is_blocked_though_it_is_approved(
    database: Database, first: Actor, second: Actor
) -> None:
    report = send(database, first, scanned=False)
    approve(database, second, report)

    with database.transaction() as session:
        holding.block(
            session, TESTS, report, reason="infected", catalogue=make_catalogue(), now=LATER
        )

    assert row(database, report).state is DocumentState.BLOCKED
    assert delivery(database, report).delivered_at is None


@pytest.mark.parametrize("decide", [approve, decline])
def test_nobody_decides_on_their_own_report_nor_a_program(
    database: Database,
    town: Town,
    first: Actor,
    report: UUID,
    decide: Callable[[Database, Actor, UUID], object],
) -> None:
    program = Actor(
        kind=ActorKind.SERVICE,
        municipality_id=first.municipality_id,
        agency=first.agency,
        role=Role.CLERK,
    )

    assert refusal(lambda: decide(database, first, report)).code == "approval_by_sender"
    assert refusal(lambda: decide(database, program, report)).code == "approval_by_program"
    assert row(database, report).state is DocumentState.HELD


def test_what_a_program_sent_any_person_of_the_agency_approves(
    database: Database, town: Town, first: Actor
) -> None:
    with database.transaction() as session:
        account = make_service_account(session, town[PROVIDER])
        program = Actor(
            kind=ActorKind.SERVICE,
            service_account_id=account.id,
            municipality_id=first.municipality_id,
            agency=first.agency,
            role=Role.CLERK,
        )
    report = send(database, program)

    with database.transaction() as session:
        waiting = reading.approvals_waiting(session, town[PROVIDER].id, not_sent_by=first.user_id)
    assert waiting == 1
    assert approve(database, first, report)


@pytest.mark.parametrize("decide", [approve, decline])
def test_a_recipient_or_a_stranger_finds_nothing_to_decide_on(
    database: Database,
    town: Town,
    office: Actor,
    report: UUID,
    decide: Callable[[Database, Actor, UUID], object],
) -> None:
    with database.transaction() as session:
        stranger = make_person_actor(session, town["sprachwerk"], subject="thomas.probe")

    for actor in (office, stranger):
        assert refusal(lambda a=actor: decide(database, a, report)).code == "not_found"  # type: ignore[misc]  # bound at once


def test_declined_it_ends_withdrawn_with_the_reason_and_was_never_delivered(
    database: Database, first: Actor, second: Actor, report: UUID
) -> None:
    decline(database, second, report)

    declined = row(database, report)
    assert (declined.state, declined.end_reason) == (
        DocumentState.WITHDRAWN,
        "not_approved_facts",
    )
    assert (declined.delete_on, declined.delete_reason) == (date(2026, 12, 26), "withdrawn")
    assert delivery(database, report).delivered_at is None
    assert happenings(database, report)[1:] == [Happening.DOCUMENT_DECLINED]
    assert refusal(lambda: approve(database, second, report)).code == "not_awaiting_approval"


def test_a_second_approval_is_told_who_was_first(
    database: Database, town: Town, second: Actor, report: UUID
) -> None:
    with database.transaction() as session:
        third = make_person_actor(session, town[PROVIDER], subject="kim.probe")
    approve(database, second, report)

    refused = refusal(lambda: approve(database, third, report))

    assert isinstance(refused, Conflict)
    assert (refused.code, refused.details["at"]) == ("already_approved", "2026-11-25T09:30:00.000Z")


def test_what_needs_no_second_person_is_not_approved(
    database: Database, first: Actor, second: Actor
) -> None:
    with database.transaction() as session:
        live = make_document(session, first, OFFICE)
        held = make_document(session, first, OFFICE, scanned=False)

    for document_id in (live, held):
        refused = refusal(lambda d=document_id: approve(database, second, d))  # type: ignore[misc]  # bound at once
        assert refused.code == "not_awaiting_approval"


def test_of_many_who_decide_at_once_exactly_one_does(
    database: Database, town: Town, first: Actor, second: Actor, report: UUID
) -> None:
    """Two approve, one declines, and who sent it withdraws."""
    with database.transaction() as session:
        others = [
            make_person_actor(session, town[PROVIDER], subject=f"person-{number}")
            for number in range(2)
        ]
    start = threading.Barrier(4)

    def attempt(run: Callable[[Database, Actor, UUID], object], actor: Actor) -> str:
        start.wait(10)
        try:
            run(database, actor, report)
        except Conflict as refused:
            return refused.code
        return "won"

    with ThreadPoolExecutor(4) as threads:
        tried = [
            threads.submit(attempt, approve, others[0]),
            threads.submit(attempt, approve, others[1]),
            threads.submit(attempt, decline, second),
            threads.submit(attempt, withdraw, first),
        ]
    results = [one.result() for one in tried]

    state = row(database, report).state
    # A withdrawal after the approval is no conflict: it is then taken back from its recipient.
    if state is DocumentState.WITHDRAWN and row(database, report).approved_at:
        assert results.count("won") == 2
    else:
        assert results.count("won") == 1
    assert state in (DocumentState.LIVE, DocumentState.WITHDRAWN)


def test_what_waits_is_listed_and_counted_for_colleagues(
    database: Database, town: Town, first: Actor, second: Actor, report: UUID
) -> None:
    with database.transaction() as session:
        make_document(session, first, OFFICE)
        listed = reading.sent(session, second, state=SentState.WAITING)
        counts = [
            reading.approvals_waiting(session, town[PROVIDER].id, not_sent_by=who)
            for who in (None, second.user_id, first.user_id)
        ]
        elsewhere = reading.approvals_waiting(session, town[OFFICE].id)

    assert [(found.id, found.is_awaiting_approval) for found in listed] == [(report, True)]
    assert (counts, elsewhere) == ([1, 1, 0], 0)


def test_what_nobody_decides_on_in_time_ends_once(database: Database, report: UUID) -> None:
    def end() -> bool:
        with database.transaction() as session:
            return holding.end_unapproved(
                session, TESTS, report, catalogue=make_catalogue(), now=LATER
            )

    assert [end(), end()] == [True, False]
    assert row(database, report).end_reason == "not_approved_in_time"
    assert happenings(database, report)[1:] == [Happening.DOCUMENT_WITHDRAWN]


def test_an_agency_is_what_the_sender_acts_for_not_where_they_work(
    database: Database, town: Town, second: Actor, report: UUID
) -> None:
    elsewhere = town["sprachwerk"]
    acting = ActingAgency(elsewhere.id, elsewhere.slug, elsewhere.name, elsewhere.kind)
    moved = Actor(
        kind=ActorKind.PERSON,
        user_id=second.user_id,
        municipality_id=second.municipality_id,
        agency=acting,
        role=Role.CLERK,
    )

    assert refusal(lambda: approve(database, moved, report)).code == "not_found"
