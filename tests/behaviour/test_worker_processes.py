"""What the worker processes of a step read makes it stale, and they see the values and settings that it sees."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from graduate import conversion
from harness import run, run_original, write_files

LOAD = """\
IMPORTS
SCALE = 2.0


def load(name):
    with open(f"{name}.txt") as source:
        return float(source.read()) * SCALE


def main():
    START
    print(found)


if __name__ == "__main__":
    main()
"""
WAYS = {
    "multiprocessing": (
        "from multiprocessing import Pool",
        "with Pool(2) as pool:\n        found = pool.map(load, ['a', 'b'])",
    ),
    "concurrent.futures": (
        "from concurrent.futures import ProcessPoolExecutor",
        "with ProcessPoolExecutor(2) as pool:\n        found = list(pool.map(load, ['a', 'b']))",
    ),
    "joblib": (
        "from joblib import Parallel, delayed",
        "found = Parallel(n_jobs=2)(delayed(load)(name) for name in ['a', 'b'])",
    ),
}


def train(project: Path, *arguments: str) -> str:
    done = run([sys.executable, "-m", "study", "train-all", *arguments], project)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("way", WAYS)
def test_what_workers_read_makes_the_step_stale(way: str, tmp_path: Path) -> None:
    imports, start = WAYS[way]
    text = LOAD.replace("IMPORTS", imports).replace("START", start)
    source = write_files(tmp_path / "study", {"main.py": text, "a.txt": "5", "b.txt": "6"})
    project = conversion.convert(source, tmp_path / "project", lock=False).out
    assert train(project) == "[10.0, 12.0]"
    assert train(project) == ""
    next(project.rglob("a.txt")).write_text("7")
    assert train(project) == "[14.0, 12.0]"
    assert train(project, "--SCALE", "3") == "[21.0, 18.0]"
    assert train(project, "--SCALE", "3") == ""
    step = json.loads((project / ".pipeline_state" / "state.json").read_text())
    assert "PIPELINE_STEP_READS" not in json.dumps(step)


SPAWNED = """\
import multiprocessing as mp
import torch

torch.manual_seed(0)
model = torch.nn.Linear(3, 1)
scale = 2.0
scale = scale + len(model.weight)
seen = {}
lock = open("unused.txt", "w")


def work(i):
    seen[i] = model(torch.full((3,), i * scale)).sum()
    return round(float(seen[i]), 5), len(seen) > 0


def main():
    with mp.get_context("METHOD").Pool(2) as pool:
        print(pool.map(work, range(5)))
    with torch.no_grad():
        model.weight += 1
    print(len(seen), round(float(model.weight.sum()), 5))


if __name__ == "__main__":
    main()
"""


@pytest.mark.torch
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_new_processes_have_the_globals_of_the_step(method: str, tmp_path: Path) -> None:
    text = SPAWNED.replace("METHOD", method)
    source = write_files(tmp_path / "study", {"main.py": text})
    expected = run_original({"main.py": text}, tmp_path / "original").stdout.strip()
    project = conversion.convert(source, tmp_path / "project", lock=False).out
    assert train(project) == expected
    assert "def work(i)" in "".join(file.read_text() for file in (project / "study").rglob("*.py"))


CONTEXT = """\
import numpy as np
from joblib import Parallel, delayed

data = np.arange(12.0).reshape(4, 3)
data = data - data.mean(0)
SCALE = 2
seen = []
lock = open("unused.txt", "w")


def score(i):
    seen.append(i)
    return float((data[i] * SCALE).sum()), len(seen)


class Job:
    def __init__(self, k):
        self.k = k

    def run(self):
        return self.k * SCALE + len(data)


def go(job):
    return job.run()


def broken(i):
    return missing + i


# load the data
print(Parallel(n_jobs=2, batch_size=2)(delayed(score)(i) for i in range(4)))
SCALE = 5
# train the model
for epoch in range(2):
    SCALE += epoch
    print(Parallel(n_jobs=2)(delayed(score)(i) for i in range(2)), seen)
    print(Parallel(n_jobs=2)(delayed(go)(Job(i)) for i in range(3)))
    print(Parallel(n_jobs=2)(delayed(lambda i: i * SCALE)(i) for i in range(2)))
# evaluate
try:
    Parallel(n_jobs=2)(delayed(broken)(i) for i in range(2))
except NameError as error:
    print(error)
if SCALE < 0:
    missing = 1
lock.close()
"""


def test_workers_of_joblib_read_the_globals(tmp_path: Path) -> None:
    source = write_files(tmp_path / "study", {"main.py": CONTEXT})
    project = conversion.convert(source, tmp_path / "project", lock=False).out
    assert "context.data" in "".join(each.read_text() for each in (project / "study").rglob("*.py"))
    original = run_original({"main.py": CONTEXT}, tmp_path / "original", "main.py")
    assert original.returncode == 0, original.stderr
    assert train(project) == original.stdout.strip()
