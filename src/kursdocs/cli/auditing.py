"""The log as evidence: verify it, prove a row of it, export a part, make the key that signs it."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from kursdocs import bootstrap
from kursdocs.adapters.log_key import LogKey, LogKeys
from kursdocs.cli.options import DemoFolder, DemoPort, settings_of
from kursdocs.cli.telling import EXIT_CODES, AsJson, fail, show_json
from kursdocs.core import agencies
from kursdocs.core.audit.verifying import Found, Tampering
from kursdocs.core.workdays import LOCAL
from kursdocs.operations import auditing, checkpointing
from kursdocs.operations.auditing import NotProvable, Part, Verified
from kursdocs.settings import load_public_url

app = typer.Typer(no_args_is_help=True, help="The log as evidence: verify, prove, export, key.")

SENTENCES: Mapping[Tampering, str] = {
    Tampering.ROW_ALTERED: "row {seq} was altered",
    Tampering.LINK_BROKEN: "row {seq} does not follow the one before it",
    Tampering.ROWS_MISSING: "rows are missing from number {seq} on",
    Tampering.END_MOVED: "the end of the log does not fit what stands before row {seq}",
    Tampering.LEAF_UNEXPLAINED: "rows from number {seq} on were removed, but not by the rule",
    Tampering.LEAF_BESIDE_ROW: "somebody prepared the removal of row {seq}",
    Tampering.CHECKPOINT_FORGED: "the checkpoint of {seq} rows is not signed with a known key,"
    " or was altered",
    Tampering.CHECKPOINT_CONTRADICTS: "the log was rewritten: its first {seq} rows are not those"
    " that were signed",
    Tampering.CHECKPOINT_BEYOND_END: "{seq} rows were signed once, now there are fewer: the end was"
    " cut off, or an older database was put back",
}
_HELD_FORGED = "the checkpoint you gave is not signed with a known key, or was altered"

Checkpoints = Annotated[
    list[Path] | None,
    typer.Option(
        "--checkpoint",
        metavar="FILE",
        help="A checkpoint that somebody kept: the note, or a mail of kursdocs as a file (.eml)."
        " May be given several times.",
    ),
]
Verifiers = Annotated[
    list[str] | None,
    typer.Option(
        "--key",
        metavar="KEY",
        help="The public key of the log, as you noted it (default: that of the settings).",
    ),
]


@app.command()
def verify(
    checkpoint: Checkpoints = None,
    key: Verifiers = None,
    var: DemoFolder = None,
    port: DemoPort = 8000,
    as_json: AsJson = False,
) -> None:
    """Check the whole log: each row, the chain, every checkpoint, and those that you kept.

    Exit codes: 0 everything holds; 1 something was altered, removed or put in; 2 a mistake in the
    command or the settings.
    """
    held = [_note_of(path) for path in checkpoint or ()]
    verifier = _keys(key) if key else None
    with bootstrap.open_services(settings_of(var, port)) as services:
        found = auditing.verify(services, held=held, verifier=verifier)
    if as_json:
        show_json(_plain(found))
    else:
        typer.echo(_told(found, held))
    if not found.is_whole:
        raise typer.Exit(1)


def _note_of(path: Path) -> str:
    try:
        note = checkpointing.note_in(path.read_bytes())
    except OSError as error:
        raise typer.BadParameter(
            f"{path} cannot be read: {error.strerror}", param_hint="--checkpoint"
        ) from error
    if note is None:
        raise typer.BadParameter(
            f"{path} holds no checkpoint; give the note itself or a mail of kursdocs (.eml)",
            param_hint="--checkpoint",
        )
    return note


def _keys(given: Sequence[str]) -> LogKeys:
    try:
        return LogKeys(given)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--key") from error


def _told(found: Verified, held: Sequence[str]) -> str:
    if found.found:
        lines = ["The log does NOT hold:", *(f"- {_sentence(one)}" for one in found.found)]
        return "\n".join(lines)
    lines = [f"The log holds: {found.rows} rows, checkpoints: {found.notes}."]
    if found.first_row is not None and found.first_row > 1:
        lines.append(f"Rows before number {found.first_row} were removed by rule.")
    if not found.notes:
        lines.append("Nothing of it is signed: whoever rewrites all of it is not noticed.")
    elif not found.is_checked_by_key:
        lines.append("Signatures were not checked: give --key or KURSDOCS_LOG_KEY_FILE.")
    elif found.signed < found.rows:
        lines.append(f"Signed are the first {found.signed}.")
    if held:
        lines.append("What you kept agrees with it.")
    return "\n".join(lines)


def _sentence(found: Found) -> str:
    if found.is_held and found.what is Tampering.CHECKPOINT_FORGED:
        return _HELD_FORGED
    said = SENTENCES[found.what].format(seq=found.seq)
    return f"{said} (says the checkpoint you gave)" if found.is_held else said


def _plain(found: Verified) -> dict[str, object]:
    return {
        "whole": found.is_whole,
        "rows": found.rows,
        "first_row": found.first_row,
        "signed": found.signed,
        "checkpoints": found.notes,
        "signatures_checked": found.is_checked_by_key,
        "found": [
            {"what": one.what.value, "seq": one.seq, "by_given_checkpoint": one.is_held}
            for one in found.found
        ],
    }


@app.command("key", epilog=EXIT_CODES)
def make_key(
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="File to write; it must not exist yet.")
    ],
    name: Annotated[
        str,
        typer.Option(
            "--name", help="What the log is called. Default: the host of KURSDOCS_PUBLIC_URL."
        ),
    ] = "",
) -> None:
    """Write a new key that signs the log, and say the public key by which others check it."""
    try:
        made = LogKey.create(path, name or _own_name())
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}", 1)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--name") from error
    typer.echo(f"Wrote {path}. Its public key, for everybody who checks the log:\n{made.verifier}")


def _own_name() -> str:
    """The name by the settings, of which no other need be there yet."""
    found = load_public_url()
    if not found:
        fail("What is the log called? Give --name, or set KURSDOCS_PUBLIC_URL.", 2)
    return log_name(found)


def log_name(public_url: str) -> str:
    """What the log of the installation at that address is called."""
    return f"{urlsplit(public_url).netloc}/log"


# ── Proving and exporting ────────────────────────────────────────────────────────────────────


@app.command(epilog=EXIT_CODES)
def prove(
    seq: Annotated[int, typer.Argument(metavar="SEQ", help="The number of the row.", min=1)],
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The checkpoint that they have: the note, or a mail of kursdocs as a file (.eml)."
            " Default: the newest.",
        ),
    ] = None,
    var: DemoFolder = None,
    port: DemoPort = 8000,
) -> None:
    """Print a row of the log with the proof that it is in it, for somebody who has a checkpoint.

    infra/proof.md tells how to check it without kursdocs.
    """
    held = _note_of(checkpoint) if checkpoint else ""
    with bootstrap.open_services(settings_of(var, port)) as services:
        try:
            show_json(auditing.prove(services, seq, held=held).written())
        except NotProvable as error:
            fail(error.reason, 1)


@app.command(epilog=EXIT_CODES)
def export(
    municipality: Annotated[str, typer.Option(metavar="SLUG", help="Only of this one.")] = "",
    agency: Annotated[str, typer.Option(metavar="SLUG", help="Only of this one.")] = "",
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="First day, local.")] = "",
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="Last day, local.")] = "",
    var: DemoFolder = None,
    port: DemoPort = 8000,
) -> None:
    """Print rows of the log, one JSON object a line, oldest first; the last line says how many.

    Ids, no names. That they were exported stands in the log.
    """
    since, until = _midnight(first, "--from"), _midnight(last, "--to")
    with bootstrap.open_services(settings_of(var, port)) as services:
        with services.transaction() as session:
            town = agencies.municipality_by_slug(session, municipality) if municipality else None
            place = agencies.by_slug(session, agency, closed_too=True) if agency else None
        part = Part(
            municipality_id=place.municipality_id if place else town.id if town else None,
            agency_id=place.id if place else None,
            since=since,
            until=until + timedelta(days=1) if until else None,
        )
        for line in auditing.export(services, part):
            typer.echo(json.dumps(line, ensure_ascii=False))


def _midnight(typed: str, option: str) -> datetime | None:
    if not typed:
        return None
    try:
        day = date.fromisoformat(typed)
    except ValueError:
        raise typer.BadParameter(
            f"{typed!r} is no day; write it like 2026-12-01", param_hint=option
        ) from None
    return datetime.combine(day, time.min, LOCAL)
