"""Signing the log: when, what goes out with mails, what is never signed, and what goes by rule."""

import base64
import inspect
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import func, select
from structlog.testing import capture_logs
from tests.evidence import Keeper, execute_past_guards, make_log_key
from tests.proof_checker import check

from kursdocs.adapters.database import Database
from kursdocs.adapters.log_key import LogKeys
from kursdocs.adapters.mail import _message
from kursdocs.core.audit import AuditCheckpoint, AuditEvent, AuditLeaf, Happening, shortening
from kursdocs.core.audit.checkpoints import Statement
from kursdocs.core.audit.tree import Frontier
from kursdocs.core.outbox import OutboxMail
from kursdocs.core.ports import Letter
from kursdocs.operations import auditing, checkpointing
from kursdocs.operations.checkpointing import HEADER, note_in

LETTER = Letter(
    to="jobcenter@musterstadt.example",
    subject="kursdocs: Probe",
    text="Probe",
    html="<p>Probe</p>",
    message_id="<1@musterstadt.example>",
    written_at=datetime(2026, 11, 2, 7, tzinfo=UTC),
)
Tamper = Callable[..., None]


@pytest.fixture
def keeper(database: Database) -> Keeper:
    return Keeper(database.transaction)


@pytest.fixture
def tamper(database: Database, request: pytest.FixtureRequest) -> Tamper:
    server = None if database.is_sqlite else request.getfixturevalue("postgres")

    def run(*statements: str, **values: Any) -> None:
        execute_past_guards(database, server, *statements, **values)

    return run


def sizes(keeper: Keeper) -> list[int]:
    with keeper.transaction() as session:
        return list(session.exec(select(AuditCheckpoint.size).order_by("size")).all())


def alarms(keeper: Keeper) -> list[str]:
    with keeper.transaction() as session:
        return [name.split("|")[1] for name in session.exec(select(OutboxMail.dedupe)).all()]


def count_of(keeper: Keeper, table: type[AuditEvent] | type[AuditLeaf]) -> int:
    with keeper.transaction() as session:
        return session.exec(select(func.count()).select_from(table)).one()


# --- When ----------------------------------------------------------------------------------------


def test_it_is_signed_at_once_then_hourly_and_only_when_something_happened(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpointing, "ROWS", 5)
    assert checkpointing.run(keeper.services) is None
    keeper.write(2)
    checkpointing.run(keeper.services)
    keeper.write(3)
    checkpointing.run(keeper.services)
    assert sizes(keeper) == [2]

    keeper.now += timedelta(hours=1)
    checkpointing.run(keeper.services)
    keeper.now += timedelta(hours=1)
    checkpointing.run(keeper.services)
    assert sizes(keeper) == [2, 5]

    keeper.write(5)
    checkpointing.run(keeper.services)
    assert sizes(keeper) == [2, 5, 10]


def test_each_checkpoint_says_what_the_whole_log_says(keeper: Keeper) -> None:
    tree = Frontier()
    for size in (1, 2, 5, 8, 13):
        keeper.write(size - tree.size)
        made = keeper.sign()
        with keeper.transaction() as session:
            hashes = session.exec(select(AuditEvent.hash).order_by("seq")).all()
        for digest in hashes[tree.size :]:
            tree.append(bytes.fromhex(digest))

        assert Statement.read(made.note) == Statement("musterstadt.example/log", size, tree.root())
        assert LogKeys([made.signer]).holds(made.note)


def test_a_second_worker_signs_nothing_twice(keeper: Keeper) -> None:
    keeper.write(3)
    keeper.sign()

    assert keeper.log_signer is not None
    assert checkpointing.sign(keeper.services, keeper.log_signer) is None
    assert sizes(keeper) == [3]


def test_with_a_new_key_it_goes_on_when_the_rows_agree(keeper: Keeper) -> None:
    keeper.write(3)
    keeper.sign()
    keeper.log_signer = make_log_key()
    keeper.write(2)

    with capture_logs() as log:
        made = keeper.sign()

    assert made.size == 5
    assert [line["event"] for line in log] == ["log.signed_anew"]


def test_a_log_that_does_not_hold_is_walked_along_once_and_then_ever_more_rarely(
    keeper: Keeper, tamper: Tamper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a change of the key each walk is along all of it."""
    keeper.write(6)
    keeper.sign()
    keeper.log_signer = make_log_key()
    keeper.write(1)
    tamper("UPDATE audit_event SET happening = 'mail.listed' WHERE seq = 2")
    keeper.now += timedelta(hours=1)
    patience, page = checkpointing.Patience(), checkpointing._page
    walked: list[datetime] = []

    def watched(*asked: Any) -> object:
        walked.append(keeper.now)
        return page(*asked)

    monkeypatch.setattr(checkpointing, "_page", watched)
    began = keeper.now

    with capture_logs() as log:
        for _ in range(6 * 36):
            checkpointing.run(keeper.services, patience)
            keeper.now += timedelta(minutes=10)

    assert [(at - began) / timedelta(hours=1) for at in walked] == [0, 1, 3, 7, 15, 27]
    assert [line["log_level"] for line in log if line["event"] == "log.not_signed"] == ["error"] * 6
    assert alarms(keeper).count("log_altered") >= 2
    assert sizes(keeper) == [6]


def test_what_is_mended_is_signed_by_a_worker_that_starts_anew_and_by_hand(
    keeper: Keeper, tamper: Tamper
) -> None:
    keeper.write(3)
    with keeper.transaction() as session:
        was = session.get_one(AuditEvent, 2).happening.value
    tamper("UPDATE audit_event SET happening = 'mail.listed' WHERE seq = 2")
    patience = checkpointing.Patience()
    assert checkpointing.run(keeper.services, patience) is None
    tamper("UPDATE audit_event SET happening = :was WHERE seq = 2", was=was)

    assert checkpointing.run(keeper.services, patience) is None
    assert checkpointing.run(keeper.services, checkpointing.Patience()) is not None
    assert sizes(keeper) == [3]


def test_nobody_signs_without_a_key_and_after_a_day_somebody_is_told(keeper: Keeper) -> None:
    keeper.write(1)
    keeper.sign()
    keeper.write(1)
    keyless = replace(keeper, log_signer=None)
    checkpointing.run(keyless.services)
    assert alarms(keeper) == []

    keyless.now += timedelta(days=1)
    checkpointing.run(keyless.services)

    assert sizes(keeper) == [1]
    assert alarms(keeper) == ["log_unsigned"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_event SET detail = '{\"count\": 9}' WHERE seq = 5",
        "DELETE FROM audit_event WHERE seq = 5",
        "UPDATE audit_head SET hash = 'x'",
        "UPDATE audit_event SET previous_hash = hash WHERE seq = 4",
    ],
)
def test_what_does_not_hold_is_never_signed_and_somebody_is_told(
    keeper: Keeper, tamper: Tamper, change: str
) -> None:
    keeper.write(3)
    keeper.sign()
    keeper.write(4)
    tamper(change)
    keeper.now += timedelta(hours=1)

    checkpointing.run(keeper.services)

    assert sizes(keeper) == [3]
    assert alarms(keeper) == ["log_altered"]


def test_an_altered_memory_of_the_tree_is_not_signed(keeper: Keeper, tamper: Tamper) -> None:
    keeper.write(2)
    keeper.sign()
    other = Frontier()
    for leaf in (b"1" * 32, b"2" * 32):
        other.append(leaf)
    tamper("UPDATE audit_checkpoint SET frontier = :frontier", frontier=other.written())
    keeper.write(2)

    keeper.sign()

    assert auditing.verify(keeper.services).is_whole


# --- Handing out ---------------------------------------------------------------------------------


def test_a_mail_carries_the_note_and_gives_it_back(keeper: Keeper) -> None:
    keeper.write(3)
    made = keeper.sign()

    sent = _message(checkpointing.with_checkpoint(LETTER, made), "kursdocs@musterstadt.example")

    assert max(map(len, sent.split(b"\r\n"))) < 100
    assert note_in(sent) == made.note
    assert note_in(sent.replace(b"\r\n", b"\n")) == made.note
    assert note_in(made.note.encode()) == made.note
    assert note_in(made.note.replace("\n", "\r\n").encode()) == made.note


def test_a_mail_within_a_mail_is_read_too(keeper: Keeper) -> None:
    keeper.write(1)
    made = keeper.sign()
    sent = _message(checkpointing.with_checkpoint(LETTER, made), "kursdocs@musterstadt.example")
    outer = EmailMessage()
    outer.set_content("Siehe Anhang")
    outer.add_attachment(message_from_bytes(sent, policy=default))

    assert note_in(outer.as_bytes()) == made.note


@pytest.mark.parametrize(
    "data", [b"", b"Subject: Probe\n\nProbe", f"{HEADER}: ???\n\nProbe".encode(), b"\xff\xfe"]
)
def test_where_there_is_none_none_is_found(data: bytes) -> None:
    assert note_in(data) is None


def test_without_a_checkpoint_a_mail_stays_as_it_is() -> None:
    assert checkpointing.with_checkpoint(LETTER, None) is LETTER


@pytest.mark.parametrize(
    "note",
    [
        "",
        "a\n1\n",
        "a\n1\nAAAA\n\n— a b\n",
        "a\n01\n{root}\n\nx",
        "a\n-1\n{root}\n\nx",
        "\n1\n{root}\n\nx",
    ],
)
def test_what_is_no_checkpoint_is_refused(note: str) -> None:
    root = base64.b64encode(bytes(32)).decode()

    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says, nobody reads it
        Statement.read(note.replace("{root}", root))


# --- Shortening ----------------------------------------------------------------------------------


def test_what_is_old_and_signed_goes_and_everything_still_holds(keeper: Keeper) -> None:
    keeper.write(5)
    held = keeper.sign().note
    keeper.now += timedelta(days=190)
    keeper.write(2)

    assert checkpointing.shorten(keeper.services) == 5

    assert (count_of(keeper, AuditEvent), count_of(keeper, AuditLeaf)) == (3, 5)
    keeper.write(1)
    keeper.sign()
    verified = auditing.verify(keeper.services, held=[held])
    assert (verified.is_whole, verified.first_row, verified.rows) == (True, 6, 9)
    with keeper.transaction() as session:
        query = select(AuditEvent).where(AuditEvent.happening == Happening.LOG_SHORTENED)
        told = session.exec(query).one()
    assert told.detail == {"through": 5, "before": "2026-12-01"}


def test_what_is_young_or_not_signed_stays(keeper: Keeper) -> None:
    keeper.write(2)
    keeper.sign()
    keeper.write(3)
    assert checkpointing.shorten(keeper.services) == 0
    keeper.now += timedelta(days=190)

    assert checkpointing.shorten(keeper.services) == 2
    assert checkpointing.shorten(keeper.services) == 0
    assert count_of(keeper, AuditLeaf) == 2


def test_nothing_goes_on_the_word_of_a_checkpoint_that_is_not_ours(keeper: Keeper) -> None:
    keeper.write(2)
    keeper.sign()
    keeper.now += timedelta(days=190)

    assert checkpointing.shorten(replace(keeper, log_signer=None).services) == 0
    assert checkpointing.shorten(replace(keeper, log_signer=make_log_key()).services) == 0
    assert count_of(keeper, AuditLeaf) == 0


def test_an_altered_row_does_not_go_so_that_its_trace_stays(keeper: Keeper, tamper: Tamper) -> None:
    keeper.write(3)
    keeper.sign()
    tamper("UPDATE audit_event SET detail = '{\"count\": 9}' WHERE seq = 2")
    keeper.now += timedelta(days=190)

    assert checkpointing.shorten(keeper.services) == 0

    assert alarms(keeper) == ["log_altered"]
    assert count_of(keeper, AuditEvent) == 3


def test_much_goes_in_parts(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortening, "BATCH", 4)
    keeper.write(10)
    keeper.sign()
    keeper.now += timedelta(days=190)

    assert checkpointing.shorten(keeper.services) == 10
    assert auditing.verify(keeper.services).is_whole


def test_a_run_takes_so_many_parts_and_none_once_it_is_to_stop(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shortening, "BATCH", 2)
    monkeypatch.setattr(checkpointing, "BATCHES_A_RUN", 2)
    keeper.write(7)
    keeper.sign()
    keeper.now += timedelta(days=190)
    stop = threading.Event()

    first = checkpointing.shorten(keeper.services, stop)
    stop.set()
    stopped = checkpointing.shorten(keeper.services, stop)
    stop.clear()

    assert (first, stopped, checkpointing.shorten(keeper.services, stop)) == (4, 0, 3)
    assert auditing.verify(keeper.services).is_whole


def test_what_is_signed_and_shortened_for_the_first_time_meanwhile_is_no_tampering(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper.write(5)
    keeper.now += timedelta(days=190)
    gone: list[int] = []
    pages = auditing._go_on

    def before_the_first_page(*arguments: Any) -> Any:
        if not gone:
            gone.append(0)
            keeper.sign()
            gone[0] = checkpointing.shorten(keeper.services)
        return pages(*arguments)

    monkeypatch.setattr(auditing, "_go_on", before_the_first_page)

    assert auditing.verify(keeper.services).found == []
    assert gone == [5]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("look", "first"),
    [
        (lambda keeper: auditing.verify(keeper.services).is_whole, "audit_leaf.seq <="),
        (lambda keeper: auditing.prove(keeper.services, 5).index == 4, "audit_event.seq <="),
    ],
    ids=["verifying", "proving"],
)
def test_what_goes_by_rule_between_rows_and_leaves_of_a_page_is_no_tampering(
    database: Database, keeper: Keeper, look: Callable[[Keeper], bool], first: str
) -> None:
    keeper.write(5)
    keeper.sign()
    keeper.write(2)
    keeper.now += timedelta(days=190)
    gone: list[int] = []

    def meanwhile(*arguments: Any) -> None:
        if first in str(arguments[2]) and not gone:
            gone.append(0)
            gone[0] = checkpointing.shorten(keeper.services)

    event.listen(database.engine, "after_cursor_execute", meanwhile)
    try:
        assert look(keeper)
    finally:
        event.remove(database.engine, "after_cursor_execute", meanwhile)
    assert gone == [5]


# --- Proving and exporting -----------------------------------------------------------------------


def test_a_row_is_proved_to_whoever_has_a_checkpoint_and_thirty_lines(keeper: Keeper) -> None:
    keeper.write(11)
    made = keeper.sign()
    keeper.write(3)

    for seq in (1, 7, 11):
        proof = auditing.prove(keeper.services, seq).written()
        assert proof["checkpoint"] == made.note
        assert check(proof)
        assert not check({**proof, "row": {**proof["row"], "detail": "{}"}})
        assert not check({**proof, "index": proof["index"] - 1 if seq > 1 else 3})


def test_the_program_that_checks_a_proof_runs_as_it_is_told_of(keeper: Keeper) -> None:
    page = (Path(__file__).parents[2] / "infra" / "proof.md").read_text("utf-8")
    program = page.split("```python\n")[1].split("```")[0]
    keeper.write(5)
    made = keeper.sign()
    proof = auditing.prove(keeper.services, 3).written()

    def said(given: dict[str, Any]) -> str:
        command = [sys.executable, "-c", program]
        return subprocess.run(
            command, input=json.dumps(given), capture_output=True, text=True, check=True
        ).stdout

    assert inspect.getsource(check).split('"""')[-1] in program
    assert said(proof) == f"{made.note} True\n"
    assert said({**proof, "index": 0}).endswith(" False\n")


def test_a_row_is_proved_to_the_checkpoint_that_somebody_kept(keeper: Keeper) -> None:
    keeper.write(5)
    kept = keeper.sign().note
    keeper.write(6)
    keeper.sign()

    proof = auditing.prove(keeper.services, 4, held=kept).written()

    assert (proof["checkpoint"], proof["size"]) == (kept, 5)
    assert check(proof)
    with pytest.raises(auditing.NotProvable, match="behind the checkpoint you gave"):
        auditing.prove(keeper.services, 6, held=kept)
    with pytest.raises(auditing.NotProvable, match="not signed with a known key"):
        auditing.prove(keeper.services, 4, held=kept.replace("\n5\n", "\n6\n"))


def test_a_checkpoint_from_after_an_older_database_was_put_back_proves_nothing(
    keeper: Keeper, tamper: Tamper
) -> None:
    keeper.write(5)
    kept = keeper.sign().note
    tamper("DELETE FROM audit_event WHERE seq > 3")

    with pytest.raises(auditing.NotProvable, match="does not hold"):
        auditing.prove(keeper.services, 2, held=kept)


def test_what_cannot_be_proved_is_said_in_a_sentence(keeper: Keeper, tamper: Tamper) -> None:
    keeper.write(3)
    with pytest.raises(auditing.NotProvable, match="Nothing of the log is signed yet"):
        auditing.prove(keeper.services, 1)
    keeper.sign()
    keeper.write(1)
    with pytest.raises(auditing.NotProvable, match="Row 4 is not signed yet"):
        auditing.prove(keeper.services, 4)
    with pytest.raises(auditing.NotProvable, match="There is no row 9"):
        auditing.prove(keeper.services, 9)
    tamper("UPDATE audit_event SET hash = previous_hash WHERE seq = 2")
    with pytest.raises(auditing.NotProvable, match="does not hold"):
        auditing.prove(keeper.services, 3)


def test_a_part_is_exported_with_hashes_and_checkpoint_and_the_log_tells_it(
    keeper: Keeper,
) -> None:
    keeper.write(5)
    made = keeper.sign()
    since = keeper.now - timedelta(minutes=2)

    lines = list(auditing.export(keeper.services, auditing.Part(since=since)))

    assert [line["seq"] for line in lines[:-1]] == ["3", "4", "5"]
    assert lines[-1] == {"rows": 3, "checkpoint": made.note}
    with keeper.transaction() as session:
        last = session.exec(select(AuditEvent).order_by("seq")).all()[-1]
    assert (last.happening, last.detail) == (Happening.LOG_EXPORTED, {"rows": 3})
