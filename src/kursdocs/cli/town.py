"""A town and its agencies: municipality, agency, member, service."""

from dataclasses import asdict
from typing import Annotated

import typer
from sqlmodel import Session

from kursdocs import bootstrap
from kursdocs.catalogue import AgencyKind
from kursdocs.cli.telling import AsJson, day, fail, show
from kursdocs.core import accounts, agencies, memberships
from kursdocs.core.access import Actor, Role
from kursdocs.core.accounts import MembershipSource
from kursdocs.core.documents import reading
from kursdocs.core.memberships import Post
from kursdocs.settings import load

municipality_app = typer.Typer(help="Municipalities.", no_args_is_help=True)
agency_app = typer.Typer(help="Agencies of a municipality.", no_args_is_help=True)
member_app = typer.Typer(help="Roles of people.", no_args_is_help=True)
service_app = typer.Typer(help="Programs of agencies.", no_args_is_help=True)

Subject = Annotated[str, typer.Argument(help="The person's `sub` at the sign-in provider.")]
RoleAt = Annotated[Role, typer.Option("--role", help="clerk and head need --agency.")]
AgencySlug = Annotated[str, typer.Option("--agency", help="Slug of the agency.")]
TownSlug = Annotated[str, typer.Option("--municipality", help="Slug of the municipality.")]


@municipality_app.command("create")
def municipality_create(slug: str, name: str) -> None:
    """Make a municipality, as in: kursdocs municipality create musterstadt "Stadt Musterstadt"."""
    with bootstrap.open_services(load()) as services, services.transaction() as session:
        agencies.create_municipality(
            session, Actor.system("cli"), slug=slug, name=name, now=services.clock()
        )
    typer.echo(f"Municipality {slug} created.")


@agency_app.command("open")
def agency_open(
    slug: str,
    name: str,
    kind: Annotated[AgencyKind, typer.Option(help="What the agency is.")],
    municipality: Annotated[str, typer.Option(help="Slug of its municipality.")],
    mailbox: Annotated[str, typer.Option(help="Functional mail address for reminders.")] = "",
    client_id: Annotated[
        str, typer.Option(help="Client id of a program that may act for the agency.")
    ] = "",
) -> None:
    """Open an agency, optionally with a service account for its programs."""
    settings = load()
    with bootstrap.open_services(settings) as services, services.transaction() as session:
        actor, now = Actor.system("cli"), services.clock()
        agency = agencies.open_agency(
            session,
            actor,
            municipality=municipality,
            slug=slug,
            name=name,
            kind=kind,
            mailbox=mailbox,
            now=now,
        )
        if client_id:
            accounts.create_service_account(
                session,
                actor,
                issuer=settings.oidc_issuer,
                client_id=client_id,
                agency=agency,
                now=now,
            )
    typer.echo(f"Agency {slug} opened.")


@agency_app.command("close")
def agency_close(
    slug: str,
    yes: Annotated[bool, typer.Option("--yes", help="Although papers wait there.")] = False,
) -> None:
    """Close an agency now, for good: its people and programs lose access at once."""
    with bootstrap.open_services(load()) as services, services.transaction() as session:
        agency = agencies.by_slug(session, slug)
        waiting = reading.waiting(session, agency.id)
        if waiting and not yes:
            fail(
                f"Untouched deliveries to {slug}: {waiting}. Nobody could take them over any more."
                " Use --yes to close it all the same; nothing was changed.",
                1,
            )
        agencies.close_agency(session, Actor.system("cli"), agency, now=services.clock())
    typer.echo(f"Agency {slug} closed. Untouched deliveries that stay recorded: {waiting}.")


@agency_app.command("list")
def agency_list(as_json: AsJson = False) -> None:
    """List all agencies, closed ones too."""
    with bootstrap.open_services(load()) as services, services.transaction() as session:
        rows = [
            {
                "slug": agency.slug,
                "name": agency.name,
                "kind": agency.kind.value,
                "municipality": municipality,
                "mailbox": agency.mailbox,
                "opened": day(agency.created_at),
                "closed": day(agency.closed_at) if agency.closed_at else "",
            }
            for agency, municipality in agencies.listing(session)
        ]
    show(rows, as_json=as_json)


@service_app.command("end")
def service_end(
    client_id: Annotated[str, typer.Argument(help="Client id of the program.")],
) -> None:
    """Let a program in no more, from its next call on."""
    settings = load()
    with bootstrap.open_services(settings) as services, services.transaction() as session:
        ended = memberships.end_service_account(
            session,
            Actor.system("cli"),
            issuer=settings.oidc_issuer,
            client_id=client_id,
            now=services.clock(),
        )
    if not ended:
        fail(f"{client_id} is not let in: nothing was changed.", 1)
    typer.echo(f"{client_id} is no longer let in.")


@member_app.command("add")
def member_add(
    subject: Subject, role: RoleAt, agency: AgencySlug = "", municipality: TownSlug = ""
) -> None:
    """Give a person a role by hand: how the first coordinator comes in."""
    _check_place(role, agency, municipality)
    if not subject.strip():
        raise typer.BadParameter("the subject is empty; it is the `sub` at the sign-in provider")
    settings = load()
    with bootstrap.open_services(settings) as services, services.transaction() as session:
        added = memberships.add(
            session,
            Actor.system("cli"),
            issuer=settings.oidc_issuer,
            subject=subject,
            post=_post(session, role, agency, municipality),
            now=services.clock(),
        )
    place = agency or municipality
    typer.echo(
        f"{subject} is {role} of {place} from now on."
        if added
        else f"{subject} is already {role} of {place}."
    )


@member_app.command("end")
def member_end(
    subject: Subject, role: RoleAt, agency: AgencySlug = "", municipality: TownSlug = ""
) -> None:
    """End a role of a person now: their next request no longer has it."""
    _check_place(role, agency, municipality)
    settings = load()
    with bootstrap.open_services(settings) as services, services.transaction() as session:
        ended = memberships.end(
            session,
            Actor.system("cli"),
            issuer=settings.oidc_issuer,
            subject=subject,
            post=_post(session, role, agency, municipality),
            now=services.clock(),
        )
    place = agency or municipality
    if not ended:
        fail(f"{subject} is not {role} of {place}: nothing was changed.", 1)
    typer.echo(f"{subject} is no longer {role} of {place}.")
    if MembershipSource.CLAIM in ended:
        typer.echo("It came from claims: mend them at the sign-in provider, or it comes again.")


@member_app.command("list")
def member_list(
    agency: AgencySlug = "", municipality: TownSlug = "", as_json: AsJson = False
) -> None:
    """List who has which role now: of all, of one agency, or of one municipality."""
    settings = load()
    with bootstrap.open_services(settings) as services, services.transaction() as session:
        if agency:
            agencies.by_slug(session, agency)
        if municipality:
            agencies.municipality_by_slug(session, municipality)
        found = memberships.listing(
            session,
            issuer=settings.oidc_issuer,
            agency=agency,
            municipality=municipality,
            now=services.clock(),
        )
    show([{**asdict(one), "since": day(one.since)} for one in found], as_json=as_json)


def _check_place(role: Role, agency: str, municipality: str) -> None:
    if role.is_of_agency != bool(agency) or bool(agency) == bool(municipality):
        raise typer.BadParameter(
            "clerk and head need --agency; coordinator and auditor need --municipality"
        )


def _post(session: Session, role: Role, agency: str, municipality: str) -> Post:
    if agency:
        found = agencies.by_slug(session, agency)
        return Post(role, found.municipality_id, found)
    return Post(role, agencies.municipality_by_slug(session, municipality).id)
