"""Roles given and taken by the operator: what the next request of their holder may do."""

from datetime import timedelta

import pytest
from tests.factories import (
    ISSUER,
    NOW,
    OFFICE,
    PROVIDER,
    TESTS,
    make_service_account,
)

from kursdocs.adapters.database import Database
from kursdocs.core import accounts, agencies, memberships
from kursdocs.core.access import Actor, Permission, Role
from kursdocs.core.accounts import ClaimRule, MembershipSource
from kursdocs.core.agencies import Agency
from kursdocs.core.errors import Forbidden
from kursdocs.core.memberships import Post
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
    with database.transaction() as session:
        found = accounts.actor_of_sign_in(session, token, now=LATER)
    assert found is not None
    return found.actor


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
