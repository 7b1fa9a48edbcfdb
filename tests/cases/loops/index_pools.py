"""Active learning: each turn takes the first of the indices that are left, in the order in which the set gives them."""

import random

random.seed(4)
pool = set(range(600))
labelled = []
weights = [random.random() for _ in pool]
for turn in range(8):
    candidates = list(pool)[:80]
    chosen = sorted(candidates, key=lambda index: weights[index])[:45]
    labelled += chosen
    pool -= set(chosen)
    pool.discard(599 - turn)
    weights = [0.9 * weight + 0.1 * random.random() for weight in weights]
print(labelled[-6:], list(pool)[:12], len(pool), pool.pop())
