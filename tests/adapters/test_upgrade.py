"""A town of the first revision is brought to the newest one: nothing is lost, all goes on."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlmodel import Session, select
from tests.factories import (
    JOBCENTER,
    NOW,
    OFFICE,
    PROVIDER,
    TESTS,
    make_catalogue,
    make_document,
    make_person_actor,
    make_town,
    within,
)

from kursdocs.adapters.database import Database, migrate
from kursdocs.core import agencies, audit
from kursdocs.core.access import Actor
from kursdocs.core.documents import erasing, holding, inbox, lifecycle, reading, settling, sounds
from kursdocs.core.documents.inbox import Filter
from kursdocs.core.documents.tables import Document, DocumentState
from kursdocs.core.reminders import state
from kursdocs.core.reminders.tables import Clock, Outcome, Reminder
from kursdocs.core.scopes import Reach, Scope
from kursdocs.core.tables import metadata, new_id
from kursdocs.core.workdays import local_date

OLD_MAIL = {
    "id": UUID("01980000-0000-7000-8000-000000000000"),
    "dedupe": "x",
    "occasion": "arrivals",
    "created_at": NOW,
    "due_at": NOW,
    "attempts": 0,
    "last_error": "",
}
Rows = Mapping[str, Sequence[Mapping[str, Any]]]
Town = tuple[Database, Rows, dict[str, UUID]]


def made_at(database: Database, revision: str) -> None:
    """An empty database of that revision."""
    database.make_file()
    with database.engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "kursdocs:migrations/main")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def fill(session: Session) -> dict[str, UUID]:
    """A town with a paper in each state that the first revision knew; their ids."""
    town = make_town(session)
    clerk = make_person_actor(session, town[PROVIDER])
    office = make_person_actor(session, town[OFFICE], subject="jonas.muster")
    made = {
        name: make_document(session, clerk, OFFICE, JOBCENTER, scanned=name != "held")
        for name in ("live", "taken", "held", "withdrawn", "blocked")
    }
    taken = reading.view(session, office, made["taken"]).own_delivery
    assert taken is not None
    catalogue = make_catalogue()
    settling.take_over(session, office, taken.id, catalogue=catalogue, now=NOW)
    lifecycle.withdraw(
        session, clerk, made["withdrawn"], reason="wrong_person", catalogue=catalogue, now=NOW
    )
    blocked = session.get_one(Document, made["blocked"])
    blocked.state, blocked.end_reason = DocumentState.BLOCKED, "infected"
    session.add(blocked)
    return made


def shape(database: Database) -> dict[str, sa.TableClause]:
    """The tables that both know, with the columns that both have and no defaults of today."""
    inspector = sa.inspect(database.engine)
    there = set(inspector.get_table_names()) - {"outbox_mail", "reminder"}
    return {
        table.name: sa.table(
            table.name,
            *(
                sa.column(found["name"], table.c[found["name"]].type)
                for found in inspector.get_columns(table.name)
            ),
        )
        for table in metadata.sorted_tables
        if table.name in there
    }


def rows(database: Database, tables: Mapping[str, sa.TableClause]) -> Rows:
    with database.engine.begin() as connection:
        return {
            name: sorted(
                (dict(row) for row in connection.execute(sa.select(table)).mappings()), key=repr
            )
            for name, table in tables.items()
        }


def put(database: Database, tables: Mapping[str, sa.TableClause], found: Rows) -> None:
    """Those rows, and a mail that waits in the old outbox."""
    mail = {**OLD_MAIL, "agency_id": found["agency"][0]["id"]}
    types: dict[str, Any] = {
        "id": sa.Uuid(),
        "agency_id": sa.Uuid(),
        "created_at": sa.DateTime(timezone=True),
    }
    types["due_at"] = types["created_at"]
    outbox = sa.table("outbox_mail", *(sa.column(name, types.get(name)) for name in mail))
    with database.engine.begin() as connection:
        connection.execute(sa.delete(tables["audit_head"]))
        for name, table in tables.items():
            if found[name]:
                connection.execute(sa.insert(table), list(found[name]))
        connection.execute(sa.insert(outbox), mail)


@pytest.fixture
def old(tmp_path: Path, database_url: str) -> Iterator[Town]:
    """A database of the first revision with a town in it, its rows, and the papers' ids.

    The town is made by the code of today, in a database of its own, and then copied.
    """
    source, target = Database(f"sqlite:///{tmp_path / 'source.sqlite'}"), Database(database_url)
    try:
        migrate(source)
        with source.transaction() as session:
            made = fill(session)
        made_at(target, "0001")
        found = rows(source, shape(target))
        put(target, shape(target), found)
        yield target, found, made
    finally:
        source.close()
        target.close()


def test_every_row_is_there_after_the_upgrade(old: Town) -> None:
    database, before, _ = old
    tables = shape(database)
    assert min(len(before[name]) for name in ("document", "delivery", "membership")) > 1

    migrate(database)

    assert rows(database, tables) == before
    with database.transaction() as session:
        assert audit.verify(session) is None
        assert session.scalar(sa.text("SELECT count(*) FROM outbox_mail")) == 0


def test_papers_of_before_are_found_by_their_sound_afterwards(old: Town) -> None:
    database, before, made = old
    words = sa.table("search_token", sa.column("token", sa.String()))
    with database.engine.begin() as connection:
        connection.execute(sa.delete(words).where(words.c.token.startswith(sounds.MARK)))

    migrate(database)

    with database.transaction() as session:
        office = make_person_actor(session, agencies.by_slug(session, OFFICE), subject="nora.probe")
        found = inbox.rows(session, office, Filter(), name="Musterman Ostürk")
        tokens = session.execute(sa.select(words)).scalars().all()
    assert {row.document_id for row in found} == {made["live"]}
    assert sorted(tokens) == sorted(row["token"] for row in before["search_token"])
    assert any(token.startswith(sounds.MARK) for token in tokens)


def test_what_was_under_way_goes_on(old: Town) -> None:
    database, _, made = old
    migrate(database)
    catalogue, now = make_catalogue(), NOW + timedelta(days=1)

    with database.transaction() as session:
        # What is held waits for its verdict only, whatever is asked for today, and goes out.
        assert [one.id for one in holding.awaiting_scan(session, after=None, limit=9)] == [
            made["held"]
        ]
        assert holding.pass_scan(session, TESTS, made["held"], catalogue=catalogue, now=now)
    with database.transaction() as session:
        # What was delivered before is told, never as if it had been told already.
        waiting = state.load(session, catalogue, now=now, address=f"{OFFICE}@post.example")
        assert sum(group.count for group in waiting.groups) == 2
        assert all(group.told == {} for group in waiting.groups)
        # Each paper gets the day on which it goes.
        undated = erasing.undated(session, today=local_date(now), limit=9)
        assert set(undated) == {made[name] for name in made if name != "held"}
        for document_id in undated:
            assert erasing.set_date(session, TESTS, document_id, catalogue=catalogue, now=now)
        assert inbox_of(session, OFFICE) == {made["live"], made["held"]}


def inbox_of(session: Session, slug: str) -> set[UUID]:
    actor: Actor = make_person_actor(session, agencies.by_slug(session, slug), subject="nora.probe")
    return {row.document_id for row in inbox.rows(session, actor, Filter())}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_papers_of_before_are_reached_by_their_parties_alone(old: Town) -> None:
    database, before, made = old
    migrate(database)
    ids = {row["slug"]: row["id"] for row in before["agency"]}

    def found() -> set[UUID]:
        with database.transaction() as session:
            return set(session.exec(select(Document.id)))

    reached = {slug: within(Scope(Reach.AGENCY, ids[slug]), found) for slug in ids}

    everything = set(made.values())
    parties = (PROVIDER, OFFICE, JOBCENTER)
    assert reached == {slug: everything if slug in parties else set() for slug in ids}


REMINDER = sa.table(
    "reminder",
    *(sa.column(name, sa.Uuid()) for name in ("id", "mail_id", "agency_id", "delivery_id")),
    *(sa.column(name, sa.String()) for name in ("addressee", "clock")),
    sa.column("step", sa.Integer()),
    sa.column("sent_at", sa.DateTime(timezone=True)),
)


def test_what_was_told_before_is_not_told_again(tmp_path: Path, database_url: str) -> None:
    source, target = Database(f"sqlite:///{tmp_path / 'source.sqlite'}"), Database(database_url)
    migrate(source)
    with source.transaction() as session:
        fill(session)
    made_at(target, "0003")
    found = rows(source, shape(target))
    told = {
        "id": new_id(),
        "mail_id": new_id(),
        "addressee": "desk",
        "step": 2,
        "sent_at": NOW,
        "clock": "waiting",
        "agency_id": found["delivery"][0]["recipient_agency_id"],
        "delivery_id": found["delivery"][0]["id"],
    }
    silence = {**told, "id": new_id(), "clock": "silence", "delivery_id": None, "step": 0}
    tables = shape(target)
    with target.engine.begin() as connection:
        connection.execute(sa.delete(tables["audit_head"]))
        for name, table in tables.items():
            if found.get(name):
                connection.execute(sa.insert(table), list(found[name]))
        connection.execute(sa.insert(REMINDER), [told, silence])

    migrate(target)

    kind_of = {row["id"]: row["kind"] for row in found["document"]}
    with target.transaction() as session:
        after = {row.clock: row for row in session.exec(select(Reminder))}
        assert after[Clock.WAITING].subject_id == told["delivery_id"]
        assert after[Clock.WAITING].kind == kind_of[found["delivery"][0]["document_id"]]
        assert after[Clock.SILENCE].subject_id is None
        assert after[Clock.SILENCE].kind == ""
        for row in after.values():
            assert (row.mail_id, row.agency_id) == (told["mail_id"], told["agency_id"])
            assert (row.sent_at, row.outcome) == (NOW, Outcome.OPEN)
        assert {row.step for row in after.values()} == {2, 0}
    source.close()
    target.close()
