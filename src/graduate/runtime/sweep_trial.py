"""One trial of a sweep, seen from the sweep: its copy of the project, its process, and what it tells of the metric."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import mirror, store, trial
from .paths import PROJECT_ROOT, STATE_FOLDER
from .signals import stop
from .state import State
from .steps import Pipeline
from .sweep_file import Plan

FOLDER = STATE_FOLDER / "sweep"
TREES = FOLDER / "trials"
LOGS = FOLDER / "logs"
_LOOK = 0.1
_GRACE = 10.0
"""Seconds that a pruned trial has to end by itself."""


def make_tree(number: int, plan: Plan, pipeline: Pipeline) -> None:
    """The trial's copy of the project. What steps have done that no tried setting concerns, is done in it too."""
    tree = TREES / str(number)
    if tree.exists():
        return
    half = TREES / f"{number}.new"
    store.remove_folder(half)
    mirror.copy_tree(PROJECT_ROOT, half)
    state = State(half / STATE_FOLDER.name)
    state.prepare()
    kept = _find_reused(state, plan, pipeline)
    steps = {name: each if name in kept else each.forgotten() for name, each in state.steps.items()}
    for name in steps.keys() - kept:
        store.remove_folder(state.root / "checkpoints" / name)
    if steps:
        state.commit_all("sweep", "", steps)
    store.rename(half, tree)


def _find_reused(state: State, plan: Plan, pipeline: Pipeline) -> set[str]:
    """The steps before the first one that has read a setting that is tried, or that is not done."""
    kept: set[str] = set()
    for step in pipeline.steps:
        record = state.record(step.name)
        if not plan.reuse or record.status != "done" or not plan.space.keys().isdisjoint(record.settings):
            break
        kept.add(step.name)
    return kept


def start(
    number: int, plan: Plan, package: str, settings: dict[str, str], fixed: list[str]
) -> subprocess.Popen[bytes]:
    """The process of a trial, in its tree. It does not hear what the terminal sends: the sweep hands it on."""
    environment = {
        **os.environ,
        **{f"{package}_{name}".upper(): text for name, text in settings.items()},
        trial.OF: str(PROJECT_ROOT),
        trial.METRIC: plan.metric,
        "PIPELINE_RECORD": "0",
    }
    with open(LOGS / f"{number}.log", "ab") as log:  # noqa: PTH123
        return subprocess.Popen(
            [sys.executable, "-m", package, plan.command, *fixed],
            cwd=TREES / str(number),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def watch(process: subprocess.Popen[bytes], reported: Reported) -> int | None:
    """The exit code of the trial; None when it was stopped because it is not worth its time."""
    stop.forward = process.send_signal
    if stop:
        process.send_signal(stop.number)
    try:
        while not reported.is_pruned:
            code = process.poll()
            reported.look()
            if code is not None:
                return None if reported.is_pruned else code if code >= 0 else 128 - code
            time.sleep(_LOOK)
    finally:
        stop.forward = None
        if process.poll() is None:
            _end(process)
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a trial and all that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def tidy(needed: Collection[int]) -> None:
    """Remove the trees of all trials but these."""
    for tree in TREES.iterdir():
        if not tree.name.isdigit() or int(tree.name) not in needed:
            store.remove_folder(tree)


class Reported:
    """What a trial has told of its metric, handed on to Optuna turn by turn: `begun` is Optuna's trial."""

    def __init__(self, begun: Any, known: int, plan: Plan, path: Path) -> None:
        self.begun = begun
        self.plan = plan
        self.path = path
        self.names: set[str] = set()
        self.is_pruned = False
        self.values: dict[str, float] = {}
        self.given: float | None = None
        self._known = known
        self._offset = 0

    @property
    def turns(self) -> int:
        return len(self.values)

    @property
    def result(self) -> float | None:
        """What the trial is judged by."""
        if self.given is not None or not self.values:
            return self.given
        values = list(self.values.values())
        if self.plan.value == "best":
            finite = [each for each in values if math.isfinite(each)] or values
            return min(finite) if self.plan.direction == "minimize" else max(finite)
        return values[-1]

    def look(self) -> None:
        """Take in the whole lines that are new."""
        with suppress(FileNotFoundError), open(self.path, "rb") as file:  # noqa: PTH123
            file.seek(self._offset)
            text = file.read()
            whole = text[: text.rfind(b"\n") + 1]
            self._offset += len(whole)
            for line in whole.splitlines():
                with suppress(ValueError):
                    self._take(json.loads(line))
                if self.is_pruned:
                    return

    def _take(self, entry: dict[str, Any]) -> None:
        self.names.update(entry.get("names", ()))
        if "value" not in entry:
            return
        value = float(entry["value"])
        turn = repr([entry.get(each) for each in ("step", "block", "loop", "turn")])
        if entry.get("given"):
            self.given = value
        elif turn not in self.values:
            # After a restart the turns since the last checkpoint are told again.
            self.values[turn] = value
            if self.turns > self._known:
                self.begun.report(value, self.turns)
            if self.turns >= self._known and self.plan.prune:
                self.is_pruned = not math.isfinite(value) or self.begun.should_prune()
