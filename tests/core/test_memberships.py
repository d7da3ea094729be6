"""Roles given and taken by the operator: what the next request of their holder may do."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlmodel import select
from tests.factories import (
    ISSUER,
    NOW,
    OFFICE,
    PROVIDER,
    TESTS,
    make_agency,
    make_municipality,
    make_person_actor,
    make_service_account,
)

from kursdocs.adapters.database import Database
from kursdocs.core import accounts, agencies, audit, memberships
from kursdocs.core.access import Actor, ActorKind, Permission, Role
from kursdocs.core.accounts import ClaimRule, Membership, MembershipSource
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import Happening
from kursdocs.core.errors import Forbidden, Invalid, KursdocsError, NotFound
from kursdocs.core.memberships import Entry, Post
from kursdocs.core.ports import Identity

Town = dict[str, Agency]
LATER = NOW + timedelta(seconds=1)
RULE = ClaimRule("groups", "vhs", Role.CLERK, agency=PROVIDER)
AMINA = Identity(ISSUER, "amina", {"groups": ["vhs"]}, id_token="id.token")
PROGRAM = Identity(ISSUER, PROVIDER, client_id=PROVIDER)


def clerk_of(agency: Agency) -> Post:
    return Post(Role.CLERK, agency.municipality_id, agency)


def add(database: Database, post: Post) -> bool:
    with database.transaction() as session:
        return memberships.add(session, TESTS, issuer=ISSUER, subject="amina", post=post, now=NOW)


def end(database: Database, post: Post) -> list[MembershipSource]:
    with database.transaction() as session:
        return list(
            memberships.end(session, TESTS, issuer=ISSUER, subject="amina", post=post, now=LATER)
        )


def signed_in(database: Database, *rules: ClaimRule) -> str:
    with database.transaction() as session:
        return accounts.sign_in(session, AMINA, rules, now=NOW)


def actor(database: Database, token: str) -> Actor:
    """Who the session acts as; nobody when it has ended with its membership."""
    with database.transaction() as session:
        found = accounts.actor_of_sign_in(session, token, now=LATER)
    return found.actor if found else Actor(ActorKind.PERSON)


def sources(database: Database) -> list[str]:
    with database.transaction() as session:
        found = memberships.listing(session, issuer=ISSUER, now=LATER)
    return [one.source.value for one in found]


def test_the_next_request_of_an_ended_member_is_refused(database: Database, town: Town) -> None:
    post = clerk_of(town[PROVIDER])
    add(database, post)
    token = signed_in(database)
    actor(database, token).require(Permission.INBOX_READ)

    assert end(database, post) == [MembershipSource.MANUAL]

    with pytest.raises(Forbidden):
        actor(database, token).require(Permission.INBOX_READ)
    assert end(database, post) == []


def test_a_role_by_hand_stands_beside_the_one_from_claims(database: Database, town: Town) -> None:
    post = clerk_of(town[PROVIDER])
    token = signed_in(database, RULE)

    assert [add(database, post), add(database, post)] == [True, False]
    assert sorted(sources(database)) == ["claim", "manual"]
    assert sorted(end(database, post)) == ["claim", "manual"]
    assert sources(database) == []
    assert actor(database, token).role is None


def test_ending_a_role_leaves_those_at_other_places(database: Database, town: Town) -> None:
    auditor = Post(Role.AUDITOR, town[OFFICE].municipality_id)
    for post in (clerk_of(town[PROVIDER]), clerk_of(town[OFFICE]), auditor):
        add(database, post)

    end(database, clerk_of(town[PROVIDER]))

    with database.transaction() as session:
        found = memberships.listing(session, issuer=ISSUER, now=LATER)
        elsewhere = memberships.listing(session, issuer="https://other.example", now=LATER)
    assert [(one.role, one.agency) for one in found] == [
        (Role.AUDITOR, ""),
        (Role.CLERK, OFFICE),
    ]
    assert elsewhere == []


def test_people_and_programs_of_a_closed_agency_lose_access(database: Database, town: Town) -> None:
    add(database, clerk_of(town[PROVIDER]))
    token = signed_in(database)
    with database.transaction() as session:
        make_service_account(session, town[PROVIDER])
    with database.transaction() as session:
        agencies.close_agency(session, TESTS, agencies.by_slug(session, PROVIDER), now=LATER)

    assert actor(database, token).role is None
    assert sources(database) == []
    with pytest.raises(Forbidden), database.transaction() as session:
        accounts.actor_of_bearer(session, PROGRAM, (), agency="", now=LATER)


def test_an_ended_program_is_refused_at_its_next_call(database: Database, town: Town) -> None:
    def end_program() -> bool:
        with database.transaction() as session:
            return memberships.end_service_account(
                session, TESTS, issuer=ISSUER, client_id=PROVIDER, now=LATER
            )

    with database.transaction() as session:
        make_service_account(session, town[PROVIDER])
    with database.transaction() as session:
        accounts.actor_of_bearer(session, PROGRAM, (), agency="", now=NOW)

    assert [end_program(), end_program()] == [True, False]
    with pytest.raises(Forbidden), database.transaction() as session:
        accounts.actor_of_bearer(session, PROGRAM, (), agency="", now=LATER)


# --- By heads and coordinators -------------------------------------------------------------------


@pytest.fixture
def vera(database: Database, town: Town) -> Actor:
    """The head of the provider."""
    return joined(database, town[PROVIDER], Role.HEAD, "vera")


@pytest.fixture
def ines(database: Database, town: Town) -> Actor:
    """The coordinator of the municipality."""
    return joined(database, town[PROVIDER], Role.COORDINATOR, "ines")


def joined(database: Database, agency: Agency, role: Role, subject: str) -> Actor:
    with database.transaction() as session:
        return make_person_actor(session, agency, role, subject=subject)


def entries(database: Database, reader: Actor, slug: str = "") -> list[Entry]:
    with database.transaction() as session:
        at = memberships.place(session, reader, slug)
        return memberships.roster(session, reader, at, now=LATER)


def own(database: Database, reader: Actor, of: Actor, slug: str = "") -> Entry:
    return next(one for one in entries(database, reader, slug) if one.user_id == of.user_id)


def end_one(database: Database, by: Actor, entry: Entry, *, knowing: bool = False) -> None:
    with database.transaction() as session:
        memberships.end_one(session, by, entry.id, knowing=knowing, now=LATER)


def change(database: Database, by: Actor, entry: Entry, role: Role, knowing: bool = False) -> None:
    with database.transaction() as session:
        memberships.change_role(session, by, entry.id, role, knowing=knowing, now=LATER)


def limit(
    database: Database, by: Actor, entry: Entry, until: datetime | None, knowing: bool = False
) -> None:
    with database.transaction() as session:
        memberships.limit(session, by, entry.id, until, knowing=knowing, now=LATER)


def code_of(run: Callable[[], object]) -> str:
    with pytest.raises(KursdocsError) as refused:
        run()
    return refused.value.code


def test_a_head_sees_the_own_agency_and_a_coordinator_every_one(
    database: Database, town: Town, vera: Actor, ines: Actor
) -> None:
    joined(database, town[OFFICE], Role.CLERK, "jonas")

    assert [one.role for one in entries(database, vera)] == [Role.HEAD]
    assert [one.role for one in entries(database, ines)] == [Role.COORDINATOR]
    assert [one.role for one in entries(database, ines, OFFICE)] == [Role.CLERK]
    with database.transaction() as session:
        counts = memberships.members_by_agency(session, ines, now=LATER)
    assert counts == {town[PROVIDER].id: 1, town[OFFICE].id: 1}
    for slug in (OFFICE, "nobody"):
        assert code_of(lambda slug=slug: entries(database, vera, slug)) == "not_found"  # type: ignore[misc]  # bound at once


def test_what_is_out_of_reach_is_not_found(database: Database, town: Town, vera: Actor) -> None:
    foreign = joined(database, town[OFFICE], Role.CLERK, "jonas")
    ines = joined(database, town[OFFICE], Role.COORDINATOR, "ines")
    with database.transaction() as session:
        make_municipality(session, "beispielstadt")
        kind = town["jobcenter"].kind
        far = make_agency(session, "jobcenter-fern", kind, municipality="beispielstadt")
        stranger = make_person_actor(session, far, subject="david")
        ids = dict(session.exec(select(Membership.user_id, Membership.id)).all())

    for reader, member in ((vera, foreign), (vera, ines), (ines, stranger)):
        with pytest.raises(NotFound), database.transaction() as session:
            memberships.get(session, reader, ids[member.user_id], now=LATER)  # type: ignore[index]  # persons


def test_an_ended_role_is_gone_at_once_and_cannot_be_ended_twice(
    database: Database, town: Town, vera: Actor
) -> None:
    amina = joined(database, town[PROVIDER], Role.CLERK, "amina")
    token = signed_in(database)
    actor(database, token).require(Permission.INBOX_READ)
    entry = own(database, vera, amina)

    end_one(database, vera, entry)

    assert actor(database, token).role is None
    assert code_of(lambda: end_one(database, vera, entry)) == "membership_ended"


def test_the_last_head_ends_or_changes_only_knowing(
    database: Database, town: Town, vera: Actor
) -> None:
    entry = own(database, vera, vera)
    tomorrow = LATER + timedelta(days=1)
    assert (entry.is_last, entry.is_own) == (True, True)

    for attempt in (
        lambda: end_one(database, vera, entry),
        lambda: change(database, vera, entry, Role.CLERK),
        lambda: limit(database, vera, entry, tomorrow),
    ):
        assert code_of(attempt) == "last_head_unconfirmed"
    joined(database, town[PROVIDER], Role.HEAD, "selin")
    assert not own(database, vera, vera).is_last
    end_one(database, vera, entry)


def test_the_last_coordinator_ends_only_knowing(
    database: Database, town: Town, ines: Actor
) -> None:
    entry = own(database, ines, ines)

    assert code_of(lambda: end_one(database, ines, entry)) == "last_coordinator_unconfirmed"
    end_one(database, ines, entry, knowing=True)

    assert code_of(lambda: entries(database, Actor(ActorKind.PERSON))) == "no_role"


def test_two_heads_cannot_end_each_other_at_once(
    database: Database, town: Town, vera: Actor
) -> None:
    selin = joined(database, town[PROVIDER], Role.HEAD, "selin")
    pairs = ((vera, own(database, vera, selin)), (selin, own(database, selin, vera)))
    start = threading.Barrier(2)

    def end_other(pair: tuple[Actor, Entry]) -> str:
        start.wait()
        try:
            end_one(database, *pair)
        except Invalid as refused:
            return refused.code
        return "ended"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(end_other, pairs)) == ["ended", "last_head_unconfirmed"]


def test_another_role_takes_the_place_of_the_old_one_until_the_same_day(
    database: Database, town: Town, vera: Actor
) -> None:
    amina = joined(database, town[PROVIDER], Role.CLERK, "amina")
    until = LATER + timedelta(days=9)
    limit(database, vera, own(database, vera, amina), until)

    change(database, vera, own(database, vera, amina), Role.HEAD)

    entry = own(database, vera, amina)
    assert (entry.role, entry.until) == (Role.HEAD, until)
    assert code_of(lambda: change(database, vera, entry, Role.AUDITOR)) == "field_choice"
    assert code_of(lambda: change(database, vera, entry, Role.HEAD)) == "role_held_already"


def test_nobody_gives_themselves_a_role_but_a_head_may_step_down(
    database: Database, town: Town, vera: Actor, ines: Actor
) -> None:
    coordinator = own(database, ines, ines)

    assert code_of(lambda: change(database, ines, coordinator, Role.AUDITOR, True)) == "role_own"
    change(database, vera, own(database, vera, vera), Role.CLERK, knowing=True)

    assert own(database, ines, ines).role is Role.COORDINATOR
    assert own(database, ines, vera, PROVIDER).role is Role.CLERK


def test_a_role_ends_by_itself_on_its_day_unless_that_is_taken_back(
    database: Database, town: Town, vera: Actor
) -> None:
    amina = joined(database, town[PROVIDER], Role.CLERK, "amina")
    entry, until = own(database, vera, amina), LATER + timedelta(days=1)
    token = signed_in(database)

    limit(database, vera, entry, until)
    with database.transaction() as session:
        before = accounts.sign_in(session, AMINA, (), now=until - timedelta(seconds=1))
        found = accounts.actor_of_sign_in(session, before, now=until - timedelta(seconds=1))
        over = accounts.actor_of_sign_in(session, before, now=until)
    assert found is not None
    assert (found.actor.role, over) == (Role.CLERK, None)

    limit(database, vera, entry, None)
    assert actor(database, token).role is Role.CLERK
    assert code_of(lambda: limit(database, vera, entry, NOW)) == "end_date_past"


def test_what_came_from_claims_is_ended_here_but_changed_only_there(
    database: Database, town: Town, vera: Actor
) -> None:
    signed_in(database, RULE)
    (entry,) = [one for one in entries(database, vera) if one.source is MembershipSource.CLAIM]

    for attempt in (
        lambda: change(database, vera, entry, Role.HEAD),
        lambda: limit(database, vera, entry, LATER + timedelta(days=1)),
    ):
        assert code_of(attempt) == "membership_from_claims"
    end_one(database, vera, entry)
    assert sources(database) == ["manual"]

    signed_in(database, RULE)
    assert sorted(sources(database)) == ["claim", "manual"]


def test_every_change_of_a_role_is_in_the_log_with_whose_and_where(
    database: Database, town: Town, ines: Actor
) -> None:
    amina = joined(database, town[PROVIDER], Role.CLERK, "amina")
    entry = own(database, ines, amina, PROVIDER)
    limit(database, ines, entry, LATER + timedelta(days=1))
    end_one(database, ines, entry)
    vera = joined(database, town[PROVIDER], Role.HEAD, "vera")

    with database.transaction() as session:
        events = audit.page(session, vera)
        assert audit.verify(session) is None
    told = [event for event in events if event.user_id == ines.user_id]
    assert [event.happening for event in told] == [
        Happening.MEMBERSHIP_ENDED,
        Happening.MEMBERSHIP_LIMITED,
    ]
    for event in told:
        assert event.detail["user"] == str(amina.user_id)
        assert event.detail["agency"] == str(town[PROVIDER].id)
        assert event.detail["membership"] == str(entry.id)
