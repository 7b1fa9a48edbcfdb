"""What an edit of a converted project makes stale, what `status` says about it, and which steps then run again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from graduate import conversion
from harness import run

SCRIPT = """\
import random

SCALE = 2.0
EPOCHS = 3
DIGITS = 4


def clean(value):
    # rows are text
    return float(value.strip())


def shared(value):
    return value * 2


def fit_one(weight, rows):
    return weight + random.random() * shared(sum(rows)) / len(rows)


def report(weight):
    return f"weight {round(shared(weight), DIGITS)}"


random.seed(1)
# Load and preprocess the data
with open("rows.csv") as source:
    rows = [clean(line) * SCALE for line in source]
print("read", len(rows))
# Train the model
weight = 0.0
for epoch in range(EPOCHS):
    weight = fit_one(weight, rows)
    print("epoch", epoch, weight)
# Evaluate the model
print(report(weight))
with open("result.txt", "w") as target:
    target.write(report(weight))
"""
STEPS = ("preprocess-data", "train", "evaluate")
FAKE_PYTHON = """\
import sys
from types import SimpleNamespace
from study.utils import fingerprint
fingerprint.sys = SimpleNamespace(version_info=SimpleNamespace(major=3, minor=99))
from study.utils.command import main
sys.exit(main("study", sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The converted project after a whole run."""
    folder = tmp_path_factory.mktemp("again")
    (folder / "study").mkdir()
    (folder / "study" / "main.py").write_text(SCRIPT)
    (folder / "study" / "rows.csv").write_text("1.5\n2.5\n4\n")
    project = folder / "project"
    conversion.convert(folder / "study", project, lock=False)
    (project / "requirements.lock").write_text("pydantic==2.0\n")
    done = run([sys.executable, "-m", "study", "train-all"], project)
    assert done.returncode == 0, done.stderr
    assert set(statuses(project)) == set(STEPS)
    assert {each["status"] for each in statuses(project).values()} == {"done"}
    return project


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "project", symlinks=True))


def statuses(project: Path, *command: str) -> dict[str, dict[str, str]]:
    command = command or (sys.executable, "-m", "study")
    done = run([*command, "status", "--json"], project)
    assert done.returncode == 0, done.stderr
    return {row["step"]: row for row in json.loads(done.stdout)["steps"]}


def replace(project: Path, old: str, new: str) -> None:
    """Edit the one module of the package that holds a text."""
    (path,) = [each for each in (project / "study").rglob("*.py") if old in each.read_text()]
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def setting(project: Path, old: str, new: str) -> None:
    path = project / "configs" / "default.yaml"
    text = path.read_text()
    assert text.count(old) == 1, text
    path.write_text(text.replace(old, new))


def write(name: str, text: str) -> Callable[[Path], None]:
    return lambda project: (project / name).write_text(text) and None


EDITS: dict[str, tuple[Callable[[Path], None], tuple[str, ...], dict[str, str]]] = {
    "a comment": (lambda p: replace(p, "# rows are text", "# rows are lines of text"), (), {}),
    "a file of nobody": (write("notes.txt", "for me"), (), {}),
    "a helper of one step": (
        lambda p: replace(p, "round(shared(weight), ", "round(shared(weight) + 1, "),
        ("evaluate",),
        {"evaluate": "its code changed"},
    ),
    "a helper of two steps": (
        lambda p: replace(p, "return value * 2", "return value * 3"),
        ("train", "evaluate"),
        {"train": "its code changed", "evaluate": "its code changed"},
    ),
    "a helper that changes nothing in what comes out": (
        lambda p: replace(p, "float(value.strip())", "float(str(value).strip())"),
        ("preprocess-data",),
        {
            "preprocess-data": "its code changed",
            "train": "it depends on preprocess-data",
            "evaluate": "it depends on train",
        },
    ),
    "a setting of the first step": (
        lambda p: setting(p, "SCALE: 2.0", "SCALE: 3.0"),
        STEPS,
        {"preprocess-data": "the setting SCALE changed from 2.0 to 3.0"},
    ),
    "a setting of the last step": (
        lambda p: setting(p, "DIGITS: 4", "DIGITS: 3"),
        ("evaluate",),
        {"evaluate": "the setting DIGITS changed from 4 to 3"},
    ),
    "a data file": (
        write("data/rows.csv", "1\n2\n"),
        STEPS,
        {"preprocess-data": "rows.csv, which it reads, is changed"},
    ),
    "the lock file": (
        write("requirements.lock", "pydantic==2.1\n"),
        STEPS,
        dict.fromkeys(STEPS, "requirements.lock changed"),
    ),
    "a file that was written": (
        write("result.txt", "better"),
        ("evaluate",),
        {"evaluate": "result.txt, which it wrote, is changed"},
    ),
}


@pytest.mark.parametrize("what", EDITS)
def test_an_edit(project: Path, what: str) -> None:
    edit, reruns, reasons = EDITS[what]
    edit(project)
    told = statuses(project)
    for step in STEPS:
        assert (told[step]["status"] == "stale") is (step in {*reruns, *reasons}), told[step]
        assert reasons.get(step, "") in told[step]["why"]
    done = run([sys.executable, "-m", "study", "train-all"], project)
    assert done.returncode == 0, done.stderr
    assert [step for step in STEPS if f"{step}: running" in done.stderr] == list(reruns)
    again = run([sys.executable, "-m", "study", "train-all"], project)
    assert "running" not in again.stderr


def test_another_python(project: Path) -> None:
    told = statuses(project, sys.executable, "-c", FAKE_PYTHON)
    assert {row["why"] for row in told.values()} == {"python changed"}
    done = subprocess.run(
        [sys.executable, "-c", FAKE_PYTHON, "train-all"], cwd=project, capture_output=True, text=True
    )
    assert [step for step in STEPS if f"{step}: running" in done.stderr] == list(STEPS)


AS_IT_STANDS = """\
import pickle
import sys
from helpers import own_name


class Box:
    def __init__(self, value):
        self.value = value


exec("value = 3")
with open("box.pickle", "wb") as file:
    pickle.dump(Box(value), file)
with open("box.pickle", "rb") as file:
    print(pickle.load(file).value, Box.__module__)
print(sys.argv, own_name())
"""


@pytest.mark.parametrize(
    ("old", "new"), [('exec("value', 'other = 1; exec("value'), ("sys.argv[0]", "sys.argv[0] + '!'")]
)
def test_a_program_that_runs_as_it_stands(tmp_path: Path, old: str, new: str) -> None:
    """It finds what it is called, its classes can be pickled, and an edit of it, or of what it imports, is noticed."""
    source = tmp_path / "study"
    (source / "src").mkdir(parents=True)
    (source / "src" / "train.py").write_text(AS_IT_STANDS)
    (source / "src" / "helpers.py").write_text("import sys\n\n\ndef own_name():\n    return sys.argv[0]\n")
    (source / "README.md").write_text("    python src/train.py --a 1\n")
    project = conversion.convert(source, tmp_path / "project", lock=False).out
    assert json.loads((project / "conversion.json").read_text())["programs"][0]["level"] == "wrapped"
    done = run([sys.executable, "-m", "study", "train-all"], project)
    assert done.stdout == "3 __main__\n['src/train.py', '--a', '1'] src/train.py\n", done.stderr
    assert [each["status"] for each in statuses(project).values()] == ["done"]
    replace(project, old, new)
    (step,) = statuses(project).values()
    assert (step["status"], step["why"].startswith("its code changed")) == ("stale", True)
