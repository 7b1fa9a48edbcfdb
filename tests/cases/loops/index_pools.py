"""Active learning: each turn takes the first of the indices that are left, in the order in which the set gives them."""

import random

random.seed(4)
pool = set(range(600))
pool -= set(range(0, 600, 7))
print(len(pool))
# train
labelled = []
weights = [random.random() for _ in range(600)]
others = {"left": pool - {1}, "same": pool}
for turn in range(8):
    candidates = list(pool)[:80]
    chosen = sorted(candidates, key=lambda index: weights[index])[:45]
    labelled += chosen
    pool -= set(chosen)
    pool.discard(599 - turn)
    left = others["left"]
    others["left"] = left - set(list(left)[:60])
    labelled.append(min(list(others["left"])[:3]))
    weights = [0.9 * weight + 0.1 * random.random() for weight in weights]
# show
print(labelled[-6:], list(pool)[:12], len(pool), list(others["left"])[:9], others["same"] is pool, pool.pop())
