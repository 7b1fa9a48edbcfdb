"""This process: what the research program found when it started, and what the process has used."""

from __future__ import annotations

import os
import sys

from .paths import PROJECT_ROOT
from .signals import stop
from .steps import Pipeline, Step


def peak_memory() -> int:
    """The most memory that the process has held, in bytes."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def memory() -> int:
    """The memory that the process holds now, in bytes; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def prepare_process(pipeline: Pipeline, step: Step) -> None:
    """What the research program found when it started: its folder and name, no arguments, figures that are saved."""
    folder = PROJECT_ROOT / step.folder
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    sys.argv = [f"{step.program}.py" if step.program else "main.py"]
    if pipeline.package:
        os.environ["MPLBACKEND"] = f"module://{pipeline.package}.utils.figure_backend"


def die_with_parent(parent: int = 0) -> None:
    """On Linux: when the pipeline (process `parent`) is killed, this child is killed too, so that nobody works on
    unseen."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes
    import signal

    parent = parent or os.getppid()
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    except (OSError, AttributeError):
        return
    if os.getppid() != parent:
        os._exit(1)


def run_child(command: list[str], environment: dict[str, str], as_signal: int = 0) -> int:
    """Run a process in the project's folder that is told of stop signals (as `as_signal`); its exit code."""
    import subprocess

    sys.stdout.flush()
    child = subprocess.Popen(command, cwd=PROJECT_ROOT, env=environment)
    stop.forward = lambda number: child.send_signal(as_signal or number)
    if stop:
        stop.forward(stop.number)
    try:
        code = child.wait()
    finally:
        stop.forward = None
    return code if code >= 0 else 128 - code
