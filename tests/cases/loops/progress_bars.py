import random

from tqdm import tqdm


class Options(dict):
    def __getattr__(self, name):
        return self[name]


class Wrapped:
    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)


class Walk:
    def __init__(self):
        self.at = 0.0

    def step(self, rate):
        self.at += rate * random.random()


random.seed(3)
walk = Walk()
total = 0.0
steps = 0
whole = tqdm(total=6, desc="all")
for epoch in range(2):
    bar = tqdm(total=3)
    bar.set_description(f"epoch {epoch}")
    options = Options(rate=random.random())
    shuffled = Wrapped(random.sample(range(9), 3))
    for place in range(3):
        walk.step(options.rate)
        total += walk.at * shuffled.pop()
        steps += 1
        bar.update(1)
        whole.update(1)
        bar.set_postfix(total=total, step=steps)
    bar.close()
    print(epoch, total, bar.n, bar.total)
whole.close()
print(total, steps, whole.n, random.random())
