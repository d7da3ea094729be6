"""Sign-in, memberships, claims and bearer calls: who somebody is, and what they may act as."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import pytest
from sqlmodel import select
from tests.factories import (
    ISSUER,
    NOW,
    OFFICE,
    PROVIDER,
    TESTS,
    make_document,
    make_municipality,
    make_person_actor,
    make_service_account,
)

from kursdocs.adapters.database import Database
from kursdocs.core import accounts, agencies, audit
from kursdocs.core.access import Actor, ActorKind, Role
from kursdocs.core.accounts import (
    ABSOLUTE_LIMIT,
    ATTEMPT_LIMIT,
    IDLE_LIMIT,
    ClaimRule,
    Membership,
    MembershipSource,
    ServiceAccount,
    SignedIn,
    SignIn,
    SignInAttempt,
    User,
)
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import Happening
from kursdocs.core.documents.tables import Document
from kursdocs.core.errors import Forbidden, KursdocsError, NotFound
from kursdocs.core.ports import Identity, SignInRefused, SignInStart
from kursdocs.core.tables import new_id

Town = dict[str, Agency]
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
CLERK_RULE = ClaimRule("groups", "vhs:clerk", Role.CLERK, agency=PROVIDER)
HEAD_RULE = ClaimRule("groups", "vhs:head", Role.HEAD, agency=PROVIDER)
OFFICE_RULE = ClaimRule("groups", "abh:clerk", Role.CLERK, agency=OFFICE)
TOWN_RULE = ClaimRule("groups", "town", Role.COORDINATOR, municipality="musterstadt")
RULES = (CLERK_RULE, HEAD_RULE, OFFICE_RULE, TOWN_RULE)


def person(*groups: str, subject: str = "amina", **claims: object) -> Identity:
    return Identity(ISSUER, subject, {"groups": list(groups), **claims}, id_token="id.token")


def sign_in(
    database: Database,
    identity: Identity,
    rules: Sequence[ClaimRule] = RULES,
    now: datetime = NOW,
) -> str:
    with database.transaction() as session:
        return accounts.sign_in(session, identity, rules, now=now)


def session_of(database: Database, token: str, now: datetime = NOW) -> SignedIn | None:
    with database.transaction() as session:
        return accounts.actor_of_sign_in(session, token, now=now)


def actor_of(database: Database, token: str, now: datetime = NOW) -> Actor:
    found = session_of(database, token, now)
    assert found is not None
    return found.actor


def bearer(
    database: Database,
    identity: Identity,
    *,
    agency: str = "",
    rules: Sequence[ClaimRule] = RULES,
    now: datetime = NOW,
) -> Actor:
    with database.transaction() as session:
        return accounts.actor_of_bearer(session, identity, rules, agency=agency, now=now)


def held(actor: Actor) -> tuple[str, str]:
    """Role and agency in short."""
    return actor.role or "", actor.agency.slug if actor.agency else ""


def code_of(run: Callable[[], object]) -> str:
    with pytest.raises(KursdocsError) as refused:
        run()
    return refused.value.code


def happenings(database: Database) -> list[Happening]:
    with database.transaction() as session:
        events = session.exec(select(audit.AuditEvent).order_by("seq")).all()
    return [event.happening for event in events]


def deactivate(database: Database, subject: str = "amina") -> None:
    with database.transaction() as session:
        user = session.exec(select(User).where(User.subject == subject)).one()
        user.deactivated_at = NOW


# --- The way to the provider and back ------------------------------------------------------------


def begin(database: Database, state: str, browser: str = "browser", now: datetime = NOW) -> None:
    start = SignInStart("https://x.example", state, f"nonce of {state}", f"verifier of {state}")
    with database.transaction() as session:
        accounts.begin_sign_in(session, start, browser=browser, return_to=f"/{state}", now=now)


def take(
    database: Database, state: str, browser: str = "browser", now: datetime = NOW
) -> tuple[SignInStart, str]:
    with database.transaction() as session:
        return accounts.take_attempt(session, state=state, browser=browser, now=now)


def refused_attempt(
    database: Database, state: str, browser: str = "browser", now: datetime = NOW
) -> str:
    with pytest.raises(SignInRefused) as refused:
        take(database, state, browser, now)
    return refused.value.reason


def test_an_attempt_brings_back_what_was_remembered(database: Database) -> None:
    begin(database, "one")

    start, return_to = take(database, "one")

    assert (start.state, start.nonce) == ("one", "nonce of one")
    assert (start.code_verifier, return_to) == ("verifier of one", "/one")


def test_two_tabs_at_once_do_not_disturb_each_other(database: Database) -> None:
    begin(database, "one")
    begin(database, "two")

    assert [take(database, "one")[1], take(database, "two")[1]] == ["/one", "/two"]


def test_an_attempt_can_be_used_once(database: Database) -> None:
    begin(database, "one")
    take(database, "one")

    assert refused_attempt(database, "one") == "state_unknown"


def test_an_attempt_used_in_many_threads_at_once_succeeds_once(database: Database) -> None:
    begin(database, "one")
    start = threading.Barrier(6)

    def attempt(_: int) -> str:
        start.wait(10)
        try:
            take(database, "one")
        except SignInRefused as refused:
            return refused.reason
        return "taken"

    with ThreadPoolExecutor(6) as threads:
        results = sorted(threads.map(attempt, range(6)))

    assert results == ["state_unknown"] * 5 + ["taken"]


def test_an_attempt_of_another_browser_is_refused(database: Database) -> None:
    begin(database, "one", browser="browser")

    assert refused_attempt(database, "one", browser="other") == "other_browser"


def test_a_state_that_was_never_made_is_refused(database: Database) -> None:
    assert refused_attempt(database, "made up") == "state_unknown"


def test_an_attempt_lasts_fifteen_minutes(database: Database) -> None:
    assert timedelta(minutes=15) == ATTEMPT_LIMIT
    begin(database, "one")
    begin(database, "two")

    take(database, "one", now=NOW + ATTEMPT_LIMIT)
    assert refused_attempt(database, "two", now=NOW + ATTEMPT_LIMIT + SECOND) == "state_expired"


def test_old_attempts_are_cleared_away_by_new_ones(database: Database) -> None:
    begin(database, "old")
    begin(database, "new", now=NOW + ATTEMPT_LIMIT + SECOND)

    with database.transaction() as session:
        assert len(session.exec(select(SignInAttempt)).all()) == 1


def test_neither_state_nor_browser_nor_token_lie_in_the_database_in_clear(
    database: Database, town: Town
) -> None:
    begin(database, "the-state", browser="the-browser")
    token = sign_in(database, person("vhs:clerk"))

    with database.transaction() as session:
        attempt = session.exec(select(SignInAttempt)).one()
        row = session.exec(select(SignIn)).one()

    stored = repr(attempt) + repr(row)
    for secret in ("the-browser", "'the-state'", token):
        assert secret not in stored
    assert len(token) >= 43  # 256 bits
    assert (attempt.state_hash, row.token_hash) != ("the-state", token)


# --- A session -----------------------------------------------------------------------------------


def test_a_session_acts_for_the_agency_of_the_claims(database: Database, town: Town) -> None:
    token = sign_in(database, person("vhs:clerk", name="Amina Muster"))

    found = session_of(database, token)

    assert found is not None
    assert found.actor == Actor(
        kind=ActorKind.PERSON,
        display_name="Amina Muster",
        user_id=found.user.id,
        municipality_id=town[PROVIDER].municipality_id,
        agency=found.actor.agency,
        role=Role.CLERK,
    )
    assert held(found.actor) == ("clerk", PROVIDER)
    assert [view.id for view in found.memberships] == [found.membership_id]


def test_a_made_up_token_is_nobody(database: Database, town: Town) -> None:
    sign_in(database, person("vhs:clerk"))

    for token in ("", "x" * 43):
        assert session_of(database, token) is None


def test_an_idle_session_ends_after_half_an_hour(database: Database, town: Town) -> None:
    assert timedelta(minutes=30) == IDLE_LIMIT
    token = sign_in(database, person("vhs:clerk"))

    assert session_of(database, token, NOW + IDLE_LIMIT) is not None
    later = NOW + 2 * IDLE_LIMIT
    assert session_of(database, token, later) is not None
    assert session_of(database, token, later + IDLE_LIMIT + SECOND) is None
    assert session_of(database, token, later) is None  # the row is gone, not only too old


def test_a_busy_session_ends_after_ten_hours(database: Database, town: Town) -> None:
    assert timedelta(hours=10) == ABSOLUTE_LIMIT
    token = sign_in(database, person("vhs:clerk"))

    now = NOW
    while now <= NOW + ABSOLUTE_LIMIT:
        assert session_of(database, token, now) is not None
        now += timedelta(minutes=25)

    assert session_of(database, token, NOW + ABSOLUTE_LIMIT + SECOND) is None


def test_using_a_session_writes_at_most_once_a_minute(database: Database, town: Town) -> None:
    token = sign_in(database, person("vhs:clerk"))

    def used_at(now: datetime) -> datetime:
        session_of(database, token, now)
        with database.transaction() as session:
            return session.exec(select(SignIn)).one().used_at

    assert used_at(NOW + 59 * SECOND) == NOW
    assert used_at(NOW + 61 * SECOND) == NOW + 61 * SECOND


def test_signing_in_again_makes_another_token_and_signing_out_kills_the_old(
    database: Database, town: Town
) -> None:
    first = sign_in(database, person("vhs:clerk"))
    second = sign_in(database, person("vhs:clerk"))

    with database.transaction() as session:
        id_token = accounts.sign_out(session, actor_of_now(session, first), first, now=NOW)

    assert first != second
    assert id_token == "id.token"
    assert session_of(database, first) is None
    assert session_of(database, second) is not None
    assert happenings(database)[-1] is Happening.SIGN_IN_ENDED


def actor_of_now(session: object, token: str) -> Actor:
    found = accounts.actor_of_sign_in(session, token, now=NOW)  # type: ignore[arg-type]  # a session
    assert found is not None
    return found.actor


def test_signing_out_twice_is_harmless(database: Database, town: Town) -> None:
    with database.transaction() as session:
        assert accounts.sign_out(session, TESTS, "gone", now=NOW) == ""


def test_a_deactivated_person_is_out_at_once_and_cannot_come_back(
    database: Database, town: Town
) -> None:
    token = sign_in(database, person("vhs:clerk"))
    deactivate(database)

    assert session_of(database, token) is None
    assert code_of(lambda: sign_in(database, person("vhs:clerk"))) == "account_deactivated"
    assert code_of(lambda: bearer(database, person("vhs:clerk"))) == "account_deactivated"


def test_a_session_ends_with_the_membership_it_acts_under(database: Database, town: Town) -> None:
    token = sign_in(database, person("vhs:clerk"))
    assert held(actor_of(database, token)) == ("clerk", PROVIDER)
    with database.transaction() as session:
        membership = session.exec(select(Membership)).one()
        accounts.end_membership(session, TESTS, membership, now=NOW + MINUTE)

    assert session_of(database, token, NOW + MINUTE - SECOND) is not None
    assert session_of(database, token, NOW + MINUTE) is None
    again = actor_of(database, sign_in(database, person(), now=NOW + MINUTE), NOW + MINUTE)
    assert (held(again), again.municipality_id) == (("", ""), None)


def test_a_session_does_not_move_on_to_another_membership(database: Database, town: Town) -> None:
    token = sign_in(database, person("vhs:clerk", "abh:clerk"))
    assert held(actor_of(database, token)) == ("clerk", OFFICE)
    with database.transaction() as session:
        office = select(Membership).where(Membership.agency_id == town[OFFICE].id)
        accounts.end_membership(session, TESTS, session.exec(office).one(), now=NOW)

    assert session_of(database, token) is None
    assert held(actor_of(database, sign_in(database, person("vhs:clerk")))) == ("clerk", PROVIDER)


def test_a_session_lives_on_when_another_membership_ends(database: Database, town: Town) -> None:
    token = sign_in(database, person("vhs:clerk", "abh:clerk"))
    with database.transaction() as session:
        other = select(Membership).where(Membership.agency_id == town[PROVIDER].id)
        accounts.end_membership(session, TESTS, session.exec(other).one(), now=NOW)

    assert held(actor_of(database, token)) == ("clerk", OFFICE)


def test_a_session_without_any_role_takes_up_the_first_that_comes(
    database: Database, town: Town
) -> None:
    token = sign_in(database, person())
    assert held(actor_of(database, token)) == ("", "")

    bearer(database, person("vhs:clerk"), now=NOW + MINUTE)

    assert held(actor_of(database, token, NOW)) == ("", "")  # of tomorrow, so to say
    assert held(actor_of(database, token, NOW + MINUTE)) == ("clerk", PROVIDER)
    found = session_of(database, token, NOW + MINUTE)
    assert found is not None
    assert found.membership_id == found.memberships[0].id


def test_nobody_acts_for_an_agency_that_has_closed(database: Database, town: Town) -> None:
    token = sign_in(database, person("vhs:clerk"))
    with database.transaction() as session:
        agencies.by_slug(session, PROVIDER).closed_at = NOW

    assert session_of(database, token) is None
    assert held(actor_of(database, sign_in(database, person("vhs:clerk")))) == ("", "")
    assert held(bearer(database, person("vhs:clerk"))) == ("", "")


def test_a_person_without_any_role_is_signed_in_without_one(database: Database, town: Town) -> None:
    token = sign_in(database, person(name="Kim Muster"))

    found = session_of(database, token)

    assert found is not None
    assert (found.actor.display_name, found.actor.role) == ("Kim Muster", None)
    assert found.memberships == []


# --- Several memberships -------------------------------------------------------------------------


def test_with_several_memberships_the_first_by_name_is_taken_and_all_are_offered(
    database: Database, town: Town
) -> None:
    token = sign_in(database, person("vhs:clerk", "vhs:head", "abh:clerk", "town"))

    found = session_of(database, token)

    assert found is not None
    assert held(found.actor) == ("clerk", OFFICE)
    assert [(view.agency_name, view.role) for view in found.memberships] == [
        ("Auslaenderbehoerde", Role.CLERK),
        ("Vhs-Musterstadt", Role.HEAD),
        ("Vhs-Musterstadt", Role.CLERK),
        ("", Role.COORDINATOR),
    ]


def test_switching_changes_the_agency_of_this_session_only(database: Database, town: Town) -> None:
    token = sign_in(database, person("vhs:clerk", "abh:clerk"))
    other = sign_in(database, person("vhs:clerk", "abh:clerk"))
    found = session_of(database, token)
    assert found is not None

    with database.transaction() as session:
        actor = accounts.switch_agency(session, token, found.memberships[1].id, now=NOW)

    assert held(actor) == held(actor_of(database, token)) == ("clerk", PROVIDER)
    assert held(actor_of(database, other)) == ("clerk", OFFICE)
    assert happenings(database)[-1] is Happening.AGENCY_SWITCHED


def test_switching_to_what_is_not_ones_own_finds_nothing(database: Database, town: Town) -> None:
    token = sign_in(database, person("vhs:clerk"))
    foreign = sign_in(database, person("abh:clerk", subject="jonas"))
    ended = sign_in(database, person("vhs:clerk", "abh:clerk", subject="mira"))
    theirs = session_of(database, foreign)
    both = session_of(database, ended)
    assert theirs is not None
    assert both is not None
    sign_in(database, person("vhs:clerk", subject="mira"), now=NOW + MINUTE)

    def switch(token: str, membership_id: UUID | None) -> object:
        with database.transaction() as session:
            return accounts.switch_agency(
                session, token, membership_id or new_id(), now=NOW + 2 * MINUTE
            )

    for who, what in (
        (token, theirs.membership_id),
        (token, new_id()),
        (ended, both.membership_id),
        ("nobody", theirs.membership_id),
    ):
        with pytest.raises(NotFound):
            switch(who, what)


# --- Claims --------------------------------------------------------------------------------------


def memberships(database: Database) -> list[tuple[str, str, bool]]:
    """Role, source and whether it has ended, oldest first."""
    with database.transaction() as session:
        rows = session.exec(select(Membership).order_by("id")).all()
    return [(row.role.value, row.source.value, row.valid_until is not None) for row in rows]


def test_the_first_sign_in_grants_what_the_claims_say(database: Database, town: Town) -> None:
    sign_in(database, person("vhs:head"))

    assert memberships(database) == [("head", "claim", False)]
    assert happenings(database)[-2:] == [
        Happening.MEMBERSHIP_GRANTED,
        Happening.SIGN_IN_SUCCEEDED,
    ]


def test_signing_in_again_with_the_same_claims_changes_nothing(
    database: Database, town: Town
) -> None:
    for _ in range(3):
        sign_in(database, person("vhs:head"))

    assert memberships(database) == [("head", "claim", False)]


def test_changed_claims_end_what_they_no_longer_say(database: Database, town: Town) -> None:
    sign_in(database, person("vhs:head"))
    sign_in(database, person("vhs:clerk"), now=NOW + MINUTE)
    token = sign_in(database, person("vhs:head"), now=NOW + 2 * MINUTE)

    assert memberships(database) == [
        ("head", "claim", True),
        ("clerk", "claim", True),
        ("head", "claim", False),
    ]
    assert held(actor_of(database, token, NOW + 2 * MINUTE)) == ("head", PROVIDER)


def test_claims_never_end_what_somebody_granted_by_hand(database: Database, town: Town) -> None:
    with database.transaction() as session:
        make_person_actor(session, town[PROVIDER], Role.HEAD, subject="amina")
    sign_in(database, person("vhs:head"))

    token = sign_in(database, person(), now=NOW + MINUTE)

    assert memberships(database) == [("head", "manual", False), ("head", "claim", True)]
    assert held(actor_of(database, token, NOW + MINUTE)) == ("head", PROVIDER)


def test_a_claim_that_is_gone_ends_the_sessions_that_rest_on_it(
    database: Database, town: Town
) -> None:
    token = sign_in(database, person("vhs:clerk"))
    bearer(database, person(), now=NOW + MINUTE)

    assert session_of(database, token, NOW + 2 * MINUTE) is None


def test_the_rules_of_the_file_count_and_not_the_tokens_words(
    database: Database, town: Town
) -> None:
    token = sign_in(database, person("vhs:clerk", "abh:clerk"), rules=[])

    assert held(actor_of(database, token)) == ("", "")


def test_a_rule_for_an_agency_that_is_not_there_grants_nothing(
    database: Database, town: Town
) -> None:
    nowhere = ClaimRule("groups", "x", Role.CLERK, agency="nirgendwo")
    no_town = ClaimRule("groups", "x", Role.AUDITOR, municipality="nirgendwo")

    sign_in(database, person("x"), rules=[nowhere, no_town])

    assert memberships(database) == []


def test_two_rules_for_one_role_grant_it_once(database: Database, town: Town) -> None:
    also = ClaimRule("groups", "team", Role.CLERK, agency=PROVIDER)

    sign_in(database, person("vhs:clerk", "team"), rules=[CLERK_RULE, also])

    assert memberships(database) == [("clerk", "claim", False)]


@pytest.mark.parametrize(
    ("claim", "claims", "matches"),
    [
        ("groups", {"groups": ["a", "staff"]}, True),
        ("groups", {"groups": "staff"}, True),
        ("groups", {"groups": "staff a"}, False),
        ("groups", {"groups": ["STAFF"]}, False),
        ("groups", {"groups": []}, False),
        ("groups", {"groups": None}, False),
        ("groups", {"groups": {"staff": True}}, False),
        ("groups", {"groups": [["staff"]]}, False),
        ("groups", {}, False),
        ("realm_access.roles", {"realm_access": {"roles": ["staff"]}}, True),
        ("realm_access.roles", {"realm_access": {"roles": "staff"}}, True),
        ("realm_access.roles", {"realm_access": ["roles"]}, False),
        ("realm_access.roles", {"realm_access": "staff"}, False),
        ("realm_access.roles", {}, False),
        ("https://town.example/groups", {"https://town.example/groups": ["staff"]}, True),
    ],
)
def test_a_claim_matches_alone_in_a_list_or_deeper(
    claim: str, claims: dict[str, object], matches: bool
) -> None:
    assert ClaimRule(claim, "staff", Role.CLERK, agency=PROVIDER).matches(claims) is matches


def test_a_person_is_issuer_and_subject_and_never_an_address(
    database: Database, town: Town
) -> None:
    sign_in(database, person("vhs:head", email="a@x.example"))
    elsewhere = Identity("https://other.example", "amina", {"email": "a@x.example"})
    token = sign_in(database, elsewhere)

    assert held(actor_of(database, token)) == ("", "")
    with database.transaction() as session:
        assert len(session.exec(select(User)).all()) == 2


def test_a_new_name_is_taken_over_and_an_odd_one_is_not(database: Database, town: Town) -> None:
    for name, shown in (
        ("Amina Muster", "Amina Muster"),
        ("Amina Probe", "Amina Probe"),
        (["x"], "Amina Probe"),
        ("", "Amina Probe"),
        ("x" * 300, "x" * 200),
    ):
        token = sign_in(database, person("vhs:clerk", name=name))
        assert actor_of(database, token).display_name == shown


def test_many_first_calls_at_once_make_one_person_with_one_membership(
    database: Database, town: Town
) -> None:
    start = threading.Barrier(6)

    def call(_: int) -> tuple[str, str]:
        start.wait(10)
        return held(bearer(database, person("vhs:clerk")))

    with ThreadPoolExecutor(6) as threads:
        results = list(threads.map(call, range(6)))

    assert results == [("clerk", PROVIDER)] * 6
    assert memberships(database) == [("clerk", "claim", False)]


def test_signing_in_anew_and_calling_at_once_do_not_block_each_other(
    database: Database, town: Town
) -> None:
    tokens = [sign_in(database, person("vhs:clerk")) for _ in range(8)]
    start = threading.Barrier(4)

    def work(number: int) -> None:
        start.wait(10)
        for token in tokens[number::2]:
            if number < 2:
                with database.transaction() as session:
                    accounts.sign_in(session, person("vhs:clerk"), RULES, replacing=token, now=NOW)
            else:
                bearer(database, person("vhs:clerk"))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))

    assert [session_of(database, token) for token in tokens] == [None] * 8


def test_sessions_nobody_came_back_to_are_cleared_away(database: Database, town: Town) -> None:
    sign_in(database, person("vhs:clerk"))
    begin(database, "state", now=NOW + accounts.IDLE_LIMIT + timedelta(minutes=1))

    with database.transaction() as session:
        assert session.exec(select(accounts.SignIn)).all() == []


# --- Bearer calls --------------------------------------------------------------------------------


def program(client_id: str = PROVIDER, issuer: str = ISSUER) -> Identity:
    return Identity(issuer, client_id, {"groups": ["abh:clerk"]}, client_id=client_id)


@pytest.fixture
def service(database: Database, town: Town) -> ServiceAccount:
    with database.transaction() as session:
        return make_service_account(session, town[PROVIDER])


def test_a_program_is_a_clerk_of_its_agency(database: Database, service: ServiceAccount) -> None:
    actor = bearer(database, program())

    assert (actor.kind, actor.service_account_id) == (ActorKind.SERVICE, service.id)
    assert (actor.user_id, held(actor)) == (None, ("clerk", PROVIDER))
    assert held(bearer(database, program(), agency=PROVIDER)) == ("clerk", PROVIDER)
    with database.transaction() as session:
        assert session.exec(select(User)).all() == []


@pytest.mark.parametrize(
    "identity", [program("unknown"), program(issuer="https://other.example"), program("amina")]
)
def test_an_unknown_program_is_refused(
    database: Database, service: ServiceAccount, identity: Identity
) -> None:
    assert code_of(lambda: bearer(database, identity)) == "service_unknown"


def test_a_program_whose_account_ended_is_refused(
    database: Database, service: ServiceAccount
) -> None:
    with database.transaction() as session:
        session.get_one(ServiceAccount, service.id).ended_at = NOW

    assert code_of(lambda: bearer(database, program())) == "service_unknown"


def test_a_program_of_a_closed_agency_is_refused(
    database: Database, service: ServiceAccount
) -> None:
    with database.transaction() as session:
        agencies.by_slug(session, PROVIDER).closed_at = NOW

    assert code_of(lambda: bearer(database, program())) == "service_unknown"


def test_a_program_acts_for_no_other_agency(database: Database, service: ServiceAccount) -> None:
    assert code_of(lambda: bearer(database, program(), agency=OFFICE)) == "agency_not_yours"


UUID_OF_PROGRAM = "5f6c0d2e-0000-4000-8000-1a2b3c4d5e6f"


@pytest.fixture
def keycloaks(database: Database, town: Town) -> ServiceAccount:
    """A program whose tokens carry another subject than the client id."""
    with database.transaction() as session:
        return accounts.create_service_account(
            session,
            TESTS,
            issuer=ISSUER,
            client_id=PROVIDER,
            subject=UUID_OF_PROGRAM,
            agency=town[PROVIDER],
            now=NOW,
        )


def token_of(subject: str, client_id: str = PROVIDER, **claims: object) -> Identity:
    """An access token as Keycloak makes it, for people and programs alike."""
    return Identity(ISSUER, subject, {"groups": ["abh:clerk"], **claims}, client_id=client_id)


def test_a_program_is_known_by_the_subject_written_down_for_it(
    database: Database, keycloaks: ServiceAccount
) -> None:
    actor = bearer(database, token_of(UUID_OF_PROGRAM))

    assert (actor.kind, actor.service_account_id) == (ActorKind.SERVICE, keycloaks.id)
    assert (actor.user_id, held(actor)) == (None, ("clerk", PROVIDER))


@pytest.mark.parametrize(
    "identity",
    [
        token_of(UUID_OF_PROGRAM, "another-client"),
        token_of(UUID_OF_PROGRAM, ""),
        token_of(PROVIDER),
        token_of("another", preferred_username="service-account-" + PROVIDER),
    ],
    ids=["another client", "no client", "the client id itself", "Keycloak's name for it"],
)
def test_what_is_not_exactly_the_program_is_neither_it_nor_a_person(
    database: Database, keycloaks: ServiceAccount, identity: Identity
) -> None:
    assert code_of(lambda: bearer(database, identity)) == "service_unknown"
    with database.transaction() as session:
        assert session.exec(select(User)).all() == []


@pytest.mark.parametrize(
    "name", ["", "amina", PROVIDER, "service-account-another", "service-account-"]
)
def test_a_person_who_uses_the_programs_client_never_becomes_the_program(
    database: Database, keycloaks: ServiceAccount, name: str
) -> None:
    actor = bearer(database, token_of("amina", preferred_username=name))

    assert (actor.kind, held(actor)) == (ActorKind.PERSON, ("clerk", OFFICE))


def test_a_program_that_ended_does_not_come_back_as_a_person(
    database: Database, keycloaks: ServiceAccount
) -> None:
    with database.transaction() as session:
        session.get_one(ServiceAccount, keycloaks.id).ended_at = NOW

    assert code_of(lambda: bearer(database, token_of(UUID_OF_PROGRAM))) == "service_unknown"


def test_a_subject_belongs_to_one_program_and_to_no_person(
    database: Database, town: Town, keycloaks: ServiceAccount
) -> None:
    sign_in(database, person("vhs:clerk", subject="amina"))
    sign_in(database, person(subject="kim"))

    def let_in(client_id: str, subject: str) -> str:
        with database.transaction() as session:
            return accounts.create_service_account(
                session,
                TESTS,
                issuer=ISSUER,
                client_id=client_id,
                subject=subject,
                agency=town[OFFICE],
                now=NOW,
            ).subject

    for subject in (UUID_OF_PROGRAM, "amina"):
        assert code_of(partial(let_in, "other", subject)) == "service_subject_taken"
    assert let_in("other", "kim") == "kim"  # called before it was let in, and has no role
    assert let_in("plain", "plain") == ""


def test_a_person_is_not_taken_for_a_program_of_the_same_client(
    database: Database, service: ServiceAccount
) -> None:
    identity = Identity(ISSUER, "amina", {"groups": ["abh:clerk"]}, client_id=PROVIDER)

    assert held(bearer(database, identity)) == ("clerk", OFFICE)


@pytest.mark.parametrize(
    ("groups", "agency", "result"),
    [
        (["vhs:clerk"], "", "clerk vhs-musterstadt"),
        (["vhs:clerk"], PROVIDER, "clerk vhs-musterstadt"),
        (["vhs:clerk"], OFFICE, "agency_not_yours"),
        (["vhs:clerk"], "nirgendwo", "agency_not_yours"),
        (["vhs:clerk", "abh:clerk"], "", "agency_ambiguous"),
        (["vhs:clerk", "abh:clerk"], OFFICE, "clerk auslaenderbehoerde"),
        (["vhs:clerk", "abh:clerk"], "jobcenter", "agency_not_yours"),
        (["vhs:clerk", "vhs:head"], "", "head vhs-musterstadt"),
        (["vhs:clerk", "town"], "", "agency_ambiguous"),
        (["vhs:clerk", "town"], PROVIDER, "clerk vhs-musterstadt"),
        (["town"], "", "coordinator "),
        (["town"], PROVIDER, "agency_not_yours"),
        ([], "", " "),
        ([], PROVIDER, "agency_not_yours"),
    ],
)
def test_a_bearer_call_acts_for_one_agency(
    database: Database, town: Town, groups: list[str], agency: str, result: str
) -> None:
    try:
        found = " ".join(held(bearer(database, person(*groups), agency=agency)))
    except Forbidden as refused:
        found = refused.code

    assert found == result


def test_a_coordinator_of_two_towns_is_ambiguous(database: Database, town: Town) -> None:
    with database.transaction() as session:
        make_municipality(session, "beispielstadt")
    both = [TOWN_RULE, ClaimRule("groups", "town", Role.COORDINATOR, municipality="beispielstadt")]

    assert code_of(lambda: bearer(database, person("town"), rules=both)) == "agency_ambiguous"


# --- By hand -------------------------------------------------------------------------------------


def test_a_role_can_be_given_before_the_first_sign_in(database: Database, town: Town) -> None:
    with database.transaction() as session:
        make_person_actor(session, town[PROVIDER], Role.COORDINATOR, subject="ines")

    token = sign_in(database, person(subject="ines", name="Ines Muster"))

    assert held(actor_of(database, token)) == ("coordinator", "")
    assert actor_of(database, token).municipality_id == town[PROVIDER].municipality_id
    assert memberships(database) == [("coordinator", MembershipSource.MANUAL, False)]


def test_names_are_found_by_id(database: Database, town: Town) -> None:
    token = sign_in(database, person("vhs:clerk", name="Amina Muster"))
    user_id = actor_of(database, token).user_id
    with database.transaction() as session:
        account = make_service_account(session, town[PROVIDER])
        session.flush()

        assert accounts.names_of(session, [user_id, None, new_id()]) == {user_id: "Amina Muster"}
        assert accounts.services_of(session, [account.id, None]) == {account.id: PROVIDER}
        assert accounts.names_of(session, []) == {}


def test_deleting_a_person_ends_sessions_and_roles_and_keeps_documents(
    database: Database, town: Town
) -> None:
    token = sign_in(database, person("vhs:clerk"))
    actor = actor_of(database, token)
    with database.transaction() as session:
        document_id = make_document(session, actor)
        session.delete(session.get_one(User, actor.user_id))

    assert session_of(database, token) is None
    assert memberships(database) == []
    with database.transaction() as session:
        assert session.get_one(Document, document_id).sent_by_user_id is None
