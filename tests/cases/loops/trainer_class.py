import csv
import random
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Config:
    epochs: int = 3
    lr: float = 0.1
    seen: list = field(default_factory=list)


class Callback:
    def on_batch_end(self, trainer, loss):
        pass


class History(Callback):
    def __init__(self):
        self.losses = []

    def on_batch_end(self, trainer, loss):
        self.losses.append((trainer.global_step, loss))


class Trainer:
    def __init__(self, config, data, callbacks):
        self.config = config
        self.data = data
        self.callbacks = callbacks
        self.w = np.zeros(2)
        self.velocity = np.zeros_like(self.w)
        self.global_step = 0
        self.best = None
        self.rng = np.random.default_rng(0)

    def train_step(self, row):
        error = row[:2] @ self.w - row[2]
        self.velocity = 0.9 * self.velocity + error * row[:2]
        self.w -= self.config.lr * self.velocity
        self.global_step += 1
        return float(error ** 2)

    def train_epoch(self, epoch):
        total = 0.0
        for row in self.rng.permutation(self.data):
            loss = self.train_step(row)
            total += loss
            for callback in self.callbacks:
                callback.on_batch_end(self, loss)
        return total

    def fit(self):
        with open("log.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["epoch", "loss"])
            for epoch in range(self.config.epochs):
                loss = self.train_epoch(epoch)
                writer.writerow([epoch, loss])
                self.config.seen.append(epoch)
                if self.best is None or loss < self.best:
                    self.best = loss
                    np.save("best.npy", self.w)
                print("epoch", epoch, loss, random.random())
        return self


random.seed(9)
np.random.seed(9)
history = History()
trainer = Trainer(Config(), np.random.rand(4, 3), [history])
trainer.fit()
print(trainer.w, trainer.best, trainer.global_step, history.losses, trainer.config.seen)
print(np.load("best.npy"), open("log.csv").read())
