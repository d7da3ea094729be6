"""Puts the built front end into the wheel, as ``kursdocs/_web``.

An editable checkout reads ``frontend/`` itself, so nothing is built or copied for it: a copy would
go stale.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class FrontendHook(BuildHookInterface[Any]):
    """Called by hatchling before a wheel or a source archive is packed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make sure that the built files exist, and name the folders that the wheel includes."""
        if version == "editable":
            return
        frontend = Path(self.root) / "frontend"
        if not (frontend / "dist" / "manifest.json").is_file():
            build_frontend(frontend)
        if self.target_name == "wheel":
            folders = ("templates", "dist", "locale")
            build_data["force_include"] |= {
                str(frontend / folder): f"kursdocs/_web/{folder}" for folder in folders
            }


def build_frontend(frontend: Path) -> None:
    """Run npm in ``frontend``; raises RuntimeError when there is no npm."""
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError(
            "frontend/dist is missing and there is no npm to build it: "
            "install Node.js 20.19 or newer, then run 'npm ci' and 'npm run build' in frontend/"
        )
    subprocess.run([npm, "ci"], cwd=frontend, check=True)
    subprocess.run([npm, "run", "build"], cwd=frontend, check=True)
