"""The numbers for Prometheus: who may have them, what they count, and whom they do not name."""

import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.servers import PostgresServer
from tests.web.house import (
    METRICS_TOKEN,
    OFFICE,
    VHS,
    Answer,
    House,
    open_house,
    sending_fields,
    the_file,
)
from tests.web.test_outages import stopped

from kursdocs.adapters.scanner import OwnChecksOnly
from kursdocs.core import checks, heartbeats, outbox
from kursdocs.core.checks import CheckRun, Depth, Health
from kursdocs.core.ports import Signatures
from kursdocs.operations import measuring
from kursdocs.operations.measuring import Numbers
from kursdocs.services import Services
from kursdocs.web import measures
from kursdocs.web.routes import ROUTES

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def ask(house: House, token: str = METRICS_TOKEN) -> Answer:
    return house.client({"Authorization": f"Bearer {token}"}).get("/metrics")


def samples(house: House) -> Samples:
    answer = ask(house)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def test_without_the_operators_token_there_is_nothing_to_see(house: House) -> None:
    assert house.client({}).get("/metrics").status_code == 401
    for token in (METRICS_TOKEN[:-1], METRICS_TOKEN + "x", "Muster", house.service_token(VHS)):
        answer = ask(house, token)
        assert (answer.status_code, answer.text) == (401, "the bearer token does not count\n")
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_where_no_token_is_set_there_are_no_metrics_at_all(quick_folder: Path) -> None:
    with open_house(quick_folder / "closed") as closed:
        unknown = closed.client({}).get("/no-such-page")
        for answer in (closed.client({}).get("/metrics"), ask(closed, "x" * 16)):
            assert (answer.status_code, answer.content) == (404, unknown.content)


def test_requests_are_counted_by_route_and_kind_of_answer(house: House) -> None:
    labels = {"route": "api.documents.create", "method": "POST"}
    client, name = house.service(VHS), "kursdocs_http_request_seconds_count"
    before = samples(house)
    client.post("/api/v1/documents", data=sending_fields(), files=the_file())
    client.post("/api/v1/documents", data={"kind": "x"}, files=the_file())
    after = samples(house)

    for status in ("2xx", "4xx"):
        key = (name, frozenset({**labels, "status": status}.items()))
        assert after[key] - before.get(key, 0) == 1


def test_what_runs_now_and_what_room_there_is_can_be_seen(house: House) -> None:
    found = samples(house)

    assert value(found, "kursdocs_http_requests_running", route="metrics") == 1
    for work in ("uploads", "downloads"):
        assert value(found, "kursdocs_places_used", work=work) == 0
        assert value(found, "kursdocs_places_limit", work=work) == 8
    assert value(found, "kursdocs_body_bytes_used") == 0
    assert value(found, "kursdocs_body_bytes_limit") == 256 * 1024 * 1024
    assert value(found, "kursdocs_database_connections", state="limit") >= 20


def test_how_much_the_scanner_knows_is_told_where_there_is_one(
    quick_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_at = datetime(2026, 11, 20, 9, tzinfo=UTC)
    with open_house(quick_folder / "scanned", metrics_token=METRICS_TOKEN) as house:
        house.noted(VHS, OFFICE)
        silent = samples(house)
        known = Signatures("Probe 1.0/2", made_at)
        monkeypatch.setattr(OwnChecksOnly, "signatures", lambda _: known)
        monkeypatch.setattr(measures, "FRESH_SECONDS", 0)
        found = samples(house)

    assert ("kursdocs_scanner_up", frozenset()) not in silent
    assert value(found, "kursdocs_scanner_up") == 1
    told = value(found, "kursdocs_scanner_signatures_timestamp_seconds")
    assert told == made_at.timestamp()
    assert value(found, "kursdocs_documents_outdated") == 1
    assert value(found, "kursdocs_documents_doubtful") == 0


def test_the_state_of_the_installation_is_told_from_its_database(quick_folder: Path) -> None:
    with open_house(quick_folder / "counted", metrics_token=METRICS_TOKEN) as house:
        now = house.services.clock()
        house.noted(VHS, OFFICE)
        with house.services.transaction() as session:
            outbox.put(
                session,
                dedupe="probe",
                address="post@amt.example",
                now=now - timedelta(minutes=2),
                lapses_at=now + timedelta(hours=1),
            )
            heartbeats.beat(session, "mailing", every_seconds=5, succeeded=True, now=now)
            heartbeats.beat(session, "mailing", every_seconds=5, succeeded=False, now=now)
            checks.keep(session, checked(now))
        found = samples(house)

    assert value(found, "kursdocs_database_up") == 1
    assert value(found, "kursdocs_documents", state="live") == 1
    assert value(found, "kursdocs_documents", state="held") == 0
    assert value(found, "kursdocs_deliveries_untouched", age_days="0-1") == 1
    assert value(found, "kursdocs_deliveries_untouched", age_days="14+") == 0
    assert value(found, "kursdocs_documents_unscanned") == 0
    assert value(found, "kursdocs_mails_waiting") == 1
    assert 120 <= value(found, "kursdocs_mails_waiting_oldest_seconds") < 180
    assert value(found, "kursdocs_mail_addresses_unreached") == 0
    assert value(found, "kursdocs_mails_returned") == 0
    assert value(found, "kursdocs_duty_runs_total", duty="mailing") == 2
    assert value(found, "kursdocs_duty_failures_total", duty="mailing") == 1
    last = value(found, "kursdocs_duty_last_success_timestamp_seconds", duty="mailing")
    assert abs(last - now.timestamp()) < 0.001
    assert abs(value(found, "kursdocs_check_last_timestamp_seconds") - now.timestamp()) < 0.001
    assert value(found, "kursdocs_check_health") == 2
    assert value(found, "kursdocs_check_seconds") == 90
    assert value(found, "kursdocs_check_findings", damage="lost_object") == 3
    assert value(found, "kursdocs_check_findings", damage="undead") == 0
    assert value(found, "kursdocs_check_looked_at", what="rows") == 12


def checked(at: datetime) -> CheckRun:
    """A check that found three papers without their objects."""
    return CheckRun(
        depth=Depth.SAMPLE,
        started_at=at,
        ended_at=at + timedelta(seconds=90),
        verdict=Health.LOSS,
        looked_at={"rows": 12},
        found={"lost_object": 3},
        examples=[],
    )


def test_many_who_ask_at_once_ask_the_database_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Numbers] = []
    real = measuring.take

    def take(services: Services) -> Numbers:
        taken.append(real(services))
        return taken[-1]

    fresh = measures._Installation(house.services)
    monkeypatch.setattr(measuring, "take", take)
    threads = [threading.Thread(target=lambda: list(fresh.collect())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) == 1


def test_labels_are_closed_lists_and_name_nobody(house: House) -> None:
    house.newly("amina.muster").get("/documents/Muster?name=Beispiel")
    house.client({}).request("COPY", "/inbox/Probe")

    text = ask(house).text

    routes = set(re.findall(r'route="([^"]*)"', text))
    mounted = {"/static", "/demo/oidc", "/demo/mailbox", "unknown", "none"}
    assert routes <= {row.name for row in ROUTES} | mounted
    assert not re.search(r"muster|beispiel|probe|vhs|jobcenter|behoerde", text, re.I)


def test_without_a_database_the_rest_is_still_told(
    quick_folder: Path, postgres: PostgresServer
) -> None:
    url = postgres.new_database()
    with (
        open_house(
            quick_folder / "unfounded", metrics_token=METRICS_TOKEN, database_url=url
        ) as house,
        stopped(postgres),
    ):
        found = samples(house)
    postgres.drop_database(url)

    assert value(found, "kursdocs_database_up") == 0
    assert not any(name == "kursdocs_documents" for name, _ in found)
    assert value(found, "kursdocs_places_limit", work="uploads") == 8
