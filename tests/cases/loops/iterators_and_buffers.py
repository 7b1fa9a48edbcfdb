import array
import itertools
import random

random.seed(4)
numbers = iter([4, 5, 6, 7, 8, 9])
names = itertools.count(10)
counts = array.array("d", [0.0, 0.0])
stack = [iter("ab")]
total = 0.0
for value in range(4):
    total += next(numbers) * random.random() + next(names)
    counts[value % 2] += total
    print(value, total)
print(list(numbers), next(names), list(counts), total)
rest = iter(range(100, 104))
for step in range(3):
    total += random.random() + step
    if step == 1:
        rest = iter(range(50, 54))
        total += next(rest)
print(total, list(rest), random.random())
