"""Asking a real clamd about malware: only a plain yes to all of the bytes is clean."""

import io
import socket
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest
from tests.adapters.paper_corpus import certificate, jpeg
from tests.servers_clamd import (
    EICAR,
    STREAM_MEGABYTES,
    ClamdServer,
    clamd_for_tests,
)

from kursdocs.adapters.scanner import ClamdScanner, OwnChecksOnly, open_scanner
from kursdocs.core.errors import Unavailable
from kursdocs.core.ports import Scan, Signatures, Verdict

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def clamd() -> Iterator[ClamdServer]:
    with clamd_for_tests() as server:
        yield server


@pytest.fixture(params=["unix", "tcp"])
def scanner(clamd: ClamdServer, request: pytest.FixtureRequest) -> ClamdScanner:
    return ClamdScanner(clamd.address if request.param == "unix" else clamd.tcp_address)


VERSION = b"ClamAV 1.4.6/27800/Sat Nov 21 09:26:36 2026\0"


@contextmanager
def answering(answer: bytes, *, pause: float = 0, version: bytes = VERSION) -> Iterator[str]:
    """A server that says this to whatever else it is asked than its version; its address."""

    def serve(line: socket.socket) -> None:
        heard = b""
        while not heard.endswith((b"\0\0\0\0", b"PING\0", b"VERSION\0")):
            heard += line.recv(65536)
        is_asked_for_version = heard.endswith(b"VERSION\0")
        for byte in version if is_asked_for_version else answer:
            time.sleep(0 if is_asked_for_version else pause)
            line.sendall(bytes([byte]))

    with socket.create_server(("127.0.0.1", 0)) as listener, _serving(listener, serve):
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def impatient(answer: bytes) -> Iterator[str]:
    """A local server that, after its version, answers and hangs up without listening."""
    asked = 0

    def serve(line: socket.socket) -> None:
        nonlocal asked
        asked += 1
        line.sendall(VERSION if asked == 1 else answer)

    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/impatient")
        listener.listen()
        with _serving(listener, serve):
            yield f"unix:{folder}/impatient"


@contextmanager
def _serving(listener: socket.socket, serve: Callable[[socket.socket], None]) -> Iterator[None]:
    """Serve one connection after the other until the block ends."""

    def loop() -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                line, _ = listener.accept()
                line.settimeout(5)
                with line, suppress(OSError):  # the client may have heard enough
                    serve(line)

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("brief.txt", data)
    return out.getvalue()


def test_a_harmless_paper_is_clean(scanner: ClamdScanner) -> None:
    scanner.check()

    assert scanner.scan(certificate()).verdict is Verdict.CLEAN
    assert scanner.scan(jpeg()).verdict is Verdict.CLEAN


@pytest.mark.parametrize(
    "build",
    [
        lambda: EICAR,
        lambda: jpeg() + EICAR,
        lambda: certificate() + EICAR,
        lambda: zipped(EICAR),
        lambda: zipped(zipped(zipped(EICAR))),
        lambda: bytes(10 * MEGABYTE) + EICAR,
    ],
    ids=["bare", "behind a JPEG", "behind a PDF", "zipped", "zipped thrice", "behind 10 MiB"],
)
def test_malware_is_found(scanner: ClamdScanner, build: Callable[[], bytes]) -> None:
    assert scanner.scan(build()).verdict is Verdict.INFECTED


def test_more_than_clamd_takes_is_not_clean(clamd: ClamdServer) -> None:
    too_many = bytes(STREAM_MEGABYTES * MEGABYTE + 1)

    trusting = ClamdScanner(clamd.address, bytes_max=2 * len(too_many))

    assert trusting.scan(too_many).verdict is Verdict.UNSCANNABLE
    assert trusting.scan(bytes(STREAM_MEGABYTES * MEGABYTE)).verdict is Verdict.CLEAN


def test_more_than_we_send_is_not_even_asked(clamd: ClamdServer) -> None:
    cautious = ClamdScanner(clamd.address, bytes_max=1000)

    assert cautious.scan(bytes(1000)).verdict is Verdict.CLEAN
    assert cautious.scan(bytes(1001)).verdict is Verdict.UNSCANNABLE


def test_a_clamd_that_is_away_gives_no_verdict_until_it_is_back(clamd: ClamdServer) -> None:
    for address in (clamd.address, clamd.tcp_address):
        scanner = ClamdScanner(address)
        clamd.stop()
        try:
            assert scanner.scan(certificate()).verdict is Verdict.UNSCANNABLE
            with pytest.raises(Unavailable) as caught:
                scanner.check()
        finally:
            clamd.start()

        assert caught.value.code == "scanner_unavailable"
        assert scanner.scan(certificate()).verdict is Verdict.CLEAN


def test_a_clamd_that_hangs_gives_no_verdict_in_time(clamd: ClamdServer) -> None:
    scanner = ClamdScanner(clamd.address, seconds=0.3)

    with clamd.frozen():
        started = time.monotonic()
        assert scanner.scan(bytes(8 * MEGABYTE)).verdict is Verdict.UNSCANNABLE
        with pytest.raises(Unavailable):
            scanner.check()
        assert time.monotonic() - started < 3


def test_the_version_has_its_part_in_the_time() -> None:
    with answering(b"stream: OK\0", version=b"") as address:
        started = time.monotonic()
        assert ClamdScanner(address, seconds=0.5).scan(b"Muster").verdict is Verdict.UNSCANNABLE
        assert time.monotonic() - started < 1.5


def test_a_drop_by_drop_answer_does_not_stretch_the_time() -> None:
    with answering(b"stream: OK\0", pause=0.2) as address:
        started = time.monotonic()
        assert ClamdScanner(address, seconds=0.5).scan(b"Muster").verdict is Verdict.UNSCANNABLE
        assert time.monotonic() - started < 1.5


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0",
        b"OK\0",
        b"stream: OK",
        b"stream: OK\n\0",
        b"stream: ok\0",
        b" stream: OK\0",
        b"stream: OK OK\0",
        b"stream: OKAY\0",
        b"stream: OK\0stream: Muster FOUND\0",
        b"stream: Can't allocate memory ERROR\0",
        b"INSTREAM size limit exceeded. ERROR\0",
        b"HTTP/1.1 200 OK\r\n\r\n\0",
        b"PONG\0",
        b"x" * 5000 + b"\0",
    ],
)
def test_any_other_answer_is_not_clean(answer: bytes) -> None:
    with answering(answer) as address:
        assert ClamdScanner(address).scan(b"Muster").verdict is Verdict.UNSCANNABLE


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (b"stream: Muster.Probe FOUND\0", Verdict.INFECTED),
        (b"stream: OK\0", Verdict.UNSCANNABLE),
        (b"INSTREAM size limit exceeded. ERROR\0", Verdict.UNSCANNABLE),
    ],
)
def test_who_hangs_up_early_may_say_infected_but_not_clean(answer: bytes, verdict: Verdict) -> None:
    with impatient(answer) as address:
        assert ClamdScanner(address).scan(bytes(8 * MEGABYTE)).verdict is verdict


def test_a_wrong_answer_to_a_ping_is_unavailable() -> None:
    with answering(b"stream: OK\0") as address, pytest.raises(Unavailable):
        ClamdScanner(address).check()


def test_off_is_a_choice_of_its_own_and_nothing_else_means_it(clamd: ClamdServer) -> None:
    off = open_scanner("off")
    off.check()

    assert isinstance(off, OwnChecksOnly)
    assert off.scan(EICAR).verdict is Verdict.CLEAN
    assert open_scanner(clamd.address).scan(EICAR).verdict is Verdict.INFECTED
    assert open_scanner(clamd.tcp_address).scan(EICAR).verdict is Verdict.INFECTED


@pytest.mark.parametrize(
    "setting", ["", "Off", "none", "localhost", "host:", ":3310", "host:99999", "host:²", "unix:a"]
)
def test_a_setting_that_names_no_scanner_is_refused(setting: str) -> None:
    with pytest.raises(ValueError, match="neither 'off'"):
        open_scanner(setting)


# -- what it scans with ----------------------------------------------------------------------------


def test_the_signatures_are_named_and_dated(scanner: ClamdScanner, clamd: ClamdServer) -> None:
    known = scanner.signatures()

    assert known.version.startswith("ClamAV 1.")
    assert known.version.endswith(f"/{clamd.version}")
    assert known.made_at == clamd.made_at
    assert scanner.scan(certificate()).signatures == known.version
    assert scanner.scan(EICAR).signatures == known.version


def test_what_is_loaded_while_it_runs_has_another_name(clamd: ClamdServer) -> None:
    scanner, later = ClamdScanner(clamd.address), datetime(2026, 3, 5, 6, tzinfo=UTC)
    before = scanner.scan(b"Muster-Schadsoftware der Probe")

    clamd.learn(b"Muster-Schadsoftware", made_at=later)
    after = scanner.scan(b"Muster-Schadsoftware der Probe")

    assert (before.verdict, after.verdict) == (Verdict.CLEAN, Verdict.INFECTED)
    assert before.signatures != after.signatures == scanner.signatures().version
    assert scanner.signatures().made_at == later


@pytest.mark.parametrize(
    ("said", "known"),
    [
        (
            VERSION,
            Signatures("ClamAV 1.4.6/27800", datetime(2026, 11, 21, 9, 26, 36, tzinfo=UTC)),
        ),
        (
            b"ClamAV 1.5.0-rc/1/Tue Mar  3 00:00:00 2026\0",
            Signatures("ClamAV 1.5.0-rc/1", datetime(2026, 3, 3, tzinfo=UTC)),
        ),
        (b"ClamAV 1.4.6\0", Signatures("ClamAV 1.4.6")),
        (b"ClamAV 1.4.6/27800/Sat Nov 31 09:26:36 2026\0", Signatures("ClamAV 1.4.6/27800")),
        (b"ClamAV 1.4.6/27800/gestern um neun\0", Signatures("ClamAV 1.4.6/27800")),
    ],
)
def test_what_cannot_be_dated_is_not_dated(said: bytes, known: Signatures) -> None:
    with answering(b"stream: OK\0", version=said) as address:
        assert ClamdScanner(address).signatures() == known
        assert ClamdScanner(address).scan(b"Muster") == Scan(Verdict.CLEAN, known.version)


@pytest.mark.parametrize(
    "said",
    [
        b"\0",
        b"PONG\0",
        b"ClamAV\0",
        b"ClamAV 1.4.6",
        b"ClamAV \xff\0",
        b"ClamAV " + b"1" * 99 + b"\0",
    ],
)
def test_who_names_no_signatures_is_not_believed(said: bytes) -> None:
    with answering(b"stream: OK\0", version=said) as address:
        with pytest.raises(Unavailable):
            ClamdScanner(address).signatures()
        assert ClamdScanner(address).scan(b"Muster") == Scan(Verdict.UNSCANNABLE)


def test_without_a_scanner_there_are_no_signatures() -> None:
    assert open_scanner("off").signatures() == Signatures("")
