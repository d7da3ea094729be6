"""A whole run: check everything, then send what was not sent before, one paper after the other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Protocol

from kursdocs.push.ledger import Ledger, Sent
from kursdocs.push.papers import (
    Entry,
    File,
    FileRefused,
    Mistake,
    Mistaken,
    Paper,
    paper_of,
    read_file,
)
from kursdocs.push.rules import Rules, RulesUnreadable, Wording, read_rules
from kursdocs.push.server import Access, Refused, Server, Unreachable

# What the server has under this key is no longer delivered: sending it once more needs a person.
_GONE = frozenset({"withdrawn", "blocked", "erased", "abandoned"})


class Outcome(StrEnum):
    """What became of one paper."""

    SENT = "sent"
    SKIPPED = "skipped"
    REFUSED = "refused"


@dataclass(frozen=True)
class Result:
    """What became of one paper. ``at`` is when it was stored; ``reason`` why it was refused."""

    paper: Paper
    outcome: Outcome
    document: str = ""
    state: str = ""
    at: str = ""
    reason: str = ""
    problem_code: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


class Watcher(Protocol):
    """Who is told how a run goes on."""

    def begins(self, paper: Paper) -> None:
        """This paper is next."""

    def moved(self, part: float) -> None:
        """So much of it has left, from 0 to 1; back at 0 when it has to be sent once more."""

    def ends(self, result: Result) -> None:
        """The server has answered."""


def check(
    entries: Sequence[Entry],
    server: Server,
    *,
    today: date,
    wording: Wording,
    mistakes: Sequence[Mistake] = (),
) -> list[Paper]:
    """Judge every entry by the server's rules; ``mistakes`` are those known already.

    Raises :class:`Mistaken` with all of them, and :class:`Unreachable`.
    """
    found = list(mistakes)
    rules = _ask_rules(server)
    papers = []
    for entry in entries:
        form, wrong = rules.check(entry, today, wording)
        found += wrong
        try:
            file = read_file(entry.path)
        except FileRefused as error:
            found.append(entry.mistake("file", str(error)))
            continue
        if not wrong:
            papers.append(paper_of(entry, form, file))
    if found:
        raise Mistaken(sorted(found, key=lambda one: one.line))
    return papers


def _ask_rules(server: Server) -> Rules:
    me = server.read("/me")
    if not isinstance(me, dict) or not me.get("agency"):
        raise Unreachable("the server knows no agency that this program acts for")
    try:
        return read_rules(me, server.read("/agencies"), server.read("/catalogue"))
    except RulesUnreadable as error:
        raise Unreachable("the server's rules are not readable; is it a newer kursdocs?") from error


def run(
    papers: Sequence[Paper], server: Server, access: Access, ledger: Ledger, watcher: Watcher
) -> list[Result]:
    """Send every paper that was not sent before.

    Each is in the ledger before the next one leaves. Raises :class:`Unreachable` and
    ``LedgerError``; the watcher was told of everything until then.
    """
    results = []
    for paper in papers:
        watcher.begins(paper)
        result = _skipped(paper, access, ledger) or _send(paper, server, watcher.moved)
        if result.outcome is Outcome.SENT:
            ledger.note(_note(result, access))
        watcher.ends(result)
        results.append(result)
    return results


def _skipped(paper: Paper, access: Access, ledger: Ledger) -> Result | None:
    sent = ledger.find(access.server, access.client_id, paper.key)
    if sent is None:
        return None
    return Result(paper, Outcome.SKIPPED, document=sent.document, at=sent.at)


def _send(paper: Paper, server: Server, moved: Callable[[float], None]) -> Result:
    try:
        document = server.send(paper, _same_file(paper), moved)
    except FileRefused as error:
        return Result(paper, Outcome.REFUSED, reason=str(error), problem_code="file_changed")
    except Refused as refused:
        return Result(
            paper,
            Outcome.REFUSED,
            reason=refused.sentence,
            problem_code=refused.problem_code,
            fields=refused.fields,
        )
    said = {name: str(document[name]) for name in ("id", "state", "stored_at")}
    if said["state"] in _GONE:
        return Result(
            paper,
            Outcome.REFUSED,
            document=said["id"],
            state=said["state"],
            reason=f"the server has had it before as {said['id']}, and it is {said['state']}."
            " If it is to be sent once more, do it on the page of the agency",
            problem_code="gone",
        )
    if document["received_sha256"] != paper.sha256:
        raise Unreachable(
            f"the server received something else than {paper.path.name} and stored it as"
            f" {said['id']}; withdraw it there, and find out what lies on the line"
        )
    return Result(
        paper, Outcome.SENT, document=said["id"], state=said["state"], at=said["stored_at"]
    )


def _same_file(paper: Paper) -> File:
    """The file, if it still is what was checked; raises :class:`FileRefused`."""
    file = read_file(paper.path)
    if file.sha256 != paper.sha256:
        raise FileRefused("was changed after it was checked; run the command again")
    return file


def _note(result: Result, access: Access) -> Sent:
    return Sent(
        server=access.server,
        client_id=access.client_id,
        key=result.paper.key,
        file=result.paper.path.name,
        sha256=result.paper.sha256,
        document=result.document,
        at=result.at,
    )
