"""A research program and the project it became, written by hand: small, resumable, without the runtime."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from graduate.model.source import OtherFile, Program, SourceModule, Sources

SCRIPT = """\
import json, random, sys, time
EPOCHS = 12
random.seed(3)
with open("numbers.txt") as source:
    numbers = [float(line) for line in source]
print("read", len(numbers), "numbers")
weight = 0.0
history = []
for epoch in range(EPOCHS):
    weight += random.random() * numbers[epoch % len(numbers)]
    history.append(weight)
    print(f"epoch {epoch}: {weight:.6f}", flush=True)
    time.sleep(0.03)
with open("result.json", "w") as out:
    json.dump({"weight": weight, "history": history}, out)
print("done")
"""

PREPROCESSING = """\
def read_numbers():
    with open("numbers.txt") as source:
        numbers = [float(line) for line in source]
    print("read", len(numbers), "numbers")
    return numbers
"""

TRAINER = """\
import random
import time

from .resume import load, save


def train(numbers, epochs):
    weight = 0.0
    history = []
    start, weight, history = load(0, weight, history)
    for epoch in range(start, epochs):
        weight += random.random() * numbers[epoch % len(numbers)]
        history.append(weight)
        print(f"epoch {epoch}: {weight:.6f}", flush=True)
        time.sleep(0.03)
        save(epoch + 1, weight, history)
    return weight, history
"""

RESUME = """\
import os
import pickle
import random

PATH = ".pipeline_state/checkpoints/newest"


def save(*values):
    folder = os.path.dirname(PATH)
    os.makedirs(folder, exist_ok=True)
    with open(PATH + ".part", "wb") as out:
        pickle.dump((values, random.getstate()), out)
    os.replace(PATH + ".part", PATH)


def load(*values):
    if not os.path.exists(PATH):
        return values
    with open(PATH, "rb") as source:
        values, state = pickle.load(source)
    random.setstate(state)
    return values
"""

EVALUATION = """\
import json


def store(weight, history):
    with open("result.json", "w") as out:
        json.dump({"weight": weight, "history": history}, out)
    print("done")
"""

MAIN = """\
import contextlib
import io
import os
import random
import sys

from . import evaluation, preprocessing, trainer
from .config.settings import settings


def main():
    for argument in sys.argv[2:]:
        name, _, value = argument.partition("=")
        setattr(settings, name[2:], int(value))
    random.seed(3)
    resumed = os.path.exists(".pipeline_state/checkpoints/newest")
    with contextlib.redirect_stdout(io.StringIO()) if resumed else contextlib.nullcontext():
        numbers = preprocessing.read_numbers()
    weight, history = trainer.train(numbers, settings.EPOCHS)
    evaluation.store(weight, history)


main()
"""

SETTINGS = """\
class Settings:
    EPOCHS = 12

    def values(self):
        return {"EPOCHS": self.EPOCHS}


settings = Settings()
"""

RECORD = {
    "made_by": "graduate",
    "schema": 1,
    "name": "study",
    "programs": [{"name": "train", "path": "train.py", "level": "steps+loops"}],
    "steps": [
        {
            "name": "train",
            "program": "train",
            "segments": [
                {"module": "preprocessing", "function": "read_numbers"},
                {"module": "trainer", "function": "train"},
                {"module": "evaluation", "function": "store"},
            ],
        }
    ],
    "options": [{"name": "EPOCHS", "program": "train", "kind": "constant", "flags": []}],
    "rows": [],
}


@dataclass(frozen=True)
class Handmade:
    """The pair on disk."""

    sources: Sources
    project: Path

    def change(self, path: str, old: str, new: str) -> None:
        """Make the conversion wrong."""
        file = self.project / "study" / path
        text = file.read_text()
        assert text.count(old) == 1, f"{old!r} is not in {path} once"
        file.write_text(text.replace(old, new))

    def change_source(self, old: str, new: str) -> Handmade:
        """The pair with another research program."""
        text = self.sources.modules[0].text
        assert text.count(old) == 1
        return Handmade(write_source(Path(self.sources.root), text.replace(old, new)), self.project)


def write_source(folder: Path, text: str = SCRIPT) -> Sources:
    folder.mkdir(exist_ok=True)
    (folder / "train.py").write_text(text)
    (folder / "numbers.txt").write_text("0.5\n0.25\n0.125\n")
    module = SourceModule("train.py", "script", text)
    files = (OtherFile("numbers.txt", 15),)
    return Sources("study", str(folder), (module,), (Program("train", "train.py"),), files)


def write_pair(folder: Path) -> Handmade:
    """Put the research program and a right conversion of it below `folder`."""
    project = folder / "project"
    files = {
        "__init__.py": "",
        "__main__.py": MAIN,
        "preprocessing.py": PREPROCESSING,
        "trainer.py": TRAINER,
        "resume.py": RESUME,
        "evaluation.py": EVALUATION,
        "config/__init__.py": "",
        "config/settings.py": SETTINGS,
    }
    for path, text in files.items():
        target = project / "study" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    (project / "data").mkdir()
    (project / "data" / "numbers.txt").write_text("0.5\n0.25\n0.125\n")
    (project / "numbers.txt").symlink_to("data/numbers.txt")
    (project / "conversion.json").write_text(json.dumps(RECORD))
    return Handmade(write_source(folder / "source"), project)
