"""A town and its agencies: municipality, agency, member, service."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from sqlmodel import Session

from kursdocs import bootstrap
from kursdocs.catalogue import AgencyKind, Catalogue
from kursdocs.cli.telling import EXIT_CODES, AsJson, day, done, fail, show, show_json
from kursdocs.core import accounts, agencies, invitations, memberships
from kursdocs.core.access import Actor, Role
from kursdocs.core.accounts import MembershipSource
from kursdocs.core.agencies import Agency
from kursdocs.core.documents import counting
from kursdocs.core.memberships import Place, Post
from kursdocs.settings import Settings, load
from kursdocs.web import invitations as joining

municipality_app = typer.Typer(
    help="Towns (and districts) with their agencies.", no_args_is_help=True
)
agency_app = typer.Typer(
    help="Agencies: course providers, immigration office, Jobcenter.", no_args_is_help=True
)
member_app = typer.Typer(
    help="People and their roles: clerk and head of an agency, coordinator and auditor of a town.",
    no_args_is_help=True,
)
service_app = typer.Typer(
    help="Programs that act for an agency (service accounts).", no_args_is_help=True
)

Slug = Annotated[
    str,
    typer.Argument(
        metavar="SLUG", help="Short name for addresses, as vhs-musterstadt; it never changes."
    ),
]
KnownSlug = Annotated[
    str, typer.Argument(metavar="SLUG", help="Short name; kursdocs agency list shows them.")
]
Name = Annotated[
    str, typer.Argument(metavar="NAME", help='Name that people read, as "VHS Musterstadt".')
]
LandCode = Annotated[
    str,
    typer.Option(
        "--land",
        metavar="LAND",
        help="The Land whose holidays count, as BY or NW; an agency has its town's otherwise.",
    ),
]
Subject = Annotated[
    str,
    typer.Argument(metavar="SUBJECT", help="The person's `sub` at the sign-in provider."),
]
ClientId = Annotated[
    str,
    typer.Argument(metavar="CLIENT_ID", help="Client id of the program at the sign-in provider."),
]
RoleAt = Annotated[
    Role,
    typer.Option("--role", help="clerk and head need --agency, the others --municipality."),
]
AgencySlug = Annotated[
    str, typer.Option("--agency", metavar="SLUG", help="Short name of the agency.")
]
TownSlug = Annotated[
    str, typer.Option("--municipality", metavar="SLUG", help="Short name of the municipality.")
]


@municipality_app.command("create", epilog=EXIT_CODES)
def municipality_create(
    slug: Slug,
    name: Name,
    land: LandCode = "",
    mailbox: Annotated[str, typer.Option(help="Mail address of the coordination.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a municipality, as in: kursdocs municipality create musterstadt "Stadt Musterstadt"."""
    with bootstrap.open_services(load()) as services, services.transaction() as session:
        agencies.create_municipality(
            session,
            Actor.system("cli"),
            slug=slug,
            name=name,
            land=land,
            mailbox=mailbox,
            now=services.clock(),
        )
    done(f"Municipality {slug} created.", as_json=as_json, municipality=slug)


@agency_app.command("open", epilog=EXIT_CODES)
def agency_open(  # noqa: PLR0913 (an option for each setting)
    slug: Slug,
    name: Name,
    kind: Annotated[AgencyKind, typer.Option(help="What the agency is.")],
    municipality: TownSlug,
    mailbox: Annotated[
        str, typer.Option(help="Functional mail address; without one nobody is reminded.")
    ] = "",
    land: LandCode = "",
    hour: Annotated[
        int, typer.Option(min=5, max=18, help="Full hour of its reminders, local time.")
    ] = 7,
    client_id: Annotated[
        str,
        typer.Option(
            metavar="ID", help="Client id of a program that may act for it, as service add does."
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Open an agency, optionally with a service account for its programs.

    kursdocs agency open vhs-musterstadt "VHS Musterstadt" --kind course_provider
    --municipality musterstadt --mailbox kurse@vhs.example
    """
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
            land=land or None,
            digest_hour=hour,
            now=now,
        )
        if client_id:
            _let_in(session, actor, settings, client_id, agency, now)
    done(f"Agency {slug} opened.", as_json=as_json, agency=slug, client_id=client_id)


def _let_in(
    session: Session,
    actor: Actor,
    settings: Settings,
    client_id: str,
    agency: Agency,
    now: datetime,
    subject: str = "",
) -> None:
    accounts.create_service_account(
        session,
        actor,
        issuer=settings.oidc_issuer,
        client_id=client_id,
        subject=subject,
        agency=agency,
        now=now,
    )


@agency_app.command("close", epilog=EXIT_CODES)
def agency_close(
    slug: KnownSlug,
    yes: Annotated[bool, typer.Option("--yes", help="Although papers wait there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Close an agency now: its people and programs lose access at once."""
    with bootstrap.open_services(load()) as services, services.transaction() as session:
        agency = agencies.by_slug(session, slug)
        waiting = counting.waiting(session, agency.id)
        if waiting and not yes:
            fail(
                f"Untouched deliveries to {slug}: {waiting}. Nobody could take them over any more."
                " Use --yes to close it all the same; nothing was changed.",
                1,
            )
        agencies.close_agency(session, Actor.system("cli"), agency, now=services.clock())
    done(
        f"Agency {slug} closed. Untouched deliveries that stay recorded: {waiting}.",
        as_json=as_json,
        agency=slug,
        untouched=waiting,
    )


@agency_app.command("list", epilog=EXIT_CODES)
def agency_list(as_json: AsJson = False) -> None:
    """List all agencies, closed ones too; --json tells their settings as well."""
    with bootstrap.open_services(load()) as services, services.transaction() as session:
        found = agencies.listing(session)
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
            for agency, municipality in found
        ]
        if as_json:
            more = _settings_of(session, services.catalogue, [agency for agency, _ in found])
            show_json([{**row, **more[row["slug"]]} for row in rows])
            return
    show(rows, as_json=False)


def _settings_of(
    session: Session, catalogue: Catalogue, found: Sequence[Agency]
) -> Mapping[str, Mapping[str, object]]:
    """What agencies have set and what holds there, by slug, for programs."""
    ids = [agency.id for agency in found]
    pauses = agencies.pauses_of(session, ids)
    paces = agencies.paces_of(session, catalogue, ids)
    return {
        agency.slug: {
            "hour": agency.digest_hour,
            "land": agency.land,
            "head_mailbox": agency.head_mailbox,
            "deputy_mailbox": agency.deputy_mailbox,
            "deputy_until": agencies.as_typed(agency.deputy_until)[0],
            "pauses": [
                {"first_day": f"{each.first_day}", "last_day": f"{each.last_day}"}
                for each in pauses.get(agency.id, ())
            ],
            "plan": {
                "days": [int(each) for each in agency.plan_days],
                "time": agency.plan_time,
                "announces_on_plan_days": agency.announces_on_plan_days,
            },
            "monthly_note": agency.monthly_note,
            "expected_per_month": agency.expected_per_month,
            "paces": {
                rule: {"days": each.days, "source": each.source.value}
                for rule, each in paces[agency.id].effective.items()
            },
        }
        for agency in found
    }


@service_app.command("add", epilog=EXIT_CODES)
def service_add(
    client_id: ClientId,
    agency: AgencySlug,
    subject: Annotated[
        str,
        typer.Option(help="The `sub` of its tokens, where that is not the client id (Keycloak)."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Let a program act for an agency, with the rights of a clerk."""
    settings = load()
    with bootstrap.open_services(settings) as services, services.transaction() as session:
        found, now = agencies.by_slug(session, agency), services.clock()
        _let_in(session, Actor.system("cli"), settings, client_id, found, now, subject)
    done(
        f"{client_id} acts for {agency} from now on.",
        as_json=as_json,
        client_id=client_id,
        agency=agency,
    )


@service_app.command("end", epilog=EXIT_CODES)
def service_end(client_id: ClientId, as_json: AsJson = False) -> None:
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
    done(f"{client_id} is no longer let in.", as_json=as_json, client_id=client_id)


@member_app.command("add", epilog=EXIT_CODES)
def member_add(
    subject: Subject,
    role: RoleAt,
    agency: AgencySlug = "",
    municipality: TownSlug = "",
    as_json: AsJson = False,
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
    done(
        f"{subject} is {role} of {place} from now on."
        if added
        else f"{subject} is already {role} of {place}.",
        as_json=as_json,
        subject=subject,
        role=role.value,
        place=place,
        added=added,
    )


@member_app.command("invite", epilog=EXIT_CODES)
def member_invite(
    role: RoleAt,
    agency: AgencySlug = "",
    municipality: TownSlug = "",
    days: Annotated[
        int, typer.Option(min=1, max=invitations.DAYS_MAX, help="For how long the link is valid.")
    ] = invitations.DAYS_DEFAULT,
    note: Annotated[str, typer.Option(help="For whom; that person does not see it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Print a link that gives a role to whoever opens it first and signs in.

    The easy way to the first coordinator, because nobody knows their `sub`.
    """
    _check_place(role, agency, municipality)
    settings = load()
    with bootstrap.open_services(settings) as services, services.transaction() as session:
        post = _post(session, role, agency, municipality)
        secret = invitations.create(
            session,
            Actor.system("cli"),
            Place(post.municipality_id, municipality, post.agency),
            role=role,
            days=days,
            note=note,
            now=services.clock(),
        )
    link = joining.link(settings.public_url, secret)
    done(link, as_json=as_json, link=link, role=role.value, place=agency or municipality, days=days)


@member_app.command("end", epilog=EXIT_CODES)
def member_end(
    subject: Subject,
    role: RoleAt,
    agency: AgencySlug = "",
    municipality: TownSlug = "",
    as_json: AsJson = False,
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
    claimed = MembershipSource.CLAIM in ended
    hint = "\nIt came from claims: mend them at the sign-in provider, or it comes again."
    done(
        f"{subject} is no longer {role} of {place}." + (hint if claimed else ""),
        as_json=as_json,
        subject=subject,
        role=role.value,
        place=place,
        came_from_claims=claimed,
    )


@member_app.command("list", epilog=EXIT_CODES)
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
