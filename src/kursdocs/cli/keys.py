"""Master keys: which there are, and how one is replaced by another while everybody works."""

from collections.abc import Callable
from typing import Annotated

import typer

from kursdocs import bootstrap
from kursdocs.cli.options import DemoFolder, DemoPort, settings_of
from kursdocs.cli.telling import EXIT_CODES, AsJson, fail, show, show_json
from kursdocs.core.ports import KeyStore, MasterKeyInUse, MasterState

app = typer.Typer(
    help="Master keys: which there are, and how one is replaced while everybody works.",
    no_args_is_help=True,
)

PAGE = 1000
# While we rewrap, a process may make one more key with the old master before it reads the file.
_ROUNDS = 5

_IN_WORDS: tuple[tuple[Callable[[MasterState], bool], str], ...] = (
    (lambda state: state.is_retired, "retired: its line may be deleted from the file"),
    (lambda state: state.is_active, "wraps new keys"),
    (lambda state: not state.is_here and state.keys > 0, "MISSING in the file"),
    (lambda state: not state.is_here, "not in the file, not needed: kursdocs keys retire"),
    (lambda state: state.keys == 0, "not needed any more: kursdocs keys retire"),
    (lambda _: True, "only read: kursdocs keys rewrap"),
)


@app.command(epilog=EXIT_CODES)
def status(var: DemoFolder = None, port: DemoPort = 8000, as_json: AsJson = False) -> None:
    """Say which master keys there are and how many document keys each of them wraps."""
    with bootstrap.open_keys(settings_of(var, port)) as keys:
        masters = keys.masters()
    if as_json:
        show_json([_plain(master) for master in masters])
        return
    rows = [{"master key": m.id, "keys": str(m.keys), "use": _words(m)} for m in masters]
    show(rows, as_json=False)


@app.command(epilog=EXIT_CODES)
def rotate(var: DemoFolder = None, port: DemoPort = 8000) -> None:
    """Put a fresh master key first into the file; running processes use it at once.

    Needs to write the folder of the file. On several machines the file must be the same on all.
    """
    settings = settings_of(var, port)
    path = settings.master_key_file
    with bootstrap.open_keys(settings) as keys:
        try:
            fresh = keys.rotate()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            fail(f"{path} cannot be replaced: {reason}. Nothing has changed.", 1)
    typer.echo(
        f"{fresh} wraps new keys from now on. Copy {path} to the safe place NOW, apart from the"
        " backups: what is sent from now on can be read with the new line alone."
        "\nThen: kursdocs keys rewrap"
    )


@app.command(epilog=EXIT_CODES)
def rewrap(var: DemoFolder = None, port: DemoPort = 8000, as_json: AsJson = False) -> None:
    """Wrap all document keys with the first master key of the file, while everybody works.

    Papers stay as they are. May be stopped and repeated at any time.
    """
    with bootstrap.open_keys(settings_of(var, port)) as keys:
        done, failed = _rewrap_all(keys)
        idle = [m.id for m in keys.masters() if not (m.keys or m.is_active or m.is_retired)]
    if as_json:
        show_json({"done": done, "failed": failed})
    else:
        typer.echo(f"Wrapped anew: {done}, could not be read: {failed}.")
        for master_key_id in idle:
            typer.echo(f"{master_key_id} wraps nothing any more: kursdocs keys retire")
    if failed:
        fail("Keys that cannot be read stay as they are; kursdocs fsck names their documents.", 1)


@app.command(epilog=EXIT_CODES)
def retire(
    master_key_id: Annotated[str, typer.Argument(metavar="ID", help="As in: keys status.")],
    var: DemoFolder = None,
    port: DemoPort = 8000,
) -> None:
    """Let nobody use a master key any more; refused as long as it wraps a document key.

    Afterwards its line may be deleted from the file. Keep its copy in the safe place as long as
    there are backups of the key store from before.
    """
    settings = settings_of(var, port)
    with bootstrap.open_keys(settings) as keys:
        if master_key_id not in {master.id for master in keys.masters()}:
            fail(f"There is no master key {master_key_id}: kursdocs keys status", 1)
        try:
            keys.retire(master_key_id)
        except MasterKeyInUse as error:
            fail(str(error), 1)
    typer.echo(
        f"{master_key_id} is retired. Its line may be deleted from {settings.master_key_file}; keep"
        " its copy in the safe place as long as there are backups of the key store from before."
    )


def _rewrap_all(keys: KeyStore) -> tuple[int, int]:
    done = failed = 0
    for _ in range(_ROUNDS):
        page = keys.rewrap(None, PAGE)
        found, failed = page.done, page.failed
        while page.after is not None:
            page = keys.rewrap(page.after, PAGE)
            found, failed = found + page.done, failed + page.failed
        done += found
        if not found:
            break
    return done, failed


def _words(master: MasterState) -> str:
    return next(words for applies, words in _IN_WORDS if applies(master))


def _plain(master: MasterState) -> dict[str, object]:
    return {
        "id": master.id,
        "keys": master.keys,
        "active": master.is_active,
        "in_file": master.is_here,
        "retired": master.is_retired,
    }
