"""The only place where ports and adapters meet.

:func:`migrate` brings the databases up to date, :func:`open_services` makes the bundle,
:func:`open_application` the web application around it.
"""

import asyncio
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp

from kursdocs import catalogue
from kursdocs.adapters import database, key_store
from kursdocs.adapters.backup_folder import BackupFolder
from kursdocs.adapters.bounces import open_bounces
from kursdocs.adapters.database import Database
from kursdocs.adapters.dumps import open_dump
from kursdocs.adapters.identity import OidcProvider
from kursdocs.adapters.key_store import SqlKeyStore
from kursdocs.adapters.log_key import LogKey
from kursdocs.adapters.mail import open_mailer
from kursdocs.adapters.master_keys import MasterKeys
from kursdocs.adapters.object_store import open_store
from kursdocs.adapters.papers import SandboxedPapers
from kursdocs.adapters.scanner import open_scanner
from kursdocs.adapters.sealed_files import Recipients
from kursdocs.catalogue import CatalogueError
from kursdocs.core import agencies, installation, memberships
from kursdocs.core.access import Role
from kursdocs.core.accounts import ClaimRule
from kursdocs.core.backups import Dump
from kursdocs.core.ports import (
    BounceReader,
    ForeignInstance,
    KeyStore,
    Mailer,
    ObjectStore,
    Scanner,
    Schema,
    Signatures,
)
from kursdocs.demo import town
from kursdocs.demo.mailbox import demo_mailbox
from kursdocs.demo.provider import demo_provider
from kursdocs.operations import rescanning
from kursdocs.operations.backing_up import Means
from kursdocs.operations.restoring import Place, Transaction
from kursdocs.services import Services
from kursdocs.settings import Settings, SettingsError, variable
from kursdocs.web import pages
from kursdocs.web.app import create_app
from kursdocs.web.pages import Pages


def migrate(settings: Settings) -> None:
    """Bring the database and the key store to the newest revision.

    Raises ``SettingsError`` when a URL does not fit or a schema is of a newer version,
    ``Unavailable`` when one does not answer.
    """
    main = _database(settings)
    try:
        with _naming("database_url"):
            database.migrate(main)
    finally:
        main.close()
    with _naming("keys_url"):
        key_store.migrate(settings.keys_url)


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Be the only process that serves or works on an SQLite database, as long as the block lasts.

    Raises ``SettingsError`` when another one does; PostgreSQL is for any number.
    """
    with ExitStack() as held:
        with _naming("database_url"):
            held.enter_context(database.held_alone(settings.database_url))
        yield


def utc_now() -> datetime:
    """What a clock says outside tests."""
    return datetime.now(UTC)


@contextmanager
def open_services(
    settings: Settings, *, clock: Callable[[], datetime] = utc_now
) -> Iterator[Services]:
    """Open every port, bound to this installation, and close them at the end.

    ``clock`` tells the time in UTC, to the key store as well: the sweeper compares both.
    Raises ``SettingsError`` when a setting does not fit, ``CatalogueError`` when the catalogue has
    mistakes, ``ForeignInstance`` when a store belongs to another installation or master key,
    ``Unavailable`` when a part does not answer.
    """
    rules = catalogue.load(settings.catalogue)
    claim_rules = [*_read_claims(settings.claims), *(town.claim_rules() if settings.demo else ())]
    with ExitStack() as opened:
        main, keys = _database(settings), _key_store(settings, clock)
        opened.callback(main.close)
        opened.callback(keys.close)
        _require_schema(main)
        store, scanner = _object_store(settings), _scanner(settings)
        mailer, provider = _mailer(settings), _provider(settings)
        bounces = _bounces(settings)
        papers = SandboxedPapers()  # last, because it starts processes
        opened.callback(papers.close)
        services = Services(
            settings=settings,
            catalogue=rules,
            claim_rules=claim_rules,
            transaction=main.transaction,
            database=main,
            keys=keys,
            store=store,
            papers=papers,
            scanner=scanner,
            mailer=mailer,
            bounces=bounces,
            provider=provider,
            clock=clock,
            log_signer=_log_key(settings),
        )
        _claim(services)
        yield services


@contextmanager
def open_keys(settings: Settings) -> Iterator[KeyStore]:
    """The key store of this installation alone, for work on master keys.

    Raises as :func:`open_services` does, ``SettingsError`` too where nothing was ever started.
    """
    with ExitStack() as opened:
        main, keys = _database(settings), _key_store(settings)
        opened.callback(main.close)
        opened.callback(keys.close)
        _require_schema(main)
        with main.transaction() as session:
            ours = installation.known(session)
        if ours is None or ours.bound_at is None:
            raise SettingsError("this installation was never started: there are no keys yet")
        keys.check()
        keys.claim(ours.id)
        yield keys


# ── Copies of everything ─────────────────────────────────────────────────────────────────────


def backup_means(
    settings: Settings, folder: Path, keys_folder: Path | None, recipients: Path
) -> Means:
    """What a copy is made with; raises ``SettingsError`` and ``ValueError`` (the recipients)."""
    return Means(
        database=_main_dump(settings),
        keys=_keys_dump(settings),
        copies=BackupFolder(folder, keys_folder),
        sealer=Recipients.load(recipients),
    )


def restore_place(settings: Settings, clock: Callable[[], datetime] = utc_now) -> Place:
    """Where a copy is put back, by the settings; nothing needs to be there yet."""
    return Place(
        database=_main_dump(settings),
        keys=_keys_dump(settings),
        store=_object_store(settings),
        prepared=partial(_prepared, settings),
        key_store=partial(_restored_keys, settings, clock),
        shown=partial(_show, settings),
        known_revisions=database.known_revisions(),
    )


def _main_dump(settings: Settings) -> Dump:
    with _naming("database_url"):
        parts = database.url_parts(settings.database_url)
        return open_dump(parts, version_table=database.VERSION_TABLE)


def _keys_dump(settings: Settings) -> Dump:
    with _naming("keys_url"):
        return open_dump(database.url_parts(settings.keys_url))


@contextmanager
def _prepared(settings: Settings, revision: str) -> Iterator[Transaction]:
    main = _database(settings)
    try:
        database.migrate_hidden(main, revision)
        yield main.transaction
        main.empty_log()
    finally:
        main.close()


@contextmanager
def _restored_keys(settings: Settings, clock: Callable[[], datetime]) -> Iterator[KeyStore]:
    with _naming("keys_url"):
        key_store.migrate(settings.keys_url)
    keys = _key_store(settings, clock)
    try:
        yield keys
    finally:
        keys.close()


def _show(settings: Settings) -> None:
    main = _database(settings)
    try:
        database.show(main)
    finally:
        main.close()


# ── One function a part, so that `check` can try each by itself ──────────────────────────────


@contextmanager
def _naming(setting: str) -> Iterator[None]:
    """Whatever does not fit is named after its variable."""
    try:
        yield
    except (ValueError, OSError, ArgumentError) as error:
        raise SettingsError(f"{variable(setting)}: {error}") from error


def _database(settings: Settings) -> Database:
    with _naming("database_url"):
        return Database(settings.database_url)


def _key_store(settings: Settings, clock: Callable[[], datetime] = utc_now) -> SqlKeyStore:
    with _naming("master_key_file"):
        master_keys = MasterKeys.load(settings.master_key_file)
    with _naming("keys_url"):
        return SqlKeyStore(settings.keys_url, master_keys, now=clock)


def _log_key(settings: Settings) -> LogKey | None:
    if settings.log_key_file is None:
        return None
    with _naming("log_key_file"):
        return LogKey.load(settings.log_key_file)


def _object_store(settings: Settings) -> ObjectStore:
    with _naming("store_url"):
        secret = settings.s3_secret_key.get_secret_value()
        return open_store(settings.store_url, settings.s3_access_key, secret)


def _scanner(settings: Settings) -> Scanner:
    with _naming("clamd"):
        return open_scanner(settings.clamd)


def _mailer(settings: Settings) -> Mailer:
    with _naming("smtp_url"):
        password = settings.smtp_password.get_secret_value()
        return open_mailer(settings.smtp_url, settings.mail_from, password)


def _bounces(settings: Settings) -> BounceReader:
    with _naming("bounces_url"):
        password = settings.bounces_password.get_secret_value()
        return open_bounces(settings.bounces_url, password, settings.mail_from)


def _provider(settings: Settings) -> OidcProvider:
    with _naming("oidc_issuer"):
        return OidcProvider(
            settings.oidc_issuer,
            settings.oidc_client_id,
            settings.oidc_client_secret.get_secret_value(),
            settings.oidc_audience,
            settings.oidc_token_types,
        )


def _require_schema(main: Database) -> None:
    if main.schema() is not Schema.CURRENT:
        raise SettingsError(
            f"{variable('database_url')}: the schema is out of date: run 'kursdocs migrate'"
        )


def _claim(services: Services) -> None:
    """Bind the stores to this installation; once bound, an empty one is a fault, not a start."""
    with services.transaction() as session:
        ours = installation.identity(session, now=services.clock())
    if ours.bound_at is not None:
        services.keys.check()
        services.store.check()
    services.keys.claim(ours.id)
    services.store.claim(ours.id)
    with services.transaction() as session:
        installation.mark_bound(session, now=services.clock())


def _read_claims(path: Path | None) -> Sequence[ClaimRule]:
    """The mapping file: a list of tables ``[[rules]]``; every mistake is named with its number."""
    if path is None:
        return []
    here = f"{variable('claims')}: {path}"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{here}: {error}") from error
    rules = content.pop("rules", [])
    if content or not isinstance(rules, list):
        raise SettingsError(f"{here}: must be a list of tables [[rules]] and nothing else")
    found, problems = [], []
    for number, rule in enumerate(rules, start=1):
        try:
            found.append(_claim_rule(rule))
        except (TypeError, ValueError) as error:
            problems.append(f"{here}: rule {number}: {error}")
    if problems:
        raise SettingsError("\n".join(problems))
    return found


def _claim_rule(rule: object) -> ClaimRule:
    known = set(ClaimRule.__dataclass_fields__)
    if not isinstance(rule, dict) or not all(isinstance(value, str) for value in rule.values()):
        raise TypeError("must be a table of texts")
    if unknown := sorted(set(rule) - known):
        raise ValueError(f"{unknown[0]!r} is none of {', '.join(sorted(known))}")
    if missing := [name for name in ("claim", "value", "role") if not rule.get(name)]:
        raise ValueError(f"{missing[0]!r} is missing")
    made = ClaimRule(**{**rule, "role": Role(rule["role"])})
    if bool(made.agency) == bool(made.municipality) or bool(made.agency) != made.role.is_of_agency:
        raise ValueError(
            "clerk and head need an agency, coordinator and auditor a municipality, nothing else"
        )
    return made


def open_application(
    services: Services, *, bind_host: str, is_stopping: Callable[[], bool] = lambda: False
) -> ASGIApp:
    """The web application; in the demo with sign-in provider and mailbox.

    ``is_stopping`` says whether the process was told to end.
    """
    shown = pages.load(pages.frontend_folder(), services.catalogue)
    mounts = _demo_mounts(services, shown, bind_host) if services.settings.demo else []
    return create_app(services, shown, mounts=mounts, is_stopping=is_stopping)


def _demo_mounts(services: Services, shown: Pages, bind_host: str) -> list[BaseRoute]:
    settings = services.settings
    with _naming("demo"):
        provider = _demo_provider(settings, shown, bind_host)
    mounts: list[BaseRoute] = [Mount("/demo/oidc", provider)]
    if settings.smtp_url.startswith("folder:"):
        folder = Path(settings.smtp_url.removeprefix("folder:"))
        mailbox = demo_mailbox(folder, stylesheet_href=lambda: shown.assets.styles[0])
        mounts.append(Mount("/demo/mailbox", mailbox))
    return mounts


def _demo_provider(settings: Settings, shown: Pages, bind_host: str) -> ASGIApp:
    return demo_provider(
        settings.oidc_issuer,
        people=town.PEOPLE,
        services=town.SERVICES,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret.get_secret_value(),
        redirect_uris=[settings.public_url + "/sign-in/callback"],
        post_logout_redirect_uris=[settings.public_url + "/signed-out"],
        backchannel_logout_uri=settings.public_url + "/sign-out/back-channel",
        audience=settings.oidc_audience,
        bind_host=bind_host,
        key_file=settings.master_key_file.with_name("sign-in.key"),
        stylesheet_href=lambda: shown.assets.styles[0],
    )


def check(settings: Settings) -> Iterator[tuple[str, str]]:
    """Try every part: its name, and what is wrong with it (empty when it is well).

    Makes and changes nothing, also where nothing was ever started.
    """
    parts: Mapping[str, Callable[[], object]] = {
        "catalogue": lambda: catalogue.load(settings.catalogue),
        "claims mapping": lambda: _check_claims(settings),
        "front end": lambda: pages.load_assets(pages.frontend_folder()),
        "database": lambda: _check_database(settings),
        "mailboxes of agencies": lambda: _check_mailboxes(settings),
        "all stores belong to this installation": lambda: _check_belonging(settings),
        "key store": lambda: _check_keys(settings),
        "key that signs the log": lambda: _log_key(settings),
        "object store": lambda: _object_store(settings).claimed_by(),
        "malware scanner": lambda: _check_scanner(settings),
        "mail server": lambda: _mailer(settings).check(),
        "mailbox for returned mail": lambda: _bounces(settings).check(),
        "sign-in provider": lambda: asyncio.run(_check_provider(settings)),
    }
    for name, attempt in parts.items():
        yield name, _problem_of(attempt, _SETTING_OF.get(name, ""))


# Where to look when a part does not answer.
_SETTING_OF: Mapping[str, str] = {
    "claims mapping": "database_url",
    "database": "database_url",
    "mailboxes of agencies": "database_url",
    "key store": "keys_url",
    "object store": "store_url",
    "malware scanner": "clamd",
    "mail server": "smtp_url",
    "mailbox for returned mail": "bounces_url",
    "sign-in provider": "oidc_issuer",
}


def _problem_of(attempt: Callable[[], object], setting: str) -> str:
    try:
        attempt()
    except (SettingsError, CatalogueError, ForeignInstance) as error:
        return str(error)  # names by itself what is to be mended
    except Exception as error:  # noqa: BLE001 - whatever it is, the operator is to read it
        return (f"{variable(setting)}: " if setting else "") + (str(error) or type(error).__name__)
    return ""


def _check_claims(settings: Settings) -> None:
    """The mapping can be read, and every place that it names is there."""
    rules = _read_claims(settings.claims)
    if not rules:
        return
    main = _database(settings)
    try:
        _require_schema(main)
        with main.transaction() as session:
            unknown = memberships.places_unknown(session, rules)
    finally:
        main.close()
    if unknown:
        here = f"{variable('claims')}: {settings.claims}"
        raise SettingsError(
            "\n".join(f"{here}: rule {n}: there is no open {slug!r}" for n, slug in unknown)
        )


def _check_mailboxes(settings: Settings) -> None:
    """Somebody can be reminded at every open agency."""
    main = _database(settings)
    try:
        _require_schema(main)
        with main.transaction() as session:
            silent = agencies.without_mailbox(session)
    finally:
        main.close()
    if silent:
        raise SettingsError(
            f"nobody is reminded at {', '.join(silent)}: kursdocs agency set SLUG --mailbox ADDRESS"
        )


def scanner_knows(settings: Settings) -> Signatures:
    """What the scanner has loaded; raises ``SettingsError``, ``Unavailable``."""
    return _scanner(settings).signatures()


def _check_scanner(settings: Settings) -> None:
    known = scanner_knows(settings)
    if rescanning.is_outdated(known, utc_now()):
        days = rescanning.SIGNATURES_AGE_MAX.days
        made = f"of {known.made_at:%Y-%m-%d}" if known.made_at else "of unknown age"
        raise SettingsError(
            f"{variable('clamd')}: the signatures are {made}, older than {days} days or undated:"
            f" does freshclam run? ({known.version})"
        )


def _check_keys(settings: Settings) -> None:
    with _naming("keys_url"):
        url = make_url(settings.keys_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        raise SettingsError(f"{variable('keys_url')}: there is none yet: run 'kursdocs migrate'")
    keys = _key_store(settings)
    try:
        keys.claimed_by()
    finally:
        keys.close()


def _check_database(settings: Settings) -> None:
    main = _database(settings)
    try:
        _require_schema(main)
        problem = main.missing_lock()
    finally:
        main.close()
    if problem:
        raise SettingsError(f"{variable('database_url')}: {problem}")


async def _check_provider(settings: Settings) -> None:
    provider = _provider(settings)
    try:
        await provider.check()
    finally:
        await provider.close()


def _check_belonging(settings: Settings) -> None:
    """As at a start, but an installation that never started claims nothing; its stores are free."""
    with ExitStack() as opened:
        main, keys, store = _database(settings), _key_store(settings), _object_store(settings)
        opened.callback(main.close)
        opened.callback(keys.close)
        _require_schema(main)
        with main.transaction() as session:
            ours = installation.known(session)
        if ours is not None and ours.bound_at is not None:
            keys.check()
            store.check()
            keys.claim(ours.id)
            store.claim(ours.id)
        elif {keys.claimed_by(), store.claimed_by()} - {None, ours.id if ours else None}:
            raise ForeignInstance("A store belongs to another installation.")
