"""The states of a document and its deliveries: what leads where, and what is refused."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
from sqlmodel import select
from tests.factories import (
    JOBCENTER,
    NOW,
    OFFICE,
    PROVIDER,
    TESTS,
    make_catalogue,
    make_document,
    make_person_actor,
    make_sending,
    make_service_account,
    make_stored,
)

from kursdocs.adapters.database import Database
from kursdocs.core import accounts, audit
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import Happening
from kursdocs.core.documents import holding, inbox, lifecycle, reading, settling
from kursdocs.core.documents.inbox import Filter, InboxState
from kursdocs.core.documents.lifecycle import INTAKE_LIMIT, TOMBSTONE_AGE
from kursdocs.core.documents.tables import (
    Delivery,
    DeliveryState,
    Document,
    DocumentState,
    IdempotencyKey,
    SearchToken,
)
from kursdocs.core.errors import Conflict, KursdocsError, NotFound
from kursdocs.core.ports import Identity
from kursdocs.core.tables import new_id
from kursdocs.core.workdays import Workdays, local_date

Town = dict[str, Agency]
STORED = NOW + timedelta(minutes=1)
LATER = NOW + timedelta(hours=3)


@pytest.fixture
def people(database: Database, town: Town) -> dict[str, Actor]:
    """A clerk of each agency, by its slug."""
    with database.transaction() as session:
        return {
            slug: make_person_actor(session, agency, subject=f"{slug}.probe")
            for slug, agency in town.items()
        }


@pytest.fixture
def sent(database: Database, people: dict[str, Actor]) -> UUID:
    """A live document of the provider, delivered to both offices."""
    with database.transaction() as session:
        return make_document(session, people[PROVIDER], OFFICE, JOBCENTER)


def begin(
    database: Database, actor: Actor, *, key: str = "", now: datetime = NOW, **changes: object
) -> tuple[UUID, str]:
    """Reserve a document; its id, and the hash of its content."""
    document_id, stored = new_id(), make_stored()
    with database.transaction() as session:
        sending = make_sending(session, actor, **changes)  # type: ignore[arg-type]  # as in a form
        lifecycle.reserve(
            session, actor, sending, stored, document_id=document_id, key=key, now=now
        )
    return document_id, sending.content_hash(stored.received_sha256)


def finish(database: Database, actor: Actor, document_id: UUID, *, scanned: bool = True) -> None:
    with database.transaction() as session:
        lifecycle.finish(
            session,
            actor,
            make_sending(session, actor),
            document_id=document_id,
            stored_sha256="c" * 64,
            scanned=scanned,
            catalogue=make_catalogue(),
            now=STORED,
        )


def row(database: Database, document_id: UUID) -> Document:
    with database.transaction() as session:
        return session.get_one(Document, document_id)


def delivery_to(database: Database, document_id: UUID, agency: Agency) -> Delivery:
    with database.transaction() as session:
        query = select(Delivery).where(
            Delivery.document_id == document_id, Delivery.recipient_agency_id == agency.id
        )
        return session.exec(query).one()


def happenings(database: Database, document_id: UUID) -> list[Happening]:
    with database.transaction() as session:
        query = select(audit.AuditEvent).where(audit.AuditEvent.document_id == document_id)
        return [event.happening for event in session.exec(query.order_by("seq"))]


def refusal(run: Callable[[], object]) -> KursdocsError:
    with pytest.raises(KursdocsError) as refused:
        run()
    return refused.value


# --- Sending -------------------------------------------------------------------------------------


def test_a_reserved_document_is_pending_and_nobodys_to_see(
    database: Database, people: dict[str, Actor]
) -> None:
    document_id, _ = begin(database, people[PROVIDER])

    assert row(database, document_id).state is DocumentState.PENDING
    assert happenings(database, document_id) == []
    for actor in people.values():
        with pytest.raises(NotFound), database.transaction() as session:
            reading.view(session, actor, document_id)


def test_a_finished_document_is_live_and_delivered(
    database: Database, people: dict[str, Actor], town: Town
) -> None:
    document_id, _ = begin(database, people[PROVIDER])
    finish(database, people[PROVIDER], document_id)

    document = row(database, document_id)
    assert (document.state, document.stored_at) == (DocumentState.LIVE, STORED)
    assert document.stored_sha256 == "c" * 64
    assert document.sent_by_user_id == people[PROVIDER].user_id
    delivery = delivery_to(database, document_id, town[OFFICE])
    assert (delivery.state, delivery.delivered_at) == (DeliveryState.NEW, STORED)
    assert delivery.due_on == date(2026, 11, 30)
    assert (delivery.ground, delivery.need) == ("§ 7 Abs. 1 IntV (vorgelegt)", "release")
    assert happenings(database, document_id) == [Happening.DOCUMENT_SENT]


def test_a_document_can_be_finished_once(database: Database, people: dict[str, Actor]) -> None:
    document_id, _ = begin(database, people[PROVIDER])
    finish(database, people[PROVIDER], document_id)

    refused = refusal(lambda: finish(database, people[PROVIDER], document_id))

    assert refused.code == "intake_died"
    assert happenings(database, document_id) == [Happening.DOCUMENT_SENT]


def test_an_intake_that_was_given_up_cannot_finish(
    database: Database, people: dict[str, Actor]
) -> None:
    document_id, _ = begin(database, people[PROVIDER])
    with database.transaction() as session:
        assert lifecycle.abandon(session, TESTS, document_id, reason="died", now=LATER)

    refused = refusal(lambda: finish(database, people[PROVIDER], document_id))

    assert refused.code == "intake_died"
    assert row(database, document_id).state is DocumentState.ABANDONED


def test_an_intake_that_took_too_long_cannot_finish(
    database: Database, people: dict[str, Actor]
) -> None:
    slow, _ = begin(database, people[PROVIDER], now=STORED - INTAKE_LIMIT - timedelta(seconds=1))
    in_time, _ = begin(database, people[PROVIDER], now=STORED - INTAKE_LIMIT)

    refused = refusal(lambda: finish(database, people[PROVIDER], slow))
    finish(database, people[PROVIDER], in_time)

    assert refused.code == "intake_died"
    assert row(database, slow).state is DocumentState.PENDING
    assert row(database, in_time).state is DocumentState.LIVE


def test_a_tombstone_says_nothing_of_the_person(
    database: Database, people: dict[str, Actor]
) -> None:
    document_id, _ = begin(database, people[PROVIDER], key="k")
    with database.transaction() as session:
        lifecycle.abandon(session, TESTS, document_id, reason="died", now=LATER)

    left = row(database, document_id)

    assert (left.family_name, left.given_names, left.birth_date, left.fields) == ("", "", None, {})
    assert (left.original_at, left.sha256, left.received_sha256) == ("", "", "")
    assert left.object_name  # the sweeper must still find the object
    assert happenings(database, document_id) == [Happening.DOCUMENT_ABANDONED]


def test_only_a_pending_document_is_given_up(database: Database, sent: UUID) -> None:
    with database.transaction() as session:
        assert not lifecycle.abandon(session, TESTS, sent, reason="died", now=LATER)
        assert not lifecycle.abandon(session, TESTS, new_id(), reason="died", now=LATER)

    assert row(database, sent).state is DocumentState.LIVE


def test_a_document_as_long_as_names_can_be_is_delivered(
    database: Database, people: dict[str, Actor]
) -> None:
    with database.transaction() as session:
        document_id = make_document(
            session, people[PROVIDER], family_name="ß" * 120, given_names="د" * 120
        )

    with database.transaction() as session:
        rows = inbox.rows(session, people[OFFICE], Filter(), name="SS" * 120)
    assert [found.document_id for found in rows] == [document_id]


# --- Held ----------------------------------------------------------------------------------------


@pytest.fixture
def held(database: Database, people: dict[str, Actor]) -> UUID:
    with database.transaction() as session:
        return make_document(session, people[PROVIDER], OFFICE, scanned=False)


def test_a_held_document_is_delivered_when_it_is_released(
    database: Database, town: Town, held: UUID
) -> None:
    assert row(database, held).state is DocumentState.HELD
    assert delivery_to(database, held, town[OFFICE]).delivered_at is None

    days_later = NOW + timedelta(days=4)
    with database.transaction() as session:
        holding.pass_scan(session, TESTS, held, catalogue=make_catalogue(), now=days_later)

    assert row(database, held).state is DocumentState.LIVE
    released = delivery_to(database, held, town[OFFICE])
    assert released.delivered_at == days_later
    assert released.due_on == Workdays().after(local_date(days_later), 5)
    assert happenings(database, held) == [Happening.DOCUMENT_HELD, Happening.DOCUMENT_RELEASED]


def test_a_held_document_that_is_infected_is_never_delivered(
    database: Database, town: Town, held: UUID
) -> None:
    with database.transaction() as session:
        holding.block(
            session, TESTS, held, reason="infected", catalogue=make_catalogue(), now=LATER
        )

    assert row(database, held).state is DocumentState.BLOCKED
    assert row(database, held).end_reason == "infected"
    assert delivery_to(database, held, town[OFFICE]).delivered_at is None


def test_only_held_documents_are_released_or_blocked(database: Database, sent: UUID) -> None:
    for document_id in (sent, new_id()):
        with pytest.raises(Conflict, match="not_held"), database.transaction() as session:
            holding.pass_scan(session, TESTS, document_id, catalogue=make_catalogue(), now=LATER)
        with pytest.raises(Conflict, match="not_held"), database.transaction() as session:
            holding.block(
                session,
                TESTS,
                document_id,
                reason="infected",
                catalogue=make_catalogue(),
                now=LATER,
            )


def test_a_held_document_can_be_withdrawn_but_not_taken_over(
    database: Database, people: dict[str, Actor], town: Town, held: UUID
) -> None:
    delivery = delivery_to(database, held, town[OFFICE])

    with pytest.raises(NotFound), database.transaction() as session:
        settling.take_over(
            session, people[OFFICE], delivery.id, catalogue=make_catalogue(), now=LATER
        )
    with database.transaction() as session:
        lifecycle.withdraw(
            session,
            people[PROVIDER],
            held,
            reason="wrong_person",
            catalogue=make_catalogue(),
            now=LATER,
        )

    assert row(database, held).state is DocumentState.WITHDRAWN
    with database.transaction() as session:
        assert inbox.rows(session, people[OFFICE], Filter(state=InboxState.WITHDRAWN)) == []


def test_held_documents_are_listed_page_by_page(
    database: Database, people: dict[str, Actor], held: UUID
) -> None:
    with database.transaction() as session:
        second = make_document(session, people[PROVIDER], JOBCENTER, scanned=False)

        first_page = holding.awaiting_scan(session, after=None, limit=1)
        rest = holding.awaiting_scan(session, after=first_page[0].id, limit=5)

    assert [document.id for document in (*first_page, *rest)] == [held, second]


# --- Taking over and returning -------------------------------------------------------------------


def test_taking_over_is_noted_once_with_who_and_when(
    database: Database, people: dict[str, Actor], town: Town, sent: UUID
) -> None:
    delivery = delivery_to(database, sent, town[OFFICE])

    with database.transaction() as session:
        assert (
            settling.take_over(
                session, people[OFFICE], delivery.id, catalogue=make_catalogue(), now=LATER
            )
            == sent
        )

    taken = delivery_to(database, sent, town[OFFICE])
    assert (taken.state, taken.taken_over_at) == (DeliveryState.TAKEN_OVER, LATER)
    assert taken.taken_over_by_user_id == people[OFFICE].user_id
    assert delivery_to(database, sent, town[JOBCENTER]).state is DeliveryState.NEW
    assert happenings(database, sent) == [Happening.DOCUMENT_SENT, Happening.DELIVERY_TAKEN_OVER]


def test_a_second_take_over_is_told_who_was_first_and_when(
    database: Database, people: dict[str, Actor], town: Town, sent: UUID
) -> None:
    delivery = delivery_to(database, sent, town[OFFICE])
    with database.transaction() as session:
        accounts.sign_in(
            session,
            Identity(TOWN_ISSUER, f"{OFFICE}.probe", {"name": "Jonas Muster"}),
            [],
            now=NOW,
        )
        settling.take_over(
            session, people[OFFICE], delivery.id, catalogue=make_catalogue(), now=LATER
        )

    for settle in (again, give_back):
        refused = refusal(lambda settle=settle: settle(database, people[OFFICE], delivery.id))  # type: ignore[misc]  # bound at once
        assert refused.code == "already_taken_over"
        assert refused.details == {"at": "2026-11-23T12:30:00.000Z", "by": "Jonas Muster"}


TOWN_ISSUER = "https://sign-in.example"


def again(database: Database, actor: Actor, delivery_id: UUID) -> object:
    with database.transaction() as session:
        return settling.take_over(
            session, actor, delivery_id, catalogue=make_catalogue(), now=LATER
        )


def give_back(database: Database, actor: Actor, delivery_id: UUID) -> object:
    with database.transaction() as session:
        return settling.return_(
            session, actor, delivery_id, reason="not_ours", catalogue=make_catalogue(), now=LATER
        )


def test_a_program_that_took_over_is_named_by_its_client_id(
    database: Database, people: dict[str, Actor], town: Town, sent: UUID
) -> None:
    delivery = delivery_to(database, sent, town[OFFICE])
    with database.transaction() as session:
        make_service_account(session, town[OFFICE])
        program = accounts.actor_of_bearer(
            session, Identity(TOWN_ISSUER, OFFICE, client_id=OFFICE), [], agency="", now=NOW
        )
        settling.take_over(session, program, delivery.id, catalogue=make_catalogue(), now=LATER)

    refused = refusal(lambda: again(database, people[OFFICE], delivery.id))

    assert refused.details["by"] == OFFICE


def test_returning_is_noted_with_its_reason_and_is_final(
    database: Database, people: dict[str, Actor], town: Town, sent: UUID
) -> None:
    delivery = delivery_to(database, sent, town[OFFICE])

    give_back(database, people[OFFICE], delivery.id)

    returned = delivery_to(database, sent, town[OFFICE])
    assert (returned.state, returned.returned_at) == (DeliveryState.RETURNED, LATER)
    assert returned.return_reason == "not_ours"
    for settle in (again, give_back):
        refused = refusal(lambda settle=settle: settle(database, people[OFFICE], delivery.id))  # type: ignore[misc]  # bound at once
        assert (refused.code, refused.details) == (
            "already_returned",
            {"at": "2026-11-23T12:30:00.000Z", "by": ""},
        )


def test_nobody_settles_what_is_addressed_to_others(
    database: Database, people: dict[str, Actor], town: Town, sent: UUID
) -> None:
    delivery = delivery_to(database, sent, town[OFFICE])

    for slug in (PROVIDER, JOBCENTER, "sprachwerk"):
        for settle in (again, give_back):
            foreign = refusal(lambda s=slug, f=settle: f(database, people[s], delivery.id))  # type: ignore[misc]  # bound at once
            unknown = refusal(lambda s=slug, f=settle: f(database, people[s], new_id()))  # type: ignore[misc]  # bound at once
            assert (foreign.code, foreign.details) == (unknown.code, unknown.details)
            assert foreign.code == "not_found"


def test_of_many_who_take_over_at_once_exactly_one_succeeds(
    database: Database, people: dict[str, Actor], town: Town, sent: UUID
) -> None:
    delivery = delivery_to(database, sent, town[OFFICE])
    start = threading.Barrier(8)

    def attempt(_: int) -> str:
        start.wait(10)
        try:
            again(database, people[OFFICE], delivery.id)
        except Conflict as refused:
            return refused.code
        return "won"

    with ThreadPoolExecutor(8) as threads:
        results = sorted(threads.map(attempt, range(8)))

    assert results == ["already_taken_over"] * 7 + ["won"]
    assert happenings(database, sent).count(Happening.DELIVERY_TAKEN_OVER) == 1


# --- Untouched -----------------------------------------------------------------------------------


def give_back_untouched(database: Database, delivery_id: UUID) -> bool:
    with database.transaction() as session:
        return settling.return_untouched(
            session, TESTS, delivery_id, catalogue=make_catalogue(), now=LATER
        )


def test_what_nobody_takes_over_goes_back_to_its_sender_once(
    database: Database, town: Town, sent: UUID
) -> None:
    delivery = delivery_to(database, sent, town[OFFICE])

    assert [give_back_untouched(database, delivery.id) for _ in range(2)] == [True, False]

    returned = delivery_to(database, sent, town[OFFICE])
    assert (returned.state, returned.returned_at) == (DeliveryState.RETURNED, LATER)
    assert returned.return_reason == "untouched"
    assert delivery_to(database, sent, town[JOBCENTER]).state is DeliveryState.NEW
    assert happenings(database, sent) == [Happening.DOCUMENT_SENT, Happening.DELIVERY_RETURNED]


def test_what_is_settled_or_not_on_its_way_is_not_given_back_untouched(
    database: Database, people: dict[str, Actor], town: Town, sent: UUID
) -> None:
    again(database, people[OFFICE], delivery_to(database, sent, town[OFFICE]).id)
    with database.transaction() as session:
        held = make_document(session, people[PROVIDER], OFFICE, scanned=False)
        withdrawn = make_document(session, people[PROVIDER], OFFICE)
    pull_back(database, people[PROVIDER], withdrawn)

    ids = [delivery_to(database, each, town[OFFICE]).id for each in (sent, held, withdrawn)]
    assert [give_back_untouched(database, each) for each in (*ids, new_id())] == [False] * 4

    assert delivery_to(database, sent, town[OFFICE]).state is DeliveryState.TAKEN_OVER


def test_when_somebody_takes_over_as_it_goes_back_exactly_one_happens(
    database: Database, people: dict[str, Actor], town: Town, sent: UUID
) -> None:
    delivery = delivery_to(database, sent, town[OFFICE])
    start = threading.Barrier(2)

    def take_over() -> bool:
        start.wait(10)
        try:
            again(database, people[OFFICE], delivery.id)
        except Conflict:
            return False
        return True

    def go_back() -> bool:
        start.wait(10)
        return give_back_untouched(database, delivery.id)

    with ThreadPoolExecutor(2) as threads:
        results = [threads.submit(run) for run in (take_over, go_back)]

    assert sorted(result.result() for result in results) == [False, True]
    assert len(happenings(database, sent)) == 2


# --- Withdrawing ---------------------------------------------------------------------------------


def pull_back(database: Database, actor: Actor, document_id: UUID) -> object:
    with database.transaction() as session:
        lifecycle.withdraw(
            session,
            actor,
            document_id,
            reason="wrong_recipient",
            catalogue=make_catalogue(),
            now=LATER,
        )
    return None


def test_a_withdrawn_document_is_gone_for_the_recipient_but_for_a_trace(
    database: Database, people: dict[str, Actor], town: Town, sent: UUID
) -> None:
    delivery = delivery_to(database, sent, town[OFFICE])

    pull_back(database, people[PROVIDER], sent)

    with database.transaction() as session:
        for gone in (InboxState.NEW, InboxState.TAKEN_OVER, InboxState.RETURNED):
            assert inbox.rows(session, people[OFFICE], Filter(state=gone)) == []
        (trace,) = inbox.rows(session, people[OFFICE], Filter(state=InboxState.WITHDRAWN))
        assert session.exec(select(SearchToken)).all() == []
    assert (trace.id, trace.kind, trace.sender) == (delivery.id, "admission_ik_jc", PROVIDER)
    assert trace.state is InboxState.WITHDRAWN
    assert (trace.family_name, trace.given_names, trace.birth_date) == ("", "", None)
    assert refusal(lambda: again(database, people[OFFICE], delivery.id)).code == "not_found"
    seen = look(database, people[OFFICE], sent)
    assert (seen.family_name, seen.given_names, seen.birth_date) == ("", "", None)
    assert (seen.fields, seen.sha256, seen.original_at) == ({}, "", "")
    assert (seen.end_reason, seen.withdrawn_at) == ("wrong_recipient", LATER)
    own = look(database, people[PROVIDER], sent)
    assert (own.withdrawn_at, own.end_reason) == (LATER, "wrong_recipient")


def look(database: Database, actor: Actor, document_id: UUID) -> reading.DocumentView:
    with database.transaction() as session:
        return reading.view(session, actor, document_id)


def test_a_document_is_withdrawn_once(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    pull_back(database, people[PROVIDER], sent)

    refused = refusal(lambda: pull_back(database, people[PROVIDER], sent))

    assert refused.code == "already_withdrawn"
    assert refused.details == {"at": lifecycle.utc(LATER), "by": ""}


def test_nobody_withdraws_what_others_sent(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    for slug in (OFFICE, JOBCENTER, "sprachwerk"):
        foreign = refusal(lambda s=slug: pull_back(database, people[s], sent))  # type: ignore[misc]  # bound at once
        unknown = refusal(lambda s=slug: pull_back(database, people[s], new_id()))  # type: ignore[misc]  # bound at once
        assert (foreign.code, foreign.details) == (unknown.code, unknown.details)
    assert row(database, sent).state is DocumentState.LIVE


def test_withdrawing_and_taking_over_at_once_end_in_one_story(
    database: Database, people: dict[str, Actor], town: Town
) -> None:
    for _ in range(4):
        with database.transaction() as session:
            document_id = make_document(session, people[PROVIDER], OFFICE)
        delivery = delivery_to(database, document_id, town[OFFICE])
        start = threading.Barrier(2)

        def attempt(run: Callable[[], object], start: threading.Barrier = start) -> str:
            start.wait(10)
            try:
                run()
            except (NotFound, Conflict) as refused:
                return refused.code
            return "done"

        runs: list[Callable[[], object]] = [
            lambda d=document_id: pull_back(database, people[PROVIDER], d),  # type: ignore[misc]  # bound at once
            lambda d=delivery: again(database, people[OFFICE], d.id),  # type: ignore[misc]  # bound at once
        ]
        with ThreadPoolExecutor(2) as threads:
            withdrawn, taken = threads.map(attempt, runs)

        assert withdrawn == "done"  # a wrong recipient can be taken back at any time
        assert taken in ("done", "not_found")
        told = happenings(database, document_id)
        assert told[-1] is Happening.DOCUMENT_WITHDRAWN
        assert (Happening.DELIVERY_TAKEN_OVER in told) is (taken == "done")


# --- Idempotency ---------------------------------------------------------------------------------


def repeated(
    database: Database, actor: Actor, key: str, content: str, now: datetime = LATER
) -> UUID | None:
    with database.transaction() as session:
        return lifecycle.repeated(session, actor, key=key, content_hash=content, now=now)


def test_a_key_that_nobody_used_is_free(database: Database, people: dict[str, Actor]) -> None:
    assert repeated(database, people[PROVIDER], "k", "h") is None


def test_a_repeated_key_brings_the_document_it_made(
    database: Database, people: dict[str, Actor]
) -> None:
    document_id, content = begin(database, people[PROVIDER], key="k")
    finish(database, people[PROVIDER], document_id)

    assert repeated(database, people[PROVIDER], "k", content) == document_id


def test_a_key_reused_for_something_else_is_refused(
    database: Database, people: dict[str, Actor]
) -> None:
    document_id, _ = begin(database, people[PROVIDER], key="k")
    finish(database, people[PROVIDER], document_id)

    refused = refusal(lambda: repeated(database, people[PROVIDER], "k", "other"))

    assert refused.code == "key_reused"


def test_a_key_whose_attempt_is_still_running_asks_for_patience(
    database: Database, people: dict[str, Actor]
) -> None:
    _, content = begin(database, people[PROVIDER], key="k")

    refused = refusal(
        lambda: repeated(database, people[PROVIDER], "k", content, NOW + INTAKE_LIMIT)
    )

    assert (refused.code, refused.details) == ("still_running", {"retry_after_seconds": 2})


@pytest.mark.parametrize("content", ["same", "other"])
def test_a_key_whose_attempt_died_is_free_again(
    database: Database, people: dict[str, Actor], content: str
) -> None:
    dead, same = begin(database, people[PROVIDER], key="k")
    after = NOW + INTAKE_LIMIT + timedelta(seconds=1)

    found = repeated(database, people[PROVIDER], "k", same if content == "same" else content, after)
    again_id, _ = begin(database, people[PROVIDER], key="k", now=after)

    assert found is None
    assert row(database, dead).state is DocumentState.ABANDONED
    assert row(database, again_id).state is DocumentState.PENDING


def test_a_key_belongs_to_one_agency(database: Database, people: dict[str, Actor]) -> None:
    _, content = begin(database, people[PROVIDER], key="k")

    assert repeated(database, people["sprachwerk"], "k", content) is None


def test_two_attempts_with_one_key_at_once_store_once(
    database: Database, people: dict[str, Actor]
) -> None:
    start = threading.Barrier(4)

    def attempt(_: int) -> str:
        start.wait(10)
        try:
            begin(database, people[PROVIDER], key="k")
        except Conflict as refused:
            return refused.code
        return "begun"

    with ThreadPoolExecutor(4) as threads:
        results = sorted(threads.map(attempt, range(4)))

    assert results == ["begun", "still_running", "still_running", "still_running"]
    with database.transaction() as session:
        assert len(session.exec(select(IdempotencyKey)).all()) == 1
        assert len(session.exec(select(Document)).all()) == 1


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_slow_intake_that_finishes_just_now_is_not_given_up(
    database: Database, people: dict[str, Actor]
) -> None:
    document_id, content = begin(database, people[PROVIDER], key="k")
    last = NOW + INTAKE_LIMIT

    with ThreadPoolExecutor(1) as threads, database.transaction() as slow:
        lifecycle.finish(
            slow,
            people[PROVIDER],
            make_sending(slow, people[PROVIDER]),
            document_id=document_id,
            stored_sha256="c" * 64,
            scanned=True,
            catalogue=make_catalogue(),
            now=last,
        )
        repeat = threads.submit(
            repeated, database, people[PROVIDER], "k", content, last + timedelta(seconds=1)
        )
        wait_for_a_lock(database)
        slow.commit()
        assert repeat.result(10) == document_id

    assert row(database, document_id).state is DocumentState.LIVE


def wait_for_a_lock(database: Database) -> None:
    """Wait until somebody waits for a row that the present transaction holds."""
    pause = threading.Event()
    for _ in range(200):
        with database.engine.connect() as connection:
            waiting = connection.exec_driver_sql(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).scalar_one()
        if waiting:
            return
        pause.wait(0.02)
    raise AssertionError("nobody waits")


# --- What the sweeper looks for ------------------------------------------------------------------


def test_dead_intakes_are_those_that_had_their_time(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    young, _ = begin(database, people[PROVIDER], now=LATER)
    older, _ = begin(database, people[PROVIDER], now=LATER - INTAKE_LIMIT - timedelta(seconds=1))
    oldest, _ = begin(database, people[PROVIDER], now=NOW)

    with database.transaction() as session:
        dead = [document.id for document in lifecycle.dead_intakes(session, now=LATER, limit=9)]
        first = lifecycle.dead_intakes(session, now=LATER, limit=1)

    assert dead == [oldest, older]
    assert [document.id for document in first] == [oldest]
    assert young not in dead


def test_a_tombstone_is_buried_a_day_later(database: Database, people: dict[str, Actor]) -> None:
    document_id, _ = begin(database, people[PROVIDER])
    with database.transaction() as session:
        lifecycle.abandon(session, TESTS, document_id, reason="died", now=NOW)
    safe = NOW + TOMBSTONE_AGE + timedelta(seconds=1)

    with database.transaction() as session:
        too_early = lifecycle.tombstones(session, now=NOW + TOMBSTONE_AGE, limit=9)
        due = lifecycle.tombstones(session, now=safe, limit=9)
        lifecycle.bury(session, document_id, now=safe)
        session.flush()
        left = lifecycle.tombstones(session, now=safe, limit=9)

    assert ([*too_early], [document.id for document in due], [*left]) == ([], [document_id], [])


def test_known_ids_are_those_with_a_row(database: Database, sent: UUID) -> None:
    with database.transaction() as session:
        assert lifecycle.known_ids(session, [sent, new_id()]) == {sent}
        assert lifecycle.known_ids(session, []) == set()


def test_the_sweeper_acts_in_the_documents_town(database: Database, town: Town, sent: UUID) -> None:
    actor = lifecycle.system_of(row(database, sent), "sweeper")

    assert actor.municipality_id == town[PROVIDER].municipality_id
    assert (actor.role, actor.agency, actor.display_name) == (None, None, "sweeper")
