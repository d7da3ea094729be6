"""The demo as people start it, in a process of its own, and its API to fill it with papers.

For the tests in the browser and for the README's pictures. Knows no browser.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx2
from tests.servers import free_port, start_process, stop_process, wait_until_ready

from kursdocs.demo.papers import born_on, sample_paper

TODAY = date.today()  # noqa: DTZ011 - the demo, too, goes by the calendar of this machine
KIND = "admission_ik_jc"
KIND_NAME = "Zulassung zum Integrationskurs (Jobcenter)"
OFFICES = ("auslaenderbehoerde", "jobcenter")


@dataclass(frozen=True)
class Demo:
    """A running demo: its address, its folder, and what the agencies' programs can do in it."""

    url: str
    var: Path
    _tokens: dict[str, str] = field(default_factory=dict)

    @property
    def samples(self) -> Path:
        """The folder with the sample papers."""
        return self.var / "samples"

    def call(self, agency: str, method: str, path: str, **content: Any) -> dict[str, Any]:
        """The answer to a call of the API by the agency's program; it must succeed."""
        answer: dict[str, Any] = self._request(agency, method, path, **content).json()
        return answer

    def _request(self, agency: str, method: str, path: str, **content: Any) -> httpx2.Response:
        response = httpx2.request(
            method,
            f"{self.url}/api/v1{path}",
            headers={"Authorization": f"Bearer {self._token(agency)}"},
            timeout=30,
            **content,
        )
        return response.raise_for_status()

    def _token(self, agency: str) -> str:
        if agency not in self._tokens:
            response = httpx2.post(
                f"{self.url}/demo/oidc/token",
                auth=(agency, "demo"),
                data={"grant_type": "client_credentials"},
            )
            response.raise_for_status()
            self._tokens[agency] = response.json()["access_token"]
        return self._tokens[agency]

    def send(
        self,
        *,
        sender: str = "vhs-musterstadt",
        recipients: tuple[str, ...] = OFFICES,
        kind: str = KIND,
        kind_name: str = KIND_NAME,
        name: tuple[str, str] = ("Muster", "Lin"),
        number: int = 1,
        page_count: int = 1,
        fields: Mapping[str, str] = MappingProxyType({}),
    ) -> dict[str, Any]:
        """Send one paper, by default an admission; the document as the API tells of it."""
        family_name, given_names = name
        own = {"issued_on": day(-20), "expires_on": day(345)} if kind == KIND else {}
        paper = sample_paper(kind_name, family_name, given_names, number, page_count=page_count)
        form = {
            "kind": kind,
            "recipient": list(recipients),
            "family_name": family_name,
            "given_names": given_names,
            "birth_date": born_on(number).isoformat(),
            "released": "true",
            **own,
            **fields,
        }
        return self.call(sender, "POST", "/documents", data=form, files={"file": ("p.pdf", paper)})

    def delivery(self, document: dict[str, Any], recipient: str) -> str:
        """The id of the document's delivery to that agency."""
        return next(str(d["id"]) for d in document["deliveries"] if d["recipient"] == recipient)

    def look_at(self, document: dict[str, Any], recipient: str) -> None:
        """Download it, by which it counts as opened."""
        self._request(recipient, "GET", f"/documents/{document['id']}/content")

    def take_over(self, document: dict[str, Any], recipient: str) -> None:
        """Make the delivery that agency's own."""
        path = f"/deliveries/{self.delivery(document, recipient)}/take-over"
        self.call(recipient, "POST", path)

    def give_back(self, document: dict[str, Any], recipient: str, reason: str) -> None:
        """Return the delivery to the sender."""
        path = f"/deliveries/{self.delivery(document, recipient)}/return"
        self.call(recipient, "POST", path, json={"reason": reason})

    def withdraw(self, document: dict[str, Any], sender: str, reason: str) -> None:
        """Take the document back."""
        path = f"/documents/{document['id']}/withdrawal"
        self.call(sender, "POST", path, json={"reason": reason})

    def sent_by(self, agency: str, family_name: str) -> list[dict[str, Any]]:
        """What the agency sent of persons of that name, as far as it is on the first page."""
        sent = self.call(agency, "GET", "/sent?limit=100")["items"]
        return [document for document in sent if document["family_name"] == family_name]


def day(distance: int) -> str:
    """The day so many days from today, as the API writes it."""
    return (TODAY + timedelta(days=distance)).isoformat()


def typed(distance: int) -> str:
    """The same as people type it."""
    return f"{TODAY + timedelta(days=distance):%d.%m.%Y}"


@contextmanager
def running_demo(folder: Path) -> Iterator[Demo]:
    """Start the demo with its data below ``folder``; it ends with the block."""
    port = free_port()
    url, var, log = f"http://127.0.0.1:{port}", folder / "var", folder / "demo.log"
    process = start_process(
        [sys.executable, "-m", "kursdocs.cli", "demo", "--port", str(port), "--var", var],
        log=log,
        env={name: value for name, value in os.environ.items() if not name.startswith("KURSDOCS_")},
    )
    try:
        wait_until_ready(process, lambda: _answers(url), log=log)
        yield Demo(url, var)
    finally:
        stop_process(process)


def _answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/healthz").status_code == 200
    except httpx2.TransportError:
        return False
