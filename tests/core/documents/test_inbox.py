"""The list of what came in: filters, both orders, pages, search, counters, and how news shows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select
from tests.factories import (
    JOBCENTER,
    NOW,
    OFFICE,
    PROVIDER,
    make_catalogue,
    make_document,
    make_person_actor,
    make_sending,
    make_stored,
)

from kursdocs.adapters.database import Database
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.documents import corrections, holding, inbox, lifecycle, reading, settling
from kursdocs.core.documents.inbox import BadCursor, Due, Filter, InboxState, Match, Order
from kursdocs.core.documents.tables import Delivery
from kursdocs.core.tables import new_id

Town = dict[str, Agency]
People = dict[str, Actor]
Make = Callable[..., UUID]


@pytest.fixture
def people(database: Database, town: Town) -> People:
    """A clerk of each agency, by its slug, and a second one of the office."""
    with database.transaction() as session:
        found = {
            slug: make_person_actor(session, agency, subject=f"{slug}.probe")
            for slug, agency in town.items()
        }
        return found | {"colleague": make_person_actor(session, town[OFFICE], subject="nora.probe")}


@pytest.fixture
def office(people: People) -> Actor:
    return people[OFFICE]


@pytest.fixture
def arrive(database: Database, people: People) -> Make:
    """Sends a paper to the office; returns the delivery's id."""

    def send(
        *, sender: str = PROVIDER, due_on: date | None = None, days: int = 0, **changes: object
    ) -> UUID:
        with database.transaction() as session:
            at = NOW - timedelta(days=days)
            document_id = make_document(session, people[sender], OFFICE, now=at, **changes)  # type: ignore[arg-type]  # as in a form
            delivery = session.exec(
                select(Delivery).where(Delivery.document_id == document_id)
            ).one()
            if due_on is not None:
                delivery.due_on = due_on
                session.add(delivery)
            return delivery.id

    return send


def listed(
    database: Database, actor: Actor, filter_: Filter | None = None, **how: object
) -> list[UUID]:
    with database.transaction() as session:
        return [row.id for row in inbox.rows(session, actor, filter_ or Filter(), **how)]  # type: ignore[arg-type]  # keywords of the function


def settle(database: Database, actor: Actor, *ids: UUID, reason: str = "") -> None:
    with database.transaction() as session:
        for one in ids:
            if reason:
                settling.return_(
                    session, actor, one, reason=reason, catalogue=make_catalogue(), now=NOW
                )
            else:
                settling.take_over(session, actor, one, catalogue=make_catalogue(), now=NOW)


# --- Order and pages -----------------------------------------------------------------------------


def test_new_ones_stand_by_due_date_and_then_by_arrival(
    database: Database, office: Actor, arrive: Make
) -> None:
    later = arrive(due_on=date(2026, 12, 2))
    first = arrive(due_on=date(2026, 11, 25))
    second = arrive(due_on=date(2026, 11, 25))

    assert listed(database, office) == [first, second, later]
    assert listed(database, office, Filter(order=Order.NEWEST)) == [second, first, later]


def test_settled_ones_stand_newest_first(database: Database, office: Actor, arrive: Make) -> None:
    ids = [arrive(due_on=date(2026, 12, 9 - number)) for number in range(3)]
    settle(database, office, *ids)

    taken = Filter(state=InboxState.TAKEN_OVER)

    assert listed(database, office, taken) == ids[::-1]
    assert listed(database, office, replace(taken, order=Order.DUE)) == ids[::-1]


@pytest.mark.parametrize(("order", "name"), [(Order.DUE, ""), (Order.DUE, "Muster"), (None, "")])
def test_pages_go_on_in_either_order_also_of_a_search(
    database: Database, office: Actor, arrive: Make, order: Order | None, name: str
) -> None:
    for number in range(7):
        family = "Mustermann" if number % 2 else "Mosterman"
        arrive(due_on=date(2026, 11, 25 + number % 3), family_name=family)
    filter_ = Filter(order=order or Order.NEWEST)
    whole = listed(database, office, filter_, name=name)

    pages, after = list[list[UUID]](), ""
    with database.transaction() as session:
        while page := inbox.rows(session, office, filter_, after=after, limit=3, name=name):
            pages.append([row.id for row in page])
            after = inbox.cursor(page[-1], filter_, name=name)

    assert [len(page) for page in pages] == [3, 3, 1]
    assert [one for page in pages for one in page] == whole
    assert len(set(whole)) == 7


def test_a_cursor_that_this_list_never_gave_is_refused(database: Database, office: Actor) -> None:
    for after in (
        "x",
        "2026-11-25",
        "2026-11-25_x",
        "2026-13-45_{}",
        "{}",
        "1_2026-11-25_{}",
        "_{}",
    ):
        with pytest.raises(BadCursor) as refused:
            listed(database, office, after=after.format(new_id()))

        assert refused.value.code == "parameter_invalid"
        assert refused.value.details == {"field": "after"}
    for place in ("-1", "3", "9" * 30):
        with pytest.raises(BadCursor):
            listed(database, office, after=f"{place}_2026-11-25_{new_id()}", name="muster")


# --- Filters -------------------------------------------------------------------------------------


def test_filters_narrow_by_kind_and_sender(database: Database, office: Actor, arrive: Make) -> None:
    admission = arrive()
    other = arrive(sender="sprachwerk")

    for filter_, found in (
        (Filter(kind="admission_ik_jc"), [admission, other]),
        (Filter(kind="nothing"), []),
        (Filter(sender="sprachwerk"), [other]),
        (Filter(sender=JOBCENTER), []),
        (Filter(sender="sprachwerk", kind="admission_ik_jc"), [other]),
    ):
        assert listed(database, office, filter_) == found


def test_filters_narrow_by_due_date(database: Database, office: Actor, arrive: Make) -> None:
    days = {due: arrive(due_on=date(2026, 11, 23) + timedelta(days=due)) for due in (-1, 0, 7, 8)}

    for due, found in (
        (Due.ANY, [-1, 0, 7, 8]),
        (Due.OVERDUE, [-1]),
        (Due.TODAY, [0]),
        (Due.WEEK, [0, 7]),
    ):
        assert listed(database, office, Filter(due=due, now=NOW)) == [days[one] for one in found]
    with database.transaction() as session:
        assert inbox.overdue_count(session, office, now=NOW) == 1


def test_filters_narrow_by_the_local_day_of_arrival(
    database: Database, office: Actor, arrive: Make
) -> None:
    days = [arrive(days=number) for number in range(4)]

    narrowed = Filter(since=date(2026, 11, 21), until=date(2026, 11, 22), order=Order.NEWEST)

    assert sorted(listed(database, office, narrowed)) == sorted(days[1:3])


def test_mine_is_what_i_work_on_took_over_or_returned(
    database: Database, people: People, office: Actor, arrive: Make
) -> None:
    ids = [arrive() for _ in range(8)]
    colleague = people["colleague"]
    settle(database, office, ids[0])
    settle(database, colleague, ids[1])
    settle(database, office, ids[2], reason="illegible")
    settle(database, colleague, ids[3], reason="illegible")
    with database.transaction() as session:
        settling.claim(session, office, ids[4], now=NOW)
        settling.claim(session, colleague, ids[5], now=NOW)
        settling.claim(session, office, ids[6], now=NOW - timedelta(hours=1))

    for state, mine in zip(
        (InboxState.TAKEN_OVER, InboxState.RETURNED, InboxState.NEW), (0, 2, 4), strict=True
    ):
        filter_ = Filter(state=state, mine=True, now=NOW)
        assert listed(database, office, filter_) == [ids[mine]]
    with database.transaction() as session:
        assert inbox.mine_count(session, office, now=NOW) == 1
        program = replace(office, user_id=None)
        assert inbox.mine_count(session, program, now=NOW) == 0
        assert inbox.rows(session, program, Filter(mine=True, now=NOW)) == []


def test_a_filter_by_date_needs_the_time(database: Database, office: Actor) -> None:
    with pytest.raises(ValueError, match="need the time"):
        listed(database, office, Filter(due=Due.TODAY))


# --- What a row tells ----------------------------------------------------------------------------


def test_a_row_tells_who_is_on_it(database: Database, office: Actor, arrive: Make) -> None:
    delivery_id = arrive()
    with database.transaction() as session:
        until = settling.claim(session, office, delivery_id, now=NOW)
        (row,) = inbox.rows(session, office, Filter())

    assert (row.working_user_id, row.working_until) == (office.user_id, until)
    assert (row.sender, row.sender_name, row.forwarded_by_name) == (PROVIDER, "Vhs-Musterstadt", "")
    assert row.match is Match.EXACT


def correct(session: Session, sender: Actor, old: UUID) -> UUID:
    """A corrected paper for the office alone."""
    reason = make_catalogue().correction_reasons[0].code
    sending = make_sending(session, sender, OFFICE)
    sending = replace(sending, replaces_id=old, correction_reason=reason)
    new, stored = new_id(), make_stored()
    lifecycle.reserve(session, sender, sending, stored, document_id=new, key="", now=NOW)
    lifecycle.finish(
        session,
        sender,
        sending,
        document_id=new,
        stored_sha256=stored.sha256,
        scanned=True,
        catalogue=make_catalogue(),
        now=NOW,
    )
    return new


def test_a_replaced_paper_and_the_one_that_replaces_it_name_each_other(
    database: Database, people: People, office: Actor
) -> None:
    with database.transaction() as session:
        old = make_document(session, people[PROVIDER], OFFICE, JOBCENTER)
        new = correct(session, people[PROVIDER], old)
    with database.transaction() as session:
        (corrected,) = inbox.rows(session, office, Filter())
        (ended,) = inbox.rows(session, office, Filter(state=InboxState.WITHDRAWN))
        (elsewhere,) = inbox.rows(session, people[JOBCENTER], Filter(state=InboxState.WITHDRAWN))
        waits = inbox.to_acknowledge_count(session, office)
        corrections.acknowledge(session, office, ended.id, now=NOW)
        acknowledged = inbox.to_acknowledge_count(session, office)

    assert (corrected.document_id, corrected.replaces_id) == (new, old)
    assert (ended.document_id, ended.replaced_by_id) == (old, new)
    # The corrected one did not go to the Jobcenter: it is told of none.
    assert (elsewhere.document_id, elsewhere.replaced_by_id) == (old, None)
    assert ended.acknowledge_since == NOW
    assert (waits, acknowledged) == (1, 0)


# --- Search --------------------------------------------------------------------------------------


def test_what_fits_as_typed_comes_before_what_sounds_alike(
    database: Database, office: Actor, arrive: Make
) -> None:
    similar = arrive(family_name="Probe", given_names="Muhammad", due_on=date(2026, 11, 24))
    exact = arrive(family_name="Probe", given_names="Mohammed", due_on=date(2026, 11, 25))
    arrive(family_name="Probe", given_names="Mahmut")

    with database.transaction() as session:
        found = inbox.rows(session, office, Filter(), name="mohammed")

    assert [(row.id, row.match) for row in found] == [
        (exact, Match.EXACT),
        (similar, Match.SIMILAR),
    ]


def test_search_finds_across_scripts_numbers_and_senders(
    database: Database, office: Actor, arrive: Make
) -> None:
    wanted = arrive(family_name="Шевченко", given_names="Олександр", sender="sprachwerk")
    arrive(family_name="Beispiel", given_names="Mia")

    for typed, match in (
        ("Schewtschenko", Match.SIMILAR),
        ("Alexander Shevchenko", Match.SIMILAR),
        ("шевч", Match.EXACT),
        ("Sprachw", Match.SENDER),
        ("Sprachwerk Шевченко", Match.SENDER),
        ("sprach shevchenko 4711", Match.SIMILAR),
    ):
        with database.transaction() as session:
            found = inbox.rows(session, office, Filter(), name=typed)
        assert [(row.id, row.match) for row in found] == [(wanted, match)], typed


def test_what_sounds_alike_is_looked_for_in_the_own_inbox_alone(
    database: Database, people: People
) -> None:
    with database.transaction() as session:
        make_document(session, people[PROVIDER], JOBCENTER, given_names="Muhammad")

    assert listed(database, people[OFFICE], name="Mohammed") == []
    assert len(listed(database, people[JOBCENTER], name="Mohammed")) == 1


def test_a_withdrawn_paper_is_found_by_nothing(
    database: Database, people: People, arrive: Make
) -> None:
    delivery_id = arrive(given_names="Muhammad")
    with database.transaction() as session:
        document_id = reading.document_delivered(session, people[OFFICE], delivery_id)
        lifecycle.withdraw(
            session,
            people[PROVIDER],
            document_id,
            reason="wrong_person",
            catalogue=make_catalogue(),
            now=NOW,
        )

    withdrawn = Filter(state=InboxState.WITHDRAWN)
    for name in ("Muhammad", "Mohamed"):
        assert listed(database, people[OFFICE], withdrawn, name=name) == []


# --- Counters ------------------------------------------------------------------------------------


def test_filters_are_offered_with_what_they_would_leave(
    database: Database, office: Actor, arrive: Make
) -> None:
    for sender in (PROVIDER, PROVIDER, "sprachwerk"):
        arrive(sender=sender)

    with database.transaction() as session:
        whole = inbox.counts_by(session, office, Filter())
        narrowed = inbox.counts_by(session, office, Filter(sender="sprachwerk", kind="nothing"))

    assert [(one.code, one.count) for one in whole.kinds] == [("admission_ik_jc", 3)]
    assert [(one.code, one.name, one.count) for one in whole.senders] == [
        (PROVIDER, "Vhs-Musterstadt", 2),
        ("sprachwerk", "Sprachwerk", 1),
    ]
    assert [(one.code, one.count) for one in narrowed.kinds] == [("admission_ik_jc", 1)]
    assert narrowed.senders == []


# --- News ----------------------------------------------------------------------------------------


def test_the_version_changes_with_everything_that_happens_and_with_nothing_else(
    database: Database, people: People, office: Actor, arrive: Make
) -> None:
    catalogue = make_catalogue()

    def now() -> str:
        with database.transaction() as session:
            return inbox.version(session, office)

    seen = [now()]

    def happens(deed: Callable[[Session], object]) -> None:
        with database.transaction() as session:
            deed(session)
        assert now() not in seen
        seen.append(now())

    one, document = arrive(), None
    assert now() not in seen
    seen.append(now())
    with database.transaction() as session:
        document = reading.document_delivered(session, office, one)
    happens(lambda s: settling.claim(s, office, one, now=NOW))
    happens(lambda s: settling.claim(s, people["colleague"], one, now=NOW, take=True))
    happens(lambda s: settling.unclaim(s, people["colleague"], one, now=NOW))
    happens(lambda s: settling.take_over(s, office, one, catalogue=catalogue, now=NOW))
    happens(lambda s: settling.undo(s, office, one, catalogue=catalogue, now=NOW))
    happens(
        lambda s: settling.return_(s, office, one, reason="illegible", catalogue=catalogue, now=NOW)
    )
    happens(
        lambda s: lifecycle.withdraw(
            s, people[PROVIDER], document, reason="wrong_person", catalogue=catalogue, now=NOW
        )
    )

    # Looking, and what happens at other desks, is no news.
    two = arrive()
    before = now()
    with database.transaction() as session:
        reading.mark_opened(
            session, office, reading.document_delivered(session, office, two), now=NOW
        )
        make_document(session, people[PROVIDER], JOBCENTER)
    assert now() == before


def test_the_version_tells_nothing_of_what_is_held(
    database: Database, people: People, office: Actor
) -> None:
    def now() -> str:
        with database.transaction() as session:
            return inbox.version(session, office)

    before, catalogue = now(), make_catalogue()
    with database.transaction() as session:
        held = make_document(session, people[PROVIDER], OFFICE, scanned=False)
    while_held = now()
    with database.transaction() as session:
        holding.pass_scan(session, people[PROVIDER], held, catalogue=catalogue, now=NOW)

    assert while_held == before != now()


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


def test_a_page_with_all_its_counters_takes_six_statements(
    database: Database, office: Actor, arrive: Make
) -> None:
    arrive()
    with database.transaction() as session:
        session.execute(sa.text("SELECT 1"))  # begins the transaction
        with counted(database) as statements:
            inbox.rows(session, office, Filter())
            inbox.counts(session, office)
            inbox.counts_by(session, office, Filter())
            inbox.mine_count(session, office, now=NOW)
            inbox.to_acknowledge_count(session, office)
            inbox.version(session, office)

    assert len(statements) == 6
    assert len(statements) == len(set(statements))


def plan_of(session: Session, database: Database, deed: Callable[[], object]) -> str:
    """How the database means to carry out the last statement of this."""
    found: list[tuple[str, object]] = []

    def note(_c: object, _cur: object, statement: str, parameters: object, *_: object) -> None:
        found.append((statement, parameters))

    sa.event.listen(database.engine, "before_cursor_execute", note)
    try:
        deed()
    finally:
        sa.event.remove(database.engine, "before_cursor_execute", note)
    statement, parameters = found[-1]
    explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    rows = session.connection().exec_driver_sql(explain + statement, parameters)  # type: ignore[arg-type]  # as the driver got them
    return "\n".join(" ".join(map(str, row)) for row in rows)


@pytest.mark.parametrize(
    ("filter_", "after", "name", "index"),
    [
        (Filter(), "", "", "ix_delivery_recipient_agency_id_state_due_on_id"),
        (Filter(), "2026-11-25_{}", "", "ix_delivery_recipient_agency_id_state_due_on_id"),
        (Filter(order=Order.NEWEST), "", "", "ix_delivery_recipient_agency_id_state_id"),
        (Filter(), "", "Mohammed", "search_token"),
    ],
)
def test_lists_are_read_by_an_index_and_not_sorted(
    database: Database, office: Actor, filter_: Filter, after: str, name: str, index: str
) -> None:
    with database.transaction() as session:
        if not database.is_sqlite:
            # A table with a handful of rows is read as a whole, whatever indexes there are.
            session.execute(sa.text("SET LOCAL enable_seqscan = off"))
            session.execute(sa.text("SET LOCAL enable_bitmapscan = off"))
            session.execute(sa.text("SET LOCAL enable_sort = off"))
        plan = plan_of(
            session,
            database,
            lambda: inbox.rows(
                session, office, filter_, after=after.format(new_id()) if after else "", name=name
            ),
        )

    assert index in plan
    if not name:
        assert "ORDER BY" not in plan, plan
        assert "Sort" not in plan.replace("Sort Key", ""), plan


def test_news_are_found_by_an_index(database: Database, office: Actor) -> None:
    with database.transaction() as session:
        if not database.is_sqlite:
            session.execute(sa.text("SET LOCAL enable_seqscan = off"))
            session.execute(sa.text("SET LOCAL enable_sort = off"))
        plan = plan_of(session, database, lambda: inbox.version(session, office))

    assert "ix_delivery_recipient_agency_id_change_id" in plan


def test_what_replaces_a_paper_is_found_by_an_index_also_when_hardly_any_does(
    database: Database, office: Actor, arrive: Make
) -> None:
    for _ in range(30):
        arrive()
    with database.transaction() as session:
        session.execute(sa.text("ANALYZE"))
        if not database.is_sqlite:
            session.execute(sa.text("SET LOCAL enable_seqscan = off"))
        plan = plan_of(session, database, lambda: inbox.rows(session, office, Filter()))

    assert "ix_document_replaces_id" in plan, plan
