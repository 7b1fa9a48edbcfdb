"""Runs steps under the lock, in child processes where research programs must not mix."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import Any

from . import optional, store, world
from .ends import ROLLED_BACK
from .lock import lock
from .log import say
from .paths import DATA_PROFILE, MODEL_RECORD, PROJECT_ROOT, STATE_FOLDER
from .problems import EXIT_BAD_INPUT, EXIT_FAILED, EXIT_INTERRUPTED, Problem
from .process import die_with_parent, run_child
from .signals import stop
from .state import State
from .steps import Pipeline
from .world import CHILD

_SEVERAL = ("GPUS", "PROCS", "NODES")
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
    state = State(STATE_FOLDER)
    if CHILD in os.environ:
        return _run_part(pipeline, state)
    chosen = [each for each in range(last + 1) if program in ("", pipeline.steps[each].program)]
    launch, job = _find_launch(pipeline, chosen)
    several = job is not None and job.size > 1
    if several and job.node > 0:
        return int(launch.follow(pipeline, state, chosen, job, arguments))
    with lock():
        state.prepare()
        before = state.generation
        if fresh:
            _start_anew(pipeline, state, last, roles, program)
        groups = [g for g in _programs(pipeline, last) if program in ("", pipeline.steps[g[0]].program)]
        if job is not None:
            launch.check_stopped(pipeline, state, chosen, job)
        if several:
            groups = [part for group in groups for part in launch.apart(pipeline, *group)]
        # A step may change the environment; a process that goes on in its place starts with what this one had.
        environment = dict(os.environ)
        stop.install()
        try:
            code = ROLLED_BACK
            if not any(pipeline.reason(index, state) for index in chosen):
                code = 0
            elif groups == [(0, last)] and not several:
                code = _run_here(pipeline, state, last)
            for _ in range(_MOST_ROLLBACKS + sum(step.retries for step in pipeline.steps)):
                if code != ROLLED_BACK:
                    break
                code = _run_groups(pipeline, state, groups, arguments, environment, job if several else None)
                state.load()
            is_whole = code == 0 and last == len(pipeline.steps) - 1 and state.generation != before
            records = is_whole and os.environ.get("PIPELINE_RECORD") != "0"
            if records and not DATA_PROFILE.exists():
                from . import data_checks

                data_checks.record_first_run(pipeline, state)
        finally:
            stop.uninstall()
    code = _report(pipeline, last, code)
    if records:
        _describe_model(pipeline)
    return code


def _find_launch(pipeline: Pipeline, chosen: list[int]) -> tuple[Any, Any]:
    """What runs steps in several processes, and the job that is asked for, where there is that. Raises `Problem`."""
    launch = optional.find("launch")
    if launch is not None:
        job = launch.asked_for()
        if job.size > 1:
            check_shareable(pipeline, chosen)
        return launch, job
    asked = [name for name in _SEVERAL if os.environ.get(name, "").strip() not in ("", "0", "1")]
    if asked:
        check_shareable(pipeline, chosen)
        optional.need("launch", "be run by several processes", asked[0], "no step of it can be shared out")
    return None, None


def check_shareable(pipeline: Pipeline, indexes: list[int]) -> None:
    """Raise `Problem`, before anything runs, when the steps to be shared out cannot be."""
    training = [
        pipeline.steps[index] for index in indexes if pipeline.steps[index].role in ("train", "wrapped")
    ]
    reasons = [(step, why) for step in training for why in step.alone]
    if not training or reasons:
        step, why = reasons[0] if reasons else (None, "no step of it trains")
        where, _, what = why.rpartition(": ")
        raise Problem(
            "This project cannot be run by several processes.",
            where=where or (step.name if step else "pipeline.py"),
            why=what + (f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""),
            fix="run it with one process: without GPUS, PROCS and NODES",
        )


def _run_here(pipeline: Pipeline, state: State, last: int) -> int:
    from .runner import Runner  # not at the top: only who runs steps needs it

    return Runner(pipeline, state).run(0, last)


def _run_part(pipeline: Pipeline, state: State) -> int:
    """Run the steps that this process was started for."""
    from .runner import Runner

    first, last = map(int, os.environ[CHILD].split("-"))
    die_with_parent()
    distributed = optional.find("distributed") if world.SIZE > 1 else None
    if distributed is not None:
        distributed.start()  # until all are there, a signal ends this process at once
    stop.is_child, stop.is_shared = True, world.SIZE > 1
    stop.install()
    state.load()
    code = Runner(pipeline, state).run(first, last)
    if distributed is not None and code == 0:
        distributed.end()
    elif distributed is not None and code == EXIT_INTERRUPTED:
        os.kill(os.getppid(), signal.SIGTERM)  # to torchrun, which would start again what only stopped
    return code


def _describe_model(pipeline: Pipeline) -> None:
    """After the first good run, record which input its model takes: in a process of its own."""
    if not pipeline.models or MODEL_RECORD.exists():
        return
    import subprocess

    command = [sys.executable, "-m", pipeline.package, "describe-model"]
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            command, cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL, timeout=_LONGEST_DESCRIBING, check=False
        )


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
    job: Any,
) -> int:
    """Run these runs of steps, each in a process of its own, or in those of a job (None: one process)."""
    launch = optional.find("launch") if job is not None else None
    for first, last in groups:
        state.load()
        if not any(pipeline.reason(index, state) for index in range(first, last + 1)):
            continue
        for_part = {**environment, CHILD: f"{first}-{last}"}
        if launch is not None and launch.is_shared(pipeline, first):
            code = int(launch.run_shared(job, pipeline.package, arguments, for_part))
        else:
            code = run_child([sys.executable, "-m", pipeline.package, *arguments], for_part)
        if code:
            return code
    return 0


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
