"""Copies of everything: backup, backup-list, backup-key, restore."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated
from uuid import UUID

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
from kursdocs.operations.restoring import Restored

app = typer.Typer()

SHOWN = 20
"""So many documents are named; of more, their number alone. With --json all."""

INCOMPLETE = 3
"""The exit code of what was done, but not for everything."""

_CODES = "Exit codes: 0 done; 1 refused; 2 a mistake in the command or the settings"
_RESTORE_CODES = (
    "Exit codes: 0 done; 1 refused; 2 a mistake in the command or the settings; 3 restored, but not"
    " everything is whole"
)
_BACKUP_CODES = (
    "Exit codes: 0 done; 1 refused: there is no copy more and none less; 2 a mistake in the command"
    " or the settings; 3 there is a copy, but something that documents need could not be read and"
    " is missing in it, or what is too old could not be removed"
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
DespiteDamage = Annotated[
    bool,
    typer.Option(
        "--despite-damage",
        help="Leave out documents whose files in the copy are missing or damaged, and name them,"
        " instead of refusing.",
    ),
]


@app.command(epilog=_BACKUP_CODES)
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
    data = {**vars(made), "missing": list(map(str, made.missing))}
    done(_told(made), as_json=as_json, **data)
    if complaints := [*_incomplete(made.missing), *_unreadable(made.unreadable)]:
        fail("\n".join(complaints), INCOMPLETE)


def _told(made: BackedUp) -> str:
    return (
        f"Copied {made.stamp}: {made.documents} documents; {made.objects} objects"
        f" ({made.object_bytes / 1e6:.1f} MB), {made.copied} of them new."
        f" Removed {made.copies_removed} old copies and {made.objects_removed} objects."
    )


def _incomplete(missing: Sequence[UUID]) -> Iterator[str]:
    if missing:
        yield (
            "The copy is not complete. What is missing could not be read and is in no earlier copy;"
            f" bytes or key of documents or drafts: {len(missing)}"
        )
        yield from _some(missing)
        yield "Everything else is in it. Keep the older copies, and run: kursdocs fsck --deep"


def _some(ids: Sequence[UUID]) -> Iterator[str]:
    yield from (f"  {one}" for one in ids[:SHOWN])
    if len(ids) > SHOWN:
        yield f"  and {len(ids) - SHOWN} more"


def _unreadable(stamps: Sequence[str]) -> Iterator[str]:
    if stamps:
        yield (
            f"SHA256SUMS of {', '.join(stamps)} cannot be read or was altered: while it is there,"
            " no document is removed from the copies. Look at the disk; if this copy is of no more"
            " use, remove its folder."
        )


@app.command("backup-list", epilog=_CODES)
def backup_list(folder: Folder, as_json: AsJson = False) -> None:
    """List the copies in a folder, oldest first; needs neither settings nor a secret key.

    Column "missing": how many objects and keys that documents need could not be copied.
    """
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
    names = {"database", "version", "objects", "object_bytes"}
    return {
        **{name: str(value) for name, value in note.items() if name in names},
        "missing": str(note["lost"]),
    }


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


@app.command(epilog=_RESTORE_CODES)
def restore(
    folder: Folder,
    identity: Identity,
    moment: Moment = "",
    keys_from: KeysFrom = None,
    despite_damage: DespiteDamage = False,
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
        restored = restoring.restore(
            place,
            copies,
            opener,
            stamp=stamp,
            now=bootstrap.utc_now,
            despite_damage=despite_damage,
        )
        with bootstrap.open_services(settings) as services:
            restoring.tidy(services)
            checked = fsck.check(services, Depth.DEEP)
    told = _answer(restored, checked)
    done(_told_of(told), as_json=as_json, **told)
    if complaints := [*_damaged(restored.damaged), *_found(checked)]:
        fail("\n".join(complaints), INCOMPLETE)


def _answer(restored: Restored, checked: fsck.Report) -> Mapping[str, object]:
    return {
        "moment": moment_of(restored.manifest.stamp).isoformat(),
        "keys": restored.keys_stamp,
        "documents": restored.manifest.rows["document"],
        "objects": restored.objects,
        "forgotten": restored.forgotten,
        "damaged": list(map(str, restored.damaged)),
        "log_rows": restored.manifest.log_seq,
        "health": checked.health.value,
        "found": {damage.value: count for damage, count in checked.found.items()},
    }


def _damaged(ids: Sequence[UUID]) -> Iterator[str]:
    if ids:
        yield (
            "Not everything came back. The bytes or the key of these documents or drafts are in no"
            f" copy, or damaged there: {len(ids)}"
        )
        yield from _some(ids)
        yield (
            "Nobody is handed anything of them; their senders, whom the log of each document"
            " names, have to send them again."
        )


def _found(checked: fsck.Report) -> Iterator[str]:
    if checked.found:
        yield "The deep check found what stands above. For its meaning: kursdocs fsck --deep"


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
