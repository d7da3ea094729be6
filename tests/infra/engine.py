"""Stands for the container engine, which runs on no machine of ours.

:class:`Image` is made by the steps of the Dockerfile, in a folder instead of a root file system.
:class:`Engine` starts services of compose.yaml with exactly their commands and variables; only
hosts, ports and paths are mapped to where things are here. As root each service gets what the
compose file promises: its own user, no capabilities, and a root of its own that cannot be written
to and has nothing of this repository in it. Where that is not allowed (not root, or a container
without mount namespaces) it runs as a plain process, and :attr:`Engine.is_caged` says so.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.infra.reading import ROOT, Service, Stage, stages
from tests.servers import start_process, stop_process, wait_until_ready

CAGE = Path(__file__).with_name("cage.sh")
WEED = Path(sys.executable).with_name("weed")
_STEP_SECONDS = 300


@cache
def can_cage() -> bool:
    """Whether this machine lets us make a root of our own."""
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("setpriv"):
        return False
    command = ["unshare", "--mount", str(CAGE), "65534", "--", "--", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def mapped(text: str, places: Mapping[str, str]) -> str:
    """The text with every place replaced, each at once; a path counts as a parent folder too."""
    if not places:
        return text
    longest_first = sorted(places, key=len, reverse=True)
    pattern = rf"(?<!\w)({'|'.join(map(re.escape, longest_first))})(?![\w-])"
    return re.sub(pattern, lambda match: places[match[1]], text)


class Image:
    """What the Dockerfile makes: ``program`` is what it puts into /opt/kursdocs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "opt/kursdocs"
        self._places = {"/opt/kursdocs": str(self.program), "/build": str(folder / "build")}

    @property
    def last(self) -> Stage:
        """The stage that is the image."""
        return stages()[-1]

    def build(self) -> None:
        """Take every step but those of the base images; two stages share the folder /build.

        Packages may come from this machine's cache, which changes nothing about the hashes.
        """
        (self.folder / "opt").mkdir(parents=True)
        for stage in stages()[:-1]:
            variables = {k: v for k, v in stage.variables().items() if k != "UV_NO_CACHE"}
            variables["UV_LINK_MODE"] = "hardlink"
            here = Path("/")
            for word, rest in stage.steps:
                if word == "WORKDIR":
                    here = Path(mapped(rest, self._places))
                    here.mkdir(parents=True, exist_ok=True)
                elif word == "COPY" and not rest.startswith("--from="):
                    self._copy(rest, here)
                elif word == "RUN":
                    self._run(rest, here, variables)

    def _copy(self, rest: str, here: Path) -> None:
        *sources, target = shlex.split(rest)
        for source in sources:
            into = here / target
            if (ROOT / source).is_dir():  # its contents, not itself
                skipped = shutil.ignore_patterns("__pycache__", "node_modules", "dist")
                shutil.copytree(ROOT / source, into, dirs_exist_ok=True, ignore=skipped)
            else:
                into.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, into)

    def _run(self, rest: str, here: Path, variables: Mapping[str, str]) -> None:
        # The image's ``python`` is the one that runs the tests.
        beside = self.folder / "bin"
        beside.mkdir(exist_ok=True)
        python = beside / "python"
        if not python.exists():
            python.symlink_to(_base_python())
        environment = {**os.environ, **variables, "PATH": f"{beside}:{os.environ['PATH']}"}
        environment.pop("VIRTUAL_ENV", None)
        done = subprocess.run(
            ["sh", "-c", mapped(rest, self._places)],
            cwd=here,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_STEP_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"RUN {rest}\n{done.stdout}\n{done.stderr}"


def _base_python() -> str:
    """The interpreter itself, outside any virtual environment."""
    found: str = getattr(sys, "_base_executable", sys.executable)
    return os.path.realpath(found)


@dataclass
class Running:
    """A started service."""

    process: subprocess.Popen[bytes]
    log: Path


class Engine:
    """Starts services; ``places`` says where the compose file's hosts, ports and paths are."""

    def __init__(
        self, image: Image, services: Mapping[str, Service], folder: Path, places: Mapping[str, str]
    ) -> None:
        self.is_caged = can_cage()
        self._image = image
        self._services = services
        self._folder = folder
        self._places = dict(places)
        self._running: dict[str, Running] = {}

    def up(self, name: str, ready: str = "") -> Running:
        """Start the service, and wait until its health check passes (``ready`` replaces it)."""
        log = self._folder / f"{name}.log"
        log.touch()
        process = start_process(self._command(name), log=log, env={"PATH": os.environ["PATH"]})
        self._running[name] = Running(process, log)
        wait_until_ready(process, lambda: self._is_healthy(name, ready), log=log)
        return self._running[name]

    def run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``docker compose run --rm NAME ARGUMENT…``; without arguments the service's own."""
        return subprocess.run(
            self._command(name, arguments or None),
            env={"PATH": os.environ["PATH"]},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def process(self, name: str) -> subprocess.Popen[bytes]:
        """The running process of a service, its cage's root."""
        return self._running[name].process

    def user(self, name: str) -> int:
        """Whom the service runs as."""
        return self._services[name].user

    def log(self, name: str) -> str:
        """What the service has said."""
        return self._running[name].log.read_text(errors="replace")

    def stop(self, name: str) -> float:
        """``docker compose stop NAME``: SIGTERM, and after its grace period SIGKILL."""
        grace = float(str(self._services[name].raw["stop_grace_period"]).removesuffix("s"))
        stop_process(self._running.pop(name).process, seconds=grace)
        return grace

    def down(self) -> None:
        """Stop all, the last one first, without patience."""
        for name in reversed(list(self._running)):
            stop_process(self._running.pop(name).process, seconds=1)

    def _is_healthy(self, name: str, ready: str) -> bool:
        check = ["sh", "-c", ready] if ready else self._health_check(name)
        done = subprocess.run(
            self._in_cage(name, check), env={"PATH": os.environ["PATH"]}, capture_output=True,
            timeout=30, check=False,
        )  # fmt: skip
        return done.returncode == 0

    def _health_check(self, name: str) -> list[str]:
        _cmd, *check = self._services[name].raw["healthcheck"]["test"]
        return [self._of_service(name, part) for part in check]

    def _command(self, name: str, arguments: Sequence[str] | None = None) -> list[str]:
        service = self._services[name]
        entrypoint = service.entrypoint
        if entrypoint is None and "build" in service.raw:
            [shown] = self._image.last.of("ENTRYPOINT")
            entrypoint = [part.strip('"') for part in shown.strip("[]").split(", ")]
        parts = [*(entrypoint or []), *(service.command if arguments is None else arguments)]
        return self._in_cage(name, [self._of_service(name, part) for part in parts])

    def _in_cage(self, name: str, command: Sequence[str]) -> list[str]:
        """The command with the service's variables and nothing else, its user and its root."""
        variables = self._image.last.variables() if "build" in self._services[name].raw else {}
        variables |= self._services[name].environment()
        settings = [f"{k}={self._of_service(name, v)}" for k, v in variables.items()]
        path = f"{os.environ['PATH']}:{WEED.parent}"
        default = [] if "PATH" in variables else [f"PATH={path}"]
        # Docker's own umask; whoever starts the tests may have another.
        inside = ["sh", "-c", 'umask 022; cd "$0"; exec "$@"', str(self._working_folder(name))]
        wrapped = [*inside, "env", "-i", *default, *settings, *command]
        if not self.is_caged:
            return wrapped
        shown = self._shown(name)
        user = str(self._services[name].user)
        cage = ["unshare", "--mount", str(CAGE), user]
        return [*cage, *shown["ro"], "--", *shown["rw"], "--", *wrapped]

    def _shown(self, name: str) -> dict[str, list[str]]:
        """What the cage contains besides the system's folders."""
        service = self._services[name]
        targets = [*service.mounts(), *service.secrets()]
        sources = {target: self._of_service(name, target) for target in targets}
        writable = [v.split(":")[1] for v in service.raw.get("volumes", []) if v[-3:] != ":ro"]
        read_only = {source for target, source in sources.items() if target not in writable}
        if "build" in service.raw:
            read_only |= {str(self._image.program), str(self._image.folder / "bin")}
            read_only.add(str(Path(_base_python()).parents[1]))
        if service.raw["image"].startswith("chrislusf/"):
            read_only.add(str(WEED))
        if (folder := self._working_folder(name)) != Path("/"):
            read_only.add(str(folder))
        # What lies below the system's folders is there already.
        shown = {path for path in read_only if not path.startswith(("/usr/", "/etc/"))}
        return {
            "ro": sorted(shown - {"/usr"}),
            "rw": [sources[t] for t in writable if t in sources],
        }

    def _working_folder(self, name: str) -> Path:
        """The image's, or the folder that the test made for a program that looks there."""
        own = self._folder / "cwd" / name
        return own if own.is_dir() else Path("/")

    def _of_service(self, name: str, text: str) -> str:
        service = self._services[name]
        places = {k: v for k, v in self._places.items() if "=" not in k}
        places |= {target: str(source) for target, source in service.mounts().items()}
        secrets = Path(places["/secret-files"])
        places |= {target: str(secrets / name) for target, name in service.secrets().items()}
        places["/opt/kursdocs"] = str(self._image.program)
        own = f"{name}="
        places |= {k.removeprefix(own): v for k, v in self._places.items() if k.startswith(own)}
        return mapped(text, places)
