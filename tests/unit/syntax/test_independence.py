"""Which loops over data need nothing of one turn in another one, and why others do."""

from __future__ import annotations

import ast

import pytest

from graduate.syntax.code import Code, ModuleCode
from graduate.syntax.independence import Judge
from graduate.syntax.independent_loops import DataLoop, find_data_loops
from graduate.syntax.long_loops import function_unit
from graduate.syntax.scopes import resolve_names
from graduate.syntax.text import SourceText

HEAD = """
import glob, json, os, pickle, random, subprocess
import cv2
import numpy as np
import pandas as pd
import torch
from PIL import Image
from tqdm import tqdm

CONFIG = {"size": 3}
LIMIT = 3
log = open("log.txt", "a")

def load(path):
    with open(path) as file:
        return [float(each) for each in file]

def clean(values, low=0):
    values = [each for each in values if each > low]
    values.sort()
    return values

def noisy(values):
    return values + np.random.rand(len(values))

def count(path):
    global LIMIT
    LIMIT += 1
    return load(path)

def remember(path, seen=[]):
    seen.append(path)
    return seen

class Reader:
    kinds = []
    def __init__(self, root):
        self.root = root
        self.cache = {}
    def read(self, name):
        return load(os.path.join(self.root, name))
    def read_cached(self, name):
        if name not in self.cache:
            self.cache[name] = self.read(name)
        return self.cache[name]

reader = Reader("in")
"""


def find(body: str, head: str = HEAD) -> list[DataLoop]:
    text = (
        head + "\ndef work(paths, table, options):\n" + "\n".join(f"    {line}" for line in body.splitlines())
    )
    source = SourceText("main.py", text)
    names = resolve_names(source)
    module = ModuleCode("main.py", source.tree)
    function = source.tree.body[-1]
    assert isinstance(function, ast.FunctionDef)
    unit = function_unit(source, names, function)
    judge = Judge(Code({"main.py": module}))
    return find_data_loops(unit, judge, module, names.scopes[function].bound, ())


APART = {
    "a list": ("out = []\nfor p in paths:\n    out.append(load(p))\nreturn out", ("out",)),
    "nothing but files": ("for p in tqdm(paths):\n    cv2.imwrite(p + '.png', cv2.imread(p)[:, :3])", ()),
    "items and a copy": ("for i, p in enumerate(paths):\n    table[i] = np.load(p).mean(axis=0)", ("table",)),
    "own values changed": (
        "out = {}\nfor p in paths:\n    x = clean(load(p), low=1)\n    x.append(3)\n    out[p] = x",
        ("out",),
    ),
    "own image changed": (
        "for p in paths:\n    im = np.array(Image.open(p))\n    im[0] = 0\n    im += 1\n    np.save(p, im)",
        (),
    ),
    "a method of an own class": ("out = []\nfor p in paths:\n    out.append(reader.read(p))", ("out",)),
    "an object of its own": (
        "out = []\nfor p in paths:\n    out.append(Reader('in').read(p))",
        ("out",),
    ),
    "rows of a frame": (
        "out = []\nfor _, row in table.iterrows():\n    if not os.path.exists(row['path']):\n        continue\n"
        "    out.append([row['name'].lower(), *load(row['path'])])",
        ("out",),
    ),
    "an inner loop": (
        "total = 0\nfor group in options:\n    total += 1\n"
        "    for p in glob.glob(group + '/*'):\n        np.save(p, load(p))",
        (),
    ),
    "an error that is caught": (
        "for p in paths:\n    try:\n        x = load(p)\n    except OSError as e:\n        print(e)",
        (),
    ),
    "a local name that hides": (
        "out = []\nfor p in paths:\n    x = [i for i in load(p)]\n    out.extend(x)",
        ("out",),
    ),
    "constants": ("for p in paths:\n    x = load(p)[:LIMIT]\n    json.dump(x, open(p + '.json', 'w'))", ()),
}


@pytest.mark.parametrize("name", APART)
def test_turns_that_need_nothing(name: str) -> None:
    body, targets = APART[name]
    found = find(body)
    assert [(each.targets, each.why_not and each.why_not.why) for each in found] == [(targets, None)]


TOGETHER = {
    "n is read after it": "n = 0\nfor p in paths:\n    n += len(load(p))\nreturn n",
    "x is read after": "for p in paths:\n    x = load(p)\nreturn x",
    "before is carried": "before = 0\nfor p in paths:\n    x = load(p)\n    print(x != before)\n    before = x",
    "it may end early": "for p in paths:\n    if load(p):\n        break",
    "it has an else": "for p in paths:\n    load(p)\nelse:\n    print(1)",
    "it looks at out": "out = []\nfor p in paths:\n    if p not in out:\n        out.append(load(p))",
    "it looks at index": "index = {}\nfor p in paths:\n    index[p] = load(p)\n    print(len(index))",
    "more than adding": "out = []\nfor p in paths:\n    load(p)\n    out.append(p)\n    out.append(p, 1)",
    "out.insert() may change out": "out = []\nfor p in paths:\n    out.insert(0, load(p))",
    "it changes options": "for p in paths:\n    options.size = load(p)",
    "it changes p": "for p in paths:\n    p['x'] = load(p['path'])",
    "p.sort() may change p": "for p in paths:\n    p.sort()\n    np.save('x', load(p))",
    "row.update() may change row": "for row in paths:\n    x = load(row['path'])\n    row.update(a=x)",
    "it changes first": "for p in paths:\n    first = options[0]\n    first[p] = load(p)",
    "it changes kept[0]": "for p in paths:\n    kept = [options]\n    kept[0][p] = load(p)",
    "numpy.random.normal()": "for p in paths:\n    np.save(p, load(p) + np.random.normal())",
    "numpy.random.rand()": "for p in paths:\n    np.save(p, noisy(load(p)))",
    "random.choice()": "for p in paths:\n    print(random.choice(load(p)))",
    "table.sample() may draw": "for p in paths:\n    load(p)\n    table.sample(3)",
    "it has a global statement": "for p in paths:\n    print(count(p))",
    "seen.append() may change seen": "for p in paths:\n    print(remember(p), load(p))",
    "it changes self.cache": "for p in paths:\n    print(reader.read_cached(p))",
    "it adds to a file": "for p in paths:\n    open('all.txt', 'a').write(str(load(p)))",
    "log.write() may change log": "for p in paths:\n    log.write(str(load(p)))",
    "subprocess.run()": "for p in paths:\n    load(p)\n    subprocess.run(['ls', p])",
    "what options() does": "for p in paths:\n    np.save(p, options(load(p)))",
    "what torch.nn.Dropout()": "for p in paths:\n    torch.save(torch.nn.Dropout()(torch.load(p)), p)",
    "walk() lists folders": "for root, _, names in os.walk('in'):\n    np.save(root, load(names[0]))",
    "cv2.circle() changes options": "for p in paths:\n    cv2.circle(options, cv2.imread(p), 3)",
    "writes into what out= gives": "for p in paths:\n    np.mean(np.load(p), out=table)",
    "table.fillna() may change table": "for p in paths:\n    load(p)\n    table.fillna(0, inplace=True)",
    "it takes items from options": "for p in paths:\n    print(next(options), load(p))",
}


@pytest.mark.parametrize("why", TOGETHER)
def test_turns_that_may_need_something(why: str) -> None:
    found = find(TOGETHER[why])
    assert len(found) == 1
    assert found[0].why_not is not None
    assert why in found[0].why_not.why
    assert found[0].why_not.path == "main.py"


def test_loops_that_are_no_work_are_left_alone() -> None:
    assert find("out = []\nfor p in paths:\n    out.append(p * 2)") == []
    assert find("for p in ('a', 'b'):\n    np.save(p, load(p))") == []
    assert find("for x, y in paths:\n    loss = load(x)\n    loss.backward()") == []


def test_modules_that_import_a_name_from_each_other_define_none() -> None:
    texts = {"a.py": "from b import f\n", "b.py": "from a import f\n"}
    code = Code(
        {path: ModuleCode(path, ast.parse(text)) for path, text in texts.items()},
        lambda dotted, importer, level: f"{dotted}.py" if f"{dotted}.py" in texts else None,
    )
    assert code.resolve(code.modules["a.py"], "f") == ""


def test_calls_in_a_circle_are_looked_at_once() -> None:
    many = "".join(
        f"def f{n}(x):\n    f{(n + 1) % 40}(x); f{(n + 7) % 40}(x); f{(n + 11) % 40}(x)\n" for n in range(40)
    )
    assert find("for path in paths:\n    f0(path)\n", f"{HEAD}{many}") == []
