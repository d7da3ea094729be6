"""What the planner looks at: what is open for whom, what was told, and what concerns nobody."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
from sqlmodel import col, select
from tests.factories import (
    JOBCENTER,
    NOW,
    OFFICE,
    PROVIDER,
    TESTS,
    make_agency,
    make_catalogue,
    make_document,
    make_municipality,
    make_person_actor,
)

from kursdocs.adapters.database import Database
from kursdocs.catalogue import Addressee, AgencyKind
from kursdocs.core import agencies
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency, AgencyPause, Municipality
from kursdocs.core.documents import lifecycle, settling
from kursdocs.core.documents.tables import Delivery, Document
from kursdocs.core.reminders import groups as reading
from kursdocs.core.reminders import state
from kursdocs.core.reminders.groups import Group
from kursdocs.core.reminders.state import EXPECTS_ANSWERS, Desk, State
from kursdocs.core.reminders.tables import Clock, Outcome, Reminder
from kursdocs.core.tables import new_id
from kursdocs.core.workdays import Workdays, local_date, local_moment

Town = dict[str, Agency]
DAY = timedelta(days=1)
TODAY = date(2026, 11, 23)
HOUR = NOW.replace(minute=0)
KIND = "admission_ik_jc"


@pytest.fixture
def actors(database: Database, town: Town) -> dict[str, Actor]:
    """A clerk of each agency."""
    with database.transaction() as session:
        return {slug: make_person_actor(session, town[slug], subject=slug) for slug in town}


def load(database: Database, *, now: datetime = NOW, address: str = "") -> State:
    with database.transaction() as session:
        return state.load(session, make_catalogue(), now=now, address=address)


def send(database: Database, actor: Actor, *to: str, at: datetime = NOW, **kwargs: object) -> UUID:
    with database.transaction() as session:
        return make_document(session, actor, *to, now=at, **kwargs)  # type: ignore[arg-type]


def delivery_to(database: Database, document_id: UUID, agency: Agency) -> UUID:
    query = select(Delivery.id).where(
        Delivery.document_id == document_id, Delivery.recipient_agency_id == agency.id
    )
    with database.transaction() as session:
        return session.exec(query).one()


def take_over(database: Database, actor: Actor, delivery_id: UUID, at: datetime = NOW) -> None:
    with database.transaction() as session:
        settling.take_over(session, actor, delivery_id, catalogue=make_catalogue(), now=at)


def give_back(database: Database, actor: Actor, delivery_id: UUID, at: datetime = NOW) -> None:
    with database.transaction() as session:
        settling.return_(
            session,
            actor,
            delivery_id,
            reason="misaddressed",
            catalogue=make_catalogue(),
            now=at,
        )


def change(database: Database, agency: Agency, **values: object) -> None:
    with database.transaction() as session:
        row = session.get_one(Agency, agency.id)
        for name, value in values.items():
            setattr(row, name, value)
        session.add(row)


def change_document(database: Database, document_id: UUID, **values: object) -> None:
    with database.transaction() as session:
        row = session.get_one(Document, document_id)
        for name, value in values.items():
            setattr(row, name, value)
        session.add(row)


def tell(
    database: Database,
    agency: Agency,
    delivery_id: UUID | None,
    step: int = 0,
    *,
    clock: Clock = Clock.WAITING,
    addressee: Addressee = Addressee.DESK,
    at: datetime = NOW,
) -> None:
    with database.transaction() as session:
        session.add(
            Reminder(
                mail_id=new_id(),
                agency_id=agency.id,
                addressee=addressee,
                clock=clock,
                subject_id=delivery_id,
                step=step,
                sent_at=at,
            )
        )


def slugs(found: State) -> set[str]:
    return {desk.slug for desk in found.desks.values()}


def desk_of(found: State, agency: Agency) -> Desk:
    return found.desks[agency.id]


def groups_of(found: State, clock: Clock) -> list[Group]:
    return [group for group in found.groups if group.clock is clock]


def items(database: Database, clock: Clock, now: datetime = NOW) -> dict[UUID, Group]:
    """What runs on that clock, each by its id."""
    with database.transaction() as session:
        ids = list(session.exec(select(Agency.id)))
        found = reading.open_at(session, ids, now=now, with_ids=True)
    return {id_: group for group in found if group.clock is clock for id_ in group.subject_ids}


# -- what waits --------------------------------------------------------------------------------


def test_what_waits_is_known_by_recipient_kind_and_day(
    database: Database, town: Town, actors: Mapping[str, Actor]
) -> None:
    sent = send(database, actors[PROVIDER], OFFICE, JOBCENTER)

    found = items(database, Clock.WAITING)

    assert found == {
        (delivery := delivery_to(database, sent, town[slug])): Group(
            town[slug].id, Clock.WAITING, KIND, HOUR, subject_ids=[delivery]
        )
        for slug in (OFFICE, JOBCENTER)
    }


def test_what_came_in_one_hour_and_was_told_alike_is_one_group(
    database: Database, town: Town, actors: Mapping[str, Actor]
) -> None:
    sent = [
        send(database, actors[PROVIDER], OFFICE, at=NOW + timedelta(minutes=minute))
        for minute in (-30, 0, 29, 30)
    ]
    tell(database, town[OFFICE], delivery_to(database, sent[1], town[OFFICE]))

    found = groups_of(load(database), Clock.WAITING)

    assert sorted((group.since, group.count, group.told) for group in found) == [
        (HOUR, 1, {Addressee.DESK: 0}),
        (HOUR, 2, {}),
        (HOUR + timedelta(hours=1), 1, {}),
    ]
    assert all(group.subject_ids == () for group in found)


def test_counted_and_listed_groups_are_the_same(
    database: Database, town: Town, actors: Mapping[str, Actor]
) -> None:
    """What is planned by counting is what a mail then tells one by one."""
    for minutes in range(0, 200, 20):
        sent = send(database, actors[PROVIDER], OFFICE, at=NOW + timedelta(minutes=minutes))
        if minutes % 3 == 0:
            tell(database, town[OFFICE], delivery_to(database, sent, town[OFFICE]), minutes)

    def without_ids(groups: list[Group]) -> list[Group]:
        return sorted((replace(one, subject_ids=()) for one in groups), key=repr)

    counted = groups_of(load(database), Clock.WAITING)
    listed = groups_of(load(database, address=f"{OFFICE}@post.example"), Clock.WAITING)

    assert without_ids(counted) == without_ids(listed)
    assert all(len(one.subject_ids) == one.count for one in listed)
    with database.transaction() as session:
        assert [reading.ids_of(session, one, now=NOW) for one in counted] == [
            next(other.subject_ids for other in listed if replace(other, subject_ids=()) == one)
            for one in counted
        ]


@pytest.mark.parametrize(
    ("arrived", "day"),
    [
        # 23:59 and 0:00 in the offices, in winter (UTC+1) and in summer (UTC+2).
        ("2026-11-23T22:59:59+00:00", date(2026, 11, 23)),
        ("2026-11-23T23:00:00+00:00", date(2026, 11, 24)),
        ("2026-07-06T21:59:59+00:00", date(2026, 7, 6)),
        ("2026-07-06T22:00:00+00:00", date(2026, 7, 7)),
        # The nights in which the clocks go back, and in which they go ahead: first and last hour,
        # and the hours around the change.
        ("2026-10-24T22:00:00+00:00", date(2026, 10, 25)),
        ("2026-10-25T00:30:00+00:00", date(2026, 10, 25)),
        ("2026-10-25T01:30:00+00:00", date(2026, 10, 25)),
        ("2026-10-25T23:00:00+00:00", date(2026, 10, 26)),
        ("2026-03-28T22:59:59+00:00", date(2026, 3, 28)),
        ("2026-03-29T01:30:00+00:00", date(2026, 3, 29)),
        ("2026-03-29T22:00:00+00:00", date(2026, 3, 30)),
        # The winter before, two changes ago.
        ("2026-02-09T22:59:59+00:00", date(2026, 2, 9)),
        ("2026-02-09T23:00:00+00:00", date(2026, 2, 10)),
        ("2026-10-25T22:59:59+00:00", date(2026, 10, 25)),
        ("2026-03-28T23:00:00+00:00", date(2026, 3, 29)),
        ("2026-03-29T21:59:59+00:00", date(2026, 3, 29)),
    ],
)
def test_the_day_of_arrival_is_the_local_one(
    database: Database, actors: Mapping[str, Actor], arrived: str, day: date
) -> None:
    moment = datetime.fromisoformat(arrived)
    sent = send(database, actors[PROVIDER], OFFICE)
    with database.transaction() as session:
        delivery = session.exec(select(Delivery).where(Delivery.document_id == sent)).one()
        delivery.delivered_at = moment
        session.add(delivery)

    (group,) = groups_of(load(database), Clock.WAITING)

    is_past = day < TODAY
    assert group.since == (local_moment(day, 0) if is_past else moment.replace(minute=0, second=0))
    assert local_date(group.since) == day


def test_what_anybody_took_over_waits_no_more_for_that_agency_alone(
    database: Database, town: Town, actors: Mapping[str, Actor]
) -> None:
    sent = send(database, actors[PROVIDER], OFFICE, JOBCENTER)
    take_over(database, actors[OFFICE], delivery_to(database, sent, town[OFFICE]))

    waiting = groups_of(load(database), Clock.WAITING)

    assert {group.agency_id for group in waiting} == {town[JOBCENTER].id}


def test_what_is_held_withdrawn_or_blocked_is_told_nobody(
    database: Database, actors: Mapping[str, Actor]
) -> None:
    send(database, actors[PROVIDER], OFFICE, scanned=False)
    withdrawn = send(database, actors[PROVIDER], OFFICE)
    with database.transaction() as session:
        lifecycle.withdraw(
            session,
            actors[PROVIDER],
            withdrawn,
            reason="misaddressed",
            catalogue=make_catalogue(),
            now=NOW,
        )
    blocked = send(database, actors[PROVIDER], OFFICE)
    change_document(database, blocked, state="blocked")

    found = load(database)

    assert found.groups == []
    assert not any(desk.expects_papers for desk in found.desks.values())


# -- what came back, what leaves ---------------------------------------------------------------


def test_what_came_back_concerns_its_sender_for_a_month(
    database: Database, town: Town, actors: Mapping[str, Actor]
) -> None:
    sent = send(database, actors[PROVIDER], OFFICE)
    delivery = delivery_to(database, sent, town[OFFICE])
    give_back(database, actors[OFFICE], delivery, NOW + DAY)

    found = items(database, Clock.RETURNED, NOW + 30 * DAY)

    assert found[delivery].agency_id == town[PROVIDER].id
    assert found[delivery].since == HOUR + DAY
    assert items(database, Clock.WAITING) == {}
    assert items(database, Clock.RETURNED, NOW + 31 * DAY) == {}


def test_a_paper_that_came_back_from_two_recipients_is_one(
    database: Database, town: Town, actors: Mapping[str, Actor]
) -> None:
    sent = send(database, actors[PROVIDER], OFFICE, JOBCENTER)
    give_back(database, actors[OFFICE], delivery_to(database, sent, town[OFFICE]), NOW + DAY)
    give_back(database, actors[JOBCENTER], delivery_to(database, sent, town[JOBCENTER]))

    (group,) = groups_of(load(database, now=NOW + DAY), Clock.RETURNED)

    assert (group.count, len(group.subject_ids), group.since) == (1, 2, HOUR)


def test_what_will_be_deleted_concerns_its_sender_and_whoever_took_it_over(
    database: Database, town: Town, actors: Mapping[str, Actor]
) -> None:
    sent = send(database, actors[PROVIDER], OFFICE, JOBCENTER)
    taken = delivery_to(database, sent, town[OFFICE])
    take_over(database, actors[OFFICE], taken)
    change_document(database, sent, deletion_noticed_at=NOW)

    leaving = groups_of(load(database), Clock.DELETION)

    assert sorted((group.agency_id, group.count, group.subject_ids) for group in leaving) == sorted(
        [
            (
                town[PROVIDER].id,
                1,
                sorted([taken, delivery_to(database, sent, town[JOBCENTER])]),
            ),
            (town[OFFICE].id, 1, [taken]),
        ]
    )
    change_document(database, sent, state="blocked")
    own = [group.agency_id for group in groups_of(load(database), Clock.DELETION)]
    assert set(own) == {town[PROVIDER].id}, "what is gone for its recipients is not theirs to lose"
    change_document(database, sent, erased_at=NOW)
    assert groups_of(load(database), Clock.DELETION) == []


# -- what was told -----------------------------------------------------------------------------


def test_the_highest_step_told_is_known_for_each_addressee(
    database: Database, town: Town, actors: Mapping[str, Actor]
) -> None:
    sent = send(database, actors[PROVIDER], OFFICE, JOBCENTER)
    office, centre = (delivery_to(database, sent, town[slug]) for slug in (OFFICE, JOBCENTER))
    for step in (0, 2, 5):
        tell(database, town[OFFICE], office, step)
    tell(database, town[OFFICE], office, 5, addressee=Addressee.DEPUTY)
    tell(database, town[JOBCENTER], centre)

    found = items(database, Clock.WAITING)

    assert found[office].told == {Addressee.DESK: 5, Addressee.DEPUTY: 5}
    assert found[centre].told == {Addressee.DESK: 0}


def test_since_when_the_desk_knows_is_the_day_of_its_first_mail(
    database: Database, town: Town, actors: Mapping[str, Actor]
) -> None:
    sent = send(database, actors[PROVIDER], OFFICE)
    delivery = delivery_to(database, sent, town[OFFICE])
    tell(database, town[OFFICE], delivery, 5, addressee=Addressee.HEAD)
    assert items(database, Clock.WAITING)[delivery].told_since is None

    for days in (3, 1, 2):
        tell(database, town[OFFICE], delivery, days, at=NOW + days * DAY)

    assert items(database, Clock.WAITING)[delivery].told_since == TODAY + DAY


def test_what_came_back_undelivered_was_told_nobody(
    database: Database, town: Town, actors: Mapping[str, Actor]
) -> None:
    sent = send(database, actors[PROVIDER], OFFICE)
    delivery = delivery_to(database, sent, town[OFFICE])
    tell(database, town[OFFICE], delivery)
    tell(database, town[OFFICE], None, clock=Clock.SILENCE)
    with database.transaction() as session:
        for row in session.exec(select(Reminder)):
            row.outcome = Outcome.UNDELIVERED
            session.add(row)

    assert items(database, Clock.WAITING)[delivery].told == {}
    assert desk_of(load(database), town[OFFICE]).silence_told_at is None


def test_each_clock_has_its_own_memory(
    database: Database, town: Town, actors: Mapping[str, Actor]
) -> None:
    """That it waits was told; that it came back was not."""
    sent = send(database, actors[PROVIDER], OFFICE)
    delivery = delivery_to(database, sent, town[OFFICE])
    tell(database, town[OFFICE], delivery, 2)
    give_back(database, actors[OFFICE], delivery)
    assert delivery in items(database, Clock.RETURNED)

    tell(database, town[PROVIDER], delivery, clock=Clock.RETURNED)
    change_document(database, sent, deletion_noticed_at=NOW)

    assert items(database, Clock.RETURNED) == {}
    assert items(database, Clock.DELETION)[delivery].told == {}


def test_a_deletion_was_told_when_it_was_since_its_last_notice(
    database: Database, town: Town, actors: Mapping[str, Actor]
) -> None:
    sent = send(database, actors[PROVIDER], OFFICE)
    delivery = delivery_to(database, sent, town[OFFICE])
    change_document(database, sent, deletion_noticed_at=NOW)
    tell(database, town[PROVIDER], delivery, clock=Clock.DELETION, at=NOW + DAY)
    assert items(database, Clock.DELETION) == {}

    change_document(database, sent, deletion_noticed_at=NOW + 2 * DAY)

    assert delivery in items(database, Clock.DELETION)


def test_when_silence_was_last_told_is_known(database: Database, town: Town) -> None:
    tell(database, town[OFFICE], None, clock=Clock.SILENCE, at=NOW - 20 * DAY)
    with database.transaction() as session:
        old = session.exec(select(Reminder)).one()
        session.delete(old)
    tell(database, town[OFFICE], None, clock=Clock.SILENCE, at=NOW - 8 * DAY)

    found = load(database)

    assert desk_of(found, town[OFFICE]).silence_told_at == NOW - 8 * DAY
    assert desk_of(found, town[JOBCENTER]).silence_told_at is None


def test_an_agency_can_be_told_of_silence_again_and_again(database: Database, town: Town) -> None:
    tell(database, town[OFFICE], None, clock=Clock.SILENCE, at=NOW - 8 * DAY)
    tell(database, town[OFFICE], None, clock=Clock.SILENCE, at=NOW)

    assert desk_of(load(database), town[OFFICE]).silence_told_at == NOW


# -- who expects papers ------------------------------------------------------------------------


def test_an_agency_expects_papers_while_something_waits_for_it(
    database: Database, town: Town, actors: Mapping[str, Actor]
) -> None:
    send(database, actors[PROVIDER], OFFICE)

    found = load(database)

    assert desk_of(found, town[OFFICE]).expects_papers
    assert not desk_of(found, town[PROVIDER]).expects_papers
    assert not desk_of(found, town[JOBCENTER]).expects_papers


def test_an_agency_expects_answers_for_a_while_after_its_own_paper_was_taken_over(
    database: Database, town: Town, actors: Mapping[str, Actor]
) -> None:
    sent = send(database, actors[PROVIDER], OFFICE)
    take_over(database, actors[OFFICE], delivery_to(database, sent, town[OFFICE]))
    last = NOW + EXPECTS_ANSWERS - timedelta(seconds=1)

    assert desk_of(load(database, now=last), town[PROVIDER]).expects_papers
    assert not desk_of(load(database, now=last + DAY), town[PROVIDER]).expects_papers
    assert not desk_of(load(database), town[OFFICE]).expects_papers


# -- agencies ----------------------------------------------------------------------------------


def test_a_desk_is_known_with_its_addresses_hour_and_working_days(
    database: Database, town: Town
) -> None:
    change(
        database,
        town[OFFICE],
        land="BY",
        digest_hour=9,
        deputy_mailbox="vertretung@post.example",
        deputy_until=TODAY,
        head_mailbox="leitung@post.example",
        looked_in_at=NOW - DAY,
    )
    with database.transaction() as session:
        session.add(AgencyPause(agency_id=town[OFFICE].id, first_day=TODAY, last_day=TODAY))

    found = desk_of(load(database), town[OFFICE])

    assert (found.slug, found.hour, found.looked_in_at) == (OFFICE, 9, NOW - DAY)
    assert found.workdays == Workdays("BY", ((TODAY, TODAY),), keeps_eves=True)
    assert found.address(Addressee.DESK, TODAY) == f"{OFFICE}@post.example"
    assert found.address(Addressee.DEPUTY, TODAY) == "vertretung@post.example"
    assert found.address(Addressee.DEPUTY, TODAY + DAY) == ""
    assert found.address(Addressee.HEAD, TODAY) == "leitung@post.example"
    assert found.address(Addressee.COORDINATOR, TODAY) == ""


def test_a_closed_agency_is_known_as_closed_and_its_papers_wait_on(
    database: Database, town: Town, actors: Mapping[str, Actor]
) -> None:
    send(database, actors[PROVIDER], OFFICE)
    with database.transaction() as session:
        row = agencies.by_slug(session, OFFICE)
        agencies.close_agency(session, TESTS, row, now=NOW)

    found = load(database)

    assert desk_of(found, town[OFFICE]).is_closed
    assert not desk_of(found, town[JOBCENTER]).is_closed
    assert len(groups_of(found, Clock.WAITING)) == 1
    assert slugs(load(database, address=f"{OFFICE}@post.example")) == set()


# -- one address -------------------------------------------------------------------------------


def test_for_one_address_only_what_concerns_it_is_read(
    database: Database, town: Town, actors: Mapping[str, Actor]
) -> None:
    send(database, actors[PROVIDER], OFFICE, JOBCENTER)

    found = load(database, address=f"{OFFICE}@post.example")

    assert slugs(found) == {OFFICE}
    assert {group.agency_id for group in found.groups} == {town[OFFICE].id}
    assert slugs(load(database, address="niemand@post.example")) == set()


@pytest.mark.parametrize("role", ["mailbox", "deputy_mailbox", "head_mailbox"])
def test_an_address_is_found_in_every_role_whatever_its_case(
    database: Database, town: Town, role: str
) -> None:
    change(database, town[OFFICE], **{role: "Abh.Team@Post.Example"})

    assert slugs(load(database, address="abh.team@post.example")) == {OFFICE}


def test_a_shared_mailbox_belongs_to_each_that_shares_it(database: Database, town: Town) -> None:
    change(database, town[JOBCENTER], mailbox=f"{OFFICE}@post.example")
    change(database, town["sprachwerk"], head_mailbox=f"{OFFICE}@post.example")

    found = load(database, address=f"{OFFICE}@post.example")

    assert slugs(found) == {OFFICE, JOBCENTER, "sprachwerk"}


def test_the_coordinators_address_stands_for_all_agencies_of_its_town_and_no_other(
    database: Database, town: Town
) -> None:
    with database.transaction() as session:
        query = select(Municipality).where(col(Municipality.slug) == "musterstadt")
        home = session.exec(query).one()
        home.mailbox = "Koordination@musterstadt.example"
        home.land = "NW"
        session.add(home)
        make_municipality(session, "probestadt")
        make_agency(
            session, "jc-probestadt", AgencyKind.JOBCENTER, municipality="probestadt", mailbox=""
        )

    found = load(database, address="koordination@musterstadt.example")

    assert slugs(found) == set(town)
    assert found.towns[home.id].mailbox == "Koordination@musterstadt.example"
    assert found.towns[home.id].workdays == Workdays("NW", keeps_eves=True)
    assert slugs(load(database)) == {*town, "jc-probestadt"}


def test_an_empty_address_of_an_agency_matches_nobody(database: Database, town: Town) -> None:
    """Every agency lacks some address; that must not tie them together."""
    assert slugs(load(database, address="jobcenter@post.example")) == {JOBCENTER}
    assert slugs(load(database)) == set(town)


# -- between reading and telling ---------------------------------------------------------------


def test_what_is_taken_over_between_two_looks_is_in_the_first_only(
    database: Database, town: Town, actors: Mapping[str, Actor]
) -> None:
    sent = send(database, actors[PROVIDER], OFFICE)
    delivery = delivery_to(database, sent, town[OFFICE])

    address = f"{OFFICE}@post.example"
    first = load(database, address=address)
    take_over(database, actors[OFFICE], delivery)
    second = load(database, address=address)

    assert [list(group.subject_ids) for group in first.groups] == [[delivery]]
    assert second.groups == []
