"""Any order of runs, kills, damage and edits, against a simple model of which steps must run and what comes of it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from runtime_project import make_project

PIPELINE = """
import os
import signal

from .config.settings import settings
from .utils.checkpoint import Checkpoint, LoopState
from .utils.resume import Pipeline, Step


def setup():
    # Without a seed no checkpoint of a step would survive another run of the step before.
    import random

    random.seed(3)


def ran(name):
    with open(os.environ["TRACE"], "a") as file:
        file.write(name + "\\n")


def stop_in(name):
    if os.environ.get("KILL_IN") == name:
        os.kill(os.getpid(), signal.SIGKILL)
    if os.environ.get("FAIL_IN") == name:
        raise RuntimeError("made up")


def prepare():
    from .data import preprocessing

    ran("prepare")
    with open("data.txt") as file:
        data = int(file.read())
    with open("rows.txt", "a") as file:
        file.write("header\\n")
    stop_in("prepare")
    return preprocessing.prepared(data, settings.A)


def train(value):
    from .training import trainer

    ran("train")
    state = LoopState(total=0)
    with Checkpoint("loop", state) as checkpoint:
        for number in checkpoint.loop(range(4)):
            state.total += trainer.step(value, settings.B, number)
            with open("rows.txt", "a") as file:
                file.write(f"{state.total}\\n")
            if number == 2:
                stop_in("train")
    return state.total


def evaluate(total):
    from .training import evaluation

    ran("evaluate")
    with open("result.txt", "w") as file:
        file.write(str(evaluation.report(total)))
    stop_in("evaluate")


PIPELINE = Pipeline(
    Step("preprocess-data", prepare, role="preprocess", program="a", gives=("value",)),
    Step("train", train, role="train", program="a", takes=("value",), gives=("total",)),
    Step("evaluate", evaluate, role="evaluate", program="a", takes=("total",)),
    setup=setup,
    package=__package__,
)
"""
SETTINGS = "A: int = option(0)\nB: int = option(0)\nUNUSED: int = option(0)"
MODULES = {
    "prepare": ("data/preprocessing.py", "def prepared(data, a):\n    return (data + a + {0}) % 3\n"),
    "train": (
        "training/trainer.py",
        "def part(number):\n    return number + {0}\n\n\n"
        "def step(value, b, number):\n    return value * part(number) + b\n",
    ),
    "evaluate": ("training/evaluation.py", "def report(total):\n    return total * 10 + {0}\n"),
}
STEPS = ("prepare", "train", "evaluate")
NAMES = {"prepare": "preprocess-data", "train": "train", "evaluate": "evaluate"}
TARGETS = {"preprocess-data": 1, "train": 2, "train-all": 3}
small = st.integers(0, 2)


class Machine(RuleBasedStateMachine):
    """The project, and beside it what is known: all versions, and what each step last ran with."""

    @initialize()
    def make(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
        self.project = make_project(self.folder / "project", PIPELINE, SETTINGS)
        self.code = dict.fromkeys(STEPS, 0)
        self.settings = {"A": 0, "B": 0, "UNUSED": 0}
        self.data = self.lock = self.comments = 0
        self.done: dict[str, Any] = dict.fromkeys(STEPS)
        self.lost: set[str] = set()
        self.result: str | None = None
        self.rows_whole = True
        self.trace = self.folder / "trace.txt"
        for step in STEPS:
            self.write_code(step)
        self.write_settings()
        self.write("data.txt", "0")
        self.write("requirements.lock", "0")

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    def write(self, path: str, text: str) -> None:
        target = self.project.root / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)

    def write_code(self, step: str) -> None:
        path, text = MODULES[step]
        self.write(f"pkg/{path}", f"# comment {self.comments}\n" + text.format(self.code[step]))

    def write_settings(self) -> None:
        self.write("configs/default.yaml", "".join(f"{k}: {v}\n" for k, v in self.settings.items()))

    # -- the model --------------------------------------------------------------------------

    def key(self, step: str) -> Any:
        """What a run of a step depends on."""
        common = self.code[step], self.lock
        if step == "prepare":
            return *common, self.data, self.settings["A"]
        if step == "train":
            return *common, self.settings["B"], self.value("prepare")
        return *common, self.value("train")

    def value(self, step: str) -> int:
        """What a step gives now."""
        if step == "prepare":
            return (self.data + self.settings["A"] + self.code[step]) % 3
        if step == "train":
            return sum(self.rows())
        return self.value("train") * 10 + self.code[step]

    def rows(self) -> list[int]:
        value, b, code = self.value("prepare"), self.settings["B"], self.code["train"]
        return [value * (number + code) + b for number in range(4)]

    def due(self, last: int) -> list[str]:
        """The steps that a run has to run, in order."""
        found: list[str] = []
        for index, step in enumerate(STEPS[:last]):
            is_due = self.done[step] != self.key(step)
            # What `prepare` adds anew to rows.txt takes the place of what `train` had added behind it.
            is_due = is_due or (step == "train" and ("prepare" in found or not self.rows_whole))
            is_due = is_due or (step == "evaluate" and self.result != str(self.value(step)))
            if is_due:
                found += self.needed_again(index, found)
                found.append(step)
        return found

    def needed_again(self, index: int, found: list[str]) -> list[str]:
        """The steps before whose values are needed and lost."""
        if index == 0 or STEPS[index - 1] in found or STEPS[index - 1] not in self.lost:
            return []
        return [*self.needed_again(index - 1, found), STEPS[index - 1]]

    def went(self, steps: list[str]) -> None:
        for step in steps:
            self.done[step] = self.key(step)
            self.began(step)
            self.rows_whole = self.rows_whole or step == "train"

    def began(self, step: str) -> None:
        self.lost.discard(step)
        self.rows_whole = self.rows_whole and step != "prepare"
        if step == "evaluate":
            self.result = str(self.value(step))

    def ran(self) -> list[str]:
        found = self.trace.read_text().split() if self.trace.exists() else []
        self.trace.unlink(missing_ok=True)
        return found

    def run_project(self, target: str, code: int, **environment: str) -> list[str]:
        self.project.run(target, check=code, TRACE=str(self.trace), CHECKPOINT_EVERY="1", **environment)
        return self.ran()

    # -- what is done -----------------------------------------------------------------------

    @rule(command=st.sampled_from(list(TARGETS)))
    def run(self, command: str) -> None:
        expected = self.due(TARGETS[command])
        shown = self.project.statuses()
        if not self.lost:
            assert all(shown[NAMES[step]] != "done" for step in self.due(3))
            assert bool(self.due(3)) == (set(shown.values()) != {"done"})
        assert self.run_project(command, 0) == expected
        self.went(expected)
        assert self.run_project(command, 0) == []
        if command == "train-all":
            self.check_result()

    def check_result(self) -> None:
        assert (self.project.root / "result.txt").read_text() == str(self.value("evaluate"))
        totals = [sum(self.rows()[: end + 1]) for end in range(4)]
        lines = ["header", *map(str, totals)]
        assert (self.project.root / "rows.txt").read_text().splitlines() == lines

    @rule(step=st.sampled_from(STEPS), how=st.sampled_from(["KILL_IN", "FAIL_IN"]))
    def stop(self, step: str, how: str) -> None:
        expected = self.due(3)
        if step not in expected:
            return
        expected = expected[: expected.index(step) + 1]
        assert self.run_project("train-all", -9 if how == "KILL_IN" else 1, **{how: step}) == expected
        self.went(expected[:-1])
        self.began(step)
        self.done[step] = None

    @rule(step=st.sampled_from(STEPS), version=small)
    def edit_code(self, step: str, version: int) -> None:
        self.code[step] = version
        self.write_code(step)

    @rule(step=st.sampled_from(STEPS))
    def edit_comment(self, step: str) -> None:
        self.comments += 1
        self.write_code(step)

    @rule(name=st.sampled_from(["A", "B", "UNUSED"]), value=small)
    def edit_settings(self, name: str, value: int) -> None:
        self.settings[name] = value
        self.write_settings()

    @rule(value=small)
    def edit_data(self, value: int) -> None:
        self.data = value
        self.write("data.txt", str(value))

    @rule(value=small)
    def edit_lock(self, value: int) -> None:
        self.lock = value
        self.write("requirements.lock", str(value))

    @rule()
    def lose_result(self) -> None:
        (self.project.root / "result.txt").unlink(missing_ok=True)
        self.result = None

    @precondition(lambda self: any(self.done.values()))
    @rule(step=st.sampled_from(STEPS[:2]))
    def corrupt(self, step: str) -> None:
        """Damage what a step gave, both copies."""
        name = NAMES[step]
        folder = self.project.root / ".pipeline_state"
        state = json.loads(max((folder / "state").glob("*.json")).read_text())["steps"].get(name, {})
        for group in state.get("groups", ()):
            for copy in ("objects", "backups"):
                path = folder / copy / group["object"]
                if path.exists():
                    path.write_bytes(path.read_bytes()[:-1] + b"?")
        if state.get("status") == "done":
            self.lost.add(step)


HISTORIES: dict[str, tuple[Callable[[Machine], None], ...]] = {
    "code": (lambda m: m.run("train-all"), lambda m: m.edit_code("train", 2)),
    "a setting": (lambda m: m.run("train-all"), lambda m: m.edit_settings("B", 1)),
    "an input": (lambda m: m.run("train-all"), lambda m: m.edit_settings("A", 1)),
    "the lock file": (lambda m: m.run("train-all"), lambda m: m.edit_lock(1)),
    "a data file": (lambda m: m.run("train-all"), lambda m: m.edit_data(1)),
    "code after a kill": (lambda m: m.stop("train", "KILL_IN"), lambda m: m.edit_code("train", 2)),
    "a setting after a kill": (lambda m: m.stop("train", "KILL_IN"), lambda m: m.edit_settings("B", 1)),
    "an input after a kill": (lambda m: m.stop("train", "KILL_IN"), lambda m: m.edit_settings("A", 1)),
}
"""What is done before a last run; each is told apart by one comparison of the runtime."""


@pytest.mark.parametrize("what", HISTORIES)
def test_a_history(what: str) -> None:
    machine = Machine()
    try:
        machine.make()
        machine.edit_data(2)
        machine.edit_code("train", 1)  # each row of `train` is another one, and none is 0
        for step in HISTORIES[what]:
            step(machine)
        machine.run("train-all")
    finally:
        machine.teardown()


def run_machine(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


def test_some_histories() -> None:
    run_machine(4, 8)


@pytest.mark.slow
def test_many_histories() -> None:
    run_machine(60, 20)
