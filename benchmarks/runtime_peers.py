"""The same three steps in DVC, Metaflow and joblib, each in a virtual environment of the benchmark's own.

The steps hand on an array of 8 MB: what is measured is what the tools do around them, and the start of their processes.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime_steps import CHAIN, DVC_STAGE, DVC_YAML, JOBLIB, METAFLOW

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "build" / "benchmark-tools"
PYTHON = TOOLS / "bin" / "python"
PACKAGES = ("dvc", "metaflow", "joblib", "numpy")


@dataclass(frozen=True)
class Peer:
    """A tool: how it runs everything, runs with nothing to do, fails in the last step, and goes on from there."""

    name: str
    folder: Path
    run: list[str]
    forget: Callable[[], None]
    no_op: list[str] | None = None
    resume: list[str] | None = None
    fails_by: str = "FAIL"

    def seconds(self, command: list[str], *, fails: bool = False) -> float:
        environment = {
            **os.environ,
            "USERNAME": "benchmark",
            "DVC_NO_ANALYTICS": "1",
            "PYTHONWARNINGS": "ignore",
        }
        if fails:
            environment[self.fails_by] = "1"
        start = time.perf_counter()
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)
        seconds = time.perf_counter() - start
        if (done.returncode != 0) is not fails:
            raise SystemExit(
                f"{self.name}: {' '.join(command)} ended with {done.returncode}\n{done.stderr[-2000:]}"
            )
        return seconds


def install(packages: Sequence[str], *options: str) -> dict[str, str]:
    """Those of the packages that can be had, with their versions."""
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", str(TOOLS)], check=True)
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check"]
    for package in packages:
        # One by one: what cannot be installed is left out of the table.
        subprocess.run([*pip, "install", *options, package], capture_output=True)
    listed = subprocess.run([*pip, "list", "--format", "freeze"], capture_output=True, text=True, check=True)
    found = dict(line.split("==") for line in listed.stdout.splitlines() if "==" in line)
    names = [package.partition("==")[0] for package in packages]
    return {name: found[name] for name in names if name in found}


def measure_peers(rounds: int, scratch: Path) -> list[str]:
    """Rows on each tool, measured in turn with this one."""
    versions = install(PACKAGES)
    if "numpy" not in versions:
        return ["| the same steps in other tools | not measured: they cannot be installed here | | |"]
    makers = {"dvc": _dvc, "metaflow": _metaflow, "joblib": _joblib}
    peers = [_own(scratch)]
    peers += [makers[name](scratch, version) for name, version in versions.items() if name in makers]
    found: dict[str, dict[str, list[float]]] = {each.name: {} for each in peers}

    def note(peer: Peer, what: str, seconds: float) -> None:
        found[peer.name].setdefault(what, []).append(seconds)

    for _ in range(rounds):
        for peer in peers:
            peer.forget()
            note(peer, "all", peer.seconds(peer.run))
        for peer in peers:
            if peer.no_op:
                note(peer, "nothing", peer.seconds(peer.no_op))
        for peer in peers:
            if peer.resume:
                peer.forget()
                peer.seconds(peer.run, fails=True)
                note(peer, "resume", peer.seconds(peer.resume))
    return [
        f"| three small steps in {name} | {_shown(each, 'all')} for all, {_shown(each, 'nothing')} with nothing to do "
        f"| {_shown(each, 'resume')} to go on before the last one | |"
        for name, each in found.items()
    ]


def _shown(seconds: dict[str, list[float]], what: str) -> str:
    return f"{statistics.median(seconds[what]):.2f} s" if what in seconds else "-"


def _own(scratch: Path) -> Peer:
    from runtime_project import make_project

    folder = make_project(scratch / "own", CHAIN).root
    command = [sys.executable, "-m", "pkg", "train-all"]
    return Peer(
        "this runtime",
        folder,
        command,
        lambda: _remove(folder, ".pipeline_state", "result.txt"),
        command,
        command,
    )


def _dvc(scratch: Path, version: str) -> Peer:
    folder = scratch / "dvc"
    folder.mkdir()
    (folder / "stage.py").write_text(DVC_STAGE)
    (folder / "dvc.yaml").write_text(DVC_YAML.format(python=PYTHON))
    dvc = [str(PYTHON), "-m", "dvc"]
    subprocess.run([*dvc, "init", "--no-scm", "-q"], cwd=folder, check=True, capture_output=True)
    subprocess.run([*dvc, "config", "core.analytics", "false"], cwd=folder, check=True, capture_output=True)

    def forget() -> None:
        _remove(folder, "dvc.lock", "data.npy", "model.npy", "result.txt", ".dvc/cache", ".dvc/tmp")

    return Peer(f"DVC {version} (`dvc repro`)", folder, [*dvc, "repro", "-q"], forget, [*dvc, "repro", "-q"])


def _metaflow(scratch: Path, version: str) -> Peer:
    folder = scratch / "metaflow"
    folder.mkdir()
    (folder / "flow.py").write_text(METAFLOW)
    flow = [str(PYTHON), "flow.py", "--no-pylint", "--quiet"]
    return Peer(
        f"Metaflow {version} (`resume`)",
        folder,
        [*flow, "run"],
        lambda: _remove(folder, ".metaflow", "result.txt"),
        resume=[*flow, "resume"],
    )


def _joblib(scratch: Path, version: str) -> Peer:
    folder = scratch / "joblib"
    folder.mkdir()
    (folder / "chain.py").write_text(JOBLIB)
    command = [str(PYTHON), "chain.py"]
    return Peer(
        f"joblib {version} (`Memory`)",
        folder,
        command,
        lambda: _remove(folder, "cache", "result.txt"),
        command,
    )


def _remove(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
