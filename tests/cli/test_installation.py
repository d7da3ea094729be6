"""Looking after an installation by commands: migrate, check, master-key."""

import contextlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp
from tests.asgi import served
from tests.cli.commands import Ran, Run, set_up_town
from tests.servers import free_port
from tests.servers_clamd import clamd_for_tests
from tests.servers_dovecot import PASSWORD, DovecotServer

from kursdocs.demo.provider import demo_provider


def test_migrating_twice_is_harmless(run: Run, settings: dict[str, object]) -> None:
    for _ in range(2):
        done = run("migrate", **settings)
        assert (done.code, done.out) == (0, "Database and key store are up to date.\n")


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


OFF = "Nothing is scanned for malware: KURSDOCS_CLAMD is off."
UNSIGNED = (
    "Nobody signs the log, and nothing of it is ever removed: KURSDOCS_LOG_KEY_FILE is not set."
)
NO_BOUNCES = "Nobody notices mails that come back: KURSDOCS_BOUNCES_URL is not set."


def lines(done: Ran) -> dict[str, str]:
    """The parts that were tried, and ``ok`` or what was said of them."""
    said = [line for line in done.out.splitlines() if line not in (OFF, UNSIGNED, NO_BOUNCES)]
    tried = [line.split(maxsplit=1) for line in said]
    return {
        rest.partition(":")[0]: "ok" if verdict == "ok" else rest.partition(": ")[2]
        for verdict, rest in tried
    }


PARTS = {
    "mailbox for returned mail",
    "catalogue",
    "claims mapping",
    "front end",
    "database",
    "mailboxes of agencies",
    "key store",
    "key that signs the log",
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
    assert done.out.endswith(f"{OFF}\n{UNSIGNED}\n{NO_BOUNCES}\n")
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
        "BOUNCES_URL": f"imap://kursdocs@127.0.0.1:{nobody}/INBOX?tls=off",
        "BOUNCES_PASSWORD": "erfunden",
        "OIDC_ISSUER": f"http://127.0.0.1:{nobody}/oidc",
        "CLAIMS": tmp_path / "nowhere.toml",
    }

    done = run("check", **{**settings, **dead})

    found = lines(done)
    assert done.code == 1
    assert set(found) == PARTS
    well = [part for part, said in found.items() if said == "ok"]
    assert well == ["catalogue", "front end", "key that signs the log"]
    for part, said in (
        ("database", "KURSDOCS_DATABASE_URL: The database does not answer. "),
        ("key store", "KURSDOCS_KEYS_URL: The key store does not answer. "),
        ("object store", "KURSDOCS_STORE_URL: The document store does not answer. "),
        ("malware scanner", "KURSDOCS_CLAMD: The malware scanner does not answer. Papers are held"),
        ("mail server", "KURSDOCS_SMTP_URL: "),
        ("mailbox for returned mail", "KURSDOCS_BOUNCES_URL: bounces_unavailable (Connection"),
        ("sign-in provider", "KURSDOCS_OIDC_ISSUER: "),
    ):
        assert found[part].startswith(said)
    assert found["sign-in provider"].endswith("[sign_in_unavailable]")


def test_a_check_opens_the_mailbox_for_returned_mail(
    run: Run, settings: dict[str, object], dovecot: DovecotServer
) -> None:
    mailbox = {**settings, "BOUNCES_URL": dovecot.new_mailbox().url}

    well = run("check", **mailbox, BOUNCES_PASSWORD=PASSWORD)
    wrong = run("check", **mailbox, BOUNCES_PASSWORD="geheim-falsch")

    assert lines(well)["mailbox for returned mail"] == "ok"
    assert NO_BOUNCES not in well.out
    assert "KURSDOCS_BOUNCES_URL: bounces_unavailable (sign-in refused)" in wrong.out
    assert "geheim-falsch" not in wrong.out + wrong.err


def test_a_check_says_with_what_malware_is_looked_for(
    run: Run, settings: dict[str, object]
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    with clamd_for_tests() as clamd:
        clamd.learn(made_at=now - timedelta(days=1))
        fresh = run("check", **{**settings, "CLAMD": clamd.tcp_address})
        clamd.learn(made_at=now - timedelta(days=4))
        old = run("check", **{**settings, "CLAMD": clamd.tcp_address})

    assert "\nok      malware scanner\n" in fresh.out
    made = f"signatures made on {now - timedelta(days=1):%Y-%m-%d at %H:%M} UTC."
    assert re.search(rf"^Malware is looked for by ClamAV \S+/2, {made}$", fresh.out, re.M)
    assert old.code == 1
    assert "FAILED  malware scanner: KURSDOCS_CLAMD: the signatures are of" in old.out
    assert f"{now - timedelta(days=4):%Y-%m-%d}, older than 3 days" in old.out


def test_a_check_can_be_read_by_programs(run: Run, settings: dict[str, object]) -> None:
    run("migrate", **settings)

    done = run("check", "--json", **{**settings, "CLAMD": f"127.0.0.1:{free_port()}"})

    parts = {one["name"]: one for one in json.loads(done.out)["parts"]}
    assert (done.code, done.err, set(parts)) == (1, "", PARTS)
    assert parts["database"] == {"name": "database", "ok": True, "problem": ""}
    assert parts["malware scanner"]["ok"] is False


def test_a_check_makes_and_changes_nothing(
    run: Run, settings: dict[str, object], tmp_path: Path
) -> None:
    for prepare in ((), ("migrate",), ("municipality", "create", "musterstadt", "Musterstadt")):
        if prepare:
            assert run(*prepare, **settings).code == 0
        before = everything_in(tmp_path)
        run("check", **settings)
        assert everything_in(tmp_path) == before, prepare


def everything_in(folder: Path) -> dict[str, bytes]:
    """What lies below the folder, but for what the last command said."""
    said = {folder / "stdout", folder / "stderr"}
    return {
        str(path): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
        if path not in said
    }


def test_a_check_finds_stores_of_another_installation_before_the_first_start(
    run: Run, settings: dict[str, object], tmp_path: Path
) -> None:
    set_up_town(run, settings)
    second = {**settings, "DATABASE_URL": f"sqlite:///{tmp_path}/second.sqlite"}
    run("migrate", **second)

    found = lines(run("check", **second))

    assert found["all stores belong to this installation"] == (
        "A store belongs to another installation."
    )


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


def test_a_check_names_agencies_at_which_nobody_is_reminded(
    run: Run, settings: dict[str, object]
) -> None:
    set_up_town(run, settings)
    silent = lines(run("check", **settings))
    run("agency", "set", "vhs", "--mailbox", "kurse@vhs.example", **settings)
    heard = lines(run("check", **settings))

    assert silent["mailboxes of agencies"] == (
        "nobody is reminded at vhs: kursdocs agency set SLUG --mailbox ADDRESS"
    )
    assert heard["mailboxes of agencies"] == "ok"


def test_a_check_before_the_first_migration_says_what_to_do(
    run: Run, settings: dict[str, object]
) -> None:
    found = lines(run("check", **settings))

    assert "run 'kursdocs migrate'" in found["database"]
