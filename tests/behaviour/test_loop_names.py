"""Loops with names that may have no value: killed at every turn, they end as if they had not been."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from graduate import conversion

TURNS = 5
PROGRAM = """\
import os, signal, sys
import numpy as np

class Decay:
    def __init__(self, rate):
        self.rate, self.n = rate, 0
    def step(self):
        self.n += 1
        return 1 / (1 + self.rate * self.n)

def stop(turn):
    if str(turn) == os.environ.get("KILL_AT") and not os.path.exists(os.environ["KILLED"]):
        open(os.environ["KILLED"], "w").close()
        os.kill(os.getpid(), signal.SIGKILL)

def train(steps, decay):
    rng = np.random.default_rng(0)
    w = rng.normal(size=3)
    print(sorted(locals()))
    if decay:
        schedule = Decay(0.1)
    if steps > 1000:
        best = 0.0
    for epoch in range(steps):
        print("turn", epoch)
        lr = schedule.step() if decay else 0.1
        w -= lr * rng.normal(size=3)
        x = float(np.linalg.norm(w))
        if epoch == 0 or x < best:
            best = x
        stop(epoch)
    return w.tolist(), best

SEEDS = [1, 2]
w, best = train(5, globals()["SEEDS"][0] == 1)
print(w, best)
"""


def _run(project: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "study", "train-all"]
    environment = {**os.environ, "CHECKPOINT_EVERY": "1", **variables}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("names")
    (base / "study").mkdir()
    (base / "study" / "train.py").write_text(PROGRAM)
    made = conversion.convert(base / "study", base / "project", lock=False)
    assert [program.level for program in made.modules.programs] == ["steps+loops"]
    return made.out


@pytest.mark.parametrize("turn", range(TURNS))
def test_killed_at_a_turn_and_resumed(turn: int, project: Path, tmp_path: Path) -> None:
    original = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    shutil.rmtree(project / ".pipeline_state", ignore_errors=True)
    variables = {"KILL_AT": str(turn), "KILLED": str(tmp_path / "killed")}
    first = _run(project, **variables)
    assert first.returncode == -9
    again = _run(project, **variables)
    assert again.returncode == 0, again.stderr
    # The newest checkpoint may be in flight when the process dies.
    assert turn < 3 or "turn 0" not in again.stdout
    assert again.stdout.splitlines()[-1] == original.stdout.splitlines()[-1]
    assert (first.stdout + again.stdout).splitlines()[0] == original.stdout.splitlines()[0]
