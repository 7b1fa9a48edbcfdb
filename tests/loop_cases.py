"""Loops of many shapes. Each is killed at every iteration; the resumed run must print the same last line.

Each case is the body of a module with a function `work()` that calls `tick()` in its innermost bodies
and returns something whose `repr` tells everything.
"""

HEAD = """
import os, signal, random
import numpy as np
from ..utils.checkpoint import Checkpoint, LoopState
from ..utils.step_run import StepRun

count = 0


def tick():
    global count
    count += 1
    if count == int(os.environ.get("KILL_AT", -1)):
        if "KILL_IN_FLIGHT" not in os.environ:
            StepRun.current.saving.settle()  # so that it is known which checkpoint is the newest
        os.kill(os.getpid(), getattr(signal, os.environ.get("KILL_BY", "SIGKILL")))
"""

CASES: dict[str, str] = {}

CASES["while_in_while"] = """
def work():
    random.seed(6)
    rng = np.random.default_rng(3)
    state = LoopState(n=0, total=0.0, rng=rng, m=None, seen=[])
    with Checkpoint("w", state) as checkpoint:
        while checkpoint.proceed(state.n < 4):
            state.m = 0
            while checkpoint.proceed(True):
                state.m += 1
                state.total += rng.random() + random.random()
                tick()
                if state.m > state.n:
                    break
            k = 0
            while checkpoint.proceed(k < 1):
                k += 1
                state.seen.append((state.n, state.m))
                tick()
            state.n += 1
    return state.total, state.seen, rng.random()
"""

CASES["break_continue_siblings"] = """
def work():
    np.random.seed(5)
    state = LoopState(out=[], x=0.0)
    with Checkpoint("b", state) as checkpoint:
        for i in checkpoint.loop(range(3)):
            for j in checkpoint.loop(np.random.permutation(4)):
                if j == 2:
                    continue
                tick()
                state.x += np.random.rand()
                if state.x > 4:
                    break
                state.out.append((i, int(j), state.x))
            for j, c in checkpoint.loop(enumerate("ab")):
                tick()
                state.out.append((i, c, j, np.random.rand()))
            for a, b in checkpoint.loop(zip(range(2), [5, 6])):
                tick()
                state.out.append((a, b))
    return state.out
"""

CASES["blocks_in_blocks"] = """
class Model:
    def __init__(self, n):
        self.w = np.zeros(n)
        self.steps = 0


def fit(model, data):
    losses = []
    state = LoopState(model=model, losses=losses, lr=1.0)
    with Checkpoint("fit", state) as checkpoint:
        for epoch in checkpoint.loop(range(2)):
            for i in checkpoint.loop(np.random.permutation(len(data))[:2]):
                model.w += state.lr * data[i] * np.random.rand()
                model.steps += 1
                state.lr *= 0.9
                losses.append(float(model.w.sum()))
                tick()
    return losses


def work():
    np.random.seed(1)
    random.seed(2)
    data = np.random.rand(6, 3)
    state = LoopState(scores={}, model=None, best=None)
    with Checkpoint("folds", state) as checkpoint:
        for fold in checkpoint.loop(range(3)):
            noise = random.random()
            state.model = Model(3)
            state.model.w += noise
            losses = fit(state.model, data)
            more = fit(state.model, data[::-1])
            state.scores[fold] = (losses, more, state.model.steps, noise)
            if state.best is None or losses[-1] > state.best.w.sum():
                state.best = state.model
    return state.scores, state.best.w.tolist(), state.best is state.model
"""

CASES["one_block_after_another"] = """
def first(x):
    state = LoopState(x=x, t=0.0)
    with Checkpoint("first", state) as checkpoint:
        for i in checkpoint.loop(range(3)):
            x[i] += random.random()
            state.t += x[i]
            tick()
    return state.t


def work():
    random.seed(4)
    x = [0.0] * 3
    t = [first(x) for _ in range(2)]
    r = random.random()
    state = LoopState(u=1.0)
    with Checkpoint("second", state) as checkpoint:
        for item in checkpoint.loop({"a": 1, "b": 2}.items()):
            state.u *= item[1] + random.random()
            tick()
    return t, x, state.u, r, random.random()
"""

CASES["generators_and_objects"] = """
class Item:
    def __init__(self, v):
        self.v = v


def numbers(n):
    order = np.random.permutation(n)
    for i in order:
        yield int(i)


def work():
    np.random.seed(9)
    items = [Item(i) for i in range(4)]
    first = items[0]
    state = LoopState(items=items, log=[], current=None)
    with Checkpoint("g", state) as checkpoint:
        for i in checkpoint.loop(numbers(3)):
            for state.current in checkpoint.loop(items):
                state.current.v += i * np.random.rand()
                tick()
            state.log.append(state.current.v)
    return [x.v for x in items], first.v, first is items[0], state.current is items[-1], state.log
"""

CASES["trainer_object"] = """
class Trainer:
    def __init__(self):
        self.history = []
        self.w = np.zeros(3)
        self.rng = np.random.RandomState(7)
        self.best = -1.0
        self.callbacks = [self.note]
        self.extra = {"n": 0, "deep": {"k": [1]}}

    def note(self, v):
        self.history.append(v)

    def train(self, epochs):
        h = self.history
        deep = self.extra["deep"]["k"]
        state = LoopState(self=self)
        with Checkpoint("train", state) as checkpoint:
            for epoch in checkpoint.loop(range(epochs)):
                for b in checkpoint.loop(range(3)):
                    self.w += self.rng.rand(3)
                    for c in self.callbacks:
                        c(float(self.w[0]))
                    deep.append(b)
                    self.extra["n"] += 1
                    tick()
                self.best = max(self.best, self.w.sum())
        return h is self.history


def work():
    t = Trainer()
    same = t.train(3)
    return t.history, t.w.tolist(), t.best, same, t.extra, t.rng.rand()
"""

CASES["return_inside"] = """
def search():
    state = LoopState(x=0.0)
    with Checkpoint("s", state) as checkpoint:
        for i in checkpoint.loop(range(50)):
            state.x += random.random()
            tick()
            if state.x > 3:
                return state.x, i
    return "never"


def work():
    random.seed(8)
    a = search()
    b = search()
    tick()
    return a, b
"""

CASES["aliases"] = """
import collections


def work():
    random.seed(1)
    shared = [1, 2]
    state = LoopState(a=shared, b={"s": shared}, q=collections.deque([1], 3), s={1}, ba=bytearray(b"x"),
                      counts=collections.Counter(), dd=collections.defaultdict(list), t=(shared, 5))
    counts = state.counts
    with Checkpoint("a", state) as checkpoint:
        for i in checkpoint.loop(range(5)):
            state.new = [i] if i % 2 == 0 else state.new
            state.alias = state.new
            state.alias.append(random.random())
            shared.append(i)
            state.q.append(i)
            state.s.add(i)
            state.ba.append(65 + i)
            counts["k"] += i
            state.dd[i].append(state.new)
            tick()
    return (shared, state.a is shared, state.b["s"] is shared, state.t[0] is shared, state.alias is state.new,
            list(state.q), sorted(state.s), bytes(state.ba), dict(counts), counts is state.counts,
            state.dd[4][0] is state.new, dict(state.dd))
"""

CASES["frames"] = """
import pandas as pd


def work():
    np.random.seed(3)
    df = pd.DataFrame({"a": np.random.rand(4), "b": list("wxyz")})
    series = pd.Series([1.0, 2.0])
    matrix = np.zeros((2, 3), order="F")
    row = matrix[0]
    objects = np.array([None, [1]], dtype=object)
    state = LoopState(df=df, series=series, matrix=matrix, objects=objects)
    with Checkpoint("df", state) as checkpoint:
        for i in checkpoint.loop(range(4)):
            df.loc[i, "a"] = df["a"].sum() + np.random.rand()
            df[f"c{i}"] = i
            series.iloc[0] += 1
            row[i % 3] += np.random.rand()
            objects[0] = (i, objects[1])
            objects[1].append(i)
            tick()
    return df.to_csv(), series.tolist(), matrix.tolist(), row.tolist(), objects.tolist()
"""

CASES["closures"] = """
def work():
    random.seed(1)
    total = 0
    seen = []

    def add(x):
        nonlocal total
        total += x
        seen.append(x)
        return total

    state = LoopState(add=add, y=0)
    with Checkpoint("c", state) as checkpoint:
        for i in checkpoint.loop(range(4)):
            state.y += add(random.randint(0, 9))
            tick()
    return total, seen, state.y
"""

TORCH_CASES: dict[str, str] = {}

TORCH_CASES["torch_shared"] = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(5, 4)
        self.out = nn.Linear(4, 5)
        self.out.weight = self.emb.weight
        self.bn = nn.BatchNorm1d(4)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.out(self.bn(self.emb(x)))


def work():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    x = torch.randint(0, 5, (12,))
    net = Net()
    outputs = []
    net.bn.register_forward_hook(lambda m, i, o: outputs.append(float(o.detach().sum())))
    ema = [p.detach().clone() for p in net.parameters()]
    opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda e: 0.9**e)
    group = opt.param_groups[0]
    g = torch.Generator().manual_seed(5)
    loader = DataLoader(TensorDataset(x), batch_size=4, shuffle=True, generator=g)
    weighted = DataLoader(TensorDataset(x), batch_size=6, sampler=WeightedRandomSampler(torch.ones(12), 12))
    state = LoopState(net=net, opt=opt, sched=sched, ema=ema, loader=loader, outputs=outputs, first=net.out.weight)
    with Checkpoint("t", state) as checkpoint:
        for epoch in checkpoint.loop(range(2)):
            for i, (xb,) in checkpoint.loop(enumerate(loader)):
                loss = nn.functional.cross_entropy(net(xb), xb)
                (loss / 2).backward()
                if i % 2:
                    opt.step()
                    opt.zero_grad()
                with torch.no_grad():
                    for e, p in zip(ema, net.parameters()):
                        e.mul_(0.9).add_(p, alpha=0.1)
                group["lr"] *= 0.99
                tick()
            for i, (xb,) in checkpoint.loop(enumerate(weighted)):
                outputs.append(xb.tolist())
                tick()
            sched.step()
    same = net.out.weight is net.emb.weight and state.first is net.out.weight
    same = same and opt.param_groups[0]["params"][0] is net.emb.weight
    return [p.tolist() for p in net.parameters()], [e.tolist() for e in ema], outputs, net.calls, group["lr"], same, \\
        group is opt.param_groups[0], net.bn.running_mean.tolist(), torch.rand(1).item(), sched.get_last_lr()
"""

TORCH_CASES["torch_attack"] = """
import torch
from torch.utils.data import DataLoader, Dataset


class Noisy(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        return torch.randn(2) + i


def work():
    torch.manual_seed(0)
    loader = DataLoader(Noisy(), batch_size=2, shuffle=True)
    out = []
    state = LoopState(out=out, delta=None, x=None)
    with Checkpoint("attack", state) as checkpoint:
        for x in checkpoint.loop(loader):
            state.delta = torch.zeros_like(x, requires_grad=True)
            optimizer = torch.optim.Adam([state.delta], lr=0.1)
            state.optimizer = optimizer
            for k in checkpoint.loop(range(3)):
                loss = ((x + state.delta) ** 2).sum() * torch.rand(())
                state.optimizer.zero_grad()
                loss.backward()
                state.optimizer.step()
                tick()
            out.append((x.tolist(), state.delta.tolist()))
    return out
"""
