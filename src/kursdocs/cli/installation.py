"""Looking after an installation: migrate, check, master-key."""

from pathlib import Path
from typing import Annotated

import typer

from kursdocs import bootstrap
from kursdocs.adapters.master_keys import MasterKeys
from kursdocs.cli.telling import EXIT_CODES, AsJson, fail, sentence, show_json
from kursdocs.core.errors import Unavailable
from kursdocs.settings import Settings, SettingsError, load

app = typer.Typer()

# Only operators hear of these, so that pages and API have no sentence for them.
_OURS = {
    "scanner_unavailable": "The malware scanner does not answer. Papers are held until it does.",
}


@app.command(epilog=EXIT_CODES)
def migrate() -> None:
    """Bring database and key store to the newest schema; harmless when they are."""
    bootstrap.migrate(load())
    typer.echo("Database and key store are up to date.")


@app.command()
def check(as_json: AsJson = False) -> None:
    """Try every setting: database, key store, object store, scanner, mail, sign-in, front end.

    It makes and changes nothing. Exit codes: 0 all parts answer; 1 some do not; 2 a setting is
    missing or wrong.
    """
    settings = load()
    parts = [(name, _in_words(problem)) for name, problem in bootstrap.check(settings)]
    if as_json:
        show_json({"parts": [{"name": n, "ok": not p, "problem": p} for n, p in parts]})
    else:
        for name, problem in parts:
            verdict = "FAILED" if problem else "ok"
            typer.echo(f"{verdict:7} {name}" + (f": {problem}" if problem else ""))
        if settings.clamd == "off":
            typer.echo("Nothing is scanned for malware: KURSDOCS_CLAMD is off.")
        elif said := _scanner_in_words(settings):
            typer.echo(said)
        if settings.log_key_file is None:
            typer.echo(
                "Nobody signs the log, and nothing of it is ever removed:"
                " KURSDOCS_LOG_KEY_FILE is not set."
            )
        if not settings.bounces_url:
            typer.echo("Nobody notices mails that come back: KURSDOCS_BOUNCES_URL is not set.")
    if any(problem for _, problem in parts):
        raise typer.Exit(1)


def _scanner_in_words(settings: Settings) -> str:
    """With what the scanner looks; empty when it does not answer, which was said before."""
    try:
        known = bootstrap.scanner_knows(settings)
    except (SettingsError, Unavailable):
        return ""
    made = f"made on {known.made_at:%Y-%m-%d at %H:%M} UTC" if known.made_at else "of unknown age"
    return f"Malware is looked for by {known.version}, signatures {made}."


def _in_words(problem: str) -> str:
    """The same with a sentence where it ends in the code of a part that is down."""
    start, colon, last = problem.rpartition(": ")
    said = _OURS.get(last) or sentence(last, {})
    return f"{start}{colon}{said} [{last}]" if said != last else problem


@app.command("master-key", epilog=EXIT_CODES)
def master_key(
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="File to write; it must not exist yet.")
    ],
) -> None:
    """Write a new master key file. Keep a copy apart from all backups: without it all is lost."""
    try:
        MasterKeys.create(path)
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}", 1)
    typer.echo(f"Wrote {path}. Keep a copy of it in a safe place, apart from the backups.")
