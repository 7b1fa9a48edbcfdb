"""Runs steps under the lock, in child processes where research programs must not mix."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

from . import launch, store, world
from .ends import ROLLED_BACK
from .lock import lock
from .log import say
from .paths import MODEL_RECORD, PROJECT_ROOT, STATE_FOLDER
from .problems import EXIT_BAD_INPUT, EXIT_FAILED, EXIT_INTERRUPTED, Problem
from .signals import stop
from .state import State
from .steps import Pipeline

_CHILD = launch.CHILD
_MOST_ROLLBACKS = 20
_LONGEST_DESCRIBING = 300


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
    from .runner import Runner

    state = State(STATE_FOLDER)
    part = os.environ.get(_CHILD)
    if part is not None:
        first, end = map(int, part.split("-"))
        die_with_parent()
        if world.SIZE > 1:
            from . import distributed

            distributed.start()  # until all are there, a signal ends this process at once
        stop.is_child, stop.is_shared = True, world.SIZE > 1
        stop.install()
        state.load()
        code = Runner(pipeline, state).run(first, end)
        if world.SIZE > 1 and code == 0:
            distributed.end()
        return code
    job = launch.asked_for()
    chosen = [each for each in range(last + 1) if program in ("", pipeline.steps[each].program)]
    if job.size > 1:
        launch.check_shareable(pipeline, chosen)
    if job.node > 0:
        return _follow(pipeline, state, chosen, job, arguments)
    with lock():
        state.prepare()
        before = state.generation
        if fresh:
            _start_anew(pipeline, state, last, roles, program)
        groups = [g for g in _programs(pipeline, last) if program in ("", pipeline.steps[g[0]].program)]
        launch.check_stopped(pipeline, state, chosen, job)
        if job.size > 1:
            groups = [part for group in groups for part in launch.apart(pipeline, *group)]
        # A step may change the environment; a process that goes on in its place starts with what this one had.
        environment = dict(os.environ)
        stop.install()
        try:
            code = (
                Runner(pipeline, state).run(0, last)
                if groups == [(0, last)] and job.size == 1
                else ROLLED_BACK
            )
            for _ in range(_MOST_ROLLBACKS + sum(step.retries for step in pipeline.steps)):
                if code != ROLLED_BACK:
                    break
                code = _run_groups(pipeline, state, groups, arguments, environment, job)
                state.load()
        finally:
            stop.uninstall()
    code = _report(pipeline, last, code)
    if code == 0 and last == len(pipeline.steps) - 1 and state.generation != before:
        _describe_model(pipeline)
    return code


def _describe_model(pipeline: Pipeline) -> None:
    """After the first good run, record which input its model takes: in a process of its own."""
    if not pipeline.models or MODEL_RECORD.exists() or os.environ.get("PIPELINE_DESCRIBE_MODEL") == "0":
        return
    command = [sys.executable, "-m", pipeline.package, "describe-model"]
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            command, cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL, timeout=_LONGEST_DESCRIBING, check=False
        )


def _follow(
    pipeline: Pipeline, state: State, chosen: list[int], job: launch.Job, arguments: list[str]
) -> int:
    """On another machine than the first: take part in the shared steps when the first one comes to them."""
    stop.install()
    try:
        for index in chosen:
            if launch.is_shared(pipeline, index) and launch.waits_for(state, pipeline, index):
                environment = {**os.environ, _CHILD: f"{index}-{index}"}
                code = launch.run_shared(job, pipeline.package, arguments, environment)
                if code:
                    return code
    finally:
        stop.uninstall()
    return EXIT_INTERRUPTED if stop else 0


def _report(pipeline: Pipeline, last: int, code: int) -> int:
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


def _run_groups(
    pipeline: Pipeline,
    state: State,
    groups: list[tuple[int, int]],
    arguments: list[str],
    environment: dict[str, str],
    job: launch.Job,
) -> int:
    for first, last in groups:
        state.load()
        if not any(pipeline.reason(index, state) for index in range(first, last + 1)):
            continue
        for_part = {**environment, _CHILD: f"{first}-{last}"}
        if job.size > 1 and launch.is_shared(pipeline, first):
            code = launch.run_shared(job, pipeline.package, arguments, for_part)
        else:
            code = _run_child([sys.executable, "-m", pipeline.package, *arguments], for_part)
        if code:
            return code
    return 0


def _run_child(command: list[str], environment: dict[str, str]) -> int:
    """Run steps in a process of their own, as the research program had one."""
    sys.stdout.flush()
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


def _start_anew(
    pipeline: Pipeline, state: State, last: int, roles: tuple[str, ...] | None, program: str
) -> None:
    steps = dict(state.steps)
    for step in pipeline.steps[: last + 1]:
        if program not in ("", step.program):
            continue
        if (roles is None or step.role in roles) and step.name in steps:
            steps[step.name] = state.record(step.name).forgotten()
            store.remove_folder(STATE_FOLDER / "checkpoints" / step.name)
    if steps != state.steps:
        state.commit_all("fresh", "", steps)
