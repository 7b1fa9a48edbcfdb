"""Ordinary research programs (tests/cases/loops), converted, and killed at every turn of their loops and every commit.

Whenever it is killed, the run that goes on ends with the same output and the same files, to the last bit, and does not
repeat what was done. By default a few programs are killed at a few turns; `-m slow` kills all of them everywhere.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness import convert, run, run_original

CASES = Path(__file__).parents[1] / "cases" / "loops"
DRIVER = Path(__file__).with_name("kill_driver.py")
WARM = {"numpy", "pandas", "torch", "tqdm", "gymnasium", "jax"}


@dataclass(frozen=True)
class Case:
    """A program: how many turns of loops it is expected to save, and whether it says that one of them cannot be."""

    turns: int
    share: int = 0
    """Every how many of its kills are tried by default; 0: none."""
    falls_back: bool = False


PROGRAMS = {
    "nested_with_patience": Case(8, share=5),
    "while_until_converged": Case(8),
    "wrapped_iterables": Case(20),
    "progress_bars": Case(8, share=4),
    "containers_with_attributes": Case(12, share=5),
    "functions_with_state": Case(9, share=3),
    "returns_and_exceptions": Case(8),
    "trainings_in_sequence": Case(5),
    "numpy_arrays": Case(8, share=4),
    "numpy_generators": Case(3),
    "generator_that_draws": Case(18, share=7),
    "generators_and_next": Case(25),
    "index_pools": Case(8, share=4),
    "iterators_and_buffers": Case(7),
    "replay_buffer": Case(17),
    "trainer_class": Case(3),
    "files_and_own_checkpoints": Case(4, share=3),
    "gymnasium_q_learning": Case(15),
    "jax_keys": Case(2),
    "torch_amp_ema": Case(16),
    "torch_gan": Case(8),
    "torch_iter_next": Case(12),
    "torch_loaders": Case(28),
    "torch_trainer": Case(3),
    "torch_workers": Case(20),
    "torch_persistent_loops": Case(17),
    "torch_persistent_workers": Case(8),
}


def imported(text: str) -> set[str]:
    """The libraries that a program imports."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def expect_same_whenever_killed(name: str, folder: Path, share: int) -> None:
    case, text = PROGRAMS[name], (CASES / f"{name}.py").read_text()
    libraries = sorted(imported(text) & WARM)
    for library in libraries:
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
    original = run_original({"main.py": text}, folder / "original")
    assert original.returncode == 0, original.stderr
    converted = convert({"main.py": text}, folder / "project")
    # An optimizer's first step imports this one, which takes seconds.
    warm = [*libraries, *(["torch._dynamo"] if "torch" in libraries else [])]
    arguments = [converted.package, str(converted.root), str(folder / "kills"), str(share), *warm]
    done = run([sys.executable, str(DRIVER), *arguments], folder)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    straight = found["straight"]
    assert (found["code"], straight["stdout"]) == (0, original.stdout), straight["stderr"]
    assert straight["turns"] == case.turns
    assert ("goes on without checkpoints" in straight["stderr"]) is case.falls_back
    assert found["kills"]
    for kill in found["kills"]:
        _expect_same(kill, straight, case)


def _expect_same(kill: dict[str, Any], straight: dict[str, Any], case: Case) -> None:
    killed, resumed = kill["killed"], kill["resumed"]
    where = f"killed at turn {killed['turns']}, {killed['at']}:\n{resumed['stderr'][-2000:]}"
    assert kill["code"] == 0, where
    assert not kill["differ"], f"{kill['differ']} differ, {where}"
    if case.falls_back:
        # The step may start again, and says again what it had said.
        assert resumed["stdout"].endswith(straight["stdout"][-200:]), where
        return
    if killed["at"].endswith(" done"):
        # A step's last output is out before the step counts as done: it may come again, but it is never lost.
        assert straight["stdout"].startswith(killed["stdout"]), where
        assert straight["stdout"].endswith(resumed["stdout"].removeprefix(killed["stdout"])), where
    else:
        assert resumed["stdout"] == straight["stdout"], where
    assert "did not work" not in resumed["stderr"], where
    assert resumed["turns"] <= straight["turns"] - killed["turns"] + 1, where


def marked(name: str) -> Any:
    return pytest.param(name, marks=[pytest.mark.torch] if name.startswith("torch") else [])


@pytest.mark.parametrize("name", [name for name, case in PROGRAMS.items() if case.share])
def test_killed_at_some_turns(tmp_path: Path, name: str) -> None:
    expect_same_whenever_killed(name, tmp_path, PROGRAMS[name].share)


@pytest.mark.slow
@pytest.mark.parametrize("name", [marked(name) for name in PROGRAMS])
def test_killed_at_every_turn(tmp_path: Path, name: str) -> None:
    expect_same_whenever_killed(name, tmp_path, 1)


def test_every_program_is_in_the_table() -> None:
    assert sorted(path.stem for path in CASES.glob("*.py")) == sorted(PROGRAMS)
