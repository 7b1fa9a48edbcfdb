"""Processes that run somebody's code: in a group of their own, with a time limit, their output in files."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from graduate.errors import VerifyError


@dataclass(frozen=True, slots=True)
class Finished:
    """How a process ended. `was_killed` says that it was still running when its moment came."""

    code: int
    stdout: str
    stderr: str
    seconds: float
    was_killed: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """A command, where and with what it runs, and what it is called in messages."""

    what: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    output: Path


def run(task: Task, timeout: float, kill_after: float | None = None) -> Finished:
    """Run to the end, or until everything is killed `kill_after` seconds after the start.

    Raises VerifyError when the time limit is over.
    """
    task.output.mkdir(parents=True, exist_ok=True)
    out, err = task.output / "stdout", task.output / "stderr"
    start = time.perf_counter()
    killed = False
    with out.open("wb") as stdout, err.open("wb") as stderr, _unwound_by_signals():
        process = subprocess.Popen(
            list(task.command),
            cwd=task.folder,
            env=dict(task.environment),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            process.wait(min(timeout, kill_after) if kill_after is not None else timeout)
        except subprocess.TimeoutExpired:
            killed = kill_after is not None and kill_after < timeout
            if not killed:
                raise _too_long(task, timeout) from None
        finally:
            _kill_group(process)
    seconds = time.perf_counter() - start
    return Finished(process.returncode, _text(out), _text(err), seconds, killed)


@contextlib.contextmanager
def _unwound_by_signals() -> Iterator[None]:
    """A request to end is an exception meanwhile, so that the process, in its own group, does not outlive this one."""

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End the process and whatever it has started and left behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")


def _too_long(task: Task, timeout: float) -> VerifyError:
    return VerifyError(
        f"{task.what} did not end within {timeout:g} seconds.",
        why="the time limit of the verification is over; the process was ended",
        fix="shrink the run on both sides (--set epochs=1), or allow more time (--timeout)",
    )
