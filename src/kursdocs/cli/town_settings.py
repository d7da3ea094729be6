"""Settings of what is there already: municipality set, agency set, pause, resume and reopen."""

from typing import Annotated

import typer

from kursdocs import bootstrap
from kursdocs.cli.telling import EXIT_CODES, fail
from kursdocs.core import agencies
from kursdocs.core.access import Actor
from kursdocs.core.agencies import PlanTime
from kursdocs.settings import load

municipality_app = typer.Typer()
agency_app = typer.Typer()

Slug = Annotated[str, typer.Argument(metavar="SLUG", help="Its short name.")]
NewName = Annotated[str | None, typer.Option("--name", help="Its name.")]
NewLand = Annotated[
    str | None,
    typer.Option("--land", metavar="LAND", help="As BY or NW; empty: nationwide holidays only."),
]
Mailbox = Annotated[str | None, typer.Option("--mailbox", help="Mail address; empty: none.")]
Hour = Annotated[
    str | None, typer.Option("--hour", metavar="5-18", help="Full hour of reminders, local time.")
]
HeadMailbox = Annotated[str | None, typer.Option("--head-mailbox", help="Told of old papers.")]
DeputyMailbox = Annotated[str | None, typer.Option("--deputy-mailbox", help="Reminded as well.")]
DeputyUntil = Annotated[
    str | None, typer.Option("--deputy-until", metavar="DAY", help="Last day; empty: no end.")
]
FileNames = Annotated[
    str | None,
    typer.Option("--file-names", metavar="PATTERN", help="As {eingang}_{name}; empty: default."),
]
PlanDays = Annotated[
    str | None,
    typer.Option(
        "--plan-days", metavar="DAYS", help="When it looks in: 24 is Tuesday and Thursday."
    ),
]
PlanTimeOf = Annotated[
    str | None,
    typer.Option(
        "--plan-time", metavar="TIME", help=f"{', '.join(PlanTime)}; empty: any time of the day."
    ),
]
Announces = Annotated[
    bool | None,
    typer.Option(
        "--announce-on-plan-days/--announce-daily", help="New papers on the plan's days only."
    ),
]
MonthlyNote = Annotated[
    bool | None,
    typer.Option("--monthly-note/--no-monthly-note", help="Whether the month's numbers are told."),
]
Expected = Annotated[
    str | None,
    typer.Option("--expected", metavar="COUNT", help="Papers a month; empty: not known."),
]
KeepsEves = Annotated[
    bool | None,
    typer.Option("--keep-eves/--work-on-eves", help="Nobody works on 24 and 31 December."),
]
Day = Annotated[str, typer.Argument(metavar="DAY", help="As 2026-12-24 or 24.12.2026.")]


@municipality_app.command("set", epilog=EXIT_CODES)
def municipality_set(
    slug: Slug,
    name: NewName = None,
    land: NewLand = None,
    mailbox: Mailbox = None,
    keeps_eves: KeepsEves = None,
) -> None:
    """Change name, Land of new agencies, mailbox of the coordinator, or the eves."""
    typed = {"name": name, "land": land, "mailbox": mailbox, "keeps_eves": _yes_no(keeps_eves)}
    with bootstrap.open_services(load()) as services, services.transaction() as session:
        changed = agencies.change_municipality(
            session,
            Actor.system("cli"),
            agencies.municipality_by_slug(session, slug),
            _given(typed),
            now=services.clock(),
        )
    _tell(slug, changed)


@agency_app.command("set", epilog=EXIT_CODES)
def agency_set(  # noqa: PLR0913 (an option for each setting)
    slug: Slug,
    name: NewName = None,
    mailbox: Mailbox = None,
    hour: Hour = None,
    land: NewLand = None,
    head_mailbox: HeadMailbox = None,
    deputy: DeputyMailbox = None,
    until: DeputyUntil = None,
    file_names: FileNames = None,
    plan_days: PlanDays = None,
    plan_time: PlanTimeOf = None,
    announces: Announces = None,
    monthly_note: MonthlyNote = None,
    expected: Expected = None,
) -> None:
    """Change settings of an agency, as its head does: kursdocs agency set vhs --hour 8 --land NW.

    What is not named stays as it is; of several mistakes nothing is changed.
    """
    typed = {
        "name": name,
        "mailbox": mailbox,
        "digest_hour": hour,
        "land": land,
        "head_mailbox": head_mailbox,
        "deputy_mailbox": deputy,
        "deputy_until": until,
        "file_name_pattern": file_names,
        "plan_days": None if plan_days is None else "".join(sorted(plan_days)),
        "plan_time": plan_time,
        "announces_on_plan_days": _yes_no(announces),
        "monthly_note": _yes_no(monthly_note),
        "expected_per_month": expected,
    }
    with bootstrap.open_services(load()) as services, services.transaction() as session:
        agency = agencies.by_slug(session, slug)
        changed = agencies.change_agency(
            session, Actor.system("cli"), agency, _given(typed), now=services.clock()
        )
        mailbox = agency.mailbox
    _tell(slug, changed)
    if not mailbox:
        typer.echo(f"{slug} has no mailbox: nobody there is reminded.", err=True)


def _yes_no(ticked: bool | None) -> str | None:
    """What the form would say."""
    return None if ticked is None else agencies.as_typed(ticked)[0]


def _given(typed: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in typed.items() if value is not None}


def _tell(slug: str, changed: object) -> None:
    names = ", ".join(changed) if isinstance(changed, tuple) else ""
    typer.echo(f"{slug}: {names} changed." if names else f"{slug}: nothing to change.")


@agency_app.command("pause", epilog=EXIT_CODES)
def agency_pause(slug: Slug, first: Day, last: Day) -> None:
    """Enter days, both included, on which an agency does not work: no mails, no deadline."""
    with bootstrap.open_services(load()) as services, services.transaction() as session:
        pause = agencies.add_pause(
            session,
            Actor.system("cli"),
            agencies.by_slug(session, slug),
            {"first_day": first, "last_day": last},
            now=services.clock(),
        )
        days = f"{pause.first_day} to {pause.last_day}"
    typer.echo(f"{slug} pauses from {days}.")


@agency_app.command("resume", epilog=EXIT_CODES)
def agency_resume(slug: Slug, first: Day) -> None:
    """Take away the pause that begins on that day."""
    with bootstrap.open_services(load()) as services, services.transaction() as session:
        agency = agencies.by_slug(session, slug)
        pauses = agencies.pauses_of(session, [agency.id]).get(agency.id, ())
        found = [p for p in pauses if first in (str(p.first_day), f"{p.first_day:%d.%m.%Y}")]
        if not found:
            fail(f"{slug} has no pause that begins on {first}: nothing was changed.", 1)
        agencies.remove_pause(
            session, Actor.system("cli"), agency, found[0].id, now=services.clock()
        )
    typer.echo(f"{slug} does not pause from {first} on any more.")


@agency_app.command("reopen", epilog=EXIT_CODES)
def agency_reopen(slug: Slug) -> None:
    """Open a closed agency again: whoever still has a role or program there may come in again."""
    with bootstrap.open_services(load()) as services, services.transaction() as session:
        agency = agencies.by_slug(session, slug, closed_too=True)
        agencies.reopen_agency(session, Actor.system("cli"), agency, now=services.clock())
    typer.echo(f"Agency {slug} is open again.")
