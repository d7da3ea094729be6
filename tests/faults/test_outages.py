"""Parts that fail in the middle of the work, on the line and on the disk, with real servers.

What each test asks is the same: whoever was told "stored" finds the paper, whoever was refused may
try again under the same key and it is stored once; once the sweeper was there nothing is left over.

Elsewhere, and not repeated here: each method of a store against false answers
(``adapters/test_object_store``), parts that stop altogether at each moment of an intake and stores
that read back something else (``operations/test_intake``), every kind of no of a mail server and
its lost answers (``operations/test_mailing``, ``adapters/test_mail``), each answer of clamd
(``adapters/test_scanner``), pages and API while a part is down (``web/test_outages``).
"""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from tests.conftest import leave_out
from tests.faults import wire
from tests.faults.wire import Act, Wire
from tests.operations.house import OTHER_PAPER, PAPER, House
from tests.operations.post import SENDER, Post
from tests.servers import PostgresServer, S3Server, SmtpServer
from tests.servers_clamd import ClamdServer, clamd_binary, running_clamd

from kursdocs.adapters import mail_servers, s3_lines
from kursdocs.adapters.database import Database
from kursdocs.adapters.mail import SmtpMailer
from kursdocs.adapters.object_store import open_store
from kursdocs.adapters.scanner import ClamdScanner
from kursdocs.core.documents import lifecycle
from kursdocs.core.errors import Conflict, NotFound, Unavailable
from kursdocs.core.outbox import LEASE
from kursdocs.core.ports import StoreUnavailable
from kursdocs.services import Services

TOO_LATE = lifecycle.INTAKE_LIMIT + timedelta(minutes=1)
SOON = timedelta(days=2)
SILENCE_SECONDS = 0.4
MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)


def attempt(house: House, services: Services) -> UUID | None:
    """One upload under the key ``k``: its document, or nothing when a part failed."""
    try:
        return house.send(key="k", services=services, sending=house.sending()).id
    except Unavailable:
        return None


def assert_settled(house: House, stored: UUID | None) -> None:
    """After everything works again: nothing lost, nothing left, and the retry stores once."""
    if stored is None and "pending" in house.states():
        with pytest.raises(Conflict, match="still_running"):
            house.send(key="k")
        house.sweep(TOO_LATE)
    again = house.send(key="k").id
    assert stored in (None, again)
    assert house.read(again) == PAPER
    house.sweep(TOO_LATE)
    house.sweep(SOON)
    assert house.faults() == []
    assert house.states().count("live") == 2  # with the one from before


# -- the line to the object store -----------------------------------------------------------------


@pytest.fixture
def s3_wire(s3: S3Server) -> Iterator[Wire]:
    port = urlsplit(s3.bucket_url("bucket")).port
    assert port is not None
    line = Wire(port)
    yield line
    line.close()


@pytest.fixture
def patient(at_servers: House, s3_wire: Wire) -> Services:
    """The services of the house; its objects go over the line."""
    settings = at_servers.services.settings
    parts = urlsplit(settings.store_url)
    url = parts._replace(netloc=f"127.0.0.1:{s3_wire.port}").geturl()
    store = open_store(url, settings.s3_access_key, settings.s3_secret_key.get_secret_value())
    return replace(at_servers.services, store=store)


@pytest.fixture
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    real = s3_lines.pool
    monkeypatch.setattr(s3_lines, "pool", lambda seconds: real(min(seconds, SILENCE_SECONDS)))
    monkeypatch.setattr(s3_lines, "TRANSFER_SECONDS", 1.0)


@pytest.fixture
def over_wire(_hurry: None, patient: Services) -> Services:
    """The same, with less patience than in earnest."""
    return patient


TROUBLES: dict[str, Act] = {
    "500": wire.answer(b"500 Internal Server Error"),
    "503": wire.answer(b"503 Service Unavailable", b"<h1>later</h1>"),
    "reset": wire.reset,
    "half a request": wire.cut_in_the_middle,
    "silence": wire.silence,
    "lost answer": wire.lose_the_answer,
    "truncated answer": wire.truncate_the_answer,
    "wrong answer": wire.spoil_the_answer,
    "a byte a second": wire.trickle(1),
    "drops": wire.trickle_the_body(20),
}


# To the program a refusal with 503 is one with 500; what is tried again takes a while each time.
READING = {name: act for name, act in TROUBLES.items() if name != "503"}


@pytest.mark.parametrize(
    ("method", "act"),
    [
        *(pytest.param(b"PUT", act, id=f"put-{name}") for name, act in TROUBLES.items()),
        *(pytest.param(b"GET", act, id=f"read back-{name}") for name, act in READING.items()),
    ],
)
def test_trouble_on_the_line_to_the_store_loses_nothing_of_an_upload(
    at_servers: House, over_wire: Services, s3_wire: Wire, method: bytes, act: Act
) -> None:
    at_servers.send(OTHER_PAPER)

    with s3_wire.troubled(act, method) as trouble:
        stored = attempt(at_servers, over_wire)

    assert trouble.hits > 0
    assert_settled(at_servers, stored)


@pytest.mark.parametrize("act", READING.values(), ids=READING)
def test_trouble_on_the_line_never_hands_out_anything_but_the_paper(
    at_servers: House, over_wire: Services, s3_wire: Wire, act: Act
) -> None:
    document = at_servers.send().id
    reader = replace(at_servers, services=over_wire)

    with s3_wire.troubled(act, b"GET") as trouble, pytest.raises(Unavailable):
        reader.read(document)

    assert trouble.hits > 0
    assert reader.read(document) == PAPER


@pytest.mark.parametrize("act", [TROUBLES["500"], TROUBLES["lost answer"], TROUBLES["reset"]])
def test_trouble_on_the_line_leaves_no_object_of_what_is_given_up(
    at_servers: House, over_wire: Services, s3_wire: Wire, act: Act
) -> None:
    """The sweeper that cannot remove an object finishes when it can."""
    at_servers.send(OTHER_PAPER)
    with s3_wire.troubled(wire.lose_the_answer, b"PUT"):
        assert attempt(at_servers, over_wire) is None
    swept = replace(at_servers, services=over_wire)

    with s3_wire.troubled(act, b"DELETE") as trouble:
        for pause in (TOO_LATE, SOON):
            with suppress(Unavailable):
                swept.sweep(pause)

    assert trouble.hits > 0
    swept.sweep(SOON)
    assert at_servers.faults() == []
    assert len(at_servers.objects()) == 1


def test_a_large_paper_passes_a_slow_line(
    at_servers: House, patient: Services, s3_wire: Wire
) -> None:
    """Slower than the time-out of a connection would allow for the whole of it."""
    large = bytes(24 * 1024 * 1024)

    with s3_wire.troubled(wire.slow_request(5_000_000), b"PUT") as trouble:
        patient.store.put("a" * 32, large)

    assert trouble.hits == 1
    assert at_servers.services.store.get("a" * 32) == large
    at_servers.services.store.delete("a" * 32)


def test_a_line_that_takes_next_to_nothing_is_given_up(over_wire: Services, s3_wire: Wire) -> None:
    with (
        s3_wire.troubled(wire.slow_request(500_000), b"PUT"),
        pytest.raises(StoreUnavailable),
    ):
        over_wire.store.put("a" * 32, bytes(24 * 1024 * 1024))


# -- the line to the database ---------------------------------------------------------------------


@pytest.fixture
def database_wire(postgres: PostgresServer) -> Iterator[Wire]:
    line = Wire(postgres.port)
    yield line
    line.close()


@pytest.fixture
def over_database_wire(at_servers: House, database_wire: Wire) -> Iterator[Services]:
    """The services of the house; its rows go over the line."""
    settings = at_servers.services.settings
    parts = urlsplit(settings.database_url)
    netloc = f"{parts.username}@127.0.0.1:{database_wire.port}"
    database = Database(parts._replace(netloc=netloc).geturl())
    yield replace(at_servers.services, transaction=database.transaction, database=database)
    database.close()


COMMITS: dict[str, Act] = {
    "before": wire.before_the_commit,
    "during": wire.during_the_commit,
    "after": wire.after_the_commit,
}


@pytest.mark.parametrize("act", COMMITS.values(), ids=COMMITS)
@pytest.mark.parametrize("skip", [0, 1, 2, 3], ids=["look", "reserve", "finish", "read"])
def test_a_database_lost_around_a_commit_stores_once_under_the_same_key(
    at_servers: House, over_database_wire: Services, database_wire: Wire, skip: int, act: Act
) -> None:
    """Nobody can know whether a commit counted whose answer is lost: the key finds it out."""
    at_servers.send(OTHER_PAPER)
    sending = at_servers.sending()

    with (
        database_wire.troubled(act, wire.COMMIT, skip=skip) as trouble,
        pytest.raises(Unavailable) as told,
    ):
        at_servers.send(key="k", services=over_database_wire, sending=sending)

    assert trouble.hits > 0
    assert told.value.code == "database_unavailable"
    live = [one.id for one in at_servers.documents() if one.state == "live"]
    assert_settled(at_servers, live[1] if len(live) > 1 else None)


@pytest.mark.parametrize("skip", [1, 2], ids=["reserve", "finish"])
def test_a_server_stopped_in_a_commit_stores_once_under_the_same_key(
    at_servers: House,
    over_database_wire: Services,
    database_wire: Wire,
    postgres: PostgresServer,
    skip: int,
) -> None:
    at_servers.send(OTHER_PAPER)
    sending = at_servers.sending()

    def stop(exchange: wire.Exchange) -> None:
        exchange.server.sendall(exchange.head)
        postgres.stop()

    try:
        with (
            database_wire.troubled(stop, wire.COMMIT, skip=skip) as trouble,
            pytest.raises(Unavailable),
        ):
            at_servers.send(key="k", services=over_database_wire, sending=sending)
    finally:
        postgres.start()

    assert trouble.hits > 0
    assert_settled(at_servers, None)


# -- the line to the scanner ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def clamd() -> Iterator[ClamdServer]:
    if clamd_binary() is None:
        leave_out("ClamAV is not installed (Debian: clamav-daemon)")
    # Not in pytest's folder: the path of a local socket may have 107 bytes only.
    with tempfile.TemporaryDirectory(prefix="kd-clamd-") as folder:
        Path(folder).chmod(0o755)
        with running_clamd(Path(folder)) as server:
            yield server


@pytest.fixture
def clamd_wire(clamd: ClamdServer) -> Iterator[Wire]:
    line = Wire(int(clamd.tcp_address.rpartition(":")[2]))
    yield line
    line.close()


SCANS: dict[str, Act] = {
    "reset": wire.reset,
    "silence": wire.hear_nothing,
    "cut in the middle": wire.cut_after_the_beginning,
    "lost verdict": wire.lose_the_reply,
}


@pytest.mark.parametrize("act", SCANS.values(), ids=SCANS)
@pytest.mark.parametrize("question", [b"zINSTREAM", b"zVERSION"], ids=["scan", "version"])
def test_without_a_verdict_a_paper_is_held_and_released_by_the_next(
    embedded: House, clamd_wire: Wire, question: bytes, act: Act
) -> None:
    scanner = ClamdScanner(f"127.0.0.1:{clamd_wire.port}", seconds=1.0)
    house = replace(embedded, services=replace(embedded.services, scanner=scanner))

    with clamd_wire.troubled(act, question) as trouble:
        held = house.send(key="k")
        again = house.send(key="k")

    assert trouble.hits > 0
    assert (held.state, again.id) == ("held", held.id)
    with pytest.raises(NotFound):
        house.read(held.id)
    assert house.sweep(SOON).released == 1
    assert house.read(held.id) == PAPER
    assert house.faults() == []


def test_while_the_scanner_hangs_for_days_nothing_is_released_and_nothing_lost(
    embedded: House, clamd: ClamdServer
) -> None:
    scanner = ClamdScanner(clamd.address, seconds=0.3)
    house = replace(embedded, services=replace(embedded.services, scanner=scanner))

    with clamd.frozen():
        held = house.send()
        released = [house.sweep(timedelta(hours=12)).released for _ in range(5)]

    assert released == [0] * 5
    assert house.states() == ["held"]
    assert house.sweep(timedelta(hours=1)).released == 1
    assert house.read(held.id) == PAPER
    assert house.faults() == []


# -- the line to the mail server ------------------------------------------------------------------

STEPS = {
    "ehlo": b"ehlo",
    "mail": b"mail",
    "rcpt": b"rcpt",
    "data": b"data",
    "content": b"Subject:",
    "quit": b"quit",
}
TALKS: dict[str, Act] = {
    "later": wire.say(b"451 4.3.0 later"),
    "reset": wire.reset,
    "silence": wire.hear_nothing,
    "lost reply": wire.lose_the_reply,
}


@pytest.fixture
def smtp_wire(smtp: SmtpServer) -> Iterator[Wire]:
    line = Wire(smtp.port)
    yield line
    line.close()


@pytest.fixture
def post_over_wire(post: Post, smtp_wire: Wire) -> Post:
    """A mail is planned; it goes over the line."""
    post.at(MONDAY).arrive()
    post.remind()
    server, _ = mail_servers.read(
        f"smtp://127.0.0.1:{smtp_wire.port}?tls=off", "", mail_servers.SMTP
    )
    mailer = SmtpMailer(server, SENDER, SILENCE_SECONDS)
    return replace(post, house=replace(post.house, services=replace(post.services, mailer=mailer)))


@pytest.mark.parametrize("act", TALKS.values(), ids=TALKS)
@pytest.mark.parametrize("step", STEPS)
def test_trouble_on_the_line_to_the_mail_server_brings_one_mail_and_says_so_once(
    post_over_wire: Post, smtp_wire: Wire, step: str, act: Act
) -> None:
    """Twice only where the server took it and nobody heard of that, then as the same mail."""
    post = post_over_wire

    with smtp_wire.troubled(act, STEPS[step]) as trouble:
        post.deliver()

    assert trouble.hits > 0
    post.later(seconds=LEASE.total_seconds()).work()
    post.at(TUESDAY).work()
    is_double = (step, act) == ("content", wire.lose_the_reply)
    assert len(post.smtp.letters) == (2 if is_double else 1)
    (mail,) = post.mails()
    names = {letter.message["Message-ID"] for letter in post.smtp.letters}
    assert names == {f"<{mail.id}@musterstadt.example>"}
    assert [one.mail_id for one in post.told()] == [mail.id]


@pytest.mark.parametrize("step", ["rcpt", "data", "content"])
def test_a_final_no_on_the_line_is_told_the_next_day(
    post_over_wire: Post, smtp_wire: Wire, step: str
) -> None:
    post = post_over_wire

    with smtp_wire.troubled(wire.say(b"554 5.7.1 never"), STEPS[step]):
        post.deliver()
        assert post.later(hours=1).work() == []

    assert len(post.at(TUESDAY).work()) == 1
    assert [one.dead_at is None for one in post.mails()] == [False, True]
