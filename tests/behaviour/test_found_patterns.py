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


FOLDERS: dict[str, dict[str, str]] = {
    "modules with the names of files that every project has": {
        "main.py": "import output\nfrom files import save\nsave(output.add(2))\n",
        "files.py": "def save(x):\n    print('saving', x)\n",
        "output.py": "def add(x):\n    return x + 1\n",
    },
    "modules and folders whose names are no identifiers": {
        "main.py": """
import importlib
import sys
sys.path.append("exp-a")
from data import rows
odd = importlib.import_module("2-odd name")
print(rows(), odd.twice(4), odd.helper.NAME)
""",
        "2-odd name.py": "import helper\ndef twice(x):\n    return 2 * x\n",
        "2 odd-name.py": "def twice(x):\n    return 3 * x\n",
        "helper.py": "NAME = __name__\n",
        "exp-a/data.py": "def rows():\n    return [1, 2]\n",
        "exp-b/data.py": "def rows():\n    return [3, 4]\n",
    },
    "modules that are chosen by a name made of literals": {
        "main.py": """
from importlib import import_module
import importlib
choice = "small"
for kind in ["small", "large"]:
    print(importlib.import_module("nets." + kind).SIZE, import_module(f"nets.{kind}").__name__.split(".")[-1])
print(getattr(import_module("nets.small"), "make")(), importlib.import_module("json").dumps([choice]))
""",
        "nets/__init__.py": "",
        "nets/small.py": "from .large import SIZE as OTHER\nSIZE = 1\ndef make():\n    return SIZE + OTHER\n",
        "nets/large.py": "SIZE = 10\n",
    },
}


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_print_the_same(name: str, tmp_path: Path) -> None:
    files = {path: text.lstrip("\n") for path, text in FOLDERS[name].items()}
    original = run_original(files, tmp_path / "original")
    assert original.returncode == 0, original.stderr
    result = convert(files, tmp_path / "project").run()
    assert result.stdout == original.stdout, result.stderr
    assert result.returncode == 0, result.stderr
