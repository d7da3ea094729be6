"""Sending files to a kursdocs server: push."""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

from kursdocs.cli.telling import AsJson, fail, sentence, show_json
from kursdocs.core.workdays import local_date
from kursdocs.push import lists, sending
from kursdocs.push.ledger import LedgerError, open_ledger
from kursdocs.push.papers import Entry, Mistake, Mistaken, Paper
from kursdocs.push.sending import Outcome, Result
from kursdocs.push.server import Access, Unreachable, open_server
from kursdocs.settings import PushSettings, load_push

app = typer.Typer()

# What leaves is not yet stored: the rest of a bar is for the server's confirmation.
_PART_OF_THE_LINE = 0.95
_MISTAKES_SHOWN = 50

_WHERE, _PERSON = "Where to, and as whom", "The person, and what the kind asks"
_Files = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE", help="PDF, JPEG or PNG, up to 32 MiB each."),
]
_Kind = Annotated[
    str, typer.Option("--kind", help="Kind of paper, by its code. An unknown one lists them all.")
]
_To = Annotated[
    list[str] | None,
    typer.Option("--to", help="Recipient, by its short name; once for each.", metavar="SLUG"),
]
_List = Annotated[
    Path | None,
    typer.Option(
        "--list",
        metavar="FILE.csv",
        help="Instead of FILE: a table, one line a file. Columns: file, kind, to (separated by"
        " spaces), family_name, given_names, birth_date, released (yes or no), obliging_body,"
        " original_at, and any field of the kind. What a line leaves empty is taken from the"
        " options.",
    ),
]
_Released = Annotated[
    bool,
    typer.Option(
        "--released",
        help="The person released it today, in person, for these recipients. Else:"
        " --field release_given_on=… --field release_form=in_writing",
        rich_help_panel=_PERSON,
    ),
]
_Obliging = Annotated[
    list[str] | None,
    typer.Option(
        "--obliging-body",
        metavar="SLUG",
        help="Recipient that obliged the person, or issued the entitlement.",
        rich_help_panel=_PERSON,
    ),
]
_Fields = Annotated[
    list[str] | None,
    typer.Option(
        "--field",
        metavar="NAME=VALUE",
        help="A field of the kind; once for each. Days as 2026-12-31 or 31.12.2026.",
        rich_help_panel=_PERSON,
    ),
]
_Family = Annotated[str, typer.Option("--family-name", rich_help_panel=_PERSON)]
_Given = Annotated[str, typer.Option("--given-names", rich_help_panel=_PERSON)]
_Birth = Annotated[
    str,
    typer.Option(
        "--birth-date", metavar="DAY", help="2026-12-31 or 31.12.2026.", rich_help_panel=_PERSON
    ),
]
_Original = Annotated[
    str,
    typer.Option("--original-at", help="Where the signed paper lies.", rich_help_panel=_PERSON),
]
_Server = Annotated[
    str | None,
    typer.Option(metavar="URL", help="KURSDOCS_PUSH_SERVER", rich_help_panel=_WHERE),
]
_Issuer = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="The OpenID provider that knows the program. KURSDOCS_PUSH_ISSUER",
        rich_help_panel=_WHERE,
    ),
]
_Client = Annotated[
    str | None,
    typer.Option(
        metavar="ID",
        help="Client id. KURSDOCS_PUSH_CLIENT_ID. Its secret is read from"
        " KURSDOCS_PUSH_CLIENT_SECRET or the file named by KURSDOCS_PUSH_CLIENT_SECRET_FILE.",
        rich_help_panel=_WHERE,
    ),
]
_Authority = Annotated[
    Path | None,
    typer.Option(
        metavar="PEM",
        help="Certificate authority of the server. KURSDOCS_PUSH_CA_FILE",
        rich_help_panel=_WHERE,
    ),
]
_Ledger = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The list of what was sent, by which a run goes on where it stopped."
        " KURSDOCS_PUSH_LEDGER, else kursdocs/pushed.jsonl in ~/.local/state.",
        rich_help_panel=_WHERE,
    ),
]


@app.command()
def push(  # noqa: PLR0913 - one argument per option
    files: _Files = None,
    kind: _Kind = "",
    to: _To = None,
    list_file: _List = None,
    family_name: _Family = "",
    given_names: _Given = "",
    birth_date: _Birth = "",
    released: _Released = False,
    obliging_body: _Obliging = None,
    field: _Fields = None,
    original_at: _Original = "",
    server: _Server = None,
    issuer: _Issuer = None,
    client_id: _Client = None,
    ca_file: _Authority = None,
    ledger: _Ledger = None,
    as_json: AsJson = False,
) -> None:
    """Send files through the API of a kursdocs server, each exactly once.

    Everything is checked before the first byte leaves. After a broken line it tries again by
    itself; the same command again skips what was sent.

        kursdocs push scan.pdf --kind admission_ik_jc --to jobcenter --released \\
          --family-name Muster --given-names Lin --birth-date 1990-01-02 \\
          --field issued_on=2026-11-02 --field expires_on=2027-11-02
        kursdocs push --list course.csv --kind attendance_ik --to jobcenter

    Exit codes: 0 everything is stored; 1 the server refused some, the others are stored; 2 a
    mistake in the command, the list or the settings, or the server cannot be reached; 130 stopped.
    """
    person = {"family_name": family_name, "given_names": given_names, "birth_date": birth_date}
    if bool(files) == bool(list_file):
        raise typer.BadParameter("name either files or a --list of them")
    if list_file and any(person.values()):
        raise typer.BadParameter("with --list, the person stands in the list")
    settings = load_push(
        server=server, issuer=issuer, client_id=client_id, ca_file=ca_file, ledger=ledger
    )
    defaults = lists.Defaults(
        kind=kind,
        recipients=tuple(to or ()),
        released=released,
        obliging_bodies=tuple(obliging_body or ()),
        fields={**person, "original_at": original_at, **_fields(field or [])},
    )
    reporter = _Reporter(as_json=as_json)
    try:
        _push(settings, _entries(files or [], list_file, defaults), reporter)
    except Mistaken as error:
        reporter.end(settings, mistakes=error.mistakes)
    except (Unreachable, LedgerError) as error:
        reporter.end(settings, stopped_by=str(error))
    except KeyboardInterrupt:
        reporter.end(settings, stopped_by="stopped", exit_code=130)
    reporter.end(settings)


def _fields(typed: Sequence[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for one in typed:
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            raise typer.BadParameter(f"--field needs NAME=VALUE, not '{one}'")
        if name.strip() in fields:
            raise typer.BadParameter(f"--field {name.strip()} is given twice")
        fields[name.strip()] = value
    return fields


_Entries = Callable[[], tuple[list[Entry], list[Mistake]]]


def _entries(files: Sequence[Path], list_file: Path | None, defaults: lists.Defaults) -> _Entries:
    if list_file:
        return lambda: lists.read_list(list_file, defaults)
    return lambda: ([defaults.entry(path) for path in files], [])


def _push(settings: PushSettings, entries: _Entries, reporter: "_Reporter") -> None:
    access = Access(
        server=settings.server.rstrip("/"),
        issuer=settings.issuer,
        client_id=settings.client_id,
        client_secret=settings.client_secret.get_secret_value(),
        scope=settings.scope,
        ca_file=settings.ca_file,
    )
    found, mistakes = entries()
    with (
        open_ledger(settings.ledger) as ledger,
        open_server(access, reporter.waits) as server,
    ):
        papers = sending.check(
            found,
            server,
            today=local_date(datetime.now(UTC)),
            wording=sentence,
            mistakes=mistakes,
        )
        with reporter.watching(papers):
            sending.run(papers, server, access, ledger, reporter)


class _Reporter:
    """Tells how a run goes on: bars on a terminal, else a line a file; or JSON at the end."""

    def __init__(self, *, as_json: bool, sleep: Callable[[float], None] = time.sleep) -> None:
        self._as_json = as_json
        self._sleep = sleep
        self._console = Console(stderr=as_json, highlight=False, markup=False)
        self._bars = _Bars(self._console) if self._console.is_terminal else None
        self._papers: Sequence[Paper] = ()
        self._results: list[Result] = []

    def watching(self, papers: Sequence[Paper]) -> AbstractContextManager[object]:
        """The bars, as long as papers are sent."""
        self._papers = papers
        bars = self._bars or _Bars(Console(quiet=True))
        bars.count = len(papers)
        return bars

    def begins(self, paper: Paper) -> None:
        """Implements ``Watcher``."""
        if self._bars:
            self._bars.begin(paper.path.name)

    def moved(self, part: float) -> None:
        """Implements ``Watcher``."""
        if self._bars:
            self._bars.move(part * _PART_OF_THE_LINE)

    def waits(self, reason: str, seconds: float) -> None:
        """Wait before another try."""
        self._say(f"{reason}; trying again in {seconds:.0f} s", err=True)
        self._sleep(seconds)

    def ends(self, result: Result) -> None:
        """Implements ``Watcher``."""
        self._results.append(result)
        if self._bars:
            self._bars.end(stored=result.outcome is not Outcome.REFUSED)
        self._say(f"[{len(self._results)}/{len(self._papers)}] {_line(result)}")

    def end(
        self,
        settings: PushSettings,
        *,
        mistakes: Sequence[Mistake] = (),
        stopped_by: str = "",
        exit_code: int = 2,
    ) -> None:
        """Say what became of it all, and end the command."""
        told = {each.value: self._count(each) for each in Outcome}
        left = len(self._papers) - len(self._results)
        if self._as_json:
            show_json(
                {
                    **told,
                    "not_sent": left,
                    "ledger": str(settings.ledger),
                    "files": [_as_data(result) for result in self._results],
                    "mistakes": [vars(mistake) for mistake in mistakes],
                    "stopped_by": stopped_by,
                }
            )
        elif mistakes:
            _show_mistakes(mistakes)
        elif self._papers:
            typer.echo(
                f"{told['sent']} sent, {told['skipped']} sent before, {told['refused']} refused."
                + (f" {left} not sent: the same command goes on with them." if left else "")
            )
        if stopped_by and not self._as_json:
            fail(f"kursdocs push: {stopped_by}", exit_code)
        if stopped_by or mistakes:
            sys.exit(exit_code)
        sys.exit(1 if told["refused"] else 0)

    def _count(self, outcome: Outcome) -> int:
        return sum(result.outcome is outcome for result in self._results)

    def _say(self, line: str, *, err: bool = False) -> None:
        if self._bars:
            self._console.print(line)
        elif not self._as_json:
            typer.echo(line, err=err)


class _Bars:
    """One bar for the file, one for all of them."""

    def __init__(self, console: Console) -> None:
        self.count = 0
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[done]}", markup=False),
            console=console,
        )
        self._all: TaskID | None = None
        self._one: TaskID | None = None
        self._ended = 0

    def __enter__(self) -> None:
        self._progress.start()
        if self.count > 1:
            self._all = self._progress.add_task("all files", total=self.count, done="")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def begin(self, name: str) -> None:
        """A file is next."""
        self._one = self._progress.add_task(name, total=1.0, done="")

    def move(self, part: float) -> None:
        """So much of it is done."""
        if self._one is not None:
            done = "waiting for the server" if part >= _PART_OF_THE_LINE else ""
            self._progress.update(self._one, completed=part, done=done)
        if self._all is not None:
            self._progress.update(self._all, completed=self._ended + part)

    def end(self, *, stored: bool) -> None:
        """It is stored, or refused: its line stays above the bars, its bar goes."""
        if stored:
            self.move(1.0)
        self._ended += 1
        if self._all is not None:
            self._progress.update(
                self._all, completed=self._ended, done=f"{self._ended} of {self.count}"
            )
        if self._one is not None:
            self._progress.remove_task(self._one)
            self._one = None


def _line(result: Result) -> str:
    name = result.paper.path.name
    place = f" (line {result.paper.line})" if result.paper.line else ""
    match result.outcome:
        case Outcome.SENT:
            waits = {"live": "", "held": ", waits to be checked"}
            state = waits.get(result.state, f", {result.state}")
            return f"{name}{place}: stored as {result.document}{state}"
        case Outcome.SKIPPED:
            return f"{name}{place}: sent before, {result.at} as {result.document}; skipped"
        case _:
            told = {f: why for f, why in result.fields.items() if why != result.reason}
            fields = "".join(f"\n    {field}: {why}" for field, why in told.items())
            return f"{name}{place}: REFUSED: {result.reason}{fields}"


def _as_data(result: Result) -> dict[str, Any]:
    return {
        "file": str(result.paper.path),
        "line": result.paper.line,
        "outcome": result.outcome.value,
        "document": result.document,
        "state": result.state,
        "sha256": result.paper.sha256,
        "at": result.at,
        "code": result.problem_code,
        "reason": result.reason,
        "fields": dict(result.fields),
    }


def _show_mistakes(mistakes: Sequence[Mistake]) -> None:
    typer.echo("Nothing was sent. Please mend:", err=True)
    told: set[str] = set()
    for one in mistakes[:_MISTAKES_SHOWN]:
        place = f"line {one.line} ({Path(one.file).name})" if one.line else one.file
        name = f" {one.field}:" if one.field else ""
        reason, _, choices = one.reason.partition("\n")
        typer.echo(f"  {place}:{name} {reason}", err=True)
        if choices and choices not in told:
            typer.echo("    " + choices.replace("\n", "\n    "), err=True)
        told.add(choices)
    if len(mistakes) > _MISTAKES_SHOWN:
        typer.echo(f"  … and {len(mistakes) - _MISTAKES_SHOWN} more", err=True)
