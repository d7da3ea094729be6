"""The main database on both kinds: its schema, what it guards by itself, and how it fails."""

import multiprocessing
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError
from sqlmodel import select
from tests.factories import (
    JOBCENTER,
    NOW,
    OFFICE,
    PROVIDER,
    make_document,
    make_municipality,
    make_person_actor,
    make_town,
)
from tests.servers import PostgresServer, free_port

from kursdocs.adapters.database import Database, DatabaseUnavailable, migrate, migrate_hidden
from kursdocs.core.agencies import Agency, Municipality
from kursdocs.core.documents.tables import Delivery, Document, DocumentState
from kursdocs.core.errors import NotFound
from kursdocs.core.ports import Schema
from kursdocs.core.tables import metadata, new_id

MAIL = (
    "INSERT INTO outbox_mail"
    " (id, dedupe, address, created_at, due_at, lapses_at, attempts, last_error)"
    " VALUES ('01980000000070008000000000000000', 'x', 'post@town.example', '2026-03-04',"
    " '2026-03-04', '{lapses}', {attempts}, '')"
)


def migrate_at(url: str) -> None:
    """Open, migrate, close: what one process does when it starts."""
    database = Database(url)
    try:
        migrate(database)
    finally:
        database.close()


@pytest.fixture
def empty(database_url: str) -> Iterator[Database]:
    """A database without a schema."""
    opened = Database(database_url)
    yield opened
    opened.close()


# --- The schema ----------------------------------------------------------------------------------


def test_migrating_twice_changes_nothing(empty: Database) -> None:
    assert empty.schema() is Schema.BEHIND
    migrate(empty)
    with empty.transaction() as session:
        make_municipality(session)
    migrate(empty)

    assert empty.schema() is Schema.CURRENT
    with empty.transaction() as session:
        assert len(session.exec(select(Municipality)).all()) == 1


def test_several_processes_may_migrate_at_once(database_url: str) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=migrate_at, args=(database_url,)) for _ in range(3)]

    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert [process.exitcode for process in processes] == [0, 0, 0]
    opened = Database(database_url)
    assert opened.schema() is Schema.CURRENT
    opened.close()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("is_restored", [False, True])
def test_a_large_database_has_the_time_to_be_migrated(
    database: Database, monkeypatch: pytest.MonkeyPatch, is_restored: bool
) -> None:
    """A change of all rows takes longer than any statement of a request may."""
    said: list[str] = []

    def look(config: Config, _: str) -> None:
        connection: sa.Connection = config.attributes["connection"]
        for setting in ("statement_timeout", "lock_timeout"):
            said.append(connection.scalar(sa.text(f"SHOW {setting}")) or "")
        raise OperationalError("that is all", None, Exception())

    monkeypatch.setattr(command, "upgrade", look)
    with pytest.raises(DatabaseUnavailable):
        migrate_hidden(database, "0001") if is_restored else migrate(database)

    assert said == ["0", "15s"]
    with database.transaction() as session:
        assert session.scalar(sa.text("SHOW statement_timeout")) == "15s"


def test_a_schema_of_a_newer_version_is_refused_with_a_sentence(empty: Database) -> None:
    migrate(empty)
    with empty.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    assert empty.schema() is Schema.AHEAD
    with pytest.raises(ValueError, match=r"cannot be brought to this version: .*9999"):
        migrate(empty)


def test_only_migrating_makes_the_file_of_an_sqlite_database(tmp_path: Path) -> None:
    opened = Database(f"sqlite:///{tmp_path / 'nowhere' / 'main.sqlite'}")

    assert opened.schema() is Schema.BEHIND
    with pytest.raises(DatabaseUnavailable):
        opened.check()
    assert list(tmp_path.iterdir()) == []

    migrate(opened)
    assert opened.schema() is Schema.CURRENT
    assert (tmp_path / "nowhere" / "main.sqlite").stat().st_mode & 0o077 == 0
    opened.close()


def test_the_connections_in_use_are_counted(database: Database) -> None:
    before = database.pool()
    with database.transaction() as session:
        session.execute(sa.text("SELECT 1"))
        during = database.pool()

    assert (before.in_use, during.in_use, database.pool().in_use) == (0, 1, 0)
    assert during.open >= 1
    assert during.limit >= 20


def is_of_code(name: str | None, kind: str, parents: object) -> bool:
    """All but the table at which only the policies of PostgreSQL look."""
    return (kind, name) != ("table", "document_party")


def test_migrated_tables_are_those_of_the_code(database: Database) -> None:
    with database.engine.connect() as connection:
        options = {"compare_type": True, "include_name": is_of_code}
        context = MigrationContext.configure(connection, opts=options)
        differences = compare_metadata(context, metadata)

    assert differences == []


def test_constraints_have_the_names_and_effects_of_the_code(database: Database) -> None:
    inspector = sa.inspect(database.engine)

    for table in metadata.sorted_tables:
        name = table.name
        assert inspector.get_pk_constraint(name)["name"] == table.primary_key.name
        assert {c["name"] for c in inspector.get_check_constraints(name)} == names(
            table, sa.CheckConstraint
        )
        assert {c["name"] for c in inspector.get_unique_constraints(name)} == names(
            table, sa.UniqueConstraint
        )
        assert {
            (c["name"], c["options"].get("ondelete")) for c in inspector.get_foreign_keys(name)
        } == {(str(fk.name), fk.ondelete) for fk in table.foreign_key_constraints}
        assert {index["name"] for index in inspector.get_indexes(name)} >= {
            index.name for index in table.indexes
        }


def names(table: sa.Table, of: type[sa.Constraint]) -> set[str]:
    """The constraints' names as the naming convention makes them."""
    prepare = SQLiteDialect().identifier_preparer
    return {
        prepare.format_constraint(constraint) or ""
        for constraint in table.constraints
        if isinstance(constraint, of)
    }


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_checks_say_what_the_code_says(database: Database) -> None:
    """Alembic does not compare them, so that a longer closed list would pass unseen."""
    inspector = sa.inspect(database.engine)

    for table in metadata.sorted_tables:
        checks = [c for c in table.constraints if isinstance(c, sa.CheckConstraint)]
        assert {check["sqltext"] for check in inspector.get_check_constraints(table.name)} == {
            str(check.sqltext) for check in checks
        }


# --- What the database guards by itself ----------------------------------------------------------


@pytest.fixture
def sent(database: Database) -> UUID:
    """A document of the provider, delivered to the immigration office."""
    with database.transaction() as session:
        clerk = make_person_actor(session, make_town(session)[PROVIDER])
        return make_document(session, clerk, OFFICE)


def execute(database: Database, statement: str, **values: object) -> None:
    """As somebody with a database client, past the domain."""
    with database.engine.begin() as connection:
        connection.execute(sa.text(statement), values)


def agency_id(database: Database, slug: str) -> UUID:
    with database.transaction() as session:
        return session.exec(select(Agency.id).where(Agency.slug == slug)).one()


def stored(database: Database, value: UUID) -> object:
    """An id as the database holds it."""
    return value.hex if database.is_sqlite else value


def test_deleting_a_user_leaves_the_documents(database: Database, sent: UUID) -> None:
    execute(database, "DELETE FROM app_user")

    with database.transaction() as session:
        document = session.get_one(Document, sent)
        assert (document.sent_by_user_id, document.family_name) == (None, "Mustermann-Öztürk")


# What must not be, and the constraint that says so (SQLite does not name foreign and unique keys).
REFUSED = (
    ("DELETE FROM agency WHERE slug = 'vhs-musterstadt'", ""),
    ("DELETE FROM agency WHERE slug = 'auslaenderbehoerde'", ""),
    ("DELETE FROM municipality", ""),
    ("DELETE FROM document", ""),
    (
        "UPDATE delivery SET sender_agency_id = (SELECT id FROM agency WHERE slug = 'sprachwerk')",
        "",
    ),
    ("UPDATE agency SET slug = 'same'", ""),
    ("UPDATE delivery SET recipient_agency_id = sender_agency_id", "delivery_not_to_oneself"),
    ("UPDATE delivery SET state = 'lost'", "delivery_state_known"),
    ("UPDATE delivery SET state = 'taken_over'", "delivery_taken_over_has_time"),
    ("UPDATE delivery SET taken_over_at = delivered_at", "delivery_taken_over_has_time"),
    ("UPDATE delivery SET state = 'returned'", "delivery_returned_has_time"),
    (
        "UPDATE delivery SET state = 'returned', returned_at = delivered_at, delivered_at = NULL",
        "delivery_settled_after_delivery",
    ),
    ("UPDATE document SET state = 'somewhere'", "document_state_known"),
    ("UPDATE document SET state = 'withdrawn'", "document_withdrawn_has_time"),
    ("UPDATE document SET withdrawn_at = created_at", "document_withdrawn_has_time"),
    ("UPDATE document SET stored_at = NULL", "document_stored_when_kept"),
    ("UPDATE document SET byte_size = -1", "document_sizes_not_negative"),
    ("UPDATE document SET release_form = NULL", "document_release_whole"),
    ("UPDATE document SET release_form = 'by_pigeon'", "document_release_form_known"),
    ("UPDATE agency SET kind = 'police'", "agency_kind_known"),
    ("UPDATE membership SET role = 'guest', agency_id = NULL", "membership_role_known"),
    ("UPDATE membership SET role = 'auditor'", "membership_agency_by_role"),
    ("UPDATE membership SET agency_id = NULL", "membership_agency_by_role"),
    ("UPDATE membership SET source = 'dream'", "membership_source_known"),
    ("UPDATE membership SET valid_until = '2020-01-01 00:00:00'", "membership_ends_after_start"),
    ("UPDATE agency SET digest_hour = 3", "agency_digest_hour_by_day"),
    (MAIL.format(lapses="2026-03-05", attempts=-1), "outbox_mail_attempts_not_negative"),
    (MAIL.format(lapses="2026-03-01", attempts=0), "outbox_mail_lapses_later"),
    ("INSERT INTO audit_head (id, seq, hash) VALUES (2, 0, '')", "audit_head_single"),
)


def test_what_must_not_be_is_refused_by_the_database(database: Database, sent: UUID) -> None:
    for statement, constraint in REFUSED:
        with pytest.raises(IntegrityError, match=f"ck_{constraint}" if constraint else None):
            execute(database, statement)

    with database.transaction() as session:
        assert session.get_one(Document, sent).state is DocumentState.LIVE


def test_a_document_reaches_a_recipient_once(database: Database, sent: UUID) -> None:
    columns = "document_id, sender_agency_id, recipient_agency_id, ground, need, state, due_on"

    with pytest.raises(IntegrityError):
        execute(
            database,
            f"INSERT INTO delivery (id, {columns}, return_reason)"  # noqa: S608 - fixed words
            f" SELECT :id, {columns}, '' FROM delivery",
            id=stored(database, new_id()),
        )


def test_another_recipient_is_no_breach(database: Database, sent: UUID) -> None:
    execute(
        database,
        "UPDATE delivery SET recipient_agency_id = :other",
        other=stored(database, agency_id(database, JOBCENTER)),
    )

    with database.transaction() as session:
        found = session.exec(select(Delivery)).one().recipient_agency_id
    assert found == agency_id(database, JOBCENTER)


# --- Transactions --------------------------------------------------------------------------------


def test_an_exception_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(NotFound), database.transaction() as session:  # noqa: PT012 - the order matters
        make_municipality(session)
        session.flush()
        raise NotFound

    with database.transaction() as session:
        assert session.exec(select(Municipality)).all() == []


def test_moments_come_back_in_utc_to_the_microsecond(database: Database) -> None:
    summer = timezone(timedelta(hours=2))
    moment = datetime(2026, 7, 6, 1, 2, 3, 456789, tzinfo=summer)
    with database.transaction() as session:
        make_municipality(session, now=moment)

    with database.transaction() as session:
        found = session.exec(select(Municipality)).one().created_at

    assert (found, found.tzinfo) == (moment, UTC)


def test_a_moment_without_a_time_zone_is_refused(database: Database) -> None:
    naive = NOW.replace(tzinfo=None)

    with pytest.raises(StatementError), database.transaction() as session:
        session.add(Municipality(slug="probe", name="Probe", created_at=naive))


def test_reading_before_writing_never_fails_in_many_threads(database: Database) -> None:
    other = Database(str(database.engine.url.render_as_string(hide_password=False)))
    start = threading.Barrier(16)

    def work(number: int) -> None:
        start.wait(10)
        for turn in range(3):
            with (database, other)[number % 2].transaction() as session:
                known = session.exec(select(Municipality.id)).all()
                make_municipality(session, f"ort-{number}-{turn}")
                assert len(known) < 48

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(work, range(16)))
    other.close()

    with database.transaction() as session:
        assert len(session.exec(select(Municipality)).all()) == 48


def test_a_database_that_answers_passes_its_check(database: Database) -> None:
    database.check()


# --- A database that does not answer -------------------------------------------------------------


def unavailable(run: Callable[[], object], *, seconds: float) -> None:
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable) as refused:
        run()
    assert refused.value.code == "database_unavailable"
    assert time.monotonic() - began < seconds


def test_nobody_at_the_address_is_unavailable_at_once() -> None:
    nobody = Database(f"postgresql://kursdocs@127.0.0.1:{free_port()}/nothing")

    for use in (nobody.check, lambda: migrate(nobody), nobody.schema):
        unavailable(use, seconds=3)
    nobody.close()


def test_a_server_that_never_answers_is_unavailable_within_seconds() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as silent:
        port = silent.getsockname()[1]
        database = Database(f"postgresql://kursdocs@127.0.0.1:{port}/nothing")

        unavailable(database.check, seconds=6)
        database.close()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_database_that_dies_is_unavailable_and_comes_back(
    database: Database, postgres: PostgresServer
) -> None:
    database.check()

    def die_inside() -> None:
        with database.transaction() as session:
            make_municipality(session)
            postgres.stop()
            session.exec(select(Municipality)).all()

    try:
        unavailable(die_inside, seconds=12)
        unavailable(database.check, seconds=5)
    finally:
        postgres.start()

    with database.transaction() as session:
        assert session.exec(select(Municipality)).all() == []


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_restart_between_two_transactions_goes_unnoticed(
    database: Database, postgres: PostgresServer
) -> None:
    database.check()
    try:
        postgres.stop()
    finally:
        postgres.start()

    database.check()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_sessions_of_postgresql_have_limits(database: Database) -> None:
    with database.engine.connect() as connection:
        shown = {
            name: connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            for name in ("statement_timeout", "idle_in_transaction_session_timeout", "timezone")
        }

    assert shown == {
        "statement_timeout": "15s",
        "idle_in_transaction_session_timeout": "1min",
        "timezone": "UTC",
    }


# --- SQLite alone --------------------------------------------------------------------------------


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_every_sqlite_connection_is_durable_and_guarded(database: Database) -> None:
    names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")

    with database.engine.connect() as first, database.engine.connect() as second:
        found = [
            [connection.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]
            for connection in (first, second)
        ]

    assert found == [["wal", 2, 1, 1]] * 2  # 2: FULL


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_was_deleted_is_not_left_in_the_file(database: Database, sent: UUID) -> None:
    execute(database, "UPDATE document SET family_name = '', given_names = ''")
    execute(database, "DELETE FROM search_token")
    path = Path(database.engine.url.database or "")
    database.close()  # the last connection takes the log of writes back into the file

    assert b"Probefried" not in path.read_bytes()
    assert b"probefried" not in path.read_bytes()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_nor_in_its_log_of_writes_while_it_is_open(database: Database, sent: UUID) -> None:
    execute(database, "UPDATE document SET family_name = '', given_names = ''")
    execute(database, "DELETE FROM search_token")
    path = Path(database.engine.url.database or "")
    log = path.with_name(path.name + "-wal")
    assert b"Probefried" in log.read_bytes()

    with database.engine.connect() as reading:
        reading.execute(sa.text("SELECT 1"))
        reading.commit()  # an idle connection is in nobody's way
        assert database.empty_log()

    assert log.read_bytes() == b""
    assert b"probefried" not in path.read_bytes().lower()


def test_a_log_that_is_read_is_emptied_another_time(database: Database, sent: UUID) -> None:
    if not database.is_sqlite:
        assert database.empty_log()
        return
    other = sqlite3.connect(database.engine.url.database or "")
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM document").fetchone()
    execute(database, "UPDATE document SET family_name = ''")
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 50")
        connection.commit()

    assert not database.empty_log()
    other.close()

    assert database.empty_log()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_broken_file_is_not_taken_for_an_empty_one(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "broken.sqlite"
    path.write_bytes(b"not a database " * 400)
    broken = Database(f"sqlite:///{path}")

    with pytest.raises((DatabaseUnavailable, sa.exc.DatabaseError, sqlite3.DatabaseError)):
        broken.check()
    broken.close()


def test_the_folder_of_a_new_file_is_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'folder' / 'main.sqlite'}"

    migrate_at(url)

    assert (tmp_path / "new" / "folder" / "main.sqlite").exists()


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "cannot be understood"),
        ("main.sqlite", "cannot be understood"),
        ("postgresql://u:hidden@host:port/db", "cannot be understood"),
        ("mysql://u:hidden@host/db", "must be sqlite:///PATH or postgresql://"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
    ],
)
def test_a_url_that_is_wrong_is_refused_with_a_sentence(url: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as refused:
        Database(url)

    assert "hidden" not in str(refused.value)


def test_errors_of_the_database_never_quote_values(database: Database) -> None:
    with database.transaction() as session:
        make_municipality(session, "probe")

    with pytest.raises(IntegrityError) as refused, database.transaction() as session:
        session.add(Municipality(slug="probe", name="Geheimer Name", created_at=NOW))

    assert "Geheimer Name" not in str(refused.value)


def test_a_new_database_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "kursdocs.sqlite"
    database = Database(f"sqlite:///{path}")
    migrate(database)

    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    database.close()

    assert set(modes.values()) == {0o600}
