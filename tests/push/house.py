"""The client at its own desk, and the real application it sends to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import count
from pathlib import Path

from tests.web.house import JOBCENTER, OFFICE, VHS, House, paper

from kursdocs.cli.telling import sentence
from kursdocs.push import sending
from kursdocs.push.ledger import open_ledger
from kursdocs.push.papers import Entry, Paper
from kursdocs.push.sending import Result
from kursdocs.push.server import Access, Server, open_server

TODAY = date(2026, 11, 20)
_NUMBERS = count(1)


def an_entry(path: Path, **fields: str) -> Entry:
    """A file with everything that its kind asks."""
    typed = {
        "family_name": "Muster",
        "given_names": "Lin",
        "birth_date": "02.01.1990",
        "issued_on": "02.10.2026",
        "expires_on": "2027-10-02",
    }
    return Entry(
        path=path,
        kind="admission_ik_jc",
        recipients=(OFFICE, JOBCENTER),
        released=True,
        fields={**typed, **fields},
    )


def a_scan(folder: Path, name: str = "scan.pdf") -> Path:
    """A PDF that was never sent before: white space after its end makes each another file."""
    path = folder / name
    path.write_bytes(
        paper() + f"{next(_NUMBERS):012b}".replace("1", "\n").replace("0", " ").encode()
    )
    return path


@dataclass
class Desk:
    """A program of an agency with its ledger. ``waited`` are the waits that were asked for."""

    access: Access
    ledger: Path
    when_waiting: Callable[[], None] = lambda: None
    waited: list[tuple[str, float]] = field(default_factory=list)
    moves: list[float] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)

    def push(self, *entries: Entry, before: Callable[[Server], None] | None = None) -> list[Result]:
        """Check and send, as the command does it; ``before`` is called in between."""
        self.results, self.moves = [], []
        with open_ledger(self.ledger) as ledger, open_server(self.access, self.waits) as server:
            papers = self.check(entries, server)
            if before is not None:
                before(server)
            return sending.run(papers, server, self.access, ledger, self)

    def check(self, entries: Sequence[Entry], server: Server) -> list[Paper]:
        """Judge the entries."""
        return sending.check(entries, server, today=TODAY, wording=sentence)

    def waits(self, reason: str, seconds: float) -> None:
        """Note it, and do not wait."""
        self.waited.append((reason, seconds))
        self.when_waiting()

    def begins(self, paper: Paper) -> None:
        """Implements ``Watcher``."""

    def moved(self, part: float) -> None:
        """Implements ``Watcher``."""
        self.moves.append(part)

    def ends(self, result: Result) -> None:
        """Implements ``Watcher``."""
        self.results.append(result)

    def over(self, url: str) -> "Desk":
        """The same desk behind another line."""
        return replace(self, access=replace(self.access, server=url))


def desk_at(house: House, folder: Path, client_id: str = VHS) -> Desk:
    """A desk of the agency's program at this house."""
    return Desk(
        Access(house.url, f"{house.url}/demo/oidc", client_id, "demo"), folder / "pushed.jsonl"
    )
