"""The command line: run it, set it up, look after it."""

import json
import logging
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated

import structlog
import typer
import uvicorn
from sqlmodel import Session

from kursdocs import bootstrap, worker
from kursdocs import catalogue as rules
from kursdocs.adapters.master_keys import MasterKeys
from kursdocs.catalogue import AgencyKind, CatalogueError, comparison
from kursdocs.core import accounts, agencies, memberships
from kursdocs.core.access import Actor, Role
from kursdocs.core.accounts import MembershipSource
from kursdocs.core.documents import reading
from kursdocs.core.errors import Invalid, InvalidForm, KursdocsError
from kursdocs.core.memberships import Post
from kursdocs.core.ports import ForeignInstance
from kursdocs.demo import town
from kursdocs.services import Services
from kursdocs.settings import Settings, SettingsError, load
from kursdocs.web.pages import FrontendMissing

app = typer.Typer(
    name="kursdocs",
    help="Addressed delivery of language course papers between agencies.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
agency_app = typer.Typer(help="Agencies of a municipality.", no_args_is_help=True)
member_app = typer.Typer(help="Roles of people.", no_args_is_help=True)
service_app = typer.Typer(help="Programs of agencies.", no_args_is_help=True)
municipality_app = typer.Typer(help="Municipalities.", no_args_is_help=True)
catalogue_app = typer.Typer(
    help="The rules: kinds of papers and who may send them to whom.", no_args_is_help=True
)
app.add_typer(catalogue_app, name="catalogue")
app.add_typer(municipality_app, name="municipality")
app.add_typer(agency_app, name="agency")
app.add_typer(member_app, name="member")
app.add_typer(service_app, name="service")


class Language(StrEnum):
    """In which language the catalogue's own names are shown."""

    DE = "de"
    EN = "en"


Port = Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)]
Host = Annotated[str, typer.Option(help="Address to listen on.")]

CatalogueFile = Annotated[
    Path,
    typer.Argument(
        help="The municipality's own catalogue file.", exists=True, dir_okay=False, metavar="FILE"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]
Subject = Annotated[str, typer.Argument(help="The person's `sub` at the sign-in provider.")]
RoleAt = Annotated[Role, typer.Option("--role", help="clerk and head need --agency.")]
AgencySlug = Annotated[str, typer.Option("--agency", help="Slug of the agency.")]
TownSlug = Annotated[str, typer.Option("--municipality", help="Slug of the municipality.")]

GRACE_SECONDS = 30


def main() -> None:
    """Run a command; what the operator can mend is one clear message and exit code 2 or 1."""
    _set_up_log()
    try:
        app()
    except (SettingsError, CatalogueError) as error:
        _fail(f"kursdocs cannot start:\n{error}", 2)
    except (ForeignInstance, FrontendMissing) as error:
        _fail(f"kursdocs cannot start: {error}", 2)
    except InvalidForm as error:
        _fail("\n".join(f"{m.field}: {m.code}" for m in error.mistakes), 1)
    except KursdocsError as error:
        field = f"{error.field}: " if isinstance(error, Invalid) and error.field else ""
        details = ", ".join(f"{k}={v}" for k, v in error.details.items())
        _fail(f"{field}{error.code}" + (f" ({details})" if details else ""), 1)


def _fail(message: str, code: int) -> None:
    typer.echo(message, err=True)
    sys.exit(code)


def _set_up_log() -> None:
    """One JSON object a line on standard error; values are escaped, so none can forge a line."""
    shared: list[structlog.types.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    # What libraries say through the standard library looks the same.
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processor=structlog.processors.JSONRenderer()
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    # Our own last resort has logged it already, with a number to find it by.
    logging.getLogger("uvicorn.error").addFilter(
        lambda record: "Exception in ASGI application" not in record.getMessage()
    )


# ── Running ──────────────────────────────────────────────────────────────────────────────────


@app.command()
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    with_worker: Annotated[
        bool | None,
        typer.Option(
            "--worker/--no-worker",
            help="Do the recurring duties in this process too (default: only with SQLite).",
        ),
    ] = None,
) -> None:
    """Serve pages and API."""
    settings = load()
    bootstrap.migrate(settings)
    if with_worker is None:
        with_worker = settings.database_url.startswith("sqlite")
    with _listen(host, port) as listener, bootstrap.open_services(settings) as services:
        log = structlog.get_logger()
        log.info("serve.started", url=settings.public_url, port=port, duties=with_worker)
        _serve(services, listener, with_worker=with_worker)
        log.info("serve.ended")


def _serve(services: Services, listener: socket.socket, *, with_worker: bool) -> None:
    application = bootstrap.open_application(services, bind_host=listener.getsockname()[0])
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=bool(services.settings.trusted_proxies),
        forwarded_allow_ips=list(services.settings.trusted_proxies),
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=30,
    )
    with _worker_beside(services) if with_worker else nullcontext():
        # The server ends gracefully and then raises the signal again; what is below must follow.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: None)
        uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    """The listening socket; taken early, so that a port in use is one clear message."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise SettingsError(f"cannot listen on {host} port {port}: {error.strerror}") from error


@contextmanager
def _worker_beside(services: Services) -> Iterator[None]:
    """The worker in a thread of its own, ended with the block."""
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(services, stop), name="worker")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@app.command("worker")
def work() -> None:
    """Do the recurring duties: mails, sweeping. Any number may run beside PostgreSQL."""
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    with bootstrap.open_services(load()) as services:
        log = structlog.get_logger()
        log.info("worker.started")
        worker.run(services, stop)
        log.info("worker.ended")


@app.command()
def migrate() -> None:
    """Bring database and key store to the newest schema; harmless when they are."""
    bootstrap.migrate(load())
    typer.echo("Database and key store are up to date.")


@app.command()
def demo(
    port: Port = 8000,
    var: Annotated[Path, typer.Option(help="Folder for all data of the demo.")] = Path("var"),
) -> None:
    """Serve a demo on this machine: invented people, embedded database, stores and mailbox."""
    var = var.resolve()
    var.mkdir(parents=True, exist_ok=True)
    settings = load(**town.settings_for(var, port))
    if not settings.master_key_file.exists():
        MasterKeys.create(settings.master_key_file)
    bootstrap.migrate(settings)
    with _listen("127.0.0.1", port) as listener, bootstrap.open_services(settings) as services:
        town.set_up(services)
        town.write_samples(var / "samples")
        _greet(settings, var)
        _serve(services, listener, with_worker=True)


def _greet(settings: Settings, var: Path) -> None:
    typer.echo(
        f"""
kursdocs runs at {settings.public_url}

  1. Open {settings.public_url} and sign in as Amina Muster (VHS Musterstadt).
  2. Send {var / "samples" / "zulassung-muster.pdf"}
     as "Zulassung zum Integrationskurs (Jobcenter)" to the two offices.
  3. Sign out, sign in as Jonas Muster (Ausländerbehörde), look at it and take it over.
  4. The mails that went out: {settings.public_url}/demo/mailbox/

Everything lies in {var}. Ctrl-C ends it.
"""
    )


# ── Looking after it ─────────────────────────────────────────────────────────────────────────


@app.command()
def check() -> None:
    """Try every setting: database, key store, object store, scanner, mail, sign-in, front end."""
    failed = False
    for name, problem in bootstrap.check(load()):
        typer.echo(
            f"{'FAILED' if problem else 'ok':7} {name}" + (f": {problem}" if problem else "")
        )
        failed = failed or bool(problem)
    if failed:
        raise typer.Exit(1)


@app.command("master-key")
def master_key(
    path: Annotated[Path, typer.Argument(help="File to write; it must not exist yet.")],
) -> None:
    """Write a new master key file. Keep a copy apart from all backups: without it all is lost."""
    try:
        MasterKeys.create(path)
    except OSError as error:
        _fail(f"{path} cannot be written: {error.strerror}", 1)
    typer.echo(f"Wrote {path}. Keep a copy of it in a safe place, apart from the backups.")


@catalogue_app.command("check")
def catalogue_check(file: CatalogueFile, as_json: AsJson = False) -> None:
    """Say whether the file can be used: 0 yes, 1 no (mistakes with lines), 2 there is no file."""
    try:
        found = rules.load(file)
    except CatalogueError as error:
        if as_json:
            typer.echo(_json({"ok": False, "mistakes": [m._asdict() for m in error.mistakes]}))
        else:
            typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    kinds, ended = len(found.kinds), len(found.ended)
    if as_json:
        told = {"ok": True, "version": found.version, "kinds": kinds, "switched_off": ended}
        typer.echo(_json({**told, "mistakes": []}))
    else:
        typer.echo(f"{file} can be used: {found.version}, {kinds} kinds, {ended} switched off.")


@catalogue_app.command("diff")
def catalogue_diff(
    file: CatalogueFile,
    language: Annotated[Language, typer.Option(help="Language of names.")] = Language.DE,
    as_json: AsJson = False,
) -> None:
    """Show what the file changes against the shipped rules: 0 nothing, 1 something, 2 unusable."""
    try:
        changes = comparison.compare(rules.load(), rules.load(file))
    except CatalogueError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(_json({"changes": comparison.as_data(changes, language)}))
    else:
        for line in comparison.as_lines(changes, language):
            typer.echo(line)
    raise typer.Exit(1 if changes else 0)


def _json(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2)


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
            _fail(
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
                "opened": _day(agency.created_at),
                "closed": _day(agency.closed_at) if agency.closed_at else "",
            }
            for agency, municipality in agencies.listing(session)
        ]
    _show(rows, as_json=as_json)


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
        _fail(f"{client_id} is not let in: nothing was changed.", 1)
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
        _fail(f"{subject} is not {role} of {place}: nothing was changed.", 1)
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
    _show([{**asdict(one), "since": _day(one.since)} for one in found], as_json=as_json)


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


def _day(moment: datetime) -> str:
    return moment.date().isoformat()


def _show(rows: Sequence[Mapping[str, str]], *, as_json: bool) -> None:
    """Rows for programs, or in columns under their names."""
    if as_json:
        typer.echo(_json(rows))
        return
    if not rows:
        typer.echo("There are none.")
        return
    lines = [list(rows[0]), *([value or "-" for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


if __name__ == "__main__":
    main()
