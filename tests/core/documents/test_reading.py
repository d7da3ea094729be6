"""What an agency may see: its own lists and views, and nothing that tells of anything else."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import select
from tests.factories import (
    JOBCENTER,
    NOW,
    OFFICE,
    PROVIDER,
    make_agency,
    make_catalogue,
    make_document,
    make_municipality,
    make_person_actor,
    make_sending,
    make_stored,
)

from kursdocs.adapters.database import Database
from kursdocs.catalogue import AgencyKind
from kursdocs.core.access import Actor, Role
from kursdocs.core.agencies import Agency
from kursdocs.core.documents import counting, inbox, lifecycle, reading, settling
from kursdocs.core.documents.inbox import Filter, InboxState, Order
from kursdocs.core.documents.reading import DocumentView
from kursdocs.core.documents.tables import Delivery, Document, DocumentState
from kursdocs.core.errors import Gone, NotFound
from kursdocs.core.tables import new_id

Town = dict[str, Agency]
People = dict[str, Actor]


@pytest.fixture
def people(database: Database, town: Town) -> People:
    """A clerk of each agency, by its slug."""
    with database.transaction() as session:
        return {
            slug: make_person_actor(session, agency, subject=f"{slug}.probe")
            for slug, agency in town.items()
        }


def send(database: Database, actor: Actor, *recipients: str, **changes: object) -> UUID:
    with database.transaction() as session:
        return make_document(session, actor, *recipients, **changes)  # type: ignore[arg-type]  # as in a form


def view(database: Database, actor: Actor, document_id: UUID) -> DocumentView:
    with database.transaction() as session:
        return reading.view(session, actor, document_id)


def inbox_of(database: Database, actor: Actor, **how: object) -> list[inbox.InboxRow]:
    with database.transaction() as session:
        narrowed = {n: how.pop(n) for n in tuple(how) if n in Filter.__dataclass_fields__}
        return inbox.rows(session, actor, Filter(**narrowed), **how)  # type: ignore[arg-type]  # keywords of both


def deliveries(database: Database, document_id: UUID) -> dict[UUID, UUID]:
    """Delivery ids by recipient agency."""
    with database.transaction() as session:
        query = select(Delivery).where(Delivery.document_id == document_id)
        return {delivery.recipient_agency_id: delivery.id for delivery in session.exec(query)}


# --- The object gate -----------------------------------------------------------------------------


def test_the_sender_sees_its_document_and_all_deliveries(
    database: Database, people: People
) -> None:
    document_id = send(database, people[PROVIDER], OFFICE, JOBCENTER)

    shown = view(database, people[PROVIDER], document_id)

    assert shown.is_own
    assert shown.own_delivery is None
    assert [delivery.recipient for delivery in shown.deliveries] == [OFFICE, JOBCENTER]
    assert (shown.family_name, shown.birth_date) == ("Mustermann-Öztürk", date(1987, 6, 5))
    assert shown.fields["bamf_person_no"] == "4711081"
    assert shown.sender == PROVIDER


def test_a_recipient_sees_the_document_and_only_its_own_delivery(
    database: Database, people: People
) -> None:
    document_id = send(database, people[PROVIDER], OFFICE, JOBCENTER)

    shown = view(database, people[JOBCENTER], document_id)

    assert not shown.is_own
    assert [delivery.recipient for delivery in shown.deliveries] == [JOBCENTER]
    assert shown.own_delivery == shown.deliveries[0]
    assert "auslaender" not in repr(shown).lower()


def test_a_colleague_of_the_sender_sees_it_too(
    database: Database, people: People, town: Town
) -> None:
    document_id = send(database, people[PROVIDER])
    with database.transaction() as session:
        colleague = make_person_actor(session, town[PROVIDER], subject="omar.beispiel")

    assert view(database, colleague, document_id).is_own


def test_foreign_and_unknown_are_the_same(database: Database, people: People) -> None:
    foreign = send(database, people[PROVIDER], OFFICE)

    for slug in (JOBCENTER, "sprachwerk"):
        for document_id in (foreign, new_id()):
            with pytest.raises(NotFound) as refused:
                view(database, people[slug], document_id)
            assert (refused.value.code, refused.value.details) == ("not_found", {})
            with pytest.raises(NotFound), database.transaction() as session:
                reading.readable(session, people[slug], document_id)


def test_the_same_agency_kind_in_another_town_sees_nothing(
    database: Database, people: People
) -> None:
    document_id = send(database, people[PROVIDER], OFFICE)
    with database.transaction() as session:
        make_municipality(session, "beispielstadt")
        elsewhere = make_agency(
            session, "fremd", AgencyKind.IMMIGRATION_OFFICE, municipality="beispielstadt"
        )
        stranger = make_person_actor(session, elsewhere, subject="fremd.probe")

    with pytest.raises(NotFound):
        view(database, stranger, document_id)
    assert inbox_of(database, stranger) == []


@pytest.mark.parametrize(
    ("state", "sender_sees", "sender_reads", "recipient_sees", "recipient_reads"),
    [
        ("pending", False, False, False, False),
        ("held", True, True, False, False),
        ("live", True, True, True, True),
        ("withdrawn", True, True, True, False),
        ("blocked", True, False, True, False),
        ("erased", True, False, True, False),
        ("abandoned", False, False, False, False),
    ],
)
def test_each_state_shows_itself_to_whom_it_should(
    database: Database,
    people: People,
    state: str,
    sender_sees: bool,
    sender_reads: bool,
    recipient_sees: bool,
    recipient_reads: bool,
) -> None:
    document_id = send(database, people[PROVIDER], OFFICE)
    with database.transaction() as session:
        document = session.get_one(Document, document_id)
        document.state = DocumentState(state)
        document.withdrawn_at = NOW if state == "withdrawn" else None

    assert sees(database, people[PROVIDER], document_id) == (sender_sees, sender_reads)
    assert sees(database, people[OFFICE], document_id) == (recipient_sees, recipient_reads)
    listed = [row.document_id for row in inbox_of(database, people[OFFICE])]
    assert listed == ([document_id] if recipient_reads else [])


def sees(database: Database, actor: Actor, document_id: UUID) -> tuple[bool, bool]:
    """Whether the actor may view the document, and read its bytes."""
    answers = []
    with database.transaction() as session:
        for look in (reading.view, reading.readable):
            try:
                look(session, actor, document_id)
            except (NotFound, Gone):
                answers.append(False)
            else:
                answers.append(True)
    return answers[0], answers[1]


def test_a_pending_or_held_document_is_in_no_inbox(database: Database, people: People) -> None:
    send(database, people[PROVIDER], OFFICE, scanned=False)
    with database.transaction() as session:
        lifecycle.reserve(
            session,
            people[PROVIDER],
            make_sending(session, people[PROVIDER], OFFICE),
            make_stored(),
            document_id=new_id(),
            key="",
            now=NOW,
        )

    for state in InboxState:
        assert inbox_of(database, people[OFFICE], state=state) == []
    with database.transaction() as session:
        assert set(inbox.counts(session, people[OFFICE]).values()) == {0}
        assert counting.waiting(session, people[OFFICE].acting.id) == 0
        assert len(reading.sent(session, people[PROVIDER])) == 1


# --- Inbox ---------------------------------------------------------------------------------------


def test_an_inbox_is_paged_by_key_without_loss_or_doubles(
    database: Database, people: People
) -> None:
    wanted = [send(database, people[PROVIDER], OFFICE) for _ in range(7)]

    pages: list[list[inbox.InboxRow]] = []
    after, newest = "", Filter(order=Order.NEWEST)
    while page := inbox_of(database, people[OFFICE], order=Order.NEWEST, after=after, limit=3):
        pages.append(page)
        after = inbox.cursor(page[-1], newest)
        # What arrives meanwhile stands before the pages that are still to come.
        send(database, people[PROVIDER], OFFICE)

    assert [len(page) for page in pages] == [3, 3, 1]
    assert [row.document_id for page in pages for row in page] == wanted[::-1]


def test_a_list_of_sent_documents_is_paged_by_key(database: Database, people: People) -> None:
    wanted = [send(database, people[PROVIDER], OFFICE, JOBCENTER) for _ in range(3)]

    with database.transaction() as session:
        first = reading.sent(session, people[PROVIDER], limit=2)
        rest = reading.sent(session, people[PROVIDER], after=first[-1].id, limit=2)
        nothing = reading.sent(session, people["sprachwerk"])

    assert [row.id for row in (*first, *rest)] == wanted[::-1]
    assert [d.recipient for d in first[0].deliveries] == [OFFICE, JOBCENTER]
    assert nothing == []


def test_an_inbox_row_tells_what_a_clerk_needs(database: Database, people: People) -> None:
    document_id = send(database, people[PROVIDER], OFFICE, JOBCENTER)

    (row,) = inbox_of(database, people[OFFICE])

    assert (row.document_id, row.kind, row.sender) == (document_id, "admission_ik_jc", PROVIDER)
    assert (row.state, row.opened_at, row.due_on) == (InboxState.NEW, None, date(2026, 11, 30))
    assert (row.delivered_at, row.page_count, row.byte_size) == (NOW, 1, 2048)


def test_counts_follow_every_state(database: Database, people: People, town: Town) -> None:
    ids = [send(database, people[PROVIDER], OFFICE, JOBCENTER) for _ in range(6)]
    to_office = [deliveries(database, one)[town[OFFICE].id] for one in ids]
    office = people[OFFICE]
    with database.transaction() as session:
        settling.take_over(session, office, to_office[0], catalogue=make_catalogue(), now=NOW)
        settling.take_over(session, office, to_office[1], catalogue=make_catalogue(), now=NOW)
        settling.return_(
            session, office, to_office[2], reason="not_ours", catalogue=make_catalogue(), now=NOW
        )
        lifecycle.withdraw(
            session,
            people[PROVIDER],
            ids[0],
            reason="superseded",
            catalogue=make_catalogue(),
            now=NOW,
        )

        counts = inbox.counts(session, office)
        others = inbox.counts(session, people[JOBCENTER])
        waiting = counting.waiting(session, town[OFFICE].id)

    assert counts == {
        InboxState.NEW: 3,
        InboxState.TAKEN_OVER: 1,
        InboxState.RETURNED: 1,
        InboxState.WITHDRAWN: 1,
        InboxState.ERASED: 0,
    }
    assert others[InboxState.NEW] == 5
    assert waiting == 3
    for state, count in counts.items():
        assert len(inbox_of(database, office, state=state)) == count


# --- Search --------------------------------------------------------------------------------------


@pytest.fixture
def mueller(database: Database, people: People) -> UUID:
    send(database, people[PROVIDER], OFFICE, family_name="Probe", given_names="Lin")
    return send(
        database,
        people[PROVIDER],
        OFFICE,
        family_name="Müller-Beispiel",
        given_names="Ömer Łukasz",
        fields={
            "bamf_person_no": "815047",
            "issued_on": "2026-10-12",
            "expires_on": "2027-10-12",
        },
    )


def test_a_person_is_found_by_any_spelling_and_the_beginning_of_each_word(
    database: Database, people: People, mueller: UUID
) -> None:
    for typed in (
        "Müller",
        "mueller",
        "MULLER",
        "Mül",
        "beisp",
        "Oemer",
        "lukasz",
        "muell oem",
        "Beispiel, Ömer",
        "815",
        "Müller 815047",
    ):
        found = inbox_of(database, people[OFFICE], name=typed)
        assert [row.document_id for row in found] == [mueller], typed


def test_what_fits_nobody_finds_nothing(database: Database, people: People, mueller: UUID) -> None:
    for typed in ("üller", "Müller Lin", "%", "_", "…", "5047", "Probe Müller", "x" * 5000):
        assert inbox_of(database, people[OFFICE], name=typed) == [], typed


def test_an_empty_search_narrows_nothing(database: Database, people: People, mueller: UUID) -> None:
    assert len(inbox_of(database, people[OFFICE], name="  ")) == 2


def test_search_never_crosses_agencies(database: Database, people: People, mueller: UUID) -> None:
    also = send(database, people[PROVIDER], JOBCENTER, family_name="Müller")

    assert [r.document_id for r in inbox_of(database, people[OFFICE], name="Müller")] == [mueller]
    assert [r.document_id for r in inbox_of(database, people[JOBCENTER], name="Müller")] == [also]
    assert inbox_of(database, people["sprachwerk"], name="Müller") == []
    assert inbox_of(database, people[PROVIDER], name="Müller") == []


# --- Opening and the timeline --------------------------------------------------------------------


def test_opening_is_noted_once_and_only_for_the_own_delivery(
    database: Database, people: People
) -> None:
    document_id = send(database, people[PROVIDER], OFFICE, JOBCENTER)

    with database.transaction() as session:
        reading.mark_opened(session, people[PROVIDER], document_id, now=NOW)
        reading.mark_opened(session, people[OFFICE], document_id, now=NOW + timedelta(hours=1))
        reading.mark_opened(session, people[OFFICE], document_id, now=NOW + timedelta(hours=2))

    office, jobcenter = view(database, people[PROVIDER], document_id).deliveries
    assert office.opened_at == NOW + timedelta(hours=1)
    assert jobcenter.opened_at is None


def test_a_timeline_tells_the_way_in_order(database: Database, people: People, town: Town) -> None:
    document_id = send(database, people[PROVIDER], OFFICE)
    delivery_id = deliveries(database, document_id)[town[OFFICE].id]
    hours = [NOW + timedelta(hours=number) for number in range(4)]
    with database.transaction() as session:
        reading.mark_opened(session, people[OFFICE], document_id, now=hours[1])
        settling.return_(
            session,
            people[OFFICE],
            delivery_id,
            reason="illegible",
            catalogue=make_catalogue(),
            now=hours[2],
        )
        lifecycle.withdraw(
            session,
            people[PROVIDER],
            document_id,
            reason="superseded",
            catalogue=make_catalogue(),
            now=hours[3],
        )

    shown = view(database, people[PROVIDER], document_id)
    events = reading.timeline(shown, shown.deliveries[0])

    assert [(event.code, event.at, event.agency_name, event.reason) for event in events] == [
        ("sent", hours[0], "Vhs-Musterstadt", ""),
        ("delivered", hours[0], "Auslaenderbehoerde", ""),
        ("opened", hours[1], "Auslaenderbehoerde", ""),
        ("returned", hours[2], "Auslaenderbehoerde", "illegible"),
        ("withdrawn", hours[3], "Vhs-Musterstadt", "superseded"),
    ]


# --- Numbers -------------------------------------------------------------------------------------


def test_the_coordinator_sees_counts_of_the_own_town_and_nothing_else(
    database: Database, people: People, town: Town
) -> None:
    first = send(database, people[PROVIDER], OFFICE, JOBCENTER, now=NOW - timedelta(days=9))
    send(database, people[PROVIDER], OFFICE, now=NOW - timedelta(days=2))
    send(database, people[PROVIDER], OFFICE, scanned=False)
    taken = deliveries(database, first)[town[OFFICE].id]
    with database.transaction() as session:
        settling.take_over(session, people[OFFICE], taken, catalogue=make_catalogue(), now=NOW)
        make_municipality(session, "beispielstadt")
        make_agency(session, "fremd", AgencyKind.JOBCENTER, municipality="beispielstadt")
        coordinator = make_person_actor(
            session, town[OFFICE], Role.COORDINATOR, subject="ines.muster"
        )

        numbers = counting.numbers(session, coordinator, now=NOW)

    assert {
        row.slug: (row.sent_count, row.received_count, row.waiting_count, row.oldest_waiting_days)
        for row in numbers
    } == {
        OFFICE: (0, 2, 1, 2),
        JOBCENTER: (0, 1, 1, 9),
        PROVIDER: (2, 0, 0, None),
        "sprachwerk": (0, 0, 0, None),
    }
    assert "Mustermann" not in repr(numbers)


# --- Cost ----------------------------------------------------------------------------------------


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The SQL statements sent while the block runs."""
    sent: list[str] = []

    def note(_c: object, _cur: object, statement: str, *_: object) -> None:
        sent.append(statement)

    sa.event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sa.event.remove(database.engine, "before_cursor_execute", note)


def test_lists_cost_as_many_statements_for_one_row_as_for_thirty(
    database: Database, people: People
) -> None:
    costs: list[tuple[int, int, int]] = []
    lengths: list[tuple[int, int]] = []
    for rows in (1, 29):
        with database.transaction() as session:
            for _ in range(rows):
                make_document(session, people[PROVIDER], OFFICE, JOBCENTER)
        with database.transaction() as session, counted(database) as statements:
            listed = inbox.rows(session, people[OFFICE], Filter(), name="Muster")
            in_inbox = len(statements)
            sent = reading.sent(session, people[PROVIDER])
            in_sent = len(statements) - in_inbox
            counting.numbers(session, people[PROVIDER], now=NOW)
        costs.append((in_inbox, in_sent, len(statements)))
        lengths.append((len(listed), len(sent)))

    assert lengths == [(1, 1), (30, 30)]
    assert costs[0] == costs[1]
    # One of the first is BEGIN on SQLite, one asks for senders and one for what sounds alike.
    assert costs[0] <= (4, 3, 9)
