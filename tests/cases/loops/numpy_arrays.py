"""Arrays of many kinds that turns change in place: views of each other, masked, structured, of objects, in a file, of a
class with attributes."""

import numpy as np


class Tracked(np.ndarray):
    def __new__(cls, values):
        made = np.asarray(values, dtype=float).view(cls)
        made.changes = 0
        return made

    def __array_finalize__(self, source):
        self.changes = getattr(source, "changes", 0)


rng = np.random.default_rng(0)
values = np.arange(12.0)
every_third = values[::3]
table = values.reshape(3, 4).T
masked = np.ma.masked_greater(values, 8)
plain = np.ma.array(values * 2)
rows = np.zeros(3, dtype=[("x", "f8"), ("name", "U5")])
column = rows["x"]
things = np.array([{"k": 1}, [2], None], dtype=object)
tracked = Tracked([1, 2, 3])
stored = np.memmap("stored.dat", dtype="f4", mode="w+", shape=(4, 4))
for turn in range(8):
    every_third *= 1.01
    table[turn % 4, 1] += rng.normal()
    masked[turn] = np.ma.masked if turn % 2 else turn
    masked[9] += 1
    plain.mask = plain > 12 - turn
    column[turn % 3] += turn
    things[1].append(turn)
    things[2] = turn
    tracked[turn % 3] += values[turn]
    tracked.changes += 1
    stored[turn % 4] = values[:4]
print(values.round(5), every_third.round(5), table.sum().round(5), np.shares_memory(values, table))
print(masked, masked.sum(), plain, plain.mask.sum(), plain.data.sum())
print(rows, np.shares_memory(rows, column), things, tracked.round(5), tracked.changes, type(tracked).__name__)
print(stored.round(3), type(stored).__name__)
