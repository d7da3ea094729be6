"""Options that several commands share: the moment to look at, and the demo to look into."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from kursdocs.core.workdays import LOCAL
from kursdocs.demo import town
from kursdocs.settings import Settings, load

At = Annotated[
    str,
    typer.Option(
        "--at",
        help="Another moment than now, in local time: 2026-12-01 (noon) or 2026-12-01T07:30.",
        metavar="T",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would happen, and why.")]
DemoFolder = Annotated[
    Path | None,
    typer.Option("--var", help="Folder of a demo started with make run, instead of settings."),
]
DemoPort = Annotated[int, typer.Option("--port", help="Port of that demo.", min=1, max=65535)]


def settings_of(var: Path | None, port: int, *, must_exist: bool = True) -> Settings:
    """The settings of the environment, or those of the demo in that folder."""
    if var is None:
        return load()
    if must_exist and not (var / "kursdocs.sqlite").exists():
        raise typer.BadParameter(f"there is no demo in {var}; start one with: make run VAR={var}")
    return load(**town.settings_for(var.resolve(), port))


def moment_of(text: str, now: datetime) -> datetime:
    """What was typed, or now; a time without a zone is local, a day alone means its noon."""
    if not text:
        return now
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no moment; write it like 2026-12-01 or 2026-12-01T07:30",
            param_hint="--at",
        ) from None
    if len(text) == len("2026-12-01"):
        found = found.replace(hour=12)
    return found if found.tzinfo else found.replace(tzinfo=LOCAL)


def require_demo(settings: Settings, at: str, *, dry_run: bool) -> None:
    """Another moment than now is for looking, or for the demo: real papers know only now."""
    if at and not dry_run and not settings.demo:
        raise typer.BadParameter(
            "another moment than now needs --dry-run; only a demo can be taken there",
            param_hint="--at",
        )
