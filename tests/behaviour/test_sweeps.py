"""`sweep`: a training that graduate converted is run with other settings, killed on the way, and gone on with."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

import runtime_project
from harness import Converted, convert

optuna = pytest.importorskip("optuna")

PROGRAM = """
import os
import time
import numpy as np

LR = 0.1
EPOCHS = 8
PAUSE = 0.0

rng = np.random.default_rng(0)
x = rng.normal(size=(40, 3))
y = x @ np.array([1.0, -2.0, 0.5])
print("data made")

w = np.zeros(3)
for epoch in range(EPOCHS):
    w -= LR * x.T @ (x @ w - y) / len(x)
    loss = float(((x @ w - y) ** 2).mean())
    with open("weights.txt", "w") as file:
        file.write(str(w))
    time.sleep(PAUSE)
final = float(abs(w).sum())
print("weights", w.round(3))
with open("report.txt", "w") as file:
    file.write(f"{loss:.6f} {final:.6f}")
"""
SWEEP = """
metric: loss
direction: minimize
startup: 1
settings:
  LR: {low: 0.001, high: 0.3, log: true}
"""


def make_project(folder: Path, sweep: str = SWEEP) -> Converted:
    project = convert({"main.py": PROGRAM}, folder)
    (folder / "configs").mkdir(exist_ok=True)
    (folder / "configs" / "sweep.yaml").write_text(sweep)
    return project


def sweep(project: Converted, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return project.run("sweep", *arguments, **{"TRIALS": "4", **environment})


def rows(project: Converted) -> list[dict[str, str]]:
    with (project.root / "reports" / "sweep.csv").open() as file:
        return list(csv.DictReader(file))


def start(project: Converted, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", project.package, "sweep"],
        cwd=project.root,
        env={**os.environ, "TRIALS": "4", "OMP_NUM_THREADS": "1", **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_turns(project: Converted, turns: int) -> None:
    """Until the first trial has told of so many turns."""
    told = project.root / ".pipeline_state" / "sweep" / "trials" / "0" / ".pipeline_state" / "trial.jsonl"
    end = time.monotonic() + 60
    while not told.exists() or told.read_text().count('"turn"') < turns:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_sweep_that_is_killed_goes_on_and_comes_to_the_same(tmp_path: Path) -> None:
    straight = make_project(tmp_path / "straight")
    done = sweep(straight)
    assert done.returncode == 0, done.stderr
    found = rows(straight)
    assert len(found) == 4
    assert {each["state"] for each in found} == {"complete", "pruned"}
    values = [float(each["loss"]) for each in found if each["state"] == "complete"]
    assert values == sorted(values)
    best = yaml.safe_load((straight.root / "reports" / "best.yaml").read_text())
    assert repr(best["LR"]) == found[0]["LR"]
    assert f"--LR={found[0]['LR']}" in done.stdout
    assert not (straight.root / "report.txt").exists(), "trials leave the project as it is"
    kept = straight.root / ".pipeline_state" / "sweep" / "trials"
    assert [each.name for each in kept.iterdir()] == [found[0]["trial"]]

    killed = make_project(tmp_path / "killed")
    slow = {f"{killed.package}_PAUSE".upper(): "0.1", "CHECKPOINT_EVERY": "1"}
    for turns, end in ((3, signal.SIGKILL), (5, signal.SIGTERM)):
        process = start(killed, **slow)
        wait_for_turns(killed, turns)
        process.send_signal(end)
        _, said = process.communicate(timeout=60)
        assert process.returncode == (75 if end == signal.SIGTERM else -end), said
    done = sweep(killed, **slow)
    assert done.returncode == 0, done.stderr
    assert "trial 0: going on" in done.stderr
    assert "going on (it was interrupted)" in (killed.root / ".pipeline_state/sweep/logs/0.log").read_text()
    assert rows(killed) == found


STEPS = """
    from .config.settings import settings
    from .utils.resume import Pipeline, Step

    def load():
        print("loaded")
        return [1.0, 2.0, 4.0]

    def fit(data):
        if settings.kind == "broken":
            raise ValueError("cannot be")
        return sum(abs(each - settings.centre) for each in data)

    def note(error):
        with open("error.txt", "w") as file:
            file.write(f"{error}")

    PIPELINE = Pipeline(
        Step("load", load, role="preprocess", gives=("data",)),
        Step("fit", fit, role="train", takes=("data",), gives=("error",)),
        Step("note", note, role="evaluate", takes=("error",)),
        package=__package__,
    )
"""
OPTIONS = """
    centre: int = option(0)
    extra: int = option(0)
    kind: str = option("plain", choices=("plain", "other", "broken"))
"""
GIVEN = """
metric: error
direction: minimize
settings:
  centre: {low: -3, high: 3}
  kind: {choices: [plain, other]}
"""


def test_a_given_value_is_a_metric_and_steps_before_are_not_repeated(tmp_path: Path) -> None:
    project = runtime_project.make_project(tmp_path, STEPS, OPTIONS)
    project.run("train-all")
    (tmp_path / "error.txt").write_text("mine")
    project.write("configs/sweep.yaml", GIVEN + "keep: all\n")
    done = project.run("sweep", "--extra", "3", TRIALS="4")
    assert 'best: make train-all ARGS="--extra 3 --centre=' in done.stdout
    assert (tmp_path / "reports" / "best.yaml").read_text().count("\n") == 3
    folder = tmp_path / ".pipeline_state" / "sweep"
    with (tmp_path / "reports" / "sweep.csv").open() as file:
        found = list(csv.DictReader(file))
    for each in found:
        wanted = sum(abs(number - int(each["centre"])) for number in (1.0, 2.0, 4.0))
        assert float(each["error"]) == wanted
        assert (folder / "trials" / each["trial"] / "error.txt").read_text() == str(wanted)
        assert "loaded" not in (folder / "logs" / f"{each['trial']}.log").read_text()
    assert (tmp_path / "error.txt").read_text() == "mine"

    project.write("configs/sweep.yaml", GIVEN.replace("high: 3", "high: 2"))
    said = project.run("sweep", "--extra", "3", check=2, TRIALS="4").stderr
    assert "what is tried has changed" in said
    assert "ARGS=--fresh" in said


def test_what_is_wrong_with_a_trial_is_told(tmp_path: Path) -> None:
    project = runtime_project.make_project(tmp_path, STEPS, OPTIONS)
    project.write("configs/sweep.yaml", GIVEN.replace("metric: error", "metric: eror"))
    said = project.run("sweep", check=2, TRIALS="1").stderr
    assert "'eror' is not a metric" in said
    assert "did you mean 'error'?" in said
    project.write("configs/sweep.yaml", GIVEN.replace("[plain, other]", "[broken, broken]"))
    said = project.run("sweep", "--fresh", check=1, TRIALS="1").stderr
    assert "Trial 0 failed, and none before it went well." in said
    assert "where: .pipeline_state/sweep/logs/0.log" in said
    said = project.run("sweep", "--centre=1", check=2).stderr
    assert "both given and to be tried" in said
