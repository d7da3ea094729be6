"""Reminding by hand: who is mailed, and why."""

from dataclasses import replace

import typer

from kursdocs import bootstrap
from kursdocs.cli.options import (
    At,
    DemoFolder,
    DemoPort,
    DryRun,
    moment_of,
    require_demo,
    settings_of,
)
from kursdocs.cli.telling import AsJson, show_json
from kursdocs.operations import following_up, mailing, reminding
from kursdocs.services import Services

app = typer.Typer()


@app.command()
def remind(
    at: At = "",
    dry_run: DryRun = False,
    var: DemoFolder = None,
    port: DemoPort = 8000,
    as_json: AsJson = False,
) -> None:
    """Send the digests that are due, as the worker does.

    With --dry-run nothing is changed: for every addressee of every agency a sentence says why it is
    mailed now, or why not and when next; and what would go back to its sender.

    Exit codes: 0 done; 1 some mails were not accepted; 2 a mistake in the command or the settings.
    """
    settings = settings_of(var, port)
    require_demo(settings, at, dry_run=dry_run)
    with bootstrap.open_services(settings) as services:
        moment = moment_of(at, services.clock())
        if dry_run:
            _explain(replace(services, clock=lambda: moment), as_json=as_json)
            return
        if at:
            # Taken to another day, the demo keeps office hours like any town.
            settings = settings.model_copy(update={"demo": False})
            services = replace(services, clock=lambda: moment, settings=settings)
        _remind(services, as_json=as_json)


def _explain(services: Services, *, as_json: bool) -> None:
    found = list(reminding.explain(services))
    if as_json:
        show_json([{"to": to, "why": why} for to, why in found])
        return
    for to, why in found:
        typer.echo(f"{to}: {why}")
    if not found:
        typer.echo("Nothing is due.")


def _remind(services: Services, *, as_json: bool) -> None:
    following_up.refresh(services)
    planned = reminding.remind(services)
    mailed = mailing.deliver_due(services)
    if as_json:
        show_json({"returned": planned.returned, "sent": mailed.sent, "failed": mailed.failed})
    else:
        typer.echo(
            f"Mails sent: {mailed.sent}, not accepted: {mailed.failed}."
            f" Deliveries given back to their senders: {planned.returned}."
        )
    if mailed.failed:
        raise typer.Exit(1)
