"""The log: exact keys, one chain, no change unseen, no personal data, and who may read it."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlmodel import select
from tests.factories import (
    ISSUER,
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
from tests.servers import PostgresServer

from kursdocs.adapters.database import Database
from kursdocs.catalogue import AgencyKind
from kursdocs.core import accounts, audit
from kursdocs.core.access import Actor, Role
from kursdocs.core.accounts import ClaimRule
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import DETAIL_KEYS, AuditEvent, AuditHead, Happening
from kursdocs.core.documents import holding, lifecycle, settling
from kursdocs.core.documents.tables import Document
from kursdocs.core.errors import Forbidden, NotFound
from kursdocs.core.ports import Identity
from kursdocs.core.tables import new_id

Town = dict[str, Agency]


def note(database: Database, actor: Actor = TESTS, *, count: int = 0, hours: int = 0) -> int:
    """Append a row; its ``seq``."""
    with database.transaction() as session:
        moment = NOW + timedelta(hours=hours)
        return audit.record(session, actor, Happening.SENT_LISTED, now=moment, count=count).seq


def verify(database: Database) -> int | None:
    with database.transaction() as session:
        return audit.verify(session)


def execute(database: Database, statement: str) -> None:
    """Past the domain: as somebody with a database client."""
    with database.engine.begin() as connection:
        connection.exec_driver_sql(statement)


# --- Keys ----------------------------------------------------------------------------------------


def test_every_happening_declares_its_keys() -> None:
    assert set(DETAIL_KEYS) == set(Happening)


def test_a_row_carries_exactly_the_declared_keys(database: Database) -> None:
    wrong: list[dict[str, str | int]] = [{}, {"count": 1, "name": "Muster"}, {"counts": 1}]
    for detail in wrong:
        with (
            pytest.raises(ValueError, match="carries"),
            database.transaction() as session,
        ):
            audit.record(session, TESTS, Happening.SENT_LISTED, now=NOW, **detail)  # type: ignore[arg-type]  # details only

    assert note(database) == 1


def test_a_row_says_who_did_what_when_to_which_document(database: Database, town: Town) -> None:
    document_id, delivery_id = new_id(), new_id()
    with database.transaction() as session:
        head = make_person_actor(session, town[PROVIDER], Role.HEAD)
        audit.record(
            session,
            head,
            Happening.DOCUMENT_PREVIEWED,
            now=NOW,
            document_id=document_id,
            delivery_id=delivery_id,
            page=3,
        )

    with database.transaction() as session:
        event = session.exec(select(AuditEvent).order_by(sa.desc("seq"))).first()
    assert event is not None
    assert (event.happening, event.at) == (Happening.DOCUMENT_PREVIEWED, NOW)
    assert (event.user_id, event.service_account_id) == (head.user_id, None)
    assert (event.agency_id, event.municipality_id) == (
        town[PROVIDER].id,
        town[PROVIDER].municipality_id,
    )
    assert (event.document_id, event.delivery_id) == (document_id, delivery_id)
    assert event.detail == {"page": 3}


# --- The chain -----------------------------------------------------------------------------------


def test_an_untouched_log_is_whole(database: Database, town: Town) -> None:
    for number in range(4):
        note(database, count=number)

    assert verify(database) is None


def test_an_empty_log_is_whole(database: Database) -> None:
    assert verify(database) is None


def test_a_moment_said_in_another_time_zone_is_the_same_moment(database: Database) -> None:
    with database.transaction() as session:
        moment = NOW.astimezone(ZoneInfo("Europe/Berlin"))
        audit.record(session, TESTS, Happening.SENT_LISTED, now=moment, count=1)

    assert verify(database) is None


def test_what_is_rolled_back_leaves_no_gap(database: Database) -> None:
    note(database)
    with pytest.raises(NotFound), database.transaction() as session:  # noqa: PT012 - the order matters
        audit.record(session, TESTS, Happening.SENT_LISTED, now=NOW, count=2)
        raise NotFound

    assert note(database) == 2
    assert verify(database) is None


def test_many_writers_at_once_make_one_chain_without_gaps(database: Database) -> None:
    start = threading.Barrier(8)

    def write(writer: int) -> list[int]:
        start.wait(10)
        return [note(database, count=writer) for _ in range(5)]

    with ThreadPoolExecutor(8) as threads:
        seqs = sorted(seq for written in threads.map(write, range(8)) for seq in written)

    assert seqs == list(range(1, 41))
    assert verify(database) is None


def test_a_check_raises_no_alarm_while_others_write(database: Database) -> None:
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            note(database)

    with ThreadPoolExecutor(2) as threads:
        writers = [threads.submit(write) for _ in range(2)]
        try:
            found = [verify(database) for _ in range(60)]
        finally:
            done.set()
        for writer in writers:
            writer.result(10)

    assert found == [None] * 60


# --- Tampering -----------------------------------------------------------------------------------

REFUSED = (
    "UPDATE audit_event SET happening = 'inbox.listed' WHERE seq = 2",
    "UPDATE audit_event SET detail = '{}'",
    "DELETE FROM audit_event WHERE seq = 2",
    "DELETE FROM audit_event",
)
REPLACED = (
    "INSERT OR REPLACE INTO audit_event"
    " SELECT 2, id, at, 'inbox.listed', actor_kind, user_id, service_account_id, municipality_id,"
    " agency_id, document_id, delivery_id, detail, previous_hash, hash"
    " FROM audit_event WHERE seq = 2"
)


def refuse(database: Database, statements: tuple[str, ...]) -> None:
    for number in range(3):
        note(database, count=number)
    for statement in statements:
        with pytest.raises(DBAPIError, match="the audit log cannot be altered"):
            execute(database, statement)
    assert verify(database) is None


def test_the_database_refuses_to_change_or_remove_rows(database: Database) -> None:
    refuse(database, REFUSED)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_postgresql_refuses_to_empty_the_log(database: Database) -> None:
    refuse(database, ("TRUNCATE audit_event",))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_sqlite_refuses_to_replace_rows(database: Database) -> None:
    refuse(database, (REPLACED,))


Tamper = Callable[[str], None]


@pytest.fixture
def tamper(database: Database, request: pytest.FixtureRequest) -> Tamper:
    """Runs SQL past the guards, as an administrator of the database could."""
    if database.is_sqlite:
        with database.engine.begin() as connection:
            guards = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            for (name,) in connection.exec_driver_sql(guards).all():
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        return lambda statement: execute(database, statement)
    server: PostgresServer = request.getfixturevalue("postgres")

    def run(statement: str) -> None:
        with psycopg.connect(server.admin_url, dbname=database.engine.url.database) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(statement)

    return run


@pytest.mark.parametrize(
    ("statements", "found_at"),
    [
        (("UPDATE audit_event SET happening = 'inbox.listed' WHERE seq = 3",), 3),
        (("UPDATE audit_event SET detail = '{\"count\": 99}' WHERE seq = 3",), 3),
        (("UPDATE audit_event SET agency_id = id WHERE seq = 3",), 3),
        (("UPDATE audit_event SET at = '2026-11-22 09:30:00' WHERE seq = 3",), 3),
        (("UPDATE audit_event SET hash = previous_hash WHERE seq = 3",), 3),
        (("DELETE FROM audit_event WHERE seq = 3",), 3),
        (("DELETE FROM audit_event WHERE seq = 1",), 1),
        (("DELETE FROM audit_event WHERE seq >= 5",), 5),
        (("DELETE FROM audit_event",), 1),
        (
            (
                "UPDATE audit_event SET seq = 99 WHERE seq = 2",
                "UPDATE audit_event SET seq = 2 WHERE seq = 3",
                "UPDATE audit_event SET seq = 3 WHERE seq = 99",
            ),
            2,
        ),
        (
            (
                "DELETE FROM audit_event WHERE seq = 3",
                "UPDATE audit_event SET seq = seq - 1 WHERE seq = 4",
                "UPDATE audit_event SET seq = seq - 1 WHERE seq = 5",
            ),
            3,
        ),
    ],
    ids=[
        "kind",
        "detail",
        "agency",
        "time",
        "hash",
        "middle removed",
        "first removed",
        "end removed",
        "all removed",
        "swapped",
        "removed and closed up",
    ],
)
def test_tampering_past_the_guards_is_found(
    database: Database, tamper: Tamper, statements: tuple[str, ...], found_at: int
) -> None:
    for number in range(5):
        note(database, count=number)
    assert verify(database) is None

    for statement in statements:
        tamper(statement)

    assert verify(database) == found_at


# --- No personal data ----------------------------------------------------------------------------


def test_no_row_holds_anything_of_the_person(database: Database, town: Town) -> None:
    with database.transaction() as session:
        clerk = make_person_actor(session, town[PROVIDER], subject="amina.probe")
        office = make_person_actor(session, town[OFFICE], subject="jonas.probe")
        held = make_document(session, clerk, OFFICE, scanned=False)
        holding.block(session, TESTS, held, reason="infected", catalogue=make_catalogue(), now=NOW)
        sent = make_document(session, clerk, OFFICE, JOBCENTER)
        deliveries = lifecycle.deliveries_of(session, sent)
        settling.take_over(session, office, deliveries[0].id, catalogue=make_catalogue(), now=NOW)
        lifecycle.withdraw(
            session, clerk, sent, reason="wrong_person", catalogue=make_catalogue(), now=NOW
        )
        identity = Identity(ISSUER, "amina.probe", {"name": "Amina Probe", "g": "x"})
        rule = ClaimRule("g", "x", Role.HEAD, agency=PROVIDER)
        accounts.sign_in(session, identity, [rule], now=NOW)

    with database.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM audit_event").all()
    log = repr(rows).lower()
    assert len(rows) > 10
    for personal in (
        "mustermann",
        "öztürk",
        "ztürk",
        "ozturk",
        "probefried",
        "1987-06-05",
        "4711081",
        "probeordner",
        "amina",
        "jonas",
        "2027-10-12",
    ):
        assert personal not in log, personal


# --- Reading the log -----------------------------------------------------------------------------


@pytest.fixture
def readers(database: Database, town: Town) -> dict[str, Actor]:
    with database.transaction() as session:
        make_municipality(session, "beispielstadt")
        far = make_agency(
            session, "fremd", AgencyKind.JOBCENTER, municipality="beispielstadt", mailbox=""
        )
        session.flush()
        return {
            "head": make_person_actor(session, town[PROVIDER], Role.HEAD, subject="vera"),
            "office": make_person_actor(session, town[OFFICE], Role.HEAD, subject="karin"),
            "auditor": make_person_actor(session, town[OFFICE], Role.AUDITOR, subject="paul"),
            "stranger": make_person_actor(session, far, Role.HEAD, subject="fremd"),
        }


def page(database: Database, actor: Actor, **how: object) -> list[int]:
    """Numbers of the rows one reads, but for those of how the readers came in."""
    with database.transaction() as session:
        found = audit.page(session, actor, **how)  # type: ignore[arg-type]  # keywords of the function
        return [one.seq for one in found if one.happening is not Happening.MEMBERSHIP_GRANTED]


def test_a_role_stands_in_the_logs_of_agency_and_town_whoever_gave_it(
    database: Database, town: Town
) -> None:
    with database.transaction() as session:
        head = make_person_actor(session, town[PROVIDER], Role.HEAD)
        auditor = make_person_actor(session, town[PROVIDER], Role.AUDITOR, subject="paul.probe")
        own, all_of_town = (audit.page(session, who) for who in (head, auditor))

        assert [event.happening for event in own] == [Happening.MEMBERSHIP_GRANTED]
        assert own[0].detail["user"] == str(head.user_id)
        assert own[0].detail["agency"] == str(town[PROVIDER].id)
        assert [event.detail["role"] for event in all_of_town[:2]] == ["auditor", "head"]
        assert audit.verify(session) is None


def test_a_head_reads_the_own_agency_and_an_auditor_the_town(
    database: Database, readers: dict[str, Actor]
) -> None:
    own, office, far = (note(database, readers[who]) for who in ("head", "office", "stranger"))

    assert page(database, readers["head"]) == [own]
    assert page(database, readers["office"]) == [office]
    assert page(database, readers["auditor"])[:2] == [office, own]
    assert far not in page(database, readers["auditor"])
    assert page(database, readers["stranger"]) == [far]


def test_what_the_sweeper_did_is_in_the_towns_log(
    database: Database, readers: dict[str, Actor], town: Town
) -> None:
    before = len(page(database, readers["auditor"]))
    with database.transaction() as session:
        document_id = make_document(session, readers["head"], scanned=False)
        document = session.get_one(Document, document_id)
        sweeper = lifecycle.system_of(document, "sweeper")
        holding.pass_scan(session, sweeper, document_id, catalogue=make_catalogue(), now=NOW)

    assert len(page(database, readers["auditor"])) == before + 2
    assert len(page(database, readers["head"])) == 1


def test_whoever_has_no_municipality_reads_no_log(database: Database) -> None:
    with pytest.raises(Forbidden):
        page(database, TESTS)


def test_a_log_is_paged_backwards_without_loss(
    database: Database, readers: dict[str, Actor]
) -> None:
    wanted = [note(database, readers["head"]) for _ in range(5)][::-1]

    first = page(database, readers["head"], limit=2)
    note(database, readers["head"])
    rest = page(database, readers["head"], limit=9, before=first[-1])

    assert [*first, *rest] == wanted


def test_a_log_can_be_narrowed_to_days(database: Database, readers: dict[str, Actor]) -> None:
    early, start, inside, _end = (
        note(database, readers["head"], hours=hours) for hours in (-1, 0, 23, 24)
    )

    day = {"since": NOW, "until": NOW + timedelta(days=1)}

    assert page(database, readers["head"], **day) == [inside, start]
    assert page(database, readers["head"], until=NOW) == [early]


def test_there_is_one_end_of_the_chain(database: Database) -> None:
    with pytest.raises(DBAPIError):
        execute(database, "INSERT INTO audit_head (id, seq, hash) VALUES (2, 0, '')")
    with database.transaction() as session:
        assert len(session.exec(select(AuditHead)).all()) == 1
