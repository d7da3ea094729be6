"""Trying the claims mapping: what a token would get, told by what a sign-in really does."""

import base64
import json
from collections.abc import Mapping
from uuid import UUID

import pytest
from sqlmodel import select
from tests.factories import (
    ISSUER,
    JOBCENTER,
    NOW,
    OFFICE,
    PROVIDER,
    TESTS,
    make_agency,
    make_municipality,
)

from kursdocs.adapters.database import Database
from kursdocs.catalogue import AgencyKind
from kursdocs.core import accounts, agencies
from kursdocs.core.access import Role
from kursdocs.core.accounts import ClaimRule, Membership, Trial
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import AuditEvent
from kursdocs.core.errors import Invalid
from kursdocs.core.ports import Identity

Town = dict[str, Agency]
RULES = (
    ClaimRule("groups", "vhs", Role.CLERK, agency=PROVIDER),
    ClaimRule("groups", "vhs-head", Role.HEAD, agency=PROVIDER),
    ClaimRule("groups", "far", Role.CLERK, agency="fremd"),
    ClaimRule("realm.roles", "town", Role.COORDINATOR, municipality="musterstadt"),
    ClaimRule("groups", "lost", Role.CLERK, agency="vertippt"),
    ClaimRule("groups", "closed", Role.CLERK, agency=OFFICE),
)


@pytest.fixture
def towns(database: Database, town: Town) -> Town:
    """Two municipalities; one agency of the first is closed."""
    with database.transaction() as session:
        make_municipality(session, "beispielstadt")
        far = make_agency(session, "fremd", AgencyKind.JOBCENTER, municipality="beispielstadt")
        agencies.close_agency(session, TESTS, agencies.by_slug(session, OFFICE), now=NOW)
    return {**town, "fremd": far}


def trial(database: Database, towns: Town, **claims: object) -> Trial:
    """What the coordinator of the first municipality is told."""
    return tried(database, claims, towns[PROVIDER].municipality_id)


def tried(database: Database, claims: Mapping[str, object], here: UUID | None = None) -> Trial:
    """What a coordinator, or without a municipality the operator, is told."""
    with database.transaction() as session:
        rules = accounts.rules_in_reach(session, RULES, municipality_id=here)
        return accounts.dry_run(
            session, rules, claims, issuer=ISSUER, municipality_id=here, now=NOW
        )


def told(posts: object) -> list[str]:
    assert isinstance(posts, list)
    return [f"{post.role} {post.place}{' closed' if post.is_closed else ''}" for post in posts]


def test_a_coordinator_sees_the_rules_of_the_own_town_by_their_numbers(
    database: Database, towns: Town
) -> None:
    with database.transaction() as session:
        own = accounts.rules_in_reach(
            session, RULES, municipality_id=towns[PROVIDER].municipality_id
        )
        far = accounts.rules_in_reach(
            session, RULES, municipality_id=towns["fremd"].municipality_id
        )
        every = accounts.rules_in_reach(session, RULES)

    assert [(one.number, one.place, one.is_closed) for one in own] == [
        (1, "Vhs-Musterstadt", False),
        (2, "Vhs-Musterstadt", False),
        (4, "Musterstadt", False),
        (6, "Auslaenderbehoerde", True),
    ]
    assert [one.number for one in far] == [3]
    assert [(one.number, one.place) for one in every][4] == (5, "")
    assert len(every) == 6


def test_a_slug_that_nothing_has_is_shown_where_there_is_one_town_only(
    database: Database, town: Town
) -> None:
    with database.transaction() as session:
        found = accounts.rules_in_reach(
            session, RULES, municipality_id=town[PROVIDER].municipality_id
        )

    assert [one.number for one in found if not one.place] == [3, 5]


def test_a_stranger_would_get_what_the_rules_say(database: Database, towns: Town) -> None:
    found = trial(
        database, towns, sub="neu", groups=["vhs", "far", "lost", "closed"], realm={"roles": "town"}
    )

    assert [one.number for one in found.matching] == [1, 4, 6]
    assert told(found.granted) == [
        "clerk Auslaenderbehoerde closed",
        "coordinator Musterstadt",
        "clerk Vhs-Musterstadt",
    ]
    assert (found.kept, found.ended, found.is_known, found.is_foreign) == ([], [], False, False)


def test_the_trial_tells_what_a_sign_in_then_does(database: Database, towns: Town) -> None:
    before = {"groups": ["vhs", "far"]}
    after = {"groups": ["vhs", "vhs-head"], "realm": {"roles": ["town"]}}
    with database.transaction() as session:
        identity = Identity(issuer=ISSUER, subject="amina", claims=before)
        accounts.sign_in(session, identity, RULES, now=NOW)

    found = trial(database, towns, sub="amina", iss=ISSUER + "/", **after)
    everywhere = tried(database, {"sub": "amina", **after})

    assert told(found.granted) == ["coordinator Musterstadt", "head Vhs-Musterstadt"]
    assert told(found.kept) == ["clerk Vhs-Musterstadt"]
    assert (found.ended, found.is_known, found.is_foreign) == ([], True, False)
    assert told(everywhere.ended) == ["clerk Fremd"]
    with database.transaction() as session:
        identity = Identity(issuer=ISSUER, subject="amina", claims=after)
        accounts.sign_in(session, identity, RULES, now=NOW)
        open_ones = session.exec(select(Membership).where(Membership.valid_until == None))  # noqa: E711 - SQL
        assert sorted(one.role for one in open_ones) == ["clerk", "coordinator", "head"]


def test_trying_changes_nothing_and_leaves_nothing_in_the_log(
    database: Database, towns: Town
) -> None:
    with database.transaction() as session:
        before = len(session.exec(select(AuditEvent)).all())

    trial(database, towns, sub="neu", groups=["vhs"])

    with database.transaction() as session:
        assert len(session.exec(select(AuditEvent)).all()) == before
        assert session.exec(select(Membership)).all() == []


def test_a_token_of_another_provider_is_told(database: Database, towns: Town) -> None:
    found = trial(database, towns, iss="https://woanders.example", groups=["vhs"])

    assert (found.is_foreign, found.is_known) == (True, False)


def jwt_of(payload: bytes) -> str:
    parts = (b'{"alg":"RS256"}', payload, b"signature")
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


CLAIMS = {"sub": "neu", "groups": ["größe"]}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(CLAIMS),
        f"\n {json.dumps(CLAIMS, indent=2)} \n",
        jwt_of(json.dumps(CLAIMS).encode()),
        "Bearer " + jwt_of(json.dumps(CLAIMS, ensure_ascii=False).encode()) + "\n",
        jwt_of(json.dumps(CLAIMS).encode()).rpartition(".")[0] + ".",
    ],
)
def test_claims_are_read_from_json_or_from_a_token(text: str) -> None:
    assert accounts.read_claims(text) == CLAIMS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '"text"',
        "{",
        "null",
        "a.b.c",
        jwt_of(b"[1]"),
        jwt_of(b"\xff"),
        "eyJhbGciOiJub25lIn0",
        "[" * 60_000,
        '{"a":' * 20_000,
        "a.b.c.d.e",
    ],
)
def test_what_holds_no_claims_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        accounts.read_claims(text)

    assert (refused.value.code, refused.value.field) == ("claims_unreadable", "claims")
    assert refused.value.details == {}


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": 7},
        {"sub": None, "groups": 5},
        {"sub": "a\0b"},
        {"sub": "\ud800"},
        {"groups": {"a": 1}},
    ],
)
def test_odd_claims_match_nothing(
    database: Database, towns: Town, claims: dict[str, object]
) -> None:
    found = trial(database, towns, **claims)

    assert (found.matching, found.granted, found.is_known) == ([], [], False)


def test_a_closed_place_lets_nobody_in_and_says_so(database: Database, towns: Town) -> None:
    assert towns[JOBCENTER].closed_at is None
    assert told(trial(database, towns, groups="closed").granted) == [
        "clerk Auslaenderbehoerde closed"
    ]
