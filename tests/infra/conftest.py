"""A pilot town, set up from nothing as infra/README.md says, by the compose file's own commands."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import psycopg
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from tests.asgi import served
from tests.conftest import leave_out
from tests.infra.engine import Engine, Image, mapped
from tests.infra.reading import INFRA, services
from tests.servers import (
    PostgresServer,
    SmtpServer,
    free_port,
    postgres_binaries,
    running_postgres,
    running_smtp,
)
from tests.servers_clamd import clamd_binary, running_clamd

from kursdocs.demo.cast import PEOPLE, SERVICES
from kursdocs.demo.provider import demo_provider

CLIENT_SECRET = "secret-of-the-town"
AGENCIES = (
    ("vhs-musterstadt", "course_provider"),
    ("auslaenderbehoerde", "immigration_office"),
)
CLAIMS = """
[[rules]]
claim = "groups"
value = "{slug}:clerk"
agency = "{slug}"
role = "clerk"
"""


@dataclass(frozen=True)
class PilotTown:
    """A running town. ``url`` is Caddy's, ``web`` that of each web process by name."""

    engine: Engine
    url: str
    web: dict[str, str]
    issuer: str
    postgres: PostgresServer
    smtp: SmtpServer

    def token(self, agency: str) -> str:
        """An access token of the agency's program."""
        answer = httpx2.post(
            f"{self.issuer}/token",
            data={"grant_type": "client_credentials"},
            auth=(agency, SERVICES[agency]),
            verify=False,
        )
        return str(answer.json()["access_token"])


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    """The image, made as the Dockerfile says."""
    # Not pytest's folder: its parents are closed to the users inside the containers.
    folder = Path(tempfile.mkdtemp(prefix="kursdocs-image-"))
    folder.chmod(0o755)
    made = Image(folder)
    try:
        made.build()
        yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def pilot_town(image: Image) -> Iterator[PilotTown]:
    """The town; whoever stops a part of it must start it again."""
    if postgres_binaries() is None or not shutil.which("psql"):
        leave_out("PostgreSQL is not installed (Debian: postgresql)")
    if clamd_binary() is None:
        leave_out("clamd is not installed (Debian: clamav-daemon)")
    if not shutil.which("caddy"):
        leave_out("Caddy is not installed (Debian: caddy)")
    with ExitStack() as running:
        folder = Path(tempfile.mkdtemp(prefix="kursdocs-town-"))
        running.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        yield running.enter_context(_town(image, folder))


@contextmanager
def _town(image: Image, folder: Path) -> Iterator[PilotTown]:
    ports = {name: free_port() for name in ("caddy", "web1", "web2", "door")}
    url = f"http://127.0.0.1:{ports['caddy']}"
    scanner = folder / "clamd"
    scanner.mkdir()
    with (
        running_postgres() as postgres,
        running_smtp() as smtp,
        running_clamd(scanner, made_at=datetime.now(UTC)) as clamd,
        served(lambda base: _provider(f"{base}/oidc", url)) as provider,
    ):
        issuer = f"{provider}/oidc"
        where = {"CONFIG_DIR": str(folder / "etc"), "DATA_DIR": str(folder / "srv")}
        _configure(folder, where, url, issuer, smtp)
        _make_databases(folder, postgres)
        places = _places(folder, ports, postgres.port, clamd.tcp_address)
        door = mapped(
            (INFRA / "Caddyfile").read_text("utf-8"), places | {"8081": f"{ports['door']}"}
        )
        (folder / "Caddyfile").write_text(door)
        _write_filer_settings(folder, postgres.port)
        engine = Engine(image, services(where), folder, places)
        try:
            _set_up(engine)
            web = {name: f"http://127.0.0.1:{ports[name]}" for name in ("web1", "web2")}
            yield PilotTown(engine, url, web, issuer, postgres, smtp)
        finally:
            engine.down()


def _provider(issuer: str, url: str) -> Starlette:
    """The town's own sign-in provider."""
    provider = demo_provider(
        issuer,
        people=PEOPLE,
        services=SERVICES,
        client_id="kursdocs",
        client_secret=CLIENT_SECRET,
        redirect_uris=[f"{url}/sign-in/callback"],
        post_logout_redirect_uris=[f"{url}/signed-out"],
        audience="urn:kursdocs:api",
        bind_host="127.0.0.1",
    )
    return Starlette(routes=[Mount("/oidc", provider)])


def _configure(
    folder: Path, where: dict[str, str], url: str, issuer: str, smtp: SmtpServer
) -> None:
    """Prepare the machine and fill in what the town must fill in."""
    subprocess.run([INFRA / "prepare.sh"], env={**os.environ, **where}, check=True, timeout=60)
    filled_in = {
        "KURSDOCS_PUBLIC_URL": url,
        "KURSDOCS_OIDC_ISSUER": issuer,
        "KURSDOCS_SMTP_URL": smtp.url,
    }
    file = folder / "etc/env"
    text = file.read_text("utf-8")
    for name, value in filled_in.items():
        text, count = re.subn(rf"(?m)^{name}=.*$", f"{name}={value}", text)
        assert count == 1, name
    file.write_text(text)
    secret = folder / "etc/secrets/oidc-client-secret"
    secret.write_text(CLIENT_SECRET)
    if os.geteuid() == 0:
        os.chown(secret, 10001, 10001)
    secret.chmod(0o400)
    rules = [CLAIMS.format(slug=slug) for slug, _ in AGENCIES]
    (folder / "etc/town/claims.toml").write_text("".join(rules))


def _make_databases(folder: Path, postgres: PostgresServer) -> None:
    """What the container of PostgreSQL does when its folder is empty; passwords count from then."""
    with psycopg.connect(postgres.admin_url, autocommit=True) as connection:
        connection.execute("DROP ROLE kursdocs")
        [hba] = connection.execute("SHOW hba_file").fetchone() or [""]
        Path(hba).write_text(
            "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )
        connection.execute("SELECT pg_reload_conf()")
    environment = {
        "PATH": os.environ["PATH"],
        "PGHOST": "127.0.0.1",
        "PGPORT": str(postgres.port),
        "SECRETS": str(folder / "etc/secrets"),
    }
    subprocess.run([INFRA / "postgres-init.sh"], env=environment, check=True, timeout=60)


def _places(folder: Path, ports: dict[str, int], postgres: int, clamd: str) -> dict[str, str]:
    """Hosts, ports and paths of the compose file, and where they are here."""
    here = {
        "/secret-files": str(folder / "etc/secrets"),
        "0.0.0.0": "127.0.0.1",  # noqa: S104 - the one is replaced by the other
        "172.31.80.2": "127.0.0.1",
        "postgres:5432": f"127.0.0.1:{postgres}",
        "clamav:3310": clamd,
        "seaweedfs=seaweedfs": "127.0.0.1",
        "caddy=8081": str(ports["door"]),
        "caddy=/etc/caddy/Caddyfile": str(folder / "Caddyfile"),
    }
    for name in ("web1", "web2"):
        here[f"{name}:8000"] = f"127.0.0.1:{ports[name]}"
        here[f"{name}=8000"] = str(ports[name])
    for port in ("9333", "8080", "8888", "8333"):
        here[f"seaweedfs={port}"] = str(free_port())
        here[f"seaweedfs:{port}"] = f"127.0.0.1:{here[f'seaweedfs={port}']}"
    return here


def _write_filer_settings(folder: Path, postgres: int) -> None:
    """SeaweedFS finds its file in the working folder as well as in /etc/seaweedfs."""
    secret = folder / "etc/secrets/seaweedfs-filer"
    text = secret.read_text("utf-8").replace(
        '"postgres"\nport = 5432', f'"127.0.0.1"\nport = {postgres}'
    )
    there = folder / "cwd/seaweedfs/filer.toml"
    there.parent.mkdir(parents=True)
    there.write_text(text)


def _set_up(engine: Engine) -> None:
    """From nothing to a town, in the order of the README."""
    engine.up("seaweedfs")
    for name in ("store", "migrate"):
        done = engine.run(name)
        assert done.returncode == 0, done.stdout + done.stderr
    commands = ["municipality create musterstadt Musterstadt"]
    commands += [
        f"agency open {slug} {slug} --kind {kind} --municipality musterstadt"
        f" --mailbox {slug}@musterstadt.example --client-id {slug}"
        for slug, kind in AGENCIES
    ]
    commands.append("member add ines.muster --role coordinator --municipality musterstadt")
    for command in commands:
        done = engine.run("kursdocs", *command.split())
        assert done.returncode == 0, done.stdout + done.stderr
    for name in ("web1", "web2"):
        engine.up(name)
    engine.up("worker", ready="true")
    engine.up("caddy")
