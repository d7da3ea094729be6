"""What came of reminders: each clock's own end, once, in batches, and open again when undone."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
from sqlmodel import select
from tests.factories import (
    JOBCENTER,
    NOW,
    OFFICE,
    PROVIDER,
    REPORT,
    TESTS,
    TODAY,
    make_catalogue,
    make_document,
    make_person_actor,
)

from kursdocs.adapters.database import Database
from kursdocs.catalogue import Addressee, FollowUpClock
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.documents import holding, lifecycle, rescanning, settling
from kursdocs.core.documents.tables import Delivery, DeliveryState, Document
from kursdocs.core.follow_ups.tables import FollowUp, FollowUpState
from kursdocs.core.reminders import ledger, outcomes
from kursdocs.core.reminders.digest import Digest, Section, Told
from kursdocs.core.reminders.tables import Clock, Outcome, Reminder
from kursdocs.core.requests.tables import PaperRequest, RequestState
from kursdocs.core.tables import new_id

Town = dict[str, Agency]
RULES = make_catalogue()
LATER = NOW + timedelta(hours=2)


@pytest.fixture
def actors(database: Database, town: Town) -> dict[str, Actor]:
    """A clerk of each agency."""
    with database.transaction() as session:
        return {slug: make_person_actor(session, town[slug], subject=slug) for slug in town}


@pytest.fixture
def delivery(database: Database, town: Town, actors: Mapping[str, Actor]) -> UUID:
    """A paper from the provider that waits at the office."""
    with database.transaction() as session:
        document = make_document(session, actors[PROVIDER], OFFICE)
        return session.exec(select(Delivery.id).where(Delivery.document_id == document)).one()


def note(
    database: Database,
    agency: Agency,
    clock: Clock,
    *subjects: UUID | None,
    at: datetime = NOW,
    step: int = 0,
) -> UUID:
    """A mail told the desk of these; the mail's id."""
    told = [Told(agency.id, Addressee.DESK, clock, "k", id_, step) for id_ in subjects]
    section = Section(agency.id, agency.slug, agency.name, Addressee.DESK, (), told)
    mail = new_id()
    with database.transaction() as session:
        digest = Digest("a@b.example", TODAY, at, at, [section])
        assert ledger.note(session, digest, mail_id=mail, now=at) == len(subjects)
    return mail


def close(database: Database, now: datetime = LATER, limit: int = 100) -> int:
    with database.transaction() as session:
        return outcomes.close(session, now=now, limit=limit)


def rows(database: Database) -> list[Reminder]:
    with database.transaction() as session:
        return list(session.exec(select(Reminder).order_by(Reminder.step)))  # type: ignore[arg-type]  # a column


def the_row(database: Database) -> tuple[Outcome, datetime | None, int | None]:
    (row,) = rows(database)
    return row.outcome, row.done_at, row.done_after_minutes


# -- what waits --------------------------------------------------------------------------------


def test_what_is_still_open_stays_open(database: Database, town: Town, delivery: UUID) -> None:
    note(database, town[OFFICE], Clock.WAITING, delivery)

    assert close(database) == 0
    assert the_row(database) == (Outcome.OPEN, None, None)


def test_a_take_over_closes_with_the_working_minutes_it_took_and_only_once(
    database: Database, town: Town, actors: Mapping[str, Actor], delivery: UUID
) -> None:
    note(database, town[OFFICE], Clock.WAITING, delivery)
    with database.transaction() as session:
        settling.take_over(session, actors[OFFICE], delivery, catalogue=RULES, now=LATER)

    assert close(database, LATER + timedelta(days=1)) == 1
    assert close(database, LATER + timedelta(days=1)) == 0
    assert the_row(database) == (Outcome.TAKEN_OVER, LATER, 120)


@pytest.mark.parametrize(
    ("reason", "outcome", "minutes"),
    [("misaddressed", Outcome.RETURNED, 120), ("untouched", Outcome.GONE_BACK, None)],
)
def test_what_somebody_returns_is_told_from_what_goes_back_by_itself(
    database: Database,
    town: Town,
    delivery: UUID,
    reason: str,
    outcome: Outcome,
    minutes: int | None,
) -> None:
    note(database, town[OFFICE], Clock.WAITING, delivery)
    with database.transaction() as session:
        row = session.get_one(Delivery, delivery)
        row.state, row.returned_at, row.return_reason = DeliveryState.RETURNED, LATER, reason
        session.add(row)

    assert close(database) == 1
    assert the_row(database) == (outcome, LATER, minutes)


def test_what_its_sender_withdraws_was_not_the_agencys_doing(
    database: Database, town: Town, actors: Mapping[str, Actor], delivery: UUID
) -> None:
    note(database, town[OFFICE], Clock.WAITING, delivery)
    with database.transaction() as session:
        document = session.get_one(Delivery, delivery).document_id
        lifecycle.withdraw(
            session, actors[PROVIDER], document, reason="misaddressed", catalogue=RULES, now=LATER
        )

    assert close(database) == 1
    assert the_row(database) == (Outcome.WITHDRAWN, LATER, None)


def test_what_malware_was_found_in_was_not_the_agencys_doing(
    database: Database, town: Town, delivery: UUID
) -> None:
    note(database, town[OFFICE], Clock.WAITING, delivery)
    with database.transaction() as session:
        document = session.get_one(Delivery, delivery).document_id
        rescanning.block(session, TESTS, document, signatures="2", catalogue=RULES, now=LATER)

    assert close(database) == 1
    assert the_row(database) == (Outcome.ENDED, LATER, None)


def test_what_was_undone_is_open_again(
    database: Database, town: Town, actors: Mapping[str, Actor], delivery: UUID
) -> None:
    note(database, town[OFFICE], Clock.WAITING, delivery)
    with database.transaction() as session:
        settling.take_over(session, actors[OFFICE], delivery, catalogue=RULES, now=LATER)
    close(database)
    with database.transaction() as session:
        settling.undo(session, actors[OFFICE], delivery, catalogue=RULES, now=LATER)

    assert close(database) == 1
    assert close(database) == 0
    assert the_row(database) == (Outcome.OPEN, None, None)


def test_many_rows_are_closed_in_batches(
    database: Database, town: Town, actors: Mapping[str, Actor], delivery: UUID
) -> None:
    for step in range(5):
        note(database, town[OFFICE], Clock.WAITING, delivery, step=step)
    with database.transaction() as session:
        settling.take_over(session, actors[OFFICE], delivery, catalogue=RULES, now=LATER)

    assert [close(database, limit=2) for _ in range(4)] == [2, 2, 1, 0]


# -- requests, approvals, follow-ups -----------------------------------------------------------


@pytest.fixture
def request_id(database: Database, town: Town) -> UUID:
    """The office asked the provider for a paper."""
    with database.transaction() as session:
        made = PaperRequest(
            kind="attendance_certificate_ik",
            municipality_id=town[OFFICE].municipality_id,
            requester_agency_id=town[OFFICE].id,
            provider_agency_id=town[PROVIDER].id,
            due_on=TODAY,
            created_at=NOW,
        )
        session.add(made)
        return made.id


@pytest.mark.parametrize(
    ("state", "outcome", "minutes"),
    [
        (RequestState.DECLINED, Outcome.DECLINED, 120),
        (RequestState.CANCELLED, Outcome.CANCELLED, None),
        (RequestState.LAPSED, Outcome.ENDED, None),
    ],
)
def test_a_request_ends_in_its_own_way_and_is_open_again_when_it_is(
    database: Database,
    town: Town,
    request_id: UUID,
    state: RequestState,
    outcome: Outcome,
    minutes: int | None,
) -> None:
    note(database, town[PROVIDER], Clock.REQUEST, request_id)
    assert close(database) == 0

    end_request(database, request_id, state, LATER)
    assert close(database) == 1
    assert the_row(database) == (outcome, LATER, minutes)

    end_request(database, request_id, RequestState.OPEN, None)
    assert close(database) == 1
    assert the_row(database) == (Outcome.OPEN, None, None)


def end_request(database: Database, id_: UUID, state: RequestState, at: datetime | None) -> None:
    with database.transaction() as session:
        row = session.get_one(PaperRequest, id_)
        row.state, row.ended_at = state, at
        session.add(row)


def test_an_answer_closes_the_reminders_of_a_request_until_it_is_taken_back(
    database: Database, town: Town, actors: Mapping[str, Actor], request_id: UUID, delivery: UUID
) -> None:
    note(database, town[PROVIDER], Clock.REQUEST, request_id)
    with database.transaction() as session:
        row = session.get_one(PaperRequest, request_id)
        row.document_id = session.get_one(Delivery, delivery).document_id
        session.add(row)
    end_request(database, request_id, RequestState.ANSWERED, LATER)
    close(database)
    assert the_row(database) == (Outcome.ANSWERED, LATER, 120)

    with database.transaction() as session:
        settling.return_(
            session, actors[OFFICE], delivery, reason="misaddressed", catalogue=RULES, now=LATER
        )

    assert close(database) == 1
    assert the_row(database)[0] is Outcome.OPEN


def test_an_approval_and_a_refusal_of_it_close_the_reminders(
    database: Database, town: Town, actors: Mapping[str, Actor]
) -> None:
    with database.transaction() as session:
        second = make_person_actor(session, town[PROVIDER], subject="zweite.muster")
        reports = [make_document(session, actors[PROVIDER], OFFICE, **REPORT) for _ in range(3)]
    for step, report in enumerate(reports):
        note(database, town[PROVIDER], Clock.APPROVAL, report, step=step)
    with database.transaction() as session:
        holding.approve(session, second, reports[0], catalogue=RULES, now=LATER)
        holding.decline(session, second, reports[1], reason="not_true", catalogue=RULES, now=LATER)

    assert close(database) == 2
    assert [row.outcome for row in rows(database)] == [
        Outcome.APPROVED,
        Outcome.WITHDRAWN,
        Outcome.OPEN,
    ]


@pytest.mark.parametrize(
    ("state", "outcome", "minutes"),
    [
        (FollowUpState.FULFILLED, Outcome.FULFILLED, 120),
        (FollowUpState.SETTLED, Outcome.SETTLED, 120),
        (FollowUpState.GONE, Outcome.ENDED, None),
    ],
)
@pytest.mark.parametrize("clock", [Clock.LAPSING, Clock.PROOF, Clock.START])
def test_a_follow_up_ends_in_its_own_way_and_opens_again(
    database: Database,
    town: Town,
    delivery: UUID,
    clock: Clock,
    state: FollowUpState,
    outcome: Outcome,
    minutes: int | None,
) -> None:
    with database.transaction() as session:
        made = FollowUp(
            municipality_id=town[OFFICE].municipality_id,
            agency_id=town[OFFICE].id,
            document_id=session.get_one(Delivery, delivery).document_id,
            delivery_id=delivery,
            clock=FollowUpClock(clock.value),
            rule="proof_ik",
            opens_on=TODAY,
            due_on=TODAY,
            created_at=NOW,
        )
        session.add(made)
    note(database, town[OFFICE], clock, made.id)

    def become(state: FollowUpState, at: datetime | None) -> None:
        with database.transaction() as session:
            row = session.get_one(FollowUp, made.id)
            row.state, row.ended_at = state, at
            row.reason = "on_paper" if state is FollowUpState.SETTLED else ""
            session.add(row)

    assert close(database) == 0
    become(state, LATER)
    assert close(database) == 1
    assert the_row(database) == (outcome, LATER, minutes)
    become(FollowUpState.OPEN, None)
    assert close(database) == 1
    assert the_row(database)[0] is Outcome.OPEN


# -- what ends by itself -----------------------------------------------------------------------


def test_a_look_into_the_inbox_ends_a_silence(database: Database, town: Town) -> None:
    note(database, town[OFFICE], Clock.SILENCE, None)
    look(database, town[OFFICE], NOW)
    assert close(database) == 0

    look(database, town[OFFICE], LATER)

    assert close(database) == 1
    assert the_row(database) == (Outcome.LOOKED_IN, LATER, 120)


def look(database: Database, agency: Agency, at: datetime) -> None:
    with database.transaction() as session:
        row = session.get_one(Agency, agency.id)
        row.looked_in_at = at
        session.add(row)


def test_a_monthly_note_ends_when_it_was_sent(database: Database, town: Town) -> None:
    note(database, town[OFFICE], Clock.MONTHLY, None)

    assert close(database) == 1
    assert the_row(database) == (Outcome.ENDED, NOW, None)


def test_a_refusal_ends_when_the_mailbox_takes_mails(database: Database, town: Town) -> None:
    note(database, town[OFFICE], Clock.REFUSED, None)

    assert close(database) == 1
    assert the_row(database) == (Outcome.ENDED, LATER, None)


def test_a_returned_paper_ends_after_a_month_and_a_deletion_when_it_has_happened(
    database: Database, town: Town, actors: Mapping[str, Actor], delivery: UUID
) -> None:
    with database.transaction() as session:
        document = session.get_one(Delivery, delivery).document_id
        settling.return_(
            session, actors[OFFICE], delivery, reason="misaddressed", catalogue=RULES, now=NOW
        )
        row = session.get_one(Document, document)
        row.deletion_noticed_at = NOW
        session.add(row)
    note(database, town[PROVIDER], Clock.RETURNED, delivery)
    note(database, town[PROVIDER], Clock.DELETION, delivery, step=date.toordinal(TODAY))
    assert close(database) == 0

    assert close(database, NOW + timedelta(days=30)) == 1
    with database.transaction() as session:
        row = session.get_one(Document, document)
        row.erased_at = LATER
        session.add(row)
    assert close(database, NOW + timedelta(days=30)) == 1

    assert {one.outcome for one in rows(database)} == {Outcome.ENDED}


# -- what came back ----------------------------------------------------------------------------


def test_what_came_back_undelivered_stays_so_until_it_is_told_anew(
    database: Database, town: Town, actors: Mapping[str, Actor], delivery: UUID
) -> None:
    mail = note(database, town[OFFICE], Clock.WAITING, delivery)
    other = note(database, town[JOBCENTER], Clock.SILENCE, None)
    with database.transaction() as session:
        assert ledger.undelivered(session, mail) == 1
        assert ledger.undelivered(session, mail) == 0
    assert close(database) == 0

    again = note(database, town[OFFICE], Clock.WAITING, delivery, at=LATER)

    found = {row.mail_id: (row.outcome, row.sent_at) for row in rows(database)}
    assert found == {again: (Outcome.OPEN, LATER), other: (Outcome.OPEN, NOW)}


def test_what_was_done_meanwhile_was_not_done_because_of_a_mail_that_came_back(
    database: Database, town: Town, actors: Mapping[str, Actor], delivery: UUID
) -> None:
    mail = note(database, town[OFFICE], Clock.WAITING, delivery, step=3)
    with database.transaction() as session:
        settling.take_over(session, actors[OFFICE], delivery, catalogue=RULES, now=LATER)
    assert close(database) == 1

    with database.transaction() as session:
        assert ledger.undelivered(session, mail) == 1

    (row,) = rows(database)
    assert (row.outcome, row.done_at, row.done_after_minutes) == (Outcome.UNDELIVERED, None, None)
    assert close(database) == 0


def test_a_monthly_note_that_came_back_is_still_to_be_told(database: Database, town: Town) -> None:
    mail = note(database, town[OFFICE], Clock.MONTHLY, None, step=24323)
    assert close(database) == 1

    with database.transaction() as session:
        assert ledger.undelivered(session, mail) == 1

    assert [row.outcome for row in rows(database)] == [Outcome.UNDELIVERED]
