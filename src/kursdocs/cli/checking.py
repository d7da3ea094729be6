"""Checking that nothing is lost: rows, keys, objects, mails and the log against each other."""

from collections.abc import Mapping
from typing import Annotated

import typer

from kursdocs import bootstrap
from kursdocs.cli.options import DemoFolder, DemoPort, settings_of
from kursdocs.cli.telling import AsJson, fail, show_json, words_of
from kursdocs.core.checks import Depth, Health
from kursdocs.core.errors import KursdocsError
from kursdocs.operations import fsck
from kursdocs.operations.fsck import Damage, Report

app = typer.Typer()

SHOWN = 20
"""So many of each kind are named; the others are counted. With --json all that are known."""

EXIT_CODES: Mapping[Health, int] = {Health.CLEAN: 0, Health.REPAIRABLE: 1, Health.LOSS: 2}
UNKNOWN = 3

MEANINGS: Mapping[Damage, str] = {
    Damage.LOST_OBJECT: "a paper's bytes are not in the object store; restore them from a backup",
    Damage.CORRUPT: "a paper's stored bytes cannot be read, or are not those that were stored;"
    " restore them from a backup",
    Damage.WRONG_KEY: "stored bytes are whole, but the paper's key does not open them",
    Damage.KEY_MISSING: "a paper has no key: restore the newest copy of the key store",
    Damage.KEY_UNREADABLE: "a key is damaged, or its master key is not in the file",
    Damage.WRONG_CONTENT: "a paper opens, but is not the one that its receipt names",
    Damage.LOG_ALTERED: "the log was altered from this row on; see: kursdocs audit verify",
    Damage.LOG_GAP: "the log does not tell how a paper began, or came to its state",
    Damage.DOCUMENT_VANISHED: "the log tells of a paper that has no row any more",
    Damage.UNDEAD: "erased, yet key and bytes are there again; was an old backup put back?",
    Damage.UNTRACKED_OBJECT: "an object that no row names; --repair sets it aside",
    Damage.LEFT_OBJECT: "bytes (unreadable) of an erased paper; --repair removes them",
    Damage.LEFT_KEY: "the key of an erased paper; --repair destroys it",
    Damage.KEY_UNUSED: "a key without a paper; --repair destroys it if no unknown object is left",
    Damage.PENDING_OLD: "an upload or draft that died and was not given up; --repair gives it up",
    Damage.UNFINISHED_OLD: "the rest of a write that was broken off; --repair removes it",
    Damage.INDEX_MISSING: "a paper that its recipient's search does not find; --repair indexes it",
    Damage.MAIL_STUCK: "a mail that nobody takes up; --repair lets it be tried again",
    Damage.HELD_OLD: "a paper waits for the scanner for more than a day; --repair asks it again",
}

_AFTER: Mapping[Damage, str] = {
    Damage.UNTRACKED_OBJECT: " Set aside, not deleted: in the folder quarantine of the object"
    " store (S3: under the prefix quarantine/)."
}


@app.command("fsck")
def fsck_command(
    sample: Annotated[
        float | None,
        typer.Option(
            "--sample", metavar="PERCENT", min=0, max=100,
            help="Also read the bytes of so many percent of all papers.",
        ),
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also read the bytes of all papers, and open them.")
    ] = False,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Mend what can be mended. Loss is never touched, and an object that nobody can"
            " explain is set aside, not deleted.",
        ),
    ] = False,
    var: DemoFolder = None,
    port: DemoPort = 8000,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Check rows, keys, objects, mails and the log against each other, while all goes on working.

    Without an option: names, sizes, keys and the whole log, but no paper's bytes. Each damage is
    named with its code and the id of what it is about.

    Exit codes: 0 nothing found (or all of it mended); 1 only what --repair mends; 2 something is
    lost or wrong, or the settings are; 3 a part does not answer, so nothing is known.
    """
    if deep and sample is not None:
        raise typer.BadParameter("choose --sample or --deep", param_hint="--sample")
    depth = Depth.DEEP if deep else Depth.FAST if sample is None else Depth.SAMPLE
    settings = settings_of(var, port)
    try:
        with bootstrap.open_services(settings) as services:
            report = fsck.check(services, depth, percent=sample or 0.0, repair=repair)
    except KursdocsError as error:
        fail(words_of(error), UNKNOWN)
    if as_json:
        show_json(_plain(report))
    else:
        _tell(report)
    raise typer.Exit(EXIT_CODES[report.health])


def _tell(report: Report) -> None:
    seen = report.looked_at
    seconds = (report.ended_at - report.started_at).total_seconds()
    typer.echo(
        f"Looked at {seen.get('rows', 0)} rows, {seen.get('keys', 0)} keys,"
        f" {seen.get('objects', 0)} objects, {seen.get('log_rows', 0)} rows of the log;"
        f" read {seen.get('papers_read', 0)} papers"
        f" ({seen.get('bytes_read', 0) / 1e6:.1f} MB) in {seconds:.1f} s."
    )
    for damage, count in report.mended.items():
        typer.echo(f"Mended {damage.name}: {count}.{_AFTER.get(damage, '')}")
    for damage in Damage:
        if count := report.found.get(damage, 0):
            _tell_of(report, damage, count)
    words = {
        Health.CLEAN: "Nothing is lost, nothing is left over.",
        Health.REPAIRABLE: "Nothing is lost. What was found can be mended: kursdocs fsck --repair",
        Health.LOSS: "Something is lost or wrong. Do not delete anything; look at the backups.",
    }
    typer.echo(words[report.health])


def _tell_of(report: Report, damage: Damage, count: int) -> None:
    typer.echo(f"{damage.name} ({count}): {MEANINGS[damage]}.")
    subjects = [one.subject for one in report.named if one.damage is damage][:SHOWN]
    for subject in subjects:
        typer.echo(f"  {subject}")
    if count > len(subjects):
        typer.echo(f"  and {count - len(subjects)} more")


def _plain(report: Report) -> dict[str, object]:
    return {
        "depth": report.depth.value,
        "health": report.health.value,
        "started_at": report.started_at.isoformat(),
        "ended_at": report.ended_at.isoformat(),
        "looked_at": dict(report.looked_at),
        "found": {damage.name: count for damage, count in report.found.items()},
        "mended": {damage.name: count for damage, count in report.mended.items()},
        "named": [{"damage": one.damage.name, "subject": one.subject} for one in report.named],
    }
