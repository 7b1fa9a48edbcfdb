import itertools
import random

import numpy as np


def batches(items, size, rng):
    while True:
        order = list(items)
        rng.shuffle(order)
        for start in range(0, len(order), size):
            yield order[start:start + size]


def countdown(n):
    while n:
        yield n
        n -= 1


rng = random.Random(2)
np.random.seed(2)
total = 0
feed = batches(range(5), 2, rng)
picked = []
for step in range(6):
    batch = next(feed)
    total += sum(batch) * random.Random(step).random()
    picked.append(batch)
print("feed", total, picked)

loader = [np.random.rand(2) for _ in range(3)]
it = iter(loader)
for step in range(5):
    try:
        xb = next(it)
    except StopIteration:
        it = iter(loader)
        xb = next(it)
    total += float(xb.sum()) + np.random.rand()
print("iter", total)

for step, batch in zip(range(4), itertools.cycle(loader)):
    total += float(batch[0]) * step
for n in countdown(4):
    total += n * rng.random()
lines = (line.strip() for line in ["1", "2", "3"])
for value in lines:
    total += int(value) * np.random.rand()
numbers = iter([4, 5, 6, 7])
for value in numbers:
    total += value * rng.random()
    if value == 5:
        total += next(numbers)
print(total, rng.random(), np.random.rand())
