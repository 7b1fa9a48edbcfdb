"""Functions that remember: in default arguments, in attributes, in what they close over; some made while the loop runs."""

import functools
import random

random.seed(3)
base = 2


def power(x, n=base, seen=[], *, counts={}):  # noqa: B006
    seen.append(x)
    counts[x % 3] = counts.get(x % 3, 0) + 1
    power.calls = getattr(power, "calls", 0) + 1
    return x**n + len(seen)


base = 5


def make(factor):
    count = 0

    def inner(x):
        nonlocal count
        count += 1
        inner.last = x
        return x * factor + count

    inner.last = None
    inner.calls = lambda: count
    return inner


def remember(function):
    @functools.wraps(function)
    def wrapper(x):
        wrapper.calls += 1
        return wrapper.known.setdefault(x, function(x))

    wrapper.calls = 0
    wrapper.known = {}
    return wrapper


@remember
def square(x):
    return x * x


@functools.singledispatch
def size(value):
    size.asked = getattr(size, "asked", 0) + 1
    return 1


@size.register
def _(value: tuple):
    return len(value)


def main():
    operations = {"square": functools.partial(power, n=2), "shift": lambda v: v + base, "power": power}
    measures = {"size": size}
    pipes = [make(factor) for factor in range(3)]
    found = []
    for turn in range(9):
        name = random.choice(sorted(operations))
        found.append((name, pipes[turn % 3](operations[name](turn)), square(turn % 4)))
        found[-1] = (*found[-1], measures["size"](found[-1]), measures["size"](turn))
        operations["shift"] = lambda v, turn=turn: v + base + turn
        if turn == 4:
            power.__defaults__ = (3, power.__defaults__[1])
    print(found)
    print(power.__defaults__, power.__kwdefaults__, power.calls)
    print([(pipe.calls(), pipe.last) for pipe in pipes], operations["shift"](0))
    print(square.calls, square.known, size.asked)


main()
