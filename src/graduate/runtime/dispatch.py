"""What the commands do: run under the lock, in child processes where programs must not mix, show, check."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import store
from .log import now, say
from .objects import Damaged, digest_file
from .paths import PROJECT_ROOT, STATE_FOLDER
from .problems import EXIT_BAD_INPUT, EXIT_FAILED, Problem
from .signals import stop
from .state import State, StepRecord
from .steps import Pipeline

_CHILD = "PIPELINE_CHILD_STEPS"
_MOST_ROLLBACKS = 20
_WAIT = 3.0
"""Seconds to wait for a lock: a process that was killed a moment ago may not be gone yet."""


def chosen_program(pipeline: Pipeline) -> str:
    """The one program that is to run (`make train PROGRAM=name`), "" for all of them. Raises `Problem`."""
    chosen = os.environ.get("PIPELINE_PROGRAM", "")
    known = list(dict.fromkeys(step.program for step in pipeline.steps))
    if chosen and chosen not in known:
        raise Problem(
            f"{chosen!r} is not a program of this project.",
            where="PROGRAM",
            fix=f"one of: {', '.join(known)}",
            exit_code=EXIT_BAD_INPUT,
        )
    return chosen


def last_of_roles(pipeline: Pipeline, roles: tuple[str, ...] | None, program: str) -> int:
    """The index of the last step (of a program) with one of these roles (None: any); -1 when there is none."""
    found = [
        index
        for index, step in enumerate(pipeline.steps)
        if (roles is None or step.role in roles) and program in ("", step.program)
    ]
    return max(found, default=-1)


def run(
    pipeline: Pipeline,
    last: int,
    arguments: list[str],
    roles: tuple[str, ...] | None,
    fresh: bool,
    program: str,
) -> int:
    """Run what is due up to step `last`, of one program or ("") of all. The exit code."""
    from .runner import ROLLED_BACK, Runner

    state = State(STATE_FOLDER)
    part = os.environ.get(_CHILD)
    if part is not None:
        first, end = map(int, part.split("-"))
        die_with_parent()
        stop.is_child = True
        stop.install()
        state.load()
        return Runner(pipeline, state).run(first, end)
    with lock():
        state.prepare()
        if fresh:
            _start_anew(pipeline, state, last, roles, program)
        groups = [g for g in _programs(pipeline, last) if program in ("", pipeline.steps[g[0]].program)]
        stop.install()
        try:
            code = Runner(pipeline, state).run(0, last) if groups == [(0, last)] else ROLLED_BACK
            for _ in range(_MOST_ROLLBACKS):
                if code != ROLLED_BACK:
                    break
                code = _run_groups(pipeline, state, groups, arguments)
                state.load()
            return _report(pipeline, state, last, code)
        finally:
            stop.uninstall()


def _report(pipeline: Pipeline, state: State, last: int, code: int) -> int:
    from .runner import ROLLED_BACK

    if code == ROLLED_BACK:
        raise Problem(
            "The steps could not be brought up to date.",
            where=".pipeline_state",
            why="stored results kept turning out to be unusable",
            fix="look at the messages above and at .pipeline_state/quarantine, or start with `clean`",
            exit_code=EXIT_FAILED,
        )
    if code == 0:
        say(f"{pipeline.steps[last].name}: everything up to here is done.")
    return code


def _programs(pipeline: Pipeline, last: int) -> list[tuple[int, int]]:
    """Runs of steps of one program: (first, last) indexes."""
    groups: list[tuple[int, int]] = []
    for index in range(last + 1):
        if groups and pipeline.steps[index].program == pipeline.steps[index - 1].program:
            groups[-1] = (groups[-1][0], index)
        else:
            groups.append((index, index))
    return groups


def _run_groups(pipeline: Pipeline, state: State, groups: list[tuple[int, int]], arguments: list[str]) -> int:
    for first, last in groups:
        state.load()
        if not any(pipeline.reason(index, state) for index in range(first, last + 1)):
            continue
        code = _run_child(pipeline, first, last, arguments)
        if code:
            return code
    return 0


def _run_child(pipeline: Pipeline, first: int, last: int, arguments: list[str]) -> int:
    """Run steps in a process of their own, as the research program had one."""
    sys.stdout.flush()
    environment = {**os.environ, _CHILD: f"{first}-{last}"}
    command = [sys.executable, "-m", pipeline.package, *arguments]
    child = subprocess.Popen(command, cwd=PROJECT_ROOT, env=environment)
    stop.forward = child.send_signal
    if stop:
        child.send_signal(stop.number)
    try:
        code = child.wait()
    finally:
        stop.forward = None
    return code if code >= 0 else 128 - code


def die_with_parent() -> None:
    """On Linux: when the pipeline is killed, this child is killed too, so that nobody works on unseen."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes
    import signal

    parent = os.getppid()
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    except (OSError, AttributeError):
        return
    if os.getppid() != parent:
        os._exit(1)


@contextmanager
def lock() -> Iterator[None]:
    """One writer at a time. The lock of a dead process is free at once, because the system holds it."""
    import fcntl

    store.make_folder(STATE_FOLDER)
    with open(STATE_FOLDER / "lock", "a+") as file:  # noqa: PTH123
        deadline = time.monotonic() + _WAIT
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > deadline:
                    file.seek(0)
                    raise Problem(
                        "Another run of this project is in progress.",
                        where=str(Path(".pipeline_state") / "lock"),
                        why=f"process {file.read().strip() or 'unknown'} holds the lock",
                        fix="wait until it ends, or stop it, and run this command again",
                        exit_code=EXIT_FAILED,
                    ) from None
                time.sleep(0.05)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _start_anew(
    pipeline: Pipeline, state: State, last: int, roles: tuple[str, ...] | None, program: str
) -> None:
    steps = dict(state.steps)
    for step in pipeline.steps[: last + 1]:
        if program not in ("", step.program):
            continue
        if (roles is None or step.role in roles) and step.name in steps:
            del steps[step.name]
            store.remove_folder(STATE_FOLDER / "checkpoints" / step.name)
    if steps != state.steps:
        state.commit_all("fresh", "", steps)


def show_status(pipeline: Pipeline, as_json: bool) -> int:
    """What each step is, and why."""
    state = State(STATE_FOLDER)
    state.load()
    standings = pipeline.standings(state)
    if as_json:
        rows = [
            {
                "step": each.step.name,
                "role": each.step.role,
                "program": each.step.program,
                "status": each.status,
                "why": each.why,
                "attempt": each.record.attempt,
                "started": each.record.started,
                "ended": each.record.ended,
                "seconds": each.record.seconds,
                "error": each.record.error,
                "checkpoints": _checkpoints(each.step.name),
            }
            for each in standings
        ]
        print(json.dumps({"generation": state.generation, "steps": rows}, indent=1))
        return 0
    width = max([len("step"), *(len(each.step.name) for each in standings)])
    print(f"{'step':<{width}}  {'status':<11}  {'time':>9}  why")
    for each in standings:
        seconds = f"{each.record.seconds:.1f} s" if each.record.seconds else ""
        why = each.why or "its code, settings, inputs and files are unchanged"
        if each.status in ("interrupted", "running", "failed") and _checkpoints(each.step.name):
            why += "; it goes on from its checkpoint"
        print(f"{each.step.name:<{width}}  {each.status:<11}  {seconds:>9}  {why}")
    return 0


def _checkpoints(name: str) -> int:
    return sum(1 for _ in (STATE_FOLDER / "checkpoints" / name).glob("*.json"))


def clean() -> int:
    """Forget all results and checkpoints; the files that steps wrote stay."""
    with lock():
        for path in STATE_FOLDER.iterdir():
            if path.name != "lock":
                store.remove_folder(path) if path.is_dir() else store.remove(path)
    say("The state of the pipeline was removed; files that steps wrote are still there.")
    return 0


def roll_back(pipeline: Pipeline, name: str) -> int:
    """Forget the results of a step (the last one that is done, when none is named) and of those after it."""
    names = [step.name for step in pipeline.steps]
    with lock():
        state = State(STATE_FOLDER)
        state.prepare()
        done = [each for each in names if state.record(each).status != "pending"]
        if name and name not in names:
            raise Problem(f"There is no step {name!r}.", fix="one of: " + ", ".join(names))
        if not done:
            say("Nothing has run yet, so there is nothing to roll back.")
            return 0
        start = names.index(name or done[-1])
        steps = {each: record for each, record in state.steps.items() if each not in names[start:]}
        for each in names[start:]:
            store.remove_folder(STATE_FOLDER / "checkpoints" / each)
        state.commit_all("rolled back", names[start], steps)
    say(f"Rolled back to before {names[start]}: it and the steps after it will run again.")
    return 0


def check_stored(pipeline: Pipeline) -> int:
    """Check every stored object and the data files that the manifest lists."""
    state = State(STATE_FOLDER)
    state.load()
    problems = []
    for step in pipeline.steps:
        record: StepRecord = state.record(step.name)
        for name in record.objects() if record.status == "done" else ():
            try:
                state.objects.get(name)
            except Damaged:
                problems.append(
                    f"{step.name}: the stored object {name[:12]} is damaged or gone; it will run again"
                )
    problems += list(_check_manifest())
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        return EXIT_BAD_INPUT
    say(f"Stored results and data files are whole ({now()}).")
    return 0


def _check_manifest() -> Iterator[str]:
    path = PROJECT_ROOT / "data" / "manifest.json"
    if not path.exists():
        return
    try:
        files: dict[str, Any] = json.loads(path.read_bytes())["files"]
    except (ValueError, KeyError, TypeError):
        yield "data/manifest.json cannot be read"
        return
    for name, expected in files.items():
        target = PROJECT_ROOT / name
        if not target.is_file():
            yield f"{name} is missing"
        elif target.stat().st_size != expected.get("bytes", target.stat().st_size):
            yield f"{name} has {target.stat().st_size} bytes, not {expected['bytes']}"
        elif expected.get("sha256") and _sha256(target) != expected["sha256"]:
            yield f"{name} has another content than the manifest says"


def _sha256(path: Path) -> str:
    import hashlib

    with open(path, "rb") as file:  # noqa: PTH123
        return hashlib.file_digest(file, "sha256").hexdigest()


__all__ = [
    "check_stored",
    "chosen_program",
    "clean",
    "digest_file",
    "last_of_roles",
    "roll_back",
    "run",
    "show_status",
]
