"""One line for each request, the number on every line of it, and nothing about anybody."""

import re
import sqlite3
from collections.abc import Iterator, MutableMapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from tests.web.house import OFFICE, VHS, House, open_house, sending_fields, the_file

from kursdocs.cli.logs import failure_without_values

Line = MutableMapping[str, Any]


@pytest.fixture
def log() -> Iterator[list[Line]]:
    """What is logged meanwhile, as the program would write it."""
    with capture_logs([merge_contextvars, failure_without_values]) as lines:
        yield lines


def requests_of(log: list[Line]) -> list[tuple[str, str, int]]:
    return [(e["route"], e["method"], e["status"]) for e in log if e["event"] == "request"]


def test_a_request_is_told_by_its_route_and_what_went_over_the_wire(
    house: House, log: list[Line]
) -> None:
    client = house.service(VHS)
    log.clear()

    answer = client.post("/api/v1/documents", data=sending_fields(), files=the_file())

    (line,) = [entry for entry in log if entry["event"] == "request"]
    assert {k: line[k] for k in ("route", "method", "status", "log_level", "request_id")} == {
        "route": "api.documents.create",
        "method": "POST",
        "status": 201,
        "log_level": "info",
        "request_id": answer.headers["x-request-id"],
    }
    assert line["bytes_received"] > len(the_file()[0][1][1])
    assert line["bytes_sent"] == len(answer.content)
    assert 0 < line["milliseconds"] < 60_000
    assert set(line) == {
        *("event", "log_level", "request_id", "route", "method", "status"),
        *("milliseconds", "bytes_received", "bytes_sent"),
    }


def test_no_address_stands_in_the_log_not_even_one_that_is_none(
    house: House, log: list[Line]
) -> None:
    client = house.client({})

    client.get("/Muster/Beispiel?name=Probe")
    client.get("/documents/Muster/content")
    client.get("/static/Muster.css")
    client.request("COPY", "/inbox")
    client.post("/inbox/search", data={"name": "Muster"}, headers={"Sec-Fetch-Site": "cross-site"})

    assert requests_of(log) == [
        ("unknown", "GET", 404),
        ("documents.content", "GET", 303),
        ("/static", "GET", 404),
        ("unknown", "other", 405),
        ("none", "POST", 403),
    ]
    assert not re.search("Muster|Beispiel|Probe", repr(log))


def test_machines_that_ask_again_and_again_are_told_of_in_a_whisper(
    house: House, log: list[Line]
) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        house.client({}).get(path)

    assert [line["log_level"] for line in log if line["event"] == "request"] == ["debug"] * 3


def test_every_line_of_a_request_carries_its_number_also_from_a_thread(
    quick_folder: Path, log: list[Line]
) -> None:
    with open_house(quick_folder / "failing") as broken:
        sent = broken.noted(VHS, OFFICE)
        with closing(sqlite3.connect(broken.var / "kursdocs.sqlite")) as connection:
            connection.execute("UPDATE document SET fields = '{\"Mustermann'")
            connection.commit()
        visitor, program = broken.newly("amina.muster"), broken.service(VHS)
        log.clear()
        page = visitor.get(f"/documents/{sent.document_id}")
        answer = program.get(f"/api/v1/documents/{sent.document_id}")

    for told in (page, answer):
        number = told.headers["x-request-id"]
        events = [entry["event"] for entry in log if entry["request_id"] == number]
        assert told.status_code == 500
        assert events == ["request.failed", "request"]
        assert number in re.sub("<[^>]+>", "", told.text)
    assert answer.json()["reference"] == answer.headers["x-request-id"]
    # Where it happened and of what type it was, but not what the database held.
    failures = [entry["exception"] for entry in log if "exception" in entry]
    assert len(failures) == 2
    assert all("JSONDecodeError" in failure and ".py:" in failure for failure in failures)
    assert "Mustermann" not in repr(log)


@pytest.mark.parametrize("given", ["", "kurz", "Muster Beispiel", "x" * 65, "-anfang-mit-strich"])
def test_a_number_that_is_malformed_is_replaced(behind_proxy: House, given: str) -> None:
    answer = behind_proxy.client({"X-Request-ID": given}).get("/sign-in")

    assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])


def test_the_number_of_a_trusted_proxy_is_taken_over_and_of_nobody_else(
    behind_proxy: House, house: House
) -> None:
    given = {"X-Request-ID": "0190-proxy.4711_a", "X-Forwarded-For": "203.0.113.7"}

    trusted, stranger = (one.client(given).get("/sign-in") for one in (behind_proxy, house))

    assert trusted.headers["x-request-id"] == given["X-Request-ID"]
    assert stranger.headers["x-request-id"] != given["X-Request-ID"]


@pytest.fixture(scope="module")
def behind_proxy(quick_folder: Path) -> Iterator[House]:
    """A house that trusts whoever calls from this machine."""
    with open_house(quick_folder / "proxied", trusted_proxies=("127.0.0.0/8",)) as house:
        yield house


def test_all_answers_have_numbers_of_their_own(house: House) -> None:
    client = house.client({})
    numbers = [client.get(path).headers["x-request-id"] for path in ("/", "/x", "/healthz") * 3]

    assert len(set(numbers)) == 9
