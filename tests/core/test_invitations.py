"""Invitations by link: worth one role, once, for whoever comes with it while it is open."""

import threading
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
)

from kursdocs.adapters.database import Database
from kursdocs.core import accounts, agencies, audit, invitations, memberships
from kursdocs.core.access import Actor, ActorKind, Role
from kursdocs.core.accounts import ClaimRule, User
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import Happening
from kursdocs.core.errors import Conflict, Forbidden, Invalid, KursdocsError, NotFound
from kursdocs.core.invitations import DAYS_MAX, OPEN_MAX, Invitation
from kursdocs.core.memberships import Place
from kursdocs.core.ports import Identity

Town = dict[str, Agency]
LATER = NOW + timedelta(hours=1)
CLERK_RULE = ClaimRule("groups", "vhs", Role.CLERK, agency=PROVIDER)


@pytest.fixture
def head(database: Database, town: Town) -> Actor:
    with database.transaction() as session:
        return make_person_actor(session, town[PROVIDER], Role.HEAD, subject="vera")


def place(agency: Agency) -> Place:
    return Place(agency.municipality_id, "Musterstadt", agency)


def invite(
    database: Database,
    actor: Actor,
    at: Place,
    role: Role = Role.CLERK,
    *,
    days: int = 7,
    note: str = "",
) -> str:
    with database.transaction() as session:
        return invitations.create(session, actor, at, role=role, days=days, note=note, now=NOW)


def guest(database: Database, subject: str = "kim") -> Actor:
    """Somebody who signed in and has no role."""
    with database.transaction() as session:
        token = accounts.sign_in(session, Identity(ISSUER, subject, {}), (), now=NOW)
    with database.transaction() as session:
        found = accounts.actor_of_sign_in(session, token, now=NOW)
    assert found is not None
    return found.actor


def accept(database: Database, actor: Actor, secret: str, now: datetime = LATER) -> None:
    with database.transaction() as session:
        invitations.accept(session, actor, secret, now=now)


def is_open(database: Database, secret: str, now: datetime = LATER) -> bool:
    with database.transaction() as session:
        return invitations.find(session, secret, now=now) is not None


def roles(database: Database, subject: str = "kim") -> list[tuple[Role, str]]:
    with database.transaction() as session:
        user = session.exec(select(User).where(User.subject == subject)).one()
        held = accounts.held_now(session, user.id, now=LATER)
        return [(member.role, agency.slug if agency else "") for member, agency, _ in held]


def code_of(error: pytest.ExceptionInfo[KursdocsError]) -> str:
    return error.value.code


def test_whoever_comes_with_the_link_gets_the_role_once(
    database: Database, town: Town, head: Actor
) -> None:
    secret = invite(database, head, place(town[PROVIDER]))

    accept(database, guest(database), secret)

    assert roles(database) == [(Role.CLERK, PROVIDER)]
    assert not is_open(database, secret)
    with pytest.raises(NotFound) as refused:
        accept(database, guest(database, "lin"), secret)
    assert code_of(refused) == "invitation_over"
    assert roles(database, "lin") == []


def test_only_the_hash_of_the_secret_is_kept(database: Database, town: Town, head: Actor) -> None:
    secret = invite(database, head, place(town[PROVIDER]), note="Zimmer 12")

    assert len(secret) >= 43
    with database.engine.connect() as connection:
        for table in ("invitation", "audit_event"):
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}").all()  # noqa: S608 - ours
            assert rows
            assert secret not in repr(rows)
            assert table == "invitation" or "Zimmer" not in repr(rows)


def test_of_two_at_once_exactly_one_gets_it(database: Database, town: Town, head: Actor) -> None:
    secret = invite(database, head, place(town[PROVIDER]))
    people = [guest(database, f"guest-{number}") for number in range(4)]
    start = threading.Barrier(len(people))

    def come(actor: Actor) -> bool:
        start.wait()
        try:
            accept(database, actor, secret)
        except NotFound:
            return False
        return True

    with ThreadPoolExecutor(len(people)) as pool:
        won = list(pool.map(come, people))

    assert sorted(won) == [False, False, False, True]
    held = [roles(database, f"guest-{number}") for number in range(4)]
    assert [bool(each) for each in held] == won


def test_too_old_revoked_and_unknown_are_alike(database: Database, town: Town, head: Actor) -> None:
    at = place(town[PROVIDER])
    old, revoked = invite(database, head, at, days=1), invite(database, head, at)
    with database.transaction() as session:
        newest = invitations.listing(session, at, now=NOW)[0]
        assert invitations.revoke(session, head, newest.id, now=NOW).name == at.agency.name  # type: ignore[union-attr]  # an agency's

    for secret, now in ((old, NOW + timedelta(days=1)), (revoked, LATER), ("nonsense", LATER)):
        assert not is_open(database, secret, now)
        with pytest.raises(NotFound) as refused:
            accept(database, guest(database), secret, now)
        assert code_of(refused) == "invitation_over"
    with pytest.raises(Conflict), database.transaction() as session:
        invitations.revoke(session, head, newest.id, now=LATER)


def test_an_ended_head_has_no_way_back_in(database: Database, town: Town, head: Actor) -> None:
    secret = invite(database, head, place(town[PROVIDER]), Role.HEAD)
    post = place(town[PROVIDER]).post(Role.HEAD)
    with database.transaction() as session:
        memberships.end(session, TESTS, issuer=ISSUER, subject="vera", post=post, now=LATER)

    assert not is_open(database, secret)
    with pytest.raises(NotFound):
        accept(database, head, secret)


def test_a_closed_agency_invites_nobody(database: Database, town: Town, head: Actor) -> None:
    secret = invite(database, head, place(town[PROVIDER]))
    with database.transaction() as session:
        agencies.close_agency(session, TESTS, agencies.by_slug(session, PROVIDER), now=NOW)

    assert not is_open(database, secret)


def test_who_has_the_role_already_leaves_the_link_unused(
    database: Database, town: Town, head: Actor
) -> None:
    secret = invite(database, head, place(town[PROVIDER]))

    for subject in ("amina", "vera"):  # A clerk, and a head, who is a clerk too.
        if subject == "amina":
            with database.transaction() as session:
                member = make_person_actor(session, town[PROVIDER], subject=subject)
        else:
            member = head
        with pytest.raises(Conflict) as refused:
            accept(database, member, secret)
        assert code_of(refused) == "role_held_already"

    assert is_open(database, secret)


def test_nobody_gives_a_role_to_themselves(database: Database, town: Town) -> None:
    with database.transaction() as session:
        ines = make_person_actor(session, town[PROVIDER], Role.COORDINATOR, subject="ines")
    secret = invite(database, ines, place(town[OFFICE]))

    with pytest.raises(Conflict) as refused:
        accept(database, ines, secret)

    assert code_of(refused) == "invitation_own"
    accept(database, guest(database), secret)


def test_a_clerk_who_becomes_head_has_one_role(database: Database, town: Town, head: Actor) -> None:
    with database.transaction() as session:
        clerk = make_person_actor(session, town[PROVIDER], subject="kim")

    accept(database, clerk, invite(database, head, place(town[PROVIDER]), Role.HEAD))

    assert roles(database) == [(Role.HEAD, PROVIDER)]


def test_what_claims_gave_stays_beside_the_new_role(
    database: Database, town: Town, head: Actor
) -> None:
    with database.transaction() as session:
        identity = Identity(ISSUER, "kim", {"groups": ["vhs"]})
        accounts.sign_in(session, identity, [CLERK_RULE], now=NOW)

    accept(
        database, guest_as_is(database), invite(database, head, place(town[PROVIDER]), Role.HEAD)
    )

    assert roles(database) == [(Role.HEAD, PROVIDER), (Role.CLERK, PROVIDER)]


def guest_as_is(database: Database) -> Actor:
    with database.transaction() as session:
        user = session.exec(select(User).where(User.subject == "kim")).one()
        return Actor(kind=ActorKind.PERSON, user_id=user.id)


def test_the_operator_invites_the_first_coordinator(database: Database, town: Town) -> None:
    of_town = Place(town[PROVIDER].municipality_id, "Musterstadt")

    accept(database, guest(database), invite(database, TESTS, of_town, Role.COORDINATOR))

    assert roles(database) == [(Role.COORDINATOR, "")]


@pytest.mark.parametrize(
    ("role", "days", "note", "field"),
    [
        (Role.COORDINATOR, 7, "", "role"),
        (Role.CLERK, 0, "", "days"),
        (Role.CLERK, DAYS_MAX + 1, "", "days"),
        (Role.CLERK, 7, "x" * 61, "note"),
        (Role.CLERK, 7, "Zimmer\n12", "note"),
    ],
)
def test_what_cannot_be_invited_is_refused_by_field(
    database: Database, town: Town, head: Actor, role: Role, days: int, note: str, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        invite(database, head, place(town[PROVIDER]), role, days=days, note=note)

    assert refused.value.field == field


def test_there_is_an_end_to_open_invitations(database: Database, town: Town, head: Actor) -> None:
    at = place(town[PROVIDER])
    with database.transaction() as session:
        for _ in range(OPEN_MAX):
            invitations.create(session, head, at, role=Role.CLERK, now=NOW)

    with pytest.raises(Conflict):
        invite(database, head, at)


def test_foreign_invitations_are_not_found(database: Database, town: Town, head: Actor) -> None:
    invite(database, TESTS, place(town[OFFICE]))
    invite(database, TESTS, Place(town[OFFICE].municipality_id, "Musterstadt"), Role.AUDITOR)
    with database.transaction() as session:
        make_municipality(session, "beispielstadt")
        far = make_agency(
            session, "jobcenter-beispiel", town["jobcenter"].kind, municipality="beispielstadt"
        )
        coordinator = make_person_actor(session, far, Role.COORDINATOR, subject="ines")
    with database.transaction() as session:
        ids = session.exec(select(Invitation.id)).all()

    assert len(ids) == 2
    for reader in (head, coordinator):
        for invitation_id in ids:
            with pytest.raises(NotFound), database.transaction() as session:
                invitations.revoke(session, reader, invitation_id, now=NOW)
    clerk = Actor(kind=ActorKind.PERSON, role=Role.CLERK)
    with pytest.raises(Forbidden), database.transaction() as session:
        memberships.place(session, clerk)


def test_the_log_tells_both_ends_in_the_agency_that_invited(
    database: Database, town: Town, head: Actor
) -> None:
    kim = guest(database)
    accept(database, kim, invite(database, head, place(town[PROVIDER])))

    with database.transaction() as session:
        events = audit.page(session, head)
        assert audit.verify(session) is None
    assert [(event.happening, event.user_id) for event in events[:3]] == [
        (Happening.INVITATION_ACCEPTED, kim.user_id),
        (Happening.MEMBERSHIP_GRANTED, kim.user_id),
        (Happening.INVITATION_CREATED, head.user_id),
    ]
