"""The second lock: what PostgreSQL itself lets a transaction reach, whatever the query asks for."""

import random
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.exc import ProgrammingError
from sqlmodel import select
from tests.factories import (
    JOBCENTER,
    NOW,
    OFFICE,
    PROVIDER,
    TODAY,
    make_agency,
    make_document,
    make_municipality,
    make_person_actor,
    make_stored,
    make_town,
    within,
)
from tests.servers import PostgresServer

from kursdocs.adapters.database import Database
from kursdocs.catalogue import AgencyKind, FollowUpClock
from kursdocs.core import audit, scopes
from kursdocs.core.access import Actor
from kursdocs.core.audit import Happening
from kursdocs.core.documents.tables import Delivery, Document, IdempotencyKey
from kursdocs.core.drafts.tables import Draft
from kursdocs.core.follow_ups.tables import FollowUp
from kursdocs.core.requests.tables import PaperRequest
from kursdocs.core.scopes import Reach, Scope
from kursdocs.core.tables import metadata
from kursdocs.core.workdays import local_moment

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)

SPRACHWERK = "sprachwerk"
LOCKED = (
    "document",
    "delivery",
    "search_token",
    "draft",
    "idempotency_key",
    "paper_request",
    "follow_up",
    "audit_event",
)
OPEN = {
    # Places, people and sign-ins, which are read to find out who asks in the first place.
    "municipality municipality_closing municipality_pace agency agency_pace agency_pause",
    "app_user membership service_account sign_in sign_in_attempt invitation instruction",
    # Counts and times: no person, no paper.
    "outbox_mail reminder",
    # The installation's own.
    "installation heartbeat check_run audit_head audit_leaf audit_checkpoint",
}


@dataclass(frozen=True)
class Town:
    """A paper of the provider for the immigration office with all that hangs on it; agencies."""

    agencies: Mapping[str, UUID]
    municipality: UUID
    elsewhere: UUID
    document: UUID
    clerk: Actor

    def scope(self, slug: str) -> Scope:
        return Scope(Reach.AGENCY, self.agencies[slug])


@pytest.fixture
def town(database: Database) -> Town:
    with database.transaction() as session:
        agencies = make_town(session)
        clerk = make_person_actor(session, agencies[PROVIDER])
        document = make_document(session, clerk, OFFICE)
        delivery = session.exec(select(Delivery)).one()
        provider, office = agencies[PROVIDER], agencies[OFFICE]
        assert clerk.user_id is not None
        session.add_all(
            [
                draft(provider.id, clerk.user_id),
                idempotency_key(provider.id, document),
                PaperRequest(
                    kind="registration_confirmation_ik",
                    municipality_id=office.municipality_id,
                    requester_agency_id=office.id,
                    provider_agency_id=provider.id,
                    due_on=TODAY,
                    created_at=NOW,
                ),
                FollowUp(
                    municipality_id=office.municipality_id,
                    agency_id=office.id,
                    document_id=document,
                    delivery_id=delivery.id,
                    clock=next(iter(FollowUpClock)),
                    rule="any",
                    opens_on=TODAY,
                    due_on=TODAY,
                    created_at=NOW,
                ),
            ]
        )
        other = make_municipality(session, "beispielstadt")
        return Town(
            agencies={slug: agency.id for slug, agency in agencies.items()},
            municipality=office.municipality_id,
            elsewhere=other.id,
            document=document,
            clerk=clerk,
        )


def draft(agency_id: UUID, user_id: UUID) -> Draft:
    return Draft(
        user_id=user_id,
        agency_id=agency_id,
        object_name=make_stored().object_name,
        created_at=NOW,
        expires_at=local_moment(TODAY, 23),
    )


def idempotency_key(agency_id: UUID, document_id: UUID) -> IdempotencyKey:
    return IdempotencyKey(
        agency_id=agency_id,
        key="once",
        content_hash="0" * 64,
        document_id=document_id,
        created_at=NOW,
    )


def do(database: Database, scope: Scope, statement: str, **values: object) -> int:
    """How many rows the statement reaches in that scope."""

    def execute() -> int:
        with database.transaction() as session:
            found = session.connection().execute(sa.text(statement), values)
            return len(found.all()) if found.returns_rows else found.rowcount

    return within(scope, execute)


def reached(database: Database, scope: Scope) -> dict[str, int]:
    """How many rows of each locked table a query without any condition finds."""
    return {table: do(database, scope, f"SELECT 1 FROM {table}") for table in LOCKED}  # noqa: S608


def everything_of(database: Database) -> dict[str, int]:
    found = reached(database, scopes.EVERYTHING)
    assert all(found.values()), f"nothing to protect: {found}"
    return found


# ── Who reaches what ─────────────────────────────────────────────────────────────────────────


def test_every_table_is_locked_or_deliberately_open(database: Database) -> None:
    left_open = set(" ".join(OPEN).split())

    assert {table.name for table in metadata.sorted_tables} == left_open | set(LOCKED)
    assert do(
        database,
        scopes.EVERYTHING,
        "SELECT 1 FROM pg_class WHERE relrowsecurity AND relforcerowsecurity",
    ) == len(LOCKED)


def test_nobody_reaches_nothing(database: Database, town: Town) -> None:
    everything_of(database)

    assert set(reached(database, scopes.NOBODY).values()) == {0}
    assert set(reached(database, Scope(Reach.AGENCY)).values()) == {0}


def test_whoever_tells_no_scope_reaches_nothing(database: Database, town: Town) -> None:
    plain = database.engine.url.set(drivername="postgresql").render_as_string()
    with psycopg.connect(plain) as connection:
        found = [connection.execute(f"SELECT 1 FROM {table}").rowcount for table in LOCKED]  # noqa: S608

    assert set(found) == {0}


def test_a_stranger_reaches_nothing_of_a_paper(database: Database, town: Town) -> None:
    everything_of(database)

    assert set(reached(database, town.scope(SPRACHWERK)).values()) == {0}


def test_sender_and_recipient_reach_the_paper_with_all_that_hangs_on_it(
    database: Database, town: Town
) -> None:
    everything = everything_of(database)
    own = {"draft": 0, "idempotency_key": 0}
    sender, recipient = (reached(database, town.scope(slug)) for slug in (PROVIDER, OFFICE))

    # In the log there is more than that: how the town was made.
    log = do(
        database,
        scopes.EVERYTHING,
        "SELECT 1 FROM audit_event WHERE document_id = :id OR agency_id = :agency",
        id=town.document,
        agency=town.agencies[PROVIDER],
    )
    assert sender == {**everything, "audit_event": log}
    assert recipient == {**everything, **own, "audit_event": 1}


def test_a_town_reads_its_own_and_changes_nothing(database: Database, town: Town) -> None:
    everything = everything_of(database)
    # What finds a paper, and what is not sent yet, is nothing to count.
    hidden = {"search_token": 0, "draft": 0, "idempotency_key": 0}
    own, other = Scope(Reach.TOWN, town.municipality), Scope(Reach.TOWN, town.elsewhere)
    seen = reached(database, own)

    assert 0 < seen["audit_event"] < everything["audit_event"]
    assert seen == {**everything, **hidden, "audit_event": seen["audit_event"]}
    assert {**reached(database, other), "audit_event": 0} == dict.fromkeys(LOCKED, 0)
    assert do(database, own, "UPDATE document SET family_name = 'Beispiel'") == 0
    assert do(database, own, "DELETE FROM search_token") == 0
    with pytest.raises(ProgrammingError, match="row-level security"):
        do(database, own, COPY_DOCUMENT)


def test_the_system_reads_everything_and_changes_nothing(database: Database, town: Town) -> None:
    assert reached(database, scopes.SYSTEM) == everything_of(database)
    for table in LOCKED[:-1]:
        assert do(database, scopes.SYSTEM, f"DELETE FROM {table}") == 0  # noqa: S608
    with pytest.raises(ProgrammingError, match="row-level security"):
        do(database, scopes.SYSTEM, COPY_DOCUMENT)


# ── Changing ─────────────────────────────────────────────────────────────────────────────────

COPY_DOCUMENT = (
    "INSERT INTO document (id, kind, state, municipality_id, sender_agency_id, family_name,"
    " given_names, fields, is_copy, original_at, object_name, received_sha256, sha256,"
    " stored_sha256, byte_size, page_count, created_at, end_reason)"
    " SELECT gen_random_uuid(), 'x', 'pending', municipality_id, id, '', '', '{}', true, '',"
    " md5(random()::text), '', '', '', 0, 0, now(), '' FROM agency WHERE slug = 'vhs-musterstadt'"
)


def test_nobody_changes_what_is_of_others(database: Database, town: Town) -> None:
    stranger = town.scope(SPRACHWERK)

    for table in LOCKED[:-1]:
        assert do(database, stranger, f"DELETE FROM {table}") == 0  # noqa: S608
    assert do(database, stranger, "UPDATE document SET family_name = 'Beispiel'") == 0
    assert do(database, stranger, "UPDATE paper_request SET family_name = 'Beispiel'") == 0
    assert do(database, stranger, "SELECT 1 FROM delivery FOR UPDATE") == 0


def test_nobody_sends_in_the_name_of_others(database: Database, town: Town) -> None:
    assert do(database, town.scope(PROVIDER), COPY_DOCUMENT) == 1
    for scope in (town.scope(SPRACHWERK), town.scope(OFFICE), scopes.NOBODY):
        with pytest.raises(ProgrammingError, match="row-level security"):
            do(database, scope, COPY_DOCUMENT)


def test_nobody_addresses_a_paper_of_others_to_themselves(database: Database, town: Town) -> None:
    to_us = (
        "INSERT INTO delivery (id, document_id, sender_agency_id, recipient_agency_id, ground,"
        " need, state, due_on, return_reason) VALUES (gen_random_uuid(), :document, :sender, :us,"
        " '', 'none', 'new', '2026-11-30', '')"
    )
    ids = {"document": town.document, "sender": town.agencies[PROVIDER]}

    for slug in (SPRACHWERK, JOBCENTER):
        with pytest.raises(ProgrammingError, match="row-level security"):
            do(database, town.scope(slug), to_us, us=town.agencies[slug], **ids)
    assert do(database, town.scope(OFFICE), to_us, us=town.agencies[JOBCENTER], **ids) == 1
    assert do(database, town.scope(JOBCENTER), "SELECT 1 FROM document") == 1


def test_a_paper_cannot_be_given_away_with_its_row(database: Database, town: Town) -> None:
    theirs = {"other": town.agencies[SPRACHWERK]}

    with pytest.raises(ProgrammingError, match="row-level security"):
        do(
            database,
            town.scope(PROVIDER),
            "UPDATE draft SET agency_id = :other",
            **theirs,
        )


def test_everybody_adds_to_the_log_and_reads_what_is_theirs(database: Database, town: Town) -> None:
    def note() -> None:
        with database.transaction() as session:
            audit.record(session, town.clerk, Happening.SENT_LISTED, now=NOW, count=1)

    before = do(database, town.scope(PROVIDER), "SELECT 1 FROM audit_event")
    others = reached(database, town.scope(OFFICE))["audit_event"]
    for scope in (scopes.NOBODY, scopes.SYSTEM, town.scope(SPRACHWERK), town.scope(PROVIDER)):
        within(scope, note)

    assert do(database, town.scope(PROVIDER), "SELECT 1 FROM audit_event") == before + 4
    assert reached(database, town.scope(OFFICE))["audit_event"] == others
    with database.transaction() as session:
        assert audit.verify(session) is None


def test_a_deed_reaches_further_only_where_the_code_says_so(database: Database, town: Town) -> None:
    def deed() -> tuple[int, int, int]:
        with database.transaction() as session:
            before = len(session.exec(select(Document.id)).all())
            with scopes.reaching_everything(session):
                within_it = len(session.exec(select(Document.id)).all())
            return before, within_it, len(session.exec(select(Document.id)).all())

    assert within(town.scope(SPRACHWERK), deed) == (0, 1, 0)


# ── Connections that many share ──────────────────────────────────────────────────────────────


def test_a_scope_ends_with_its_transaction(database: Database, town: Town) -> None:
    pids = set()

    def look() -> int:
        with database.transaction() as session:
            pids.add(session.scalar(sa.text("SELECT pg_backend_pid()")))
            return len(session.exec(select(Document.id)).all())

    seen = [within(scope, look) for scope in (town.scope(OFFICE), scopes.NOBODY, scopes.EVERYTHING)]

    assert len(pids) == 1, "the pool gave another connection: this shows nothing"
    assert seen == [1, 0, 1]


def test_a_scope_is_told_anew_after_a_failure(database: Database, town: Town) -> None:
    def fail() -> None:
        with pytest.raises(ProgrammingError), database.transaction() as session:
            session.execute(sa.text("SELECT 1 / 0 FROM nowhere"))

    within(scopes.EVERYTHING, fail)

    assert do(database, town.scope(SPRACHWERK), "SELECT 1 FROM document") == 0


@pytest.fixture
def crowd(database: Database) -> Mapping[UUID, UUID]:
    """Eight providers with one paper each: agency and paper."""
    with database.transaction() as session:
        make_town(session)
        agencies = [
            make_agency(session, f"kt-{number}", AgencyKind.COURSE_PROVIDER) for number in range(8)
        ]
        session.flush()
        return {
            agency.id: make_document(session, make_person_actor(session, agency), OFFICE)
            for agency in agencies
        }


def test_of_1200_switches_on_shared_connections_none_shows_a_foreign_row(
    database: Database, crowd: Mapping[UUID, UUID]
) -> None:
    chance = random.Random(5)  # noqa: S311 - the same order each time
    turns = [chance.choice(list(crowd)) for _ in range(1_200)]

    def look(agency_id: UUID) -> bool:
        def mine() -> bool:
            with database.transaction() as session:
                return list(session.exec(select(Document.id))) == [crowd[agency_id]]

        return within(Scope(Reach.AGENCY, agency_id), mine)

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(look, turns))


# ── What would be no lock at all ─────────────────────────────────────────────────────────────


def test_an_owner_without_privileges_is_held_by_the_lock(database: Database) -> None:
    assert database.missing_lock() == ""


@pytest.mark.parametrize("privilege", ["SUPERUSER", "BYPASSRLS"])
def test_a_role_that_passes_by_the_lock_is_named(
    database: Database, postgres: PostgresServer, privilege: str
) -> None:
    name = f"mighty_{privilege.lower()}"
    may = {"SUPERUSER": sql.SQL("SUPERUSER"), "BYPASSRLS": sql.SQL("BYPASSRLS")}[privilege]
    postgres.execute(sql.SQL("CREATE ROLE {} LOGIN {}").format(sql.Identifier(name), may))
    mighty = Database(database.engine.url.set(username=name).render_as_string(hide_password=False))
    try:
        assert mighty.missing_lock().startswith(f"the role '{name}' passes by row-level security")
    finally:
        mighty.close()
        postgres.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.mark.parametrize("deed", ["DISABLE", "NO FORCE"])
def test_a_table_whose_lock_was_taken_off_is_named(database: Database, deed: str) -> None:
    back = {"DISABLE": "ENABLE", "NO FORCE": "FORCE"}[deed]
    do(database, scopes.EVERYTHING, f"ALTER TABLE draft {deed} ROW LEVEL SECURITY")
    try:
        assert "off for draft" in database.missing_lock()
    finally:
        do(database, scopes.EVERYTHING, f"ALTER TABLE draft {back} ROW LEVEL SECURITY")


def test_whoever_reads_past_the_policies_fails_instead_of_missing_rows(
    database: Database, town: Town
) -> None:
    """As ``pg_dump`` does it: a copy that the lock would thin out must not look whole."""
    with pytest.raises(ProgrammingError, match="row-level security policy"):
        do(database, scopes.EVERYTHING, "SET LOCAL row_security = off; SELECT 1 FROM document")
