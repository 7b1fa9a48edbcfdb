import random

import numpy as np

np.random.seed(0)
random.seed(0)
data = np.random.rand(4, 2)


def batches(rows):
    """Endless: each pass over the rows is shuffled anew, when it is reached."""
    while True:
        order = np.random.permutation(len(rows))
        for i in order:
            yield rows[i]


def noisy(n):
    for i in range(n):
        yield i + random.random()


class Stream:
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        for i in range(self.n):
            yield i * np.random.rand()


w = np.zeros(2)
for step, row in zip(range(10), batches(data)):
    w += row * np.random.rand() * (step + 1)
total = 0.0
for value in noisy(4):
    total += value * random.random()
for value in Stream(4):
    total += value * np.random.rand()
print(w, total, np.random.rand(), random.random())
