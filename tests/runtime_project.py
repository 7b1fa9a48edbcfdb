"""Makes small generated-like projects around the runtime, and runs them in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUNTIME = Path(
    os.environ.get("RUNTIME_UNDER_TEST", Path(__file__).parents[1] / "src" / "graduate" / "runtime")
)
"""The runtime that goes into the projects; the tests of the tests put a broken one here."""


@dataclass
class ProjectUnderTest:
    """A project folder with a package `pkg`."""

    root: Path

    def write(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(text), encoding="utf-8")

    def run(
        self, *arguments: str, check: int | None = 0, timeout: float = 120, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "pkg", *arguments],
            cwd=self.root,
            env=self.environment(environment),
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check is not None:
            assert done.returncode == check, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "pkg", *arguments],
            cwd=self.root,
            env=self.environment(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def environment(self, extra: dict[str, str]) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PKG_", "CHECKPOINT_", "PIPELINE_"))}
        return {**kept, "OMP_NUM_THREADS": "1", **extra}

    def status(self) -> dict[str, dict[str, Any]]:
        rows = json.loads(self.run("status", "--json").stdout)["steps"]
        return {row["step"]: row for row in rows}

    def statuses(self) -> dict[str, str]:
        return {name: row["status"] for name, row in self.status().items()}


def make_project(root: Path, pipeline: str, settings: str = "", **modules: str) -> ProjectUnderTest:
    """A project whose pipeline.py and settings are given; `modules` are named like `training__trainer`."""
    root.mkdir(parents=True, exist_ok=True)
    project = ProjectUnderTest(root)
    utils = root / "pkg" / "utils"
    utils.mkdir(parents=True, exist_ok=True)
    for path in RUNTIME.glob("*.py"):
        (utils / path.name).write_bytes(path.read_bytes())
    project.write("pkg/__init__.py", "")
    project.write(
        "pkg/__main__.py",
        """
        from .utils.command import main

        raise SystemExit(main(__package__))
        """,
    )
    project.write("pkg/config/__init__.py", "")
    body = textwrap.indent(textwrap.dedent(settings).strip() or "pass", "    ")
    project.write(
        "pkg/config/settings.py",
        "from ..utils.configuration import ProjectSettings, option\n\n\n"
        f"class Settings(ProjectSettings):\n{body}\n\n\nsettings = Settings.load()\n",
    )
    project.write("pkg/pipeline.py", pipeline)
    for name, text in modules.items():
        path = "pkg/" + name.replace("__", "/") + ".py"
        project.write(path, text)
        package = (root / path).parent / "__init__.py"
        if not package.exists():
            package.write_text("")
    return project
