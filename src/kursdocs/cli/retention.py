"""Retention by hand: what is given back, announced and erased, and why."""

from collections.abc import Mapping, Sequence
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
from kursdocs.operations import retention
from kursdocs.operations.retention import Action, Planned

app = typer.Typer()

_SENTENCES: Mapping[Action, str] = {
    Action.DATE: "would be given its date, {day} ({reason})",
    Action.END_UNAPPROVED: "would end: no second person approved it in time",
    Action.GIVE_BACK: "would go back to its sender: nobody took it over, and it ends on {day}",
    Action.ANNOUNCE: "would be announced as leaving on {day} ({reason})",
    Action.ERASE: "would be erased ({reason})",
}


@app.command("retention")
def retain(
    at: At = "",
    dry_run: DryRun = False,
    var: DemoFolder = None,
    port: DemoPort = 8000,
    as_json: AsJson = False,
) -> None:
    """Give back, announce and erase what is due, as the worker does every hour.

    With --dry-run nothing is changed: each step is explained in a sentence, by document id.

    Exit codes: 0 done; 1 a part does not answer; 2 a mistake in the command or the settings.
    """
    settings = settings_of(var, port)
    require_demo(settings, at, dry_run=dry_run)
    with bootstrap.open_services(settings) as services:
        moment = moment_of(at, services.clock())
        if dry_run:
            _explain(retention.plan(services, at=moment), as_json=as_json)
            return
        done = retention.run(replace(services, clock=lambda: moment) if at else services)
    if as_json:
        show_json({action.value: count for action, count in done.items()})
        return
    typer.echo(
        f"Ended without approval: {done[Action.END_UNAPPROVED]},"
        f" given back untouched: {done[Action.GIVE_BACK]},"
        f" announced: {done[Action.ANNOUNCE]}, erased: {done[Action.ERASE]}."
    )


def _explain(steps: Sequence[Planned], *, as_json: bool) -> None:
    if as_json:
        show_json([_plain(step) for step in steps])
        return
    for step in steps:
        said = _SENTENCES[step.action].format(day=step.delete_on, reason=step.reason)
        typer.echo(f"{step.document_id} ({step.kind}) {said}.")
    if not steps:
        typer.echo("Nothing is due.")


def _plain(step: Planned) -> dict[str, str]:
    return {
        "action": step.action.value,
        "document": str(step.document_id),
        "kind": step.kind,
        "delete_on": step.delete_on.isoformat() if step.delete_on else "",
        "reason": step.reason,
    }
