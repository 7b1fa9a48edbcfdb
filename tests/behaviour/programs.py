"""Random small programs of many kinds: state that functions, methods, closures and generators share with the code
around them, names that mean something else later, aliases, files, and random numbers."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import strategies as st

from graduate.model.facts import Facts, Role, StatementFact
from graduate.model.plan import Plan, SegmentPlan, StepPlan

# What stands for what in a template. Every name of a kind always holds a value of that kind, unless it is missing.
KINDS = {
    "n": ("a", "b", "c", "LIMIT"),
    "l": ("xs", "ys"),
    "d": ("d", "e"),
    "o": ("o", "p"),
    "f": ("f", "g", "h"),
    "k": ("k", "count", "f"),
    "i": ("gen", "lazy"),
}
ATOMS = (
    "{n}", "{n}", "{n}", "3", "7", "len({l})", "sum({l})", "len({d})", "{o}.n", "Box.made", "random.randint(0, 5)",
    "rng.randint(0, 5)", "{d}.get('b', 1)", "RATE", "min({l}, default=0)", "os.path.getsize('log.txt')",
)  # fmt: skip
EXPRESSIONS = (
    "{atom}", "{atom}", "{atom} + {atom}", "{f}({atom})", "{f}({atom}, y={atom})", "max({atom}, {atom}) % 11",
    "{k}({atom})", "{o}.add({atom})", "next({i}, {atom})", "({n} if {atom} > 4 else {atom})",
    "sum(v for v in {l} if v != {n})", "table['f']({atom})",
)  # fmt: skip
STATEMENTS = (
    "{n} = {v}",
    "{n} = {v}",
    "{n} += {v}",
    "print('{n}', {v}, f'{{{n}=}}')",
    "print({l}, {d}, {l} is {l}, {d} is {d}, {o}.n)",
    "{l}.append({v})",
    "{l} = {l}",
    "{l} = [{v}]",
    "{l} = [{n} for {n} in {l}][:4]",
    "{l} = sorted({l}, key={f})[:4]",
    "# note\n{n} = {v}  # {n}",
    "{n}, {n} = {v}, {v}",
    "{n}, *{l} = [{v}, {v}, 2]",
    "{d} = {d}",
    "{d} = dict({d})",
    "{d}['b'] = {v}",
    "{d}.update(c={v})",
    "{d} = {{str(v): v + {n} for v in {l}[:3]}}",
    "{d} = {{'o': 1, **{d}}}",
    "{o} = {o}",
    "{o} = Box({v})",
    "{o}.n += {v}",
    "Box.made += {v}",
    "{o}.items = {l}",
    "{o}.items.append({v})",
    "print({o} is {o}, {o}.items is {l}, {o}.items)",
    "rng.seed({v})",
    "other = rng\nprint(other.randint(0, 9))",
    "k = lambda q: q + {n}",
    "k = lambda q, t={n}: q + t",
    "count = make_count({v})",
    "k = count",
    "k = {o}.add",
    "gen = (v + {n} for v in {l})",
    "gen = numbers({v})",
    "lazy = map({f}, {l})",
    "lazy = iter({l})",
    "{l} = list({i})[:4]",
    "{n} = next({i}, 5)",
    "LIMIT = {v} % 5",
    "{f} = {f}",
    "table = {{'f': {f}}}",
    "table['f'] = {f}",
    "z = {v}\nprint(z)\ndel z",
    "if ({n} := {v}) > 3:\n    print({n})",
    "try:\n    raise ValueError({v})\nexcept ValueError as error:\n    message = str(error)\nprint(message)",
    "print(message)",
    'message = f"{{{n}}}-{{{v}}}"',
    'with open("log.txt", "a") as file:\n    file.write(f"{{{v}}}\\n")',
    'log.write(f"{{{v}}} ")',
    "log.flush()\nprint(open('open.txt').read())",
    "print(open('log.txt').read().split())",
    "import math as m\n{n} = m.floor({v} / 2)",
    "from math import floor\n{n} = floor({v} / 3)",
    "globals()['{n}'] = {v}",
    "print(sorted(set(globals()) & {{'a', 'b', 'c', 'fresh'}}))",
    "set_fresh({v})\nprint(fresh)",
    "assert {l} is not None, 'list'",
    "{n}: int = {v}",
    "del {l}[2:]",
    "{l}[0:1] = [{v}]",
    "print(*{l}, sep='-', end=';\\n')",
    'sys.stdout.write(f"{{{v}}}\\n")',
    "def {f}(x, y=1):\n    return x + y + {n}",
    "def {f}(x, y={v}):\n    return x - y",
    "@twice\ndef {f}(x, y=1):\n    return x + {n}",
    "def {f}(x, y=1, seen=[]):\n    seen.append(x)\n    return len(seen) + y",
    "def {f}(x, y=1):\n    global {n}\n    {n} = x + y\n    return {n} * 2",
    "def {f}(x, y=1):\n    {l}.append(x)\n    return x + y",
    "def {f}(x, y=1):\n    {d}['f'] = x\n    return {d}.get('b', 0) + y",
    "def {f}(x, y=1):\n    def inner(j):\n        nonlocal y\n        y += j\n        return {n}"
    "\n    return inner(2) + y",
    "def {f}(x, y=1):\n    return x * 2 + rng.randint(0, 3)",
    "def {f}(x, y=1):\n    return 1 if x < 1 else 2 + {f}(min(x - 1, 3))",
    "class Sub(Box):\n    size = {v}\n    def add(self, x):\n        return super().add(x) + self.size + {n}"
    "\n{o} = Sub({v})",
    "def change(self, x):\n    return x + self.n\nBox.add = change",
    "match {v} % 3:\n    case 0:\n        {n} = 1\n    case 1 | 2 as got:\n        print('got', got)",
)
BLOCKS = (
    "for i in range({small}):\n{body}\n    print(i)",
    "for {n} in {l}[:3]:\n{body}",
    "for i, v in enumerate({l}[:3]):\n{body}\n    if v > {n}:\n        break\nelse:\n    print('all')",
    "for name, v in list({d}.items())[:2]:\n    print(name, v)\n{body}",
    "if {v} > {small}:\n{body}\nelse:\n    print('else')",
    "if {v} > {small}:\n{body}\nelif {n}:\n    {n} = 2",
    "{turn} = 0\nwhile {turn} < 3:\n    {turn} += 1\n{body}",
    "{turn} = 0\nwhile True:\n    {turn} += 1\n    if {turn} > 2:\n        break\n    if {turn} == 1:\n        continue"
    "\n{body}",
    "try:\n{body}\nexcept (TypeError, IndexError) as e:\n    print('caught')",
    "try:\n{body}\nfinally:\n    print('finally', {n})",
    "with open('log.txt', 'a') as file:\n{body}\n    print({v}, file=file)",
)
HEAD = """
import os
import random
import sys

random.seed(1)
RATE = 3
LIMIT = 4
""".lstrip()
CODE = """
def twice(function):
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs) * 2
    return wrapper


def make_count(start):
    def count(step=1):
        nonlocal start
        start += step + LIMIT
        return start
    return count


def numbers(start):
    for i in range(5):
        yield start + i + LIMIT


def set_fresh(value):
    global fresh
    fresh = value


def f(x, y=1):
    return x + y


def g(x, y=2):
    return f(x) + y + LIMIT


class Box:
    made = 0

    def __init__(self, n):
        self.n = n
        self.items = []
        Box.made += 1

    def add(self, x):
        global LIMIT
        LIMIT += 1
        self.n += x
        return self.n
"""
VALUES = (
    "a, b, c = 1, 2, 3", "xs = [1, 2]", "ys = xs", "d = {'a': 1}", "e = d", "o = Box(2)", "p = o", "h = g", "k = f",
    "count = make_count(1)", "gen = numbers(1)", "lazy = map(f, [1, 2, 3])", "rng = random.Random(3)",
    "table = {'f': f}", "log = open('open.txt', 'w')", "message = 'none'", "open('log.txt', 'w').close()",
)  # fmt: skip
END = (
    "print(a, b, c, xs, ys, xs is ys, d, e, d is e, o.n, p.n, o is p)\n"
    "print(Box.made, LIMIT, random.random(), rng.random())"
)


@st.composite
def programs(draw: st.DrawFn) -> str:
    """The text of a program that ends without an error in most cases and prints what it does."""
    body = [*VALUES, *(draw(statements("", 1)) for _ in range(draw(st.integers(6, 14)))), END]
    code = CODE.strip().split("\n\n\n")
    text = "\n".join(body)
    shape = draw(st.integers(0, 5))
    if shape == 0:
        inside = "\n".join("    " + line for line in text.split("\n"))
        return f"{HEAD}\n{CODE}\n\nif __name__ == '__main__':\n{inside}\n"
    return HEAD + "\n\n".join(code) + "\n\n" + text + "\n"


@st.composite
def statements(draw: st.DrawFn, indent: str, most: int) -> str:
    return "\n".join(draw(_statement(indent)) for _ in range(draw(st.integers(1, most))))


@st.composite
def _statement(draw: st.DrawFn, indent: str) -> str:
    is_block = len(indent) < 8 and draw(st.integers(0, 4)) == 0
    template = draw(st.sampled_from(BLOCKS if is_block else STATEMENTS))
    turn = f"n{len(indent)}"
    lines: list[str] = []
    for line in template.split("\n"):
        if line == "{body}":
            lines.append(draw(statements(indent + "    ", 2)))
        else:
            lines.append(indent + draw(_filled(line.replace("{turn}", turn))))
    return "\n".join(lines)


@st.composite
def _filled(draw: st.DrawFn, template: str) -> str:
    def fill(match: re.Match[str]) -> str:
        kind = match[1]
        if kind is None:  # a doubled bracket
            return match[0][0]
        if kind == "small":
            return str(draw(st.integers(0, 4)))
        if kind in KINDS:
            return draw(st.sampled_from(KINDS[kind]))
        return draw(_filled(draw(st.sampled_from(EXPRESSIONS if kind == "v" else ATOMS))))

    return re.sub(r"\{\{|\}\}|\{(\w+)\}", fill, template)


def cut_at_random(facts: Facts, plan: Plan, cuts: list[bool]) -> Plan:
    """The plan with the spine of its program cut wherever `cuts` says, every second cut a new step too."""
    program, spine = plan.programs[0], facts.programs[0].spine
    groups: list[list[StatementFact]] = [[]]
    for statement, cut in zip(spine, [False, *cuts, *([False] * len(spine))], strict=False):
        if cut:
            groups.append([])
        groups[-1].append(statement)
    roles: tuple[Role, ...] = ("preprocess", "train", "evaluate", "model")
    steps: list[StepPlan] = []
    for number, group in enumerate(g for g in groups if g):
        role = roles[number % 4]
        place = group[0].place
        segment = SegmentPlan(f"part_{number}", role, group[0].line, group[-1].end_line, place)
        if number % 2 and steps:
            steps[-1] = replace(steps[-1], segments=(*steps[-1].segments, segment))
        else:
            steps.append(StepPlan(f"step-{number}", role, (segment,)))
    return replace(plan, programs=(replace(program, steps=tuple(steps)),))
