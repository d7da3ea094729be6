"""The rules: catalogue check, catalogue diff."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kursdocs import catalogue as rules
from kursdocs.catalogue import CatalogueError, comparison
from kursdocs.cli.telling import AsJson, show_json

app = typer.Typer(
    help="The rules: kinds of papers and who may send them to whom.", no_args_is_help=True
)


class Language(StrEnum):
    """In which language the catalogue's own names are shown."""

    DE = "de"
    EN = "en"


CatalogueFile = Annotated[
    Path,
    typer.Argument(
        help="The municipality's own catalogue file.", exists=True, dir_okay=False, metavar="FILE"
    ),
]


@app.command("check")
def catalogue_check(file: CatalogueFile, as_json: AsJson = False) -> None:
    """Say whether a catalogue file can be used, and name each mistake with its line.

    Exit codes: 0 it can be used; 1 it has mistakes; 2 there is no such file.
    """
    try:
        found = rules.load(file)
    except CatalogueError as error:
        if as_json:
            show_json({"ok": False, "mistakes": [m._asdict() for m in error.mistakes]})
        else:
            typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    kinds, ended = len(found.kinds), len(found.ended)
    if as_json:
        told = {"ok": True, "version": found.version, "kinds": kinds, "switched_off": ended}
        show_json({**told, "mistakes": []})
    else:
        typer.echo(f"{file} can be used: {found.version}, {kinds} kinds, {ended} switched off.")


@app.command("diff")
def catalogue_diff(
    file: CatalogueFile,
    language: Annotated[Language, typer.Option(help="Language of names.")] = Language.DE,
    as_json: AsJson = False,
) -> None:
    """Show what a catalogue file changes against the shipped rules.

    Exit codes: 0 it changes nothing; 1 it changes something; 2 it cannot be used.
    """
    try:
        changes = comparison.compare(rules.load(), rules.load(file))
    except CatalogueError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    if as_json:
        show_json({"changes": comparison.as_data(changes, language)})
    else:
        for line in comparison.as_lines(changes, language):
            typer.echo(line)
    raise typer.Exit(1 if changes else 0)
