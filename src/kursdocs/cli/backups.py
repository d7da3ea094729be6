"""Copies of everything: backup, backup-list, backup-key, restore."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from kursdocs import bootstrap
from kursdocs.adapters.backup_folder import BackupFolder
from kursdocs.adapters.sealed_files import Identities, create_identity
from kursdocs.cli.options import DemoFolder, DemoPort, settings_of
from kursdocs.cli.telling import AsJson, done, fail, show
from kursdocs.core.backups import BackupRefused, Copies, moment_of
from kursdocs.core.checks import Depth
from kursdocs.operations import backing_up, fsck, restoring
from kursdocs.operations.backing_up import NOTE, BackedUp

app = typer.Typer()

_CODES = (
    "Exit codes: 0 done; 1 refused, or something that a document needs was not there;"
    " 2 a mistake in the command or the settings"
)

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the copies lie.")]
To = Annotated[
    Path,
    typer.Option(
        "--to",
        metavar="FILE",
        help="Recipients, one a line: age1… or ssh-ed25519 …; their secret keys lie elsewhere.",
    ),
]
KeysTo = Annotated[
    Path | None,
    typer.Option(
        "--keys-to",
        metavar="FOLDER",
        help="Where the document keys go, best on another disk (default: keys in FOLDER).",
    ),
]
KeysFrom = Annotated[
    Path | None,
    typer.Option("--keys-from", metavar="FOLDER", help="Where the copies of the keys lie."),
]
KeepDays = Annotated[
    int,
    typer.Option(
        "--keep-days",
        help="Older copies are removed, never the newest; those of the keys after 14 days.",
        min=1,
        max=366,
    ),
]
Identity = Annotated[
    Path,
    typer.Option(
        "--identity", metavar="FILE", help="The secret key of one of the recipients (age, SSH)."
    ),
]
Moment = Annotated[
    str,
    typer.Option("--moment", metavar="STAMP", help="Which copy (default: the newest)."),
]


@app.command(epilog=_CODES)
def backup(
    folder: Folder,
    to: To,
    keys_to: KeysTo = None,
    keep_days: KeepDays = 14,
    var: DemoFolder = None,
    port: DemoPort = 8000,
    as_json: AsJson = False,
) -> None:
    """Copy database, documents and keys into a folder, sealed; while kursdocs goes on.

    A document is copied once, however many copies there are. The master key file is in no copy:
    keep it, and the recipients' secret keys, in a safe place apart from FOLDER.
    """
    settings = settings_of(var, port)
    with _refusals():
        means = bootstrap.backup_means(settings, folder, keys_to, to)
        with bootstrap.open_services(settings) as services:
            made = backing_up.back_up(services, means, keep_days=keep_days)
    done(_told(made), as_json=as_json, **vars(made))
    if made.lost:
        fail(
            f"{made.lost} objects or keys that documents need are not there, nor were they copied"
            " earlier. Run: kursdocs fsck",
            1,
        )


def _told(made: BackedUp) -> str:
    return (
        f"Copied {made.stamp}: {made.documents} documents; {made.objects} objects"
        f" ({made.object_bytes / 1e6:.1f} MB), {made.copied} of them new."
        f" Removed {made.copies_removed} old copies and {made.objects_removed} objects."
    )


@app.command("backup-list", epilog=_CODES)
def backup_list(folder: Folder, as_json: AsJson = False) -> None:
    """List the copies in a folder, oldest first; needs neither settings nor a secret key."""
    with _refusals():
        _require(folder)
        copies = BackupFolder(folder)
        rows = [{"moment": stamp, **_note(copies, stamp)} for stamp in copies.stamps()]
    show(rows, as_json=as_json)


def _require(folder: Path | None) -> None:
    """Raises ``ValueError`` for a folder that was named and is not there."""
    if folder is not None and not folder.is_dir():
        raise ValueError(f"There is no folder {folder}. Is its disk mounted?")


def _note(copies: Copies, stamp: str) -> dict[str, str]:
    with copies.opened(stamp, NOTE) as file:
        note = json.loads(file.read())
    return {name: str(note[name]) for name in ("database", "version", "objects", "object_bytes")}


@app.command("backup-key", epilog=_CODES)
def backup_key(
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="File to write; it must not exist yet.")
    ],
) -> None:
    """Write a fresh secret key for backups and print its recipient, as age-keygen does.

    Do it on a machine that is not the server, and keep the file where the backups are not.
    """
    try:
        typer.echo(create_identity(path))
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}", 1)


@app.command(epilog=_CODES)
def restore(
    folder: Folder,
    identity: Identity,
    moment: Moment = "",
    keys_from: KeysFrom = None,
    var: DemoFolder = None,
    port: DemoPort = 8000,
    as_json: AsJson = False,
) -> None:
    """Put a copy back into an empty place, which the settings name; then look at all of it.

    Documents that were erased after the copy was made are forgotten again. Needs the master key
    file of the installation that was copied.
    """
    with _refusals():
        for each in (folder, keys_from):
            _require(each)
    settings = settings_of(var, port, must_exist=False)
    with _refusals(), bootstrap.alone(settings):
        opener = Identities.load(identity)
        copies = BackupFolder(folder, keys_from)
        place = bootstrap.restore_place(settings)
        stamp = _chosen(copies, moment)
        restored = restoring.restore(place, copies, opener, stamp=stamp, now=bootstrap.utc_now)
        with bootstrap.open_services(settings) as services:
            restoring.tidy(services)
            checked = fsck.check(services, Depth.DEEP)
    told = {
        "moment": moment_of(stamp).isoformat(),
        "keys": restored.keys_stamp,
        "documents": restored.manifest.rows["document"],
        "objects": restored.objects,
        "forgotten": restored.forgotten,
        "log_rows": restored.manifest.log_seq,
        "health": checked.health.value,
        "found": {damage.value: count for damage, count in checked.found.items()},
    }
    done(_told_of(told), as_json=as_json, **told)
    if checked.found:
        fail("The deep check found what stands above. For its meaning: kursdocs fsck --deep", 1)


def _told_of(told: Mapping[str, object]) -> str:
    return (
        f"Restored as of {told['moment']}: {told['documents']} documents,"
        f" {told['objects']} objects, {told['log_rows']} rows of the log. Forgotten again, because"
        f" they were erased since: {told['forgotten']}.\n"
        f"Every byte was read again: {told['health']} {told['found'] or ''}".rstrip()
        + "\nNow compare the log: kursdocs audit verify --checkpoint FILE (the newest mail that"
        " anybody has kept)"
    )


def _chosen(copies: Copies, moment: str) -> str:
    stamps = copies.stamps()
    if moment and moment in stamps:
        return moment
    if moment or not stamps:
        known = ", ".join(stamps) or "none"
        raise BackupRefused(f"There is no such copy; there are: {known}.")
    return stamps[-1]


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except BackupRefused as error:
        fail(str(error), 1)
    except ValueError as error:
        fail(str(error), 2)
