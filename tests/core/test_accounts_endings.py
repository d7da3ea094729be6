"""Signed out elsewhere: at the provider, on all devices; and standing that ends meanwhile."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, select
from tests.factories import (
    ISSUER,
    JOBCENTER,
    NOW,
    OFFICE,
    PROVIDER,
    TESTS,
    make_service_account,
)

from kursdocs.adapters.database import Database
from kursdocs.core import accounts, agencies, audit
from kursdocs.core.access import Actor, Role
from kursdocs.core.accounts import ClaimRule, Membership, User
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import Happening
from kursdocs.core.errors import Forbidden
from kursdocs.core.ports import Identity, ProviderSignOut, SignInRefused

Town = dict[str, Agency]
SECOND = timedelta(seconds=1)
RULES = [
    ClaimRule("groups", "vhs", Role.CLERK, agency=PROVIDER),
    ClaimRule("groups", "abh", Role.CLERK, agency=OFFICE),
]


def person(
    subject: str = "amina", *, sid: str = "", made: datetime = NOW, issuer: str = ISSUER
) -> Identity:
    """A token as the provider makes it, at ``made``."""
    claims: dict[str, object] = {"groups": ["vhs"], "iat": int(made.timestamp())}
    return Identity(issuer, subject, claims | ({"sid": sid} if sid else {}), id_token="id.token")


def sign_in(database: Database, identity: Identity, now: datetime = NOW) -> str:
    with database.transaction() as session:
        return accounts.sign_in(session, identity, RULES, now=now)


def bearer(database: Database, identity: Identity, now: datetime = NOW) -> Actor:
    with database.transaction() as session:
        return accounts.actor_of_bearer(session, identity, RULES, agency="", now=now)


def lives(database: Database, *tokens: str, now: datetime = NOW) -> list[bool]:
    with database.transaction() as session:
        return [accounts.actor_of_sign_in(session, t, now=now) is not None for t in tokens]


def end_there(
    database: Database,
    *,
    subject: str = "",
    sid: str = "",
    made: datetime = NOW,
    issuer: str = ISSUER,
) -> None:
    """The provider says that a session has ended."""
    with database.transaction() as session:
        told = ProviderSignOut(issuer=issuer, subject=subject, sid=sid, issued_at=made)
        accounts.sign_out_by_provider(session, told, now=NOW)


def log(database: Database) -> list[tuple[Happening, object]]:
    """What the log tells of sign-outs, and of how many sessions."""
    with database.transaction() as session:
        rows = session.exec(select(audit.AuditEvent).order_by("seq")).all()
    return [(r.happening, r.detail["sessions"]) for r in rows if "sessions" in r.detail]


# -- At the provider -------------------------------------------------------------------------------


def test_the_session_that_ended_there_ends_here_and_no_other(
    database: Database, town: Town
) -> None:
    meant = sign_in(database, person(sid="s-1"))
    other = sign_in(database, person(sid="s-2"))
    somebody = sign_in(database, person("vera", sid="s-3"))

    end_there(database, sid="s-1")

    assert lives(database, meant, other, somebody) == [False, True, True]
    assert log(database) == [(Happening.SIGN_IN_ENDED_BY_PROVIDER, 1)]


def test_all_sessions_of_a_person_end_when_no_session_is_named(
    database: Database, town: Town
) -> None:
    first, second = sign_in(database, person(sid="s-1")), sign_in(database, person())
    somebody = sign_in(database, person("vera"))

    end_there(database, subject="amina")

    assert lives(database, first, second, somebody) == [False, False, True]
    assert log(database) == [(Happening.SIGN_IN_ENDED_BY_PROVIDER, 2)]


def test_a_session_without_a_name_may_be_the_one_meant(database: Database, town: Town) -> None:
    nameless, other = sign_in(database, person()), sign_in(database, person(sid="s-2"))

    end_there(database, subject="amina", sid="s-1")

    assert lives(database, nameless, other) == [False, True]


@pytest.mark.parametrize(
    "told",
    [
        {"sid": "s-9"},
        {"subject": "nobody"},
        {"subject": "vera", "sid": "s-1"},
        {"sid": "s-1", "issuer": "https://other.example"},
        {"subject": "amina", "issuer": "https://other.example"},
    ],
)
def test_what_concerns_nobody_here_changes_nothing(
    database: Database, town: Town, told: dict[str, Any]
) -> None:
    token = sign_in(database, person(sid="s-1"))

    end_there(database, **told)

    assert lives(database, token) == [True]
    assert log(database) == []


def test_a_logout_token_sent_again_ends_nothing_that_began_later(
    database: Database, town: Town
) -> None:
    sign_in(database, person())
    end_there(database, subject="amina")
    later = NOW + 90 * SECOND
    token = sign_in(database, person(made=later), now=later)

    end_there(database, subject="amina", made=NOW)

    assert lives(database, token, now=later) == [True]
    assert len(log(database)) == 1


def test_clocks_of_the_provider_need_not_quite_agree(database: Database, town: Town) -> None:
    token = sign_in(database, person(made=NOW + 5 * SECOND))

    end_there(database, subject="amina", made=NOW)

    assert lives(database, token) == [False]


def test_a_sign_in_that_crosses_the_sign_out_does_not_come_through(
    database: Database, town: Town
) -> None:
    sign_in(database, person())
    end_there(database, subject="amina", made=NOW + SECOND)

    with pytest.raises(SignInRefused, match="signed_out_meanwhile"):
        sign_in(database, person(made=NOW))
    assert sign_in(database, person(made=NOW + SECOND))


@pytest.mark.parametrize("told", [{"subject": "amina"}, {"sid": "s-1"}])
def test_access_tokens_from_before_are_refused_and_new_ones_are_not(
    database: Database, town: Town, told: dict[str, Any]
) -> None:
    sign_in(database, person(sid="s-1"))
    old, new = person(made=NOW), person(made=NOW + SECOND)
    undated = replace(old, claims={"groups": ["vhs"]})
    assert bearer(database, old).role is Role.CLERK

    end_there(database, **told)

    for outdated in (old, undated):
        with pytest.raises(SignInRefused, match="signed_out"):
            bearer(database, outdated)
    assert bearer(database, new).role is Role.CLERK
    assert bearer(database, person("vera", made=NOW)).role is Role.CLERK


def test_an_older_logout_token_does_not_let_tokens_in_again(database: Database, town: Town) -> None:
    sign_in(database, person())
    end_there(database, subject="amina", made=NOW)
    end_there(database, subject="amina", made=NOW - 60 * SECOND)

    with pytest.raises(SignInRefused):
        bearer(database, person(made=NOW - SECOND))


# -- On all devices --------------------------------------------------------------------------------


def everywhere(database: Database, token: str, now: datetime = NOW) -> str:
    with database.transaction() as session:
        return accounts.sign_out_everywhere(session, token, now=now)


def test_signing_out_everywhere_ends_every_session_and_token_of_the_person(
    database: Database, town: Town
) -> None:
    here, there = sign_in(database, person()), sign_in(database, person(sid="s-1"))
    somebody = sign_in(database, person("vera"))

    assert everywhere(database, here, NOW + timedelta(milliseconds=900)) == "id.token"

    assert lives(database, here, there, somebody) == [False, False, True]
    with pytest.raises(SignInRefused):
        bearer(database, person(made=NOW))
    assert bearer(database, person(made=NOW + SECOND)).role is Role.CLERK
    assert log(database) == [(Happening.SIGN_IN_ENDED_EVERYWHERE, 2)]
    assert lives(database, sign_in(database, person(made=NOW))) == [True]


def test_nobody_is_signed_out_by_a_made_up_token(database: Database, town: Town) -> None:
    token = sign_in(database, person())

    assert everywhere(database, "x" * 43) == ""
    assert lives(database, token) == [True]
    assert log(database) == []


# -- Standing ------------------------------------------------------------------------------------


def still(database: Database, actor: Actor, identity: Identity | None = None) -> bool:
    """Whether the actor is still what it was admitted as."""
    try:
        with database.transaction() as session:
            accounts.require_standing(session, actor, identity, now=NOW)
    except Forbidden:
        return False
    return True


def test_a_person_stands_until_something_of_it_ends(database: Database, town: Town) -> None:
    def end_role(session: Session) -> None:
        accounts.end_membership(session, TESTS, session.exec(select(Membership)).one(), now=NOW)

    endings: dict[str, Callable[[Session], object]] = {
        "role": end_role,
        "agency": lambda s: agencies.close_agency(s, TESTS, agencies.by_slug(s, PROVIDER), now=NOW),
        "account": lambda s: setattr(s.exec(select(User)).one(), "deactivated_at", NOW),
        "person": lambda s: s.delete(s.exec(select(User)).one()),
    }
    actor = bearer(database, person())
    assert still(database, actor)
    for name, end in endings.items():
        assert stood_after(database, actor, end) is False, name
        assert still(database, actor), name


def stood_after(database: Database, actor: Actor, end: Callable[[Session], object]) -> bool:
    """Whether the actor stands after this; rolled back, so that the next can be tried."""
    with database.transaction() as session:
        end(session)
        session.flush()
        try:
            accounts.require_standing(session, actor, now=NOW)
        except Forbidden as error:
            return error.code != "standing_ended"
        finally:
            session.rollback()
    return True


def test_a_person_stands_only_as_what_they_are(database: Database, town: Town) -> None:
    actor = bearer(database, person())

    assert not still(database, replace(actor, role=Role.HEAD))
    assert not still(database, replace(actor, agency=None))
    assert not still(database, replace(actor, user_id=None))
    with database.transaction() as session:
        agency = replace(actor.acting, id=agencies.by_slug(session, JOBCENTER).id)
    assert not still(database, replace(actor, agency=agency))


def test_a_person_signed_out_elsewhere_no_longer_stands_by_an_old_token(
    database: Database, town: Town
) -> None:
    actor = bearer(database, person())
    end_there(database, subject="amina")

    assert not still(database, actor, person(made=NOW))
    assert still(database, actor, person(made=NOW + SECOND))


@pytest.mark.parametrize("ends", ["account", "agency"])
def test_a_program_stands_until_its_account_or_agency_ends(
    database: Database, town: Town, ends: str
) -> None:
    with database.transaction() as session:
        account = make_service_account(session, agencies.by_slug(session, PROVIDER))
    actor = bearer(database, Identity(ISSUER, PROVIDER, client_id=PROVIDER))
    assert still(database, actor)

    with database.transaction() as session:
        if ends == "account":
            session.get_one(accounts.ServiceAccount, account.id).ended_at = NOW
        else:
            agencies.by_slug(session, PROVIDER).closed_at = NOW

    assert not still(database, actor)
