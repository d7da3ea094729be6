"""Asking for a new look for malware by hand."""

import typer

from kursdocs import bootstrap
from kursdocs.adapters.scanner import OFF
from kursdocs.cli.options import DemoFolder, DemoPort, settings_of
from kursdocs.cli.telling import EXIT_CODES, AsJson, fail, show_json
from kursdocs.operations import rescanning

app = typer.Typer()


@app.command("rescan", epilog=EXIT_CODES)
def rescan(var: DemoFolder = None, port: DemoPort = 8000, as_json: AsJson = False) -> None:
    """Have the worker look for malware in every paper once more.

    After signatures of your own were loaded, of which clamd does not tell: wait until its log says
    "Database correctly reloaded". ClamAV's own are noticed without it.
    """
    settings = settings_of(var, port)
    if settings.clamd == OFF:
        fail("Nobody looks for malware here: KURSDOCS_CLAMD is off.", 2)
    with bootstrap.open_services(settings) as services:
        count = rescanning.look_again(services)
    if as_json:
        show_json({"documents": count})
        return
    typer.echo(f"The worker will look again: papers {count}. What it finds is blocked.")
