"""Programs of every shape, converted by graduate itself, are verified; and a slip in what was generated is found."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from graduate import conversion
from graduate.model.plan import Level
from graduate.model.verdict import Finding, Verdict
from graduate.verify.report import render_text
from harness import notebook, write_files

PYTHON = Path(sys.executable)

LOOP = """\
import random
import time

N_EPOCHS = 30
random.seed(1)
# load the data
data = [random.random() for _ in range(8)]
print("data", sum(data))
# train the model
weight = 0.0
losses = []
for epoch in range(N_EPOCHS):
    for value in data:
        weight += random.random() * value
    losses.append(weight)
    time.sleep(0.01)
    if epoch % 5 == 0:
        print("epoch", epoch, weight)
# evaluate
score = weight / len(losses)
print("score", score)
with open("score.txt", "w") as out:
    out.write(f"{score}\\n")
"""

MAIN = """\
import argparse
import random

SCALE = 2.0

def grow(value, rate):
    return value * SCALE + random.random() * rate

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=6, help="how long")
    parser.add_argument("--lr", "-l", type=float, default=0.5)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    random.seed(7)
    value = 1.0
    for epoch in range(args.epochs):
        value = grow(value, args.lr)
        if args.verbose:
            print(epoch, value)
    print("value", value, args.lr)
    return value

if __name__ == "__main__":
    main()
"""

GLOBALS = """\
state = {"calls": 0}
total = 0

def add(x):
    global total
    state["calls"] += 1
    total += x
    return total

class Counter:
    def __init__(self):
        self.seen = []
    def see(self, x):
        self.seen.append(add(x))

counter = Counter()
for i in range(4):
    counter.see(i)
# evaluate
print(total, state, counter.seen)
result = (total, counter)
"""


def convert(source: Path, tmp_path: Path, level: Level = "steps+loops") -> Path:
    return conversion.convert(source, tmp_path / "project", lock=False, level=level).out


def check(source: Path, project: Path, *settings: str, kills: int = 0) -> Verdict:
    return conversion.verify(
        source, project, python=PYTHON, settings=settings, kills=kills, timeout=120, seed=1
    )


def findings(verdict: Verdict) -> dict[str, Finding]:
    return {f.subject: f for p in verdict.programs for f in p.findings if p.run == "straight"}


@pytest.mark.parametrize("level", ["steps+loops", "steps", "wrapped"])
def test_a_script_with_a_loop_at_every_level(level: Level, tmp_path: Path) -> None:
    source = write_files(tmp_path / "study", {"train.py": LOOP})
    verdict = check(source, convert(source, tmp_path, level), kills=2)
    assert verdict.proved, render_text(verdict)
    found = findings(verdict)
    assert {"data", "weight", "losses", "score", "N_EPOCHS", "score.txt"} <= {
        name for name, finding in found.items() if finding.outcome == "same"
    }
    assert [p.kills for p in verdict.programs] == [0, 2]


def test_options_are_set_on_both_sides(tmp_path: Path) -> None:
    source = write_files(tmp_path / "study", {"train.py": MAIN})
    project = convert(source, tmp_path)
    verdict = check(source, project, "epochs=2", "verbose=true", "SCALE=3.5")
    assert verdict.proved, render_text(verdict)
    assert {"value", "epoch", "SCALE"} <= findings(verdict).keys()


def test_names_that_functions_and_classes_share(tmp_path: Path) -> None:
    source = write_files(tmp_path / "study", {"train.py": GLOBALS})
    verdict = check(source, convert(source, tmp_path))
    assert verdict.proved, render_text(verdict)
    found = findings(verdict)
    assert {"total", "state", "counter", "result"} <= {n for n, f in found.items() if f.outcome == "same"}


def test_notebooks_that_hand_files_to_each_other(tmp_path: Path) -> None:
    files = {
        "01_clean.ipynb": notebook(
            "%matplotlib inline\nimport csv\nrows = [[1, 2], [3, 4]]",
            "with open('clean.csv', 'w', newline='') as out:\n    csv.writer(out).writerows(rows)",
            "!echo cleaned",
            "rows",
            heading="# Load the data",
        ),
        "02_model.ipynb": notebook(
            "import csv\nfrom tools import double",
            "with open('clean.csv') as source:\n    table = [[int(c) for c in r] for r in csv.reader(source)]",
            "total = double(sum(map(sum, table)))\ntotal",
        ),
        "tools.py": "def double(x):\n    return 2 * x\n",
    }
    source = write_files(tmp_path / "study", files)
    verdict = check(source, convert(source, tmp_path), kills=1)
    assert verdict.proved, render_text(verdict)
    found = findings(verdict)
    assert {"rows", "table", "total", "clean.csv"} <= {n for n, f in found.items() if f.outcome == "same"}


def test_a_notebook_has_no_file(tmp_path: Path) -> None:
    cells = [
        "import os\ntry:\n    here = os.path.dirname(__file__)\nexcept NameError:\n    here = 'in Jupyter'\nhere",
        "def is_script():\n    return '__file__' in globals()\nprint(is_script())",
    ]
    source = write_files(tmp_path / "study", {"study.ipynb": notebook(*cells)})
    project = convert(source, tmp_path)
    verdict = check(source, project)
    assert verdict.proved, render_text(verdict)
    code = "".join(
        file.read_text() for file in (project / "study").rglob("*.py") if "utils" not in file.parts
    )
    assert "os.path.dirname(no_file())" in code


def test_widgets_that_show_at_once_what_they_decorate(tmp_path: Path) -> None:
    cells = [
        "print('first')",
        "from ipywidgets import interact\n@interact(x=(0, 5))\ndef show(x=2):\n    print('x', x)",
    ]
    stub = "def interact(**given):\n    return lambda function: function() or function\n"
    source = write_files(tmp_path / "study", {"study.ipynb": notebook(*cells), "ipywidgets.py": stub})
    verdict = check(source, convert(source, tmp_path))
    assert verdict.proved, render_text(verdict)


def test_markdown_of_jupytext(tmp_path: Path) -> None:
    header = "---\njupytext:\n  text_representation:\n    extension: .md\n    format_name: myst\n---\n"
    cells = [
        "rows = [1, 2]\nlen(rows)",
        "for n in range(9):\n    rows.append(rows[-1] + n)\nα, β = rows[-2:]\nα, β",
    ]
    text = header + "".join(f"\n# Part\n\n```{{code-cell}} ipython3\n{cell}\n```\n" for cell in cells)
    source = write_files(tmp_path / "study", {"study.md": text, "README.md": "# A study\n"})
    verdict = check(source, convert(source, tmp_path), kills=1)
    assert verdict.proved, render_text(verdict)
    assert findings(verdict)["rows"].outcome == "same"


def test_a_notebook_of_databricks(tmp_path: Path) -> None:
    cells = [
        "# MAGIC %md\n# MAGIC # Load the data",
        "# MAGIC %run ./tools",
        'dbutils.widgets.text("epochs", "6")\nepochs = int(dbutils.widgets.get("epochs"))',
        'dbutils.fs.put("dbfs:/rows/a.csv", "1\\n2\\n3\\n", True)\n'
        'with open("/dbfs/rows/a.csv") as source:\n    rows = [double(float(line)) for line in source]',
        "# MAGIC %fs head /rows/a.csv",
        "# MAGIC %md\n# MAGIC # Train the model",
        "weight = 0.0\nfor epoch in range(epochs):\n    weight += 0.1 * (sum(rows) - weight)\nweight",
        "dbutils.notebook.exit(str(weight))",
    ]
    head = "# Databricks notebook source\n"
    files = {
        "study.py": head + "\n\n# COMMAND ----------\n\n".join(cells),
        "tools.py": head + "def double(x):\n    return 2 * x\n",
    }
    source = write_files(tmp_path / "study", files)
    verdict = check(source, convert(source, tmp_path), "epochs=3", kills=1)
    assert verdict.proved, render_text(verdict)
    found = findings(verdict)
    assert {"rows", "weight", "epoch", "printed lines", "dbfs/rows/a.csv"} <= {
        name for name, finding in found.items() if finding.outcome == "same"
    }
    assert [program.name for program in verdict.programs] == ["study", "study"]


def replace_once(project: Path, old: str, new: str) -> None:
    package = next(project.glob("*/pipeline.py")).parent
    holders = [p for p in package.rglob("*.py") if "utils" not in p.parts and old in p.read_text()]
    assert len(holders) == 1, f"{old!r} is in {len(holders)} generated files"
    text = holders[0].read_text()
    assert text.count(old) == 1
    holders[0].write_text(text.replace(old, new))


SLIPS = {
    "a number off by 1e-12": ("/ len(", "* (1 + 1e-12) / len(", "score"),
    "a constant": ("random.seed(1)", "random.seed(2)", "data"),
    "a draw too many": ('print("data", sum(data))', 'print("data", sum(data)); random.random()', "weight"),
    "a line left out": ('print("score", score)', "pass", "printed lines"),
    "a file left out": ('out.write(f"{score}\\n")', "pass", "score.txt"),
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_in_generated_code_is_found(name: str, tmp_path: Path) -> None:
    source = write_files(tmp_path / "study", {"train.py": LOOP})
    project = convert(source, tmp_path)
    old, new, subject = SLIPS[name]
    replace_once(project, old, new)
    verdict = check(source, project, "N_EPOCHS=2")
    assert not verdict.proved
    assert findings(verdict)[subject].outcome == "different", render_text(verdict)


def test_a_loop_that_forgets_a_variable_is_found_when_it_is_resumed(tmp_path: Path) -> None:
    source = write_files(tmp_path / "study", {"train.py": LOOP})
    project = convert(source, tmp_path)
    package = next(project.glob("*/pipeline.py")).parent
    trainer = package / "training" / "trainer.py"
    text = trainer.read_text()
    assert "state.weight" in text
    forgetful = text.replace("state.weight", "forgotten['weight']").replace("weight=weight, ", "")
    assert "forgotten" not in text
    head, _, rest = forgetful.partition("    state = LoopState(")
    trainer.write_text(f"{head}    forgotten = {{'weight': weight}}\n    state = LoopState({rest}")
    # Kills before the first checkpoint and after the loop find nothing, so the loop is most of the run.
    verdict = check(source, project, "N_EPOCHS=200", kills=2)
    straight, resumed = verdict.programs
    assert all(f.outcome != "different" for f in straight.findings), render_text(verdict)
    assert any(f.outcome == "different" for f in resumed.findings)
    assert not verdict.proved


def test_random_numbers_that_are_not_seeded_are_compared_exactly(tmp_path: Path) -> None:
    text = """\
import random
import numpy as np

rng = np.random.default_rng()
first = random.random() + np.random.rand() + rng.normal()
# train the model
total = 0.0
for epoch in range(20):
    total += random.random() + np.random.rand() * rng.normal()
last = np.random.default_rng().normal()
print(first, total, last)
"""
    source = write_files(tmp_path / "study", {"train.py": text})
    verdict = check(source, convert(source, tmp_path), kills=1)
    assert verdict.proved, render_text(verdict)
    found = findings(verdict)
    names = ("first", "total", "last", "rng", "printed lines")
    assert {found[name].outcome for name in names} == {"same"}


def test_a_file_with_another_name_in_each_run(tmp_path: Path) -> None:
    text = """\
import os
import time

with open(f"events.{time.time_ns()}.{os.getpid()}", "w") as log:
    log.write("1")
with open("steady.txt", "w") as out:
    out.write("2")
"""
    source = write_files(tmp_path / "study", {"train.py": text})
    verdict = check(source, convert(source, tmp_path))
    assert verdict.proved, render_text(verdict)
    files = {f.subject: f.outcome for f in findings(verdict).values() if f.kind == "file"}
    assert files.pop("steady.txt") == "same"
    assert set(files.values()) == {"not comparable"}
