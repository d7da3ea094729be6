"""Looking after an installation: migrate, check, master-key."""

from pathlib import Path
from typing import Annotated

import typer

from kursdocs import bootstrap
from kursdocs.adapters.master_keys import MasterKeys
from kursdocs.cli.telling import fail
from kursdocs.settings import load

app = typer.Typer()


@app.command()
def migrate() -> None:
    """Bring database and key store to the newest schema; harmless when they are."""
    bootstrap.migrate(load())
    typer.echo("Database and key store are up to date.")


@app.command()
def check() -> None:
    """Try every setting: database, key store, object store, scanner, mail, sign-in, front end."""
    failed = False
    for name, problem in bootstrap.check(load()):
        typer.echo(
            f"{'FAILED' if problem else 'ok':7} {name}" + (f": {problem}" if problem else "")
        )
        failed = failed or bool(problem)
    if failed:
        raise typer.Exit(1)


@app.command("master-key")
def master_key(
    path: Annotated[Path, typer.Argument(help="File to write; it must not exist yet.")],
) -> None:
    """Write a new master key file. Keep a copy apart from all backups: without it all is lost."""
    try:
        MasterKeys.create(path)
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}", 1)
    typer.echo(f"Wrote {path}. Keep a copy of it in a safe place, apart from the backups.")
