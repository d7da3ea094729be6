"""How commands speak: tables or JSON on standard output, what went wrong on standard error."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from gettext import NullTranslations
from typing import Annotated, NoReturn

import typer

from kursdocs.core.errors import Invalid, InvalidForm, KursdocsError
from kursdocs.web.error_words import SENTENCES
from kursdocs.web.pages import frontend_folder, read_translations

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]

EXIT_CODES = (
    "Exit codes: 0 done; 1 refused, nothing was changed; 2 a mistake in the command or the settings"
)


def fail(message: str, code: int) -> NoReturn:
    """End the command with this message; open transactions roll back."""
    typer.echo(message, err=True)
    sys.exit(code)


def done(message: str, *, as_json: bool, **data: object) -> None:
    """Say that it is done; programs get the data instead of the words."""
    if as_json:
        show_json(data)
    else:
        typer.echo(message)


def words_of(error: KursdocsError) -> str:
    """What was refused and why, a line for each mistake, with the code that programs know."""
    mistakes = error.mistakes if isinstance(error, InvalidForm) else [error]
    return "\n".join(_line(one) for one in mistakes)


def _line(error: KursdocsError) -> str:
    field = f"{error.field}: " if isinstance(error, Invalid) and error.field else ""
    return f"{field}{sentence(error.code, error.details)} [{error.code}]"


def sentence(code: str, details: Mapping[str, str | int]) -> str:
    """What a code of the domain means, in the words that pages and API use, in English."""
    found = _english().gettext(SENTENCES[code]) if code in SENTENCES else code
    return found % details if details else found


@cache
def _english() -> NullTranslations:
    return read_translations(frontend_folder(), "en")


def show_json(data: object) -> None:
    """One answer for programs."""
    typer.echo(json.dumps(data, ensure_ascii=False, indent=2))


def show(rows: Sequence[Mapping[str, str]], *, as_json: bool) -> None:
    """Rows for programs, or in columns under their names."""
    if as_json:
        show_json(rows)
        return
    if not rows:
        typer.echo("There are none.")
        return
    lines = [list(rows[0]), *([value or "-" for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def day(moment: datetime) -> str:
    """The date alone, as lists show it."""
    return moment.date().isoformat()
