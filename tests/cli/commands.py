"""Commands run as an operator runs them: what they print, where, and the exit code."""

import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kursdocs import cli

FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


def run_command(folder: Path, arguments: Sequence[str], settings: Mapping[str, object]) -> Ran:
    """Runs a command in a process of its own, with these settings and no others.

    Forked, because importing everything anew would take longer than all commands together.
    """
    out, err = folder / "stdout", folder / "stderr"
    environment = {f"KURSDOCS_{name}": str(value) for name, value in settings.items()}
    child = FORK.Process(target=_command, args=(tuple(arguments), environment, out, err))
    child.start()
    child.join(60)
    assert child.exitcode is not None
    return Ran(child.exitcode, out.read_text(), err.read_text())


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


def set_up_town(run: Run, settings: dict[str, object]) -> None:
    """A town with one agency, whose program may come in."""
    run("migrate", **settings)
    run("municipality", "create", "musterstadt", "Musterstadt", **settings)
    agency = "agency open vhs VHS --kind course_provider --municipality musterstadt"
    assert run(*agency.split(), "--client-id", "vhs-program", **settings).code == 0
