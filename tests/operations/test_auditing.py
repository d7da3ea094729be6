"""The log as evidence: whoever alters it past all guards is found, by what is kept or what is held.

Every test runs on both kinds of database.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import select
from tests.evidence import Keeper, execute_past_guards, make_log_key

from kursdocs.adapters.database import Database
from kursdocs.core.audit import AuditCheckpoint, AuditEvent, AuditLeaf
from kursdocs.core.audit.chain import AuditHead, canonical, hash_of
from kursdocs.core.audit.checkpoints import Statement
from kursdocs.core.audit.tree import Frontier
from kursdocs.core.audit.verifying import FOUND_MAX, Tampering
from kursdocs.operations import auditing, checkpointing

ROWS = 12


@dataclass
class Desk:
    """A signed log, a note of it that somebody keeps, and a way past the guards."""

    keeper: Keeper
    tamper: Callable[..., None]
    held: str = ""

    def found(self, *held: str) -> list[tuple[str, int]]:
        """What does not hold, and where; ``held:`` before what a kept note says."""
        verified = auditing.verify(self.keeper.services, held=held)
        return [
            (f"held: {one.what.value}" if one.is_held else one.what.value, one.seq)
            for one in verified.found
        ]

    def rows(self) -> list[dict[str, Any]]:
        """All rows of the log, by the names of their columns."""
        with self.keeper.transaction() as session:
            events = session.exec(select(AuditEvent).order_by(sa.text("seq"))).all()
        return [event.model_dump() for event in events]


@pytest.fixture
def desk(database: Database, request: pytest.FixtureRequest) -> Desk:
    server = None if database.is_sqlite else request.getfixturevalue("postgres")

    def tamper(*statements: str, **values: Any) -> None:
        execute_past_guards(database, server, *statements, **values)

    made = Desk(Keeper(database.transaction), tamper)
    made.keeper.write(ROWS - 4)
    made.held = made.keeper.sign().note
    made.keeper.write(4)
    made.keeper.sign()
    return made


def test_an_untouched_log_holds(desk: Desk) -> None:
    desk.keeper.write(2)

    verified = auditing.verify(desk.keeper.services, held=[desk.held])

    assert verified.is_whole
    assert (verified.rows, verified.signed, verified.notes) == (ROWS + 2, ROWS, 2)
    assert (verified.first_row, verified.is_checked_by_key) == (1, True)


def test_an_empty_log_holds(database: Database) -> None:
    keeper = Keeper(database.transaction)

    verified = auditing.verify(keeper.services)

    assert (verified.is_whole, verified.rows, verified.first_row) == (True, 0, None)


# --- Eight ways to tamper ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "detail = '{\"count\": 99}'",
        "happening = 'inbox.listed'",
        "happening = 'nothing we know'",
        "agency_id = id",
        "at = '2026-11-22 09:30:00'",
        "actor_kind = 'person'",
    ],
)
def test_an_edited_row_is_found(desk: Desk, change: str) -> None:
    desk.tamper(f"UPDATE audit_event SET {change} WHERE seq = 3")  # noqa: S608 - our own words

    assert desk.found() == [("row_altered", 3)]


def test_an_edited_row_with_a_fitting_hash_is_found(desk: Desk) -> None:
    row = desk.rows()[2] | {"detail": {"count": 99}}
    desk.tamper(
        "UPDATE audit_event SET detail = '{\"count\": 99}' , hash = :hash WHERE seq = 3",
        hash=hash_of(row),
    )

    assert desk.found(desk.held) == [
        ("link_broken", 4),
        ("checkpoint_contradicts", ROWS - 4),
        ("held: checkpoint_contradicts", ROWS - 4),
        ("checkpoint_contradicts", ROWS),
    ]


def test_a_deleted_row_is_found(desk: Desk) -> None:
    desk.tamper("DELETE FROM audit_event WHERE seq = 5")

    assert desk.found() == [("rows_missing", 5)]


def test_a_deleted_row_is_found_although_its_hash_was_left_as_if_by_rule(desk: Desk) -> None:
    row = desk.rows()[4]
    desk.tamper(
        "INSERT INTO audit_leaf (seq, hash) VALUES (5, :hash )",
        "DELETE FROM audit_event WHERE seq = 5",
        hash=row["hash"],
    )

    assert desk.found() == [("leaf_unexplained", 1)]


def test_a_removal_that_is_only_prepared_is_found(desk: Desk) -> None:
    desk.tamper(
        "INSERT INTO audit_leaf (seq, hash) VALUES (5, :hash )", hash=desk.rows()[4]["hash"]
    )

    assert desk.found() == [("leaf_beside_row", 5)]


def test_swapped_rows_are_found(desk: Desk) -> None:
    desk.tamper(
        "UPDATE audit_event SET seq = 99 WHERE seq = 2",
        "UPDATE audit_event SET seq = 2 WHERE seq = 3",
        "UPDATE audit_event SET seq = 3 WHERE seq = 99",
    )

    assert {what for what, _ in desk.found()} >= {
        "row_altered",
        "link_broken",
        "checkpoint_contradicts",
    }


def test_a_row_that_was_put_in_is_found(desk: Desk) -> None:
    renumbered = [f"UPDATE audit_event SET seq = {n + 1} WHERE seq = {n}" for n in range(12, 6, -1)]  # noqa: S608
    copied = ", ".join(name for name in AuditEvent.model_fields if name not in ("seq", "id"))
    desk.tamper(
        *renumbered,
        f"INSERT INTO audit_event (seq, id, {copied}) SELECT 7, :id , {copied}"  # noqa: S608
        " FROM audit_event WHERE seq = 6",
        f"UPDATE audit_head SET seq = {ROWS + 1}",  # noqa: S608
        id="0" * 32,
    )

    assert {what for what, _ in desk.found(desk.held)} >= {
        "row_altered",
        "link_broken",
        "checkpoint_contradicts",
        "held: checkpoint_contradicts",
    }


def test_a_cut_off_end_is_found(desk: Desk) -> None:
    last = desk.rows()[ROWS - 3]
    desk.tamper(
        f"DELETE FROM audit_event WHERE seq > {ROWS - 2}",  # noqa: S608
        f"UPDATE audit_head SET seq = {ROWS - 2}, hash = :hash",  # noqa: S608
        hash=last["hash"],
    )

    assert desk.found() == [("checkpoint_beyond_end", ROWS)]


def test_a_cut_off_end_is_found_by_whoever_kept_a_note_when_ours_are_gone(desk: Desk) -> None:
    last = desk.rows()[3]
    desk.tamper(
        "DELETE FROM audit_event WHERE seq > 4",
        "DELETE FROM audit_checkpoint",
        "UPDATE audit_head SET seq = 4, hash = :hash",
        hash=last["hash"],
    )

    assert desk.found() == []
    assert desk.found(desk.held) == [("held: checkpoint_beyond_end", ROWS - 4)]


def rewrite(desk: Desk) -> Frontier:
    """All rows anew, from an edited third one on, with hashes and an end that fit."""
    tree, before = Frontier(), ""
    for row in desk.rows():
        row["previous_hash"] = before
        if row["seq"] == 3:
            row["detail"] = {"count": 99}
        before = hash_of(row)
        tree.append(bytes.fromhex(before))
        desk.tamper(
            "UPDATE audit_event SET detail = :detail , previous_hash = :previous , hash = :hash"
            " WHERE seq = :seq",
            detail=canonical(row)["detail"],
            previous=row["previous_hash"],
            hash=before,
            seq=row["seq"],
        )
    desk.tamper("UPDATE audit_head SET hash = :hash", hash=before)
    return tree


def test_a_log_that_was_rewritten_from_end_to_end_is_found(desk: Desk) -> None:
    rewrite(desk)

    assert desk.found() == [
        ("checkpoint_contradicts", ROWS - 4),
        ("checkpoint_contradicts", ROWS),
    ]


def test_a_rewritten_log_with_checkpoints_of_another_key_is_found(desk: Desk) -> None:
    tree = rewrite(desk)
    forger = make_log_key()
    statement = Statement(forger.name, ROWS, tree.root())
    desk.tamper("DELETE FROM audit_checkpoint")
    with desk.keeper.transaction() as session:
        session.add(
            AuditCheckpoint(
                size=ROWS,
                root=statement.root_text,
                signer=forger.verifier,
                note=forger.sign(statement.text()),
                frontier=tree.written(),
                signed_at=desk.keeper.now,
            )
        )

    assert desk.found(desk.held) == [
        ("held: checkpoint_contradicts", ROWS - 4),
        ("checkpoint_forged", ROWS),
    ]


@pytest.mark.parametrize(
    "change", ["note = replace(note, 'musterstadt', 'beispiel')", "root = 'AAAA'", "note = ''"]
)
def test_an_altered_checkpoint_is_found(desk: Desk, change: str) -> None:
    desk.tamper(f"UPDATE audit_checkpoint SET {change} WHERE size = {ROWS}")  # noqa: S608

    assert desk.found() == [("checkpoint_forged", ROWS)]


def test_an_older_checkpoint_in_the_place_of_the_newest_is_found(desk: Desk) -> None:
    desk.tamper(f"UPDATE audit_checkpoint SET note = :note WHERE size = {ROWS}", note=desk.held)  # noqa: S608

    assert desk.found() == [("checkpoint_forged", ROWS)]


def test_a_note_that_nobody_of_us_signed_is_refused(desk: Desk) -> None:
    other = make_log_key().sign(Statement("x", ROWS, b"\0" * 32).text())

    assert desk.found(other) == [("held: checkpoint_forged", 0)]
    assert desk.found("no note at all") == [("held: checkpoint_forged", 0)]


def test_an_older_database_that_was_put_back_is_found(
    desk: Desk, database: Database, request: pytest.FixtureRequest
) -> None:
    copies = [(table, *copied(database, table)) for table in LOG]
    desk.keeper.write(5)
    later = desk.keeper.sign().note
    put_back(desk, copies)
    assert desk.found() == []
    assert desk.found(later) == [("held: checkpoint_beyond_end", ROWS + 5)]

    desk.keeper.write(9)
    desk.keeper.sign()

    assert desk.found() == []
    assert desk.found(desk.held) == []
    assert desk.found(later) == [("held: checkpoint_contradicts", ROWS + 5)]


LOG = ("audit_event", "audit_head", "audit_checkpoint", "audit_leaf")


def copied(database: Database, table: str) -> tuple[list[str], list[Any]]:
    with database.engine.connect() as connection:
        found = connection.exec_driver_sql(f"SELECT * FROM {table}")  # noqa: S608
        return list(found.keys()), list(found.all())


def put_back(desk: Desk, copies: list[tuple[str, list[str], list[Any]]]) -> None:
    desk.tamper(*(f"DELETE FROM {table}" for table, _, _ in copies))  # noqa: S608
    for table, names, rows in copies:
        for row in rows:
            values = dict(zip(names, row, strict=True))
            if isinstance(values.get("detail"), dict):
                values["detail"] = canonical(values)["detail"]
            places = " , ".join(f":{name}" for name in names)
            desk.tamper(f"INSERT INTO {table} ({', '.join(names)}) VALUES ( {places} )", **values)  # noqa: S608


def test_an_altered_hash_of_what_was_shortened_is_found(desk: Desk) -> None:
    desk.keeper.now += timedelta(days=400)
    assert checkpointing.shorten(desk.keeper.services) == ROWS
    assert desk.found(desk.held) == []
    with desk.keeper.transaction() as session:
        other = session.get_one(AuditLeaf, 7).hash
    desk.tamper("UPDATE audit_leaf SET hash = :hash WHERE seq = 6", hash=other)

    assert desk.found(desk.held) == [
        ("checkpoint_contradicts", ROWS - 4),
        ("held: checkpoint_contradicts", ROWS - 4),
        ("checkpoint_contradicts", ROWS),
    ]


# --- Whatever stands there, verifying goes on ----------------------------------------------------


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "change",
    ["at = 'yesterday'", "detail = '{'", "document_id = 'x'", "hash = x'ff'"],
)
def test_what_cannot_even_be_read_is_found(desk: Desk, change: str) -> None:
    desk.tamper(f"UPDATE audit_event SET {change} WHERE seq IN (3, 6)")  # noqa: S608

    found = desk.found()

    assert {seq for _, seq in found if seq in (3, 6)} == {3, 6}
    assert {what for what, _ in found} >= {"row_altered"}


def test_a_missing_end_is_found(desk: Desk) -> None:
    desk.tamper("DELETE FROM audit_head")

    assert ("end_moved", 1) in desk.found()


def test_a_row_behind_the_end_is_found(desk: Desk) -> None:
    desk.tamper("UPDATE audit_event SET seq = 99 WHERE seq = 12")

    assert desk.found()[0] == ("rows_missing", ROWS)


def test_of_very_much_only_the_beginning_is_told(desk: Desk) -> None:
    desk.keeper.write(FOUND_MAX + 20)
    desk.tamper("UPDATE audit_event SET detail = '{}'")

    assert len(desk.found()) == FOUND_MAX


def test_without_a_key_only_what_checkpoints_say_is_compared(desk: Desk) -> None:
    nobody = replace(desk.keeper, log_signer=None)
    forged = make_log_key().sign(Statement.read(desk.held).text())

    verified = auditing.verify(nobody.services, held=[forged])

    assert verified.is_whole
    assert not verified.is_checked_by_key
    rewrite(desk)
    assert not auditing.verify(nobody.services).is_whole


def test_every_kind_of_tampering_is_named_by_a_test_here() -> None:
    here = Path(__file__).read_text("utf-8")

    assert [what for what in Tampering if f'"{what.value}"' not in here] == []


def test_the_end_is_a_single_row(desk: Desk) -> None:
    with desk.keeper.transaction() as session:
        assert session.exec(select(AuditHead.seq)).all() == [ROWS]
