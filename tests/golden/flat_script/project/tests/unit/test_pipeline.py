"""The pipeline: its steps fit each other and what the conversion recorded."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flat_script.pipeline import PIPELINE

ROOT = Path(__file__).resolve().parents[2]
RECORDED: list[dict[str, Any]] = json.loads((ROOT / "conversion.json").read_text(encoding="utf-8"))["steps"]
LIBRARIES = []


def test_the_steps_are_those_of_the_conversion_in_order() -> None:
    assert [step.name for step in PIPELINE.steps] == [each["name"] for each in RECORDED]


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda each: each["name"])
def test_a_step_takes_and_gives_what_was_recorded(recorded: dict[str, Any]) -> None:
    step = next(each for each in PIPELINE.steps if each.name == recorded["name"])
    assert step.run.__name__ == recorded["function"]
    assert (step.role, step.program) == (recorded["role"], recorded["program"])
    assert list(step.takes) == recorded["takes"]
    assert list(step.gives) == recorded["gives"]
    assert list(inspect.signature(step.run).parameters) == recorded["takes"]


@pytest.mark.parametrize("index", range(len(PIPELINE.steps)), ids=lambda i: PIPELINE.steps[i].name)
def test_what_a_step_takes_is_given_before(index: int) -> None:
    step = PIPELINE.steps[index]
    before = [each for each in PIPELINE.steps[:index] if each.program == step.program]
    assert set(step.takes) <= {name for each in before for name in each.gives}


def test_looking_at_the_pipeline_imports_no_library() -> None:
    # Some libraries are there before: they put a .pth file into the environment.
    code = (
        "import sys; before = set(sys.modules); import flat_script.pipeline; "
        f"print(*sorted(set({LIBRARIES!r}) & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
