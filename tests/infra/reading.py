"""Reads the container files as Docker would, as far as the tests need it: no engine runs here.

:func:`compose` resolves ``${NAME:-default}`` and the settings file of each service;
:func:`stages` takes the Dockerfile apart. Knows nothing of kursdocs.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


@dataclass(frozen=True)
class Service:
    """One service; ``raw`` is what the file says, interpolated."""

    name: str
    raw: Mapping[str, Any]

    @property
    def entrypoint(self) -> Sequence[str] | None:
        """What replaces the image's, if anything."""
        found: Sequence[str] | None = self.raw.get("entrypoint")
        return found

    @property
    def command(self) -> Sequence[str]:
        """What follows the entry point."""
        found: Sequence[str] = self.raw.get("command", [])
        return found

    @property
    def user(self) -> int:
        """The numeric user."""
        return int(str(self.raw["user"]).split(":")[0])

    def environment(self) -> dict[str, str]:
        """The variables of the settings files, overlaid by those of the service itself."""
        found: dict[str, str] = {}
        for file in self.raw.get("env_file", []):
            found |= settings_in(Path(file))
        return found | {name: str(value) for name, value in self.raw["environment"].items()}

    def mounts(self) -> dict[str, Path]:
        """Where files and folders of the machine appear inside, secrets included."""
        found = {}
        for volume in self.raw.get("volumes", []):
            source, target = volume.removesuffix(":ro").split(":")
            if "/" in source:
                found[target] = (INFRA / source).resolve()
        return found

    def secrets(self) -> dict[str, str]:
        """The path of each secret inside, and its name."""
        found = {}
        for secret in self.raw.get("secrets", []):
            name = secret if isinstance(secret, str) else secret["source"]
            target = name if isinstance(secret, str) else secret["target"]
            found[target if target.startswith("/") else f"/run/secrets/{target}"] = name
        return found


def compose(variables: Mapping[str, str] | None = None) -> Mapping[str, Any]:
    """The whole file, interpolated; merge keys are resolved by the parser."""
    given = variables or {}
    text = (INFRA / "compose.yaml").read_text("utf-8")
    content: Mapping[str, Any] = yaml.safe_load(
        _VARIABLE.sub(lambda match: given.get(match[1], match[2]), text)
    )
    return content


def services(variables: Mapping[str, str] | None = None) -> dict[str, Service]:
    """All services by name."""
    return {name: Service(name, raw) for name, raw in compose(variables)["services"].items()}


def settings_in(file: Path) -> dict[str, str]:
    """``NAME=value`` lines."""
    lines = (line.strip() for line in file.read_text("utf-8").splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@dataclass
class Stage:
    """One stage of the Dockerfile: its steps in order, as (word, rest of the line)."""

    image: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def of(self, word: str) -> list[str]:
        """What follows each ``word``."""
        return [rest for step, rest in self.steps if step == word]

    def variables(self) -> dict[str, str]:
        """What ENV sets."""
        pairs = (pair.partition("=") for rest in self.of("ENV") for pair in shlex.split(rest))
        return {name: value for name, _, value in pairs}


def stages() -> list[Stage]:
    """The stages of the Dockerfile."""
    text = (INFRA / "Dockerfile").read_text("utf-8")
    text = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    found: list[Stage] = []
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        word, rest = line.strip().split(maxsplit=1)
        if word == "FROM":
            image, _, name = rest.partition(" AS ")
            found.append(Stage(image, name))
        else:
            found[-1].steps.append((word, " ".join(rest.split())))
    return found
