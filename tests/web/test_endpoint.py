"""How requests share the process: what is slow waits apart, what is too much is sent away."""

import os
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import httpx2
import pytest
from tests.web.house import OFFICE, VHS, House, open_house, sending_fields, the_file
from tests.web.lint import Outline
from tests.web.test_bad_input import MULTIPART, api_problem, assert_kept, multipart

from kursdocs.web import endpoint, uploads
from kursdocs.web.app import DOWNLOADS_AT_ONCE, UPLOADS_AT_ONCE

# Far more than a page takes, far less than what the slow ones wait for, on a busy machine too.
PAGE_SECONDS = 1.0


@pytest.fixture(scope="module")
def own(quick_folder: Path) -> Iterator[House]:
    """A house of its own: these tests stand in everybody's way."""
    with open_house(quick_folder / "own") as house:
        yield house


def page_seconds(house: House) -> float:
    """How long a page takes in the middle."""
    visitor, taken = house.person("amina.muster"), []
    for _ in range(9):
        begun = time.monotonic()
        assert visitor.get("/catalogue").status_code == 200
        taken.append(time.monotonic() - begun)
    return median(taken)


@contextmanager
def at_once(count: int, request: Callable[[], httpx2.Response]) -> Iterator[list[httpx2.Response]]:
    """So many requests at the same time; at the end of the block all have been answered."""
    answers: list[httpx2.Response] = []
    threads = [
        threading.Thread(target=lambda: answers.append(request()), name=f"asks {number}")
        for number in range(count)
    ]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        for thread in threads:
            thread.join(30)
    assert len(answers) == count


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_uploads_that_trickle_in_do_not_stall_a_page(own: House) -> None:
    own.person("amina.muster")
    head, _ = multipart(sending_fields())
    lines = [
        "POST /api/v1/documents HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {own.service_token(VHS)}",
        f"Content-Type: {MULTIPART}",
        "Content-Length: 1000000",
        "",
        "",
    ]
    place = urlsplit(own.url)
    with ExitStack() as stack:
        for _ in range(20):
            line = socket.create_connection((place.hostname, place.port), timeout=5)
            stack.enter_context(closing(line))
            line.sendall("\r\n".join(lines).encode() + head + b"%PDF-1.7")

        assert page_seconds(own) < PAGE_SECONDS


def test_uploads_that_wait_for_storage_do_not_stall_a_page_and_are_limited(own: House) -> None:
    own.person("amina.muster")
    client = own.service(VHS)
    client.get("/api/v1/me")

    def send() -> httpx2.Response:
        return client.post("/api/v1/documents", data=sending_fields(), files=the_file())

    with closing(sqlite3.connect(own.var / "keys.sqlite", isolation_level=None)) as keys:
        keys.execute("BEGIN IMMEDIATE")
        with at_once(3 * UPLOADS_AT_ONCE, send) as answers:
            wait_for(lambda: bool(answers))
            taken = page_seconds(own)
            keys.execute("ROLLBACK")

    assert taken < PAGE_SECONDS
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {201, 503}
    assert statuses[201] >= UPLOADS_AT_ONCE
    for answer in answers:
        if answer.status_code == 503:
            api_problem(answer, 503, "uploads_busy")
            assert answer.headers["retry-after"].isdigit()
    assert send().status_code == 201


def test_downloads_that_wait_do_not_stall_a_page_and_are_limited(own: House) -> None:
    own.person("amina.muster")
    before = own.objects()
    sent = own.sent(VHS, OFFICE)
    (stored,) = own.objects() - before
    Path(stored).unlink()
    os.mkfifo(stored)
    client = own.service(VHS)

    def load() -> httpx2.Response:
        return client.get(f"/api/v1/documents/{sent.document_id}/content")

    with at_once(3 * DOWNLOADS_AT_ONCE, load) as answers:
        wait_for(lambda: bool(answers))
        taken = page_seconds(own)
        wait_for(lambda: _let_one_read(stored, answers, 3 * DOWNLOADS_AT_ONCE))

    assert taken < PAGE_SECONDS
    codes = Counter(answer.json()["code"] for answer in answers)
    assert set(codes) == {"downloads_busy", "document_damaged"}
    assert codes["document_damaged"] >= DOWNLOADS_AT_ONCE


def _let_one_read(pipe: str, answers: list[httpx2.Response], count: int) -> bool:
    """Whoever waits at the pipe reads nothing and goes on; is everybody through?"""
    try:
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:  # nobody waits there just now
        return len(answers) == count
    return False


def answer_to(house: House, lines: list[str], body: bytes) -> bytes:
    """What a request gets that stops in its middle without closing the line."""
    place = urlsplit(house.url)
    with closing(socket.create_connection((place.hostname, place.port), timeout=10)) as line:
        line.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        received = b""
        while b"</html>" not in received:
            piece = line.recv(65536)
            assert piece, received
            received += piece
        return received


def test_a_form_that_comes_too_slowly_is_answered_and_kept(
    own: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "SMALL_BODY_SECONDS", 0.3)
    monkeypatch.setattr(uploads, "BODY_SECONDS", 0.3)
    visitor = own.person("amina.muster")
    cookie = "; ".join(f"{c.name}={c.value}" for c in visitor.client.cookies.jar)
    common = ["Host: 127.0.0.1", f"Cookie: {cookie}", "Content-Length: 100000"]
    typed = sending_fields()
    head, _ = multipart(typed)
    form = "Content-Type: application/x-www-form-urlencoded"

    small = answer_to(own, ["POST /acting-agency HTTP/1.1", *common, form], b"membership=x")
    large = answer_to(
        own, ["POST /documents HTTP/1.1", *common, f"Content-Type: {MULTIPART}"], head + b"%PDF"
    )

    assert small.startswith(b"HTTP/1.1 408 ")
    assert large.startswith(b"HTTP/1.1 408 ")
    page = large.split(b"\r\n\r\n", 1)[1].decode()
    assert "kam nicht rechtzeitig vollständig an" in Outline(page).said()
    assert_kept(httpx2.Response(408, text=page), typed)
