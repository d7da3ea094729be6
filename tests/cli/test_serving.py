"""Serving by real processes: how they end, what they log, and several on one installation."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from pathlib import Path

import httpx2
import pytest
import sqlalchemy as sa
from sqlmodel import select
from tests import factories
from tests.cli.commands import run_command
from tests.servers import (
    PostgresServer,
    SmtpServer,
    free_port,
    start_process,
    stop_process,
    wait_until_ready,
)
from tests.web.house import JOBCENTER, OFFICE, VHS, paper, sending_fields, the_file

from kursdocs import bootstrap
from kursdocs.adapters.key_store import document_key
from kursdocs.adapters.master_keys import MasterKeys
from kursdocs.core import audit
from kursdocs.core.access import Actor, ActorKind, Role
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import AuditEvent, Happening
from kursdocs.core.documents import lifecycle
from kursdocs.core.tables import new_id
from kursdocs.demo import town
from kursdocs.operations import intake
from kursdocs.operations.backing_up import all_keys
from kursdocs.services import Services
from kursdocs.settings import Settings

TOKEN = "nurFuerDenBetrieb"  # invented
SECONDS = 60

# Several real processes start and end in each test, on whatever else the machine is doing.
pytestmark = pytest.mark.timeout(300)


@dataclass
class Installation:
    """The demo's town, set up and not running; the demo, because it mails at any hour."""

    folder: Path
    settings: Settings

    @property
    def environment(self) -> dict[str, str]:
        """For processes: these settings and no others."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("KURSDOCS_")}
        for name in self.settings.model_fields_set:
            value = getattr(self.settings, name)
            said = value.get_secret_value() if hasattr(value, "get_secret_value") else str(value)
            kept[f"KURSDOCS_{name.upper()}"] = said
        return kept

    @contextmanager
    def running(self, *arguments: str) -> Iterator["Running"]:
        """A command, until the block ends or it ends itself."""
        log = self.folder / f"{new_id()}.log"
        command = [sys.executable, "-m", "kursdocs.cli", *arguments]
        process = start_process(command, log=log, env=self.environment)
        try:
            yield Running(process, log)
        finally:
            stop_process(process)

    @contextmanager
    def serving(self, port: int, *arguments: str) -> Iterator["Running"]:
        """A web process that is ready."""
        with self.running("serve", "--port", str(port), *arguments) as served:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(served.process, lambda: is_ready(url), log=served.log)
            yield served


@dataclass
class Running:
    """A process, and what it writes."""

    process: subprocess.Popen[bytes]
    log: Path

    def lines(self) -> list[dict[str, object]]:
        """The log; every line of it is a JSON object."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def ask_to_end(self) -> None:
        """As service managers do."""
        self.process.send_signal(signal.SIGTERM)


def is_ready(url: str) -> bool:
    try:
        return httpx2.get(url + "/readyz", timeout=5, trust_env=False).status_code == 200
    except httpx2.HTTPError:
        return False


Make = Callable[..., Installation]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make_it(port: int, **changes: object) -> Installation:
        values = town.settings_for(tmp_path, port)
        settings = Settings(**{**values, "metrics_token": TOKEN, **changes})
        MasterKeys.create(settings.master_key_file)
        bootstrap.migrate(settings)
        with bootstrap.open_services(settings) as services:
            town.set_up(services)
        return Installation(tmp_path, settings)

    return make_it


@contextmanager
def program_of(url: str, slug: str) -> Iterator[httpx2.Client]:
    """The program of an agency, with its token."""
    with httpx2.Client(base_url=url, timeout=30, trust_env=False) as client:
        form = {"grant_type": "client_credentials"}
        answer = client.post("/demo/oidc/token", data=form, auth=(slug, "demo"))
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


@contextmanager
def person_at(url: str, subject: str) -> Iterator[httpx2.Client]:
    """Somebody's browser, signed in."""
    headers = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
    with httpx2.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as client:
        picker = client.get(client.get("/sign-in/start").headers["location"])
        action = re.search(r'<form[^>]*action="([^"]+)"', picker.text)
        assert action is not None
        back = client.post(unescape(action.group(1)), data={"person": subject})
        assert client.get(back.headers["location"]).status_code == 303
        yield client


def until(what: Callable[[], bool], *, seconds: float = SECONDS) -> None:
    """Wait for something that happens in another process."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


# --- The end -------------------------------------------------------------------------------------


def test_an_upload_that_has_begun_is_finished_when_the_process_is_asked_to_end(
    make: Make,
) -> None:
    port = free_port()
    with make(port).serving(port) as served, program_of(f"http://127.0.0.1:{port}", VHS) as client:
        request = client.build_request(
            "POST", "/api/v1/documents", data=sending_fields(), files=the_file()
        )
        body = request.read()
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        with socket.create_connection(("127.0.0.1", port), 30) as line:
            line.sendall(f"POST {request.url.path} HTTP/1.1\r\n{head}\r\n".encode())
            line.sendall(body[: len(body) // 2])
            until(lambda: is_receiving(client, "api.documents.create"))
            served.ask_to_end()
            until(lambda: not is_listening(port))
            for start in range(len(body) // 2, len(body), 2048):
                time.sleep(0.1)
                line.sendall(body[start : start + 2048])
            answer = line.makefile("rb").read()
        code = served.process.wait(SECONDS)

    assert answer.startswith(b"HTTP/1.1 201 "), answer[:300]
    assert b'"state":"live"' in answer
    assert code == 0
    said = [line for line in served.lines() if line["event"] in ("request", "serve.ended")]
    assert said[-1]["event"] == "serve.ended"
    assert (said[-2]["route"], said[-2]["status"]) == ("api.documents.create", 201)


def is_receiving(client: httpx2.Client, route: str) -> bool:
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    return f'kursdocs_http_requests_running{{route="{route}"}} 1.0' in answer.text


def is_listening(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False


def test_readiness_ends_before_listening_does(make: Make) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with make(port).serving(port, "--drain", "3") as served, httpx2.Client(base_url=url) as client:
        before = client.get("/readyz")
        served.ask_to_end()
        until(lambda: client.get("/readyz").status_code == 503)
        stopping, alive = client.get("/readyz"), client.get("/healthz")
        with httpx2.Client(base_url=url) as newcomer:
            assert newcomer.get("/sign-in").status_code == 200
        code = served.process.wait(SECONDS)

    assert before.json()["ready"] is True
    assert stopping.json() == {"ready": False, "status": "stopping", "parts": {}}
    assert alive.status_code == 200
    assert code == 0


# --- What it logs --------------------------------------------------------------------------------


def test_no_name_number_or_address_of_anybody_reaches_the_log(make: Make) -> None:
    port = free_port()
    with make(port).serving(port) as served:
        url = f"http://127.0.0.1:{port}"
        with program_of(url, VHS) as program, person_at(url, "amina.muster") as person:
            numbered = walk(program, person)

    lines = served.lines()
    text = served.log.read_text()
    for secret in PERSONAL:
        assert secret not in text
    routes = [line["route"] for line in lines if line["event"] == "request"]
    assert {"api.documents.create", "inbox.search", "documents.show", "unknown"} <= set(routes)
    assert not {"health.alive", "health.ready", "metrics"} & set(routes)
    assert numbered in {line.get("request_id") for line in lines}


PERSONAL = (
    *("Mustermann", "Öztürk", "Probefried", "1987", "4711081", "Probeordner", "zulassung.pdf"),
    *("amina", "Amina", "Bearer", "Zweitname"),
)


def walk(program: httpx2.Client, person: httpx2.Client) -> str:
    """Names wherever a caller can put them; the number of one of these requests."""
    sent = program.post("/api/v1/documents", data=sending_fields(), files=the_file())
    assert sent.status_code == 201, sent.text
    document = sent.json()["id"]
    wrong = sending_fields(family_name="Mustermann\0", birth_date="05.06.1987x")
    assert program.post("/api/v1/documents", data=wrong, files=the_file()).status_code == 422
    person.post("/documents", data=sending_fields(), files=the_file())
    person.post("/inbox/search", data={"state": "new", "name": "Mustermann"})
    for path in (
        *("/inbox?state=Mustermann", "/documents/Mustermann", "/Probefried/Öztürk?name=Mustermann"),
        *(f"/documents/{document}", f"/documents/{document}/pages/1", "/static/Mustermann.js"),
    ):
        person.get(path)
    person.request("COPY", "/inbox", headers={"X-Request-ID": "Mustermann-Zweitname"})
    answer = person.get("/inbox", headers={"X-Request-ID": "Mustermann-Zweitname"})
    return answer.headers["x-request-id"]


# --- Several at once -----------------------------------------------------------------------------


def test_a_second_process_on_the_same_sqlite_file_is_refused(make: Make) -> None:
    port = free_port()
    installed = make(port)
    with installed.serving(port):
        for command in (["serve", "--port", str(free_port())], ["worker"]):
            with installed.running(*command) as second:
                assert second.process.wait(SECONDS) == 2
            assert second.log.read_text() == (
                "kursdocs cannot start:\nKURSDOCS_DATABASE_URL: another process of kursdocs runs on"
                " this SQLite file; several need PostgreSQL\n"
            )


def test_web_processes_and_workers_share_one_installation(
    make: Make, postgres: PostgresServer, smtp: SmtpServer
) -> None:
    ports = free_port(), free_port()
    urls = {name: postgres.new_database() for name in ("database_url", "keys_url")}
    installed = make(ports[0], smtp_url=smtp.url, **urls)
    with bootstrap.open_services(installed.settings) as services:
        dead = leave_dead_intakes(services, 12)
        leave_papers(services)
    with ExitStack() as stack:
        for port in ports:
            stack.enter_context(installed.serving(port, "--no-worker"))
        first, second = (f"http://127.0.0.1:{port}" for port in ports)
        with person_at(first, "jonas.muster") as person:
            elsewhere = person.get(f"{second}/inbox")
            assert elsewhere.status_code == 200
            assert person.post(f"{second}/sign-out").status_code == 303
            assert person.get(f"{first}/inbox").status_code == 303
        workers = [stack.enter_context(installed.running("worker")) for _ in range(2)]
        with bootstrap.open_services(installed.settings) as services:
            until(lambda: len(abandoned(services)) >= len(dead))
        until(lambda: set(reached(smtp)) >= mailboxes())
        time.sleep(7)  # a second round of each duty, which must find nothing left to do
        told = duties_of(first)
        for running in workers:
            running.ask_to_end()
        codes = [running.process.wait(SECONDS) for running in workers]

    with bootstrap.open_services(installed.settings) as services:
        assert sorted(abandoned(services)) == sorted(dead)
    assert sorted(reached(smtp)) == sorted(mailboxes())
    assert codes == [0, 0]
    assert {line["level"] for running in workers for line in running.lines()} == {"info"}
    assert told["mailing"] >= 4
    for url in urls.values():
        postgres.drop_database(url)


def test_nobody_is_served_with_a_key_store_from_before_the_papers(
    make: Make, tmp_path: Path
) -> None:
    port = free_port()
    installed = make(port)
    keys = Path(installed.settings.keys_url.removeprefix("sqlite:///"))
    old = keys.read_bytes()
    with bootstrap.open_services(installed.settings) as services:
        for _ in range(2):
            leave_papers(services)
    for left in keys.parent.glob(f"{keys.name}*"):
        left.unlink()
    keys.write_bytes(old)

    given = {
        name.removeprefix("KURSDOCS_"): value
        for name, value in installed.environment.items()
        if name.startswith("KURSDOCS_")
    }
    for command in (["serve", "--port", str(port)], ["worker"]):
        refused = run_command(tmp_path, command, given)
        assert refused.code == 2
        assert "2 have no key: the key store is older than the database" in refused.err
        assert "kursdocs restore" in refused.err
    with installed.serving(port, "--despite-missing-keys") as served:
        assert served.process.poll() is None


def test_beside_an_older_database_nobody_serves_and_no_key_is_destroyed(
    make: Make, tmp_path: Path
) -> None:
    """Put back by hand, not by ``kursdocs restore``."""
    port = free_port()
    installed = make(port)
    database = Path(installed.settings.database_url.removeprefix("sqlite:///"))
    old = database.read_bytes()
    with bootstrap.open_services(installed.settings) as services:
        for _ in range(2):
            leave_papers(services)
        papers = set(services.keys.newest_needed(9))
        services.keys.create(unused := new_id())
    for left in database.parent.glob(f"{database.name}*"):
        left.unlink()
    database.write_bytes(old)
    age_keys(installed.settings, timedelta(hours=1))

    given = {
        name.removeprefix("KURSDOCS_"): value
        for name, value in installed.environment.items()
        if name.startswith("KURSDOCS_")
    }
    for command in (["serve", "--port", str(port)], ["worker"]):
        refused = run_command(tmp_path, command, given)
        assert refused.code == 2
        assert "it is older than the key store" in refused.err
        assert "Put the newest database back" in refused.err
    with (
        installed.running("worker", "--despite-missing-papers") as working,
        bootstrap.open_keys(installed.settings) as keys,
    ):
        until(lambda: unused not in all_keys(keys))
        until(lambda: any(line["event"] == "alarm" for line in working.lines()))
        assert set(all_keys(keys)) == papers


def age_keys(settings: Settings, by: timedelta) -> None:
    """As if they had been made earlier."""
    engine = sa.create_engine(settings.keys_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        made = document_key.c.created_at
        for row in connection.execute(sa.select(document_key)).all():
            this = document_key.c.document_id == row.document_id
            connection.execute(
                document_key.update().where(this).values({made: row.created_at - by})
            )


def test_nobody_waits_or_fails_while_the_master_key_is_replaced(
    make: Make, postgres: PostgresServer
) -> None:
    """Two web processes receive and hand out while a fresh key comes and the old one goes."""
    ports = free_port(), free_port()
    urls = {name: postgres.new_database() for name in ("database_url", "keys_url")}
    installed = make(ports[0], **urls)
    file = installed.settings.master_key_file
    (old,) = MasterKeys.load(file).ids
    with ExitStack() as stack:
        for port in ports:
            stack.enter_context(installed.serving(port, "--no-worker"))
        clerks = [Exchanging(stack, f"http://127.0.0.1:{port}", ports[0]) for port in ports]
        threads = stack.enter_context(ThreadPoolExecutor(len(clerks)))
        for clerk in clerks:
            stack.callback(clerk.is_over.set)
        working = [threads.submit(clerk.work) for clerk in clerks]
        keys = stack.enter_context(bootstrap.open_keys(installed.settings))
        until(lambda: all(len(clerk.sent) >= 2 for clerk in clerks))
        fresh = keys.rotate()
        rounds = [len(clerk.sent) for clerk in clerks]
        until(lambda: all(len(c.sent) > was for c, was in zip(clerks, rounds, strict=True)))
        while keys.rewrap(None, 1000).done:
            pass
        keys.retire(old)
        with_old = file.read_text()
        file.write_text("".join(with_old.splitlines(keepends=True)[:1]))
        rounds = [len(clerk.sent) for clerk in clerks]
        until(lambda: all(len(c.sent) > was + 1 for c, was in zip(clerks, rounds, strict=True)))
        for clerk in clerks:
            clerk.is_over.set()
        assert [future.result(SECONDS) for future in working] == [None, None]
        wrapping = {master.id: master.keys for master in keys.masters()}

    sent = [document for clerk in clerks for document in clerk.sent]
    assert wrapping == {fresh: len(set(sent))}
    for url in urls.values():
        postgres.drop_database(url)


class Exchanging:
    """A program that sends papers to one web process and reads them all again there."""

    def __init__(self, stack: ExitStack, url: str, signs_in_at: int) -> None:
        issuer = f"http://127.0.0.1:{signs_in_at}"
        self._client = stack.enter_context(program_of(issuer, VHS))
        self._url = f"{url}/api/v1/documents"
        self.sent: list[str] = []
        self.is_over = threading.Event()

    def work(self) -> None:
        """Until told to end; whatever is not answered as on any other day is an error."""
        while not self.is_over.is_set():
            fields = sending_fields(given_names=f"Probefried {len(self.sent)}")
            sent = self._client.post(self._url, data=fields, files=the_file())
            assert sent.status_code == 201, sent.text
            self.sent.append(sent.json()["id"])
            for document in {self.sent[0], *self.sent[-2:]}:
                read = self._client.get(f"{self._url}/{document}/content")
                assert (read.status_code, read.content) == (200, paper())


def mailboxes() -> set[str]:
    return {f"{slug}@{town.DOMAIN}" for slug in (OFFICE, JOBCENTER)}


def reached(smtp: SmtpServer) -> list[str]:
    """Every address that a mail reached, once for each mail."""
    return [address for letter in smtp.letters for address in letter.recipients]


def duties_of(url: str) -> Mapping[str, float]:
    """How often each duty ran, as any web process tells."""
    text = httpx2.get(f"{url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    found = re.findall(r'^kursdocs_duty_runs_total\{duty="(\w+)"\} (\S+)$', text, re.M)
    return {duty: float(count) for duty, count in found}


def sender(services: Services) -> Actor:
    with services.transaction() as session:
        agency = session.exec(select(Agency).where(Agency.slug == VHS)).one()
    return Actor(
        kind=ActorKind.PERSON,
        display_name="Vorher Probe",
        municipality_id=agency.municipality_id,
        agency=factories.acting(agency),
        role=Role.CLERK,
    )


def leave_dead_intakes(services: Services, count: int) -> list[str]:
    """Uploads whose process died an hour ago; their ids."""
    actor, ids = sender(services), [new_id() for _ in range(count)]
    with services.transaction() as session:
        for document_id in ids:
            lifecycle.reserve(
                session,
                actor,
                factories.make_sending(session, actor),
                factories.make_stored(),
                document_id=document_id,
                key="",
                now=services.clock() - lifecycle.INTAKE_LIMIT * 15,
            )
    return [str(one) for one in ids]


def leave_papers(services: Services) -> None:
    """Something to tell both offices of."""
    actor = sender(services)
    with services.transaction() as session:
        sending = factories.make_sending(session, actor, OFFICE, JOBCENTER)
    intake.store(services, actor, sending, (paper(),), "")


def abandoned(services: Services) -> list[str]:
    """The documents that the log calls given up, once for each time."""
    with services.transaction() as session:
        assert audit.verify(session) is None
        query = select(AuditEvent.document_id).where(
            AuditEvent.happening == Happening.DOCUMENT_ABANDONED
        )
        return [str(one) for one in session.exec(query)]
