"""What the measured projects run: each pipeline prints one line of JSON with what it measured itself."""

from __future__ import annotations

LOOPS = """
from .utils.checkpoint import Checkpoint, LoopState
from .utils.resume import Pipeline, Step


def measure():
    import json
    import os
    import time

    import numpy as np

    rounds, length = int(os.environ["ROUNDS"]), float(os.environ["LENGTH"])
    matrix = np.random.default_rng(0).normal(size=(48, 48))
    weights = [np.zeros(100_000) for _ in range(10)]  # 8 MB, as a small network with its optimizer
    losses = []

    def work(repeats):
        for _ in range(repeats):
            matrix @ matrix

    def plain(repeats, count):
        for i in range(count):
            work(repeats)
            weights[i % 10][0] += 1

    def saved(repeats, count, name):
        state = LoopState(weights=weights, losses=losses)
        with Checkpoint(name, state) as checkpoint:
            for i in checkpoint.loop(range(count)):
                work(repeats)
                weights[i % 10][0] += 1

    def timed(function, *arguments):
        # By the clock, and by the processor: of this thread, and of the whole process with the one that writes.
        start = time.perf_counter(), time.thread_time(), time.process_time()
        function(*arguments)
        end = time.perf_counter(), time.thread_time(), time.process_time()
        return [after - before for before, after in zip(start, end)]

    once = min(timed(work, 1000)[1] for _ in range(20)) / 1000
    found = {}
    for label, seconds in (("5 ms", 5e-3), ("0.5 ms", 5e-4), ("20 µs", 2e-5)):
        repeats, count = max(1, round(seconds / once)), round(length / seconds)
        pairs = []
        for number in range(rounds):
            calls = [(plain, repeats, count), (saved, repeats, count, f"{label}-{number}")]
            turn = 1 if number % 2 else -1  # which of them comes first changes
            pairs.append([timed(*each) for each in calls[::turn]][::turn])
        found[label] = pairs
    print(json.dumps(found))


PIPELINE = Pipeline(Step("train", measure, role="train", program="a"), package=__package__)
"""

BIG = """
from .utils.checkpoint import Checkpoint, LoopState
from .utils.resume import Pipeline, Step


def measure():
    import json
    import os
    import time

    import numpy as np

    from .utils.step_run import StepRun

    size, rounds = int(os.environ["SIZE"]), int(os.environ["ROUNDS"])
    matrix = np.random.default_rng(0).normal(size=(200, 200))
    weights = [np.full(size // 8 // 32, float(n)) for n in range(32)]
    warm = [each.copy() for each in weights]
    names = ("copy", "copy-again", "copy-processor", "blocked", "blocked-processor", "written", "alone", "beside")
    found = {name: [] for name in names}

    def pace(until):
        # Seconds of one iteration, while `until` is not yet true.
        start, count = time.perf_counter(), 0
        while not until():
            for _ in range(10):
                matrix @ matrix
                count += 1
        return (time.perf_counter() - start) / count

    with Checkpoint("big", LoopState(weights=weights), seconds=1e9) as checkpoint:
        for i in checkpoint.loop(range(rounds)):
            for each in weights:
                each += 1
            saving = StepRun.current.saving
            start, processor = time.perf_counter(), time.thread_time()
            copies = [each.copy() for each in weights]
            found["copy"].append(time.perf_counter() - start)
            found["copy-processor"].append(time.thread_time() - processor)
            del copies
            start = time.perf_counter()
            for source, target in zip(weights, warm, strict=True):
                np.copyto(target, source)
            found["copy-again"].append(time.perf_counter() - start)
            end = time.perf_counter() + 1
            found["alone"].append(pace(lambda: time.perf_counter() > end))
            start, processor = time.perf_counter(), time.thread_time()
            saving.save(checkpoint, "position")
            found["blocked"].append(time.perf_counter() - start)
            found["blocked-processor"].append(time.thread_time() - processor)
            found["beside"].append(pace(lambda: not saving.writer.is_in_flight))
            found["written"].append(time.perf_counter() - start)
            saving.settle()
    print(json.dumps(found))


PIPELINE = Pipeline(Step("train", measure, role="train", program="a"), package=__package__)
"""

CHAIN = """
import os

from .utils.resume import Pipeline, Step


def prepare():
    import numpy as np

    return np.arange(1_000_000.0)


def train(data):
    return data * 2 + 1


def evaluate(model):
    if os.environ.get("FAIL"):
        raise SystemExit(3)
    with open("result.txt", "w") as file:
        file.write(str(model.sum()))


PIPELINE = Pipeline(
    Step("preprocess-data", prepare, role="preprocess", program="a", gives=("data",)),
    Step("train", train, role="train", program="a", takes=("data",), gives=("model",)),
    Step("evaluate", evaluate, role="evaluate", program="a", takes=("model",)),
    package=__package__,
)
"""

DVC_STAGE = """
import sys

import numpy as np

if sys.argv[1] == "prepare":
    np.save("data.npy", np.arange(1_000_000.0))
elif sys.argv[1] == "train":
    np.save("model.npy", np.load("data.npy") * 2 + 1)
else:
    with open("result.txt", "w") as file:
        file.write(str(np.load("model.npy").sum()))
"""

DVC_YAML = """
stages:
  prepare:
    cmd: {python} stage.py prepare
    deps: [stage.py]
    outs: [data.npy]
  train:
    cmd: {python} stage.py train
    deps: [stage.py, data.npy]
    outs: [model.npy]
  evaluate:
    cmd: {python} stage.py evaluate
    deps: [stage.py, model.npy]
    outs: [result.txt]
"""

METAFLOW = """
import os

from metaflow import FlowSpec, step


class Chain(FlowSpec):
    @step
    def start(self):
        import numpy as np

        self.data = np.arange(1_000_000.0)
        self.next(self.train)

    @step
    def train(self):
        self.model = self.data * 2 + 1
        self.next(self.end)

    @step
    def end(self):
        if os.environ.get("FAIL"):
            raise ValueError("made up")
        with open("result.txt", "w") as file:
            file.write(str(self.model.sum()))


if __name__ == "__main__":
    Chain()
"""

JOBLIB = """
import joblib

memory = joblib.Memory("cache", verbose=0)


@memory.cache
def prepare():
    import numpy as np

    return np.arange(1_000_000.0)


@memory.cache
def train(data):
    return data * 2 + 1


@memory.cache
def evaluate(model):
    with open("result.txt", "w") as file:
        file.write(str(model.sum()))


evaluate(train(prepare()))
"""

_FITS = """
import json
import os
import shutil
import time

from .utils.fit import resumable
from .utils.resume import Pipeline, Step

EPOCHS = 6
PLACE = "of-the-library"


def measure():
    import numpy as np

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2048, 256)).astype("float32"), rng.normal(size=(2048, 1)).astype("float32")
    found = {"plain": [], "theirs": [], "ours": []}
    for _ in range(int(os.environ["ROUNDS"]) + 1):
        for how in found:
            fit = prepare(x, y, how)
            start, processor = time.perf_counter(), time.process_time()
            fit()
            took = time.perf_counter() - start, time.process_time() - processor
            found[how].append([each / EPOCHS for each in took])
            shutil.rmtree(PLACE, ignore_errors=True)
    # The first round warms up.
    print(json.dumps({"megabytes": 3 * 4 * WEIGHTS / 1e6, **{how: each[1:] for how, each in found.items()}}))


WEIGHTS = 256 * 1024 + 1024 + 1024 * 1024 + 1024 + 1024 + 1
"""
KERAS = (
    _FITS
    + """

def prepare(x, y, how):
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    wide = [layers.Dense(1024, activation="relu") for _ in range(2)]
    model = keras.Sequential([keras.Input((256,)), *wide, layers.Dense(1)])
    model.compile(optimizer="adam", loss="mse")
    model.train_on_batch(x[:64], y[:64])
    callbacks = [keras.callbacks.BackupAndRestore(PLACE)] if how == "theirs" else []
    call = resumable(model.fit) if how == "ours" else model.fit
    return lambda: call(x, y, epochs=EPOCHS, batch_size=64, verbose=0, callbacks=callbacks)


PIPELINE = Pipeline(Step("train", measure, role="train", program="a"), package=__package__)
"""
)
LIGHTNING = (
    _FITS
    + """

def prepare(x, y, how):
    import logging

    import torch
    from lightning.pytorch import LightningModule, Trainer, callbacks, seed_everything
    from torch.utils.data import DataLoader, TensorDataset

    class Net(LightningModule):
        def __init__(self):
            super().__init__()
            wide = [torch.nn.Linear(256, 1024), torch.nn.ReLU(), torch.nn.Linear(1024, 1024), torch.nn.ReLU()]
            self.layers = torch.nn.Sequential(*wide, torch.nn.Linear(1024, 1))

        def training_step(self, batch, index):
            rows, target = batch
            return torch.nn.functional.mse_loss(self.layers(rows), target)

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters())

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    seed_everything(0, verbose=False)
    trainer = Trainer(
        max_epochs=EPOCHS,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=how == "theirs",
        callbacks=[callbacks.ModelCheckpoint(dirpath=PLACE)] if how == "theirs" else [],
    )
    net = Net()
    loader = DataLoader(TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), batch_size=64, shuffle=True)
    call = resumable(trainer.fit) if how == "ours" else trainer.fit
    return lambda: call(net, loader)


PIPELINE = Pipeline(Step("train", measure, role="train", program="a"), package=__package__)
"""
)
