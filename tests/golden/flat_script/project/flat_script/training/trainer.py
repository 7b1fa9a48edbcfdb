"""Training."""

import csv
import random
from typing import Any

from ..config.settings import settings
from ..models.losses import loss
from ..utils.checkpoint import Checkpoint, LoopState


def run_computation() -> None:
    # load data
    rows = []
    with open("points.csv") as f:
        state = LoopState(f=f, rows=rows)
        with Checkpoint("run_computation", state) as checkpoint:
            for row in checkpoint.loop(csv.DictReader(f)):
                rows.append((float(row["x"]), float(row["y"])))
    print("points:", len(rows))

    # train
    a, b = random.random(), 0.0
    best = float("inf")
    state = LoopState(a=a, b=b, best=best, rows=rows)
    with Checkpoint("run_computation-2", state) as checkpoint:
        for epoch in checkpoint.loop(range(settings.EPOCHS)):
            random.shuffle(rows)
            for x, y in rows:
                error = state.a * x + state.b - y
                state.a -= settings.RATE * error * x
                state.b -= settings.RATE * error
            state.best = min(state.best, loss(state.a, state.b, rows=rows))
            if epoch % 50 == 0:
                print(f"{epoch:3d} {loss(state.a, state.b, rows=rows):.5f}")
    a = state.a
    b = state.b
    best = state.best

    # report
    print(f"y = {a:.3f} x + {b:.3f}, best loss {best:.5f}")
    with open("line.txt", "w") as f:
        f.write(f"{a} {b}\n")
