"""A town of several processes, as compose.yaml starts them, survives what happens to processes.

What stands for the containers is told in ``engine``; Caddy, PostgreSQL, SeaweedFS, ClamAV and the
sign-in provider are real.
"""

import functools
import hashlib
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import psycopg
import pytest
from tests.conftest import leave_out
from tests.infra.conftest import PilotTown
from tests.infra.engine import Image

from kursdocs.demo.papers import sample_paper

# The first test of the file makes the image and the town.
pytestmark = pytest.mark.timeout(600)

WEB = ("web1", "web2")


@dataclass(frozen=True)
class Program:
    """An agency's program, which calls one address with a token of its own."""

    base: str
    token: str

    def get(self, path: str) -> httpx2.Response:
        """Look something up."""
        return httpx2.get(self.base + path, headers=self._headers(), timeout=30, verify=False)

    def post(self, path: str) -> httpx2.Response:
        """Do something without a body."""
        return httpx2.post(self.base + path, headers=self._headers(), timeout=30, verify=False)

    def send(self, pdf: bytes, key: str) -> httpx2.Response:
        """Send an admission to the immigration office."""
        return httpx2.post(
            f"{self.base}/api/v1/documents",
            headers={**self._headers(), "Idempotency-Key": key},
            data=FIELDS,
            files={"file": ("zulassung.pdf", pdf, "application/pdf")},
            timeout=60,
            verify=False,
        )

    def sent(self) -> list[str]:
        """The ids of all that the agency has sent."""
        found: list[str] = []
        after = ""
        while True:
            page = self.get(f"/api/v1/sent?limit=50{after}").json()
            found += [item["id"] for item in page["items"]]
            if not page["next"]:
                return found
            after = f"&after={page['next']}"

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


FIELDS = {
    "kind": "admission_ik_jc",
    "recipient": "auslaenderbehoerde",
    "family_name": "Muster",
    "given_names": "Lin",
    "birth_date": "1990-01-02",
    "issued_on": "2026-11-02",
    "expires_on": "2027-11-02",
    "released": "true",
}


def program(town: PilotTown, agency: str, base: str) -> Program:
    return Program(base, town.token(agency))


def paper(number: int) -> bytes:
    """An invented admission, each a different one."""
    return sample_paper("Zulassung zum Integrationskurs", "Muster", "Lin", number)


# --- What the files promise, seen in the running processes ---------------------------------------


def test_the_program_in_the_image_is_whole_and_knows_nothing_of_the_repository(
    image: Image, pilot_town: PilotTown
) -> None:
    done = pilot_town.engine.run("kursdocs")

    assert done.returncode == 0
    assert "municipality" in done.stdout
    assert not list(image.program.glob("**/*.pth")) or not any(
        "/src" in file.read_text() for file in image.program.glob("**/*.pth")
    )


@pytest.mark.parametrize("name", [*WEB, "worker", "caddy", "seaweedfs"])
def test_a_service_is_nobody_has_no_rights_and_cannot_write(
    name: str, pilot_town: PilotTown
) -> None:
    if not pilot_town.engine.is_caged:
        leave_out("only root with mount namespaces can start a service as a container would")
    folder = f"/proc/{pilot_town.engine.process(name).pid}"
    with open(f"{folder}/status") as status:
        told = dict(line.split(":\t", 1) for line in status.read().splitlines() if ":\t" in line)

    assert set(told["Uid"].split()) == {str(pilot_town.engine.user(name))}
    assert told["Groups"].strip() == ""
    assert told["CapEff"] == told["CapBnd"] == "0" * 16
    assert told["NoNewPrivs"] == "1"
    with open(f"{folder}/mounts") as mounts:
        roots = [line.split()[3] for line in mounts if line.split()[1] == "/"]
    assert [options.split(",")[0] for options in roots] == ["ro"]
    with os.scandir(Path(folder, "root", "tmp")) as found:
        written = [
            entry.name for entry in found if entry.stat().st_uid == int(told["Uid"].split()[0])
        ]
    assert written == [] or name in ("caddy", "seaweedfs")


def test_the_door_shows_pages_and_hides_what_is_for_machines(pilot_town: PilotTown) -> None:
    for base in pilot_town.web.values():
        assert httpx2.get(f"{base}/readyz").status_code == 200
        assert httpx2.get(f"{base}/metrics").status_code != 200

    assert httpx2.get(pilot_town.url + "/", follow_redirects=True).status_code == 200
    for path in ("/readyz", "/metrics"):
        assert httpx2.get(pilot_town.url + path).status_code == 404, path


def test_a_number_that_somebody_gives_his_request_goes_no_further(pilot_town: PilotTown) -> None:
    for _ in WEB:
        httpx2.get(pilot_town.url + "/nothing", headers={"X-Request-ID": "chosen-outside"})

    assert not [name for name in WEB if "chosen-outside" in pilot_town.engine.log(name)]


# --- The main job over both web processes --------------------------------------------------------


def test_a_paper_sent_at_one_process_is_taken_over_at_the_other(pilot_town: PilotTown) -> None:
    first, second = pilot_town.web.values()
    pdf = paper(1)

    answer = program(pilot_town, "vhs-musterstadt", first).send(pdf, "one")
    assert answer.status_code == 201, answer.text
    document = answer.json()
    assert document["state"] == "live"
    office = program(pilot_town, "auslaenderbehoerde", second)
    inbox = office.get("/api/v1/inbox?state=new").json()["items"]
    [delivery] = [item for item in inbox if item["document"]["id"] == document["id"]]
    content = office.get(f"/api/v1/documents/{document['id']}/content")
    assert hashlib.sha256(content.content).hexdigest() == document["sha256"]
    taken = office.post(f"/api/v1/deliveries/{delivery['id']}/take-over")
    assert taken.status_code == 200, taken.text

    seen = program(pilot_town, "vhs-musterstadt", first).get(f"/api/v1/documents/{document['id']}")
    states = {one["recipient"]: one["state"] for one in seen.json()["deliveries"]}
    assert states == {"auslaenderbehoerde": "taken_over"}


def test_every_part_is_as_the_program_wants_it(pilot_town: PilotTown) -> None:
    done = pilot_town.engine.run("kursdocs", "check")

    assert done.returncode == 0, done.stdout
    assert "FAILED" not in done.stdout
    assert len(re.findall(r"^ok ", done.stdout, re.MULTILINE)) >= 9


def test_the_worker_does_its_duties_until_it_is_told_to_end(pilot_town: PilotTown) -> None:
    process = pilot_town.engine.process("worker")
    # Nothing of the town waits for it; before it has begun a signal just ends it.
    wait_for(lambda: "worker.started" in pilot_town.engine.log("worker"), "the worker's start")
    assert process.poll() is None
    assert "duty.failed" not in pilot_town.engine.log("worker")

    began = time.monotonic()
    grace = pilot_town.engine.stop("worker")

    assert process.returncode == 0
    assert time.monotonic() - began < grace
    pilot_town.engine.up("worker", ready="true")


def test_a_person_signs_in_once_for_both_processes(pilot_town: PilotTown) -> None:
    with httpx2.Client(base_url=pilot_town.url, follow_redirects=True, verify=False) as browser:
        picker = browser.get("/sign-in/start?next=/inbox")
        [action] = re.findall(r'<form[^>]* action="([^"]+)"', picker.text)
        target = picker.url.join(action.replace("&amp;", "&"))
        arrived = browser.post(target, data={"person": "jonas.muster"})

        assert arrived.status_code == 200
        assert str(arrived.url).startswith(pilot_town.url)
        for base in pilot_town.web.values():
            page = browser.get(f"{base}/inbox")
            assert (page.status_code, page.url.path) == (200, "/inbox")
            assert "Jonas Muster" in page.text


# --- A process is killed -------------------------------------------------------------------------


@contextmanager
def back_again(town: PilotTown, name: str) -> Iterator[None]:
    """Whatever happens to the process, it is there again afterwards."""
    try:
        yield
    finally:
        town.engine.stop(name)
        town.engine.up(name)


def test_an_upload_cut_by_a_kill_is_stored_once_when_it_is_tried_again(
    pilot_town: PilotTown,
) -> None:
    vhs = program(pilot_town, "vhs-musterstadt", pilot_town.url)
    pdf = paper(3)
    head, body = request_of(vhs, pdf, "cut")
    with back_again(pilot_town, "web1"):
        address = urlsplit(pilot_town.web["web1"])
        with socket.create_connection((address.hostname, address.port), timeout=20) as line:
            line.sendall(head + body[: len(body) // 2])
            time.sleep(0.2)
            pilot_town.engine.process("web1").kill()
            assert cut_off(line)

        answers = [send_until_answered(vhs, pdf, "cut") for _ in range(2)]

    assert {answer.status_code for answer in answers} == {201}
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert answers[0].json()["sha256"] == hashlib.sha256(pdf).hexdigest()


@pytest.mark.parametrize("delay", [0.03, 0.12])
def test_a_kill_while_it_is_stored_neither_loses_nor_doubles_it(
    delay: float, pilot_town: PilotTown
) -> None:
    vhs = program(pilot_town, "vhs-musterstadt", pilot_town.url)
    before = vhs.sent()
    key, pdf = f"killed-{delay}", paper(int(1000 * delay) + 10)
    head, body = request_of(vhs, pdf, key)
    with back_again(pilot_town, "web2"):
        address = urlsplit(pilot_town.web["web2"])
        with socket.create_connection((address.hostname, address.port), timeout=20) as line:
            line.sendall(head + body)
            time.sleep(delay)
            pilot_town.engine.process("web2").kill()
            answer = send_until_answered(vhs, pdf, key)
        if answer.status_code == 409:
            # The dead attempt still counts as running; what it waits for is time alone.
            assert answer.json()["code"] == "still_running"
            assert int(answer.headers["Retry-After"]) > 0
            let_minutes_pass(pilot_town)
            answer = send_until_answered(vhs, pdf, key)

    assert answer.status_code == 201, answer.text
    assert set(vhs.sent()) - set(before) == {answer.json()["id"]}
    office = program(pilot_town, "auslaenderbehoerde", pilot_town.url)
    content = office.get(f"/api/v1/documents/{answer.json()['id']}/content").content
    assert hashlib.sha256(content).hexdigest() == hashlib.sha256(pdf).hexdigest()


def send_until_answered(vhs: Program, pdf: bytes, key: str) -> httpx2.Response:
    """As a client does: again with the same key, until it is no longer the door that answers."""
    for _ in range(20):
        answer = vhs.send(pdf, key)
        if answer.status_code not in (502, 503):
            return answer
        time.sleep(0.2)
    raise AssertionError("the door never found a process")


def request_of(vhs: Program, pdf: bytes, key: str) -> tuple[bytes, bytes]:
    """Head and body of the request, as the client would send it."""
    request = httpx2.Request(
        "POST",
        f"{vhs.base}/api/v1/documents",
        headers={"Authorization": f"Bearer {vhs.token}", "Idempotency-Key": key},
        data=FIELDS,
        files={"file": ("zulassung.pdf", pdf, "application/pdf")},
    )
    body = request.read()
    lines = [f"{name}: {value}" for name, value in request.headers.items()]
    return "\r\n".join(["POST /api/v1/documents HTTP/1.1", *lines, "", ""]).encode(), body


def cut_off(line: socket.socket) -> bool:
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True


def let_minutes_pass(town: PilotTown) -> None:
    """Enough of them for an unfinished sending to count as dead."""
    url = town.postgres.admin_url.removesuffix("/postgres") + "/kursdocs"
    with psycopg.connect(url) as connection:
        connection.execute(
            "UPDATE document SET created_at = created_at - interval '5 minutes'"
            " WHERE state = 'pending'"
        )


# --- Every process is restarted ------------------------------------------------------------------


@dataclass
class Sending:
    """What came of a client's requests: acknowledged papers by hash, and refusals in words."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    looks: int = 0

    def keep_sending(self, vhs: Program, who: int, stop: threading.Event) -> None:
        """One paper after the other, without trying any again."""
        number = 0
        while not stop.is_set():
            number += 1
            pdf = paper(10_000 * (who + 1) + number)
            self._note(functools.partial(vhs.send, pdf, f"rolling-{who}-{number}"), pdf)

    def keep_looking(self, office: Program, stop: threading.Event) -> None:
        """One look into the inbox after the other."""
        while not stop.is_set():
            self._note(lambda: office.get("/api/v1/inbox?limit=1"))
            time.sleep(0.02)

    def _note(self, ask: Callable[[], httpx2.Response], pdf: bytes = b"") -> None:
        try:
            answer = ask()
        except httpx2.HTTPError as error:
            self.failed.append(type(error).__name__)
            return
        if answer.status_code == 201:
            self.acknowledged[answer.json()["id"]] = hashlib.sha256(pdf).hexdigest()
        elif answer.status_code == 200:
            self.looks += 1
        else:
            self.failed.append(f"{answer.status_code} {answer.text[:200]}")


def test_a_rolling_restart_loses_no_paper_and_fails_no_request(pilot_town: PilotTown) -> None:
    seen, stop, took = Sending(), threading.Event(), {}
    vhs = program(pilot_town, "vhs-musterstadt", pilot_town.url)
    office = program(pilot_town, "auslaenderbehoerde", pilot_town.url)
    with ThreadPoolExecutor(3) as clients:
        running = [clients.submit(seen.keep_sending, vhs, who, stop) for who in range(2)]
        running.append(clients.submit(seen.keep_looking, office, stop))
        try:
            wait_for(lambda: len(seen.acknowledged) >= 3, "the first papers")
            for name in WEB:
                process, began = pilot_town.engine.process(name), time.monotonic()
                grace = pilot_town.engine.stop(name)
                took[name] = time.monotonic() - began
                assert (process.returncode, took[name] < grace) == (0, True)
                pilot_town.engine.up(name)
                time.sleep(2)  # Caddy looks every second whether it is back
            counted = len(seen.acknowledged)
            wait_for(lambda: len(seen.acknowledged) > counted + 2, "papers after it")
        finally:
            stop.set()
        for client in running:
            client.result()

    print(f"{len(seen.acknowledged)} papers, {seen.looks} looks, ended in {took}")  # noqa: T201
    assert seen.failed == []
    assert set(seen.acknowledged) <= set(vhs.sent())
    for document, digest in seen.acknowledged.items():
        assert vhs.get(f"/api/v1/documents/{document}").json()["sha256"] == digest


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait until something has happened that no answer shows."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"still waiting for {what}"
        time.sleep(0.2)
