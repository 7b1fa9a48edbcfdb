import itertools
import random

import numpy as np
from tqdm import tqdm, trange

rng = np.random.default_rng(1)
random.seed(1)
data = rng.normal(size=(6, 2))
labels = [int(v) for v in rng.integers(0, 2, size=6)]
total = 0.0
seen = []
for epoch in trange(2, desc="epochs"):
    bar = tqdm(enumerate(zip(data, labels)), total=len(data), leave=False)
    for i, (row, label) in bar:
        total += float(row.sum()) * (label + 1) * random.random() + i
        bar.set_postfix(total=total)
for (a, b), c in zip(itertools.product(range(2), "xy"), reversed([1, 2, 3, 4])):
    total += a * c + random.random()
    seen.append((a, b, c))
for name, value in {"lr": 0.1, "decay": 0.5}.items():
    total *= 1 + value * rng.random()
    seen.append(name)
for position, value in np.ndenumerate(data[:2]):
    total += float(value) * (position[0] + 1)
for chunk in itertools.islice(itertools.count(5), 3):
    total += chunk * random.random()
with tqdm(total=3) as progress:
    for k in sorted({3, 1, 2}, reverse=True):
        total -= k * rng.random()
        progress.update(1)
for a, b in map(lambda p: (p, p * p), filter(None, [0, 1, 2])):
    total += b * random.random()
print(total, seen, rng.random(), random.random())
