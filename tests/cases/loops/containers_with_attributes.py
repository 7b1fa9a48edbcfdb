"""Populations that are lists, dicts, sets and queues themselves, with attributes beside their items; a namespace that two
names share, and enumerations."""

import random
from collections import deque
from enum import Enum
from itertools import cycle
from types import SimpleNamespace


class Phase(Enum):
    WARM = 1
    MAIN = 2


class Member:
    def __init__(self, place, group):
        self.place = place
        self.group = group
        self.best = place * place

    def step(self):
        self.place += self.group.rng.random() - 0.5


class Group(list):
    def __init__(self, size, seed):
        self.rng = random.Random(seed)
        self.log = []
        super().__init__(Member(self.rng.random(), self) for _ in range(size))
        self.best = min(member.best for member in self)

    def __call__(self, seen, recent, table):
        for member in self:
            member.step()
            value = member.place**2
            if value < member.best:
                member.best = value
            self.best = min(self.best, value)
            seen.add(round(value, 1))
            seen.added = getattr(seen, "added", 0) + 1
            recent.append(value)
            recent.total += value
            table["last"] = value
            table.versions = [*table.versions[-2:], len(table)]
            settings.rate *= 0.9
            settings.phase = next(phases)
            settings.seen[settings.phase] = settings.rate
        self.log.append(self.best)


class Seen(set):
    pass


class Recent(deque):
    total = 0.0


class Table(dict):
    versions = ()


phases = cycle(list(Phase))
settings = shared = SimpleNamespace(rate=1.0, phase=Phase.WARM, seen={})
group, seen, recent, table = Group(4, 1), Seen(), Recent(maxlen=3), Table()
for _ in range(3):
    group(seen, recent, table)
print(group.best, group.log, [(member.place, member.best) for member in group], group.rng.random())
print(sorted(seen), seen.added, list(recent), recent.total, recent.maxlen, table, table.versions)
print(shared is settings, shared.rate, shared.phase is Phase.MAIN, shared.seen, next(phases))
