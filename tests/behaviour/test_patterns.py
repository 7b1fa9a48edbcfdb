"""Small programs, each with one pattern that converters get silently wrong: original and converted print the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from graduate.analyse import analyse
from harness import convert, read_sources, run_original

PROGRAMS: dict[str, str] = {
    "the order of sets from step to step": """
pool = set(range(600))
pool -= set(range(0, 600, 7))
for n in range(30, 590):
    pool.discard(n)
same = {"pool": pool, "others": [pool - {1}]}
print(len(pool))
# use
print(list(pool), list(same["others"][0]))
pool.discard(next(iter(pool)))
# use again
print(list(same["pool"]), same["pool"] is pool, pool.pop())
""",
    "a program that names its own file": """
import os
def name():
    return os.path.basename(__file__)
# prepare
first = name()
print(first)
# use
__file__ = "other/thing"
for i in range(3):
    __file__ += str(i)
print(name(), __file__)
""",
    "names that Python reads as other characters": """
import math as ℳ
ℓ = 3
ϕ, ỹ = 0.5, [1]
𝜎𝑥: float = 2.0
def step(𝛼, *, ℓ_max=4, ϑ=ϕ):
    global ℓ, ϕ  # both
    ℓ += 1; ϕ = ϕ + 𝛼 * ϑ
    def inner():
        nonlocal 𝛼
        𝛼 = 𝛼 + 𝜎𝑥
        return 𝛼
    return inner() + ℓ_max
class Küche:
    𝒜 = 1
    def größe(self, ℓ=ℓ):
        try:
            raise ValueError(ℓ)
        except ValueError as ϵ:
            return f"{ϵ} {ℓ=} {self.𝒜}"
# train
print(step(𝛼=1.0, ϑ=2), ℓ, ϕ)
for ℓ in range(40):
    ỹ.append(ỹ[-1] * ϕ % 7)
print(ℓ, ỹ[-1])
print(Küche().größe(), Küche().größe(ℓ=9))
# show
print(ℳ.pi, {𝑘: 𝑣 for 𝑘, 𝑣 in zip("ab", (1, 2))})
if __name__ == "__main__":
    def main(ﬁt=3, ℓ_2=ℓ):
        Θ = ﬁt * ℓ_2
        print(Θ)
        return Θ
    main(ℓ_2=5)
""",
    "a module that the program makes": """
import sys
import types
# prepare
sys.modules["made_up"] = types.ModuleType("made_up", "made here")
print(len("abc"))
# use
import made_up
from made_up import __doc__ as said
print(made_up.__doc__, said)
""",
    "an import of what the program has put into a module": """
import textwrap
import colorsys as colours
# prepare
textwrap.shorten = lambda text, width: text[:width]
colours.ONE_THIRD = 3
# use
from textwrap import shorten
from colorsys import ONE_THIRD, ONE_SIXTH
print(shorten("abcdef", 2), ONE_THIRD, round(ONE_SIXTH, 3))
""",
    "a module that the program writes before it imports it": """
from pathlib import Path
import math
Path("made_here.py").write_text("def double(x):\\n    return 2 * x\\n")
from made_here import double
# load data
rows = [double(i) for i in range(4)]
print(rows)
# train
total = 0.0
for row in rows:
    total += math.sqrt(double(row))
# evaluate
print(round(total, 6), double(total))
""",
    "parameters and arguments whose last line ends in a backslash": r"""
# load data
scale = len("abc")
def fit(a,\
    b=2,\
):
    return a * b * scale
def plain(a,\
):
    return a + scale
# train
print(fit(1,\
    b=3,\
), plain(2,\
))
scale = 5
# evaluate
print(fit(2), plain(1))
""",
    "names that are looked up by their text": """
import argparse
import math
from timeit import timeit

SCALE = 3
text = "10"

class Small:
    def __init__(self, n=1):
        self.n = n * SCALE

class Big(Small):
    pass

def train_fast(x):
    return x + SCALE

def train_slow(x):
    own = 2
    return eval("x * SCALE + own + " + text)

def pick(name):
    return globals()["train_" + name]

def has(name):
    return name in globals(), globals().get(name, "nothing")

def late():
    return eval("later + 1")

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="Big")
    parser.add_argument("--kind", default="slow")
    args = parser.parse_args()
    # load data
    start = math.floor(5.5)
    model = eval(args.model)(4)
    print(type(model).__name__, model.n, pick(args.kind)(2), has("later")[0], has("nobody"))
    # train
    total = 0.0
    history = []
    for epoch in range(4):
        total += eval("math.{}(epoch + start)".format("sqrt"))
        history.append(eval("total if epoch else seen") if epoch else None)
        seen = epoch
        print(epoch, round(total, 4), eval("seen"))
    # evaluate
    df_1, df_2 = [1], [2]
    for i in (1, 2):
        print(locals()[f"df_{i}"], "df_3" in locals(), "SCALE" in globals(), globals().get(args.model + "x", "none"))
    for missing in ("missing_name", "unset"):
        try:
            eval(missing)
        except NameError as error:
            print(error)
    print(eval("round(total, 2)"), [eval("n * SCALE") for n in history[:0] + [1, 2]], len(history))
    if total < 0:
        unset = 1

later = 41
if __name__ == "__main__":
    main()
    print(late(), timeit("train_fast(1)", globals=globals(), number=1) > 0)
""",
    "names that have no value any more, or not yet, and the program says so": """
import math

def add(a, b):
    return a + b

def show(x):
    try:
        print(x, limit)
    except NameError as error:
        print("in show:", error, type(error).__name__)

# load data
limit = 5
total = add(1, 2)
rows = [1, 2]
show(total)
del add
try:
    print(add(3, 4))
except NameError as error:
    print(error, type(error).__name__)
# train
if total > 5:
    extra = 3
try:
    print(extra)
except Exception as error:
    print(error)
for epoch in range(3):
    try:
        print("last", last)
    except Exception as error:
        print(error)
    last = math.sqrt(epoch)
del limit
show(2)
try:
    del rows, rows
except (KeyError, NameError) as error:
    print(error)
# evaluate
try:
    del limit
except NameError:
    import sys
    print(sys.exc_info()[1])
print(last)
""",
    "a module that the program writes before it imports all of it": """
from pathlib import Path
Path("made_whole.py").write_text("import math\\nSCALE = 3\\ndef scaled(x):\\n    return math.sqrt(x) * SCALE\\n")
from made_whole import *
# load data
rows = [scaled(i) for i in range(4)]
print(rows, SCALE)
# train
total = 0.0
for row in rows:
    total += math.floor(scaled(row))
print(total)
""",
    "decorators that count and remember": """
import functools

def counted(function):
    function_calls = 0
    @functools.wraps(function)
    def inner(*args):
        nonlocal function_calls
        function_calls += 1
        inner.last = args
        return function(*args), function_calls
    return inner

def remembered(size):
    def decorate(function):
        kept = {}
        def inner(x):
            if x not in kept and len(kept) < size:
                kept[x] = function(x)
            return kept.get(x, "forgotten")
        return inner
    return decorate

class Slow:
    def __init__(self, function):
        self.function, self.times = function, []
    def __call__(self, x):
        self.times.append(x)
        return self.function(x) + len(self.times)

@counted
def square(x):
    return x * x

@remembered(2)
def half(x):
    print("halving", x)
    return x / 2

@Slow
def third(x):
    return x / 3

# load data
print(square(2), half(4), third(9))
# train
for epoch in range(3):
    print(square(epoch), half(epoch), third(epoch))
# evaluate
print(square(5), half(4), third(2), square.last)
""",
    "names of builtins bound anew": """
from functools import partial
print = partial(print, flush=True)

def total(values):
    return sum(values)

# load data
rows = [3, 1, 2]
print(total(rows), max(rows))
# train
sum = 0
for row in rows:
    sum += row
if sum > 5:
    max = rows[-1]
print(sum, max)
# evaluate
print(min(rows), sum)
""",
    "a name that is read before it is bound": """
# load data
rows = [1, 2, 3]
print(rows)
# evaluate
try:
    print(score)
except NameError:
    print("no score yet")
# train
score = 0
for epoch in range(3):
    score += rows[epoch]
# evaluate
print(score)
""",
    "an import on a condition that is computed": """
import sys

fast = len(sys.argv) > 5
if fast:
    from math import ceil as rounded
else:
    from math import floor as rounded

def use(x):
    return rounded(x) + 1

# train
total = 0
for epoch in range(3):
    total += use(epoch / 2)
print(total, rounded(2.5))
""",
    "one seed at the top, draws in several sections": """
import random
import numpy as np
random.seed(1)
np.random.seed(2)
# load data
data = np.random.normal(size=10)
print(data.sum())
# preprocess
noise = [random.random() for _ in range(3)]
shuffled = np.random.permutation(data)
print(shuffled[:3], noise)
# train
weight = 0.0
for step in range(20):
    weight += np.random.normal() * shuffled.mean() + random.random()
print(weight)
# evaluate
print(np.random.rand(), random.random())
""",
    "functions that read and write globals": """
rate = 0.1
count = 0
total = []

def add(x):
    global count
    count += 1
    total.append(x * rate)
    return sum(total)

def twice(x):
    return add(x) + add(x)

print(twice(3), count)
rate = 0.5
print(twice(3), count, rate)
def show():
    print("count is", count, "of", len(total))
show()
""",
    "methods that read globals which change": """
scale = 2
class Scaler:
    offset = scale
    def __call__(self, x):
        return x * scale + self.offset
s = Scaler()
print(s(3))
scale = 5
print(s(3), Scaler.offset)
""",
    "a dictionary reached by two names": """
config = {"lr": 0.1, "layers": [1, 2]}
view = config
layers = config["layers"]
# load the data
rows = [float(i) for i in range(5)]
view["lr"] = 0.2
# train the model
for row in rows:
    layers.append(row)
    config["lr"] *= 0.5
print(config, view is config, layers is view["layers"])
# evaluate
print(sum(layers), view["lr"])
""",
    "a generator object passed along": """
import numpy as np
rng = np.random.default_rng(7)
def draw(n):
    return rng.normal(size=n)
first = draw(3)
print(first)
def simulate(generator, steps):
    position = 0.0
    for _ in range(steps):
        position += generator.choice([-1, 1]) + rng.random()
    return position
print(simulate(rng, 10))
print(draw(2).sum())
""",
    "a function used as a value": """
threshold = 3
def keep(x):
    return x > threshold
def apply(f, xs):
    return [f(x) for x in xs]
print(list(filter(keep, range(6))), apply(keep, [1, 5]))
threshold = 1
print(list(filter(keep, range(6))), apply(lambda x: x + threshold, [1]))
""",
    "a lambda, a generator and an open file cross sections": """
import io
scale = 3
double = lambda x: x * scale
squares = (i * i for i in range(5))
with open("notes.txt", "w") as out:
    out.write("one\\ntwo\\n")
handle = open("notes.txt")
# train
first = handle.readline()
values = []
for value in squares:
    values.append(double(value))
print(values, repr(first))
scale = 10
print(double(2), handle.readline().strip())
handle.close()
""",
    "names that may have no value": """
import sys
if len(sys.argv) > 5:
    extra = 1
for i in range(3):
    last = i * 2
flag = last > 3
if flag:
    special = "yes"
print(last, i)
if flag:
    print(special)
def peek():
    try:
        return extra
    except NameError:
        return "none"
print(peek())
""",
    "early exit in the middle": """
import sys
print("before")
value = 3
if value == 3:
    print("leaving")
    sys.exit(0)
print("never")
""",
    "a main function that returns early, with names of the top level": """
def show(value):
    print("value", value)
def main(seed, pair):
    low, high = pair
    if seed < 0:
        show("never")
        return
    for i in range(low, high):
        show(i * seed)
    if high > 3:
        if low == 1:
            show("enough")
            return 0
    show("never")
if __name__ == "__main__":
    low, high = 1, 4
    pair = (low, high)
    seed = 2
    main(seed, pair)
""",
    "a main function with arguments": """
import math
FACTOR = 2.5
def area(r):
    return math.pi * r ** 2 * FACTOR
def main(radius=2, *, verbose=True):
    '''Print areas.'''
    # the radii
    radii = [radius, radius + 1]
    results = {}
    for r in radii:
        results[r] = area(r)
        if verbose:
            print(f"{r}: {results[r]:.3f}")
    best = max(results, key=results.get)
    print(f"{best=} {FACTOR = :.1f}")
    return best
if __name__ == "__main__":
    answer = main(3)
    print("answer", answer)
""",
    "nested functions and recursion that need a global": """
depth_limit = 4
def outer(n):
    def inner(k):
        if k >= depth_limit:
            return [k]
        return [k] + inner(k + 1)
    return inner(n)
def fact(n):
    return 1 if n <= 1 else n * fact(n - 1) + depth_limit
print(outer(1), fact(5))
depth_limit = 6
print(outer(3), [fact(i) for i in range(3)], {k: outer(k) for k in (5, 6)})
""",
    "redefined functions": """
def f(x):
    return x + 1
print(f(1))
def f(x):
    return x * 10
y = f(2)
def g(z):
    return f(z) + y
print(y, g(3))
f = float
print(f(5), g(4))
""",
    "strings that must not be indented": '''
text = """first
  second
third"""
def block():
    return """a
b
  c"""
print(text)
print(block(), f"""x {text!r:>3}
y""")
long = "one \\
two"
print(long)
''',
    "semicolons and one-line bodies": """
a = 1; b = 2; print(a + b)
for i in range(3): print(i, end=" "); a += i
print(a)
if a > 2: b = 5; print("big", b)
while a > 0: a -= 2
print(a, b)
class P: x = b if False else 3
print(P.x)
""",
    "decorators, defaults and class attributes": """
import functools
calls = []
def logged(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        calls.append(f.__name__)
        return f(*args, **kwargs)
    return wrapper
base = 10
@logged
def power(x, n=base):
    return x ** n
print(power(2), power(2, n=3), calls)
class Counter:
    total = 0
    def __init__(self):
        Counter.total += 1
    @property
    def size(self):
        return len(calls) + Counter.total
c = Counter(); Counter()
print(c.size)
""",
    "unpacking, walrus, star and del": """
first, *rest = range(5)
(a, b), c = (1, 2), 3
print(first, rest, a, b, c)
if (n := len(rest)) > 3:
    print("n is", n)
del a
try:
    print(a)
except NameError as error:
    print("gone", type(error).__mro__[-4:])
squares = {k: v for k, v in zip("xyz", (i ** 2 for i in range(3)))}
print(squares, [b for b in range(2)], b)
""",
    "exceptions and context managers at the top": """
import contextlib
log = []
@contextlib.contextmanager
def section(name):
    log.append("enter " + name)
    yield name.upper()
    log.append("leave " + name)
with section("a") as upper:
    value = 5
    print(upper)
try:
    result = value / 0
except ZeroDivisionError as e:
    result = None
    print("caught", e)
finally:
    print("finally")
print(result, log, value)
""",
    "while loops with counters and break": """
import random
random.seed(5)
# training
step = 0
best = None
losses = []
while True:
    loss = random.random()
    losses.append(loss)
    step += 1
    if best is None or loss < best:
        best = loss
        best_step = step
    if step >= 25:
        break
print(step, best, best_step, sum(losses))
remaining = 10
while remaining > 0:
    remaining -= random.randint(1, 3)
else:
    print("done", remaining)
""",
    "names of the project in the author's code": """
seed = 3
width = 4
total = 0.0
class Attention:
    def __call__(self, values):
        context = [v / width for v in values]
        settings = {"width": width, "seed": seed}
        return sum(context) * settings["seed"]
def add(x):
    global total
    context = x * 2
    total += context
def describe(settings, Checkpoint=None, LoopState=None, source_path="here"):
    return f"{settings}, {source_path}, {seed}"
attention = Attention()
# train
for epoch in range(width):
    add(attention([epoch, seed]))
    print(epoch, total)
context = [seed, total]
print(context, describe(settings=context))
width = 5
print(attention([1.0]))
""",
    "state of classes and functions": """
class Box:
    made = 0
    items = []
    names = {}

    def __init__(self, name):
        Box.made += 1
        self.items.append(name)
        type(self).newest = name

    @classmethod
    def rename(cls, name):
        cls.names[name] = len(cls.items)
        return cls.made

class Small(Box):
    pass

def seen(x, cache={}, *, order=[]):
    cache[x] = len(cache)
    order.append(x)
    seen.calls += 1
    return order, cache

def number(self):
    return self.made * 2

seen.calls = 0
# load data
box = Box("a")
order, _ = seen(1)
print(Box.made, order)
# preprocess
small = Small("b")
Box.number = number
print(Small.newest, Box.items, seen(2), order is seen(2)[0])
# train
total = 0
for epoch in range(3):
    total += Box(str(epoch)).number() + len(seen(epoch)[0])
    print(Box.rename(epoch), total)
# evaluate
print(Box.made, Box.items, Box.names, Small.newest, seen(9), seen.calls, box.number(), box.items is Box.items)
""",
    "a function defined again inside of a loop": """
xs = []

def f(x):
    return x

def call(x):
    return f(x)

print(call(1))
# train
for i in range(2):
    import math as m
    def f(x):
        xs.append(i)
        return x + i
    print(f(1), call(2))
# evaluate
def floor(x):
    return m.floor(x)
print(f(3), call(4), xs, floor(2.5))
""",
    "definitions that call something when they are made": """
import random
random.seed(4)
limit = 4
registry = {}

def scaled(x):
    return x * limit

def noisy():
    return random.random()

def register(function):
    registry[function.__name__] = len(registry) + limit
    return function

def timed(function):
    def wrapper(*args):
        print("calls", function.__name__, limit)
        return function(*args)
    return wrapper

print(random.random())
limit = 5

class Box:
    size = scaled(3)
    noise = [noisy() for _ in range(2)]

@register
def area(x, y=scaled(2), z=random.random()):
    return x * y + z

@timed
def volume(x):
    return x ** 3

# train
limit = 7
print(Box.size, Box.noise, area(2), random.random(), registry)
print(volume(2), scaled(1))
""",
    "names that are read and bound by the same statement": """
import sys
n, limit, text = 3, 2, "a"

def f(x, y=1):
    return x + y

class Net:
    def run(self):
        return 1

print(n, f(1))
# train
if (n := n + 1) > 3:
    print("more", n)
if limit > 5 and (text := "b"):
    print("never")
print([limit := v for v in range(0)], (1 if n else (limit := 9)))
# evaluate
print(text, limit)
def f(x, y=f(n)):
    return x * y
class Net(Net):
    def run(self):
        return super().run() + n
assert (n := n + 1) == 5, f"{n}"
print(f(2), Net().run(), n)
""",
    "loops without a space before their bracket": """
count = 0
total = 0
# train
while(count < 4 and
      total < 100):
    count += 1
    for(k, v)in(enumerate([count, 2])):
        total += k * v
print(count, total)
""",
    "process-wide state that functions set": """
import csv
import decimal
import os
import sys
import warnings
import numpy as np
import pandas as pd

def configure(digits):
    np.set_printoptions(precision=digits)
    np.seterr(divide="raise")
    pd.set_option("display.precision", digits)
    decimal.getcontext().prec = digits
    decimal.getcontext().traps[decimal.Inexact] = False
    os.environ["STUDY_MODE"] = f"digits {digits}"
    warnings.filterwarnings("error", "mind the gap")
    csv.register_dialect("mine", delimiter=";")
    sys.setrecursionlimit(1234)

configure(3)
frame = pd.DataFrame({"a": [1 / 3]})
print(np.array([2 / 3]))
decimal.getcontext().prec = 5
print(decimal.Decimal(1) / 3, os.environ["STUDY_MODE"], sys.getrecursionlimit())
print(frame)
try:
    warnings.warn("mind the gap")
except UserWarning as error:
    print("raised", error)
try:
    print(np.ones(1) / np.zeros(1))
except FloatingPointError as error:
    print("raised", error)
csv.writer(sys.stdout, dialect="mine", lineterminator="\\n").writerow([1, 2])
""",
    "loggers that functions make": """
import logging
import sys

def get_logger(name):
    logger = logging.getLogger(name)
    logger.setLevel(logging.INFO)
    for handler in (logging.StreamHandler(sys.stdout), logging.FileHandler("run.txt", mode="w")):
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        logger.addHandler(handler)
    return logger

logger = get_logger("study")
logger.info("begin")
logger.debug("unseen")
total = sum(range(5))
logger.info("total %d", total)
logging.getLogger("study.part").warning("of a part")
print(open("run.txt").read())
""",
    "libraries that are given attributes": """
import csv
import fractions
import json.encoder
import string

def halved(self):
    return self / 2

fractions.Fraction.halved = halved
json.encoder.ESCAPE_DCT["/"] = "|"
string.LETTERS = "abc"
print(fractions.Fraction(1, 3).halved())
print(json.encoder.ESCAPE_DCT["/"], string.LETTERS)
""",
    "process-wide state that is read before it is set": """
import os
import numpy as np
previous = os.environ.get("STUDY_MODE", "none")
os.environ["STUDY_MODE"] = "fast"
before = os.environ["STUDY_MODE"]
np.set_printoptions(precision=2)
print(previous, before, os.environ["STUDY_MODE"], np.array([1.23456]))
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_prints_the_same_when_every_statement_is_a_step_and_every_step_a_process(
    name: str, tmp_path: Path
) -> None:
    files = {"main.py": PROGRAMS[name].lstrip("\n")}
    original = run_original(files, tmp_path / "original")
    result = convert(files, tmp_path / "project", cuts=[True] * 100).run_apart()
    assert result.returncode == 0, result.stderr
    if "running again" in result.stderr:  # what cannot be stored is computed again, and printed again
        assert result.stdout.splitlines()[-1] == original.stdout.splitlines()[-1]
    else:
        assert result.stdout == original.stdout, result.stderr


@pytest.mark.parametrize("name", PROGRAMS)
def test_prints_the_same(name: str, tmp_path: Path) -> None:
    files = {"main.py": PROGRAMS[name].lstrip("\n")}
    original = run_original(files, tmp_path / "original")
    assert original.returncode == 0, original.stderr
    converted = convert(files, tmp_path / "project")
    result = converted.run()
    assert result.stdout == original.stdout, result.stderr
    assert result.returncode == 0, result.stderr
    assert [p.level for p in converted.modules.programs] == ["steps+loops"]


REGISTERED = """\
import math
REGISTRY = {}
ORDER = []
class Meta(type):
    def __new__(cls, name, bases, namespace, key=None):
        made = super().__new__(cls, name, bases, namespace)
        if key:
            REGISTRY[key] = made
        return made
class Optimizer(metaclass=Meta):
    def __init_subclass__(cls, **given):
        super().__init_subclass__()
        ORDER.append(cls.__name__)
class Plain(Optimizer, key="plain"):
    def step(self, x):
        return x * 0.8
class Slow(Plain, key="slow"):
    def step(self, x):
        return x * 0.9
# train
for name in sorted(REGISTRY):
    x = 1.5
    for _ in range(30):
        x = REGISTRY[name]().step(x) + 1e-3 * math.sin(x)
    print(name, round(x, 6))
# show
print(ORDER, len(REGISTRY))
"""


def test_classes_that_are_registered_when_they_are_made(tmp_path: Path) -> None:
    """To read such a class from a file would register it again, so it and the registry stay in one step."""
    files = {"main.py": REGISTERED}
    original = run_original(files, tmp_path / "original")
    assert original.returncode == 0, original.stderr
    result = convert(files, tmp_path / "project").run_apart()
    assert (result.stdout, result.returncode) == (original.stdout, 0), result.stderr
    facts = analyse(read_sources(files))
    assert set(facts.programs[0].unstorable) == {"ORDER", "Optimizer", "Plain", "REGISTRY", "Slow"}
