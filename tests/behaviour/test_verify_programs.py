"""Real conversions by the whole chain are proved; a project that was changed afterwards is not, and says where."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from graduate import conversion
from graduate.model.verdict import Verdict
from graduate.verify.report import render_text

CLEAN = """\
import csv
import random

random.seed(1)
N = 30
rows = [[i, random.gauss(0, 1)] for i in range(N)]
with open("clean.csv", "w", newline="") as out:
    csv.writer(out).writerows(rows)
print("rows", len(rows))
"""

FIT = """\
import argparse
import csv
import json
import random


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--rate", type=float, default=0.1)
    args = parser.parse_args()
    random.seed(2)
    with open("clean.csv", newline="") as source:
        data = [float(row[1]) for row in csv.reader(source)]
    mean = 0.0
    losses = []
    for epoch in range(args.epochs):
        loss = 0.0
        for value in random.sample(data, len(data)):
            mean += args.rate * (value - mean)
            loss += (value - mean) ** 2
        losses.append(loss)
        print(f"epoch {epoch} loss {loss:.4f}")
    print("mean", mean)
    with open("losses.json", "w") as out:
        json.dump(losses, out)


if __name__ == "__main__":
    main()
"""

RUN = "python clean.py\npython fit.py --epochs 4\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two programs in order, converted without a lock."""
    folder = tmp_path_factory.mktemp("chain")
    source = folder / "study"
    source.mkdir()
    (source / "clean.py").write_text(CLEAN)
    (source / "fit.py").write_text(FIT)
    (source / "run.sh").write_text(RUN)
    made = conversion.convert(source, folder / "out", lock=False)
    return source, made.out


def check(project: tuple[Path, Path], *, kills: int = 0, settings: tuple[str, ...] = ()) -> Verdict:
    return conversion.verify(
        *project, python=Path(sys.executable), settings=settings, kills=kills, timeout=120
    )


def outcomes(verdict: Verdict) -> dict[tuple[str, str], str]:
    return {
        (p.name, f.subject): f.outcome for p in verdict.programs if p.run == "straight" for f in p.findings
    }


def test_a_real_conversion_is_proved(project: tuple[Path, Path]) -> None:
    verdict = check(project, kills=2)
    assert verdict.proved, render_text(verdict)
    found = outcomes(verdict)
    for program, subject in (
        ("clean", "rows"),
        ("clean", "printed lines"),
        ("clean", "clean.csv"),
        ("fit", "mean"),
        ("fit", "losses"),
        ("fit", "data"),
        ("fit", "printed lines"),
        ("fit", "losses.json"),
    ):
        assert found[program, subject] == "same", render_text(verdict)
    assert [(p.run, p.kills) for p in verdict.programs][-1] == ("resumed", 2)


@pytest.mark.parametrize("settings", [("epochs=2", "N=12"), ("rate=0.5",)])
def test_settings_reach_both_sides(project: tuple[Path, Path], settings: tuple[str, ...]) -> None:
    verdict = check(project, settings=settings)
    assert verdict.proved, render_text(verdict)


def test_a_changed_project_names_the_program(project: tuple[Path, Path]) -> None:
    changed = [
        path for path in (project[1] / "study").rglob("*.py") if "value - state.mean)" in path.read_text()
    ]
    assert len(changed) == 1
    before = changed[0].read_text()
    changed[0].write_text(before.replace("(value - state.mean)", "(value - state.mean * 1.000000000001)", 1))
    try:
        verdict = check(project)
    finally:
        changed[0].write_text(before)
    different = {key for key, outcome in outcomes(verdict).items() if outcome == "different"}
    assert {name for name, _ in different} == {"fit"}
    assert {("fit", "mean"), ("fit", "losses"), ("fit", "losses.json")} <= different


CANNOT_GO_ON = """\
import random
import time


class Model:
    def __init__(self):
        self.weight = random.random()
        self.trained = 0

    def step(self):
        self.weight += random.random()
        self.trained += 1

    def __reduce__(self):
        return rebuild, (self.weight,)


def rebuild(weight):
    raise ValueError("no way back")


random.seed(1)
steps = 0
for epoch in range(2):
    model = Model()
    for turn in range(30):
        model.step()
        steps += 1
        time.sleep(0.05)
print(steps, model.weight)
"""


def test_a_step_that_cannot_go_on_ends_the_same_and_the_verdict_says_so(tmp_path: Path) -> None:
    """Its values are those of the process that ran it again, not of the one that had tried and ends last."""
    (tmp_path / "main.py").write_text(CANNOT_GO_ON)
    made = conversion.convert(tmp_path / "main.py", tmp_path / "out", lock=False)
    verdict = check((tmp_path / "main.py", made.out), kills=1)
    assert verdict.proved, render_text(verdict)
    resumed = {f.subject: f for p in verdict.programs if p.run != "straight" for f in p.findings}
    assert resumed["steps"].outcome == "same"
    assert "no way back" in resumed["checkpoints"].detail
