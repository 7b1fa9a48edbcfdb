"""What the watched functions of a project report: the last value of each name, wherever the loop kept it."""

from __future__ import annotations

import ast
import contextlib
from typing import Any

import pytest

from graduate.verify.observer import converted, instrument
from graduate.verify.observer.converted import Watch

LOOP_STATE = """
class LoopState:
    def __init__(self, **names):
        vars(self).update(names)


class Checkpoint:
    def __init__(self, name, state):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False
"""


def run(function: str, call: str = "part()") -> dict[str, Any]:
    """The names that `part` reports when the call ends, however it ends."""
    watch = Watch(
        {"package": "study", "segments": {"training": {"part": ["main"]}}, "wrapped": {}, "settings": {}}
    )
    tree = ast.parse(LOOP_STATE + function)
    instrument.watch_functions(tree, ["part"])
    space: dict[str, Any] = {"__name__": "study.training", instrument.REPORT: watch.report}
    exec(compile(tree, "part.py", "exec"), space)
    with contextlib.suppress(ValueError):
        exec(call, space)
    found = watch.programs.get("main", {})
    return {name: value for name, value in found.items() if name not in ("state", "checkpoint")}


@pytest.mark.parametrize(
    ("function", "names"),
    [
        ("def part():\n    x = 1\n    x = 2\n", {"x": 2}),
        ('def part():\n    """Only a docstring."""\n', {}),
        ("def part(x=1):\n    return x\n", {"x": 1}),
        ("def part():\n    x = 1\n    raise ValueError\n", {"x": 1}),
        ("def part():\n    x = 1\n    y = lambda: x\n    del x\n    x = 3\n    y = y()\n", {"x": 3, "y": 3}),
        ("def part():\n    for x in range(3):\n        if x == 1:\n            return\n", {"x": 1}),
        ("def other():\n    z = 1\ndef part():\n    x = 1\n    other()\n", {"x": 1}),
    ],
)
def test_the_last_values_of_locals_are_reported(function: str, names: dict[str, Any]) -> None:
    assert run(function) == names


STATES = {
    "a name that only the loop rebinds": (
        """
def part():
    best = 0
    state = LoopState(best=best)
    with Checkpoint("part", state) as checkpoint:
        state.best = 5
""",
        {"best": 5},
    ),
    "a name that is assigned again after the loop": (
        """
def part():
    best = 0
    state = LoopState(best=best)
    with Checkpoint("part", state) as checkpoint:
        state.best = 5
    best = state.best
    best += 1
""",
        {"best": 6},
    ),
    "two loops, one after the other": (
        """
def part():
    a = b = 0
    state = LoopState(a=a)
    with Checkpoint("part", state) as checkpoint:
        state.a = 1
    state = LoopState(b=b)
    with Checkpoint("part-2", state) as checkpoint:
        state.b = 2
""",
        {"a": 1, "b": 2},
    ),
    "two loops that carry the same name": (
        """
def part():
    a = 0
    state = LoopState(a=a)
    with Checkpoint("part", state) as checkpoint:
        state.a = 1
    a = state.a
    state = LoopState(a=a)
    with Checkpoint("part-2", state) as checkpoint:
        state.a += 10
""",
        {"a": 11},
    ),
    "a loop around a loop": (
        """
def part():
    a = 0
    for seed in range(2):
        a = 0
        state = LoopState(a=a)
        with Checkpoint("part", state) as checkpoint:
            state.a = seed + 7
""",
        {"a": 8, "seed": 1},
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_loop_states_are_reported_in_order(name: str) -> None:
    function, names = STATES[name]
    assert run(function) == names


def test_a_second_call_starts_anew() -> None:
    function = """
def part(first):
    a = 0
    if first:
        state = LoopState(a=a)
        with Checkpoint("part", state) as checkpoint:
            state.a = 1
"""
    assert run(function, "part(True); part(False)") == {"a": 0, "first": False}


def test_the_function_keeps_its_docstring_and_its_lines() -> None:
    text = 'def part():\n    """Says."""\n    x = 1\n    raise ValueError\n'
    tree = ast.parse(text)
    instrument.watch_functions(tree, ["part"])
    space: dict[str, Any] = {instrument.REPORT: lambda *_: None}
    exec(compile(tree, "part.py", "exec"), space)
    assert space["part"].__doc__ == "Says."
    with pytest.raises(ValueError) as error:  # noqa: PT011
        space["part"]()
    assert error.traceback[-1].lineno == 3


def test_a_module_reports_its_names_and_keeps_what_must_stand_first() -> None:
    reported: dict[str, Any] = {}
    text = '"""Doc."""\nfrom __future__ import annotations\nx = 1\n'
    tree = ast.parse(text)
    instrument.watch_module(tree, "train")
    space: dict[str, Any] = {
        "__name__": "study.training.train_program",
        instrument.REPORT: lambda label, module, names: reported.update({label: names["x"]}),
    }
    exec(compile(tree, "m.py", "exec", dont_inherit=True), space)
    assert reported == {"program train": 1}
    assert space["__doc__"] == "Doc."


FINISHED_BEFORE = """
def part():
    fold, share, total = "early", "early", 0
    state = LoopState(total=total)
    with Checkpoint("part", state) as checkpoint:
        checkpoint.is_done = {is_done}
        for fold in {folds}:
            share = fold * 2
            state.total += share
    last = 1
    total = state.total
"""


def test_what_only_a_loop_of_an_earlier_process_assigned_is_not_known() -> None:
    """Such names are read by nothing after the loop, so that they are not restored either."""
    straight = finish(FINISHED_BEFORE.format(is_done=False, folds=[1, 2]))
    assert straight == {"fold", "share", "total", "last"}
    resumed = finish(FINISHED_BEFORE.format(is_done=True, folds=[]))
    assert resumed == {"total", "last"}


def finish(function: str) -> set[str]:
    """The names whose values are written down when the process of `part` ends."""
    return {name for name, value in run(function).items() if value is not converted.GONE}
