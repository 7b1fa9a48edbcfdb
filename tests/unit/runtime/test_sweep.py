"""What a sweep's file may say, what a trial tells, and how a sweep takes it."""

from __future__ import annotations

import json
import math
import os
import re
import sys
import typing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from graduate.runtime import mirror, trial
from graduate.runtime.configuration import ProjectSettings, option
from graduate.runtime.problems import Problem
from graduate.runtime.sweep_file import Choices, Plan, Range, make_plan
from graduate.runtime.sweep_report import sort_trials
from graduate.runtime.sweep_trial import Reported


class Settings(ProjectSettings):
    lr: float = option(0.1)
    width: int = option(8)
    kind: str = option("a", choices=("a", "b"))
    sizes: list[int] = option([1, 2])
    fast: bool = option(False)
    key: str = option("", secret=True)


OPTIONS = Settings._options
for _name, _type in typing.get_type_hints(Settings).items():
    if _name in OPTIONS:
        OPTIONS[_name].annotation = _type


def plan_of(**changed: Any) -> Plan:
    whole = {"metric": "loss", "direction": "minimize", "settings": {"lr": {"low": 1, "high": 2}}}
    return make_plan({**whole, **changed}, OPTIONS, "configs/sweep.yaml")


@pytest.mark.parametrize(
    ("name", "given", "found"),
    [
        ("lr", {"low": 1e-3, "high": 1, "log": True}, Range(0.001, 1.0, log=True)),
        ("lr", {"low": 1, "high": 3, "step": 0.5}, Range(1.0, 3.0, step=0.5)),
        ("width", {"low": 2, "high": 9}, Range(2, 9, whole=True)),
        ("kind", {"choices": ["a", "b"]}, Choices({"a": "a", "b": "b"})),
        ("kind", ["a", "b"], Choices({"a": "a", "b": "b"})),
        ("fast", [True, False], Choices({"true": True, "false": False})),
        ("sizes", [[1], [2, 3]], Choices({"[1]": [1], "[2, 3]": [2, 3]})),
    ],
)
def test_values_of_a_setting(name: str, given: Any, found: Range | Choices) -> None:
    assert plan_of(settings={name: given}).space == {name: found}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"settings": None}, "no settings to try"),
        ({"settings": [1]}, "not a mapping"),
        ({"metric": None}, "no metric"),
        ({"direction": "up"}, "no direction"),
        ({"metrik": 1}, "did you mean 'metric'"),
        ({"settings": {"lrr": {"low": 1, "high": 2}}}, "did you mean 'lr'"),
        ({"settings": {"lr": {"low": 2, "high": 1}}}, r"low \(2.0\) is not below high"),
        ({"settings": {"lr": {"low": 0, "high": 1, "log": True}}}, "above 0"),
        ({"settings": {"lr": {"low": 1}}}, "needs low and high"),
        ({"settings": {"lr": {"low": "x", "high": 1}}}, "not a valid value"),
        ({"settings": {"width": {"low": 1, "high": 4, "step": 0.5}}}, "whole number"),
        ({"settings": {"kind": {"low": "a", "high": "b"}}}, "are no numbers"),
        ({"settings": {"kind": ["a", "c"]}}, "not a possible value"),
        ({"settings": {"kind": ["a"]}}, "two values or more"),
        ({"settings": {"key": ["a", "b"]}}, "is a secret"),
        ({"command": "clean"}, "one of: train"),
        ({"seed": -1}, "a whole number"),
        ({"prune": 1}, "true or false"),
    ],
)
def test_what_the_file_may_not_say(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(Problem) as problem:
        plan_of(**changed)
    text = str(problem.value)
    assert re.search(said, text), text
    assert problem.value.where.startswith("configs/sweep.yaml")
    assert problem.value.fix


class Told:
    """Optuna's trial as far as it is asked."""

    def __init__(self, limit: float = math.inf) -> None:
        self.values: list[tuple[int, float]] = []
        self.limit = limit

    def report(self, value: float, turn: int) -> None:
        self.values.append((turn, value))

    def should_prune(self) -> bool:
        return bool(self.values) and self.values[-1][1] > self.limit


def lines_of(*values: float) -> list[dict[str, Any]]:
    return [{"step": "s", "block": "b", "loop": 0, "turn": i, "value": v} for i, v in enumerate(values, 1)]


def reported(
    path: Path, *entries: dict[str, Any], told: Told | None = None, known: int = 0, **plan: Any
) -> Reported:
    path.write_text("".join(json.dumps(each) + "\n" for each in entries))
    found = Reported(told or Told(), known, plan_of(**plan), path)
    found.look()
    return found


def test_turns_are_handed_on_once(tmp_path: Path) -> None:
    told = Told()
    path = tmp_path / "trial.jsonl"
    found = reported(path, *lines_of(3, 2), *lines_of(3, 2, 1), told=told, known=1)
    assert told.values == [(2, 2), (3, 1)]
    assert found.result == 1
    with path.open("a") as file:
        file.write('{"step": "s", "given": true, "val')
        file.flush()
        found.look()
        assert found.result == 1
        file.write('ue": 7}\n')
    found.look()
    assert found.result == 7


def test_what_a_trial_is_judged_by(tmp_path: Path) -> None:
    path = tmp_path / "trial.jsonl"
    assert reported(path, *lines_of(3, 1, 2)).result == 2
    assert reported(path, *lines_of(3, 1, 2), value="best").result == 1
    assert reported(path, *lines_of(3, 1, 2), value="best", direction="maximize").result == 3
    assert reported(path, {"step": "s", "names": ["x"]}).result is None


def test_a_trial_is_pruned_at_the_first_turn_that_calls_for_it(tmp_path: Path) -> None:
    path = tmp_path / "trial.jsonl"
    found = reported(path, *lines_of(1, 5, 1), told=Told(limit=2))
    assert found.is_pruned
    assert found.turns == 2
    assert reported(path, *lines_of(1, math.nan, 1)).is_pruned
    assert not reported(path, *lines_of(1, 5, math.nan), told=Told(limit=2), prune=False).is_pruned


def test_trials_are_sorted() -> None:
    def each(number: int, state: str, value: float = 0) -> Any:
        return SimpleNamespace(number=number, state=SimpleNamespace(name=state), value=value)

    trials = [
        each(0, "FAIL"),
        each(1, "COMPLETE", 2),
        each(2, "RUNNING"),
        each(3, "PRUNED"),
        each(4, "COMPLETE", 1),
    ]
    assert [one.number for one in sort_trials(trials, plan_of())] == [4, 1, 3, 0]
    assert [one.number for one in sort_trials(trials, plan_of(direction="maximize"))] == [1, 4, 3, 0]


def test_a_loop_tells_its_metric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(trial, "append_line", lambda path, entry: lines.append(entry))
    block: Any = SimpleNamespace(path="b#0", state=SimpleNamespace(best=1.0, history={"loss": [3.0, 2.0]}))
    run: Any = SimpleNamespace(name="train", package="pkg", stack=[block])
    for metric, value in (("best", 1.0), ("history.loss", 2.0), ("accuracy", 0.5)):
        monkeypatch.setenv(trial.METRIC, metric)
        turns = trial.Turns(run)
        accuracy = 0.5
        assert accuracy
        turns.note(block, 0, 1, hash(sys._getframe()))
        assert lines.pop() == {"step": "train", "block": "b#0", "loop": 0, "turn": 1, "value": value}
    monkeypatch.setenv(trial.METRIC, "lost")
    turns = trial.Turns(run)
    turns.note(block, 0, 1)
    turns.note(block, 0, 2)
    turns.note_given({"lost": math.inf})
    assert lines == [
        {"step": "train", "names": ["best", "history.loss"]},
        {"step": "train", "given": True, "value": math.inf},
    ]


def test_long_loops_tell_fewer_turns() -> None:
    told = [turn for turn in range(1, 20001) if trial.is_told(turn)]
    assert told[:100] == list(range(1, 101))
    assert told[100:191:45] == [110, 560, 1100]
    assert len(told) == 290
    assert told[-1] == 20000


def test_a_trial_leaves_the_project_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "project"
    mine = root / ".pipeline_state" / "sweep" / "trials" / "0"
    (root / "data").mkdir(parents=True)
    (root / "data" / "x.csv").write_text("1")
    (tmp_path / "outside.csv").write_text("2")
    (root / "near.csv").symlink_to("data/x.csv")
    (root / "far.csv").symlink_to("../outside.csv")
    monkeypatch.setattr(mirror, "PROJECT_ROOT", root)
    monkeypatch.setattr(mirror, "STATE_FOLDER", root / ".pipeline_state")
    mirror.copy_tree(root, mine)
    assert (mine / "far.csv").read_text() == "2"
    assert os.readlink(mine / "near.csv") == "data/x.csv"  # noqa: PTH115
    assert not (mine / ".pipeline_state" / "sweep").exists()
    monkeypatch.setattr(mirror, "PROJECT_ROOT", mine)
    monkeypatch.setattr(mirror, "_project", str(root))
    mirror.before_write(str(mine / "data" / "x.csv"))
    (mine / "data" / "x.csv").write_text("changed")
    assert (root / "data" / "x.csv").read_text() == "1"
    mirror.before_write(str(tmp_path / "elsewhere.txt"))
    with pytest.raises(Problem, match="into the project itself"):
        mirror.before_write(str(root / "data" / "x.csv"))
