"""Patterns that the ladder found in research code of others: original and converted print the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import convert, run_original

PROGRAMS: dict[str, str] = {
    "names of the project in the author's code": """
seed = 3
width = 4
total = 0.0
class Attention:
    def __call__(self, values):
        context = [v / width for v in values]
        settings = {"width": width, "seed": seed}
        return sum(context) * settings["seed"]
def add(x):
    global total
    context = x * 2
    total += context
def describe(settings, Checkpoint=None, LoopState=None, source_path="here"):
    return f"{settings}, {source_path}, {seed}"
attention = Attention()
# train
for epoch in range(width):
    add(attention([epoch, seed]))
    print(epoch, total)
context = [seed, total]
print(context, describe(settings=context))
width = 5
print(attention([1.0]))
""",
    "process-wide state that is read before it is set": """
import os
import numpy as np
previous = os.environ.get("STUDY_MODE", "none")
os.environ["STUDY_MODE"] = "fast"
before = os.environ["STUDY_MODE"]
np.set_printoptions(precision=2)
print(previous, before, os.environ["STUDY_MODE"], np.array([1.23456]))
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_prints_the_same(name: str, tmp_path: Path) -> None:
    files = {"main.py": PROGRAMS[name].lstrip("\n")}
    original = run_original(files, tmp_path / "original")
    assert original.returncode == 0, original.stderr
    converted = convert(files, tmp_path / "project")
    result = converted.run()
    assert result.stdout == original.stdout, result.stderr
    assert result.returncode == 0, result.stderr
    assert [p.level for p in converted.modules.programs] == ["steps+loops"]
