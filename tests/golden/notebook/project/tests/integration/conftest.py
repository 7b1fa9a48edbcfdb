"""Runs of the whole pipeline, each in a copy of the project of its own.

INTEGRATION_TIMEOUT: seconds that one run may take (900). INTEGRATION_ARGS: settings for the runs.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "notebook"
TIMEOUT = float(os.environ.get("INTEGRATION_TIMEOUT", "900"))
SMALL = []
"""Settings that make a long run short without changing what is run."""
SMALLER = 1.0
"""How many times as much there is to do without them."""
REQUIRED = []
"""Settings that have no default."""


@dataclass
class Run:
    """A copy of the project in which something was run."""

    root: Path
    arguments: list[str]
    stdout: str = ""
    seconds: float = 0.0

    def environment(self, extra: dict[str, str]) -> dict[str, str]:
        own = ("NOTEBOOK_", "CHECKPOINT_", "PIPELINE_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        return {**kept, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", **extra}

    def start(self, command: str, **extra: str) -> subprocess.Popen[str]:
        """Start a command as a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", PACKAGE, command, *self.arguments],
            cwd=self.root,
            env=self.environment(extra),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, command: str, **extra: str) -> str:
        """Run a command to its end; what it printed."""
        begin = time.monotonic()
        process = self.start(command, **extra)
        try:
            self.stdout, errors = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            kill(process)
            pytest.fail(f"{command} took longer than INTEGRATION_TIMEOUT={TIMEOUT:.0f} seconds")
        except BaseException:
            kill(process)
            raise
        self.seconds = time.monotonic() - begin
        assert process.returncode == 0, f"{command} ended with {process.returncode}\n{self.stdout}\n{errors}"
        return self.stdout

    def steps(self) -> dict[str, dict[str, Any]]:
        """The pipeline's own account of each step."""
        path = self.root / ".pipeline_state" / "state.json"
        found: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["steps"]
        return found

    def statuses(self) -> dict[str, str]:
        command = [sys.executable, "-m", PACKAGE, "status", "--json", *self.arguments]
        done = subprocess.run(
            command, cwd=self.root, env=self.environment({}), capture_output=True, text=True, check=True
        )
        return {row["step"]: row["status"] for row in json.loads(done.stdout)["steps"]}

    def results(self) -> dict[str, str]:
        """Hashes of all that the run left: values between steps, files, random states."""
        command = [sys.executable, str(Path(__file__).with_name("results.py")), str(self.root), PACKAGE]
        done = subprocess.run(command, env=self.environment({}), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
        return found


def kill(process: subprocess.Popen[str]) -> None:
    """End a process and all that it started, at once."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def copy_project(target: Path) -> Path:
    """What the conversion wrote, and what was added to the package since; not what runs have left."""
    listed = json.loads((ROOT / "conversion.json").read_text(encoding="utf-8"))["files"]
    added = [path.relative_to(ROOT).as_posix() for path in (ROOT / PACKAGE).rglob("*.py")]
    data = [path.relative_to(ROOT).as_posix() for path in (ROOT / "data").rglob("*") if path.is_file()]
    for path in sorted({*listed, *added, *data}):
        if not os.path.lexists(ROOT / path):
            continue
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, target / path, follow_symlinks=False)
    return target


@pytest.fixture(scope="session")
def new_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[str]], Run]:
    """Makes a fresh copy to run in, with these settings."""
    missing = [
        entry["message"]
        for path, entry in json.loads((ROOT / "data" / "checksums.json").read_text(encoding="utf-8"))[
            "files"
        ].items()
        if "message" in entry and not (ROOT / path).exists()
    ]
    if missing:
        pytest.skip("a data file is not there: " + missing[0])
    if REQUIRED and "INTEGRATION_ARGS" not in os.environ:
        pytest.skip(f"settings without a default: {REQUIRED}; give them in INTEGRATION_ARGS")
    return lambda arguments: Run(copy_project(tmp_path_factory.mktemp("run") / "project"), arguments)


@pytest.fixture(scope="session")
def straight(new_run: Callable[[list[str]], Run]) -> Run:
    """A run from start to end without interruption, with SMALL settings where it would take long."""
    given = os.environ.get("INTEGRATION_ARGS")
    if given is None and SMALL:
        run = new_run(SMALL)
        try:
            run.run("train-all")
        except AssertionError:
            pass  # the code does not work with so little
        else:
            if run.seconds * SMALLER > 60:
                return run
    run = new_run(shlex.split(given or ""))
    run.run("train-all")
    return run


@pytest.fixture(scope="session")
def again(straight: Run, new_run: Callable[[list[str]], Run]) -> Run:
    """A second one: what differs between the two is noise of the research code (times, unseeded draws)."""
    run = new_run(straight.arguments)
    run.run("train-all")
    return run
