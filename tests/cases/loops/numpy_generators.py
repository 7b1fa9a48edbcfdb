import random

import numpy as np

seeds = np.random.SeedSequence(11)
children = [np.random.Generator(kind(s)) for kind, s in
            zip((np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64), seeds.spawn(4))]
main = np.random.default_rng(5)
legacy = np.random.RandomState(6)
other = random.Random(7)
samplers = {"legacy": legacy, "other": other}
out = []
for round_ in range(3):
    fresh = np.random.default_rng(seeds.spawn(1)[0])
    (spawned,) = main.spawn(1)
    for index, child in enumerate(children):
        deck = np.arange(4)
        child.shuffle(deck)
        out.append(float(deck @ [1, 2, 3, 4] + child.standard_normal() + fresh.random() + spawned.normal()))
        out.append(legacy.rand() + samplers["other"].gauss(0, 1) + main.integers(10))
    children.append(np.random.default_rng(main.integers(1000)))
print(out)
print([c.random() for c in children], main.random(), legacy.rand(), other.random(), seeds.n_children_spawned)
