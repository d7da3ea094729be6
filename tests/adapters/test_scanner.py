"""Asking a real clamd about malware: only a plain yes to all of the bytes is clean."""

import io
import socket
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.adapters.paper_corpus import certificate, jpeg
from tests.conftest import leave_out
from tests.servers_clamd import (
    EICAR,
    STREAM_MEGABYTES,
    ClamdServer,
    clamd_binary,
    running_clamd,
)

from kursdocs.adapters.scanner import ClamdScanner, OwnChecksOnly, open_scanner
from kursdocs.core.errors import Unavailable
from kursdocs.core.ports import Verdict

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def clamd() -> Iterator[ClamdServer]:
    if clamd_binary() is None:
        leave_out("ClamAV is not installed (Debian: clamav-daemon)")
    # Not in pytest's folder: the path of a local socket may have 107 bytes only.
    with tempfile.TemporaryDirectory(prefix="kd-clamd-") as folder:
        Path(folder).chmod(0o755)
        with running_clamd(Path(folder)) as server:
            yield server


@pytest.fixture(params=["unix", "tcp"])
def scanner(clamd: ClamdServer, request: pytest.FixtureRequest) -> ClamdScanner:
    return ClamdScanner(clamd.address if request.param == "unix" else clamd.tcp_address)


@contextmanager
def answering(answer: bytes, *, pause: float = 0) -> Iterator[str]:
    """A server that says this, whatever it is asked; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            line, _ = listener.accept()
            with line, suppress(OSError):  # the client may have heard enough
                line.settimeout(5)
                heard = b""
                while not heard.endswith((b"\0\0\0\0", b"PING\0")):
                    heard += line.recv(65536)
                for byte in answer:
                    time.sleep(pause)
                    line.sendall(bytes([byte]))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


@contextmanager
def impatient(answer: bytes) -> Iterator[str]:
    """A local server that answers and hangs up without listening; yields its address."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/impatient")
        listener.listen()

        def serve() -> None:
            line, _ = listener.accept()
            with line:
                line.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"unix:{folder}/impatient"
        thread.join(10)


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("brief.txt", data)
    return out.getvalue()


def test_a_harmless_paper_is_clean(scanner: ClamdScanner) -> None:
    scanner.check()

    assert scanner.scan(certificate()) is Verdict.CLEAN
    assert scanner.scan(jpeg()) is Verdict.CLEAN


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
    assert scanner.scan(build()) is Verdict.INFECTED


def test_more_than_clamd_takes_is_not_clean(clamd: ClamdServer) -> None:
    too_many = bytes(STREAM_MEGABYTES * MEGABYTE + 1)

    trusting = ClamdScanner(clamd.address, bytes_max=2 * len(too_many))

    assert trusting.scan(too_many) is Verdict.UNSCANNABLE
    assert trusting.scan(bytes(STREAM_MEGABYTES * MEGABYTE)) is Verdict.CLEAN


def test_more_than_we_send_is_not_even_asked(clamd: ClamdServer) -> None:
    cautious = ClamdScanner(clamd.address, bytes_max=1000)

    assert cautious.scan(bytes(1000)) is Verdict.CLEAN
    assert cautious.scan(bytes(1001)) is Verdict.UNSCANNABLE


def test_a_clamd_that_is_away_gives_no_verdict_until_it_is_back(clamd: ClamdServer) -> None:
    for address in (clamd.address, clamd.tcp_address):
        scanner = ClamdScanner(address)
        clamd.stop()
        try:
            assert scanner.scan(certificate()) is Verdict.UNSCANNABLE
            with pytest.raises(Unavailable) as caught:
                scanner.check()
        finally:
            clamd.start()

        assert caught.value.code == "scanner_unavailable"
        assert scanner.scan(certificate()) is Verdict.CLEAN


def test_a_clamd_that_hangs_gives_no_verdict_in_time(clamd: ClamdServer) -> None:
    scanner = ClamdScanner(clamd.address, seconds=0.3)

    with clamd.frozen():
        started = time.monotonic()
        assert scanner.scan(bytes(8 * MEGABYTE)) is Verdict.UNSCANNABLE
        with pytest.raises(Unavailable):
            scanner.check()
        assert time.monotonic() - started < 3


def test_a_drop_by_drop_answer_does_not_stretch_the_time() -> None:
    with answering(b"stream: OK\0", pause=0.2) as address:
        started = time.monotonic()
        assert ClamdScanner(address, seconds=0.5).scan(b"Muster") is Verdict.UNSCANNABLE
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
        assert ClamdScanner(address).scan(b"Muster") is Verdict.UNSCANNABLE


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
        assert ClamdScanner(address).scan(bytes(8 * MEGABYTE)) is verdict


def test_a_wrong_answer_to_a_ping_is_unavailable() -> None:
    with answering(b"stream: OK\0") as address, pytest.raises(Unavailable):
        ClamdScanner(address).check()


def test_off_is_a_choice_of_its_own_and_nothing_else_means_it(clamd: ClamdServer) -> None:
    off = open_scanner("off")
    off.check()

    assert isinstance(off, OwnChecksOnly)
    assert off.scan(EICAR) is Verdict.CLEAN
    assert open_scanner(clamd.address).scan(EICAR) is Verdict.INFECTED
    assert open_scanner(clamd.tcp_address).scan(EICAR) is Verdict.INFECTED


@pytest.mark.parametrize(
    "setting", ["", "Off", "none", "localhost", "host:", ":3310", "host:99999", "host:²", "unix:a"]
)
def test_a_setting_that_names_no_scanner_is_refused(setting: str) -> None:
    with pytest.raises(ValueError, match="neither 'off'"):
        open_scanner(setting)
