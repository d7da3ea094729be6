"""When a town and its agencies are reminded: municipality closing and pace, agency pace."""

from typing import Annotated

import typer
from sqlmodel import Session

from kursdocs import bootstrap
from kursdocs.cli.telling import EXIT_CODES, AsJson, fail, show
from kursdocs.core import agencies
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency, Paces
from kursdocs.core.agencies.paces import LEAST, MOST
from kursdocs.services import Services
from kursdocs.settings import load

municipality_app = typer.Typer()
agency_app = typer.Typer()
closing_app = typer.Typer(
    help="Days off of a whole town, as Rosenmontag: no mails, and no deadline counts them.",
    no_args_is_help=True,
)
municipality_app.add_typer(closing_app, name="closing")

Slug = Annotated[str, typer.Argument(metavar="SLUG", help="Its short name.")]
Day = Annotated[str, typer.Argument(metavar="DAY", help="As 2027-02-08 or 08.02.2027.")]
Rule = Annotated[
    str,
    typer.Argument(metavar="RULE", help="As standard.desk or silence; without one, all are shown."),
]
Days = Annotated[
    str | None, typer.Argument(metavar="DAYS", help='So many days; "" falls back to the rules.')
]
Least = Annotated[
    str | None, typer.Option("--least", help="Agencies may set no less; empty: as usual.")
]
Most = Annotated[
    str | None, typer.Option("--most", help="Agencies may set no more; empty: as usual.")
]


@closing_app.command("add", epilog=EXIT_CODES)
def closing_add(
    slug: Slug,
    first: Day,
    last: Day,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is, as Rosenmontag.")],
) -> None:
    """Enter days off of a municipality, both included; all its agencies have them."""
    typed = {"first_day": first, "last_day": last, "closing_name": name}
    with bootstrap.open_services(load()) as services, services.transaction() as session:
        municipality = agencies.municipality_by_slug(session, slug)
        closing = agencies.add_closing(
            session, Actor.system("cli"), municipality, typed, now=services.clock()
        )
        days = f"{closing.first_day} to {closing.last_day}"
    typer.echo(f"{slug} is closed from {days}.")


@closing_app.command("remove", epilog=EXIT_CODES)
def closing_remove(slug: Slug, first: Day) -> None:
    """Take away the days off that begin on that day; they count again."""
    with bootstrap.open_services(load()) as services, services.transaction() as session:
        municipality = agencies.municipality_by_slug(session, slug)
        found = [
            each
            for each in agencies.closings_of(session, municipality.id)
            if first in agencies.as_typed(each.first_day)
        ]
        if not found:
            fail(f"{slug} has no days off that begin on {first}: nothing was changed.", 1)
        agencies.remove_closing(
            session, Actor.system("cli"), municipality, found[0].id, now=services.clock()
        )
    typer.echo(f"{slug} is not closed from {first} on any more.")


@closing_app.command("list", epilog=EXIT_CODES)
def closing_list(slug: Slug, as_json: AsJson = False) -> None:
    """List the days off of a municipality, past ones too."""
    with bootstrap.open_services(load()) as services, services.transaction() as session:
        municipality = agencies.municipality_by_slug(session, slug)
        rows = [
            {
                "first_day": f"{each.first_day}",
                "last_day": f"{each.last_day}",
                "name": each.name,
            }
            for each in agencies.closings_of(session, municipality.id)
        ]
    show(rows, as_json=as_json)


@municipality_app.command("pace", epilog=EXIT_CODES)
def municipality_pace(
    slug: Slug,
    rule: Rule = "",
    days: Days = None,
    least: Least = None,
    most: Most = None,
) -> None:
    """After how many days reminders come: kursdocs municipality pace musterstadt silence 5."""
    typed = {rule: days, f"{rule}.{LEAST}": least, f"{rule}.{MOST}": most}
    with bootstrap.open_services(load()) as services, services.transaction() as session:
        municipality = agencies.municipality_by_slug(session, slug)
        if rule:
            _check(services, rule)
            agencies.change_municipality_paces(
                session,
                Actor.system("cli"),
                services.catalogue,
                municipality,
                {name: value for name, value in typed.items() if value is not None},
                now=services.clock(),
            )
        rows = _rows(agencies.town_paces(session, services.catalogue, municipality), rule)
    show(rows, as_json=False)


@agency_app.command("pace", epilog=EXIT_CODES)
def agency_pace(slug: Slug, rule: Rule = "", days: Days = None) -> None:
    """After how many days reminders come there: kursdocs agency pace vhs standard.desk 1."""
    with bootstrap.open_services(load()) as services, services.transaction() as session:
        agency = agencies.by_slug(session, slug)
        if rule:
            _check(services, rule)
        if rule and days is not None:
            agencies.change_agency_paces(
                session,
                Actor.system("cli"),
                services.catalogue,
                agency,
                {rule: days},
                now=services.clock(),
            )
        rows = _rows(_paces(session, services, agency), rule)
    show(rows, as_json=False)


def _check(services: Services, rule: str) -> None:
    if rule not in services.catalogue.paces:
        known = ", ".join(services.catalogue.paces)
        raise typer.BadParameter(f"there is no rule {rule!r}; known are {known}")


def _paces(session: Session, services: Services, agency: Agency) -> Paces:
    return agencies.paces_of(session, services.catalogue, [agency.id])[agency.id]


def _rows(paces: Paces, rule: str) -> list[dict[str, str]]:
    """What holds of one rule, or of all; ``allowed`` is how far an agency may go."""
    return [
        {
            "rule": code,
            "days": str(each.days),
            "from": str(each.source),
            "allowed": f"{each.least}-{each.most}",
        }
        for code, each in paces.effective.items()
        if not rule or code == rule
    ]
