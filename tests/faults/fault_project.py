"""The project that is broken: appended files, a loop with checkpoints, random numbers through all of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from runtime_project import ProjectUnderTest, make_project

HERE = Path(__file__).parent

PIPELINE = """
from .utils.checkpoint import Checkpoint, LoopState
from .utils.resume import Pipeline, Step


def setup():
    import random

    random.seed(3)


def slow_down():
    # Saves take a while, and say so.
    import os
    import sys
    import time

    from .utils import store

    class Slow:
        def __getattr__(self, name):
            return getattr(os, name)

        def fsync(self, descriptor):
            print("saving", file=sys.stderr, flush=True)
            time.sleep(0.4)
            os.fsync(descriptor)

    store.disk = Slow()


def start_worker():
    # A child that outlives its parent.
    import os
    import time

    worker = os.fork()
    if worker == 0:
        os.close(1)
        os.close(2)
        time.sleep(60)
        os._exit(0)
    print("worker", worker, flush=True)


def prepare():
    import random

    with open("rows.csv", "a") as file:
        file.write("header\\n")
    return [random.random() for _ in range(5)], b"x" * 100_000


def train(values):
    import os
    import random
    import time

    if "SLOW_SAVE" in os.environ:
        slow_down()
    if "WORKER" in os.environ:
        start_worker()
    history = []
    state = LoopState(total=0.0, history=history)
    with Checkpoint("train", state) as checkpoint:
        for value in checkpoint.loop(values):
            time.sleep(float(os.environ.get("SLEEP", 0)))
            state.total += value * random.random()
            history.append(state.total)
            with open("rows.csv", "a") as file:
                file.write(f"{state.total}\\n")
    return history


def evaluate(history, big):
    import random

    with open("result.txt", "w") as file:
        file.write(repr((history, len(big), random.random())))


PIPELINE = Pipeline(
    Step("preprocess-data", prepare, role="preprocess", program="a", gives=("values", "big")),
    Step("train", train, role="train", program="a", takes=("values",), gives=("history",)),
    Step("evaluate", evaluate, role="evaluate", program="a", takes=("history", "big")),
    setup=setup,
    package=__package__,
)
"""


def make(root: Path) -> ProjectUnderTest:
    """The project, with the driver that breaks it."""
    project = make_project(root, PIPELINE)
    for name in ("fault_driver.py", "fault_disks.py", "fault_damage.py", "crash_states.py"):
        shutil.copy(HERE / name, root / name)
    return project


def drive(project: ProjectUnderTest, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the driver: it prints how much it tried, or ends with 3 and says what was wrong."""
    return subprocess.run(
        [sys.executable, "fault_driver.py", *arguments],
        cwd=project.root,
        capture_output=True,
        text=True,
        timeout=1800,
        env=project.environment(environment),
    )


def count_tried(project: ProjectUnderTest, *arguments: str, **environment: str) -> int:
    """How much the driver tried, all of it without finding anything wrong."""
    done = drive(project, *arguments, **environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return int(done.stdout.split()[-1])
