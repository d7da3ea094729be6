"""What holds for every command: how settings and mistakes are told."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.cli.commands import Run
from tests.servers import free_port

from kursdocs import cli

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


def test_the_help_fills_its_lines_and_keeps_those_of_an_example(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    fsck, push = run("fsck", "--help").out, run("push", "--help").out

    assert max(map(len, f"{fsck}\n{push}".splitlines())) <= 80
    assert " Each damage is named with its code and the id of what it is about.\n" in unpadded(fsck)
    assert "--released \\\n    --family-name Muster" in unpadded(push)
    assert "\n  kursdocs push --list course.csv" in unpadded(push)


def unpadded(text: str) -> str:
    """Without the blanks at the ends of lines."""
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


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
    shipped = Path(cli.__file__).parents[1] / "catalogue" / "catalogue.toml"
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


def test_a_command_before_the_first_migration_says_what_to_do(
    run: Run, settings: dict[str, object]
) -> None:
    done = run("municipality", "create", "musterstadt", "Stadt Musterstadt", **settings)

    assert done.code == 2
    assert "run 'kursdocs migrate'" in done.err


def test_every_command_says_in_its_help_what_it_is_and_how_it_ends() -> None:
    for words, command in commands(typer.main.get_command(cli.app)):
        text = f"{command.help} {command.epilog}"
        ends_by_itself = words not in RUN_UNTIL_ENDED
        assert command.help, words
        assert ("Exit codes:" in text) == ends_by_itself, f"{words}: {text}"
        for parameter in command.params:
            told = getattr(parameter, "help", "")
            assert told or parameter.name in PLAIN, f"{words}: {parameter.name}"


# Whose name says it all.
PLAIN = {"family_name", "given_names", "help"}
RUN_UNTIL_ENDED = {"serve", "worker", "demo"}


def commands(group: Any, *before: str) -> Iterator[tuple[str, Any]]:
    """Every command below a group, with the words that call it."""
    for name, command in getattr(group, "commands", {}).items():
        if hasattr(command, "commands"):
            yield from commands(command, *before, name)
        else:
            yield " ".join([*before, name]), command
