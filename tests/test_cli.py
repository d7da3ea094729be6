"""The command line, as an operator meets it: what it prints, where, and the exit code."""

import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlmodel import select
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp
from tests.asgi import served
from tests.factories import OFFICE, PROVIDER, make_document, make_person_actor, make_town
from tests.servers import free_port

from kursdocs import cli
from kursdocs.adapters.database import Database
from kursdocs.adapters.master_keys import MasterKeys
from kursdocs.core import audit
from kursdocs.core.accounts import Membership, ServiceAccount, User
from kursdocs.core.agencies import Agency
from kursdocs.demo.provider import demo_provider

FORK = multiprocessing.get_context("fork")
REQUIRED = (
    "DATABASE_URL",
    "KEYS_URL",
    "STORE_URL",
    "MASTER_KEY_FILE",
    "PUBLIC_URL",
    "OIDC_ISSUER",
    "OIDC_CLIENT_ID",
    "OIDC_CLIENT_SECRET",
    "SMTP_URL",
    "MAIL_FROM",
    "CLAMD",
)


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command in a process of its own, with these settings and no others.

    Forked, because importing everything anew would take longer than all commands together.
    """

    def run_it(*arguments: str, **settings: object) -> Ran:
        out, err = tmp_path / "stdout", tmp_path / "stderr"
        environment = {f"KURSDOCS_{name}": str(value) for name, value in settings.items()}
        child = FORK.Process(target=_command, args=(arguments, environment, out, err))
        child.start()
        child.join(60)
        assert child.exitcode is not None
        return Ran(child.exitcode, out.read_text(), err.read_text())

    return run_it


def _command(arguments: tuple[str, ...], environment: dict[str, str], out: Path, err: Path) -> None:
    for name in [name for name in os.environ if name.startswith("KURSDOCS_")]:
        del os.environ[name]
    os.environ.update(environment)
    sys.argv = ["kursdocs", *arguments]
    with out.open("w") as sys.stdout, err.open("w") as sys.stderr:
        try:
            cli.main()
        except Exception:  # noqa: BLE001 - as the interpreter does, which a fork does not return to
            traceback.print_exc()
            sys.exit(1)


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, object]:
    """An embedded installation that was never started."""
    MasterKeys.create(tmp_path / "master.keys")
    return {
        "DATABASE_URL": f"sqlite:///{tmp_path}/main.sqlite",
        "KEYS_URL": f"sqlite:///{tmp_path}/keys.sqlite",
        "STORE_URL": f"folder:{tmp_path}/objects",
        "MASTER_KEY_FILE": tmp_path / "master.keys",
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "OIDC_ISSUER": "http://127.0.0.1:8000/demo/oidc",
        "OIDC_CLIENT_ID": "kursdocs",
        "OIDC_CLIENT_SECRET": "demo",
        "SMTP_URL": f"folder:{tmp_path}/mail",
        "MAIL_FROM": "kursdocs@musterstadt.example",
        "CLAMD": "off",
    }


@pytest.fixture
def inside(settings: dict[str, object]) -> Iterator[Database]:
    """The installation's database."""
    opened = Database(str(settings["DATABASE_URL"]))
    yield opened
    opened.close()


# --- Settings and catalogue ----------------------------------------------------------------------


def test_the_installed_program_names_every_missing_setting() -> None:
    program = Path(sys.executable).with_name("kursdocs")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KURSDOCS_")}

    done = subprocess.run(
        [program, "serve"], env=environment, capture_output=True, text=True, timeout=100
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "kursdocs cannot start:",
        *(f"KURSDOCS_{name}: is missing" for name in REQUIRED),
    ]


def test_a_mistyped_variable_is_named(run: Run, settings: dict[str, object]) -> None:
    done = run("migrate", **settings, DATABASE_ULR="x")

    assert done.code == 2
    assert "KURSDOCS_DATABASE_ULR: is not a setting of kursdocs" in done.err


def test_a_mistake_in_the_catalogue_is_named_with_file_and_line(
    run: Run, settings: dict[str, object], tmp_path: Path
) -> None:
    shipped = Path(cli.__file__).with_name("catalogue") / "catalogue.toml"
    text = shipped.read_text("utf-8").replace('retention = "R2"', 'retention = "R9"', 1)
    line = text[: text.index('"R9"')].count("\n") + 1
    rules = tmp_path / "rules.toml"
    rules.write_text(text, "utf-8")
    run("migrate", **settings)

    done = run("municipality", "create", "x", "X", **settings, CATALOGUE=rules)

    assert done.code == 2
    assert done.err.startswith("kursdocs cannot start:\n")
    assert f"{rules}:{line}" in done.err
    assert "Traceback" not in done.err


def test_whatever_is_wrong_is_one_message_and_no_traceback(
    run: Run, settings: dict[str, object]
) -> None:
    nobody = f"postgresql://kursdocs@127.0.0.1:{free_port()}/nothing"
    for changes, code, words in (
        ({"DATABASE_URL": "nonsense"}, 2, "KURSDOCS_DATABASE_URL: "),
        ({"KEYS_URL": "nonsense"}, 2, "KURSDOCS_KEYS_URL: "),
        ({"DATABASE_URL": nobody}, 1, "database_unavailable"),
        ({"KEYS_URL": nobody}, 1, "keys_unavailable"),
    ):
        done = run("migrate", **{**settings, **changes})
        assert (done.code, words in done.err, "Traceback" in done.err) == (code, True, False)


# --- Setting up ----------------------------------------------------------------------------------


def test_migrating_twice_is_harmless(run: Run, settings: dict[str, object]) -> None:
    for _ in range(2):
        done = run("migrate", **settings)
        assert (done.code, done.out) == (0, "Database and key store are up to date.\n")


def test_a_command_before_the_first_migration_says_what_to_do(
    run: Run, settings: dict[str, object]
) -> None:
    done = run("municipality", "create", "musterstadt", "Stadt Musterstadt", **settings)

    assert done.code == 2
    assert "run 'kursdocs migrate'" in done.err


def test_a_town_is_set_up_by_commands_and_each_leaves_its_trace(
    run: Run, settings: dict[str, object], inside: Database
) -> None:
    commands = (
        "migrate",
        "municipality create musterstadt Musterstadt",
        "agency open vhs VHS --kind course_provider --municipality musterstadt"
        " --mailbox kurse@vhs.example --client-id vhs-program",
        "member add sub-1 --role coordinator --municipality musterstadt",
        "member add sub-1 --role head --agency vhs",
    )
    for command in commands:
        done = run(*command.split(), **settings)
        assert (done.code, done.err) == (0, ""), command

    with inside.transaction() as session:
        agency = session.exec(select(Agency)).one()
        assert (agency.slug, agency.mailbox) == ("vhs", "kurse@vhs.example")
        assert session.exec(select(ServiceAccount)).one().client_id == "vhs-program"
        user = session.exec(select(User)).one()
        assert (user.issuer, user.subject) == (settings["OIDC_ISSUER"], "sub-1")
        roles = {m.role.value: m.agency_id for m in session.exec(select(Membership))}
        assert roles == {"coordinator": None, "head": agency.id}
        log = [event.happening for event in session.exec(select(audit.AuditEvent))]
        assert len(log) == 5
        assert audit.verify(session) is None


def set_up_town(run: Run, settings: dict[str, object]) -> None:
    """A town with one agency, whose program may come in."""
    run("migrate", **settings)
    run("municipality", "create", "musterstadt", "Musterstadt", **settings)
    agency = "agency open vhs VHS --kind course_provider --municipality musterstadt"
    assert run(*agency.split(), "--client-id", "vhs-program", **settings).code == 0


def events_of(database: Database) -> list[tuple[str, str]]:
    """What the log holds, with the town it belongs to being known or not."""
    with database.transaction() as session:
        log = session.exec(select(audit.AuditEvent).order_by("seq")).all()
        return [(one.happening.value, "town" if one.municipality_id else "") for one in log]


def test_a_role_is_given_once_listed_and_taken_away(
    run: Run, settings: dict[str, object], inside: Database
) -> None:
    set_up_town(run, settings)
    clerk = ("sub-1", "--role", "clerk", "--agency", "vhs")
    auditor = ("sub-2", "--role", "auditor", "--municipality", "musterstadt")

    first, again = (run("member", "add", *clerk, **settings) for _ in range(2))
    run("member", "add", *auditor, **settings)
    everybody = json.loads(run("member", "list", "--json", **settings).out)
    of_agency = run("member", "list", "--agency", "vhs", **settings)
    ended = run("member", "end", *clerk, **settings)
    gone = run("member", "end", *clerk, **settings)
    after = run("member", "list", "--municipality", "musterstadt", **settings)

    assert (first.code, first.out) == (0, "sub-1 is clerk of vhs from now on.\n")
    assert (again.code, again.out) == (0, "sub-1 is already clerk of vhs.\n")
    assert [(m["subject"], m["role"], m["agency"], m["source"]) for m in everybody] == [
        ("sub-2", "auditor", "", "manual"),
        ("sub-1", "clerk", "vhs", "manual"),
    ]
    head, row = (line.split() for line in of_agency.out.splitlines())
    assert head == ["subject", "name", "role", "municipality", "agency", "source", "since"]
    assert row[:6] == ["sub-1", "-", "clerk", "musterstadt", "vhs", "manual"]
    assert (ended.code, ended.out) == (0, "sub-1 is no longer clerk of vhs.\n")
    assert (gone.code, gone.err) == (1, "sub-1 is not clerk of vhs: nothing was changed.\n")
    assert [line.split()[0] for line in after.out.splitlines()] == ["subject", "sub-2"]
    assert events_of(inside)[3:] == [
        ("membership.granted", "town"),
        ("membership.granted", "town"),
        ("membership.ended", "town"),
    ]


def test_an_agency_is_closed_and_its_program_let_in_no_more(
    run: Run, settings: dict[str, object], inside: Database
) -> None:
    set_up_town(run, settings)

    ended, gone = (run("service", "end", "vhs-program", **settings) for _ in range(2))
    closed, again = (run("agency", "close", "vhs", **settings) for _ in range(2))
    listed = json.loads(run("agency", "list", "--json", **settings).out)

    assert (ended.code, ended.out) == (0, "vhs-program is no longer let in.\n")
    assert (gone.code, gone.err) == (1, "vhs-program is not let in: nothing was changed.\n")
    assert (closed.code, again.code, again.err) == (0, 1, "agency: agency_unknown\n")
    assert [(one["slug"], bool(one["closed"])) for one in listed] == [("vhs", True)]
    assert events_of(inside)[3:] == [("service_account.ended", "town"), ("agency.closed", "town")]


def test_an_agency_with_untouched_papers_is_closed_only_on_demand(
    run: Run, settings: dict[str, object], inside: Database
) -> None:
    run("migrate", **settings)
    with inside.transaction() as session:
        town = make_town(session)
        make_document(session, make_person_actor(session, town[PROVIDER]))

    asked = run("agency", "close", OFFICE, **settings)
    still_open = run("member", "list", "--agency", OFFICE, **settings)
    closed = run("agency", "close", OFFICE, "--yes", **settings)

    assert (asked.code, asked.err.startswith(f"Untouched deliveries to {OFFICE}: 1.")) == (
        1,
        True,
    )
    assert (still_open.code, still_open.out) == (0, "There are none.\n")
    assert (closed.code, "stay recorded: 1." in closed.out) == (0, True)


def test_what_a_command_refuses_is_said_with_field_and_code(
    run: Run, settings: dict[str, object]
) -> None:
    run("migrate", **settings)
    run("municipality", "create", "musterstadt", "Musterstadt", **settings)
    agency = ("agency", "open", "vhs", "VHS", "--kind", "course_provider")
    second_agency = ("agency", "open", "jc", "Jobcenter", "--kind", "jobcenter")

    for arguments, code, message in (
        (("municipality", "create", "Muster Stadt", "X"), 1, "slug: slug_invalid"),
        (("municipality", "create", "musterstadt", "X"), 1, "slug_taken (slug=musterstadt)"),
        ((*agency, "--municipality", "nirgendwo"), 1, "municipality: municipality_unknown"),
        (("member", "add", "s", "--role", "head", "--agency", "x"), 1, "agency: agency_unknown"),
        (("member", "add", "s", "--role", "head"), 2, "clerk and head need --agency"),
        (
            ("member", "add", "s", "--role", "auditor", "--agency", "vhs"),
            2,
            "clerk and head need --agency",
        ),
        (("member", "add", "s", "--role", "boss"), 2, "boss"),
        (
            ("member", "add", " ", "--role", "auditor", "--municipality", "musterstadt"),
            2,
            "the subject is empty",
        ),
        ((*agency, "--municipality", "musterstadt", "--client-id", "p"), 0, ""),
        (
            (*second_agency, "--municipality", "musterstadt", "--client-id", "p"),
            1,
            "client_id_taken (client_id=p)",
        ),
    ):
        done = run(*arguments, **settings)
        assert done.code == code, done
        assert message in " ".join(done.err.replace("│", " ").split()), done
        assert "Traceback" not in done.err


def test_a_master_key_is_made_once(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "new.keys"

    assert run("master-key", str(path)).code == 0
    before = path.read_bytes()
    again = run("master-key", str(path))
    nowhere = run("master-key", str(tmp_path / "nowhere" / "new.keys"))

    assert (again.code, again.err) == (1, f"{path} cannot be written: File exists\n")
    assert (nowhere.code, "No such file" in nowhere.err) == (1, True)
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o077 == 0


# --- Checking ------------------------------------------------------------------------------------


@contextlib.contextmanager
def provider() -> Iterator[str]:
    """A sign-in provider on this machine; its issuer."""

    def build(url: str) -> ASGIApp:
        oidc = demo_provider(
            f"{url}/demo/oidc",
            people=[],
            services={},
            client_id="kursdocs",
            client_secret="demo",
            redirect_uris=[],
            audience="urn:kursdocs:api",
            bind_host="127.0.0.1",
        )
        return Starlette(routes=[Mount("/demo/oidc", oidc)])

    with served(build) as url:
        yield f"{url}/demo/oidc"


def lines(done: Ran) -> dict[str, str]:
    """The parts that were tried, and ``ok`` or what was said of them."""
    tried = [line.split(maxsplit=1) for line in done.out.splitlines()]
    return {
        rest.partition(":")[0]: "ok" if verdict == "ok" else rest.partition(": ")[2]
        for verdict, rest in tried
    }


PARTS = {
    "catalogue",
    "claims mapping",
    "front end",
    "database",
    "key store",
    "object store",
    "malware scanner",
    "mail server",
    "sign-in provider",
    "all stores belong to this installation",
}


def test_a_check_is_green_when_everything_is_well(run: Run, settings: dict[str, object]) -> None:
    run("migrate", **settings)

    with provider() as issuer:
        done = run("check", **{**settings, "OIDC_ISSUER": issuer})

    assert lines(done) == dict.fromkeys(PARTS, "ok")
    assert done.code == 0


def test_a_check_tries_every_part_and_names_those_that_fail(
    run: Run, settings: dict[str, object], tmp_path: Path
) -> None:
    nobody = free_port()
    dead = {
        "DATABASE_URL": f"postgresql://kursdocs@127.0.0.1:{nobody}/x",
        "KEYS_URL": f"postgresql://kursdocs@127.0.0.1:{nobody}/y",
        "STORE_URL": f"s3://127.0.0.1:{nobody}/bucket?tls=off",
        "S3_ACCESS_KEY": "a",
        "S3_SECRET_KEY": "b",
        "CLAMD": f"127.0.0.1:{nobody}",
        "SMTP_URL": f"smtp://127.0.0.1:{nobody}?tls=off",
        "OIDC_ISSUER": f"http://127.0.0.1:{nobody}/oidc",
        "CLAIMS": tmp_path / "nowhere.toml",
    }

    done = run("check", **{**settings, **dead})

    found = lines(done)
    assert done.code == 1
    assert set(found) == PARTS
    assert [part for part, said in found.items() if said == "ok"] == ["catalogue", "front end"]
    for part, said in (
        ("database", "KURSDOCS_DATABASE_URL: database_unavailable"),
        ("key store", "KURSDOCS_KEYS_URL: keys_unavailable"),
        ("object store", "KURSDOCS_STORE_URL: store_unavailable"),
        ("malware scanner", "KURSDOCS_CLAMD: scanner_unavailable"),
        ("mail server", "KURSDOCS_SMTP_URL: "),
        ("sign-in provider", "KURSDOCS_OIDC_ISSUER: sign_in_unavailable"),
    ):
        assert found[part].startswith(said)


def test_a_check_names_the_place_that_a_rule_mistypes(
    run: Run, settings: dict[str, object], tmp_path: Path
) -> None:
    set_up_town(run, settings)
    claims = tmp_path / "claims.toml"
    rule = '[[rules]]\nclaim = "groups"\nvalue = "x"\n'
    good = f'{rule}agency = "vhs"\nrole = "clerk"\n'
    town = f'{rule}municipality = "musterstadt"\nrole = "auditor"\n'
    claims.write_text(f'{good}{town}{rule}agency = "vsh"\nrole = "clerk"\n')
    mistyped = run("check", **settings, CLAIMS=claims)
    claims.write_text(good + town)
    mended = run("check", **settings, CLAIMS=claims)

    assert lines(mistyped)["claims mapping"] == (
        f"KURSDOCS_CLAIMS: {claims}: rule 3: there is no open 'vsh'"
    )
    assert lines(mended)["claims mapping"] == "ok"


def test_a_check_before_the_first_migration_says_what_to_do(
    run: Run, settings: dict[str, object]
) -> None:
    found = lines(run("check", **settings))

    assert "run 'kursdocs migrate'" in found["database"]


# --- Running -------------------------------------------------------------------------------------


def test_the_demo_refuses_an_address_beyond_this_machine(run: Run, tmp_path: Path) -> None:
    var = tmp_path / "var"

    done = run("demo", "--var", str(var), PUBLIC_URL="https://kursdocs.example")

    assert done.code == 2
    assert "KURSDOCS_DEMO: " in done.err
    assert "KURSDOCS_PUBLIC_URL must be loopback" in done.err
    assert not list(var.glob("*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_ends_when_it_is_asked_to(
    run: Run, settings: dict[str, object], number: signal.Signals
) -> None:
    run("migrate", **settings)
    started = threading.Event()
    results: list[Ran] = []

    def work() -> None:
        results.append(run("worker", **settings))

    thread = threading.Thread(target=work)
    before = {child.pid for child in multiprocessing.active_children()}
    thread.start()
    for _ in range(300):
        started.wait(0.05)
        new = [c for c in multiprocessing.active_children() if c.pid not in before]
        if new and _is_prepared(new[0].pid or 0):
            os.kill(new[0].pid or 0, number)
            break
    thread.join(30)

    (done,) = results
    said = [json.loads(line)["event"] for line in done.err.splitlines()]
    assert (done.code, said) == (0, ["worker.started", "worker.ended"])


def _is_prepared(pid: int) -> bool:
    """Whether the process has a handler of its own for SIGTERM, as /proc says."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
